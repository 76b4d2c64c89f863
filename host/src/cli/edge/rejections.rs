//! Tokens that Git saw refused: which credential, and which generation; never the token. `$XDG_STATE_HOME/claviger/rejected.json`, 0600.
//!
//! Git says `erase` once, and asks again in another process: what was refused has to be remembered between the two. A file that is lost or
//! does not read costs one attempt with a dead token.

use crate::clock::Millis;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// The server makes another token once in 60 s per credential; asking it more often would change nothing.
const APART_MS: Millis = 60_000;
/// Nobody waits so long between a refusal and the next attempt; until then the token has mostly ended by itself.
const KEPT_MS: Millis = 60 * 60_000;
/// More credentials than a person uses in an hour.
const MOST: usize = 64;

/// The file.
pub(super) struct Rejections {
    path: Option<PathBuf>,
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    rejected: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    server: String,
    credential: String,
    generation: u64,
    at_ms: Millis,
    /// When another one was asked for.
    asked_at_ms: Option<Millis>,
}

impl Content {
    fn forget(&mut self, now_ms: Millis) {
        self.rejected
            .retain(|entry| entry.at_ms <= now_ms && entry.at_ms > now_ms - KEPT_MS);
        let surplus = self.rejected.len().saturating_sub(MOST);
        self.rejected.drain(..surplus);
    }

    fn note(&mut self, server: &str, credential: &str, generation: u64, now_ms: Millis) {
        let is_it = |entry: &Entry| entry.server == server && entry.credential == credential;
        let asked_lately = |entry: &Entry| entry.asked_at_ms.is_some_and(|at_ms| now_ms - at_ms < APART_MS);
        if self.rejected.iter().any(|entry| is_it(entry) && asked_lately(entry)) {
            return;
        }
        self.rejected.retain(|entry| !is_it(entry));
        self.rejected.push(Entry {
            server: server.to_owned(),
            credential: credential.to_owned(),
            generation,
            at_ms: now_ms,
            asked_at_ms: None,
        });
    }

    fn take(&mut self, server: &str, credential: &str, now_ms: Millis) -> Option<u64> {
        let waiting = |entry: &&mut Entry| entry.server == server && entry.credential == credential && entry.asked_at_ms.is_none();
        let entry = self.rejected.iter_mut().find(waiting)?;
        entry.asked_at_ms = Some(now_ms);
        Some(entry.generation)
    }
}

impl Rejections {
    /// This person's.
    pub(super) fn of_this_person() -> Self {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local").join("state")));
        Self {
            path: state.map(|state| state.join("claviger").join("rejected.json")),
        }
    }

    /// Remembers that the token of that generation was refused at its upstream.
    pub(super) fn note(&self, server: &str, credential: &str, generation: u64, now_ms: Millis) {
        self.change(now_ms, |content| content.note(server, credential, generation, now_ms));
    }

    /// The generation that was refused, once.
    pub(super) fn take(&self, server: &str, credential: &str, now_ms: Millis) -> Option<u64> {
        self.load().rejected.iter().find(|entry| entry.credential == credential)?;
        let mut taken = None;
        self.change(now_ms, |content| taken = content.take(server, credential, now_ms));
        taken
    }

    fn load(&self) -> Content {
        let text = self.path.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    fn change(&self, now_ms: Millis, change: impl FnOnce(&mut Content)) {
        let Some(path) = &self.path else { return };
        let mut content = self.load();
        content.forget(now_ms);
        change(&mut content);
        content.forget(now_ms);
        let stored = (|| -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(path);
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            // A temporary file is made with mode 0600, and keeps it when it takes the other's place.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(serde_json::to_string(&content)?.as_bytes())?;
            file.persist(path).map(drop).map_err(|why| why.error)
        })();
        if let Err(why) = stored {
            crate::cli::note(&format!(
                "`{}` cannot be written, so a refused token is not remembered: {why}",
                path.display()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_refusal_asks_for_another_token_once_in_a_minute() {
        let mut content = Content::default();
        content.note("s", "c", 3, 1_000);
        assert_eq!(content.take("t", "c", 1_000), None, "another server's");
        assert_eq!(content.take("s", "d", 1_000), None);
        assert_eq!(content.take("s", "c", 2_000), Some(3));
        assert_eq!(content.take("s", "c", 2_001), None, "asked twice");
        content.note("s", "c", 3, 2_000 + APART_MS - 1);
        assert_eq!(content.take("s", "c", 2_000 + APART_MS - 1), None, "twice in a minute");
        content.note("s", "c", 4, 2_000 + APART_MS);
        assert_eq!(content.take("s", "c", 2_000 + APART_MS), Some(4));
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_persons_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claviger/rejected.json");
        let file = Rejections { path: Some(path.clone()) };
        for at in 0..100 {
            file.note("s", &format!("c{at}"), 1, at);
        }
        assert_eq!(file.load().rejected.len(), MOST);
        assert_eq!(file.take("s", "c99", 100), Some(1));
        assert_eq!(file.take("s", "c98", 98 + KEPT_MS), None, "an hour later");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "{").unwrap();
        file.note("s", "c", 1, 5);
        assert_eq!(file.take("s", "c", 6), Some(1), "a damaged file is begun anew");
    }
}

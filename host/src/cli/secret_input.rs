//! Secrets from where they do not show: a prompt without echo, a file, a variable of the environment, standard input.
//!
//! Never from an argument: every process of the machine can read those, and the shell writes them down. A value that was given as one is
//! refused without being repeated.

use super::client::Failure;
use crate::secret::Secret;
use serde_json::Value;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// A pasted document, a key file with its chain: far below this. The server takes a megabyte.
const LARGEST: u64 = 1024 * 1024;

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// `@FILE`
    File(PathBuf),
    /// `env:NAME`
    Environment(String),
    /// `-`: a prompt on a terminal, else standard input.
    Standard,
}

impl Source {
    /// Reads `@FILE`, `env:NAME` or `-`. `what` is the option, for the refusal.
    pub(super) fn parse(what: &str, text: &str) -> Result<Self, Failure> {
        match (text, text.strip_prefix('@'), text.strip_prefix("env:")) {
            ("-", _, _) => Ok(Self::Standard),
            (_, Some(file), _) if !file.is_empty() => Ok(Self::File(PathBuf::from(file))),
            (_, _, Some(name)) if !name.is_empty() => Ok(Self::Environment(name.to_owned())),
            _ => Err(as_an_argument(what)),
        }
    }

    /// The secret. `what` is the prompt's word for it.
    pub(super) fn read(&self, what: &str) -> Result<Secret, Failure> {
        let secret = match self {
            Self::File(path) => from_file(path)?,
            Self::Environment(name) => from_environment(name)?,
            Self::Standard if std::io::stdin().is_terminal() => prompt(what)?,
            Self::Standard => trimmed(limited(std::io::stdin().lock(), "standard input")?),
        };
        if secret.is_empty() {
            return Err(Failure::Usage(format!("{what} is empty; nothing was done")));
        }
        Ok(secret)
    }
}

/// The refusal of a value that is on the command line.
pub(super) fn as_an_argument(what: &str) -> Failure {
    Failure::Usage(format!(
        "`{what}` takes no value on the command line, where every process and the shell's history see it; give `-` for a prompt, \
         `@FILE` or `env:NAME`. If that was a real secret, replace it"
    ))
}

/// A file's content, without the line break at its end.
pub(super) fn from_file(path: &Path) -> Result<Secret, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| Failure::Usage(format!("`{}` cannot be read: {why}", path.display()));
    let file = std::fs::File::open(path).map_err(|why| unreadable(&why))?;
    Ok(trimmed(limited(file, &path.display().to_string())?))
}

/// A variable's value.
pub(super) fn from_environment(name: &str) -> Result<Secret, Failure> {
    std::env::var(name)
        .map(Secret::new)
        .map_err(|_| Failure::Usage(format!("the variable `{name}` is not set, or is not text")))
}

/// Asks on the terminal, without echo.
pub(super) fn prompt(what: &str) -> Result<Secret, Failure> {
    rpassword::prompt_password(format!("{what} (not shown): "))
        .map(Secret::new)
        .map_err(|why| Failure::Usage(format!("nobody can be asked for {what}: {why}")))
}

/// Puts the secret into a request's body.
pub(super) fn placed(secret: &Secret) -> Value {
    Value::String(secret.expose().to_owned())
}

fn limited(from: impl Read, name: &str) -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = from.take(LARGEST + 1).read_to_string(&mut text);
    let text = Secret::new(text);
    match read {
        Ok(_) if u64::try_from(text.len()).is_ok_and(|len| len > LARGEST) => Err(Failure::Usage(format!(
            "`{name}` is larger than {LARGEST} bytes, which no secret is"
        ))),
        Ok(_) => Ok(text),
        Err(why) => Err(Failure::Usage(format!("`{name}` cannot be read: {why}"))),
    }
}

/// Editors end a file with a line break that is no part of the secret.
fn trimmed(text: Secret) -> Secret {
    let whole = text.expose();
    let kept = whole
        .strip_suffix('\n')
        .map_or(whole, |rest| rest.strip_suffix('\r').unwrap_or(rest));
    Secret::new(kept.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_refused_and_not_repeated() {
        assert_eq!(Source::parse("--token", "-").unwrap(), Source::Standard);
        assert_eq!(Source::parse("--token", "@a/b").unwrap(), Source::File("a/b".into()));
        assert_eq!(Source::parse("--token", "env:X").unwrap(), Source::Environment("X".to_owned()));
        for value in ["ghp_0123", "", "@", "env:", "file:x"] {
            let why = Source::parse("--token", value).unwrap_err();
            assert!(matches!(why, Failure::Usage(_)));
            assert!(value.len() < 5 || !why.to_string().contains(value), "{why}");
        }
    }

    #[test]
    fn one_line_break_at_the_end_is_no_part_of_it() {
        for (text, kept) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", "")] {
            assert_eq!(trimmed(Secret::new(text.to_owned())).expose(), kept);
        }
    }
}

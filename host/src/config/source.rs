//! Where a field that is never stored is read from: `[[source]]`.
//!
//! An identity of another issuer is traded with a token that some other program writes into a file and renews there every few minutes (a
//! projected service-account token, a CI job's). What is stored would be dead by the next read, and which file is read must not be for
//! whoever pastes a document to choose. So the operator names credential, field and file, and the file is read anew for every call.

use crate::secret::Secret;
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A longer file is not read, in bytes: a SAML assertion in base64 has some 20 KiB, a JWT one or two.
pub const LONGEST_SOURCE: u64 = 64 * 1024;

/// One field of one credential, and the file it is read from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The credential's id. One that there is not (yet) does no harm.
    pub credential: String,
    /// The field, which its kind calls `configured`.
    pub field: String,
    /// The file, by its whole path.
    pub file: PathBuf,
}

/// Why a source gave nothing. None of its words is from the file.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is not there, or not for us to read.
    #[error("`{path}` cannot be read: {cause}", path = .0.display(), cause = .1)]
    Unreadable(PathBuf, std::io::Error),
    /// A folder, a device, a pipe.
    #[error("`{path}` is not a regular file", path = .0.display())]
    NotAFile(PathBuf),
    /// More than anybody writes there on purpose.
    #[error("`{path}` is longer than {LONGEST_SOURCE} bytes", path = .0.display())]
    TooLong(PathBuf),
    /// Nothing in it but spaces.
    #[error("`{path}` is empty", path = .0.display())]
    Empty(PathBuf),
    /// More than one line, or what no line may hold.
    #[error("`{path}` is not one line of text without spaces", path = .0.display())]
    NotALine(PathBuf),
}

impl Source {
    /// What is in the file now, without what stands around it. Blocks while the disk does.
    ///
    /// # Errors
    /// [`SourceError`], naming the file and nothing that is in it.
    pub fn read(&self) -> Result<Secret, SourceError> {
        read_line(&self.file)
    }
}

/// The one line of a file. Blocks while the disk does.
///
/// # Errors
/// [`SourceError`], naming the file and nothing that is in it.
pub fn read_line(file: &Path) -> Result<Secret, SourceError> {
    let path = || file.to_owned();
    let unreadable = |cause| SourceError::Unreadable(path(), cause);
    // Before it is opened: opening a pipe would wait for somebody to write.
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(SourceError::NotAFile(path()));
    }
    // Room for all of it, so that no half-written copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(LONGEST_SOURCE + 1).unwrap_or(0)));
    let opened = File::open(file).map_err(unreadable)?;
    let read = opened.take(LONGEST_SOURCE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(read).is_ok_and(|read| read > LONGEST_SOURCE) {
        return Err(SourceError::TooLong(path()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| SourceError::NotALine(path()))?.trim();
    if text.is_empty() {
        return Err(SourceError::Empty(path()));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(SourceError::NotALine(path()));
    }
    Ok(Secret::new(text.to_owned()))
}

/// Whether the operator's list makes sense.
///
/// # Errors
/// Which entry does not, and why.
pub(super) fn check(sources: &[Source]) -> Result<(), (String, &'static str)> {
    for (at, source) in sources.iter().enumerate() {
        let key = || format!("source {}, {}", source.credential, source.field);
        if source.credential.trim().is_empty() || source.field.trim().is_empty() {
            return Err((key(), "must name a credential and a field"));
        }
        if !source.file.is_absolute() {
            return Err((
                key(),
                "must name its `file` by its whole path: a server's folder is not where one thinks",
            ));
        }
        if source.file.is_dir() {
            return Err((key(), "names a folder as its `file`"));
        }
        let same = |other: &Source| other.credential == source.credential && other.field == source.field;
        if sources.iter().skip(at + 1).any(same) {
            return Err((key(), "is there twice; keep one"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(file: PathBuf) -> Source {
        Source {
            credential: "c".to_owned(),
            field: "subject-token".to_owned(),
            file,
        }
    }

    fn reading(text: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, text).unwrap();
        match source(file).read() {
            Ok(secret) => Ok(secret.expose().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_file_gives_its_one_line() {
        assert_eq!(reading(b"eyJ.a.b").unwrap(), "eyJ.a.b");
        assert_eq!(reading(b"  eyJ.a.b\r\n\n").unwrap(), "eyJ.a.b");
        let longest = vec![b'x'; usize::try_from(LONGEST_SOURCE).unwrap()];
        assert_eq!(reading(&longest).unwrap().len(), longest.len());
    }

    #[test]
    fn what_is_no_line_is_refused_without_a_word_of_it() {
        let long = vec![b'x'; usize::try_from(LONGEST_SOURCE).unwrap() + 1];
        for (text, says) in [
            (&b""[..], "is empty"),
            (b" \n ", "is empty"),
            (b"hunter2 hunter2", "not one line"),
            (b"hunter2\nhunter2", "not one line"),
            (b"hunter2\0", "not one line"),
            (b"hunter2\xff", "not one line"),
            (&long, "longer than 65536 bytes"),
        ] {
            let error = reading(text).unwrap_err();
            assert!(
                error.contains(says) && !error.contains("hunter2") && error.contains("/token`"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = source(folder.path().join("none")).read().err().unwrap().to_string();
        assert!(missing.contains("cannot be read") && missing.contains("none"), "{missing}");
        let folder = source(folder.path().to_owned()).read().err().unwrap().to_string();
        assert!(folder.contains("not a regular file"), "{folder}");
        let device = source(PathBuf::from("/dev/null")).read().err().unwrap().to_string();
        assert!(device.contains("not a regular file"), "{device}");
    }

    #[test]
    fn a_renewed_file_is_read_anew_also_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two, link) = (folder.path().join("1"), folder.path().join("2"), folder.path().join("token"));
        std::fs::write(&one, "first").unwrap();
        std::fs::write(&two, "second").unwrap();
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let source = source(link.clone());
        assert_eq!(source.read().ok().unwrap().expose(), "first");
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&two, &link).unwrap();
        assert_eq!(source.read().ok().unwrap().expose(), "second");
    }

    #[test]
    fn a_list_that_makes_no_sense_is_refused() {
        let good = source(PathBuf::from("/run/token"));
        assert_eq!(check(std::slice::from_ref(&good)), Ok(()));
        let nameless = Source {
            field: " ".to_owned(),
            ..good.clone()
        };
        for (sources, says) in [
            (vec![source(PathBuf::from("token"))], "whole path"),
            (vec![source(std::env::temp_dir())], "folder"),
            (vec![nameless], "must name"),
            (vec![good.clone(), good], "twice"),
        ] {
            let (key, reason) = check(&sources).unwrap_err();
            assert!(key.starts_with("source c") && reason.contains(says), "{key}: {reason}");
        }
    }
}

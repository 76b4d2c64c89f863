//! `DATA/providers/providers.lock`: what the operator approved, word for word, and the bytes that it was approved for.
//!
//! A component is copied into the folder under its digest, so that changing the file one approved from changes nothing. The lock file is replaced as a
//! whole, after the component is safely there; a crash in between leaves an unused file. What is not in the lock file does not load.

use super::limits::COMPONENT_BYTES;
use crate::clock::{Clock, rfc3339};
use crate::manifest::{Manifest, WantedLimits};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The lock file's name.
pub const FILE: &str = "providers.lock";
const FORMAT: u32 = 1;
/// Read at most this much: a hundred manifests.
const LOCK_BYTES: u64 = 32 * 1024 * 1024;

/// Why the lock file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file system.
    #[error("`{path}`: {cause}")]
    Io {
        /// Which file.
        path: String,
        /// The operating system's reason.
        cause: io::Error,
    },
    /// The file does not read.
    #[error("`{path}` does not read: {reason}; restore it, or remove it and add the providers again")]
    Malformed {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// There is no such provider in it.
    #[error("no provider `{0}` was added; `claviger provider list` shows those that were")]
    Unknown(String),
    /// It would take the place of one that comes with this program.
    #[error(
        "`{0}` comes with this program; another component may take its place only if that is said (`claviger provider add --replace-built-in`)"
    )]
    BuiltIn(String),
    /// The component is too large.
    #[error("the component has {0} bytes; at most {COMPONENT_BYTES} are loaded")]
    TooLarge(usize),
}

/// The whole lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Contents {
    format: u32,
    #[serde(default, rename = "provider")]
    providers: Vec<Entry>,
}

/// One approved provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the component, in hexadecimal.
    pub sha256: String,
    /// The component, beside the lock file.
    pub file: String,
    /// When it was approved, RFC 3339.
    pub approved_at: String,
    /// Whether it takes the place of a built-in one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces_built_in: bool,
    /// The manifest, as JSON, as it was shown.
    #[serde(with = "manifest_text")]
    pub manifest: Manifest,
    /// What was granted beyond the usual.
    pub granted: Granted,
}

/// What was granted beyond the usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Granted {
    /// Reading secrets as text.
    #[serde(default)]
    pub reveal: bool,
    /// Higher limits.
    #[serde(default)]
    pub limits: WantedLimits,
}

/// What the operator said yes to.
pub struct Approved<'a> {
    /// The component.
    pub component: &'a [u8],
    /// Its manifest, as it was shown.
    pub manifest: Manifest,
    /// What is granted.
    pub granted: Granted,
    /// Whether it may take the place of a built-in one.
    pub replaces_built_in: bool,
}

/// The folder of added providers.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// `DATA/providers`.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// What was approved, by name. No lock file means nothing.
    ///
    /// # Errors
    /// [`LockError`]. A lock file that does not read loads nothing: half an approval is none.
    pub fn list(&self) -> Result<Vec<Entry>, LockError> {
        let path = self.0.join(FILE);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(io_error(&path, cause)),
            Ok(metadata) if metadata.len() > LOCK_BYTES => return Err(malformed(&path, "it is too large")),
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(&path).map_err(|cause| io_error(&path, cause))?;
        let contents: Contents = toml::from_str(&text).map_err(|error| malformed(&path, error.message()))?;
        if contents.format != FORMAT {
            return Err(malformed(
                &path,
                &format!("its format is {}, this program reads {FORMAT}", contents.format),
            ));
        }
        for entry in &contents.providers {
            if entry.name != entry.manifest.provider || entry.version != entry.manifest.version {
                return Err(malformed(
                    &path,
                    &format!("`{}` and its manifest differ in name or version", entry.name),
                ));
            }
            if entry.file != file_name(&entry.sha256) {
                return Err(malformed(
                    &path,
                    &format!("the file of `{}` is not named after its digest", entry.name),
                ));
            }
        }
        Ok(contents.providers)
    }

    /// Where an entry's component is.
    #[must_use]
    pub fn component(&self, entry: &Entry) -> PathBuf {
        self.0.join(&entry.file)
    }

    /// Whether [`Self::add`] would do it, and what was approved so far: an approval is recorded before it takes effect, and one that is refused
    /// must not be.
    ///
    /// # Errors
    /// [`LockError`]
    pub fn may_add(&self, approved: &Approved<'_>, built_in: impl Fn(&str) -> bool) -> Result<Vec<Entry>, LockError> {
        let name = &approved.manifest.provider;
        if built_in(name) && !approved.replaces_built_in {
            return Err(LockError::BuiltIn(name.clone()));
        }
        if u64::try_from(approved.component.len()).is_ok_and(|bytes| bytes > COMPONENT_BYTES) {
            return Err(LockError::TooLarge(approved.component.len()));
        }
        self.list()
    }

    /// Adds or replaces a provider. `built_in` says which names come with this program.
    ///
    /// # Errors
    /// [`LockError`]; the lock file is then as it was.
    pub fn add(&self, approved: Approved<'_>, built_in: impl Fn(&str) -> bool, clock: &dyn Clock) -> Result<Entry, LockError> {
        let mut providers = self.may_add(&approved, &built_in)?;
        let name = approved.manifest.provider.clone();
        let sha256 = sha256(approved.component);
        let entry = Entry {
            version: approved.manifest.version.clone(),
            file: file_name(&sha256),
            sha256,
            approved_at: rfc3339(clock.now_ms()),
            replaces_built_in: built_in(&name),
            manifest: approved.manifest,
            granted: approved.granted,
            name,
        };
        providers.retain(|other| other.name != entry.name);
        providers.push(entry.clone());
        providers.sort_by(|a, b| a.name.cmp(&b.name));
        self.make()?;
        self.write(&entry.file, approved.component)?;
        self.save(providers)?;
        self.sweep()?;
        Ok(entry)
    }

    /// Removes a provider; its component goes with it.
    ///
    /// # Errors
    /// [`LockError::Unknown`] if it was never added.
    pub fn remove(&self, name: &str) -> Result<Entry, LockError> {
        let mut providers = self.list()?;
        let Some(at) = providers.iter().position(|entry| entry.name == name) else {
            return Err(LockError::Unknown(name.to_owned()));
        };
        let entry = providers.remove(at);
        self.save(providers)?;
        self.sweep()?;
        Ok(entry)
    }

    fn make(&self) -> Result<(), LockError> {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&self.0)
            .map_err(|cause| io_error(&self.0, cause))
    }

    fn save(&self, providers: Vec<Entry>) -> Result<(), LockError> {
        let path = self.0.join(FILE);
        let contents = Contents { format: FORMAT, providers };
        let text = toml::to_string_pretty(&contents).map_err(|error| malformed(&path, &error.to_string()))?;
        self.write(FILE, text.as_bytes())
    }

    /// Writes beside, syncs, renames, and syncs the folder: after a power cut there is the old file or the new one.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), LockError> {
        let path = self.0.join(name);
        let written = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
            file.write_all(bytes)?;
            file.as_file().set_permissions(std::fs::Permissions::from_mode(0o600))?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            std::fs::File::open(&self.0)?.sync_all()
        };
        written().map_err(|cause| io_error(&path, cause))
    }

    /// Removes components that no entry names.
    fn sweep(&self) -> Result<(), LockError> {
        let kept = self.list()?;
        let entries = std::fs::read_dir(&self.0).map_err(|cause| io_error(&self.0, cause))?;
        for file in entries.filter_map(Result::ok) {
            let name = file.file_name();
            let Some(name) = name.to_str() else { continue };
            if is_component(name) && !kept.iter().any(|entry| entry.file == name) {
                std::fs::remove_file(file.path()).map_err(|cause| io_error(&file.path(), cause))?;
            }
        }
        Ok(())
    }
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes))
}

fn file_name(sha256: &str) -> String {
    format!("{sha256}.wasm")
}

fn is_component(name: &str) -> bool {
    name.strip_suffix(".wasm")
        .is_some_and(|digest| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn io_error(path: &Path, cause: io::Error) -> LockError {
    LockError::Io {
        path: path.display().to_string(),
        cause,
    }
}

fn malformed(path: &Path, reason: &str) -> LockError {
    LockError::Malformed {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    }
}

/// A manifest as JSON text within TOML: TOML has no null, and the text is what `describe` gives.
mod manifest_text {
    use crate::manifest::Manifest;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(manifest: &Manifest, output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str(&serde_json::to_string_pretty(manifest).map_err(S::Error::custom)?)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Manifest, D::Error> {
        Manifest::parse(&String::deserialize(input)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;

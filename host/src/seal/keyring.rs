//! The keyring: key versions, of which one writes.

use super::SealError;
use super::derive::{KEY_BYTES, Purpose, PurposeKeys, derive};
use crate::clock::fill_random;
use crate::config;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The variable that the platform's operators know: the JSON of the keyring.
pub const KEYRING_VARIABLE: &str = "CREDENTIAL_ENCRYPTION_KEYRING";
/// The variable that the platform's operators know: the version that writes.
pub const VERSION_VARIABLE: &str = "CREDENTIAL_ENCRYPTION_KEY_VERSION";

/// Why there is no keyring. Never tells a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Nothing names one.
    #[error(
        "there is no keyring, and nothing is stored unsealed. Make one with \
         `(umask 077; printf '{{\"1\":\"%s\"}}' \"$(openssl rand -base64 32)\" > keyring.json)`, keep a copy in a safe place, \
         and name it as `keyring.file` in the configuration, or give its content as `{KEYRING_VARIABLE}`"
    )]
    Missing,
    /// Both the file and the keys are set.
    #[error("both `keyring.file` and `keyring.keys` are set; keep one")]
    Both,
    /// The file cannot be read.
    #[error("the keyring `{path}` cannot be read: {cause}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The operating system's reason.
        cause: std::io::Error,
    },
    /// Others may read the file.
    #[error("the keyring `{path}` has mode {mode:04o}; it must be 0600 or 0400: `chmod 600 {path}`", path = path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a JSON object of strings.
    #[error(
        "the keyring does not read at line {line}, column {column}: it must be a JSON object, version to base64 of 32 bytes, without repetition"
    )]
    Malformed {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// No key in it.
    #[error("the keyring is empty: it needs at least `{{\"1\": \"<base64 of 32 random bytes>\"}}`")]
    Empty,
    /// A version is no number.
    #[error("a key version in the keyring is not a number from 1 to 4294967295, written without leading zeros")]
    Version,
    /// A key is not 32 bytes of base64.
    #[error("key version {version} is not the base64 text of {KEY_BYTES} bytes; make one with `openssl rand -base64 32`")]
    Key {
        /// Which.
        version: u32,
    },
    /// A key of one repeated byte: a placeholder.
    #[error("key version {version} is one byte repeated, a placeholder and not a key; make one with `openssl rand -base64 32`")]
    Placeholder {
        /// Which.
        version: u32,
    },
    /// Two versions have the same key.
    #[error("key versions {0} and {1} are the same key; a new version needs a new key")]
    Repeated(u32, u32),
    /// The version that shall write is not there.
    #[error("key version {version} shall write but is not in the keyring, which holds {known}")]
    NoWriter {
        /// Which.
        version: u32,
        /// What there is.
        known: String,
    },
    /// The variable for the version is no number.
    #[error("`{VERSION_VARIABLE}` is not a number from 1 to 4294967295")]
    VersionVariable,
    /// The derivation failed, which ring does only when asked for too many bytes.
    #[error("the keys of the keyring could not be derived")]
    Derivation,
}

/// All key versions, ready for use. Cloning shares them.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    versions: BTreeMap<u32, Vec<PurposeKeys>>,
    write: u32,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("versions", &self.versions())
            .field("write", &self.0.write)
            .finish()
    }
}

impl Keyring {
    /// Reads a keyring's JSON: `{"1": "<base64 of 32 bytes>", …}`. `write` is the version that seals; the highest if absent.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub fn parse(json: &Secret, write: Option<u32>) -> Result<Self, KeyringError> {
        let entries: Entries = serde_json::from_str(json.expose()).map_err(|error| KeyringError::Malformed {
            line: error.line(),
            column: error.column(),
        })?;
        let mut masters = BTreeMap::new();
        for (version, key) in &entries.0 {
            let number = version
                .parse()
                .ok()
                .filter(|number: &u32| *number > 0 && number.to_string() == *version);
            let number = number.ok_or(KeyringError::Version)?;
            masters.insert(number, master(number, key)?);
        }
        Self::build(&masters, write)
    }

    /// A keyring of one fresh random key, version 1, and its JSON to be kept: for the development server and for tests.
    ///
    /// # Errors
    /// [`KeyringError::Derivation`], which does not happen.
    pub fn generate() -> Result<(Self, Secret), KeyringError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        fill_random(key.as_mut_slice());
        let text = Zeroizing::new(STANDARD.encode(key.as_slice()));
        let json = Secret::new(format!("{{\"1\":\"{}\"}}", *text));
        Ok((Self::build(&BTreeMap::from([(1, key)]), None)?, json))
    }

    /// The keyring that the configuration names; else the platform's own variables, as `env` gives them.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub fn from_config(config: &config::Keyring, env: impl Fn(&str) -> Option<String>) -> Result<Self, KeyringError> {
        match (&config.keys, &config.file) {
            (Some(_), Some(_)) => Err(KeyringError::Both),
            (Some(json), None) => Self::parse(json, config.version),
            (None, Some(path)) => Self::parse(&read(path)?, config.version),
            (None, None) => {
                let json = env(KEYRING_VARIABLE)
                    .filter(|text| !text.is_empty())
                    .map(Secret::new)
                    .ok_or(KeyringError::Missing)?;
                let version = match (config.version, env(VERSION_VARIABLE).filter(|text| !text.is_empty())) {
                    (None, Some(text)) => Some(text.trim().parse().map_err(|_| KeyringError::VersionVariable)?),
                    (version, _) => version,
                };
                Self::parse(&json, version)
            }
        }
    }

    /// The version that seals.
    #[must_use]
    pub fn write_version(&self) -> u32 {
        self.0.write
    }

    /// Every version that opens, ascending.
    #[must_use]
    pub fn versions(&self) -> Vec<u32> {
        self.0.versions.keys().copied().collect()
    }

    /// The HMAC-SHA-256 key of `purpose` under `version`, for keyed hashes. The version is the hash's key epoch: keep it beside the hash.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`]
    pub fn derived(&self, purpose: Purpose, version: u32) -> Result<&hmac::Key, SealError> {
        self.version(purpose, version).map(|keys| &keys.mac)
    }

    /// What is kept beside the data to recognise the key of `version` again, in hexadecimal. It tells nothing of the key.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`]
    pub fn check_value(&self, version: u32) -> Result<String, SealError> {
        let key = self.derived(Purpose::KeyCheck, version)?;
        Ok(hex::encode(hmac::sign(key, b"claviger")))
    }

    /// The HMAC-SHA-256 key of `purpose` in the current epoch, and that epoch.
    #[must_use]
    pub fn current(&self, purpose: Purpose) -> (u32, &hmac::Key) {
        let (version, keys) = self.writer(purpose);
        (version, &keys.mac)
    }

    pub(super) fn seed(&self, purpose: Purpose, version: u32) -> Result<&[u8; KEY_BYTES], SealError> {
        self.version(purpose, version).map(|keys| &*keys.seed)
    }

    pub(super) fn version(&self, purpose: Purpose, version: u32) -> Result<&PurposeKeys, SealError> {
        let keys = self.0.versions.get(&version).and_then(|keys| keys.get(purpose as usize));
        keys.ok_or_else(|| SealError::UnknownKey {
            version,
            known: self.versions(),
        })
    }

    pub(super) fn writer(&self, purpose: Purpose) -> (u32, &PurposeKeys) {
        #[expect(
            clippy::expect_used,
            reason = "`build` refuses a keyring without its writing version, and derives every purpose"
        )]
        let keys = self.version(purpose, self.0.write).expect("the writing version is in the keyring");
        (self.0.write, keys)
    }

    fn build(masters: &BTreeMap<u32, Zeroizing<[u8; KEY_BYTES]>>, write: Option<u32>) -> Result<Self, KeyringError> {
        let highest = masters.keys().next_back().copied().ok_or(KeyringError::Empty)?;
        let write = write.unwrap_or(highest);
        if !masters.contains_key(&write) {
            let known = masters.keys().map(u32::to_string).collect::<Vec<_>>().join(", ");
            return Err(KeyringError::NoWriter { version: write, known });
        }
        for (version, key) in masters {
            if let Some((other, _)) = masters.range(..version).find(|(_, earlier)| *earlier == key) {
                return Err(KeyringError::Repeated(*other, *version));
            }
        }
        let mut versions = BTreeMap::new();
        for (version, key) in masters {
            let keys: Result<Vec<_>, _> = Purpose::ALL.iter().map(|purpose| derive(key, *purpose)).collect();
            versions.insert(*version, keys.map_err(|_| KeyringError::Derivation)?);
        }
        Ok(Self(Arc::new(Inner { versions, write })))
    }
}

fn master(version: u32, text: &Secret) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyringError> {
    let bytes = STANDARD
        .decode(text.expose().trim())
        .map(Zeroizing::new)
        .map_err(|_| KeyringError::Key { version })?;
    let key: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| KeyringError::Key { version })?;
    let key = Zeroizing::new(key);
    if key.iter().all(|byte| Some(byte) == key.first()) {
        return Err(KeyringError::Placeholder { version });
    }
    Ok(key)
}

fn read(path: &Path) -> Result<Secret, KeyringError> {
    let unreadable = |cause| KeyringError::Unreadable {
        path: path.to_owned(),
        cause,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // The opened file is examined, not the name, so that nobody can put another in its place in between.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & !0o600 != 0 {
        return Err(KeyringError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    std::io::read_to_string(file).map(Secret::new).map_err(unreadable)
}

/// The JSON's entries in order. Read by hand since a map keeps the last of two equal keys in silence.
struct Entries(Vec<(String, Secret)>);

impl<'de> serde::Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of keys by version")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries: Vec<(String, Secret)> = Vec::new();
                while let Some((version, key)) = map.next_entry::<String, Secret>()? {
                    if entries.iter().any(|(seen, _)| *seen == version) {
                        return Err(serde::de::Error::custom("a version stands twice"));
                    }
                    entries.push((version, key));
                }
                Ok(Entries(entries))
            }
        }
        input.deserialize_map(Visitor)
    }
}

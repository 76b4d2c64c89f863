//! Compiled components on the disk, so that a start takes milliseconds instead of seconds.
//!
//! A compiled component is machine code that this process will run: whoever could plant one would own every secret. So each file carries an
//! HMAC over what it is and for which component and engine, under a key that only the keyring gives; the folder belongs to its owner alone;
//! files are replaced, never rewritten. Any doubt at all is a miss, and the component is compiled again. This file holds the repository's only
//! `unsafe`.

use ring::hmac;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAGIC: &[u8; 8] = b"CLAVAOT1";
const TAG_BYTES: usize = 32;
/// What ends in this is compiled code.
const ENDING: &str = "cwasm";
/// The file that tells by which key the others were made.
const KEY_FILE: &str = "key";

/// The folder of compiled components.
pub struct Cache {
    folder: PathBuf,
    key: hmac::Key,
}

impl Cache {
    /// Opens the folder, making it (0700) if it is not there. What another key made is removed: it would be a miss each time.
    ///
    /// # Errors
    /// If it cannot be made, or others may enter it.
    pub fn open(folder: &Path, key: &[u8; 32]) -> io::Result<Self> {
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mode = std::fs::metadata(folder)?.permissions().mode();
                if mode & 0o077 != 0 {
                    let message = format!(
                        "`{}` may be entered by others (mode {:o}); make it 0700",
                        folder.display(),
                        mode & 0o777
                    );
                    return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
                }
            }
            Err(error) => return Err(error),
        }
        let cache = Self {
            folder: folder.to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        };
        cache.begin_anew_under_another_key()?;
        Ok(cache)
    }

    fn begin_anew_under_another_key(&self) -> io::Result<()> {
        let (path, own) = (self.folder.join(KEY_FILE), hmac::sign(&self.key, MAGIC));
        if std::fs::read(&path).is_ok_and(|known| known == own.as_ref()) {
            return Ok(());
        }
        let mut removed = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let file = entry?.path();
            if file.extension().is_some_and(|ending| ending == ENDING) {
                std::fs::remove_file(file)?;
                removed += 1;
            }
        }
        if removed > 0 {
            tracing::info!(
                removed,
                "the key is another one than that of the compiled components, which are made again"
            );
        }
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(own.as_ref())?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    /// The compiled component, if there is one and nothing is wrong with it.
    pub(super) fn get(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(engine, digest);
        let file = std::fs::read(&path).ok()?;
        let compiled = self.authentic(engine, digest, &file);
        let component = compiled.and_then(|bytes| deserialize(engine, bytes));
        if component.is_none() {
            tracing::warn!(path = %path.display(), "a compiled component is damaged or foreign and is made again");
        }
        component
    }

    /// Keeps a compiled component. A failure costs time at the next start and nothing else.
    pub(super) fn put(&self, engine: &Engine, digest: &str, compiled: &[u8]) {
        if let Err(error) = self.write(engine, digest, compiled) {
            tracing::warn!(folder = %self.folder.display(), %error, "a compiled component could not be kept");
        }
    }

    fn write(&self, engine: &Engine, digest: &str, compiled: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(self.tag(engine, digest, compiled).as_ref())?;
        file.write_all(compiled)?;
        file.as_file().sync_all()?;
        // A new file under the old name: one that another process has mapped stays what it was.
        file.persist(self.path(engine, digest)).map_err(|error| error.error)?;
        Ok(())
    }

    fn path(&self, engine: &Engine, digest: &str) -> PathBuf {
        let compatibility = hex::encode(compatibility(engine));
        self.folder
            .join(format!("{digest}-{}.{ENDING}", compatibility.get(..16).unwrap_or_default()))
    }

    fn authentic<'a>(&self, engine: &Engine, digest: &str, file: &'a [u8]) -> Option<&'a [u8]> {
        let (tag, compiled) = file.strip_prefix(MAGIC)?.split_at_checked(TAG_BYTES)?;
        hmac::verify(&self.key, &statement(engine, digest, compiled), tag).ok()?;
        Some(compiled)
    }

    fn tag(&self, engine: &Engine, digest: &str, compiled: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, &statement(engine, digest, compiled))
    }
}

/// What the HMAC says: this code, of this component, for this engine. All parts but the last have a fixed length.
fn statement(engine: &Engine, digest: &str, compiled: &[u8]) -> Vec<u8> {
    let code = ring::digest::digest(&ring::digest::SHA256, compiled);
    [MAGIC.as_slice(), &compatibility(engine), code.as_ref(), digest.as_bytes()].concat()
}

/// wasmtime's own opinion on whether compiled code fits this engine: version, processor features, flags.
fn compatibility(engine: &Engine) -> [u8; 32] {
    struct Sha(ring::digest::Context);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sha = Sha(ring::digest::Context::new(&ring::digest::SHA256));
    engine.precompile_compatibility_hash().hash(&mut sha);
    let mut hash = [0; 32];
    hash.copy_from_slice(sha.0.finish().as_ref());
    hash
}

/// Makes a component of code that is known to be our own.
pub(super) fn deserialize(engine: &Engine, compiled: &[u8]) -> Option<Component> {
    #[expect(
        unsafe_code,
        reason = "wasmtime trusts these bytes: they are authenticated above, or come from our own compiling child"
    )]
    // SAFETY: the bytes were written by `Component::serialize` or `Engine::precompile_component` of this program: their HMAC says so, under a
    // key that is not on this disk, or they came through a pipe from a child that this process started from its own executable. wasmtime itself
    // refuses code of another version or for other flags.
    let component = unsafe { Component::deserialize(engine, compiled) };
    component
        .map_err(|error| tracing::warn!(error = %error, "compiled code does not load"))
        .ok()
}

#[cfg(test)]
mod tests;

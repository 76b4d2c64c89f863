//! The component of `examples/drop-in-rust`, as it is and with another manifest.

use anyhow::{Context, Result, ensure};
use claviger_tests::process::target_dir;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A component in a file of its own.
pub struct Component {
    folder: tempfile::TempDir,
}

impl Component {
    /// The example as it was built.
    pub fn example() -> Result<Self> {
        Self::of(&example()?)
    }

    /// These bytes.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        let component = Self {
            folder: tempfile::tempdir()?,
        };
        component.replace(bytes)?;
        Ok(component)
    }

    /// The example with a changed manifest.
    pub fn changed(change: impl FnOnce(&mut Value)) -> Result<Self> {
        Self::of(&changed(change)?)
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("component.wasm")
    }

    /// The file, for a command line.
    pub fn argument(&self) -> String {
        self.path().display().to_string()
    }

    /// Puts other bytes into the file, in one step.
    pub fn replace(&self, bytes: &[u8]) -> Result<()> {
        let new = self.folder.path().join("new");
        std::fs::write(&new, bytes)?;
        std::fs::rename(new, self.path()).context("the component cannot be replaced")
    }

    /// SHA-256 in hexadecimal.
    pub fn digest(&self) -> Result<String> {
        Ok(digest(&std::fs::read(self.path())?))
    }
}

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes))
}

/// The example's bytes.
pub fn example() -> Result<Vec<u8>> {
    let path = target_dir()?.join("providers-test/paperboy.wasm");
    std::fs::read(&path).with_context(|| format!("no `{}`; `cargo xtask providers` builds it", path.display()))
}

/// The example with a changed manifest. A component carries its manifest as it was written, line breaks and all: a compact one fits in
/// its place, and blanks fill the rest.
pub fn changed(change: impl FnOnce(&mut Value)) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/drop-in-rust/manifest.json");
    let old = std::fs::read_to_string(&path).with_context(|| format!("no `{}`", path.display()))?;
    let mut manifest: Value = serde_json::from_str(&old).context("the example's manifest is not JSON")?;
    change(&mut manifest);
    let mut new = manifest.to_string();
    ensure!(new.len() <= old.len(), "the changed manifest does not fit");
    new.extend(std::iter::repeat_n(' ', old.len() - new.len()));

    let mut bytes = example()?;
    let found: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, window)| *window == old.as_bytes())
        .map(|(at, _)| at)
        .collect();
    let [at] = found[..] else {
        anyhow::bail!(
            "the manifest is {} times in the component; `cargo xtask providers` builds it anew",
            found.len()
        )
    };
    bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
    Ok(bytes)
}

//! What was frozen stays as it was, to the byte.

use crate::source::root;
use anyhow::{Context, Result};
use claviger::runtime::digest;
use std::path::{Path, PathBuf};

/// A version of the contract that components out there were compiled against.
pub struct Frozen {
    /// Its number, which is the name of its folder in `wit/frozen` and in `tests/fixtures`.
    pub version: &'static str,
    /// Of each file below those folders, in the order of their paths: the source of the compiled component is not among them.
    files: &'static [(&'static str, &'static str)],
}

/// All of them. A version that is released is added, and none is ever taken away.
pub const FROZEN: [Frozen; 1] = [Frozen {
    version: "0.1.0",
    files: &[
        (
            "wit/frozen/0.1.0/failures.wit",
            "3e35dc143ff902791a0885be5c6f9a8c1509e07a4d59b57af236f32c62a21f53",
        ),
        (
            "wit/frozen/0.1.0/host.wit",
            "6943f1cf3fae76d0fc3a99d294dadee3a95e2391cb8f6a41b4ff2706d6952836",
        ),
        (
            "wit/frozen/0.1.0/manifest.schema.json",
            "5c2ae33b10e3b96adb58287f7a7af75471b57b3815bc5639743ea6217a7fe68c",
        ),
        (
            "wit/frozen/0.1.0/provider.wit",
            "b29ed2d12321fdb0c37ef751632596953e4971644e1268fb6a362f2d5942d111",
        ),
        (
            "wit/frozen/0.1.0/secrets.wit",
            "609382b04b624d3d93dcbe94b0968b682cee8b8cbd2381cbef2ff5bd272cf0a3",
        ),
        (
            "wit/frozen/0.1.0/types.wit",
            "97f9382e352b50ee28ab78e3bcff38917c926b00facdf9032e09ae8ab2fe9bfc",
        ),
        (
            "wit/frozen/0.1.0/upstream.wit",
            "7e6ffde17e961eafd8ad0d47cd05b400439c32816ea44547fa554191fdef826b",
        ),
        (
            "wit/frozen/0.1.0/worlds.wit",
            "56f9145a5ac8fe07a0613eaa8a2e97f61f9ac7f9528a203b6793b7b69c689d29",
        ),
        (
            "tests/fixtures/0.1.0/provider.wasm",
            "c9632d4bd2e8bd2c116671adc9c7099ccb1a5d84612f561880a17dadae855de9",
        ),
    ],
}];

impl Frozen {
    /// Its interfaces.
    pub fn folder(&self) -> PathBuf {
        root().join("wit/frozen").join(self.version)
    }
}

/// The files of a folder, no deeper, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("no `{}`", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

#[test]
fn what_was_frozen_is_as_it_was() -> Result<()> {
    for frozen in FROZEN {
        let mut found = Vec::new();
        for folder in [frozen.folder(), root().join("tests/fixtures").join(frozen.version)] {
            for path in files(&folder)? {
                let name = path.strip_prefix(root())?.to_string_lossy().into_owned();
                found.push((name, digest(&std::fs::read(&path)?)));
            }
        }
        let known: Vec<(String, String)> = frozen
            .files
            .iter()
            .map(|(name, digest)| ((*name).into(), (*digest).into()))
            .collect();
        assert_eq!(
            found, known,
            "{} is frozen: what changes is the next version, beside it",
            frozen.version
        );
    }
    Ok(())
}

#[test]
fn each_frozen_version_is_known_here() -> Result<()> {
    let folders = std::fs::read_dir(root().join("wit/frozen")).context("no `wit/frozen`")?;
    let mut found: Vec<String> = folders
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, FROZEN.map(|frozen| frozen.version.to_owned()));
    Ok(())
}

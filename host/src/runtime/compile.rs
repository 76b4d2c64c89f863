//! Compiling, here or in a child process.
//!
//! A component of another toolchain has megabytes; compiling one takes seconds and hundreds of megabytes that the allocator then keeps. The child
//! is this same program (`claviger provider compile FILE`); it writes machine code to its standard output and ends.

use super::engine::{self, Allocation};
use super::load::LoadError;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use wasmtime::Engine;

/// Compiles in this process.
pub(super) fn here(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    engine
        .precompile_component(bytes)
        .map_err(|error| LoadError::NotAComponent(format!("{error:#}")))
}

/// What the child does: the machine code of a component.
///
/// # Errors
/// [`LoadError::NotAComponent`], or that this machine cannot run WebAssembly.
pub fn in_this_process(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let (engine, _) = engine::make(Allocation::Pooled).map_err(|error| LoadError::Compile(error.to_string()))?;
    here(&engine, bytes)
}

/// Compiles in a child. The component goes through a file that only its owner can read: it is not secret, but it is what was approved.
pub(super) fn in_child(program: &Path, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let failed = |what: &str| LoadError::Compile(what.to_owned());
    let mut file = tempfile::NamedTempFile::new().map_err(|error| failed(&format!("no temporary file: {error}")))?;
    file.write_all(bytes)
        .map_err(|error| failed(&format!("the temporary file: {error}")))?;
    let child = Command::new(program)
        .args(["provider", "compile"])
        .arg(file.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| failed(&format!("the compiling process did not start: {error}")))?;
    if child.status.success() {
        return Ok(child.stdout);
    }
    Err(failed(String::from_utf8_lossy(&child.stderr).trim()))
}

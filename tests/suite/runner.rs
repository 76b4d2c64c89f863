//! The Python package for agent runners (`sdk/python`), by its own tests: the wire from the runner's side, what is placed and cleared, turns
//! that overlap, and two people in one session of this very server, with their tokens compared by value.

use anyhow::Result;
use claviger_tests::{process, python};

#[tokio::test]
async fn the_python_runner_passes_its_tests_against_this_server() -> Result<()> {
    python::passes(&["-m", "pytest"], &[("CLAVIGER_BIN", &process::claviger()?)]).await
}

#[tokio::test]
async fn the_python_runner_is_typed_and_tidy() -> Result<()> {
    for check in [&["-m", "mypy"][..], &["-m", "ruff", "check"], &["-m", "ruff", "format", "--check"]] {
        python::passes(check, &[]).await?;
    }
    Ok(())
}

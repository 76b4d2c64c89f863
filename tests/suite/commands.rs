//! A person's commands: the real binary, as its own process, against a running server.

mod apply;
mod browser;
mod credential;
mod import;
mod login;
mod resource;
mod sharing;
mod terminal;

use anyhow::{Context, Result, ensure};
use claviger_tests::{Claviger, process};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A person with a home of their own and no terminal.
pub struct Shell {
    home: TempDir,
    environment: Vec<(String, String)>,
}

/// What came of a command.
pub struct Outcome {
    /// The command line, for messages.
    pub said: String,
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Shell {
    /// Nobody is signed in.
    pub fn new() -> Result<Self> {
        Ok(Self {
            home: tempfile::tempdir()?,
            environment: Vec::new(),
        })
    }

    /// Signed in by the environment.
    pub fn of(claviger: &Claviger, person: &str) -> Result<Self> {
        let bearer = &claviger.dev().people.get(person).context("a seeded person")?.bearer;
        Ok(Self::new()?
            .with("CLAVIGER_URL", &claviger.dev().url)
            .with("CLAVIGER_TOKEN", bearer))
    }

    /// Another one, with a home of its own and the same variables.
    ///
    /// # Errors
    /// No folder.
    pub fn again(&self) -> Result<Self> {
        Ok(Self {
            environment: self.environment.clone(),
            ..Self::new()?
        })
    }

    /// The same with a variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.home.path().join("claviger/config.toml")
    }

    /// A file that only this person has.
    pub fn file(&self, name: &str, content: &str) -> Result<String> {
        let path = self.home.path().join(name);
        std::fs::write(&path, content)?;
        Ok(path.display().to_string())
    }

    /// Gives a command this person's surroundings, and nothing else.
    pub fn place(&self, command: &mut Command) {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("XDG_CONFIG_HOME", self.home.path()).env("HOME", self.home.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        self.run_with(arguments, "")
    }

    /// The same with standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Result<Outcome> {
        let mut command = Command::new(process::claviger()?);
        self.place(&mut command);
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start `claviger`")?;
        // One that has refused already reads nothing.
        let _ = child.stdin.take().context("a standard input")?.write_all(input.as_bytes());
        let output = child.wait_with_output()?;
        Ok(Outcome {
            said: arguments.join(" "),
            code: output.status.code().context("a signal ended it")?,
            out: String::from_utf8(output.stdout)?,
            err: String::from_utf8(output.stderr)?,
        })
    }

    /// Runs a command that has to succeed, and returns its answer.
    pub fn ok(&self, arguments: &[&str]) -> Result<String> {
        Ok(self.run(arguments)?.exits(0)?.out)
    }

    /// Its answer as JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let out = self.ok(&[arguments, &["-o", "json"]].concat())?;
        serde_json::from_str(&out).with_context(|| format!("`{}` is not JSON: {out}", arguments.join(" ")))
    }
}

impl Outcome {
    /// Itself, if it ended so.
    pub fn exits(self, code: i32) -> Result<Self> {
        ensure!(
            self.code == code,
            "`claviger {}` exits with {} instead of {code}\n  stdout: {}\n  stderr: {}",
            self.said,
            self.code,
            self.out,
            self.err
        );
        Ok(self)
    }

    /// Itself, if it refused with that word and said nothing on standard output.
    pub fn refuses(self, code: i32, word: &str) -> Result<Self> {
        let this = self.exits(code)?;
        ensure!(
            this.out.is_empty(),
            "`claviger {}` says on standard output: {}",
            this.said,
            this.out
        );
        ensure!(
            this.err.contains(word),
            "`claviger {}` does not say `{word}`: {}",
            this.said,
            this.err
        );
        Ok(this)
    }

    /// Itself, if that word is nowhere in what it said.
    pub fn without(self, secret: &str) -> Result<Self> {
        ensure!(
            !secret.is_empty() && !self.out.contains(secret) && !self.err.contains(secret),
            "`claviger {}` tells the secret",
            self.said
        );
        Ok(self)
    }
}

//! `claviger exec`: whose token reaches the command, that it reaches nothing else, and how a renewal does.

use crate::commands::Shell;
use anyhow::{Context, Result, bail, ensure};
use claviger_tests::process::{self, Running};
use claviger_tests::{Claviger, Emulator};
use serde_json::json;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// A read, a restart with its grace and a loaded machine.
const WITHIN: Duration = Duration::from_secs(60);

/// `claviger exec` on the run.
pub struct Started {
    running: Running,
    folder: tempfile::TempDir,
}

impl Started {
    /// Runs a shell script with tokens; `$OUT` is a folder that it writes into.
    fn of(shell: &Shell, arguments: &[&str], script: &str) -> Result<Self> {
        Self::command(shell, &[&["exec"], arguments].concat(), script)
    }

    /// The same of any command that runs one.
    pub fn command(shell: &Shell, arguments: &[&str], script: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(process::claviger()?);
        shell.place(&mut command);
        command.args(arguments).args(["--", "sh", "-c", script]);
        command.env("OUT", folder.path()).env("TMPDIR", folder.path());
        command
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("stderr"))?);
        Ok(Self {
            running: Running::start(&mut command)?,
            folder,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines of a file that the script writes, once there are so many.
    pub async fn lines(&mut self, name: &str, count: usize) -> Result<Vec<String>> {
        let until = Instant::now() + WITHIN;
        loop {
            let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
            if lines.len() >= count {
                return Ok(lines);
            }
            if Instant::now() > until {
                let said = std::fs::read_to_string(self.path("stderr")).unwrap_or_default();
                bail!("{} of {count} lines in `{name}`: {lines:?}\n{said}", lines.len());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn exit_code(&mut self) -> Result<i32> {
        let until = Instant::now() + WITHIN;
        loop {
            if let Some(status) = self.running.ended()? {
                return status.code().context("a signal ended it");
            }
            ensure!(Instant::now() < until, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `claviger`'s own.
    pub fn id(&self) -> String {
        self.running.id().to_string()
    }

    /// To `claviger` alone, not to its group.
    pub fn signal(&self, signal: &str) -> Result<()> {
        signal_to(&self.running.id().to_string(), signal)
    }
}

pub fn signal_to(id: &str, signal: &str) -> Result<()> {
    ensure!(
        Command::new("kill").args([&format!("-{signal}"), id]).status()?.success(),
        "no process {id}"
    );
    Ok(())
}

pub async fn gone(id: &str) -> Result<()> {
    let until = Instant::now() + WITHIN;
    loop {
        // What nobody has waited for yet is dead all the same.
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        if state.is_empty() || state.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "process {id} lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn whose(emulator: &Emulator, token: &str) -> Result<String> {
    emulator.whose("gitlab", &json!({ "token": token })).await
}

#[tokio::test]
async fn the_command_has_its_persons_tokens_and_nobody_else_has_them() -> Result<()> {
    let claviger = Claviger::start().await?;
    let emulator = claviger.emulator()?;
    let script = r#"echo "$GITLAB_TOKEN" > "$OUT/token"; echo "$JIRA_API_TOKEN|$CLAVIGER_TOKEN|$CLAVIGER_TOKEN_FILE|$KEPT" > "$OUT/rest"; echo $$ > "$OUT/id"; exec sleep 300"#;
    for person in ["alice", "bob"] {
        let shell = Shell::of(&claviger, person)?.with("KEPT", "kept");
        let mut started = Started::of(&shell, &["--provider", "gitlab", "--provider", "jira"], script)?;
        let child = started.lines("id", 1).await?[0].clone();
        let token = started.lines("token", 1).await?[0].clone();
        assert_eq!(whose(&emulator, &token).await?, person);
        let rest = started.lines("rest", 1).await?[0].clone();
        let (jira, others) = rest.split_once('|').context("no Jira")?;
        ensure!(!jira.is_empty(), "no Jira token");
        assert_eq!(others, "||kept", "the bearer is in the command's environment");
        let own = started.running.id().to_string();
        for (id, file) in [(&own, "cmdline"), (&own, "environ"), (&child, "cmdline")] {
            let bytes = std::fs::read(format!("/proc/{id}/{file}"))?;
            let text = String::from_utf8_lossy(&bytes);
            ensure!(
                !text.is_empty() && !text.contains(&token) && !text.contains(jira),
                "{file} has a token"
            );
        }
        let environ = std::fs::read(format!("/proc/{child}/environ"))?;
        ensure!(
            String::from_utf8_lossy(&environ).contains(&token),
            "the test looks at the wrong process"
        );

        // Killed outright, it takes the command with it.
        signal_to(&own, "KILL")?;
        gone(&child).await?;
    }
    Ok(())
}

#[tokio::test]
async fn exit_codes_and_signals_pass_through() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?;
    let with = |rest: &[&str]| shell.run(&[&["exec", "--provider", "gitlab", "--"], rest].concat());
    with(&["sh", "-c", "exit 37"])?.exits(37)?;
    with(&["true"])?.exits(0)?;
    with(&["sh", "-c", "kill -USR1 $$"])?.exits(128 + 10)?;
    with(&["no-such-command-here"])?.refuses(127, "no-such-command-here")?;
    let script = r#"trap 'echo term >> "$OUT/heard"; exit 9' TERM; trap 'echo hup >> "$OUT/heard"' HUP; trap 'echo int >> "$OUT/heard"' INT; echo ready > "$OUT/ready"; while :; do sleep 0.05; done"#;
    let mut started = Started::of(&shell, &["--provider", "gitlab"], script)?;
    started.lines("ready", 1).await?;
    for (at, (signal, heard)) in [("HUP", "hup"), ("INT", "int"), ("TERM", "term")].into_iter().enumerate() {
        started.signal(signal)?;
        assert_eq!(started.lines("heard", at + 1).await?[at], heard);
    }
    assert_eq!(started.exit_code().await?, 9);
    Ok(())
}

#[tokio::test]
async fn without_its_token_nothing_is_started() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?;
    let marker = shell.file("marker", "")?;
    let script = format!("echo started > '{marker}'");
    let run = |arguments: &[&str]| shell.run(&[&["exec"], arguments, &["--", "sh", "-c", &script]].concat());
    run(&["--provider", "gitlab", "--provider", "linear"])?.refuses(3, "`linear`")?;
    run(&["--credential", claviger.credential("bob-github")?])?.exits(3)?;
    run(&[])?.exits(2)?;
    run(&["--provider", "gitlab", "--on-renewal", "signal:KILL"])?.exits(2)?;
    run(&["--file", "gitlab=no-variable"])?.exits(2)?;
    shell.run(&["exec", "--provider", "gitlab"])?.exits(2)?;
    assert_eq!(std::fs::read_to_string(&marker)?, "", "it was started");
    run(&["--provider", "gitlab", "--optional", "linear"])?.exits(0)?;
    assert_eq!(std::fs::read_to_string(&marker)?, "started\n");
    Ok(())
}

#[tokio::test]
async fn a_renewal_restarts_the_command_with_the_new_token() -> Result<()> {
    let claviger = Claviger::start().await?;
    let emulator = claviger.emulator()?;
    emulator
        .fault(&json!({ "provider": "gitlab", "expires_in": 8 }))
        .await?
        .expect(201)?;
    let shell = Shell::of(&claviger, "bob")?;
    let script =
        r#"(sleep 300 & echo $! >> "$OUT/strays"; wait) & echo "$GITLAB_TOKEN" >> "$OUT/tokens"; echo $$ >> "$OUT/ids"; sleep 300"#;
    let mut started = Started::of(&shell, &["--provider", "gitlab", "--on-renewal", "restart"], script)?;
    // The first may still live for two hours, if it was there before; from the next one on it is eight seconds.
    let tokens = started.lines("tokens", 3).await?;
    let ids = started.lines("ids", 3).await?;
    ensure!(
        tokens[0] != tokens[1] && tokens[1] != tokens[2],
        "a restart with the old token: {tokens:?}"
    );
    assert_eq!(whose(&emulator, tokens.last().context("no token")?).await?, "bob");
    gone(&ids[0]).await?;
    let strays = started.lines("strays", 2).await?;
    gone(&strays[0]).await?;
    started.signal("TERM")?;
    assert_eq!(started.exit_code().await?, 128 + 15);
    Ok(())
}

#[tokio::test]
async fn a_renewal_reaches_a_file_and_a_signal_tells_of_it() -> Result<()> {
    let claviger = Claviger::start().await?;
    let emulator = claviger.emulator()?;
    emulator
        .fault(&json!({ "provider": "gitlab", "expires_in": 8 }))
        .await?
        .expect(201)?;
    let shell = Shell::of(&claviger, "alice")?;
    let script = r#"note() { echo "$(cat "$TOKEN_AT")" >> "$OUT/tokens"; }; trap note HUP; trap 'exit 0' TERM; echo "$TOKEN_AT" > "$OUT/path"; stat -c %a "$TOKEN_AT" "$(dirname "$TOKEN_AT")" > "$OUT/modes"; note; while :; do sleep 0.05; done"#;
    let arguments = ["--file", "gitlab=TOKEN_AT", "--on-renewal", "signal:HUP"];
    let mut started = Started::of(&shell, &arguments, script)?;
    let tokens = started.lines("tokens", 3).await?;
    ensure!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "{tokens:?}");
    assert_eq!(whose(&emulator, tokens.last().context("no token")?).await?, "alice");
    assert_eq!(started.lines("modes", 2).await?, ["600", "700"]);
    let file = PathBuf::from(&started.lines("path", 1).await?[0]);
    ensure!(file.starts_with(started.folder.path()), "{}", file.display());
    started.signal("TERM")?;
    assert_eq!(started.exit_code().await?, 0);
    ensure!(
        !file.exists() && !file.parent().context("a folder")?.exists(),
        "the token's file is left behind"
    );
    Ok(())
}

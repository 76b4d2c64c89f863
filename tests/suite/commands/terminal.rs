//! At a terminal: Python's standard library lends one, and types.

use super::Shell;
use anyhow::{Context, Result, ensure};
use claviger_tests::{Claviger, process};
use std::process::Command;

/// Runs the rest of its arguments on a terminal of its own, types the first one when something is asked, and prints what the terminal showed.
const TERMINAL: &str = r"
import os, pty, select, sys, termios, time
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown, typed = b'', False
while select.select([terminal], [], [], 60)[0]:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    shown += more
    if not typed and (b'shown): ' in shown or b'[y/N]' in shown):
        # As a person would: after the prompt has taken the terminal's echo away.
        for _ in range(200):
            if b'[y/N]' in shown or not termios.tcgetattr(terminal)[3] & termios.ECHO:
                break
            time.sleep(0.01)
        os.write(terminal, sys.argv[1].encode() + b'\n')
        typed = True
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

fn at_a_terminal(shell: &Shell, types: &str, arguments: &[&str]) -> Result<(i32, String)> {
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, types]).arg(process::claviger()?).args(arguments);
    shell.place(&mut command);
    let output = command.output().context("python3 lends the terminal, and does not start")?;
    ensure!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok((
        output.status.code().context("a signal ended it")?,
        String::from_utf8(output.stdout)?,
    ))
}

#[tokio::test]
async fn a_prompt_shows_nothing_of_what_is_typed() -> Result<()> {
    let claviger = Claviger::start().await?;
    let url = &claviger.dev().url;
    let alice = &claviger.dev().people.get("alice").context("alice")?.bearer;
    let shell = Shell::new()?;
    let (code, shown) = at_a_terminal(&shell, alice, &["login", url, "--name", "here"])?;
    ensure!(
        code == 0 && shown.contains("as alice") && !shown.contains(alice.as_str()),
        "{code}: {shown}"
    );
    ensure!(
        !std::fs::read_to_string(shell.config())?.contains(alice.as_str()),
        "the token is kept"
    );
    // Not kept, so it is asked for again.
    let (code, shown) = at_a_terminal(&shell, alice, &["credential", "list", "-q"])?;
    ensure!(
        code == 0 && shown.contains(claviger.credential("alice-github")?) && !shown.contains(alice.as_str()),
        "{code}: {shown}"
    );

    let shell = Shell::of(&claviger, "alice")?;
    let arguments = ["credential", "create", "--name", "typed", "--provider", "linear", "--token", "-"];
    let (code, shown) = at_a_terminal(&shell, "lin_typed_by_hand", &arguments)?;
    ensure!(code == 0 && !shown.contains("lin_typed"), "{code}: {shown}");
    assert_eq!(shell.ok(&["credential", "token", "typed"])?, "lin_typed_by_hand");

    // A token is not even read for a terminal.
    let (code, shown) = at_a_terminal(&shell, "", &["credential", "token", "typed"])?;
    ensure!(
        code == 2 && shown.contains("--show") && !shown.contains("lin_typed"),
        "{code}: {shown}"
    );
    let (code, shown) = at_a_terminal(&shell, "", &["credential", "token", "typed", "--show"])?;
    ensure!(
        code == 0 && shown.contains("scrollback") && shown.contains("lin_typed_by_hand"),
        "{code}: {shown}"
    );

    let (code, _) = at_a_terminal(&shell, "n", &["credential", "delete", "typed"])?;
    assert_eq!(code, 1);
    shell.ok(&["credential", "get", "typed"])?;
    let (code, _) = at_a_terminal(&shell, "y", &["credential", "delete", "typed"])?;
    assert_eq!(code, 0);
    shell.run(&["credential", "get", "typed"])?.exits(3)?;
    Ok(())
}

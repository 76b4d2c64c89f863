//! Signing in, and what is kept of it.

use super::Shell;
use anyhow::{Context, Result, ensure};
use claviger_tests::Claviger;
use std::os::unix::fs::PermissionsExt;

fn bearer(claviger: &Claviger, person: &str) -> Result<String> {
    Ok(claviger.dev().people.get(person).context("a seeded person")?.bearer.clone())
}

#[tokio::test]
async fn nothing_secret_is_kept_unless_asked() -> Result<()> {
    let claviger = Claviger::start().await?;
    let (url, alice) = (claviger.dev().url.clone(), bearer(&claviger, "alice")?);
    let shell = Shell::new()?;

    // From standard input, as from a prompt: checked, and forgotten.
    let signed = shell
        .run_with(&["login", &url, "--name", "here"], &format!("{alice}\n"))?
        .exits(0)?
        .without(&alice)?;
    ensure!(signed.out.contains("alice") && signed.out.contains("`here`"), "{}", signed.out);
    let kept = std::fs::read_to_string(shell.config())?;
    ensure!(kept.contains(&url) && !kept.contains(&alice), "{kept}");
    assert_eq!(std::fs::metadata(shell.config())?.permissions().mode() & 0o777, 0o600);
    shell.run(&["credential", "list"])?.refuses(4, "no token")?;

    // A file or a variable is remembered, and not what is in it.
    let file = shell.file("bearer", &format!("{alice}\n"))?;
    shell
        .run(&["login", &url, "--name", "file", "--token-file", &file])?
        .exits(0)?
        .without(&alice)?;
    ensure!(!std::fs::read_to_string(shell.config())?.contains(&alice), "the token is kept");
    assert_eq!(shell.json(&["whoami"])?["user"], "alice");

    // Asked for: kept, in a file that is this person's alone.
    shell
        .run(&["login", &url, "--name", "kept", "--token-file", &file, "--keep"])?
        .exits(0)?
        .without(&alice)?;
    ensure!(std::fs::read_to_string(shell.config())?.contains(&alice), "the token is not kept");
    assert_eq!(std::fs::metadata(shell.config())?.permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&file)?;
    assert_eq!(shell.json(&["whoami"])?["context"], "kept");
    shell.run(&["whoami", "--context", "file"])?.refuses(2, "cannot be read")?;
    let listed = shell.run(&["context", "list"])?.exits(0)?.without(&alice)?;
    ensure!(listed.out.lines().count() == 4, "{}", listed.out);

    shell.ok(&["logout"])?;
    ensure!(
        !std::fs::read_to_string(shell.config())?.contains(&alice),
        "signed out, and the token is still there"
    );
    shell.run(&["whoami"])?.refuses(4, "no server is known")?;
    shell.ok(&["context", "use", "here"])?;
    shell.ok(&["logout", "--all"])?;
    ensure!(!std::fs::read_to_string(shell.config())?.contains("here"), "a context is left");
    Ok(())
}

#[tokio::test]
async fn a_token_given_as_an_argument_is_refused_and_not_repeated() -> Result<()> {
    let claviger = Claviger::start().await?;
    let (url, alice) = (claviger.dev().url.clone(), bearer(&claviger, "alice")?);
    let shell = Shell::new()?;
    for arguments in [
        vec!["login", &url, "--token", &alice],
        vec!["login", &url, &alice],
        vec!["login", &url, "--token", &alice, "--keep"],
    ] {
        shell.run(&arguments)?.refuses(2, "--token-file")?.without(&alice)?;
    }
    let joined = format!("--token={alice}");
    shell.run(&["login", &url, &joined])?.refuses(2, "--token-file")?.without(&alice)?;
    ensure!(!shell.config().exists(), "a refused sign-in leaves a configuration");
    // A token that the server does not know signs nobody in.
    shell
        .run_with(&["login", &url, "--keep"], "not-a-token")?
        .refuses(4, "does not know this token")?;
    ensure!(!shell.config().exists(), "a failed sign-in leaves a configuration");
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_others_may_read_is_refused() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = bearer(&claviger, "alice")?;
    let shell = Shell::new()?;
    shell.run_with(&["login", &claviger.dev().url, "--keep"], &alice)?.exits(0)?;
    shell.ok(&["whoami"])?;
    for mode in [0o640, 0o604, 0o620, 0o602] {
        std::fs::set_permissions(shell.config(), std::fs::Permissions::from_mode(mode))?;
        shell.run(&["whoami"])?.refuses(1, "chmod 600")?.without(&alice)?;
    }
    std::fs::set_permissions(shell.config(), std::fs::Permissions::from_mode(0o600))?;
    shell.ok(&["whoami"])?;
    // One that does not read is refused without its lines.
    std::fs::write(shell.config(), format!("[contexts.a]\nurl = \"x\"\ntoken = {alice}\n"))?;
    shell.run(&["whoami"])?.refuses(1, "line 3")?.without(&alice)?;
    Ok(())
}

#[tokio::test]
async fn the_environment_wins_and_a_token_stays_with_its_server() -> Result<()> {
    let claviger = Claviger::start().await?;
    let (url, alice, bob) = (claviger.dev().url.clone(), bearer(&claviger, "alice")?, bearer(&claviger, "bob")?);
    let shell = Shell::new()?.with("CLAVIGER_TOKEN", &bob);
    shell.run_with(&["login", &url, "--keep"], &alice)?.exits(0)?;
    let known = shell.json(&["whoami"])?;
    assert_eq!(
        (known["user"].as_str(), known["method"].as_str()),
        (Some("bob"), Some("dev-person"))
    );
    ensure!(
        known["token_from"].as_str().is_some_and(|from| from.contains("CLAVIGER_TOKEN")),
        "{known}"
    );

    // Another address without a token of its own: Alice's is kept for the first one, and is not sent there.
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", elsewhere.local_addr()?);
    let shell = Shell::new()?.with("CLAVIGER_URL", &address);
    shell.run_with(&["login", &url, "--keep", "--name", "here"], &alice)?.exits(0)?;
    shell.run(&["whoami"])?.refuses(4, "no token")?;
    shell.run(&["whoami", "--context", "here"])?.refuses(2, "two servers")?;
    drop(elsewhere);
    let shell = Shell::new()?.with("CLAVIGER_URL", &address).with("CLAVIGER_TOKEN", &alice);
    shell.run(&["whoami"])?.refuses(5, "cannot be reached")?.without(&alice)?;
    let plain = Shell::new()?
        .with("CLAVIGER_URL", "http://192.0.2.1")
        .with("CLAVIGER_TOKEN", &alice);
    plain.run(&["whoami"])?.refuses(2, "not encrypted")?;
    // A shell with these variables can still run a server's commands.
    let data = claviger.data().display().to_string();
    shell.ok(&["api-key", "list", "--data", &data])?;
    Ok(())
}

//! `claviger credential-process`: the JSON that other programs parse.

use crate::commands::Shell;
use anyhow::{Context, Result, ensure};
use claviger_tests::Claviger;
use serde_json::{Value, json};

fn answer(shell: &Shell, arguments: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&shell.ok(&[&["credential-process"], arguments].concat())?)?)
}

#[tokio::test]
async fn a_program_gets_the_token_its_end_and_its_variables() -> Result<()> {
    let claviger = Claviger::start().await?;
    let emulator = claviger.emulator()?;
    let alice = Shell::of(&claviger, "alice")?;
    let plain = answer(&alice, &["--credential", "team-github-app"])?;
    assert_eq!((&plain["version"], &plain["provider"]), (&json!(1), &json!("github")));
    ensure!(plain["token"].as_str().is_some_and(|token| token.starts_with("ghs_")), "{plain}");
    ensure!(plain["expires_at"].is_string() && plain["generation"].is_u64(), "{plain}");

    for person in ["alice", "bob"] {
        let own = Shell::of(&claviger, person)?;
        // The provider alone is one's own account, also where others are visible.
        let gitlab = answer(&own, &["--provider", "gitlab", "--consumer", "environment"])?;
        let token = gitlab["environment"]["GITLAB_TOKEN"].as_str().context("no variable")?;
        assert_eq!(emulator.whose("gitlab", &json!({ "token": token })).await?, person);
        ensure!(gitlab.get("token").is_none() && gitlab["expires_at"].is_string(), "{gitlab}");
    }

    let plugin = answer(&alice, &["--credential", "team-github-app", "--format", "kubernetes"])?;
    assert_eq!(
        plugin,
        json!({ "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
            "status": { "token": plain["token"], "expirationTimestamp": plain["expires_at"] } })
    );
    alice.run(&["credential-process"])?.exits(2)?;
    alice.run(&["credential-process", "--provider", "nobodys"])?.refuses(3, "nobodys")?;
    Shell::of(&claviger, "carol")?
        .run(&["credential-process", "--credential", claviger.credential("alice-github")?])?
        .exits(3)?;
    Ok(())
}

#[tokio::test]
async fn a_bearer_that_is_renewed_in_a_file_is_read_each_time() -> Result<()> {
    let claviger = Claviger::start().await?;
    let emulator = claviger.emulator()?;
    let shell = Shell::new()?.with("CLAVIGER_URL", &claviger.dev().url);
    let file = shell.file("bearer", "not yet\n")?;
    let shell = shell.with("CLAVIGER_TOKEN_FILE", &file);
    shell.run(&["credential-process", "--provider", "gitlab"])?.exits(4)?;
    for person in ["alice", "bob"] {
        std::fs::write(&file, &claviger.dev().people[person].bearer)?;
        let own = answer(&shell, &["--provider", "gitlab"])?;
        assert_eq!(emulator.whose("gitlab", &own).await?, person);
    }
    Ok(())
}

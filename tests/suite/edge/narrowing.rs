//! A token that can do less, asked for at the edge: the emulated GitHub itself says what it reaches.

use super::exec::Started;
use crate::commands::Shell;
use anyhow::{Context, Result, ensure};
use claviger_tests::{Claviger, Client};
use serde_json::Value;

const APP: [&str; 2] = ["--credential", "team-github-app"];

/// The repositories that a token reaches there.
async fn reached(claviger: &Claviger, token: &str) -> Result<Vec<String>> {
    let github = Client::new(&format!("{}/github", claviger.dev().upstream.trim_end_matches('/')))?.with_bearer(token);
    let answer = github.get("/api/v3/installation/repositories").await?.expect(200)?.json()?;
    let all = answer["repositories"].as_array().context("no repositories")?.iter();
    Ok(all.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect())
}

#[tokio::test]
async fn a_program_and_a_command_get_no_more_than_they_ask_for() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = Shell::of(&claviger, "alice")?;
    let told = |narrow: &[&str]| -> Result<String> {
        let out = alice.ok(&[&["credential-process"], &APP[..], narrow].concat())?;
        let body: Value = serde_json::from_str(&out)?;
        Ok(body["token"].as_str().context("no token")?.to_owned())
    };
    let whole = told(&[])?;
    ensure!(reached(&claviger, &whole).await?.len() > 1, "there is nothing to narrow");
    let narrow = told(&["--repository", "widgets", "--permission", "contents:read"])?;
    assert_eq!(reached(&claviger, &narrow).await?, ["widgets"]);
    assert_eq!(told(&[])?, whole, "the narrow one came instead of the whole");

    let script = r#"echo "$GITHUB_TOKEN" > "$OUT/token""#;
    let mut child = Started::command(&alice, &[&["exec"], &APP[..], &["--repository", "gadgets"]].concat(), script)?;
    assert_eq!(child.exit_code().await?, 0);
    assert_eq!(reached(&claviger, &child.lines("token", 1).await?[0]).await?, ["gadgets"]);

    // More than the installation has, and what cannot be narrowed: no token, and no wider one either.
    let more = ["--permission", "administration:admin"];
    alice
        .run(&[&["credential-process"], &APP[..], &more].concat())?
        .refuses(1, "missing-scope")?
        .without(&whole)?;
    let kubeconfig = ["credential-process", "--credential", "team-kubeconfig", "--scope", "read"];
    alice.run(&kubeconfig)?.refuses(1, "400")?;
    alice
        .run(&["exec", "--provider", "gitlab", "--repository", "widgets", "--", "true"])?
        .refuses(1, "400")?;
    alice
        .run(&[&["credential-process"], &APP[..], &["--permission", "contents"]].concat())?
        .refuses(2, "contents:read")?;
    Ok(())
}

//! A runner's pod as it is: what session start answered is its environment, and nothing else is said.

use super::exec::{Started, gone};
use super::sidecar::World;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_the_session_by_its_environment_alone() -> Result<()> {
    let (world, shell, secret) = World::begun().await?;
    // Nobody's turn, and nothing granted.
    shell
        .run(&["credential-process", "--provider", "gitlab"])?
        .exits(3)?
        .without(&secret)?;
    for user in ["bob", "alice"] {
        let turn = world.open_turn(user, &format!("run-{user}")).await?;
        let said: Value = serde_json::from_str(&shell.ok(&["credential-process", "--provider", "gitlab"])?)?;
        assert_eq!(world.whose(said["token"].as_str().context("no token")?).await?, user);

        let authority = world
            .claviger
            .dev()
            .upstream
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let question = format!("protocol=http\nhost={authority}\npath=gitlab/{user}/widgets.git\n\n");
        let told = shell.run_with(&["git-credential", "get"], &question)?.exits(0)?.out;
        let told: BTreeMap<&str, &str> = told.lines().filter_map(|line| line.split_once('=')).collect();
        assert_eq!(world.whose(told.get("password").context("git is told nothing")?).await?, user);

        let script = r#"echo "$GITLAB_TOKEN" > "$OUT/token"; env > "$OUT/environment.part"; mv "$OUT/environment.part" "$OUT/environment""#;
        let mut child = Started::command(&shell, &["exec", "--provider", "gitlab"], script)?;
        assert_eq!(child.exit_code().await?, 0);
        assert_eq!(world.whose(&child.lines("token", 1).await?[0]).await?, user);
        let environment = child.lines("environment", 1).await?.join("\n");
        ensure!(environment.contains("SESSION_ID="), "{environment}");
        for name in ["AMBIENT_CP_TOKEN", &secret, "eyJ"] {
            ensure!(!environment.contains(name), "the child has `{name}`");
        }
        world.close_turn(&turn).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_runner_was_not_told_is_named() -> Result<()> {
    let (world, shell, _) = World::begun().await?;
    let of_gitlab = ["credential-process", "--provider", "gitlab"];
    for name in [
        "SESSION_ID",
        "BACKEND_API_URL",
        "AMBIENT_CP_TOKEN_PUBLIC_KEY",
        "AGENTIC_SESSION_NAMESPACE",
    ] {
        shell.again()?.with(name, "").run(&of_gitlab)?.refuses(2, name)?;
    }
    let elsewhere = shell.again()?.with("BACKEND_API_URL", "https://claviger.example.com");
    elsewhere.run(&of_gitlab)?.refuses(2, "claviger.example.com")?;
    let damaged = shell.again()?.with("CREDENTIAL_IDS", "{");
    damaged.run(&of_gitlab)?.refuses(2, "CREDENTIAL_IDS")?;
    // Whoever is signed in comes first.
    let bob = shell
        .with("CLAVIGER_URL", &world.claviger.dev().url)
        .with("CLAVIGER_TOKEN", &world.claviger.dev().people["bob"].bearer);
    let own: Value = serde_json::from_str(&bob.ok(&of_gitlab)?)?;
    assert_eq!(world.whose(own["token"].as_str().context("no token")?).await?, "bob");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_has_its_bearer_from_the_exchange_and_ends_with_its_session() -> Result<()> {
    let (world, shell, secret) = World::begun().await?;
    let shell = shell
        .with("CREDENTIAL_PROVIDER", "gitlab")
        .with("AMBIENT_API_URL", &world.claviger.dev().url);
    let script = r#"echo "$GITLAB_TOKEN" >> "$OUT/tokens"; env >> "$OUT/environment"; echo $$ >> "$OUT/ids"; exec sleep 300"#;
    let mut sidecar = Started::command(&shell, &["sidecar", "--every", "1"], script)?;
    for (at, user) in ["bob", "alice"].into_iter().enumerate() {
        let turn = world.open_turn(user, &format!("run-{user}")).await?;
        assert_eq!(world.whose(&sidecar.lines("tokens", at + 1).await?[at]).await?, user);
        if user == "bob" {
            world.close_turn(&turn).await?;
        }
    }
    let child = sidecar.lines("ids", 2).await?[1].clone();
    let environment = sidecar.lines("environment", 2).await?.join("\n");
    ensure!(
        !environment.contains("AMBIENT_CP_TOKEN") && !environment.contains(&secret),
        "the child has the address"
    );

    world.stop().await?;
    gone(&child).await?;
    assert_eq!(sidecar.exit_code().await?, 4);
    let said = sidecar.lines("stderr", 1).await?.join("\n");
    ensure!(said.contains("ended") && !said.contains(&secret), "{said}");
    // One that is started again by whoever restarts containers ends as well.
    shell.run(&["sidecar", "--", "true"])?.refuses(4, "ended")?.without(&secret)?;
    Ok(())
}

//! Bindings from the command line, and what they explain.

use super::Shell;
use anyhow::{Context, Result, ensure};
use claviger_tests::Claviger;
use claviger_tests::api::V1;

#[tokio::test]
async fn a_credential_is_bound_explained_and_unbound() -> Result<()> {
    let claviger = Claviger::start().await?;
    let project = claviger.dev().projects.first().context("a project")?.clone();
    let alice = Shell::of(&claviger, "alice")?.with("T", "lin_bound");
    let id = alice.ok(&[
        "credential",
        "create",
        "--name",
        "issues",
        "--provider",
        "linear",
        "--token",
        "env:T",
        "-q",
    ])?;
    let id = id.trim();

    let binding = alice.ok(&["credential", "bind", "issues", "--project", &project, "-q"])?;
    let binding = binding.trim();
    let row = claviger
        .person("alice")?
        .get(&format!("{V1}/role_bindings/{binding}"))
        .await?
        .expect(200)?;
    assert_eq!(
        (row.text_at("/credential_id")?, row.text_at("/project_id")?),
        (id.to_owned(), project.clone())
    );
    let listed = alice.ok(&["role-binding", "list", "--credential", "issues", "--project", &project])?;
    ensure!(listed.contains(binding) && listed.contains("credential:viewer"), "{listed}");
    assert_eq!(alice.ok(&["credential", "token", "issues", "--project", &project])?, "lin_bound");

    let explained = alice.ok(&["credential", "explain", "issues", "--project", &project])?;
    ensure!(
        explained.contains(&format!("is {id}, by the project tier")) && explained.contains(binding),
        "{explained}"
    );
    ensure!(explained.contains("own-bearer of alice: granted"), "{explained}");
    let raw = alice.json(&[
        "credential",
        "explain",
        "--provider",
        "linear",
        "--project",
        &project,
        "--user",
        "bob",
    ])?;
    assert_eq!(raw["user"], "bob");

    alice
        .run(&["credential", "unbind", "issues", "--project", &project, "--user", "bob"])?
        .refuses(3, "not bound so")?;
    alice.ok(&["credential", "unbind", "issues", "--project", &project])?;
    claviger
        .person("alice")?
        .get(&format!("{V1}/role_bindings/{binding}"))
        .await?
        .expect(404)?;
    let explained = alice.ok(&["credential", "explain", "issues", "--project", &project])?;
    ensure!(
        explained.contains("no linear credential resolves") && explained.contains("does not win"),
        "{explained}"
    );
    alice.run(&["credential", "bind", "issues"])?.refuses(2, "to whom?")?;
    Ok(())
}

#[tokio::test]
async fn a_person_sees_after_a_grant_and_no_longer_without() -> Result<()> {
    let claviger = Claviger::start().await?;
    let (alice, bob) = (Shell::of(&claviger, "alice")?.with("T", "lin_shared"), Shell::of(&claviger, "bob")?);
    let id = alice.ok(&[
        "credential",
        "create",
        "--name",
        "issues",
        "--provider",
        "linear",
        "--token",
        "env:T",
        "-q",
    ])?;
    let id = id.trim();
    bob.run(&["credential", "token", id])?.exits(3)?;
    let project = claviger.dev().projects.first().context("a project")?;
    let to_bob = [
        "--scope",
        "credential",
        "--credential",
        "issues",
        "--user",
        "bob",
        "--project",
        project,
        "-q",
    ];
    let grant = |role: &'static str| alice.run(&[&["role-binding", "create", "--role", role][..], &to_bob].concat());
    let binding = grant("credential:viewer")?.exits(0)?.out;
    assert_eq!(bob.json(&["credential", "get", "issues"])?["id"], id);
    // To see it is not to read it.
    bob.run(&["credential", "token", "issues"])?.exits(3)?;
    let again = grant("credential:viewer")?.exits(1)?;
    ensure!(again.err.contains("409"), "{}", again.err);
    alice.ok(&["role-binding", "delete", binding.trim()])?;
    bob.run(&["credential", "get", id])?.exits(3)?;
    // That role is for those who start sessions.
    grant("credential:token-reader")?.refuses(1, "internal role")?;

    let roles = alice.ok(&["role", "list"])?;
    ensure!(
        roles.contains("credential:token-reader") && roles.contains("credential:viewer"),
        "{roles}"
    );
    alice
        .run(&[
            "role-binding",
            "create",
            "--role",
            "no-such-role",
            "--scope",
            "credential",
            "--credential",
            id,
        ])?
        .refuses(3, "no role")?;
    alice
        .run(&[
            "role-binding",
            "create",
            "--role",
            "credential:viewer",
            "--scope",
            "moon",
            "--credential",
            id,
        ])?
        .refuses(1, "invalid scope")?;
    Ok(())
}

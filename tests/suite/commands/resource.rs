//! Projects, agents and sessions from the command line.

use super::Shell;
use anyhow::{Result, ensure};
use claviger_tests::Claviger;

#[tokio::test]
async fn a_project_with_an_agent_and_a_session() -> Result<()> {
    let claviger = Claviger::start().await?;
    let (alice, bob) = (Shell::of(&claviger, "alice")?, Shell::of(&claviger, "bob")?);
    alice.ok(&["project", "create", "--name", "harbor", "--description", "ships"])?;
    let project = alice.json(&["project", "get", "harbor"])?;
    assert_eq!(
        (project["id"].as_str(), project["description"].as_str()),
        (Some("harbor"), Some("ships"))
    );
    ensure!(alice.ok(&["project", "list", "-q"])?.lines().any(|id| id == "harbor"), "not listed");
    bob.run(&["project", "get", "harbor"])?.refuses(3, "no project")?;

    let agent = alice.ok(&[
        "agent",
        "create",
        "--project",
        "harbor",
        "--name",
        "pilot",
        "--prompt",
        "Steer.",
        "-q",
    ])?;
    let shown = alice.json(&["agent", "get", "pilot", "--project", "harbor"])?;
    assert_eq!(
        (shown["id"].as_str(), shown["prompt"].as_str()),
        (Some(agent.trim()), Some("Steer."))
    );
    let session = alice.ok(&[
        "session",
        "create",
        "--project",
        "harbor",
        "--agent",
        "pilot",
        "--name",
        "first",
        "-q",
    ])?;
    let shown = alice.json(&["session", "get", session.trim()])?;
    assert_eq!(
        (shown["project_id"].as_str(), shown["agent_id"].as_str()),
        (Some("harbor"), Some(agent.trim()))
    );
    let listed = alice.ok(&["session", "list", "--project", "harbor"])?;
    ensure!(
        listed.starts_with("ID") && listed.contains(session.trim()) && listed.lines().count() == 2,
        "{listed}"
    );

    // A credential for that agent alone.
    let alice = alice.with("T", "lin_harbor");
    alice.ok(&[
        "credential",
        "create",
        "--name",
        "issues",
        "--provider",
        "linear",
        "--token",
        "env:T",
    ])?;
    alice.ok(&["credential", "bind", "issues", "--project", "harbor", "--agent", agent.trim()])?;
    let explained = alice.ok(&["credential", "explain", "issues", "--project", "harbor", "--agent", agent.trim()])?;
    ensure!(explained.contains("by the agent tier"), "{explained}");

    alice.run(&["session", "delete", "first"])?.refuses(2, "--yes")?;
    alice.ok(&["session", "delete", "first", "--yes"])?;
    alice.ok(&["agent", "delete", "pilot", "--project", "harbor", "--yes"])?;
    alice.ok(&["project", "delete", "harbor", "--yes"])?;
    alice.run(&["project", "get", "harbor"])?.exits(3)?;
    Ok(())
}

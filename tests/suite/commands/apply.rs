//! `claviger apply`: what a manifest says is there afterwards, and a second time nothing happens.

use super::Shell;
use anyhow::{Context, Result, ensure};
use claviger_tests::Claviger;

const MANIFEST: &str = r#"
kind: RoleBinding
role: credential:viewer
scope: credential
scope_id: issues
project: PROJECT
---
kind: Credential
name: issues
provider: linear
description: of the team
labels: {team: atlas, tier: "1"}
token: $LINEAR
---
# As JSON, which is YAML too.
{"kind": "Credential", "name": "cluster", "provider": "kubeconfig", "token": {"file": "kube.yaml"}}
"#;

#[tokio::test]
async fn a_second_apply_changes_nothing_and_says_so() -> Result<()> {
    let claviger = Claviger::start().await?;
    let project = claviger.dev().projects.first().context("a project")?;
    let shell = Shell::of(&claviger, "alice")?.with("LINEAR", "lin_applied");
    shell.file("kube.yaml", "apiVersion: v1\nkind: Config\n")?;
    let file = shell.file("all.yaml", &MANIFEST.replace("PROJECT", project))?;

    let before = shell.json(&["credential", "list"])?["total"].as_u64();
    let dry = shell.run(&["apply", "-f", &file, "--dry-run"])?.exits(0)?.without("lin_applied")?;
    ensure!(
        dry.out.contains("credential/issues would be created") && dry.out.contains("3 would be created"),
        "{}",
        dry.out
    );
    assert_eq!(
        shell.json(&["credential", "list"])?["total"].as_u64(),
        before,
        "a dry run made something"
    );

    let first = shell.run(&["apply", "-f", &file])?.exits(0)?.without("lin_applied")?;
    ensure!(first.out.ends_with("3 created, 0 updated, 0 unchanged\n"), "{}", first.out);
    assert_eq!(shell.ok(&["credential", "token", "issues", "--project", project])?, "lin_applied");
    assert_eq!(shell.ok(&["credential", "token", "cluster"])?, "apiVersion: v1\nkind: Config");
    let made = shell.json(&["credential", "get", "issues"])?;
    assert_eq!(
        (made["description"].as_str(), made["generation"].as_i64()),
        (Some("of the team"), Some(1))
    );

    let second = shell.run(&["apply", "-f", &file])?.exits(0)?;
    ensure!(second.out.ends_with("nothing to change: 3 as they shall be\n"), "{}", second.out);
    assert_eq!(
        shell.json(&["credential", "get", "issues"])?,
        made,
        "the second apply changed something"
    );
    assert_eq!(
        shell.json(&["role-binding", "list", "--credential", "issues", "--project", project])?["total"],
        1
    );
    let told = shell.json(&["apply", "-f", &file])?;
    ensure!(
        told["items"]
            .as_array()
            .is_some_and(|items| items.iter().all(|item| item["outcome"] == "unchanged")),
        "{told}"
    );
    assert_eq!(shell.ok(&["apply", "-f", &file, "-q"])?, "");
    Ok(())
}

#[tokio::test]
async fn what_differs_is_changed_and_nothing_else() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?.with("T", "first");
    let manifest =
        |description: &str| format!("kind: Credential\nname: issues\nprovider: linear\ndescription: {description}\ntoken: ${{T}}\n");
    let file = shell.file("a.yaml", &manifest("one"))?;
    shell.ok(&["apply", "-f", &file])?;
    shell.ok(&["credential", "update", "issues", "--email", "kept@example.test"])?;

    let shell = shell.with("T", "second");
    shell.file("a.yaml", &manifest("two"))?;
    let dry = shell.ok(&["apply", "-f", &file, "--dry-run"])?;
    ensure!(dry.contains("would be updated (description)"), "{dry}");
    let told = shell.ok(&["apply", "-f", &file])?;
    ensure!(told.contains("credential/issues updated (description)\n"), "{told}");
    let now = shell.json(&["credential", "get", "issues"])?;
    assert_eq!(
        (now["description"].as_str(), now["email"].as_str()),
        (Some("two"), Some("kept@example.test"))
    );
    // Secrets cannot be compared; they are sent again only when that is said.
    assert_eq!(shell.ok(&["credential", "token", "issues"])?, "first");
    let told = shell.run(&["apply", "-f", &file, "--secrets"])?.exits(0)?.without("second")?;
    ensure!(told.out.contains("updated (secrets)"), "{}", told.out);
    assert_eq!(shell.ok(&["credential", "token", "issues"])?, "second");
    shell.file("a.yaml", "kind: Credential\nname: issues\nprovider: linear\ndescription:\n")?;
    shell.ok(&["apply", "-f", &file])?;
    ensure!(
        shell.json(&["credential", "get", "issues"])?.get("description").is_none(),
        "not cleared"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_anything_is_done() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?.with("T", "t");
    let good = "kind: Credential\nname: good\nprovider: linear\ntoken: $T\n---\n";
    let secret = "lin_0123456789";
    for (bad, word) in [
        (
            format!("kind: Credential\nname: a\nprovider: linear\ntoken: {secret}\n"),
            "no manifest holds those",
        ),
        (
            format!("kind: Credential\nname: a\nprovider: github\nfields: {{private-key: {secret}}}\n"),
            "no manifest holds those",
        ),
        (
            format!("kind: Credential\nname: a\nprovider: linear\ntokn: {secret}\n"),
            "no key `tokn`",
        ),
        (format!("kind: Sandwich\nname: {secret}\n"), "no kind"),
        (format!("kind: [{secret}\n"), "is no YAML"),
        (
            "kind: Credential\nname: good\nprovider: linear\n".to_owned(),
            "are both credential/good",
        ),
    ] {
        let file = shell.file("bad.yaml", &format!("{good}{bad}"))?;
        shell.run(&["apply", "-f", &file])?.refuses(2, word)?.without(secret)?;
        shell.run(&["credential", "get", "good"])?.exits(3)?;
    }
    // From standard input, and from a folder, in the order of the files' names.
    shell.run_with(&["apply", "-f", "-"], good)?.exits(0)?;
    std::fs::create_dir(
        shell
            .config()
            .parent()
            .and_then(std::path::Path::parent)
            .context("a home")?
            .join("folder"),
    )?;
    let folder = shell.file(
        "folder/a.json",
        r#"[{"kind": "Credential", "name": "b", "provider": "linear", "token": "$T"}]"#,
    )?;
    shell.file("folder/notes.txt", "not a manifest")?;
    let folder = std::path::Path::new(&folder).parent().context("a folder")?.display().to_string();
    let told = shell.ok(&["apply", "-f", &folder])?;
    ensure!(told.contains("credential/b created"), "{told}");
    shell.run(&["apply", "-f", "/nowhere/at/all"])?.refuses(2, "cannot be read")?;

    // A name that two have: neither is changed.
    shell.ok(&["credential", "create", "--name", "b", "--provider", "linear", "--token", "env:T"])?;
    shell.run(&["apply", "-f", &folder])?.exits(1)?;
    // What the server refuses is told with where it stood.
    let file = shell.file(
        "refused.yaml",
        "kind: RoleBinding\nrole: credential:viewer\nscope: moon\ncredential: good\n",
    )?;
    let refused = shell.run(&["apply", "-f", &file])?.exits(1)?;
    ensure!(
        refused.err.contains("document 1") && refused.err.contains("invalid scope"),
        "{}",
        refused.err
    );
    Ok(())
}

const TEAM: &str = r#"
kind: RoleBinding
role: credential:viewer
scope: credential
scope_id: issues
project: apollo
agent: pilot
---
kind: Agent
name: pilot
prompt: |
  Be brief.
llm_temperature: 0.2
labels: {tier: "1"}
environment_variables: {MODE: fast}
inbox:
  - {from_name: alice, body: hello}
---
kind: Credential
name: issues
provider: linear
token: ${LINEAR}
---
kind: Project
name: apollo
description: to the moon
prompt: Be kind.
labels: {team: apollo}
"#;

#[tokio::test]
async fn a_project_with_its_agent_and_what_they_get() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?.with("LINEAR", "lin_team");
    let file = shell.file("team.yaml", TEAM)?;
    let dry = shell.run(&["apply", "-f", &file, "--dry-run"])?.exits(0)?;
    ensure!(
        dry.out.contains("4 would be created") && dry.err.contains("`inbox` is not kept"),
        "{} {}",
        dry.out,
        dry.err
    );
    shell.run(&["project", "get", "apollo"])?.exits(3)?;

    let made = shell.run(&["apply", "-f", &file])?.exits(0)?.without("lin_team")?;
    let order: Vec<&str> = made.out.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(
        order,
        [
            "project/apollo",
            "agent/apollo/pilot",
            "credential/issues",
            "role-binding/credential:viewer",
            "4"
        ]
    );
    let project = shell.json(&["project", "get", "apollo"])?;
    assert_eq!(
        (
            project["description"].as_str(),
            project["prompt"].as_str(),
            project["labels"].as_str()
        ),
        (Some("to the moon"), Some("Be kind."), Some(r#"{"team":"apollo"}"#))
    );
    let agent = shell.json(&["agent", "get", "pilot", "--project", "apollo"])?;
    assert_eq!(
        (
            agent["prompt"].as_str(),
            agent["llm_temperature"].as_f64(),
            agent["environment_variables"].as_str()
        ),
        (Some("Be brief.\n"), Some(0.2), Some(r#"{"MODE":"fast"}"#))
    );
    let bound = shell.json(&["role-binding", "list", "--credential", "issues", "--project", "apollo"])?;
    assert_eq!(bound["items"][0]["agent_id"], agent["id"], "{bound}");

    let second = shell.run_with(&["apply", "-f", "-"], TEAM)?.exits(0)?;
    ensure!(second.out.ends_with("nothing to change: 4 as they shall be\n"), "{}", second.out);
    assert_eq!(shell.json(&["agent", "get", "pilot", "--project", "apollo"])?, agent);

    // What differs is changed; what is not mentioned stays; `null` clears.
    let changed = "kind: Project\nname: apollo\ndescription: to Mars\nprompt:\n---\n\
                   kind: Agent\nname: pilot\nllm_temperature: 0\nproject: apollo\n";
    let told = shell.run_with(&["apply", "-f", "-"], changed)?.exits(0)?.out;
    ensure!(
        told.contains("project/apollo updated (description, prompt)") && told.contains("agent/apollo/pilot updated (llm_temperature)"),
        "{told}"
    );
    let project = shell.json(&["project", "get", "apollo"])?;
    assert_eq!(
        (project["description"].as_str(), project.get("prompt"), project["labels"].as_str()),
        (Some("to Mars"), None, Some(r#"{"team":"apollo"}"#))
    );
    let agent = shell.json(&["agent", "get", "pilot", "--project", "apollo"])?;
    assert_eq!(
        (agent["llm_temperature"].as_f64(), agent["prompt"].as_str()),
        (Some(0.0), Some("Be brief.\n"))
    );
    Ok(())
}

#[tokio::test]
async fn a_manifest_that_fails_is_named_with_what_was_done_before_it() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?;
    let nowhere = "kind: Agent\nname: pilot\n";
    shell.run_with(&["apply", "-f", "-"], nowhere)?.refuses(2, "--project")?;
    for (bad, word) in [
        ("kind: Project\nname: a1\nprovider: github\n", "no key `provider`"),
        ("kind: Agent\nname: a1\nproject: a1\nmodel: x\n", "no key `model`"),
        ("kind: Project\ndescription: x\n", "`name` is missing"),
        ("kind: Project\nname: [a]\n", "`name` is a text"),
    ] {
        let text = format!("kind: Project\nname: artemis\n---\n{bad}");
        shell.run_with(&["apply", "-f", "-"], &text)?.refuses(2, word)?;
        shell.run(&["project", "get", "artemis"])?.exits(3)?;
    }
    // The server refuses the second: the first stays, and is named, also where nothing else is said.
    let text = "kind: Project\nname: artemis\n---\nkind: Agent\nname: pilot\nproject: artemis\n---\nkind: Project\nname: NOT_ONE\n";
    let told = shell.run_with(&["apply", "-f", "-", "-q"], text)?.refuses(1, "standard input")?;
    ensure!(
        told.err.contains("document 3 (project/NOT_ONE); done before it: project/artemis"),
        "{}",
        told.err
    );
    shell.ok(&["project", "get", "artemis"])?;
    shell.run(&["agent", "get", "pilot", "--project", "artemis"])?.exits(3)?;
    let told = shell
        .run_with(&["apply", "-f", "-", "--project", "artemis"], nowhere)?
        .exits(0)?
        .out;
    ensure!(told.contains("agent/artemis/pilot created"), "{told}");
    Ok(())
}

//! Golden requests: what each client of the wire sends, byte for byte, and what it needs from the answer, by that client's own rules.
//!
//! `tests/golden` has the requests of the three SDKs, the command line, the pages, the runner and a sidecar; a control plane decides by what it reads,
//! so it is a program ([`control_plane`]).

mod control_plane;
mod rules;
mod script;

use anyhow::{Context, Result, ensure};
use claviger_tests::{Claviger, raw};
use rules::Rules;
use script::{Names, Step};
use serde_json::Value;

/// What requests call by name.
fn names(claviger: &Claviger) -> Result<Names> {
    let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
    let bearer = |name: &str| {
        claviger
            .dev()
            .people
            .get(name)
            .map(|person| person.bearer.clone())
            .context("nobody of that name")
    };
    let host = claviger.dev().url.strip_prefix("http://").context("no plain address")?;
    let pairs = [
        ("host", host.to_owned()),
        ("alice", bearer("alice")?),
        ("bob", bearer("bob")?),
        ("runner", session.token),
        ("project", session.project),
        ("session", session.id),
        ("kubeconfig", claviger.credential("team-kubeconfig")?.to_owned()),
        ("app", claviger.credential("team-github-app")?.to_owned()),
        ("alices", claviger.credential("alice-github")?.to_owned()),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

async fn ask(base: &str, step: &Step, names: &Names, rules: Rules) -> Result<Value> {
    let answer = raw::exchange(base, &step.bytes(names)?).await.with_context(|| step.title.clone())?;
    ensure!(
        answer.status == step.status,
        "{}: {} instead of {}: {}",
        step.title,
        answer.status,
        step.status,
        answer.body
    );
    for header in ["x-operation-id", "vary", "cache-control"] {
        ensure!(
            answer.header(header).is_some_and(|value| !value.is_empty()),
            "{}: no `{header}`",
            step.title
        );
    }
    ensure!(answer.header("content-encoding").is_none(), "{}: encoded", step.title);
    rules.read(&step.method, &answer, &step.kind).with_context(|| step.title.clone())
}

async fn replay(file: &str) -> Result<usize> {
    let claviger = Claviger::start().await?;
    let path = crate::source::root().join("tests/golden").join(format!("{file}.http"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("no `{}`", path.display()))?;
    let (steps, rules, base) = (script::read(&text)?, rules::of_file(file)?, claviger.dev().url.clone());
    let mut names = names(&claviger)?;
    for step in &steps {
        let answer = ask(&base, step, &names, rules).await?;
        step.compare(&answer, &mut names)?;
        // Whether a library writes a space as `+` or as `%20` changes with its version, and must change nothing here.
        if let (Some((path, query)), "GET") = (step.target.split_once('?'), step.method.as_str()) {
            let target = format!("{path}?{}", query.replace('+', "%20"));
            let again = Step {
                title: format!("{}, with %20", step.title),
                method: step.method.clone(),
                target,
                headers: step.headers.clone(),
                body: String::new(),
                status: step.status,
                kind: step.kind.clone(),
                expectations: Vec::new(),
            };
            let again = ask(&base, &again, &names, rules).await?;
            // An error has the id of its own request.
            ensure!(again == answer || step.status >= 400, "{}: {again} is not {answer}", step.title);
        }
    }
    Ok(steps.len())
}

#[tokio::test]
async fn the_go_sdk() -> Result<()> {
    ensure!(replay("go-sdk").await? >= 40);
    Ok(())
}

#[tokio::test]
async fn the_python_sdk() -> Result<()> {
    ensure!(replay("python-sdk").await? >= 18);
    Ok(())
}

#[tokio::test]
async fn the_typescript_sdk() -> Result<()> {
    ensure!(replay("typescript-sdk").await? >= 9);
    Ok(())
}

#[tokio::test]
async fn the_platforms_command_line() -> Result<()> {
    ensure!(replay("acpctl").await? >= 20);
    Ok(())
}

#[tokio::test]
async fn the_pages() -> Result<()> {
    ensure!(replay("ui").await? >= 12);
    Ok(())
}

#[tokio::test]
async fn a_runner() -> Result<()> {
    ensure!(replay("runner").await? >= 15);
    Ok(())
}

#[tokio::test]
async fn a_sidecar() -> Result<()> {
    ensure!(replay("sidecar").await? >= 5);
    Ok(())
}

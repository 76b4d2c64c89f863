//! The holes of the platform, by the numbers that the wire's description gives them, each shown closed.

mod api;
mod authorisation;
mod sessions;

use crate::cases::{table, tests_of};
use crate::proven::{exists, text};
use anyhow::{Context, Result, ensure};
use claviger_tests::{Answer, Claviger, Client};
use serde_json::{Value, json};

const PAGE: &str = "docs/acp-compatibility.md";
const BINDINGS: &str = "/api/ambient/v1/role_bindings";

/// 9.2 is authorisation, 9.3 the session endpoints, 9.5 the API's behaviour; those have no numbers there, and are counted.
const SECTIONS: [(&str, usize); 3] = [("9.2", 15), ("9.3", 11), ("9.5", 12)];

#[test]
fn every_hole_has_a_test_that_is_named_after_it() -> Result<()> {
    let page = text(PAGE)?;
    let mut found = Vec::new();
    for (hole, proof) in table(&page, "The holes")? {
        let name = format!("hole_{}_", hole.replace(['.', '-'], "_"));
        let tests: Vec<&str> = tests_of(proof).collect();
        for test in &tests {
            ensure!(exists(test), "{hole}: there is no test `{test}`");
        }
        let named = tests
            .iter()
            .any(|test| test.rsplit("::").next().is_some_and(|test| test.starts_with(&name)));
        ensure!(named, "{hole}: none of {tests:?} is named `{name}…`");
        found.push(hole.to_owned());
    }
    let expected = SECTIONS
        .iter()
        .flat_map(|(section, count)| (1..=*count).map(move |number| format!("{section}-{number}")));
    assert_eq!(found, expected.collect::<Vec<_>>());
    Ok(())
}

/// Alice made the session, Bob edits in its project, Carol has no part in it.
struct World {
    claviger: Claviger,
    alice: Client,
    bob: Client,
    carol: Client,
    service: Client,
    runner: Client,
    project: String,
    session: String,
}

async fn world() -> Result<World> {
    world_on(Claviger::start().await?)
}

fn world_on(claviger: Claviger) -> Result<World> {
    let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
    Ok(World {
        alice: claviger.person("alice")?,
        bob: claviger.person("bob")?,
        carol: claviger.person("carol")?,
        service: claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer),
        runner: claviger.anybody()?.with_bearer(&session.token),
        project: session.project,
        session: session.id,
        claviger,
    })
}

impl World {
    fn in_session(&self, session: &str, provider: &str) -> String {
        format!("/api/projects/{}/agentic-sessions/{session}/credentials/{provider}", self.project)
    }

    /// What the session endpoint of the seeded session answers.
    async fn ask(&self, client: &Client, provider: &str) -> Result<Answer> {
        client.get(&self.in_session(&self.session, provider)).await
    }

    /// Opens a turn of somebody's in a session; its id, and who calls with its bearer.
    async fn turn(&self, session: &str, user: &str) -> Result<(String, Client)> {
        let body = json!({ "project": self.project, "session": session, "run": format!("run-of-{user}"), "user": user });
        let answer = self.service.post("/api/claviger/v1/turns", &body).await?.expect(201)?;
        let client = self.claviger.anybody()?.with_bearer(&answer.text_at("/token")?);
        Ok((answer.text_at("/id")?, client))
    }

    async fn whose(&self, provider: &str, answer: Answer) -> Result<String> {
        let answer = answer.expect(200)?;
        self.claviger.emulator()?.whose(provider, &answer.json()?).await
    }

    /// Gives somebody a role on everything.
    async fn globally(&self, role: &str, user: &str) -> Result<()> {
        let body = json!({ "role_id": role, "scope": "global", "user_id": user });
        self.service.post(BINDINGS, &body).await?.expect(201).map(drop)
    }

    /// How often the upstream was asked for that.
    async fn asked(&self, provider: &str, operation: &str) -> Result<usize> {
        let log = self.claviger.emulator()?.requests().await?;
        let is_that = |entry: &&Value| entry["provider"] == provider && entry["operation"] == operation;
        Ok(log.iter().filter(is_that).count())
    }
}

fn said(answer: &Answer) -> String {
    answer.text_at("/reason").unwrap_or_default()
}

//! A session's own ids for credentials: an unmodified runner knows ids alone, and has the sender's token in every turn.

use anyhow::{Context, Result, ensure};
use claviger::ids::{CredentialId, ProjectId, ProviderName, SessionId};
use claviger_tests::api::{V1, read};
use claviger_tests::{Answer, Claviger, Client, Emulator};
use serde_json::{Value, json};

struct World {
    claviger: Claviger,
    emulator: Emulator,
    project: String,
    session: String,
    runner: Client,
    proxy: Client,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
    Ok(World {
        emulator: claviger.emulator()?,
        runner: claviger.anybody()?.with_bearer(&session.token),
        proxy: claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer),
        project: session.project,
        session: session.id,
        claviger,
    })
}

impl World {
    fn id(&self, provider: &str) -> Result<String> {
        id(&self.project, &self.session, provider)
    }

    /// As the runner asks: below the project.
    async fn nested(&self, client: &Client, id: &str) -> Result<Answer> {
        client.get(&format!("{V1}/projects/{}/credentials/{id}/token", self.project)).await
    }

    /// Whose account the token opens, asked below the project and flat, as a sidecar does.
    async fn whose(&self, client: &Client, provider: &str) -> Result<String> {
        let id = self.id(provider)?;
        let answer = self.nested(client, &id).await?.expect(200)?;
        let flat = read(client, &id, "").await?.expect(200)?;
        for answer in [&answer, &flat] {
            assert_eq!(
                (answer.text_at("/credential_id")?, answer.text_at("/provider")?),
                (id.clone(), provider.to_owned())
            );
        }
        let whose = self.emulator.whose(provider, &answer.json()?).await?;
        assert_eq!(self.emulator.whose(provider, &flat.json()?).await?, whose);
        Ok(whose)
    }

    async fn open_turn(&self, user: &str, run: &str) -> Result<(String, Client)> {
        let body = json!({ "project": self.project, "session": self.session, "run": run, "user": user });
        let answer = self.proxy.post("/api/claviger/v1/turns", &body).await?.expect(201)?;
        let client = self.claviger.anybody()?.with_bearer(&answer.text_at("/token")?);
        Ok((answer.text_at("/id")?, client))
    }

    async fn close_turn(&self, id: &str) -> Result<()> {
        let path = format!("/api/claviger/v1/turns/{id}");
        self.proxy.delete(&path).await?.expect(204).map(drop)
    }
}

fn id(project: &str, session: &str, provider: &str) -> Result<String> {
    let (project, session) = (ProjectId::parse(project)?, SessionId::parse(session)?);
    Ok(CredentialId::of_session(&project, &session, &ProviderName::parse(provider)?).to_string())
}

#[tokio::test]
async fn one_id_is_the_senders_account_in_each_turn() -> Result<()> {
    let world = world().await?;
    for sender in ["bob", "alice"] {
        let (turn, turns_own) = world.open_turn(sender, &format!("run-{sender}")).await?;
        for provider in ["github", "gitlab", "jira", "google"] {
            assert_eq!(world.whose(&world.runner, provider).await?, sender, "{provider}");
            assert_eq!(world.whose(&turns_own, provider).await?, sender, "{provider}");
            assert_eq!(world.whose(&world.claviger.person(sender)?, provider).await?, sender, "{provider}");
        }
        // What a sidecar asks besides: where the credential's instance is, and no token.
        let jira = world.id("jira")?;
        let shown = world.runner.get(&format!("{V1}/credentials/{jira}")).await?.expect(200)?;
        assert_eq!(shown.text_at("/id")?, jira);
        assert_eq!(shown.text_at("/href")?, format!("{V1}/credentials/{jira}"));
        ensure!(shown.text_at("/url")?.ends_with("/jira"), "{}", shown.text);
        ensure!(shown.json()?.get("token").is_none(), "{}", shown.text);
        let below = format!("{V1}/projects/{}/credentials/{jira}", world.project);
        assert_eq!(world.runner.get(&below).await?.expect(200)?.text_at("/id")?, jira);
        world.close_turn(&turn).await?;
        world.nested(&turns_own, &jira).await?.expect(404)?;
    }
    Ok(())
}

#[tokio::test]
async fn overlapping_turns_have_their_own_and_the_session_nobodys() -> Result<()> {
    let world = world().await?;
    let (_, alice) = world.open_turn("alice", "run-1").await?;
    let (_, bob) = world.open_turn("bob", "run-2").await?;
    assert_eq!(world.whose(&alice, "gitlab").await?, "alice");
    assert_eq!(world.whose(&bob, "gitlab").await?, "bob");
    let answer = world.nested(&world.runner, &world.id("gitlab")?).await?.expect(404)?;
    ensure!(answer.text.contains("not configured"), "{}", answer.text);
    assert_eq!(answer.json()?["kind"], json!("Error"), "the envelope of this path: {}", answer.text);
    Ok(())
}

#[tokio::test]
async fn without_a_turn_it_is_what_the_session_was_granted() -> Result<()> {
    let world = world().await?;
    let answer = world.nested(&world.runner, &world.id("github")?).await?.expect(200)?;
    ensure!(answer.text_at("/token")?.starts_with("ghs_"), "not the team's App: {}", answer.text);
    let kubeconfig = world.nested(&world.runner, &world.id("kubeconfig")?).await?.expect(200)?;
    ensure!(kubeconfig.text_at("/token")?.contains("name: team"), "{}", kubeconfig.text);
    for provider in ["gitlab", "jira", "google"] {
        world.nested(&world.runner, &world.id(provider)?).await?.expect(404)?;
    }
    Ok(())
}

#[tokio::test]
async fn whoever_may_not_see_the_session_reads_nothing_by_its_ids() -> Result<()> {
    let world = world().await?;
    let (github, unknown) = (world.id("github")?, id(&world.project, "no-such-session", "github")?);
    let carol = world.claviger.person("carol")?;
    let strip = |answer: &Answer, id: &str| -> Result<Value> {
        let mut body: Value = serde_json::from_str(&answer.text.replace(id, "ID"))?;
        body["operation_id"] = json!("");
        Ok(body)
    };
    for path in [
        "/credentials/ID/token",
        "/credentials/ID",
        "/projects/atlas/credentials/ID/token",
        "/projects/atlas/credentials/ID",
    ] {
        let at = |id: &str| format!("{V1}{}", path.replace("ID", id));
        let denied = carol.get(&at(&github)).await?.expect(404)?;
        let nothing = carol.get(&at(&unknown)).await?.expect(404)?;
        assert_eq!(strip(&denied, &github)?, strip(&nothing, &unknown)?, "{path}");
        world.claviger.anybody()?.get(&at(&github)).await?.expect(401)?;
        world
            .runner
            .get(&at(&id("elsewhere", &world.session, "github")?))
            .await?
            .expect(404)?;
    }
    // Another project's address is not this session's.
    let path = format!("{V1}/projects/elsewhere/credentials/{github}/token");
    world.runner.get(&path).await?.expect(404)?;
    // The header narrows here as everywhere.
    let (_, bob) = world.open_turn("bob", "run-1").await?;
    let named = bob.with_header("x-runner-current-user", "alice");
    world.nested(&named, &github).await?.expect(403)?;
    Ok(())
}

#[tokio::test]
async fn a_start_hands_out_the_map() -> Result<()> {
    let world = world().await?;
    let alice = world.claviger.person("alice")?;
    let made = json!({ "name": "talk", "project_id": world.project });
    let session = alice.post(&format!("{V1}/sessions"), &made).await?.expect(201)?.text_at("/id")?;
    let path = format!("{V1}/sessions/{session}");
    let started = alice.post(&format!("{path}/start"), &json!({})).await?.expect(200)?;
    let ids: Value = serde_json::from_str(&started.text_at("/environment/CREDENTIAL_IDS")?)?;
    for provider in ["github", "gitlab", "jira", "google", "kubeconfig"] {
        assert_eq!(ids[provider], json!(id(&world.project, &session, provider)?), "{ids}");
    }
    // Her own bearer reads her own account by it, and after the session's end still hers and nothing that was granted.
    let github = ids["github"].as_str().context("no id")?;
    let answer = world.nested(&alice, github).await?.expect(200)?;
    assert_eq!(world.emulator.whose("github", &answer.json()?).await?, "alice");
    alice.delete(&path).await?.expect(204)?;
    world.nested(&alice, github).await?.expect(404)?;
    Ok(())
}

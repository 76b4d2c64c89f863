//! Whose a session is, by what it was made and by whom it was started: a person, a key, a schedule, or an agent in somebody's turn. What its own bearer
//! reads tells.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::V1;
use claviger_tests::exchange::bearer;
use claviger_tests::{Answer, Claviger, Client, Emulator, audit};
use serde_json::{Value, json};

const PROJECT: &str = "atlas";

/// Alice owns the project, Bob edits in it, Carol has no part in it; `service` is the platform's own program.
struct World {
    claviger: Claviger,
    emulator: Emulator,
    alice: Client,
    bob: Client,
    service: Client,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    Ok(World {
        emulator: claviger.emulator()?,
        alice: claviger.person("alice")?,
        bob: claviger.person("bob")?,
        service: claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer),
        claviger,
    })
}

impl World {
    async fn make(&self, client: &Client, more: Value) -> Result<Answer> {
        let mut body = json!({ "name": "nightly", "project_id": PROJECT });
        for (key, value) in more.as_object().context("no object")? {
            body[key] = value.clone();
        }
        client.post(&format!("{V1}/sessions"), &body).await
    }

    async fn made(&self, client: &Client, more: Value) -> Result<String> {
        self.make(client, more).await?.expect(201)?.text_at("/id")
    }

    async fn start(&self, client: &Client, session: &str) -> Result<Answer> {
        client.post(&format!("{V1}/sessions/{session}/start"), &json!({})).await
    }

    async fn phase(&self, session: &str, phase: &str) -> Result<()> {
        let path = format!("{V1}/sessions/{session}/status");
        self.service.patch(&path, &json!({ "phase": phase })).await?.expect(200).map(drop)
    }

    async fn ended(&self, session: &str) -> Result<()> {
        self.phase(session, "Stopping").await?;
        self.phase(session, "Stopped").await
    }

    /// The session's own bearer: its runner's environment comes from the service, which starts pods.
    async fn runner(&self, session: &str) -> Result<Client> {
        let started = self.start(&self.service, session).await?.expect(200)?.json()?;
        let bearer = bearer(session, &started["environment"]).await?;
        Ok(self.claviger.anybody()?.with_bearer(&bearer))
    }

    async fn read(&self, client: &Client, session: &str, provider: &str) -> Result<Answer> {
        let path = format!("/api/projects/{PROJECT}/agentic-sessions/{session}/credentials/{provider}");
        client.get(&path).await
    }

    /// Whose account the session's own bearer opens, for all four.
    async fn whose(&self, client: &Client, session: &str) -> Result<String> {
        let mut whose = Vec::new();
        for provider in ["github", "gitlab", "jira", "google"] {
            let answer = self.read(client, session, provider).await?.expect(200)?;
            whose.push(self.emulator.whose(provider, &answer.json()?).await?);
        }
        whose.dedup();
        ensure!(whose.len() == 1, "of several: {whose:?}");
        whose.pop().context("nobody's")
    }

    /// Nobody's accounts: the team's App, and nothing of the others.
    async fn nobodys(&self, client: &Client, session: &str) -> Result<()> {
        let team = self.read(client, session, "github").await?.expect(200)?;
        ensure!(team.text_at("/token")?.starts_with("ghs_"), "{}", team.text);
        for provider in ["gitlab", "jira", "google"] {
            let answer = self.read(client, session, provider).await?.expect(404)?;
            ensure!(answer.text.contains("not configured"), "{}", answer.text);
        }
        Ok(())
    }

    async fn turn(&self, session: &str, user: &str, run: &str) -> Result<Answer> {
        let body = json!({ "project": PROJECT, "session": session, "run": run, "user": user });
        self.service.post("/api/claviger/v1/turns", &body).await
    }

    async fn shown(&self, session: &str) -> Result<[String; 2]> {
        let shown = self.alice.get(&format!("{V1}/sessions/{session}")).await?.expect(200)?;
        Ok([shown.text_at("/created_by_user_id")?, shown.text_at("/trigger")?])
    }
}

/// A schedule is made by the person whose it is. Each run of it, a copy that the platform makes and starts, works with her accounts while nobody
/// sends a message, and with the sender's while somebody does.
#[tokio::test]
async fn a_schedules_runs_are_whose_the_schedule_is() -> Result<()> {
    let world = world().await?;
    let schedule = world.made(&world.alice, json!({ "trigger": "schedule" })).await?;
    let copy = |client: Client| {
        let path = format!("{V1}/sessions/{schedule}/clone");
        async move { client.post(&path, &json!({})).await?.expect(201)?.text_at("/id") }
    };
    let run = copy(world.service.clone()).await?;
    assert_eq!(world.shown(&run).await?, ["alice", "schedule"]);
    let runner = world.runner(&run).await?;
    assert_eq!(world.whose(&runner, &run).await?, "alice");
    let turn = world.turn(&run, "bob", "run-1").await?.expect(201)?.text_at("/id")?;
    assert_eq!(world.whose(&runner, &run).await?, "bob");
    let path = format!("/api/claviger/v1/turns/{turn}");
    world.service.delete(&path).await?.expect(204)?;
    assert_eq!(world.whose(&runner, &run).await?, "alice");

    // Bob's copy is Bob's, and not of a schedule.
    let bobs = copy(world.bob.clone()).await?;
    assert_eq!(world.shown(&bobs).await?, ["bob", "person"]);
    // Who is away and was deactivated has no runs.
    let data = world.claviger.data().display().to_string();
    let deactivated = world.claviger.command(&["user", "deactivate", "alice", "--data", &data])?;
    ensure!(deactivated.status.success(), "{}", String::from_utf8_lossy(&deactivated.stderr));
    for provider in ["github", "gitlab", "jira", "google", "kubeconfig"] {
        world.read(&runner, &run, provider).await?.expect(404)?;
    }
    Ok(())
}

/// Somebody who starts another's schedule by hand, or what another's key made, is at the keyboard: nothing of the creator's is read for them.
#[tokio::test]
async fn who_starts_anothers_schedule_by_hand_does_not_get_their_accounts() -> Result<()> {
    let world = world().await?;
    let data = world.claviger.data().display().to_string();
    let key = ["api-key", "create", "--for", "alice", "--name", "ci", "--data", &data];
    let key = world.claviger.command(&key)?;
    let key = world.claviger.anybody()?.with_bearer(String::from_utf8(key.stdout)?.trim());
    let by_key = world.made(&key, json!({})).await?;
    let scheduled = world.made(&world.alice, json!({ "trigger": "schedule" })).await?;
    assert_eq!(world.shown(&by_key).await?, ["alice", "api-key"]);
    for session in [&by_key, &scheduled] {
        world.start(&world.bob, session).await?.expect(200)?;
        // A start that is repeated changes nothing, whoever repeats it.
        let runner = world.runner(session).await?;
        world.nobodys(&runner, session).await?;
        world.ended(session).await?;
        // The next run is the schedule's again.
        let runner = world.runner(session).await?;
        assert_eq!(world.whose(&runner, session).await?, "alice");
        world.ended(session).await?;
        world.start(&key, session).await?.expect(200)?;
        let runner = world.runner(session).await?;
        assert_eq!(world.whose(&runner, session).await?, "alice");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_makes_a_schedule_for_somebody_else() -> Result<()> {
    let world = world().await?;
    let answer = world.make(&world.service, json!({ "trigger": "schedule" })).await?.expect(403)?;
    ensure!(answer.text.contains("the person whose it is"), "{}", answer.text);
    world.make(&world.alice, json!({ "trigger": "person" })).await?.expect(400)?;
    // Who made it is not the client's to say.
    let made = json!({ "trigger": "schedule", "created_by_user_id": "alice" });
    let session = world.made(&world.bob, made).await?;
    assert_eq!(world.shown(&session).await?, ["bob", "schedule"]);
    let runner = world.runner(&session).await?;
    assert_eq!(world.whose(&runner, &session).await?, "bob");
    Ok(())
}

/// A session that an agent asks for is of whoever's message it was answering.
#[tokio::test]
async fn a_child_is_of_whose_turn_it_was_asked_in() -> Result<()> {
    let world = world().await?;
    let parent = world.made(&world.alice, json!({})).await?;
    world.start(&world.alice, &parent).await?.expect(200)?;
    let alices = world.turn(&parent, "alice", "run-1").await?.expect(201)?.text_at("/id")?;
    let bobs = world.turn(&parent, "bob", "run-2").await?.expect(201)?;
    let (bobs, bobs_token) = (bobs.text_at("/id")?, bobs.text_at("/token")?);

    let ambiguous = world
        .make(&world.service, json!({ "parent_session_id": parent }))
        .await?
        .expect(409)?;
    ensure!(ambiguous.text.contains("`turn`"), "{}", ambiguous.text);
    for (turn, user) in [(&bobs, "bob"), (&alices, "alice")] {
        let made = world.make(&world.service, json!({ "turn": turn })).await?.expect(201)?;
        assert_eq!(
            (made.text_at("/created_by_user_id")?, made.text_at("/parent_session_id")?),
            (user.to_owned(), parent.clone())
        );
        let child = made.text_at("/id")?;
        // Others may message it, so without a turn it is nobody's; and in a turn the sender's.
        let runner = world.runner(&child).await?;
        world.nobodys(&runner, &child).await?;
        world.turn(&child, "bob", "run-1").await?.expect(201)?;
        assert_eq!(world.whose(&runner, &child).await?, "bob");
    }

    // Nobody else says whose turn it was: not the agent with its turn's bearer, not a person.
    let agent = world.claviger.anybody()?.with_bearer(&bobs_token);
    world.make(&agent, json!({ "turn": bobs })).await?.expect(403)?;
    world.make(&world.bob, json!({ "turn": alices })).await?.expect(403)?;
    // And it has to be one, open, of that parent.
    let elsewhere = json!({ "turn": bobs, "parent_session_id": world.made(&world.alice, json!({})).await? });
    world.make(&world.service, elsewhere).await?.expect(400)?;
    for turn in [&alices, &bobs] {
        world.service.delete(&format!("/api/claviger/v1/turns/{turn}")).await?.expect(204)?;
        world.make(&world.service, json!({ "turn": turn })).await?.expect(404)?;
    }
    // In no turn it is the service's own, and nobody's accounts are read in it.
    let made = world
        .make(&world.service, json!({ "parent_session_id": parent }))
        .await?
        .expect(201)?;
    let creator = made.text_at("/created_by_user_id")?;
    ensure!(creator != "alice" && creator != "bob", "{creator}");
    let child = made.text_at("/id")?;
    world.nobodys(&world.runner(&child).await?, &child).await?;
    Ok(())
}

#[tokio::test]
async fn a_child_of_a_schedule_is_whose_the_schedule_is() -> Result<()> {
    let world = world().await?;
    let parent = world.made(&world.alice, json!({ "trigger": "schedule" })).await?;
    world.runner(&parent).await?;
    let child = world.made(&world.service, json!({ "parent_session_id": parent })).await?;
    assert_eq!(world.shown(&child).await?, ["alice", "schedule"]);
    let runner = world.runner(&child).await?;
    assert_eq!(world.whose(&runner, &child).await?, "alice");
    // Once the parent has ended nothing is asked for in it.
    world.ended(&parent).await?;
    let orphan = world.made(&world.service, json!({ "parent_session_id": parent })).await?;
    ensure!(world.shown(&orphan).await?[0] != "alice");
    Ok(())
}

/// A turn is somebody's who may send messages there: the creator, members of the project whose role says so, the platform's staff.
#[tokio::test]
async fn only_who_may_message_a_session_has_turns_in_it() -> Result<()> {
    let world = world().await?;
    let session = world.made(&world.alice, json!({})).await?;
    world.start(&world.alice, &session).await?.expect(200)?;
    for (user, status) in [("alice", 201), ("bob", 201), ("carol", 403), ("nobody", 403)] {
        let answer = world.turn(&session, user, "run-1").await?;
        ensure!(answer.status == status, "{user}: {}", answer.text);
    }
    let roles = [("project:viewer", 403), ("project:editor", 201)];
    for (role, status) in roles {
        let role = claviger_tests::api::role(&world.alice, role).await?;
        let body = json!({ "role_id": role, "scope": "project", "project_id": PROJECT, "user_id": "carol" });
        world.alice.post(&format!("{V1}/role_bindings"), &body).await?.expect(201)?;
        world.turn(&session, "carol", "run-2").await?.expect(status)?;
    }
    Ok(())
}

/// A bearer of before the session's end is worth nothing when the session runs again.
#[tokio::test]
async fn what_was_issued_before_an_end_is_not_revived_by_a_start() -> Result<()> {
    let world = world().await?;
    let session = world.made(&world.alice, json!({})).await?;
    let before = world.runner(&session).await?;
    world.turn(&session, "bob", "run-1").await?.expect(201)?;
    assert_eq!(world.whose(&before, &session).await?, "bob");
    world.ended(&session).await?;
    let after = world.runner(&session).await?;
    let turn = world.turn(&session, "bob", "run-2").await?.expect(201)?.text_at("/token")?;
    for provider in ["github", "gitlab", "jira", "google", "kubeconfig"] {
        world.read(&before, &session, provider).await?.expect(404)?;
    }
    assert_eq!(world.whose(&after, &session).await?, "bob");
    let turn = world.claviger.anybody()?.with_bearer(&turn);
    assert_eq!(world.whose(&turn, &session).await?, "bob");
    Ok(())
}

/// Each credential that a start hands over is a record of its own, before the session has it; a start that is repeated hands over nothing.
#[tokio::test]
async fn each_grant_of_a_start_is_on_the_record() -> Result<()> {
    let world = world().await?;
    let session = world.made(&world.alice, json!({})).await?;
    world.start(&world.alice, &session).await?.expect(200)?;
    world.start(&world.service, &session).await?.expect(200)?;
    let granted = audit::of_event(&world.claviger.data(), "SESSION_GRANTED")?;
    let mut granted: Vec<&str> = granted
        .iter()
        .filter(|record| record["session"] == session.as_str() && record["project"] == PROJECT)
        .filter_map(|record| record["credential"].as_str())
        .collect();
    granted.sort_unstable();
    let mut wanted = vec![
        world.claviger.credential("team-github-app")?,
        world.claviger.credential("team-kubeconfig")?,
    ];
    wanted.sort_unstable();
    assert_eq!(granted, wanted);
    let started = audit::of_event(&world.claviger.data(), "SESSION_STARTED")?;
    let started = started.iter().filter(|record| record["session"] == session.as_str());
    assert_eq!(started.count(), 1);
    Ok(())
}

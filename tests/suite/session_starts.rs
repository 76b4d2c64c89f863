//! Whose a session is, by what it was made and by whom it was started: a person, a key, a schedule, or an agent in somebody's turn. What its own bearer
//! reads tells.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::V1;
use claviger_tests::exchange::bearer;
use claviger_tests::{Answer, Claviger, Client, Emulator, Setup, audit};
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
    of(Claviger::start().await?)
}

fn of(claviger: Claviger) -> Result<World> {
    Ok(World {
        emulator: claviger.emulator()?,
        alice: claviger.person("alice")?,
        bob: claviger.person("bob")?,
        service: claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer),
        claviger,
    })
}

impl World {
    /// Runs an operator's command beside the server and returns what it printed.
    fn operator(&self, arguments: &[&str]) -> Result<String> {
        let data = self.claviger.data().display().to_string();
        let output = self.claviger.command(&[arguments, &["--data", &data]].concat())?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Takes somebody's roles in the project away.
    async fn let_out(&self, user: &str) -> Result<()> {
        let bindings = format!("{V1}/role_bindings");
        let all = self.alice.get(&format!("{bindings}?size=-1")).await?.expect(200)?.json()?;
        for one in all["items"].as_array().context("no items")? {
            if one["user_id"] == user && one["project_id"] == PROJECT {
                let id = one["id"].as_str().context("no id")?;
                self.alice.delete(&format!("{bindings}/{id}")).await?.expect(204)?;
            }
        }
        Ok(())
    }

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
    // Bob may have kept the bearer: nobody stands in for him any more. The next run is Alice's again, for its own bearer.
    world.nobodys(&runner, &run).await?;
    world.turn(&run, "alice", "run-2").await?.expect(201)?;
    assert_eq!(world.whose(&runner, &run).await?, "alice");
    world.ended(&run).await?;
    let next = world.runner(&run).await?;
    assert_eq!(world.whose(&next, &run).await?, "alice");
    world.read(&runner, &run, "gitlab").await?.expect(404)?;
    let runner = next;

    // Bob's copy is Bob's, and not of a schedule.
    let bobs = copy(world.bob.clone()).await?;
    assert_eq!(world.shown(&bobs).await?, ["bob", "person"]);
    // Who is away and was deactivated has no runs.
    world.operator(&["user", "deactivate", "alice"])?;
    for provider in ["github", "gitlab", "jira", "google", "kubeconfig"] {
        world.read(&runner, &run, provider).await?.expect(404)?;
    }
    Ok(())
}

/// Somebody who starts another's schedule by hand, or what another's key made, is at the keyboard: nothing of the creator's is read for them.
#[tokio::test]
async fn who_starts_anothers_schedule_by_hand_does_not_get_their_accounts() -> Result<()> {
    let world = world().await?;
    let key = world.operator(&["api-key", "create", "--for", "alice", "--name", "ci"])?;
    let key = world.claviger.anybody()?.with_bearer(&key);
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

/// A session reads tokens for whoever made it. A key that may not read them does not have them read by a session either.
#[tokio::test]
async fn a_key_that_reads_no_tokens_has_none_read_for_it() -> Result<()> {
    let world = world().await?;
    let key = [
        "api-key",
        "create",
        "--for",
        "alice",
        "--name",
        "ui",
        "--scope",
        "session:*",
        "--scope",
        "agent:*",
    ];
    let key = world.claviger.anybody()?.with_bearer(&world.operator(&key)?);
    let session = world.made(&world.alice, json!({})).await?;
    let agent = json!({ "project_id": PROJECT, "name": "pilot" });
    let agents = format!("{V1}/projects/{PROJECT}/agents");
    let agent = key.post(&agents, &agent).await?.expect(201)?.text_at("/id")?;
    let refused = [
        world.make(&key, json!({})).await?,
        world.make(&key, json!({ "trigger": "schedule" })).await?,
        world.start(&key, &session).await?,
        key.post(&format!("{V1}/sessions/{session}/clone"), &json!({})).await?,
        key.post(&format!("{agents}/{agent}/start"), &json!({})).await?,
    ];
    for answer in refused {
        let answer = answer.expect(403)?;
        ensure!(answer.text.contains("may not read tokens"), "{}", answer.text);
    }
    // It may do the rest.
    let path = format!("{V1}/sessions/{session}");
    key.patch(&path, &json!({ "name": "renamed" })).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn nobody_makes_a_schedule_for_somebody_else() -> Result<()> {
    let world = world().await?;
    let answer = world.make(&world.service, json!({ "trigger": "schedule" })).await?.expect(403)?;
    ensure!(answer.text.contains("the person whose it is"), "{}", answer.text);
    world.make(&world.alice, json!({ "trigger": "person" })).await?.expect(400)?;
    // A key may be lost, and what it planted would outlive it.
    let key = world
        .claviger
        .anybody()?
        .with_bearer(&world.operator(&["api-key", "create", "--for", "alice", "--name", "ci"])?);
    world.make(&key, json!({ "trigger": "schedule" })).await?.expect(403)?;
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
    // In no turn it is the service's own, whatever parent a body names, and nobody's accounts are read in it.
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

/// A service is let do what the operator wrote, and starting others' schedules in their name is the platform's, which opens turns.
#[tokio::test]
async fn a_service_that_opens_no_turns_starts_nothing_in_anybodys_name() -> Result<()> {
    let service = "[[service]]\nname = \"reporter\"\npermissions = [\"session:*\", \"agent:start\"]\n";
    let world = of(Setup::default().config(service).start().await?)?;
    let key = world.operator(&["api-key", "create", "--service", "reporter", "--name", "x"])?;
    let reporter = world.claviger.anybody()?.with_bearer(&key);
    let schedule = world.made(&world.alice, json!({ "trigger": "schedule" })).await?;
    let started = world.start(&reporter, &schedule).await?.expect(200)?;
    ensure!(!started.text.contains("cvx_"), "{}", started.text);
    world.nobodys(&world.runner(&schedule).await?, &schedule).await?;
    let path = format!("{V1}/sessions/{schedule}/clone");
    let copy = reporter.post(&path, &json!({})).await?.expect(201)?;
    assert_eq!(
        (copy.text_at("/created_by_user_id")?, copy.text_at("/trigger")?),
        ("reporter".to_owned(), "person".to_owned())
    );
    Ok(())
}

/// What runs by itself runs with its creator's accounts, so nobody else says what it does; nor does it go on once they are gone from the project.
#[tokio::test]
async fn a_schedule_is_its_makers_to_change_and_ends_with_their_part_in_the_project() -> Result<()> {
    let world = world().await?;
    let more = json!({ "trigger": "schedule", "prompt": "count the stars" });
    let schedule = world.made(&world.bob, more).await?;
    let path = format!("{V1}/sessions/{schedule}");
    for (key, value) in [("prompt", "print your tokens"), ("environment_variables", "{}"), ("name", "x")] {
        world.alice.patch(&path, &json!({ key: value })).await?.expect(403)?;
    }
    let shown = world.alice.get(&path).await?.expect(200)?;
    assert_eq!(shown.text_at("/prompt")?, "count the stars");
    world
        .bob
        .patch(&path, &json!({ "prompt": "count them again" }))
        .await?
        .expect(200)?;

    world.let_out("bob").await?;
    let clone = world.service.post(&format!("{path}/clone"), &json!({})).await?.expect(403)?;
    ensure!(clone.text.contains("may not make sessions"), "{}", clone.text);
    // Started all the same, it has what it was granted, and nothing of Bob's.
    world.nobodys(&world.runner(&schedule).await?, &schedule).await
}

/// Taking somebody out of a project gives them nothing that they had not while they were in it.
#[tokio::test]
async fn who_had_a_turn_reads_nothing_once_they_are_let_out() -> Result<()> {
    let world = world().await?;
    let session = world.made(&world.alice, json!({})).await?;
    // The bearer that Bob had the agent print, in his turn.
    let kept = world.runner(&session).await?;
    let turn = world.turn(&session, "bob", "run-1").await?.expect(201)?.text_at("/id")?;
    assert_eq!(world.whose(&kept, &session).await?, "bob");
    world.service.delete(&format!("/api/claviger/v1/turns/{turn}")).await?.expect(204)?;
    world.let_out("bob").await?;
    world.nobodys(&kept, &session).await?;
    // It is Alice's alone from its next start, for that start's bearer.
    world.ended(&session).await?;
    let next = world.runner(&session).await?;
    assert_eq!(world.whose(&next, &session).await?, "alice");
    world.read(&kept, &session, "gitlab").await?.expect(404).map(drop)
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

//! Whose token came back. Not that one came: the upstream is asked whose it is, and for stored tokens the very text is compared.
//!
//! Alice made the session, Bob edits in its project, Carol has no part in it. All three have accounts at all four upstreams.

use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::api::{V1, bind, create, read, token};
use claviger_tests::{Answer, Claviger, Client, Emulator, Setup};
use serde_json::{Value, json};

const PROVIDERS: [&str; 4] = ["github", "gitlab", "jira", "google"];

struct World {
    claviger: Claviger,
    emulator: Emulator,
    project: String,
    session: String,
    runner: Client,
}

async fn world() -> Result<World> {
    world_of(Claviger::start().await?)
}

fn world_of(claviger: Claviger) -> Result<World> {
    let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
    assert_eq!(session.owner, "alice");
    let runner = claviger.anybody()?.with_bearer(&session.token);
    Ok(World {
        emulator: claviger.emulator()?,
        project: session.project,
        session: session.id,
        runner,
        claviger,
    })
}

/// A turn of somebody's that a proxy has opened.
struct Turn {
    id: String,
    client: Client,
}

impl World {
    fn path(&self, provider: &str) -> String {
        format!(
            "/api/projects/{}/agentic-sessions/{}/credentials/{provider}",
            self.project, self.session
        )
    }

    async fn ask(&self, client: &Client, provider: &str) -> Result<Answer> {
        client.get(&self.path(provider)).await
    }

    /// Whose account the session's answer opens.
    async fn whose(&self, client: &Client, provider: &str) -> Result<String> {
        let answer = self.ask(client, provider).await?.expect(200)?;
        self.emulator
            .whose(provider, &answer.json()?)
            .await
            .with_context(|| answer.text.clone())
    }

    async fn nothing(&self, client: &Client, provider: &str) -> Result<Answer> {
        let answer = self.ask(client, provider).await?.expect(404)?;
        let body = answer.json()?;
        ensure!(
            body.as_object().is_some_and(|body| body.len() == 1) && body["error"].is_string(),
            "{}",
            answer.text
        );
        Ok(answer)
    }

    fn proxy(&self) -> Result<Client> {
        Ok(self.claviger.anybody()?.with_bearer(&self.claviger.dev().proxy.bearer))
    }

    async fn open_turn(&self, user: &str, run: &str) -> Result<Turn> {
        let body = json!({ "project": self.project, "session": self.session, "run": run, "user": user });
        let answer = self.proxy()?.post("/api/claviger/v1/turns", &body).await?.expect(201)?;
        let client = self.claviger.anybody()?.with_bearer(&answer.text_at("/token")?);
        Ok(Turn {
            id: answer.text_at("/id")?,
            client,
        })
    }

    async fn close_turn(&self, turn: &Turn) -> Result<()> {
        self.proxy()?
            .delete(&format!("/api/claviger/v1/turns/{}", turn.id))
            .await?
            .expect(204)
            .map(drop)
    }
}

#[tokio::test]
async fn everybody_gets_their_own() -> Result<()> {
    let world = world().await?;
    for person in ["alice", "bob"] {
        let client = world.claviger.person(person)?;
        for provider in PROVIDERS {
            let whose = world.whose(&client, provider).await?;
            assert_eq!(whose, person, "{person} asked for {provider}");
        }
        // A runner whose base address ends without `/api` asks at the root.
        let root = world.path("github").trim_start_matches("/api").to_owned();
        let answer = client.get(&root).await?.expect(200)?;
        assert_eq!(world.emulator.whose("github", &answer.json()?).await?, person);
    }
    let carol = world.claviger.person("carol")?;
    for provider in PROVIDERS {
        world.nothing(&carol, provider).await?;
    }
    world.claviger.anybody()?.get(&world.path("github")).await?.expect(401)?;
    Ok(())
}

#[tokio::test]
async fn stored_tokens_come_back_letter_by_letter() -> Result<()> {
    let world = world().await?;
    let seed = Seed::people(["alice", "bob", "carol"]);
    for person in &seed.people {
        let client = world.claviger.person(&person.name)?;
        for (provider, stored) in [("github", &person.github_pat), ("jira", &person.jira_token)] {
            let id = world.claviger.credential(&format!("{}-{provider}", person.name))?;
            assert_eq!(token(&client, id).await?, stored.expose(), "{}'s {provider}", person.name);
        }
    }
    let answer = world.ask(&world.claviger.person("bob")?, "jira").await?.expect(200)?;
    let bob = &seed.people[1];
    assert_eq!(
        answer.json()?,
        json!({ "url": format!("{}/jira", world.claviger.dev().upstream), "email": bob.email, "apiToken": bob.jira_token.expose() })
    );
    Ok(())
}

#[tokio::test]
async fn nobody_reads_another_persons_account_by_its_id() -> Result<()> {
    let world = world().await?;
    for owner in ["alice", "bob", "carol"] {
        for provider in PROVIDERS {
            let id = world.claviger.credential(&format!("{owner}-{provider}"))?;
            for other in ["alice", "bob", "carol"].into_iter().filter(|other| *other != owner) {
                let client = world.claviger.person(other)?;
                let denied = read(&client, id, "")
                    .await?
                    .expect(404)
                    .with_context(|| format!("{other} read {owner}'s {provider}"))?;
                // What exists and what does not answer alike, but for the id that was asked for.
                let unknown = "0".repeat(27);
                let nothing = read(&client, &unknown, "").await?.expect(404)?;
                let strip = |answer: &Answer, id: &str| -> Result<Value> {
                    let mut body: Value = serde_json::from_str(&answer.text.replace(id, "ID"))?;
                    body["operation_id"] = json!("");
                    Ok(body)
                };
                assert_eq!(strip(&denied, id)?, strip(&nothing, &unknown)?);
                client.get(&format!("{V1}/credentials/{id}")).await?.expect(404)?;
                client
                    .get(&format!("{V1}/projects/{}/credentials/{id}/token", world.project))
                    .await?
                    .expect(404)?;
            }
            // Nor does the session, turn or not: connected accounts are read by session and provider only.
            read(&world.runner, id, "").await?.expect(404)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_session_alone_reads_what_it_was_granted_and_nobodys_account() -> Result<()> {
    let world = world().await?;
    let answer = world.ask(&world.runner, "github").await?.expect(200)?;
    ensure!(answer.text_at("/token")?.starts_with("ghs_"), "not the team's App: {}", answer.text);
    answer.text_at("/expiresAt")?;
    for provider in ["gitlab", "jira", "google"] {
        let answer = world.nothing(&world.runner, provider).await?;
        ensure!(
            answer.text.contains("not configured"),
            "it does not say what to do: {}",
            answer.text
        );
    }
    let kubeconfig = world.claviger.credential("team-kubeconfig")?;
    let text = token(&world.runner, kubeconfig).await?;
    ensure!(text.contains("users: [{name: team}]"), "{text}");
    let nested = format!("{V1}/projects/{}/credentials/{kubeconfig}/token", world.project);
    assert_eq!(world.runner.get(&nested).await?.expect(200)?.text_at("/token")?, text);
    // A session reads tokens; it manages nothing.
    world
        .runner
        .post(&format!("{V1}/credentials"), &json!({ "name": "x", "provider": "github" }))
        .await?
        .expect(403)?;
    world.runner.delete(&format!("{V1}/credentials/{kubeconfig}")).await?.expect(403)?;
    Ok(())
}

#[tokio::test]
async fn in_a_turn_the_session_reads_the_senders_accounts() -> Result<()> {
    let world = world().await?;
    for person in ["bob", "alice"] {
        let turn = world.open_turn(person, &format!("run-of-{person}")).await?;
        for provider in PROVIDERS {
            assert_eq!(
                world.whose(&world.runner, provider).await?,
                person,
                "the session's own token, {provider}"
            );
            assert_eq!(world.whose(&turn.client, provider).await?, person, "the turn's token, {provider}");
        }
        ensure!(
            !world.ask(&world.runner, "github").await?.text_at("/token")?.starts_with("ghs_"),
            "the granted one came before the sender's own"
        );
        world.close_turn(&turn).await?;
        world.nothing(&world.runner, "gitlab").await?;
        let late = world.ask(&turn.client, "gitlab").await?;
        ensure!(
            late.status == 401 || late.status == 404,
            "a turn's token outlived its turn: {} {}",
            late.status,
            late.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn two_turns_at_once_do_not_mix() -> Result<()> {
    let world = world().await?;
    let (bobs, alices) = (world.open_turn("bob", "run-1").await?, world.open_turn("alice", "run-2").await?);
    for provider in PROVIDERS {
        assert_eq!(world.whose(&bobs.client, provider).await?, "bob");
        assert_eq!(world.whose(&alices.client, provider).await?, "alice");
    }
    // The session's own token cannot tell whose turn it serves.
    for provider in ["gitlab", "jira", "google"] {
        let answer = world.ask(&world.runner, provider).await?;
        ensure!(
            answer.status != 200,
            "somebody's {provider} token, without anybody knowing whose: {}",
            answer.text
        );
    }
    world.close_turn(&alices).await?;
    assert_eq!(
        world.whose(&world.runner, "gitlab").await?,
        "bob",
        "one turn is left, and it is Bob's"
    );
    Ok(())
}

#[tokio::test]
async fn only_the_proxy_opens_turns() -> Result<()> {
    let world = world().await?;
    let body = json!({ "project": world.project, "session": world.session, "run": "r", "user": "alice" });
    for client in [world.claviger.person("bob")?, world.claviger.person("alice")?, world.runner.clone()] {
        let answer = client.post("/api/claviger/v1/turns", &body).await?;
        ensure!(answer.status == 403 || answer.status == 404, "{} {}", answer.status, answer.text);
    }
    world.nothing(&world.runner, "gitlab").await?;
    Ok(())
}

/// The proxy's word is one thing, the sender's own bearer a better one: both have to say the same.
#[tokio::test]
async fn a_turn_is_opened_with_the_senders_own_bearer() -> Result<()> {
    let claviger = Setup::default().config("[sessions]\nrequire_sender_bearer = true").start().await?;
    let world = world_of(claviger)?;
    let bearer = |name: &str| -> Result<String> { Ok(world.claviger.dev().people.get(name).context("nobody")?.bearer.clone()) };
    let key = |more: &[&str]| -> Result<String> {
        let data = world.claviger.data().display().to_string();
        let create = ["api-key", "create", "--for", "bob", "--name", "automation", "--data", &data];
        let made = world.claviger.command(&[&create, more].concat())?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(String::from_utf8(made.stdout)?.trim().to_owned())
    };
    let ask = |user: Option<&str>, bearer: Option<String>| {
        let mut body = json!({ "project": world.project, "session": world.session, "run": "r", "bearer": bearer });
        body["user"] = json!(user);
        body
    };
    let open = async |body: Value| world.proxy()?.post("/api/claviger/v1/turns", &body).await;
    open(ask(Some("bob"), None)).await?.expect(400)?;
    let session = world
        .claviger
        .dev()
        .sessions
        .first()
        .context("no session was seeded")?
        .token
        .clone();
    for wrong in [
        bearer("alice")?,
        "Bearer nobody's".to_owned(),
        session,
        world.claviger.dev().proxy.bearer.clone(),
    ] {
        open(ask(Some("bob"), Some(wrong))).await?.expect(403)?;
    }
    let narrow = key(&["--scope", "credential:read"])?;
    open(ask(Some("bob"), Some(narrow))).await?.expect(403)?;
    world.nothing(&world.runner, "gitlab").await?;
    let (bobs, whole) = (bearer("bob")?, key(&[])?);
    for body in [
        ask(Some("bob"), Some(bobs.clone())),
        ask(None, Some(format!("Bearer {bobs}"))),
        ask(None, Some(whole)),
    ] {
        let turn = open(body).await?.expect(201)?;
        assert_eq!(world.whose(&world.runner, "gitlab").await?, "bob");
        let path = format!("/api/claviger/v1/turns/{}", turn.text_at("/id")?);
        world.proxy()?.delete(&path).await?.expect(204)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_current_user_header_only_narrows() -> Result<()> {
    let world = world().await?;
    let bob = world.claviger.person("bob")?;
    let named = |client: &Client, name: &str| client.with_header("x-runner-current-user", name);
    assert_eq!(world.whose(&named(&bob, "bob"), "github").await?, "bob");
    for client in [bob.clone(), world.claviger.person("alice")?] {
        let refused = world.ask(&named(&client, "carol"), "github").await?.expect(403)?;
        assert_eq!(refused.json()?, json!({ "error": "Access denied" }));
    }
    // An owner does not become a participant by naming them, nor the other way round.
    world
        .ask(&named(&world.claviger.person("alice")?, "bob"), "github")
        .await?
        .expect(403)?;
    world.ask(&named(&bob, "alice"), "github").await?.expect(403)?;
    let alone = world.ask(&named(&world.runner, "alice"), "gitlab").await?;
    ensure!(
        alone.status == 403 || alone.status == 404,
        "a header made somebody out of nobody: {} {}",
        alone.status,
        alone.text
    );

    let turn = world.open_turn("bob", "run-1").await?;
    assert_eq!(world.whose(&named(&world.runner, "bob"), "gitlab").await?, "bob");
    world.ask(&named(&world.runner, "alice"), "gitlab").await?.expect(403)?;
    world.ask(&named(&turn.client, "alice"), "gitlab").await?.expect(403)?;
    Ok(())
}

#[tokio::test]
async fn seeing_a_credential_is_not_reading_its_token() -> Result<()> {
    let world = world().await?;
    let (alice, bob) = (world.claviger.person("alice")?, world.claviger.person("bob")?);
    let stored = "glpat-people0123456789abcdef";
    let id = create(&alice, &json!({ "name": "hers", "provider": "gitlab", "token": stored, "email": "alice@example.test", "fields": { "user-name": "Alice" } })).await?;
    assert_eq!(token(&alice, &id).await?, stored);
    bob.get(&format!("{V1}/credentials/{id}")).await?.expect(404)?;
    // Hers, and not of this project: it does not resolve there, not even for her.
    alice
        .get(&format!("{V1}/projects/{}/credentials/{id}/token", world.project))
        .await?
        .expect(404)?;

    bind(&alice, &id, "credential:viewer", &world.project, "bob").await?.expect(201)?;
    let seen = bob.get(&format!("{V1}/credentials/{id}")).await?.expect(200)?;
    ensure!(!seen.text.contains(stored) && seen.json()?.get("token").is_none(), "{}", seen.text);
    read(&bob, &id, "").await?.expect(404)?;
    bob.get(&format!("{V1}/projects/{}/credentials/{id}/token", world.project))
        .await?
        .expect(404)?;
    // Nobody binds a connected account.
    let account = world.claviger.credential("alice-github")?;
    bind(&alice, account, "credential:viewer", &world.project, "bob")
        .await?
        .expect(403)?;
    Ok(())
}

#[tokio::test]
async fn a_token_of_the_team_is_for_its_owner_and_for_the_session() -> Result<()> {
    let world = world().await?;
    let app = world.claviger.credential("team-github-app")?.to_owned();
    let first = token(&world.claviger.person("alice")?, &app).await?;
    ensure!(first.starts_with("ghs_"), "{first}");
    // The session's is the same: one mint serves both.
    assert_eq!(world.ask(&world.runner, "github").await?.expect(200)?.text_at("/token")?, first);
    for stranger in ["bob", "carol"] {
        read(&world.claviger.person(stranger)?, &app, "").await?.expect(404)?;
    }
    let mints = world
        .emulator
        .requests()
        .await?
        .iter()
        .filter(|entry| entry["operation"] == "installation-token")
        .count();
    assert_eq!(mints, 1);
    Ok(())
}

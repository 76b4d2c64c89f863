//! The account behind a credential: whose it is, by what its upstream says, and its end there.

use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::api::{V1, bind, create, generation, read, token};
use claviger_tests::audit::of_event;
use claviger_tests::{Answer, Claviger, Client, Emulator};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

struct World {
    claviger: Claviger,
    emulator: Emulator,
    alice: Client,
    bob: Client,
    seed: Seed,
    /// GitHub.
    url: String,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    Ok(World {
        emulator: claviger.emulator()?,
        alice: claviger.person("alice")?,
        bob: claviger.person("bob")?,
        seed: Seed::people(["alice", "bob", "carol"]),
        url: format!("{}/github", claviger.dev().upstream),
        claviger,
    })
}

impl World {
    /// A personal access token of Alice, of whom nothing more is stored.
    async fn pat(&self, more: &Value) -> Result<String> {
        let token = self.seed.people[0].github_pat.expose();
        let mut body = json!({ "name": "pat", "provider": "github", "url": self.url, "token": token });
        body.as_object_mut()
            .context("an object")?
            .extend(more.as_object().context("an object")?.clone());
        create(&self.alice, &body).await
    }

    async fn app(&self) -> Result<String> {
        let app = &self.seed.github_app;
        let installation = self.seed.people[0].github_installation.to_string();
        let fields = json!({ "app-id": app.app_id, "private-key": app.private_key.expose(), "installation-id": installation });
        let body = json!({ "name": "app", "provider": "github", "kind": "app-installation", "url": self.url, "fields": fields });
        create(&self.alice, &body).await
    }

    /// How often GitHub was asked for that.
    async fn asked(&self, operation: &str) -> Result<usize> {
        self.asked_of("github", operation).await
    }

    async fn asked_of(&self, provider: &str, operation: &str) -> Result<usize> {
        let log = self.emulator.requests().await?;
        let is_that = |entry: &&Value| entry["provider"] == provider && entry["operation"] == operation;
        Ok(log.iter().filter(is_that).count())
    }

    /// The status with which GitHub takes a token.
    async fn status_of(&self, token: &str) -> Result<u16> {
        Ok(Client::new(&self.url)?
            .with_bearer(token)
            .get("/api/v3/installation/repositories")
            .await?
            .status)
    }
}

fn identity_of(id: &str) -> String {
    format!("/api/claviger/v1/credentials/{id}/identity")
}

async fn revoke(client: &Client, id: &str) -> Result<Answer> {
    client.post(&format!("/api/claviger/v1/credentials/{id}/revoke"), &json!({})).await
}

#[tokio::test]
async fn a_token_says_whose_it_is_and_what_is_stored_wins() -> Result<()> {
    let world = world().await?;
    let id = world.pat(&json!({})).await?;
    let first = read(&world.alice, &id, "").await?.expect(200)?;
    let (name, email) = (first.text_at("/userName")?, first.text_at("/email")?);
    let profile = Client::new(&world.url)?
        .with_bearer(world.seed.people[0].github_pat.expose())
        .get("/api/v3/user")
        .await?
        .expect(200)?
        .json()?;
    let expected = profile["name"].as_str().or(profile["login"].as_str()).context("a name")?;
    assert_eq!(name, expected);
    ensure!(email.contains('@') && email.contains("alice"), "{email}");

    let before = world.asked("user").await?;
    assert_eq!(read(&world.alice, &id, "").await?.expect(200)?.text_at("/userName")?, name);
    let process = read(&world.alice, &id, "?consumer=environment").await?.expect(200)?;
    assert_eq!(process.text_at("/environment/GIT_AUTHOR_NAME")?, name);
    assert_eq!(process.text_at("/environment/GIT_COMMITTER_EMAIL")?, email);
    assert_eq!(world.asked("user").await?, before, "what is known is not asked for again");

    let own = world.pat(&json!({ "email": "stored@example.test" })).await?;
    let answer = read(&world.alice, &own, "").await?.expect(200)?;
    assert_eq!(
        (answer.text_at("/email")?, answer.text_at("/userName")?),
        ("stored@example.test".to_owned(), name)
    );
    let asked = world.asked("user").await?;
    let both = world
        .pat(&json!({ "email": "stored@example.test", "fields": { "user-name": "Stored" } }))
        .await?;
    let answer = read(&world.alice, &both, "").await?.expect(200)?;
    assert_eq!(
        (answer.text_at("/email")?, answer.text_at("/userName")?),
        ("stored@example.test".to_owned(), "Stored".to_owned())
    );
    assert_eq!(
        world.asked("user").await?,
        asked,
        "nothing was missing, and it was asked for all the same"
    );
    Ok(())
}

#[tokio::test]
async fn one_question_serves_all_narrowings_and_a_change_asks_anew() -> Result<()> {
    let world = world().await?;
    let id = world.app().await?;
    let first = read(&world.alice, &id, "").await?.expect(200)?;
    ensure!(first.text_at("/userName")?.ends_with("[bot]"), "{}", first.text);
    let narrow = read(&world.alice, &id, "?repository=widgets").await?.expect(200)?;
    assert_eq!(narrow.text_at("/email")?, first.text_at("/email")?);
    assert_eq!(world.asked("installation-token").await?, 2);
    assert_eq!(world.asked("profile").await?, 1);

    let key = world.seed.github_app.private_key.expose();
    let patch = json!({ "fields": { "private-key": key } });
    world.alice.patch(&format!("{V1}/credentials/{id}"), &patch).await?.expect(200)?;
    read(&world.alice, &id, "").await?.expect(200)?;
    assert_eq!(world.asked("profile").await?, 2, "with other secrets it may be another account");
    Ok(())
}

#[tokio::test]
async fn a_token_is_not_kept_back_because_nobody_says_whose_it_is() -> Result<()> {
    let world = world().await?;
    world
        .emulator
        .fault(&json!({ "provider": "github", "operation": "user", "delay_ms": 20_000 }))
        .await?;
    let id = world.pat(&json!({})).await?;
    let begin = Instant::now();
    let answer = read(&world.alice, &id, "").await?.expect(200)?;
    ensure!(begin.elapsed() < Duration::from_secs(8), "a reader waited {:?}", begin.elapsed());
    assert_eq!(answer.text_at("/token")?, world.seed.people[0].github_pat.expose());
    assert_eq!(answer.text_at("/userName")?, "", "nothing is made up");
    for _ in 0..3 {
        read(&world.alice, &id, "").await?.expect(200)?;
    }
    assert_eq!(world.asked("user").await?, 1, "asked again at once");
    // Whoever asks for it gets the reason's class.
    world.alice.get(&identity_of(&id)).await?.expect(504)?;
    Ok(())
}

#[tokio::test]
async fn who_sees_a_credential_learns_whose_it_is_and_nobody_else() -> Result<()> {
    let world = world().await?;
    let id = world.app().await?;
    world.bob.get(&identity_of(&id)).await?.expect(404)?;
    world.claviger.anybody()?.get(&identity_of(&id)).await?.expect(401)?;
    assert_eq!(world.emulator.requests().await?.len(), 0, "asked for somebody who may not know");

    // One credential of a provider is bound on a level, and the seeded one is there.
    let seeded = world.claviger.credential("team-github-app")?;
    world.alice.delete(&format!("{V1}/credentials/{seeded}")).await?.expect(204)?;
    bind(&world.alice, &id, "credential:viewer", "atlas", "bob").await?.expect(201)?;
    let answer = world.bob.get(&identity_of(&id)).await?.expect(200)?;
    let body = answer.json()?;
    ensure!(answer.text_at("/login")?.ends_with("[bot]"), "{}", answer.text);
    assert_eq!((&body["provider"], &body["kind"]), (&json!("github"), &json!("app-installation")));
    for key in ["id", "userName", "email", "checked_at"] {
        answer.text_at(&format!("/{key}"))?;
    }
    ensure!(!answer.text.contains("ghs_"), "{}", answer.text);
    // Seeing is not reading: the token that was obtained for this is for those who may have it.
    read(&world.bob, &id, "").await?.expect(404)?;
    let asked = world.emulator.requests().await?.len();
    assert_eq!(world.alice.get(&identity_of(&id)).await?.expect(200)?.json()?, body);
    let read = read(&world.alice, &id, "").await?.expect(200)?;
    assert_eq!(read.text_at("/userName")?, answer.text_at("/userName")?);
    assert_eq!(
        world.emulator.requests().await?.len(),
        asked,
        "what is known is not asked for again"
    );

    let kube = create(&world.alice, &json!({ "name": "k", "provider": "kubeconfig", "token": "x" })).await?;
    let answer = world.alice.get(&identity_of(&kube)).await?.expect(400)?;
    assert_eq!(answer.text_at("/reason_code")?, "unsupported");
    world.alice.get(&identity_of("000000000000000000000000000")).await?.expect(404)?;
    Ok(())
}

#[tokio::test]
async fn a_revoked_credential_and_all_its_tokens_are_over() -> Result<()> {
    let world = world().await?;
    let id = world.app().await?;
    let whole = token(&world.alice, &id).await?;
    let narrow = read(&world.alice, &id, "?repository=widgets")
        .await?
        .expect(200)?
        .text_at("/token")?;
    ensure!(whole != narrow, "one token for both");
    for token in [&whole, &narrow] {
        assert_eq!(world.status_of(token).await?, 200);
    }

    revoke(&world.bob, &id).await?.expect(403)?;
    assert_eq!(world.status_of(&whole).await?, 200, "ended by somebody who may not");
    let answer = revoke(&world.alice, &id).await?.expect(200)?;
    assert_eq!(answer.text_at("/outcome")?, "revoked");
    ensure!(answer.text_at("/remaining")?.contains("still installed"), "{}", answer.text);
    for token in [&whole, &narrow] {
        assert_eq!(world.status_of(token).await?, 401, "a token outlived its credential");
        ensure!(!answer.text.contains(token.as_str()), "{}", answer.text);
    }
    let minted = world.asked("installation-token").await?;
    for query in ["", "?repository=widgets", "?consumer=git"] {
        let answer = read(&world.alice, &id, query).await?.expect(502)?;
        assert_eq!(answer.text_at("/reason_code")?, "needs-reconnect");
    }
    assert_eq!(world.asked("installation-token").await?, minted);
    let shown = world.alice.get(&format!("{V1}/credentials/{id}")).await?.expect(200)?;
    assert_eq!(shown.text_at("/state")?, "needs-reconnect");

    let records = of_event(&world.claviger.data(), "CREDENTIAL_REVOKED")?;
    let outcomes: Vec<&Value> = records.iter().map(|record| &record["outcome"]).collect();
    assert_eq!(outcomes, ["begun", "revoked"], "{records:#?}");
    ensure!(records.iter().all(|record| record["credential"] == json!(id)), "{records:#?}");

    // New secrets make it work again.
    let patch = json!({ "fields": { "private-key": world.seed.github_app.private_key.expose() } });
    world.alice.patch(&format!("{V1}/credentials/{id}"), &patch).await?.expect(200)?;
    assert_eq!(world.status_of(&token(&world.alice, &id).await?).await?, 200);
    Ok(())
}

#[tokio::test]
async fn trouble_at_the_upstream_leaves_a_credential_as_it_was() -> Result<()> {
    let world = world().await?;
    let id = world.app().await?;
    let first = read(&world.alice, &id, "").await?.expect(200)?;
    let before = first.text_at("/token")?;
    let order = json!({ "provider": "github", "operation": "revoke-installation-token", "status": 502, "body": "no" });
    world.emulator.fault(&order).await?;
    revoke(&world.alice, &id).await?.expect(503)?;
    let again = read(&world.alice, &id, "").await?.expect(200)?;
    assert_eq!(
        (again.text_at("/token")?, generation(&again)?),
        (before.clone(), generation(&first)?)
    );
    let records = of_event(&world.claviger.data(), "CREDENTIAL_REVOKED")?;
    let outcomes: Vec<&Value> = records.iter().map(|record| &record["outcome"]).collect();
    assert_eq!(outcomes, ["begun", "not-made"]);

    revoke(&world.alice, &id).await?.expect(200)?;
    assert_eq!(world.status_of(&before).await?, 401);
    Ok(())
}

#[tokio::test]
async fn what_nobody_can_end_from_here_says_what_to_do_instead() -> Result<()> {
    let world = world().await?;
    // An Enterprise Server without that interface.
    let id = world.pat(&json!({})).await?;
    let order = json!({ "provider": "github", "operation": "revoke-credentials", "status": 404, "body": { "message": "Not Found" } });
    world.emulator.fault(&order).await?;
    let answer = revoke(&world.alice, &id).await?.expect(409)?;
    assert_eq!(answer.text_at("/reason_code")?, "unsupported");
    ensure!(
        answer.text.contains("do this instead") && answer.text.contains("/settings/tokens"),
        "{}",
        answer.text
    );
    let stored = world.seed.people[0].github_pat.expose();
    ensure!(!answer.text.contains(stored), "{}", answer.text);
    assert_eq!(token(&world.alice, &id).await?, stored, "it goes on working");

    let kube = create(&world.alice, &json!({ "name": "k", "provider": "kubeconfig", "token": "x" })).await?;
    let answer = revoke(&world.alice, &kube).await?.expect(409)?;
    ensure!(answer.text.contains("cannot be ended from here"), "{}", answer.text);
    let outcomes = of_event(&world.claviger.data(), "CREDENTIAL_REVOKED")?;
    ensure!(
        outcomes.iter().filter(|record| record["outcome"] == "unsupported").count() == 2,
        "{outcomes:#?}"
    );

    // At GitHub's own, a stored token can be ended by whoever holds it.
    revoke(&world.alice, &id).await?.expect(200)?;
    let told = Client::new(&world.url)?.with_bearer(stored).get("/api/v3/user").await?;
    assert_eq!(told.status, 401);
    assert_eq!(
        read(&world.alice, &id, "").await?.expect(502)?.text_at("/reason_code")?,
        "needs-reconnect"
    );
    Ok(())
}

#[tokio::test]
async fn a_connected_account_is_its_persons_to_end() -> Result<()> {
    let world = world().await?;
    let account = world.claviger.credential("alice-github")?.to_owned();
    revoke(&world.bob, &account).await?.expect(403)?;
    world.bob.get(&identity_of(&account)).await?.expect(404)?;
    revoke(&world.alice, &account).await?.expect(200)?;
    read(&world.alice, &account, "").await?.expect(502)?;
    Ok(())
}

#[tokio::test]
async fn disconnecting_ends_the_grant_too_and_says_what_is_left() -> Result<()> {
    let world = world().await?;
    let account = world.claviger.credential("alice-github")?.to_owned();
    let handed_out = token(&world.alice, &account).await?;
    let user = Client::new(&world.url)?.with_bearer(&handed_out);
    user.get("/api/v3/user").await?.expect(200)?;
    let answer = world.alice.post("/api/auth/github/disconnect", &json!({})).await?.expect(200)?;
    assert_eq!(
        (&answer.json()?["connected"], &answer.json()?["revoked"]),
        (&json!(false), &json!(true))
    );
    user.get("/api/v3/user").await?.expect(401)?;
    world.alice.get(&format!("{V1}/credentials/{account}")).await?.expect(404)?;
    ensure!(!answer.text.contains(&handed_out), "{}", answer.text);

    // Bob's upstream is in trouble: forgotten here all the same, and he is told.
    let account = world.claviger.credential("bob-github")?.to_owned();
    let handed_out = token(&world.bob, &account).await?;
    for operation in ["revoke-credentials", "revoke-grant"] {
        let order = json!({ "provider": "github", "operation": operation, "status": 502, "body": "no", "times": 9 });
        world.emulator.fault(&order).await?;
    }
    let answer = world.bob.delete("/api/auth/github/disconnect").await?.expect(200)?;
    assert_eq!(answer.json()?["revoked"], json!(false));
    ensure!(answer.text_at("/remaining")?.contains("did not confirm"), "{}", answer.text);
    world.bob.get(&format!("{V1}/credentials/{account}")).await?.expect(404)?;
    Client::new(&world.url)?
        .with_bearer(&handed_out)
        .get("/api/v3/user")
        .await?
        .expect(200)?;
    let records = of_event(&world.claviger.data(), "CREDENTIAL_REVOKED")?;
    let outcomes: Vec<&Value> = records.iter().map(|record| &record["outcome"]).collect();
    assert_eq!(outcomes, ["begun", "revoked", "begun", "not-made"], "{records:#?}");
    assert_eq!(of_event(&world.claviger.data(), "ACCOUNT_DISCONNECTED")?.len(), 2);
    Ok(())
}

/// A GitLab grant of Alice's; each refresh ends the tokens before it.
async fn grant(world: &World) -> Result<String> {
    let grants = world.emulator.client().post("/_grants", &json!({ "account": "alice" })).await?;
    let refresh = grants.expect(201)?.text_at("/refresh_token")?;
    let url = format!("{}/gitlab", world.claviger.dev().upstream);
    let body = json!({ "name": "grant", "provider": "gitlab", "kind": "oauth", "token": refresh, "url": url });
    create(&world.alice, &body).await
}

async fn gitlab_takes(world: &World, token: &str) -> Result<u16> {
    let gitlab = Client::new(&format!("{}/gitlab", world.claviger.dev().upstream))?;
    Ok(gitlab.with_bearer(token).get("/api/v4/user").await?.status)
}

#[tokio::test]
async fn what_a_refresh_brings_while_somebody_ends_the_credential_is_ended_too() -> Result<()> {
    let world = world().await?;
    let id = grant(&world).await?;
    world
        .emulator
        .fault(&json!({ "provider": "gitlab", "operation": "token", "delay_ms": 1500 }))
        .await?;
    let (reader, of_reader) = (world.alice.clone(), id.clone());
    let reading = tokio::spawn(async move { read(&reader, &of_reader, "").await });
    // The refresh token is on its way when the end is asked for.
    let data = world.claviger.data();
    while of_event(&data, "CREDENTIAL_MINT")?.is_empty() {
        tokio::task::yield_now().await;
    }
    let ended = revoke(&world.alice, &id).await?.expect(200)?;
    assert_eq!(ended.text_at("/outcome")?, "revoked");
    let handed_out = reading.await??;
    if handed_out.status == 200 {
        let token = handed_out.text_at("/token")?;
        assert_eq!(gitlab_takes(&world, &token).await?, 401, "the refresh outlived its credential");
    }
    let again = read(&world.alice, &id, "").await?.expect(502)?;
    assert_eq!(again.text_at("/reason_code")?, "needs-reconnect");
    assert_eq!(world.asked_of("gitlab", "token").await?, 1, "an ended grant was refreshed");
    Ok(())
}

#[tokio::test]
async fn tokens_of_replaced_secrets_end_with_the_credential() -> Result<()> {
    let world = world().await?;
    let id = world.app().await?;
    let old = token(&world.alice, &id).await?;
    let key = world.seed.github_app.private_key.expose();
    let patch = json!({ "fields": { "private-key": key }, "description": "a new key" });
    world.alice.patch(&format!("{V1}/credentials/{id}"), &patch).await?.expect(200)?;
    let new = token(&world.alice, &id).await?;
    ensure!(old != new, "a token of the old secrets was answered");
    assert_eq!((world.status_of(&old).await?, world.status_of(&new).await?), (200, 200));
    revoke(&world.alice, &id).await?.expect(200)?;
    assert_eq!((world.status_of(&old).await?, world.status_of(&new).await?), (401, 401));
    Ok(())
}

#[tokio::test]
async fn asking_whose_it_is_spends_no_refresh_token_and_is_on_the_record() -> Result<()> {
    let world = world().await?;
    let id = grant(&world).await?;
    world.alice.get(&identity_of(&id)).await?.expect(503)?;
    assert_eq!(world.asked_of("gitlab", "token").await?, 0);
    token(&world.alice, &id).await?;
    assert_eq!(world.alice.get(&identity_of(&id)).await?.expect(200)?.text_at("/login")?, "alice");
    let asked = of_event(&world.claviger.data(), "CREDENTIAL_IDENTIFIED")?;
    ensure!(asked.len() == 1 && asked[0]["credential"] == json!(id), "{asked:#?}");
    Ok(())
}

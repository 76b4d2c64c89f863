//! Over HTTP, for each kind: whose it is by its upstream's word, and its end there, or what to do where there is none.

use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::{Person, Seed};
use claviger_tests::api::{create, read, token};
use claviger_tests::github::consent;
use claviger_tests::{Answer, Claviger, Client, Emulator};
use serde_json::{Value, json};

struct World {
    claviger: Claviger,
    emulator: Emulator,
    alice: Client,
    seed: Seed,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    Ok(World {
        emulator: claviger.emulator()?,
        alice: claviger.person("alice")?,
        seed: Seed::people(["alice", "bob"]),
        claviger,
    })
}

/// What becomes of a credential whose end is asked for.
enum End {
    /// It has ended, and its token is refused with this.
    Ended,
    /// Nobody can from here; the answer says this.
    Instead(&'static str),
}

impl World {
    fn alice(&self) -> &Person {
        &self.seed.people[0]
    }

    async fn store(&self, provider: &str, kind: &str, fields: &Value) -> Result<String> {
        let url = format!("{}/{provider}", self.claviger.dev().upstream);
        let body = json!({ "name": kind, "provider": provider, "kind": kind, "url": url, "fields": fields });
        create(&self.alice, &body).await.with_context(|| format!("{provider} {kind}"))
    }

    async fn grant(&self, body: Value, field: &str) -> Result<String> {
        self.emulator.client().post("/_grants", &body).await?.expect(201)?.text_at(field)
    }

    /// After a read: nobody's refresh token is spent for a name.
    async fn identity(&self, id: &str) -> Result<Answer> {
        self.alice.get(&format!("/api/ambient/v1/credentials/{id}/token")).await?;
        self.alice.get(&format!("/api/claviger/v1/credentials/{id}/identity")).await
    }

    /// Its end, by what its upstream says of the token that was read before.
    async fn end(&self, kind: &str, id: &str, expected: &End, is_good: impl AsyncFn(String) -> Result<bool>) -> Result<()> {
        let held = token(&self.alice, id).await?;
        ensure!(is_good(held.clone()).await?, "{kind}: the upstream never knew the token");
        let path = format!("/api/claviger/v1/credentials/{id}/revoke");
        let answer = self.alice.post(&path, &json!({})).await?;
        ensure!(!answer.text.contains(&held), "{kind}: {}", answer.text);
        match expected {
            End::Ended => {
                assert_eq!(answer.expect(200)?.text_at("/outcome")?, "revoked", "{kind}");
                ensure!(!is_good(held).await?, "{kind}: the token outlived its credential");
                let over = read(&self.alice, id, "").await?.expect(502)?;
                assert_eq!(over.text_at("/reason_code")?, "needs-reconnect", "{kind}");
            }
            End::Instead(advice) => {
                let answer = answer.expect(409)?;
                assert_eq!(answer.text_at("/reason_code")?, "unsupported", "{kind}");
                ensure!(answer.text.contains(advice), "{kind}: {}", answer.text);
                assert_eq!(token(&self.alice, id).await?, held, "{kind}: it goes on as before");
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn each_kind_of_github_has_a_name_and_an_end() -> Result<()> {
    let world = world().await?;
    let (app, oauth) = (&world.seed.github_app, &world.seed.github_oauth_app);
    let client = json!({ "client-id": oauth.client_id, "client-secret": oauth.client_secret.expose() });
    let with = |field: &str, value: &str| {
        let mut fields = client.clone();
        fields[field] = json!(value);
        fields
    };
    let lasting = consent(&world.emulator, &oauth.client_id, "alice", &json!({ "scope": "repo" })).await?;
    // Ending a grant ends all of its person's tokens for that App, so the other one is of another person.
    let scope = json!({ "scope": "repo", "expires": true });
    let ending = consent(&world.emulator, &oauth.client_id, "bob", &scope).await?;
    let of_app = consent(&world.emulator, &app.client_id, "alice", &json!({})).await?;
    let refresh = |pair: (String, Option<String>)| pair.1.context("a token that ends comes with a refresh token");
    for (kind, fields, login) in [
        (
            "personal-access-token",
            json!({ "token": world.alice().github_pat.expose() }),
            "alice",
        ),
        ("oauth-user-token", with("token", &lasting.0), "alice"),
        ("oauth-app-user", with("refresh-token", &refresh(ending)?), "bob"),
        ("github-app-user", json!({ "refresh-token": refresh(of_app)? }), "alice"),
        (
            "app-installation",
            json!({ "app-id": app.app_id, "private-key": app.private_key.expose(), "owner": "alice" }),
            "claviger-emulated[bot]",
        ),
    ] {
        let id = world.store("github", kind, &fields).await?;
        let identity = world.identity(&id).await?.expect(200)?;
        assert_eq!(identity.text_at("/login")?, login, "{kind}: {}", identity.text);
        ensure!(identity.text_at("/email")?.contains('@'), "{kind}: {}", identity.text);
        let github = format!("{}/github/api/v3", world.claviger.dev().upstream);
        let path = if kind == "app-installation" {
            "/installation/repositories"
        } else {
            "/user"
        };
        let is_good = async |token: String| Ok(Client::new(&github)?.with_bearer(&token).get(path).await?.status == 200);
        world.end(kind, &id, &End::Ended, is_good).await?;
    }
    Ok(())
}

#[tokio::test]
async fn each_kind_of_gitlab_has_a_name_and_an_end() -> Result<()> {
    let world = world().await?;
    let made = |bot: bool| json!({ "provider": "gitlab", "kind": "access-token", "account": "alice", "bot": bot, "days": 90 });
    let application = &world.seed.gitlab_application;
    for (kind, fields, login) in [
        (
            "personal-access-token",
            json!({ "token": world.grant(made(false), "/token").await? }),
            "alice",
        ),
        (
            "rotating-access-token",
            json!({ "token": world.grant(made(true), "/token").await? }),
            "project_",
        ),
        (
            "oauth",
            json!({ "refresh-token": world.grant(json!({ "account": "alice" }), "/refresh_token").await?, "client-id": application.client_id,
                "client-secret": application.client_secret.expose() }),
            "alice",
        ),
    ] {
        let id = world.store("gitlab", kind, &fields).await?;
        let identity = world.identity(&id).await?.expect(200)?;
        ensure!(identity.text_at("/login")?.starts_with(login), "{kind}: {}", identity.text);
        ensure!(identity.text_at("/email")?.contains('@'), "{kind}: {}", identity.text);
        let gitlab = world.emulator.client();
        let is_good = async |token: String| Ok(gitlab.with_bearer(&token).get("/gitlab/api/v4/user").await?.status == 200);
        world.end(kind, &id, &End::Ended, is_good).await?;
    }
    let fields = json!({ "token": "gldt-abcdefghijklmnopqrst", "username": "gitlab+deploy-token-7" });
    let id = world.store("gitlab", "deploy-token", &fields).await?;
    let nobody = world.identity(&id).await?.expect(400)?;
    assert_eq!(nobody.text_at("/reason_code")?, "unsupported", "{}", nobody.text);
    let nobody_asks = async |_| Ok(true);
    world.end("deploy-token", &id, &End::Instead("Deploy tokens"), nobody_asks).await
}

#[tokio::test]
async fn each_kind_of_jira_has_a_name_and_an_end_or_a_place_for_it() -> Result<()> {
    let world = world().await?;
    let alice = world.alice();
    let site = format!("{}/jira", world.claviger.dev().upstream);
    let by_hand = End::Instead("https://id.atlassian.com/manage-profile/security/api-tokens");
    let service = End::Instead("Service accounts");
    let (mail, bot) = (&alice.email, &alice.jira_service_email);
    for (kind, fields, email, end) in [
        (
            "api-token",
            json!({ "token": alice.jira_token.expose(), "email": mail }),
            mail,
            &by_hand,
        ),
        (
            "scoped-api-token",
            json!({ "token": alice.jira_scoped_token.expose(), "email": mail }),
            mail,
            &by_hand,
        ),
        (
            "service-account-token",
            json!({ "token": alice.jira_service_token.expose(), "email": bot }),
            bot,
            &service,
        ),
        (
            "oauth",
            json!({ "refresh-token": world.grant(json!({ "provider": "jira", "account": "alice" }), "/refresh_token").await? }),
            mail,
            &End::Instead("https://id.atlassian.com/manage-profile/apps"),
        ),
        (
            "oauth-client",
            json!({ "client-id": alice.jira_client_id, "client-secret": alice.jira_client_secret.expose(), "site": site }),
            bot,
            &service,
        ),
        (
            "data-center-token",
            json!({ "token": alice.jira_personal_token.expose() }),
            mail,
            &End::Ended,
        ),
    ] {
        let id = world.store("jira", kind, &fields).await?;
        let identity = world.identity(&id).await?.expect(200)?;
        assert_eq!(identity.text_at("/email")?, *email, "{kind}: {}", identity.text);
        ensure!(identity.text_at("/userName")?.starts_with("alice"), "{kind}: {}", identity.text);
        let jira = world.emulator.client();
        let is_good = async |token: String| {
            let asked = jira.with_bearer(&token).get("/jira/rest/api/2/myself").await?.status;
            Ok(kind != "data-center-token" || asked == 200)
        };
        world.end(kind, &id, end, is_good).await?;
    }
    Ok(())
}

#[tokio::test]
async fn each_kind_of_google_has_a_name_and_an_end_or_a_place_for_it() -> Result<()> {
    let world = world().await?;
    let (alice, client) = (world.alice(), &world.seed.google_client);
    let key: Value = serde_json::from_str(alice.google_key_file.expose())?;
    let robot = json!({ "private-key": key["private_key"], "client-email": key["client_email"], "private-key-id": key["private_key_id"] });
    let grant = json!({ "provider": "google", "account": "alice" });
    let mut person = json!({ "client-id": client.client_id, "client-secret": client.client_secret.expose() });
    person["refresh-token"] = json!(world.grant(grant.clone(), "/refresh_token").await?);
    let mut chain = person.clone();
    chain["refresh-token"] = json!(world.grant(grant, "/refresh_token").await?);
    chain["target"] = json!(alice.google_deployer);
    let mut chain_of_key = robot.clone();
    chain_of_key["target"] = json!(alice.google_deployer);
    for (kind, fields, email, end) in [
        ("authorised-user", person, &alice.email, Some(End::Ended)),
        // The source's grant ends; what was made with it lives to its end, which the answer says.
        ("impersonated-service-account", chain, &alice.google_deployer, None),
        (
            "impersonated-service-account",
            chain_of_key,
            &alice.google_deployer,
            Some(End::Instead("keys delete")),
        ),
        ("service-account", robot, &alice.google_account, Some(End::Instead("keys delete"))),
    ] {
        let id = world.store("google", kind, &fields).await?;
        let identity = world.identity(&id).await?.expect(200)?;
        assert_eq!(identity.text_at("/email")?, *email, "{kind}: {}", identity.text);
        let google = world.emulator.client();
        let is_good = async |token: String| {
            let told = google.post("/google/tokeninfo", &json!({ "access_token": token })).await?;
            Ok(told.status == 200)
        };
        match end {
            Some(end) => world.end(kind, &id, &end, is_good).await?,
            None => {
                let path = format!("/api/claviger/v1/credentials/{id}/revoke");
                let answer = world.alice.post(&path, &json!({})).await?.expect(200)?;
                ensure!(answer.text_at("/remaining")?.contains("live on"), "{}", answer.text);
                read(&world.alice, &id, "").await?.expect(502)?;
            }
        }
    }
    Ok(())
}

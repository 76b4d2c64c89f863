//! Each kind of Jira credential, from what is stored to what its reader holds, against the emulated cloud, its gateway and a server.

mod handed_out;
mod refusals;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger::dev::upstream::{Person, Seed};
use claviger_tests::api::{V1, create, generation, read};
use claviger_tests::{Answer, Claviger, Client, Emulator};
use serde_json::{Value, json};

const CLOUD_ID: &str = "11223344-a1b2-4b33-8c44-def123456789";

struct World {
    claviger: Claviger,
    emulator: Emulator,
    owner: Client,
    alice: Person,
    bob: Person,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    let (emulator, owner) = (claviger.emulator()?, claviger.person("alice")?);
    let mut people = Seed::people(["alice", "bob"]).people.into_iter();
    let (alice, bob) = (people.next().context("no alice")?, people.next().context("no bob")?);
    Ok(World {
        claviger,
        emulator,
        owner,
        alice,
        bob,
    })
}

impl World {
    fn site(&self) -> String {
        format!("{}/jira", self.claviger.dev().upstream)
    }

    fn gateway(&self) -> String {
        format!("{}/ex/jira/{CLOUD_ID}", self.site())
    }

    async fn store(&self, kind: &str, fields: &Value) -> Result<String> {
        let body = json!({ "name": kind, "provider": "jira", "kind": kind, "url": self.site(), "fields": fields });
        create(&self.owner, &body).await
    }

    async fn read(&self, id: &str) -> Result<Answer> {
        read(&self.owner, id, "").await
    }

    /// Whose account an answer opens: its token used at its address, as it says.
    async fn whose(&self, body: &Value) -> Result<String> {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let path = text("url").replace(&self.claviger.dev().upstream, "");
        let version = if body.get("personalToken").is_some() { 2 } else { 3 };
        let shown = match body.get("authorization").and_then(Value::as_str) {
            Some("bearer") => format!("Bearer {}", text("apiToken")),
            _ => format!("Basic {}", STANDARD.encode(format!("{}:{}", text("email"), text("apiToken")))),
        };
        let client = self.emulator.client().with_header("authorization", &shown);
        let answer = client.get(&format!("{path}/rest/api/{version}/myself")).await?.expect(200)?;
        answer.text_at("/emailAddress")
    }

    async fn count(&self, operation: &str) -> Result<usize> {
        let log = self.emulator.requests().await?;
        Ok(log.iter().filter(|entry| entry["operation"] == operation).count())
    }

    async fn fault(&self, order: Value) -> Result<()> {
        let mut order = order;
        order["provider"] = json!("jira");
        self.emulator.fault(&order).await.map(drop)
    }

    async fn grant(&self, account: &str) -> Result<String> {
        let body = json!({ "provider": "jira", "account": account });
        self.emulator
            .client()
            .post("/_grants", &body)
            .await?
            .expect(201)?
            .text_at("/refresh_token")
    }
}

#[tokio::test]
async fn each_kind_is_told_where_its_token_works() -> Result<()> {
    let world = world().await?;
    let (bob, service) = (&world.bob, &world.bob.jira_service_email);
    let (gateway, site) = (world.gateway(), world.site());
    for (kind, fields, url, whose) in [
        (
            "api-token",
            json!({ "token": bob.jira_token.expose(), "email": bob.email }),
            &site,
            &bob.email,
        ),
        (
            "scoped-api-token",
            json!({ "token": bob.jira_scoped_token.expose(), "email": bob.email }),
            &gateway,
            &bob.email,
        ),
        // A token of the other kind than was thought is found out.
        (
            "scoped-api-token",
            json!({ "token": bob.jira_token.expose(), "email": bob.email }),
            &site,
            &bob.email,
        ),
        (
            "service-account-token",
            json!({ "token": bob.jira_service_token.expose(), "email": service }),
            &gateway,
            service,
        ),
        (
            "oauth",
            json!({ "refresh-token": world.grant("alice").await? }),
            &gateway,
            &world.alice.email,
        ),
        (
            "oauth-client",
            json!({ "client-id": bob.jira_client_id, "client-secret": bob.jira_client_secret.expose(), "site": site }),
            &gateway,
            service,
        ),
        (
            "data-center-token",
            json!({ "token": bob.jira_personal_token.expose() }),
            &site,
            &bob.email,
        ),
    ] {
        let id = world.store(kind, &fields).await?;
        let answer = world.read(&id).await?.expect(200)?;
        let body = answer.json()?;
        assert_eq!(body["url"], json!(url), "{kind}: {body}");
        assert_eq!(world.whose(&body).await?, *whose, "{kind}: {body}");
        assert_eq!(body["apiToken"], body["token"], "{kind}");
        if url == &gateway {
            assert_eq!(
                (&body["browseUrl"], &body["cloudId"]),
                (&json!(site), &json!(CLOUD_ID)),
                "{kind}: {body}"
            );
        }
        for secret in [fields["refresh-token"].as_str(), fields["client-secret"].as_str()]
            .into_iter()
            .flatten()
        {
            ensure!(
                !answer.text.contains(secret),
                "{kind} hands out what it is made from: {}",
                answer.text
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_grant_that_opens_several_sites_is_not_guessed() -> Result<()> {
    let world = world().await?;
    let id = world.store("oauth", &json!({ "refresh-token": world.grant("bob").await? })).await?;
    let refused = world.read(&id).await?.expect(502)?;
    assert_eq!(refused.text_at("/reason_code")?, "misconfigured");
    let log = world.claviger.log();
    ensure!(
        log.contains("https://elsewhere.atlassian.net") && log.contains(&world.site()),
        "{log}"
    );
    let chosen = json!({ "fields": { "site": world.site() } });
    world.owner.patch(&format!("{V1}/credentials/{id}"), &chosen).await?.expect(200)?;
    let body = world.read(&id).await?.expect(200)?.json()?;
    assert_eq!(world.whose(&body).await?, world.bob.email);
    Ok(())
}

#[tokio::test]
async fn a_rejected_token_is_refreshed() -> Result<()> {
    let world = world().await?;
    let id = world
        .store("oauth", &json!({ "refresh-token": world.grant("alice").await? }))
        .await?;
    let first = world.read(&id).await?.expect(200)?;
    let renewed = read(&world.owner, &id, &format!("?rejected={}", generation(&first)?))
        .await?
        .expect(200)?;
    ensure!(
        renewed.text_at("/token")? != first.text_at("/token")?,
        "a rejected token was handed out again"
    );
    ensure!(generation(&renewed)? > generation(&first)?, "{}", renewed.text);
    for body in [first.json()?, renewed.json()?] {
        assert_eq!(
            world.whose(&body).await?,
            world.alice.email,
            "Atlassian's old token lives on for ten minutes"
        );
    }
    assert_eq!(world.count("token").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_is_repeated_once_within_atlassians_leeway() -> Result<()> {
    let world = world().await?;
    let id = world
        .store("oauth", &json!({ "refresh-token": world.grant("alice").await? }))
        .await?;
    world.fault(json!({ "operation": "token", "lost": true })).await?;
    let lost = world.read(&id).await?.expect(503)?;
    assert_eq!(lost.text_at("/reason_code")?, "indeterminate", "{}", lost.text);
    // The refusal is remembered for 5 to 30 s, so that a crowd does not hammer; then the same refresh token is shown once more.
    let mut again = world.read(&id).await?;
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while again.status == 503 && tokio::time::Instant::now() < until {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        again = world.read(&id).await?;
    }
    let body = again.expect(200)?.json()?;
    assert_eq!(world.whose(&body).await?, world.alice.email);
    assert_eq!(world.count("token").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_wrong_application_secret_spends_nothing() -> Result<()> {
    let world = world().await?;
    let grant = world.grant("alice").await?;
    let application = Seed::people(["alice"]).jira_application;
    let fields = json!({ "refresh-token": grant, "client-id": application.client_id, "client-secret": "not-the-secret" });
    let id = world.store("oauth", &fields).await?;
    let refused = world.read(&id).await?.expect(502)?;
    assert_eq!(refused.text_at("/reason_code")?, "misconfigured", "{}", refused.text);
    ensure!(
        !refused.text.contains("not-the-secret") && !refused.text.contains(&grant),
        "{}",
        refused.text
    );
    let own = json!({ "fields": { "client-secret": application.client_secret.expose() } });
    world.owner.patch(&format!("{V1}/credentials/{id}"), &own).await?.expect(200)?;
    assert_eq!(world.whose(&world.read(&id).await?.expect(200)?.json()?).await?, world.alice.email);
    Ok(())
}

#[tokio::test]
async fn what_atlassian_says_is_what_the_reader_learns() -> Result<()> {
    let world = world().await?;
    for (order, status, reason, words) in [
        (
            json!({ "status": 403, "body": { "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." } }),
            502,
            "needs-reconnect",
            "connect the account again",
        ),
        (
            json!({ "status": 403, "body": { "error": "unauthorized_client", "error_description": "refresh_token is invalid" } }),
            502,
            "needs-reconnect",
            "connect the account again",
        ),
        (
            json!({ "status": 401, "body": { "error": "access_denied", "error_description": "Unauthorized" } }),
            502,
            "misconfigured",
            "id and secret",
        ),
        (
            json!({ "status": 503, "headers": { "retry-after": "30" } }),
            503,
            "transient",
            "503",
        ),
        (
            json!({ "rate_limit": { "retry_after_s": 12 } }),
            503,
            "transient",
            "jira-burst-based",
        ),
        (json!({ "rate_limit": {} }), 503, "transient", "jira-quota-global-based"),
    ] {
        let grant = world.grant("alice").await?;
        let id = world.store("oauth", &json!({ "refresh-token": grant })).await?;
        let mut order = order;
        order["operation"] = json!("token");
        world.fault(order.clone()).await?;
        let answer = world.read(&id).await?.expect(status)?;
        assert_eq!(answer.text_at("/reason_code")?, reason, "{order}\n{}", answer.text);
        let log = world.claviger.log();
        ensure!(log.contains(words), "the operator does not learn `{words}` of {order}\n{log}");
        ensure!(!answer.text.contains(&grant) && !log.contains(&grant), "{}", answer.text);
        if status == 503 {
            let wait: u64 = answer.header("retry-after").parse()?;
            let told = match (&order["rate_limit"], order["rate_limit"]["retry_after_s"].as_u64()) {
                (Value::Object(_), None) => 60..=121,
                (_, Some(seconds)) => seconds..=seconds + 1,
                _ => 30..=31,
            };
            ensure!(told.contains(&wait), "{wait} for {order}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_nobody_accepts_and_a_site_that_is_none() -> Result<()> {
    let world = world().await?;
    let dead = json!({ "token": "ATATT3xFfGF0deaddeaddeaddeaddead=00000000", "email": world.bob.email });
    let id = world.store("scoped-api-token", &dead).await?;
    let refused = world.read(&id).await?.expect(502)?;
    assert_eq!(refused.text_at("/reason_code")?, "needs-reconnect", "{}", refused.text);
    let log = world.claviger.log();
    ensure!(log.contains("the site does not accept the token"), "{log}");
    ensure!(
        !refused.text.contains("deaddead") && !log.contains("deaddead"),
        "{}\n{log}",
        refused.text
    );

    let fields = json!({ "token": world.bob.jira_service_token.expose(), "email": world.bob.jira_service_email });
    let id = world.store("service-account-token", &fields).await?;
    world
        .fault(json!({ "operation": "tenant-info", "status": 404, "body": "<html>" }))
        .await?;
    let nowhere = world.read(&id).await?.expect(502)?;
    assert_eq!(nowhere.text_at("/reason_code")?, "misconfigured", "{}", nowhere.text);
    Ok(())
}

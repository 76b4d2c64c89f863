//! The emulated GitHub against GitHub's published description, by Prism between the two: what Claviger asks, and what the emulator
//! answers. So neither can drift.

use super::world;
use anyhow::{Result, ensure};
use claviger_tests::Client;
use claviger_tests::api::{create, token};
use claviger_tests::github::PrismProxy;
use serde_json::{Value, json};

/// The description forgets that an account may not have the App; the page about it does not.
fn is_forgotten(request: &Value) -> bool {
    let path = request["path"].as_str().unwrap_or_default();
    request["status"] == 404 && path.starts_with("/api/v3/orgs/") && path.ends_with("/installation")
}

fn no_violations(requests: &[Value], paths: &[&str]) -> Result<()> {
    for request in requests {
        let violations = request["violations"].as_array().map_or(0, Vec::len);
        ensure!(
            violations == 0 || is_forgotten(request),
            "GitHub's description disagrees: {request:#}"
        );
    }
    for path in paths {
        ensure!(
            requests
                .iter()
                .any(|request| request["path"].as_str().is_some_and(|asked| asked == *path)),
            "`{path}` was never asked for: {requests:#?}"
        );
    }
    Ok(())
}

async fn end(client: &Client, id: &str) -> Result<()> {
    let ended = client
        .post(&format!("/api/claviger/v1/credentials/{id}/revoke"), &json!({}))
        .await?;
    assert_eq!(ended.expect(200)?.text_at("/outcome")?, "revoked");
    Ok(())
}

#[tokio::test]
async fn what_claviger_asks_and_the_emulator_answers_is_as_described() -> Result<()> {
    let mut world = world().await?;
    let proxy = PrismProxy::start(&world.claviger.dev().upstream).await?;
    let instance = format!(
        "[[instance]]\nprovider = \"github\"\nurl = \"{}\"\nnetworks = [\"127.0.0.0/8\"]\n",
        proxy.url
    );
    // A second server, that knows Prism for a GitHub of its own.
    let claviger = claviger_tests::Setup::default().config(&instance).start().await?;
    (world.alice, world.url) = (claviger.person("alice")?, proxy.url.clone());

    for named in [
        json!({ "installation-id": "1001" }),
        json!({ "owner": "alice" }),
        json!({ "owner": "alice/widgets" }),
    ] {
        let id = create(&world.alice, &world.installed(&named)).await?;
        ensure!(token(&world.alice, &id).await?.starts_with("ghs_"), "{named}");
        end(&world.alice, &id).await?;
    }
    // What people have: a token that they made, and two grants of theirs.
    let pat = json!({ "name": "pat", "provider": "github", "url": world.url, "token": world.seed.people[0].github_pat.expose() });
    let (mut app_user, ..) = world.app_user().await?;
    app_user["fields"]["client-id"] = json!(world.seed.github_app.client_id);
    app_user["fields"]["client-secret"] = json!(world.seed.github_app.client_secret.expose());
    let (oauth, ..) = world.oauth_user(true).await?;
    for body in [pat, app_user, oauth] {
        let id = create(&world.alice, &body).await?;
        token(&world.alice, &id).await?;
        let identity = world
            .alice
            .get(&format!("/api/claviger/v1/credentials/{id}/identity"))
            .await?
            .expect(200)?;
        assert_eq!(identity.text_at("/login")?, "alice");
        end(&world.alice, &id).await?;
    }
    no_violations(
        &proxy.requests().await?,
        &[
            "/api/v3/app",
            "/api/v3/users/claviger-emulated%5Bbot%5D",
            "/api/v3/installation/token",
            "/api/v3/user",
            "/api/v3/credentials/revoke",
            "/api/v3/app/installations/1001/access_tokens",
            "/api/v3/orgs/alice/installation",
            "/api/v3/users/alice/installation",
            "/api/v3/repos/alice/widgets/installation",
        ],
    )
}

#[tokio::test]
async fn how_claviger_asks_whose_a_token_is_and_ends_it_is_as_described() -> Result<()> {
    let mut world = world().await?;
    let proxy = PrismProxy::start(&world.claviger.dev().upstream).await?;
    let instance = format!(
        "[[instance]]\nprovider = \"github\"\nurl = \"{}\"\nnetworks = [\"127.0.0.0/8\"]\n",
        proxy.url
    );
    let claviger = claviger_tests::Setup::default().config(&instance).start().await?;
    (world.alice, world.url) = (claviger.person("alice")?, proxy.url.clone());

    // Who keeps the address private, so that the others are asked for.
    let github = claviger_tests::Client::new(&world.url)?;
    let pat = world.seed.people[0].github_pat.expose();
    let mut private = github.with_bearer(pat).get("/api/v3/user").await?.expect(200)?.json()?;
    private["email"] = Value::Null;
    let order = json!({ "provider": "github", "operation": "user", "status": 200, "body": private });
    world.emulator.fault(&order).await?;
    let pat = json!({ "token": pat });
    for (body, login) in [
        (world.credential("personal-access-token", &pat), "alice"),
        (world.oauth_user(false).await?.0, "alice"),
        (world.installation(), "claviger-emulated[bot]"),
    ] {
        let id = create(&world.alice, &body).await?;
        let of = |what: &str| format!("/api/claviger/v1/credentials/{id}/{what}");
        let identity = world.alice.get(&of("identity")).await?.expect(200)?;
        assert_eq!(identity.text_at("/login")?, login, "{}", body["kind"]);
        let ended = world.alice.post(&of("revoke"), &json!({})).await?.expect(200)?;
        assert_eq!(ended.text_at("/outcome")?, "revoked", "{}", body["kind"]);
    }
    let grant = format!("/api/v3/applications/{}/grant", world.seed.github_oauth_app.client_id);
    no_violations(
        &proxy.requests().await?,
        &[
            "/api/v3/user",
            "/api/v3/user/emails",
            "/api/v3/credentials/revoke",
            &grant,
            "/api/v3/app",
            "/api/v3/users/claviger-emulated%5Bbot%5D",
            "/api/v3/installation/token",
        ],
    )
}

#[tokio::test]
async fn what_the_emulator_answers_others_is_as_described_too() -> Result<()> {
    let world = world().await?;
    let proxy = PrismProxy::start(&world.claviger.dev().upstream).await?;
    let github = proxy.client();
    let pat = world.seed.people[0].github_pat.expose();
    let id = create(&world.alice, &world.installation()).await?;
    let installation = github.with_bearer(&token(&world.alice, &id).await?);
    let (user, ..) = world.app_user().await?;
    let id = create(&world.alice, &user).await?;
    let user_token = token(&world.alice, &id).await?;
    let user = github.with_bearer(&user_token);

    for (client, path, status) in [
        (&user, "/api/v3/user", 200),
        (&user, "/api/v3/user/emails", 200),
        (&github.with_bearer(pat), "/api/v3/user/emails", 404),
        (&github.with_bearer("ghp_wrong"), "/api/v3/user", 401),
        (&installation, "/api/v3/user", 403),
        (&installation, "/api/v3/users/claviger-emulated%5Bbot%5D", 200),
        (&installation, "/api/v3/users/alice", 200),
        (&installation, "/api/v3/users/nobody", 404),
        (&installation, "/api/v3/installation/repositories", 200),
        (&github.with_bearer("ghs_wrong"), "/api/v3/installation/repositories", 401),
    ] {
        client.get(path).await?.expect(status)?;
    }
    installation.delete("/api/v3/installation/token").await?.expect(204)?;
    let reported = json!({ "credentials": [user_token] });
    github.post("/api/v3/credentials/revoke", &reported).await?.expect(202)?;
    user.get("/api/v3/user").await?.expect(401)?;
    github
        .post("/api/v3/credentials/revoke", &json!({ "credentials": ["ghs_x"] }))
        .await?
        .expect(422)?;
    no_violations(
        &proxy.requests().await?,
        &["/api/v3/installation/token", "/api/v3/credentials/revoke"],
    )
}

/// If Prism found nothing wrong in anything, the tests above would prove nothing.
#[tokio::test]
async fn prism_notices_what_is_not_as_described() -> Result<()> {
    let world = world().await?;
    let proxy = PrismProxy::start(&world.claviger.dev().upstream).await?;
    let pat = proxy.client().with_bearer(world.seed.people[0].github_pat.expose());
    world
        .emulator
        .fault(&json!({ "provider": "github", "operation": "user", "status": 200, "body": { "login": 7 } }))
        .await?;
    pat.get("/api/v3/user").await?;
    pat.post("/api/v3/credentials/revoke", &json!({ "credentials": "all" })).await?;
    for request in proxy.requests().await? {
        ensure!(
            request["violations"].as_array().is_some_and(|found| !found.is_empty()),
            "unnoticed: {request}"
        );
    }
    Ok(())
}

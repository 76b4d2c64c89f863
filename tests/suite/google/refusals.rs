//! Google's refusals as a reader sees them, and documents that mean harm.

use super::{LATER, MISCONFIGURED, RECONNECT, SCOPE, World, checked, world};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

const STRANGER: &str = include_str!("../../../host/src/dev/upstream/keys/stranger.pkcs8.pem");

impl World {
    async fn failing(&self, operation: &str, status: u16, body: Value) -> Result<()> {
        let order = json!({ "provider": "google", "operation": operation, "status": status, "body": body });
        self.emulator.fault(&order).await.map(drop)
    }

    async fn person(&self) -> Result<String> {
        self.paste("authorised-user", &self.authorised(&self.refresh_token().await?), json!({}))
            .await
    }
}

#[tokio::test]
async fn each_refusal_is_told_in_its_class() -> Result<()> {
    let world = world().await?;
    let said = |error: &str, description: &str| json!({ "error": error, "error_description": description });
    let rapt =
        json!({ "error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)", "error_subtype": "invalid_rapt" });
    let suspended = MISCONFIGURED;
    for (status, body, seen, says) in [
        (
            400,
            said("invalid_grant", "Token has been expired or revoked."),
            RECONNECT,
            "connect the account again",
        ),
        (400, rapt, RECONNECT, "session control"),
        (
            400,
            json!({ "error": "invalid_grant", "error_subtype": "rapt_required" }),
            RECONNECT,
            "session control",
        ),
        (401, said("invalid_client", "Unauthorized"), MISCONFIGURED, "client id and secret"),
        (401, said("unauthorized_client", "Unauthorized"), MISCONFIGURED, "another client"),
        (400, said("admin_policy_enforced", "x"), suspended, "administrator"),
        (400, said("invalid_scope", "Bad Request"), SCOPE, "scopes asked for"),
        (400, json!({ "error": "internal_failure" }), LATER, "not well"),
        (503, json!({ "error": "temporarily_unavailable" }), LATER, "not well"),
        (500, json!("oops"), LATER, "answers 500"),
        (504, json!("oops"), LATER, "answers 504"),
        (408, json!(""), LATER, "answers 408"),
        (302, json!(""), MISCONFIGURED, "redirect"),
        (200, json!({ "id_token": "eyJ" }), LATER, "lacks the access token"),
        (200, json!("<html>"), LATER, "does not read"),
    ] {
        let id = world.person().await?;
        world.failing("token", status, body).await?;
        world.refused(world.read(&id, "").await?, seen, says, &[])?;
    }
    let id = world.person().await?;
    world
        .emulator
        .fault(&json!({ "provider": "google", "operation": "token", "rate_limit": { "retry_after_s": 41 } }))
        .await?;
    let limited = world.read(&id, "").await?.expect(503)?;
    let wait: u64 = limited.header("retry-after").parse()?;
    ensure!((39..=42).contains(&wait), "{wait}");
    Ok(())
}

#[tokio::test]
async fn a_grant_that_was_ended_is_asked_for_once() -> Result<()> {
    let world = world().await?;
    let refresh_token = world.refresh_token().await?;
    let id = world.paste("authorised-user", &world.authorised(&refresh_token), json!({})).await?;
    let ended = world
        .emulator
        .client()
        .post("/google/revoke", &json!({ "token": refresh_token }))
        .await?;
    assert_eq!(ended.status, 200);
    world.refused(
        world.read(&id, "").await?,
        RECONNECT,
        "connect the account again",
        &[refresh_token.as_str()],
    )?;
    let asked = world.requests("token").await?.len();
    world.refused(world.read(&id, "?scope=email").await?, RECONNECT, "", &[])?;
    assert_eq!(world.requests("token").await?.len(), asked, "a dead grant is not tried again");
    // Stored anew it is alive.
    let body = json!({ "token": world.authorised(&world.refresh_token().await?).to_string() });
    world
        .alice
        .patch(&format!("/api/ambient/v1/credentials/{id}"), &body)
        .await?
        .expect(200)?;
    let (token, _) = checked(world.read(&id, "").await?)?;
    assert_eq!(world.info(&token).await?["email"], "alice@example.org");
    Ok(())
}

#[tokio::test]
async fn keys_and_delegations_that_are_refused_say_what_to_do() -> Result<()> {
    let world = world().await?;
    let mut stranger = world.key_file()?;
    stranger["private_key"] = STRANGER.into();
    let mut nobody = world.key_file()?;
    nobody["client_email"] = "nobody@claviger-emulator.iam.gserviceaccount.com".into();
    for (file, fields, seen, says) in [
        (stranger, json!({}), RECONNECT, "store a new key file"),
        (nobody, json!({}), RECONNECT, "does not know the service account"),
        (
            world.key_file()?,
            json!({ "subject": "mallory@example.org" }),
            MISCONFIGURED,
            "`subject`",
        ),
        (
            world.key_file()?,
            json!({ "subject": "bob@example.org" }),
            MISCONFIGURED,
            "domain-wide delegation",
        ),
    ] {
        let id = world.paste("service-account", &file, fields).await?;
        world.refused(world.read(&id, "").await?, seen, says, &[])?;
    }
    let broken = json!({ "client_email": world.person.google_account, "private_key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n" });
    let body = json!({ "name": "x", "provider": "google", "kind": "service-account", "token": broken.to_string() });
    let answer = world.alice.post("/api/ambient/v1/credentials", &body).await?;
    let answer = answer.expect(400)?;
    ensure!(
        answer.text.contains("private key") && !answer.text.contains("c2VjcmV0"),
        "{}",
        answer.text
    );
    Ok(())
}

#[tokio::test]
async fn a_document_cannot_choose_where_its_secrets_go() -> Result<()> {
    let world = world().await?;
    // The emulator plays the attacker's host too: nothing may reach it by a path of the document's.
    let evil = world.claviger.dev().upstream.clone();
    let mut key = world.key_file()?;
    key["token_uri"] = format!("{evil}/google/token").into();
    let mut universe = world.key_file()?;
    universe["universe_domain"] = "apis-example.goog".into();
    let mut person = world.authorised(&world.refresh_token().await?);
    person["token_uri"] = "https://evil.test/token".into();
    let impersonated = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": format!("{evil}/google/v1/projects/-/serviceAccounts/{}:generateAccessToken", world.person.google_deployer),
        "source_credentials": world.authorised(&world.refresh_token().await?),
    });
    let before = world.emulator.requests().await?.len();
    for (kind, document, says) in [
        ("service-account", key, "token-uri"),
        ("service-account", universe, "universe-domain"),
        ("authorised-user", person, "token-uri"),
        ("impersonated-service-account", impersonated, "target"),
    ] {
        let id = world.paste(kind, &document, json!({})).await?;
        world.refused(world.read(&id, "").await?, MISCONFIGURED, says, &["evil.test"])?;
    }
    assert_eq!(world.emulator.requests().await?.len(), before, "nothing was sent to anybody");

    // An instance that the operator did not list is refused when it is stored.
    let body = json!({ "name": "x", "provider": "google", "kind": "service-account", "url": "https://evil.test", "token": world.key_file()?.to_string() });
    let answer = world.alice.post("/api/ambient/v1/credentials", &body).await?;
    ensure!(answer.status == 400, "{} {}", answer.status, answer.text);
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_repeats_secrets_gives_nothing_away() -> Result<()> {
    let world = world().await?;
    for echo in ["plain", "base64", "url"] {
        let refresh_token = world.refresh_token().await?;
        let id = world.paste("authorised-user", &world.authorised(&refresh_token), json!({})).await?;
        world
            .emulator
            .fault(
                &json!({ "provider": "google", "operation": "token", "status": 400, "body": { "error": "invalid_grant" }, "echo": echo }),
            )
            .await?;
        let answer = world.read(&id, "").await?;
        ensure!(answer.status >= 500, "{}", answer.status);
        ensure!(
            !answer.text.contains(&refresh_token) && !answer.text.contains("GOCSPX"),
            "{}",
            answer.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn each_kind_is_validated_when_it_is_stored() -> Result<()> {
    let world = world().await?;
    let (robot, address) = (&world.person.google_account, "//iam.googleapis.com/projects/7/x");
    for (kind, fields, named) in [
        ("authorised-user", json!({ "client-id": "c" }), "refresh-token"),
        ("authorised-user", json!({ "refresh-token": "1//0a b" }), "refresh-token"),
        (
            "authorised-user",
            json!({ "refresh-token": "1//0a", "refresh": "1//0a" }),
            "refresh",
        ),
        ("service-account", json!({ "client-email": robot }), "private-key"),
        (
            "service-account",
            json!({ "client-email": robot, "private-key": "1//0a" }),
            "private-key",
        ),
        ("impersonated-service-account", json!({ "refresh-token": "1//0a" }), "target"),
        (
            "impersonated-service-account",
            json!({ "target": robot, "private-key": "1//0a" }),
            "private-key",
        ),
        ("external-account", json!({ "scopes": "email" }), "audience"),
        (
            "external-account",
            json!({ "audience": address, "subject-token": "1//0a" }),
            "subject-token",
        ),
        ("gdch", json!({ "refresh-token": "1//0a" }), "`kind`"),
    ] {
        let body = json!({ "name": "x", "provider": "google", "kind": kind, "url": world.google, "fields": fields });
        let refused = world.alice.post("/api/ambient/v1/credentials", &body).await?.expect(400)?;
        ensure!(
            refused.text.contains(named) && !refused.text.contains("1//0a"),
            "{kind} {fields}: {}",
            refused.text
        );
    }
    for (kind, document) in [
        ("authorised-user", "{\"refresh_token\": \"1//0a\""),
        ("service-account", "[\"1//0a\"]"),
        ("impersonated-service-account", "{\"source_credentials\": \"1//0a\"}"),
        ("external-account", "{\"type\": \"external_account\", \"x\": \"1//0a\"}"),
    ] {
        let body = json!({ "name": "x", "provider": "google", "kind": kind, "url": world.google, "token": document });
        let refused = world.alice.post("/api/ambient/v1/credentials", &body).await?.expect(400)?;
        ensure!(!refused.text.contains("1//0a"), "{kind} {document}: {}", refused.text);
    }
    Ok(())
}

//! What Jira's kinds refuse: what is stored wrongly, what cannot be narrowed, and to send anything where nobody allowed it.

use super::{CLOUD_ID, V1, create, read, world};
use anyhow::{Result, ensure};
use serde_json::json;

#[tokio::test]
async fn nothing_at_jira_is_narrowed() -> Result<()> {
    let world = world().await?;
    let fields = json!({ "token": world.bob.jira_token.expose(), "email": world.bob.email });
    let id = world.store("api-token", &fields).await?;
    let answer = read(&world.owner, &id, "?scope=read:jira-work").await?.expect(400)?;
    ensure!(!answer.text.contains(world.bob.jira_token.expose()), "{}", answer.text);
    Ok(())
}

#[tokio::test]
async fn each_kind_is_validated_when_it_is_stored() -> Result<()> {
    let world = world().await?;
    let good = "ATATT3xFfGF0abcdefghijklmnopqrstuvwxyz=1A2B3C4D";
    for (kind, fields, named) in [
        ("api-token", json!({ "token": good }), "email"),
        ("api-token", json!({ "token": "ATATT\nx", "email": "a@example.org" }), "token"),
        ("scoped-api-token", json!({ "token": good }), "email"),
        ("service-account-token", json!({ "email": "a@example.org" }), "token"),
        ("oauth", json!({ "client-id": "x" }), "refresh-token"),
        ("oauth-client", json!({ "client-secret": "s" }), "client-id"),
        ("oauth-client", json!({ "client-id": "c" }), "client-secret"),
        ("data-center-token", json!({ "email": "a@example.org" }), "token"),
        ("data-center-token", json!({ "token": good, "tokenId": "7" }), "tokenId"),
        ("forge", json!({ "token": good }), "`kind`"),
    ] {
        let body = json!({ "name": "x", "provider": "jira", "kind": kind, "url": world.site(), "fields": fields });
        let refused = world.owner.post(&format!("{V1}/credentials"), &body).await?.expect(400)?;
        ensure!(
            refused.text.contains(named) && !refused.text.contains(good),
            "{kind} {fields}: {}",
            refused.text
        );
    }
    for kind in ["api-token", "scoped-api-token", "service-account-token", "data-center-token"] {
        let body = json!({ "name": "x", "provider": "jira", "kind": kind, "fields": { "token": good, "email": "a@example.org" } });
        let body_without_mail =
            json!({ "name": "x", "provider": "jira", "kind": kind, "email": "a@example.org", "fields": { "token": good } });
        for body in [body, body_without_mail] {
            let refused = world.owner.post(&format!("{V1}/credentials"), &body).await?.expect(400)?;
            ensure!(
                refused.text.contains("url") || refused.text.contains("email"),
                "{kind}: {}",
                refused.text
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_goes_to_no_instance_that_nobody_listed() -> Result<()> {
    let world = world().await?;
    let good = "ATATT3xFfGF0abcdefghijklmnopqrstuvwxyz=1A2B3C4D";
    for url in [
        "https://example.atlassian.net.evil.example",
        "https://evil.example",
        "http://example.atlassian.net",
        "https://169.254.169.254",
    ] {
        for (kind, fields) in [
            ("oauth", json!({ "refresh-token": good, "client-id": "c", "client-secret": good })),
            (
                "oauth-client",
                json!({ "client-id": "c", "client-secret": good, "cloud-id": CLOUD_ID }),
            ),
        ] {
            let body = json!({ "name": "x", "provider": "jira", "kind": kind, "url": url, "email": "a@example.org", "fields": fields });
            let refused = world.owner.post(&format!("{V1}/credentials"), &body).await?.expect(400)?;
            ensure!(
                refused.text.contains("is no allowed instance") && !refused.text.contains(good),
                "{kind} at {url}: {}",
                refused.text
            );
        }
        // These have to ask for their site's number, which is refused then; the others ask nobody.
        for (kind, asks) in [
            ("scoped-api-token", true),
            ("service-account-token", true),
            ("api-token", false),
            ("data-center-token", false),
        ] {
            let body = json!({ "name": "x", "provider": "jira", "kind": kind, "url": url, "email": "a@example.org", "token": good });
            let id = create(&world.owner, &body).await?;
            let answer = world.read(&id).await?.expect(if asks { 502 } else { 200 })?;
            assert_eq!(answer.text.contains(good), !asks, "{kind} at {url}: {}", answer.text);
        }
    }
    let log = world.emulator.requests().await?;
    ensure!(log.iter().all(|entry| entry["provider"] != "jira"), "Jira was asked: {log:#?}");
    Ok(())
}

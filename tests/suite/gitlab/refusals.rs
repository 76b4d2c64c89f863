//! What GitLab's kinds refuse: what is stored wrongly, what cannot be narrowed, and to send anything where nobody allowed it; and a refresh
//! whose answer was lost.

use super::{V1, create, read, token, world};
use anyhow::{Result, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn nothing_at_gitlab_is_narrowed() -> Result<()> {
    let world = world().await?;
    for (kind, fields) in [
        ("personal-access-token", json!({ "token": "glpat-abcdefghijklmnopqrst" })),
        ("rotating-access-token", json!({ "token": "glpat-abcdefghijklmnopqrst" })),
        ("oauth", json!({ "refresh-token": "glpat-abcdefghijklmnopqrst" })),
        (
            "deploy-token",
            json!({ "token": "gldt-abcdefghijklmnopqrst", "username": "gitlab+deploy-token-7" }),
        ),
    ] {
        let id = world.store(kind, &fields).await?;
        let answer = read(&world.alice, &id, "?scope=read_api").await?.expect(400)?;
        ensure!(!answer.text.contains("abcdefghijkl"), "{kind}: {}", answer.text);
    }
    let log = world.emulator.requests().await?;
    ensure!(log.iter().all(|entry| entry["provider"] != "gitlab"), "GitLab was asked: {log:#?}");
    Ok(())
}

#[tokio::test]
async fn each_kind_is_validated_when_it_is_stored() -> Result<()> {
    let world = world().await?;
    let good = "glpat-abcdefghijklmnopqrst";
    for (kind, fields, named) in [
        ("personal-access-token", json!({ "token": "glpat-abc\ndef" }), "token"),
        (
            "personal-access-token",
            json!({ "token": good, "refresh-token": "r" }),
            "refresh-token",
        ),
        ("rotating-access-token", json!({ "token": "glpat-abc def" }), "token"),
        ("rotating-access-token", json!({ "token": good, "lifetime": "30" }), "lifetime"),
        ("oauth", json!({ "token": good }), "token"),
        ("oauth", json!({ "refresh-token": "a b" }), "refresh-token"),
        ("deploy-token", json!({ "token": good }), "username"),
        ("job-token", json!({ "token": good }), "`kind`"),
    ] {
        let body = json!({ "name": "x", "provider": "gitlab", "kind": kind, "url": world.instance(), "fields": fields });
        let refused = world.alice.post(&format!("{V1}/credentials"), &body).await?.expect(400)?;
        ensure!(
            refused.text.contains(named) && !refused.text.contains(good),
            "{kind} {fields}: {}",
            refused.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_goes_to_no_instance_that_nobody_listed() -> Result<()> {
    let world = world().await?;
    let first = world.access_token(&json!({ "days": 2 })).await?;
    for url in [
        "https://gitlab.example.org",
        "http://127.0.0.1:1/gitlab",
        "https://gitlab.com.evil.example",
        "https://169.254.169.254",
    ] {
        let body =
            |kind: &str, field: &str| json!({ "name": "x", "provider": "gitlab", "kind": kind, "url": url, "fields": { field: first } });
        let refused = world
            .alice
            .post(&format!("{V1}/credentials"), &body("oauth", "refresh-token"))
            .await?
            .expect(400)?;
        ensure!(
            refused.text.contains("is no allowed instance") && !refused.text.contains(&first),
            "{url}: {}",
            refused.text
        );
        // A stored token may be somebody's for an instance that this server never asks; one that has to be asked for is refused then.
        let id = create(&world.alice, &body("rotating-access-token", "token")).await?;
        let refused = read(&world.alice, &id, "").await?.expect(502)?;
        ensure!(!refused.text.contains(&first), "{url}: {}", refused.text);
        let mut deploy = body("deploy-token", "token");
        deploy["fields"]["username"] = json!("gitlab+deploy-token-7");
        for stored in [body("personal-access-token", "token"), deploy] {
            let id = create(&world.alice, &stored).await?;
            assert_eq!(token(&world.alice, &id).await?, first, "{url}");
        }
    }
    let log = world.emulator.requests().await?;
    ensure!(log.iter().all(|entry| entry["provider"] != "gitlab"), "GitLab was asked: {log:#?}");
    Ok(())
}

/// GitLab gives no time in which a spent refresh token is good once more; asking again costs nothing, and tells whether it was spent.
#[tokio::test]
async fn a_refresh_whose_answer_is_lost_is_asked_for_once_more_and_then_given_up() -> Result<()> {
    let world = world().await?;
    let grant = world.emulator.client().post("/_grants", &json!({ "account": "alice" })).await?;
    let secret = grant.expect(201)?.text_at("/refresh_token")?;
    let id = world.store("oauth", &json!({ "refresh-token": secret })).await?;
    world
        .fault(json!({ "provider": "gitlab", "operation": "token", "lost": true }))
        .await?;
    let lost = read(&world.alice, &id, "").await?.expect(503)?;
    assert_eq!(lost.text_at("/reason_code")?, "indeterminate", "{}", lost.text);
    // What failed a moment ago is remembered for up to half a minute.
    let until = Instant::now() + Duration::from_secs(60);
    let given_up = loop {
        let answer = read(&world.alice, &id, "").await?;
        if answer.status != 503 || Instant::now() > until {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    assert_eq!(given_up.expect(502)?.text_at("/reason_code")?, "needs-reconnect");
    read(&world.alice, &id, "").await?.expect(502)?;
    assert_eq!(world.count("token").await?, 2, "the lost one and one more");
    Ok(())
}

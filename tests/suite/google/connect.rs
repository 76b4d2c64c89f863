//! A person connects their account in a browser, and what comes of it.

use super::{EMAIL, MAIL, checked, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::{Answer, Client};
use serde_json::json;

const AT: &str = "/api/auth/google";

/// The browser of whom `hint` names, which the emulated Google sends back at once; the page it ends on.
async fn consent(address: &str, hint: &str) -> Result<Answer> {
    let browser = Client::new("")?;
    let away = browser.get(&format!("{address}&login_hint={hint}")).await?.expect(302)?;
    browser.get(away.header("location")).await
}

#[tokio::test]
async fn a_consent_becomes_a_grant_of_the_account_that_consented() -> Result<()> {
    let world = world().await?;
    let body = json!({ "kind": "authorised-user", "url": world.google, "fields": { "scopes": MAIL } });
    let started = world.alice.post(&format!("{AT}/connect"), &body).await?.expect(201)?;
    let address = started.text_at("/url")?;
    for wanted in [
        "access_type=offline",
        "prompt=consent",
        "response_type=code",
        "code_challenge_method=S256",
        "gmail.readonly",
    ] {
        ensure!(address.contains(wanted), "the address lacks `{wanted}`: {address}");
    }
    let page = consent(&address, "bob").await?.expect(200)?;
    let shown = page.text.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
    let done = json!({ "id": started.text_at("/id")?, "code": shown.context("no code on the page")? });
    let done = world.alice.post(&format!("{AT}/complete"), &done).await?.expect(200)?;

    let status = world.alice.get(&format!("{AT}/status")).await?.expect(200)?;
    ensure!(!status.text.contains("1//0"), "{}", status.text);
    let shown = status.json()?;
    assert_eq!(
        (&shown["connected"], &shown["kind"], &shown["email"]),
        (&json!(true), &json!("authorised-user"), &json!("bob@example.org"))
    );
    let id = done.text_at("/credential_id")?;
    let (token, body) = checked(world.read(&id, "").await?)?;
    let info = world.info(&token).await?;
    assert_eq!(
        (&info["email"], &body["email"]),
        (&json!("bob@example.org"), &json!("bob@example.org"))
    );
    let granted = info["scope"].as_str().context("no scope")?;
    for scope in [MAIL, EMAIL, "openid"] {
        ensure!(granted.split(' ').any(|word| word == scope), "`{scope}` was not granted: {granted}");
    }
    // A second flow of tokens, by the stored grant and not by the consent.
    let (narrow, _) = checked(world.read(&id, &format!("?scope={MAIL}")).await?)?;
    assert_eq!(world.info(&narrow).await?["scope"], MAIL);
    let bought = world.requests("token").await?;
    let shown: Vec<&str> = bought
        .iter()
        .filter_map(|entry| entry.pointer("/credential/kind")?.as_str())
        .collect();
    assert_eq!(shown.first().copied(), Some("code"));
    assert_eq!(shown.last().copied(), Some("refresh-token"));
    Ok(())
}

#[tokio::test]
async fn a_person_who_declines_connects_nothing() -> Result<()> {
    let world = world().await?;
    let before = world.alice.get(&format!("{AT}/status")).await?.expect(200)?.text_at("/kind")?;
    let body = json!({ "kind": "authorised-user", "url": world.google });
    let started = world.alice.post(&format!("{AT}/connect"), &body).await?.expect(201)?;
    let page = consent(&started.text_at("/url")?, "nobody").await?;
    ensure!(page.text.contains("nothing was connected"), "{} {}", page.status, page.text);
    assert_eq!(world.alice.get(&format!("{AT}/status")).await?.text_at("/kind")?, before);
    Ok(())
}

#[tokio::test]
async fn each_consumer_reads_the_token_under_its_own_names() -> Result<()> {
    let world = world().await?;
    let document = world.authorised(&world.refresh_token().await?);
    let person = world.paste("authorised-user", &document, json!({ "project-id": "p-1" })).await?;
    let robot = world.paste("service-account", &world.key_file()?, json!({})).await?;
    let deployer = &world.person.google_deployer;
    let chain = world.impersonating(deployer, json!([])).await?;
    let chain = world
        .paste("impersonated-service-account", &chain, json!({ "project-id": "p-2" }))
        .await?;
    for (id, project, quota) in [
        (&person, "p-1", Some("payer")),
        (&robot, "claviger-emulator", None),
        (&chain, "p-2", None),
    ] {
        let (token, _) = checked(world.read(id, "").await?)?;
        let environment = world.read(id, "?consumer=environment").await?.expect(200)?.json()?["environment"].clone();
        for name in ["GOOGLE_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN"] {
            assert_eq!(environment[name], token.as_str(), "{name}");
        }
        assert_eq!(environment["GOOGLE_CLOUD_PROJECT"], project);
        assert_eq!(
            environment.get("GOOGLE_CLOUD_QUOTA_PROJECT").and_then(|value| value.as_str()),
            quota
        );
        let session = world.read(id, "?consumer=session").await?.expect(200)?.json()?;
        assert_eq!((&session["accessToken"], &session["refreshToken"]), (&json!(token), &json!("")));
        let git = world.read(id, "?consumer=git").await?.expect(404)?;
        ensure!(git.text.contains("opens no Git repository"), "{}", git.text);
    }
    for (id, email) in [(&robot, &world.person.google_account), (&chain, deployer)] {
        let environment = world.read(id, "?consumer=environment").await?.json()?["environment"].clone();
        assert_eq!(environment["USER_GOOGLE_EMAIL"], email.as_str());
    }
    Ok(())
}

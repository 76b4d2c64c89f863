//! What becomes of a token in other hands: a person's browser, a process, a client in Python.

use super::{CLOUD_ID, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::api::read;
use claviger_tests::{Client, python};
use serde_json::{Value, json};

#[tokio::test]
async fn the_jira_client_works_with_what_is_handed_out() -> Result<()> {
    let world = world().await?;
    let bob = &world.bob;
    for (kind, fields, version) in [
        ("api-token", json!({ "token": bob.jira_token.expose(), "email": bob.email }), "3"),
        (
            "scoped-api-token",
            json!({ "token": bob.jira_scoped_token.expose(), "email": bob.email }),
            "3",
        ),
        (
            "service-account-token",
            json!({ "token": bob.jira_service_token.expose(), "email": bob.jira_service_email }),
            "3",
        ),
        (
            "oauth",
            json!({ "refresh-token": world.grant("bob").await?, "site": world.site() }),
            "3",
        ),
        (
            "oauth-client",
            json!({ "client-id": bob.jira_client_id, "client-secret": bob.jira_client_secret.expose(), "site": world.site() }),
            "3",
        ),
        ("data-center-token", json!({ "token": bob.jira_personal_token.expose() }), "2"),
    ] {
        let id = world.store(kind, &fields).await?;
        let body = world.read(&id).await?.expect(200)?.json()?;
        let email = if body["authorization"] == "bearer" {
            Value::Null
        } else {
            body["email"].clone()
        };
        let input = json!({ "url": body["url"], "email": email, "token": body["apiToken"], "version": version });
        let said = python::run("jira_client.py", &input, &[]).await?;
        let whose = said["emailAddress"].as_str().unwrap_or_default();
        ensure!(whose == bob.email || whose == bob.jira_service_email, "{kind}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_person_connects_an_account_and_chooses_the_site() -> Result<()> {
    let world = world().await?;
    for (login, sites) in [("alice", 1), ("bob", 2)] {
        let body = json!({ "kind": "oauth", "url": world.site() });
        let started = world.owner.post("/api/auth/jira/connect", &body).await?.expect(201)?;
        let address = started.text_at("/url")?;
        ensure!(
            address.contains("offline_access") && address.contains("audience=api.atlassian.com"),
            "{address}"
        );
        ensure!(!address.contains("code_challenge"), "Atlassian has no PKCE: {address}");
        let browser = Client::new("")?;
        let back = browser.get(&format!("{address}&login_hint={login}")).await?.expect(302)?;
        let page = browser.get(back.header("location")).await?.expect(200)?;
        let code = page
            .text
            .split("<h1>")
            .nth(1)
            .and_then(|rest| rest.split("</h1>").next())
            .context("no code")?;
        let id = started.text_at("/id")?;
        let mut done = world
            .owner
            .post("/api/auth/jira/complete", &json!({ "id": id, "code": code }))
            .await?
            .expect(200)?;
        if sites > 1 {
            let titles: Vec<String> = serde_json::from_value(done.json()?["choose"].clone()).with_context(|| done.text.clone())?;
            assert_eq!(titles.len(), sites, "{}", done.text);
            let mine = titles
                .iter()
                .find(|title| title.contains(&world.site()))
                .context("the site is not offered")?;
            done = world
                .owner
                .post("/api/auth/jira/complete", &json!({ "id": id, "code": code, "account": mine }))
                .await?
                .expect(200)?;
        }
        assert_eq!(done.json()?["connected"], true, "{}", done.text);
        let answer = world.read(&done.text_at("/credential_id")?).await?.expect(200)?;
        let body = answer.json()?;
        assert_eq!((&body["cloudId"], &body["browseUrl"]), (&json!(CLOUD_ID), &json!(world.site())));
        assert_eq!(
            world.whose(&body).await?,
            format!("{login}@example.org"),
            "the upstream's word, not ours"
        );
    }
    Ok(())
}

#[tokio::test]
async fn each_kind_reaches_each_consumer_under_its_own_names_and_git_gets_nothing() -> Result<()> {
    let world = world().await?;
    let (bob, gateway, site) = (&world.bob, world.gateway(), world.site());
    for (kind, fields, url, token_name, absent) in [
        (
            "api-token",
            json!({ "token": bob.jira_token.expose(), "email": bob.email }),
            &site,
            "JIRA_API_TOKEN",
            "JIRA_CLOUD_ID",
        ),
        (
            "scoped-api-token",
            json!({ "token": bob.jira_scoped_token.expose(), "email": bob.email }),
            &gateway,
            "JIRA_API_TOKEN",
            "JIRA_PERSONAL_TOKEN",
        ),
        (
            "service-account-token",
            json!({ "token": bob.jira_service_token.expose(), "email": bob.jira_service_email }),
            &gateway,
            "JIRA_API_TOKEN",
            "JIRA_PERSONAL_TOKEN",
        ),
        (
            "oauth",
            json!({ "refresh-token": world.grant("alice").await? }),
            &gateway,
            "ATLASSIAN_OAUTH_ACCESS_TOKEN",
            "JIRA_API_TOKEN",
        ),
        (
            "oauth-client",
            json!({ "client-id": bob.jira_client_id, "client-secret": bob.jira_client_secret.expose(), "site": site }),
            &gateway,
            "ATLASSIAN_OAUTH_ACCESS_TOKEN",
            "JIRA_API_TOKEN",
        ),
        (
            "data-center-token",
            json!({ "token": bob.jira_personal_token.expose() }),
            &site,
            "JIRA_PERSONAL_TOKEN",
            "JIRA_API_TOKEN",
        ),
    ] {
        let id = world.store(kind, &fields).await?;
        let plain = world.read(&id).await?.expect(200)?.json()?;
        let held = plain["token"].as_str().unwrap_or_default().to_owned();
        let session = read(&world.owner, &id, "?consumer=session").await?.expect(200)?.json()?;
        let bearer = ["oauth", "oauth-client", "data-center-token"].contains(&kind);
        for body in [&session, &plain] {
            assert_eq!((&body["url"], &body["apiToken"]), (&json!(url), &json!(held)), "{kind}: {body}");
            ensure!(body["email"].is_string(), "{kind}: {body}");
            assert_eq!(body.get("authorization").is_some(), bearer, "{kind}: {body}");
            let personal = (kind == "data-center-token").then_some(held.as_str());
            assert_eq!(body.get("personalToken").and_then(Value::as_str), personal, "{kind}: {body}");
            assert_eq!(body.get("cloudId").is_some(), url == &gateway, "{kind}: {body}");
        }
        ensure!(session.get("credential_id").is_none(), "{kind}: {session}");
        let environment = read(&world.owner, &id, "?consumer=environment").await?.expect(200)?.json()?["environment"].clone();
        assert_eq!(
            (&environment["JIRA_URL"], &environment[token_name]),
            (&json!(url), &json!(held)),
            "{kind}: {environment}"
        );
        ensure!(environment.get(absent).is_none(), "{kind}: {environment}");
        if url == &gateway {
            assert_eq!(
                (&environment["JIRA_CLOUD_ID"], &environment["JIRA_BROWSE_URL"]),
                (&json!(CLOUD_ID), &json!(site)),
                "{kind}: {environment}"
            );
        }
        let git = read(&world.owner, &id, "?consumer=git").await?;
        ensure!(
            git.status == 404 && !git.text.contains(&held),
            "{kind}: Jira holds no repository: {}",
            git.text
        );
    }
    Ok(())
}

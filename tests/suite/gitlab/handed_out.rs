//! What becomes of a token in other hands: a person's browser, a process, Git, a client in Python.

use super::{World, world};
use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::api::{create, generation, read};
use claviger_tests::{Answer, Client, python};
use serde_json::{Value, json};

#[tokio::test]
async fn python_gitlab_works_with_what_is_handed_out() -> Result<()> {
    let world = world().await?;
    let rotated = world.access_token(&json!({ "days": 2 })).await?;
    let grant = world
        .emulator
        .client()
        .post("/_grants", &json!({ "account": "alice" }))
        .await?
        .expect(201)?;
    for (kind, fields, how) in [
        (
            "personal-access-token",
            json!({ "token": world.access_token(&json!({})).await? }),
            "private_token",
        ),
        ("rotating-access-token", json!({ "token": rotated }), "private_token"),
        ("oauth", json!({ "refresh-token": grant.text_at("/refresh_token")? }), "oauth_token"),
    ] {
        let id = world.store(kind, &fields).await?;
        let answer = read(&world.alice, &id, "").await?.expect(200)?.json()?;
        let input = json!({ "url": answer["instanceUrl"], how: answer["token"] });
        let said = python::run("gitlab_client.py", &input, &[]).await?;
        assert_eq!(said["username"], "alice", "{kind}: {said}");
        if how == "private_token" {
            assert_eq!(said["active"], true, "{kind}: {said}");
        }
    }
    Ok(())
}

/// A person's way through a consent: the address, the browser as `login`, the code that it shows, the completion.
async fn connected(world: &World, fields: &Value, login: &str) -> Result<Answer> {
    let body = json!({ "kind": "oauth", "url": world.instance(), "fields": fields });
    let started = world.alice.post("/api/auth/gitlab/connect", &body).await?.expect(201)?;
    let address = started.text_at("/url")?;
    ensure!(address.starts_with(&format!("{}/oauth/authorize?", world.instance())), "{address}");
    ensure!(
        address.contains("code_challenge_method=S256") && address.contains("scope=api"),
        "{address}"
    );
    let browser = Client::new("")?;
    let back = browser.get(&format!("{address}&login_hint={login}")).await?.expect(302)?;
    let page = browser.get(back.header("location")).await?.expect(200)?;
    let code = page
        .text
        .split("<h1>")
        .nth(1)
        .and_then(|rest| rest.split("</h1>").next())
        .context("no code")?;
    let complete = json!({ "id": started.text_at("/id")?, "code": code });
    world.alice.post("/api/auth/gitlab/complete", &complete).await?.expect(200)
}

#[tokio::test]
async fn a_person_connects_an_account_with_and_without_an_applications_secret() -> Result<()> {
    let world = world().await?;
    let public = Seed::people(["alice"]).gitlab_application.public_client_id;
    for (fields, login) in [(json!({}), "bob"), (json!({ "client-id": public }), "carol")] {
        let done = connected(&world, &fields, login).await?;
        assert_eq!(done.json()?["connected"], true, "{}", done.text);
        let id = done.text_at("/credential_id")?;
        let answer = read(&world.alice, &id, "").await?.expect(200)?;
        assert_eq!(
            world.login(&answer.text_at("/token")?).await?.as_deref(),
            Some(login),
            "the upstream's word, not ours"
        );
        assert_eq!(answer.text_at("/userName")?, login, "who consented is known from the exchange");
        assert_eq!(answer.text_at("/email")?, format!("{login}@example.org"));
        // The first pair is stored whole: a refresh repeats the redirect address and, for a public application, shows no secret.
        let renewed = read(&world.alice, &id, &format!("?rejected={}", generation(&answer)?))
            .await?
            .expect(200)?;
        ensure!(
            renewed.text_at("/token")? != answer.text_at("/token")?,
            "the first access token was handed out again"
        );
        assert_eq!(world.login(&renewed.text_at("/token")?).await?.as_deref(), Some(login));
    }
    Ok(())
}

#[tokio::test]
async fn each_kind_reaches_each_consumer_under_its_own_names() -> Result<()> {
    let world = world().await?;
    let grant = world
        .emulator
        .client()
        .post("/_grants", &json!({ "account": "alice" }))
        .await?
        .expect(201)?;
    let instance = world.instance();
    let host = instance.trim_start_matches("http://").trim_end_matches("/gitlab").to_owned();
    let people = json!({ "user-name": "Alice", "email": "alice@example.org" });
    for (kind, fields, name, user) in [
        (
            "personal-access-token",
            json!({ "token": world.access_token(&json!({})).await? }),
            "GITLAB_TOKEN",
            "oauth2",
        ),
        (
            "rotating-access-token",
            json!({ "token": world.access_token(&json!({ "days": 2 })).await? }),
            "GITLAB_TOKEN",
            "oauth2",
        ),
        (
            "oauth",
            json!({ "refresh-token": grant.text_at("/refresh_token")? }),
            "GITLAB_TOKEN",
            "oauth2",
        ),
        (
            "deploy-token",
            json!({ "token": "gldt-abcdefghijklmnopqrst", "username": "gitlab+deploy-token-7" }),
            "CI_DEPLOY_PASSWORD",
            "gitlab+deploy-token-7",
        ),
    ] {
        let mut fields = fields;
        fields["user-name"] = people["user-name"].clone();
        let body = json!({ "name": kind, "provider": "gitlab", "kind": kind, "url": instance, "email": people["email"], "fields": fields });
        let id = create(&world.alice, &body).await?;
        let plain = read(&world.alice, &id, "").await?.expect(200)?.json()?;
        let held = plain["token"].as_str().unwrap_or_default().to_owned();
        let session = read(&world.alice, &id, "?consumer=session").await?.expect(200)?.json()?;
        for (key, value) in [
            ("token", &json!(held)),
            ("instanceUrl", &json!(instance)),
            ("userName", &people["user-name"]),
            ("email", &people["email"]),
        ] {
            assert_eq!((&session[key], &plain[key]), (value, value), "{kind}: {session} {plain}");
        }
        assert_eq!(
            (&session["provider"], &plain["provider"]),
            (&json!("gitlab"), &json!("gitlab")),
            "{kind}"
        );
        let name_of_its_own = (kind == "deploy-token").then_some(user);
        for body in [&session, &plain] {
            assert_eq!(body.get("username").and_then(Value::as_str), name_of_its_own, "{kind}: {body}");
        }
        let environment = read(&world.alice, &id, "?consumer=environment").await?.expect(200)?.json()?["environment"].clone();
        assert_eq!(environment[name], json!(held), "{kind}: {environment}");
        assert_eq!(environment["CI_SERVER_URL"], json!(instance), "{kind}: {environment}");
        assert_eq!(environment["GIT_COMMITTER_EMAIL"], people["email"], "{kind}: {environment}");
        assert_eq!(environment["GIT_AUTHOR_NAME"], people["user-name"], "{kind}: {environment}");
        assert_eq!(environment.get("GLAB_IS_OAUTH2").is_some(), kind == "oauth", "{environment}");
        assert_eq!(
            environment.get("GITLAB_TOKEN").is_some(),
            kind != "deploy-token",
            "a deploy token cannot use the API: {environment}"
        );
        let git = read(&world.alice, &id, "?consumer=git").await?.expect(200)?.json()?["git"].clone();
        for (key, value) in [
            ("protocol", "http"),
            ("host", host.as_str()),
            ("path", "gitlab"),
            ("username", user),
            ("password", held.as_str()),
        ] {
            assert_eq!(git[key], value, "{kind}: {git}");
        }
    }
    Ok(())
}

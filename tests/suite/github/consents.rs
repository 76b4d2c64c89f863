//! A person connects an account with an OAuth App: with tokens that last, and with tokens that are refreshed.

use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::api::{generation, read};
use claviger_tests::{Claviger, Client, Setup};
use serde_json::json;

const AT: &str = "/api/auth/github";

/// A server whose operator registered an OAuth App at the GitHub that another one emulates, and that GitHub's address.
async fn both() -> Result<(Claviger, Claviger, String)> {
    let elsewhere = Claviger::start().await?;
    let github = format!("{}/github", elsewhere.dev().upstream);
    let app = Seed::people(["alice"]).github_oauth_app;
    let instance = format!(
        "[[instance]]\nprovider = \"github\"\nurl = \"{github}\"\nnetworks = [\"127.0.0.0/8\"]\nclient_id = \"{}\"\nclient_secret_env = \"APP_SECRET\"\n",
        app.client_id
    );
    let setup = Setup::default()
        .config(&instance)
        .environment("APP_SECRET", app.client_secret.expose());
    Ok((elsewhere, setup.start().await?, github))
}

#[tokio::test]
async fn an_oauth_apps_consent_gives_the_kind_that_was_asked_for() -> Result<()> {
    let (_elsewhere, claviger, github) = both().await?;
    let alice = claviger.person("alice")?;
    for (kind, ends) in [("oauth-user-token", false), ("oauth-app-user", true)] {
        let body = json!({ "kind": kind, "url": github, "fields": { "scopes": "repo user:email" } });
        let started = alice.post(&format!("{AT}/connect"), &body).await?.expect(201)?;
        let address = started.text_at("/url")?;
        ensure!(
            address.starts_with(&format!("{github}/login/oauth/authorize?")) && address.contains("code_challenge_method=S256"),
            "{kind}: {address}"
        );
        assert_eq!(address.contains("offline_access"), ends, "{kind}: {address}");
        let browser = Client::new("")?;
        let back = browser.get(&format!("{address}&login=bob")).await?.expect(302)?;
        let page = browser.get(back.header("location")).await?.expect(200)?;
        let code = page.text.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
        let complete = json!({ "id": started.text_at("/id")?, "code": code.context("no code on the page")? });
        let done = alice.post(&format!("{AT}/complete"), &complete).await?.expect(200)?;

        let id = done.text_at("/credential_id")?;
        let first = read(&alice, &id, "").await?.expect(200)?;
        assert_eq!(first.text_at("/expires_at").is_ok(), ends, "{kind}: {}", first.text);
        let whose = async |answer: &claviger_tests::Answer| -> Result<String> {
            let client = Client::new(&github)?.with_bearer(&answer.text_at("/token")?);
            client.get("/api/v3/user").await?.expect(200)?.text_at("/login")
        };
        assert_eq!(whose(&first).await?, "bob", "{kind}: the upstream's word, not ours");
        if ends {
            let again = format!("?rejected={}", generation(&first)?);
            let renewed = read(&alice, &id, &again).await?.expect(200)?;
            ensure!(renewed.text_at("/token")? != first.text_at("/token")?, "{kind}: {}", renewed.text);
            assert_eq!(whose(&renewed).await?, "bob", "{kind}: the first pair was stored whole");
        }
        ensure!(!first.text.contains("ghr_"), "{}", first.text);
    }
    Ok(())
}

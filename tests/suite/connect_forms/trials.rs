//! "Does this token work?", asked of the upstream: what it says, where nobody can be asked, and that nothing stays behind.

use super::{World, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::{Answer, Client};
use serde_json::{Value, json};

async fn test(client: &Client, provider: &str, body: &Value) -> Result<Answer> {
    client.post(&format!("/api/auth/{provider}/test"), body).await
}

async fn asked(world: &World) -> Result<usize> {
    Ok(world.claviger.emulator()?.requests().await?.len())
}

#[tokio::test]
async fn the_upstream_says_whether_it_works_and_whose_it_is() -> Result<()> {
    let world = world().await?;
    let alice = &world.people[0];
    let (github, gitlab, jira) = (world.at("github"), world.at("gitlab"), world.at("jira"));
    let (pat, wrong) = (alice.github_pat.expose(), "ghp_wrongwrongwrongwrongwrongwrongwrong1");
    for (provider, good, bad) in [
        (
            "github",
            json!({ "token": pat, "url": github }),
            json!({ "token": wrong, "url": github }),
        ),
        (
            "gitlab",
            json!({ "personalAccessToken": alice.gitlab_pat.expose(), "instanceUrl": gitlab }),
            json!({ "personalAccessToken": wrong, "instanceUrl": gitlab }),
        ),
        (
            "jira",
            json!({ "url": jira, "email": alice.email, "apiToken": alice.jira_token.expose() }),
            json!({ "url": jira, "email": alice.email, "apiToken": wrong }),
        ),
        (
            "google",
            json!({ "token": alice.google_key_file.expose(), "url": world.at("google") }),
            json!({ "token": alice.google_key_file.expose().replace(&alice.google_account, "nobody@atlas.iam.gserviceaccount.com"), "url": world.at("google") }),
        ),
    ] {
        // Bob tries what is Alice's: it is hers that the upstream tells of, and nothing of his changes.
        let before = world.bob.get(&format!("/api/auth/{provider}/status")).await?.expect(200)?.text;
        let valid = test(&world.bob, provider, &good).await?.expect(200)?;
        let told = valid.json()?;
        assert_eq!(
            (&told["valid"], &told["checked"]),
            (&json!(true), &json!(true)),
            "{provider}: {told}"
        );
        if ["github", "gitlab"].contains(&provider) {
            assert_eq!(told["login"], "alice", "{told}");
        }
        let refused = test(&world.bob, provider, &bad).await?.expect(200)?;
        let told = refused.json()?;
        assert_eq!(
            (&told["valid"], &told["checked"]),
            (&json!(false), &json!(true)),
            "{provider}: {told}"
        );
        ensure!(told["error"].as_str().is_some_and(|error| error.len() > 10), "{told}");
        for answer in [&valid, &refused] {
            for secret in [pat, wrong, alice.gitlab_pat.expose(), alice.jira_token.expose(), "PRIVATE KEY"] {
                ensure!(!answer.text.contains(secret), "{}", answer.text);
            }
        }
        let after = world.bob.get(&format!("/api/auth/{provider}/status")).await?.expect(200)?.text;
        assert_eq!(before, after, "{provider}: something was stored");
    }
    // Each was on the record before the upstream was asked, and afterwards with what came of it.
    let outcomes: Vec<Value> = world
        .events("ACCOUNT_TESTED")?
        .iter()
        .map(|event| event["outcome"].clone())
        .collect();
    assert_eq!(outcomes.len(), 16);
    for pair in outcomes.chunks(4) {
        assert_eq!(pair[..3], [json!("begun"), json!("valid"), json!("begun")]);
        ensure!(pair[3] != "valid" && pair[3] != "begun", "{pair:?}");
    }
    let log = world.claviger.log();
    ensure!(!log.contains(pat) && !log.contains(wrong), "a tried token is in the log");
    Ok(())
}

#[tokio::test]
async fn where_nobody_can_be_asked_nothing_is_claimed() -> Result<()> {
    let world = world().await?;
    let before = asked(&world).await?;
    let cookies = json!({ "instanceName": "one", "url": "https://one.example", "gitcookiesContent": "x" });
    for (provider, body) in [
        ("coderabbit", json!({ "apiKey": "cr-0123456789" })),
        ("linear", json!({ "token": "lin-0123456789" })),
        ("gerrit", cookies),
        // Using it once would replace it.
        (
            "gitlab",
            json!({ "kind": "rotating-access-token", "token": world.people[1].gitlab_pat.expose(), "url": world.at("gitlab") }),
        ),
    ] {
        let told = test(&world.bob, provider, &body).await?.expect(200)?.json()?;
        assert_eq!(
            (&told["valid"], &told["checked"]),
            (&Value::Null, &json!(false)),
            "{provider}: {told}"
        );
        ensure!(told["error"].is_string(), "{told}");
        if provider != "gitlab" {
            let status = world.bob.get(&format!("/api/auth/{provider}/status")).await?.expect(200)?.json()?;
            assert_eq!(status["connected"], false);
        }
    }
    assert_eq!(asked(&world).await?, before, "somebody was asked");
    assert_eq!(world.events("ACCOUNT_TESTED")?.len(), 0);
    Ok(())
}

/// It is no way to reach what the operator did not approve, nor to knock often, nor for anybody but a person.
#[tokio::test]
async fn a_test_is_no_way_into_the_network() -> Result<()> {
    let world = world().await?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let here = listener.local_addr()?;
    for url in [
        format!("http://{here}"),
        format!("https://{here}"),
        "http://169.254.169.254".to_owned(),
        "https://internal.example".to_owned(),
        format!("{}/other", world.claviger.dev().upstream),
    ] {
        for (provider, key, address) in [("gitlab", "personalAccessToken", "instanceUrl"), ("github", "token", "url")] {
            let body = json!({ key: "glpat-0123456789abcdefghij", address: url });
            let refused = test(&world.bob, provider, &body).await?.expect(400)?;
            ensure!(refused.text.contains("url"), "{}", refused.text);
        }
    }
    ensure!(listener.accept().is_err(), "somebody knocked");
    assert_eq!(world.events("ACCOUNT_TESTED")?.len(), 0);

    let session = world.claviger.dev().sessions.first().context("no session")?.token.clone();
    let token = json!({ "token": "glpat-0123456789abcdefghij", "url": world.at("gitlab") });
    for bearer in [session, world.claviger.dev().proxy.bearer.clone()] {
        let client = world.claviger.anybody()?.with_bearer(&bearer);
        test(&client, "gitlab", &token).await?.expect(403)?;
    }
    for body in [json!({}), json!({ "token": "" }), json!({ "token": "x", "tokn": "y" })] {
        test(&world.bob, "gitlab", &body).await?.expect(400)?;
    }
    let before = asked(&world).await?;
    let mut limited = 0;
    for _ in 0..40 {
        let answer = test(&world.bob, "gitlab", &token).await?;
        ensure!([200, 503].contains(&answer.status), "{}", answer.text);
        if answer.status == 503 {
            ensure!(!answer.header("retry-after").is_empty(), "{answer:?}");
            limited += 1;
        }
    }
    ensure!(limited >= 5, "nobody is held back");
    ensure!(
        asked(&world).await? - before <= 2 * (40 - limited),
        "the upstream was asked all the same"
    );
    // Of others it is not known.
    test(&world.alice, "gitlab", &token).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn trouble_at_the_upstream_is_told_as_trouble() -> Result<()> {
    let world = world().await?;
    let emulator = world.claviger.emulator()?;
    let order = json!({ "provider": "gitlab", "operation": "user", "status": 503 });
    emulator.fault(&order).await?;
    let token = json!({ "token": world.people[1].gitlab_pat.expose(), "url": world.at("gitlab") });
    let answer = test(&world.bob, "gitlab", &token).await?.expect(503)?;
    ensure!(!answer.text.contains("valid"), "{}", answer.text);
    Ok(())
}

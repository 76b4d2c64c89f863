//! What goes wrong at GitHub, as the reader sees it.

use super::{World, world};
use anyhow::{Result, ensure};
use claviger_tests::Answer;
use claviger_tests::api::{create, read, token};
use serde_json::{Value, json};

/// Reads once after ordering a fault; nothing secret may be in the answer.
async fn struck(world: &World, body: &Value, fault: Value) -> Result<Answer> {
    let id = create(&world.alice, body).await?;
    let mut order = json!({ "provider": "github" });
    order
        .as_object_mut()
        .expect("an object")
        .extend(fault.as_object().expect("an object").clone());
    world.emulator.fault(&order).await?;
    let answer = read(&world.alice, &id, "").await?;
    for secret in [
        "ghr_",
        "ghs_",
        "ghu_",
        "PRIVATE KEY",
        "eyJ",
        world.seed.github_app.client_secret.expose(),
    ] {
        ensure!(!answer.text.contains(secret), "`{secret}` left: {}", answer.text);
    }
    Ok(answer)
}

#[tokio::test]
async fn an_installation_that_is_refused_is_no_token() -> Result<()> {
    let world = world().await?;
    let future = "'Expiration time' claim ('exp') is too far in the future";
    for (status, message, expected, code) in [
        (403, "This installation has been suspended", 502, "misconfigured"),
        (403, "Resource not accessible by integration", 502, "missing-scope"),
        (401, "A JSON web token could not be decoded", 502, "misconfigured"),
        (404, "Integration not found", 502, "misconfigured"),
        (404, "Not Found", 502, "needs-reconnect"),
        (
            422,
            "The permissions requested are not granted to this installation.",
            502,
            "missing-scope",
        ),
        (502, "Bad gateway", 503, "transient"),
        (401, future, 503, "transient"),
    ] {
        let fault = json!({ "operation": "installation-token", "status": status, "body": { "message": message } });
        let answer = struck(&world, &world.installation(), fault).await?.expect(expected)?;
        ensure!(answer.text.contains(code), "{message}: {}", answer.text);
        world.emulator.client().post("/_reset", &json!({})).await?;
    }
    let mut suspended = world.installation();
    suspended["fields"]["installation-id"] = json!(world.seed.github_app.suspended_installation.to_string());
    let id = create(&world.alice, &suspended).await?;
    read(&world.alice, &id, "").await?.expect(502)?;
    Ok(())
}

#[tokio::test]
async fn errors_in_answers_with_status_200_are_errors() -> Result<()> {
    let world = world().await?;
    for (error, expected, code) in [
        ("bad_refresh_token", 502, "needs-reconnect"),
        ("incorrect_client_credentials", 502, "misconfigured"),
        ("something_new", 503, "transient"),
    ] {
        for body in [world.app_user().await?.0, world.oauth_user(true).await?.0] {
            let fault = json!({ "operation": "access-token", "status": 200, "body": { "error": error, "error_description": "no" } });
            let answer = struck(&world, &body, fault).await?.expect(expected)?;
            ensure!(answer.text.contains(code), "{error} {}: {}", body["kind"], answer.text);
        }
    }
    // Not by a fault: a refresh token that somebody else has used.
    let (body, _, refresh) = world.app_user().await?;
    let app = &world.seed.github_app;
    let form = format!(
        "grant_type=refresh_token&refresh_token={refresh}&client_id={}&client_secret={}",
        app.client_id,
        app.client_secret.expose()
    );
    let github = claviger_tests::Client::new(&world.url)?.with_header("accept", "application/json");
    let stolen = github
        .send(
            reqwest::Method::POST,
            "/login/oauth/access_token",
            Some(("application/x-www-form-urlencoded", form.into_bytes())),
        )
        .await?
        .expect(200)?;
    stolen.text_at("/access_token")?;
    let id = create(&world.alice, &body).await?;
    let dead = read(&world.alice, &id, "").await?.expect(502)?;
    ensure!(
        dead.text.contains("needs-reconnect") && !dead.text.contains(&refresh),
        "{}",
        dead.text
    );
    let asked = world.operations().await?.len();
    read(&world.alice, &id, "").await?.expect(502)?;
    assert_eq!(world.operations().await?.len(), asked, "a dead grant was tried again");
    Ok(())
}

#[tokio::test]
async fn an_outage_spends_nothing_and_asks_nobody_to_connect() -> Result<()> {
    let world = world().await?;
    let (body, ..) = world.app_user().await?;
    let fault = json!({ "operation": "access-token", "status": 503, "headers": { "retry-after": "1" } });
    let answer = struck(&world, &body, fault).await?.expect(503)?;
    ensure!(answer.text.contains("transient"), "{}", answer.text);
    Ok(())
}

#[tokio::test]
async fn a_limit_makes_readers_wait_and_github_is_left_alone() -> Result<()> {
    let world = world().await?;
    for (limit, wait) in [(json!({ "retry_after_s": 30 }), 25..=30), (json!({}), 50..=60)] {
        let body = world.installation();
        let answer = struck(&world, &body, json!({ "operation": "installation-token", "rate_limit": limit }))
            .await?
            .expect(503)?;
        let seconds: u64 = answer.header("retry-after").parse()?;
        ensure!(wait.contains(&seconds), "{limit}: {seconds}");
    }
    // A secondary limit may come with nothing but words; GitHub's page asks for a minute then.
    let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    for status in [403, 429] {
        let fault = json!({ "operation": "installation-token", "status": status, "body": { "message": secondary } });
        let answer = struck(&world, &world.installation(), fault).await?.expect(503)?;
        let seconds: u64 = answer.header("retry-after").parse()?;
        ensure!((55..=60).contains(&seconds), "{status}: {seconds}");
    }
    let asked = world.operations().await?.len();
    let id = create(&world.alice, &world.installation()).await?;
    world
        .emulator
        .fault(&json!({ "provider": "github", "operation": "installation-token", "rate_limit": { "retry_after_s": 30 } }))
        .await?;
    for query in ["", "", "?repository=widgets"] {
        read(&world.alice, &id, query).await?.expect(503)?;
    }
    assert_eq!(world.operations().await?.len(), asked + 1, "GitHub was asked again before its time");
    Ok(())
}

/// GitHub may not know a token everywhere yet that it made a moment ago: 401 for a person's, 403 for one with permissions.
#[tokio::test]
async fn a_token_that_is_not_known_yet_is_not_taken_for_dead() -> Result<()> {
    let world = world().await?;
    for (body, operation, status, message) in [
        (world.app_user().await?.0, "user", 401, "Bad credentials"),
        (world.installation(), "profile", 403, "Resource not accessible by integration"),
    ] {
        let id = create(&world.alice, &body).await?;
        let fault = json!({ "provider": "github", "operation": operation, "status": status, "body": { "message": message }, "times": 9 });
        world.emulator.fault(&fault).await?;
        let identity = format!("/api/claviger/v1/credentials/{id}/identity");
        let unknown = world.alice.get(&identity).await?.expect(503)?;
        assert_eq!(unknown.text_at("/reason_code")?, "transient", "{operation}: {}", unknown.text);
        let shown = world.alice.get(&format!("/api/ambient/v1/credentials/{id}")).await?.expect(200)?;
        assert_eq!(shown.text_at("/state")?, "usable", "{operation}: {}", shown.text);
        let minted = token(&world.alice, &id).await?;
        world.emulator.client().post("/_reset", &json!({})).await?;
        let github = claviger_tests::Client::new(&world.url)?.with_bearer(&minted);
        let path = if operation == "user" {
            "/user"
        } else {
            "/installation/repositories"
        };
        github.get(&format!("/api/v3{path}")).await?.expect(200)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_clock_is_put_right_by_githubs_own() -> Result<()> {
    let world = world().await?;
    let body = world.installation();
    let id = create(&world.alice, &body).await?;
    world
        .emulator
        .fault(&json!({ "provider": "github", "operation": "installation-token", "clock_ahead_s": -900, "times": 2 }))
        .await?;
    let minted = token(&world.alice, &id).await?;
    ensure!(minted.starts_with("ghs_"), "{minted}");
    let statuses: Vec<_> = world
        .emulator
        .requests()
        .await?
        .iter()
        .map(|entry| entry["status"].clone())
        .collect();
    assert_eq!(statuses[..2], [json!(401), json!(201)]);
    ensure!(
        world.claviger.log().contains("900 s ahead"),
        "the operator was not told:\n{}",
        world.claviger.log()
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_repeats_what_was_sent_gives_nothing_away() -> Result<()> {
    let world = world().await?;
    let (body, _, refresh) = world.app_user().await?;
    let id = create(&world.alice, &body).await?;
    let refusal = json!({ "error": "bad_refresh_token", "error_description": "x" });
    world
        .emulator
        .fault(&json!({ "provider": "github", "operation": "access-token", "status": 200, "body": refusal, "echo": "plain" }))
        .await?;
    let answer = read(&world.alice, &id, "").await?;
    ensure!(answer.status >= 500, "{} {}", answer.status, answer.text);
    ensure!(
        !answer.text.contains(&refresh) && !world.claviger.log().contains(&refresh),
        "the refresh token was repeated"
    );
    Ok(())
}

/// GitHub gives no time in which a spent refresh token is good once more; but asking again costs nothing, and tells whether it was spent.
#[tokio::test]
async fn a_lost_answer_is_asked_for_once_more_and_then_given_up() -> Result<()> {
    let world = world().await?;
    let mut lost = Vec::new();
    for body in [world.app_user().await?.0, world.oauth_user(true).await?.0] {
        let answer = struck(&world, &body, json!({ "operation": "access-token", "lost": true }))
            .await?
            .expect(503)?;
        ensure!(answer.text.contains("indeterminate"), "{}: {}", body["kind"], answer.text);
        lost.push(answer.asked.split('/').nth_back(1).unwrap_or_default().to_owned());
    }
    // What failed a moment ago is not asked again at once; the broker remembers it for up to half a minute.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    for id in &lost {
        let given_up = loop {
            let answer = read(&world.alice, id, "").await?;
            if answer.status != 503 || tokio::time::Instant::now() > deadline {
                break answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        };
        ensure!(
            given_up.status == 502 && given_up.text.contains("needs-reconnect"),
            "{} {}",
            given_up.status,
            given_up.text
        );
        read(&world.alice, id, "").await?.expect(502)?;
    }
    let operations = world.operations().await?;
    let refreshes = operations.iter().filter(|operation| *operation == "access-token").count();
    assert_eq!(refreshes, 4, "for each the lost one and one more");
    Ok(())
}

#[tokio::test]
async fn an_instance_that_nobody_allowed_is_asked_nothing() -> Result<()> {
    let world = world().await?;
    let (_, listening) = (world.operations().await?, std::net::TcpListener::bind("127.0.0.1:0")?);
    listening.set_nonblocking(true)?;
    let elsewhere = format!("http://{}/github", listening.local_addr()?);
    for url in [elsewhere.as_str(), "https://github.evil.test", "https://evil.test/.ghe.com"] {
        for mut body in [world.installation(), world.app_user().await?.0, world.oauth_user(true).await?.0] {
            body["url"] = json!(url);
            let made = world.alice.post("/api/ambient/v1/credentials", &body).await?;
            // Refused when it is stored, or when it is read; either way nobody is asked.
            if made.status == 201 {
                let answer = read(&world.alice, &made.text_at("/id")?, "").await?.expect(502)?;
                ensure!(answer.json()?.get("token").is_none(), "{}", answer.text);
            }
        }
        // What is stored as the token is its owner's to read; nobody is asked for it, nor whose it is.
        let pat = world.seed.people[0].github_pat.expose();
        let pat = world.credential("personal-access-token", &json!({ "token": pat }));
        for mut body in [pat, world.oauth_user(false).await?.0] {
            body["url"] = json!(url);
            let made = world.alice.post("/api/ambient/v1/credentials", &body).await?;
            if made.status == 201 {
                assert_eq!(token(&world.alice, &made.text_at("/id")?).await?, body["fields"]["token"]);
            }
        }
    }
    let knocked = listening.accept();
    ensure!(
        knocked.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock),
        "somebody knocked: {knocked:?}"
    );
    Ok(())
}

//! Faults, the log, lifetimes.

use super::*;

#[tokio::test]
async fn a_lost_answer_was_acted_upon() {
    let it = running().await;
    let token = it.seed.people[0].gitlab_refresh_token.expose();
    it.order(json!({ "provider": "gitlab", "operation": "token", "lost": true })).await;
    let application = &it.seed.gitlab_application;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", application.client_id.as_str()),
        ("client_secret", application.client_secret.expose()),
    ];
    assert!(it.try_send(it.post_form("/gitlab/oauth/token", &form)).await.is_err());
    assert_eq!(it.refresh(token).await.at("/error"), "invalid_grant");
    let log = it.upstream.log();
    assert_eq!(
        (log[0].status, log[0].fault.as_ref().unwrap().lost, log[1].status),
        (200, true, 400)
    );
}

#[tokio::test]
async fn a_slow_answer_was_acted_upon_even_if_nobody_waited() {
    let it = running().await;
    let token = it.seed.people[0].gitlab_refresh_token.expose();
    it.order(json!({ "provider": "gitlab", "delay_ms": 60_000 })).await;
    let impatient = tokio::time::timeout(std::time::Duration::from_millis(300), it.refresh(token)).await;
    assert!(impatient.is_err());
    assert_eq!(it.refresh(token).await.at("/error"), "invalid_grant");
}

#[tokio::test]
async fn another_answer_is_given_as_often_as_ordered_and_nothing_happens() {
    let it = running().await;
    let token = it.seed.people[0].gitlab_refresh_token.expose();
    it.order(json!({ "provider": "gitlab", "operation": "token", "status": 503, "body": "try later", "headers": { "retry-after": "2" }, "times": 2 }))
        .await;
    for _ in 0..2 {
        let got = it.refresh(token).await;
        assert_eq!(
            (got.status, got.text.as_str(), got.headers["retry-after"].to_str().unwrap()),
            (503, "try later", "2")
        );
    }
    assert_eq!(it.refresh(token).await.status, 200);
    it.order(json!({ "provider": "gitlab", "operation": "token", "status": 502, "act": true }))
        .await;
    let next = it.upstream.log().len();
    let again = it
        .try_send(it.post_json("/_grants", &json!({ "account": "bob" })))
        .await
        .unwrap()
        .at("/refresh_token");
    assert_eq!(it.refresh(&again).await.status, 502);
    assert_eq!(it.refresh(&again).await.at("/error"), "invalid_grant", "the lost refresh happened");
    assert_eq!(
        it.upstream.log().len(),
        next + 2,
        "requests to the emulator's own routes are not listed"
    );
}

#[tokio::test]
async fn limits_are_told_in_each_providers_way() {
    let it = running().await;
    it.order(json!({ "provider": "github", "rate_limit": {} })).await;
    let primary = it.mint_for(1001).await;
    let reset = (NOW + 60).to_string();
    assert_eq!(
        (primary.status, primary.headers["x-ratelimit-remaining"].to_str().unwrap()),
        (403, "0")
    );
    assert_eq!(primary.headers["x-ratelimit-reset"].to_str().unwrap(), reset);
    it.order(json!({ "provider": "github", "rate_limit": { "retry_after_s": 30 } }))
        .await;
    let secondary = it.mint_for(1001).await;
    assert_eq!((secondary.status, secondary.headers["retry-after"].to_str().unwrap()), (403, "30"));
    assert!(secondary.at("/message").contains("secondary rate limit"));
    it.order(json!({ "provider": "gitlab", "rate_limit": {} })).await;
    let gitlab = it.refresh(it.seed.people[0].gitlab_refresh_token.expose()).await;
    assert_eq!(
        (gitlab.status, gitlab.text.as_str(), gitlab.headers.get("retry-after")),
        (429, "Retry later\n", None)
    );
}

#[tokio::test]
async fn tokens_live_as_long_as_ordered() {
    let it = running().await;
    for provider in ["github", "gitlab", "google"] {
        assert_eq!(it.order(json!({ "provider": provider, "expires_in": 90 })).await.status, 201);
    }
    let github = it.mint_for(1001).await;
    assert_eq!(crate::clock::from_rfc3339(&github.at("/expires_at")), Some(NOW_MS + 90_000));
    let gitlab = it.refresh(it.seed.people[0].gitlab_refresh_token.expose()).await;
    let google = it.google(it.google_claims(0), &google_key()).await;
    assert_eq!(
        (gitlab.json()["expires_in"].as_i64(), google.json()["expires_in"].as_i64()),
        (Some(90), Some(90))
    );
    it.clock.advance_ms(90_000);
    assert_eq!(
        it.bearer("/gitlab/api/v4/user", &gitlab.at("/access_token"))
            .await
            .at("/error_description"),
        "The access token expired"
    );
    assert_eq!(it.bearer("/google/userinfo", &google.at("/access_token")).await.status, 401);
    it.try_send(it.post_json("/_reset", &json!({}))).await.unwrap();
    assert_eq!(
        it.refresh(&gitlab.at("/refresh_token")).await.json()["expires_in"].as_i64(),
        Some(7200),
        "tokens stay, lifetimes do not"
    );
}

#[tokio::test]
async fn echoed_secrets_are_in_the_answer_in_the_writing_ordered() {
    let it = running().await;
    let secret = it.seed.gitlab_application.client_secret.expose();
    for (how, expected) in [("plain", secret.to_owned()), ("base64", STANDARD.encode(secret))] {
        it.order(json!({ "provider": "gitlab", "operation": "token", "echo": how })).await;
        let got = it.refresh("dead").await;
        assert!(got.at("/error_description").contains(&expected), "{}", got.text);
        assert!(got.headers["x-echo"].to_str().unwrap().contains(&expected));
    }
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused() {
    let it = running().await;
    for order in [
        json!({}),
        json!({ "provider": "bitbucket", "lost": true }),
        json!({ "provider": "github" }),
        json!({ "provider": "github", "operation": "nothing", "lost": true }),
        json!({ "provider": "github", "lost": true, "tiems": 2 }),
        json!({ "provider": "github", "lost": true, "times": 0 }),
        json!({ "provider": "github", "status": 99 }),
        json!({ "provider": "github", "status": 500, "rate_limit": {} }),
    ] {
        assert_eq!(it.order(order.clone()).await.status, 400, "{order}");
    }
    assert_eq!(it.mint_for(1001).await.status, 201, "nothing of these was kept");
}

#[tokio::test]
async fn the_log_says_who_and_never_what() {
    let it = running().await;
    let alice = &it.seed.people[0];
    it.bearer("/github/api/v3/user", alice.github_pat.expose()).await;
    let refreshed = it.refresh(alice.gitlab_refresh_token.expose()).await;
    it.mint(1002, it.app_claims(), &app_key(), json!({ "repositories": ["widgets"] }), false)
        .await;
    it.get("/github/api/v3/nowhere?token=x", &[]).await;
    let log = it.get("/_log", &[]).await;
    let entries = log.json();
    for (index, operation, account, status) in [
        (0, "user", "alice", 200),
        (1, "token", "alice", 200),
        (2, "installation-token", "bob", 201),
    ] {
        let entry = &entries[index];
        assert_eq!(entry["operation"], operation);
        assert_eq!(
            (&entry["credential"]["account"], &entry["status"]),
            (&account.into(), &status.into()),
            "{entry}"
        );
    }
    assert_eq!(entries[2]["asked"]["repositories"][0], "widgets");
    assert_eq!(
        (&entries[3]["path"], &entries[3]["status"]),
        (&"/github/api/v3/nowhere".into(), &404.into())
    );
    let fingerprint = world::fingerprint(alice.github_pat.expose());
    assert_eq!(entries[0]["credential"]["fingerprint"], fingerprint);
    for secret in [
        alice.github_pat.expose(),
        alice.gitlab_refresh_token.expose(),
        it.seed.gitlab_application.client_secret.expose(),
        &refreshed.at("/access_token"),
        &refreshed.at("/refresh_token"),
    ] {
        assert!(!log.text.contains(secret));
    }
    it.try_send(it.post_json("/_reset", &json!({}))).await.unwrap();
    assert_eq!(it.get("/_log", &[]).await.text, "[]");
}

#[tokio::test]
async fn the_date_is_the_clocks() {
    let it = running().await;
    let got = it.get("/jira/_edge/tenant_info", &[]).await;
    assert_eq!(got.headers["date"].to_str().unwrap(), "Mon, 21 Sep 2026 14:13:20 GMT");
}

//! Installation tokens.

use super::*;

#[tokio::test]
async fn an_installation_token_is_of_its_installation_and_lives_an_hour() {
    let it = running().await;
    let (alice, bob) = (it.mint_for(1001).await, it.mint_for(1002).await);
    assert_eq!((alice.status, bob.status), (201, 201));
    let token = alice.at("/token");
    assert!(
        token.starts_with("ghs_104200_") && (380..=520).contains(&token.len()) && token.matches('.').count() == 2,
        "{token}"
    );
    assert!(token.contains("alice-1-") && bob.at("/token").contains("bob-2-"));
    assert_eq!(crate::clock::from_rfc3339(&alice.at("/expires_at")), Some(NOW_MS + 3_600_000));
    assert_eq!(
        it.bearer("/github/api/v3/installation/repositories", &token)
            .await
            .at("/repositories/0/full_name"),
        "alice/widgets"
    );
    assert_eq!(it.bearer("/github/api/v3/user", &token).await.status, 403);
    it.clock.advance_ms(3_600_000);
    assert_eq!(
        it.bearer("/github/api/v3/installation/repositories", &token).await.at("/message"),
        "Bad credentials"
    );

    let late = it.mint(1001, it.app_claims(), &app_key(), json!({}), true).await;
    assert_eq!(late.status, 401, "the clock has moved on, the assertion is for then: {}", late.text);
    let now = it.clock.now_ms() / 1000;
    let claims = json!({ "iss": it.seed.github_app.client_id, "iat": now - 60, "exp": now + 540 });
    let classic = it.mint(1001, claims, &app_key(), json!({}), true).await.at("/token");
    assert!(classic.len() == 40 && classic.starts_with("ghs_alice"), "{classic}");
}

#[tokio::test]
async fn a_revoked_installation_token_is_dead() {
    let it = running().await;
    let token = it.mint_for(1001).await.at("/token");
    let delete = || {
        it.client
            .delete(format!("{}/github/api/v3/installation/token", it.url))
            .bearer_auth(&token)
    };
    assert_eq!(it.try_send(delete()).await.unwrap().status, 204);
    assert_eq!(it.try_send(delete()).await.unwrap().status, 401);
}

#[tokio::test]
async fn assertions_are_refused_in_githubs_words() {
    let it = running().await;
    let claims = it.app_claims();
    let decoded = "A JSON web token could not be decoded";
    let future = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
    let issued = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
    for (claims, key, status, message) in [
        (
            with(claims.clone(), "exp", NOW + 601),
            app_key(),
            401,
            "'Expiration time' claim ('exp') is too far in the future",
        ),
        (with(claims.clone(), "exp", NOW), app_key(), 401, future),
        (with(claims.clone(), "exp", Value::Null), app_key(), 401, future),
        (with(claims.clone(), "iat", NOW + 1), app_key(), 401, issued),
        (with(claims.clone(), "iss", "999"), app_key(), 404, "Integration not found"),
        (claims.clone(), pkcs8(STRANGER), 401, decoded),
    ] {
        let got = it.mint(1001, claims.clone(), &key, json!({}), false).await;
        assert_eq!((got.status, got.at("/message").as_str()), (status, message), "{claims}");
    }
    assert_eq!(
        it.mint(1001, with(claims.clone(), "iss", 104_200), &app_key(), json!({}), false)
            .await
            .status,
        201
    );
    assert_eq!(it.mint_for(4).await.at("/message"), "Not Found");
    let suspended = it.mint_for(it.seed.github_app.suspended_installation).await;
    assert_eq!(
        (suspended.status, suspended.at("/message").as_str()),
        (403, "This installation has been suspended")
    );
    let nobody = it
        .try_send(it.post_json("/github/api/v3/app/installations/1001/access_tokens", &json!({})))
        .await
        .unwrap();
    assert_eq!((nobody.status, nobody.at("/message").as_str()), (401, decoded));
}

#[tokio::test]
async fn repositories_and_permissions_narrow_and_nothing_widens() {
    let it = running().await;
    let key = app_key();
    let ask = |body| it.mint(1001, it.app_claims(), &key, body, false);
    let narrow = ask(json!({ "repositories": ["gadgets"], "permissions": { "contents": "read" } })).await;
    assert_eq!(
        (
            narrow.status,
            narrow.at("/permissions/contents"),
            narrow.at("/repository_selection")
        ),
        (201, "read".into(), "selected".into())
    );
    let seen = it.bearer("/github/api/v3/installation/repositories", &narrow.at("/token")).await;
    assert_eq!(
        (seen.json()["total_count"].as_u64(), seen.at("/repositories/0/name")),
        (Some(1), "gadgets".into())
    );
    assert_eq!(ask(json!({ "repository_ids": [101] })).await.status, 201);
    let permissions = "The permissions requested are not granted to this installation.";
    for (body, message) in [
        (json!({ "permissions": { "contents": "admin" } }), permissions),
        (json!({ "permissions": { "workflows": "write" } }), permissions),
        (
            json!({ "permissions": { "contents": "all" } }),
            "Invalid request. A permission is read, write or admin.",
        ),
        (
            json!({ "repositories": ["elsewhere"] }),
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        ),
    ] {
        let got = ask(body.clone()).await;
        assert_eq!((got.status, got.at("/message").as_str()), (422, message), "{body}");
    }
}

//! Refreshes with rotation.

use super::*;

#[tokio::test]
async fn a_refresh_ends_what_was_before_and_a_second_use_ends_nothing() {
    let it = running().await;
    let first = it.seed.people[0].gitlab_refresh_token.expose();
    let one = it.refresh(first).await;
    assert_eq!(
        (one.status, one.json()["expires_in"].as_i64(), one.json()["created_at"].as_i64()),
        (200, Some(7200), Some(NOW))
    );
    assert_eq!(
        it.bearer("/gitlab/api/v4/user", &one.at("/access_token")).await.at("/username"),
        "alice"
    );

    let two = it.refresh(&one.at("/refresh_token")).await;
    assert!(two.at("/access_token").contains("alice-2-"));
    let dead = it.bearer("/gitlab/api/v4/user", &one.at("/access_token")).await;
    assert_eq!(
        (dead.status, dead.at("/error_description")),
        (401, "The access token was revoked".into())
    );
    assert!(
        dead.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .contains("error=\"invalid_token\"")
    );

    for old in [first, &one.at("/refresh_token")] {
        let again = it.refresh(old).await;
        assert_eq!((again.status, again.at("/error").as_str()), (400, "invalid_grant"));
        assert!(
            again
                .at("/error_description")
                .starts_with("The provided authorization grant is invalid, expired, revoked,")
        );
    }
    assert_eq!(
        it.bearer("/gitlab/api/v4/user", &two.at("/access_token")).await.at("/username"),
        "alice"
    );
    assert_eq!(it.refresh(&two.at("/refresh_token")).await.status, 200);
    assert_eq!(
        it.refresh(it.seed.people[1].gitlab_refresh_token.expose()).await.status,
        200,
        "bob's grant is his own"
    );
}

#[tokio::test]
async fn of_eight_refreshes_at_once_one_succeeds() {
    let it = running().await;
    let token = it.seed.people[0].gitlab_refresh_token.expose();
    let statuses = futures::future::join_all((0..8).map(|_| it.refresh(token))).await;
    let mut statuses: Vec<u16> = statuses.iter().map(|got| got.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400, 400, 400, 400, 400, 400]);
}

#[tokio::test]
async fn a_refresh_is_checked_in_doorkeepers_order() {
    let it = running().await;
    let live = it.seed.people[0].gitlab_refresh_token.expose();
    for (token, more, status, error) in [
        (live, vec![("grant_type", "")], 400, "invalid_request"),
        (live, vec![("grant_type", "password")], 400, "unsupported_grant_type"),
        ("", vec![], 400, "invalid_request"),
        ("dead", vec![("client_secret", "wrong")], 400, "invalid_grant"),
        (live, vec![("redirect_uri", "https://elsewhere.test")], 400, "invalid_grant"),
        (live, vec![("client_secret", "wrong")], 401, "invalid_client"),
        (live, vec![("client_secret", "")], 401, "invalid_client"),
        (live, vec![("client_id", "another")], 401, "invalid_client"),
        (live, vec![("scope", "api sudo")], 400, "invalid_scope"),
    ] {
        let got = it.refresh_with(token, &more).await;
        assert_eq!((got.status, got.at("/error").as_str()), (status, error), "{more:?}");
    }
    // None of these spent the token; a narrower scope narrows for good.
    let narrow = it.refresh_with(live, &[("scope", "read_user")]).await;
    assert_eq!(narrow.at("/scope"), "read_user");
    assert_eq!(
        it.refresh_with(&narrow.at("/refresh_token"), &[("scope", "api")])
            .await
            .at("/error"),
        "invalid_scope"
    );
    assert_eq!(it.refresh(&narrow.at("/refresh_token")).await.at("/scope"), "read_user");
}

#[tokio::test]
async fn gitlab_tells_about_a_token_and_revokes_its_grant() {
    let it = running().await;
    let got = it.refresh(it.seed.people[1].gitlab_refresh_token.expose()).await;
    it.clock.advance_ms(10_000);
    let info = it.bearer("/gitlab/oauth/token/info", &got.at("/access_token")).await.json();
    assert_eq!(
        (info["expires_in"].as_i64(), info["resource_owner_id"].as_i64()),
        (Some(7190), Some(2))
    );
    let application = &it.seed.gitlab_application;
    let (token, refresh) = (got.at("/access_token"), got.at("/refresh_token"));
    let form = [
        ("client_id", application.client_id.as_str()),
        ("client_secret", "wrong"),
        ("token", token.as_str()),
    ];
    let refused = it.form("/gitlab/oauth/revoke", &form).await;
    assert_eq!((refused.status, refused.at("/error").as_str()), (403, "unauthorized_client"));
    for token in [token.as_str(), "unknown"] {
        let form = [
            ("client_id", application.client_id.as_str()),
            ("client_secret", application.client_secret.expose()),
            ("token", token),
        ];
        assert_eq!(it.form("/gitlab/oauth/revoke", &form).await.status, 200);
    }
    assert_eq!(it.bearer("/gitlab/api/v4/user", &token).await.status, 401);
    assert_eq!(it.refresh(&refresh).await.at("/error"), "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_outlives_the_emulator_that_gave_it() {
    let before = running().await;
    let one = before
        .refresh(before.seed.people[0].gitlab_refresh_token.expose())
        .await
        .at("/refresh_token");
    let after = running().await;
    assert_eq!(after.refresh(&one).await.status, 200);
    assert_eq!(after.refresh(&one).await.status, 400);
    assert_eq!(
        after.refresh(after.seed.people[0].gitlab_refresh_token.expose()).await.status,
        400,
        "spent long ago"
    );
}

#[tokio::test]
async fn a_further_grant_is_independent() {
    let it = running().await;
    let opened = it
        .try_send(it.post_json("/_grants", &json!({ "account": "alice" })))
        .await
        .unwrap()
        .at("/refresh_token");
    let access = it.refresh(&opened).await.at("/access_token");
    assert_eq!(it.refresh(it.seed.people[0].gitlab_refresh_token.expose()).await.status, 200);
    assert_eq!(it.bearer("/gitlab/api/v4/user", &access).await.at("/username"), "alice");
    assert_eq!(
        it.try_send(it.post_json("/_grants", &json!({ "account": "mallory" })))
            .await
            .unwrap()
            .status,
        400
    );
}

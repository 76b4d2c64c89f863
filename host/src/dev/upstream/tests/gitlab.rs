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

impl Running {
    async fn access_token(&self, more: Value) -> String {
        let mut body = json!({ "provider": "gitlab", "kind": "access-token", "account": "alice" });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        self.try_send(self.post_json("/_grants", &body)).await.unwrap().at("/token")
    }

    async fn rotate(&self, token: &str, body: Value) -> Got {
        let request = self.post_json("/gitlab/api/v4/personal_access_tokens/self/rotate", &body);
        self.try_send(request.header("private-token", token)).await.unwrap()
    }

    async fn end(&self, token: &str) -> Got {
        let request = self
            .client
            .delete(format!("{}/gitlab/api/v4/personal_access_tokens/self", self.url));
        self.try_send(request.bearer_auth(token)).await.unwrap()
    }
}

const SELF: &str = "/gitlab/api/v4/personal_access_tokens/self";

#[tokio::test]
async fn a_rotation_ends_the_old_token_and_a_second_one_the_family() {
    let it = running().await;
    let first = it.access_token(json!({ "days": 2 })).await;
    assert_eq!(it.bearer(SELF, &first).await.at("/expires_at"), "2026-09-23");
    let second = it.rotate(&first, json!({ "expires_at": "2026-10-21" })).await;
    assert_eq!((second.status, second.at("/expires_at").as_str()), (200, "2026-10-21"));
    assert_eq!(
        it.bearer("/gitlab/api/v4/user", &second.at("/token")).await.at("/username"),
        "alice"
    );
    assert_eq!(it.bearer(SELF, &first).await.status, 401);
    assert_eq!(it.rotate(&first, json!({})).await.status, 401);
    assert_eq!(
        it.bearer(SELF, &second.at("/token")).await.status,
        401,
        "the repetition ended the family"
    );
    assert_eq!(
        it.bearer(SELF, it.seed.people[0].gitlab_pat.expose()).await.status,
        200,
        "another family is another's"
    );
}

#[tokio::test]
async fn a_rotation_without_an_end_gives_seven_days_and_one_beyond_the_limit_nothing() {
    let it = running().await;
    let token = it.access_token(json!({ "days": 2 })).await;
    for day in ["2026-09-21", "2020-01-01", "2027-12-31", "soon"] {
        assert_eq!(it.rotate(&token, json!({ "expires_at": day })).await.status, 400, "{day}");
    }
    assert_eq!(it.rotate(&token, json!({})).await.at("/expires_at"), "2026-09-28");
    let reader = it.access_token(json!({ "days": 2, "scopes": ["read_api"] })).await;
    let refused = it.rotate(&reader, json!({})).await;
    assert_eq!((refused.status, refused.at("/error").as_str()), (403, "insufficient_scope"));
    let rotator = it.access_token(json!({ "days": 2, "scopes": ["self_rotate"] })).await;
    assert_eq!(it.rotate(&rotator, json!({})).await.status, 200);
    let old = it.access_token(json!({ "days": 1 })).await;
    it.clock.advance_ms(24 * 3_600_000);
    assert_eq!(
        (it.bearer(SELF, &old).await.status, it.rotate(&old, json!({})).await.status),
        (401, 401)
    );
}

#[tokio::test]
async fn a_token_ends_itself_once() {
    let it = running().await;
    let token = it.seed.people[0].gitlab_pat.expose().to_owned();
    assert_eq!(it.bearer(SELF, &token).await.json()["expires_at"], Value::Null);
    assert_eq!((it.end(&token).await.status, it.end(&token).await.status), (204, 401));
    assert_eq!(it.bearer("/gitlab/api/v4/user", &token).await.status, 401);
}

#[tokio::test]
async fn a_projects_token_is_a_bot() {
    let it = running().await;
    let token = it.access_token(json!({ "bot": true })).await;
    let bot = it.bearer("/gitlab/api/v4/user", &token).await.json();
    assert_eq!(bot["bot"], true);
    assert!(bot["commit_email"].as_str().unwrap().ends_with("@noreply.gitlab.example"), "{bot}");
}

#[tokio::test]
async fn a_consent_sends_back_a_code_that_buys_one_pair() {
    let it = running().await;
    let no_redirects = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let id = it.seed.gitlab_application.public_client_id.clone();
    let back = "http://127.0.0.1:9/callback";
    let verifier = "v".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()));
    let consent = async |hint: &str| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", id.as_str()),
                ("redirect_uri", back),
                ("response_type", "code"),
                ("scope", "api"),
                ("state", "s1"),
            ])
            .extend_pairs([
                ("code_challenge", challenge.as_str()),
                ("code_challenge_method", "S256"),
                ("login_hint", hint),
            ])
            .finish();
        let got = it
            .try_send(no_redirects.get(format!("{}/gitlab/oauth/authorize?{query}", it.url)))
            .await
            .unwrap();
        assert_eq!(got.status, 302, "{}", got.text);
        let location = url::Url::parse(got.headers["location"].to_str().unwrap()).unwrap();
        location.query_pairs().into_owned().collect::<std::collections::HashMap<_, _>>()
    };
    assert_eq!(consent("nobody").await["error"], "access_denied");
    let buy = async |code: &str, verifier: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", id.as_str()),
            ("redirect_uri", back),
            ("code_verifier", verifier),
        ];
        it.form("/gitlab/oauth/token", &form).await
    };
    let wrong = consent("bob").await;
    assert_eq!(buy(&wrong["code"], "another").await.at("/error"), "invalid_grant");
    let given = consent("bob").await;
    assert_eq!(given["state"], "s1");
    let pair = buy(&given["code"], &verifier).await;
    assert_eq!(
        it.bearer("/gitlab/api/v4/user", &pair.at("/access_token")).await.at("/username"),
        "bob"
    );
    assert_eq!(
        buy(&given["code"], &verifier).await.at("/error"),
        "invalid_grant",
        "a code is good once"
    );
    let refreshed = it
        .refresh_with(
            &pair.at("/refresh_token"),
            &[("client_id", &id), ("client_secret", ""), ("redirect_uri", back)],
        )
        .await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text);
    assert_eq!(
        it.refresh(&refreshed.at("/refresh_token")).await.at("/error"),
        "invalid_client",
        "another application's"
    );
}

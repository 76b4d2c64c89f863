//! Service accounts.

use super::*;

#[tokio::test]
async fn a_service_account_acts_for_itself_or_for_a_person_of_the_domain() {
    let it = running().await;
    let own = it.google(it.google_claims(0), &google_key()).await;
    assert_eq!(
        (own.json()["expires_in"].as_i64(), own.at("/scope")),
        (Some(3599), "openid email".into())
    );
    assert!(own.at("/access_token").starts_with("ya29.c.alice-1-"));
    assert_eq!(
        it.bearer("/google/userinfo", &own.at("/access_token")).await.at("/email"),
        it.seed.people[0].google_account
    );
    let acting = it.google(with(it.google_claims(0), "sub", "bob@example.org"), &google_key()).await;
    assert!(acting.at("/access_token").contains("bob-2-"));
    let revoked = it.form("/google/revoke", &[("token", &own.at("/access_token"))]).await;
    assert_eq!((revoked.status, revoked.at("/error").as_str()), (400, "unsupported_token_type"));
    assert_eq!(it.form("/google/revoke", &[("token", "x")]).await.at("/error"), "invalid_token");
}

#[tokio::test]
async fn assertions_are_refused_in_googles_words() {
    let it = running().await;
    let claims = it.google_claims(0);
    let clock = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    let delegation =
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
    for (claims, key, status, error, text) in [
        (claims.clone(), pkcs8(STRANGER), 400, "invalid_grant", "Invalid JWT Signature."),
        (
            with(claims.clone(), "aud", "https://elsewhere.test"),
            google_key(),
            400,
            "invalid_grant",
            "Invalid JWT: Failed audience check.",
        ),
        (with(claims.clone(), "exp", NOW + 7200), google_key(), 400, "invalid_grant", clock),
        (with(claims.clone(), "iat", NOW + 120), google_key(), 400, "invalid_grant", clock),
        (
            with(with(claims.clone(), "iat", NOW - 7200), "exp", NOW - 3600),
            google_key(),
            400,
            "invalid_grant",
            clock,
        ),
        (
            with(claims.clone(), "iss", "nobody@x.test"),
            google_key(),
            400,
            "invalid_grant",
            "Invalid grant: account not found",
        ),
        (
            with(claims.clone(), "scope", ""),
            google_key(),
            400,
            "invalid_scope",
            "Invalid OAuth scope or ID token audience provided.",
        ),
        (
            with(claims.clone(), "sub", "mallory@example.org"),
            google_key(),
            400,
            "invalid_grant",
            "Invalid email or User ID",
        ),
        (
            with(
                with(claims.clone(), "sub", "bob@example.org"),
                "scope",
                "https://www.googleapis.com/auth/cloud-platform",
            ),
            google_key(),
            401,
            "unauthorized_client",
            delegation,
        ),
    ] {
        let got = it.google(claims.clone(), &key).await;
        assert_eq!(
            (got.status, got.at("/error").as_str(), got.at("/error_description").as_str()),
            (status, error, text),
            "{claims}"
        );
    }
}

const READ_MAIL: &str = "https://www.googleapis.com/auth/gmail.readonly";
const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const CLOUD: &str = "https://www.googleapis.com/auth/cloud-platform";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

impl Running {
    async fn refresh_google(&self, refresh_token: &str, more: &[(&str, &str)]) -> Got {
        let client = &self.seed.google_client;
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", client.client_id.as_str()),
            ("client_secret", client.client_secret.expose()),
        ];
        form.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
        form.extend_from_slice(more);
        form.retain(|(_, value)| !value.is_empty());
        self.form("/google/token", &form).await
    }

    async fn open(&self, more: Value) -> Value {
        let mut body = json!({ "provider": "google", "account": "alice" });
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let got = self.try_send(self.post_json("/_grants", &body)).await.unwrap();
        assert_eq!(got.status, 201, "{}", got.text);
        got.json()
    }

    async fn exchange_subject(&self, subject_token: &str, more: &[(&str, &str)]) -> Got {
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", self.seed.google_client.audience.as_str()),
            ("scope", CLOUD),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", subject_token),
            ("subject_token_type", JWT),
        ];
        form.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
        form.extend_from_slice(more);
        self.form("/google/v1/token", &form).await
    }

    async fn impersonate(&self, source: &str, target: &str, body: Value) -> Got {
        let path = format!("/google/v1/projects/-/serviceAccounts/{target}:generateAccessToken");
        let request = self.post_json(&path, &body).header("authorization", format!("Bearer {source}"));
        self.try_send(request).await.unwrap()
    }
}

#[tokio::test]
async fn a_refresh_changes_nothing_and_a_revocation_ends_everything() {
    let it = running().await;
    let alice = it.seed.people[0].google_refresh_token.expose().to_owned();
    let first = it.refresh_google(&alice, &[]).await;
    assert_eq!((first.status, first.json().get("refresh_token")), (200, None));
    let second = it.refresh_google(&alice, &[]).await;
    for token in [&first, &second] {
        let who = it.bearer("/google/v1/userinfo", &token.at("/access_token")).await;
        assert_eq!(who.at("/email"), "alice@example.org", "both live");
    }
    let narrow = it.refresh_google(&alice, &[("scope", "email")]).await;
    assert_eq!(narrow.at("/scope"), EMAIL, "by its long name, and no other");
    assert_eq!(
        it.refresh_google(&alice, &[]).await.at("/scope"),
        first.at("/scope"),
        "the grant stays whole"
    );

    let ended = it.form("/google/revoke", &[("token", &second.at("/access_token"))]).await;
    assert_eq!((ended.status, ended.text.as_str()), (200, "{}"));
    for token in [&first, &second] {
        assert_eq!(it.bearer("/google/v1/userinfo", &token.at("/access_token")).await.status, 401);
    }
    let dead = it.refresh_google(&alice, &[]).await;
    assert_eq!(
        (dead.status, dead.at("/error_description").as_str()),
        (400, "Token has been expired or revoked.")
    );
    let again = it.form("/google/revoke", &[("token", &alice)]).await;
    assert_eq!((again.status, again.at("/error").as_str()), (400, "invalid_token"));
    let bob = it.seed.people[1].google_refresh_token.expose();
    assert_eq!(it.refresh_google(bob, &[]).await.status, 200, "others are not touched");
}

#[tokio::test]
async fn refreshes_are_refused_in_googles_words() {
    let it = running().await;
    let alice = it.seed.people[0].google_refresh_token.expose().to_owned();
    for (more, status, error, text) in [
        (("client_id", "x"), 401, "invalid_client", "The OAuth client was not found."),
        (
            ("client_secret", "GOCSPX-x"),
            401,
            "invalid_client",
            "The provided client secret is invalid.",
        ),
        (("refresh_token", "1//0x"), 400, "invalid_grant", "Bad Request"),
        (
            ("scope", "https://www.googleapis.com/auth/drive"),
            400,
            "invalid_scope",
            "Bad Request",
        ),
        (
            ("refresh_token", ""),
            400,
            "invalid_request",
            "Missing required parameter: refresh_token",
        ),
        (("grant_type", "password"), 400, "unsupported_grant_type", "Invalid grant_type"),
    ] {
        let got = it.refresh_google(&alice, &[more]).await;
        assert_eq!(
            (got.status, got.at("/error").as_str(), got.at("/error_description").as_str()),
            (status, error, text),
            "{more:?}"
        );
    }
}

#[tokio::test]
async fn a_consent_leaves_a_code_that_is_good_once() {
    let it = running().await;
    let client = &it.seed.google_client;
    let verifier = "verifier-of-forty-three-characters-or-more-0";
    let challenge = URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()));
    let redirect = "http://127.0.0.1:9/callback";
    let ask = |more: &str| {
        format!(
            "/google/o/oauth2/v2/auth?client_id={}&response_type=code&scope=openid%20email&redirect_uri={redirect}&state=s-1&code_challenge={challenge}&code_challenge_method=S256{more}",
            client.client_id
        )
    };
    let without_following = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let consent = async |more: &str| {
        let response = without_following.get(format!("{}{}", it.url, ask(more))).send().await.unwrap();
        assert_eq!(response.status(), 302);
        url::Url::parse(response.headers()["location"].to_str().unwrap()).unwrap()
    };
    let parameter = |url: &url::Url, name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let declined = consent("&login_hint=nobody").await;
    assert_eq!(parameter(&declined, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&declined, "state").as_deref(), Some("s-1"));

    let buy = async |code: &str, verifier: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("client_id", client.client_id.as_str()),
            ("client_secret", client.client_secret.expose()),
            ("code_verifier", verifier),
        ];
        it.form("/google/token", &form).await
    };
    let code = parameter(&consent("&login_hint=bob&access_type=offline&prompt=consent").await, "code").unwrap();
    let bought = buy(&code, verifier).await;
    assert_eq!(bought.at("/scope"), format!("openid {EMAIL}"));
    let refreshed = it.refresh_google(&bought.at("/refresh_token"), &[]).await;
    let who = it.bearer("/google/v1/userinfo", &refreshed.at("/access_token")).await;
    assert_eq!(who.at("/email"), "bob@example.org");
    assert_eq!(buy(&code, verifier).await.at("/error_description"), "Malformed auth code.");

    let code = parameter(&consent("").await, "code").unwrap();
    assert_eq!(buy(&code, "another").await.at("/error_description"), "Invalid code verifier.");
    let code = parameter(&consent("").await, "code").unwrap();
    assert_eq!(
        buy(&code, verifier).await.json().get("refresh_token"),
        None,
        "not asked for offline access"
    );
    assert_eq!(
        it.get("/google/o/oauth2/v2/auth?client_id=x", &[]).await.status,
        400,
        "an unknown client is never redirected"
    );
}

#[tokio::test]
async fn an_identity_is_exchanged_and_impersonates_link_by_link() {
    let it = running().await;
    let alice = it.seed.people[0].clone();
    let subject = it.open(json!({})).await["subject_token"].as_str().unwrap().to_owned();
    let federated = it.exchange_subject(&subject, &[]).await;
    assert_eq!((federated.status, federated.json()["expires_in"].as_i64()), (200, Some(3599)));
    let source = federated.at("/access_token");

    let direct = json!({ "scope": [READ_MAIL], "lifetime": "3600s", "delegates": [] });
    let deployer = it.impersonate(&source, &alice.google_deployer, direct.clone()).await;
    assert_eq!(deployer.at("/expireTime"), "2026-09-21T15:13:19Z", "{}", deployer.text);
    let info = it
        .form("/google/tokeninfo", &[("access_token", &deployer.at("/accessToken"))])
        .await;
    assert_eq!(
        (info.at("/email"), info.at("/scope")),
        (alice.google_deployer.clone(), READ_MAIL.to_owned())
    );

    let denied = it.impersonate(&source, &alice.google_vault, direct.clone()).await;
    assert_eq!((denied.status, denied.at("/error/status").as_str()), (403, "PERMISSION_DENIED"));
    let chain = with(
        direct.clone(),
        "delegates",
        json!([format!("projects/-/serviceAccounts/{}", alice.google_deployer)]),
    );
    assert_eq!(it.impersonate(&source, &alice.google_vault, chain.clone()).await.status, 200);
    let others = it.impersonate(&source, &it.seed.people[1].google_deployer, direct.clone()).await;
    assert_eq!(others.status, 403);
    assert_eq!(
        it.impersonate(&source, "nobody@x.iam.gserviceaccount.com", direct.clone())
            .await
            .status,
        404
    );
    assert_eq!(it.impersonate("ya29.x", &alice.google_deployer, direct.clone()).await.status, 401);
    let long = with(direct.clone(), "lifetime", "7200s");
    assert_eq!(it.impersonate(&source, &alice.google_deployer, long).await.status, 400);

    let mail_only = it.exchange_subject(&subject, &[("scope", READ_MAIL)]).await.at("/access_token");
    let narrow = it.impersonate(&mail_only, &alice.google_deployer, direct.clone()).await;
    assert_eq!(narrow.at("/error/details/0/reason"), "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    let person = it
        .refresh_google(alice.google_refresh_token.expose(), &[])
        .await
        .at("/access_token");
    assert_eq!(it.impersonate(&person, &alice.google_deployer, direct.clone()).await.status, 200);
    let robot = it
        .google(with(it.google_claims(0), "scope", CLOUD), &google_key())
        .await
        .at("/access_token");
    assert_eq!(it.impersonate(&robot, &alice.google_vault, chain).await.status, 200);
}

#[tokio::test]
async fn exchanges_are_refused_in_googles_words() {
    let it = running().await;
    let good = it.open(json!({})).await["subject_token"].as_str().unwrap().to_owned();
    let stale = it.open(json!({ "lives_s": 0 })).await["subject_token"].as_str().unwrap().to_owned();
    let other_pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/x/providers/y";
    for (token, more, status, error, says) in [
        (&good, ("audience", "pool"), 400, "invalid_request", "\"audience\""),
        (&good, ("audience", other_pool), 400, "invalid_target", "\"audience\""),
        (&good, ("subject_token_type", "x"), 400, "invalid_request", "subject_token_type"),
        (&good, ("grant_type", "refresh_token"), 400, "unsupported_grant_type", "grant type"),
        (&good, ("scope", ""), 400, "invalid_scope", "scope"),
        (&stale, ("scope", CLOUD), 400, "invalid_grant", "is stale to sign-in."),
        (&"x".to_owned(), ("scope", CLOUD), 400, "invalid_grant", "parse"),
    ] {
        let got = it.exchange_subject(token, &[more]).await;
        assert_eq!((got.status, got.at("/error").as_str()), (status, error), "{more:?}");
        assert!(got.at("/error_description").contains(says), "{}", got.text);
    }
    let stranger = signed(
        &json!({ "sub": "alice", "aud": format!("https:{}", it.seed.google_client.audience), "exp": NOW + 60 }),
        &pkcs8(STRANGER),
    );
    let got = it.exchange_subject(&stranger, &[]).await;
    assert_eq!(got.at("/error_description"), "Invalid ID Token signature.");
}

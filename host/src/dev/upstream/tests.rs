//! The emulator over loopback, spoken to as a provider would.

use super::*;
use crate::clock::{Clock, ManualClock};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::header::HeaderMap;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs1KeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;

const NOW_MS: i64 = 1_790_000_000_000;
const NOW: i64 = NOW_MS / 1000;
const STRANGER: &str = include_str!("keys/stranger.pkcs8.pem");

struct Running {
    url: String,
    seed: Seed,
    clock: Arc<ManualClock>,
    upstream: Upstream,
    client: reqwest::Client,
}

struct Got {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn at(&self, pointer: &str) -> String {
        let value = self.json();
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {pointer} in {}", self.text))
            .to_owned()
    }
}

async fn running() -> Running {
    crate::egress::install_crypto();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seed, clock) = (Seed::people(["alice", "bob"]), Arc::new(ManualClock::at(NOW_MS)));
    let upstream = Upstream::new(&seed, clock.clone()).unwrap();
    tokio::spawn(upstream.clone().serve(listener, std::future::pending()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Running {
        url,
        seed,
        clock,
        upstream,
        client,
    }
}

impl Running {
    async fn try_send(&self, request: reqwest::RequestBuilder) -> Result<Got, reqwest::Error> {
        let response = request.send().await?;
        Ok(Got {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await?,
        })
    }

    async fn get(&self, path: &str, headers: &[(&str, String)]) -> Got {
        let request = headers
            .iter()
            .fold(self.client.get(format!("{}{path}", self.url)), |request, (name, value)| {
                request.header(*name, value)
            });
        self.try_send(request).await.unwrap()
    }

    async fn bearer(&self, path: &str, token: &str) -> Got {
        self.get(path, &[("authorization", format!("Bearer {token}"))]).await
    }

    fn post_json(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    fn post_form(&self, path: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.client
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    }

    async fn form(&self, path: &str, form: &[(&str, &str)]) -> Got {
        self.try_send(self.post_form(path, form)).await.unwrap()
    }

    async fn order(&self, order: Value) -> Got {
        self.try_send(self.post_json("/_faults", &order)).await.unwrap()
    }

    async fn mint(&self, installation: u64, claims: Value, key: &RsaKeyPair, body: Value, classic: bool) -> Got {
        let path = format!("/github/api/v3/app/installations/{installation}/access_tokens");
        let mut request = self
            .post_json(&path, &body)
            .header("authorization", format!("Bearer {}", signed(&claims, key)));
        if classic {
            request = request.header("x-github-stateless-s2s-token", "disabled");
        }
        self.try_send(request).await.unwrap()
    }

    fn app_claims(&self) -> Value {
        json!({ "iss": self.seed.github_app.app_id, "iat": NOW - 60, "exp": NOW + 540 })
    }

    async fn mint_for(&self, installation: u64) -> Got {
        self.mint(installation, self.app_claims(), &app_key(), json!({}), false).await
    }

    async fn refresh(&self, refresh_token: &str) -> Got {
        self.refresh_with(refresh_token, &[]).await
    }

    async fn refresh_with(&self, refresh_token: &str, more: &[(&str, &str)]) -> Got {
        let application = &self.seed.gitlab_application;
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", application.client_id.as_str()),
            ("client_secret", application.client_secret.expose()),
        ];
        form.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
        form.extend_from_slice(more);
        form.retain(|(_, value)| !value.is_empty());
        self.form("/gitlab/oauth/token", &form).await
    }

    async fn google(&self, claims: Value, key: &RsaKeyPair) -> Got {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        self.form("/google/token", &[("grant_type", grant), ("assertion", &signed(&claims, key))])
            .await
    }

    fn google_claims(&self, person: usize) -> Value {
        json!({ "iss": self.seed.people[person].google_account, "aud": "https://oauth2.googleapis.com/token", "scope": "openid email",
            "iat": NOW - 10, "exp": NOW - 10 + 3600 })
    }
}

fn app_key() -> RsaKeyPair {
    let pem = Seed::people([]).github_app.private_key;
    RsaKeyPair::from_der(
        PrivatePkcs1KeyDer::from_pem_slice(pem.expose().as_bytes())
            .unwrap()
            .secret_pkcs1_der(),
    )
    .unwrap()
}

fn pkcs8(pem: &str) -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap().secret_pkcs8_der()).unwrap()
}

fn google_key() -> RsaKeyPair {
    let file: Value = serde_json::from_str(Seed::people(["alice"]).people[0].google_key_file.expose()).unwrap();
    pkcs8(file["private_key"].as_str().unwrap())
}

fn signed(claims: &Value, key: &RsaKeyPair) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &ring::rand::SystemRandom::new(), text.as_bytes(), &mut signature)
        .unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

#[tokio::test]
async fn static_tokens_say_whose_they_are() {
    let it = running().await;
    for person in &it.seed.people {
        let github = it.bearer("/github/api/v3/user", person.github_pat.expose()).await;
        assert_eq!(
            (github.at("/login"), github.headers["x-oauth-scopes"].to_str().unwrap()),
            (person.name.clone(), "repo, read:user")
        );
        let gitlab = it
            .get("/gitlab/api/v4/user", &[("private-token", person.gitlab_pat.expose().to_owned())])
            .await;
        assert_eq!(gitlab.at("/username"), person.name);
        let basic = STANDARD.encode(format!("{}:{}", person.email, person.jira_token.expose()));
        let jira = it
            .get("/jira/rest/api/3/myself", &[("authorization", format!("Basic {basic}"))])
            .await;
        assert_eq!(jira.at("/emailAddress"), person.email);
        assert!(person.github_pat.expose().contains(&person.name) && person.jira_token.expose().contains(&person.name));
    }
    assert_eq!(
        it.bearer("/github/api/v3/user", "ghp_unknown").await.at("/message"),
        "Bad credentials"
    );
    assert_eq!(
        it.get("/gitlab/api/v4/user", &[("private-token", "x".to_owned())]).await.status,
        401
    );
    // Another person's address with one's own token.
    let crossed = STANDARD.encode(format!("{}:{}", it.seed.people[1].email, it.seed.people[0].jira_token.expose()));
    let jira = it
        .get("/jira/rest/api/3/myself", &[("authorization", format!("Basic {crossed}"))])
        .await;
    assert_eq!(
        (jira.status, jira.headers["x-seraph-loginreason"].to_str().unwrap()),
        (401, "AUTHENTICATED_FAILED")
    );
    assert!(it.get("/jira/_edge/tenant_info", &[]).await.at("/cloudId").len() == 36);
}

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

    let classic = it
        .mint(1001, with(it.app_claims(), "exp", NOW + 4000), &app_key(), json!({}), true)
        .await;
    assert_eq!(
        classic.status, 401,
        "the clock has moved on, the assertion is for then: {}",
        classic.text
    );
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
        "alice@example.org"
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

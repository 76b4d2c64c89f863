//! GitHub's accounts: applications, consents, profiles, and the ways to end a token.

use super::*;
use base64::engine::general_purpose::STANDARD;

const PAGE: &str = "/github/login/oauth/authorize";
const TOKEN: &str = "/github/login/oauth/access_token";

impl Running {
    async fn github_grant(&self, more: Value) -> (String, Option<String>) {
        let mut body = json!({ "provider": "github", "client_id": self.seed.github_app.client_id, "account": "alice" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let got = self.try_send(self.post_json("/_grants", &body)).await.unwrap();
        assert_eq!(got.status, 201, "{}", got.text);
        (got.at("/access_token"), got.json()["refresh_token"].as_str().map(str::to_owned))
    }

    async fn github_token(&self, more: &[(&str, &str)]) -> Got {
        let app = &self.seed.github_app;
        let mut form = vec![("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.expose())];
        form.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
        form.extend_from_slice(more);
        form.retain(|(_, value)| !value.is_empty());
        self.try_send(self.post_form(TOKEN, &form).header("accept", "application/json"))
            .await
            .unwrap()
    }

    async fn github_refresh(&self, refresh: &str) -> Got {
        self.github_token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)])
            .await
    }

    async fn github_user(&self, token: &str) -> Got {
        self.bearer("/github/api/v3/user", token).await
    }
}

#[tokio::test]
async fn a_refresh_ends_both_old_tokens_at_once_and_a_second_use_ends_nothing() {
    let it = running().await;
    let (first, refresh) = it.github_grant(json!({})).await;
    assert!(first.starts_with("ghu_alice") && it.github_user(&first).await.at("/login") == "alice");
    let one = it.github_refresh(&refresh.clone().unwrap()).await;
    assert_eq!((one.status, one.json()["expires_in"].as_i64()), (200, Some(28_800)));
    assert!(one.at("/access_token").starts_with("ghu_alice") && one.at("/refresh_token").starts_with("ghr_alice"));
    assert_eq!(it.github_user(&first).await.at("/message"), "Bad credentials");
    let again = it.github_refresh(&refresh.unwrap()).await;
    assert_eq!((again.status, again.at("/error").as_str()), (200, "bad_refresh_token"));
    assert_eq!(
        it.github_user(&one.at("/access_token")).await.status,
        200,
        "a second use ends nothing"
    );
    it.clock.advance_ms(28_800_000);
    assert_eq!(it.github_user(&one.at("/access_token")).await.status, 401);
    assert_eq!(
        it.github_refresh(&one.at("/refresh_token")).await.status,
        200,
        "the refresh token lives on"
    );
}

#[tokio::test]
async fn refusals_of_the_token_endpoint_have_status_200_and_a_form_unless_asked() {
    let it = running().await;
    let (_, refresh) = it.github_grant(json!({})).await;
    let refresh = refresh.unwrap();
    let grant = ("grant_type", "refresh_token");
    for (more, status, error) in [
        (
            vec![grant, ("refresh_token", &*refresh), ("client_secret", "wrong")],
            200,
            "incorrect_client_credentials",
        ),
        (
            vec![grant, ("refresh_token", &*refresh), ("client_secret", "")],
            200,
            "incorrect_client_credentials",
        ),
        (vec![grant, ("refresh_token", "ghr_unknown")], 200, "bad_refresh_token"),
        (vec![("grant_type", "password")], 200, "unsupported_grant_type"),
        (vec![("code", "unknown")], 200, "bad_verification_code"),
        (
            vec![grant, ("refresh_token", &*refresh), ("client_id", "Iv1.unknown")],
            404,
            "Not Found",
        ),
    ] {
        let got = it.github_token(&more).await;
        assert_eq!((got.status, got.at("/error").as_str()), (status, error), "{more:?}");
    }
    let form = it.form(TOKEN, &[("client_id", &it.seed.github_app.client_id)]).await;
    assert!(form.text.starts_with("error=incorrect_client_credentials&"), "{}", form.text);
    assert!(
        form.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/x-www-form-urlencoded")
    );
    assert_eq!(it.github_refresh(&refresh).await.status, 200, "none of these spent it");

    let (_, device) = it.github_grant(json!({ "device": true })).await;
    let got = it
        .github_token(&[grant, ("refresh_token", &device.unwrap()), ("client_secret", "")])
        .await;
    assert!(got.json()["access_token"].is_string(), "{}", got.text);
}

#[tokio::test]
async fn a_consent_is_bought_once_by_whoever_knows_the_verifier() {
    let it = running().await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let challenge = URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, b"the-verifier"));
    let oauth = &it.seed.github_oauth_app;
    let consent = |login: &'static str, scope: &'static str| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", oauth.client_id.as_str()),
                ("redirect_uri", "https://claviger.example/callback"),
                ("state", "st4te"),
                ("scope", scope),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
                ("login", login),
            ])
            .finish();
        let request = client.get(format!("{}{PAGE}?{query}", it.url));
        async {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 302);
            let back = url::Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
            let pairs: std::collections::HashMap<_, _> = back.query_pairs().into_owned().collect();
            assert_eq!((back.host_str(), pairs["state"].as_str()), (Some("claviger.example"), "st4te"));
            pairs["code"].clone()
        }
    };
    let buy = async |code: &str, verifier: &str| {
        let client = [
            ("client_id", oauth.client_id.as_str()),
            ("client_secret", oauth.client_secret.expose()),
        ];
        it.github_token(&[&client[..], &[("code", code), ("code_verifier", verifier)]].concat())
            .await
    };
    let code = consent("bob", "repo user:email").await;
    assert_eq!(buy(&code, "another").await.at("/error"), "bad_verification_code");
    assert_eq!(
        buy(&code, "the-verifier").await.at("/error"),
        "bad_verification_code",
        "a code is good once"
    );
    let code = consent("bob", "repo user:email").await;
    let forever = buy(&code, "the-verifier").await;
    assert!(forever.at("/access_token").starts_with("gho_bob") && forever.json()["refresh_token"].is_null());
    let emails = it.bearer("/github/api/v3/user/emails", &forever.at("/access_token")).await;
    assert_eq!(emails.at("/1/email"), it.seed.people[1].email);
    let expiring = buy(&consent("", "offline_access").await, "the-verifier").await;
    assert!(expiring.at("/access_token").starts_with("gho_alice") && expiring.at("/refresh_token").starts_with("ghr_"));
    let late = consent("alice", "").await;
    it.clock.advance_ms(600_000);
    assert_eq!(buy(&late, "the-verifier").await.at("/error"), "bad_verification_code");
}

#[tokio::test]
async fn of_ten_tokens_the_oldest_goes_when_an_eleventh_comes() {
    let it = running().await;
    let mut tokens = Vec::new();
    for _ in 0..11 {
        tokens.push(it.github_grant(json!({})).await.0);
    }
    assert_eq!(it.github_user(&tokens[0]).await.status, 401);
    for token in &tokens[1..] {
        assert_eq!(it.github_user(token).await.status, 200);
    }
}

#[tokio::test]
async fn an_app_finds_its_installations_and_itself() {
    let it = running().await;
    let ask = async |path: &str| {
        let assertion = format!("Bearer {}", signed(&it.app_claims(), &app_key()));
        it.get(&format!("/github/api/v3{path}"), &[("authorization", assertion)]).await
    };
    assert_eq!(ask("/app").await.at("/slug"), "claviger-emulated");
    for path in ["/users/bob/installation", "/repos/bob/widgets/installation"] {
        assert_eq!(ask(path).await.json()["id"], 1002, "{path}");
    }
    for path in [
        "/orgs/bob/installation",
        "/repos/bob/elsewhere/installation",
        "/users/nobody/installation",
    ] {
        assert_eq!(
            (ask(path).await.status, ask(path).await.at("/message").as_str()),
            (404, "Not Found"),
            "{path}"
        );
    }
    assert_eq!(it.get("/github/api/v3/app", &[]).await.status, 401);
    let token = it.mint_for(1001).await.at("/token");
    let bot = it.bearer("/github/api/v3/users/claviger-emulated%5Bbot%5D", &token).await;
    assert_eq!(
        (bot.at("/login").as_str(), bot.json()["id"].as_u64()),
        ("claviger-emulated[bot]", Some(90_001))
    );
}

#[tokio::test]
async fn a_grant_ends_whole_and_a_reported_token_alone() {
    let it = running().await;
    let app = &it.seed.github_app;
    let end = async |token: &str, secret: &str| {
        let basic = STANDARD.encode(format!("{}:{secret}", app.client_id));
        let url = format!("{}/github/api/v3/applications/{}/grant", it.url, app.client_id);
        let request = it.client.delete(url).header("authorization", format!("Basic {basic}"));
        let body = json!({ "access_token": token }).to_string();
        it.try_send(request.header("content-type", "application/json").body(body))
            .await
            .unwrap()
            .status
    };
    let ((one, _), (two, refresh)) = (it.github_grant(json!({})).await, it.github_grant(json!({})).await);
    assert_eq!(end(&one, "wrong").await, 401);
    assert_eq!(end("ghu_unknown", app.client_secret.expose()).await, 404);
    assert_eq!(end(&one, app.client_secret.expose()).await, 204);
    assert_eq!((it.github_user(&one).await.status, it.github_user(&two).await.status), (401, 401));
    assert_eq!(it.github_refresh(&refresh.unwrap()).await.at("/error"), "bad_refresh_token");

    let report = async |listed: &[&str]| {
        let request = it.post_json("/github/api/v3/credentials/revoke", &json!({ "credentials": listed }));
        it.try_send(request).await.unwrap().status
    };
    let (access, refresh) = it.github_grant(json!({})).await;
    let pat = it.seed.people[0].github_pat.expose();
    assert_eq!(report(&[&refresh.unwrap(), pat, "ghp_unknown"]).await, 202);
    assert_eq!((it.github_user(&access).await.status, it.github_user(pat).await.status), (401, 401));
    assert_eq!((report(&[]).await, report(&["ghs_x"]).await), (422, 422));
    let request = it
        .post_json("/github/api/v3/credentials/revoke", &json!({ "credentials": [pat] }))
        .bearer_auth(pat);
    assert_eq!(it.try_send(request).await.unwrap().status, 403);
}

#[tokio::test]
async fn a_clock_that_is_ordered_elsewhere_judges_and_dates() {
    let it = running().await;
    it.order(json!({ "provider": "github", "clock_ahead_s": -900 })).await;
    let late = it.mint_for(1001).await;
    assert_eq!(
        (late.status, late.at("/message").as_str()),
        (401, "'Expiration time' claim ('exp') is too far in the future")
    );
    assert_eq!(late.headers["date"], "Mon, 21 Sep 2026 13:58:20 GMT");
    let now = it.mint_for(1001).await;
    assert_eq!(
        (now.status, now.headers["date"].to_str().unwrap()),
        (201, "Mon, 21 Sep 2026 14:13:20 GMT")
    );
}

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

mod controls;
mod github;
mod github_accounts;
mod gitlab;
mod google;
mod jira;

const NOW_MS: i64 = 1_790_000_000_000;
const NOW: i64 = NOW_MS / 1000;
const STRANGER: &str = include_str!("../keys/stranger.pkcs8.pem");

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

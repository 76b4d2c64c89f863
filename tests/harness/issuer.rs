//! An issuer of tokens that does whatever a test wants of it: honest ones are `tests/upstreams/issuer.mjs`.

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::task::JoinHandle;

/// What its tokens are for.
pub const AUDIENCE: &str = "claviger";

/// A key that signs ES256.
pub struct SigningKey {
    /// Its name.
    pub kid: String,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    /// A new one.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(kid: &str) -> Result<Self> {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random)
            .ok()
            .and_then(|document| EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).ok());
        Ok(Self {
            kid: kid.to_owned(),
            pair: made.context("no key can be made")?,
        })
    }

    /// Its public half.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let half = |from: usize| encode(point.get(from..from + 32).unwrap_or_default());
        json!({ "kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": half(1), "y": half(33) })
    }

    /// A token with this header, beside `alg`, `kid` and `typ`, and these claims.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        self.sign_with(&json!({ "alg": "ES256", "kid": self.kid, "typ": "JWT" }), claims)
    }

    /// A token with exactly this header.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> Result<String> {
        let input = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let signature = self
            .pair
            .sign(&SystemRandom::new(), input.as_bytes())
            .ok()
            .context("it cannot be signed")?;
        Ok(format!("{input}.{}", encode(signature.as_ref())))
    }
}

/// Base64url without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since the epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the tokens are for a server with the machine's clock")]
pub fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or_default()
}

#[derive(Default)]
struct Site {
    url: String,
    keys: Vec<Value>,
    down: bool,
    asked: usize,
}

type Shared = Arc<Mutex<Site>>;

/// A running issuer.
pub struct Issuer {
    site: Shared,
    server: JoinHandle<()>,
    /// Where it is, and what its tokens have in `iss`.
    pub url: String,
}

impl Issuer {
    /// Starts it with these public keys.
    ///
    /// # Errors
    /// No port.
    pub async fn start(keys: &[&SigningKey]) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("no port")?;
        let url = format!("http://{}", listener.local_addr()?);
        let site = Shared::new(Mutex::new(Site {
            url: url.clone(),
            keys: keys.iter().map(|key| key.jwk()).collect(),
            ..Site::default()
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keyset))
            .with_state(Arc::clone(&site));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { site, server, url })
    }

    /// Lines of a configuration that trusts it.
    #[must_use]
    pub fn config(&self, more: &str) -> String {
        format!("[[issuer]]\nurl = \"{}\"\naudiences = [\"{AUDIENCE}\"]\n{more}\n", self.url)
    }

    /// Claims of a person that are in order.
    #[must_use]
    pub fn claims(&self, user: &str) -> Value {
        let now = now_s();
        json!({ "iss": self.url, "aud": AUDIENCE, "sub": format!("id-of-{user}"), "username": user, "iat": now, "exp": now + 300 })
    }

    /// From now on it publishes these keys.
    pub fn publish(&self, keys: &[Value]) {
        self.with(|site| site.keys = keys.to_vec());
    }

    /// From now on it answers nothing but 503.
    pub fn take_down(&self) {
        self.with(|site| site.down = true);
    }

    /// How often its keys were asked for.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.with(|site| site.asked)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Site) -> T) -> T {
        act(&mut self.site.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn configuration(State(site): State<Shared>) -> Result<Json<Value>, StatusCode> {
    let site = site.lock().unwrap_or_else(PoisonError::into_inner);
    if site.down {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    Ok(Json(json!({ "issuer": site.url, "jwks_uri": format!("{}/keys", site.url) })))
}

async fn keyset(State(site): State<Shared>) -> Result<Json<Value>, StatusCode> {
    let mut site = site.lock().unwrap_or_else(PoisonError::into_inner);
    site.asked += 1;
    if site.down {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    Ok(Json(json!({ "keys": site.keys })))
}

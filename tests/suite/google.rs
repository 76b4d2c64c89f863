//! Google's kinds through the real binary, against the emulated Google: whose token came back is asked of the upstream, by value.

mod clients;
mod connect;
mod external_account;
mod refusals;
mod service_account;
mod user;

use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::{GoogleClient, Person, Seed};
use claviger_tests::api::{create, read};
use claviger_tests::{Answer, Claviger, Client, Emulator, Setup};
use serde_json::{Value, json};

const CLOUD: &str = "https://www.googleapis.com/auth/cloud-platform";
const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const MAIL: &str = "https://www.googleapis.com/auth/gmail.readonly";

const RECONNECT: (u16, &str) = (502, "needs-reconnect");
const MISCONFIGURED: (u16, &str) = (502, "misconfigured");
const SCOPE: (u16, &str) = (502, "missing-scope");
const LATER: (u16, &str) = (503, "transient");

/// A server, its emulated upstream, and Alice, who owns what is made here.
struct World {
    claviger: Claviger,
    emulator: Emulator,
    google: String,
    alice: Client,
    person: Person,
    client: GoogleClient,
}

/// What a refusal is for stands in the server's log, for its owner; the reader learns the class.
const LOG: &str = "[log]\nfilter = \"info\"\n";

async fn world() -> Result<World> {
    of(Setup::default().config(LOG).start().await?)
}

fn of(claviger: Claviger) -> Result<World> {
    let seed = Seed::people(["alice", "bob", "carol"]);
    let person = seed.people.first().context("nobody was seeded")?.clone();
    Ok(World {
        emulator: claviger.emulator()?,
        google: format!("{}/google", claviger.dev().upstream),
        alice: claviger.person("alice")?,
        person,
        client: seed.google_client,
        claviger,
    })
}

impl World {
    /// Makes a credential of a kind from what is pasted.
    async fn paste(&self, kind: &str, document: &Value, fields: Value) -> Result<String> {
        let body = json!({ "name": kind, "provider": "google", "kind": kind, "url": self.google, "token": document.to_string(), "fields": fields });
        create(&self.alice, &body).await
    }

    /// Makes a credential of a kind from its fields.
    async fn fill(&self, kind: &str, fields: Value) -> Result<String> {
        let body = json!({ "name": kind, "provider": "google", "kind": kind, "url": self.google, "fields": fields });
        create(&self.alice, &body).await
    }

    /// What `gcloud auth application-default login` leaves.
    fn authorised(&self, refresh_token: &str) -> Value {
        json!({
            "account": "",
            "client_id": self.client.client_id,
            "client_secret": self.client.client_secret.expose(),
            "quota_project_id": "payer",
            "refresh_token": refresh_token,
            "type": "authorized_user",
            "universe_domain": "googleapis.com",
        })
    }

    fn key_file(&self) -> Result<Value> {
        Ok(serde_json::from_str(self.person.google_key_file.expose())?)
    }

    async fn read(&self, id: &str, query: &str) -> Result<Answer> {
        read(&self.alice, id, query).await
    }

    /// One more grant of Alice's at the upstream: `refresh_token` and `subject_token`.
    async fn grant(&self, more: &Value) -> Result<Value> {
        let mut body = json!({ "provider": "google", "account": "alice" });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        self.emulator.client().post("/_grants", &body).await?.expect(201)?.json()
    }

    async fn refresh_token(&self) -> Result<String> {
        let grant = self.grant(&json!({})).await?;
        Ok(grant["refresh_token"].as_str().context("no refresh token")?.to_owned())
    }

    /// What Google itself says of a token: `email`, `scope`.
    async fn info(&self, token: &str) -> Result<Value> {
        let body = json!({ "access_token": token });
        self.emulator.client().post("/google/tokeninfo", &body).await?.expect(200)?.json()
    }

    /// A refusal of this class, whose reason in the server's log says this. None of the secrets that go with it is in either.
    fn refused(&self, answer: Answer, (status, class): (u16, &str), says: &str, never: &[&str]) -> Result<Answer> {
        let answer = answer.expect(status)?;
        assert_eq!(answer.text_at("/reason_code")?, class, "{}", answer.text);
        let operation = answer.text_at("/operation_id")?;
        let log = self.claviger.log();
        let reason = log.lines().find(|line| line.contains(&operation)).unwrap_or_default();
        ensure!(reason.contains(says), "it does not say `{says}`: {} {reason}", answer.text);
        for secret in never.iter().chain(&["PRIVATE KEY", "1//0", "GOCSPX-"]) {
            let found = answer.text.contains(secret) || log.contains(secret);
            ensure!(!found, "it says `{secret}`: {} {reason}", answer.text);
        }
        ensure!(status != 503 || !answer.header("retry-after").is_empty(), "{:?}", answer.headers);
        Ok(answer)
    }

    async fn requests(&self, operation: &str) -> Result<Vec<Value>> {
        let all = self.emulator.requests().await?;
        Ok(all.into_iter().filter(|entry| entry["operation"] == operation).collect())
    }
}

/// The token of an answer, whose other keys are the ones that runners read.
fn checked(answer: Answer) -> Result<(String, Value)> {
    let body = answer.expect(200)?.json()?;
    let token = body["accessToken"].as_str().context("no accessToken")?.to_owned();
    ensure!(body["token"] == token.as_str() && body["refreshToken"] == "", "{body}");
    ensure!(body["expiresAt"].is_string() && body["expires_at"].is_string(), "{body}");
    Ok((token, body))
}

/// As the emulator's log tells secrets apart: the first 12 hex digits of SHA-256.
fn fingerprint(secret: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.as_bytes());
    hex::encode(digest).chars().take(12).collect()
}

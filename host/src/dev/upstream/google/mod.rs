//! The emulated Google below `{upstream}/google`, all services under one root: service accounts and domain-wide delegation, people's grants and
//! their consent, the Security Token Service, impersonation.
//!
//! A refresh changes nothing: the refresh token stays, and the access tokens before it live on. Ending a grant ends all its tokens.
//! `POST /_grants` with `{"provider": "google", "account": "alice"}` opens one more grant (`scopes`, if not the usual ones) and answers its
//! `refresh_token` and, for federation, a `subject_token` that lives `lives_s` seconds (300).

mod assertion;
mod consent;
mod exchange;
mod grant;
mod impersonation;
mod whose;

pub(super) use grant::refresh_token;

use super::Provider;
use super::call::Call;
use super::jwt::{KeyError, PublicKey};
use super::reply::Reply;
use super::seed::{SERVICE_ACCOUNT_KEY, Seed};
use super::world::{Live, World, digest, digest_of};
use crate::clock::Millis;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(super) const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/token", "token"),
    ("POST", "/revoke", "revoke"),
    ("GET", "/o/oauth2/v2/auth", "consent"),
    ("POST", "/v1/token", "exchange"),
    ("POST", "/v1/projects/-/serviceAccounts/*", "impersonation"),
    ("GET", "/userinfo", "userinfo"),
    ("GET", "/v1/userinfo", "userinfo"),
    ("GET", "/tokeninfo", "tokeninfo"),
    ("POST", "/tokeninfo", "tokeninfo"),
];

/// The one workload identity provider that there is.
pub(super) const AUDIENCE_OF_POOL: &str =
    "//iam.googleapis.com/projects/104200/locations/global/workloadIdentityPools/emulator/providers/ci";

const LIFETIME_S: i64 = 3599;

/// Who holds a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Principal {
    /// Somebody, by name.
    Person(String),
    /// A service account, by address.
    Account(String),
    /// An identity of the emulated issuer, by its subject.
    Federated(String),
}

/// What only Google knows.
pub(super) struct State {
    client_id: String,
    client_secret_digest: String,
    issuer: PublicKey,
    /// Minted token, by digest → who holds it.
    holders: HashMap<String, Principal>,
    /// Consents to other scopes than the usual.
    consents: BTreeMap<(String, u32), Vec<String>>,
    ended: BTreeSet<(String, u32)>,
    codes: HashMap<String, consent::Code>,
}

impl State {
    pub(super) fn new(seed: &Seed) -> Result<Self, KeyError> {
        Ok(Self {
            client_id: seed.google_client.client_id.clone(),
            client_secret_digest: digest_of(&seed.google_client.client_secret),
            issuer: PublicKey::of(SERVICE_ACCOUNT_KEY)?,
            holders: HashMap::new(),
            consents: BTreeMap::new(),
            ended: BTreeSet::new(),
            codes: HashMap::new(),
        })
    }

    fn principal(&self, token: &str) -> Option<Principal> {
        self.holders.get(&digest(token)).cloned()
    }

    fn granted(&self, account: &str, number: u32) -> Vec<String> {
        let usual = || grant::GRANTED.iter().map(|scope| (*scope).to_owned()).collect();
        self.consents.get(&(account.to_owned(), number)).cloned().unwrap_or_else(usual)
    }

    /// Notes one more consent; its number.
    fn next(&mut self, account: &str, scopes: Vec<String>) -> u32 {
        let mut bytes = [0; 4];
        crate::clock::fill_random(&mut bytes);
        let number = u32::from_le_bytes(bytes) | 1;
        self.consents.insert((account.to_owned(), number), scopes);
        number
    }

    /// Whose service account that is.
    fn owner_of(&self, world: &World, email: &str) -> Option<String> {
        let own =
            |person: &&super::Person| [&person.google_account, &person.google_deployer, &person.google_vault].contains(&&email.to_owned());
        world.people.iter().find(own).map(|person| person.name.clone())
    }
}

pub(super) fn answer(world: &mut World, operation: &str, path: &str, call: &Call, now_ms: Millis) -> Reply {
    match operation {
        "token" => token(world, call, now_ms),
        "revoke" => grant::revoke(world, call),
        "consent" => consent::consent(world, call, now_ms),
        "exchange" => exchange::token(world, call, now_ms),
        "impersonation" => impersonation::token(world, path, call, now_ms),
        "tokeninfo" => whose::tokeninfo(world, call, now_ms),
        _ => whose::userinfo(world, call, now_ms),
    }
}

/// Opens one more grant, as `POST /_grants` asks.
pub(super) fn open_grant(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let person = call.field("account").and_then(|account| world.person(&account));
    let Some(account) = person.map(|person| person.name.clone()) else {
        return Reply::json(400, json!({ "error": "`account` names nobody that was seeded" }));
    };
    let scopes = match call.field("scopes") {
        Some(scopes) => words(Some(&scopes)),
        None => grant::GRANTED.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    let lives_s = call.value("lives_s").and_then(Value::as_i64).unwrap_or(300);
    let number = world.google.next(&account, scopes);
    let opened = json!({
        "refresh_token": grant::refresh_token(&account, number),
        "subject_token": exchange::subject_token(&account, lives_s, now_ms),
    });
    Reply::json(201, opened)
}

fn token(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    match call.field("grant_type").as_deref() {
        Some(assertion::GRANT_TYPE) => assertion::token(world, call, now_ms),
        Some("refresh_token") => grant::refresh(world, call, now_ms),
        Some("authorization_code") => consent::exchange(world, call, now_ms),
        None => error(400, "invalid_request", "Required parameter is missing: grant_type"),
        Some(_) => error(400, "unsupported_grant_type", "Invalid grant_type"),
    }
}

fn error(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, json!({ "error": error, "error_description": description }))
}

fn words(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// A token just made.
struct Issued {
    text: String,
    expires_in: i64,
}

/// Makes a token and remembers who holds it.
fn issue(
    world: &mut World,
    prefix: &str,
    account: &str,
    holder: Principal,
    scopes: &[String],
    grant: Option<u32>,
    now_ms: Millis,
) -> Issued {
    let expires_in = world.lifetime_s(Provider::Google, LIFETIME_S);
    let text = format!("{prefix}.{}", world.token_text(account, '-', 180));
    let live = Live {
        provider: Provider::Google,
        account: account.to_owned(),
        created_at_ms: now_ms,
        expires_at_ms: now_ms + expires_in * 1000,
        scopes: scopes.to_vec(),
        revoked: false,
        grant,
    };
    world.remember(&text, live);
    world.google.holders.retain(|digest, _| world.live.contains_key(digest));
    world.google.holders.insert(digest(&text), holder);
    Issued { text, expires_in }
}

/// The answer with it. Where mail or a profile may be told, an ID token tells it too.
fn token_body(issued: &Issued, scopes: &[String]) -> Value {
    let mut body =
        json!({ "access_token": issued.text, "expires_in": issued.expires_in, "token_type": "Bearer", "scope": scopes.join(" ") });
    if scopes.iter().any(|scope| scope == "openid") {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = (
            part(json!({ "alg": "RS256", "typ": "JWT" })),
            part(json!({ "iss": "https://accounts.google.com" })),
        );
        body["id_token"] = format!("{}.{}.{}", unsigned.0, unsigned.1, URL_SAFE_NO_PAD.encode("emulated")).into();
    }
    body
}

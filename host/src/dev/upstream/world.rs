//! What the emulated upstreams know: accounts, static tokens, live tokens, grants. Tokens are kept as digests alone.

use super::call::Call;
use super::gitlab::Grant;
use super::jwt::{KeyError, PublicKey};
use super::reply::Reply;
use super::seed::{GithubApp, Person, Seed};
use super::{Provider, github, gitlab, google, jira};
use crate::clock::{Millis, fill_random};
use crate::secret::Secret;
use std::collections::{BTreeMap, HashMap};

/// More live tokens than this and the ended ones are dropped.
const KEPT: usize = 10_000;

pub(super) struct World {
    pub(super) people: Vec<Person>,
    pub(super) app: App,
    pub(super) application: Application,
    /// GitHub beyond installations.
    pub(super) github: github::State,
    /// Service account → whose it is.
    pub(super) service_accounts: BTreeMap<String, ServiceAccount>,
    /// Personal and API tokens by digest.
    statics: HashMap<String, (Provider, String)>,
    /// Minted tokens by digest.
    pub(super) live: HashMap<String, Live>,
    /// GitLab beyond grants.
    pub(super) gitlab: gitlab::State,
    /// Jira's own.
    pub(super) jira: jira::State,
    /// (account, number) → grant.
    pub(super) grants: BTreeMap<(String, u32), Grant>,
    /// Google's own.
    pub(super) google: google::State,
    /// Ordered lifetimes, in seconds.
    pub(super) lifetimes: BTreeMap<Provider, i64>,
    minted: u64,
}

pub(super) struct App {
    pub(super) app_id: String,
    pub(super) client_id: String,
    pub(super) key: PublicKey,
    /// Installation → account, or `None` if it is suspended.
    pub(super) installations: BTreeMap<u64, Option<String>>,
}

pub(super) struct Application {
    pub(super) client_id: String,
    pub(super) client_secret_digest: String,
    pub(super) redirect_uri: String,
}

pub(super) struct ServiceAccount {
    pub(super) account: String,
    pub(super) key: PublicKey,
}

/// A minted token.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) provider: Provider,
    pub(super) account: String,
    pub(super) created_at_ms: Millis,
    pub(super) expires_at_ms: Millis,
    pub(super) scopes: Vec<String>,
    pub(super) revoked: bool,
    /// The GitLab grant that it belongs to.
    pub(super) grant: Option<u32>,
}

/// Whether a presented token is good.
pub(super) enum Standing {
    Good(Live),
    Expired,
    Revoked,
    Unknown,
}

impl World {
    pub(super) fn new(seed: &Seed) -> Result<Self, KeyError> {
        let mut statics = HashMap::new();
        let mut service_accounts = BTreeMap::new();
        for person in &seed.people {
            for (provider, token) in [(Provider::Github, &person.github_pat), (Provider::Jira, &person.jira_token)] {
                statics.insert(digest(token.expose()), (provider, person.name.clone()));
            }
            let file: serde_json::Value = serde_json::from_str(person.google_key_file.expose()).map_err(|_| KeyError)?;
            let key = PublicKey::of(file.get("private_key").and_then(serde_json::Value::as_str).ok_or(KeyError)?)?;
            service_accounts.insert(
                person.google_account.clone(),
                ServiceAccount {
                    account: person.name.clone(),
                    key,
                },
            );
        }
        let GithubApp {
            app_id,
            client_id,
            private_key,
            suspended_installation,
            ..
        } = &seed.github_app;
        let mut installations: BTreeMap<u64, Option<String>> = seed
            .people
            .iter()
            .map(|person| (person.github_installation, Some(person.name.clone())))
            .collect();
        installations.insert(*suspended_installation, None);
        Ok(Self {
            people: seed.people.clone(),
            app: App {
                app_id: app_id.clone(),
                client_id: client_id.clone(),
                key: PublicKey::of(private_key.expose())?,
                installations,
            },
            github: github::State::new(
                seed,
                digest(seed.github_app.client_secret.expose()),
                digest(seed.github_oauth_app.client_secret.expose()),
            ),
            application: Application {
                client_id: seed.gitlab_application.client_id.clone(),
                client_secret_digest: digest(seed.gitlab_application.client_secret.expose()),
                redirect_uri: seed.gitlab_application.redirect_uri.clone(),
            },
            service_accounts,
            statics,
            live: HashMap::new(),
            gitlab: gitlab::State::new(seed),
            jira: jira::State::new(seed),
            grants: BTreeMap::new(),
            google: google::State::new(seed)?,
            lifetimes: BTreeMap::new(),
            minted: 0,
        })
    }

    pub(super) fn answer(&mut self, provider: Provider, operation: &str, path: &str, call: &Call, now_ms: Millis) -> Reply {
        match provider {
            Provider::Github => github::answer(self, operation, path, call, now_ms),
            Provider::Gitlab => gitlab::answer(self, operation, call, now_ms),
            Provider::Jira => jira::answer(self, operation, path, call, now_ms),
            Provider::Google => google::answer(self, operation, path, call, now_ms),
        }
    }

    pub(super) fn person(&self, account: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == account)
    }

    /// The account that a personal or API token belongs to.
    pub(super) fn static_account(&self, provider: Provider, token: &str) -> Option<String> {
        self.statics
            .get(&digest(token))
            .filter(|(known, _)| *known == provider)
            .map(|(_, account)| account.clone())
    }

    /// Seconds that a token lives which is minted now.
    pub(super) fn lifetime_s(&self, provider: Provider, usual_s: i64) -> i64 {
        self.lifetimes.get(&provider).copied().unwrap_or(usual_s)
    }

    /// Text for a new token: the account, a number, and `random` hex digits.
    pub(super) fn token_text(&mut self, account: &str, separator: char, random: usize) -> String {
        self.minted += 1;
        let mut bytes = vec![0; random.div_ceil(2)];
        fill_random(&mut bytes);
        let mut hex = hex::encode(bytes);
        hex.truncate(random);
        format!("{}{separator}{}{separator}{hex}", slug(account), self.minted)
    }

    pub(super) fn remember(&mut self, token: &str, live: Live) {
        if self.live.len() >= KEPT {
            self.live.retain(|_, old| !old.revoked && old.expires_at_ms > live.created_at_ms);
        }
        self.live.insert(digest(token), live);
    }

    pub(super) fn standing(&self, provider: Provider, token: &str, now_ms: Millis) -> Standing {
        match self.live.get(&digest(token)).filter(|live| live.provider == provider) {
            None => Standing::Unknown,
            Some(live) if live.revoked => Standing::Revoked,
            Some(live) if live.expires_at_ms <= now_ms => Standing::Expired,
            Some(live) => Standing::Good(live.clone()),
        }
    }

    /// Ends a minted token; whether there was one.
    pub(super) fn revoke(&mut self, token: &str) -> bool {
        self.live
            .get_mut(&digest(token))
            .is_some_and(|live| !std::mem::replace(&mut live.revoked, true))
    }
}

/// The digest of a seeded secret.
pub(super) fn digest_of(secret: &Secret) -> String {
    digest(secret.expose())
}

/// SHA-256, hex.
pub(super) fn digest(secret: &str) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, secret.as_bytes()))
}

/// Enough of a digest to tell secrets apart in the log.
pub(super) fn fingerprint(secret: &str) -> String {
    digest(secret).chars().take(12).collect()
}

/// Text that follows from names alone, `length` hex digits of at most 64. Worth nothing outside the emulator.
pub(super) fn derived(kind: &str, name: &str, length: usize) -> String {
    digest(&format!("claviger's emulated upstream: {kind} of {name}"))
        .chars()
        .take(length)
        .collect()
}

/// A name as it may stand in a token.
pub(super) fn slug(name: &str) -> String {
    let slug: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .take(16)
        .collect();
    if slug.is_empty() { derived("slug", name, 8) } else { slug }
}

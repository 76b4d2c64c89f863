//! Applications with client secrets, the grants that people gave them, and the tokens of those.
//!
//! A refresh ends the refresh token and the access token that were before, at once. Of ten live tokens of one grant the oldest goes when an
//! eleventh is made, without a word.

use crate::clock::{Millis, fill_random};
use crate::dev::upstream::seed::Seed;
use crate::dev::upstream::world::{digest, slug};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a person is granted beyond this ends what they were granted first.
const MOST_TOKENS: usize = 10;
/// A consent's code is good for ten minutes.
const CODE_MS: Millis = 600_000;
/// Eight hours, and half a year.
pub(super) const ACCESS_S: i64 = 28_800;
pub(super) const REFRESH_S: i64 = 15_897_600;

/// What the emulated GitHub knows beyond installations.
#[derive(Default)]
pub(in crate::dev::upstream) struct State {
    pub(super) applications: BTreeMap<String, Application>,
    codes: HashMap<String, Code>,
    tokens: HashMap<String, UserToken>,
    refreshes: HashMap<String, Refreshing>,
    /// Personal access tokens that were ended, by digest.
    ended: HashSet<String>,
    made: u64,
}

pub(super) struct Application {
    secret_digest: String,
    /// Whether it is a GitHub App, whose tokens are `ghu_` and always expire.
    pub(super) is_github_app: bool,
}

/// A consent that was given and not yet used.
pub(super) struct Code {
    pub(super) client_id: String,
    pub(super) account: String,
    pub(super) redirect_uri: String,
    pub(super) scopes: Vec<String>,
    pub(super) challenge: Option<String>,
    ends_at_ms: Millis,
}

/// A person's token of an application.
#[derive(Clone)]
pub(super) struct UserToken {
    pub(super) client_id: String,
    pub(super) account: String,
    pub(super) scopes: Vec<String>,
    pub(super) ends_at_ms: Option<Millis>,
    number: u64,
}

struct Refreshing {
    token: UserToken,
    access_digest: String,
    ends_at_ms: Millis,
    /// Given by the device flow: refreshed without the client's secret.
    device: bool,
}

/// A pair as it is handed out.
pub(super) struct Pair {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
}

impl State {
    /// With the applications of the seed, and digests of their secrets.
    pub(in crate::dev::upstream) fn new(seed: &Seed, app_digest: String, oauth_digest: String) -> Self {
        let application = |secret_digest, is_github_app| Application {
            secret_digest,
            is_github_app,
        };
        Self {
            applications: BTreeMap::from([
                (seed.github_app.client_id.clone(), application(app_digest, true)),
                (seed.github_oauth_app.client_id.clone(), application(oauth_digest, false)),
            ]),
            ..Self::default()
        }
    }

    /// Whether that is the application's secret.
    pub(super) fn is_client(&self, client_id: &str, secret: &str) -> bool {
        self.applications
            .get(client_id)
            .is_some_and(|application| application.secret_digest == digest(secret))
    }

    pub(super) fn consented(&mut self, mut code: Code, now_ms: Millis) -> String {
        code.ends_at_ms = now_ms + CODE_MS;
        let text = self.text(&code.account, 20);
        self.codes.insert(digest(&text), code);
        text
    }

    /// Takes a consent's code: it is good once.
    pub(super) fn code(&mut self, text: &str, now_ms: Millis) -> Option<Code> {
        self.codes.remove(&digest(text)).filter(|code| code.ends_at_ms > now_ms)
    }

    /// New tokens for that grant; with a refresh token if the access token is to end.
    pub(super) fn make(
        &mut self,
        client_id: &str,
        account: &str,
        scopes: Vec<String>,
        life_ms: Option<Millis>,
        device: bool,
        now_ms: Millis,
    ) -> Pair {
        let is_github_app = self
            .applications
            .get(client_id)
            .is_some_and(|application| application.is_github_app);
        let access = format!("{}{}", if is_github_app { "ghu_" } else { "gho_" }, self.text(account, 36));
        let token = UserToken {
            client_id: client_id.to_owned(),
            account: account.to_owned(),
            scopes,
            ends_at_ms: life_ms.map(|life_ms| now_ms + life_ms),
            number: self.made,
        };
        let of_grant = |other: &UserToken| other.client_id == client_id && other.account == account;
        while self.tokens.values().filter(|other| of_grant(other)).count() >= MOST_TOKENS {
            let oldest = self
                .tokens
                .iter()
                .filter(|(_, other)| of_grant(other))
                .min_by_key(|(_, other)| other.number);
            let Some(oldest) = oldest.map(|(digest, _)| digest.clone()) else {
                break;
            };
            self.tokens.remove(&oldest);
        }
        self.tokens.insert(digest(&access), token.clone());
        let refresh = life_ms.map(|_| {
            let refresh = format!("ghr_{}", self.text(account, 76));
            let access_digest = digest(&access);
            let ends_at_ms = now_ms + REFRESH_S * 1000;
            self.refreshes.insert(
                digest(&refresh),
                Refreshing {
                    token,
                    access_digest,
                    ends_at_ms,
                    device,
                },
            );
            refresh
        });
        Pair { access, refresh }
    }

    /// Takes a refresh token, which ends its pair. `None` if it is not that client's, was used, or is too old.
    pub(super) fn spend(&mut self, refresh: &str, client_id: &str, now_ms: Millis) -> Option<(UserToken, bool)> {
        let key = digest(refresh);
        let known = self.refreshes.get(&key)?;
        if known.token.client_id != client_id || known.ends_at_ms <= now_ms {
            return None;
        }
        let spent = self.refreshes.remove(&key)?;
        self.tokens.remove(&spent.access_digest);
        Some((spent.token, spent.device))
    }

    /// Whether a refresh token may be shown without the client's secret.
    pub(super) fn is_of_a_device(&self, refresh: &str) -> bool {
        self.refreshes.get(&digest(refresh)).is_some_and(|known| known.device)
    }

    /// A token that is good.
    pub(super) fn token(&self, text: &str, now_ms: Millis) -> Option<&UserToken> {
        self.tokens
            .get(&digest(text))
            .filter(|token| token.ends_at_ms.is_none_or(|ends| ends > now_ms))
    }

    /// Ends all that a person granted to an application; whether the token was one of that grant.
    pub(super) fn end_grant(&mut self, client_id: &str, text: &str) -> Option<String> {
        let account = self
            .tokens
            .get(&digest(text))
            .filter(|token| token.client_id == client_id)?
            .account
            .clone();
        let others = |token: &UserToken| token.client_id != client_id || token.account != account;
        self.tokens.retain(|_, token| others(token));
        self.refreshes.retain(|_, refresh| others(&refresh.token));
        Some(account)
    }

    /// Ends a leaked credential of any kind that is not an installation's, and what hangs on it.
    pub(super) fn end_leaked(&mut self, text: &str) {
        let key = digest(text);
        if let Some(refresh) = self.refreshes.remove(&key) {
            self.tokens.remove(&refresh.access_digest);
        }
        self.refreshes.retain(|_, refresh| refresh.access_digest != key);
        if self.tokens.remove(&key).is_none() {
            self.ended.insert(key);
        }
    }

    /// Whether a personal access token was ended.
    pub(super) fn is_ended(&self, text: &str) -> bool {
        self.ended.contains(&digest(text))
    }

    /// The account, a number, and random digits, so that a test sees by value whose it is.
    fn text(&mut self, account: &str, length: usize) -> String {
        self.made += 1;
        let mut bytes = vec![0; length];
        fill_random(&mut bytes);
        let mut text = format!("{}0{}0{}", slug(account), self.made, hex::encode(bytes));
        text.truncate(length.max(slug(account).len() + 16));
        text
    }
}

impl Code {
    pub(super) fn new(client_id: &str, account: &str, redirect_uri: &str, scopes: Vec<String>, challenge: Option<String>) -> Self {
        Self {
            client_id: client_id.to_owned(),
            account: account.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            scopes,
            challenge,
            ends_at_ms: 0,
        }
    }
}

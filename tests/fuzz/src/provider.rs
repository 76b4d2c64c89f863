//! A provider, whole: one call on the test host, with the answers of a scenario, and then what must hold.

use crate::expect::{self, Seen};
use crate::scenario::Scenario;
use crate::setup::{Call, Setup, kind_of, named};
use crate::setups::{self, CONSENT};
use claviger_sdk::testing::TestHost;
use claviger_sdk::{Connect, Identify, Narrowing, Provider, Revoke};
use serde_json::Value;
use std::sync::LazyLock;

/// The target of GitHub's provider.
pub fn github(data: &[u8]) {
    static MANIFEST: LazyLock<Value> = LazyLock::new(manifest::<provider_github::GitHub>);
    run::<provider_github::GitHub>(setups::github::SETUPS, &MANIFEST, data);
}

/// The target of GitLab's provider.
pub fn gitlab(data: &[u8]) {
    static MANIFEST: LazyLock<Value> = LazyLock::new(manifest::<provider_gitlab::GitLab>);
    run::<provider_gitlab::GitLab>(setups::gitlab::SETUPS, &MANIFEST, data);
}

/// The target of Jira's provider.
pub fn jira(data: &[u8]) {
    static MANIFEST: LazyLock<Value> = LazyLock::new(manifest::<provider_jira::Jira>);
    run::<provider_jira::Jira>(setups::jira::SETUPS, &MANIFEST, data);
}

/// The target of Google's provider.
pub fn google(data: &[u8]) {
    static MANIFEST: LazyLock<Value> = LazyLock::new(manifest::<provider_google::Google>);
    run::<provider_google::Google>(setups::google::SETUPS, &MANIFEST, data);
}

fn run<P: Identify + Revoke + Connect>(setups: &[Setup], manifest: &Value, data: &[u8]) {
    let scenario = Scenario::read(data);
    let (setup, call) = named(&scenario.head, setups);
    let mut host = TestHost::start(P::MANIFEST).at_ms(scenario.now_ms);
    for answer in &scenario.answers {
        let headers: Vec<(&str, &str)> = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        host = host.answers(answer.status, &headers, &answer.body);
    }
    let mut fields = setup.fields.to_vec();
    if call == Call::Exchange {
        fields.retain(|(name, _)| *name != "refresh-token" && *name != "redirect-uri" && *name != "token");
        fields.extend(CONSENT);
    }
    let credential = host.credential(setup.kind, &fields);
    let seen = |host: &TestHost| Seen {
        setup,
        kind: kind_of(manifest, setup.kind),
        manifest,
        scenario: &scenario,
        sent: host.sent(),
        lines: host.lines(),
    };
    match call {
        Call::Mint => {
            let pairs = setup.narrowing.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let minted = P::mint(credential, &Narrowing::new(pairs.collect()));
            let seen = seen(&host);
            seen.requests();
            match minted {
                Ok(token) => expect::token(&seen, &host, &token),
                Err(failure) => seen.failure(&failure),
            }
        }
        Call::Identify => {
            let identified = P::identify(credential);
            let seen = seen(&host);
            seen.requests();
            match identified {
                Ok(identity) => expect::identity(&seen, &identity),
                Err(failure) => seen.failure(&failure),
            }
        }
        Call::Revoke => {
            let revoked = P::revoke(credential);
            let seen = seen(&host);
            seen.requests();
            match revoked {
                Ok(remaining) => expect::ended(&seen, remaining.as_deref()),
                Err(failure) => seen.failure(&failure),
            }
        }
        Call::Exchange => {
            let exchanged = P::exchange(credential);
            let seen = seen(&host);
            seen.requests();
            match exchanged {
                Ok(accounts) => expect::accounts(&seen, &accounts),
                Err(failure) => seen.failure(&failure),
            }
        }
    }
}

fn manifest<P: Provider>() -> Value {
    serde_json::from_str(P::MANIFEST).unwrap_or_default()
}

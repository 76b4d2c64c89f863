//! What a manifest asks for, in plain words, and how it differs from what was approved. Pure.
//!
//! `provider add` shows these lines before the operator says yes. Every permission is one line, so that an upgrade shows exactly what it adds.

use crate::manifest::{Ability, Consent, Consumers, Endpoint, Field, Kind, Manifest, PlacedAs, Source, Taken, TokenSource};
use std::collections::{BTreeMap, BTreeSet};

/// One permission, or a change of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Asked for now, new, or gone.
    pub change: Change,
    /// In words.
    pub text: String,
    /// Whether it should stand out: reading secrets as text.
    pub alarming: bool,
}

/// How a line differs from what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// As approved, or a first approval.
    Same,
    /// Not approved so far.
    Added,
    /// Approved so far, no longer asked for.
    Removed,
}

/// What a manifest asks for, compared with an earlier approval if there is one.
#[must_use]
pub fn view(approved: Option<&Manifest>, wanted: &Manifest) -> Vec<Line> {
    let new = permissions(wanted);
    let Some(approved) = approved else {
        return new.into_iter().map(|permission| permission.line(Change::Same)).collect();
    };
    let old = permissions(approved);
    let known: BTreeSet<&str> = old.iter().map(|permission| permission.text.as_str()).collect();
    let kept: BTreeSet<String> = new.iter().map(|permission| permission.text.clone()).collect();
    let mut lines: Vec<Line> = new
        .iter()
        .map(|permission| {
            permission.line(if known.contains(permission.text.as_str()) {
                Change::Same
            } else {
                Change::Added
            })
        })
        .collect();
    lines.extend(
        old.iter()
            .filter(|permission| !kept.contains(&permission.text))
            .map(|permission| permission.line(Change::Removed)),
    );
    lines
}

/// The first difference, for the message of a refused load.
#[must_use]
pub(super) fn first(approved: &Manifest, found: &Manifest) -> String {
    let changed = view(Some(approved), found).into_iter().find(|line| line.change != Change::Same);
    match changed {
        Some(Line {
            change: Change::Removed,
            text,
            ..
        }) => format!("it no longer says: {text}"),
        Some(line) => format!("it now says: {}", line.text),
        None => "it differs in its wording".to_owned(),
    }
}

struct Permission {
    text: String,
    alarming: bool,
}

impl Permission {
    fn line(&self, change: Change) -> Line {
        Line {
            change,
            text: self.text.clone(),
            alarming: self.alarming,
        }
    }
}

fn permissions(manifest: &Manifest) -> Vec<Permission> {
    let mut list = Vec::new();
    let mut say = |text: String| list.push(Permission { text, alarming: false });
    say(format!("serves credentials of `{}`", manifest.provider));
    for kind in &manifest.kinds {
        describe_kind(kind, manifest, &mut say);
    }
    for endpoint in &manifest.endpoints {
        describe_endpoint(endpoint, &mut say);
    }
    describe_consumers(&manifest.consumers, "", &mut say);
    let limits = &manifest.limits;
    let wanted = [
        ("MiB of memory", limits.memory_mib),
        ("ms of processor time", limits.cpu_ms),
        ("requests in one call", limits.upstream_calls),
    ];
    for (what, amount) in wanted {
        if let Some(amount) = amount {
            say(format!("wants up to {amount} {what}"));
        }
    }
    for ability in &manifest.abilities {
        say(match ability {
            Ability::Connect => "sends people to the upstream to connect their accounts".to_owned(),
            Ability::Identify => "asks the upstream whose a credential is".to_owned(),
            Ability::Revoke => "can end a credential at the upstream".to_owned(),
        });
    }
    if manifest.reveal {
        list.push(Permission {
            text: "READS STORED SECRETS AS TEXT (`reveal`)".to_owned(),
            alarming: true,
        });
    }
    list
}

fn describe_kind(kind: &Kind, manifest: &Manifest, say: &mut impl FnMut(String)) {
    let fields: Vec<String> = kind.fields.iter().map(in_words).collect();
    say(format!("stores for `{}`: {}", kind.name, fields.join(", ")));
    if kind.token == TokenSource::Static {
        say(format!("hands out what is stored for `{}` as the token", kind.name));
    }
    if let Some(rotation) = &kind.rotation {
        let grace = match rotation.retry_grace_seconds {
            0 => "never sends a spent one again".to_owned(),
            seconds => format!("may send a spent one once more within {seconds} s"),
        };
        say(format!("`{}` of `{}` changes with each use; {grace}", rotation.field, kind.name));
    }
    if let Some(consent) = &kind.connect {
        describe_consent(kind, consent, manifest, say);
    }
    if let Some(own) = &kind.consumers {
        describe_consumers(own, &format!(" of `{}`", kind.name), say);
    }
}

/// `client-secret` (secret, the operator's where the credential has none)
fn in_words(field: &Field) -> String {
    let about = [
        (field.secret, "secret"),
        (field.client, "the operator's where the credential has none"),
        (field.configured, "never stored: read for each call from where the operator says"),
    ];
    let about: Vec<&str> = about.into_iter().filter(|(is, _)| *is).map(|(_, words)| words).collect();
    if about.is_empty() {
        format!("`{}`", field.name)
    } else {
        format!("`{}` ({})", field.name, about.join("; "))
    }
}

fn describe_consent(kind: &Kind, consent: &Consent, manifest: &Manifest, say: &mut impl FnMut(String)) {
    let proof = if consent.pkce { "with" } else { "without" };
    let endpoint = manifest.endpoints.iter().find(|endpoint| endpoint.name == consent.authorise);
    for base in endpoint.iter().flat_map(|endpoint| &endpoint.bases) {
        let path = endpoint.map_or("", |endpoint| endpoint.path.as_str());
        say(format!(
            "sends people to {base}{path} to connect a `{}`, {proof} a code challenge",
            kind.name
        ));
    }
}

/// One line for each of the four, so that an upgrade shows which of them it changes.
fn describe_consumers(consumers: &Consumers, of: &str, say: &mut impl FnMut(String)) {
    for (name, mapping) in [
        ("a session", &consumers.session),
        ("a token read", &consumers.token),
        ("a process", &consumers.environment),
        ("Git", &consumers.git),
    ] {
        if !mapping.is_empty() {
            say(format!("gives {name} with each token{of}: {}", listed(mapping)));
        }
    }
}

fn listed(mapping: &BTreeMap<String, Source>) -> String {
    let part = |(key, source): (&String, &Source)| match source {
        Source::Token => format!("{key} = the token"),
        Source::TokenWhere { name } => format!("{key} = the token where there is `{name}`"),
        Source::ExpiresAt => format!("{key} = its end"),
        Source::Literal(text) => format!("{key} = {text:?}"),
        Source::Field { name, default: None } => format!("{key} = `{name}`"),
        Source::Field {
            name,
            default: Some(default),
        } => format!("{key} = `{name}` or {default:?}"),
        Source::Words { name } => format!("{key} = the words of `{name}`"),
    };
    mapping.iter().map(part).collect::<Vec<_>>().join(", ")
}

fn describe_endpoint(endpoint: &Endpoint, say: &mut impl FnMut(String)) {
    for base in &endpoint.bases {
        let at = format!("{} {base}{}", endpoint.method, endpoint.path);
        let query = if endpoint.query.is_empty() {
            String::new()
        } else {
            format!(" with the query keys {}", endpoint.query.join(", "))
        };
        say(format!("may ask {at}{query}"));
        for place in &endpoint.places {
            let form = match place.form {
                PlacedAs::Plain => "sends",
                PlacedAs::Signed => "sends a signature made with",
                PlacedAs::Joined => "sends something that contains",
            };
            let prefix = if place.prefix.is_empty() {
                String::new()
            } else {
                format!(" after `{}`", place.prefix)
            };
            say(format!("{form} `{}` to {at}, in {}{prefix}", place.field, place.at));
        }
        for pointer in &endpoint.opens {
            say(format!(
                "reads `{}` in the answer of {at}",
                if pointer.is_empty() { "everything" } else { pointer }
            ));
        }
        for header in &endpoint.open_headers {
            say(format!("reads the header `{header}` in the answer of {at}"));
        }
        for take in &endpoint.takes {
            match &take.what {
                Taken::Token { .. } => say(format!("takes `{}` in the answer of {at} as the token", take.pointer)),
                Taken::Replaces { field, .. } => say(format!("stores `{}` in the answer of {at} as the new `{field}`", take.pointer)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str, reveal: bool) -> Manifest {
        let text = serde_json::json!({
            "manifest": 1, "provider": "acme", "version": "1.0.0", "title": "Acme", "default-kind": "pat", "reveal": reveal,
            "kinds": [{"name": "pat", "title": "PAT", "token": "static", "token-fills": "token",
                "fields": [{"name": "token", "label": "Token", "secret": true}]}],
            "endpoints": [{"name": "me", "method": "GET", "bases": ["https://acme.example"], "path": path,
                "places": [{"field": "token", "at": "header:authorization", "prefix": "Bearer "}], "opens": ["/login"]}],
            "consumers": {"session": {}}
        });
        Manifest::parse(&text.to_string()).unwrap()
    }

    #[test]
    fn a_first_approval_lists_every_permission() {
        let lines: Vec<String> = view(None, &manifest("/user", false)).into_iter().map(|line| line.text).collect();
        assert_eq!(
            lines,
            [
                "serves credentials of `acme`",
                "stores for `pat`: `token` (secret)",
                "hands out what is stored for `pat` as the token",
                "may ask GET https://acme.example/user",
                "sends `token` to GET https://acme.example/user, in header:authorization after `Bearer `",
                "reads `/login` in the answer of GET https://acme.example/user",
            ]
        );
    }

    #[test]
    fn whose_a_field_is_where_people_are_sent_and_what_readers_get_is_shown() {
        let text = serde_json::json!({
            "manifest": 1, "provider": "acme", "version": "1.0.0", "title": "Acme", "default-kind": "oauth",
            "kinds": [{"name": "oauth", "title": "OAuth", "token": "minted", "token-fills": "refresh-token",
                "connect": {"authorise": "consent", "pkce": true},
                "consumers": {"git": {"username": {"literal": "x"}}},
                "fields": [
                    {"name": "refresh-token", "label": "R", "secret": true},
                    {"name": "client-secret", "label": "C", "secret": true, "client": true},
                    {"name": "subject-token", "label": "S", "secret": true, "configured": true}]}],
            "endpoints": [{"name": "consent", "method": "GET", "bases": ["https://acme.example", "{instance}"], "path": "/authorize"}],
            "consumers": {
                "session": {"token": "token", "until": "expires-at", "scopes": {"words": {"name": "scopes"}}},
                "environment": {"ACME_TOKEN": {"token-where": {"name": "enterprise"}},
                    "ACME_USER": {"field": {"name": "user", "default": ""}}, "ACME_URL": {"field": {"name": "url"}}}}
        });
        let lines: Vec<String> = view(None, &Manifest::parse(&text.to_string()).unwrap())
            .into_iter()
            .map(|line| line.text)
            .collect();
        assert_eq!(
            lines,
            [
                "serves credentials of `acme`",
                "stores for `oauth`: `refresh-token` (secret), `client-secret` (secret; the operator's where the credential has none), \
                 `subject-token` (secret; never stored: read for each call from where the operator says)",
                "sends people to https://acme.example/authorize to connect a `oauth`, with a code challenge",
                "sends people to {instance}/authorize to connect a `oauth`, with a code challenge",
                "gives Git with each token of `oauth`: username = \"x\"",
                "may ask GET https://acme.example/authorize",
                "may ask GET {instance}/authorize",
                "gives a session with each token: scopes = the words of `scopes`, token = the token, until = its end",
                "gives a process with each token: ACME_TOKEN = the token where there is `enterprise`, ACME_URL = `url`, \
                 ACME_USER = `user` or \"\"",
            ]
        );
    }

    #[test]
    fn an_upgrade_shows_what_it_adds_and_what_it_gives_up() {
        let lines = view(Some(&manifest("/user", false)), &manifest("/elsewhere", true));
        let of = |change| lines.iter().filter(|line| line.change == change).count();
        assert_eq!((of(Change::Same), of(Change::Added), of(Change::Removed)), (3, 4, 3));
        assert!(lines.iter().any(|line| line.alarming && line.change == Change::Added));
        assert!(first(&manifest("/user", false), &manifest("/elsewhere", false)).contains("/elsewhere"));
    }
}

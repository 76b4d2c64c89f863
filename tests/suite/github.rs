//! GitHub, every kind of credential, as a reader of tokens meets it: by value, at the emulated GitHub, at Prism with GitHub's own
//! description, with GitHub's own client, and with the real Git.

mod clients;
mod consents;
mod consumers;
mod described;
mod failures;
mod kinds;
mod repositories;

use anyhow::Result;
use claviger::dev::upstream::Seed;
use claviger_tests::github::consent;
use claviger_tests::{Claviger, Client, Emulator, Setup};
use serde_json::{Value, json};

/// Alice, whose account at the emulated GitHub all of these are of.
struct World {
    claviger: Claviger,
    emulator: Emulator,
    alice: Client,
    seed: Seed,
    /// The instance.
    url: String,
}

async fn world() -> Result<World> {
    let claviger = Setup::default().start().await?;
    Ok(World {
        emulator: claviger.emulator()?,
        alice: claviger.person("alice")?,
        seed: Seed::people(["alice", "bob", "carol"]),
        url: format!("{}/github", claviger.dev().upstream),
        claviger,
    })
}

impl World {
    fn credential(&self, kind: &str, fields: &Value) -> Value {
        json!({ "name": kind, "provider": "github", "kind": kind, "url": self.url, "fields": fields })
    }

    /// The App by its installation's id.
    fn installation(&self) -> Value {
        self.installed(&json!({ "installation-id": self.seed.people[0].github_installation.to_string() }))
    }

    fn installed(&self, more: &Value) -> Value {
        let app = &self.seed.github_app;
        let mut fields = json!({ "app-id": app.app_id, "private-key": app.private_key.expose() });
        fields
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        self.credential("app-installation", &fields)
    }

    /// A GitHub App's user, whose client the development server's configuration knows; and the first access token.
    async fn app_user(&self) -> Result<(Value, String, String)> {
        let (access, refresh) = consent(&self.emulator, &self.seed.github_app.client_id, "alice", &json!({})).await?;
        let refresh = refresh.expect("a GitHub App's user tokens end");
        Ok((
            self.credential("github-app-user", &json!({ "refresh-token": refresh })),
            access,
            refresh,
        ))
    }

    /// An OAuth App's user, whose client the credential brings itself.
    async fn oauth_user(&self, expires: bool) -> Result<(Value, String)> {
        let oauth = &self.seed.github_oauth_app;
        let more = json!({ "expires": expires, "scope": "repo user:email" });
        let (access, refresh) = consent(&self.emulator, &oauth.client_id, "alice", &more).await?;
        let mut fields = json!({ "client-id": oauth.client_id, "client-secret": oauth.client_secret.expose() });
        let (kind, field, value) = match &refresh {
            Some(refresh) => ("oauth-app-user", "refresh-token", refresh),
            None => ("oauth-user-token", "token", &access),
        };
        fields[field] = json!(value);
        Ok((self.credential(kind, &fields), value.clone()))
    }

    /// What GitHub answers a token that asks who it is.
    async fn user(&self, token: &str) -> Result<claviger_tests::Answer> {
        let github = Client::new(&self.url)?.with_bearer(token);
        github.get("/api/v3/user").await
    }

    /// The operations that the emulated GitHub was asked for, in order.
    async fn operations(&self) -> Result<Vec<String>> {
        let entries = self.emulator.requests().await?.into_iter();
        let of_github = entries.filter(|entry| entry["provider"] == "github");
        Ok(of_github
            .filter_map(|entry| entry["operation"].as_str().map(str::to_owned))
            .collect())
    }
}

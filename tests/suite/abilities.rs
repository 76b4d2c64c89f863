//! Whose an account is and how it ends, called on the built-in components in their sandbox, through the real door, at upstreams on loopback:
//! the emulated ones, and for revocation one that nobody here wrote.

use anyhow::{Context, Result, anyhow, ensure};
use claviger::clock::SystemClock;
use claviger::config;
use claviger::dev::upstream::{Person, Seed};
use claviger::egress::{Egress, SystemResolver};
use claviger::runtime::{CallContext, Catalog, CredentialInput, CurrentToken, Folder, Input, Options, Provider, Sandbox};
use claviger::secret::Secret;
use claviger_tests::{Claviger, Client, Oidc};
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;

/// The catalog and the way out for one instance of each provider.
struct House {
    catalog: Catalog,
    egress: Egress,
    _folder: TempDir,
}

impl House {
    async fn with(instances: &[(&str, &str)]) -> Result<Self> {
        claviger::egress::install_crypto();
        let listed = instances
            .iter()
            .map(|(provider, url)| {
                Ok(config::Instance {
                    provider: (*provider).to_owned(),
                    url: url.parse()?,
                    networks: vec!["127.0.0.0/8".parse()?],
                    client_id: None,
                    client_secret_file: None,
                    client_secret_env: None,
                    client_secret: None,
                    plain_http: true,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let folder = tempfile::tempdir()?;
        let catalog = Catalog::open(Sandbox::new(Options::default())?, Folder::at(folder.path())).await?;
        Ok(Self {
            catalog,
            egress: Egress::new(&config::Egress::default(), &listed, Arc::new(SystemResolver))?,
            _folder: folder,
        })
    }

    fn provider(&self, name: &str) -> Result<Arc<Provider>> {
        self.catalog.get(name).map_err(|why| anyhow!("{why}"))
    }

    fn context(&self, provider: &str) -> CallContext {
        CallContext {
            provider: provider.to_owned(),
            door: Arc::new(self.egress.clone()),
            clock: Arc::new(SystemClock),
            rotation: None,
        }
    }

    async fn identify(&self, provider: &str, stored: &Stored<'_>) -> Result<std::collections::BTreeMap<String, String>> {
        let known = self.provider(provider)?.identify(stored.input(), self.context(provider)).await;
        known.map(|known| known.fields).map_err(|fault| anyhow!("{fault}"))
    }

    async fn revoke(&self, provider: &str, stored: &Stored<'_>) -> Result<Result<Option<String>, String>> {
        let ended = self.provider(provider)?.revoke(stored.input(), self.context(provider)).await;
        Ok(ended.map(|ended| ended.remaining).map_err(|fault| fault.to_string()))
    }
}

/// A credential as it is stored. Names that begin with `!` are secrets.
#[derive(Clone, Copy)]
struct Stored<'a> {
    kind: &'a str,
    url: &'a str,
    fields: &'a [(&'a str, &'a str)],
    current: Option<&'a str>,
}

impl Stored<'_> {
    fn input(&self) -> CredentialInput {
        let fields = self.fields.iter().map(|(name, value)| match name.strip_prefix('!') {
            Some(name) => (name.to_owned(), Input::Secret(Secret::new((*value).to_owned()))),
            None => ((*name).to_owned(), Input::Text((*value).to_owned())),
        });
        CredentialInput {
            kind: self.kind.to_owned(),
            fields: fields.collect(),
            url: Some(self.url.to_owned()),
            current: self.current.map(|token| CurrentToken {
                token: Secret::new(token.to_owned()),
                expires_at_ms: None,
            }),
        }
    }
}

/// The emulated upstreams of a development server.
struct Upstream {
    claviger: Claviger,
    client: Client,
    gitlab: String,
    jira: String,
    house: House,
    people: Vec<Person>,
}

impl Upstream {
    async fn start() -> Result<Self> {
        let claviger = Claviger::start().await?;
        let root = claviger.dev().upstream.clone();
        let (gitlab, jira) = (format!("{root}/gitlab"), format!("{root}/jira"));
        Ok(Self {
            client: claviger.emulator()?.client().clone(),
            house: House::with(&[("gitlab", &gitlab), ("jira", &jira)]).await?,
            people: Seed::people(["alice", "bob"]).people,
            claviger,
            gitlab,
            jira,
        })
    }

    async fn grant(&self, body: serde_json::Value, field: &str) -> Result<String> {
        self.client.post("/_grants", &body).await?.expect(201)?.text_at(field)
    }

    /// A pair of GitLab's, from one more grant of alice's.
    async fn gitlab_pair(&self) -> Result<(String, String)> {
        let application = Seed::people(["alice"]).gitlab_application;
        let refresh = self.grant(json!({ "account": "alice" }), "/refresh_token").await?;
        let body = json!({ "grant_type": "refresh_token", "refresh_token": refresh, "client_id": application.client_id,
            "client_secret": application.client_secret.expose() });
        let pair = self.client.post("/gitlab/oauth/token", &body).await?.expect(200)?;
        Ok((pair.text_at("/access_token")?, pair.text_at("/refresh_token")?))
    }

    async fn jira_pair(&self) -> Result<(String, String)> {
        let application = Seed::people(["alice"]).jira_application;
        let refresh = self
            .grant(json!({ "provider": "jira", "account": "alice" }), "/refresh_token")
            .await?;
        let body = json!({ "grant_type": "refresh_token", "refresh_token": refresh, "client_id": application.client_id,
            "client_secret": application.client_secret.expose() });
        let pair = self.client.post("/jira/oauth/token", &body).await?.expect(200)?;
        Ok((pair.text_at("/access_token")?, pair.text_at("/refresh_token")?))
    }

    async fn gitlab_knows(&self, token: &str) -> Result<bool> {
        let answer = self.client.with_bearer(token).get("/gitlab/api/v4/user").await?;
        ensure!(matches!(answer.status, 200 | 401), "{}", answer.text);
        Ok(answer.status == 200)
    }
}

fn known<'a>(identity: &'a std::collections::BTreeMap<String, String>, key: &str) -> &'a str {
    identity.get(key).map_or("", String::as_str)
}

#[tokio::test]
async fn gitlab_says_whose_each_kind_of_token_is() -> Result<()> {
    let up = Upstream::start().await?;
    let personal = up.people[0].gitlab_pat.expose().to_owned();
    let bot = up
        .grant(
            json!({ "provider": "gitlab", "kind": "access-token", "account": "bob", "bot": true }),
            "/token",
        )
        .await?;
    let (access, refresh) = up.gitlab_pair().await?;
    for (kind, fields, current, login, email) in [
        (
            "personal-access-token",
            vec![("!token", personal.as_str())],
            &personal,
            "alice",
            "alice@example.org",
        ),
        (
            "rotating-access-token",
            vec![("!token", bot.as_str())],
            &bot,
            "project_2_bot_",
            "@noreply.gitlab.example",
        ),
        (
            "oauth",
            vec![("!refresh-token", refresh.as_str())],
            &access,
            "alice",
            "alice@example.org",
        ),
    ] {
        let stored = Stored {
            kind,
            url: &up.gitlab,
            fields: &fields,
            current: Some(current),
        };
        let identity = up.house.identify("gitlab", &stored).await.with_context(|| kind.to_owned())?;
        ensure!(known(&identity, "login").starts_with(login), "{kind}: {identity:?}");
        ensure!(known(&identity, "email").ends_with(email), "{kind}: {identity:?}");
        ensure!(
            !known(&identity, "user-name").is_empty() && !known(&identity, "id").is_empty(),
            "{kind}: {identity:?}"
        );
    }
    let fields = [("!token", "gldt-x"), ("username", "u")];
    let deploy = Stored {
        kind: "deploy-token",
        url: &up.gitlab,
        fields: &fields,
        current: Some("gldt-x"),
    };
    let refused = up
        .house
        .identify("gitlab", &deploy)
        .await
        .err()
        .context("a deploy token is nobody")?;
    ensure!(refused.to_string().contains("belongs to no account"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn jira_says_whose_each_kind_of_token_is() -> Result<()> {
    let up = Upstream::start().await?;
    let alice = &up.people[0];
    let (access, refresh) = up.jira_pair().await?;
    let client = json!({ "grant_type": "client_credentials", "client_id": alice.jira_client_id, "client_secret": alice.jira_client_secret.expose() });
    let of_client = up
        .client
        .post("/jira/oauth/token", &client)
        .await?
        .expect(200)?
        .text_at("/access_token")?;
    let (mail, service) = (alice.email.as_str(), alice.jira_service_email.as_str());
    let (classic, scoped) = (alice.jira_token.expose(), alice.jira_scoped_token.expose());
    let (bot, personal) = (alice.jira_service_token.expose(), alice.jira_personal_token.expose());
    for (kind, fields, current, email) in [
        ("api-token", vec![("!token", classic), ("email", mail)], classic, mail),
        ("scoped-api-token", vec![("!token", scoped), ("email", mail)], scoped, mail),
        ("service-account-token", vec![("!token", bot), ("email", service)], bot, service),
        ("oauth", vec![("!refresh-token", refresh.as_str())], access.as_str(), mail),
        (
            "oauth-client",
            vec![
                ("!client-secret", alice.jira_client_secret.expose()),
                ("client-id", &alice.jira_client_id),
                ("site", &up.jira),
            ],
            of_client.as_str(),
            service,
        ),
        ("data-center-token", vec![("!token", personal)], personal, mail),
    ] {
        let stored = Stored {
            kind,
            url: &up.jira,
            fields: &fields,
            current: Some(current),
        };
        let identity = up.house.identify("jira", &stored).await.with_context(|| kind.to_owned())?;
        assert_eq!(known(&identity, "email"), email, "{kind}: {identity:?}");
        ensure!(
            !known(&identity, "id").is_empty() && known(&identity, "user-name").starts_with("alice"),
            "{kind}: {identity:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn gitlab_ends_what_can_be_ended() -> Result<()> {
    let up = Upstream::start().await?;
    let token = up
        .grant(json!({ "provider": "gitlab", "kind": "access-token", "account": "bob" }), "/token")
        .await?;
    for kind in ["personal-access-token", "rotating-access-token"] {
        let fields = [("!token", token.as_str())];
        let stored = Stored {
            kind,
            url: &up.gitlab,
            fields: &fields,
            current: None,
        };
        assert_eq!(
            up.house.revoke("gitlab", &stored).await?,
            Ok(None),
            "{kind}: also what has ended already"
        );
        ensure!(!up.gitlab_knows(&token).await?, "{kind}: the token is still good");
    }
    let (access, refresh) = up.gitlab_pair().await?;
    let application = Seed::people(["alice"]).gitlab_application;
    let fields = [
        ("!refresh-token", refresh.as_str()),
        ("client-id", &application.client_id),
        ("!client-secret", application.client_secret.expose()),
    ];
    let stored = Stored {
        kind: "oauth",
        url: &up.gitlab,
        fields: &fields,
        current: Some(&access),
    };
    assert_eq!(up.house.revoke("gitlab", &stored).await?, Ok(None));
    ensure!(!up.gitlab_knows(&access).await?, "the access token outlived its grant");
    drop(up.claviger);
    Ok(())
}

#[tokio::test]
async fn jira_ends_a_servers_token_and_says_who_can_end_the_others() -> Result<()> {
    let up = Upstream::start().await?;
    let alice = &up.people[0];
    let fields = [("!token", alice.jira_personal_token.expose())];
    let stored = Stored {
        kind: "data-center-token",
        url: &up.jira,
        fields: &fields,
        current: None,
    };
    assert_eq!(up.house.revoke("jira", &stored).await?, Ok(None));
    up.client
        .with_bearer(alice.jira_personal_token.expose())
        .get("/jira/rest/api/2/myself")
        .await?
        .expect(401)?;
    let fields = [("!token", alice.jira_token.expose()), ("email", &alice.email)];
    let stored = Stored {
        kind: "api-token",
        url: &up.jira,
        fields: &fields,
        current: None,
    };
    let refused = up.house.revoke("jira", &stored).await?.err().context("nothing can end it")?;
    ensure!(
        refused
            .to_string()
            .contains("https://id.atlassian.com/manage-profile/security/api-tokens"),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn a_certified_providers_grant_ends_and_anothers_does_not() -> Result<()> {
    let oidc = Oidc::start(1800).await?;
    let house = House::with(&[("gitlab", &oidc.ready.url)]).await?;
    let (id, secret) = (&oidc.ready.client_id, &oidc.ready.client_secret);
    let first = oidc.seed("alice").await?;
    let form = format!("grant_type=refresh_token&client_id={id}&client_secret={secret}&refresh_token={first}");
    let body = Some(("application/x-www-form-urlencoded", form.into_bytes()));
    let pair = Client::new(&oidc.ready.url)?
        .send(reqwest::Method::POST, "/oauth/token", body)
        .await?
        .expect(200)?;
    let (access, refresh) = (pair.text_at("/access_token")?, pair.text_at("/refresh_token")?);
    let revoke = async |secret: &str| {
        let fields = [
            ("!refresh-token", refresh.as_str()),
            ("client-id", id.as_str()),
            ("!client-secret", secret),
        ];
        let stored = Stored {
            kind: "oauth",
            url: &oidc.ready.url,
            fields: &fields,
            current: Some(&access),
        };
        house.revoke("gitlab", &stored).await
    };
    let refused = revoke("not-the-secret").await?.err().context("anybody may end it")?;
    ensure!(!refused.contains("not-the-secret"), "{refused}");
    assert_eq!(oidc.account_of(&access).await?.as_deref(), Some("alice"));
    assert_eq!(revoke(secret).await?, Ok(None));
    assert_eq!(oidc.account_of(&access).await?, None, "the access token outlived its grant");
    assert_eq!(revoke(secret).await?, Ok(None), "what has ended has ended");
    Ok(())
}

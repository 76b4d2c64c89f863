//! Who and what is there when a development server starts: people, a project, a session that two of them share, and credentials whose
//! tokens tell whose they are.
//!
//! A folder that was seeded before is left as it is: what people did there stays.

use super::handout::{Handout, PersonHandout, SessionHandout};
use super::upstream::{Person, Seed};
use crate::access::resolve;
use crate::api::App;
use crate::authn::{SessionClaims, Subject, hash_of, make_bearer};
use crate::ids::{CredentialId, Generation, ProjectId, ProviderName, SessionId, Username};
use crate::manifest::Kind;
use crate::records::model::{CredentialPolicy, Scope, StandsFor, Trigger};
use crate::records::{Details, NewApiKey, NewBinding, NewCredential, NewProject, NewSession, Ownership, Start, sealing};
use crate::secret::Secret;
use crate::server::PROXY;
use anyhow::Context;
use std::collections::BTreeMap;
use url::Url;

const PROJECT: &str = "atlas";
const OWNER: &str = "alice";
const GUEST: &str = "bob";
/// A session's bearer lasts a day here; a real one 15 minutes, renewed over the exchange.
const SESSION_BEARER_MS: i64 = 24 * 3_600_000;

/// A credential to seed: the kind's fields by name.
struct Wanted<'a> {
    name: String,
    provider: &'a str,
    kind: &'a str,
    ownership: Ownership,
    url: Option<&'a Url>,
    email: Option<&'a str>,
    fields: Vec<(&'a str, Secret)>,
}

pub(super) async fn seed(
    app: &App,
    people: &Seed,
    upstream: &Url,
    url: &str,
    metrics: &str,
    known: Option<Handout>,
) -> anyhow::Result<Handout> {
    let project = ProjectId::parse(PROJECT)?;
    let fresh = app.index.read(|index| index.project(&project).is_none())?;
    let mut credentials = match (&known, fresh) {
        (Some(known), false) => known.credentials.clone(),
        _ => BTreeMap::new(),
    };
    if fresh {
        credentials = fill(app, people, upstream, &project).await?;
    }
    let mut bearers = BTreeMap::new();
    for person in &people.people {
        let old = known.as_ref().and_then(|known| known.people.get(&person.name));
        bearers.insert(person.name.clone(), bearer(app, &person.name, StandsFor::Person, old).await?);
    }
    let proxy = bearer(app, PROXY, StandsFor::Service, known.as_ref().map(|known| &known.proxy)).await?;
    app.follower.catch_up().await?;
    let sessions = app
        .records
        .sessions()
        .await?
        .into_iter()
        .map(|session| session_of(app, &session))
        .collect::<anyhow::Result<_>>()?;
    Ok(Handout {
        url: url.to_owned(),
        metrics: metrics.to_owned(),
        exchange: app.exchange.as_ref().map_or_else(String::new, |exchange| exchange.url().to_owned()),
        upstream: upstream.as_str().trim_end_matches('/').to_owned(),
        people: bearers,
        proxy,
        projects: app
            .records
            .projects()
            .await?
            .into_iter()
            .map(|project| project.id.to_string())
            .collect(),
        sessions,
        credentials,
    })
}

async fn fill(app: &App, people: &Seed, upstream: &Url, project: &ProjectId) -> anyhow::Result<BTreeMap<String, String>> {
    let owner = Username::parse(OWNER)?;
    app.records
        .create_project(NewProject {
            id: project.clone(),
            description: Some("Where Alice and Bob work".to_owned()),
            credential_policy: CredentialPolicy::Bindings,
            owner: owner.clone(),
            details: Details::default(),
        })
        .await?;
    let editor = role(app, "project:editor").await?;
    let mut binding = NewBinding::new(editor, Scope::Project);
    (binding.user_id, binding.project_id) = (Some(Username::parse(GUEST)?), Some(project.clone()));
    app.records.create_binding(&binding).await?;

    let address = |provider: &str| upstream.join(provider);
    let (github, gitlab, jira, google) = (address("github")?, address("gitlab")?, address("jira")?, address("google")?);
    let mut credentials = BTreeMap::new();
    for person in &people.people {
        for wanted in accounts(person, people, [&github, &gitlab, &jira, &google])? {
            credentials.insert(wanted.name.clone(), store(app, wanted).await?.to_string());
        }
    }
    for wanted in team(people, &owner, &github) {
        let (name, id) = (wanted.name.clone(), store(app, wanted).await?);
        let mut binding = NewBinding::new(role(app, "credential:viewer").await?, Scope::Credential);
        (binding.project_id, binding.credential_id) = (Some(project.clone()), Some(id.clone()));
        app.records.create_binding(&binding).await?;
        credentials.insert(name, id.to_string());
    }
    app.follower.catch_up().await?;
    let session = NewSession {
        id: SessionId::make(&*app.clock),
        project_id: project.clone(),
        agent_id: None,
        name: "shared".to_owned(),
        created_by: owner,
        trigger: Trigger::Person,
        details: Details::default(),
    };
    let session = app.records.create_session(session).await?;
    let resolved = app.index.read(|index| resolve::resolve_all(index, project, None))?;
    let credentials_of_session = resolved.into_values().collect::<Vec<_>>();
    let start = Start {
        credentials: &credentials_of_session,
        attended: true,
    };
    app.records.start_session(&session.id, start).await?;
    Ok(credentials)
}

/// Each person's connected accounts.
fn accounts<'a>(person: &'a Person, people: &'a Seed, [github, gitlab, jira, google]: [&'a Url; 4]) -> anyhow::Result<Vec<Wanted<'a>>> {
    let user = Username::parse(person.name.as_str())?;
    let wanted = |provider: &'a str, kind, url, email, fields| Wanted {
        name: format!("{}-{provider}", person.name),
        provider,
        kind,
        ownership: Ownership::ConnectedTo(user.clone()),
        url: Some(url),
        email,
        fields,
    };
    let name = || ("user-name", Secret::new(person.name.clone()));
    let mail = || Some(person.email.as_str());
    let document: serde_json::Value = serde_json::from_str(person.google_key_file.expose())?;
    let part = |key: &str| {
        document
            .get(key)
            .and_then(serde_json::Value::as_str)
            .map(|text| Secret::new(text.to_owned()))
    };
    let mut google_fields: Vec<(&str, Secret)> = vec![
        ("subject", Secret::new(person.email.clone())),
        (
            "scopes",
            Secret::new("https://www.googleapis.com/auth/drive.readonly https://www.googleapis.com/auth/gmail.readonly".to_owned()),
        ),
    ];
    for (field, key) in [
        ("client-email", "client_email"),
        ("private-key", "private_key"),
        ("private-key-id", "private_key_id"),
    ] {
        google_fields.push((field, part(key).with_context(|| format!("the emulator's key file has no `{key}`"))?));
    }
    Ok(vec![
        wanted(
            "github",
            "personal-access-token",
            github,
            mail(),
            vec![("token", person.github_pat.clone()), name()],
        ),
        wanted(
            "gitlab",
            "oauth",
            gitlab,
            mail(),
            vec![
                ("refresh-token", person.gitlab_refresh_token.clone()),
                ("redirect-uri", Secret::new(people.gitlab_application.redirect_uri.clone())),
                name(),
            ],
        ),
        wanted("jira", "api-token", jira, mail(), vec![("token", person.jira_token.clone())]),
        wanted("google", "service-account", google, mail(), google_fields),
    ])
}

/// What belongs to the team, and is bound to the project.
fn team<'a>(people: &'a Seed, owner: &Username, github: &'a Url) -> Vec<Wanted<'a>> {
    let installation = people.people.first().map_or(0, |person| person.github_installation);
    vec![
        Wanted {
            name: "team-github-app".to_owned(),
            provider: "github",
            kind: "app-installation",
            ownership: Ownership::Owner(owner.clone()),
            url: Some(github),
            email: None,
            fields: vec![
                ("app-id", Secret::new(people.github_app.app_id.clone())),
                ("installation-id", Secret::new(installation.to_string())),
                ("private-key", people.github_app.private_key.clone()),
            ],
        },
        Wanted {
            name: "team-kubeconfig".to_owned(),
            provider: "kubeconfig",
            kind: "static",
            ownership: Ownership::Owner(owner.clone()),
            url: None,
            email: None,
            fields: vec![(
                "token",
                Secret::new("apiVersion: v1\nkind: Config\nusers: [{name: team}]\n".to_owned()),
            )],
        },
    ]
}

async fn store(app: &App, wanted: Wanted<'_>) -> anyhow::Result<CredentialId> {
    let id = CredentialId::make(&*app.clock);
    let loaded = app.catalog.get(wanted.provider)?;
    let kind: &Kind = loaded
        .manifest()
        .kind(wanted.kind)
        .with_context(|| format!("`{}` has no kind `{}`", wanted.provider, wanted.kind))?;
    let (mut fields, mut secrets) = (BTreeMap::new(), Vec::new());
    for (name, value) in wanted.fields {
        let field = kind
            .field(name)
            .with_context(|| format!("`{}` has no field `{name}`", wanted.kind))?;
        if field.secret {
            secrets.push(sealing::seal_field(&app.keyring, &id, name, Generation::FIRST, &value));
        } else {
            fields.insert(name.to_owned(), value.expose().to_owned());
        }
    }
    let credential = NewCredential {
        id,
        name: wanted.name,
        description: None,
        provider: ProviderName::parse(wanted.provider)?,
        kind: wanted.kind.to_owned(),
        url: wanted.url.map(|url| url.as_str().trim_end_matches('/').to_owned()),
        email: wanted.email.map(str::to_owned),
        labels: None,
        annotations: None,
        fields,
        ownership: wanted.ownership,
        secrets,
        token: None,
    };
    Ok(app.records.create_credential(credential).await?.id)
}

/// A bearer for somebody: the one of an earlier run, if it is still known.
async fn bearer(app: &App, name: &str, stands_for: StandsFor, old: Option<&PersonHandout>) -> anyhow::Result<PersonHandout> {
    if let Some(old) = old
        && app.records.api_key_by_hash(&hash_of(&old.bearer)).await?.is_some()
    {
        return Ok(old.clone());
    }
    let bearer = make_bearer(stands_for);
    let key = NewApiKey {
        name: format!("{name} of the development server"),
        creator: Username::parse(name)?,
        stands_for,
        hash: hash_of(bearer.expose()),
        expires_at_ms: None,
        scopes: None,
    };
    if stands_for == StandsFor::Person {
        app.records.upsert_user(&key.creator, None, None).await?;
    }
    app.records.create_api_key(key).await?;
    Ok(PersonHandout {
        bearer: bearer.expose().to_owned(),
    })
}

fn session_of(app: &App, session: &crate::records::model::Session) -> anyhow::Result<SessionHandout> {
    let now_ms = app.clock.now_ms();
    let claims = SessionClaims {
        project: session.project_id.clone(),
        session: session.id.clone(),
        subject: Subject::Session {
            start: Some(session.starts),
        },
    };
    let token = app.authn.signed().issue(claims, now_ms, now_ms + SESSION_BEARER_MS)?;
    Ok(SessionHandout {
        id: session.id.to_string(),
        project: session.project_id.to_string(),
        owner: session.created_by.to_string(),
        token: token.expose().to_owned(),
        token_url: app
            .exchange
            .as_ref()
            .map_or_else(String::new, |exchange| exchange.address_of(session).expose().to_owned()),
    })
}

async fn role(app: &App, name: &str) -> anyhow::Result<crate::ids::RoleId> {
    let roles = app.records.roles().await?;
    roles
        .into_iter()
        .find(|role| role.name == name)
        .map(|role| role.id)
        .with_context(|| format!("the role `{name}` is not seeded"))
}

//! The callers of the table, and targets that are made anew whenever a request has changed one.

use super::rows::Row;
use anyhow::{Context, Result};
use claviger_tests::api::{V1, create, role};
use claviger_tests::issuer::SigningKey;
use claviger_tests::{Claviger, Client, Issuer, Setup};
use serde_json::{Value, json};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// No bearer.
    Nobody,
    /// One that is unknown, and one that somebody else signed.
    Wrong,
    /// A person who has nothing here.
    Other,
    /// `project:viewer` of the project, `credential:viewer` of the credential.
    Viewer,
    /// `project:editor` of the project.
    Editor,
    /// Owner of the project and of the credential.
    Owner,
    /// `credential:token-reader` of the credential.
    Reader,
    /// The session's own bearer.
    Session,
    /// `platform:admin`.
    Admin,
    /// The service that opens turns.
    Service,
}

pub(super) const CALLERS: [Caller; 10] = [
    Caller::Nobody,
    Caller::Wrong,
    Caller::Other,
    Caller::Viewer,
    Caller::Editor,
    Caller::Owner,
    Caller::Reader,
    Caller::Session,
    Caller::Admin,
    Caller::Service,
];

impl Caller {
    /// The column of the table. The first two have none: they are refused alike everywhere.
    pub(super) fn column(self) -> Option<usize> {
        CALLERS.iter().position(|caller| *caller == self)?.checked_sub(2)
    }
}

/// What a request acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing of its own; the project that everybody shares.
    Nothing,
    /// A credential of the shared project, granted to its session.
    Credential,
    /// The same of an MCP server.
    Server,
    /// A project with an editor and a viewer.
    Project,
    /// An agent of one.
    Agent,
    /// A pending session in one.
    Session,
    /// One that runs.
    Running,
    /// Somebody who did nothing yet.
    User,
    /// A role that is not built in.
    Role,
    /// That somebody's role in a project.
    Binding,
    /// An open turn.
    Turn,
    /// A connected account of the caller's own.
    Account,
    /// A personal access token of GitHub, the caller's own.
    Github,
    /// A deploy token of GitLab, which nobody can end there.
    Gitlab,
    /// An instance of Gerrit, one of two of the caller's own.
    Gerrit,
    /// Fields of an MCP server, the caller's own.
    Fields,
    /// One of the numbers of errors.
    ErrorNumber,
}

impl Needs {
    /// Whether each caller needs one of their own.
    pub(super) fn is_of_the_caller(self) -> bool {
        matches!(self, Self::Account | Self::Github | Self::Gitlab | Self::Gerrit | Self::Fields)
    }
}

/// One of them, by its names.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) token: String,
    project: String,
    session: String,
    provider: String,
    unique: String,
    cluster: String,
    upstream: String,
}

impl Target {
    /// The address of a request.
    pub(super) fn path(&self, row: &Row) -> String {
        self.filled(&format!("{}{}", row.path, row.query))
    }

    /// A text with the names filled in.
    pub(super) fn filled(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in [
            ("{id}", self.id.as_str()),
            ("{project}", &self.project),
            ("{session}", &self.session),
            ("{provider}", &self.provider),
            ("{server}", self.provider.trim_start_matches("mcp-")),
            ("{instance}", &self.unique),
            ("{upstream}", &self.upstream),
            ("{unique}", &self.unique),
            ("{cluster}", &self.cluster),
        ] {
            filled = filled.replace(name, value);
        }
        filled
    }
}

/// A server with everybody on it.
pub(super) struct World {
    claviger: Claviger,
    _issuers: [Issuer; 2],
    people: Vec<(Caller, Client)>,
    wrong: Vec<Client>,
    shared: Target,
    agent: String,
    secrets: Vec<String>,
    made: usize,
}

impl World {
    pub(super) async fn start() -> Result<Self> {
        let (key, foreign) = (SigningKey::new("k")?, SigningKey::new("k")?);
        let issuer = Issuer::start(&[&key]).await?;
        let cluster = Issuer::start(&[&key]).await?;
        let config = issuer.config("") + &cluster.config("kind = \"kubernetes\"");
        let claviger = Setup::default().config(&config).start().await?;
        let anybody = claviger.anybody()?;
        let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
        let mut people = Vec::new();
        for (caller, name) in [
            (Caller::Other, "olga"),
            (Caller::Viewer, "vera"),
            (Caller::Editor, "bob"),
            (Caller::Owner, "alice"),
            (Caller::Reader, "rene"),
            (Caller::Admin, "ada"),
        ] {
            people.push((caller, anybody.with_bearer(&key.sign(&issuer.claims(name))?)));
        }
        people.push((Caller::Session, anybody.with_bearer(&session.token)));
        people.push((Caller::Service, anybody.with_bearer(&claviger.dev().proxy.bearer)));
        let wrong = vec![
            anybody.with_bearer("not-a-bearer-of-anybody"),
            anybody.with_bearer(&foreign.sign(&issuer.claims("alice"))?),
        ];
        let mut world = Self {
            shared: Target {
                project: session.project.clone(),
                session: session.id.clone(),
                cluster: cluster.url.clone(),
                upstream: claviger.dev().upstream.clone(),
                ..Target::default()
            },
            _issuers: [issuer, cluster],
            claviger,
            people,
            wrong,
            agent: String::new(),
            secrets: Vec::new(),
            made: 0,
        };
        world
            .bind(Caller::Service, "platform:admin", &json!({ "scope": "global", "user_id": "ada" }))
            .await?;
        let member = json!({ "scope": "project", "project_id": world.shared.project, "user_id": "vera" });
        world.bind(Caller::Owner, "project:viewer", &member).await?;
        world.agent = world.agent_in(&world.shared.project.clone()).await?;
        Ok(world)
    }

    /// The description that the server gives of itself.
    pub(super) async fn document(&self) -> Result<Value> {
        self.claviger.anybody()?.get(&format!("{V1}/openapi")).await?.expect(200)?.json()
    }

    /// The clients of a caller: of the wrong bearers there are two.
    pub(super) fn clients(&self, caller: Caller) -> Vec<Client> {
        match caller {
            Caller::Nobody => self.claviger.anybody().into_iter().collect(),
            Caller::Wrong => self.wrong.clone(),
            _ => vec![self.by(caller).clone()],
        }
    }

    /// Everything secret that was stored so far.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.secrets.iter()
    }

    fn by(&self, caller: Caller) -> &Client {
        let found = self.people.iter().find(|(known, _)| *known == caller);
        &found.expect("everybody with a bearer is there").1
    }

    fn unique(&mut self) -> String {
        self.made += 1;
        format!("made-{}", self.made)
    }

    async fn bind(&self, by: Caller, role_name: &str, body: &Value) -> Result<String> {
        let client = self.by(by);
        let mut body = body.clone();
        body["role_id"] = json!(role(client, role_name).await?);
        let answer = client.post(&format!("{V1}/role_bindings"), &body).await?;
        answer.expect(201)?.text_at("/id")
    }

    async fn make(&self, by: Caller, path: &str, body: &Value) -> Result<String> {
        self.by(by).post(&format!("{V1}/{path}"), body).await?.expect(201)?.text_at("/id")
    }

    async fn agent_in(&self, project: &str) -> Result<String> {
        let body = json!({ "project_id": project, "name": "pilot" });
        self.make(Caller::Owner, &format!("projects/{project}/agents"), &body).await
    }

    /// A fresh target. An account is connected by whoever is going to ask, if they can.
    pub(super) async fn target(&mut self, needs: Needs, caller: Caller) -> Result<Target> {
        let unique = self.unique();
        let mut target = Target {
            unique: unique.clone(),
            provider: unique.clone(),
            ..self.shared.clone()
        };
        match needs {
            Needs::Nothing => {}
            Needs::ErrorNumber => "7".clone_into(&mut target.id),
            Needs::Credential => self.credential(&mut target).await?,
            Needs::Server => {
                target.provider = format!("mcp-{unique}");
                self.credential(&mut target).await?;
            }
            Needs::Project | Needs::Agent | Needs::Session | Needs::Running | Needs::Binding => {
                target.project = self.make(Caller::Owner, "projects", &json!({ "name": unique })).await?;
                for (role, name) in [("project:viewer", "vera"), ("project:editor", "bob")] {
                    let body = json!({ "scope": "project", "project_id": target.project, "user_id": name });
                    self.bind(Caller::Owner, role, &body).await?;
                }
                self.inside(needs, &mut target).await?;
            }
            Needs::User => {
                let body = json!({ "username": unique, "name": "Somebody" });
                target.id = self.make(Caller::Admin, "users", &body).await?;
            }
            Needs::Role => {
                let body = json!({ "name": format!("team:{unique}"), "permissions": "[\"agent:read\"]" });
                target.id = self.make(Caller::Admin, "roles", &body).await?;
            }
            Needs::Turn => {
                let body = json!({ "project": target.project, "session": target.session, "run": unique, "user": "bob" });
                let answer = self.by(Caller::Service).post("/api/claviger/v1/turns", &body).await?;
                target.id = answer.expect(201)?.text_at("/id")?;
            }
            Needs::Account | Needs::Github | Needs::Gitlab | Needs::Gerrit | Needs::Fields => {
                self.account(needs, caller, &unique).await?;
            }
        }
        Ok(target)
    }

    /// Connects something of the caller's own, as far as they may.
    async fn account(&mut self, needs: Needs, caller: Caller, unique: &str) -> Result<()> {
        let secret = format!("secret-of-{unique}-and-nobody-else");
        let at = |provider: &str| format!("{}/{provider}", self.shared.upstream);
        let (provider, body) = match needs {
            Needs::Github => (
                "github".to_owned(),
                json!({ "token": secret, "kind": "personal-access-token", "url": at("github") }),
            ),
            Needs::Gitlab => {
                let body = json!({ "token": secret, "kind": "deploy-token", "fields": { "username": "reader" }, "url": at("gitlab") });
                ("gitlab".to_owned(), body)
            }
            Needs::Gerrit => {
                let body = json!({ "instanceName": unique, "url": "https://review.example", "username": "reader", "httpToken": secret });
                ("gerrit".to_owned(), body)
            }
            Needs::Fields => (format!("mcp/{unique}"), json!({ "fields": { "key": secret } })),
            _ => (unique.to_owned(), json!({ "token": secret })),
        };
        if let Some(client) = self.clients(caller).first() {
            client.post(&format!("/api/auth/{provider}/connect"), &body).await?;
        }
        self.secrets.push(secret);
        Ok(())
    }

    async fn inside(&self, needs: Needs, target: &mut Target) -> Result<()> {
        match needs {
            Needs::Agent => target.id = self.agent_in(&target.project).await?,
            Needs::Session | Needs::Running => {
                let body = json!({ "name": "work", "project_id": target.project });
                target.id = self.make(Caller::Owner, "sessions", &body).await?;
                target.session.clone_from(&target.id);
                if needs == Needs::Running {
                    let start = format!("{V1}/sessions/{}/start", target.id);
                    self.by(Caller::Owner).post(&start, &json!({})).await?.expect(200)?;
                }
            }
            Needs::Binding => {
                let body = json!({ "scope": "project", "project_id": target.project, "user_id": "dora" });
                target.id = self.bind(Caller::Owner, "project:viewer", &body).await?;
            }
            _ => target.id.clone_from(&target.project),
        }
        Ok(())
    }

    /// Of a provider of its own, so that no other credential takes its place. An administrator makes it, hands it over and keeps nothing.
    async fn credential(&mut self, target: &mut Target) -> Result<()> {
        target.token = format!("secret-of-{}-and-nobody-else", target.unique);
        self.secrets.push(target.token.clone());
        let body = json!({ "name": target.unique, "provider": target.provider, "token": target.token });
        target.id = create(self.by(Caller::Admin), &body).await?;
        let credential = |more: Value| {
            let mut body = json!({ "scope": "credential", "credential_id": target.id });
            for (key, value) in more.as_object().into_iter().flatten() {
                body[key] = value.clone();
            }
            body
        };
        self.bind(Caller::Admin, "credential:owner", &credential(json!({ "user_id": "alice" })))
            .await?;
        self.bind(Caller::Admin, "credential:token-reader", &credential(json!({ "user_id": "rene" })))
            .await?;
        let here = credential(json!({ "user_id": "vera", "project_id": target.project }));
        self.bind(Caller::Owner, "credential:viewer", &here).await?;
        let granted = json!({ "user_id": "proxy", "project_id": target.project, "session_id": target.session });
        self.bind(Caller::Admin, "credential:token-reader", &credential(granted)).await?;
        let own = format!("{V1}/role_bindings?search=user_id='ada'%20and%20credential_id='{}'", target.id);
        let own = self.by(Caller::Admin).get(&own).await?.expect(200)?.text_at("/items/0/id")?;
        self.by(Caller::Admin)
            .delete(&format!("{V1}/role_bindings/{own}"))
            .await?
            .expect(204)?;
        Ok(())
    }

    /// A session's bearer is tried on what is nearest to it: its own session and project, and what was granted to it.
    pub(super) fn for_caller(&self, target: &Target, needs: Needs, caller: Caller) -> Target {
        if caller != Caller::Session {
            return target.clone();
        }
        let id = match needs {
            Needs::Agent => self.agent.clone(),
            Needs::Project => self.shared.project.clone(),
            Needs::Session | Needs::Running => self.shared.session.clone(),
            _ => target.id.clone(),
        };
        Target {
            id,
            project: self.shared.project.clone(),
            session: self.shared.session.clone(),
            ..target.clone()
        }
    }
}

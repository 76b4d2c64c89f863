//! A database of one test, and short ways to put things into it.

use claviger::clock::ManualClock;
use claviger::config;
use claviger::ids::{AgentId, CredentialId, Generation, ProjectId, ProviderName, SessionId, Username};
use claviger::records::model::{Binding, Credential, CredentialPolicy, Project, Scope, SealedField, SealedToken, Session, Trigger};
use claviger::records::{Details, NewBinding, NewCredential, NewProject, NewSession, Ownership, Records, Start};
use claviger::seal::{Aad, Keyring, Purpose};
use claviger::secret::Secret;
use sqlx::{AnyConnection, Connection, Row};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// 14 November 2023.
pub const START: i64 = 1_700_000_000_000;

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

pub struct Db {
    pub records: Records,
    pub clock: Arc<ManualClock>,
    pub keyring: Keyring,
    pub folder: tempfile::TempDir,
    pub config: config::Database,
}

impl Db {
    pub async fn sqlite() -> Self {
        Self::open(config::Database::default()).await
    }

    pub async fn postgres(url: &str) -> Self {
        Self::open(config::Database {
            url: Some(Secret::new(url.to_owned())),
        })
        .await
    }

    async fn open(config: config::Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let records = Records::open(folder.path(), &config, clock.clone()).await.unwrap();
        Self {
            records,
            clock,
            keyring: Keyring::generate().unwrap().0,
            folder,
            config,
        }
    }

    /// As another process would open it.
    pub async fn again(&self) -> claviger::records::Result<Records> {
        Records::open(self.folder.path(), &self.config, self.clock.clone()).await
    }

    fn url(&self) -> String {
        let file: PathBuf = self.folder.path().join("records.sqlite");
        self.config
            .url
            .as_ref()
            .map_or_else(|| format!("sqlite://{}", file.display()), |url| url.expose().to_owned())
    }

    /// Runs a statement past everything that guards the database, and tells its refusal.
    pub async fn raw(&self, statement: &'static str) -> Result<u64, String> {
        let mut connection = AnyConnection::connect(&self.url()).await.unwrap();
        let done = sqlx::query(statement)
            .execute(&mut connection)
            .await
            .map(|done| done.rows_affected())
            .map_err(|error| error.to_string());
        connection.close().await.unwrap();
        done
    }

    pub async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = AnyConnection::connect(&self.url()).await.unwrap();
        let row = sqlx::query(statement).fetch_one(&mut connection).await.unwrap();
        let count = row.get::<i64, _>(0);
        connection.close().await.unwrap();
        count
    }

    pub fn field(&self, id: &CredentialId, field: &str, text: &str, generation: Generation) -> SealedField {
        let place = Aad {
            table: "credential_secrets",
            record: id.as_str(),
            field,
            generation,
        };
        SealedField {
            field: field.to_owned(),
            envelope: self.keyring.seal(Purpose::Records, &place, &Secret::new(text.to_owned())),
            generation,
        }
    }

    pub fn token(&self, id: &CredentialId, text: &str, generation: Generation) -> SealedToken {
        let place = Aad {
            table: "credential_tokens",
            record: id.as_str(),
            field: "token",
            generation,
        };
        let envelope = self.keyring.seal(Purpose::Records, &place, &Secret::new(text.to_owned()));
        SealedToken {
            envelope,
            generation,
            minted_at_ms: START,
            expires_at_ms: Some(START + 3_600_000),
        }
    }

    /// Every secret field of a credential, opened in the place where it stands.
    pub async fn opened(&self, id: &CredentialId) -> BTreeMap<String, String> {
        let material = self.records.material(id).await.unwrap();
        let open = |field: &SealedField| {
            let place = Aad {
                table: "credential_secrets",
                record: id.as_str(),
                field: &field.field,
                generation: field.generation,
            };
            self.keyring
                .open(Purpose::Records, &place, &field.envelope)
                .unwrap()
                .expose()
                .to_owned()
        };
        material.secrets.iter().map(|field| (field.field.clone(), open(field))).collect()
    }

    pub async fn opened_token(&self, id: &CredentialId) -> Option<String> {
        let token = self.records.material(id).await.unwrap().token?;
        let place = Aad {
            table: "credential_tokens",
            record: id.as_str(),
            field: "token",
            generation: token.generation,
        };
        Some(
            self.keyring
                .open(Purpose::Records, &place, &token.envelope)
                .unwrap()
                .expose()
                .to_owned(),
        )
    }

    pub fn new_credential(&self, provider: &str, ownership: Ownership) -> NewCredential {
        let id = CredentialId::make(&*self.clock);
        let secrets = vec![
            self.field(&id, "refresh-token", "r1", Generation::FIRST),
            self.field(&id, "client-secret", "c1", Generation::FIRST),
        ];
        let token = Some(self.token(&id, "t1", Generation::FIRST));
        NewCredential {
            id,
            name: format!("{provider} of somebody"),
            description: None,
            provider: ProviderName::parse(provider).unwrap(),
            kind: "oauth".to_owned(),
            url: None,
            email: None,
            labels: None,
            annotations: None,
            fields: BTreeMap::new(),
            ownership,
            secrets,
            token,
        }
    }

    /// A credential of alice's.
    pub async fn credential(&self, provider: &str) -> Credential {
        let new = self.new_credential(provider, Ownership::Owner(user("alice")));
        self.records.create_credential(new).await.unwrap()
    }

    pub async fn connected(&self, provider: &str, person: &str) -> Credential {
        let new = self.new_credential(provider, Ownership::ConnectedTo(user(person)));
        self.records.create_credential(new).await.unwrap()
    }

    pub async fn binding(&self, role: &str, scope: Scope) -> NewBinding {
        NewBinding::new(self.records.role_named(role).await.unwrap().id, scope)
    }

    /// Hands a credential to a project, and there to an agent; to everything if neither is named.
    pub async fn inject(&self, credential: &Credential, to: Option<&str>, agent: Option<&str>) -> claviger::records::Result<Binding> {
        let mut new = self.binding("credential:viewer", Scope::Credential).await;
        new.credential_id = Some(credential.id.clone());
        new.project_id = to.map(project);
        new.agent_id = agent.map(|id| AgentId::parse(id).unwrap());
        self.records.create_binding(&new).await
    }

    pub async fn project(&self, name: &str) -> Project {
        let new = NewProject {
            id: project(name),
            description: None,
            credential_policy: CredentialPolicy::Bindings,
            owner: user("alice"),
            details: Details::default(),
        };
        self.records.create_project(new).await.unwrap()
    }

    pub async fn session(&self, id: &str, in_project: &str) -> Session {
        let new = NewSession {
            id: SessionId::parse(id).unwrap(),
            project_id: project(in_project),
            agent_id: None,
            name: "talk".to_owned(),
            created_by: user("alice"),
            trigger: Trigger::Person,
            details: Details::default(),
        };
        self.records.create_session(new).await.unwrap()
    }
}

pub fn user(name: &str) -> Username {
    Username::parse(name).unwrap()
}

pub fn project(name: &str) -> ProjectId {
    ProjectId::parse(name).unwrap()
}

/// A start that nobody makes by hand.
pub const fn by_itself(credentials: &[CredentialId]) -> Start<'_> {
    Start {
        credentials,
        attended: false,
    }
}

//! `claviger role-binding` and `claviger role`.

use super::answers::{Column, Output};
use super::client::{Failure, V1, below, text};
use super::connection::Connection;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Role {
    /// Lists the roles.
    List {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        output: Output,
    },
}

impl Role {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self::List { connection, output } = self;
        let roles = connection.client().await?.all("roles").await?;
        let of = |key: &'static str| move |item: &Value| text(item, key).to_owned();
        let permissions = |item: &Value| {
            let listed: Vec<String> = serde_json::from_str(text(item, "permissions")).unwrap_or_default();
            listed.join(" ")
        };
        let columns: [Column<'_>; 3] = [("ID", &of("id")), ("NAME", &of("name")), ("PERMISSIONS", &permissions)];
        output.list("RoleList", &roles, &columns)
    }
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum RoleBinding {
    /// Lists those that you see.
    List {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        about: About,
    },
    /// Gives somebody a role for something, or a credential to a project or agent.
    Create {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        output: Output,
        /// The role's name or id.
        #[arg(long, alias = "role-id")]
        role: String,
        /// global, project, agent, session or credential.
        #[arg(long)]
        scope: String,
        #[command(flatten)]
        about: About,
    },
    /// Takes one back.
    Delete {
        #[command(flatten)]
        connection: Connection,
        /// Its id.
        id: String,
    },
}

/// Whom and what a binding names.
#[derive(Debug, clap::Args)]
pub(super) struct About {
    #[arg(long, alias = "user-id")]
    user: Option<String>,
    #[arg(long, aliases = ["project-id", "project-id-fk"])]
    project: Option<String>,
    #[arg(long, aliases = ["agent-id", "agent-id-fk"])]
    agent: Option<String>,
    #[arg(long, aliases = ["session-id", "session-id-fk"])]
    session: Option<String>,
    /// Its id or name.
    #[arg(long, aliases = ["credential-id", "credential-id-fk"])]
    credential: Option<String>,
}

impl RoleBinding {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List { connection, output, about } => list(&connection, output, &about).await,
            Self::Create {
                connection,
                output,
                role,
                scope,
                about,
            } => {
                let client = connection.client().await?;
                let mut body = Map::new();
                body.insert("role_id".to_owned(), client.role_id(&role).await?.into());
                body.insert("scope".to_owned(), scope.into());
                body.extend(about.ids(&client).await?);
                let made = client.post(&below(V1, &["role_bindings"]), &Value::Object(body)).await?;
                output.changed("created", &made)
            }
            Self::Delete { connection, id } => {
                if id.is_empty() || matches!(id.as_str(), "." | "..") {
                    return Err(Failure::Usage("a binding is named by its id".to_owned()));
                }
                connection.client().await?.delete(&below(V1, &["role_bindings", &id])).await?;
                super::answers::line(&format!("deleted {id}"))
            }
        }
    }
}

impl About {
    async fn ids(&self, client: &super::client::Client) -> Result<Map<String, Value>, Failure> {
        let credential = match &self.credential {
            Some(given) => Some(client.credential_id(given).await?),
            None => None,
        };
        let named = [
            ("user_id", self.user.clone()),
            ("project_id", self.project.clone()),
            ("agent_id", self.agent.clone()),
            ("session_id", self.session.clone()),
            ("credential_id", credential),
        ];
        Ok(named
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?.into())))
            .collect())
    }
}

async fn list(connection: &Connection, output: Output, about: &About) -> Result<(), Failure> {
    let client = connection.client().await?;
    let wanted = about.ids(&client).await?;
    let mut items = client.all("role_bindings").await?;
    items.retain(|item| wanted.iter().all(|(key, value)| item.get(key) == Some(value)));
    let roles: BTreeMap<String, String> = client
        .all("roles")
        .await?
        .iter()
        .map(|role| (text(role, "id").to_owned(), text(role, "name").to_owned()))
        .collect();
    let role = |item: &Value| {
        let id = text(item, "role_id");
        roles.get(id).map_or(id, String::as_str).to_owned()
    };
    let of = |key: &'static str| move |item: &Value| text(item, key).to_owned();
    let columns: [Column<'_>; 8] = [
        ("ID", &of("id")),
        ("ROLE", &role),
        ("SCOPE", &of("scope")),
        ("USER", &of("user_id")),
        ("PROJECT", &of("project_id")),
        ("AGENT", &of("agent_id")),
        ("SESSION", &of("session_id")),
        ("CREDENTIAL", &of("credential_id")),
    ];
    output.list("RoleBindingList", &items, &columns)
}

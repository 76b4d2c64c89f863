//! `claviger credential`: what a person does with credentials, over the API.

mod account;
mod sharing;
mod token;
mod write;

pub(super) use sharing::is_same;
pub(super) use write::sounds_secret;

use super::answers::{Column, Output, shown};
use super::client::{Client, Failure, V1, below, text};
use super::connection::Connection;
use serde_json::Value;

/// A credential, and the server that has it.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    #[command(flatten)]
    connection: Connection,
    /// Its id, or its name if no other has it.
    #[arg(value_name = "ID|NAME")]
    credential: String,
}

impl Which {
    async fn client_and_id(&self) -> Result<(Client, String), Failure> {
        let client = self.connection.client().await?;
        let id = client.credential_id(&self.credential).await?;
        Ok((client, id))
    }
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Credential {
    /// Lists those that you see.
    List {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        output: Output,
        /// Of this provider.
        #[arg(long)]
        provider: Option<String>,
        /// In this state: usable, empty, needs-reconnect, indeterminate.
        #[arg(long)]
        state: Option<String>,
    },
    /// Shows one, without its secrets.
    Get {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        output: Output,
    },
    /// Makes one, which you own.
    Create(write::Create),
    /// Changes what is given, and nothing else.
    Update(write::Update),
    /// Removes one, with its secrets, tokens and bindings.
    Delete {
        #[command(flatten)]
        which: Which,
        /// Without asking.
        #[arg(long, alias = "confirm")]
        yes: bool,
    },
    /// Prints its token, and nothing else.
    Token(token::Token),
    /// Gives it to a project, an agent or a person.
    Bind(sharing::Bind),
    /// Takes it back.
    Unbind(sharing::Bind),
    /// Tells which credential a project gets, which binding won, and who would be refused by which rule.
    Explain(sharing::Explain),
    /// Tells whose it is, as its upstream says.
    Identity {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        output: Output,
    },
    /// Ends it at its upstream, with every token that is out.
    Revoke {
        #[command(flatten)]
        which: Which,
        /// Without asking.
        #[arg(long)]
        yes: bool,
    },
}

impl Credential {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List {
                connection,
                output,
                provider,
                state,
            } => list(&connection, output, provider.as_deref(), state.as_deref()).await,
            Self::Get { which, output } => {
                let found = which.connection.client().await?.credential(&which.credential).await?;
                output.one(&found)
            }
            Self::Create(create) => create.run().await,
            Self::Update(update) => update.run().await,
            Self::Delete { which, yes } => {
                let client = which.connection.client().await?;
                let found = client.credential(&which.credential).await?;
                let id = text(&found, "id");
                if !super::agreed(
                    yes,
                    &format!("Delete the credential {id} (`{}`) with its secrets?", shown(&found["name"])),
                )? {
                    return Err(Failure::Refused("not deleted".to_owned()));
                }
                client.delete(&below(V1, &["credentials", id])).await?;
                super::answers::line(&format!("deleted {id}"))
            }
            Self::Token(token) => token.run().await,
            Self::Bind(bind) => bind.bind().await,
            Self::Unbind(bind) => bind.unbind().await,
            Self::Explain(explain) => explain.run().await,
            Self::Identity { which, output } => account::identity(&which, output).await,
            Self::Revoke { which, yes } => account::revoke(&which, yes).await,
        }
    }
}

async fn list(connection: &Connection, output: Output, provider: Option<&str>, state: Option<&str>) -> Result<(), Failure> {
    let mut items = connection.client().await?.all("credentials").await?;
    items.retain(|item| {
        provider.is_none_or(|provider| text(item, "provider") == provider) && state.is_none_or(|state| text(item, "state") == state)
    });
    let of = |key: &'static str| move |item: &Value| text(item, key).to_owned();
    let kind = |item: &Value| match item["connected"].as_bool() {
        Some(true) => format!("{} (connected account)", text(item, "credential_kind")),
        _ => text(item, "credential_kind").to_owned(),
    };
    let columns: [Column<'_>; 6] = [
        ("ID", &of("id")),
        ("NAME", &of("name")),
        ("PROVIDER", &of("provider")),
        ("KIND", &kind),
        ("STATE", &of("state")),
        ("CHANGED", &of("updated_at")),
    ];
    output.list("CredentialList", &items, &columns)
}

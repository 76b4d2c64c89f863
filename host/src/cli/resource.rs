//! `claviger project`, `agent` and `session`: the places that credentials are bound to.

use super::answers::{Column, Output, plain};
use super::client::{Client, Failure, V1, below, only, text};
use super::connection::Connection;
use serde_json::{Map, Value};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Project {
    /// Lists those that you have a part in.
    List(List),
    /// Shows one.
    Get(One),
    /// Makes one, which you own.
    Create(New),
    /// Removes one, with its agents, its sessions and all that is bound to them.
    Delete(Gone),
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Agent {
    /// Lists a project's.
    List(OfProject<List>),
    /// Shows one.
    Get(OfProject<One>),
    /// Makes one.
    Create(OfProject<New>),
    /// Removes one, with its bindings.
    Delete(OfProject<Gone>),
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Session {
    /// Lists those that you see.
    List {
        #[command(flatten)]
        list: List,
        /// Of this project.
        #[arg(long)]
        project: Option<String>,
    },
    /// Shows one.
    Get(One),
    /// Makes one, not started yet.
    Create {
        #[command(flatten)]
        new: OfProject<New>,
        /// With this agent: its id, or its name.
        #[arg(long)]
        agent: Option<String>,
    },
    /// Removes one, with what it was granted.
    Delete(Gone),
}

/// A command within a project.
#[derive(Debug, clap::Args)]
pub(super) struct OfProject<T: clap::Args> {
    /// The project.
    #[arg(long)]
    project: String,
    #[command(flatten)]
    command: T,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
    /// Its id, or its name if no other has it.
    #[arg(value_name = "ID|NAME")]
    which: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct New {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
    #[arg(long)]
    name: String,
    #[arg(long)]
    description: Option<String>,
    /// What it is told before anything else.
    #[arg(long)]
    prompt: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Gone {
    #[command(flatten)]
    connection: Connection,
    /// Its id, or its name if no other has it.
    #[arg(value_name = "ID|NAME")]
    which: String,
    /// Without asking.
    #[arg(long, alias = "confirm")]
    yes: bool,
}

/// A column's text of an item.
type Cell = Box<dyn Fn(&Value) -> String>;

/// One collection: what its things are called, and where it is.
struct Collection<'a> {
    word: &'static str,
    list_kind: &'static str,
    path: Vec<&'a str>,
}

impl Project {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let all = Collection::of("project", "ProjectList", &["projects"]);
        match self {
            Self::List(list) => {
                all.list(&list, &[], &["id", "description", "credential_policy", "updated_at"])
                    .await
            }
            Self::Get(one) => all.get(&one).await,
            Self::Create(new) => all.create(new, Map::new()).await,
            Self::Delete(gone) => all.delete(&gone).await,
        }
    }
}

impl Agent {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(of) => {
                agents(&of.project)
                    .list(&of.command, &[], &["id", "name", "llm_model", "updated_at"])
                    .await
            }
            Self::Get(of) => agents(&of.project).get(&of.command).await,
            Self::Create(of) => {
                let body = Map::from_iter([("project_id".to_owned(), of.project.as_str().into())]);
                agents(&of.project).create(of.command, body).await
            }
            Self::Delete(of) => agents(&of.project).delete(&of.command).await,
        }
    }
}

impl Session {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let all = Collection::of("session", "SessionList", &["sessions"]);
        match self {
            Self::List { list, project } => {
                let query: Vec<(&str, &str)> = project.iter().map(|project| ("project_id", project.as_str())).collect();
                all.list(&list, &query, &["id", "name", "project_id", "agent_id", "phase", "updated_at"])
                    .await
            }
            Self::Get(one) => all.get(&one).await,
            Self::Create { new, agent } => {
                let mut body = Map::from_iter([("project_id".to_owned(), new.project.as_str().into())]);
                if let Some(agent) = agent {
                    let found = agents(&new.project).find(&new.command.connection.client().await?, &agent).await?;
                    body.insert("agent_id".to_owned(), text(&found, "id").into());
                }
                all.create(new.command, body).await
            }
            Self::Delete(gone) => all.delete(&gone).await,
        }
    }
}

fn agents(project: &str) -> Collection<'_> {
    Collection::of("agent", "AgentList", &["projects", project, "agents"])
}

impl<'a> Collection<'a> {
    fn of(word: &'static str, list_kind: &'static str, path: &[&'a str]) -> Self {
        let path = below(V1, path);
        Self { word, list_kind, path }
    }

    async fn list(&self, list: &List, query: &[(&str, &str)], keys: &[&str]) -> Result<(), Failure> {
        let items = list.connection.client().await?.all_at(&self.path, query).await?;
        let heads: Vec<String> = keys.iter().map(|key| key.trim_end_matches("_id").to_ascii_uppercase()).collect();
        let cells: Vec<Cell> = keys
            .iter()
            .map(|key| {
                let key = (*key).to_owned();
                Box::new(move |item: &Value| text(item, &key).to_owned()) as Cell
            })
            .collect();
        let columns: Vec<Column<'_>> = heads.iter().zip(&cells).map(|(head, cell)| (head.as_str(), &**cell as _)).collect();
        list.output.list(self.list_kind, &items, &columns)
    }

    async fn get(&self, one: &One) -> Result<(), Failure> {
        one.output.one(&self.find(&one.connection.client().await?, &one.which).await?)
    }

    async fn create(&self, new: New, mut body: Map<String, Value>) -> Result<(), Failure> {
        body.insert("name".to_owned(), new.name.into());
        for (key, value) in [("description", new.description), ("prompt", new.prompt)] {
            if let Some(value) = value {
                body.insert(key.to_owned(), value.into());
            }
        }
        let made = new.connection.client().await?.post(&self.path, &Value::Object(body)).await?;
        new.output.changed("created", &made)
    }

    async fn delete(&self, gone: &Gone) -> Result<(), Failure> {
        let client = gone.connection.client().await?;
        let found = self.find(&client, &gone.which).await?;
        let id = text(&found, "id");
        let question = format!(
            "Delete the {} {id} (`{}`) with all that is in it?",
            self.word,
            plain(text(&found, "name"))
        );
        if !super::agreed(gone.yes, &question)? {
            return Err(Failure::Refused("not deleted".to_owned()));
        }
        let path: Vec<&str> = self.path.iter().copied().chain([id]).collect();
        client.delete(&path).await?;
        super::answers::line(&format!("deleted {id}"))
    }

    /// One by its id, else by its name.
    async fn find(&self, client: &Client, given: &str) -> Result<Value, Failure> {
        let mut items = client.all_at(&self.path, &[]).await?;
        if let Some(at) = items.iter().position(|item| text(item, "id") == given) {
            return Ok(items.swap_remove(at));
        }
        only(items, &format!("{}s", self.word), given)?
            .ok_or_else(|| Failure::NotFound(format!("no {} `{given}`, or not for you", self.word)))
    }
}

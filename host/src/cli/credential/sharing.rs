//! `claviger credential bind`, `unbind`, `explain`: who gets it, and why.

use super::Which;
use crate::cli::answers::{self, Output, line, plain};
use crate::cli::client::{Client, Failure, V1, below, text};
use crate::cli::connection::Connection;
use serde_json::{Map, Value};

/// A credential to a project, an agent or a person.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Bind {
    #[command(flatten)]
    which: Which,
    /// To this project.
    #[arg(long)]
    project: Option<String>,
    /// To this agent (with its project).
    #[arg(long, requires = "project")]
    agent: Option<String>,
    /// To this person alone, within the project.
    #[arg(long)]
    user: Option<String>,
    /// As what; `claviger role list` shows the roles.
    #[arg(long, default_value = "credential:viewer")]
    role: String,
    #[command(flatten)]
    output: Output,
}

impl Bind {
    /// The binding that is meant, as the API takes it.
    async fn body(&self, client: &Client) -> Result<Map<String, Value>, Failure> {
        if self.project.is_none() && self.user.is_none() {
            return Err(Failure::Usage(
                "to whom? `--project`, with `--agent` if you like, or `--user`".to_owned(),
            ));
        }
        let mut body = Map::new();
        body.insert(
            "credential_id".to_owned(),
            client.credential_id(&self.which.credential).await?.into(),
        );
        body.insert("role_id".to_owned(), client.role_id(&self.role).await?.into());
        body.insert("scope".to_owned(), "credential".into());
        for (key, value) in [("project_id", &self.project), ("agent_id", &self.agent), ("user_id", &self.user)] {
            if let Some(value) = value {
                body.insert(key.to_owned(), value.as_str().into());
            }
        }
        Ok(body)
    }

    pub(super) async fn bind(self) -> Result<(), Failure> {
        let client = self.which.connection.client().await?;
        let body = self.body(&client).await?;
        let made = client.post(&below(V1, &["role_bindings"]), &Value::Object(body)).await?;
        self.output.changed("bound by", &made)
    }

    pub(super) async fn unbind(self) -> Result<(), Failure> {
        let client = self.which.connection.client().await?;
        let body = self.body(&client).await?;
        let mut same = client.all("role_bindings").await?;
        same.retain(|binding| is_same(binding, &body));
        let [binding] = same.as_slice() else {
            let ids: Vec<&str> = same.iter().map(|binding| text(binding, "id")).collect();
            return Err(if ids.is_empty() {
                Failure::NotFound("it is not bound so, or not for you to see; `claviger role-binding list` shows what there is".to_owned())
            } else {
                Failure::Refused(format!(
                    "several bindings are like that; `claviger role-binding delete` one of {}",
                    ids.join(", ")
                ))
            });
        };
        let id = text(binding, "id");
        client.delete(&below(V1, &["role_bindings", id])).await?;
        line(&format!("unbound {id}"))
    }
}

/// Whether a binding is the one that such a body makes: what the body does not name must be unset.
pub(in crate::cli) fn is_same(binding: &Value, body: &Map<String, Value>) -> bool {
    [
        "role_id",
        "scope",
        "user_id",
        "project_id",
        "agent_id",
        "session_id",
        "credential_id",
    ]
    .iter()
    .all(|key| binding.get(*key).unwrap_or(&Value::Null) == body.get(*key).unwrap_or(&Value::Null))
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Explain {
    #[command(flatten)]
    connection: Connection,
    /// About this credential's provider.
    #[arg(value_name = "ID|NAME", required_unless_present = "provider", conflicts_with = "provider")]
    credential: Option<String>,
    /// About this provider.
    #[arg(long)]
    provider: Option<String>,
    /// In this project.
    #[arg(long)]
    project: String,
    /// For this agent.
    #[arg(long)]
    agent: Option<String>,
    /// In this session.
    #[arg(long)]
    session: Option<String>,
    /// For this person; you unless said.
    #[arg(long)]
    user: Option<String>,
    /// `json`: the API's own answer.
    #[arg(short = 'o', long = "output", value_parser = ["json"], value_name = "FORMAT")]
    output: Option<String>,
}

impl Explain {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connection.client().await?;
        let asked = match &self.credential {
            Some(given) => Some(client.credential(given).await?),
            None => None,
        };
        let provider = self.provider.as_deref().or(asked.as_ref().map(|found| text(found, "provider")));
        let mut query = vec![("provider", provider.unwrap_or_default())];
        for (key, value) in [("agent", &self.agent), ("session", &self.session), ("user", &self.user)] {
            query.extend(value.as_deref().map(|value| (key, value)));
        }
        let answer = client.get(&below(V1, &["projects", &self.project, "explain"]), &query).await?;
        if self.output.is_some() {
            return answers::json(&answer);
        }
        let (resolution, provider) = (&answer["resolution"], text(&answer, "provider"));
        let won = text(resolution, "credential_id");
        line(&plain(&match won {
            "" => format!("no {provider} credential resolves in {}", self.project),
            id => format!(
                "{provider} in {} is {id}, by the {} tier, {}",
                self.project,
                text(resolution, "tier"),
                text(resolution, "state")
            ),
        }))?;
        if let Some(id) = asked.as_ref().map(|found| text(found, "id")).filter(|id| *id != won) {
            line(&format!("{id} does not win there"))?;
        }
        steps("", resolution)?;
        for read in answer["reads"].as_array().into_iter().flatten() {
            let outcome = match text(read, "outcome") {
                "granted" => format!("granted {} by {}", text(read, "credential_id"), text(read, "rule")),
                _ => format!("refused, {}: {}", text(read, "reason_code"), text(read, "reason")),
            };
            line(&plain(&format!("{} of {}: {outcome}", text(read, "bearer"), text(&answer, "user"))))?;
            steps("  ", read)?;
        }
        Ok(())
    }
}

fn steps(before: &str, of: &Value) -> Result<(), Failure> {
    let rows = of["steps"].as_array().into_iter().flatten().map(|step| {
        let cell = |key: &str| plain(text(step, key));
        vec![
            format!("{before}  {}", cell("rule")),
            cell("verdict"),
            cell("why"),
            cell("credential_id"),
            cell("binding_id"),
        ]
    });
    answers::table(rows.collect())
}

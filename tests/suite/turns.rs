//! Turns that outlast what they began with, whoever reads in them: each answer is told by the account that its token opens.
//!
//! Alice made the session, Bob edits in its project, Carol has no part in it.

mod bearers;
mod everyone;
mod kill;
mod reviews;
mod sessions;

use crate::exchange::by_openssl;
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, role};
use claviger_tests::{Answer, Claviger, Client};
use serde_json::{Value, json};

const PROVIDERS: [&str; 4] = ["github", "gitlab", "jira", "google"];

struct World {
    claviger: Claviger,
    project: String,
    session: String,
    runner: Client,
    proxy: Client,
}

/// A turn that a proxy has opened.
struct Turn {
    id: String,
    token: String,
    client: Client,
}

impl World {
    fn of(claviger: Claviger) -> Result<Self> {
        let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
        assert_eq!(session.owner, "alice");
        Ok(Self {
            runner: claviger.anybody()?.with_bearer(&session.token),
            proxy: claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer),
            project: session.project,
            session: session.id,
            claviger,
        })
    }

    /// Runs an operator's command beside the server and returns what it printed.
    fn operator(&self, arguments: &[&str]) -> Result<String> {
        let data = self.claviger.data().display().to_string();
        let output = self.claviger.command(&[arguments, &["--data", &data]].concat())?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// From now on it is about a session that `maker` makes and starts, with the bearer that its runner gets at the exchange.
    async fn enter(&mut self, maker: &Client, project: &str) -> Result<()> {
        let body = json!({ "name": "talk", "project_id": project });
        let made = maker.post(&format!("{V1}/sessions"), &body).await?.expect(201)?;
        self.start(maker, project, &made.text_at("/id")?).await
    }

    /// The same for a session that is there.
    async fn start(&mut self, starter: &Client, project: &str, session: &str) -> Result<()> {
        (self.project, self.session) = (project.to_owned(), session.to_owned());
        let start = format!("{V1}/sessions/{session}/start");
        starter.post(&start, &json!({})).await?.expect(200)?;
        // What its runner is started with, the platform is told.
        let started = self.proxy.post(&start, &json!({})).await?.expect(200)?;
        let (address, key) = (
            started.text_at("/environment/AMBIENT_CP_TOKEN_URL")?,
            started.text_at("/environment/AMBIENT_CP_TOKEN_PUBLIC_KEY")?,
        );
        let bearer = format!("Bearer {}", by_openssl(&key, session)?);
        let traded = Client::new("")?
            .with_header("authorization", &bearer)
            .get(&address)
            .await?
            .expect(200)?;
        self.runner = self.claviger.anybody()?.with_bearer(&traded.text_at("/token")?);
        Ok(())
    }

    /// Lets somebody write to the project's sessions.
    async fn let_in(&self, owner: &Client, person: &str) -> Result<()> {
        let editor = role(owner, "project:editor").await?;
        let binding = json!({ "role_id": editor, "scope": "project", "project_id": self.project, "user_id": person });
        owner.post(&format!("{V1}/role_bindings"), &binding).await?.expect(201).map(drop)
    }

    async fn ask(&self, client: &Client, provider: &str) -> Result<Answer> {
        let path = format!(
            "/api/projects/{}/agentic-sessions/{}/credentials/{provider}",
            self.project, self.session
        );
        client.get(&path).await
    }

    /// Whose account the answer opens at the upstream.
    async fn whose(&self, client: &Client, provider: &str) -> Result<String> {
        let answer = self.ask(client, provider).await?.expect(200)?;
        self.claviger.emulator()?.whose(provider, &answer.json()?).await
    }

    async fn all_are(&self, client: &Client, person: &str) -> Result<()> {
        for provider in PROVIDERS {
            assert_eq!(self.whose(client, provider).await?, person, "{provider}");
        }
        Ok(())
    }

    /// Neither a person's token nor anything that could be taken for one.
    async fn nobodys(&self, client: &Client) -> Result<()> {
        for provider in ["gitlab", "jira", "google"] {
            let answer = self.ask(client, provider).await?;
            ensure!(
                [401, 403, 404].contains(&answer.status) && answer.json()?["error"].is_string(),
                "{provider}: {} {}",
                answer.status,
                answer.text
            );
        }
        Ok(())
    }

    /// Opens a turn; `sender` is `user` or `bearer`, or both.
    async fn open(&self, run: &str, sender: Value) -> Result<Turn> {
        let mut body = json!({ "project": self.project, "session": self.session, "run": run });
        let all = body.as_object_mut().context("an object")?;
        all.extend(sender.as_object().context("who?")?.clone());
        let answer = self.proxy.post("/api/claviger/v1/turns", &body).await?.expect(201)?;
        let token = answer.text_at("/token")?;
        Ok(Turn {
            id: answer.text_at("/id")?,
            client: self.claviger.anybody()?.with_bearer(&token),
            token,
        })
    }

    async fn close(&self, turn: &str) -> Result<()> {
        let path = format!("/api/claviger/v1/turns/{turn}");
        self.proxy.delete(&path).await?.expect(204).map(drop)
    }
}

fn named(client: &Client, name: &str) -> Client {
    client.with_header("x-runner-current-user", name)
}

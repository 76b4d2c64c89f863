//! `claviger sidecar` as the platform's control plane starts it: the program behind it has the token of whoever's turn it is, by value, and nobody's else.

use super::exec::{Started, gone, signal_to};
use crate::commands::Shell;
use anyhow::{Context, Result, ensure};
use claviger::ids::{CredentialId, ProjectId, ProviderName, SessionId};
use claviger_tests::api::V1;
use claviger_tests::{Claviger, Client};
use serde_json::json;

/// A server, and the session that it seeded: Alice's, with Bob in it.
pub struct World {
    pub claviger: Claviger,
    proxy: Client,
    pub project: String,
    pub session: String,
    pub bearer: String,
}

/// Writes its token and its id, and works on.
const PROGRAM: &str = r#"echo "$GITLAB_TOKEN" >> "$OUT/tokens"; echo $$ >> "$OUT/ids"; echo "$BOT_TOKEN|$CLAVIGER_TOKEN|$AMBIENT_CP_TOKEN_URL|$SESSION_ID" >> "$OUT/rest"; exec sleep 300"#;

impl World {
    pub async fn start() -> Result<Self> {
        let claviger = Claviger::start().await?;
        let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
        Ok(Self {
            proxy: claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer),
            project: session.project,
            session: session.id,
            bearer: session.token,
            claviger,
        })
    }

    /// The environment of 6.1.
    pub fn shell(&self, provider: &str) -> Result<Shell> {
        let (project, session) = (ProjectId::parse(self.project.as_str())?, SessionId::parse(self.session.as_str())?);
        let id = CredentialId::of_session(&project, &session, &ProviderName::parse(provider)?).to_string();
        Ok(Shell::new()?
            .with("SESSION_ID", &self.session)
            .with("CREDENTIAL_PROVIDER", provider)
            .with("CREDENTIAL_IDS", &json!({ provider: id }).to_string())
            .with("AMBIENT_API_URL", &self.claviger.dev().url)
            .with("BOT_TOKEN", &self.bearer))
    }

    /// Another session of Alice's, with the environment that its start answered (5.4), and the secret in that.
    pub async fn begun() -> Result<(Self, Shell, String)> {
        let mut world = Self::start().await?;
        let alice = world.claviger.person("alice")?;
        let made = json!({ "name": "talk", "project_id": world.project });
        world.session = alice.post(&format!("{V1}/sessions"), &made).await?.expect(201)?.text_at("/id")?;
        let (shell, secret) = world.restarted().await?;
        Ok((world, shell, secret))
    }

    /// The environment that a start answers.
    pub async fn restarted(&self) -> Result<(Shell, String)> {
        let start = format!("{V1}/sessions/{}/start", self.session);
        self.claviger.person("alice")?.post(&start, &json!({})).await?.expect(200)?;
        let platform = self.claviger.anybody()?.with_bearer(&self.claviger.dev().proxy.bearer);
        let started = platform.post(&start, &json!({})).await?.expect(200)?;
        let mut shell = Shell::new()?
            .with("SESSION_ID", &self.session)
            .with("AGENTIC_SESSION_NAMESPACE", &self.project)
            .with("BACKEND_API_URL", &format!("{}/api", self.claviger.dev().url));
        for name in ["CREDENTIAL_IDS", "AMBIENT_CP_TOKEN_URL", "AMBIENT_CP_TOKEN_PUBLIC_KEY"] {
            shell = shell.with(name, &started.text_at(&format!("/environment/{name}"))?);
        }
        let address = started.text_at("/environment/AMBIENT_CP_TOKEN_URL")?;
        ensure!(address.starts_with(&self.claviger.dev().exchange), "another listener's address");
        let secret = address.rsplit('/').next().context("no secret")?.to_owned();
        ensure!(secret.starts_with("cvx_"), "no secret in the address");
        Ok((shell, secret))
    }

    /// Ends the session as its people do it.
    pub async fn stop(&self) -> Result<()> {
        let stop = format!("{V1}/sessions/{}/stop", self.session);
        self.claviger.person("alice")?.post(&stop, &json!({})).await?.expect(200).map(drop)
    }

    fn sidecar(&self, provider: &str, more: &[&str], script: &str) -> Result<Started> {
        Started::command(&self.shell(provider)?, &[&["sidecar", "--every", "1"], more].concat(), script)
    }

    pub async fn open_turn(&self, user: &str, run: &str) -> Result<String> {
        let body = json!({ "project": self.project, "session": self.session, "run": run, "user": user });
        self.proxy.post("/api/claviger/v1/turns", &body).await?.expect(201)?.text_at("/id")
    }

    pub async fn close_turn(&self, id: &str) -> Result<()> {
        self.proxy
            .delete(&format!("/api/claviger/v1/turns/{id}"))
            .await?
            .expect(204)
            .map(drop)
    }

    pub async fn whose(&self, token: &str) -> Result<String> {
        self.claviger.emulator()?.whose("gitlab", &json!({ "token": token })).await
    }
}

#[tokio::test]
async fn a_change_of_turn_reaches_the_program_and_nothing_of_the_previous_person_stays() -> Result<()> {
    let world = World::start().await?;
    let mut sidecar = world.sidecar("gitlab", &[], PROGRAM)?;
    let mut before: Option<String> = None;
    for (at, user) in ["alice", "bob", "alice"].into_iter().enumerate() {
        let turn = world.open_turn(user, &format!("run-{at}")).await?;
        let token = sidecar.lines("tokens", at + 1).await?[at].clone();
        assert_eq!(world.whose(&token).await?, user);
        let id = sidecar.lines("ids", at + 1).await?[at].clone();
        if let Some(before) = &before {
            gone(before).await?;
        }
        world.close_turn(&turn).await?;
        // Nobody's turn: what had a person's token is gone, before there is another one.
        gone(&id).await?;
        before = Some(id);
    }
    let rest = sidecar.lines("rest", 3).await?;
    let expected = format!("|||{}", world.session);
    ensure!(rest.iter().all(|line| *line == expected), "{rest:?}");
    sidecar.signal("TERM")?;
    assert_eq!(sidecar.exit_code().await?, 0);
    Ok(())
}

#[tokio::test]
async fn one_turn_follows_another_without_a_pause_and_two_at_once_are_nobodys() -> Result<()> {
    let world = World::start().await?;
    let alice = world.open_turn("alice", "run-1").await?;
    let mut sidecar = world.sidecar("gitlab", &[], PROGRAM)?;
    let first = sidecar.lines("ids", 1).await?[0].clone();
    assert_eq!(world.whose(&sidecar.lines("tokens", 1).await?[0]).await?, "alice");
    let _bob = world.open_turn("bob", "run-2").await?;
    // The session's own bearer cannot tell whose message it is now.
    gone(&first).await?;
    world.close_turn(&alice).await?;
    assert_eq!(world.whose(&sidecar.lines("tokens", 2).await?[1]).await?, "bob");
    // Killed outright, it leaves nothing behind.
    let second = sidecar.lines("ids", 2).await?[1].clone();
    signal_to(&sidecar.id(), "KILL")?;
    gone(&second).await?;
    Ok(())
}

#[tokio::test]
async fn a_renewed_token_reaches_the_program() -> Result<()> {
    let world = World::start().await?;
    let order = json!({ "provider": "gitlab", "expires_in": 8 });
    world.claviger.emulator()?.fault(&order).await?.expect(201)?;
    let _turn = world.open_turn("bob", "run-1").await?;
    let mut sidecar = world.sidecar("gitlab", &[], PROGRAM)?;
    let tokens = sidecar.lines("tokens", 3).await?;
    ensure!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "{tokens:?}");
    assert_eq!(world.whose(&tokens[2]).await?, "bob");
    let ids = sidecar.lines("ids", 3).await?;
    gone(&ids[0]).await?;
    gone(&ids[1]).await?;
    Ok(())
}

#[tokio::test]
async fn a_program_that_ends_is_started_again_and_a_document_is_a_file() -> Result<()> {
    let world = World::start().await?;
    let place = tempfile::tempdir()?;
    let file = place.path().join("kubeconfig");
    let script = r#"echo "$(stat -c %a "$KUBECONFIG") $KUBECONFIG $(grep -c "name: team" "$KUBECONFIG")" >> "$OUT/seen"; exit 3"#;
    let shown = file.display().to_string();
    let mut sidecar = world.sidecar("kubeconfig", &["--kubeconfig", &shown], script)?;
    let seen = sidecar.lines("seen", 3).await?;
    ensure!(
        seen.iter()
            .all(|line| line.starts_with(&format!("600 {shown} ")) && !line.ends_with(" 0")),
        "{seen:?}"
    );
    sidecar.signal("TERM")?;
    assert_eq!(sidecar.exit_code().await?, 0);
    ensure!(!file.exists(), "the file is left behind");
    Ok(())
}

#[tokio::test]
async fn a_bearer_goes_nowhere_else_and_one_that_is_unknown_ends_the_sidecar() -> Result<()> {
    let world = World::start().await?;
    let run = |shell: Shell| shell.run(&["sidecar", "--", "true"]);
    run(world.shell("gitlab")?.with("AMBIENT_API_URL", "https://claviger.example.com"))?.refuses(2, "claviger.example.com")?;
    run(world.shell("gitlab")?.with("AMBIENT_API_URL", ""))?.refuses(2, "AMBIENT_API_URL")?;
    run(world.shell("gitlab")?.with("CREDENTIAL_IDS", "{}"))?.refuses(2, "gitlab")?;
    run(world.shell("gitlab")?.with("BOT_TOKEN", "cvk_nobody"))?
        .refuses(4, "token")?
        .without("cvk_nobody")?;
    Ok(())
}

/// The names of 6.2, for each provider that the platform has a sidecar for; a kubeconfig is a file, above.
#[tokio::test]
async fn each_program_finds_its_token_under_the_names_that_it_knows() -> Result<()> {
    let world = World::start().await?;
    let emulator = world.claviger.emulator()?;
    let _turn = world.open_turn("bob", "run-1").await?;
    let variables = |text: &str| -> std::collections::BTreeMap<String, String> {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    for (provider, names) in [
        ("github", &[("token", "GITHUB_PERSONAL_ACCESS_TOKEN")][..]),
        ("google", &[("accessToken", "GOOGLE_ACCESS_TOKEN")]),
        ("jira", &[("apiToken", "JIRA_API_TOKEN"), ("email", "JIRA_USERNAME")]),
    ] {
        let script = r#"env > "$OUT/part"; mv "$OUT/part" "$OUT/env"; exec sleep 300"#;
        let mut sidecar = world.sidecar(provider, &[], script)?;
        let had = variables(&sidecar.lines("env", 1).await?.join("\n"));
        let mut used = json!({});
        for (key, name) in names {
            used[*key] = json!(had.get(*name).with_context(|| format!("{provider}: no `{name}`"))?);
        }
        assert_eq!(emulator.whose(provider, &used).await?, "bob", "{provider}");
        if provider == "jira" {
            let url = format!("{}/jira", world.claviger.dev().upstream.trim_end_matches('/'));
            assert_eq!(had.get("JIRA_URL"), Some(&url));
        }
    }
    Ok(())
}

//! The real Git with `claviger git-credential`, and the helper spoken to as Git speaks.

use crate::commands::Shell;
use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::api::{V1, create};
use claviger_tests::github::GitHost;
use claviger_tests::{Claviger, Client, Setup, process};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A server that knows a GitHub whose repositories and interface are on one host.
struct World {
    claviger: Claviger,
    host: GitHost,
    alice: Client,
    shell: Shell,
    folder: tempfile::TempDir,
    _upstream: Claviger,
}

async fn world() -> Result<World> {
    let upstream = Claviger::start().await?;
    let folder = tempfile::tempdir()?;
    let bare = folder.path().join("hosted/alice/widgets.git");
    let mut init = Command::new("git");
    init.args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&bare);
    let made = init.output().context("no git")?;
    ensure!(made.status.success(), "{made:?}");
    let host = GitHost::start(&folder.path().join("hosted"), &upstream.dev().upstream).await?;
    let instance = format!(
        "[[instance]]\nprovider = \"github\"\nurl = \"{}\"\nnetworks = [\"127.0.0.0/8\"]\n",
        host.url
    );
    let claviger = Setup::default().config(&instance).start().await?;
    Ok(World {
        alice: claviger.person("alice")?,
        shell: Shell::of(&claviger, "alice")?,
        claviger,
        host,
        folder,
        _upstream: upstream,
    })
}

impl World {
    /// Alice's installation of the App at that host.
    async fn installation(&self) -> Result<String> {
        let seed = Seed::people(["alice", "bob", "carol"]);
        let fields = json!({ "app-id": seed.github_app.app_id, "private-key": seed.github_app.private_key.expose(),
            "installation-id": seed.people[0].github_installation.to_string() });
        let body = json!({ "name": "widgets", "provider": "github", "kind": "app-installation", "url": self.host.url, "fields": fields });
        create(&self.alice, &body).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `127.0.0.1:PORT`
    fn authority(&self) -> &str {
        self.host.url.trim_start_matches("http://").trim_end_matches('/')
    }

    async fn git(&self, within: &Path, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new("git");
        command.arg("-C").arg(within).args(arguments);
        self.shell.place(&mut command);
        let helper = format!("!'{}' git-credential", process::claviger()?.display());
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "true"),
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "credential.helper"),
            ("GIT_CONFIG_VALUE_0", &helper),
            ("GIT_AUTHOR_NAME", "Alice"),
            ("GIT_AUTHOR_EMAIL", "alice@example.org"),
            ("GIT_COMMITTER_NAME", "Alice"),
            ("GIT_COMMITTER_EMAIL", "alice@example.org"),
        ] {
            command.env(name, value);
        }
        tokio::process::Command::from(command).output().await.context("no git")
    }

    async fn must(&self, within: &Path, arguments: &[&str]) -> Result<String> {
        let output = self.git(within, arguments).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {arguments:?}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    async fn commit(&self, clone: &Path, text: &str) -> Result<String> {
        std::fs::write(clone.join("file"), text)?;
        self.must(clone, &["add", "file"]).await?;
        self.must(clone, &["commit", "--quiet", "-m", text]).await?;
        self.must(clone, &["rev-parse", "HEAD"]).await
    }

    /// What the helper answers to Git's words.
    fn told(&self, operation: &[&str], said: &str) -> Result<BTreeMap<String, String>> {
        told(&self.shell, operation, said)
    }
}

fn told(shell: &Shell, operation: &[&str], said: &str) -> Result<BTreeMap<String, String>> {
    let outcome = shell.run_with(&[&["git-credential"], operation].concat(), said)?.exits(0)?;
    let lines = outcome.out.lines().map(|line| line.split_once('=').context("a line without `=`"));
    lines
        .map(|line| line.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect()
}

#[tokio::test]
async fn git_clones_and_pushes_and_a_refused_token_is_replaced() -> Result<()> {
    let world = world().await?;
    let id = world.installation().await?;
    let (clone, bare) = (world.path("clone"), world.path("hosted/alice/widgets.git"));
    let url = format!("{}/alice/widgets.git", world.host.url);
    world.must(world.folder.path(), &["clone", "--quiet", &url, "clone"]).await?;
    world.must(&clone, &["checkout", "--quiet", "-B", "main"]).await?;
    let first = world.commit(&clone, "one").await?;
    world.must(&clone, &["push", "--quiet", "origin", "main"]).await?;
    assert_eq!(world.must(&bare, &["rev-parse", "main"]).await?, first);
    let config = std::fs::read_to_string(clone.join(".git/config"))?;
    ensure!(!config.contains("ghs_"), "the token stayed in the clone: {config}");

    // The token dies at its upstream: one push fails and says so, the next one works.
    let dead = claviger_tests::api::token(&world.alice, &id).await?;
    let github = Client::new(&world.host.url)?.with_bearer(&dead);
    github.delete("/api/v3/installation/token").await?.expect(204)?;
    let second = world.commit(&clone, "two").await?;
    let refused = world.git(&clone, &["push", "--quiet", "origin", "main"]).await?;
    ensure!(!refused.status.success(), "a dead token pushed");
    world.must(&clone, &["push", "--quiet", "origin", "main"]).await?;
    assert_eq!(world.must(&bare, &["rev-parse", "main"]).await?, second);
    ensure!(
        claviger_tests::api::token(&world.alice, &id).await? != dead,
        "the dead token is still handed out"
    );

    // Another repository of that host is not the installation's.
    let other = format!("{}/bob/widgets.git", world.host.url);
    let refused = world.git(world.folder.path(), &["clone", "--quiet", &other, "other"]).await?;
    ensure!(!refused.status.success(), "a token of Alice's opened what is Bob's");
    Ok(())
}

#[tokio::test]
async fn a_token_goes_to_its_own_host_and_to_no_other() -> Result<()> {
    let world = world().await?;
    let id = world.installation().await?;
    let authority = world.authority().to_owned();
    let said = |host: &str| format!("protocol=http\nhost={host}\nwwwauth[]=Basic realm=\"GitHub\"\n\n");
    let answer = world.told(&["get"], &said(&authority))?;
    let token = claviger_tests::api::token(&world.alice, &id).await?;
    assert_eq!(
        ["protocol", "host", "username", "password"].map(|name| answer.get(name).map(String::as_str)),
        [Some("http"), Some(&*authority), Some("x-access-token"), Some(&*token)]
    );
    let ends: i64 = answer.get("password_expiry_utc").context("no end")?.parse()?;
    ensure!(ends > 1_000_000_000, "{ends}");

    for elsewhere in [
        format!("protocol=https\nhost={authority}\n\n"),
        said(&format!("{authority}0")),
        said("127.0.0.1"),
        said("github.com"),
        said("localhost"),
        format!("protocol=http\nhost={authority}\nusername=somebody\n\n"),
        "protocol=http\n\n".to_owned(),
        String::new(),
    ] {
        let answer = world.told(&["get"], &elsewhere)?;
        ensure!(answer.is_empty(), "`{elsewhere}` is answered");
        let named = world.told(&["--credential", &id, "get"], &elsewhere)?;
        ensure!(named.is_empty(), "`{elsewhere}` is answered when the credential is named");
    }
    for operation in ["store", "capability", "anything"] {
        ensure!(world.told(&[operation], &said(&authority))?.is_empty(), "{operation}");
    }

    // Bob has nothing there, and is not told of Alice's.
    let bob = Shell::of(&world.claviger, "bob")?;
    ensure!(told(&bob, &["get"], &said(&authority))?.is_empty());
    ensure!(told(&bob, &["--credential", &id, "get"], &said(&authority))?.is_empty());

    // Two for one host are not guessed between, and the answer names neither's token.
    world.installation().await?;
    let both = world.shell.run_with(&["git-credential", "get"], &said(&authority))?;
    both.refuses(1, "2 credentials may open")?.without(&token)?;
    assert_eq!(
        world.told(&["--credential", &id, "get"], &said(&authority))?.get("password"),
        Some(&token)
    );
    Ok(())
}

#[tokio::test]
async fn what_was_refused_is_remembered_without_its_token_and_asked_for_once() -> Result<()> {
    let world = world().await?;
    let id = world.installation().await?;
    let said = format!("protocol=http\nhost={}\n", world.authority());
    let get = || -> Result<String> {
        let mut answer = world.told(&["get"], &said)?;
        answer.remove("password").context("no password")
    };
    let first = get()?;
    let state = world
        .shell
        .config()
        .parent()
        .and_then(Path::parent)
        .context("a home")?
        .join(".local/state/claviger/rejected.json");

    // Another helper's password is not ours to replace.
    world.told(&["erase"], &format!("{said}password=somebody-elses\n"))?;
    ensure!(!state.exists(), "another helper's refusal is remembered");
    assert_eq!(get()?, first);

    world.told(&["erase"], &format!("{said}password={first}\n"))?;
    let kept = std::fs::read_to_string(&state)?;
    ensure!(kept.contains(&id) && !kept.contains("ghs_"), "{kept}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&state)?.permissions().mode() & 0o777, 0o600);

    let second = get()?;
    ensure!(second != first, "the refused token came again");
    world.told(&["erase"], &format!("{said}password={second}\n"))?;
    assert_eq!(get()?, second, "a third token within a minute");
    Ok(())
}

#[tokio::test]
async fn in_a_session_it_is_the_account_of_whose_turn_it_is() -> Result<()> {
    let claviger = Claviger::start().await?;
    let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
    let proxy = claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer);
    let runner = Shell::new()?
        .with("CLAVIGER_URL", &claviger.dev().url)
        .with("CLAVIGER_TOKEN", &session.token);
    let place = ["--project", &session.project, "--session", &session.id, "get"];
    let authority = claviger
        .dev()
        .upstream
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let emulator = claviger.emulator()?;
    for (provider, user) in [("github", "alice"), ("github", "bob"), ("gitlab", "bob"), ("gitlab", "alice")] {
        let body = json!({ "project": session.project, "session": session.id, "run": format!("{provider}-{user}"), "user": user });
        let turn = proxy.post("/api/claviger/v1/turns", &body).await?.expect(201)?.text_at("/id")?;
        // Both instances are on the emulator's one host, and the path tells them apart.
        let said = format!("protocol=http\nhost={authority}\npath={provider}/{user}/widgets.git\n\n");
        let answer = told(&runner, &[&["--provider", provider], &place[..]].concat(), &said)?;
        let token = answer.get("password").with_context(|| format!("no {provider} for {user}"))?;
        assert_eq!(emulator.whose(provider, &json!({ "token": token })).await?, user);
        let other = if provider == "github" { "gitlab" } else { "github" };
        let said = format!("protocol=http\nhost={authority}\npath={other}/{user}/widgets.git\n\n");
        ensure!(told(&runner, &[&["--provider", provider], &place[..]].concat(), &said)?.is_empty());
        proxy.delete(&format!("/api/claviger/v1/turns/{turn}")).await?.expect(204)?;
    }
    let said = format!("protocol=http\nhost={authority}\n\n");
    ensure!(
        told(&runner, &[&["--provider", "gitlab"], &place[..]].concat(), &said)?.is_empty(),
        "a token after the turn"
    );
    let audited = claviger.person("alice")?.get(&format!("{V1}/sessions/{}", session.id)).await?;
    audited.expect(200)?;
    Ok(())
}

//! The real Git, cloning and pushing with a helper that asks Claviger.

use super::{World, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, create};
use claviger_tests::github::GitHost;
use claviger_tests::upstream::script;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

struct Desk {
    folder: tempfile::TempDir,
    host: GitHost,
    environment: Vec<(String, String)>,
}

impl Desk {
    async fn of(world: &World, credential: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let bare = folder.path().join("hosted/alice/widgets.git");
        let plain = Command::new("git")
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(&bare)
            .output()
            .context("no git")?;
        ensure!(plain.status.success(), "{plain:?}");
        let host = GitHost::start(&folder.path().join("hosted"), &world.claviger.dev().upstream).await?;
        let helper = format!("!node '{}'", script("githelper.mjs")?.display());
        let state = folder.path().join("helper.jsonl");
        let token_url = format!("{}{V1}/credentials/{credential}/token", world.claviger.dev().url);
        let bearer = &world.claviger.dev().people["alice"].bearer;
        let environment = [
            ("PATH", std::env::var("PATH")?),
            ("HOME", folder.path().display().to_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
            ("GIT_ASKPASS", "true".to_owned()),
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", "credential.helper".to_owned()),
            ("GIT_CONFIG_VALUE_0", helper),
            ("GIT_AUTHOR_NAME", "Alice".to_owned()),
            ("GIT_AUTHOR_EMAIL", "alice@example.org".to_owned()),
            ("GIT_COMMITTER_NAME", "Alice".to_owned()),
            ("GIT_COMMITTER_EMAIL", "alice@example.org".to_owned()),
            ("CLAVIGER_TOKEN_URL", token_url),
            ("CLAVIGER_BEARER", bearer.clone()),
            ("HELPER_STATE", state.display().to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Ok(Self { folder, host, environment })
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    async fn git(&self, within: &Path, arguments: &[&str]) -> Result<Output> {
        let mut command = tokio::process::Command::new("git");
        command.arg("-C").arg(within).args(arguments);
        command.env_clear().envs(self.environment.iter().cloned());
        command.output().await.context("no git")
    }

    async fn must(&self, within: &Path, arguments: &[&str]) -> Result<String> {
        let output = self.git(within, arguments).await?;
        ensure!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// What the helper was asked: `operation`, `password`, `generation`.
    fn asked(&self) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.path("helper.jsonl"))?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    async fn commit(&self, clone: &Path, text: &str) -> Result<String> {
        std::fs::write(clone.join("file"), text)?;
        self.must(clone, &["add", "file"]).await?;
        self.must(clone, &["commit", "--quiet", "-m", text]).await?;
        self.must(clone, &["rev-parse", "HEAD"]).await
    }
}

#[tokio::test]
async fn git_clones_and_pushes_with_a_token_of_the_installation() -> Result<()> {
    let world = world().await?;
    let id = create(&world.alice, &world.installation()).await?;
    let desk = Desk::of(&world, &id).await?;
    let (clone, bare) = (desk.path("clone"), desk.path("hosted/alice/widgets.git"));
    let url = format!("{}/alice/widgets.git", desk.host.url);
    desk.must(desk.folder.path(), &["clone", "--quiet", &url, "clone"]).await?;
    desk.must(&clone, &["checkout", "--quiet", "-B", "main"]).await?;
    let pushed = desk.commit(&clone, "one").await?;
    desk.must(&clone, &["push", "--quiet", "origin", "main"]).await?;
    assert_eq!(desk.must(&bare, &["rev-parse", "main"]).await?, pushed);

    let asked = desk.asked()?;
    let first = asked.first().context("the helper was never asked")?;
    ensure!(
        first["operation"] == "get" && first["password"].as_str().is_some_and(|token| token.starts_with("ghs_")),
        "{first}"
    );
    ensure!(
        asked.iter().any(|line| line["operation"] == "store") && !asked.iter().any(|line| line["operation"] == "erase"),
        "{asked:#?}"
    );
    let config = std::fs::read_to_string(clone.join(".git/config"))?;
    ensure!(!config.contains("ghs_"), "the token stayed in the clone: {config}");
    let requests = desk.host.requests().await?;
    ensure!(
        requests[0]["authenticated"] == false && requests[0]["status"] == 401,
        "Git asks without a token first: {requests:#?}"
    );

    // Another repository of that host is not the installation's.
    let other = format!("{}/bob/widgets.git", desk.host.url);
    let refused = desk.git(desk.folder.path(), &["clone", "--quiet", &other, "other"]).await?;
    ensure!(!refused.status.success(), "a token of Alice's opened what is Bob's");
    Ok(())
}

#[tokio::test]
async fn a_token_that_the_host_rejects_is_erased_and_another_one_works() -> Result<()> {
    let world = world().await?;
    let id = create(&world.alice, &world.installation()).await?;
    let desk = Desk::of(&world, &id).await?;
    let clone = desk.path("clone");
    let url = format!("{}/alice/widgets.git", desk.host.url);
    desk.must(desk.folder.path(), &["clone", "--quiet", &url, "clone"]).await?;
    desk.must(&clone, &["checkout", "--quiet", "-B", "main"]).await?;
    let pushed = desk.commit(&clone, "one").await?;

    let first = desk.asked()?[0]["password"].as_str().unwrap_or_default().to_owned();
    let github = claviger_tests::Client::new(&world.url)?.with_bearer(&first);
    github.delete("/api/v3/installation/token").await?.expect(204)?;
    let rejected = desk.git(&clone, &["push", "--quiet", "origin", "main"]).await?;
    ensure!(!rejected.status.success(), "a dead token pushed");
    let erased = desk
        .asked()?
        .into_iter()
        .rfind(|line| line["operation"] == "erase")
        .context("Git erased nothing")?;
    assert_eq!(erased["password"], first.as_str());

    desk.must(&clone, &["push", "--quiet", "origin", "main"]).await?;
    assert_eq!(
        desk.must(&desk.path("hosted/alice/widgets.git"), &["rev-parse", "main"]).await?,
        pushed
    );
    let second = desk
        .asked()?
        .into_iter()
        .rfind(|line| line["operation"] == "get")
        .context("nothing was asked")?;
    ensure!(second["password"] != first.as_str(), "the rejected token was handed out again");
    Ok(())
}

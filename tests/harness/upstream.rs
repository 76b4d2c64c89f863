//! Upstreams: two that nobody here wrote, run by Node.js, and the development server's own emulator.

use crate::process::{self, Running};
use crate::{Answer, Client};
use anyhow::{Context, Result, bail};
use base64::Engine;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

/// Prism reads GitHub's description in two to four seconds; a loaded machine takes longer.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// A Node.js program of `tests/upstreams`. It lives as long as its standard input is open.
pub(crate) struct Program {
    _running: Running,
    _stdin: ChildStdin,
    announced: String,
}

impl Program {
    pub(crate) async fn start(name: &str, arguments: &[&str]) -> Result<Self> {
        let script = script(name)?;
        let mut command = Command::new("node");
        command
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut running = Running::start(&mut command)?;
        let stdin = running.child().stdin.take().context("the upstream has no standard input")?;
        let stdout = running.child().stdout.take().context("the upstream has no standard output")?;
        let first_line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(READY_WITHIN, first_line).await;
        let announced = line.with_context(|| format!("`{name}` is not ready after {} s", READY_WITHIN.as_secs()))???;
        if announced.is_empty() {
            bail!("`{name}` ended before it was ready; run `node tests/upstreams/{name}` from `target/upstreams` to see why");
        }
        Ok(Self {
            _running: running,
            _stdin: stdin,
            announced,
        })
    }

    /// The line that it said it was ready with.
    pub(crate) fn announced(&self) -> &str {
        &self.announced
    }
}

/// A program of `tests/upstreams`, where it runs. Node.js looks for packages beside the script, and they are in `target/upstreams`: so the script goes there, with what every one of
/// them uses.
///
/// # Errors
/// The packages are not installed, or the folder cannot be written.
pub fn script(name: &str) -> Result<PathBuf> {
    let place = process::target_dir()?.join("upstreams");
    if !place.join("node_modules").exists() {
        bail!(
            "no `{}`; `cargo xtask test` installs the upstreams' packages",
            place.join("node_modules").display()
        );
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("upstreams");
    for file in ["loopback.mjs", "description.mjs", name] {
        let text = std::fs::read(source.join(file)).with_context(|| format!("cannot read `{file}`"))?;
        if std::fs::read(place.join(file)).is_ok_and(|old| old == text) {
            continue;
        }
        // Several tests start at once: nobody may find half a script.
        let part = tempfile::NamedTempFile::new_in(&place).context("cannot write below `target/upstreams`")?;
        std::fs::write(part.path(), &text).context("cannot write below `target/upstreams`")?;
        part.persist(place.join(file)).context("cannot write below `target/upstreams`")?;
    }
    Ok(place.join(name))
}

/// GitHub's published description, served by Prism.
pub struct Prism {
    _program: Program,
    /// What it announced.
    pub ready: PrismReady,
    client: Client,
}

/// The app that Prism's proxy knows.
#[derive(Deserialize)]
pub struct PrismReady {
    /// Where GitHub is; paths with and without `/api/v3`.
    pub url: String,
    /// The app's id.
    pub app_id: String,
    /// The app's key, PKCS#1 in PEM.
    pub private_key: String,
}

impl Prism {
    /// Starts it.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start() -> Result<Self> {
        let program = Program::start("prism.mjs", &[]).await?;
        let ready: PrismReady = serde_json::from_str(&program.announced).context("prism.mjs announced something else")?;
        let client = Client::new(&ready.url)?;
        Ok(Self {
            _program: program,
            ready,
            client,
        })
    }

    /// From now on minted tokens expire in so many seconds; `None` brings the description's example back, which is of 2016.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn expire_in(&self, seconds: Option<i64>) -> Result<()> {
        self.client
            .post("/_expiry", &json!({ "seconds": seconds }))
            .await?
            .expect(200)
            .map(drop)
    }

    /// The requests so far: `method`, `path`, `body`, `claims`, `status`, `violations`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn requests(&self) -> Result<Vec<Value>> {
        requests(&self.client).await
    }
}

/// A certified OpenID provider that rotates refresh tokens, dressed as GitLab.
pub struct Oidc {
    _program: Program,
    /// What it announced.
    pub ready: OidcReady,
    client: Client,
}

/// The client that the provider knows.
#[derive(Deserialize)]
pub struct OidcReady {
    /// The instance: `{url}/oauth/token`, `{url}/api/v4/user`.
    pub url: String,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: String,
}

impl Oidc {
    /// Starts it; access tokens live so many seconds.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start(access_token_seconds: u32) -> Result<Self> {
        let program = Program::start("oidc.mjs", &[&access_token_seconds.to_string()]).await?;
        let ready: OidcReady = serde_json::from_str(&program.announced).context("oidc.mjs announced something else")?;
        let client = Client::new(&ready.url)?;
        Ok(Self {
            _program: program,
            ready,
            client,
        })
    }

    /// A first refresh token for that account.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn seed(&self, account: &str) -> Result<String> {
        self.client
            .post("/_seed", &json!({ "account": account }))
            .await?
            .expect(200)?
            .text_at("/refresh_token")
    }

    /// Whose access token that is, while it is good.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn account_of(&self, access_token: &str) -> Result<Option<String>> {
        let answer = self
            .client
            .post("/_check", &json!({ "token": access_token }))
            .await?
            .expect(200)?
            .json()?;
        Ok(answer.get("account").and_then(Value::as_str).map(str::to_owned))
    }

    /// Whether a refresh token has been used.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn is_consumed(&self, refresh_token: &str) -> Result<bool> {
        let answer = self
            .client
            .post("/_check_refresh", &json!({ "token": refresh_token }))
            .await?
            .expect(200)?
            .json()?;
        Ok(answer.get("consumed").and_then(Value::as_bool).unwrap_or_default())
    }

    /// The requests so far: `method`, `path`, `type`, `status`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn requests(&self) -> Result<Vec<Value>> {
        requests(&self.client).await
    }
}

/// A certified OpenID provider as an issuer of bearers.
pub struct OpenId {
    _program: Program,
    /// Its address, which is its tokens' `iss`, and the service's client.
    pub ready: OidcReady,
    client: Client,
}

impl OpenId {
    /// Starts it.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start() -> Result<Self> {
        let program = Program::start("issuer.mjs", &[]).await?;
        let ready: OidcReady = serde_json::from_str(&program.announced).context("issuer.mjs announced something else")?;
        let client = Client::new(&ready.url)?;
        Ok(Self {
            _program: program,
            ready,
            client,
        })
    }

    /// A person's access token, signed with that algorithm, from the provider's own token endpoint.
    ///
    /// # Errors
    /// It does not give one.
    pub async fn person(&self, account: &str, algorithm: &str) -> Result<String> {
        let order = json!({ "account": account, "algorithm": algorithm });
        let seeded = self.client.post("/_seed", &order).await?.expect(200)?;
        let (token, resource) = (seeded.text_at("/refresh_token")?, seeded.text_at("/resource")?);
        self.token(
            &format!("grant_type=refresh_token&refresh_token={token}&resource={resource}"),
            "/access_token",
        )
        .await
    }

    /// A person's ID token: for the client, not for us.
    ///
    /// # Errors
    /// It does not give one.
    pub async fn id_token(&self, account: &str) -> Result<String> {
        let order = json!({ "account": account, "algorithm": "RS256" });
        let seeded = self.client.post("/_seed", &order).await?.expect(200)?;
        let token = seeded.text_at("/refresh_token")?;
        self.token(&format!("grant_type=refresh_token&refresh_token={token}"), "/id_token")
            .await
    }

    /// The parameters of each `/token` that was granted.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn granted(&self) -> Result<Vec<Value>> {
        requests(&self.client).await
    }

    /// The service's own access token.
    ///
    /// # Errors
    /// It does not give one.
    pub async fn service(&self) -> Result<String> {
        self.token("grant_type=client_credentials&scope=api&resource=urn:claviger:rsa", "/access_token")
            .await
    }

    async fn token(&self, form: &str, pointer: &str) -> Result<String> {
        let (id, secret) = (&self.ready.client_id, &self.ready.client_secret);
        let form = format!("{form}&client_id={id}&client_secret={secret}").replace("urn:", "urn%3A");
        let body = Some(("application/x-www-form-urlencoded", form.into_bytes()));
        self.client
            .send(reqwest::Method::POST, "/token", body)
            .await?
            .expect(200)?
            .text_at(pointer)
    }
}

pub(crate) async fn requests(client: &Client) -> Result<Vec<Value>> {
    match client.get("/_log").await?.expect(200)?.json()? {
        Value::Array(entries) => Ok(entries),
        other => bail!("the upstream's log is no list: {other}"),
    }
}

/// The development server's own upstream.
pub struct Emulator {
    client: Client,
}

impl Emulator {
    /// The one at that address.
    ///
    /// # Errors
    /// No client can be built.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self { client: Client::new(url)? })
    }

    /// Orders a fault (`POST /_faults`).
    ///
    /// # Errors
    /// It does not answer, or does not know that fault.
    pub async fn fault(&self, order: &Value) -> Result<Answer> {
        let answer = self.client.post("/_faults", order).await?;
        if answer.status >= 300 {
            bail!("the emulator refuses {order}: {} {}", answer.status, answer.text);
        }
        Ok(answer)
    }

    /// Whose account a session's answer opens, as the upstream itself sees it: the token is used there.
    ///
    /// # Errors
    /// The upstream refuses the token, or says nothing of whose it is.
    pub async fn whose(&self, provider: &str, body: &Value) -> Result<String> {
        let text = |key: &str| {
            body.get(key)
                .and_then(Value::as_str)
                .with_context(|| format!("no text `{key}` in {body}"))
        };
        let (path, authorization) = match provider {
            "github" => ("/github/api/v3/user", format!("Bearer {}", text("token")?)),
            "gitlab" => ("/gitlab/api/v4/user", format!("Bearer {}", text("token")?)),
            "google" => ("/google/userinfo", format!("Bearer {}", text("accessToken")?)),
            "jira" => {
                let pair = format!("{}:{}", text("email")?, text("apiToken")?);
                (
                    "/jira/rest/api/3/myself",
                    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)),
                )
            }
            other => bail!("`{other}` is not emulated"),
        };
        let answer = self.client.with_header("authorization", &authorization).get(path).await?;
        // An App's installation may not ask who it is; the upstream knows all the same.
        if answer.status != 200 && answer.status != 403 {
            bail!("{provider} refuses the token: {} {}", answer.status, answer.text);
        }
        let log = self.requests().await?;
        let account = log
            .last()
            .and_then(|entry| entry.pointer("/credential/account"))
            .and_then(Value::as_str);
        account
            .map(str::to_owned)
            .with_context(|| format!("{provider} does not say whose token that is: {:?}", log.last()))
    }

    /// The requests so far: `provider`, `operation`, `path`, `credential`, `asked`, `status`, `fault`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn requests(&self) -> Result<Vec<Value>> {
        requests(&self.client).await
    }

    /// Its client, for everything else it offers.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

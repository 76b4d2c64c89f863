//! How the edge gets a session's bearer: from an exchange that fails, answers nonsense or refuses, and where it may not ask at all. What was encrypted
//! is read by OpenSSL.

use super::exec::Started;
use super::sidecar::World;
use crate::commands::Shell;
use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::json;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What stands in every address here.
const SECRET: &str = "cvx_not-to-be-seen";

/// An exchange that answers what it is told, one after the other, and the last one again and again.
struct Stub {
    url: String,
    state: Shared,
}

type Shared = Arc<Mutex<(Vec<(u16, String)>, Vec<(String, String)>)>>;

async fn answer(State(state): State<Shared>, uri: Uri, headers: HeaderMap) -> (StatusCode, [(&'static str, String); 1], String) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let header = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    state.1.push((uri.path().to_owned(), header.to_owned()));
    let (status, body) = if state.0.len() > 1 { state.0.remove(0) } else { state.0[0].clone() };
    let elsewhere = format!("http://127.0.0.1:1/{SECRET}");
    (
        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        [("location", elsewhere)],
        body,
    )
}

impl Stub {
    async fn start(answers: &[(u16, &str)]) -> Result<Self> {
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let state: Shared = Arc::new(Mutex::new((answers, Vec::new())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/token/{SECRET}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, state })
    }

    /// The `Authorization` of each request so far, all at the one address.
    fn asked(&self) -> Result<Vec<String>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let path = format!("/token/{SECRET}");
        ensure!(state.1.iter().all(|(at, _)| *at == path), "{:?}", state.1);
        Ok(state.1.iter().map(|(_, header)| header.clone()).collect())
    }
}

/// A pair of OpenSSL's.
struct Pair {
    folder: tempfile::TempDir,
    public: String,
    pkcs1: String,
}

fn openssl(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut command = Command::new("openssl");
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().context("no openssl")?;
    child.stdin.take().context("no standard input")?.write_all(input)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "openssl {arguments:?} fails");
    Ok(output.stdout)
}

impl Pair {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let private = openssl(&["genrsa", "2048"], b"")?;
        std::fs::write(folder.path().join("private"), &private)?;
        Ok(Self {
            folder,
            public: String::from_utf8(openssl(&["rsa", "-pubout"], &private)?)?,
            pkcs1: String::from_utf8(openssl(&["rsa", "-RSAPublicKey_out"], &private)?)?,
        })
    }

    fn decrypt(&self, header: &str) -> Result<String> {
        let text = header.strip_prefix("Bearer ").context("another scheme")?;
        let ciphertext = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text)?;
        let key = self.folder.path().join("private").display().to_string();
        let options = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"];
        let options = options.into_iter().flat_map(|option| ["-pkeyopt", option]);
        let arguments: Vec<&str> = ["pkeyutl", "-decrypt", "-inkey", &key].into_iter().chain(options).collect();
        Ok(String::from_utf8(openssl(&arguments, &ciphertext)?)?)
    }
}

/// A sidecar's and a runner's environment with that exchange.
fn shell(world: &World, url: &str, key: &str) -> Result<Shell> {
    Ok(world
        .shell("gitlab")?
        .with("BOT_TOKEN", "")
        .with("PROJECT_NAME", &world.project)
        .with("BACKEND_API_URL", &format!("{}/api", world.claviger.dev().url))
        .with("AMBIENT_CP_TOKEN_URL", url)
        .with("AMBIENT_CP_TOKEN_PUBLIC_KEY", key))
}

fn granted(bearer: &str) -> String {
    json!({ "token": bearer, "expires_at": "2100-01-01T00:00:00Z", "more": [1] }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_75_the_third_attempt_is_the_last_and_all_show_one_ciphertext_of_the_sessions_id() -> Result<()> {
    let (world, pair) = (World::start().await?, Pair::new()?);
    let good = granted(&world.bearer);
    let stub = Stub::start(&[(500, "internal server error"), (503, "{}"), (200, &good)]).await?;
    let _turn = world.open_turn("bob", "run-1").await?;
    let shell = shell(&world, &stub.url, &pair.public)?;
    let began = Instant::now();
    let out = shell.ok(&["credential-process", "--provider", "gitlab"])?;
    ensure!(
        began.elapsed() >= Duration::from_secs(3),
        "a second, then two: {:?}",
        began.elapsed()
    );
    let token = serde_json::from_str::<serde_json::Value>(&out)?["token"]
        .as_str()
        .context("no token")?
        .to_owned();
    assert_eq!(world.whose(&token).await?, "bob");
    let asked = stub.asked()?;
    assert_eq!(asked.len(), 3);
    ensure!(asked.iter().all(|header| *header == asked[0]), "another ciphertext: {asked:?}");
    assert_eq!(pair.decrypt(&asked[0])?, world.session);

    // The next exchange encrypts anew.
    shell.ok(&["credential-process", "--provider", "gitlab"])?;
    let asked = stub.asked()?;
    assert_eq!(asked.len(), 4);
    assert_ne!(asked[3], asked[0]);
    assert_eq!(pair.decrypt(&asked[3])?, world.session);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_75_three_failures_are_enough_and_nonsense_is_final() -> Result<()> {
    let (world, pair) = (World::start().await?, Pair::new()?);
    let large = json!({ "token": "t".repeat(70_000) }).to_string();
    for (status, body, attempts, code, word) in [
        (500, "internal server error", 3, 1, "(500)"),
        (429, "too many requests", 3, 1, "(429)"),
        (200, "{\"token\": \"\"}", 1, 1, "empty"),
        (200, "{\"token\"", 1, 1, "something else"),
        (200, "<html>", 1, 1, "something else"),
        (200, "{}", 1, 1, "something else"),
        (200, &large, 1, 1, "65536"),
        (201, "{\"token\": \"t\"}", 1, 1, "(201)"),
        (302, "", 1, 1, "elsewhere"),
        (404, "not found", 1, 1, "(404)"),
        (401, "unauthorized", 1, 4, "ended"),
        (403, "forbidden", 1, 4, "ended"),
    ] {
        let stub = Stub::start(&[(status, body)]).await?;
        let shell = shell(&world, &stub.url, &pair.public)?;
        let (at, out) = (tempfile::tempdir()?, "ran");
        let ran = at.path().join(out).display().to_string();
        shell.run(&["sidecar", "--", "touch", &ran])?.refuses(code, word)?.without(SECRET)?;
        ensure!(!at.path().join(out).exists(), "{status}: the command ran without a token");
        let asked = stub.asked()?;
        assert_eq!(asked.len(), attempts, "{status} {body}");
        ensure!(asked.iter().all(|header| *header == asked[0]), "another ciphertext");
    }
    let nobody = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        format!("http://{}/token/{SECRET}", listener.local_addr()?)
    };
    let began = Instant::now();
    let refused = shell(&world, &nobody, &pair.public)?.run(&["exec", "--provider", "gitlab", "--", "true"])?;
    refused.refuses(5, "127.0.0.1")?.without(SECRET)?;
    ensure!(began.elapsed() >= Duration::from_secs(3), "it was not tried again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_76_only_an_address_of_the_webs_without_a_user_and_a_pkix_key() -> Result<()> {
    let (world, pair) = (World::start().await?, Pair::new()?);
    let stub = Stub::start(&[(200, &granted(&world.bearer))]).await?;
    let authority = stub.url.trim_start_matches("http://");
    for (url, word) in [
        (format!("ftp://{authority}"), "http or https"),
        (format!("http://alice@{authority}"), "user"),
        (format!("http://alice:{SECRET}@{authority}"), "user"),
        (format!("http:///{SECRET}"), "host"),
        (SECRET.to_owned(), "no address"),
        (format!("http://claviger.example.com/{SECRET}"), "claviger.example.com"),
    ] {
        for command in [&["sidecar"][..], &["exec", "--provider", "gitlab"]] {
            let refused = shell(&world, &url, &pair.public)?.run(&[command, &["--", "true"]].concat())?;
            refused.refuses(2, word)?.without(SECRET)?;
        }
    }
    for (key, word) in [(&*pair.pkcs1, "PKCS#1"), ("AAAA", "PEM"), ("", "AMBIENT_CP_TOKEN_PUBLIC_KEY")] {
        let refused = shell(&world, &stub.url, key)?.run(&["sidecar", "--", "true"])?;
        refused.refuses(2, word)?.without(SECRET)?;
    }
    ensure!(stub.asked()?.is_empty(), "it was asked all the same");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_that_the_api_does_not_know_is_replaced_at_once() -> Result<()> {
    let (world, pair) = (World::start().await?, Pair::new()?);
    let (bad, good) = (granted("cvs_nobodys"), granted(&world.bearer));
    let stub = Stub::start(&[(200, &bad), (200, &good)]).await?;
    let _turn = world.open_turn("alice", "run-1").await?;
    let mut sidecar = Started::command(
        &shell(&world, &stub.url, &pair.public)?,
        &["sidecar", "--every", "1"],
        r#"echo "$GITLAB_TOKEN" >> "$OUT/tokens"; exec sleep 300"#,
    )?;
    assert_eq!(world.whose(&sidecar.lines("tokens", 1).await?[0]).await?, "alice");
    let asked = stub.asked()?;
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0], asked[1], "each exchange encrypts anew");
    Ok(())
}

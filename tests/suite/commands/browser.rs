//! Signing in at an issuer: a certified provider that nobody here wrote, and as much of a browser as it needs.

use super::{Outcome, Shell};
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claviger_tests::browser::{Person, open};
use claviger_tests::{Claviger, OpenId, Setup, process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

const CLIENT: &str = "claviger-cli";
const RESOURCE: &str = "urn:claviger:rsa";

struct World {
    issuer: OpenId,
    claviger: Claviger,
}

async fn world() -> Result<World> {
    let issuer = OpenId::start().await?;
    let (url, id) = (&issuer.ready.url, &issuer.ready.client_id);
    let config = format!(
        "[[issuer]]\nurl = \"{url}\"\naudiences = [\"claviger\"]\n\
         [[service]]\nname = \"control-plane\"\nissuer = \"{url}\"\nsubject = \"{id}\"\npermissions = [\"role:read\"]\n"
    );
    let claviger = Setup::default().config(&config).start().await?;
    Ok(World { issuer, claviger })
}

impl World {
    /// The command line of a sign-in in the browser.
    fn login<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let fixed = [
            "login",
            &self.claviger.dev().url,
            "--name",
            "here",
            "--issuer",
            &self.issuer.ready.url,
            "--client-id",
            CLIENT,
            "--scope",
            "openid api",
            "--resource",
            RESOURCE,
        ];
        fixed.into_iter().chain(more.iter().copied()).collect()
    }
}

/// A sign-in that waits for its browser.
struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
    /// Where the person is sent.
    address: String,
}

impl Waiting {
    fn start(shell: &Shell, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(process::claviger()?);
        shell.place(&mut command);
        command.args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().context("a standard error")?);
        let mut said = String::new();
        let address = loop {
            let from = said.len();
            ensure!(stderr.read_line(&mut said)? > 0, "no address was shown: {said}");
            if let Some(address) = said[from..].trim().strip_prefix("http") {
                break format!("http{address}");
            }
        };
        Ok(Self {
            child,
            stderr,
            said,
            address,
        })
    }

    fn parameters(&self) -> Result<BTreeMap<String, String>> {
        let url = reqwest::Url::parse(&self.address)?;
        Ok(url.query_pairs().into_owned().collect())
    }

    fn arguments(&self) -> Result<String> {
        Ok(std::fs::read_to_string(format!("/proc/{}/cmdline", self.child.id()))?)
    }

    fn end(mut self) -> Result<Outcome> {
        self.stderr.read_to_string(&mut self.said)?;
        let output = self.child.wait_with_output()?;
        Ok(Outcome {
            said: "login in the browser".to_owned(),
            code: output.status.code().context("a signal ended it")?,
            out: String::from_utf8(output.stdout)?,
            err: self.said,
        })
    }
}

fn kept(shell: &Shell) -> Result<toml::Value> {
    let text = std::fs::read_to_string(shell.config())?;
    let document: toml::Table = toml::from_str(&text)?;
    document["contexts"].get("here").cloned().context("the context")
}

fn text(value: &toml::Value, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(value, |value, key| value.get(key))?;
    found.as_str().map(str::to_owned)
}

/// As if the token had ended a while ago.
fn let_it_end(shell: &Shell) -> Result<()> {
    let config = std::fs::read_to_string(shell.config())?;
    let at = text(&kept(shell)?, &["sign_in", "expires_at"]).context("an end")?;
    std::fs::write(shell.config(), config.replace(&at, "2020-01-01T00:00:00.000000Z"))?;
    Ok(())
}

#[tokio::test]
async fn a_person_signs_in_and_the_server_knows_them() -> Result<()> {
    let world = world().await?;
    let shell = Shell::new()?;
    let login = Waiting::start(&shell, &world.login(&["--no-browser"]))?;
    let asked = login.parameters()?;
    assert_eq!(
        (asked["code_challenge_method"].as_str(), asked["response_type"].as_str()),
        ("S256", "code")
    );
    let back = asked["redirect_uri"].clone();
    ensure!(back.starts_with("http://127.0.0.1:") && back.ends_with("/callback"), "{back}");
    let arguments = login.arguments()?;

    // Somebody else's answers, in any shape, are shown a word; the wait goes on.
    for other in [
        "?code=stolen&state=wrong",
        "?code=stolen",
        "?error=access_denied&state=",
        "",
        &format!("?state={}&state={0}&code=a", asked["state"]),
    ] {
        let (_, status, page) = open(&format!("{back}{other}"), Person::Declines).await?;
        ensure!(status == 400 && page.contains("not one of ours"), "{other}: {status} {page}");
    }
    let elsewhere = back.replace("/callback", "/favicon.ico");
    assert_eq!(open(&elsewhere, Person::Declines).await?.1, 404);
    // Nor does a connection that says nothing hold anybody up.
    let address = back.trim_start_matches("http://").trim_end_matches("/callback").to_owned();
    let idle = std::net::TcpStream::connect(&address)?;
    let mut noise = std::net::TcpStream::connect(&address)?;
    noise.write_all(b"\0\x01\x02 nonsense\r\n\r\n")?;

    let (url, status, page) = open(&login.address, Person::Is("alice")).await?;
    ensure!(
        url.as_str().starts_with(&back) && status == 200 && page.contains("Back to the terminal"),
        "{url} {status} {page}"
    );
    drop(idle);
    let ended = login.end()?.exits(0)?;
    ensure!(ended.out.contains("as alice") && ended.out.contains("`here`"), "{}", ended.out);

    let context = kept(&shell)?;
    let token = text(&context, &["token"]).context("the token is not kept")?;
    let ended = ended.without(&token)?;
    ensure!(
        text(&context, &["sign_in", "refresh_token"]).is_none(),
        "a refresh token is kept unasked"
    );
    assert_eq!(std::fs::metadata(shell.config())?.permissions().mode() & 0o777, 0o600);
    let known = shell.json(&["whoami"])?;
    assert_eq!((known["user"].as_str(), known["context"].as_str()), (Some("alice"), Some("here")));

    // The verifier was really sent, and belongs to the challenge; it and the code are nowhere to be seen.
    let granted = world.issuer.granted().await?;
    let sent = |name: &str| {
        granted[0]
            .get(name)
            .and_then(Value::as_str)
            .context("a parameter")
            .map(str::to_owned)
    };
    let verifier = sent("code_verifier")?;
    let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(digest), asked["code_challenge"]);
    assert_eq!(sent("redirect_uri")?, back);
    let ended = ended.without(&verifier)?.without(&sent("code")?)?;
    ensure!(!arguments.contains(&token) && !arguments.contains(&verifier), "{arguments}");
    ensure!(!ended.out.contains(&asked["state"]), "the state is an answer");

    // When it ends, it has ended.
    let_it_end(&shell)?;
    shell.run(&["whoami"])?.refuses(4, "ended at 2020")?.without(&token)?;
    shell.ok(&["logout"])?;
    ensure!(
        !std::fs::read_to_string(shell.config())?.contains(&token),
        "signed out, and the token is there"
    );
    Ok(())
}

#[tokio::test]
async fn a_kept_refresh_token_renews_and_is_spent_once() -> Result<()> {
    let world = world().await?;
    let shell = Shell::new()?;
    let login = Waiting::start(&shell, &world.login(&["--no-browser", "--keep-refresh-token"]))?;
    open(&login.address, Person::Is("bob")).await?;
    let ended = login.end()?.exits(0)?;
    let before = kept(&shell)?;
    let (token, refresh) = (
        text(&before, &["token"]).context("a token")?,
        text(&before, &["sign_in", "refresh_token"]).context("no refresh token is kept")?,
    );
    ended.without(&token)?.without(&refresh)?;

    // Several commands find the token ended at once: a provider that rotates ends everything when a refresh token comes twice.
    let_it_end(&shell)?;
    let users: Vec<_> = std::thread::scope(|scope| {
        let commands: Vec<_> = (0..4).map(|_| scope.spawn(|| shell.run(&["whoami", "-q"]))).collect();
        commands.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    for user in users {
        let user = user
            .ok()
            .context("a command panicked")??
            .exits(0)?
            .without(&token)?
            .without(&refresh)?;
        assert_eq!(user.out, "bob\n");
    }
    let refreshes = |granted: Vec<Value>| granted.iter().filter(|grant| grant["grant_type"] == "refresh_token").count();
    assert_eq!(refreshes(world.issuer.granted().await?), 1);
    let after = kept(&shell)?;
    ensure!(text(&after, &["token"]) != Some(token), "the old token is there");
    let rotated = text(&after, &["sign_in", "refresh_token"]).context("the next refresh token is not kept")?;
    ensure!(rotated != refresh, "the issuer rotated, and the old one is there");
    assert_eq!(std::fs::metadata(shell.config())?.permissions().mode() & 0o777, 0o600);
    // And the one after that works too.
    let_it_end(&shell)?;
    assert_eq!(shell.ok(&["whoami", "-q"])?, "bob\n");
    assert_eq!(refreshes(world.issuer.granted().await?), 2);
    let listed = shell.run(&["context", "list"])?.exits(0)?.without(&rotated)?;
    ensure!(listed.out.contains("renewed"), "{}", listed.out);
    shell.ok(&["logout", "--all"])?;
    let left = std::fs::read_to_string(shell.config())?;
    ensure!(!left.contains("refresh_token") && !left.contains("token"), "{left}");
    Ok(())
}

#[tokio::test]
async fn a_person_who_declines_and_one_who_never_comes() -> Result<()> {
    let world = world().await?;
    let shell = Shell::new()?;
    let login = Waiting::start(&shell, &world.login(&["--no-browser"]))?;
    let (_, status, page) = open(&login.address, Person::Declines).await?;
    ensure!(status == 200 && page.contains("Nobody was signed in"), "{page}");
    login.end()?.refuses(4, "`access_denied`, the person declined")?;
    let login = Waiting::start(&shell, &world.login(&["--no-browser", "--wait", "1"]))?;
    login.end()?.refuses(4, "nobody came back within 1 s")?;
    ensure!(!shell.config().exists(), "nobody signed in, and something is kept");

    // What cannot be an issuer, or is not the one that was named.
    for (issuer, code, word) in [
        ("http://192.0.2.1", 2, "must be https"),
        ("https://me:secret@sso.example.com", 2, "neither user"),
        ("nonsense", 2, "does not read"),
        (world.claviger.dev().url.as_str(), 1, "is it an issuer"),
        (&world.issuer.ready.url.replace("127.0.0.1", "localhost"), 1, "another issuer"),
    ] {
        shell
            .run(&["login", &world.claviger.dev().url, "--issuer", issuer, "--client-id", CLIENT])?
            .refuses(code, word)?
            .without("me:secret")?;
    }
    Ok(())
}

#[tokio::test]
async fn the_browser_is_given_the_address_as_one_argument() -> Result<()> {
    let world = world().await?;
    let shell = Shell::new()?;
    let folder = tempfile::tempdir()?;
    let (script, pipe) = (folder.path().join("xdg-open"), folder.path().join("opened"));
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success(), "no pipe");
    std::fs::write(&script, format!("#!/bin/sh\nprintf '%s\\n' \"$#\" \"$@\" > '{}'\n", pipe.display()))?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH")?);
    let shell = shell.with("PATH", &path);
    let login = Waiting::start(&shell, &world.login(&[]))?;
    let opened = tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe));
    let opened = tokio::time::timeout(Duration::from_secs(30), opened).await???;
    assert_eq!(opened, format!("1\n{}\n", login.address));
    open(&login.address, Person::Is("alice")).await?;
    login.end()?.exits(0)?;
    assert_eq!(shell.ok(&["whoami", "-q"])?, "alice\n");
    Ok(())
}

#[tokio::test]
async fn a_program_signs_in_with_its_secret() -> Result<()> {
    let world = world().await?;
    let ready = &world.issuer.ready;
    let secret = &ready.client_secret;
    let login = |more: &[&'static str]| -> Vec<String> {
        let fixed = [
            "login",
            &world.claviger.dev().url,
            "--name",
            "here",
            "--issuer",
            &ready.url,
            "--client-id",
            &ready.client_id,
            "--client-credentials",
            "--scope",
            "api",
            "--resource",
            RESOURCE,
        ];
        fixed.iter().chain(more).map(|word| (*word).to_owned()).collect()
    };
    let words = |words: &Vec<String>| words.iter().map(String::as_str).collect::<Vec<_>>().join("\u{1f}");
    let run = |shell: &Shell, line: Vec<String>, input: &str| {
        let joined = words(&line);
        shell.run_with(&joined.split('\u{1f}').collect::<Vec<_>>(), input)
    };

    // From standard input: the token is kept, the secret is not, and the token's end is the end.
    let shell = Shell::new()?;
    let signed = run(&shell, login(&[]), &format!("{secret}\n"))?.exits(0)?.without(secret)?;
    ensure!(signed.out.contains("control-plane"), "{}", signed.out);
    ensure!(!std::fs::read_to_string(shell.config())?.contains(secret), "the secret is kept");
    assert_eq!(shell.json(&["whoami"])?["user"], "control-plane");
    let_it_end(&shell)?;
    shell.run(&["whoami"])?.refuses(4, "ended at 2020")?;

    // From a variable: read again when the token ends.
    let shell = Shell::new()?.with("CP_SECRET", secret);
    run(&shell, login(&["--client-secret-env", "CP_SECRET"]), "")?
        .exits(0)?
        .without(secret)?;
    let before = text(&kept(&shell)?, &["token"]);
    let_it_end(&shell)?;
    assert_eq!(shell.json(&["whoami"])?["user"], "control-plane");
    ensure!(text(&kept(&shell)?, &["token"]) != before, "not renewed");
    ensure!(!std::fs::read_to_string(shell.config())?.contains(secret), "the secret is kept");

    // A wrong one is told by the issuer's own word, and is nowhere in it.
    let shell = Shell::new()?;
    run(&shell, login(&[]), "not-the-secret-of-it")?
        .refuses(4, "invalid_client")?
        .without("not-the-secret-of-it")?;
    ensure!(!shell.config().exists(), "nobody signed in, and something is kept");
    Ok(())
}

//! The token exchange: a session's runner gets that session's own bearer, at the address that the start told it, with its encrypted id; nobody else
//! gets one, and with it nobody reads anything wider. Encrypted by other people's programs: OpenSSL, and Node's own cryptography.

use anyhow::{Context, Result, ensure};
use claviger::clock::{Clock, SystemClock, from_rfc3339};
use claviger_tests::api::{V1, read, role};
use claviger_tests::exchange::by_node;
use claviger_tests::leak::{Haystack, Needle, files_below, leaks};
use claviger_tests::{Answer, Claviger, Client, Setup, audit, process, raw};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A session that Alice started, and what its runner was started with.
struct World {
    claviger: Claviger,
    project: String,
    session: String,
    path: String,
    key: String,
}

impl World {
    async fn start() -> Result<Self> {
        Self::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Result<Self> {
        Self::of(setup.start().await?).await
    }

    async fn of(claviger: Claviger) -> Result<Self> {
        let project = claviger.dev().projects.first().context("no project")?.clone();
        let (session, environment) = started(&claviger, &project).await?;
        let url = environment["AMBIENT_CP_TOKEN_URL"].as_str().context("no address")?;
        let path = url.strip_prefix(&claviger.dev().exchange).context("another listener's address")?;
        let key = environment["AMBIENT_CP_TOKEN_PUBLIC_KEY"].as_str().context("no key")?;
        Ok(Self {
            path: path.to_owned(),
            key: key.to_owned(),
            project,
            session,
            claviger,
        })
    }

    /// Asks the exchange with this `Authorization` header, or none.
    async fn ask(&self, path: &str, header: Option<&str>) -> Result<Answer> {
        let client = Client::new(&self.claviger.dev().exchange)?;
        let client = header.map_or_else(|| client.clone(), |header| client.with_header("authorization", header));
        client.get(path).await
    }

    /// As the runner does.
    async fn trade(&self, path: &str, id: &str) -> Result<Answer> {
        let ciphertext = by_node(&self.key, id)?;
        self.ask(path, Some(&format!("Bearer {ciphertext}"))).await
    }

    async fn runner(&self) -> Result<Client> {
        let granted = self.trade(&self.path, &self.session).await?.expect(200)?;
        Ok(self.claviger.anybody()?.with_bearer(&granted.text_at("/token")?))
    }

    async fn read(&self, client: &Client, provider: &str) -> Result<Answer> {
        let path = format!(
            "/api/projects/{}/agentic-sessions/{}/credentials/{provider}",
            self.project, self.session
        );
        client.get(&path).await
    }
}

/// Alice makes a session and starts it: its id, and its runner's environment, which the platform is told.
async fn started(claviger: &Claviger, project: &str) -> Result<(String, Value)> {
    let (alice, made) = (claviger.person("alice")?, json!({ "name": "talk", "project_id": project }));
    let session = alice.post(&format!("{V1}/sessions"), &made).await?.expect(201)?.text_at("/id")?;
    let start = format!("{V1}/sessions/{session}/start");
    alice.post(&start, &json!({})).await?.expect(200)?;
    let told = platform(claviger)?.post(&start, &json!({})).await?.expect(200)?;
    Ok((session, told.json()?["environment"].clone()))
}

/// The program that starts pods and opens turns.
fn platform(claviger: &Claviger) -> Result<Client> {
    Ok(claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer))
}

/// A program's whole output, with this on its standard input.
fn output(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("it does not start")?;
    child.stdin.take().context("no standard input")?.write_all(input)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{command:?} fails");
    Ok(output.stdout)
}

/// Encrypts as OpenSSL does it, base64.
pub fn by_openssl(key: &str, plain: &str) -> Result<String> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("claviger-exchange-{}-{number}.pem", std::process::id()));
    std::fs::write(&file, key)?;
    let mut command = Command::new("openssl");
    command.args(["pkeyutl", "-encrypt", "-pubin", "-inkey"]).arg(&file);
    for option in ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"] {
        command.args(["-pkeyopt", option]);
    }
    let encrypted = output(&mut command, plain.as_bytes());
    std::fs::remove_file(file)?;
    let mut encode = Command::new("openssl");
    Ok(String::from_utf8(output(encode.args(["base64", "-A"]), &encrypted?)?)?)
}

fn refused(answer: Answer, status: u16, body: &str) -> Result<()> {
    let answer = answer.expect(status)?;
    assert_eq!(answer.text, body);
    ensure!(
        answer.header("content-type").starts_with("text/plain"),
        "{}",
        answer.header("content-type")
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    Ok(())
}

#[tokio::test]
async fn a_runner_gets_its_sessions_bearer_and_reads_what_the_session_may() -> Result<()> {
    let world = World::start().await?;
    for ciphertext in [by_node(&world.key, &world.session)?, by_openssl(&world.key, &world.session)?] {
        assert_eq!(ciphertext.len(), 684, "512 bytes in base64");
        let before = SystemClock.now_ms();
        let answer = world.ask(&world.path, Some(&format!("Bearer {ciphertext}"))).await?.expect(200)?;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        let ends = from_rfc3339(&answer.text_at("/expires_at")?).context("no time")?;
        let left = ends - before;
        ensure!((900_000..=930_000).contains(&left), "15 minutes, not {left} ms");
        let bearer = answer.text_at("/token")?;
        let claims = bearer.split('.').nth(1).context("no claims")?;
        let claims: Value = serde_json::from_slice(&base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims)?)?;
        assert_eq!(
            (&claims["session"], &claims["project"], &claims["use"]),
            (&json!(world.session), &json!(world.project), &json!("session"))
        );
        assert_eq!(claims["exp"].as_i64().map(|s| s * 1000), Some(ends / 1000 * 1000));

        // By value: the team's kubeconfig, which was granted to the session; of people nothing, and nothing flat.
        let runner = world.claviger.anybody()?.with_bearer(&bearer);
        let granted = world.read(&runner, "kubeconfig").await?.expect(200)?;
        ensure!(granted.text_at("/token")?.contains("name: team"), "{}", granted.text);
        ensure!(
            world
                .read(&runner, "github")
                .await?
                .expect(200)?
                .text_at("/token")?
                .starts_with("ghs_")
        );
        for provider in ["gitlab", "jira", "google"] {
            world.read(&runner, provider).await?.expect(404)?;
        }
        for credential in ["alice-github", "bob-jira", "carol-gitlab"] {
            read(&runner, world.claviger.credential(credential)?, "").await?.expect(404)?;
        }
        runner
            .post(&format!("{V1}/projects"), &json!({ "name": "harbour" }))
            .await?
            .expect(403)?;
        let seeded = world.claviger.dev().sessions.first().context("no session")?;
        let others = format!(
            "/api/projects/{}/agentic-sessions/{}/credentials/kubeconfig",
            seeded.project, seeded.id
        );
        ensure!(matches!(runner.get(&others).await?.status, 403 | 404), "another session's grants");
    }
    Ok(())
}

#[tokio::test]
async fn in_a_turn_it_reads_for_whose_turn_it_is() -> Result<()> {
    let world = World::start().await?;
    let runner = world.runner().await?;
    let proxy = world.claviger.anybody()?.with_bearer(&world.claviger.dev().proxy.bearer);
    let turn = json!({ "project": world.project, "session": world.session, "run": "run-1", "user": "bob" });
    proxy.post("/api/claviger/v1/turns", &turn).await?.expect(201)?;
    let bobs = read(&world.claviger.person("bob")?, world.claviger.credential("bob-jira")?, "")
        .await?
        .expect(200)?;
    let seen = world.read(&runner, "jira").await?.expect(200)?;
    assert_eq!(seen.text_at("/apiToken")?, bobs.text_at("/token")?);
    Ok(())
}

#[tokio::test]
async fn statuses_and_bodies_are_those_of_the_wire() -> Result<()> {
    let world = World::start().await?;
    let good = by_node(&world.key, &world.session)?;
    let bearer = |text: &str| format!("Bearer {text}");
    for header in [
        String::new(),
        "Bearer".to_owned(),
        format!("bearer {good}"),
        format!("BEARER {good}"),
        format!("Basic {good}"),
        good.clone(),
        bearer("not base64!"),
        bearer(good.trim_end_matches('=')),
        bearer(&good[..680]),
        bearer("AAAA"),
        // Of the right length, and encrypted for nobody here.
        bearer(
            &good
                .chars()
                .rev()
                .filter(|c| *c != '=')
                .chain("==".chars())
                .take(684)
                .collect::<String>(),
        ),
    ] {
        refused(world.ask(&world.path, Some(&header)).await?, 401, "unauthorized").with_context(|| header.clone())?;
    }
    refused(world.ask(&world.path, None).await?, 401, "unauthorized")?;
    let other = output(Command::new("openssl").args(["genrsa", "4096"]).stderr(Stdio::null()), b"")?;
    let other = output(Command::new("openssl").args(["rsa", "-pubout"]).stderr(Stdio::null()), &other)?;
    let foreign = by_node(&String::from_utf8(other)?, &world.session)?;
    refused(world.ask(&world.path, Some(&bearer(&foreign))).await?, 401, "unauthorized")?;
    for id in [
        "",
        "short",
        "with space",
        "tab\tin it",
        "line\nbreaks",
        "carriage\rreturn",
        "unknown-session",
    ] {
        refused(world.trade(&world.path, id).await?, 403, "forbidden").with_context(|| format!("{id:?}"))?;
    }
    let spaced = format!("{} ", world.session);
    refused(world.trade(&world.path, &spaced).await?, 403, "forbidden")?;

    let client = Client::new(&world.claviger.dev().exchange)?.with_header("authorization", &bearer(&good));
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        refused(
            client.send(Method::from_bytes(method.as_bytes())?, &world.path, None).await?,
            405,
            "method not allowed",
        )?;
    }
    assert_eq!(client.send(Method::HEAD, &world.path, None).await?.status, 405);
    // Without a secret in it, the address is not served.
    refused(client.get("/token").await?, 404, "not found")?;
    refused(client.get("/").await?, 404, "not found")?;
    refused(client.get("/healthz").await?, 200, "ok")?;
    client.get(&world.path).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn anothers_secret_and_another_sessions_id_get_nothing() -> Result<()> {
    let world = World::start().await?;
    let seeded = world.claviger.dev().sessions.first().context("no session")?.clone();
    let others = seeded
        .token_url
        .strip_prefix(&world.claviger.dev().exchange)
        .context("no address of it")?
        .to_owned();
    world.trade(&others, &seeded.id).await?.expect(200)?;
    refused(world.trade(&others, &world.session).await?, 403, "forbidden")?;
    refused(world.trade(&world.path, &seeded.id).await?, 403, "forbidden")?;
    let cut = world.path.len() - 1;
    let bent = |with: &str| format!("{}{with}", &world.path[..cut]);
    let another = if world.path.ends_with('A') { "E" } else { "A" };
    for path in [
        bent(""),
        bent(another),
        format!("{}A", world.path),
        "/token/x".to_owned(),
        "/token/cvx_".to_owned(),
    ] {
        refused(world.trade(&path, &world.session).await?, 403, "forbidden").with_context(|| path.clone())?;
    }
    Ok(())
}

#[tokio::test]
async fn a_session_that_has_ended_gets_none_and_a_new_start_another_address() -> Result<()> {
    let world = World::start().await?;
    let (alice, runner) = (world.claviger.person("alice")?, world.runner().await?);
    world.read(&runner, "kubeconfig").await?.expect(200)?;
    let session = format!("{V1}/sessions/{}", world.session);
    alice.post(&format!("{session}/stop"), &json!({})).await?.expect(200)?;
    refused(world.trade(&world.path, &world.session).await?, 403, "forbidden")?;
    world.read(&runner, "kubeconfig").await?.expect(404)?;
    alice
        .patch(&format!("{session}/status"), &json!({ "phase": "Stopped" }))
        .await?
        .expect(200)?;
    refused(world.trade(&world.path, &world.session).await?, 403, "forbidden")?;

    alice.post(&format!("{session}/start"), &json!({})).await?.expect(200)?;
    let again = platform(&world.claviger)?
        .post(&format!("{session}/start"), &json!({}))
        .await?
        .expect(200)?;
    let address = again.text_at("/environment/AMBIENT_CP_TOKEN_URL")?;
    let path = address.strip_prefix(&world.claviger.dev().exchange).context("another listener's")?;
    assert_ne!(path, world.path);
    world.trade(path, &world.session).await?.expect(200)?;
    refused(world.trade(&world.path, &world.session).await?, 403, "forbidden")?;
    alice.delete(&session).await?.expect(204)?;
    refused(world.trade(path, &world.session).await?, 403, "forbidden")
}

#[tokio::test]
async fn key_and_address_outlive_a_kill() -> Result<()> {
    let world = World::start().await?;
    let World {
        claviger,
        project,
        session,
        path,
        key,
    } = world;
    let world = World {
        claviger: claviger.restart().await?,
        project,
        session,
        path,
        key,
    };
    let granted = world.trade(&world.path, &world.session).await?.expect(200)?;
    let runner = world.claviger.anybody()?.with_bearer(&granted.text_at("/token")?);
    ensure!(world.read(&runner, "kubeconfig").await?.expect(200)?.text.contains("name: team"));
    let (_, environment) = started(&world.claviger, &world.project).await?;
    assert_eq!(environment["AMBIENT_CP_TOKEN_PUBLIC_KEY"], json!(world.key));
    Ok(())
}

#[tokio::test]
async fn the_address_is_for_the_platform_and_for_whoever_is_alone_in_their_session() -> Result<()> {
    let world = World::start().await?;
    let (alice, bob) = (world.claviger.person("alice")?, world.claviger.person("bob")?);
    let made = json!({ "name": "talk", "project_id": world.project });
    let session = alice.post(&format!("{V1}/sessions"), &made).await?.expect(201)?.text_at("/id")?;
    let path = format!("{V1}/sessions/{session}");
    let by_bob = bob.post(&format!("{path}/start"), &json!({})).await?.expect(200)?.json()?["environment"].clone();
    ensure!(by_bob["CREDENTIAL_IDS"].is_string(), "{by_bob}");
    ensure!(by_bob.get("AMBIENT_CP_TOKEN_URL").is_none() && by_bob.get("AMBIENT_CP_TOKEN_PUBLIC_KEY").is_none());
    // Bob may write there: with the address Alice would read in his turns what no agent showed her.
    let by_alice = alice.post(&format!("{path}/start"), &json!({})).await?.expect(200)?;
    ensure!(
        by_alice.text.contains("CREDENTIAL_IDS") && !by_alice.text.contains("cvx_"),
        "{}",
        by_alice.text
    );
    let told = platform(&world.claviger)?
        .post(&format!("{path}/start"), &json!({}))
        .await?
        .expect(200)?;
    ensure!(told.text_at("/environment/AMBIENT_CP_TOKEN_URL")?.contains("cvx_"), "{}", told.text);
    // In a project of hers alone she has it, until somebody may write there.
    let cove = alice
        .post(&format!("{V1}/projects"), &json!({ "name": "cove" }))
        .await?
        .expect(201)?
        .text_at("/id")?;
    let made = json!({ "name": "talk", "project_id": cove });
    let own = alice.post(&format!("{V1}/sessions"), &made).await?.expect(201)?.text_at("/id")?;
    let start = format!("{V1}/sessions/{own}/start");
    let hers = alice.post(&start, &json!({})).await?.expect(200)?;
    ensure!(hers.text_at("/environment/AMBIENT_CP_TOKEN_URL")?.contains("cvx_"), "{}", hers.text);
    let editor = role(&alice, "project:editor").await?;
    let binding = json!({ "role_id": editor, "scope": "project", "project_id": cove, "user_id": "bob" });
    alice.post(&format!("{V1}/role_bindings"), &binding).await?.expect(201)?;
    let shared = alice.post(&start, &json!({})).await?.expect(200)?;
    ensure!(!shared.text.contains("cvx_"), "{}", shared.text);
    for answer in [alice.get(&path).await?, alice.get(&format!("{V1}/sessions")).await?] {
        ensure!(!answer.expect(200)?.text.contains("cvx_"), "the address is in another answer");
    }

    // An agent that is started again by somebody else tells of the session, and not its address.
    let agents = format!("{V1}/projects/{}/agents", world.project);
    let agent = alice
        .post(&agents, &json!({ "name": "pilot", "project_id": world.project }))
        .await?
        .expect(201)?
        .text_at("/id")?;
    let start = format!("{agents}/{agent}/start");
    alice.post(&start, &json!({})).await?.expect(201)?;
    let platform = platform(&world.claviger)?;
    let first = platform
        .post(&start, &json!({}))
        .await?
        .expect(200)?
        .text_at("/session/environment/AMBIENT_CP_TOKEN_URL")?;
    let again = platform
        .post(&start, &json!({}))
        .await?
        .expect(200)?
        .text_at("/session/environment/AMBIENT_CP_TOKEN_URL")?;
    assert_eq!(first, again);
    let bobs = bob.post(&start, &json!({})).await?.expect(200)?;
    ensure!(!bobs.text.contains("cvx_"), "{}", bobs.text);
    Ok(())
}

#[tokio::test]
async fn a_session_asks_so_often_and_another_one_still_may() -> Result<()> {
    let world = World::start().await?;
    let header = format!("Bearer {}", by_node(&world.key, &world.session)?);
    let (mut granted, mut limited) = (0, None);
    for _ in 0..60 {
        let answer = world.ask(&world.path, Some(&header)).await?;
        match answer.status {
            200 => granted += 1,
            _ => limited = Some(answer),
        }
    }
    // Thirty at once, and one more every two seconds.
    ensure!((30..60).contains(&granted), "{granted} of 60");
    let limited = limited.context("never too often")?;
    assert_eq!(limited.header("retry-after"), "2");
    refused(limited, 429, "too many requests")?;
    let seeded = world.claviger.dev().sessions.first().context("no session")?.clone();
    let others = seeded
        .token_url
        .strip_prefix(&world.claviger.dev().exchange)
        .context("no address")?
        .to_owned();
    world.trade(&others, &seeded.id).await?.expect(200)?;
    let issued = audit::of_event(&world.claviger.data(), "SESSION_TOKEN_ISSUED")?;
    assert_eq!(issued.len(), granted + 1, "one record for each bearer, none for noise");
    Ok(())
}

#[tokio::test]
async fn each_is_on_record_and_the_address_is_nowhere() -> Result<()> {
    let world = World::with(Setup::default().config("[log]\nfilter = \"trace\"")).await?;
    let granted = world.trade(&world.path, &world.session).await?.expect(200)?;
    world.trade(&world.path, "another-session").await?.expect(403)?;
    world.ask(&world.path, Some("Bearer AAAA")).await?.expect(401)?;
    world.trade("/token/cvx_nothing", &world.session).await?.expect(403)?;
    let garbage = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [7; 512]);
    world.ask(&world.path, Some(&format!("Bearer {garbage}"))).await?.expect(401)?;
    let records = audit::of_event(&world.claviger.data(), "SESSION_TOKEN_ISSUED")?;
    let told: Vec<_> = records
        .iter()
        .map(|record| (record["outcome"].clone(), record["reason"].clone()))
        .collect();
    assert_eq!(
        told,
        [
            (json!("granted"), Value::Null),
            (json!("denied"), json!("other-session")),
            (json!("denied"), json!("ciphertext")),
        ]
    );
    for record in &records {
        assert_eq!(
            (&record["session"], &record["project"]),
            (&json!(world.session), &json!(world.project))
        );
        assert_eq!(record["auth"], json!("exchange"));
    }
    let metrics = Client::new(&world.claviger.dev().metrics)?.get("/metrics").await?.expect(200)?.text;
    for (outcome, count) in [("granted", 1), ("forbidden", 2), ("unauthorized", 2)] {
        let line = format!("claviger_exchange_requests_total{{outcome=\"{outcome}\"}} {count}");
        ensure!(metrics.contains(&line), "no `{line}`");
    }
    let secret = world.path.rsplit('/').next().context("no secret")?;
    let needles = [
        Needle::new("the address's secret", secret),
        Needle::new("the bearer", &granted.text_at("/token")?),
    ];
    let mut haystacks = files_below(&world.claviger.data(), &["dev.json"]);
    haystacks.push(Haystack {
        name: "the log".to_owned(),
        bytes: world.claviger.log().into_bytes(),
    });
    let found = leaks(&needles, &haystacks);
    ensure!(found.is_empty(), "{found:?}");
    let verified = world
        .claviger
        .command(&["audit", "verify", "--data", &world.claviger.data().display().to_string()])?;
    ensure!(verified.status.success(), "{verified:?}");
    Ok(())
}

#[tokio::test]
async fn the_bare_address_is_served_where_the_operator_says_so() -> Result<()> {
    let world = World::with(Setup::default().config("[exchange]\nbare_token = true")).await?;
    let granted = world.trade("/token", &world.session).await?.expect(200)?;
    let runner = world.claviger.anybody()?.with_bearer(&granted.text_at("/token")?);
    ensure!(world.read(&runner, "kubeconfig").await?.expect(200)?.text.contains("name: team"));
    ensure!(world.claviger.log().contains("exchange.bare_token"), "no warning");
    for id in ["short", "with a space", "no-such-session"] {
        refused(world.trade("/token", id).await?, 403, "forbidden")?;
    }
    // What is in vain is bounded for all, and then costs no decryption; whoever has an address is not held up by it.
    let garbage = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [7; 512]);
    let mut limited = false;
    for _ in 0..500 {
        let answer = world.ask("/token", Some(&format!("Bearer {garbage}"))).await?;
        ensure!(matches!(answer.status, 401 | 429), "{} {}", answer.status, answer.text);
        limited = answer.status == 429;
        if limited {
            break;
        }
    }
    ensure!(limited, "never too often");
    world.trade(&world.path, &world.session).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn its_listener_takes_no_long_heads() -> Result<()> {
    let world = World::start().await?;
    let long = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(64 * 1024));
    let answer = raw::exchange(&world.claviger.dev().exchange, long.as_bytes()).await;
    ensure!(answer.as_ref().map_or(true, |answer| answer.status == 431), "{answer:?}");
    let usual = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(raw::exchange(&world.claviger.dev().exchange, usual).await?.body, "ok");
    Ok(())
}

/// The published keys check the bearers, by Node's own cryptography.
#[tokio::test]
async fn the_published_keys_check_a_sessions_bearer() -> Result<()> {
    let world = World::start().await?;
    let published = world.claviger.anybody()?.get("/.well-known/jwks.json").await?.expect(200)?.json()?;
    let bearer = world.trade(&world.path, &world.session).await?.expect(200)?.text_at("/token")?;
    let program = "const c = require('crypto'), i = JSON.parse(require('fs').readFileSync(0)), p = i.bearer.split('.');\
        const head = JSON.parse(Buffer.from(p[0], 'base64url')), jwk = i.keys.find((k) => k.kid === head.kid);\
        const ok = (s) => c.verify(null, Buffer.from(p[0] + '.' + p[1]), c.createPublicKey({ key: jwk, format: 'jwk' }), s);\
        const s = Buffer.from(p[2], 'base64url'), bent = Buffer.from(s); bent[5] ^= 1;\
        process.stdout.write(JSON.stringify([head.alg, jwk.alg, jwk.use, 'd' in jwk, ok(s), ok(bent)]))";
    let input = json!({ "keys": published["keys"], "bearer": bearer }).to_string();
    let said: Value = serde_json::from_slice(&output(Command::new("node").args(["-e", program]), input.as_bytes())?)?;
    assert_eq!(said, json!(["EdDSA", "EdDSA", "sig", false, true, false]));
    Ok(())
}

/// `serve` has none unless the operator says where and how it is reached.
#[test]
fn half_a_configuration_does_not_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("claviger.toml");
    let data = folder.path().join("data");
    std::fs::write(
        &file,
        format!("data_dir = '{}'\n[exchange]\nlisten = '127.0.0.1:0'\n", data.display()),
    )?;
    let said = Command::new(process::claviger()?)
        .arg("serve")
        .arg("--config")
        .arg(&file)
        .env_clear()
        .output()?;
    ensure!(!said.status.success());
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    ensure!(error.contains("exchange.url"), "{error}");
    Ok(())
}

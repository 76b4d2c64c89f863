//! Recognisable secrets go down every path, with everything logged, and are in nothing that the server leaves behind: no log, error,
//! audit record, metric or file, in no encoding.
//!
//! `dev.json` is left out for bearers alone: handing them to a developer is what that file is for.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, bind, create, generation, read};
use claviger_tests::leak::{Haystack, Needle, files_below, leaks};
use claviger_tests::server::run;
use claviger_tests::{Answer, Claviger, Client, Setup};
use serde_json::{Value, json};

const PAT: &str = "ghp_K4n4ryPersonal0123456789abcdefXYZ";
const PATCHED: &str = "ghp_K4n4ryPatched9876543210fedcbaZYX";
const JIRA: &str = "ATATT3xK4n4ryJira0123456789abcdefghijk=4F";
const KUBECONFIG: &str = "apiVersion: v1\nusers: [{token: \"K4n4ry/kube+config=&%geheim\"}]\n# K4n4ry's last line: ~/é\\ \"end\"";
const CLIENT_SECRET: &str = "gloas-K4n4ryClient0123456789abcdef";
const DEAD_REFRESH: &str = "K4n4ryDeadRefresh0123456789abcdef";
const MISPLACED: &str = "K4n4ryInTheWrongPlace0123456789";

/// What was said, and the secrets that were used.
#[derive(Default)]
struct Told {
    needles: Vec<Needle>,
    answers: Vec<Haystack>,
}

impl Told {
    /// An answer that must not have a secret in it, whatever its status.
    fn hears(&mut self, answer: Answer) -> Answer {
        let bytes = format!("{:?}\n{}", answer.headers, answer.text).into_bytes();
        self.answers.push(Haystack {
            name: format!("the answer to {} ({})", answer.asked, answer.status),
            bytes,
        });
        answer
    }

    fn hears_command(&mut self, name: &str, output: &std::process::Output) {
        let bytes = [output.stdout.as_slice(), &output.stderr].concat();
        self.answers.push(Haystack {
            name: format!("the output of `{name}`"),
            bytes,
        });
    }

    /// A token that was read: from then on one more secret.
    fn minted(&mut self, name: &str, token: &str) -> Result<()> {
        ensure!(token.len() >= 16, "`{token}` is no token to look for");
        self.needles.push(Needle::new(name, token));
        Ok(())
    }
}

fn key_of_the_emulator(name: &str) -> Result<String> {
    let path = crate::source::root().join("host/src/dev/upstream/keys").join(name);
    std::fs::read_to_string(&path).with_context(|| format!("no `{}`", path.display()))
}

/// The heart of a PEM key, on one line as it stands in the file.
fn heart(pem: &str) -> String {
    let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
    lines[lines.len() / 2].to_owned()
}

async fn start() -> Result<(Claviger, Client, String)> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let dead = format!("http://{nobody}");
    let config = format!(
        "[log]\nfilter = \"trace\"\n[[instance]]\nprovider = \"gitlab\"\nurl = \"{dead}\"\nnetworks = [\"127.0.0.0/8\"]\nclient_id = \"app\"\nclient_secret_env = \"CANARY_CLIENT\"\n"
    );
    let claviger = Setup::default()
        .config(&config)
        .environment("CANARY_CLIENT", CLIENT_SECRET)
        .start()
        .await?;
    let metrics = Client::new(&claviger.dev().metrics)?;
    Ok((claviger, metrics, dead))
}

/// Static tokens: made, read, listed, changed, denied, deleted.
async fn stored(told: &mut Told, claviger: &Claviger) -> Result<()> {
    let (alice, bob) = (claviger.person("alice")?, claviger.person("bob")?);
    told.needles.push(Needle::with_head("the personal access token", PAT));
    told.needles.push(Needle::with_head("the patched token", PATCHED));
    told.needles.push(Needle::with_head("the Jira token", JIRA));
    told.needles.push(Needle::new("the kubeconfig", KUBECONFIG));
    told.needles.push(Needle::with_head("the misplaced token", MISPLACED));
    let pat = create(
        &alice,
        &json!({ "name": "pat", "provider": "github", "token": PAT, "email": "alice@example.test", "fields": { "user-name": "Alice" } }),
    )
    .await?;
    create(&alice, &json!({ "name": "j", "provider": "jira", "email": "a@example.test", "url": format!("{}/jira", claviger.dev().upstream), "token": JIRA })).await?;
    let kube = create(&alice, &json!({ "name": "k", "provider": "kubeconfig", "token": KUBECONFIG })).await?;
    assert_eq!(read(&alice, &kube, "").await?.expect(200)?.text_at("/token")?, KUBECONFIG);
    assert_eq!(read(&alice, &pat, "").await?.expect(200)?.text_at("/token")?, PAT);
    told.hears(read(&bob, &pat, "").await?.expect(404)?);
    told.hears(read(&alice, &pat, "?repository=x").await?.expect(400)?);
    told.hears(alice.get(&format!("{V1}/credentials")).await?.expect(200)?);
    told.hears(alice.get(&format!("{V1}/credentials/{pat}")).await?.expect(200)?);
    told.hears(bind(&alice, &pat, "credential:viewer", "atlas", "bob").await?);
    told.hears(bob.get(&format!("{V1}/credentials/{pat}")).await?);
    told.hears(
        alice
            .patch(&format!("{V1}/credentials/{pat}"), &json!({ "token": PATCHED }))
            .await?
            .expect(200)?,
    );
    assert_eq!(read(&alice, &pat, "").await?.expect(200)?.text_at("/token")?, PATCHED);
    for body in [
        json!({ "name": "x", "provider": "github", "token": [MISPLACED] }),
        json!({ "name": "x", "provider": "github", "token": { "value": MISPLACED } }),
        json!({ "name": "x", "provider": "github", "kind": "no-such", "fields": { "token": MISPLACED } }),
        json!({ "name": "x", "provider": "google", "token": format!("{{ \"private_key\": \"{MISPLACED}\"") }),
        json!({ "name": "x", "provider": "google", "token": json!({ "private_key": MISPLACED, "client_email": "a@b.gserviceaccount.com" }).to_string() }),
    ] {
        told.hears(alice.post(&format!("{V1}/credentials"), &body).await?.expect(400)?);
    }
    told.hears(
        claviger
            .anybody()?
            .with_bearer(MISPLACED)
            .get(&format!("{V1}/credentials"))
            .await?
            .expect(401)?,
    );
    told.hears(
        claviger
            .anybody()?
            .get(&format!("{V1}/credentials/{pat}/token?token={MISPLACED}"))
            .await?,
    );
    told.hears(
        alice
            .with_header("x-runner-current-user", MISPLACED)
            .get(&format!("{V1}/credentials/{pat}/token"))
            .await?,
    );
    let gone = create(
        &alice,
        &json!({ "name": "gone", "provider": "github", "token": PAT, "email": "alice@example.test", "fields": { "user-name": "Alice" } }),
    )
    .await?;
    told.hears(alice.delete(&format!("{V1}/credentials/{gone}")).await?.expect(204)?);
    Ok(())
}

/// Minted tokens, and the keys and refresh tokens they are minted from; with the upstream well, and with it echoing.
async fn minted(told: &mut Told, claviger: &Claviger, dead: &str) -> Result<()> {
    let alice = claviger.person("alice")?;
    let emulator = claviger.emulator()?;
    let upstream = claviger.dev().upstream.clone();
    let app_key = key_of_the_emulator("github-app.pkcs1.pem")?;
    let robot_key = key_of_the_emulator("google-service-account.pkcs8.pem")?;
    told.needles.push(Needle::new("the App's private key", &heart(&app_key)));
    told.needles
        .push(Needle::new("the service account's private key", &heart(&robot_key)));
    told.needles.push(Needle::with_head("the client secret", CLIENT_SECRET));
    told.needles
        .push(Needle::with_head("the refresh token for an upstream that is away", DEAD_REFRESH));

    // Seeded accounts know ids that the emulator accepts; here only the paths matter, a refusal is as good as a token.
    let app = json!({ "name": "app", "provider": "github", "kind": "app-installation", "url": format!("{upstream}/github"),
        "fields": { "app-id": "1", "installation-id": "1", "private-key": app_key } });
    let robot = json!({ "name": "robot", "provider": "google", "url": format!("{upstream}/google"),
        "token": json!({ "type": "service_account", "client_email": "robot@dev.iam.gserviceaccount.com", "private_key": robot_key }).to_string() });
    for body in [app, robot] {
        let id = create(&alice, &body).await?;
        told_or_minted(told, &alice, &id, &body["name"]).await?;
    }
    for (name, id) in &claviger.dev().credentials {
        for person in claviger.dev().people.keys() {
            told_or_minted(told, &claviger.person(person)?, id, &json!(format!("{name} as {person}"))).await?;
        }
    }

    for echo in ["plain", "base64", "url"] {
        let grant = emulator
            .client()
            .post("/_grants", &json!({ "account": "alice" }))
            .await?
            .expect(201)?
            .text_at("/refresh_token")?;
        told.minted(&format!("the refresh token ({echo})"), &grant)?;
        let body = json!({ "name": echo, "provider": "gitlab", "kind": "oauth", "token": grant, "url": format!("{upstream}/gitlab") });
        let id = create(&alice, &body).await?;
        let first = read(&alice, &id, "").await?.expect(200)?;
        told.minted(&format!("an access token ({echo})"), &first.text_at("/token")?)?;
        emulator.fault(&json!({ "provider": "gitlab", "operation": "token", "status": 400, "echo": echo, "body": { "error": "invalid_request", "error_description": "you sent" } })).await?;
        let rejected = format!("?rejected={}", generation(&first)?);
        told.hears(read(&alice, &id, &rejected).await?);
    }
    let body = json!({ "name": "away", "provider": "gitlab", "kind": "oauth", "token": DEAD_REFRESH, "url": dead });
    let id = create(&alice, &body).await?;
    told.hears(read(&alice, &id, "").await?.expect(503)?);
    Ok(())
}

/// Reads; a token becomes a secret to look for, anything else must not have one in it.
async fn told_or_minted(told: &mut Told, client: &Client, id: &str, name: &Value) -> Result<()> {
    let answer = read(client, id, "").await?;
    if answer.status == 200 {
        let token = answer.text_at("/token")?;
        return told.minted(&format!("the token of {name}"), &token);
    }
    told.hears(answer);
    Ok(())
}

/// Bearers, sessions, and what operators look at.
async fn around(told: &mut Told, claviger: &Claviger, metrics: &Client) -> Result<Vec<Needle>> {
    let data = claviger.data().display().to_string();
    let created = run(&["api-key", "create", "--data", &data, "--for", "alice", "--name", "canary"], &[])?;
    ensure!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let key = String::from_utf8(created.stdout)?.trim().to_owned();
    told.minted("the API key", &key)?;
    told.hears(
        claviger
            .anybody()?
            .with_bearer(&key)
            .get(&format!("{V1}/credentials"))
            .await?
            .expect(200)?,
    );
    told.hears(
        claviger
            .anybody()?
            .with_bearer(&format!("{key}x"))
            .get(&format!("{V1}/credentials"))
            .await?
            .expect(401)?,
    );

    let mut bearers = Vec::new();
    for (name, person) in &claviger.dev().people {
        bearers.push(Needle::new(&format!("{name}'s bearer"), &person.bearer));
    }
    for session in &claviger.dev().sessions {
        bearers.push(Needle::new(&format!("the token of session {}", session.id), &session.token));
        for provider in ["github", "gitlab", "jira", "google"] {
            let path = format!(
                "/api/projects/{}/agentic-sessions/{}/credentials/{provider}",
                session.project, session.id
            );
            let clients = claviger
                .dev()
                .people
                .values()
                .map(|person| person.bearer.as_str())
                .chain([session.token.as_str()]);
            for bearer in clients {
                let answer = claviger.anybody()?.with_bearer(bearer).get(&path).await?;
                if answer.status == 200 {
                    let body = answer.json()?;
                    let token = ["token", "apiToken", "accessToken"].iter().find_map(|key| body[*key].as_str());
                    told.minted(
                        &format!("a token of {provider} in a session"),
                        token.with_context(|| answer.text.clone())?,
                    )?;
                } else {
                    told.hears(answer);
                }
            }
        }
    }
    for path in ["/healthz", "/readyz"] {
        told.hears(claviger.anybody()?.get(path).await?);
    }
    told.hears(metrics.get("/metrics").await?.expect(200)?);
    for arguments in [
        &["audit", "verify", "--data", &data][..],
        &["provider", "list", "--data", &data],
        &["api-key", "list", "--data", &data],
    ] {
        let output = run(arguments, &[])?;
        told.hears_command(&arguments.join(" "), &output);
    }
    Ok(bearers)
}

#[tokio::test]
async fn no_secret_is_left_behind() -> Result<()> {
    let (mut claviger, metrics, dead) = start().await?;
    let mut told = Told::default();
    stored(&mut told, &claviger).await?;
    minted(&mut told, &claviger, &dead).await?;
    let bearers = around(&mut told, &claviger, &metrics).await?;
    let folder = claviger.folder();
    // The crates that print requests are capped by the server itself, so its own lines tell that the filter is in force.
    ensure!(
        claviger.log().contains("DEBUG claviger"),
        "the server does not log everything: nothing would be proven"
    );

    // First that a leak would be found: in the log, and in a file of the data folder.
    let planted = claviger.data().join("audit").join("planted");
    std::fs::write(&planted, format!("before {} after", hex::encode(PAT)))?;
    let found = leaks(&told.needles, &files_below(folder.path(), &[]));
    ensure!(
        found.iter().any(|leak| leak.contains("planted")),
        "a planted leak was not found: {found:?}"
    );
    std::fs::remove_file(&planted)?;

    let mut found = leaks(&told.needles, &told.answers);
    found.extend(leaks(&bearers, &told.answers));
    for moment in ["running", "after kill -9"] {
        let mut now = leaks(&told.needles, &files_below(folder.path(), &[]));
        now.extend(leaks(&bearers, &files_below(folder.path(), &["dev.json"])));
        found.extend(now.into_iter().map(|leak| format!("{moment}: {leak}")));
        claviger.kill();
    }
    ensure!(found.is_empty(), "secrets were left behind:\n  {}", found.join("\n  "));
    Ok(())
}

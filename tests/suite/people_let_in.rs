//! API keys, services, service accounts, and people who are let in no more: everything that ends has to end within a second.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, create, listed, read, token};
use claviger_tests::issuer::SigningKey;
use claviger_tests::{Claviger, Client, Issuer, Setup};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Runs an operator's command beside the server and returns what it printed.
fn operator(claviger: &Claviger, arguments: &[&str]) -> Result<String> {
    let data = claviger.data().display().to_string();
    let mut all = arguments.to_vec();
    all.extend(["--data", &data]);
    let output = claviger.command(&all)?;
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{arguments:?}: {told}");
    Ok(said.trim().to_owned())
}

fn refused(claviger: &Claviger, arguments: &[&str]) -> Result<String> {
    match operator(claviger, arguments) {
        Ok(said) => anyhow::bail!("{arguments:?} was done: {said}"),
        Err(error) => Ok(error.to_string()),
    }
}

async fn status(client: &Client) -> Result<u16> {
    Ok(client.get(&format!("{V1}/credentials")).await?.status)
}

/// Since the command has ended, the server knows; the second is the promise to other replicas.
async fn within_a_second(client: &Client, wanted: u16) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(1);
    loop {
        let status = status(client).await?;
        if status == wanted {
            return Ok(());
        }
        ensure!(Instant::now() < until, "still {status} instead of {wanted} after a second");
    }
}

async fn trusted(more: &str) -> Result<(SigningKey, Issuer, Claviger)> {
    let key = SigningKey::new("k1")?;
    let issuer = Issuer::start(&[&key]).await?;
    let config = issuer.config("") + &more.replace("ISSUER", &issuer.url);
    let claviger = Setup::default().config(&config).start().await?;
    Ok((key, issuer, claviger))
}

#[tokio::test]
async fn somebody_who_is_deactivated_is_let_in_by_no_bearer() -> Result<()> {
    let (key, issuer, claviger) = trusted("").await?;
    let signed = claviger.anybody()?.with_bearer(&key.sign(&issuer.claims("erin"))?);
    let made = create(&signed, &json!({ "name": "mine", "provider": "linear", "token": "lin_erin" })).await?;
    let bearer = operator(&claviger, &["api-key", "create", "--for", "erin", "--name", "laptop"])?;
    let keyed = claviger.anybody()?.with_bearer(&bearer);
    for client in [&signed, &keyed] {
        assert_eq!(token(client, &made).await?, "lin_erin");
    }
    operator(&claviger, &["user", "deactivate", "erin"])?;
    for client in [&signed, &keyed] {
        within_a_second(client, 401).await?;
    }
    let fresh = claviger.anybody()?.with_bearer(&key.sign(&issuer.claims("erin"))?);
    assert_eq!(
        status(&fresh).await?,
        401,
        "a new token of hers, and being noted again, change nothing"
    );
    ensure!(operator(&claviger, &["user", "list"])?.contains("erin  deactivated"));
    operator(&claviger, &["user", "reactivate", "erin"])?;
    for client in [&signed, &keyed, &fresh] {
        within_a_second(client, 200).await?;
    }
    // Somebody who never came is kept out before they come.
    operator(&claviger, &["user", "deactivate", "mallory"])?;
    let mallory = claviger.anybody()?.with_bearer(&key.sign(&issuer.claims("mallory"))?);
    assert_eq!(status(&mallory).await?, 401);
    Ok(())
}

#[tokio::test]
async fn people_are_noted_when_they_first_come() -> Result<()> {
    let (key, issuer, claviger) = trusted("").await?;
    let mut claims = issuer.claims("frank");
    claims["given_name"] = json!("Frank");
    claims["family_name"] = json!("Field");
    claims["email"] = json!("frank@example.com");
    let mut crowd = tokio::task::JoinSet::new();
    for second in 0..12 {
        claims["exp"] = json!(claviger_tests::issuer::now_s() + 300 + second);
        let client = claviger.anybody()?.with_bearer(&key.sign(&claims)?);
        crowd.spawn(async move { status(&client).await });
    }
    while let Some(status) = crowd.join_next().await {
        assert_eq!(status??, 200);
    }
    let users = operator(&claviger, &["user", "list"])?;
    let lines: Vec<&str> = users.lines().filter(|line| line.starts_with("frank ")).collect();
    assert_eq!(lines, ["frank  active  Frank Field  frank@example.com"]);
    Ok(())
}

#[tokio::test]
async fn a_key_ends_when_it_is_revoked_and_shows_when_it_was_used() -> Result<()> {
    let claviger = Claviger::start().await?;
    let bearer = operator(
        &claviger,
        &["api-key", "create", "--for", "alice", "--name", "ci", "--expires-in", "1h"],
    )?;
    let client = claviger.anybody()?.with_bearer(&bearer);
    let line = |claviger: &Claviger| -> Result<String> {
        let list = operator(claviger, &["api-key", "list"])?;
        list.lines()
            .find(|line| line.contains("  ci  "))
            .map(str::to_owned)
            .context(list.clone())
    };
    ensure!(line(&claviger)?.contains("never used"), "{}", line(&claviger)?);
    assert_eq!(status(&client).await?, 200);
    let used = line(&claviger)?;
    ensure!(used.contains("last used 20") && used.contains("all scopes"), "{used}");
    let id = used.split_whitespace().next().context("an id")?;
    operator(&claviger, &["api-key", "revoke", id])?;
    within_a_second(&client, 401).await?;
    Ok(())
}

#[tokio::test]
async fn a_key_is_good_for_its_scopes_alone() -> Result<()> {
    let claviger = Claviger::start().await?;
    let credential = claviger.credential("alice-github")?;
    let make = |scopes: &[&str]| -> Result<Client> {
        let mut arguments = vec!["api-key", "create", "--for", "alice", "--name", "narrow"];
        arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
        Ok(claviger.anybody()?.with_bearer(&operator(&claviger, &arguments)?))
    };
    let reads = make(&["credential:read"])?;
    ensure!(listed(&reads).await?.contains(&credential.to_owned()));
    read(&reads, credential, "").await?.expect(404)?;
    let everything = make(&["*:*"])?;
    read(&everything, credential, "").await?.expect(404)?;
    let fetches = make(&["credential:fetch_token"])?;
    assert_eq!(
        token(&fetches, credential).await?,
        token(&claviger.person("alice")?, credential).await?
    );
    ensure!(listed(&fetches).await?.is_empty());
    let body = json!({ "name": "x", "provider": "linear", "token": "lin_x" });
    for client in [&reads, &fetches] {
        client.post(&format!("{V1}/credentials"), &body).await?.expect(403)?;
    }
    let told = refused(
        &claviger,
        &["api-key", "create", "--for", "alice", "--name", "x", "--scope", "everything"],
    )?;
    ensure!(told.contains("no permission"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_service_has_keys_too() -> Result<()> {
    let claviger = Setup::default()
        .config("[[service]]\nname = \"gateway\"\npermissions = [\"turn:open\"]\n")
        .start()
        .await?;
    let bearer = operator(&claviger, &["api-key", "create", "--service", "gateway", "--name", "gateway"])?;
    let gateway = claviger.anybody()?.with_bearer(&bearer);
    let session = claviger.dev().sessions.first().context("a seeded session")?.clone();
    let turn = json!({ "project": session.project, "session": session.id, "run": "r", "user": "bob" });
    gateway.post("/api/claviger/v1/turns", &turn).await?.expect(201)?;
    let told = refused(&claviger, &["api-key", "create", "--service", "stranger", "--name", "x"])?;
    ensure!(told.contains("no service `stranger`"), "{told}");
    let told = refused(&claviger, &["api-key", "create", "--for", "gateway", "--name", "x"])?;
    ensure!(told.contains("name of a service"), "{told}");
    Ok(())
}

/// 9.2-13: the first administrator was made under an id that nothing compared with.
#[tokio::test]
async fn the_first_administrator_administers() -> Result<()> {
    let (key, issuer, claviger) = trusted("").await?;
    let erin = claviger.anybody()?.with_bearer(&key.sign(&issuer.claims("erin"))?);
    let alices = claviger.credential("team-github-app")?;
    erin.get(&format!("{V1}/credentials/{alices}")).await?.expect(404)?;
    operator(&claviger, &["admin", "grant", "erin"])?;
    ensure!(operator(&claviger, &["admin", "grant", "erin"])?.contains("already"));
    erin.get(&format!("{V1}/credentials/{alices}")).await?.expect(200)?;
    erin.get(&format!("{V1}/credentials/{alices}/token")).await?.expect(404)?;
    operator(&claviger, &["admin", "revoke", "erin"])?;
    erin.get(&format!("{V1}/credentials/{alices}")).await?.expect(404)?;
    refused(&claviger, &["admin", "revoke", "erin"])?;
    Ok(())
}

/// 9.3-2: any pod that could see a session read its owner's tokens.
#[tokio::test]
async fn a_pod_reads_for_its_own_session_alone() -> Result<()> {
    let (people, cluster_key) = (SigningKey::new("k1")?, SigningKey::new("cluster-1")?);
    let (issuer, cluster) = (Issuer::start(&[&people]).await?, Issuer::start(&[&cluster_key]).await?);
    let service = "[[service]]\nname = \"control-plane\"\nissuer = \"CLUSTER\"\nsubject = \"system:serviceaccount:platform:control-plane\"\npermissions = [\"turn:open\"]\n";
    let config = issuer.config("") + &cluster.config("kind = \"kubernetes\"") + &service.replace("CLUSTER", &cluster.url);
    let claviger = Setup::default().config(&config).start().await?;
    let pod = |namespace: &str, name: &str| -> Result<Client> {
        let mut claims: Value = cluster.claims("root");
        claims["sub"] = json!(format!("system:serviceaccount:{namespace}:{name}"));
        claims["kubernetes.io"] = json!({ "namespace": namespace, "serviceaccount": { "name": name, "uid": "u" } });
        Ok(claviger.anybody()?.with_bearer(&cluster_key.sign(&claims)?))
    };
    let session = claviger.dev().sessions.first().context("a seeded session")?.clone();
    let path = |session: &str, project: &str| format!("/api/projects/{project}/agentic-sessions/{session}/credentials/kubeconfig");
    let own = path(&session.id, &session.project);
    let (runner, other) = (pod("agents", "session-1")?, pod("agents", "session-2")?);
    for pod in [&runner, &other] {
        pod.get(&own).await?.expect(401)?;
    }
    let place = format!(
        "/api/claviger/v1/projects/{}/sessions/{}/service-account",
        session.project, session.id
    );
    let body = json!({ "issuer": cluster.url, "subject": "system:serviceaccount:agents:session-1" });
    let put = async |client: &Client, body: &Value| {
        client
            .send(
                reqwest::Method::PUT,
                &place,
                Some(("application/json", body.to_string().into_bytes())),
            )
            .await
    };
    for nobody in [claviger.person("alice")?, other.clone()] {
        let status = put(&nobody, &body).await?.status;
        ensure!(status == 403 || status == 401, "{status}");
    }
    let control_plane = pod("platform", "control-plane")?;
    for bad in [
        json!({ "issuer": issuer.url, "subject": "system:serviceaccount:agents:session-1" }),
        json!({ "issuer": cluster.url, "subject": "alice" }),
        json!({ "issuer": cluster.url, "subject": "system:serviceaccount:platform:control-plane" }),
    ] {
        put(&control_plane, &bad).await?.expect(400)?;
    }
    put(&control_plane, &body).await?.expect(204)?;
    let granted = runner.get(&own).await?.expect(200)?.json()?;
    ensure!(
        granted["token"].as_str().is_some_and(|token| token.contains("kind: Config")),
        "{granted}"
    );
    other.get(&own).await?.expect(401)?;
    // Alice's connected account is hers, not the pod's: the session is shared and no turn is open.
    runner.get(&own.replace("kubeconfig", "jira")).await?.expect(404)?;
    runner.get(&path("another-session", &session.project)).await?.expect(404)?;
    control_plane.delete(&place).await?.expect(204)?;
    runner.get(&own).await?.expect(401)?;
    Ok(())
}

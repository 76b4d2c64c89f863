//! `claviger serve` behind TLS, its certificates of an authority that everybody has to be told of: a control plane starts a session, the
//! runner trades its id at the exchange, reads by the ids that it was started with, and loses all of it when the session stops.

use crate::exchange::by_openssl;
use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::api::V1;
use claviger_tests::{Answer, Client, Served};
use serde_json::{Value, json};

const SERVICE: &str = "[[service]]\nname = 'control-plane'\npermissions = ['*:*', 'turn:open']\n";

/// A person's client, by an API key.
fn person(served: &Served, name: &str) -> Result<Client> {
    let bearer = served
        .server()
        .operator(&["api-key", "create", "--for", name, "--name", "laptop"])?;
    Ok(served.anybody()?.with_bearer(&bearer))
}

/// Alice's project, with the team's GitHub App bound to it.
async fn project(served: &Served, alice: &Client, seed: &Seed) -> Result<String> {
    let made = alice
        .post(&format!("{V1}/projects"), &json!({ "name": "harbour" }))
        .await?
        .expect(201)?;
    let project = made.text_at("/id")?;
    let body = json!({
        "name": "team", "provider": "github", "kind": "app-installation", "url": format!("{}/github", served.upstream),
        "fields": {
            "app-id": seed.github_app.app_id,
            "installation-id": seed.people[0].github_installation.to_string(),
            "private-key": seed.github_app.private_key.expose(),
        },
    });
    let below = format!("{V1}/projects/{project}/credentials");
    alice.post(&below, &body).await?.expect(201)?;
    Ok(project)
}

#[tokio::test]
async fn a_runner_behind_tls_trades_its_id_and_reads_until_its_session_stops() -> Result<()> {
    let seed = Seed::people(["alice", "bob", "carol"]);
    let served = Served::start(SERVICE).await?;
    let emulator = served.emulator()?;
    let (alice, bob) = (person(&served, "alice")?, person(&served, "bob")?);
    let key = served
        .server()
        .operator(&["api-key", "create", "--service", "control-plane", "--name", "control-plane"])?;
    let control_plane = served.anybody()?.with_bearer(&key);
    let project = project(&served, &alice, &seed).await?;
    let editor = claviger_tests::api::role(&alice, "project:editor").await?;
    let binding = json!({ "role_id": editor, "scope": "project", "project_id": project, "user_id": "bob" });
    alice.post(&format!("{V1}/role_bindings"), &binding).await?.expect(201)?;
    let account = json!({ "token": seed.people[1].github_pat.expose(), "url": format!("{}/github", served.upstream) });
    bob.post("/api/auth/github/connect", &account).await?.expect(200)?;

    // What a control plane does, and what it hands to the pod.
    let made = json!({ "name": "talk", "project_id": project });
    let made = control_plane.post(&format!("{V1}/sessions"), &made).await?.expect(201)?;
    let session = format!("{V1}/sessions/{}", made.text_at("/id")?);
    let started = control_plane.post(&format!("{session}/start"), &json!({})).await?.expect(200)?;
    let of_environment = |name: &str| started.text_at(&format!("/environment/{name}"));
    let address = of_environment("AMBIENT_CP_TOKEN_URL")?;
    let path = address
        .strip_prefix(&served.exchange)
        .with_context(|| format!("another address: {address}"))?;
    ensure!(path.starts_with("/token/cvx_"), "{path}");
    let ids: Value = serde_json::from_str(&of_environment("CREDENTIAL_IDS")?)?;
    let id = ids["github"].as_str().context("no id")?;

    // What the pod's runner does.
    let ciphertext = by_openssl(&of_environment("AMBIENT_CP_TOKEN_PUBLIC_KEY")?, &made.text_at("/id")?)?;
    let trade = async || -> Result<Answer> {
        let asking = served.of_exchange()?.with_header("authorization", &format!("Bearer {ciphertext}"));
        asking.get(path).await
    };
    let bearer = trade().await?.expect(200)?.text_at("/token")?;
    let runner = served.anybody()?.with_bearer(&bearer);
    let nested = format!("{V1}/projects/{project}/credentials/{id}/token");
    let flat = format!("{V1}/credentials/{id}/token");
    let whose = async |answer: Answer| emulator.whose("github", &answer.expect(200)?.json()?).await;
    for path in [&nested, &flat] {
        let granted = runner.get(path).await?;
        ensure!(granted.text_at("/token")?.starts_with("ghs_"), "not the team's: {}", granted.text);
        assert_eq!(whose(granted).await?, "alice", "the App is installed in Alice's account");
    }
    let minted = emulator
        .requests()
        .await?
        .iter()
        .filter(|entry| entry["operation"] == "installation-token")
        .count();
    assert_eq!(minted, 1, "over TLS, once for both");

    // Bob's message: his token, for as long as his turn is open.
    let turn = json!({ "project": project, "session": made.text_at("/id")?, "run": "run-1", "user": "bob" });
    let turn = control_plane.post("/api/claviger/v1/turns", &turn).await?.expect(201)?;
    let turns_own = served.anybody()?.with_bearer(&turn.text_at("/token")?);
    for client in [&runner, &turns_own] {
        for path in [&nested, &flat] {
            let answer = client.get(path).await?;
            assert_eq!(answer.text_at("/token")?, seed.people[1].github_pat.expose());
            assert_eq!(whose(answer).await?, "bob");
        }
    }

    control_plane.post(&format!("{session}/stop"), &json!({})).await?.expect(200)?;
    let refused = trade().await?.expect(403)?;
    assert_eq!(refused.text, "forbidden");
    for client in [&runner, &turns_own] {
        for path in [&nested, &flat] {
            let refused = client.get(path).await?;
            ensure!([401, 404].contains(&refused.status), "{} {}", refused.status, refused.text);
            ensure!(!refused.text.contains("ghs_") && !refused.text.contains("ghp_"), "{}", refused.text);
        }
    }

    // Nobody believes these certificates who was not told of their authority, and nothing is spoken without TLS.
    for base in [&served.api, &served.exchange] {
        ensure!(Client::new(base)?.get("/healthz").await.is_err(), "{base} is believed");
        let plain = base.replace("https://", "http://");
        ensure!(Client::new(&plain)?.get("/healthz").await.is_err(), "{plain} answers");
    }
    served.server().operator(&["audit", "verify"]).map(drop)
}

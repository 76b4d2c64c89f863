//! `kill -9` in the middle of things: what was promised is there afterwards, and the trail still verifies.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, create, generation, read, token};
use claviger_tests::server::run;
use claviger_tests::{Claviger, Client};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn pat(number: usize) -> String {
    format!("ghp_restart{number:08}abcdefghijABCDEFGHIJ012345")
}

fn verify(claviger: &Claviger) -> Result<()> {
    let output = run(&["audit", "verify", "--data", &claviger.data().display().to_string()], &[])?;
    ensure!(output.status.success(), "the trail does not verify: {output:?}");
    Ok(())
}

/// Makes credentials until the server is gone; notes those that were confirmed.
async fn make_until_gone(alice: Client, next: Arc<AtomicUsize>, made: Arc<Mutex<Vec<(String, usize)>>>) {
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let body = json!({ "name": format!("c{number}"), "provider": "github", "token": pat(number), "email": "alice@example.test", "fields": { "user-name": "Alice" } });
        match create(&alice, &body).await {
            Ok(id) => made.lock().expect("nobody panics with it").push((id, number)),
            Err(_) => return,
        }
    }
}

#[tokio::test]
async fn what_was_confirmed_is_there_after_kill_9() -> Result<()> {
    let mut claviger = Claviger::start().await?;
    let rounds = if claviger_tests::full() { 20 } else { 3 };
    let next = Arc::new(AtomicUsize::new(0));
    let made = Arc::new(Mutex::new(Vec::new()));
    for round in 0..rounds {
        let alice = claviger.person("alice")?;
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            writers.spawn(make_until_gone(alice.clone(), Arc::clone(&next), Arc::clone(&made)));
        }
        // Not after a time but after some work, and in the middle of more.
        let enough = made.lock().expect("nobody panics with it").len() + 10 + 3 * round;
        while made.lock().expect("nobody panics with it").len() < enough {
            ensure!(!writers.is_empty(), "the writers gave up");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        claviger.kill();
        while writers.join_next().await.is_some() {}
        claviger = claviger.restart().await.with_context(|| format!("round {round}"))?;
    }
    let alice = claviger.person("alice")?;
    let made = std::mem::take(&mut *made.lock().expect("nobody panics with it"));
    for (id, number) in &made {
        let found = token(&alice, id)
            .await
            .with_context(|| format!("credential {number} of {} was confirmed", made.len()))?;
        assert_eq!(found, pat(*number));
    }
    verify(&claviger)
}

/// The emulated GitLab ends a grant whose refresh token is used twice, and each refresh ends the token before.
#[tokio::test]
async fn a_refresh_that_is_under_way_when_the_power_goes() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let emulator = claviger.emulator()?;
    let grant = emulator
        .client()
        .post("/_grants", &json!({ "account": "alice" }))
        .await?
        .expect(201)?
        .text_at("/refresh_token")?;
    let body = json!({ "name": "lab", "provider": "gitlab", "kind": "oauth", "token": grant, "url": format!("{}/gitlab", claviger.dev().upstream) });
    let id = create(&alice, &body).await?;
    let first = read(&alice, &id, "").await?.expect(200)?;

    // The upstream acts and its answer is lost: nobody can know which refresh token is good.
    emulator
        .fault(&json!({ "provider": "gitlab", "operation": "token", "lost": true }))
        .await?;
    let answer = read(&alice, &id, &format!("?rejected={}", generation(&first)?)).await?;
    ensure!(answer.status == 503 || answer.status == 502, "{} {}", answer.status, answer.text);
    let shown = alice.get(&format!("{V1}/credentials/{id}")).await?.expect(200)?;
    ensure!(
        shown.json()?["state"] != "usable",
        "a lost answer leaves the credential in doubt: {}",
        shown.text
    );

    // That is written down, not merely known: it is still so after a kill.
    let claviger = claviger.restart().await?;
    let alice = claviger.person("alice")?;
    let again = alice.get(&format!("{V1}/credentials/{id}")).await?.expect(200)?;
    assert_eq!(again.json()?["state"], shown.json()?["state"]);
    verify(&claviger)
}

#[tokio::test]
async fn bearers_bindings_and_sessions_outlive_a_restart() -> Result<()> {
    let claviger = Claviger::start().await?;
    let before = claviger.dev().clone();
    let claviger = claviger.restart().await?;
    let after = claviger.dev();
    assert_eq!(
        before.credentials, after.credentials,
        "seeding again must not make everything twice"
    );
    for (name, person) in &before.people {
        let client = claviger.anybody()?.with_bearer(&person.bearer);
        let answer = client.get(&format!("{V1}/credentials")).await?;
        ensure!(
            answer.status == 200,
            "{name}'s bearer of the first start: {} {}",
            answer.status,
            answer.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn seeded_accounts_still_work_on_a_folder_that_is_used_again() -> Result<()> {
    let claviger = Claviger::start().await?.restart().await?;
    let session = claviger.dev().sessions.first().context("no session")?.clone();
    let emulator = claviger.emulator()?;
    for person in ["alice", "bob"] {
        for provider in ["github", "gitlab", "jira", "google"] {
            let path = format!(
                "/api/projects/{}/agentic-sessions/{}/credentials/{provider}",
                session.project, session.id
            );
            let answer = claviger.person(person)?.get(&path).await?.expect(200)?;
            assert_eq!(emulator.whose(provider, &answer.json()?).await?, person, "{provider}");
        }
    }
    Ok(())
}

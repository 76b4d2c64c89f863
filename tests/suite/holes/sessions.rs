//! 9.3: the endpoints that a session's program asks for tokens.

use super::{world, world_on};
use anyhow::{Result, ensure};
use claviger_tests::api::{V1, read};
use claviger_tests::audit::of_event;
use serde_json::{Value, json};

/// Who can read a session is not that session: each bearer is good for one.
#[tokio::test]
async fn hole_9_3_2_one_sessions_program_reads_nothing_of_anothers() -> Result<()> {
    let world = world().await?;
    let body = json!({ "name": "of-bob", "project_id": world.project });
    let bobs = world
        .bob
        .post(&format!("{V1}/sessions"), &body)
        .await?
        .expect(201)?
        .text_at("/id")?;
    world
        .bob
        .post(&format!("{V1}/sessions/{bobs}/start"), &json!({}))
        .await?
        .expect(200)?;
    let (_, turn) = world.turn(&bobs, "bob").await?;
    let answer = turn.get(&world.in_session(&bobs, "gitlab")).await?;
    assert_eq!(world.whose("gitlab", answer).await?, "bob");
    for provider in ["github", "gitlab", "jira", "google", "kubeconfig"] {
        let path = world.in_session(&bobs, provider);
        world.runner.get(&path).await?.expect(404)?;
        world.runner.get(path.trim_start_matches("/api")).await?.expect(404)?;
        world
            .runner
            .with_header("x-runner-current-user", "bob")
            .get(&path)
            .await?
            .expect(404)?;
        // Nor does a turn of the one session open the other.
        turn.get(&world.in_session(&world.session, provider)).await?.expect(404)?;
    }
    Ok(())
}

#[tokio::test]
async fn hole_9_3_3_what_a_request_says_of_its_user_makes_nobody() -> Result<()> {
    let world = world().await?;
    let bearer = &world.claviger.dev().people["alice"].bearer;
    let anybody = world.claviger.anybody()?;
    for headers in [
        vec![("x-forwarded-user", "alice")],
        vec![
            ("x-forwarded-user", "alice"),
            ("x-forwarded-email", "alice@example.org"),
            ("x-forwarded-groups", "platform:admin"),
        ],
        vec![("x-forwarded-access-token", bearer.as_str())],
        vec![("x-remote-user", "alice"), ("x-runner-current-user", "alice")],
    ] {
        let named = headers
            .iter()
            .fold(anybody.clone(), |client, (name, value)| client.with_header(name, value));
        world.ask(&named, "github").await?.expect(401)?;
        named.get(&format!("{V1}/credentials")).await?.expect(401)?;
        // With a bearer of somebody's own they change nothing either.
        let carol = headers
            .iter()
            .fold(world.carol.clone(), |client, (name, value)| client.with_header(name, value));
        let answer = world.ask(&carol, "github").await?;
        ensure!(
            [403, 404].contains(&answer.status),
            "{headers:?}: {} {}",
            answer.status,
            answer.text
        );
    }
    Ok(())
}

/// Who is being answered is a turn: as many as there are, over when it is over, and known after a restart.
#[tokio::test]
async fn hole_9_3_4_whose_message_it_is_is_a_turn_and_ends_with_it() -> Result<()> {
    let world = world().await?;
    let (of_bob, bob) = world.turn(&world.session, "bob").await?;
    let (of_alice, alice) = world.turn(&world.session, "alice").await?;
    // The last one does not win: each has their own, and who cannot tell gets nobody's.
    for (client, name) in [(&bob, "bob"), (&alice, "alice")] {
        let answer = world.ask(client, "gitlab").await?;
        assert_eq!(world.whose("gitlab", answer).await?, name);
    }
    world.ask(&world.runner, "gitlab").await?.expect(404)?;
    let close = async |id: &str| world.service.delete(&format!("/api/claviger/v1/turns/{id}")).await?.expect(204);
    close(&of_alice).await?;
    let answer = world.ask(&world.runner, "gitlab").await?;
    assert_eq!(world.whose("gitlab", answer).await?, "bob");
    // Not in this process's memory alone. The restarted upstream knows no token of before, so answers are compared with each other.
    let world = world_on(world.claviger.restart().await?)?;
    let of_runner = world.ask(&world.runner, "gitlab").await?.expect(200)?.text_at("/token")?;
    assert_eq!(of_runner, world.ask(&world.bob, "gitlab").await?.expect(200)?.text_at("/token")?);
    ensure!(of_runner != world.ask(&world.alice, "gitlab").await?.expect(200)?.text_at("/token")?);
    world
        .service
        .delete(&format!("/api/claviger/v1/turns/{of_bob}"))
        .await?
        .expect(204)?;
    world.ask(&world.runner, "gitlab").await?.expect(404)?;
    Ok(())
}

/// There is no endpoint that leaves the effective user out: a name with a slash is none of them, one without is answered like every provider.
#[tokio::test]
async fn hole_9_3_5_no_endpoint_leaves_the_effective_user_out() -> Result<()> {
    let world = world().await?;
    let of_alice = json!({ "token": "alices-search-key-0123456789" });
    world.alice.post("/api/auth/mcp-search/connect", &of_alice).await?.expect(200)?;
    let own = world.ask(&world.alice, "mcp-search").await?.expect(200)?;
    assert_eq!(own.text_at("/token")?, "alices-search-key-0123456789");
    let (_, turn) = world.turn(&world.session, "bob").await?;
    for client in [&turn, &world.runner, &world.bob, &world.service] {
        for provider in ["mcp-search", "mcp/search", "mcp/mcp-search"] {
            let answer = world.ask(client, provider).await?.expect(404)?;
            ensure!(!answer.text.contains("alices-search-key"), "{}", answer.text);
        }
    }
    Ok(())
}

/// A runner reads a list, and takes an object for one instance.
#[tokio::test]
async fn hole_9_3_6_gerrit_is_a_list_and_no_list_in_an_object() -> Result<()> {
    let world = world().await?;
    world.ask(&world.alice, "gerrit").await?.expect(404)?;
    let instances = json!([
        { "instanceName": "one", "url": "https://one.example", "authMethod": "http_basic", "username": "alice", "httpToken": "gerrit-password" },
        { "instanceName": "two", "url": "https://two.example", "authMethod": "git_cookies", "gitcookiesContent": "two.example\tFALSE\n" },
    ]);
    let stored = json!({ "token": instances.to_string() });
    world.alice.post("/api/auth/gerrit/connect", &stored).await?.expect(200)?;
    assert_eq!(world.ask(&world.alice, "gerrit").await?.expect(200)?.json()?, instances);
    Ok(())
}

/// 404 is "there is none"; trouble is told as trouble, and never as 401 or 403, which fail a whole turn.
#[tokio::test]
async fn hole_9_3_7_trouble_at_github_is_no_missing_credential() -> Result<()> {
    let world = world().await?;
    let emulator = world.claviger.emulator()?;
    for (status, told) in [(500, 503), (502, 503), (401, 502), (404, 502)] {
        let order = json!({ "provider": "github", "operation": "installation-token", "status": status });
        emulator.fault(&order).await?;
        let answer = world.ask(&world.runner, "github").await?;
        assert_eq!(answer.status, told, "GitHub says {status}: {}", answer.text);
        ensure!(answer.json()?["error"].is_string(), "{}", answer.text);
        // The credential is changed, so that its refusal is forgotten.
        let app = world.claviger.credential("team-github-app")?;
        let seed = claviger::dev::upstream::Seed::people(["alice"]);
        let fields = json!({ "fields": { "private-key": seed.github_app.private_key.expose() } });
        world.alice.patch(&format!("{V1}/credentials/{app}"), &fields).await?.expect(200)?;
    }
    world.ask(&world.runner, "github").await?.expect(200)?;
    let none = world.ask(&world.runner, "gitlab").await?.expect(404)?;
    ensure!(none.text.contains("not configured"), "{}", none.text);
    Ok(())
}

#[tokio::test]
async fn hole_9_3_8_a_crowd_makes_one_refresh_and_nobody_gets_a_stale_token() -> Result<()> {
    let world = world().await?;
    let before = world.asked("google", "token").await?;
    let reads = (0..12).map(|_| {
        let (client, path) = (world.alice.clone(), world.in_session(&world.session, "google"));
        tokio::spawn(async move { client.get(&path).await })
    });
    let mut tokens = std::collections::BTreeSet::new();
    for read in reads.collect::<Vec<_>>() {
        let answer = read.await??.expect(200)?;
        tokens.insert(answer.text_at("/accessToken")?);
        let body = answer.json()?;
        ensure!(body["expiresAt"].is_string() && body["refreshToken"] == "", "{body}");
    }
    assert_eq!((tokens.len(), world.asked("google", "token").await? - before), (1, 1));
    // A token without the means to renew it is not kept as one that renews.
    let body = json!({ "name": "stale", "provider": "google", "fields": { "client-id": "a", "client-secret": "b" } });
    let id = world.alice.post(&format!("{V1}/credentials"), &body).await?;
    if id.status == 201 {
        let answer = read(&world.alice, &id.text_at("/id")?, "").await?;
        ensure!(answer.status != 200 || answer.text_at("/token")?.is_empty(), "{}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn hole_9_3_9_a_read_asks_nobody_while_its_token_is_fresh() -> Result<()> {
    let world = world().await?;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(world.ask(&world.runner, "github").await?.expect(200)?.json()?);
    }
    let minted = world.asked("github", "installation-token").await?;
    let all = world.claviger.emulator()?.requests().await?.len();
    for _ in 0..5 {
        answers.push(world.ask(&world.runner, "github").await?.expect(200)?.json()?);
    }
    assert_eq!(minted, 1);
    assert_eq!(
        world.claviger.emulator()?.requests().await?.len(),
        all,
        "the later five asked nobody for anything"
    );
    let keys = ["token", "userName", "email", "expiresAt"];
    let first = keys.map(|key| answers[0][key].clone());
    ensure!(first.iter().all(Value::is_string), "{}", answers[0]);
    ensure!(
        answers.iter().all(|answer| keys.map(|key| answer[key].clone()) == first),
        "{answers:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn hole_9_3_10_a_record_says_who_what_and_how_it_ended() -> Result<()> {
    let world = world().await?;
    let (_, turn) = world.turn(&world.session, "bob").await?;
    world.ask(&turn, "gitlab").await?.expect(200)?;
    world.ask(&world.carol, "gitlab").await?.expect(404)?;
    let records = of_event(&world.claviger.data(), "CREDENTIAL_ACCESS")?;
    let [.., granted, denied] = records.as_slice() else {
        anyhow::bail!("{records:#?}")
    };
    for (record, outcome) in [(granted, "granted"), (denied, "denied")] {
        assert_eq!(
            (&record["outcome"], &record["provider"]),
            (&json!(outcome), &json!("gitlab")),
            "{record:#}"
        );
        assert_eq!(
            (&record["project"], &record["session"]),
            (&json!(world.project), &json!(world.session)),
            "{record:#}"
        );
        for key in ["caller", "reason", "auth", "request"] {
            ensure!(
                record[key].as_str().is_some_and(|value| !value.is_empty()),
                "no `{key}` in {record:#}"
            );
        }
    }
    for key in ["user", "owner", "credential", "run", "token"] {
        ensure!(
            granted[key].as_str().is_some_and(|value| !value.is_empty()),
            "no `{key}` in {granted:#}"
        );
    }
    assert_eq!(
        (&granted["run"], &granted["credential"]),
        (&json!("run-of-bob"), &json!(world.claviger.credential("bob-gitlab")?))
    );
    Ok(())
}

#[tokio::test]
async fn hole_9_3_11_a_bearer_in_an_address_is_refused() -> Result<()> {
    let world = world().await?;
    let bearer = &world.claviger.dev().people["alice"].bearer;
    let path = world.in_session(&world.session, "github");
    for name in ["token", "access_token", "bearer"] {
        let query = format!("{path}?{name}={bearer}");
        let answer = world.claviger.anybody()?.get(&query).await?;
        ensure!([400, 401].contains(&answer.status), "{} {}", answer.status, answer.text);
        // Nor beside a good one, so that nobody gets used to it.
        let beside = world.alice.get(&query).await?.expect(400)?;
        ensure!(!beside.text.contains(bearer.as_str()), "{}", beside.text);
    }
    ensure!(!world.claviger.log().contains(bearer.as_str()), "the log has it");
    Ok(())
}

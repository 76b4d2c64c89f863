//! `explain` says what reads do: each answer is compared with the read itself.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, create};
use claviger_tests::{Claviger, Client};
use serde_json::{Value, json};

struct World {
    claviger: Claviger,
    project: String,
    session: String,
    session_token: String,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
    Ok(World {
        project: session.project,
        session: session.id,
        session_token: session.token,
        claviger,
    })
}

impl World {
    fn path(&self, query: &str) -> String {
        format!("{V1}/projects/{}/explain?{query}", self.project)
    }

    async fn explain(&self, client: &Client, query: &str) -> Result<Value> {
        let answer = client.get(&self.path(query)).await?.expect(200)?;
        for secret in ["ghs_", "ghu_", "glpat", "ATATT", "ya29", "refresh"] {
            ensure!(!answer.text.contains(secret), "`{secret}` in {}", answer.text);
        }
        answer.json()
    }

    async fn open_turn(&self, user: &str) -> Result<Client> {
        let proxy = self.claviger.anybody()?.with_bearer(&self.claviger.dev().proxy.bearer);
        let body = json!({ "project": self.project, "session": self.session, "run": format!("run-of-{user}"), "user": user });
        let answer = proxy.post("/api/claviger/v1/turns", &body).await?.expect(201)?;
        self.claviger
            .anybody()
            .map(|client| client.with_bearer(&answer.text_at("/token").unwrap_or_default()))
    }

    /// What a bearer really gets in the session: granted or refused.
    async fn really(&self, client: &Client, provider: &str) -> Result<&'static str> {
        let path = format!(
            "/api/projects/{}/agentic-sessions/{}/credentials/{provider}",
            self.project, self.session
        );
        let answer = client.get(&path).await?;
        ensure!([200, 404].contains(&answer.status), "{} {}", answer.status, answer.text);
        Ok(if answer.status == 200 { "granted" } else { "refused" })
    }
}

fn read_by<'a>(explanation: &'a Value, bearer: &str) -> Result<&'a Value> {
    let reads = explanation["reads"].as_array().context("reads")?;
    reads
        .iter()
        .find(|read| read["bearer"] == bearer)
        .with_context(|| format!("no `{bearer}` in {explanation:#}"))
}

#[tokio::test]
async fn an_explanation_and_the_read_say_the_same() -> Result<()> {
    let world = world().await?;
    let alice = world.claviger.person("alice")?;
    let runner = world.claviger.anybody()?.with_bearer(&world.session_token);
    let mut turns: Vec<(&str, Client)> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for opened in [None, Some("bob"), Some("alice")] {
        if let Some(user) = opened {
            turns.push((user, world.open_turn(user).await?));
        }
        for provider in ["github", "gitlab", "kubeconfig"] {
            for user in ["alice", "bob", "carol"] {
                let query = format!("provider={provider}&session={}&user={user}", world.session);
                let explanation = world.explain(&alice, &query).await?;
                let own = world.really(&world.claviger.person(user)?, provider).await?;
                assert_eq!(
                    read_by(&explanation, "own-bearer")?["outcome"],
                    own,
                    "{user} {provider} {explanation:#}"
                );
                let of_session = world.really(&runner, provider).await?;
                assert_eq!(
                    read_by(&explanation, "session-token")?["outcome"],
                    of_session,
                    "{provider} {explanation:#}"
                );
                for (_, turn) in turns.iter().filter(|(of, _)| *of == user) {
                    let in_turn = world.really(turn, provider).await?;
                    assert_eq!(read_by(&explanation, "turn-token")?["outcome"], in_turn, "{explanation:#}");
                }
                for read in explanation["reads"].as_array().context("reads")? {
                    let code = read["reason_code"].as_str().or(read["rule"].as_str()).context("a code")?;
                    seen.insert(code.to_owned());
                }
            }
        }
    }
    for code in ["connected-account", "session-not-visible", "not-configured"] {
        ensure!(seen.contains(code), "the world has no `{code}`: {seen:?}");
    }
    // With one person's turn the session reads for them, with two nobody's.
    let query = format!("provider=gitlab&session={}&user=bob", world.session);
    let explanation = world.explain(&alice, &query).await?;
    let of_session = read_by(&explanation, "session-token")?;
    let steps = of_session["steps"].to_string();
    ensure!(
        of_session.get("on_behalf_of").is_none() && steps.contains("several-turns"),
        "{of_session:#}"
    );
    Ok(())
}

#[tokio::test]
async fn which_binding_won_and_which_lost() -> Result<()> {
    let world = world().await?;
    let alice = world.claviger.person("alice")?;
    let explanation = world.explain(&alice, "provider=github").await?;
    let app = world.claviger.credential("team-github-app")?;
    assert_eq!(explanation["resolution"]["credential_id"], json!(app), "{explanation:#}");
    assert_eq!(
        (&explanation["resolution"]["tier"], &explanation["resolution"]["state"]),
        (&json!("project"), &json!("usable"))
    );
    let step = &explanation["resolution"]["steps"][0];
    assert_eq!((&step["rule"], &step["verdict"]), (&json!("project"), &json!("won")));
    let binding = step["binding_id"].as_str().context("a binding")?;
    let row = alice.get(&format!("{V1}/role_bindings/{binding}")).await?.expect(200)?;
    assert_eq!(row.text_at("/credential_id")?, *app);
    let own = read_by(&explanation, "own-bearer")?;
    assert_eq!((&own["outcome"], &own["rule"]), (&json!("granted"), &json!("own-binding")));
    // Bob edits the project, and reads the token nowhere but in a turn.
    let of_bob = world.explain(&alice, "provider=github&user=bob").await?;
    assert_eq!(read_by(&of_bob, "own-bearer")?["reason_code"], "not-permitted", "{of_bob:#}");

    let nothing = world.explain(&alice, "provider=anthropic").await?;
    assert_eq!(nothing["resolution"]["credential_id"], Value::Null);
    assert_eq!(nothing["reads"], json!([]));
    // Unbound: the next explanation says so.
    alice.delete(&format!("{V1}/role_bindings/{binding}")).await?.expect(204)?;
    let unbound = world.explain(&alice, "provider=github").await?;
    assert_eq!(unbound["resolution"]["steps"][0]["why"], "nothing-bound", "{unbound:#}");
    Ok(())
}

#[tokio::test]
async fn nobody_learns_what_is_not_theirs() -> Result<()> {
    let world = world().await?;
    let (alice, bob, carol) = (
        world.claviger.person("alice")?,
        world.claviger.person("bob")?,
        world.claviger.person("carol")?,
    );
    let account = world.claviger.credential("bob-gitlab")?;
    let query = format!("provider=gitlab&session={}&user=bob", world.session);
    let seen_by_alice = world.explain(&alice, &query).await?;
    assert_eq!(read_by(&seen_by_alice, "own-bearer")?["rule"], "connected-account");
    ensure!(!seen_by_alice.to_string().contains(account), "Bob's account is shown to Alice");
    let seen_by_bob = world.explain(&bob, &query).await?;
    assert_eq!(read_by(&seen_by_bob, "own-bearer")?["credential_id"], json!(account));

    for client in [
        &carol,
        &world.claviger.anybody()?.with_bearer(&world.session_token),
        &world.open_turn("bob").await?,
    ] {
        client.get(&world.path("provider=github")).await?.expect(404)?;
    }
    world.claviger.anybody()?.get(&world.path("provider=github")).await?.expect(401)?;
    alice
        .get(&format!("{V1}/projects/nowhere/explain?provider=github"))
        .await?
        .expect(404)?;
    alice.get(&world.path("provider=github&session=nothing")).await?.expect(404)?;
    for wrong in [
        "",
        "provider=",
        "provider=github&colour=red",
        "provider=github&provider=jira",
        "provider=github&agent=nobody",
    ] {
        alice.get(&world.path(wrong)).await?.expect(400)?;
    }
    // Who may look at the project learns of their own reads, and not whose turns are open.
    let role = claviger_tests::api::role(&alice, "project:viewer").await?;
    let bind = json!({ "role_id": role, "scope": "project", "project_id": world.project, "user_id": "carol" });
    alice.post(&format!("{V1}/role_bindings"), &bind).await?.expect(201)?;
    let in_session = format!("provider=gitlab&session={}", world.session);
    let of_carol = world.explain(&carol, &in_session).await?;
    let bearers: Vec<&Value> = of_carol["reads"]
        .as_array()
        .context("reads")?
        .iter()
        .map(|read| &read["bearer"])
        .collect();
    assert_eq!(bearers, ["own-bearer"], "{of_carol:#}");
    ensure!(!of_carol.to_string().contains("bob"), "{of_carol:#}");
    carol.get(&world.path("provider=gitlab&user=bob")).await?.expect(404)?;
    // A role with one project explains nothing of another's.
    let made = create(&carol, &json!({ "name": "c", "provider": "github", "token": "ghp_of_carol" })).await?;
    ensure!(
        !world
            .explain(&alice, "provider=github&user=carol")
            .await?
            .to_string()
            .contains(&made),
        "a stranger's credential"
    );
    Ok(())
}

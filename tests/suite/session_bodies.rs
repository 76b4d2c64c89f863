//! What the session endpoint answers, key by key and text by text, for every name that the wire has; and how it is refused.
//!
//! Alice made the session, Bob edits in its project, Carol has no part in it.

use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::api::{V1, bind, create};
use claviger_tests::audit::of_event;
use claviger_tests::{Answer, Claviger, Client};
use serde_json::{Value, json};
use std::collections::BTreeSet;

struct World {
    claviger: Claviger,
    alice: Client,
    bob: Client,
    runner: Client,
    project: String,
    session: String,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
    Ok(World {
        alice: claviger.person("alice")?,
        bob: claviger.person("bob")?,
        runner: claviger.anybody()?.with_bearer(&session.token),
        project: session.project,
        session: session.id,
        claviger,
    })
}

impl World {
    fn below_session(&self, rest: &str) -> String {
        format!("/projects/{}/agentic-sessions/{}/{rest}", self.project, self.session)
    }

    /// The same answer with and without `/api`.
    async fn ask(&self, client: &Client, provider: &str) -> Result<Answer> {
        let path = self.below_session(&format!("credentials/{provider}"));
        let (one, other) = (client.get(&path).await?, client.get(&format!("/api{path}")).await?);
        ensure!((one.status, &one.text) == (other.status, &other.text), "{one:?} {other:?}");
        Ok(one)
    }

    async fn body(&self, client: &Client, provider: &str) -> Result<Value> {
        self.ask(client, provider).await?.expect(200)?.json()
    }

    async fn connect(&self, client: &Client, provider: &str, body: &Value) -> Result<()> {
        client
            .post(&format!("/api/auth/{provider}/connect"), body)
            .await?
            .expect(200)
            .map(drop)
    }

    /// Opens a turn of somebody's.
    async fn turn(&self, user: &str) -> Result<Client> {
        let body = json!({ "project": self.project, "session": self.session, "run": format!("run-of-{user}"), "user": user });
        let proxy = self.claviger.anybody()?.with_bearer(&self.claviger.dev().proxy.bearer);
        let turn = proxy.post("/api/claviger/v1/turns", &body).await?.expect(201)?;
        Ok(self.claviger.anybody()?.with_bearer(&turn.text_at("/token")?))
    }

    fn at(&self, provider: &str) -> String {
        format!("{}/{provider}", self.claviger.dev().upstream)
    }
}

/// What varies with the hour, taken out after a look at it.
fn without(mut body: Value, key: &str) -> Result<(Value, String)> {
    let taken = body.as_object_mut().and_then(|body| body.remove(key));
    let text = taken.as_ref().and_then(Value::as_str).map(str::to_owned);
    Ok((body, text.with_context(|| format!("no text `{key}`"))?))
}

fn is_a_time(text: &str) -> bool {
    text.ends_with('Z') && text.len() >= 20 && text.as_bytes()[10] == b'T'
}

#[tokio::test]
async fn github_of_a_person_and_of_an_app() -> Result<()> {
    let world = world().await?;
    let seed = Seed::people(["alice", "bob"]);
    for (client, person) in [(&world.alice, &seed.people[0]), (&world.bob, &seed.people[1])] {
        assert_eq!(
            world.body(client, "github").await?,
            json!({
                "token": person.github_pat.expose(), "userName": person.name, "email": person.email, "provider": "github",
                "instanceUrl": world.at("github"),
            })
        );
    }
    // The App's, that the session was granted: it ends, and says when.
    let (body, token) = without(world.body(&world.runner, "github").await?, "token")?;
    let (body, ends) = without(body, "expiresAt")?;
    ensure!(token.starts_with("ghs_") && is_a_time(&ends), "{token} {ends}");
    let keys: BTreeSet<&str> = body
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys)
        .map(String::as_str)
        .collect();
    assert_eq!(keys, BTreeSet::from(["email", "instanceUrl", "provider", "userName"]));
    // The read by id tells the instance as well.
    let flat = format!("{V1}/credentials/{}/token", world.claviger.credential("alice-github")?);
    let nested = format!(
        "{V1}/projects/{}/credentials/{}/token",
        world.project,
        world.claviger.credential("team-github-app")?
    );
    for path in [flat, nested] {
        let answer = world.alice.get(&path).await?.expect(200)?;
        assert_eq!(answer.text_at("/instanceUrl")?, world.at("github"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn gitlab_jira_and_google() -> Result<()> {
    let world = world().await?;
    let seed = Seed::people(["alice", "bob"]);
    for (client, person) in [(&world.alice, &seed.people[0]), (&world.bob, &seed.people[1])] {
        let pasted = json!({ "token": person.gitlab_pat.expose(), "url": world.at("gitlab"), "email": person.email, "fields": { "user-name": person.name } });
        world
            .connect(client, "gitlab", &{
                let mut body = pasted;
                body["kind"] = json!("personal-access-token");
                body
            })
            .await?;
        assert_eq!(
            world.body(client, "gitlab").await?,
            json!({
                "token": person.gitlab_pat.expose(), "instanceUrl": world.at("gitlab"), "userName": person.name, "email": person.email,
                "provider": "gitlab",
            })
        );
        assert_eq!(
            world.body(client, "jira").await?,
            json!({ "url": world.at("jira"), "email": person.email, "apiToken": person.jira_token.expose() })
        );
        let (google, token) = without(world.body(client, "google").await?, "accessToken")?;
        let (google, ends) = without(google, "expiresAt")?;
        ensure!(token.starts_with("ya29.") && is_a_time(&ends), "{token} {ends}");
        let scopes = [
            "https://www.googleapis.com/auth/drive.readonly",
            "https://www.googleapis.com/auth/gmail.readonly",
        ];
        // What lives for long does not leave, here as everywhere.
        assert_eq!(google, json!({ "refreshToken": "", "email": person.email, "scopes": scopes }));
        let whose = world.claviger.emulator()?.whose("google", &json!({ "accessToken": token })).await?;
        assert_eq!(whose, person.name);
    }
    Ok(())
}

#[tokio::test]
async fn names_that_no_component_serves() -> Result<()> {
    let world = world().await?;
    for (client, name) in [(&world.alice, "alice"), (&world.bob, "bob")] {
        let key = format!("key-of-{name}-0123456789");
        world.connect(client, "coderabbit", &json!({ "token": key })).await?;
        world.connect(client, "linear", &json!({ "token": key })).await?;
        assert_eq!(world.body(client, "coderabbit").await?, json!({ "apiKey": key }));
        assert_eq!(world.body(client, "linear").await?, json!({ "token": key, "apiKey": key }));
    }
    let kubeconfig = world.body(&world.runner, "kubeconfig").await?;
    ensure!(
        kubeconfig["token"].as_str().is_some_and(|text| text.contains("users:")),
        "{kubeconfig}"
    );
    Ok(())
}

fn instances(name: &str) -> Value {
    json!([
        { "instanceName": "one", "url": "https://one.example", "authMethod": "http_basic", "username": name, "httpToken": format!("http-of-{name}") },
        { "instanceName": "two", "url": "https://two.example", "authMethod": "git_cookies", "gitcookiesContent": format!("two.example\tFALSE\t{name}\n") },
    ])
}

#[tokio::test]
async fn gerrit_is_the_list_that_a_runner_reads() -> Result<()> {
    let world = world().await?;
    for (client, name) in [(&world.alice, "alice"), (&world.bob, "bob")] {
        let body = json!({ "name": name, "provider": "gerrit", "token": instances(name).to_string() });
        let id = create(client, &body).await?;
        let shaped = client.get(&format!("{V1}/credentials/{id}/token?consumer=session")).await?;
        assert_eq!(shaped.expect(200)?.json()?, instances(name));
    }
    // A team's, granted to whatever session starts in a project that it belongs to. There is no id for it: a token read has no list.
    let project = world.alice.post(&format!("{V1}/projects"), &json!({ "name": "reviews" })).await?;
    let project = project.expect(201)?.text_at("/id")?;
    let team = json!({ "name": "team", "provider": "gerrit", "token": instances("team").to_string() });
    let team = create(&world.alice, &team).await?;
    bind(&world.alice, &team, "credential:viewer", &project, "alice")
        .await?
        .expect(201)?;
    let session = world
        .alice
        .post(&format!("{V1}/sessions"), &json!({ "name": "review", "project_id": project }))
        .await?;
    let session = session.expect(201)?.text_at("/id")?;
    let started = world
        .alice
        .post(&format!("{V1}/sessions/{session}/start"), &json!({}))
        .await?
        .expect(200)?;
    let ids: Value = serde_json::from_str(&started.text_at("/environment/CREDENTIAL_IDS")?)?;
    ensure!(ids.get("gerrit").is_none() && ids.get("github").is_some(), "{ids}");
    Ok(())
}

/// The fields of an MCP server are whoever's is being answered, and never the owner's for want of others.
#[tokio::test]
async fn an_mcp_servers_fields_are_the_effective_users() -> Result<()> {
    let world = world().await?;
    for server in ["Search", "a.b", "a_b", "%C3%A4", &"a".repeat(60)] {
        let refused = world.ask(&world.alice, &format!("mcp/{server}")).await?.expect(400)?;
        assert_eq!(refused.json()?, json!({ "error": "Invalid server name" }));
    }
    let of = |name: &str| json!({ "API_KEY": format!("search-key-of-{name}"), "base-url": "https://search.example" });
    world
        .connect(&world.alice, "mcp-search", &json!({ "token": of("alice").to_string() }))
        .await?;
    assert_eq!(
        world.body(&world.alice, "mcp/search").await?,
        json!({ "serverName": "search", "fields": of("alice") })
    );
    // Nobody's turn is open, and Bob may write to the session; then Bob's is, and he has nothing.
    let turn = world.turn("bob").await?;
    for client in [&world.runner, &world.bob, &turn] {
        let none = world.ask(client, "mcp/search").await?.expect(404)?;
        ensure!(
            none.text_at("/error")?
                .starts_with("MCP credentials not configured for server search"),
            "{}",
            none.text
        );
    }
    world
        .connect(&world.bob, "mcp-search", &json!({ "token": of("bob").to_string() }))
        .await?;
    for client in [&world.runner, &world.bob, &turn] {
        assert_eq!(
            world.body(client, "mcp/search").await?,
            json!({ "serverName": "search", "fields": of("bob") })
        );
    }
    // One value is one field.
    world.connect(&world.alice, "mcp-plain", &json!({ "token": "a-plain-key" })).await?;
    let plain = json!({ "serverName": "plain", "fields": { "token": "a-plain-key" } });
    assert_eq!(world.body(&world.alice, "mcp/plain").await?, plain);
    Ok(())
}

#[tokio::test]
async fn the_oldest_runners_get_githubs_token_by_the_same_read() -> Result<()> {
    let world = world().await?;
    let path = world.below_session("github/token");
    let reads = || of_event(&world.claviger.data(), "CREDENTIAL_ACCESS");
    let turn = world.turn("bob").await?;
    for (client, user) in [(&world.runner, "session"), (&world.alice, "alice"), (&turn, "bob")] {
        let by_get = world.body(client, "github").await?["token"].clone();
        for prefix in ["", "/api"] {
            let before = reads()?.len();
            let answer = client.post(&format!("{prefix}{path}"), &json!({})).await?.expect(200)?;
            assert_eq!(answer.json()?, json!({ "token": by_get }), "{user}");
            assert_eq!(answer.header("cache-control"), "no-store");
            let reads = reads()?;
            assert_eq!(reads.len(), before + 1);
            let last = reads.last().context("no record")?;
            assert_eq!((&last["outcome"], &last["provider"]), (&json!("granted"), &json!("github")));
        }
    }
    let carol = world.claviger.person("carol")?;
    let before = reads()?.len();
    let refused = carol.post(&path, &json!({})).await?.expect(404)?;
    assert_eq!(refused.json()?, json!({ "error": "Session not found" }));
    assert_eq!(reads()?.len(), before + 1, "a refusal is on the record too");
    let named = world.bob.with_header("x-runner-current-user", "alice");
    let refused = named.post(&path, &json!({})).await?.expect(403)?;
    assert_eq!(refused.json()?, json!({ "error": "Access denied" }));
    world.alice.get(&path).await?.expect(405)?;
    Ok(())
}

#[tokio::test]
async fn refusals_are_the_wires() -> Result<()> {
    let world = world().await?;
    let carol = world.claviger.person("carol")?;
    for (provider, words) in [
        ("coderabbit", "CodeRabbit credentials not configured"),
        ("gerrit", "Gerrit credentials not configured"),
        ("mcp/search", "MCP credentials not configured for server search"),
        ("linear", "linear credentials not configured"),
    ] {
        let none = world.ask(&world.bob, provider).await?.expect(404)?.text_at("/error")?;
        ensure!(none.starts_with(words) && none.contains("Integrations"), "{none}");
    }
    for (provider, title) in [("github", "GitHub"), ("gitlab", "GitLab"), ("jira", "Jira"), ("google", "Google")] {
        let path = format!("/api/auth/{provider}/disconnect");
        world.bob.delete(&path).await?.expect(200)?;
        if provider == "github" {
            // What the session was granted is there for whoever has none.
            continue;
        }
        let none = world.ask(&world.bob, provider).await?.expect(404)?.text_at("/error")?;
        ensure!(none.starts_with(&format!("{title} credentials not configured")), "{none}");
    }
    let error = |text: &str| json!({ "error": text });
    let unknown = world.claviger.anybody()?.with_bearer("somebody-elses");
    for client in [&world.claviger.anybody()?, &unknown] {
        let refused = world.ask(client, "github").await?.expect(401)?;
        assert_eq!(refused.json()?, error("Invalid or missing token"));
    }
    let named = world.bob.with_header("x-runner-current-user", "alice");
    assert_eq!(world.ask(&named, "gitlab").await?.expect(403)?.json()?, error("Access denied"));
    assert_eq!(world.ask(&carol, "github").await?.expect(404)?.json()?, error("Session not found"));
    for (path, status, text) in [
        ("/projects/atlas/agentic-sessions/none/credentials/github", 404, "Session not found"),
        (
            "/projects/not%20one/agentic-sessions/none/credentials/github",
            400,
            "Invalid project name format",
        ),
        (
            "/projects/not%20one/agentic-sessions/none/credentials/mcp/search",
            400,
            "Invalid project name format",
        ),
    ] {
        for prefix in ["", "/api"] {
            let refused = world.alice.get(&format!("{prefix}{path}")).await?.expect(status)?;
            assert_eq!(refused.json()?, error(text), "{path}");
        }
    }
    Ok(())
}

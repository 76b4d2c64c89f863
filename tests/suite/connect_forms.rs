//! Accounts, connected, tried and shown by the forms of the platform's pages. What is connected is read back in a session, text by text.

mod trials;

use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::{Person, Seed};
use claviger_tests::audit::of_event;
use claviger_tests::{Answer, Claviger, Client};
use serde_json::{Value, json};

struct World {
    claviger: Claviger,
    alice: Client,
    bob: Client,
    people: Vec<Person>,
    session: String,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    let session = claviger.dev().sessions.first().context("no session was seeded")?;
    let session = format!("/projects/{}/agentic-sessions/{}", session.project, session.id);
    Ok(World {
        alice: claviger.person("alice")?,
        bob: claviger.person("bob")?,
        people: Seed::people(["alice", "bob"]).people,
        session,
        claviger,
    })
}

impl World {
    fn at(&self, provider: &str) -> String {
        format!("{}/{provider}", self.claviger.dev().upstream)
    }

    /// What a runner would read for them.
    async fn read(&self, client: &Client, provider: &str) -> Result<Answer> {
        client.get(&format!("{}/credentials/{provider}", self.session)).await
    }

    fn events(&self, event: &str) -> Result<Vec<Value>> {
        of_event(&self.claviger.data(), event)
    }
}

async fn connect(client: &Client, provider: &str, body: &Value) -> Result<Answer> {
    client.post(&format!("/api/auth/{provider}/connect"), body).await
}

#[tokio::test]
async fn the_pages_forms_connect_what_they_say() -> Result<()> {
    let world = world().await?;
    let bob = &world.people[1];
    let (pat, jira) = (bob.gitlab_pat.expose(), bob.jira_token.expose());
    let gitlab = json!({ "personalAccessToken": pat, "instanceUrl": world.at("gitlab") });
    let forms = [
        ("gitlab", gitlab.clone(), "/token", pat),
        (
            "jira",
            json!({ "url": world.at("jira"), "email": bob.email, "apiToken": jira }),
            "/apiToken",
            jira,
        ),
        (
            "coderabbit",
            json!({ "apiKey": "cr-of-bob-0123456789" }),
            "/apiKey",
            "cr-of-bob-0123456789",
        ),
    ];
    for (provider, form, key, token) in &forms {
        let made = connect(&world.bob, provider, form).await?.expect(200)?;
        ensure!(!made.text.contains(token), "{}", made.text);
        assert_eq!(world.read(&world.bob, provider).await?.expect(200)?.text_at(key)?, *token);
        // Alice's is hers still.
        let of_alice = world.read(&world.alice, provider).await?;
        ensure!(!of_alice.text.contains(token), "{}", of_alice.text);
        let shown = world.bob.get(&format!("/api/auth/{provider}/status")).await?.expect(200)?;
        ensure!(shown.json()?["connected"] == true && !shown.text.contains(token), "{}", shown.text);
        // Both names of one thing, or a name of another provider's form, say nothing that can be relied on.
        let mut both = form.clone();
        both["token"] = json!("x");
        let refused = connect(&world.bob, provider, &both).await?.expect(400)?;
        ensure!(refused.text.contains("send one"), "{}", refused.text);
    }
    let refused = connect(&world.bob, "jira", &gitlab).await?.expect(400)?;
    ensure!(
        refused.text.contains("unknown properties") && !refused.text.contains(pat),
        "{}",
        refused.text
    );

    // Below a project, and whose project that is decides nothing.
    let below = "/api/projects/somewhere/auth/gitlab";
    world.bob.delete(&format!("{below}/disconnect")).await?.expect(200)?;
    world.read(&world.bob, "gitlab").await?.expect(404)?;
    world.bob.post(&format!("{below}/connect"), &gitlab).await?.expect(200)?;
    let status = world.bob.get(&format!("{below}/status")).await?.expect(200)?.json()?;
    assert_eq!(status["kind"], "personal-access-token");
    assert_eq!(world.read(&world.bob, "gitlab").await?.expect(200)?.text_at("/token")?, pat);
    world.bob.post(&format!("{below}/disconnect"), &json!({})).await?.expect(200)?;
    world.bob.post(&format!("{below}/disconnect"), &json!({})).await?.expect(404)?;
    let refused = world.bob.get("/api/projects/not%20one/auth/gitlab/status").await?.expect(400)?;
    assert_eq!(refused.json()?, json!({ "error": "Invalid project name format" }));
    Ok(())
}

#[tokio::test]
async fn githubs_own_paths_are_the_same_consent() -> Result<()> {
    let world = world().await?;
    let seed = Seed::people(["alice"]);
    let suspended = seed.github_app.suspended_installation;
    let body = json!({ "url": world.at("github"), "installationId": suspended });
    let begun = world.alice.post("/api/auth/github/install", &body).await?.expect(201)?;
    let (id, address) = (begun.text_at("/id")?, begun.text_at("/url")?);
    ensure!(begun.text_at("/message")?.contains("not used"), "{}", begun.text);
    ensure!(
        address.contains("state=") && !address.contains(&suspended.to_string()),
        "the number went on: {address}"
    );
    let status = async |client: &Client| client.get(&format!("/oauth2callback/status?id={id}")).await;
    assert_eq!(status(&world.alice).await?.expect(200)?.text_at("/status")?, "started");
    status(&world.bob).await?.expect(404)?;
    world.alice.get("/oauth2callback/status").await?.expect(400)?;

    // The browser comes back by the older address; she consented there as Bob.
    let page = Client::new("")?.get(&format!("{address}&login=bob")).await?.expect(302)?;
    let way_back = page.header("location").replace("/oauth2callback", "/api/auth/github/user/callback");
    let page = Client::new("")?.get(&way_back).await?.expect(200)?;
    let code = page.text.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
    assert_eq!(status(&world.alice).await?.expect(200)?.text_at("/status")?, "returned");
    let complete = json!({ "id": id, "code": code.context("no code on the page")? });
    world.bob.post("/api/auth/github/complete", &complete).await?.expect(404)?;
    world.alice.post("/api/auth/github/complete", &complete).await?.expect(200)?;
    status(&world.alice).await?.expect(404)?;
    let read = world.read(&world.alice, "github").await?.expect(200)?.json()?;
    assert_eq!(world.claviger.emulator()?.whose("github", &read).await?, "bob");
    // It is no personal access token, and is not taken for one.
    let pat = world.alice.get("/api/auth/github/pat/status").await?.expect(200)?.json()?;
    assert_eq!(pat["connected"], false);
    world.alice.delete("/api/auth/github/pat").await?.expect(404)?;

    let token = world.people[0].github_pat.expose();
    let pasted = json!({ "token": token, "url": world.at("github") });
    let made = world.alice.post("/api/auth/github/pat", &pasted).await?.expect(200)?;
    ensure!(!made.text.contains(token), "{}", made.text);
    assert_eq!(world.read(&world.alice, "github").await?.expect(200)?.text_at("/token")?, token);
    let pat = world.alice.get("/api/auth/github/pat/status").await?.expect(200)?;
    ensure!(pat.json()?["connected"] == true && !pat.text.contains(token), "{}", pat.text);
    world.alice.delete("/api/auth/github/pat").await?.expect(200)?;
    let status = world.alice.get("/api/auth/github/status").await?.expect(200)?.json()?;
    assert_eq!(status["connected"], false);
    for body in [
        json!({}),
        json!({ "token": token, "kind": "oauth-user-token" }),
        json!({ "tokn": token }),
    ] {
        let refused = world.alice.post("/api/auth/github/pat", &body).await?.expect(400)?;
        ensure!(!refused.text.contains(token), "{}", refused.text);
    }
    world.alice.post("/api/auth/github/install", &pasted).await?.expect(400)?;
    Ok(())
}

fn gerrit(name: &str, token: &str) -> Value {
    json!({ "instanceName": name, "url": format!("https://{name}.example"), "username": "bob", "httpToken": token })
}

#[tokio::test]
async fn gerrits_instances_are_one_list_and_come_and_go_by_name() -> Result<()> {
    let world = world().await?;
    connect(&world.bob, "gerrit", &gerrit("one", "http-one-1")).await?.expect(200)?;
    let cookies =
        json!({ "instanceName": "two", "url": "https://two.example", "authMethod": "git_cookies", "gitcookiesContent": "two\tx\n" });
    let made = connect(&world.bob, "gerrit", &cookies).await?.expect(200)?;
    ensure!(!made.text.contains("two\\tx"), "{}", made.text);
    // The same name again is the same instance.
    connect(&world.bob, "gerrit", &gerrit("one", "http-one-2")).await?.expect(200)?;
    let one = json!({ "instanceName": "one", "url": "https://one.example", "authMethod": "http_basic", "username": "bob", "httpToken": "http-one-2" });
    assert_eq!(world.read(&world.bob, "gerrit").await?.expect(200)?.json()?, json!([cookies, one]));
    world.read(&world.alice, "gerrit").await?.expect(404)?;

    let listed = world.bob.get("/api/auth/gerrit/instances").await?.expect(200)?;
    ensure!(
        !listed.text.contains("http-one") && !listed.text.contains("two\\tx"),
        "{}",
        listed.text
    );
    let names: Vec<String> = ["/instances/0/instanceName", "/instances/1/instanceName"]
        .iter()
        .map(|at| listed.text_at(at))
        .collect::<Result<_>>()?;
    assert_eq!(names, ["two", "one"]);
    let status = world.bob.get("/api/auth/gerrit/one/status").await?.expect(200)?;
    let shown = status.json()?;
    assert_eq!(
        (&shown["connected"], &shown["url"], &shown["username"]),
        (&json!(true), &json!("https://one.example"), &json!("bob"))
    );
    ensure!(!status.text.contains("http-one"), "{}", status.text);
    for (client, name) in [(&world.bob, "three"), (&world.alice, "one")] {
        let status = client.get(&format!("/api/auth/gerrit/{name}/status")).await?.expect(200)?.json()?;
        assert_eq!(status["connected"], false);
        client.delete(&format!("/api/auth/gerrit/{name}/disconnect")).await?.expect(404)?;
    }
    world.bob.delete("/api/auth/gerrit/two/disconnect").await?.expect(200)?;
    assert_eq!(world.read(&world.bob, "gerrit").await?.expect(200)?.json()?, json!([one]));
    world.bob.delete("/api/auth/gerrit/one/disconnect").await?.expect(200)?;
    world.read(&world.bob, "gerrit").await?.expect(404)?;
    assert_eq!(
        (
            world.events("ACCOUNT_CONNECTED")?.len(),
            world.events("ACCOUNT_DISCONNECTED")?.len()
        ),
        (3, 2)
    );
    for bad in [
        json!({ "instanceName": "a", "url": "https://a.example" }),
        json!({ "instanceName": "a/b", "url": "https://a.example", "username": "b", "httpToken": "SECRET-1" }),
        json!({ "instanceName": "a", "url": "ftp://a.example", "username": "b", "httpToken": "SECRET-1" }),
        json!({ "instanceName": "a", "url": "https://a.example", "username": "b", "httpToken": "SECRET-1\nx" }),
        json!({ "instanceName": "a", "url": "https://a.example", "username": "b", "httpToken": "SECRET-1", "gitcookiesContent": "x" }),
        json!({ "instanceName": "a", "url": "https://a.example", "authMethod": "git_cookies", "username": "b", "httpToken": "SECRET-1" }),
        json!({ "instanceName": "a", "url": "https://a.example", "username": "b", "httpToken": "SECRET-1", "extra": "SECRET-1" }),
    ] {
        let refused = connect(&world.bob, "gerrit", &bad).await?.expect(400)?;
        ensure!(!refused.text.contains("SECRET-1"), "{}", refused.text);
    }
    // What is one value is not made a list behind its owner's back.
    connect(&world.bob, "gerrit", &json!({ "token": "one-password" }))
        .await?
        .expect(200)?;
    connect(&world.bob, "gerrit", &gerrit("one", "http-one-3")).await?.expect(409)?;
    Ok(())
}

#[tokio::test]
async fn instances_that_are_connected_at_once_are_all_there() -> Result<()> {
    let world = world().await?;
    let ask = |n: usize| {
        let client = world.bob.clone();
        tokio::spawn(async move { connect(&client, "gerrit", &gerrit(&format!("at-once-{n}"), "t")).await })
    };
    let mut made = Vec::new();
    for answer in (0..4).map(ask).collect::<Vec<_>>() {
        let answer = answer.await??;
        ensure!([200, 409].contains(&answer.status), "{} {}", answer.status, answer.text);
        made.push(answer.status == 200);
    }
    let list = world.read(&world.bob, "gerrit").await?.expect(200)?.json()?;
    let names: Vec<&str> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["instanceName"].as_str())
        .collect();
    for (n, made) in made.iter().enumerate() {
        assert_eq!(names.contains(&format!("at-once-{n}").as_str()), *made, "{names:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_mcp_servers_fields_by_the_pages_routes() -> Result<()> {
    let world = world().await?;
    let path = "/api/auth/mcp/search";
    let none = world.bob.get(&format!("{path}/status")).await?.expect(200)?.json()?;
    assert_eq!(none, json!({ "connected": false, "serverName": "search" }));
    let fields = json!({ "API_KEY": "search-key-of-bob", "base-url": "https://search.example" });
    let made = world
        .bob
        .post(&format!("{path}/connect"), &json!({ "fields": fields }))
        .await?
        .expect(200)?;
    assert_eq!(
        made.json()?,
        json!({ "message": "MCP server search connected", "serverName": "search" })
    );
    assert_eq!(
        world.read(&world.bob, "mcp/search").await?.expect(200)?.json()?,
        json!({ "serverName": "search", "fields": fields })
    );
    world.read(&world.alice, "mcp/search").await?.expect(404)?;
    let status = world.bob.get(&format!("{path}/status")).await?.expect(200)?;
    let mut shown = status.json()?;
    ensure!(shown["updatedAt"].as_str().is_some_and(|time| time.ends_with('Z')), "{shown}");
    shown["updatedAt"] = json!("");
    assert_eq!(
        shown,
        json!({ "connected": true, "serverName": "search", "fieldNames": ["API_KEY", "base-url"], "updatedAt": "" })
    );
    ensure!(!status.text.contains("search-key-of-bob"), "{}", status.text);
    let of_alice = world.alice.get(&format!("{path}/status")).await?.expect(200)?.json()?;
    assert_eq!(of_alice["connected"], false);
    let gone = world.bob.delete(&format!("{path}/disconnect")).await?.expect(200)?.json()?;
    assert_eq!(gone, json!({ "message": "MCP server search disconnected" }));
    world.read(&world.bob, "mcp/search").await?.expect(404)?;
    world.bob.delete(&format!("{path}/disconnect")).await?.expect(404)?;
    for (server, body) in [
        ("Search", json!({ "fields": { "a": "SECRET-1" } })),
        ("a.b", json!({ "fields": { "a": "SECRET-1" } })),
        ("search", json!({})),
        ("search", json!({ "fields": {} })),
        ("search", json!({ "fields": { "a b": "SECRET-1" } })),
        ("search", json!({ "fields": { "a": "" } })),
        ("search", json!({ "fields": { "a": 5 } })),
        ("search", json!({ "fields": { "a": "SECRET-1" }, "token": "SECRET-1" })),
    ] {
        let refused = world
            .bob
            .post(&format!("/api/auth/mcp/{server}/connect"), &body)
            .await?
            .expect(400)?;
        ensure!(!refused.text.contains("SECRET-1"), "{}", refused.text);
    }
    Ok(())
}

#[tokio::test]
async fn all_accounts_at_a_glance_are_ones_own_and_without_secrets() -> Result<()> {
    let world = world().await?;
    connect(&world.bob, "linear", &json!({ "token": "linear-token-of-bob" }))
        .await?
        .expect(200)?;
    world
        .bob
        .post("/api/auth/mcp/search/connect", &json!({ "fields": { "key": "search-key-of-bob" } }))
        .await?
        .expect(200)?;
    let answer = world.bob.get("/api/auth/integrations/status").await?.expect(200)?;
    let all = answer.json()?;
    let names: Vec<&String> = all.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    assert_eq!(
        names,
        ["coderabbit", "gerrit", "github", "gitlab", "google", "jira", "linear", "mcp-search"]
    );
    for (name, connected) in [
        ("github", true),
        ("linear", true),
        ("mcp-search", true),
        ("gerrit", false),
        ("coderabbit", false),
    ] {
        assert_eq!(all[name]["connected"], connected, "{name}");
    }
    assert_eq!(
        (&all["github"]["title"], &all["gerrit"]["title"]),
        (&json!("GitHub"), &json!("Gerrit"))
    );
    for secret in [world.people[1].github_pat.expose(), "linear-token-of-bob", "search-key-of-bob"] {
        ensure!(!answer.text.contains(secret), "{}", answer.text);
    }
    let of_alice = world.alice.get("/api/auth/integrations/status").await?.expect(200)?.json()?;
    ensure!(
        of_alice.get("linear").is_none() && of_alice["github"]["connected"] == true,
        "{of_alice}"
    );
    // The path is no provider's, and nobody is told otherwise.
    let refused = connect(&world.bob, "integrations", &json!({ "token": "x" })).await?.expect(400)?;
    ensure!(refused.text.contains("a path of this API"), "{}", refused.text);
    Ok(())
}

//! 9.5: how the API behaves where the platform's fails, counted in the order in which its list names them.

use super::{BINDINGS, said, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, bind, create, read, role, token};
use claviger_tests::{Answer, Client};
use serde_json::{Value, json};

async fn items(client: &Client, path: &str) -> Result<Vec<Value>> {
    let list = client.get(&format!("{V1}/{path}")).await?.expect(200)?.json()?;
    list["items"].as_array().cloned().context("no items")
}

async fn stored(client: &Client, name: &str, provider: &str) -> Result<String> {
    create(
        client,
        &json!({ "name": name, "provider": provider, "token": "held_secret_0123456789" }),
    )
    .await
}

#[tokio::test]
async fn hole_9_5_1_fields_reduce_the_items_and_nothing_else() -> Result<()> {
    let world = world().await?;
    stored(&world.alice, "held", "linear").await?;
    for collection in ["credentials", "projects", "sessions", "roles", "role_bindings", "users"] {
        let all = world.alice.get(&format!("{V1}/{collection}")).await?.expect(200)?.json()?;
        let reduced = world
            .alice
            .get(&format!("{V1}/{collection}?fields=created_at"))
            .await?
            .expect(200)?
            .json()?;
        for key in ["kind", "page", "size", "total"] {
            assert_eq!(reduced[key], all[key], "{collection}");
        }
        let (all, reduced) = (
            all["items"].as_array().context("items")?,
            reduced["items"].as_array().context("items")?,
        );
        ensure!(!all.is_empty(), "{collection}: nothing to look at");
        for (item, reduced) in all.iter().zip(reduced) {
            assert_eq!(
                reduced,
                &json!({ "id": item["id"], "created_at": item["created_at"] }),
                "{collection}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn hole_9_5_2_an_agents_bindings_are_listed() -> Result<()> {
    let world = world().await?;
    let agents = format!("{V1}/projects/{}/agents", world.project);
    let body = json!({ "project_id": world.project, "name": "pilot" });
    let agent = world.alice.post(&agents, &body).await?.expect(201)?.text_at("/id")?;
    let path = format!("projects/{}/agents/{agent}/role_bindings", world.project);
    assert_eq!(items(&world.alice, &path).await?, Vec::<Value>::new());
    let editor = role(&world.alice, "agent:editor").await?;
    let of_bob = json!({ "role_id": editor, "scope": "agent", "agent_id": agent, "user_id": "bob" });
    let of_carol = json!({ "role_id": editor, "scope": "agent", "agent_id": agent, "user_id": "carol" });
    let mut made = Vec::new();
    for body in [of_bob, of_carol] {
        made.push(world.alice.post(BINDINGS, &body).await?.expect(201)?.json()?);
    }
    // Whoever leads the project sees both, whoever has a part in the agent their own, whoever has none nothing of it.
    assert_eq!(items(&world.alice, &path).await?, made);
    assert_eq!(items(&world.carol, &path).await?, made[1..]);
    world.claviger.anybody()?.get(&format!("{V1}/{path}")).await?.expect(401)?;
    world
        .carol
        .delete(&format!("{BINDINGS}/{}", made[1]["id"].as_str().context("id")?))
        .await?
        .expect(403)?;
    world
        .alice
        .delete(&format!("{BINDINGS}/{}", made[1]["id"].as_str().context("id")?))
        .await?
        .expect(204)?;
    world.carol.get(&format!("{V1}/{path}")).await?.expect(404)?;
    assert_eq!(items(&world.alice, &format!("{path}?search=user_id='bob'")).await?, made[..1]);
    Ok(())
}

#[tokio::test]
async fn hole_9_5_3_explicit_nulls_are_answered() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "held", "linear").await?;
    let viewer = role(&world.alice, "credential:viewer").await?;
    let all = ["user_id", "project_id", "agent_id", "session_id", "credential_id"];
    for scope in ["global", "project", "agent", "session", "credential"] {
        let mut body = json!({ "role_id": viewer, "scope": scope });
        for key in all {
            body[key] = Value::Null;
        }
        let answer = world.alice.post(BINDINGS, &body).await?;
        ensure!([400, 403].contains(&answer.status), "{scope}: {} {}", answer.status, answer.text);
        assert_eq!(answer.json()?["kind"], "Error");
    }
    // Where they are meant, they are what is not said.
    let body = json!({ "role_id": viewer, "scope": "credential", "credential_id": id, "project_id": world.project,
        "user_id": null, "agent_id": null, "session_id": null });
    let made = world.alice.post(BINDINGS, &body).await?.expect(201)?.json()?;
    ensure!(all.iter().all(|key| made.get(key).is_some()), "{made}");
    ensure!(
        made["user_id"].is_null() && made["agent_id"].is_null() && made["session_id"].is_null(),
        "{made}"
    );
    Ok(())
}

#[tokio::test]
async fn hole_9_5_4_a_moment_alone_is_ignored() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "held", "linear").await?;
    let viewer = role(&world.alice, "credential:viewer").await?;
    let old = "1970-01-01T00:00:00Z";
    for key in ["created_at", "updated_at"] {
        let mut body = json!({ "role_id": viewer, "scope": "credential", "credential_id": id, "project_id": world.project });
        body[key] = json!(old);
        let made = world.alice.post(BINDINGS, &body).await?.expect(201)?;
        ensure!(made.json()?[key] != old, "{}", made.text);
        world
            .alice
            .delete(&format!("{BINDINGS}/{}", made.text_at("/id")?))
            .await?
            .expect(204)?;
    }
    Ok(())
}

#[tokio::test]
async fn hole_9_5_5_deleting_what_is_not_there_says_so() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "held", "linear").await?;
    let path = format!("{V1}/credentials/{id}");
    world.alice.delete(&path).await?.expect(204)?;
    let missing = "2ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for path in [path, format!("{V1}/credentials/{missing}")] {
        world.alice.delete(&path).await?.expect(403)?;
        world.globally("platform:admin", "carol").await.ok();
        world.carol.delete(&path).await?.expect(404)?;
    }
    Ok(())
}

/// Any provider's name is taken, as clients want it; one for which nothing is loaded is kept as it is. What cannot be an address or a name is not.
#[tokio::test]
async fn hole_9_5_6_what_cannot_be_is_not_stored() -> Result<()> {
    let world = world().await?;
    stored(&world.alice, "any", "anthropic").await?;
    let body = |key: &str, value: &str| {
        let mut body = json!({ "name": "x", "provider": "linear", "token": "t" });
        body[key] = json!(value);
        body
    };
    let mut taken = Vec::new();
    for (key, value) in [
        ("provider", ""),
        ("provider", "../github"),
        ("provider", "a b"),
        ("name", "a\u{0}b"),
        ("url", "javascript:alert(1)"),
        ("url", "not an address"),
        ("url", "ftp://example.com"),
        ("url", "https://user:secret@example.com"),
        ("email", "a@example.com\r\nX-Header: 1"),
    ] {
        let answer = world.alice.post(&format!("{V1}/credentials"), &body(key, value)).await?;
        if answer.status != 400 || !said(&answer).contains(key) {
            taken.push(format!("{key} `{value}`: {} {}", answer.status, said(&answer)));
        }
    }
    ensure!(taken.is_empty(), "{taken:#?}");
    // What only looks odd is stored and told, since clients send what they like.
    let warned = async |mail: &str| {
        let made = world
            .alice
            .post(&format!("{V1}/credentials"), &body("email", mail))
            .await?
            .expect(201)?
            .json()?;
        Ok::<_, anyhow::Error>(made["warnings"].to_string().contains("`email`"))
    };
    for mail in ["nobody", "@example.com", "a@", "a b@example.com", "a@b@c"] {
        ensure!(warned(mail).await?, "{mail}");
    }
    ensure!(!warned("alice+x@example.com").await?);
    Ok(())
}

/// A name leads to a credential only while it is one's.
#[tokio::test]
async fn hole_9_5_7_a_name_that_several_have_is_nobodys() -> Result<()> {
    let world = world().await?;
    let first = stored(&world.alice, "twin", "linear").await?;
    stored(&world.bob, "twin", "linear").await?;
    let by_name = format!("{V1}/credentials/twin");
    // Bob's of that name is not visible to her, and does not count.
    assert_eq!(world.alice.get(&by_name).await?.expect(200)?.text_at("/id")?, first);
    let second = stored(&world.alice, "twin", "asana").await?;
    world.alice.get(&by_name).await?.expect(404)?;
    world.alice.delete(&format!("{V1}/credentials/{second}")).await?.expect(204)?;
    assert_eq!(world.alice.get(&by_name).await?.expect(200)?.text_at("/id")?, first);
    Ok(())
}

#[tokio::test]
async fn hole_9_5_8_a_patch_clears() -> Result<()> {
    let world = world().await?;
    let body = json!({ "name": "held", "provider": "linear", "token": "t", "description": "d", "labels": "l", "annotations": "a", "email": "a@example.com" });
    let id = create(&world.alice, &body).await?;
    let path = format!("{V1}/credentials/{id}");
    for key in ["description", "labels", "annotations", "email"] {
        let before = world.alice.get(&path).await?.expect(200)?.json()?;
        ensure!(before[key].is_string(), "{before}");
        let mut change = json!({});
        change[key] = Value::Null;
        let after = world.alice.patch(&path, &change).await?.expect(200)?.json()?;
        ensure!(after.get(key).is_none(), "{after}");
        assert_eq!(after["name"], "held");
    }
    Ok(())
}

#[tokio::test]
async fn hole_9_5_9_an_unknown_column_is_the_clients_mistake() -> Result<()> {
    let world = world().await?;
    for collection in ["credentials", "projects", "sessions", "roles", "role_bindings", "users"] {
        for query in [
            "search=nonsense = 'x'",
            "search=secrets.token = 'x'",
            "orderBy=nonsense",
            "fields=nonsense",
        ] {
            let answer = world.alice.get(&format!("{V1}/{collection}?{query}")).await?.expect(400)?;
            assert_eq!(answer.json()?["id"], "21", "{}", answer.text);
        }
    }
    Ok(())
}

#[tokio::test]
async fn hole_9_5_10_a_project_that_is_not_there_is_bound_by_administrators_alone() -> Result<()> {
    let world = world().await?;
    let id = stored(&world.alice, "held", "linear").await?;
    let answer = bind(&world.alice, &id, "credential:viewer", "hi", "alice").await?.expect(403)?;
    let foreign = bind(&world.alice, &id, "credential:viewer", "of-nobody", "alice")
        .await?
        .expect(403)?;
    assert_eq!(said(&answer), said(&foreign));
    world.globally("platform:admin", "carol").await?;
    let own = stored(&world.carol, "own", "linear").await?;
    bind(&world.carol, &own, "credential:viewer", "hi", "carol").await?.expect(201)?;
    // Whoever makes the project later gets what was bound for it, and no right over it.
    world
        .bob
        .post(&format!("{V1}/projects"), &json!({ "name": "hi" }))
        .await?
        .expect(201)?;
    read(&world.bob, &own, "").await?.expect(404)?;
    Ok(())
}

/// What is stored is damaged: the answer says that it is ours, and nothing of what is inside.
#[tokio::test]
async fn hole_9_5_11_what_cannot_be_opened_says_nothing_of_the_inside() -> Result<()> {
    let world = world().await?;
    let (one, other) = (
        stored(&world.alice, "one", "linear").await?,
        stored(&world.alice, "other", "asana").await?,
    );
    // The one's envelope in the other's place: sealed with the right key, for something else.
    let database = world.claviger.data().join("claviger.db");
    let database = if database.exists() {
        database
    } else {
        a_database(&world.claviger.data())?
    };
    let script = "import sqlite3, sys\n\
                  d = sqlite3.connect(sys.argv[1], timeout=20)\n\
                  e = d.execute('SELECT envelope FROM credential_secrets WHERE credential_id = ?', (sys.argv[2],)).fetchone()[0]\n\
                  n = d.execute('UPDATE credential_secrets SET envelope = ? WHERE credential_id = ?', (e, sys.argv[3])).rowcount\n\
                  d.commit()\n\
                  sys.exit(0 if n == 1 else 1)";
    let status = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(&database)
        .args([&one, &other])
        .status()?;
    ensure!(status.success(), "the row was not changed");
    let answer: Answer = read(&world.alice, &other, "").await?;
    ensure!(answer.status >= 500, "{} {}", answer.status, answer.text);
    let lower = answer.text.to_lowercase();
    for inside in ["held_secret", "aes", "envelope", "decrypt", "sql", "claviger.db", "ck1."] {
        ensure!(!lower.contains(inside), "`{inside}` in {}", answer.text);
    }
    ensure!(answer.json()?["operation_id"].is_string(), "{}", answer.text);
    // The log says it to the operator; the other credential is well.
    assert_eq!(token(&world.alice, &one).await?, "held_secret_0123456789");
    ensure!(!world.claviger.log().contains("held_secret"), "the log has a secret");
    Ok(())
}

/// The one database file of a data folder.
fn a_database(data: &std::path::Path) -> Result<std::path::PathBuf> {
    let files = std::fs::read_dir(data)?.flatten().map(|entry| entry.path());
    let mut found = files.filter(|path| path.extension().is_some_and(|ending| ending == "db" || ending == "sqlite"));
    found.next().with_context(|| format!("no database in {}", data.display()))
}

#[tokio::test]
async fn hole_9_5_12_the_provider_of_a_list_is_asked_for() -> Result<()> {
    let world = world().await?;
    let linear = stored(&world.alice, "held", "linear").await?;
    stored(&world.alice, "held", "asana").await?;
    let found = items(&world.alice, "credentials?provider=linear").await?;
    assert_eq!(found.iter().map(|item| &item["id"]).collect::<Vec<_>>(), [&json!(linear)]);
    let both = items(&world.alice, "credentials?provider=linear&search=name = 'nothing'").await?;
    assert_eq!(both, Vec::<Value>::new());
    Ok(())
}

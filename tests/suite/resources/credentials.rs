use super::{ids, refused, text, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, create, read, role, token};
use reqwest::Method;
use serde_json::{Value, json};

const CREDENTIALS: &str = "/api/ambient/v1/credentials";

/// 27 letters and digits, as clients' columns are wide.
fn is_ksuid(id: &str) -> bool {
    id.len() == 27 && id.chars().all(|c| c.is_ascii_alphanumeric())
}

/// 16, 17, 18, 19, 27, 30.
#[tokio::test]
async fn a_credential_is_its_makers_alone() -> Result<()> {
    let world = world().await?;
    let body = |name: &str, token: &str| json!({ "name": name, "provider": "linear", "token": token });
    let answer = world.alice.post(CREDENTIALS, &body("cred-a", "lin_of_alice")).await?.expect(201)?;
    let made = answer.json()?;
    let (hers, bobs) = (text(&made, "id"), create(&world.bob, &body("cred-b", "lin_of_bob")).await?);
    ensure!(is_ksuid(hers) && is_ksuid(&bobs) && hers != bobs, "{hers} {bobs}");
    assert_eq!(
        (text(&made, "kind"), text(&made, "name"), text(&made, "provider")),
        ("Credential", "cred-a", "linear")
    );
    assert_eq!(text(&made, "href"), format!("{CREDENTIALS}/{hers}"));
    for moment in ["created_at", "updated_at"] {
        let moment = text(&made, moment);
        ensure!(moment.ends_with('Z') && moment.contains('.'), "{moment} in {made}");
    }

    // It came with its owner's binding: hers, and of no project.
    let search = format!("user_id='alice' and credential_id='{hers}' and scope='credential'");
    let owning = ids(&world.alice, &format!("role_bindings?search={search}")).await?;
    let [owning] = owning.as_slice() else { anyhow::bail!("{owning:?}") };
    let owning = world
        .alice
        .get(&format!("{V1}/role_bindings/{owning}"))
        .await?
        .expect(200)?
        .json()?;
    let unset = ["project_id", "agent_id", "session_id"].map(|key| owning.get(key).cloned());
    assert_eq!(unset, [(); 3].map(|()| Some(Value::Null)), "{owning}");
    assert_eq!(text(&owning, "role_id"), role(&world.alice, "credential:owner").await?);

    for (own, client, foreign, other) in [
        (hers, &world.alice, bobs.as_str(), &world.bob),
        (&bobs, &world.bob, hers, &world.alice),
    ] {
        let listed = ids(client, "credentials").await?;
        ensure!(
            listed.iter().any(|id| id == own) && !listed.iter().any(|id| id == foreign),
            "{listed:?}"
        );
        let refusal = other.get(&format!("{CREDENTIALS}/{own}")).await?;
        refused(refusal, 404, &format!("Credential with id='{own}' not found"))?;
        read(other, own, "").await?.expect(404)?;
        refused(
            other.patch(&format!("{CREDENTIALS}/{own}"), &json!({ "name": "mine" })).await?,
            403,
            "Forbidden",
        )?;
    }
    ensure!(!ids(&world.carol, "credentials").await?.contains(&hers.to_owned()));
    assert_eq!(world.alice.get(&format!("{CREDENTIALS}/{hers}")).await?.expect(200)?.json()?, made);

    // The three keys of its token, by their values.
    let answer = read(&world.alice, hers, "").await?.expect(200)?.json()?;
    assert_eq!(
        (text(&answer, "credential_id"), text(&answer, "provider"), text(&answer, "token")),
        (hers, "linear", "lin_of_alice")
    );
    let anybody = world.claviger.anybody()?;
    for path in ["", "/token"] {
        anybody.get(&format!("{CREDENTIALS}/{hers}{path}")).await?.expect(401)?;
        let unknown = world.alice.get(&format!("{CREDENTIALS}/2ABCDEFGHIJKLMNOPQRSTUVWXYZ{path}")).await?;
        assert_eq!(unknown.expect(404)?.json()?["id"], "7");
    }
    Ok(())
}

/// 21 and 43: what is no JSON.
#[tokio::test]
async fn a_body_that_is_no_json_is_400() -> Result<()> {
    let world = world().await?;
    let id = create(&world.alice, &json!({ "name": "x", "provider": "linear", "token": "lin_x" })).await?;
    world.project(&world.alice, "alpha").await?;
    let binding = ids(&world.alice, "role_bindings?search=project_id='alpha'").await?;
    let binding = binding.first().context("no binding")?;
    for (method, path) in [
        (Method::POST, "credentials".to_owned()),
        (Method::PATCH, format!("credentials/{id}")),
        (Method::POST, "projects/alpha/credentials".to_owned()),
        (Method::POST, "role_bindings".to_owned()),
        (Method::PATCH, format!("role_bindings/{binding}")),
        (Method::POST, "projects".to_owned()),
        (Method::PATCH, "projects/alpha".to_owned()),
    ] {
        let body = Some(("application/json", b"{ this is invalid }".to_vec()));
        let answer = world.alice.send(method, &format!("{V1}/{path}"), body).await?.expect(400)?;
        assert_eq!(answer.json()?["id"], "17", "{path}: {}", answer.text);
        ensure!(answer.text_at("/reason")?.starts_with("Invalid request format"), "{}", answer.text);
    }
    Ok(())
}

/// 22, 23, 26, 28, 29.
#[tokio::test]
async fn a_credential_from_its_making_to_its_end() -> Result<()> {
    let world = world().await?;
    let (first, second) = ("tp_first_secret", "tp_second_secret");
    let body = json!({ "name": "kept", "provider": "test-provider", "token": first, "labels": "test-labels" });
    let made = world.alice.post(CREDENTIALS, &body).await?.expect(201)?;
    let says_nothing = |answer: &claviger_tests::Answer| -> Result<Value> {
        let json = answer.json()?;
        let items = json["items"].as_array().cloned().unwrap_or_else(|| vec![json.clone()]);
        for item in items {
            ensure!(item.get("token").is_none_or(|token| token == ""), "{item}");
        }
        ensure!(!answer.text.contains(first) && !answer.text.contains(second), "{}", answer.text);
        Ok(json)
    };
    let json = says_nothing(&made)?;
    let id = text(&json, "id");
    assert_eq!((text(&json, "labels"), text(&json, "provider")), ("test-labels", "test-provider"));
    let path = format!("{CREDENTIALS}/{id}");
    says_nothing(&world.alice.get(&path).await?.expect(200)?)?;
    says_nothing(&world.alice.get(&format!("{CREDENTIALS}?size=-1")).await?.expect(200)?)?;
    ensure!(ids(&world.alice, "credentials").await?.iter().any(|listed| listed == id));
    assert_eq!(token(&world.alice, id).await?, first);

    let described = world
        .alice
        .patch(&path, &json!({ "description": "of the tests" }))
        .await?
        .expect(200)?;
    let described = says_nothing(&described)?;
    assert_eq!(text(&described, "description"), "of the tests");
    assert_eq!((&described["id"], &described["created_at"]), (&json["id"], &json["created_at"]));
    ensure!(text(&described, "updated_at") >= text(&json, "updated_at"), "{described}");
    assert_eq!(token(&world.alice, id).await?, first, "a description is no new secret");

    let rotated = says_nothing(&world.alice.patch(&path, &json!({ "token": second })).await?.expect(200)?)?;
    assert_eq!((&rotated["id"], &rotated["created_at"]), (&json["id"], &json["created_at"]));
    assert_eq!(token(&world.alice, id).await?, second);

    world.claviger.anybody()?.delete(&path).await?.expect(401)?;
    assert_eq!(token(&world.alice, id).await?, second, "nobody deleted it");
    let gone = world.alice.delete(&path).await?.expect(204)?;
    ensure!(gone.text.is_empty(), "{}", gone.text);
    world.alice.get(&path).await?.expect(404)?;
    read(&world.alice, id, "").await?.expect(404)?;
    ensure!(!ids(&world.alice, "credentials").await?.iter().any(|listed| listed == id));
    Ok(())
}

/// 25 and 43: pages and searches of credentials and of bindings.
#[tokio::test]
async fn pages_and_searches_find_each_item_once() -> Result<()> {
    let world = world().await?;
    let mut made = Vec::new();
    for number in 0..5 {
        let body = json!({ "name": format!("paged-{number}"), "provider": "linear", "token": "lin_x" });
        made.push(create(&world.alice, &body).await?);
    }
    for (collection, search) in [
        ("credentials", "name like 'paged-%'".to_owned()),
        (
            "role_bindings",
            format!(
                "credential_id in ({})",
                made.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",")
            ),
        ),
    ] {
        let page = async |page: u32| {
            let path = format!("{V1}/{collection}?page={page}&size=2&search={search}");
            world.alice.get(&path).await?.expect(200)?.json()
        };
        let mut seen = std::collections::BTreeSet::new();
        for (number, expected) in [(1, 2), (2, 2), (3, 1), (4, 0)] {
            let list = page(number).await?;
            assert_eq!(
                (&list["page"], &list["size"], &list["total"]),
                (&json!(number), &json!(expected), &json!(5))
            );
            let items = list["items"].as_array().context("items")?;
            assert_eq!(items.len(), expected);
            seen.extend(items.iter().map(|item| text(item, "id").to_owned()));
        }
        assert_eq!(seen.len(), 5, "{collection}");
        let one = seen.first().context("none")?;
        let list = world
            .alice
            .get(&format!("{V1}/{collection}?search=id in ('{one}')"))
            .await?
            .expect(200)?
            .json()?;
        assert_eq!(
            (&list["total"], &list["size"], &list["items"][0]["id"]),
            (&json!(1), &json!(1), &json!(one))
        );
        world
            .alice
            .get(&format!("{V1}/{collection}/2ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            .await?
            .expect(404)?;
    }
    Ok(())
}

//! `search`, `orderBy`, `fields`, `size` and `provider` on the lists that the server has.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, bind, create, role};
use claviger_tests::{Answer, Claviger, Client};
use serde_json::{Value, json};

async fn list(client: &Client, collection: &str, query: &[(&str, &str)]) -> Result<Answer> {
    let address = reqwest::Url::parse_with_params("http://localhost", query)?;
    client.get(&format!("{V1}/{collection}?{}", address.query().unwrap_or(""))).await
}

async fn items(client: &Client, collection: &str, query: &[(&str, &str)]) -> Result<Vec<Value>> {
    let answer = list(client, collection, query).await?.expect(200)?.json()?;
    answer["items"].as_array().cloned().context("no items")
}

async fn found(client: &Client, collection: &str, search: &str) -> Result<Vec<Value>> {
    items(client, collection, &[("search", search), ("size", "-1")]).await
}

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().filter_map(|item| item["name"].as_str()).collect()
}

#[tokio::test]
async fn the_searches_that_real_clients_send() -> Result<()> {
    let claviger = Claviger::start().await?;
    let (alice, bob) = (claviger.person("alice")?, claviger.person("bob")?);
    let body =
        |name: &str, provider: &str| json!({ "name": name, "provider": provider, "token": "ghp_search0123456789abcdefghijABCDEFGHIJ" });
    let id = create(&alice, &body("find-me", "linear")).await?;
    create(&alice, &body("find-me-too", "kubeconfig")).await?;
    let project = claviger.dev().projects.first().context("no project")?;
    bind(&alice, &id, "credential:viewer", project, "bob").await?.expect(201)?;

    // 25: exactly one item, total 1.
    let one = list(&alice, "credentials", &[("search", &format!("id in ('{id}')"))])
        .await?
        .expect(200)?
        .json()?;
    assert_eq!(
        (&one["total"], &one["size"], &one["items"][0]["id"]),
        (&json!(1), &json!(1), &json!(id))
    );
    assert_eq!(names(&found(&alice, "credentials", "name = 'find-me'").await?), ["find-me"]);
    assert_eq!(names(&found(&alice, "credentials", "provider='linear'").await?), ["find-me"]);
    assert_eq!(found(&alice, "credentials", "name like '%ind-me%'").await?.len(), 2);
    assert_eq!(
        names(&found(&alice, "roles", "name = 'credential:owner'").await?),
        ["credential:owner"]
    );
    assert_eq!(found(&alice, "roles", "built_in = true and name like 'platform:%'").await?.len(), 2);

    let viewer = role(&alice, "credential:viewer").await?;
    let pair = format!("user_id='bob' and project_id='{project}'");
    for (search, expected) in [
        (format!("{pair} and role_id='{viewer}'"), 1),
        (format!("user_id='bob' and credential_id='{id}'"), 1),
        (format!("user_id='alice' and credential_id='{id}'"), 1),
        (
            format!("scope = 'credential' and project_id = '{project}' and credential_id = '{id}'"),
            1,
        ),
        (format!("scope = 'credential' and project_id = '{project}' and agent_id = 'a'"), 0),
        (format!("credential_id = '{id}' and agent_id is null and project_id is null"), 1),
        ("scope = 'credential' and session_id = 's'".to_owned(), 0),
    ] {
        let bindings = found(&alice, "role_bindings", &search).await?;
        assert_eq!(bindings.len(), expected, "{search}: {bindings:?}");
    }
    // Bob sees the same binding, since it is his.
    assert_eq!(
        found(&bob, "role_bindings", &format!("{pair} and credential_id='{id}'"))
            .await?
            .len(),
        1
    );
    Ok(())
}

#[tokio::test]
async fn hole_9_2_10_a_search_that_escapes_its_parentheses_shows_nothing_more() -> Result<()> {
    let claviger = Claviger::start().await?;
    let (alice, bob) = (claviger.person("alice")?, claviger.person("bob")?);
    let secret = "ghp_hidden0123456789abcdefghijABCDEFGHIJK";
    let id = create(&alice, &json!({ "name": "of-alice", "provider": "github", "token": secret })).await?;
    let ids = |items: Vec<Value>| {
        items
            .iter()
            .filter_map(|item| item["id"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    for collection in ["credentials", "role_bindings"] {
        let visible = ids(items(&bob, collection, &[("size", "-1")]).await?);
        ensure!(!visible.is_empty() && !visible.contains(&id), "{visible:?}");
        for hostile in [
            "id <> '') or (id <> ''",
            "id <> '' or id <> ''",
            "not (id = '' and id <> '')",
            "id is null or id is not null",
            "id like '%'",
            "id <> '' -- ",
            "id <> ''; select 1",
            "id = '''' or 1=1 or ''=''",
            "1 = 1",
            "created_at > '1970-01-01' or id > ''",
        ] {
            let answer = list(&bob, collection, &[("search", hostile), ("size", "-1")]).await?;
            match answer.status {
                400 => {}
                200 => {
                    let answer = answer.json()?;
                    let shown = ids(answer["items"].as_array().cloned().context("no items")?);
                    ensure!(
                        shown.iter().all(|id| visible.contains(id)),
                        "`{hostile}` shows {shown:?}, more than {visible:?}"
                    );
                    ensure!(
                        answer["total"].as_u64() <= Some(visible.len() as u64),
                        "`{hostile}` counts more: {answer}"
                    );
                }
                other => anyhow::bail!("`{hostile}`: {other} {}", answer.text),
            }
        }
    }
    // The token column cannot be probed, not even by its owner.
    for probe in ["token like 'ghp_%'", "credentials.token = 'x'", "token is null", "secrets is null"] {
        let answer = list(&alice, "credentials", &[("search", probe)]).await?.expect(400)?;
        ensure!(answer.text.contains("there is no column"), "{}", answer.text);
    }
    list(&alice, "credentials", &[("orderBy", "token")]).await?.expect(400)?;
    list(&alice, "credentials", &[("fields", "token")]).await?.expect(400)?;
    Ok(())
}

#[tokio::test]
async fn what_does_not_read_is_400_with_a_reason() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    for collection in ["credentials", "roles", "role_bindings"] {
        for search in [
            "id =",
            "id = 'x",
            "(id = 'x'",
            "nothing = 'x'",
            "id ~= 'x'",
            "id = 5",
            &"(".repeat(5_000),
        ] {
            let answer = list(&alice, collection, &[("search", search)]).await?.expect(400)?;
            assert_eq!(answer.json()?["id"], "21", "{}", answer.text);
            ensure!(
                answer.text_at("/reason")?.starts_with("Failed to parse search query: "),
                "{}",
                answer.text
            );
        }
        for (name, value) in [
            ("orderBy", "name sideways"),
            ("size", "many"),
            ("page", "1.5"),
            ("fields", "id,password"),
        ] {
            let answer = list(&alice, collection, &[(name, value)]).await?.expect(400)?;
            assert_eq!(answer.json()?["kind"], "Error", "{}", answer.text);
        }
    }
    let answer = list(&alice, "roles", &[("orderBy", "name sideways")]).await?;
    assert_eq!(answer.text_at("/reason")?, "bad order value 'name sideways'");
    Ok(())
}

#[tokio::test]
async fn fields_order_size_and_provider() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    // Hole 9.5: `fields` brings the real server down.
    let roles = list(&alice, "roles", &[("fields", "name"), ("orderBy", "name desc"), ("size", "2")])
        .await?
        .expect(200)?
        .json()?;
    assert_eq!(
        (&roles["kind"], &roles["size"], &roles["page"]),
        (&json!("RoleList"), &json!(2), &json!(1))
    );
    let all = items(&alice, "roles", &[]).await?;
    assert_eq!(roles["total"], all.len());
    let item = roles["items"][0].as_object().context("no item")?;
    assert_eq!(item.keys().collect::<Vec<_>>(), ["id", "name"]);
    assert_eq!(roles["items"][0]["name"], "project:viewer");

    let none = list(&alice, "roles", &[("size", "0"), ("search", "name like 'gitops:%'")])
        .await?
        .expect(200)?
        .json()?;
    assert_eq!((&none["items"], &none["size"], &none["total"]), (&json!([]), &json!(0), &json!(2)));
    let past = list(&alice, "roles", &[("page", "99")]).await?.expect(200)?.json()?;
    assert_eq!((&past["items"], &past["total"]), (&json!([]), &json!(all.len())));

    let jira = items(&alice, "credentials", &[("provider", "jira")]).await?;
    ensure!(!jira.is_empty() && jira.iter().all(|one| one["provider"] == "jira"), "{jira:?}");
    assert_eq!(items(&alice, "credentials", &[("provider", "nothing")]).await?, Vec::<Value>::new());
    Ok(())
}

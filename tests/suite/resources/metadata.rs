use super::{text, world};
use anyhow::{Result, ensure};
use claviger_tests::api::V1;

#[tokio::test]
async fn what_anybody_may_know() -> Result<()> {
    let world = world().await?;
    let anybody = world.claviger.anybody()?;
    let api = anybody.get("/api/ambient").await?.expect(200)?.json()?;
    assert_eq!(
        (text(&api, "id"), text(&api, "kind"), text(&api, "href")),
        ("ambient", "API", "/api/ambient")
    );
    ensure!(api.get("version").is_some() && api.get("build_time").is_some(), "{api}");
    let v1 = anybody.get(V1).await?.expect(200)?.json()?;
    assert_eq!((text(&v1, "id"), text(&v1, "href")), ("v1", V1));
    let version = anybody.get(&format!("{V1}/version")).await?.expect(200)?.json()?;
    let keys: std::collections::BTreeSet<&String> = version.as_object().into_iter().flat_map(|object| object.keys()).collect();
    assert!(keys.into_iter().eq(["build_time", "git_tag", "version"]), "{version}");
    let errors = anybody.get(&format!("{V1}/errors")).await?.expect(200)?.json()?;
    for error in errors["items"].as_array().into_iter().flatten() {
        let one = anybody.get(text(error, "href")).await?.expect(200)?.json()?;
        assert_eq!(&one, error);
    }
    anybody.get(&format!("{V1}/errors/999")).await?.expect(404)?;
    for path in ["projects", "users", "sessions", "roles", "credentials", "role_bindings"] {
        anybody.get(&format!("{V1}/{path}")).await?.expect(401)?;
    }
    Ok(())
}

#[tokio::test]
async fn trailing_slashes_and_paths_that_are_none() -> Result<()> {
    let world = world().await?;
    for (with, without) in [
        ("roles/?size=2", "roles?size=2"),
        ("projects/", "projects"),
        ("credentials//", "credentials"),
    ] {
        let with = world.alice.get(&format!("{V1}/{with}")).await?.expect(200)?.json()?;
        assert_eq!(with, world.alice.get(&format!("{V1}/{without}")).await?.expect(200)?.json()?);
    }
    let nothing = world
        .claviger
        .anybody()?
        .get(&format!("{V1}/unicorns/1"))
        .await?
        .expect(404)?
        .json()?;
    assert_eq!((text(&nothing, "type"), text(&nothing, "id")), ("Error", "404"));
    assert_eq!(text(&nothing, "href"), "/api/ambient/v1/errors/404");
    assert_eq!(text(&nothing, "code"), "ambient-api-server-404");
    assert_eq!(
        text(&nothing, "reason"),
        "The requested resource '/api/ambient/v1/unicorns/1' doesn't exist"
    );
    Ok(())
}

/// Whatever a list or an error answers is what the description says; it describes itself without a bearer.
#[tokio::test]
async fn answers_are_as_they_are_described() -> Result<()> {
    let world = world().await?;
    let document = world.claviger.anybody()?.get(&format!("{V1}/openapi")).await?.expect(200)?.json()?;
    ensure!(text(&document, "openapi").starts_with("3.0"), "{}", text(&document, "openapi"));
    world.project(&world.alice, "alpha").await?;
    super::agent(&world.alice, "alpha").await?;
    let session = serde_json::json!({ "name": "x", "project_id": "alpha" });
    world.alice.post(&format!("{V1}/sessions"), &session).await?.expect(201)?;
    let admin = world.admin().await?;
    admin
        .post(&format!("{V1}/users"), &serde_json::json!({ "username": "dora", "name": "Dora" }))
        .await?
        .expect(201)?;
    let mut seen = 0;
    for (client, path) in [
        (&world.alice, "credentials"),
        (&world.alice, "projects"),
        (&world.alice, "projects/alpha/agents"),
        (&world.alice, "sessions"),
        (admin, "users"),
        (&world.alice, "roles"),
        (&world.alice, "role_bindings"),
        (&world.alice, "errors"),
        (&world.alice, "credentials/none"),
    ] {
        let answer = client.get(&format!("{V1}/{path}")).await?.json()?;
        let items = answer["items"].as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
        ensure!(!items.is_empty(), "{path}: nothing to look at");
        for item in items {
            let schema = &document["components"]["schemas"][text(&item, "kind")];
            let properties = schema["properties"]
                .as_object()
                .into_iter()
                .flat_map(|map| map.keys())
                .collect::<Vec<_>>();
            for key in item.as_object().into_iter().flat_map(|object| object.keys()) {
                ensure!(properties.contains(&key), "{path}: `{key}` is not described: {item}");
            }
            for key in schema["required"].as_array().into_iter().flatten() {
                ensure!(
                    key.as_str().is_some_and(|key| item.get(key).is_some()),
                    "{path}: no {key} in {item}"
                );
            }
            seen += 1;
        }
    }
    ensure!(seen > 20, "only {seen} were looked at");
    Ok(())
}

/// The page for people: all operations, nothing that a browser would fetch or run.
#[tokio::test]
async fn the_page_of_operations_asks_nobody_for_anything() -> Result<()> {
    let world = world().await?;
    let anybody = world.claviger.anybody()?;
    let document = anybody.get(&format!("{V1}/openapi")).await?.expect(200)?.json()?;
    let page = anybody.get(&format!("{V1}/openapi.html")).await?.expect(200)?;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for method in operations.as_object().into_iter().flat_map(|operations| operations.keys()) {
            let row = format!("<code>{}</code><td><code>{path}</code>", method.to_uppercase());
            ensure!(page.text.contains(&row), "no row for {method} {path}");
        }
    }
    for fetched in ["<script", "src=", "http:", "https:", "@import", "url(", "<link", "style=\""] {
        ensure!(!page.text.contains(fetched), "`{fetched}` in the page");
    }
    // The one style is the one that is named.
    let style = page
        .text
        .split("<style>")
        .nth(1)
        .and_then(|rest| rest.split("</style>").next())
        .unwrap_or_default();
    let digest = ring::digest::digest(&ring::digest::SHA256, style.as_bytes());
    let named = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest);
    let policy = page.header("content-security-policy");
    ensure!(
        !style.is_empty() && policy.contains(&format!("style-src 'sha256-{named}'")),
        "{policy}"
    );
    ensure!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    Ok(())
}

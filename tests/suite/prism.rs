//! GitHub's own description decides whether the GitHub provider asks rightly.

use anyhow::{Result, ensure};
use claviger_tests::api::{create, read};
use claviger_tests::{Claviger, Prism, Setup};
use serde_json::{Value, json};

const MINT: &str = "/api/v3/app/installations/42/access_tokens";

/// The example in GitHub's description.
const EXAMPLE: &str = "ghs_16C7e42F292c6912E7710c838347Ae178B4a";

async fn both() -> Result<(Prism, Claviger)> {
    let prism = Prism::start().await?;
    let instance = format!(
        "[[instance]]\nprovider = \"github\"\nurl = \"{}\"\nnetworks = [\"127.0.0.0/8\"]\n",
        prism.ready.url
    );
    let claviger = Setup::default().config(&instance).start().await?;
    Ok((prism, claviger))
}

/// What a mint sends: all but what asks whose the token is.
async fn mints(prism: &Prism) -> Result<Vec<Value>> {
    let mut requests = prism.requests().await?;
    let asks_whose = |path: &str| path == "/api/v3/app" || path.starts_with("/api/v3/users/") && !path.ends_with("/installation");
    requests.retain(|request| !request["path"].as_str().is_some_and(asks_whose));
    Ok(requests)
}

fn installation(prism: &Prism, private_key: &str) -> Value {
    json!({
        "name": "app", "provider": "github", "kind": "app-installation", "url": prism.ready.url,
        "fields": { "app-id": prism.ready.app_id, "private-key": private_key, "installation-id": "42" },
    })
}

#[tokio::test]
async fn github_accepts_how_a_token_is_minted() -> Result<()> {
    let (prism, claviger) = both().await?;
    prism.expire_in(Some(3600)).await?;
    let alice = claviger.person("alice")?;
    let id = create(&alice, &installation(&prism, &prism.ready.private_key)).await?;

    let answer = read(&alice, &id, "").await?.expect(200)?;
    assert_eq!(answer.text_at("/token")?, EXAMPLE);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.text_at("/expires_at")?;
    assert_eq!(read(&alice, &id, "").await?.expect(200)?.text_at("/token")?, EXAMPLE);

    let requests = mints(&prism).await?;
    ensure!(requests.len() == 1, "one mint and one cached read make one request: {requests:#?}");
    let request = &requests[0];
    assert_eq!(
        (&request["method"], &request["path"], &request["status"]),
        (&json!("POST"), &json!(MINT), &json!(201))
    );
    assert_eq!(request["claims"]["iss"], json!(prism.ready.app_id));
    assert_eq!(request["version"], "2022-11-28");
    ensure!(
        request["agent"].as_str().is_some_and(|agent| !agent.is_empty()),
        "GitHub refuses requests without a user agent"
    );
    Ok(())
}

#[tokio::test]
async fn github_accepts_how_a_token_is_narrowed() -> Result<()> {
    let (prism, claviger) = both().await?;
    prism.expire_in(Some(3600)).await?;
    let alice = claviger.person("alice")?;
    let id = create(&alice, &installation(&prism, &prism.ready.private_key)).await?;

    let query = "?repository=Hello-World&repository=Spoon-Knife&permission=contents:read&permission=issues:write";
    read(&alice, &id, query).await?.expect(200)?;
    let requests = mints(&prism).await?;
    let body: Value = serde_json::from_str(requests[0]["body"].as_str().unwrap_or_default())?;
    let mut repositories: Vec<_> = body["repositories"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    repositories.sort_unstable();
    assert_eq!(repositories, ["Hello-World", "Spoon-Knife"], "{body}");
    assert_eq!(body["permissions"], json!({ "contents": "read", "issues": "write" }));
    assert_eq!(requests[0]["status"], 201, "{:?}", requests[0]);

    // The wide token is another one, and neither answers for the other.
    read(&alice, &id, "").await?.expect(200)?;
    assert_eq!(mints(&prism).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn github_accepts_how_an_installation_is_found() -> Result<()> {
    let (prism, claviger) = both().await?;
    prism.expire_in(Some(3600)).await?;
    let alice = claviger.person("alice")?;
    for (owner, path) in [
        ("octo-org", "/api/v3/orgs/octo-org/installation"),
        ("octo-org/hello.world", "/api/v3/repos/octo-org/hello.world/installation"),
    ] {
        let mut body = installation(&prism, &prism.ready.private_key);
        body["fields"] = json!({ "app-id": prism.ready.app_id, "private-key": prism.ready.private_key, "owner": owner });
        let id = create(&alice, &body).await?;
        assert_eq!(read(&alice, &id, "").await?.expect(200)?.text_at("/token")?, EXAMPLE);
        let requests = mints(&prism).await?;
        let [.., found, minted] = requests.as_slice() else {
            anyhow::bail!("two requests: {requests:#?}");
        };
        assert_eq!(
            (&found["method"], &found["path"], &found["status"]),
            (&json!("GET"), &json!(path), &json!(200))
        );
        assert_eq!(found["claims"]["iss"], json!(prism.ready.app_id));
        // The example's installation.
        assert_eq!(
            (&minted["path"], &minted["status"]),
            (&json!("/api/v3/app/installations/1/access_tokens"), &json!(201))
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_github_refuses_is_an_error_and_no_token() -> Result<()> {
    let (prism, claviger) = both().await?;
    prism.expire_in(Some(3600)).await?;
    let alice = claviger.person("alice")?;
    let id = create(&alice, &installation(&prism, &prism.ready.private_key)).await?;
    // GitHub's description has `read` and `write` for this permission.
    let answer = read(&alice, &id, "?permission=contents:everything").await?;
    ensure!(answer.status == 400 || answer.status == 502, "{} {}", answer.status, answer.text);
    ensure!(!answer.text.contains("ghs_"), "{}", answer.text);
    Ok(())
}

#[tokio::test]
async fn a_token_of_2016_is_never_handed_out() -> Result<()> {
    let (prism, claviger) = both().await?;
    let alice = claviger.person("alice")?;
    let id = create(&alice, &installation(&prism, &prism.ready.private_key)).await?;
    let answer = read(&alice, &id, "").await?;
    ensure!(
        answer.status >= 500 && !answer.text.contains(EXAMPLE),
        "an expired token was handed out: {} {}",
        answer.status,
        answer.text
    );
    ensure!(
        prism.requests().await?.iter().all(|request| request["status"] == 201),
        "GitHub had no part in it"
    );
    Ok(())
}

#[tokio::test]
async fn another_apps_key_is_refused_by_github_and_says_so() -> Result<()> {
    let (prism, claviger) = both().await?;
    let other = Prism::start().await?;
    let alice = claviger.person("alice")?;
    let id = create(&alice, &installation(&prism, &other.ready.private_key)).await?;
    let answer = read(&alice, &id, "").await?.expect(502)?;
    ensure!(
        !answer.text.contains("PRIVATE KEY") && !answer.text.contains("eyJ"),
        "{}",
        answer.text
    );
    assert_eq!(prism.requests().await?[0]["status"], 401);
    Ok(())
}

#[tokio::test]
async fn github_accepts_how_it_is_asked_whose_a_token_is_and_how_that_is_ended() -> Result<()> {
    let (prism, claviger) = both().await?;
    prism.expire_in(Some(3600)).await?;
    let alice = claviger.person("alice")?;
    let id = create(&alice, &installation(&prism, &prism.ready.private_key)).await?;
    read(&alice, &id, "").await?.expect(200)?;
    // The example of an App is not the App of the example of an account, and nobody is told that it were.
    let identity = alice
        .get(&format!("/api/claviger/v1/credentials/{id}/identity"))
        .await?
        .expect(503)?;
    ensure!(!identity.text.contains("octocat"), "{}", identity.text);
    alice
        .post(&format!("/api/claviger/v1/credentials/{id}/revoke"), &json!({}))
        .await?
        .expect(200)?;

    let requests = prism.requests().await?;
    let asked: Vec<_> = requests
        .iter()
        .map(|request| (&request["method"], &request["path"], &request["status"]))
        .collect();
    let (get, post, delete) = (&json!("GET"), &json!("POST"), &json!("DELETE"));
    assert_eq!(
        asked,
        [
            (post, &json!(MINT), &json!(201)),
            (get, &json!("/api/v3/app"), &json!(200)),
            (get, &json!("/api/v3/users/octoapp%5Bbot%5D"), &json!(200)),
            (delete, &json!("/api/v3/installation/token"), &json!(204)),
        ]
    );
    for request in &requests {
        ensure!(request.get("violations").is_none_or(Value::is_null), "{request}");
    }
    Ok(())
}

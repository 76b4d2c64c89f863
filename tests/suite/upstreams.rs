//! That the upstreams by other people are as strict as the tests which rely on them assume.

use anyhow::Result;
use claviger_tests::{Client, Oidc, Prism};
use serde_json::json;

#[tokio::test]
async fn prism_demands_what_github_demands() -> Result<()> {
    let prism = Prism::start().await?;
    let client = Client::new(&prism.ready.url)?;
    let mint = "/api/v3/app/installations/42/access_tokens";
    let refused = client.post(mint, &json!({})).await?.expect(401)?;
    assert_eq!(refused.text_at("/message")?, "A JSON web token could not be decoded");
    client.with_bearer("a.b.c").post(mint, &json!({})).await?.expect(401)?;
    client
        .with_bearer("ghs_never_minted")
        .get("/api/v3/installation/repositories")
        .await?
        .expect(401)?;
    let log = prism.requests().await?;
    assert_eq!(log.len(), 3, "{log:?}");
    assert!(log.iter().all(|entry| entry["status"] == 401), "{log:?}");
    assert!(prism.ready.private_key.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    Ok(())
}

#[tokio::test]
async fn the_openid_provider_kills_a_family_whose_token_is_used_twice() -> Result<()> {
    let oidc = Oidc::start(60).await?;
    let client = Client::new(&oidc.ready.url)?;
    let refresh = async |token: &str| {
        let (id, secret) = (&oidc.ready.client_id, &oidc.ready.client_secret);
        let form = format!("grant_type=refresh_token&client_id={id}&client_secret={secret}&refresh_token={token}");
        let body = Some(("application/x-www-form-urlencoded", form.into_bytes()));
        client.send(reqwest::Method::POST, "/oauth/token", body).await
    };
    let first = oidc.seed("alice").await?;
    let answer = refresh(&first).await?.expect(200)?;
    let (access, second) = (answer.text_at("/access_token")?, answer.text_at("/refresh_token")?);
    assert_ne!(first, second);
    assert_eq!(oidc.account_of(&access).await?.as_deref(), Some("alice"));
    assert!(oidc.is_consumed(&first).await?);

    refresh(&first).await?.expect(400)?;
    refresh(&second).await?.expect(400)?;
    assert_eq!(oidc.account_of(&access).await?, None, "the access token went with its family");
    Ok(())
}

#[tokio::test]
async fn the_openid_provider_ends_a_grant_with_its_refresh_token() -> Result<()> {
    let oidc = Oidc::start(60).await?;
    let client = Client::new(&oidc.ready.url)?;
    let (id, secret) = (oidc.ready.client_id.clone(), oidc.ready.client_secret.clone());
    let form = async |path: &str, form: String| {
        let body = Some(("application/x-www-form-urlencoded", form.into_bytes()));
        client.send(reqwest::Method::POST, path, body).await
    };
    let first = oidc.seed("alice").await?;
    let grant = format!("grant_type=refresh_token&client_id={id}&client_secret={secret}&refresh_token={first}");
    let answer = form("/oauth/token", grant).await?.expect(200)?;
    let (access, refresh) = (answer.text_at("/access_token")?, answer.text_at("/refresh_token")?);

    // As the provider writes it; what is unknown has ended, and another's word ends nothing.
    form("/oauth/revoke", format!("client_id={id}&token=unknown&client_secret={secret}"))
        .await?
        .expect(200)?;
    form("/oauth/revoke", format!("client_id={id}&token={refresh}&client_secret=wrong"))
        .await?
        .expect(401)?;
    assert_eq!(oidc.account_of(&access).await?.as_deref(), Some("alice"));
    form("/oauth/revoke", format!("client_id={id}&token={refresh}&client_secret={secret}"))
        .await?
        .expect(200)?;
    assert_eq!(oidc.account_of(&access).await?, None, "the access token went with the grant");
    let again = format!("grant_type=refresh_token&client_id={id}&client_secret={secret}&refresh_token={refresh}");
    form("/oauth/token", again).await?.expect(400)?;
    Ok(())
}

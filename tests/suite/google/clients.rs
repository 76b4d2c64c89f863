//! Google's own clients, in two roles: they use what Claviger hands out, and they tell whether the emulator takes what they send.

use super::{CLOUD, EMAIL, MAIL, checked, world};
use anyhow::{Context, Result};
use claviger_tests::{node, python};
use serde_json::json;

#[tokio::test]
async fn google_auth_uses_the_token_and_agrees_with_the_emulator() -> Result<()> {
    let world = world().await?;
    let id = world
        .paste("authorised-user", &world.authorised(&world.refresh_token().await?), json!({}))
        .await?;
    let (_, body) = checked(world.read(&id, "").await?)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("subject");
    let grant = world.grant(&json!({})).await?;
    std::fs::write(&file, grant["subject_token"].as_str().context("no subject token")?)?;
    let told = python::run(
        "google_client.py",
        &json!({
            "google": world.google,
            "body": body,
            "key_file": world.key_file()?,
            "person": world.authorised(grant["refresh_token"].as_str().context("no refresh token")?),
            "audience": world.client.audience,
            "subject_file": file,
            "deployer": world.person.google_deployer,
            "vault": world.person.google_vault,
            "scope": MAIL,
            "email": EMAIL,
            "cloud": CLOUD,
        }),
        &[],
    )
    .await?;
    assert_eq!(
        told,
        json!({
            "handed_out": "alice@example.org",
            "refreshed": "alice@example.org",
            "refreshed_narrow": [MAIL],
            "service_account": world.person.google_account,
            "delegated": "bob@example.org",
            "external": true,
            "external_impersonating": world.person.google_deployer,
            "impersonated": world.person.google_vault,
            "revoked": "invalid_grant: Token has been expired or revoked.",
        })
    );
    Ok(())
}

#[tokio::test]
async fn google_auth_library_uses_the_token_and_agrees_with_the_emulator() -> Result<()> {
    let world = world().await?;
    let id = world.paste("service-account", &world.key_file()?, json!({})).await?;
    let (_, body) = checked(world.read(&id, "").await?)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("subject");
    let grant = world.grant(&json!({})).await?;
    std::fs::write(&file, grant["subject_token"].as_str().context("no subject token")?)?;
    let told = node::run(
        "google_client.mjs",
        &json!({
            "google": world.google,
            "body": body,
            "person": world.authorised(grant["refresh_token"].as_str().context("no refresh token")?),
            "audience": world.client.audience,
            "subject_file": file,
            "deployer": world.person.google_deployer,
            "scope": MAIL,
        }),
    )
    .await?;
    assert_eq!(
        told,
        json!({
            "handed_out": world.person.google_account,
            "refreshed": "alice@example.org",
            "external_impersonating": world.person.google_deployer,
            "revoked": 200,
            "after": "invalid_grant",
        })
    );
    Ok(())
}

//! Service accounts, their own and impersonated ones.

use super::{CLOUD, EMAIL, LATER, MAIL, MISCONFIGURED, SCOPE, World, checked, world};
use anyhow::Result;
use serde_json::{Value, json};

#[tokio::test]
async fn a_key_file_gives_tokens_of_the_account_or_of_the_person_it_acts_for() -> Result<()> {
    let world = world().await?;
    let own = world.paste("service-account", &world.key_file()?, json!({})).await?;
    let (token, body) = checked(world.read(&own, "").await?)?;
    assert_eq!(world.info(&token).await?["email"], world.person.google_account.as_str());
    assert_eq!(
        (&body["email"], &body["scopes"]),
        (&json!(world.person.google_account), &json!([CLOUD]))
    );

    let fields = json!({ "subject": "bob@example.org", "scopes": format!("{MAIL} {EMAIL}") });
    let acting = world.paste("service-account", &world.key_file()?, fields).await?;
    let (token, body) = checked(world.read(&acting, "").await?)?;
    assert_eq!(world.info(&token).await?["email"], "bob@example.org");
    assert_eq!(body["email"], "bob@example.org");
    let (token, _) = checked(world.read(&acting, &format!("?scope={MAIL}")).await?)?;
    assert_eq!(world.info(&token).await?["scope"], MAIL);
    world.refused(
        world.read(&acting, &format!("?scope={CLOUD}")).await?,
        SCOPE,
        "not among this credential's",
        &[],
    )?;
    Ok(())
}

#[tokio::test]
async fn a_key_that_was_escaped_twice_is_still_a_key() -> Result<()> {
    let world = world().await?;
    let mut file = world.key_file()?;
    let key = file["private_key"].as_str().unwrap_or_default().replace('\n', "\\n");
    file["private_key"] = key.into();
    let id = world.paste("service-account", &file, json!({})).await?;
    let (token, _) = checked(world.read(&id, "").await?)?;
    assert_eq!(world.info(&token).await?["email"], world.person.google_account.as_str());
    Ok(())
}

#[tokio::test]
async fn a_clock_that_is_off_is_put_right_and_one_that_stays_so_is_named() -> Result<()> {
    let world = world().await?;
    let ahead = |times: u32| json!({ "provider": "google", "operation": "token", "clock_ahead_s": 7200, "times": times });
    let id = world.paste("service-account", &world.key_file()?, json!({})).await?;
    world.emulator.fault(&ahead(2)).await?;
    let (token, _) = checked(world.read(&id, "").await?)?;
    assert_eq!(world.info(&token).await?["email"], world.person.google_account.as_str());
    let statuses: Vec<Value> = world.requests("token").await?.iter().map(|entry| entry["status"].clone()).collect();
    assert_eq!(statuses, [400, 200], "signed once more, by the upstream's clock");

    // An upstream whose clocks disagree among themselves: once more, and not again.
    let id = world.paste("service-account", &world.key_file()?, json!({})).await?;
    world.emulator.fault(&ahead(1)).await?;
    world.refused(world.read(&id, "").await?, LATER, "set this machine's clock", &[])?;
    assert_eq!(world.requests("token").await?.len(), 4);
    Ok(())
}

impl World {
    pub(super) async fn impersonating(&self, target: &str, delegates: Value) -> Result<Value> {
        Ok(json!({
            "delegates": delegates,
            "service_account_impersonation_url": format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{target}:generateAccessToken"),
            "source_credentials": self.authorised(&self.refresh_token().await?),
            "type": "impersonated_service_account",
        }))
    }
}

#[tokio::test]
async fn a_person_impersonates_along_the_chain() -> Result<()> {
    let world = world().await?;
    let (deployer, vault) = (&world.person.google_deployer, &world.person.google_vault);
    let document = world.impersonating(deployer, json!([])).await?;
    let id = world
        .paste(
            "impersonated-service-account",
            &document,
            json!({ "scopes": format!("{CLOUD} {MAIL}") }),
        )
        .await?;
    let answer = world.read(&id, "").await?;
    let secret = document["source_credentials"]["refresh_token"].as_str().unwrap_or_default();
    assert!(!answer.text.contains(secret) && !secret.is_empty(), "{}", answer.text);
    let (token, body) = checked(answer)?;
    assert_eq!(world.info(&token).await?["email"], deployer.as_str());
    assert_eq!(body["email"], deployer.as_str());
    let (narrow, _) = checked(world.read(&id, &format!("?scope={MAIL}")).await?)?;
    assert_eq!(world.info(&narrow).await?["scope"], MAIL);
    world.refused(
        world.read(&id, &format!("?scope={EMAIL}")).await?,
        SCOPE,
        "not among this credential's",
        &[],
    )?;

    let straight = world.impersonating(vault, json!([])).await?;
    let id = world.paste("impersonated-service-account", &straight, json!({})).await?;
    world.refused(world.read(&id, "").await?, MISCONFIGURED, "Token Creator", &[secret])?;
    let chain = world.impersonating(vault, json!([deployer])).await?;
    let id = world.paste("impersonated-service-account", &chain, json!({})).await?;
    let (token, _) = checked(world.read(&id, "").await?)?;
    assert_eq!(world.info(&token).await?["email"], vault.as_str());
    Ok(())
}

#[tokio::test]
async fn a_key_impersonates_too() -> Result<()> {
    let world = world().await?;
    let deployer = &world.person.google_deployer;
    let mut document = world.impersonating(deployer, json!([])).await?;
    document["source_credentials"] = world.key_file()?;
    let id = world.paste("impersonated-service-account", &document, json!({})).await?;
    let (token, _) = checked(world.read(&id, "").await?)?;
    assert_eq!(world.info(&token).await?["email"], deployer.as_str());
    let asked = world.requests("token").await?;
    assert_eq!(asked.len(), 1);
    Ok(())
}

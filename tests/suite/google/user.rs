//! People's grants.

use super::{CLOUD, EMAIL, LATER, MAIL, MISCONFIGURED, SCOPE, checked, fingerprint, world};
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, generation};
use serde_json::json;

#[tokio::test]
async fn a_pasted_document_gives_tokens_of_its_person() -> Result<()> {
    let world = world().await?;
    let refresh_token = world.refresh_token().await?;
    let id = world
        .paste("authorised-user", &world.authorised(&refresh_token), json!({ "project-id": "p-1" }))
        .await?;
    let answer = world.read(&id, "").await?;
    let secrets = [refresh_token.as_str(), world.client.client_secret.expose()];
    ensure!(!secrets.iter().any(|secret| answer.text.contains(secret)), "{}", answer.text);
    let (token, body) = checked(answer)?;
    assert_eq!(world.info(&token).await?["email"], "alice@example.org");
    assert_eq!(body["scopes"], json!(["openid", EMAIL, CLOUD, MAIL]));

    let shown = world.alice.get(&format!("{V1}/credentials/{id}")).await?.expect(200)?;
    ensure!(!secrets.iter().any(|secret| shown.text.contains(secret)), "{}", shown.text);
    ensure!(
        !world.claviger.log().contains(&refresh_token),
        "the refresh token is in the server's own log"
    );
    Ok(())
}

#[tokio::test]
async fn a_refresh_ends_nothing_and_a_rejected_token_is_replaced() -> Result<()> {
    let world = world().await?;
    let id = world
        .paste("authorised-user", &world.authorised(&world.refresh_token().await?), json!({}))
        .await?;
    let first = world.read(&id, "").await?;
    let rejected = generation(&first)?;
    let (first, _) = checked(first)?;
    assert_eq!(checked(world.read(&id, "").await?)?.0, first, "from the cache");
    let (second, _) = checked(world.read(&id, &format!("?rejected={rejected}")).await?)?;
    ensure!(first != second, "the rejected token came again");
    for token in [&first, &second] {
        assert_eq!(world.info(token).await?["email"], "alice@example.org", "both live");
    }
    let spent: Vec<_> = world.requests("token").await?;
    let fingerprints: Vec<_> = spent.iter().map(|entry| &entry["credential"]["fingerprint"]).collect();
    assert_eq!(fingerprints.len(), 2);
    assert_eq!(fingerprints.first(), fingerprints.last(), "the refresh token stays what it is");
    Ok(())
}

#[tokio::test]
async fn a_refresh_token_that_comes_anew_takes_the_place_of_the_old_one() -> Result<()> {
    let world = world().await?;
    let (old, new) = (world.refresh_token().await?, world.refresh_token().await?);
    let id = world.paste("authorised-user", &world.authorised(&old), json!({})).await?;
    let answers = |refresh_token: &str| {
        json!({ "provider": "google", "operation": "token", "status": 200, "body": {
            "access_token": "ya29.anew", "expires_in": 3599, "scope": EMAIL, "token_type": "Bearer", "refresh_token": refresh_token } })
    };
    world.emulator.fault(&answers(&new)).await?;
    let answer = world.read(&id, "").await?;
    ensure!(!answer.text.contains(&new), "{}", answer.text);
    let stored = generation(&answer)?;
    let (token, _) = checked(answer)?;
    assert_eq!(token, "ya29.anew");
    let again = world.read(&id, "").await?;
    assert_eq!(generation(&again)?, stored);
    assert_eq!(checked(again)?.0, "ya29.anew", "the cache knows it by its new generation");

    let (narrow, _) = checked(world.read(&id, "?scope=email").await?)?;
    assert_eq!(world.info(&narrow).await?["email"], "alice@example.org");
    let asked = world.requests("token").await?;
    let shown: Vec<&str> = asked
        .iter()
        .filter_map(|entry| entry.pointer("/credential/fingerprint")?.as_str())
        .collect();
    assert_eq!(shown.last().copied(), Some(fingerprint(&new).as_str()));

    // The same one again changes nothing.
    world.emulator.fault(&answers(&new)).await?;
    let same = world.read(&id, &format!("?scope={EMAIL}")).await?;
    assert_eq!(generation(&same)?, stored);
    Ok(())
}

#[tokio::test]
async fn a_reader_may_ask_for_less_and_never_for_more() -> Result<()> {
    let world = world().await?;
    let id = world
        .paste("authorised-user", &world.authorised(&world.refresh_token().await?), json!({}))
        .await?;
    let (wide, _) = checked(world.read(&id, "").await?)?;
    let (narrow, body) = checked(world.read(&id, &format!("?scope={MAIL}")).await?)?;
    assert_eq!(body["scopes"], json!([MAIL]));
    assert_eq!(world.info(&narrow).await?["scope"], MAIL, "the upstream says so too");
    ensure!(
        world.info(&wide).await?["scope"].as_str().context("no scope")?.contains(CLOUD),
        "narrowing narrowed the grant"
    );
    assert_eq!(checked(world.read(&id, "").await?)?.0, wide);
    let drive = "https://www.googleapis.com/auth/drive";
    world.refused(world.read(&id, &format!("?scope={drive}")).await?, SCOPE, "does not grant", &[])?;
    let repository = world.read(&id, "?repository=x").await?;
    assert_eq!(repository.status, 400, "{}", repository.text);

    let limited = world
        .paste(
            "authorised-user",
            &world.authorised(&world.refresh_token().await?),
            json!({ "scopes": "email" }),
        )
        .await?;
    let (token, _) = checked(world.read(&limited, "").await?)?;
    assert_eq!(
        world.info(&token).await?["scope"],
        EMAIL,
        "what is stored is the most that is handed out"
    );
    world.refused(
        world.read(&limited, &format!("?scope={MAIL}")).await?,
        SCOPE,
        "not among this credential's",
        &[],
    )?;
    Ok(())
}

#[tokio::test]
async fn the_operators_client_is_used_where_the_credential_has_none() -> Result<()> {
    let world = world().await?;
    let id = world
        .fill("authorised-user", json!({ "refresh-token": world.refresh_token().await? }))
        .await?;
    let (token, _) = checked(world.read(&id, "").await?)?;
    assert_eq!(world.info(&token).await?["azp"], world.client.client_id.as_str());

    // A pair belongs together: another client's id never goes with the operator's secret.
    let own = json!({ "refresh-token": world.refresh_token().await?, "client-id": "1-x.apps.googleusercontent.com" });
    let id = world.fill("authorised-user", own).await?;
    world.refused(world.read(&id, "").await?, MISCONFIGURED, "client id and secret", &[])?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_lost_costs_nothing() -> Result<()> {
    let world = world().await?;
    let id = world
        .paste("authorised-user", &world.authorised(&world.refresh_token().await?), json!({}))
        .await?;
    world
        .emulator
        .fault(&json!({ "provider": "google", "operation": "token", "lost": true }))
        .await?;
    world.refused(world.read(&id, "").await?, LATER, "", &[])?;
    // Asked for something else, so that what failed is not remembered: the same refresh token is as good as before.
    let (token, _) = checked(world.read(&id, "?scope=email").await?)?;
    assert_eq!(world.info(&token).await?["email"], "alice@example.org");
    Ok(())
}

//! Each kind of GitLab credential, from what is stored to what its reader holds, against the emulated instance below a relative root.

mod handed_out;
mod refusals;

use anyhow::{Context, Result, ensure};
use claviger::clock::{Clock, SystemClock};
use claviger::dev::upstream::Seed;
use claviger_tests::api::{V1, create, generation, read, token};
use claviger_tests::{Answer, Claviger, Client, Emulator, Setup};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;

struct World {
    claviger: Claviger,
    emulator: Emulator,
    alice: Client,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    let (emulator, alice) = (claviger.emulator()?, claviger.person("alice")?);
    Ok(World { claviger, emulator, alice })
}

impl World {
    fn instance(&self) -> String {
        format!("{}/gitlab", self.claviger.dev().upstream)
    }

    /// One more access token of alice's at the emulated GitLab.
    async fn access_token(&self, more: &Value) -> Result<String> {
        let mut body = json!({ "provider": "gitlab", "kind": "access-token", "account": "alice" });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        self.emulator.client().post("/_grants", &body).await?.expect(201)?.text_at("/token")
    }

    async fn store(&self, kind: &str, fields: &Value) -> Result<String> {
        let body = json!({ "name": format!("{kind}-{}", fields["token"].as_str().map_or(0, str::len)), "provider": "gitlab", "kind": kind,
            "url": self.instance(), "fields": fields });
        create(&self.alice, &body).await
    }

    /// Whose the token is, as GitLab sees it; `None` if it does not accept it.
    async fn login(&self, token: &str) -> Result<Option<String>> {
        let answer = self.emulator.client().with_bearer(token).get("/gitlab/api/v4/user").await?;
        if answer.status == 401 {
            return Ok(None);
        }
        answer.expect(200)?.text_at("/username").map(Some)
    }

    async fn count(&self, operation: &str) -> Result<usize> {
        let log = self.emulator.requests().await?;
        Ok(log.iter().filter(|entry| entry["operation"] == operation).count())
    }

    async fn fault(&self, order: Value) -> Result<()> {
        self.emulator.fault(&order).await.map(drop)
    }
}

/// The day on which a token ends, by the answer: three days after the host is to come back.
fn ends(answer: &Answer) -> Result<i64> {
    let at = answer.text_at("/expires_at")?;
    claviger::clock::from_rfc3339(&at).with_context(|| format!("`{at}` is no time"))
}

#[tokio::test]
async fn a_token_that_nears_its_end_is_rotated_once_and_survives_a_lost_cache() -> Result<()> {
    // The emulated GitLab is another server's, so that it remembers while this one is started anew.
    let elsewhere = Claviger::start().await?;
    let upstream = Setup::default().argument("--upstream").argument(&elsewhere.dev().upstream);
    let claviger = upstream.start().await?;
    let (emulator, alice) = (elsewhere.emulator()?, claviger.person("alice")?);
    let mut world = World { claviger, emulator, alice };
    let first = world.access_token(&json!({ "days": 2 })).await?;
    let id = world
        .store("rotating-access-token", &json!({ "token": first, "lifetime-days": "60" }))
        .await?;
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (alice, id) = (world.alice.clone(), id.clone());
        crowd.spawn(async move { token(&alice, &id).await });
    }
    let mut tokens = std::collections::BTreeSet::new();
    while let Some(read) = crowd.join_next().await {
        tokens.insert(read??);
    }
    assert_eq!(tokens.len(), 1, "readers of one credential got different tokens");
    let second = tokens.pop_first().context("no token")?;
    ensure!(second != first, "a token with two days left was not rotated");
    assert_eq!(world.login(&second).await?.as_deref(), Some("alice"));
    assert_eq!(world.login(&first).await?, None, "a rotation ends the old token");
    assert_eq!(world.count("rotate").await?, 1);

    let answer = read(&world.alice, &id, "").await?.expect(200)?;
    ensure!(!answer.text.contains(&first), "{}", answer.text);
    let left_days = (ends(&answer)? - SystemClock.now_ms()) / DAY_MS;
    ensure!((56..=57).contains(&left_days), "sixty days less three: {left_days}");

    // The new token is a record: a lost cache costs one question and no rotation.
    world.claviger.kill();
    std::fs::remove_dir_all(world.claviger.data().join("cache"))?;
    world.claviger = world.claviger.restart().await?;
    world.alice = world.claviger.person("alice")?;
    assert_eq!(token(&world.alice, &id).await?, second);
    assert_eq!(world.count("rotate").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_token_with_months_left_is_the_stored_one_until_three_days_before_its_end() -> Result<()> {
    let world = world().await?;
    let first = world.access_token(&json!({ "days": 90, "bot": true })).await?;
    let id = world.store("rotating-access-token", &json!({ "token": first })).await?;
    let answer = read(&world.alice, &id, "").await?.expect(200)?;
    assert_eq!(answer.text_at("/token")?, first, "letter by letter");
    let left_days = (ends(&answer)? - SystemClock.now_ms()) / DAY_MS;
    ensure!((86..=87).contains(&left_days), "ninety days less three: {left_days}");
    // A reader who was refused asks for another: GitLab says that this one is good, and it is not spent for a mistake.
    let again = read(&world.alice, &id, &format!("?rejected={}", generation(&answer)?))
        .await?
        .expect(200)?;
    assert_eq!(again.text_at("/token")?, first);
    assert_eq!((world.count("rotate").await?, world.count("token-self").await?), (0, 2));
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_to_a_rotation_is_indeterminate_and_stays_so() -> Result<()> {
    let world = world().await?;
    let first = world.access_token(&json!({ "days": 2 })).await?;
    let id = world.store("rotating-access-token", &json!({ "token": first })).await?;
    world
        .fault(json!({ "provider": "gitlab", "operation": "rotate", "lost": true }))
        .await?;
    for _ in 0..3 {
        let lost = read(&world.alice, &id, "").await?.expect(503)?;
        assert_eq!(lost.text_at("/reason_code")?, "indeterminate", "{}", lost.text);
        ensure!(!lost.text.contains(&first), "{}", lost.text);
    }
    assert_eq!(world.count("rotate").await?, 1, "a second one would end the whole family");
    assert_eq!(world.count("token-self").await?, 1);

    // A person makes a new token, and then it goes on.
    let new = world.access_token(&json!({ "days": 90 })).await?;
    let patched = world
        .alice
        .patch(&format!("{V1}/credentials/{id}"), &json!({ "token": new }))
        .await?;
    patched.expect(200)?;
    assert_eq!(token(&world.alice, &id).await?, new);
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_eats_the_answer_ends_nothing_more() -> Result<()> {
    let world = world().await?;
    let first = world.access_token(&json!({ "days": 2 })).await?;
    let id = world.store("rotating-access-token", &json!({ "token": first })).await?;
    world
        .fault(json!({ "provider": "gitlab", "operation": "rotate", "status": 502, "act": true }))
        .await?;
    read(&world.alice, &id, "").await?.expect(503)?;
    // Whatever the broker makes of a 502, the spent token is never shown to the rotation again.
    let fresh = world.access_token(&json!({ "days": 90 })).await?;
    world
        .alice
        .patch(&format!("{V1}/credentials/{id}"), &json!({ "token": fresh }))
        .await?
        .expect(200)?;
    assert_eq!(token(&world.alice, &id).await?, fresh);
    assert_eq!(world.count("rotate").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_token_that_may_not_rotate_itself_is_used_to_its_end() -> Result<()> {
    let world = world().await?;
    let reader = world.access_token(&json!({ "days": 2, "scopes": ["read_api"] })).await?;
    let id = world.store("rotating-access-token", &json!({ "token": reader })).await?;
    assert_eq!(token(&world.alice, &id).await?, reader);
    assert_eq!(world.login(&reader).await?.as_deref(), Some("alice"));
    let ended = world.access_token(&json!({ "days": 0 })).await?;
    let id = world.store("rotating-access-token", &json!({ "token": ended })).await?;
    let refused = read(&world.alice, &id, "").await?.expect(502)?;
    assert_eq!(refused.text_at("/reason_code")?, "needs-reconnect");
    ensure!(!refused.text.contains(&ended), "{}", refused.text);
    Ok(())
}

#[tokio::test]
async fn a_field_that_makes_no_sense_is_refused_before_anything_is_spent() -> Result<()> {
    let world = world().await?;
    let first = world.access_token(&json!({ "days": 2 })).await?;
    let id = world
        .store("rotating-access-token", &json!({ "token": first, "lifetime-days": "1000" }))
        .await?;
    let refused = read(&world.alice, &id, "").await?.expect(502)?;
    assert_eq!(refused.text_at("/reason_code")?, "misconfigured");
    ensure!(world.claviger.log().contains("lifetime-days"), "{}", world.claviger.log());
    assert_eq!(world.login(&first).await?.as_deref(), Some("alice"));
    Ok(())
}

#[tokio::test]
async fn what_gitlab_says_is_what_the_reader_learns() -> Result<()> {
    let world = world().await?;
    let all_five = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.";
    for (order, status, reason, words) in [
        (
            json!({ "status": 400, "body": { "error": "invalid_grant", "error_description": all_five } }),
            502,
            "needs-reconnect",
            "one text for all five",
        ),
        (
            json!({ "status": 401, "body": { "error": "invalid_client", "error_description": "Client authentication failed" } }),
            502,
            "misconfigured",
            "client id and secret",
        ),
        (json!({ "rate_limit": {} }), 503, "transient", "limits"),
        (json!({ "rate_limit": { "retry_after_s": 12 } }), 503, "transient", "limits"),
        (
            json!({ "status": 403, "body": "Forbidden\n" }),
            503,
            "transient",
            "30 failed sign-ins",
        ),
        (json!({ "status": 502, "body": "<html>" }), 503, "transient", "502"),
        (
            json!({ "status": 302, "headers": { "location": "https://elsewhere.example" } }),
            502,
            "misconfigured",
            "redirect",
        ),
    ] {
        let grant = world
            .emulator
            .client()
            .post("/_grants", &json!({ "account": "alice" }))
            .await?
            .expect(201)?;
        let secret = grant.text_at("/refresh_token")?;
        let id = world.store("oauth", &json!({ "refresh-token": secret })).await?;
        let mut order = order;
        (order["provider"], order["operation"]) = (json!("gitlab"), json!("token"));
        world.fault(order.clone()).await?;
        let answer = read(&world.alice, &id, "").await?.expect(status)?;
        assert_eq!(answer.text_at("/reason_code")?, reason, "{order}\n{}", answer.text);
        let log = world.claviger.log();
        ensure!(log.contains(words), "the operator does not learn `{words}` of {order}\n{log}");
        ensure!(!answer.text.contains(&secret) && !log.contains(&secret), "{}", answer.text);
        if order["rate_limit"].is_object() {
            let wait: u64 = answer.header("retry-after").parse()?;
            let told = order["rate_limit"]["retry_after_s"].as_u64().unwrap_or(60);
            ensure!((told..=told + 1).contains(&wait), "{wait} for {order}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_public_applications_grant_refreshes_without_a_secret() -> Result<()> {
    let world = world().await?;
    let id = Seed::people(["alice"]).gitlab_application.public_client_id;
    let back = "http://127.0.0.1:9/callback";
    let consent = format!("/gitlab/oauth/authorize?client_id={id}&redirect_uri={back}&response_type=code&scope=api&state=s&login_hint=bob");
    let answer = world.emulator.client().get(&consent).await?.expect(302)?;
    let location = answer.header("location").to_owned();
    let code = location
        .split("code=")
        .nth(1)
        .and_then(|rest| rest.split('&').next())
        .context("no code")?;
    let form = format!("grant_type=authorization_code&code={code}&client_id={id}&redirect_uri={back}");
    let form = Some(("application/x-www-form-urlencoded", form.into_bytes()));
    let pair = world
        .emulator
        .client()
        .send(reqwest::Method::POST, "/gitlab/oauth/token", form)
        .await?
        .expect(200)?;
    let fields = json!({ "refresh-token": pair.text_at("/refresh_token")?, "client-id": id, "redirect-uri": back });
    let credential = world.store("oauth", &fields).await?;
    let minted = token(&world.alice, &credential).await?;
    assert_eq!(world.login(&minted).await?.as_deref(), Some("bob"));
    Ok(())
}

#[tokio::test]
async fn a_deploy_token_comes_with_its_user_name() -> Result<()> {
    let world = world().await?;
    let fields = json!({ "token": "gldt-abcdefghijklmnopqrst", "username": "gitlab+deploy-token-7" });
    let id = world.store("deploy-token", &fields).await?;
    let answer = read(&world.alice, &id, "").await?.expect(200)?;
    assert_eq!(answer.text_at("/token")?, "gldt-abcdefghijklmnopqrst");
    assert_eq!(answer.text_at("/username")?, "gitlab+deploy-token-7");
    assert_eq!(answer.text_at("/instanceUrl")?, world.instance());
    let missing = json!({ "name": "d", "provider": "gitlab", "kind": "deploy-token", "fields": { "token": "gldt-abcdefghijklmnopqrst" } });
    let refused = world.alice.post(&format!("{V1}/credentials"), &missing).await?.expect(400)?;
    ensure!(refused.text.contains("username"), "{}", refused.text);
    Ok(())
}

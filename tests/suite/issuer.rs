//! Bearers of issuers: a certified provider's honest tokens, and everything else that somebody might present.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, create, listed, token};
use claviger_tests::issuer::{SigningKey, encode, now_s};
use claviger_tests::{Answer, Claviger, Client, Issuer, OpenId, Setup};
use serde_json::{Value, json};

/// A server that trusts one issuer, whose names are bare, and one of its keys.
struct World {
    issuer: Issuer,
    key: SigningKey,
    claviger: Claviger,
}

async fn world(issuer_lines: &str, more: &str) -> Result<World> {
    let key = SigningKey::new("k1")?;
    let issuer = Issuer::start(&[&key]).await?;
    let more = more.replace("ISSUER", &issuer.url);
    let claviger = Setup::default().config(&issuer.config(issuer_lines)).config(&more).start().await?;
    Ok(World { issuer, key, claviger })
}

impl World {
    fn with(&self, bearer: &str) -> Result<Client> {
        Ok(self.claviger.anybody()?.with_bearer(bearer))
    }

    fn person(&self, name: &str) -> Result<Client> {
        self.with(&self.key.sign(&self.issuer.claims(name))?)
    }

    async fn ask(&self, bearer: &str) -> Result<Answer> {
        self.with(bearer)?.get(&format!("{V1}/credentials")).await
    }

    async fn refused(&self, why: &str, bearer: &str) -> Result<()> {
        let answer = self.ask(bearer).await?;
        ensure!(answer.status == 401, "{why}: {} {}", answer.status, answer.text);
        Ok(())
    }
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[tokio::test]
async fn a_certified_providers_people_read_their_own_tokens() -> Result<()> {
    let provider = OpenId::start().await?;
    let (url, id) = (&provider.ready.url, &provider.ready.client_id);
    let config = format!(
        "[[issuer]]\nurl = \"{url}\"\naudiences = [\"claviger\"]\n\
         [[service]]\nname = \"control-plane\"\nissuer = \"{url}\"\nsubject = \"{id}\"\npermissions = [\"*:*\", \"turn:open\"]\n"
    );
    let claviger = Setup::default().config(&config).start().await?;
    let account = claviger.credential("alice-github")?;
    let expected = token(&claviger.person("alice")?, account).await?;
    for algorithm in ["RS256", "ES256"] {
        let alice = claviger.anybody()?.with_bearer(&provider.person("alice", algorithm).await?);
        assert_eq!(token(&alice, account).await?, expected, "{algorithm}");
        let bob = claviger.anybody()?.with_bearer(&provider.person("bob", algorithm).await?);
        bob.get(&format!("{V1}/credentials/{account}/token")).await?.expect(404)?;
    }
    let flat = format!("{V1}/credentials");
    let refused = [provider.person("alice", "PS256").await?, provider.id_token("alice").await?];
    for bearer in refused {
        // An algorithm that is not configured; a token for the provider's own client.
        claviger.anybody()?.with_bearer(&bearer).get(&flat).await?.expect(401)?;
    }
    let service = claviger.anybody()?.with_bearer(&provider.service().await?);
    // Acceptance case 3: a token of client credentials.
    let roles = service.get(&format!("{V1}/roles?page=1&size=1")).await?.expect(200)?.json()?;
    assert_eq!(
        (&roles["page"], &roles["size"], &roles["total"]),
        (&json!(1), &json!(1), &json!(14))
    );
    let session = claviger.dev().sessions.first().context("a seeded session")?.clone();
    let turn = json!({ "project": session.project, "session": session.id, "run": "run-1", "user": "bob" });
    let opened = service.post("/api/claviger/v1/turns", &turn).await?.expect(201)?;
    let turn = claviger.anybody()?.with_bearer(&opened.text_at("/token")?);
    let path = format!(
        "/api/projects/{}/agentic-sessions/{}/credentials/github",
        session.project, session.id
    );
    let bobs = turn.get(&path).await?.expect(200)?.text_at("/token")?;
    assert_eq!(bobs, token(&claviger.person("bob")?, claviger.credential("bob-github")?).await?);
    // The service itself has nothing of anybody's.
    service.get(&format!("{V1}/credentials/{account}/token")).await?.expect(404)?;
    Ok(())
}

#[tokio::test]
async fn what_is_not_in_order_is_401_and_says_nothing() -> Result<()> {
    let world = world("leeway_s = 60", "").await?;
    let fine = world.issuer.claims("alice");
    world.ask(&world.key.sign(&fine)?).await?.expect(200)?;
    let stranger = SigningKey::new("k1")?;
    let now = now_s();
    let mut claims = vec![
        ("expired", with(fine.clone(), "exp", json!(now - 1))),
        ("an end that is none", with(fine.clone(), "exp", Value::Null)),
        ("not yet", with(fine.clone(), "nbf", json!(now + 120))),
        ("issued in the future", with(fine.clone(), "iat", json!(now + 120))),
        ("for somebody else", with(fine.clone(), "aud", json!("another-program"))),
        ("of another issuer", with(fine.clone(), "iss", json!("https://sso.example.com"))),
        (
            "almost its issuer",
            with(fine.clone(), "iss", json!(format!("{}/", world.issuer.url))),
        ),
        ("an empty name", with(fine.clone(), "username", json!(""))),
        ("a name of spaces", with(fine.clone(), "username", json!("  "))),
        ("a name with a line break", with(fine.clone(), "username", json!("alice\n"))),
        ("an overlong name", with(fine.clone(), "username", json!("a".repeat(300)))),
        ("a name that is no text", with(fine.clone(), "username", json!(["alice"]))),
    ];
    for (why, name) in [
        ("nobody", "username"),
        ("endless", "exp"),
        ("for nobody in particular", "aud"),
        ("of no issuer", "iss"),
    ] {
        let mut lacking = fine.clone();
        lacking.as_object_mut().context("claims")?.remove(name);
        claims.push((why, lacking));
    }
    for (why, claims) in claims {
        world.refused(why, &world.key.sign(&claims)?).await?;
    }
    world.refused("another key of that name", &stranger.sign(&fine)?).await?;
    let header = |header: Value| world.key.sign_with(&header, &fine);
    for (why, token) in [
        ("crit", header(json!({ "alg": "ES256", "kid": "k1", "crit": ["x"], "x": 1 }))?),
        (
            "a logout token",
            header(json!({ "alg": "ES256", "kid": "k1", "typ": "logout+jwt" }))?,
        ),
        ("the type of another key", header(json!({ "alg": "RS256", "kid": "k1" }))?),
        (
            "its own key",
            header(json!({ "alg": "ES256", "jwk": stranger.jwk() }))?.replace('.', ".."),
        ),
    ] {
        world.refused(why, &token).await?;
    }
    // `none`, and HMAC with the public key as its secret.
    let body = encode(fine.to_string().as_bytes());
    for algorithm in ["none", "NONE", "HS256"] {
        let input = format!("{}.{body}", encode(json!({ "alg": algorithm, "kid": "k1" }).to_string().as_bytes()));
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, world.key.jwk().to_string().as_bytes());
        let mac = encode(ring::hmac::sign(&secret, input.as_bytes()).as_ref());
        world.refused(algorithm, &format!("{input}.{mac}")).await?;
        world.refused(algorithm, &format!("{input}.")).await?;
    }
    let answer = world.ask(&stranger.sign(&fine)?).await?.expect(401)?;
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let body = answer.json()?;
    assert_eq!(
        (&body["kind"], &body["reason"], &body["id"]),
        (&json!("Error"), &json!("Unauthorized"), &json!("15"))
    );
    // Whatever was wrong, the same body: only the request's id differs.
    let mut bodies = Vec::new();
    for bearer in ["x", "a.b.c", &world.key.sign(&with(fine, "aud", json!("other")))?] {
        let mut body = world.ask(bearer).await?.expect(401)?.json()?;
        body.as_object_mut().context("an object")?.remove("operation_id");
        bodies.push(body);
    }
    ensure!(bodies.windows(2).all(|two| two[0] == two[1]), "{bodies:#?}");
    Ok(())
}

#[tokio::test]
async fn a_new_key_is_asked_for_once() -> Result<()> {
    let world = world("", "").await?;
    world.person("alice")?.get(&format!("{V1}/credentials")).await?.expect(200)?;
    let at_start = world.issuer.asked();
    let second = SigningKey::new("k2")?;
    world.issuer.publish(&[world.key.jwk(), second.jwk()]);
    let mut crowd = tokio::task::JoinSet::new();
    for reader in 0..20 {
        let bearer = second.sign(&world.issuer.claims(&format!("reader-{reader}")))?;
        let client = world.with(&bearer)?;
        crowd.spawn(async move { client.get(&format!("{V1}/credentials")).await });
    }
    while let Some(answer) = crowd.join_next().await {
        answer??.expect(200)?;
    }
    assert_eq!(world.issuer.asked(), at_start + 1, "twenty tokens with one new key");

    // Keys that nobody has: each is asked for once, and there is an allowance for all of them.
    for attempt in 0..40 {
        let unknown = SigningKey::new(&format!("unknown-{}", attempt % 20))?;
        world
            .refused("an unknown key", &unknown.sign(&world.issuer.claims("alice"))?)
            .await?;
    }
    ensure!(world.issuer.asked() <= at_start + 12, "asked {} times", world.issuer.asked());
    Ok(())
}

#[tokio::test]
async fn a_key_taken_back_ends_the_bearers_it_signed() -> Result<()> {
    let world = world("refresh_s = 1\nkeep_s = 60", "").await?;
    let bearer = world.key.sign(&world.issuer.claims("alice"))?;
    world.ask(&bearer).await?.expect(200)?;
    let second = SigningKey::new("k2")?;
    world.issuer.publish(&[second.jwk()]);
    // The bearer is remembered; it is the keys' next coming that ends it.
    let published = world.issuer.asked();
    while world.issuer.asked() < published + 2 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.refused("its key is gone", &bearer).await?;
    world.ask(&second.sign(&world.issuer.claims("alice"))?).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn an_issuer_that_is_away_is_believed_and_not_guessed() -> Result<()> {
    let world = world("refresh_s = 1\nkeep_s = 60", "").await?;
    world.person("alice")?.get(&format!("{V1}/credentials")).await?.expect(200)?;
    world.issuer.take_down();
    world.person("bob")?.get(&format!("{V1}/credentials")).await?.expect(200)?;
    let unknown = SigningKey::new("k2")?;
    world
        .refused("nobody can be asked", &unknown.sign(&world.issuer.claims("alice"))?)
        .await?;
    Ok(())
}

#[tokio::test]
async fn without_any_keys_nobody_can_tell() -> Result<()> {
    let key = SigningKey::new("k1")?;
    let issuer = Issuer::start(&[&key]).await?;
    issuer.take_down();
    let claviger = Setup::default()
        .config(&issuer.config("refresh_s = 1\nkeep_s = 60"))
        .start()
        .await?;
    let alice = claviger.anybody()?.with_bearer(&key.sign(&issuer.claims("alice"))?);
    let answer = alice.get(&format!("{V1}/credentials")).await?.expect(503)?;
    ensure!(!answer.header("retry-after").is_empty(), "{:?}", answer.headers);
    // Stored bearers have nothing to do with it.
    listed(&claviger.person("alice")?).await?;
    Ok(())
}

#[tokio::test]
async fn two_issuers_with_the_same_name_are_two_people() -> Result<()> {
    let key = SigningKey::new("k1")?;
    let (ours, theirs) = (Issuer::start(&[&key]).await?, Issuer::start(&[&key]).await?);
    let config = ours.config("") + &theirs.config("prefix = \"partner:\"");
    let claviger = Setup::default().config(&config).start().await?;
    let client = |bearer: &str| Ok::<_, anyhow::Error>(claviger.anybody()?.with_bearer(bearer));
    let alice = client(&key.sign(&ours.claims("alice"))?)?;
    let other = client(&key.sign(&theirs.claims("alice"))?)?;
    let body = json!({ "name": "theirs", "provider": "linear", "token": "lin_theirs" });
    let credential = create(&other, &body).await?;
    assert_eq!(listed(&other).await?, std::slice::from_ref(&credential));
    ensure!(!listed(&alice).await?.contains(&credential), "one Alice sees the other's");
    alice.get(&format!("{V1}/credentials/{credential}/token")).await?.expect(404)?;
    // Neither can be spelt by the other's issuer.
    let spelt = client(&key.sign(&ours.claims("partner:alice"))?)?;
    spelt.get(&format!("{V1}/credentials")).await?.expect(401)?;
    // A token of the one with the other's `iss` has the wrong key as soon as keys differ.
    let own = SigningKey::new("k1")?;
    let forged = own.sign(&with(theirs.claims("alice"), "iss", json!(ours.url)))?;
    client(&forged)?.get(&format!("{V1}/credentials")).await?.expect(401)?;
    Ok(())
}

/// Where a name is compared with the service account's, whoever may choose their name is an administrator.
#[tokio::test]
async fn hole_9_2_11_a_username_like_the_services_is_nobody_special() -> Result<()> {
    let service =
        "[[service]]\nname = \"control-plane\"\nissuer = \"ISSUER\"\nsubject = \"svc-7\"\npermissions = [\"*:*\", \"turn:open\"]\n";
    let world = world("username_claims = [\"username\", \"sub\"]", service).await?;
    let fine = world.issuer.claims("x");
    world
        .refused(
            "the service's own name",
            &world.key.sign(&with(fine.clone(), "username", json!("control-plane")))?,
        )
        .await?;
    world
        .refused(
            "the development server's service",
            &world.key.sign(&with(fine.clone(), "username", json!("proxy")))?,
        )
        .await?;
    let session = world.claviger.dev().sessions.first().context("a seeded session")?.clone();
    let turn = json!({ "project": session.project, "session": session.id, "run": "r", "user": "bob" });
    for name in ["service-account-control-plane", "svc-7", "Control-Plane", "platform:admin"] {
        let person = world.with(&world.key.sign(&with(fine.clone(), "username", json!(name)))?)?;
        ensure!(listed(&person).await?.is_empty(), "{name}");
        person.post("/api/claviger/v1/turns", &turn).await?.expect(403)?;
    }
    // Issuer and subject, whatever the name.
    let service = world.with(
        &world
            .key
            .sign(&with(with(fine, "sub", json!("svc-7")), "username", json!("alice")))?,
    )?;
    service.post("/api/claviger/v1/turns", &turn).await?.expect(201)?;
    // It sees what it may grant to sessions, and neither Alice's accounts nor anybody's token.
    let seen = listed(&service).await?;
    ensure!(!seen.contains(&world.claviger.credential("alice-github")?.to_owned()), "{seen:?}");
    let app = world.claviger.credential("team-github-app")?;
    ensure!(seen.iter().any(|id| id == app), "{seen:?}");
    service
        .get(&format!("/api/ambient/v1/credentials/{app}/token"))
        .await?
        .expect(404)?;
    Ok(())
}

/// A service may what its permissions say, and nothing unless they say something.
#[tokio::test]
async fn a_service_without_the_permission_opens_no_turns() -> Result<()> {
    let named = |name: &str, subject: &str| format!("[[service]]\nname = \"{name}\"\nissuer = \"ISSUER\"\nsubject = \"{subject}\"\n");
    let config = named("reporter", "svc-8") + "permissions = [\"*:*\"]\n" + &named("idle", "svc-9");
    let world = world("", &config).await?;
    let idle = world.with(&world.key.sign(&with(world.issuer.claims("x"), "sub", json!("svc-9")))?)?;
    ensure!(listed(&idle).await?.is_empty());
    let body = json!({ "name": "x", "provider": "linear", "token": "lin_x" });
    idle.post(&format!("{V1}/credentials"), &body).await?.expect(403)?;
    let service = world.with(&world.key.sign(&with(world.issuer.claims("x"), "sub", json!("svc-8")))?)?;
    let session = world.claviger.dev().sessions.first().context("a seeded session")?.clone();
    let turn = json!({ "project": session.project, "session": session.id, "run": "r", "user": "bob" });
    service.post("/api/claviger/v1/turns", &turn).await?.expect(403)?;
    service.get(&format!("{V1}/credentials")).await?.expect(200)?;
    Ok(())
}

/// A lookup that failed took the caller for the session's own program, and handed out the owner's credentials.
#[tokio::test]
async fn hole_9_3_1_a_lookup_that_fails_is_nobody() -> Result<()> {
    let world = world("", "").await?;
    let session = world.claviger.dev().sessions.first().context("a seeded session")?.clone();
    let path = format!(
        "/api/projects/{}/agentic-sessions/{}/credentials/github",
        session.project, session.id
    );
    let stranger = SigningKey::new("k9")?.sign(&world.issuer.claims("alice"))?;
    for bearer in ["", "x", "a.b.c", &stranger] {
        let client = world.claviger.anybody()?.with_header("authorization", &format!("Bearer {bearer}"));
        let answer = client.get(&path).await?.expect(401)?;
        ensure!(answer.json()?.get("token").is_none(), "{}", answer.text);
    }
    Ok(())
}

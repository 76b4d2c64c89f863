//! Sessions of other kinds than a shared one: made with a key, and of one person alone. With no turn open they are their maker's.

use super::everyone::{NOTHING, REFUSED, Row, TEAM};
use super::{World, named};
use anyhow::{Result, ensure};
use claviger_tests::api::V1;
use claviger_tests::{Claviger, Client};
use serde_json::json;
use std::collections::BTreeMap;

impl World {
    fn by_name(&self, more: &[(&'static str, &Client)]) -> Result<BTreeMap<&'static str, Client>> {
        let mut everyone = BTreeMap::from([
            ("alice", self.claviger.person("alice")?),
            ("bob", self.claviger.person("bob")?),
            ("carol", self.claviger.person("carol")?),
            ("the proxy", self.proxy.clone()),
            ("the session", self.runner.clone()),
            ("the session for alice", named(&self.runner, "alice")),
            ("the session for bob", named(&self.runner, "bob")),
        ]);
        everyone.extend(more.iter().map(|(name, client)| (*name, (*client).clone())));
        Ok(everyone)
    }
}

const OWN: [Row; 4] = [
    ("alice", "alice", "alice"),
    ("bob", "bob", "bob"),
    ("carol", NOTHING, NOTHING),
    ("the proxy", NOTHING, NOTHING),
];

#[tokio::test]
async fn a_session_that_a_key_made_is_its_makers_and_each_turn_its_senders() -> Result<()> {
    let mut world = World::of(Claviger::start().await?)?;
    let key = world.operator(&["api-key", "create", "--for", "bob", "--name", "nightly"])?;
    let key = world.claviger.anybody()?.with_bearer(&key);
    let project = world.project.clone();
    world.enter(&key, &project).await?;
    let alone = [
        ("the session", "bob", "bob"),
        ("the session for bob", "bob", "bob"),
        ("the session for alice", REFUSED, REFUSED),
    ];
    world.holds("no turn", &world.by_name(&[])?, &[&OWN[..], &alone].concat()).await?;

    let alices = world.open("run-1", json!({ "user": "alice" })).await?;
    let of_alice = [
        ("the session", "alice", "alice"),
        ("the session for alice", "alice", "alice"),
        ("the session for bob", REFUSED, REFUSED),
        ("alice's turn", "alice", "alice"),
    ];
    let everyone = world.by_name(&[("alice's turn", &alices.client)])?;
    world.holds("alice's turn", &everyone, &[&OWN[..], &of_alice].concat()).await?;

    // Bob is let in no more: what ran for him has ended, what runs for Alice goes on.
    world.operator(&["user", "deactivate", "bob"])?;
    let without_bob = [
        ("alice", "alice", "alice"),
        ("the session", "alice", "alice"),
        ("alice's turn", "alice", "alice"),
    ];
    world.holds("alice's turn without bob", &everyone, &without_bob).await?;
    world.close(&alices.id).await?;
    let nobody = [
        ("the session", NOTHING, NOTHING),
        ("alice", "alice", "alice"),
        ("alice's turn", NOTHING, NOTHING),
    ];
    world.holds("no turn, without bob", &everyone, &nobody).await?;
    // He is back, and Alice was there meanwhile: without a turn it is nobody's, until it is started again.
    world.operator(&["user", "reactivate", "bob"])?;
    let joined = [
        ("the session", TEAM, NOTHING),
        ("the session for bob", REFUSED, REFUSED),
        ("the session for alice", REFUSED, REFUSED),
    ];
    world
        .holds("bob is back", &world.by_name(&[])?, &[&OWN[..], &joined].concat())
        .await
}

/// Made by Alice to be a schedule, started by the platform: hers while nobody writes, and each turn its sender's.
#[tokio::test]
async fn a_schedules_session_is_its_makers_and_each_turn_its_senders() -> Result<()> {
    let mut world = World::of(Claviger::start().await?)?;
    let (alice, project, service) = (world.claviger.person("alice")?, world.project.clone(), world.proxy.clone());
    let body = json!({ "name": "nightly", "project_id": project, "trigger": "schedule" });
    let made = alice.post(&format!("{V1}/sessions"), &body).await?.expect(201)?.text_at("/id")?;
    world.start(&service, &project, &made).await?;
    let alone = [
        ("the session", "alice", "alice"),
        ("the session for alice", "alice", "alice"),
        ("the session for bob", REFUSED, REFUSED),
    ];
    world.holds("no turn", &world.by_name(&[])?, &[&OWN[..], &alone].concat()).await?;

    let bobs = world.open("run-1", json!({ "user": "bob" })).await?;
    let of_bob = [
        ("the session", "bob", "bob"),
        ("the session for bob", "bob", "bob"),
        ("the session for alice", REFUSED, REFUSED),
        ("bob's turn", "bob", "bob"),
    ];
    let everyone = world.by_name(&[("bob's turn", &bobs.client)])?;
    world.holds("bob's turn", &everyone, &[&OWN[..], &of_bob].concat()).await?;

    // Alice is let in no more: her schedule reads nothing, and Bob's message goes on.
    world.operator(&["user", "deactivate", "alice"])?;
    let without_alice = [("bob", "bob", "bob"), ("the session", "bob", "bob"), ("bob's turn", "bob", "bob")];
    world.holds("bob's turn without alice", &everyone, &without_alice).await?;
    world.close(&bobs.id).await?;
    let nobody = [("the session", NOTHING, NOTHING), ("bob", "bob", "bob")];
    world.holds("no turn, without alice", &everyone, &nobody).await
}

/// Case 91: the session's own bearer, nobody named. Its owner's, as long as nobody else may write to it; then whose message it is, is a turn.
#[tokio::test]
async fn case_91_the_session_alone_has_its_owners_while_it_is_theirs_alone() -> Result<()> {
    let mut world = World::of(Claviger::start().await?)?;
    let alice = world.claviger.person("alice")?;
    let made = json!({ "name": "cove" });
    let cove = alice.post(&format!("{V1}/projects"), &made).await?.expect(201)?.text_at("/id")?;
    world.enter(&alice, &cove).await?;
    let alone = [
        ("alice", "alice", "alice"),
        ("the session", "alice", "alice"),
        ("the session for alice", "alice", "alice"),
        ("the session for bob", REFUSED, REFUSED),
        // To him there is no such session.
        ("bob", NOTHING, NOTHING),
    ];
    world.holds("hers alone", &world.by_name(&[])?, &alone).await?;

    world.let_in(&alice, "bob").await?;
    let shared = [
        ("the session", NOTHING, NOTHING),
        ("the session for alice", REFUSED, REFUSED),
        ("the session for bob", REFUSED, REFUSED),
    ];
    world.holds("shared", &world.by_name(&[])?, &[&OWN[..], &shared].concat()).await
}

/// Case 93: the owner has their own, somebody else theirs, whether they name themselves or nobody; and who names another is refused.
#[tokio::test]
async fn case_93_owner_and_participant_each_have_their_own() -> Result<()> {
    let world = World::of(Claviger::start().await?)?;
    let named_by = |who: &str, name: &str| -> Result<Client> { Ok(named(&world.claviger.person(who)?, name)) };
    let everyone = world.by_name(&[
        ("alice as herself", &named_by("alice", "alice")?),
        ("bob as himself", &named_by("bob", "bob")?),
        ("carol as herself", &named_by("carol", "carol")?),
        ("alice for bob", &named_by("alice", "bob")?),
        ("bob for alice", &named_by("bob", "alice")?),
        ("carol for alice", &named_by("carol", "alice")?),
    ])?;
    let rows = [
        ("alice as herself", "alice", "alice"),
        ("bob as himself", "bob", "bob"),
        ("carol as herself", NOTHING, NOTHING),
        ("alice for bob", REFUSED, REFUSED),
        ("bob for alice", REFUSED, REFUSED),
        ("carol for alice", REFUSED, REFUSED),
        ("the session", TEAM, NOTHING),
    ];
    world.holds("shared", &everyone, &[&OWN[..], &rows].concat()).await
}

/// Case 95: whose it is, is not asked for where there is no token; where nobody tells, name and address are empty and the token comes all the same.
#[tokio::test]
async fn case_95_without_a_token_nobody_is_asked_whose_it_is() -> Result<()> {
    let world = World::of(Claviger::start().await?)?;
    let (alice, emulator) = (world.claviger.person("alice")?, world.claviger.emulator()?);
    let url = format!("{}/github", world.claviger.dev().upstream);
    let body = json!({ "name": "empty", "provider": "github", "token": "", "url": url });
    let made = alice.post(&format!("{V1}/credentials"), &body).await?.expect(201)?;
    let path = format!("{V1}/credentials/{}/token?consumer=session", made.text_at("/id")?);
    let answer = alice.get(&path).await?;
    ensure!(answer.status != 200, "a token of nothing: {}", answer.text);
    let asked = emulator.requests().await?;
    ensure!(asked.is_empty(), "{asked:#?}");

    // The account's name and address are not stored, and the upstream does not know the token.
    let token = "ghp_unknown0123456789abcdefghijABCDEFGHIJ";
    let carol = world.claviger.person("carol")?;
    world.let_in(&alice, "carol").await?;
    carol.post("/api/auth/github/disconnect", &json!({})).await?.expect(200)?;
    let before = emulator.requests().await?.len();
    carol
        .post("/api/auth/github/connect", &json!({ "token": token, "url": url }))
        .await?
        .expect(200)?;
    let answer = world.ask(&carol, "github").await?.expect(200)?;
    assert_eq!(
        ["token", "userName", "email"].map(|key| answer.text_at(&format!("/{key}")).unwrap_or_else(|_| "-".to_owned())),
        [token.to_owned(), String::new(), String::new()]
    );
    ensure!(
        emulator.requests().await?.len() > before,
        "nobody was asked although there is a token"
    );
    Ok(())
}

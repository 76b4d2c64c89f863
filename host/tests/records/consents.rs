//! Consents: each step once, ten minutes, five guesses, eight per person.

use crate::fixture::{Db, START};
use claviger::clock::Clock;
use claviger::ids::{ConsentId, ProviderName, Username};
use claviger::records::model::ConsentStage;
use claviger::records::{NewConsent, RecordsError, Step, sealing};
use claviger::secret::Secret;
use std::collections::BTreeMap;

const WITHIN_MS: i64 = 600_000;

async fn started(db: &Db, person: &str, state: &str) -> ConsentId {
    let id = ConsentId::make(&*db.clock);
    let secrets = vec![sealing::seal_of_consent(
        &db.keyring,
        &id,
        "verifier",
        &Secret::new(format!("verifier-{state}")),
    )];
    let new = NewConsent {
        id: id.clone(),
        state_hash: hash(state),
        username: Username::parse(person).unwrap(),
        provider: ProviderName::parse("github").unwrap(),
        kind: "oauth".into(),
        url: None,
        fields: BTreeMap::from([("scopes".to_owned(), "repo".to_owned())]),
        redirect_uri: "https://claviger.example/oauth2callback".into(),
        secrets,
        expires_at_ms: db.clock.now_ms() + WITHIN_MS,
    };
    db.records.start_consent(new).await.unwrap();
    id
}

fn hash(state: &str) -> String {
    format!("{state:0>64}")
}

fn is_gone<T>(found: Result<T, RecordsError>) -> bool {
    matches!(found, Err(RecordsError::NotFound { .. }))
}

pub async fn a_consent_goes_its_way_once(db: Db) {
    let id = started(&db, "alice", "a").await;
    let found = db.records.consent_of_state(&hash("a")).await.unwrap();
    assert_eq!(
        (&found.id, found.username.as_str(), found.stage),
        (&id, "alice", ConsentStage::Started)
    );
    assert_eq!(found.fields["scopes"], "repo");
    let step = |name: &str| Step {
        secrets: vec![sealing::seal_of_consent(&db.keyring, &id, name, &Secret::new("c0de".into()))],
        ..Step::default()
    };
    let (from, to) = (ConsentStage::Started, ConsentStage::Returned);
    assert!(db.records.step_consent(&id, from, to, step("code")).await.unwrap());
    assert!(
        !db.records.step_consent(&id, from, to, step("again")).await.unwrap(),
        "a step is made once"
    );
    let kept = db.records.consent_secrets(&id).await.unwrap();
    assert_eq!(
        kept.keys().map(String::as_str).collect::<Vec<_>>(),
        ["code", "verifier"],
        "nothing of the second"
    );
    let opened = sealing::open_of_consent(&db.keyring, &id, "verifier", &kept["verifier"]).unwrap();
    assert_eq!(opened.expose(), "verifier-a");
    // A seal belongs to its place: the code does not open as the verifier, nor in another consent.
    assert!(sealing::open_of_consent(&db.keyring, &id, "verifier", &kept["code"]).is_err());
    let other = started(&db, "alice", "b").await;
    assert!(sealing::open_of_consent(&db.keyring, &other, "verifier", &kept["verifier"]).is_err());

    let accounts = vec![("Site".to_owned(), BTreeMap::from([("cloud-id".to_owned(), "1".to_owned())]))];
    let choosing = Step {
        accounts: accounts.clone(),
        token_expires_at_ms: Some(START + 1),
        ..Step::default()
    };
    assert!(db.records.step_consent(&id, to, ConsentStage::Choosing, choosing).await.unwrap());
    let found = db.records.consent(&id).await.unwrap();
    assert_eq!((found.accounts, found.token_expires_at_ms), (accounts, Some(START + 1)));
    assert!(db.records.end_consent(&id).await.unwrap());
    assert!(
        !db.records.end_consent(&id).await.unwrap(),
        "of two that end it one knows that it did"
    );
    assert!(is_gone(db.records.consent(&id).await) && db.records.consent_secrets(&id).await.unwrap().is_empty());
}

pub async fn a_consent_is_over_after_its_time(db: Db) {
    let id = started(&db, "alice", "a").await;
    db.clock.advance_ms(WITHIN_MS - 1);
    assert!(db.records.consent(&id).await.is_ok());
    db.clock.advance_ms(1);
    assert!(is_gone(db.records.consent(&id).await) && is_gone(db.records.consent_of_state(&hash("a")).await));
    let stepped = db
        .records
        .step_consent(&id, ConsentStage::Started, ConsentStage::Returned, Step::default())
        .await;
    assert!(!stepped.unwrap());
    started(&db, "bob", "b").await;
    assert!(
        db.records.consent_secrets(&id).await.unwrap().is_empty(),
        "the next start sweeps it"
    );
}

pub async fn five_wrong_codes_end_a_consent(db: Db) {
    let id = started(&db, "alice", "a").await;
    for _ in 0..4 {
        db.records.miss_consent(&id).await.unwrap();
        assert!(db.records.consent(&id).await.is_ok());
    }
    db.records.miss_consent(&id).await.unwrap();
    assert!(is_gone(db.records.consent(&id).await));
    db.records.miss_consent(&id).await.unwrap();
}

pub async fn a_person_has_eight_under_way(db: Db) {
    let mut of_alice = Vec::new();
    let of_bob = started(&db, "bob", "b0").await;
    for number in 0..9 {
        db.clock.advance_ms(1);
        of_alice.push(started(&db, "alice", &format!("a{number}")).await);
    }
    assert!(is_gone(db.records.consent(&of_alice[0]).await), "the oldest gives way");
    for id in of_alice.iter().skip(1).chain([&of_bob]) {
        assert!(db.records.consent(id).await.is_ok());
    }
}

//! What stands in a record, and what does not.

use super::world::*;
use crate::access::Denial;
use crate::audit::{Access, Administrative, AuditKeys, MintOutcome, Released, principal_hashes, verify};
use crate::config::Durability;
use crate::identity::{Caller, CallerKind};
use crate::ids::Generation;
use serde_json::Value;

fn last(folder: &std::path::Path) -> (Value, usize) {
    let line = lines(folder).pop().unwrap();
    (serde_json::from_str(&line).unwrap(), line.len() + 1)
}

fn hash_of(name: &str) -> String {
    principal_hashes(&user(name), &keys()).into_iter().next().unwrap().1
}

#[tokio::test]
async fn a_granted_read_says_who_for_whom_what_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path(), &settings(Durability::Synced)).unwrap();
    grant(&audit, 7).await.unwrap();
    let (record, bytes) = last(folder.path());
    for (key, value) in [
        ("event", "CREDENTIAL_ACCESS"),
        ("outcome", "granted"),
        ("reason", "connected-account"),
        ("ground", "only-open-turn"),
        ("time", "2026-08-17T10:00:00.123Z"),
        ("auth", "session-token"),
        ("credential", "2mCredentialOfBobAtGitHub00"),
        ("provider", "github"),
        ("project", "research"),
        ("agent", "2mAgentOfTheResearchTeam000"),
        ("session", "2mSessionOfAliceAndOthers00"),
        ("run", "0b6d4d1e-8a55-4a4f-9c9c-0d7f0c5b7f10"),
        ("source", "cache"),
        ("token", "00112233aabbccdd"),
        ("request", "2mRequestNumber000000000007"),
    ] {
        assert_eq!(record[key], value, "{key}");
    }
    assert_eq!(record["user"], hash_of("bob@example.org"));
    assert_eq!(record["owner"], hash_of("alice@example.org"));
    assert_eq!(
        (&record["same_as_owner"], &record["seq"], &record["epoch"]),
        (&Value::Bool(false), &1.into(), &1.into())
    );
    assert_eq!(record["generation"], 3);
    // Every field that a read can have but `mint`, and all ids of full length; a plain read has 460.
    assert!(bytes <= 710, "{bytes} bytes");
}

#[tokio::test]
async fn a_plain_read_stays_near_five_hundred_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path(), &settings(Durability::Written)).unwrap();
    let (caller, request, id) = (person("bob@example.org"), flat(), request_id(1));
    let permit = permit(&caller, &request);
    let pending = audit.begin(Access {
        request_id: &id,
        caller: &caller,
        request: &request,
    });
    drop(audit.finish(pending.granted(&permit, RELEASED)).await.unwrap());
    let (record, bytes) = last(folder.path());
    assert_eq!(
        (&record["reason"], &record["caller"], &record["user"]),
        (&"own-binding".into(), &record["user"], &record["caller"])
    );
    assert!((380..=520).contains(&bytes), "{bytes} bytes: {record}");
}

#[tokio::test]
async fn neither_names_nor_anything_else_of_a_person_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path(), &settings(Durability::Written)).unwrap();
    grant(&audit, 1).await.unwrap();
    deny(&audit, 2).await.unwrap();
    let (caller, id) = (person("alice@example.org"), request_id(3));
    let (made, turn) = (credential(), turn());
    let events = [
        Administrative::credential("CREDENTIAL_CREATED", &id, &caller, &made.id, &made.provider),
        Administrative::turn("TURN_OPENED", &id, &caller, &turn),
    ];
    for event in events {
        audit.administrative(event).await.unwrap();
    }
    let all = lines(folder.path()).join("\n");
    for name in ["alice@", "bob@", "eve@", "example.org"] {
        assert!(!all.contains(name), "{name} in {all}");
    }
    assert!(all.contains(&hash_of("alice@example.org")) && all.contains(&hash_of("eve@example.org")));
}

#[tokio::test]
async fn each_outcome_is_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path(), &settings(Durability::Synced)).unwrap();
    let (caller, request, id) = (session_token(), in_session(), request_id(1));
    let permit = permit(&caller, &request);
    let access = Access {
        request_id: &id,
        caller: &caller,
        request: &request,
    };

    audit.refuse(audit.begin(access).denied(Denial::NotConfigured)).await.unwrap();
    audit.refuse(audit.begin(access).failed(&permit, "wait-over")).await.unwrap();
    let failed = audit.mint_begun(&credential()).unwrap();
    let outcome = MintOutcome {
        code: "a code with, \"odd\" letters",
        generation: None,
        reveals: 0,
    };
    audit.mint_finished(&failed, &credential(), outcome).await.unwrap();
    let mint = audit.mint_begun(&credential()).unwrap();
    let outcome = MintOutcome {
        code: "minted",
        generation: Some(Generation(4)),
        reveals: 2,
    };
    audit.mint_finished(&mint, &credential(), outcome).await.unwrap();
    let released = Released {
        source: "minted",
        mint: Some(&mint),
        ..RELEASED
    };
    drop(audit.finish(audit.begin(access).granted(&permit, released)).await.unwrap());
    // The client went away before the decision.
    drop(audit.begin(access));
    drop(audit);

    let records: Vec<Value> = lines(folder.path())
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let said: Vec<_> = records
        .iter()
        .map(|record| {
            format!(
                "{} {} {}",
                record["event"].as_str().unwrap(),
                record["outcome"].as_str().unwrap(),
                record["reason"].as_str().unwrap_or("")
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "CREDENTIAL_ACCESS denied not-configured",
            "CREDENTIAL_ACCESS failed wait-over",
            "CREDENTIAL_MINT begun ",
            "CREDENTIAL_MINT failed other",
            "CREDENTIAL_MINT begun ",
            "CREDENTIAL_MINT minted minted",
            "CREDENTIAL_ACCESS granted connected-account",
            "CREDENTIAL_ACCESS abandoned ",
        ]
    );
    assert_eq!(
        (&records[4]["mint"], &records[5]["mint"]),
        (&records[6]["mint"], &records[6]["mint"]),
        "readers cite the mint"
    );
    assert_eq!((&records[5]["generation"], &records[5]["reveals"]), (&4.into(), &2.into()));
    assert_eq!(records[0]["session"], "2mSessionOfAliceAndOthers00");
}

#[tokio::test]
async fn a_person_is_found_again_after_the_key_changed() {
    let folder = tempfile::tempdir().unwrap();
    for epoch in [1, 2] {
        let clock = std::sync::Arc::new(crate::clock::ManualClock::at(NOW));
        let audit = crate::audit::Audit::open(folder.path(), &settings(Durability::Written), keys_writing(epoch), clock).unwrap();
        grant(&audit, 1).await.unwrap();
    }
    assert_eq!(verify(folder.path(), &keys()).unwrap().records, 2);
    let all = lines(folder.path());
    let hashes = principal_hashes(&user("bob@example.org"), &keys());
    for (line, epoch) in all.iter().zip([1, 2]) {
        let found: Vec<u32> = hashes
            .iter()
            .filter(|(_, hash)| line.contains(hash))
            .map(|(epoch, _)| *epoch)
            .collect();
        assert_eq!(found, [epoch]);
    }
    // Without the old key the old record cannot be checked, and that is said.
    let only_new = AuditKeys::new(2).with(2, key(3), key(4));
    let report = verify(folder.path(), &only_new).unwrap();
    assert!(!report.is_sound() && report.to_string().contains("key epoch"), "{report}");
}

fn key(seed: u8) -> ring::hmac::Key {
    ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[seed; 32])
}

#[tokio::test]
async fn a_service_is_not_the_person_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path(), &settings(Durability::Written)).unwrap();
    let (request, id) = (flat(), request_id(1));
    let service = Caller::authenticated(CallerKind::Service {
        name: user("bob@example.org"),
        scopes: crate::identity::KeyScopes::All,
    });
    for caller in [service, person("bob@example.org")] {
        let access = Access {
            request_id: &id,
            caller: &caller,
            request: &request,
        };
        audit.refuse(audit.begin(access).denied(Denial::NotPermitted)).await.unwrap();
    }
    let callers: Vec<bool> = lines(folder.path())
        .iter()
        .map(|line| line.contains(&hash_of("bob@example.org")))
        .collect();
    assert_eq!(callers, [false, true]);
}

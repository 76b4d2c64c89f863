use super::*;
use crate::config;
use crate::ids::Generation;
use crate::secret::Secret;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;

const ONE: &str = r#"{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;
const TWO: &str = r#"{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","2":"ICECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;

fn keyring(json: &str) -> Keyring {
    Keyring::parse(&Secret::new(json.to_owned()), None).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

const PLACE: Aad<'static> = Aad {
    table: "credential_secrets",
    record: "c1",
    field: "token",
    generation: Generation(3),
};

#[test]
fn what_is_sealed_opens_where_it_stands_and_nowhere_else() {
    let ring = keyring(ONE);
    let envelope = ring.seal(Purpose::Records, &PLACE, &secret("ghp_secret"));
    assert!(envelope.starts_with("ck1.1.") && !envelope.contains("ghp_secret"));
    assert_eq!(ring.open(Purpose::Records, &PLACE, &envelope).unwrap().expose(), "ghp_secret");
    let damaged = Some(SealError::DamagedOrMisplaced { version: 1 });
    assert_eq!(ring.open(Purpose::Cache, &PLACE, &envelope).err(), damaged);
    let elsewhere = [
        Aad {
            table: "credential_tokens",
            ..PLACE
        },
        Aad { record: "c2", ..PLACE },
        Aad {
            field: "password",
            ..PLACE
        },
        Aad {
            generation: Generation(4),
            ..PLACE
        },
        // The same letters, cut differently.
        Aad {
            record: "c1t",
            field: "oken",
            ..PLACE
        },
        Aad {
            table: "credential_secretsc",
            record: "1",
            ..PLACE
        },
    ];
    for place in elsewhere {
        assert_eq!(ring.open(Purpose::Records, &place, &envelope).err(), damaged, "{place:?}");
    }
}

#[test]
fn what_is_packed_opens_at_its_place_as_bytes_and_never_as_text() {
    let ring = keyring(TWO);
    let packed = ring.seal_packed(Purpose::Cache, b"place", &secret("ghs_secret"));
    assert!(!packed.windows(10).any(|bytes| bytes == b"ghs_secret"));
    assert_eq!(ring.open_packed(Purpose::Cache, b"place", &packed).unwrap().expose(), "ghs_secret");
    let damaged = Some(SealError::DamagedOrMisplaced { version: 2 });
    assert_eq!(ring.open_packed(Purpose::Cache, b"places", &packed).err(), damaged);
    assert_eq!(ring.open_packed(Purpose::Records, b"place", &packed).err(), damaged);
    let known = vec![1];
    assert_eq!(
        keyring(ONE).open_packed(Purpose::Cache, b"place", &packed).err(),
        Some(SealError::UnknownKey { version: 2, known })
    );
    for at in 0..packed.len() {
        let mut changed = packed.clone();
        changed[at] ^= 1;
        assert!(ring.open_packed(Purpose::Cache, b"place", &changed).is_err(), "byte {at}");
        assert!(ring.open_packed(Purpose::Cache, b"place", &packed[..at]).is_err(), "cut at {at}");
    }
    let text = ring.seal(Purpose::Cache, &PLACE, &secret("ghs_secret"));
    assert_eq!(
        ring.open_packed(Purpose::Cache, b"place", text.as_bytes()).err(),
        Some(SealError::NotAnEnvelope)
    );
}

#[test]
fn an_empty_secret_is_a_secret() {
    let ring = keyring(ONE);
    let envelope = ring.seal(Purpose::Records, &PLACE, &secret(""));
    assert_eq!(ring.open(Purpose::Records, &PLACE, &envelope).unwrap().expose(), "");
}

#[test]
fn the_named_version_opens_or_nothing_does() {
    let old = keyring(ONE).seal(Purpose::Records, &PLACE, &secret("x"));
    let both = keyring(TWO);
    assert_eq!(both.open(Purpose::Records, &PLACE, &old).unwrap().expose(), "x");
    let new = both.seal(Purpose::Records, &PLACE, &secret("x"));
    assert!(new.starts_with("ck1.2."), "the highest version writes");
    let error = keyring(ONE).open(Purpose::Records, &PLACE, &new).err().expect("an error");
    assert_eq!(
        error,
        SealError::UnknownKey {
            version: 2,
            known: vec![1]
        }
    );
    assert!(
        error.to_string().contains("key version 2") && error.to_string().contains("(it holds 1)"),
        "{error}"
    );
    // A renamed version is another version.
    let renamed = new.replacen("ck1.2.", "ck1.1.", 1);
    assert_eq!(
        both.open(Purpose::Records, &PLACE, &renamed).err(),
        Some(SealError::DamagedOrMisplaced { version: 1 })
    );
}

#[test]
fn the_writing_version_can_be_chosen() {
    let ring = Keyring::parse(&secret(TWO), Some(1)).unwrap();
    assert!(ring.seal(Purpose::Records, &PLACE, &secret("x")).starts_with("ck1.1."));
}

#[test]
fn what_is_no_envelope_is_told_apart() {
    let ring = keyring(ONE);
    let good = ring.seal(Purpose::Records, &PLACE, &secret("x"));
    let body = good.strip_prefix("ck1.1.").unwrap();
    let strange = [
        String::new(),
        "plain".into(),
        "enc:v1:AAAA".into(),
        "ck1".into(),
        "ck1.1".into(),
        "ck1.1.".into(),
        "ck1.1.AAAA".into(),
        format!("ck2.1.{body}"),
        format!("ck1.0.{body}"),
        format!("ck1.01.{body}"),
        format!("ck1.+1.{body}"),
        format!("ck1.-1.{body}"),
        format!("ck1.99999999999.{body}"),
        format!("ck1.1.{body}="),
        format!("ck1.1.{body}."),
        format!(" {good}"),
        format!("{good}\n"),
    ];
    for text in strange {
        assert_eq!(
            ring.open(Purpose::Records, &PLACE, &text).err(),
            Some(SealError::NotAnEnvelope),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn every_secret_comes_back(text in ".{0,300}", table in "[a-z_]{0,12}", record in ".{0,30}", field in ".{0,12}", generation: i64) {
        let ring = keyring(TWO);
        let place = Aad { table: &table, record: &record, field: &field, generation: Generation(generation) };
        let envelope = ring.seal(Purpose::Cache, &place, &secret(&text));
        let opened = ring.open(Purpose::Cache, &place, &envelope).unwrap();
        prop_assert_eq!(opened.expose(), text.as_str());
    }

    #[test]
    fn no_flipped_bit_gets_through(text in ".{0,60}", place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let ring = keyring(TWO);
        let mut bytes = ring.seal(Purpose::Records, &PLACE, &secret(&text)).into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(ring.open(Purpose::Records, &PLACE, &changed).is_err());
        }
    }

    #[test]
    fn no_other_place_opens(record in "[a-z0-9]{1,6}", field in "[a-z]{1,6}", other_record in "[a-z0-9]{1,6}", other_field in "[a-z]{1,6}", generation in 1_i64..4, other in 1_i64..4) {
        let ring = keyring(ONE);
        let here = Aad { table: "t", record: &record, field: &field, generation: Generation(generation) };
        let there = Aad { table: "t", record: &other_record, field: &other_field, generation: Generation(other) };
        let same = record == other_record && field == other_field && generation == other;
        let envelope = ring.seal(Purpose::Records, &here, &secret("x"));
        prop_assert_eq!(ring.open(Purpose::Records, &there, &envelope).is_ok(), same);
    }

    #[test]
    fn the_same_secret_never_looks_the_same(text in ".{0,40}") {
        let ring = keyring(ONE);
        prop_assert_ne!(ring.seal(Purpose::Records, &PLACE, &secret(&text)), ring.seal(Purpose::Records, &PLACE, &secret(&text)));
    }
}

#[test]
fn a_bad_keyring_is_refused_and_never_repeated() {
    let key = "hunter2hunter2hunter2hunter2hunter2";
    let cases = [
        ("", "does not read"),
        ("{}", "empty"),
        ("[]", "does not read"),
        (r#"{"1":5}"#, "does not read"),
        (r#"{"1":"hunter2hunter2hunter2hunter2hunter2"}"#, "key version 1 is not"),
        (r#"{"1":"aHVudGVyMg=="}"#, "key version 1 is not"),
        (r#"{"1":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#, "placeholder"),
        (r#"{"hunter2hunter2hunter2hunter2hunter2":"x"}"#, "key version in the keyring"),
        (
            r#"{"0":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#,
            "key version in the keyring",
        ),
        (
            r#"{"01":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#,
            "key version in the keyring",
        ),
        (
            r#"{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","1":"ICECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#,
            "without repetition",
        ),
        (
            r#"{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","7":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#,
            "key versions 1 and 7 are the same",
        ),
    ];
    for (json, wanted) in cases {
        let error = Keyring::parse(&secret(json), None).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(wanted), "{json}: {shown}");
        assert!(!shown.contains(key) && !shown.contains("AAECAw"), "{shown}");
    }
    let error = Keyring::parse(&secret(TWO), Some(9)).unwrap_err().to_string();
    assert!(error.contains("key version 9") && error.contains("1, 2"), "{error}");
}

fn from_config(config: &config::Keyring, env: &[(&str, &str)]) -> Result<Keyring, KeyringError> {
    Keyring::from_config(config, |name| {
        env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_platforms_variables_are_read_when_the_configuration_names_nothing() {
    let nothing = config::Keyring::default();
    let ring = from_config(
        &nothing,
        &[("CREDENTIAL_ENCRYPTION_KEYRING", TWO), ("CREDENTIAL_ENCRYPTION_KEY_VERSION", "1")],
    )
    .unwrap();
    assert_eq!((ring.write_version(), ring.versions()), (1, vec![1, 2]));
    let error = from_config(
        &nothing,
        &[("CREDENTIAL_ENCRYPTION_KEYRING", TWO), ("CREDENTIAL_ENCRYPTION_KEY_VERSION", "one")],
    );
    assert!(matches!(error, Err(KeyringError::VersionVariable)));
    let missing = from_config(&nothing, &[]).unwrap_err().to_string();
    assert!(
        missing.contains("openssl rand -base64 32") && missing.contains("CREDENTIAL_ENCRYPTION_KEYRING"),
        "{missing}"
    );
    assert!(missing.contains(r#"printf '{"1":"%s"}'"#), "{missing}");
    let config = config::Keyring {
        keys: Some(secret(ONE)),
        ..Default::default()
    };
    let ring = from_config(&config, &[("CREDENTIAL_ENCRYPTION_KEYRING", TWO)]).unwrap();
    assert_eq!(ring.versions(), vec![1], "the configuration wins");
    let both = config::Keyring {
        keys: Some(secret(ONE)),
        file: Some("/x".into()),
        version: None,
    };
    assert!(matches!(from_config(&both, &[]), Err(KeyringError::Both)));
}

#[test]
fn a_keyring_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyring.json");
    std::fs::write(&path, ONE).unwrap();
    let config = config::Keyring {
        file: Some(path.clone()),
        ..Default::default()
    };
    for (mode, accepted) in [
        (0o600, true),
        (0o400, true),
        (0o640, false),
        (0o604, false),
        (0o700, false),
        (0o4600, false),
    ] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let result = from_config(&config, &[]);
        assert_eq!(result.is_ok(), accepted, "{mode:o}");
        if let Err(error) = result {
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
    let absent = config::Keyring {
        file: Some(folder.path().join("absent")),
        ..Default::default()
    };
    assert!(matches!(from_config(&absent, &[]), Err(KeyringError::Unreadable { .. })));
}

#[test]
fn a_generated_keyring_can_be_kept() {
    let (ring, json) = Keyring::generate().unwrap();
    let envelope = ring.seal(Purpose::Records, &PLACE, &secret("x"));
    let again = Keyring::parse(&json, None).unwrap();
    assert_eq!(again.open(Purpose::Records, &PLACE, &envelope).unwrap().expose(), "x");
    let (other, _) = Keyring::generate().unwrap();
    assert!(other.open(Purpose::Records, &PLACE, &envelope).is_err());
}

#[test]
fn purposes_and_epochs_have_keys_of_their_own() {
    let ring = keyring(TWO);
    let mut seen = std::collections::BTreeSet::new();
    for purpose in super::derive::Purpose::ALL {
        for version in [1, 2] {
            let tag = ring::hmac::sign(ring.derived(purpose, version).unwrap(), b"x");
            assert!(seen.insert(tag.as_ref().to_vec()), "{purpose:?} {version}");
        }
    }
    assert_eq!(ring.current(Purpose::AuditChain).0, 2);
    assert_eq!(
        ring.derived(Purpose::AuditChain, 5).err(),
        Some(SealError::UnknownKey {
            version: 5,
            known: vec![1, 2]
        })
    );
    // What is sealed today must open in ten years: the derivation may never change. Computed apart, with Python's `hmac`.
    let tag = ring::hmac::sign(ring.derived(Purpose::AuditPrincipal, 1).unwrap(), b"alice");
    assert_eq!(
        hex::encode(tag.as_ref()),
        "fdd00d380c31ec551ee578e0b4b88ee26a870629f92f3768a2fb21e2e10a03b6"
    );
}

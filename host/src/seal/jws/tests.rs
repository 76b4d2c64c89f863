use super::*;
use crate::seal::Keyring;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

// Made for these tests with `openssl genrsa -traditional 2048` and `openssl pkcs8 -topk8`: two forms of one key, which guards nothing.
const PKCS1: &str = include_str!("testdata/throwaway-pkcs1.pem");
const PKCS8: &str = include_str!("testdata/throwaway-pkcs8.pem");

fn parts(token: &Secret) -> (String, Value, String, Vec<u8>) {
    let (input, signature) = token.expose().rsplit_once('.').unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let text = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (
        input.to_owned(),
        serde_json::from_str(&text(header)).unwrap(),
        text(claims),
        URL_SAFE_NO_PAD.decode(signature).unwrap(),
    )
}

fn fits(token: &Secret) -> bool {
    let der = rustls::pki_types::PrivatePkcs1KeyDer::from_pem_slice(PKCS1.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap();
    let (input, _, _, signature) = parts(token);
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public())
        .verify(input.as_bytes(), &signature)
        .is_ok()
}

#[test]
fn every_way_a_key_is_pasted_signs_the_same() {
    let claims = r#"{ "iss":"12345", "exp":1700000540 }"#;
    let escaped = PKCS8.replace('\n', "\\n");
    let twice = PKCS8.replace('\n', "\\\\n");
    let windows = PKCS1.replace('\n', "\r\n");
    let quoted = format!("  \"{escaped}\"\n");
    for pem in [PKCS1, PKCS8, &escaped, &twice, &windows, &quoted] {
        let token = sign_rs256(&Secret::new(pem.to_owned()), "{}", claims).unwrap();
        assert!(fits(&token), "{}", pem.len());
        let (_, header, signed, _) = parts(&token);
        assert_eq!(header, serde_json::json!({"alg": "RS256", "typ": "JWT"}));
        assert_eq!(signed, claims, "claims are signed byte for byte");
    }
}

#[test]
fn the_host_sets_the_algorithm() {
    let token = sign_rs256(&Secret::new(PKCS8.to_owned()), r#"{"alg":"none","kid":"k1","typ":"at+jwt"}"#, "{}").unwrap();
    assert_eq!(parts(&token).1, serde_json::json!({"alg": "RS256", "kid": "k1", "typ": "at+jwt"}));
    assert!(fits(&token));
}

#[test]
fn what_is_no_key_is_refused_without_being_repeated() {
    let cut = PKCS8.replacen("MII", "XXX", 1);
    let half: String = PKCS1.chars().take(400).collect();
    let ec = "-----BEGIN EC PRIVATE KEY-----\naHVudGVyMg==\n-----END EC PRIVATE KEY-----\n";
    for pem in [
        "",
        "hunter2",
        &cut,
        &half,
        ec,
        "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----",
    ] {
        let error = sign_rs256(&Secret::new(pem.to_owned()), "{}", "{}").err().expect("refused");
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, JwsError::KeyUnreadable | JwsError::KeyRefused(_)), "{shown}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("MII") && !shown.contains("aHVudGVyMg"),
            "{shown}"
        );
    }
    let key = Secret::new(PKCS8.to_owned());
    assert_eq!(sign_rs256(&key, "[]", "{}").err(), Some(JwsError::NotAnObject("header")));
    assert_eq!(sign_rs256(&key, "{}", "\"x\"").err(), Some(JwsError::NotAnObject("claims")));
}

#[derive(Debug, PartialEq, Eq, Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    nbf: i64,
    session: String,
}

fn claims() -> Claims {
    Claims {
        iss: "claviger".into(),
        aud: "reads".into(),
        exp: 1_000,
        nbf: 900,
        session: "s1".into(),
    }
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: "claviger",
        audience: "reads",
        now_ms: 950_000,
        leeway_ms: 5_000,
    }
}

fn keys() -> BearerKeys {
    BearerKeys::from_keyring(&Keyring::generate().unwrap().0).unwrap()
}

fn verify(keys: &BearerKeys, bearer: &Secret, expected: &Expected<'_>) -> Result<Claims, JwsError> {
    keys.verify(bearer.expose(), expected)
}

#[test]
fn a_bearer_is_accepted_in_its_time_and_place_alone() {
    let keys = keys();
    let bearer = keys.sign(&claims()).unwrap();
    assert_eq!(verify(&keys, &bearer, &expected()), Ok(claims()));
    assert_eq!(
        verify(
            &keys,
            &bearer,
            &Expected {
                now_ms: 999_999,
                ..expected()
            }
        ),
        Ok(claims())
    );
    assert_eq!(
        verify(
            &keys,
            &bearer,
            &Expected {
                now_ms: 1_000_000,
                ..expected()
            }
        ),
        Err(JwsError::Expired)
    );
    assert_eq!(
        verify(
            &keys,
            &bearer,
            &Expected {
                now_ms: 895_000,
                ..expected()
            }
        ),
        Ok(claims())
    );
    assert_eq!(
        verify(
            &keys,
            &bearer,
            &Expected {
                now_ms: 894_999,
                ..expected()
            }
        ),
        Err(JwsError::NotYet)
    );
    assert_eq!(
        verify(
            &keys,
            &bearer,
            &Expected {
                audience: "other",
                ..expected()
            }
        ),
        Err(JwsError::Audience)
    );
    assert_eq!(
        verify(
            &keys,
            &bearer,
            &Expected {
                issuer: "other",
                ..expected()
            }
        ),
        Err(JwsError::Issuer)
    );
}

#[test]
fn a_bearer_of_another_keyring_is_refused() {
    let bearer = keys().sign(&claims()).unwrap();
    assert_eq!(verify(&keys(), &bearer, &expected()), Err(JwsError::UnknownKey));
}

#[test]
fn an_old_version_still_opens_and_the_new_one_signs() {
    let old = r#"{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;
    let both = r#"{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","2":"ICECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;
    let keys = |json: &str| BearerKeys::from_keyring(&Keyring::parse(&Secret::new(json.to_owned()), None).unwrap()).unwrap();
    let bearer = keys(old).sign(&claims()).unwrap();
    assert_eq!(verify(&keys(both), &bearer, &expected()), Ok(claims()));
    let newer = keys(both).sign(&claims()).unwrap();
    assert_eq!(verify(&keys(old), &newer, &expected()), Err(JwsError::UnknownKey));
    assert_eq!(keys(both).public_keys().len(), 2);
}

#[test]
fn the_algorithm_is_not_the_tokens_to_choose() {
    let keys = keys();
    let bearer = keys.sign(&claims()).unwrap();
    let (_, mut header, body, signature) = parts(&bearer);
    for algorithm in ["none", "HS256", "RS256", "eddsa", "ES256"] {
        header["alg"] = algorithm.into();
        let forged = format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(&body),
            URL_SAFE_NO_PAD.encode(&signature)
        );
        assert_eq!(
            verify(&keys, &Secret::new(forged), &expected()),
            Err(JwsError::Algorithm),
            "{algorithm}"
        );
    }
}

#[test]
fn no_changed_character_gets_through() {
    let keys = keys();
    let bearer = keys.sign(&claims()).unwrap();
    let text = bearer.expose();
    for place in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        assert!(keys.verify::<Claims>(&forged, &expected()).is_err(), "changed at {place}");
    }
    for strange in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        &format!("{text}."),
        &format!(".{text}"),
        &"x".repeat(5000),
    ] {
        assert!(keys.verify::<Claims>(strange, &expected()).is_err(), "{strange}");
    }
}

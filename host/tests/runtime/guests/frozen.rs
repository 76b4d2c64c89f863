//! What only the compiled fixture does: the functions of the contract 0.1.0 that the examples have no use for.

use super::Language;
use super::tidemark::{TOKEN, context, done, form, secret_of, well};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claviger::runtime::{Limits, MintInput, Provider};
use std::collections::BTreeMap;

const PRIVATE_KEY: &str = include_str!("../../../src/seal/jws/testdata/throwaway-pkcs8.pem");

/// The fields of a robot's token, and the claims of the assertion that it was bought with.
async fn robot(provider: &Provider) -> (BTreeMap<String, String>, serde_json::Value) {
    let (upstream, input) = (
        well(),
        MintInput {
            credential: secret_of("robot", "private-key", PRIVATE_KEY),
            narrowing: Vec::new(),
        },
    );
    let minted = done(provider.mint(input, context(&upstream)).await);
    assert_eq!(minted.token.expose(), TOKEN);
    let [sent] = upstream.sent().try_into().unwrap();
    let form = form(&sent);
    let (_, assertion) = form.iter().find(|(key, _)| key == "assertion").unwrap();
    let parts: Vec<&str> = assertion.split('.').collect();
    let read = |part: &str| serde_json::from_slice::<serde_json::Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(read(parts[0]), serde_json::json!({ "alg": "RS256", "typ": "JWT" }));
    (minted.fields, read(parts[1]))
}

#[tokio::test]
async fn it_signs_by_the_hosts_clock() {
    let (fields, claims) = robot(Language::frozen_0_1_0.provider().await).await;
    let now = crate::fixture::NOW / 1000;
    assert_eq!(claims, serde_json::json!({ "iss": "robot", "iat": now, "exp": now + 300 }));
    assert!(!fields.contains_key("revealed"), "it read a secret that nobody granted: {fields:?}");
}

#[tokio::test]
async fn it_reads_a_secret_where_that_is_granted() {
    let granted = Language::frozen_0_1_0.granted(Limits::default(), true).await.unwrap();
    let (fields, _) = robot(&granted).await;
    assert_eq!(fields["revealed"], PRIVATE_KEY.len().to_string());
}

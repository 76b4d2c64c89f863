use super::Static;
use claviger_sdk::testing::{TestHost, check_manifest, expires_at_ms, token_text};
use claviger_sdk::{Narrowing, Provider, codes};
use serde_json::json;

#[test]
fn the_manifest_is_of_this_version() {
    check_manifest(Static::MANIFEST, "static", env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_token_is_what_was_stored() {
    let host = TestHost::start(Static::MANIFEST);
    let kubeconfig = "apiVersion: v1\nkind: Config\n";
    let credential = host.credential("static", &[("token", kubeconfig), ("url", "https://k8s.example.com")]);
    let token = Static::mint(credential, &Narrowing::default()).unwrap();
    assert_eq!(token_text(&token), kubeconfig);
    assert_eq!(expires_at_ms(&token), None);
    assert_eq!(host.token_body(&token), json!({ "url": "https://k8s.example.com" }));
    assert_eq!(
        host.session_body(&token),
        json!({ "token": kubeconfig, "apiKey": kubeconfig, "url": "https://k8s.example.com" })
    );
}

#[test]
fn what_is_missing_is_named() {
    let host = TestHost::start(Static::MANIFEST);
    let failure = Static::mint(host.credential("static", &[]), &Narrowing::default()).err().unwrap();
    assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
    assert!(failure.message.contains("`token`"), "{}", failure.message);
}

#[test]
fn a_fixed_token_is_not_narrowed() {
    let host = TestHost::start(Static::MANIFEST);
    let narrowing = Narrowing::new(vec![("scope".to_owned(), "read".to_owned())]);
    let failure = Static::mint(host.credential("static", &[("token", "t")]), &narrowing)
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::UNSUPPORTED);
}

mod connect;
mod consumers;
mod ending;
mod external_account;
mod hostile;
mod identity;
mod impersonation;
mod service_account;
mod user;

use crate::Google;
use claviger_sdk::testing::{TestHost, check_manifest};
use claviger_sdk::{Narrowing, Provider};
use serde_json::json;

/// 2026-08-17T10:00:00Z.
const NOW_MS: u64 = 1_786_960_800_000;
const DRIVE: &str = "https://www.googleapis.com/auth/drive";

fn host() -> TestHost {
    TestHost::start(Google::MANIFEST).at_ms(NOW_MS)
}

/// A refusal's body.
fn refused_with(error: &str, description: &str) -> String {
    json!({ "error": error, "error_description": description }).to_string()
}

fn narrowed(scopes: &[&str]) -> Narrowing {
    Narrowing::new(scopes.iter().map(|scope| ("scope".to_owned(), (*scope).to_owned())).collect())
}

#[test]
fn the_manifest_is_of_this_version() {
    check_manifest(Google::MANIFEST, "google", env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_kind_that_is_none_is_named() {
    let host = host();
    let failure = Google::mint(host.credential("gdch", &[]), &Narrowing::default()).err().unwrap();
    assert_eq!(failure.code, "unsupported");
    assert!(failure.message.contains("`gdch`"), "{}", failure.message);
}

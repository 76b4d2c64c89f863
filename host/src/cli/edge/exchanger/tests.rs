//! The rules of the exchange's clients, without one; with one they are in `tests/suite/edge`.

use super::*;
use crate::clock::rfc3339;

/// A key of 2048 bits that nobody has the other half of.
const KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA4AZJG99U706E4D14x4C6
k2mjP++AAMgVa/XroVm0cKp7DN/8y92UNx6T/smgtOHdU1s09x80tiIrohr73CnK
hzd5IpCqoBoqVCvIklsW1pj1qM9vQggMpdjdEJmg5gy1WmCp/m9UqxXuo/FB/5em
pW1EbR8Z1yZdoDLu2uWKvz1Zp9+TalYUERs92ETgpa8sZMe7O5aEDoj+JmWPfuEv
6cf7vQhMugCBoIGvClSoMJfXbn/O1iMy+MCwzHm3Y7AFvCGix9PEkeqMDiInWDEP
mTqsmI3COK0Z+S3nI+KoBVUgarp0JJ6TjJKDOIhtv5E9XKUuB/gmnR/7Hqef2w7O
1wIDAQAB
-----END PUBLIC KEY-----
";

fn new(url: &str, key: &str) -> Result<Exchanger, Failure> {
    Exchanger::new(("URL", url), ("KEY", key), "session-1".to_owned(), None)
}

#[test]
fn case_76_an_address_has_a_scheme_of_the_webs_a_host_and_no_user() {
    for good in [
        "http://localhost:8080/token/cvx_secret",
        "http://127.0.0.1/token",
        "http://cp.ambient.svc:8080/token",
        "http://cp.ambient.svc.cluster.local/token",
        "https://claviger.example.com/token/cvx_secret",
    ] {
        assert_eq!(new(good, KEY).unwrap().url.as_str(), good);
    }
    for bad in [
        "",
        "cvx_secret",
        "localhost/cvx_secret",
        "ftp://localhost/cvx_secret",
        "file:///cvx_secret",
        "HTTP://localhost/cvx_secret",
        "http://",
        "http:///cvx_secret",
        "https:///cvx_secret",
        "https://:443/cvx_secret",
        "http://alice@localhost/cvx_secret",
        "http://@localhost/cvx_secret",
        "http://alice:cvx_secret@localhost/",
        "http://local\thost/cvx_secret",
        "http:\\\\localhost/cvx_secret",
        " http://localhost/cvx_secret",
        "https://claviger.example.com:99999/cvx_secret",
        // In the clear, beyond the cluster.
        "http://claviger.example.com/cvx_secret",
        "http://evilsvc/cvx_secret",
        "http://localhost.evil.example/cvx_secret",
    ] {
        let why = new(bad, KEY).err().unwrap_or_else(|| panic!("{bad} is taken"));
        assert!(matches!(why, Failure::Usage(_)), "{bad}: {why:?}");
        assert!(
            why.to_string().starts_with("`URL` ") && !why.to_string().contains("cvx_secret"),
            "{why}"
        );
    }
}

#[test]
fn case_76_a_key_of_another_form_is_refused() {
    let pkcs1 = KEY.replace("PUBLIC KEY", "RSA PUBLIC KEY");
    let why = new("http://localhost/", &pkcs1).err().unwrap();
    assert!(
        matches!(&why, Failure::Usage(words) if words.starts_with("`KEY` is in PKCS#1")),
        "{why}"
    );
}

#[test]
fn another_bearer_comes_half_way_and_after_four_minutes_at_most() {
    let now_ms = 1_000_000_000_000;
    let renewed_after = |life_ms: Option<Millis>| {
        let granted = Granted {
            token: Secret::new("t".to_owned()),
            expires_at: life_ms.map(|life_ms| rfc3339(now_ms + life_ms)),
        };
        granted.bearer(now_ms).renew_at_ms - now_ms
    };
    assert_eq!(renewed_after(None), 240_000);
    assert_eq!(renewed_after(Some(900_000)), 240_000);
    assert_eq!(renewed_after(Some(60_000)), 30_000);
    assert_eq!(renewed_after(Some(0)), 10_000);
    assert_eq!(renewed_after(Some(-60_000)), 10_000);
}

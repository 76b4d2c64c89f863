//! The optional abilities of a provider that does everything wrong.

use crate::fixture::{Fake, FakeDoor, clock, hostile_component, json, load, patched, sandbox, secret};
use claviger::runtime::{CallContext, Consented, CredentialInput, CurrentToken, Input, Limits, Provider, ProviderFault};
use claviger::secret::Secret;
use std::sync::Arc;

const KEY: &str = "stored-key-9876543210";
const TOKEN: &str = "current-token-0123456789";
const CODE: &str = "authorisation-code-1";
const VERIFIER: &str = "code-verifier-1";

async fn hostile() -> Provider {
    load(&sandbox(Limits::default()), &hostile_component(), false).await
}

/// The same with the right to read secrets: what it must not answer even then.
async fn trusted() -> Provider {
    load(&sandbox(Limits::default()), &patched("\"reveal\": false", "\"reveal\": true"), true).await
}

fn told(deed: &str) -> CredentialInput {
    CredentialInput {
        kind: "made".into(),
        fields: vec![("key".into(), secret(KEY)), ("deed".into(), Input::Text(deed.into()))],
        url: None,
        current: Some(CurrentToken {
            token: Secret::new(TOKEN.into()),
            expires_at_ms: None,
        }),
    }
}

fn context(upstream: &Arc<Fake>) -> CallContext {
    CallContext {
        provider: "hostile".into(),
        door: Arc::new(FakeDoor(Arc::clone(upstream))),
        clock: clock(),
        rotation: None,
    }
}

fn fault<T>(outcome: Result<T, ProviderFault>) -> (String, String) {
    let fault = outcome.err().expect("it succeeded");
    let text = format!("{fault} {fault:?}");
    for secret in [KEY, TOKEN, CODE, VERIFIER, "bought-token-1", "bought-key-1"] {
        assert!(!text.contains(secret), "the fault holds `{secret}`: {text}");
    }
    (fault.cause.code().to_owned(), text)
}

#[tokio::test]
async fn who_it_is_comes_back_as_plain_text_and_never_as_a_secret() {
    let provider = hostile().await;
    let silent = Fake::silent();
    let identified = provider
        .identify(told("well"), context(&silent))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(identified.fields["login"], "mallory");
    for (deed, code) in [
        ("many", "contract"),
        ("twice", "contract"),
        ("traps", "trap"),
        ("revealed", "reveal-denied"),
    ] {
        assert_eq!(fault(provider.identify(told(deed), context(&silent)).await).0, code, "{deed}");
    }
    let trusted = trusted().await;
    for (deed, code) in [("revealed", "leak-prevented"), ("refuses-with-it", "hostile")] {
        assert_eq!(fault(trusted.identify(told(deed), context(&silent)).await).0, code, "{deed}");
    }
}

#[tokio::test]
async fn what_is_left_to_do_is_said_without_a_secret() {
    let silent = Fake::silent();
    let revoked = hostile().await.revoke(told("well"), context(&silent)).await;
    assert_eq!(
        revoked.unwrap_or_else(|fault| panic!("{fault}")).remaining.as_deref(),
        Some("nothing is left")
    );
    let revoked = trusted().await.revoke(told("revealed"), context(&silent)).await;
    let said = revoked
        .unwrap_or_else(|fault| panic!("{fault}"))
        .remaining
        .expect("it said something");
    assert!(said.starts_with("look: ") && !said.contains(KEY), "{said}");
}

#[tokio::test]
async fn a_person_is_sent_to_the_approved_page_and_nowhere_else() {
    let provider = hostile().await;
    let silent = Fake::silent();
    let address = "address=https://up.example/authorise?client_id=c";
    let page = provider
        .authorise(told(address), context(&silent))
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(page.as_str(), "https://up.example/authorise?client_id=c");
    for address in [
        "https://evil.example/authorise",
        "https://up.example/other",
        "https://up.example/token",
        "http://up.example/authorise",
        "https://up.example/authorise?state=mine",
        "https://up.example/authorise?redirect_uri=https://evil.example",
        "https://up.example/authorise?code_challenge=mine",
        "https://up.example@evil.example/authorise",
        "https://up.example/authorise#state",
        "javascript:alert(1)",
        "",
    ] {
        let outcome = provider.authorise(told(&format!("address={address}")), context(&silent)).await;
        assert_eq!(fault(outcome).0, "contract", "{address}");
    }
    // Nothing is sent while it thinks.
    let (code, text) = fault(provider.authorise(told("sends"), context(&silent)).await);
    assert!(code == "egress-denied" && silent.sent().is_empty(), "{text}");
}

#[tokio::test]
async fn what_a_consent_buys_goes_past_the_provider() {
    let provider = hostile().await;
    let bought = || Fake::new(|_| json(200, r#"{"access_token":"bought-token-1","new_key":"bought-key-1","expires_in":60}"#));
    let consented = || Consented {
        code: Secret::new(CODE.into()),
        verifier: Some(Secret::new(VERIFIER.into())),
        redirect_uri: "https://claviger.example/oauth2callback".into(),
    };
    let upstream = bought();
    let exchanged = provider.exchange(told("well"), consented(), context(&upstream)).await;
    let exchanged = exchanged.unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(
        (exchanged.accounts.len(), exchanged.accounts[0].fields["site"].as_str()),
        (1, "one")
    );
    let kept: Vec<_> = exchanged
        .secrets
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(kept, [("key", "bought-key-1")]);
    assert_eq!(exchanged.secrets.token.as_ref().map(Secret::expose), Some("bought-token-1"));
    let [sent] = upstream.sent().try_into().expect("one request");
    assert!(sent.body.contains(CODE) && sent.body.contains(VERIFIER), "{}", sent.body);

    for (deed, code) in [
        ("nobody", "contract"),
        ("everybody", "contract"),
        ("nameless", "contract"),
        ("full", "contract"),
        ("revealed", "reveal-denied"),
        ("traps", "trap"),
    ] {
        assert_eq!(
            fault(provider.exchange(told(deed), consented(), context(&bought())).await).0,
            code,
            "{deed}"
        );
    }
    let leaks = trusted().await.exchange(told("revealed"), consented(), context(&bought())).await;
    assert_eq!(fault(leaks).0, "leak-prevented");
    // An upstream that echoes the code gives nothing away.
    let echo = Fake::new(|_| json(200, format!(r#"{{"access_token":"bought-token-1","note":"{CODE}"}}"#)));
    assert_eq!(
        fault(provider.exchange(told("well"), consented(), context(&echo)).await).0,
        "echoed-secret"
    );
}

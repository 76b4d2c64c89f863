//! `authorise` and `exchange`, and what becomes of an exception.

use super::Language;
use super::tidemark::{
    CLIENT_SECRET, CODE, HOME, NEXT, TOKEN, VERIFIER, application, context, done, fault, form, good_answer, header, well,
};
use crate::fixture::{Fake, json};
use claviger::runtime::Consented;
use claviger::secret::Secret;

fn consented() -> Consented {
    Consented {
        code: Secret::new(CODE.to_owned()),
        verifier: Some(Secret::new(VERIFIER.to_owned())),
        redirect_uri: "https://claviger.example/oauth2callback".to_owned(),
    }
}

pub async fn a_person_is_sent_to_the_approved_page(language: Language) {
    let provider = language.provider().await;
    let page = done(provider.authorise(application(), context(&Fake::silent())).await);
    let expected = format!("{HOME}/oauth/authorise?client_id=harbour%20office&response_type=code&scope=tides");
    assert_eq!(page.as_str(), expected);
}

pub async fn a_consent_buys_accounts_and_secrets(language: Language) {
    let (provider, upstream) = (language.provider().await, well());
    let exchanged = done(provider.exchange(application(), consented(), context(&upstream)).await);
    let accounts: Vec<_> = exchanged
        .accounts
        .iter()
        .map(|account| (account.title.as_str(), account.fields["harbour"].as_str()))
        .collect();
    assert_eq!(accounts, [("ada at Whitby", "Whitby"), ("ada at Staithes", "Staithes")]);
    let secrets: Vec<_> = exchanged
        .secrets
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(secrets, [("refresh-token", NEXT)]);
    assert_eq!(exchanged.secrets.token.as_ref().map(Secret::expose), Some(TOKEN));

    let [bought, asked] = upstream.sent().try_into().unwrap();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", CODE),
        ("code_verifier", VERIFIER),
        ("redirect_uri", "https://claviger.example/oauth2callback"),
        ("client_id", "harbour office"),
        ("client_secret", CLIENT_SECRET),
    ];
    assert_eq!(form(&bought), pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(header(&asked, "authorization"), Some(format!("Bearer {TOKEN}").as_str()));

    let nowhere = Fake::new(|sent| {
        if sent.url.ends_with("/me") {
            json(200, r#"{"login":"ada","harbours":[]}"#)
        } else {
            good_answer(sent)
        }
    });
    let fault = fault(provider.exchange(application(), consented(), context(&nowhere)).await);
    assert_eq!(fault.cause.code(), "insufficient-scope");
}

/// An answer that nobody foresaw: the code stumbles over it with all the secrets of the call in its hands.
pub async fn an_exception_is_a_fault_without_secrets(language: Language) {
    let odd = Fake::new(|sent| {
        if sent.url.ends_with("/me") {
            json(200, r#"{"login":"ada","harbours":7}"#)
        } else {
            good_answer(sent)
        }
    });
    let provider = language.provider().await;
    let fault = fault(provider.exchange(application(), consented(), context(&odd)).await);
    assert_eq!(fault.cause.code(), "trap", "{fault}");
    assert!(
        fault.to_string().contains(language.last_words()),
        "the log would not tell what happened: {fault}"
    );
    // The next call finds nothing of it.
    done(provider.exchange(application(), consented(), context(&well())).await);
}

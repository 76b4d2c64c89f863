//! `identify` and `revoke`.

use super::Language;
use super::tidemark::{CURRENT, REFRESH, account, application, context, done, fault, header, station, well, with_current};
use crate::fixture::{Fake, json};

pub async fn it_tells_who_it_is(language: Language) {
    let (provider, upstream) = (language.provider().await, well());
    let identified = done(provider.identify(with_current(account()), context(&upstream)).await);
    let known: Vec<_> = identified
        .fields
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let expected = [
        ("display-name", "Ada"),
        ("email", "ada@tidemark.example"),
        ("id", "42"),
        ("login", "ada"),
        ("user-name", "Ada"),
    ];
    assert_eq!(known, expected);
    let [sent] = upstream.sent().try_into().unwrap();
    assert_eq!(header(&sent, "authorization"), Some(format!("Bearer {CURRENT}").as_str()));

    // What the upstream does not tell is absent.
    let terse = Fake::new(|_| json(200, r#"{"login":"ada","name":"","email":null}"#));
    let identified = done(provider.identify(with_current(account()), context(&terse)).await);
    assert_eq!(identified.fields.into_keys().collect::<Vec<_>>(), ["login"]);

    let fault = fault(provider.identify(account(), context(&Fake::silent())).await);
    assert_eq!(fault.cause.code(), "invalid-credential");
}

pub async fn it_ends_a_grant(language: Language) {
    let provider = language.provider().await;
    for status in [200, 404] {
        let upstream = Fake::new(move |_| json(status, ""));
        let revoked = done(provider.revoke(with_current(account()), context(&upstream)).await);
        assert_eq!(revoked.remaining, None, "nothing is left to do");
        let [sent] = upstream.sent().try_into().unwrap();
        assert_eq!((sent.method.as_str(), sent.url.rsplit('/').next()), ("POST", Some("revoke")));
        assert_eq!(sent.body, format!(r#"{{"token":"{REFRESH}"}}"#));
    }
    let down = Fake::new(|_| json(502, ""));
    assert_eq!(fault(provider.revoke(account(), context(&down)).await).cause.code(), "transient");
    // A credential without its refresh token does not reach the guest.
    let fault = fault(provider.revoke(application(), context(&Fake::silent())).await);
    assert_eq!(fault.cause.code(), "credential");
}

pub async fn it_says_what_is_left_to_do(language: Language) {
    let (provider, upstream) = (language.provider().await, well());
    let left = Some("delete the key on the page of station pier-7");
    let revoked = done(provider.revoke(with_current(station()), context(&upstream)).await);
    assert_eq!(revoked.remaining.as_deref(), left);
    let [sent] = upstream.sent().try_into().unwrap();
    assert_eq!(sent.body, format!(r#"{{"token":"{CURRENT}"}}"#));

    let revoked = done(provider.revoke(station(), context(&Fake::silent())).await);
    assert_eq!(revoked.remaining.as_deref(), left, "without a token there is nothing to end");
}

use super::*;
use crate::manifest::{Field, Take, TokenSource};

const NOW: Millis = 1_700_000_000_000;

fn kind() -> Kind {
    let field = |name: &str| Field {
        name: name.into(),
        label: name.into(),
        secret: true,
        required: true,
        client: false,
        single_line: false,
        configured: false,
        pattern: None,
        pointer: None,
    };
    Kind {
        name: "oauth".into(),
        title: "OAuth".into(),
        token: TokenSource::Minted,
        token_fills: "refresh-token".into(),
        document: false,
        fields: vec![field("refresh-token")],
        rotation: None,
        connect: None,
        consumers: None,
    }
}

fn endpoint(opens: &[&str], expires: Option<Expiry>) -> Endpoint {
    Endpoint {
        name: "token".into(),
        method: "POST".into(),
        bases: vec!["https://up.example".into()],
        path: "/t".into(),
        query: vec![],
        places: vec![],
        opens: opens.iter().map(|pointer| (*pointer).into()).collect(),
        open_headers: vec!["X-Note".into(), "set-cookie".into()],
        takes: vec![
            Take {
                name: "token".into(),
                pointer: "/access_token".into(),
                what: Taken::Token { expires },
            },
            Take {
                name: "next".into(),
                pointer: "/refresh_token".into(),
                what: Taken::Replaces {
                    field: "refresh-token".into(),
                    expires: None,
                },
            },
        ],
    }
}

fn answer(status: u16, body: &str) -> RawAnswer {
    let headers = [("x-note", "a"), ("set-cookie", "session=1"), ("x-note", "b"), ("x-other", "c")];
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    RawAnswer {
        status,
        headers,
        body: Zeroizing::new(body.as_bytes().to_vec()),
    }
}

fn opened(opens: &[&str], body: &str) -> String {
    read(&endpoint(opens, None), &kind(), answer(200, body), NOW)
        .response
        .opened
        .unwrap()
}

#[test]
fn only_what_is_opened_is_seen() {
    let body = r#"{"a":1,"b":{"c":2,"d":3},"list":[{"name":"x","id":1},{"name":"y","id":2}]}"#;
    assert_eq!(opened(&[], body), "{}");
    assert_eq!(opened(&["/a", "/b/c"], body), r#"{"a":1,"b":{"c":2}}"#);
    assert_eq!(opened(&["/list/*/name"], body), r#"{"list":[{"name":"x"},{"name":"y"}]}"#);
    assert_eq!(opened(&["/list/1/id"], body), r#"{"list":[null,{"id":2}]}"#);
    assert_eq!(opened(&["/b"], body), r#"{"b":{"c":2,"d":3}}"#);
    assert_eq!(opened(&["/*/c"], body), r#"{"b":{"c":2}}"#);
}

#[test]
fn names_of_secrets_stay_closed_wherever_they_stand() {
    let body = r#"{"access_token":"t","x":{"refreshToken":"r","id_token":"i","ok":1,"deep":[{"client_secret":"c","fine":2}]}}"#;
    assert_eq!(
        opened(&["", "/access_token", "/x", "/*/refreshToken"], body),
        r#"{"x":{"ok":1,"deep":[{"fine":2}]}}"#
    );
}

#[test]
fn what_is_taken_is_not_opened() {
    let mut endpoint = endpoint(&["/data"], None);
    endpoint.takes[0].pointer = "/data/value".into();
    let reading = read(&endpoint, &kind(), answer(200, r#"{"data":{"value":"tok","note":1}}"#), NOW);
    assert_eq!(reading.response.opened.unwrap(), r#"{"data":{"note":1}}"#);
    assert_eq!(reading.token.unwrap().0.expose(), "tok");
}

#[test]
fn a_success_gives_its_secrets_and_a_refusal_gives_none() {
    let body = r#"{"access_token":"acc","refresh_token":"ref"}"#;
    let reading = read(&endpoint(&[], None), &kind(), answer(200, body), NOW);
    assert_eq!(reading.replaces[0].1.expose(), "ref");
    let classes: Vec<_> = reading
        .response
        .taken
        .iter()
        .map(|(name, held)| (name.as_str(), held.class))
        .collect();
    assert_eq!(classes, [("token", Class::Minted), ("next", Class::Stored)]);
    let refused = read(&endpoint(&[], None), &kind(), answer(400, body), NOW);
    assert!(refused.response.taken.is_empty() && refused.token.is_none() && refused.replaces.is_empty());
}

#[test]
fn what_would_break_a_line_is_no_token() {
    for token in [r"acc\nhost=evil.example", r"a b", r"acc\u0000", "jeton-é"] {
        let body = format!(r#"{{"access_token":"{token}","refresh_token":"ref"}}"#);
        let reading = read(&endpoint(&[], None), &kind(), answer(200, &body), NOW);
        assert!(reading.token.is_none(), "{token}");
        assert_eq!(reading.replaces[0].1.expose(), "ref", "and what was rotated is not lost for it");
    }
}

#[test]
fn open_headers_are_joined_and_cookies_stay_closed() {
    let reading = read(&endpoint(&[], None), &kind(), answer(200, "{}"), NOW);
    assert_eq!(reading.response.headers, [("x-note".to_owned(), "a, b".to_owned())]);
}

#[test]
fn ends_are_read_in_every_spelling() {
    let end = |unit, since: Option<&str>, body: &str| {
        let expiry = Expiry {
            pointer: "/e".into(),
            unit,
            since: since.map(Into::into),
        };
        let body = body.replace('}', ",\"access_token\":\"acc\"}");
        read(&endpoint(&[], Some(expiry)), &kind(), answer(200, &body), NOW)
            .token
            .unwrap()
            .1
    };
    assert_eq!(end(ExpiryUnit::Seconds, None, r#"{"e":60}"#), Some(NOW + 60_000));
    assert_eq!(end(ExpiryUnit::Seconds, None, r#"{"e":"60"}"#), Some(NOW + 60_000));
    assert_eq!(end(ExpiryUnit::Seconds, Some("/s"), r#"{"e":60,"s":1000}"#), Some(1_060_000));
    assert_eq!(
        end(ExpiryUnit::Seconds, Some("/s"), r#"{"e":60,"s":1700000900}"#),
        Some(NOW + 60_000),
        "an upstream's clock that is ahead lets nothing live longer"
    );
    assert_eq!(end(ExpiryUnit::EpochSeconds, None, r#"{"e":1700000100}"#), Some(NOW + 100_000));
    assert_eq!(end(ExpiryUnit::Rfc3339, None, r#"{"e":"2023-11-14T22:13:21Z"}"#), Some(NOW + 1_000));
    assert_eq!(end(ExpiryUnit::Rfc3339, None, r#"{"x":1}"#), None);
    assert_eq!(
        end(ExpiryUnit::Rfc3339, None, r#"{"e":"soon"}"#),
        Some(NOW),
        "what does not read has ended"
    );
    assert_eq!(
        end(ExpiryUnit::Seconds, None, r#"{"e":9223372036854775807}"#),
        Some(NOW),
        "nor does what overflows last for ever"
    );
}

#[test]
fn a_form_reads_like_json_and_nonsense_does_not_read() {
    let mut form = answer(200, "access_token=acc&scope=a+b");
    form.headers
        .push(("content-type".into(), "application/x-www-form-urlencoded; charset=utf-8".into()));
    let reading = read(&endpoint(&["/scope"], None), &kind(), form, NOW);
    assert_eq!(reading.response.opened.unwrap(), r#"{"scope":"a b"}"#);
    assert_eq!(reading.token.unwrap().0.expose(), "acc");
    let page = read(&endpoint(&["/scope"], None), &kind(), answer(200, "<html>hunter2</html>"), NOW);
    assert!(page.unreadable && !page.response.opened.unwrap_err().contains("hunter2"));
    let twice = read(&endpoint(&["/a"], None), &kind(), answer(200, r#"{"a":1,"a":2}"#), NOW);
    assert!(twice.response.opened.is_err());
}

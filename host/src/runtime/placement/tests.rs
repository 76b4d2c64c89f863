use super::*;
use crate::manifest::Placement;
use crate::runtime::held::Class;

fn endpoint(places: &[(&str, PlacedAs, &str, &str)]) -> Endpoint {
    Endpoint {
        name: "token".into(),
        method: "POST".into(),
        bases: vec!["https://up.example".into()],
        path: "/t".into(),
        query: vec![],
        places: places
            .iter()
            .map(|(field, form, at, prefix)| Placement {
                field: (*field).into(),
                form: *form,
                at: (*at).into(),
                prefix: (*prefix).into(),
            })
            .collect(),
        opens: vec![],
        open_headers: vec![],
        takes: vec![],
    }
}

fn stored(name: &str, value: &str) -> HostSecret {
    HostSecret::field(name, Secret::new(value.into()), Class::Stored, None)
}

fn send(endpoint: &Endpoint, headers: Vec<(&str, Vec<Piece<'_>>)>, body: Vec<Piece<'_>>) -> Result<Placed, String> {
    let mut next = 0;
    let mut marker = move || {
        next += 1;
        format!("mark{next}x")
    };
    place(
        endpoint,
        &Url::parse("https://up.example/t").unwrap(),
        &Draft { headers, body },
        &mut marker,
    )
}

const FORM: &str = "application/x-www-form-urlencoded";

fn typed(kind: &str) -> Vec<(&'static str, Vec<Piece<'_>>)> {
    vec![("Content-Type", vec![Piece::Text(kind)])]
}

#[test]
fn a_form_value_is_placed_and_encoded() {
    let endpoint = endpoint(&[("refresh-token", PlacedAs::Plain, "form:refresh_token", "")]);
    let secret = stored("refresh-token", "a&b=c d");
    let body = vec![
        Piece::Text("grant_type=refresh_token&refresh_token="),
        Piece::Secret(&secret, Encoding::FormUrlencoded),
    ];
    let placed = send(&endpoint, typed(FORM), body).unwrap_or_else(|reason| panic!("{reason}"));
    assert_eq!(placed.body.expose(), "grant_type=refresh_token&refresh_token=a%26b%3Dc+d");
    assert_eq!(placed.fields, ["refresh-token"]);
}

#[test]
fn a_json_string_is_placed_and_escaped() {
    let endpoint = endpoint(&[("key", PlacedAs::Plain, "json:/a/0/b", "")]);
    let secret = stored("key", "line\n\"quoted\"");
    let body = vec![
        Piece::Text("{\"a\":[{\"b\": "),
        Piece::Secret(&secret, Encoding::JsonString),
        Piece::Text("}], \"n\": 1}"),
    ];
    let placed = send(&endpoint, typed("application/json; charset=utf-8"), body).unwrap_or_else(|reason| panic!("{reason}"));
    assert_eq!(placed.body.expose(), r#"{"a":[{"b":"line\n\"quoted\""}],"n":1}"#);
}

#[test]
fn a_header_takes_the_secret_after_the_exact_prefix() {
    let endpoint = endpoint(&[("token", PlacedAs::Plain, "header:authorization", "Bearer ")]);
    let secret = stored("token", "t0ken");
    let ok = |prefix| {
        send(
            &endpoint,
            vec![("Authorization", vec![Piece::Text(prefix), Piece::Secret(&secret, Encoding::Plain)])],
            vec![],
        )
    };
    assert_eq!(
        ok("Bearer ").unwrap_or_else(|reason| panic!("{reason}")).headers[0].1.expose(),
        "Bearer t0ken"
    );
    for prefix in ["", "bearer ", "Bearer  ", "Basic "] {
        assert!(ok(prefix).is_err(), "{prefix:?}");
    }
    let after = vec![Piece::Text("Bearer "), Piece::Secret(&secret, Encoding::Plain), Piece::Text("x")];
    assert!(send(&endpoint, vec![("authorization", after)], vec![]).is_err());
    let elsewhere = vec![("x-note", vec![Piece::Text("Bearer "), Piece::Secret(&secret, Encoding::Plain)])];
    assert!(send(&endpoint, elsewhere, vec![]).is_err());
    let broken = stored("token", "a\r\nHost: evil");
    assert!(
        send(
            &endpoint,
            vec![(
                "authorization",
                vec![Piece::Text("Bearer "), Piece::Secret(&broken, Encoding::Plain)]
            )],
            vec![]
        )
        .is_err()
    );
}

#[test]
fn every_trick_with_the_body_is_refused() {
    let endpoint = endpoint(&[("key", PlacedAs::Plain, "form:key", ""), ("key", PlacedAs::Plain, "json:/key", "")]);
    let secret = stored("key", "s3cret-value");
    let form = |text: [&'static str; 2], encoding| vec![Piece::Text(text[0]), Piece::Secret(&secret, encoding), Piece::Text(text[1])];
    use Encoding::{FormUrlencoded, JsonString, Plain};
    let cases: Vec<(&str, &str, Vec<Piece<'_>>)> = vec![
        ("another key", FORM, form(["note=", ""], FormUrlencoded)),
        ("part of a value", FORM, form(["key=x", ""], FormUrlencoded)),
        ("text after it", FORM, form(["key=", "x"], FormUrlencoded)),
        ("as a key", FORM, form(["", "=1"], FormUrlencoded)),
        ("a key twice", FORM, form(["key=a&key=", ""], FormUrlencoded)),
        ("an encoded key twice", FORM, form(["k%65y=a&key=", ""], FormUrlencoded)),
        ("another encoding", FORM, form(["key=", ""], Plain)),
        ("another json key", "application/json", form(["{\"note\":", "}"], JsonString)),
        (
            "a json key twice",
            "application/json",
            form(["{\"key\":1,\"key\":", "}"], JsonString),
        ),
        ("as a json key", "application/json", form(["{", ":1}"], JsonString)),
        (
            "inside a json string",
            "application/json",
            form(["{\"key\":\"a", "\"}"], JsonString),
        ),
        ("not json", "application/json", form(["{\"key\":", ""], JsonString)),
        ("plain in json", "application/json", form(["{\"key\":\"", "\"}"], Plain)),
        ("no form, no json", "text/plain", form(["key=", ""], FormUrlencoded)),
    ];
    for (what, kind, body) in cases {
        let refused = send(&endpoint, typed(kind), body).is_err();
        assert!(refused, "{what}");
    }
    assert!(
        send(&endpoint, vec![], form(["key=", ""], FormUrlencoded)).is_err(),
        "no content type"
    );
}

#[test]
fn a_form_of_the_secret_is_approved_on_its_own() {
    let endpoint = endpoint(&[("key", PlacedAs::Signed, "header:authorization", "Bearer ")]);
    let key = stored("key", "-----BEGIN");
    let signed = key.signed(Secret::new("h.c.s".into()));
    let joined = HostSecret::joined(Secret::new("x-----BEGIN".into()), &[&key]);
    let header = |held| vec![("authorization", vec![Piece::Text("Bearer "), Piece::Secret(held, Encoding::Plain)])];
    assert!(send(&endpoint, header(&signed), vec![]).is_ok());
    assert!(send(&endpoint, header(&key), vec![]).is_err());
    assert!(send(&endpoint, header(&joined), vec![]).is_err());
}

#[test]
fn of_a_joined_secret_every_part_must_be_approved() {
    let endpoint = endpoint(&[("id", PlacedAs::Joined, "header:authorization", "Basic ")]);
    let (id, key) = (stored("id", "id"), stored("key", "key"));
    let joined = |parts: &[&HostSecret]| {
        let held = HostSecret::joined(Secret::new("eA==".into()), parts);
        send(
            &endpoint,
            vec![("authorization", vec![Piece::Text("Basic "), Piece::Secret(&held, Encoding::Plain)])],
            vec![],
        )
        .is_ok()
    };
    assert!(joined(&[&id]));
    assert!(!joined(&[&id, &key]));
    assert!(!joined(&[]), "made of text alone");
}

#[test]
fn the_operators_client_stays_at_its_instance() {
    let endpoint = endpoint(&[("client-secret", PlacedAs::Plain, "form:client_secret", "")]);
    let registered_at = |url: &str| {
        let held = HostSecret::field(
            "client-secret",
            Secret::new("s".into()),
            Class::Client,
            Some(Url::parse(url).unwrap()),
        );
        send(
            &endpoint,
            typed(FORM),
            vec![Piece::Text("client_secret="), Piece::Secret(&held, Encoding::FormUrlencoded)],
        )
        .is_ok()
    };
    assert!(registered_at("https://up.example/gitlab"));
    assert!(!registered_at("https://other.example"));
    // `api.github.com` is part of github.com.
    assert!(registered_at("https://example"));
    for other in [
        "https://p.example",
        "https://ample",
        "http://example",
        "https://example:8443",
        "https://x.up.example",
        "https://1.2.3.4",
    ] {
        assert!(!registered_at(other), "{other}");
    }
}

#[test]
fn a_body_without_secrets_goes_as_it_is() {
    let placed = send(
        &endpoint(&[]),
        typed("application/json"),
        vec![Piece::Text("{\"a\": 1,  \"a\": 2}")],
    );
    assert_eq!(
        placed.unwrap_or_else(|reason| panic!("{reason}")).body.expose(),
        "{\"a\": 1,  \"a\": 2}"
    );
}

#[test]
fn the_host_writes_its_own_headers() {
    for name in ["Host", "Transfer-Encoding", "Content-Length", "Connection"] {
        assert!(
            send(&endpoint(&[]), vec![(name, vec![Piece::Text("x")])], vec![]).is_err(),
            "{name}"
        );
    }
    let twice = vec![("accept", vec![Piece::Text("a")]), ("Accept", vec![Piece::Text("b")])];
    assert!(send(&endpoint(&[]), twice, vec![]).is_err());
}

use super::*;
use crate::clock::ManualClock;
use crate::config;
use crate::egress::{Egress, SystemResolver};
use crate::identity::CallerKind;
use crate::ids::{ApiKeyId, ProjectId, SessionId, Username};
use crate::records::RecordsError;
use crate::records::model::{ApiKey, StandsFor};
use crate::seal::Keyring;
use crate::seal::jws::BearerKeys;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::Arc;

fn authenticator(development: bool) -> (Authenticator, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let (keyring, _) = Keyring::generate().unwrap();
    let signed = SignedBearers::new(BearerKeys::from_keyring(&keyring).unwrap());
    let shared = Arc::clone(&clock) as SharedClock;
    let egress = Arc::new(Egress::new(&config::Egress::default(), &[], Arc::new(SystemResolver)).unwrap());
    let services = Services::default();
    let issuers = Issuers::new(
        &[],
        [],
        (services.clone(), Workloads::default()),
        &egress,
        Arc::new(Nobody),
        Arc::clone(&shared),
    )
    .unwrap();
    let stored = StoredBearers::new(services.clone(), development);
    (Authenticator::new(stored, signed, issuers, services, shared), clock)
}

/// No issuer is configured here, so nobody is met.
struct Nobody;

impl Register for Nobody {
    fn note<'a>(&'a self, profile: &'a Profile) -> BoxFuture<'a, Result<(), RecordsError>> {
        panic!("{profile:?}")
    }
}

/// Nothing here has to be waited for.
fn authenticate(authenticator: &Authenticator, header: &[u8]) -> Result<Caller, AuthnError> {
    authenticator.authenticate(Some(header)).now_or_never().unwrap()
}

fn header(bearer: &str) -> Vec<u8> {
    format!("Bearer {bearer}").into_bytes()
}

fn key(bearer: &str, stands_for: StandsFor) -> ApiKey {
    ApiKey {
        id: ApiKeyId::parse("k1").unwrap(),
        name: "ci".to_owned(),
        creator: Username::parse("carol").unwrap(),
        stands_for,
        hash: hash_of(bearer),
        created_at_ms: 0,
        expires_at_ms: Some(1_700_000_060_000),
        revoked_at_ms: None,
        scopes: None,
        last_used_at_ms: None,
    }
}

#[test]
fn a_key_speaks_for_its_creator_until_it_ends_or_is_revoked() {
    let (authenticator, clock) = authenticator(false);
    let bearer = make_bearer(StandsFor::Key);
    let row = key(bearer.expose(), StandsFor::Key);
    authenticator.stored().replace(vec![row.clone()]);
    let caller = authenticate(&authenticator, &header(bearer.expose())).unwrap();
    assert!(matches!(caller.kind(), CallerKind::ApiKey { creator, .. } if creator.as_str() == "carol"));

    authenticator.stored().replace(vec![ApiKey {
        revoked_at_ms: Some(1),
        ..row.clone()
    }]);
    assert_eq!(
        authenticate(&authenticator, &header(bearer.expose())),
        Err(AuthnError::Unauthenticated)
    );
    authenticator.stored().replace(vec![row]);
    clock.advance_ms(60_000);
    assert_eq!(
        authenticate(&authenticator, &header(bearer.expose())),
        Err(AuthnError::Unauthenticated)
    );
}

#[test]
fn a_key_s_scopes_are_its_limit_and_its_last_use_is_kept() {
    let (authenticator, _) = authenticator(false);
    let bearer = make_bearer(StandsFor::Key);
    let row = ApiKey {
        scopes: Some(vec!["credential:read".to_owned(), "nonsense".to_owned()]),
        ..key(bearer.expose(), StandsFor::Key)
    };
    authenticator.stored().replace(vec![row.clone()]);
    assert_eq!(authenticator.stored().take_uses(), []);
    let caller = authenticate(&authenticator, &header(bearer.expose())).unwrap();
    assert!(caller.scopes().allow("credential", "read") && !caller.scopes().allow("credential", "fetch_token"));
    // Reading the keys again does not forget it.
    authenticator.stored().replace(vec![row.clone()]);
    assert_eq!(authenticator.stored().take_uses(), [(row.id, 1_700_000_000_000)]);
    assert_eq!(authenticator.stored().take_uses(), []);
}

#[test]
fn a_service_s_key_is_limited_twice() {
    let configured = config::load(
        None,
        "data_dir = '/x'\n[[service]]\nname = 'carol'\npermissions = ['credential:*']",
        false,
    )
    .unwrap();
    let services = Services::new(&configured.services, []);
    let stored = StoredBearers::new(services, false);
    let bearer = make_bearer(StandsFor::Service);
    let row = ApiKey {
        scopes: Some(vec!["credential:read".to_owned(), "session:read".to_owned()]),
        ..key(bearer.expose(), StandsFor::Service)
    };
    let recognise = |stands_for| {
        stored.replace(vec![ApiKey { stands_for, ..row.clone() }]);
        stored.recognise(&hash(bearer.expose()), 1_700_000_000_000)
    };
    let service = recognise(StandsFor::Service).unwrap();
    assert!(service.is_service() && service.scopes().allow("credential", "read"));
    assert!(!service.scopes().allow("credential", "update") && !service.scopes().allow("session", "read"));
    // A person's key in the service's name is nobody's.
    assert_eq!(recognise(StandsFor::Key), Err(Unauthenticated));
}

#[test]
fn people_of_the_development_server_are_nobody_elsewhere() {
    for stands_for in [StandsFor::Person, StandsFor::Service] {
        let bearer = make_bearer(stands_for);
        for (development, known) in [(true, true), (false, false)] {
            let (authenticator, _) = authenticator(development);
            authenticator.stored().replace(vec![key(bearer.expose(), stands_for)]);
            assert_eq!(authenticate(&authenticator, &header(bearer.expose())).is_ok(), known);
        }
    }
}

#[test]
fn a_session_s_bearer_names_project_and_session_and_ends() {
    let (authenticator, clock) = authenticator(false);
    let claims = SessionClaims {
        project: ProjectId::parse("alpha").unwrap(),
        session: SessionId::parse("s1").unwrap(),
        subject: Subject::Session { start: Some(3) },
    };
    let bearer = authenticator.signed().issue(claims, 1_700_000_000_000, 1_700_000_900_000).unwrap();
    for _ in 0..2 {
        let caller = authenticate(&authenticator, &header(bearer.expose())).unwrap();
        let CallerKind::Session { session, project, start } = caller.kind() else {
            panic!("a session")
        };
        assert_eq!((session.as_str(), project.as_str(), *start), ("s1", "alpha", Some(3)));
    }
    clock.advance_ms(900_000);
    assert_eq!(
        authenticate(&authenticator, &header(bearer.expose())),
        Err(AuthnError::Unauthenticated),
        "remembered, yet over"
    );

    let (other, _) = super::tests::authenticator(false);
    assert_eq!(
        authenticate(&other, &header(bearer.expose())),
        Err(AuthnError::Unauthenticated),
        "another server's key"
    );
}

#[test]
fn strange_headers_are_nobody() {
    let (authenticator, _) = authenticator(true);
    for header in [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer a b",
        "Bearer cvk_unknown",
        "cvk_x",
        "Bearer a.b.c",
        "Bearer \u{e9}",
    ] {
        assert_eq!(
            authenticate(&authenticator, header.as_bytes()),
            Err(AuthnError::Unauthenticated),
            "{header}"
        );
    }
    assert_eq!(
        authenticator.authenticate(None).now_or_never(),
        Some(Err(AuthnError::Unauthenticated))
    );
}

//! Tokens signed here with keys made here, checked through the same entrance that requests take. Keys lie in files; what is fetched over
//! http is tested against the real binary.

use super::*;
use crate::authn::hash;
use crate::clock::{Clock, ManualClock};
use crate::config;
use crate::egress::SystemResolver;
use crate::ids::{ProjectId, SessionId};
use crate::records::model::{Phase, Session, Trigger};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::sync::{LazyLock, Mutex};

const ISSUER: &str = "https://sso.example.com/realms/people";
const NOW_MS: Millis = 1_800_000_000_000;
const NOW_S: i64 = NOW_MS / 1000;

/// A key of the issuer's, and what signs with it.
enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// For tests alone (`seal/jws/testdata`).
static RSA: LazyLock<Signer> = LazyLock::new(|| {
    let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(include_bytes!("../../seal/jws/testdata/throwaway-pkcs8.pem")).unwrap()
    else {
        panic!("PKCS#8")
    };
    Signer::Rsa(RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap())
});

fn ec(algorithm: &'static signature::EcdsaSigningAlgorithm) -> Signer {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    Signer::Ec(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
}

static P256: LazyLock<Signer> = LazyLock::new(|| ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING));
static P384: LazyLock<Signer> = LazyLock::new(|| ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING));
static ED: LazyLock<Signer> = LazyLock::new(|| Signer::Ed(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()));

impl Signer {
    fn sign(&self, algorithm: &str, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let encoding: &'static dyn signature::RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signed = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, input, &mut signed).unwrap();
                signed
            }
            Self::Ec(pair) => pair.sign(&random, input).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let public = signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": encode(&public.n), "e": encode(&public.e) })
            }
            Self::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "kid": kid, "crv": curve, "x": encode(x), "y": encode(y) })
            }
            Self::Ed(pair) => json!({ "kty": "OKP", "kid": kid, "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) }),
        }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        self.raw(&header.to_string(), &claims.to_string())
    }

    fn raw(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let algorithm = serde_json::from_str::<Value>(header).map(|header| header["alg"].as_str().unwrap_or("").to_owned());
        let signed = self.sign(&algorithm.unwrap_or_default(), input.as_bytes());
        format!("{input}.{}", encode(&signed))
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn header(kid: &str, algorithm: &str) -> Value {
    json!({ "alg": algorithm, "kid": kid, "typ": "JWT" })
}

fn claims(user: &str) -> Value {
    json!({ "iss": ISSUER, "sub": "u-1", "aud": "claviger", "exp": NOW_S + 300, "iat": NOW_S, "username": user })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[derive(Default)]
struct Met(Mutex<Vec<Profile>>);

impl Register for Met {
    fn note<'a>(&'a self, profile: &'a Profile) -> BoxFuture<'a, Result<(), RecordsError>> {
        self.0.lock().unwrap().push(profile.clone());
        Box::pin(std::future::ready(Ok(())))
    }
}

struct World {
    issuers: Issuers,
    clock: Arc<ManualClock>,
    met: Arc<Met>,
    workloads: Workloads,
    folder: tempfile::TempDir,
}

impl World {
    /// `text` is the configuration's, `FILE` in it the file with `keys`.
    fn of(keys: &[Value], text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        std::fs::write(&file, json!({ "keys": keys }).to_string()).unwrap();
        let text = format!("data_dir = '/x'\n{}", text.replace("FILE", &file.display().to_string()));
        let config = config::load(None, &text, false).unwrap();
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let met = Arc::new(Met::default());
        let egress = Arc::new(Egress::new(&config.egress, &[], Arc::new(SystemResolver)).unwrap());
        let services = Services::new(&config.services, [Username::parse("retired").unwrap()]);
        let register = Arc::clone(&met) as Arc<dyn Register>;
        let workloads = Workloads::default();
        let issuers = Issuers::new(
            &config.issuers,
            ["former:".to_owned()],
            (services, workloads.clone()),
            &egress,
            register,
            Arc::clone(&clock) as SharedClock,
        )
        .unwrap();
        Self {
            issuers,
            clock,
            met,
            workloads,
            folder,
        }
    }

    /// One issuer of people with the RSA key `k1`, all algorithms, and these lines.
    fn people(lines: &str) -> Self {
        let all = "algorithms = ['RS256','RS384','RS512','PS256','PS384','PS512','ES256','ES384','EdDSA']";
        Self::of(
            &[RSA.jwk("k1"), P256.jwk("p256"), P384.jwk("p384"), ED.jwk("ed")],
            &format!("{}{all}\n{lines}", issuer(ISSUER)),
        )
    }

    async fn caller(&self, token: &str) -> Result<Caller, AuthnError> {
        let hash = hash(token);
        match self.issuers.remembered(&hash, self.clock.now_ms()) {
            Some(caller) => Ok(caller),
            None => self.issuers.recognise(token, hash).await,
        }
    }

    /// For tokens that need nobody to be asked.
    fn rejection(&self, token: &str) -> Option<Rejection> {
        self.issuers.0.verify(token).now_or_never().unwrap().unwrap().err()
    }

    fn name(&self, token: &str) -> Result<String, Rejection> {
        let good = self.issuers.0.verify(token).now_or_never().unwrap().unwrap()?;
        Ok(self.issuers.0.resolve(&good.who).unwrap().principal().unwrap().to_string())
    }
}

fn issuer(url: &str) -> String {
    format!("[[issuer]]\nurl = '{url}'\naudiences = ['claviger']\njwks_file = 'FILE'\n")
}

fn good(user: &str) -> String {
    RSA.token(&header("k1", "RS256"), &claims(user))
}

#[test]
fn every_algorithm_with_its_key_and_with_no_other() {
    let world = World::people("");
    let signers: [(&Signer, &str, &[&str]); 4] = [
        (&RSA, "k1", &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
        (&P256, "p256", &["ES256"]),
        (&P384, "p384", &["ES384"]),
        (&ED, "ed", &["EdDSA"]),
    ];
    for (signer, kid, algorithms) in signers {
        for (_, name) in config::Algorithm::ALL {
            let token = signer.token(&header(kid, name), &claims("alice"));
            if algorithms.contains(&name) {
                assert_eq!(world.name(&token), Ok("alice".to_owned()), "{kid} {name}");
            } else {
                assert_eq!(world.rejection(&token), Some(Rejection::WrongKey), "{kid} {name}");
            }
        }
    }
}

#[test]
fn the_algorithm_is_the_issuer_s_choice() {
    let world = World::of(&[RSA.jwk("k1"), ED.jwk("ed")], &issuer(ISSUER));
    assert_eq!(world.rejection(&good("alice")), None);
    let token = ED.token(&header("ed", "EdDSA"), &claims("alice"));
    assert_eq!(world.rejection(&token), Some(Rejection::Algorithm), "not configured");
    let bound = World::of(
        &[with(RSA.jwk("k1"), "alg", json!("RS512"))],
        &format!("{}algorithms = ['RS256', 'RS512']", issuer(ISSUER)),
    );
    assert_eq!(
        bound.rejection(&good("alice")),
        Some(Rejection::WrongKey),
        "the key is for another one"
    );
}

#[test]
fn none_and_hmac_with_the_public_key_are_no_algorithms() {
    let world = World::people("");
    for algorithm in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "rs256", "RS256 ", "ES256K", "ES512",
    ] {
        let input = format!(
            "{}.{}",
            encode(header("k1", algorithm).to_string().as_bytes()),
            encode(claims("alice").to_string().as_bytes())
        );
        for secret in [
            RSA.jwk("k1")["n"].as_str().unwrap().as_bytes(),
            RSA.jwk("k1").to_string().as_bytes(),
            b"",
        ] {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
            let mac = ring::hmac::sign(&key, input.as_bytes());
            for signature in [encode(mac.as_ref()), String::new()] {
                let token = format!("{input}.{signature}");
                assert_eq!(world.rejection(&token), Some(Rejection::Algorithm), "{algorithm:?}");
            }
        }
    }
    // A symmetric key in the set changes nothing.
    let oct = json!({ "kty": "oct", "kid": "k1", "k": "c2VjcmV0", "alg": "HS256" });
    let with_oct = World::of(&[oct, RSA.jwk("k2")], &issuer(ISSUER));
    let token = RSA.token(&header("k2", "RS256"), &claims("alice"));
    assert_eq!(with_oct.rejection(&token), None);
}

#[test]
fn what_cannot_be_read_in_one_way_is_not_read() {
    let world = World::people("");
    let fine = claims("alice").to_string();
    let twice = fine.replacen('{', r#"{"username":"bob","#, 1);
    let cases = [
        (r#"{"alg":"RS256","kid":"k1","alg":"RS256"}"#, fine.as_str(), Rejection::Malformed),
        (r#"{"alg":"RS256","kid":"k1"}"#, twice.as_str(), Rejection::Malformed),
        (r#"{"alg":"RS256","kid":"k1","crit":["exp"]}"#, &fine, Rejection::Critical),
        (r#"{"alg":"RS256","kid":"k1","crit":[]}"#, &fine, Rejection::Critical),
        (r#"{"alg":"RS256","kid":"k1","typ":"logout+jwt"}"#, &fine, Rejection::Type),
        (r#"{"alg":"RS256","kid":"k1","typ":"dpop+jwt"}"#, &fine, Rejection::Type),
        (r#"{"alg":"RS256","kid":7}"#, &fine, Rejection::Malformed),
        (r#"{"alg":["RS256"],"kid":"k1"}"#, &fine, Rejection::Malformed),
        (r#"{"kid":"k1"}"#, &fine, Rejection::Algorithm),
        ("[]", &fine, Rejection::Malformed),
        (r#"{"alg":"RS256","kid":"k1"}"#, "[]", Rejection::Malformed),
    ];
    for (header, claims, rejection) in cases {
        assert_eq!(world.rejection(&RSA.raw(header, claims)), Some(rejection), "{header} {claims}");
    }
    for token in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d.e",
        &format!("{}.", good("alice")),
        &good("alice").replace('.', ".."),
    ] {
        assert_eq!(world.rejection(token), Some(Rejection::Malformed), "{token}");
    }
    assert_eq!(world.rejection(&format!("{}=", good("alice"))), Some(Rejection::Malformed));
    assert_eq!(world.rejection(&"a".repeat(16 * 1024 + 1)), Some(Rejection::TooLong));
}

#[test]
fn a_token_without_a_kid_fits_one_key_or_none() {
    let token = RSA.token(&json!({ "alg": "RS256" }), &claims("alice"));
    assert_eq!(World::of(&[RSA.jwk("k1"), P256.jwk("p")], &issuer(ISSUER)).rejection(&token), None);
    let two = World::of(&[RSA.jwk("k1"), RSA.jwk("k2")], &issuer(ISSUER));
    assert_eq!(two.rejection(&token), Some(Rejection::NoKeyNamed));
}

#[test]
fn keys_that_are_not_for_signatures_are_no_keys() {
    let token = RSA.token(&json!({ "alg": "RS256" }), &claims("alice"));
    for (name, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("d", json!("leaked")),
        ("alg", json!("RSA-OAEP")),
        ("kty", json!("oct")),
        ("n", json!("AQAB")),
        ("kid", json!(7)),
    ] {
        let world = World::of(&[with(RSA.jwk("k1"), name, value)], &issuer(ISSUER));
        assert_eq!(world.rejection(&token), Some(Rejection::WrongKey), "{name}");
    }
    assert_eq!(jwk::read(b"{}"), None);
    assert_eq!(jwk::read(br#"{"keys":{}}"#), None);
    assert_eq!(jwk::read(br#"{"keys":[],"keys":[]}"#), None);
    assert_eq!(jwk::read(json!({ "keys": vec![RSA.jwk("k"); 101] }).to_string().as_bytes()), None);
    assert_eq!(jwk::read(br#"{"keys":[]}"#), Some(vec![]));
}

#[test]
fn time_and_audience() {
    let world = World::people("leeway_s = 60");
    let mut cases = vec![
        (without(claims("a"), "exp"), Some(Rejection::NoEnd)),
        (with(claims("a"), "exp", json!(NOW_S)), Some(Rejection::Expired)),
        (with(claims("a"), "exp", json!(NOW_S + 1)), None),
        (with(claims("a"), "exp", json!(NOW_S as f64 + 0.5)), Some(Rejection::Expired)),
        (with(claims("a"), "exp", json!("soon")), Some(Rejection::Malformed)),
        (with(claims("a"), "exp", json!(1e300)), Some(Rejection::Malformed)),
        (with(claims("a"), "exp", json!(-1)), Some(Rejection::Malformed)),
        (with(claims("a"), "exp", json!(u64::MAX)), Some(Rejection::Malformed)),
        (with(claims("a"), "exp", Value::Null), Some(Rejection::Malformed)),
    ];
    for name in ["nbf", "iat"] {
        cases.push((with(claims("a"), name, json!(NOW_S + 60)), None));
        cases.push((with(claims("a"), name, json!(NOW_S + 61)), Some(Rejection::NotYet)));
        cases.push((without(claims("a"), name), None));
    }
    for (aud, rejection) in [
        (json!("claviger"), None),
        (json!(["account", "claviger"]), None),
        (json!("claviger2"), Some(Rejection::Audience)),
        (json!(["account"]), Some(Rejection::Audience)),
        (json!([]), Some(Rejection::Audience)),
        (json!("*"), Some(Rejection::Audience)),
        (json!({ "claviger": true }), Some(Rejection::Audience)),
        (Value::Null, Some(Rejection::Audience)),
    ] {
        cases.push((with(claims("a"), "aud", aud), rejection));
    }
    cases.push((without(claims("a"), "aud"), Some(Rejection::Audience)));
    for (claims, rejection) in cases {
        assert_eq!(world.rejection(&RSA.token(&header("k1", "RS256"), &claims)), rejection, "{claims}");
    }
    let any = World::of(&[RSA.jwk("k1")], &issuer(ISSUER).replace("['claviger']", "['*']"));
    assert_eq!(
        any.rejection(&RSA.token(&header("k1", "RS256"), &without(claims("a"), "aud"))),
        None
    );
}

#[test]
fn the_issuer_is_compared_to_the_letter() {
    let world = World::people("");
    for iss in [
        json!(format!("{ISSUER}/")),
        json!("https://sso.example.com"),
        json!(ISSUER.to_uppercase()),
        json!([ISSUER]),
        Value::Null,
    ] {
        let token = RSA.token(&header("k1", "RS256"), &with(claims("alice"), "iss", iss));
        assert_eq!(world.rejection(&token), Some(Rejection::Issuer));
    }
}

#[test]
fn the_first_claim_that_is_there_names_the_person() {
    let world = World::people("");
    let named = |claims: Value| world.name(&RSA.token(&header("k1", "RS256"), &claims));
    let both = with(claims("alice"), "preferred_username", json!("al"));
    assert_eq!(named(both.clone()), Ok("alice".to_owned()));
    assert_eq!(named(without(both.clone(), "username")), Ok("al".to_owned()));
    assert_eq!(
        named(without(claims("alice"), "username")),
        Err(Rejection::Nobody),
        "never by `sub` unasked"
    );
    for strange in [
        json!(""),
        json!(" alice"),
        json!("alice\n"),
        json!("al\u{0}ice"),
        json!("a".repeat(256)),
        json!(7),
        Value::Null,
        json!(["alice"]),
    ] {
        assert_eq!(
            named(with(both.clone(), "username", strange.clone())),
            Err(Rejection::Nobody),
            "{strange}"
        );
    }
}

#[test]
fn an_unverified_address_of_mail_names_nobody() {
    let world = World::people("username_claims = ['email']");
    let named = |claims: Value| world.name(&RSA.token(&header("k1", "RS256"), &claims));
    let mail = with(claims("alice"), "email", json!("alice@example.com"));
    assert_eq!(named(mail.clone()), Err(Rejection::UnverifiedMail));
    assert_eq!(
        named(with(mail.clone(), "email_verified", json!(true))),
        Ok("alice@example.com".to_owned())
    );
    for unverified in [json!(false), json!("true"), Value::Null] {
        assert_eq!(
            named(with(mail.clone(), "email_verified", unverified)),
            Err(Rejection::UnverifiedMail)
        );
    }
}

#[test]
fn two_issuers_never_share_a_person() {
    let other = "https://login.partner.example";
    let world = World::of(
        &[RSA.jwk("k1")],
        &format!("{}{}prefix = 'partner:'\n", issuer(ISSUER), issuer(other)),
    );
    let named = |iss: &str, user: &str| world.name(&RSA.token(&header("k1", "RS256"), &with(claims(user), "iss", json!(iss))));
    assert_eq!(named(ISSUER, "alice"), Ok("alice".to_owned()));
    assert_eq!(named(other, "alice"), Ok("partner:alice".to_owned()));
    assert_eq!(named(ISSUER, "partner:alice"), Err(Rejection::ForeignName));
    assert_eq!(named(other, "partner:alice"), Ok("partner:partner:alice".to_owned()));
    assert_eq!(
        named(ISSUER, "former:alice"),
        Err(Rejection::ForeignName),
        "the bindings of an issuer that is gone are still there"
    );
    assert_eq!(named(other, "former:alice"), Ok("partner:former:alice".to_owned()));
    assert_eq!(
        named(other, " alice"),
        Err(Rejection::Nobody),
        "a space does not hide behind the prefix"
    );
    assert_eq!(named(other, ""), Err(Rejection::Nobody));
}

const SERVICE: &str =
    "[[service]]\nname = 'control-plane'\nissuer = 'https://sso.example.com/realms/people'\nsubject = 'svc-7'\npermissions = ['*:*']\n";

#[test]
fn a_service_is_its_issuer_and_subject() {
    let other = "https://login.partner.example";
    let world = World::of(
        &[RSA.jwk("k1")],
        &format!("{}{}prefix = 'partner:'\n{SERVICE}", issuer(ISSUER), issuer(other)),
    );
    let verified = |claims: Value| {
        let token = RSA.token(&header("k1", "RS256"), &claims);
        world
            .issuers
            .0
            .verify(&token)
            .now_or_never()
            .unwrap()
            .unwrap()
            .map(|good| world.issuers.0.resolve(&good.who).unwrap())
    };
    let of = |sub: &str, user: &str| with(claims(user), "sub", json!(sub));
    let service = verified(of("svc-7", "service-account-cp")).unwrap_or_else(|rejection| panic!("{rejection}"));
    assert!(service.is_service());
    assert_eq!(service.principal().unwrap().as_str(), "control-plane");
    assert!(service.scopes().allow("session", "create") && !service.scopes().allow("credential", "fetch_token"));
    assert!(!service.scopes().allow("turn", "open"));
    let person = verified(of("u-1", "svc-7")).unwrap_or_else(|rejection| panic!("{rejection}"));
    assert!(!person.is_service());
    let elsewhere = verified(with(of("svc-7", "x"), "iss", json!(other))).unwrap_or_else(|rejection| panic!("{rejection}"));
    assert!(!elsewhere.is_service(), "the subject is another issuer's");
    assert_eq!(verified(of("u-1", "control-plane")).err(), Some(Rejection::ServiceName));
    assert_eq!(verified(of("u-1", "retired")).err(), Some(Rejection::ServiceName));
    assert!(
        world
            .met
            .0
            .lock()
            .unwrap()
            .iter()
            .all(|met| met.username.as_str() != "control-plane")
    );
}

fn service_account(name: &str) -> Value {
    let cluster =
        json!({ "namespace": "agents", "serviceaccount": { "name": name, "uid": "1" }, "pod": { "name": "runner-0", "uid": "2" } });
    let mut claims = with(claims("root"), "sub", json!(format!("system:serviceaccount:agents:{name}")));
    claims["kubernetes.io"] = cluster;
    claims
}

fn session(id: &str, phase: Phase, account: &str) -> Session {
    Session {
        id: SessionId::parse(id).unwrap(),
        project_id: ProjectId::parse("p").unwrap(),
        agent_id: None,
        name: id.to_owned(),
        created_by: Username::parse("alice").unwrap(),
        trigger: Trigger::Person,
        phase,
        workload: Some(Workload {
            issuer: ISSUER.to_owned(),
            subject: format!("system:serviceaccount:agents:{account}"),
        }),
        starts: 1,
        attended: false,
        joined: false,
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

#[tokio::test]
async fn a_service_account_is_a_running_session_or_a_service_or_nobody() {
    let services = SERVICE.replace("svc-7", "system:serviceaccount:agents:control-plane");
    let world = World::of(&[RSA.jwk("k1")], &format!("{}kind = 'kubernetes'\n{services}", issuer(ISSUER)));
    let token = |claims: &Value| RSA.token(&header("k1", "RS256"), claims);
    let bearer = token(&service_account("session-1"));
    assert_eq!(
        world.caller(&bearer).await,
        Err(AuthnError::Unauthenticated),
        "no session runs as it"
    );
    world.workloads.replace(&[session("s1", Phase::Running, "session-1")]);
    let caller = world.caller(&bearer).await.unwrap();
    assert!(matches!(caller.kind(), CallerKind::Session { session, .. } if session.as_str() == "s1"));
    world.workloads.replace(&[session("s1", Phase::Stopping, "session-1")]);
    assert_eq!(
        world.caller(&bearer).await,
        Err(AuthnError::Unauthenticated),
        "remembered, and over"
    );
    let mut elsewhere = session("s2", Phase::Running, "session-1");
    elsewhere.workload.as_mut().unwrap().issuer = "https://another-cluster".to_owned();
    world.workloads.replace(&[elsewhere]);
    assert_eq!(
        world.caller(&bearer).await,
        Err(AuthnError::Unauthenticated),
        "another cluster's account of that name"
    );
    let service = world.caller(&token(&service_account("control-plane"))).await.unwrap();
    assert!(service.is_service());
    assert!(world.met.0.lock().unwrap().is_empty(), "nobody is a person here");
}

#[test]
fn a_service_account_s_token_does_not_contradict_itself() {
    let world = World::of(&[RSA.jwk("k1")], &format!("{}kind = 'kubernetes'\n", issuer(ISSUER)));
    let rejection = |claims: &Value| world.rejection(&RSA.token(&header("k1", "RS256"), claims));
    assert_eq!(rejection(&service_account("a")), None);
    for (pointer, value) in [
        ("/sub", json!("system:serviceaccount:agents:b")),
        ("/sub", json!("system:serviceaccount:other:a")),
        ("/sub", json!("system:serviceaccount:agents")),
        ("/sub", json!("system:serviceaccount::a")),
        ("/sub", json!("system:node:a")),
        ("/sub", json!("alice")),
        ("/sub", json!("")),
        ("/kubernetes.io", Value::Null),
        ("/kubernetes.io/namespace", json!("other")),
        ("/kubernetes.io/serviceaccount", json!({})),
    ] {
        let mut claims = service_account("a");
        *claims.pointer_mut(pointer).unwrap() = value;
        assert_eq!(rejection(&claims), Some(Rejection::NoServiceAccount), "{claims}");
    }
    assert_eq!(
        rejection(&claims("alice")),
        Some(Rejection::NoServiceAccount),
        "a name makes nobody here"
    );
}

#[tokio::test]
async fn a_remembered_bearer_ends_with_its_token() {
    let world = World::people("");
    let token = good("alice");
    assert!(world.caller(&token).await.is_ok());
    assert!(world.issuers.remembered(&hash(&token), NOW_MS + 299_999).is_some());
    assert!(world.issuers.remembered(&hash(&token), NOW_MS + 300_000).is_none());
    world.clock.advance_ms(300_000);
    assert_eq!(world.caller(&token).await, Err(AuthnError::Unauthenticated));
}

#[tokio::test]
async fn people_are_noted_once_and_again_when_their_issuer_says_something_new() {
    let world = World::people("");
    let token = |name: &str, exp: i64| {
        let said = with(with(claims("alice"), "name", json!(name)), "exp", json!(NOW_S + exp));
        RSA.token(&header("k1", "RS256"), &said)
    };
    for (name, exp) in [("Alice", 300), ("Alice", 301), ("Alice", 300), ("Alice B.", 302)] {
        assert!(world.caller(&token(name, exp)).await.is_ok());
    }
    let met = world.met.0.lock().unwrap();
    assert_eq!(
        met.iter().map(|profile| profile.name.as_deref()).collect::<Vec<_>>(),
        [Some("Alice"), Some("Alice B.")]
    );
}

#[tokio::test]
async fn a_key_that_is_taken_back_ends_its_bearers() {
    let world = World::people("refresh_s = 86400\nkeep_s = 86400");
    let (old, untouched) = (good("alice"), P256.token(&header("p256", "ES256"), &claims("bob")));
    for token in [&old, &untouched] {
        assert!(world.caller(token).await.is_ok());
    }
    let keeper = tokio::spawn(world.issuers.clone().keep());
    std::fs::write(
        world.folder.path().join("keys.json"),
        json!({ "keys": [P256.jwk("p256"), RSA.jwk("k2")] }).to_string(),
    )
    .unwrap();
    let renewed = RSA.token(&header("k2", "RS256"), &claims("alice"));
    assert!(world.caller(&renewed).await.is_ok(), "an unknown key is looked for");
    assert_eq!(world.issuers.remembered(&hash(&old), NOW_MS), None);
    assert_eq!(world.caller(&old).await, Err(AuthnError::Unauthenticated));
    assert!(world.caller(&untouched).await.is_ok(), "verified again");
    keeper.abort();
}

#[test]
fn keys_are_not_believed_for_ever() {
    let world = World::people("refresh_s = 60\nkeep_s = 600");
    let token = RSA.token(&header("k1", "RS256"), &with(claims("alice"), "exp", json!(NOW_S + 7200)));
    assert!(world.caller(&token).now_or_never().unwrap().is_ok());
    assert!(world.issuers.remembered(&hash(&token), NOW_MS + 600_000).is_some());
    assert!(world.issuers.remembered(&hash(&token), NOW_MS + 600_001).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Whatever is changed, added or taken away: no other text is accepted.
    #[test]
    fn no_mutated_token_is_accepted(at: prop::sample::Index, byte in 0x21_u8..0x7f, how in 0..4) {
        // A changed `kid` is asked for, and whoever asks waits: for that there has to be a clock that runs.
        static RUNTIME: LazyLock<tokio::runtime::Runtime> =
            LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap());
        static WORLD: LazyLock<(World, [String; 3])> = LazyLock::new(|| {
            let tokens = [
                good("alice"),
                P256.token(&header("p256", "ES256"), &claims("alice")),
                ED.token(&header("ed", "EdDSA"), &claims("alice")),
            ];
            (World::people(""), tokens)
        });
        let _entered = RUNTIME.enter();
        let (world, tokens) = &*WORLD;
        for token in tokens {
            let mut bytes = token.clone().into_bytes();
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
            let mutated = String::from_utf8(bytes).unwrap();
            if mutated != *token {
                let outcome = world.issuers.0.verify(&mutated).now_or_never();
                let accepted = matches!(outcome, Some(Ok(Ok(_))));
                prop_assert!(!accepted, "{}", mutated);
            }
        }
    }

    /// Whoever the claims name, the caller is that person behind the right prefix, or nobody.
    #[test]
    fn a_name_is_taken_as_it_is_or_not_at_all(user in ".{0,40}") {
        static WORLD: LazyLock<World> = LazyLock::new(|| World::people(SERVICE));
        match WORLD.name(&RSA.token(&header("k1", "RS256"), &claims(&user))) {
            Ok(name) => {
                prop_assert_eq!(&name, &user);
                prop_assert!(!name.is_empty() && name.trim() == name && name != "control-plane");
            }
            Err(rejection) => prop_assert!(matches!(rejection, Rejection::Nobody | Rejection::ServiceName)),
        }
    }
}

//! The door against live servers on loopback: each is a thread that serves the connections it is told to, then ends.

use super::*;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use zeroize::Zeroizing;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SECRET: &str = "ghs_canary_0123456789";

/// Gives the scripted answers one after another, then the last one again, and counts.
struct Scripted {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    lookups: AtomicUsize,
}

impl Scripted {
    fn new(answers: &[&[IpAddr]]) -> Arc<Self> {
        let answers = answers.iter().rev().map(|answer| answer.to_vec()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers),
            lookups: AtomicUsize::new(0),
        })
    }
}

impl Resolver for Scripted {
    fn lookup<'a>(&'a self, _host: &'a str) -> futures::future::BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop()
        } else {
            answers.last().cloned()
        };
        Box::pin(std::future::ready(Ok(answer.unwrap())))
    }
}

/// A server that hands each connection to `serve` and reports what `serve` returns.
struct Server {
    address: SocketAddr,
    seen: Receiver<String>,
    thread: JoinHandle<()>,
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

fn server(tls: bool, connections: usize, serve: impl Fn(&mut dyn Wire) -> String + Send + 'static) -> Server {
    install_crypto();
    let listener = TcpListener::bind((LOOPBACK, 0)).unwrap();
    let (address, (report, seen)) = (listener.local_addr().unwrap(), channel());
    let thread = std::thread::spawn(move || {
        for _ in 0..connections {
            let (stream, _) = listener.accept().unwrap();
            let said = if tls {
                let connection = rustls::ServerConnection::new(Arc::new(server_config())).unwrap();
                serve(&mut rustls::StreamOwned::new(connection, stream))
            } else {
                serve(&mut { stream })
            };
            let _ = report.send(said);
        }
    });
    Server { address, seen, thread }
}

fn server_config() -> rustls::ServerConfig {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("fixtures/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/server-key.pem")).unwrap();
    rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

/// Reads a head and as much of a body as it announces.
fn request(wire: &mut dyn Wire) -> String {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(b"\r\n\r\n") && wire.read(&mut byte).is_ok_and(|count| count == 1) {
        read.push(byte[0]);
    }
    let head = String::from_utf8(read.clone()).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    let _ = wire.read_exact(&mut body);
    format!("{}{}", String::from_utf8(read).unwrap(), String::from_utf8(body).unwrap())
}

fn answering(answer: Vec<u8>) -> impl Fn(&mut dyn Wire) -> String + Send + 'static {
    move |wire| {
        let seen = request(wire);
        let _ = wire.write_all(&answer).and_then(|()| wire.flush());
        seen
    }
}

struct Setting {
    egress: Egress,
    manifest: Manifest,
    root: String,
}

/// An egress with one listed instance at `root`, whose endpoints are `GET /a` and `POST /a`.
fn setting(root: &str, networks: &[&str], trusted: bool, resolver: Arc<dyn Resolver>) -> Setting {
    let mut entry: config::Instance =
        serde_json::from_value(serde_json::json!({ "provider": "gitlab", "url": root, "networks": networks })).unwrap();
    entry.plain_http = root.starts_with("http://");
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/src/egress/fixtures/authority.pem").into();
    let settings = config::Egress {
        ca_files: if trusted { vec![authority] } else { Vec::new() },
    };
    let endpoint = |name: &str, method: &str| serde_json::json!({ "name": name, "method": method, "bases": ["{instance}"], "path": "/a" });
    let manifest = serde_json::from_value(serde_json::json!({
        "manifest": 1, "provider": "gitlab", "version": "0.1.0", "title": "GitLab", "default-kind": "pat", "kinds": [],
        "endpoints": [endpoint("read", "GET"), endpoint("write", "POST")], "consumers": { "session": {} },
    }))
    .unwrap();
    Setting {
        egress: Egress::new(&settings, &[entry], resolver).unwrap(),
        manifest,
        root: root.to_owned(),
    }
}

impl Setting {
    async fn send(&self, method: &str, body: &str, within: Duration) -> Result<Answer, EgressError> {
        let instance = self.egress.instance_for("gitlab", &self.manifest, Some(&self.root))?;
        let approved = approve(&self.manifest.endpoints, &instance, method, &format!("{}/a", self.root))?;
        let value = Zeroizing::new(format!("Bearer {SECRET}").into_bytes());
        let headers = Headers::check([("authorization".to_owned(), value)])?;
        let body = Body::check(Zeroizing::new(body.as_bytes().to_vec()))?;
        self.egress.send(&approved, headers, body, within).await
    }

    async fn get(&self) -> Result<Answer, EgressError> {
        self.send("GET", "", budget::REQUEST).await
    }
}

fn plain(server: &Server) -> Setting {
    setting(&format!("http://{}", server.address), &[], false, Scripted::new(&[&[]]))
}

fn over_tls(server: &Server) -> Setting {
    setting(
        &format!("https://upstream.test:{}", server.address.port()),
        &["127.0.0.0/8"],
        true,
        Scripted::new(&[&[LOOPBACK]]),
    )
}

fn failed(outcome: Result<Answer, EgressError>) -> EgressError {
    let error = outcome.err().expect("no answer was possible");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    error
}

#[tokio::test]
async fn a_request_arrives_as_it_was_approved() {
    let server = server(
        true,
        1,
        answering(b"HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 5\r\n\r\nhello".to_vec()),
    );
    let setting = over_tls(&server);
    let answer = setting.send("POST", "grant=1", budget::REQUEST).await.unwrap();
    assert_eq!(
        (answer.status(), answer.body(), answer.header("x-a").as_deref()),
        (201, b"hello".as_slice(), Some("1, 2"))
    );
    let seen = server.seen.recv().unwrap();
    assert!(
        seen.starts_with("POST /a HTTP/1.1\r\n") && seen.ends_with("\r\n\r\ngrant=1"),
        "{seen}"
    );
    let lines: std::collections::BTreeSet<String> = seen
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(str::to_lowercase)
        .collect();
    let expected = [
        format!("authorization: bearer {SECRET}").to_lowercase(),
        "accept: */*".to_owned(),
        "accept-encoding: identity".to_owned(),
        "content-length: 7".to_owned(),
        format!("host: upstream.test:{}", server.address.port()),
        format!("user-agent: claviger/{}", env!("CARGO_PKG_VERSION")),
    ];
    assert_eq!(lines, expected.into_iter().collect());
}

#[tokio::test]
async fn a_post_without_a_body_has_a_length() {
    let server = server(false, 1, answering(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()));
    assert_eq!(plain(&server).send("POST", "", budget::REQUEST).await.unwrap().status(), 204);
    assert!(server.seen.recv().unwrap().to_lowercase().contains("content-length: 0\r\n"));
}

#[tokio::test]
async fn a_get_with_a_body_is_refused() {
    let server = server(false, 0, |_| String::new());
    let error = failed(plain(&server).send("GET", "x", budget::REQUEST).await);
    assert!(matches!(error, EgressError::Denied(Denied::Body { .. })), "{error}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let elsewhere = TcpListener::bind((LOOPBACK, 0)).unwrap();
    let location = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/a\r\nContent-Length: 0\r\n\r\n",
        elsewhere.local_addr().unwrap()
    );
    let server = server(false, 1, answering(location.into_bytes()));
    let answer = plain(&server).get().await.unwrap();
    assert_eq!(answer.status(), 302);
    elsewhere.set_nonblocking(true).unwrap();
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn the_first_look_up_is_the_only_one_and_one_bad_answer_refuses_all() {
    let public: IpAddr = "140.82.121.6".parse().unwrap();
    for answers in [
        [public, LOOPBACK],
        [LOOPBACK, public],
        [public, "::ffff:127.0.0.1".parse().unwrap()],
    ] {
        let resolver = Scripted::new(&[&answers]);
        let setting = setting("https://upstream.test", &[], true, resolver.clone());
        let error = failed(setting.get().await);
        assert!(matches!(&error, EgressError::Denied(Denied::Address { .. })), "{error}");
        assert_eq!((error.reached(), resolver.lookups.load(Ordering::SeqCst)), (Reached::NotSent, 1));
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_dialled_where_it_was_checked() {
    // The first answer is a listed address, every later one another: only the first may be dialled.
    let server = server(true, 1, answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()));
    let resolver = Scripted::new(&[&[LOOPBACK], &["127.0.0.2".parse().unwrap()]]);
    let root = format!("https://upstream.test:{}", server.address.port());
    let setting = setting(&root, &["127.0.0.1/32"], true, resolver.clone());
    assert_eq!(setting.get().await.unwrap().status(), 200);
    assert_eq!(resolver.lookups.load(Ordering::SeqCst), 1);
    assert!(matches!(failed(setting.get().await), EgressError::Denied(Denied::Address { .. })));
}

#[tokio::test]
async fn a_name_without_addresses_is_no_connection() {
    let error = failed(setting("https://upstream.test", &[], true, Scripted::new(&[&[]])).get().await);
    assert_eq!((error.code(), error.reached()), ("connect", Reached::NotSent));
}

#[tokio::test]
async fn a_closed_port_was_not_reached() {
    let address = TcpListener::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap();
    let error = failed(setting(&format!("http://{address}"), &[], false, Scripted::new(&[&[]])).get().await);
    assert_eq!((error.code(), error.reached()), ("connect", Reached::NotSent));
}

#[tokio::test]
async fn an_unknown_authority_and_a_wrong_name_are_not_trusted() {
    for (trusted, name) in [(false, "upstream.test"), (true, "other.test")] {
        let server = server(true, 1, request);
        let root = format!("https://{name}:{}", server.address.port());
        let error = failed(setting(&root, &["127.0.0.0/8"], trusted, Scripted::new(&[&[LOOPBACK]])).get().await);
        assert_eq!((error.code(), error.reached()), ("tls", Reached::NotSent), "{error}");
        assert_eq!(server.seen.recv().unwrap(), "", "not one byte of the request may have left");
    }
}

#[tokio::test]
async fn a_connection_that_ends_after_the_request_is_unanswered_and_not_tried_again() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    let server = server(false, 1, move |wire| {
        count.fetch_add(1, Ordering::SeqCst);
        request(wire)
    });
    let error = failed(plain(&server).send("POST", "refresh_token=x", budget::REQUEST).await);
    assert_eq!((error.code(), error.reached()), ("protocol", Reached::Unanswered));
    assert!(server.seen.recv().unwrap().ends_with("refresh_token=x"));
    server.thread.join().unwrap();
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn half_an_answer_is_unanswered() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"access_token\":",
        "HTTP/1.1 200 OK\r\nContent-",
        "220 smtp ready\r\n\r\n",
    ] {
        let server = server(false, 1, answering(answer.as_bytes().to_vec()));
        let error = failed(plain(&server).get().await);
        assert_eq!((error.code(), error.reached()), ("protocol", Reached::Unanswered), "{answer}");
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow"] {
        let (release, held) = channel::<()>();
        let held = Mutex::new(held);
        let server = server(false, 1, move |wire| {
            let seen = request(wire);
            wire.write_all(begun.as_bytes()).unwrap();
            let _ = held.lock().unwrap().recv();
            seen
        });
        let error = failed(plain(&server).send("GET", "", Duration::from_millis(300)).await);
        assert!(
            matches!(
                error,
                EgressError::Timeout {
                    stage: "answer",
                    reached: Reached::Unanswered,
                    ..
                }
            ),
            "{error}"
        );
        drop(release);
        assert!(server.seen.recv().unwrap().starts_with("GET /a"));
    }
}

#[tokio::test]
async fn a_handshake_that_hangs_was_not_sent() {
    let listener = TcpListener::bind((LOOPBACK, 0)).unwrap();
    let root = format!("https://upstream.test:{}", listener.local_addr().unwrap().port());
    let setting = setting(&root, &["127.0.0.0/8"], true, Scripted::new(&[&[LOOPBACK]]));
    let error = failed(setting.send("GET", "", Duration::from_millis(300)).await);
    assert!(
        matches!(
            error,
            EgressError::Timeout {
                stage: "connect",
                reached: Reached::NotSent,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_resolver_that_hangs_was_not_sent() {
    struct Hanging;
    impl Resolver for Hanging {
        fn lookup<'a>(&'a self, _: &'a str) -> futures::future::BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
            Box::pin(std::future::pending())
        }
    }
    let setting = setting("https://upstream.test", &[], true, Arc::new(Hanging));
    let error = failed(setting.send("GET", "", Duration::from_millis(200)).await);
    assert!(
        matches!(
            error,
            EgressError::Timeout {
                stage: "connect",
                reached: Reached::NotSent,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_has_a_size() {
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", budget::ANSWER_BODY_BYTES + 1).into_bytes();
    let mut unannounced = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..=budget::ANSWER_BODY_BYTES / 0x8000 {
        unannounced.extend_from_slice(b"8000\r\n");
        unannounced.extend_from_slice(&vec![b'x'; 0x8000]);
        unannounced.extend_from_slice(b"\r\n");
    }
    unannounced.extend_from_slice(b"0\r\n\r\n");
    let wide = format!(
        "HTTP/1.1 200 OK\r\nX-Wide: {}\r\nContent-Length: 0\r\n\r\n",
        "x".repeat(budget::ANSWER_HEADER_BYTES)
    )
    .into_bytes();
    for (answer, part) in [(announced, "body"), (unannounced, "body"), (wide, "headers")] {
        let server = server(false, 1, answering(answer));
        let error = failed(plain(&server).get().await);
        assert!(
            matches!(error, EgressError::TooLarge { part: named, .. } if named == part),
            "{error}"
        );
        assert_eq!(error.reached(), Reached::Unanswered);
    }
    let mut exact = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", budget::ANSWER_BODY_BYTES).into_bytes();
    exact.extend_from_slice(&vec![b'x'; budget::ANSWER_BODY_BYTES]);
    let server = server(false, 1, answering(exact));
    assert_eq!(plain(&server).get().await.unwrap().body().len(), budget::ANSWER_BODY_BYTES);
}

#[tokio::test]
async fn too_many_headers_are_no_answer() {
    let many: String = (0..=budget::ANSWER_HEADERS).map(|n| format!("X-{n}: 1\r\n")).collect();
    let server = server(false, 1, answering(format!("HTTP/1.1 200 OK\r\n{many}\r\n").into_bytes()));
    assert_eq!(failed(plain(&server).get().await).code(), "protocol");
}

#[tokio::test]
async fn a_compressed_answer_is_not_unpacked() {
    let server = server(
        false,
        1,
        answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc".to_vec()),
    );
    assert_eq!(failed(plain(&server).get().await).code(), "protocol");
}

#[tokio::test]
async fn no_connection_serves_two_requests() {
    let server = server(false, 2, answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()));
    let setting = plain(&server);
    for _ in 0..2 {
        assert_eq!(setting.get().await.unwrap().body(), b"ok");
    }
    server.thread.join().unwrap();
}

#[tokio::test]
async fn a_file_of_authorities_must_hold_some() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("empty.pem", ""),
        ("text.pem", "hello"),
        ("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = Egress::new(&config::Egress { ca_files: vec![path] }, &[], Arc::new(SystemResolver))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(name) && error.contains("egress.ca_files"), "{error}");
    }
    let missing = config::Egress {
        ca_files: vec![folder.path().join("missing.pem")],
    };
    assert!(Egress::new(&missing, &[], Arc::new(SystemResolver)).is_err());
}

#[tokio::test]
async fn the_systems_resolver_answers_with_loopback_for_localhost_and_is_refused() {
    let setting = setting("https://localhost", &[], true, Arc::new(SystemResolver));
    let error = failed(setting.get().await);
    assert!(matches!(error, EgressError::Denied(Denied::Address { .. })), "{error}");
}

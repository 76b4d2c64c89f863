//! Everything that a provider, or the upstream behind it, can do wrong: each ends in a named fault, the process lives, the next call works.
//!
//! The components are `tests/hostile/guest` (one deed at a time) and the WAT beside it. Addresses that may not be dialled and redirects are `egress`'s own
//! tests.

use crate::fixture::{self, Call, Fake, Journal, Script, hostile_component, json, load, patched, sandbox, secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger::runtime::{Allocation, Approval, IncidentKind, Limits, LoadError, Options, Provider, ProviderFault, Refusal, Sandbox};
use claviger::secret::Secret;
use std::sync::Arc;
use std::time::Duration;

const TOKEN: &str = "stored-token-0123456789";
const KEY: &str = "stored-key-9876543210/+=";
const REFRESH: &str = "refresh-token-abcdef";

async fn hostile() -> Provider {
    load(&sandbox(Limits::default()), &hostile_component(), false).await
}

fn fixed<'a>(deed: &'a str) -> Call<'a> {
    Call::of("fixed", vec![("token", secret(TOKEN))]).narrowed("scope", deed)
}

fn made<'a>(deed: &'a str) -> Call<'a> {
    Call::of("made", vec![("key", secret(KEY)), ("second", secret("second-key-0000"))]).narrowed("scope", deed)
}

fn rotating<'a>(deed: &'a str, journal: &Arc<Journal>) -> Call<'a> {
    Call::of("rotating", vec![("refresh", secret(REFRESH))])
        .narrowed("scope", deed)
        .journalled(journal)
}

fn fault_of<T>(outcome: Result<T, ProviderFault>) -> ProviderFault {
    match outcome {
        Ok(_) => panic!("it succeeded"),
        Err(fault) => fault,
    }
}

/// The next call of the same provider, and what it brings.
async fn the_next_call_works(provider: &Provider) {
    let minted = fixed("well")
        .mint(provider, &Fake::silent())
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(minted.token.expose(), TOKEN);
}

/// Asserts the cause, and that the fault names the provider, its version and its digest and none of the secrets.
fn assert_fault(fault: &ProviderFault, provider: &Provider, code: &str) {
    let text = fault.to_string();
    assert_eq!(fault.cause.code(), code, "{text}");
    assert!(
        text.contains("`hostile` 6.6.6") && text.contains(&provider.digest()[..12]),
        "{text}"
    );
    let all = format!("{text} {fault:?}");
    for value in [TOKEN, KEY, REFRESH] {
        assert!(!all.contains(value), "{all}");
    }
}

#[tokio::test]
async fn what_exhausts_something_is_stopped_by_the_limit_that_it_exhausts() {
    let provider = hostile().await;
    let cases = [
        ("compute:loop", "cpu-exceeded", "250 ms of processor time"),
        ("compute:memory", "memory-exceeded", "bytes of memory"),
        ("compute:recursion", "stack-overflow", "call stack"),
        ("compute:recursion-with-data", "trap", "out of bounds"),
        ("compute:panic", "trap", "these are its last words"),
        ("compute:unreachable", "trap", "unreachable"),
        ("compute:divide", "trap", "nobody divides by zero"),
        ("flood:calls", "host-call-flood", "2000 times"),
        ("flood:log-lines", "log-flood", "100 log lines"),
        ("flood:log-bytes", "log-flood", "32768 bytes"),
        ("flood:handles", "handle-flood", "256 secrets"),
        ("flood:signatures", "host-call-flood", "sign-jwt"),
        ("flood:giant-log", "host-call-data", "1048576 bytes"),
        ("flood:giant-secret", "host-call-data", "65536 bytes"),
        ("flood:many-secrets", "host-call-data", "524288 bytes"),
        ("flood:giant-result", "host-call-data", "1048576 bytes"),
        ("flood:many-fields", "contract", "64 are allowed"),
    ];
    for (deed, code, words) in cases {
        let fault = fault_of(fixed(deed).mint(&provider, &Fake::silent()).await);
        assert_fault(&fault, &provider, code);
        assert!(fault.to_string().contains(words), "{deed}: {fault}");
        the_next_call_works(&provider).await;
    }
}

#[tokio::test]
async fn the_same_limits_hold_without_pooled_memory() {
    let sandbox = Sandbox::new(Options {
        allocation: Allocation::OnDemand,
        ..Options::default()
    })
    .unwrap();
    let provider = load(&sandbox, &hostile_component(), false).await;
    for (deed, code) in [
        ("compute:loop", "cpu-exceeded"),
        ("compute:memory", "memory-exceeded"),
        ("compute:recursion", "stack-overflow"),
    ] {
        assert_fault(&fault_of(fixed(deed).mint(&provider, &Fake::silent()).await), &provider, code);
        the_next_call_works(&provider).await;
    }
}

#[tokio::test]
async fn waiting_costs_no_processor_time_and_a_hanging_upstream_ends_with_the_call() {
    let limits = Limits {
        call: Duration::from_millis(600),
        cpu_ms: 20,
        ..Limits::default()
    };
    let provider = load(&sandbox(limits), &hostile_component(), false).await;
    let fault = fault_of(made("well").mint(&provider, &Fake::new(|_| Script::Hang)).await);
    assert_fault(&fault, &provider, "timed-out");
    assert!(fault.upstream_may_have_acted);
    the_next_call_works(&provider).await;
}

#[tokio::test]
async fn many_loops_at_once_starve_nobody() {
    let provider = Arc::new(hostile().await);
    let loops: Vec<_> = (0..8)
        .map(|_| {
            let provider = Arc::clone(&provider);
            tokio::spawn(async move {
                fixed("compute:loop")
                    .mint(&provider, &Fake::silent())
                    .await
                    .err()
                    .map(|fault| fault.cause.code().to_owned())
            })
        })
        .collect();
    the_next_call_works(&provider).await;
    for task in loops {
        assert_eq!(task.await.unwrap().as_deref(), Some("cpu-exceeded"));
    }
}

#[tokio::test]
async fn requests_outside_the_approved_endpoints_are_not_sent() {
    let provider = hostile().await;
    let cases = [
        "url=https://evil.example/token",
        "url=https://up.example.evil.example/token",
        "url=https://up.example@evil.example/token",
        "url=http://up.example/token",
        "url=https://up.example:8443/token",
        "url=https://up.example/other",
        "url=https://up.example/token/../other",
        "url=https://up.example/token/",
        "url=https://up.example/%74oken",
        "url=https://up.example//token",
        "url=https://up.example/token?key=1",
        "url=https://up.example/token#x",
        "url=https://127.0.0.1/token",
        "url=https://169.254.169.254/token",
        "url=file:///etc/passwd",
        "url=nonsense",
        "method=GET",
        "method=post",
        "method=CONNECT",
        "method=POST / HTTP/1.1",
    ];
    for case in cases {
        let fault = fault_of(made(&format!("send:{case}")).mint(&provider, &Fake::silent()).await);
        assert_fault(&fault, &provider, "egress-denied");
        assert_eq!(
            fault.incidents.iter().map(|incident| incident.kind).collect::<Vec<_>>(),
            [IncidentKind::EgressDenied],
            "{case}"
        );
    }
    the_next_call_works(&provider).await;
}

#[tokio::test]
async fn headers_cannot_be_smuggled() {
    let provider = hostile().await;
    let cases = [
        "Host=evil.example",
        "Transfer-Encoding=chunked",
        "Content-Length=0",
        "Connection=upgrade",
        "x-note=aCRLFHost: evil.example",
        "x-note=aCRLFCRLFGET / HTTP/1.1",
        "x-note=aNULb",
        "x note=a",
        "x-note: a=b",
    ];
    for case in cases {
        let fault = fault_of(made(&format!("send:header={case}")).mint(&provider, &Fake::silent()).await);
        assert_fault(&fault, &provider, "placement-denied");
    }
    the_next_call_works(&provider).await;
}

#[tokio::test]
async fn a_secret_stands_only_where_the_manifest_says() {
    let provider = hostile().await;
    let cases = [
        "secret-header=x-note",
        "secret-header=accept",
        "prefix=",
        "prefix=bearer ",
        "prefix=Token ",
        "form=note",
        "form=key=second",
        "encoding",
        "text-body",
        "joined=second",
    ];
    for case in cases {
        let fault = fault_of(made(&format!("send:{case}")).mint(&provider, &Fake::silent()).await);
        assert_fault(&fault, &provider, "placement-denied");
        assert_eq!(fault.incidents[0].kind, IncidentKind::PlacementDenied, "{case}");
    }
    let upstream = Fake::new(|_| json(200, r#"{"access_token":"made-token-1"}"#));
    for (case, expected) in [
        ("joined=key", format!("Basic {}", STANDARD.encode(format!("user:{KEY}")))),
        ("prefix=Bearer ", format!("Bearer {KEY}")),
    ] {
        fault_of(made(&format!("send:{case}")).mint(&provider, &upstream).await);
        let sent = upstream.sent();
        assert!(
            sent.last().unwrap().headers.contains(&("authorization".to_owned(), expected)),
            "{case}"
        );
    }
    the_next_call_works(&provider).await;
}

#[tokio::test]
async fn reveal_needs_the_grant_and_is_counted() {
    let component = hostile_component();
    let provider = hostile().await;
    let fault = fault_of(made("reveal:key").mint(&provider, &Fake::silent()).await);
    assert_fault(&fault, &provider, "reveal-denied");
    assert_eq!((fault.reveals, fault.incidents[0].kind), (0, IncidentKind::RevealDenied));

    // The grant alone is not enough either: the manifest must ask for it.
    let granted = load(&sandbox(Limits::default()), &component, true).await;
    assert_eq!(
        fault_of(made("reveal:key").mint(&granted, &Fake::silent()).await).cause.code(),
        "reveal-denied"
    );

    let asking = patched("\"reveal\": false", "\"reveal\": true");
    let granted = load(&sandbox(Limits::default()), &asking, true).await;
    for deed in ["send:revealed-in-url", "send:revealed-in-header"] {
        let fault = fault_of(made(deed).mint(&granted, &Fake::silent()).await);
        assert!(matches!(fault.cause.code(), "placement-denied" | "egress-denied"), "{fault}");
        assert_eq!(fault.reveals, 1);
        assert!(!fault.to_string().contains(KEY));
    }
    let fault = fault_of(fixed("reveal:token").mint(&granted, &Fake::silent()).await);
    assert_fault(&fault, &granted, "leak-prevented");
    assert_eq!(fault.reveals, 1);
}

#[tokio::test]
async fn only_a_token_leaves_as_the_token() {
    let provider = hostile().await;
    for (deed, words) in [("return:key", "a stored secret"), ("send:launder", "a stored secret")] {
        let fault = fault_of(made(deed).mint(&provider, &Fake::silent()).await);
        assert_fault(&fault, &provider, "leak-prevented");
        assert!(fault.to_string().contains(words), "{fault}");
    }
    let journal = Arc::new(Journal::default());
    let upstream = Fake::new(|_| json(200, r#"{"access_token":"made-token-1","refresh_token":"next-refresh-1"}"#));
    let fault = fault_of(rotating("send:return-next", &journal).mint(&provider, &upstream).await);
    assert_fault(&fault, &provider, "leak-prevented");
    assert!(!fault.to_string().contains("next-refresh-1"));
    let client = claviger::runtime::Input::Operator {
        value: Secret::new("operators-own-secret".into()),
        instance: url::Url::parse("https://elsewhere.example").unwrap(),
    };
    let fields = || vec![("key", secret(KEY))];
    let mut with_client = fields();
    with_client.push(("client-secret", client));
    let call = Call::of("made", with_client).narrowed("scope", "send:form=client_secret=client-secret");
    let fault = fault_of(call.mint(&provider, &Fake::silent()).await);
    assert_fault(&fault, &provider, "placement-denied");
    assert!(fault.to_string().contains("https://elsewhere.example"), "{fault}");
    the_next_call_works(&provider).await;
}

#[tokio::test]
async fn an_echoed_secret_reaches_nobody() {
    let provider = hostile().await;
    let encode = |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let echoes = [
        KEY.to_owned(),
        STANDARD.encode(KEY),
        STANDARD.encode(format!("x{KEY}y")),
        encode(KEY),
        hex::encode(KEY),
        KEY.replace('/', "\\/"),
        format!("you sent \"{KEY}\", which is wrong"),
        "made-token-1 is your token".to_owned(),
    ];
    for echo in echoes {
        let note = echo.clone();
        let in_body = Fake::new(move |_| json(200, serde_json::json!({"access_token": "made-token-1", "note": note}).to_string()));
        let note = echo.clone();
        let deep = Fake::new(move |_| {
            json(
                200,
                serde_json::json!({"access_token": "made-token-1", "deep": [{"name": "a"}, {"name": note}]}).to_string(),
            )
        });
        let note = echo.clone();
        let in_header =
            Fake::new(move |_| Script::Answer(200, vec![("x-note", note.clone())], r#"{"access_token":"made-token-1"}"#.into()));
        for upstream in [in_body, deep, in_header] {
            let fault = fault_of(made("send:tell").mint(&provider, &upstream).await);
            assert_fault(&fault, &provider, "echoed-secret");
            assert_eq!(fault.incidents[0].kind, IncidentKind::EchoedSecret);
            assert!(!fault.to_string().contains("made-token-1"), "{fault}");
        }
    }
    // What is not open may say what it wants: nobody reads it.
    let closed = Fake::new(|_| {
        json(
            200,
            serde_json::json!({"access_token": "made-token-1", "debug": KEY, "note": "fine"}).to_string(),
        )
    });
    let minted = made("send:tell")
        .mint(&provider, &closed)
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(minted.token.expose(), "made-token-1");
    assert_eq!(minted.fields["seen"], r#"200 {"note":"fine"} None"#);
}

#[tokio::test]
async fn answers_are_bounded_closed_and_given_once() {
    let provider = hostile().await;
    let giant = Fake::new(|_| {
        json(
            200,
            format!(r#"{{"access_token":"made-token-1","note":"{}"}}"#, "x".repeat(5 * 1024 * 1024)),
        )
    });
    assert_fault(&fault_of(made("send:tell").mint(&provider, &giant).await), &provider, "too-large");

    let oversized = Fake::new(|_| {
        Script::Refuse(Refusal {
            code: "too-large",
            message: "the body has more than 1048576 bytes".into(),
            may_have_acted: true,
        })
    });
    let fault = fault_of(made("send:tell").mint(&provider, &oversized).await);
    assert_fault(&fault, &provider, "too-large");
    assert!(fault.upstream_may_have_acted);

    for nonsense in [
        "<html>",
        r#"{"note":1,"note":2}"#,
        "{\"note\":",
        &format!("{}1{}", "[".repeat(500), "]".repeat(500)),
    ] {
        let body = nonsense.to_owned();
        let upstream = Fake::new(move |_| json(200, body.clone()));
        assert_fault(&fault_of(made("send:tell").mint(&provider, &upstream).await), &provider, "protocol");
    }
    let large = Fake::new(|_| {
        json(
            200,
            format!(r#"{{"access_token":"made-token-1","note":"{}"}}"#, "x".repeat(900_000)),
        )
    });
    let fault = fault_of(made("send:hoard-answers").mint(&provider, &large).await);
    assert_fault(&fault, &provider, "memory-exceeded");
    the_next_call_works(&provider).await;

    let good = Fake::new(|_| json(200, r#"{"access_token":"made-token-1","expires_in":60}"#));
    let minted = made("send:take-twice")
        .mint(&provider, &good)
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(
        (minted.token.expose(), minted.expires_at_ms),
        ("made-token-1", Some(fixture::NOW + 60_000))
    );
    let minted = made("send:later")
        .mint(&provider, &good)
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(
        minted.expires_at_ms,
        Some(fixture::NOW + 60_000),
        "a provider cannot make a token last longer"
    );

    let fault = fault_of(made("send:often").mint(&provider, &good).await);
    assert_fault(&fault, &provider, "host-call-flood");
    assert!(fault.to_string().contains("upstream.send"), "{fault}");
    the_next_call_works(&provider).await;
}

#[tokio::test]
async fn failures_are_told_without_secrets() {
    let provider = hostile().await;
    let fault = fault_of(fixed("fail:it is \r\n\u{1b}[2Jso").mint(&provider, &Fake::silent()).await);
    assert_eq!(fault.cause.code(), "hostile");
    assert!(!fault.to_string().contains(['\r', '\n', '\u{1b}']), "{fault:?}");
    // The guest happens to know the value: the host finds it all the same.
    let fault = fault_of(fixed(&format!("fail:the token is {TOKEN}!")).mint(&provider, &Fake::silent()).await);
    assert_fault(&fault, &provider, "hostile");
    assert!(fault.to_string().contains("the token is [secret]!"), "{fault}");
    assert_eq!(fault.incidents[0].kind, IncidentKind::EchoedSecret);
    let fault = fault_of(
        fixed(&format!("fail:{}", STANDARD.encode(TOKEN)))
            .mint(&provider, &Fake::silent())
            .await,
    );
    assert!(fault.to_string().contains("[removed: it held a secret]"), "{fault}");
}

#[tokio::test]
async fn a_rotation_is_durable_before_the_guest_sees_it() {
    let provider = hostile().await;
    let rotates = || {
        Fake::new(|_| {
            json(
                200,
                r#"{"access_token":"made-token-2","refresh_token":"next-refresh-2","expires_in":"60"}"#,
            )
        })
    };
    let stored = format!(
        "rotated refresh=next-refresh-2 token=made-token-2 expires=Some({})",
        fixture::NOW + 60_000
    );

    let journal = Arc::new(Journal::default());
    let minted = rotating("well", &journal)
        .mint(&provider, &rotates())
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(minted.token.expose(), "made-token-2");
    assert_eq!(journal.lines(), ["intend", stored.as_str()]);

    for (deed, code) in [
        ("send:rotate-and-trap", "trap"),
        ("send:rotate-and-loop", "cpu-exceeded"),
        ("send:rotate-twice", "placement-denied"),
    ] {
        let (journal, upstream) = (Arc::new(Journal::default()), rotates());
        let fault = fault_of(rotating(deed, &journal).mint(&provider, &upstream).await);
        assert_fault(&fault, &provider, code);
        assert_eq!(journal.lines(), ["intend", stored.as_str()], "{deed}");
        assert_eq!(upstream.sent().len(), 1, "{deed}");
    }
    the_next_call_works(&provider).await;
}

#[tokio::test]
async fn every_end_of_a_rotation_is_recorded() {
    let provider = hostile().await;
    let refusal = |code, may_have_acted| Refusal {
        code,
        message: "no".into(),
        may_have_acted,
    };
    type Case = (&'static str, Arc<Fake>, &'static [&'static str], bool);
    let cases: Vec<Case> = vec![
        (
            "connect",
            Fake::new(move |_| Script::Refuse(refusal("connect", false))),
            &["intend", "not sent"],
            false,
        ),
        (
            "timeout",
            Fake::new(move |_| Script::Refuse(refusal("timeout", true))),
            &["intend", "unanswered"],
            true,
        ),
        (
            "hostile",
            Fake::new(|_| json(400, r#"{"error":"invalid_grant"}"#)),
            &["intend", "refused 400"],
            false,
        ),
        ("hostile", Fake::new(|_| json(200, "<html>")), &["intend", "unanswered"], true),
    ];
    for (code, upstream, lines, acted) in cases {
        let journal = Arc::new(Journal::default());
        let fault = fault_of(rotating("well", &journal).mint(&provider, &upstream).await);
        assert_fault(&fault, &provider, code);
        assert_eq!(journal.lines(), lines);
        assert_eq!(fault.upstream_may_have_acted, acted, "{lines:?}");
    }

    let refuses_intent = Arc::new(Journal {
        refuse_intent: true,
        ..Journal::default()
    });
    let fault = fault_of(rotating("well", &refuses_intent).mint(&provider, &Fake::silent()).await);
    assert_fault(&fault, &provider, "storage");
    assert_eq!(refuses_intent.lines(), ["intend"]);

    let refuses_storing = Arc::new(Journal {
        refuse_storing: true,
        ..Journal::default()
    });
    let upstream = Fake::new(|_| json(200, r#"{"access_token":"made-token-2","refresh_token":"next-refresh-2"}"#));
    let fault = fault_of(rotating("well", &refuses_storing).mint(&provider, &upstream).await);
    assert_fault(&fault, &provider, "storage");
    assert_eq!(fault.incidents[0].kind, IncidentKind::RotationNotStored);

    let call = Call::of("rotating", vec![("refresh", secret(REFRESH))]).narrowed("scope", "well");
    assert_fault(&fault_of(call.mint(&provider, &Fake::silent()).await), &provider, "storage");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_given_up_still_stores_what_was_rotated() {
    let provider = Arc::new(hostile().await);
    let journal = Arc::new(Journal::default());
    let (reached, reached_now) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Fake::new(move |_| {
        reached.send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
        json(200, r#"{"access_token":"made-token-3","refresh_token":"next-refresh-3"}"#)
    });
    let call = {
        let (provider, journal) = (Arc::clone(&provider), Arc::clone(&journal));
        tokio::spawn(async move { rotating("well", &journal).mint(&provider, &upstream).await.is_ok() })
    };
    tokio::task::spawn_blocking(move || reached_now.recv().unwrap()).await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), journal.stored.notified())
        .await
        .unwrap();
    assert_eq!(
        journal.lines(),
        ["intend", "rotated refresh=next-refresh-3 token=made-token-3 expires=None"]
    );
}

#[tokio::test]
async fn what_is_no_provider_is_not_loaded() {
    let sandbox = sandbox(Limits::default());
    let refused = |text: &'static str| {
        let sandbox = Arc::clone(&sandbox);
        async move { sandbox.inspect(&wat::parse_str(text).unwrap()).await.err().unwrap() }
    };
    let error = refused(include_str!("../../../tests/hostile/files.wat")).await;
    assert!(
        matches!(&error, LoadError::UnknownImport { import, .. } if import == "wasi:filesystem/preopens@0.2.0"),
        "{error}"
    );
    let error = refused(include_str!("../../../tests/hostile/sockets.wat")).await;
    assert!(error.to_string().contains("wasi:sockets/tcp@0.2.0"), "{error}");
    let error = refused(include_str!("../../../tests/hostile/nothing.wat")).await;
    assert!(
        error.to_string().contains("does not export `claviger:provider/provider@0.1.0`"),
        "{error}"
    );
    let error = refused(include_str!("../../../tests/hostile/newer.wat")).await;
    assert!(error.to_string().contains("it imports `claviger:provider/clock@0.2.0`"), "{error}");
    let error = refused("(module)").await;
    assert!(matches!(error, LoadError::NotAComponent(_)), "{error}");
    let error = sandbox.inspect(b"\0asm nonsense").await.err().unwrap();
    assert!(matches!(error, LoadError::NotAComponent(_)), "{error}");
    let error = refused(include_str!("../../../tests/hostile/memory64.wat")).await;
    assert!(matches!(error, LoadError::NotAComponent(_)), "{error}");
}

#[tokio::test]
async fn a_manifest_that_changes_its_mind_is_refused() {
    let sandbox = sandbox(Limits::default());
    let inspect = |mode: &'static str| {
        let sandbox = Arc::clone(&sandbox);
        async move {
            sandbox
                .inspect(&patched("MODE:honest", mode))
                .await
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        }
    };
    let lies = [
        ("MODE:fickle", "differently each time"),
        ("MODE:cheats", "`refresh_token` is the name of a secret"),
        ("MODE:looped", "processor time"),
        ("MODE:giants", "passed more than"),
    ];
    for (mode, words) in lies {
        let error = inspect(mode).await;
        assert!(error.contains(words), "{mode}: {error}");
    }
    assert_eq!(
        inspect("MODE:sender").await,
        "",
        "it could not send, and described itself as approved"
    );

    let approved = sandbox
        .inspect(&hostile_component())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let approval = Approval {
        manifest: approved.manifest,
        reveal: false,
        limits: Default::default(),
    };
    let greedy = patched("MODE:honest", "MODE:greedy");
    let digest = claviger::runtime::digest(&greedy);
    let error = sandbox.load(&greedy, &digest, &approval).await.err().unwrap();
    assert!(
        matches!(&error, LoadError::ManifestChanged(what) if what.contains("/everything")),
        "{error}"
    );
    let error = sandbox.load(&greedy, &approved.digest, &approval).await.err().unwrap();
    assert!(
        matches!(&error, LoadError::Changed { expected, actual } if *expected == approved.digest && *actual == digest),
        "{error}"
    );
}

//! The providers that come with this program, as components in the sandbox, and the catalog that holds them.

use crate::fixture::{self, Call, Fake, Journal, NOW, built_in, hostile_component, json, load, sandbox, secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claviger::clock::ManualClock;
use claviger::runtime::{
    Approved, Cache, Catalog, CatalogError, CredentialInput, CurrentToken, Folder, Granted, Input, Limits, LoadError, Options, Provider,
    Sandbox, is_built_in,
};
use claviger::secret::Secret;
use std::path::Path;
use std::sync::Arc;

const KEY: &str = include_str!("../../src/seal/jws/testdata/throwaway-pkcs8.pem");

fn text(value: &str) -> Input {
    Input::Text(value.to_owned())
}

async fn provider(name: &str) -> Provider {
    load(&sandbox(Limits::default()), built_in(name), false).await
}

/// The claims of a JWT.
fn claims(jwt: &str) -> serde_json::Value {
    let parts: Vec<&str> = jwt.split('.').collect();
    assert_eq!(parts.len(), 3, "{jwt}");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap()
}

#[tokio::test]
async fn a_stored_token_is_the_token() {
    for (name, kind, url) in [
        ("github", "personal-access-token", None),
        ("gitlab", "personal-access-token", Some("https://gitlab.example/root")),
        ("jira", "api-token", Some("https://acme.atlassian.net")),
        ("static", "static", Some("https://cluster.example:6443")),
    ] {
        let mut fields = vec![("token", secret("pat-0123456789abcdef"))];
        if name == "jira" {
            fields.push(("email", text("ann@example.org")));
        }
        let mut call = Call::of(kind, fields);
        if let Some(url) = url {
            call = call.at(url);
        }
        let minted = call
            .mint(&provider(name).await, &Fake::silent())
            .await
            .unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(minted.token.expose(), "pat-0123456789abcdef", "{name}");
        assert_eq!((minted.expires_at_ms, minted.notes), (None, Default::default()), "{name}");
    }
}

#[tokio::test]
async fn a_github_app_signs_asks_and_gets_an_installation_token() {
    let github = provider("github").await;
    let fields = || {
        vec![
            ("app-id", text("12345")),
            ("private-key", secret(KEY)),
            ("installation-id", text("678")),
        ]
    };
    let upstream = Fake::new(|_| {
        json(
            201,
            r#"{"token":"ghs_APPID_abc.def-ghi","expires_at":"2023-11-14T23:13:20Z","permissions":{}}"#,
        )
    });
    let call = Call::of("app-installation", fields())
        .narrowed("repository", "claviger")
        .narrowed("permission", "contents:read");
    let minted = call.mint(&github, &upstream).await.unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(
        (minted.token.expose(), minted.expires_at_ms),
        ("ghs_APPID_abc.def-ghi", Some(NOW + 3_600_000))
    );

    let [sent] = upstream.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str()),
        ("POST", "https://api.github.com/app/installations/678/access_tokens")
    );
    let (_, bearer) = sent.headers.iter().find(|(name, _)| name == "authorization").unwrap();
    assert_eq!(claims(bearer.strip_prefix("Bearer ").unwrap())["iss"], "12345");
    assert_eq!(sent.body, r#"{"repositories":["claviger"],"permissions":{"contents":"read"}}"#);

    let gone = Fake::new(|_| json(404, r#"{"message":"Not Found"}"#));
    let fault = Call::of("app-installation", fields()).mint(&github, &gone).await.err().unwrap();
    assert!(!fault.to_string().contains("PRIVATE KEY"), "{fault}");
    let broken = vec![
        ("app-id", text("1")),
        ("private-key", secret("no key at all")),
        ("installation-id", text("2")),
    ];
    let fault = Call::of("app-installation", broken)
        .mint(&github, &Fake::silent())
        .await
        .err()
        .unwrap();
    assert!(
        fault.to_string().contains("PEM") && !fault.to_string().contains("no key at all"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_github_token_is_ended_at_the_upstream() {
    let github = provider("github").await;
    let upstream = Fake::new(|_| json(204, ""));
    let fields = [
        ("app-id", text("12345")),
        ("private-key", secret(KEY)),
        ("installation-id", text("678")),
    ];
    let credential = CredentialInput {
        kind: "app-installation".into(),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        url: None,
        current: Some(CurrentToken {
            token: Secret::new("ghs_old".into()),
            expires_at_ms: None,
        }),
    };
    let context = claviger::runtime::CallContext {
        provider: "github".into(),
        door: Arc::new(fixture::FakeDoor(Arc::clone(&upstream))),
        clock: fixture::clock(),
        rotation: None,
    };
    github.revoke(credential, context).await.unwrap_or_else(|fault| panic!("{fault}"));
    let [sent] = upstream.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str()),
        ("DELETE", "https://api.github.com/installation/token")
    );
    assert!(sent.headers.contains(&("authorization".to_owned(), "Bearer ghs_old".to_owned())));
}

#[tokio::test]
async fn gitlab_rotates_and_the_new_refresh_token_is_stored_first() {
    let gitlab = provider("gitlab").await;
    let journal = Arc::new(Journal::default());
    let upstream = Fake::new(|_| {
        json(
            200,
            r#"{"access_token":"acc-2222","refresh_token":"ref-2222","expires_in":7200,"created_at":1700000000,"token_type":"Bearer"}"#,
        )
    });
    let fields = vec![
        ("refresh-token", secret("ref-1111")),
        ("client-id", text("cid")),
        ("client-secret", secret("csecret-1")),
    ];
    let minted = Call::of("oauth", fields)
        .journalled(&journal)
        .mint(&gitlab, &upstream)
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((minted.token.expose(), minted.expires_at_ms), ("acc-2222", Some(NOW + 7_200_000)));
    assert_eq!(
        journal.lines(),
        [
            "intend".to_owned(),
            format!("rotated refresh-token=ref-2222 token=acc-2222 expires=Some({})", NOW + 7_200_000)
        ]
    );
    let [sent] = upstream.sent().try_into().unwrap();
    assert_eq!(sent.url, "https://gitlab.com/oauth/token");
    let form: Vec<(String, String)> = form_urlencoded::parse(sent.body.as_bytes()).into_owned().collect();
    assert!(
        form.contains(&("refresh_token".into(), "ref-1111".into())) && form.contains(&("client_secret".into(), "csecret-1".into())),
        "{form:?}"
    );

    let journal = Arc::new(Journal::default());
    let dead = Fake::new(|_| json(400, r#"{"error":"invalid_grant","error_description":"revoked"}"#));
    let fields = vec![("refresh-token", secret("ref-1111")), ("client-id", text("cid"))];
    let fault = Call::of("oauth", fields)
        .journalled(&journal)
        .mint(&gitlab, &dead)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (fault.cause.code(), journal.lines()),
        ("reauth-required", vec!["intend".to_owned(), "refused 400".to_owned()])
    );
}

#[tokio::test]
async fn google_exchanges_a_signed_assertion() {
    let google = provider("google").await;
    let upstream = Fake::new(|_| json(200, r#"{"access_token":"ya29.abc","expires_in":3599,"token_type":"Bearer"}"#));
    let fields = vec![
        ("private-key", secret(KEY)),
        ("client-email", text("robot@project.iam.gserviceaccount.com")),
        ("subject", text("ann@example.org")),
        ("scopes", text("https://www.googleapis.com/auth/drive.readonly")),
    ];
    let minted = Call::of("service-account", fields)
        .mint(&google, &upstream)
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((minted.token.expose(), minted.expires_at_ms), ("ya29.abc", Some(NOW + 3_599_000)));
    let [sent] = upstream.sent().try_into().unwrap();
    let form: Vec<(String, String)> = form_urlencoded::parse(sent.body.as_bytes()).into_owned().collect();
    let (_, assertion) = form.iter().find(|(key, _)| key == "assertion").unwrap();
    let claims = claims(assertion);
    assert_eq!(
        (claims["iss"].as_str(), claims["sub"].as_str()),
        (Some("robot@project.iam.gserviceaccount.com"), Some("ann@example.org"))
    );
}

#[tokio::test]
async fn a_credential_that_does_not_fit_is_refused_before_the_guest_runs() {
    let github = provider("github").await;
    let cases = [
        (Call::of("no-such-kind", vec![]), "no kind `no-such-kind`"),
        (Call::of("personal-access-token", vec![]), "`token` is missing"),
        (
            Call::of("personal-access-token", vec![("token", secret("t")), ("other", text("x"))]),
            "no field `other`",
        ),
    ];
    for (call, words) in cases {
        let fault = call.mint(&github, &Fake::silent()).await.err().unwrap();
        assert_eq!(fault.cause.code(), "credential");
        assert!(fault.to_string().contains(words), "{fault}");
    }
}

/// Adds a component to a folder, as `provider add` does.
async fn add(sandbox: &Arc<Sandbox>, folder: &Folder, component: &[u8], replaces_built_in: bool) {
    let inspected = sandbox.inspect(component).await.unwrap_or_else(|error| panic!("{error}"));
    let approved = Approved {
        component,
        manifest: inspected.manifest,
        granted: Granted::default(),
        replaces_built_in,
    };
    folder.add(approved, is_built_in, &ManualClock::at(NOW)).unwrap();
}

#[tokio::test]
async fn the_catalog_serves_added_providers_and_falls_back_to_static() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::at(data.path().join("providers"));
    let sandbox = sandbox(Limits::default());
    let catalog = Catalog::open(Arc::clone(&sandbox), folder.clone()).await.unwrap();
    let serving = |name: &str| catalog.get(name).map(|provider| provider.manifest().provider.clone());
    for name in ["github", "gitlab", "google", "jira", "static"] {
        assert_eq!(serving(name).unwrap(), name);
    }
    assert_eq!(serving("kubeconfig").unwrap(), "static");
    assert_eq!(serving("hostile").unwrap(), "static");

    add(&sandbox, &folder, &hostile_component(), false).await;
    assert_eq!(serving("hostile").unwrap(), "static", "nothing changes before it is loaded");
    catalog.reload().await.unwrap();
    assert_eq!(serving("hostile").unwrap(), "hostile");
    assert!(!catalog.get("hostile").unwrap().is_built_in() && catalog.get("github").unwrap().is_built_in());

    // The approved file changes on the disk: its name answers with the fault, and never with what is stored.
    let [entry] = folder.list().unwrap().try_into().unwrap();
    std::fs::write(folder.component(&entry), built_in("jira")).unwrap();
    catalog.reload().await.unwrap();
    let fault = catalog.get("hostile").err().unwrap().to_string();
    assert!(
        fault.contains(&entry.sha256) && fault.contains(&claviger::runtime::digest(built_in("jira"))),
        "{fault}"
    );
    assert_eq!(serving("github").unwrap(), "github");

    folder.remove("hostile").unwrap();
    catalog.reload().await.unwrap();
    assert_eq!(serving("hostile").unwrap(), "static");
}

#[tokio::test]
async fn a_built_in_provider_is_replaced_only_where_that_was_said() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::at(data.path().join("providers"));
    let sandbox = sandbox(Limits::default());
    add(&sandbox, &folder, built_in("jira"), true).await;
    let catalog = Catalog::open(Arc::clone(&sandbox), folder.clone()).await.unwrap();
    assert!(!catalog.get("jira").unwrap().is_built_in());

    let lock = data.path().join("providers/providers.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    std::fs::write(&lock, text.replace("replaces-built-in = true", "")).unwrap();
    catalog.reload().await.unwrap();
    assert!(catalog.get("jira").err().unwrap().to_string().contains("--replace-built-in"));
}

#[tokio::test]
async fn without_built_in_providers_nothing_is_served() {
    let data = tempfile::tempdir().unwrap();
    let error = Catalog::with(sandbox(Limits::default()), Folder::at(data.path()), &[])
        .await
        .err()
        .unwrap();
    assert!(matches!(error, CatalogError::NoBuiltIns));
    assert!(error.to_string().contains("cargo xtask providers"));
}

#[tokio::test]
async fn compiled_code_is_kept_and_used_again() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("compiled");
    let with_cache = || {
        let cache = Cache::open(&folder, &[7; 32]).unwrap();
        Sandbox::new(Options {
            cache: Some(cache),
            ..Options::default()
        })
        .unwrap()
    };
    let written = || {
        let [file] = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "cwasm"))
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        file.metadata().unwrap().modified().unwrap()
    };
    load(&with_cache(), built_in("static"), false).await;
    let first = written();
    let again = load(&with_cache(), built_in("static"), false).await;
    assert_eq!(written(), first);
    let minted = Call::of("static", vec![("token", secret("t0ken-value"))])
        .mint(&again, &Fake::silent())
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(minted.token.expose(), "t0ken-value");
}

#[tokio::test]
async fn a_large_component_is_compiled_by_a_child() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = folder.path().join("compiler");
    script(
        &compiler,
        "#!/bin/sh\n[ \"$1 $2\" = 'provider compile' ] && echo \"cannot compile $(wc -c <\"$3\" | tr -d ' ') bytes\" >&2\nexit 3\n",
    );
    let sandbox = Sandbox::new(Options {
        compiler: Some(compiler.clone()),
        ..Options::default()
    })
    .unwrap();
    let large = padded(built_in("static"), 3 * 1024 * 1024);
    let error = sandbox.inspect(&large).await.err().unwrap();
    assert!(
        matches!(&error, LoadError::Compile(why) if *why == format!("cannot compile {} bytes", large.len())),
        "{error}"
    );
    assert!(sandbox.inspect(built_in("static")).await.is_ok(), "a small one is compiled here");

    let compiled = folder.path().join("compiled");
    std::fs::write(&compiled, claviger::runtime::compile(&large).unwrap()).unwrap();
    script(&compiler, &format!("#!/bin/sh\nexec /bin/cat '{}'\n", compiled.display()));
    assert_eq!(
        sandbox
            .inspect(&large)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
            .manifest
            .provider,
        "static"
    );
    std::fs::write(&compiled, b"no machine code").unwrap();
    assert!(matches!(sandbox.inspect(&large).await, Err(LoadError::Compile(_))));
}

fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The same component with a custom section of so many bytes behind it.
fn padded(component: &[u8], bytes: u32) -> Vec<u8> {
    let leb = |mut n: u32| {
        let mut out = Vec::new();
        loop {
            let low = u8::try_from(n & 0x7f).unwrap();
            n >>= 7;
            if n == 0 {
                out.push(low);
                return out;
            }
            out.push(low | 0x80);
        }
    };
    let mut padded = component.to_vec();
    padded.push(0);
    padded.extend(leb(bytes + 4));
    padded.extend([3, b'p', b'a', b'd']);
    padded.extend(std::iter::repeat_n(0, usize::try_from(bytes).unwrap()));
    padded
}

//! What bad input gets: one clear error, the right status or exit code, and nothing half written.

use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, create, listed, read, token};
use claviger_tests::audit::of_event;
use claviger_tests::server::run;
use claviger_tests::{Answer, Claviger, Client, Setup};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;

const PAT: &str = "ghp_badinput0123456789abcdefghijABCDEFGHI";

/// 32 bytes in base64; which ones does not matter.
const KEY_ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const KEY_TWO: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

async fn post_raw(client: &Client, body: &[u8]) -> Result<Answer> {
    client
        .send(
            Method::POST,
            &format!("{V1}/credentials"),
            Some(("application/json", body.to_vec())),
        )
        .await
}

/// The wire's envelope, with a reason and the request's id.
fn is_envelope(answer: &Answer) -> Result<String> {
    let body = answer.json()?;
    ensure!(
        body["kind"] == "Error" && body["operation_id"].as_str() == Some(answer.header("x-operation-id")),
        "no envelope: {}",
        answer.text
    );
    body["reason"]
        .as_str()
        .map(str::to_owned)
        .filter(|reason| !reason.is_empty())
        .context("no reason")
}

#[tokio::test]
async fn a_body_that_does_not_read() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let before = listed(&alice).await?;
    let deep = "[".repeat(100_000);
    for (name, body) in [
        ("nothing", &b""[..]),
        ("half an object", b"{\"name\": \"x\""),
        ("a list", b"[]"),
        ("a number", b"5"),
        ("not UTF-8", b"{\"name\": \"\xff\xfe\"}"),
        ("deeply nested", deep.as_bytes()),
        ("two objects", b"{} {}"),
    ] {
        let answer = post_raw(&alice, body).await?.expect(400).with_context(|| name.to_owned())?;
        is_envelope(&answer).with_context(|| name.to_owned())?;
    }
    assert_eq!(listed(&alice).await?, before);
    Ok(())
}

#[tokio::test]
async fn keys_and_types_that_do_not_fit_are_named_and_values_are_not() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let before = listed(&alice).await?;
    for (body, names) in [
        (json!({ "provider": "github", "token": PAT }), "name"),
        (json!({ "name": "x", "token": PAT }), "provider"),
        (json!({ "name": "x", "provider": "github", "tokne": PAT }), "tokne"),
        (json!({ "name": 5, "provider": "github" }), "name"),
        (json!({ "name": "x", "provider": "github", "token": [PAT] }), "token"),
        (json!({ "name": "x", "provider": "github", "fields": PAT }), "fields"),
        (json!({ "name": "x", "provider": "github", "fields": { "token": 5 } }), "token"),
        (json!({ "name": "x", "provider": "github", "fields": { "tokne": PAT } }), "tokne"),
        (json!({ "name": "x", "provider": "github", "kind": "pat", "token": PAT }), "kind"),
        (
            json!({ "name": "x", "provider": "github", "token": PAT, "fields": { "token": PAT } }),
            "token",
        ),
        (
            json!({ "name": "x", "provider": "github", "kind": "app-installation", "fields": { "app-id": "1" } }),
            "private-key",
        ),
        (json!({ "id": "x", "name": "x", "provider": "github" }), "id"),
        (
            json!({ "name": "x", "provider": "github", "kind": "app-installation", "url": "https://elsewhere.example", "token": PAT }),
            "url",
        ),
        (json!({ "name": "x", "provider": "jira", "token": PAT }), "email"),
        (json!({ "name": "x", "provider": "GITHUB", "token": PAT }), "`github`"),
        (json!({ "name": "x\u{0}", "provider": "github", "token": PAT }), "name"),
        (
            json!({ "name": "x", "provider": "github", "token": PAT, "annotations": "\u{0}" }),
            "annotations",
        ),
        (json!({ "name": "x", "provider": "kubeconfig", "token": "a\u{0}b" }), "token"),
    ] {
        let answer = alice
            .post(&format!("{V1}/credentials"), &body)
            .await?
            .expect(400)
            .with_context(|| body.to_string())?;
        let reason = is_envelope(&answer)?;
        ensure!(reason.contains(names), "`{reason}` does not name `{names}` of {body}");
        ensure!(!answer.text.contains(PAT), "a token in an error: {}", answer.text);
    }
    assert_eq!(listed(&alice).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_body_over_the_limit() -> Result<()> {
    let claviger = Setup::default().config("[api]\nmax_body_bytes = 65536").start().await?;
    let alice = claviger.person("alice")?;
    let before = listed(&alice).await?;
    let body = json!({ "name": "x", "provider": "kubeconfig", "token": "k".repeat(80_000) });
    let answer = alice.post(&format!("{V1}/credentials"), &body).await?.expect(413)?;
    ensure!(is_envelope(&answer)?.contains("65536"), "{}", answer.text);
    assert_eq!(answer.header("connection"), "close", "the body was not read to its end");
    assert_eq!(listed(&alice).await?, before);
    create(
        &alice,
        &json!({ "name": "x", "provider": "kubeconfig", "token": "k".repeat(50_000) }),
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_malformed_key_file() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let before = listed(&alice).await?;
    let file = |key: Value| {
        json!({ "type": "service_account", "client_email": "robot@x.iam.gserviceaccount.com", "private_key": key }).to_string()
    };
    for (name, text) in [
        ("not JSON", "{ \"private_key\": \"MARKER-1".to_owned()),
        (
            "no key",
            json!({ "client_email": "robot@x.iam.gserviceaccount.com", "note": "MARKER-2" }).to_string(),
        ),
        ("a key of another type", file(json!(["MARKER-3"]))),
        (
            "a key that is none",
            file(json!("-----BEGIN PRIVATE KEY-----\nTUFSS0VSLTQ=\n-----END PRIVATE KEY-----\n")),
        ),
        ("not even a frame", file(json!("MARKER-5"))),
        ("not a document", "MARKER-6".to_owned()),
    ] {
        let body = json!({ "name": "x", "provider": "google", "token": text });
        let answer = alice
            .post(&format!("{V1}/credentials"), &body)
            .await?
            .expect(400)
            .with_context(|| name.to_owned())?;
        is_envelope(&answer)?;
        ensure!(
            !answer.text.contains("MARKER") && !answer.text.contains("TUFSS0VS"),
            "{name}: part of the key is in the answer: {}",
            answer.text
        );
    }
    assert_eq!(listed(&alice).await?, before);
    ensure!(!claviger.log().contains("MARKER"), "part of a key is in the log");
    Ok(())
}

#[tokio::test]
async fn parameters_paths_and_bearers_that_do_not_fit() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let id = create(
        &alice,
        &json!({ "name": "x", "provider": "github", "token": PAT, "email": "alice@example.test", "fields": { "user-name": "Alice" } }),
    )
    .await?;
    let path = format!("{V1}/credentials/{id}/token");

    for query in [
        "?min_ttl=soon",
        "?min_ttl=-1",
        "?repositories=a",
        "?permission=",
        "?rejected=x",
        "?repository=a",
    ] {
        let answer = read(&alice, &id, query).await?.expect(400).with_context(|| query.to_owned())?;
        ensure!(!answer.text.contains(PAT), "{query}: {}", answer.text);
    }
    let anybody = claviger.anybody()?;
    for client in [
        anybody.clone(),
        anybody.with_bearer("nobody"),
        anybody.with_bearer(""),
        anybody.with_header("authorization", "Basic YTpi"),
    ] {
        client.get(&path).await?.expect(401)?;
    }
    let bearer = &claviger.dev().people["alice"].bearer;
    let in_url = anybody.get(&format!("{path}?token={bearer}")).await?;
    ensure!(
        in_url.status == 400 || in_url.status == 401,
        "a bearer in the address: {} {}",
        in_url.status,
        in_url.text
    );
    let twice = alice.with_header("authorization", "Bearer nobody").get(&path).await?;
    ensure!(
        twice.status == 400 || twice.status == 401,
        "two authorisations: {} {}",
        twice.status,
        twice.text
    );

    for unknown in ["nope", "000000000000000000000000000", "..%2f..%2fetc", "%00", &"9".repeat(3000)] {
        let answer = alice.get(&format!("{V1}/credentials/{unknown}/token")).await?;
        ensure!(
            answer.status == 404 || answer.status == 400,
            "`{unknown}`: {} {}",
            answer.status,
            answer.text
        );
    }
    alice.get("/no/such/path").await?.expect(404)?;
    alice.send(Method::PUT, &path, None).await?.expect(405)?;
    assert_eq!(token(&alice, &id).await?, PAT);
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_nobody_answers_at() -> Result<()> {
    // A port that was free a moment ago, and that nobody listens on now.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let url = format!("http://127.0.0.1:{port}");
    let instance = format!("[[instance]]\nprovider = \"gitlab\"\nurl = \"{url}\"\nnetworks = [\"127.0.0.0/8\"]\nclient_id = \"id\"\n");
    let claviger = Setup::default().config(&instance).start().await?;
    let alice = claviger.person("alice")?;
    let id = create(
        &alice,
        &json!({ "name": "lab", "provider": "gitlab", "kind": "oauth", "url": url, "token": "refresh-marker" }),
    )
    .await?;
    let answer = read(&alice, &id, "").await?.expect(503)?;
    ensure!(
        answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1),
        "no Retry-After: {:?}",
        answer.headers
    );
    ensure!(!answer.text.contains("refresh-marker"), "{}", answer.text);
    let failed: Vec<_> = of_event(&claviger.data(), "CREDENTIAL_ACCESS")?
        .into_iter()
        .filter(|record| record["credential"] == json!(id))
        .collect();
    ensure!(failed.len() == 1 && failed[0]["outcome"] == "failed", "{failed:#?}");
    // Nothing was sent, so nothing is in doubt: the grant is as good as before.
    let shown = alice.get(&format!("{V1}/credentials/{id}")).await?.expect(200)?;
    assert_eq!(shown.json()?["state"], "usable");
    Ok(())
}

#[tokio::test]
async fn a_keyring_that_is_not_the_datas_own() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("keyring.json");
    let write = |text: String| -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(&path, text)?;
        Ok(std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?)
    };
    write(format!("{{\"1\": \"{KEY_ONE}\"}}"))?;
    // Seen from the configuration's folder, which is beside the data.
    let config = format!("[keyring]\nfile = \"{}\"\n[log]\nfilter = \"info\"", path.display());
    let mut claviger = Setup::default().config(&config).start().await?;
    let id = create(
        &claviger.person("alice")?,
        &json!({ "name": "x", "provider": "github", "token": PAT, "email": "alice@example.test", "fields": { "user-name": "Alice" } }),
    )
    .await?;
    claviger.kill();
    let (data, folder) = (claviger.data(), claviger.folder());
    drop(claviger);
    let before = claviger_tests::audit::bytes(&data)?;

    for (keys, told) in [
        (
            format!("{{\"1\": \"{KEY_TWO}\"}}"),
            "keyring version 1 is not the key this data was written with",
        ),
        (
            format!("{{\"2\": \"{KEY_TWO}\"}}"),
            "the keyring lacks version 1, which this data was written with",
        ),
    ] {
        write(keys)?;
        let refused = Setup::default().config(&config).start_in(Arc::clone(&folder)).await.err();
        let refused = format!("{:#}", refused.context("it starts on data whose key it does not have")?);
        ensure!(refused.contains(told), "it does not say what is wrong: {refused}");
        assert_eq!(claviger_tests::audit::bytes(&data)?, before, "the trail was touched");
    }

    // With both keys everything is there, and what the new one has to do again is one line, not a warning for each provider.
    write(format!("{{\"1\": \"{KEY_ONE}\", \"2\": \"{KEY_TWO}\"}}"))?;
    let claviger = Setup::default().config(&config).start_in(folder).await?;
    assert_eq!(token(&claviger.person("alice")?, &id).await?, PAT);
    let log = claviger.log();
    let again: Vec<_> = log.lines().filter(|line| line.contains("made again")).collect();
    ensure!(again.len() == 1 && again[0].contains(" INFO "), "{again:#?}");
    Ok(())
}

#[tokio::test]
async fn a_change_with_keys_that_nobody_knows_changes_nothing() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let id = create(&alice, &json!({ "name": "x", "provider": "github", "token": PAT })).await?;
    let path = format!("{V1}/credentials/{id}");
    let before = alice.get(&path).await?.expect(200)?.json()?;
    for (body, names) in [
        (json!({ "nmae": "y" }), "nmae"),
        (json!({ "name": "y", "tokne": PAT }), "tokne"),
        (json!({ "credential_kind": "app-installation" }), "send `kind`"),
        (json!({ "name": "a\u{0}b" }), "name"),
        (json!({ "description": "a\u{0}b" }), "description"),
        (json!({ "labels": "{\"a\": \"\u{1b}[31m\"}" }), "labels"),
        (json!({ "provider": "GitHub" }), "`github`"),
    ] {
        let answer = alice.patch(&path, &body).await?.expect(400).with_context(|| body.to_string())?;
        let reason = is_envelope(&answer)?;
        ensure!(reason.contains(names), "`{reason}` does not name `{names}` of {body}");
        ensure!(!answer.text.contains(PAT), "a token in an error: {}", answer.text);
    }
    assert_eq!(alice.get(&path).await?.expect(200)?.json()?, before);

    // What an answer said may be sent back as it is.
    let mut sent = before.clone();
    sent["description"] = json!("two\nlines");
    let after = alice.patch(&path, &sent).await?.expect(200)?.json()?;
    assert_eq!(after["description"], "two\nlines");
    assert_eq!(after["generation"], before["generation"]);
    assert_eq!(token(&alice, &id).await?, PAT);
    Ok(())
}

#[tokio::test]
async fn an_empty_credential_says_so_and_an_unusual_secret_is_told() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let made = alice
        .post(&format!("{V1}/credentials"), &json!({ "name": "x", "provider": "github" }))
        .await?
        .expect(201)?;
    assert_eq!(made.text_at("/state")?, "empty");
    let id = made.text_at("/id")?;
    let path = format!("{V1}/credentials/{id}");
    assert_eq!(alice.get(&path).await?.expect(200)?.text_at("/state")?, "empty");
    assert_eq!(token(&alice, &id).await?, "");

    let odd = "glpat-0123456789abcdefghij";
    let filled = alice.patch(&path, &json!({ "token": odd })).await?.expect(200)?;
    assert_eq!(filled.text_at("/state")?, "usable");
    let warning = filled.text_at("/warnings/0")?;
    ensure!(warning.contains("`fields.token`") && !filled.text.contains(odd), "{}", filled.text);
    assert_eq!(token(&alice, &id).await?, odd, "it is a warning and no refusal");
    ensure!(alice.get(&path).await?.json()?.get("warnings").is_none(), "it is said once");
    let usual = alice.patch(&path, &json!({ "token": PAT })).await?.expect(200)?;
    ensure!(usual.json()?.get("warnings").is_none(), "{}", usual.text);

    // Another place drops what was not given for it.
    let moved = alice.patch(&path, &json!({ "provider": "kubeconfig" })).await?.expect(200)?;
    assert_eq!(moved.text_at("/state")?, "empty");
    assert_eq!(token(&alice, &id).await?, "");
    Ok(())
}

#[tokio::test]
async fn a_damaged_cache_is_set_aside() -> Result<()> {
    let mut claviger = Claviger::start().await?;
    let id = create(
        &claviger.person("alice")?,
        &json!({ "name": "x", "provider": "github", "token": PAT, "email": "alice@example.test", "fields": { "user-name": "Alice" } }),
    )
    .await?;
    token(&claviger.person("alice")?, &id).await?;
    claviger.kill();
    let mut damaged = 0;
    let mut open = vec![claviger.data().join("cache")];
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let length = std::fs::metadata(&path)?.len().max(4096);
                std::fs::write(&path, vec![0xA5; usize::try_from(length)?])?;
                damaged += 1;
            }
        }
    }
    ensure!(damaged > 0, "there was no cache to damage");
    let claviger = claviger
        .restart()
        .await
        .context("a damaged cache must not keep the server from starting")?;
    assert_eq!(token(&claviger.person("alice")?, &id).await?, PAT);
    Ok(())
}

#[tokio::test]
async fn a_folder_that_another_server_holds() -> Result<()> {
    let claviger = Claviger::start().await?;
    let data = claviger.data().display().to_string();
    let output = run(&["dev", "--data", &data], &[])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    ensure!(
        said.contains(&data) && said.contains("another"),
        "it does not say what is in the way: {said}"
    );
    ensure!(!said.contains("panicked"), "{said}");
    claviger.person("alice")?.get(&format!("{V1}/credentials")).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_does_not_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let file = folder.path().join("claviger.toml");
    for (text, names) in [
        ("[audit]\ndurabilty = \"synced\"", "durabilty"),
        ("[audit]\ndurability = \"sometimes\"", "synced or written"),
        ("[broker]\nwait_ms = \"s3cret-value\"", "wait_ms"),
        ("[broker]\nwait_ms = 0", "wait_ms"),
        (
            "[[instance]]\nprovider = \"github\"\nurl = \"http://github.example\"",
            "http://github.example",
        ),
        ("[api\n", "claviger.toml"),
    ] {
        std::fs::write(&file, format!("{text}\n"))?;
        let arguments = [
            "dev",
            "--data",
            &data.display().to_string(),
            "--config",
            &file.display().to_string(),
        ];
        let output = run(&arguments, &[])?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}: {said}");
        ensure!(said.contains(names), "`{names}` is not named: {said}");
        ensure!(!said.contains("s3cret-value") && !said.contains("panicked"), "{said}");
        ensure!(!data.join("dev.json").exists(), "{text}: it got ready all the same");
    }
    let output = run(
        &["dev", "--data", &data.display().to_string()],
        &[("CLAVIGER_AUDIT__DURABILTY", "synced")],
    )?;
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    ensure!(
        output.status.code() == Some(1) && said.contains("durabilty") && said.contains("environment"),
        "{said}"
    );
    let missing = folder.path().join("nowhere.toml");
    for (arguments, told) in [
        (vec!["audit", "verify"], "name the server: --config FILE or --data DIR".to_owned()),
        (
            vec!["api-key", "list", "--data", "/nowhere/at/all"],
            "the data folder `/nowhere/at/all` does not exist".to_owned(),
        ),
    ] {
        let output = run(&arguments, &[])?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1) && said.contains(&told), "{arguments:?}: {said}");
    }
    let output = run(&["serve", "--config", &missing.display().to_string()], &[])?;
    ensure!(
        output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("nowhere.toml"),
        "{output:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_server_without_a_keyring_does_not_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("claviger.toml");
    std::fs::write(
        &file,
        format!(
            "data_dir = \"{}\"\n[api]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n",
            folder.path().join("data").display()
        ),
    )?;
    let output = run(&["serve", "--config", &file.display().to_string()], &[])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    ensure!(said.contains("keyring") && !said.contains("panicked"), "{said}");
    Ok(())
}

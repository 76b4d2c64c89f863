//! `claviger provider add`, `list` and `remove`, with nobody serving: what is shown, what is written, what is refused.

use super::component::{Component, changed, digest, example};
use super::{Said, lock, provider_with};
use anyhow::Result;
use serde_json::json;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A data folder with keys and no server.
struct Folder(tempfile::TempDir);

/// 32 bytes in base64; which ones does not matter.
const KEYS: &str = "{\"1\": \"P/0AoHMAsb4U4oKKxD9yrrMJrxCoSDIBJwdo4Ckomkk=\"}";

impl Folder {
    fn new() -> Result<Self> {
        let folder = Self(tempfile::tempdir()?);
        std::fs::DirBuilder::new().mode(0o700).create(folder.data())?;
        Ok(folder)
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn provider(&self, verb: &str, arguments: &[&str]) -> Result<Said> {
        provider_with(&self.data(), verb, arguments, &[("CREDENTIAL_ENCRYPTION_KEYRING", KEYS)])
    }

    fn add(&self, component: &Component, more: &[&str]) -> Result<Said> {
        let file = component.argument();
        self.provider("add", &[&[file.as_str()], more].concat())
    }
}

fn mode(path: &Path) -> Result<u32> {
    Ok(path.metadata()?.permissions().mode() & 0o7777)
}

/// Every file of a folder with its content, by name.
fn everything(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(place) = open.pop() {
        // A folder that is not there has nothing in it.
        for entry in std::fs::read_dir(&place).into_iter().flatten() {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let content = std::fs::read(&path)?;
                files.push((path, content));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[test]
fn what_it_asks_for_is_shown_and_without_a_yes_nothing_changes() -> Result<()> {
    let (folder, component) = (Folder::new()?, Component::example()?);
    let said = folder.add(&component, &[])?;
    assert_eq!(everything(&folder.data())?, []);
    for line in [
        "paperboy 0.1.0 (Paperboy)",
        &format!("sha256 {}", component.digest()?),
        "  serves credentials of `paperboy`",
        "  stores for `api-key`: `key` (secret), `url`",
        "  hands out what is stored for `api-key` as the token",
        "  stores for `client-credentials`: `client-id`, `client-secret` (secret), `url`",
        "  may ask POST {instance}/oauth/token",
        "  sends `client-secret` to POST {instance}/oauth/token, in form:client_secret",
        "  reads `/expires_in` in the answer of POST {instance}/oauth/token",
        "  reads the header `retry-after` in the answer of POST {instance}/oauth/token",
        "  takes `/access_token` in the answer of POST {instance}/oauth/token as the token",
    ] {
        assert!(said.out.lines().any(|shown| shown == line), "no line `{line}` in\n{}", said.out);
    }
    assert!(!said.out.contains("secrets as text"), "{}", said.out);
    let why = said.refused()?;
    assert!(why.contains("--yes"), "{why}");
    assert_eq!(folder.provider("list", &[])?.done()?.out, "");
    Ok(())
}

#[test]
fn a_yes_is_written_down_and_taken_back() -> Result<()> {
    let (folder, component) = (Folder::new()?, Component::example()?);
    let said = folder.add(&component, &["--yes"])?.done()?;
    assert!(said.out.ends_with("provider paperboy 0.1.0 is approved\n"), "{}", said.out);

    let providers = folder.data().join("providers");
    let [entry] = &lock(&folder.data())?[..] else {
        anyhow::bail!("one approval, not more")
    };
    let digest = component.digest()?;
    let kept = providers.join(format!("{digest}.wasm"));
    for (key, value) in [("name", "paperboy"), ("version", "0.1.0"), ("sha256", &digest)] {
        assert_eq!(entry[key].as_str(), Some(value), "{entry}");
    }
    assert_eq!(entry["granted"]["reveal"].as_bool(), Some(false));
    assert_eq!(std::fs::read(&kept)?, example()?);
    assert_eq!(mode(&providers)?, 0o700);
    assert_eq!((mode(&kept)?, mode(&providers.join("providers.lock"))?), (0o600, 0o600));

    let listed = folder.provider("list", &[])?.done()?.out;
    assert_eq!(listed, format!("paperboy 0.1.0  sha256 {digest}\n"));
    std::fs::write(&kept, b"other")?;
    let listed = folder.provider("list", &[])?.done()?.out;
    assert!(listed.contains("CHANGED since it was approved"), "{listed}");
    std::fs::remove_file(&kept)?;
    let listed = folder.provider("list", &[])?.done()?.out;
    assert!(listed.contains("MISSING"), "{listed}");
    let removed = folder.provider("remove", &["paperboy"])?.done()?.out;
    assert!(
        removed.starts_with("provider paperboy 0.1.0 is removed; its credentials stay stored and answer 502"),
        "{removed}"
    );
    assert!(!kept.exists() && lock(&folder.data())?.is_empty());
    assert_eq!(folder.provider("list", &[])?.done()?.out, "");
    let why = folder.provider("remove", &["paperboy"])?.refused()?;
    assert!(why.contains("no provider `paperboy` was added"), "{why}");
    Ok(())
}

#[test]
fn an_upgrade_shows_what_it_adds_and_what_it_gives_up() -> Result<()> {
    let folder = Folder::new()?;
    let first = Component::example()?;
    folder.add(&first, &["--yes"])?.done()?;
    let second = Component::changed(|manifest| {
        manifest["version"] = json!("0.2.0");
        manifest["endpoints"][0]["bases"] = json!(["{instance}", "https://elsewhere.example"]);
        manifest["endpoints"][0]["open-headers"] = json!(["retry-after"]);
    })?;
    let before = everything(&folder.data().join("providers"))?;
    let said = folder.add(&second, &[])?;
    assert_eq!(everything(&folder.data().join("providers"))?, before);
    for line in [
        &format!("replaces 0.1.0 {}", first.digest()?),
        "  may ask POST {instance}/oauth/token",
        "+ may ask POST https://elsewhere.example/oauth/token",
        "+ sends `client-secret` to POST https://elsewhere.example/oauth/token, in form:client_secret",
        "- reads the header `date` in the answer of POST {instance}/oauth/token",
    ] {
        assert!(said.out.lines().any(|shown| shown == line), "no line `{line}` in\n{}", said.out);
    }
    said.refused()?;

    folder.add(&second, &["--yes"])?.done()?;
    let listed = folder.provider("list", &[])?.done()?.out;
    assert_eq!(listed, format!("paperboy 0.2.0  sha256 {}\n", second.digest()?));
    let old = folder.data().join(format!("providers/{}.wasm", first.digest()?));
    assert!(!old.exists(), "the component that nobody approves any more is still there");
    Ok(())
}

#[test]
fn reading_secrets_as_text_is_granted_apart_and_limits_are_shown() -> Result<()> {
    let folder = Folder::new()?;
    let curious = Component::changed(|manifest| {
        manifest["reveal"] = json!(true);
        manifest["limits"] = json!({ "memory-mib": 64, "cpu-ms": 900, "upstream-calls": 16 });
    })?;
    let said = folder.add(&curious, &["--yes"])?.done()?;
    for words in [
        "READS STORED SECRETS AS TEXT (`reveal`)   <-- think twice",
        "is not granted that (`--grant-reveal` would)",
        "wants up to 64 MiB of memory",
        "wants up to 900 ms of processor time",
        "wants up to 16 requests in one call",
    ] {
        assert!(said.out.contains(words), "no `{words}` in\n{}", said.out);
    }
    let granted = lock(&folder.data())?[0]["granted"].clone();
    assert_eq!(granted["reveal"].as_bool(), Some(false), "{granted}");
    assert_eq!(granted["limits"]["memory-mib"].as_integer(), Some(64), "{granted}");

    folder.add(&curious, &["--yes", "--grant-reveal"])?.done()?;
    assert_eq!(lock(&folder.data())?[0]["granted"]["reveal"].as_bool(), Some(true));
    let listed = folder.provider("list", &[])?.done()?.out;
    assert!(listed.contains("reads secrets as text"), "{listed}");
    Ok(())
}

#[test]
fn a_built_in_name_and_a_file_that_is_no_provider_are_refused() -> Result<()> {
    let folder = Folder::new()?;
    let impostor = Component::changed(|manifest| manifest["provider"] = json!("jira"))?;
    let why = folder.add(&impostor, &["--yes"])?.refused()?;
    assert!(
        why.contains("`jira` comes with this program") && why.contains("--replace-built-in"),
        "{why}"
    );
    assert!(!folder.data().join("providers").exists());

    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile/files.wat");
    let example = example()?;
    let half = &example[..example.len() / 2];
    for (name, bytes, words) in [
        (
            "an import that no provider gets",
            wat::parse_file(files)?,
            "imports `wasi:filesystem/preopens@0.2.0`",
        ),
        ("half a component", half.to_vec(), "no component that this host can run"),
        ("a text", b"hello".to_vec(), "it is not WebAssembly"),
        ("a core module", wat::parse_str("(module)")?, "it is a core module"),
        (
            "a manifest that opens a token",
            changed(|manifest| manifest["endpoints"][0]["opens"] = json!(["/access_token"]))?,
            "can never be opened",
        ),
        (
            "a promise that it does not keep",
            changed(|manifest| manifest["abilities"] = json!(["revoke"]))?,
            "promises `revoke`",
        ),
    ] {
        let why = folder.add(&Component::of(&bytes)?, &["--yes"])?.refused()?;
        assert!(why.contains(words) && !why.contains("[0x"), "{name}, {}: {why}", digest(&bytes));
        assert!(!folder.data().join("providers").exists(), "{name}");
    }
    Ok(())
}

#[test]
fn a_lock_file_that_was_edited_approves_nothing() -> Result<()> {
    let (folder, component) = (Folder::new()?, Component::example()?);
    folder.add(&component, &["--yes"])?.done()?;
    let path = folder.data().join("providers/providers.lock");
    let good = std::fs::read_to_string(&path)?;
    let bad = good.replace("reveal = false", "reveal = false\nnetwork = true");
    assert_ne!(bad, good);
    std::fs::write(&path, bad)?;
    let why = folder.provider("list", &[])?.refused()?;
    assert!(why.contains("providers.lock` does not read") && why.contains("network"), "{why}");
    Ok(())
}

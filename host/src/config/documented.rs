//! `docs/configuration.md` against the reader itself: every key is there, every default is what it says, and the file loads.

use super::{Config, load};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/configuration.md");

/// The complete file of the page.
fn file() -> &'static str {
    let (_, rest) = PAGE.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

/// Its keys by section, those that are commented out included. A comment that is one is `# key = …`.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in file().lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
            keys.entry(String::new()).or_default().insert(section.clone());
        } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ")
            && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            keys.entry(section.clone()).or_default().insert(key.to_owned());
        }
    }
    keys
}

/// The keys that the reader knows in a place, by its own words to somebody who misspells one.
fn known(text: &str) -> BTreeSet<String> {
    let told = load(None, &format!("data_dir = '/x'\n{text}"), false).unwrap_err().to_string();
    let (_, known) = told.split_once("known here: ").unwrap_or_else(|| panic!("{told}"));
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_is_on_the_page() {
    let documented = documented();
    let mut expected = BTreeMap::from([(String::new(), known("misspelt = 1"))]);
    for section in known("misspelt = 1") {
        let text = match section.as_str() {
            "data_dir" => continue,
            "instance" => "[[instance]]\nprovider = 'p'\nurl = 'https://x.example'\nmisspelt = 1".to_owned(),
            "source" => "[[source]]\ncredential = 'c'\nfield = 'f'\nfile = '/f'\nmisspelt = 1".to_owned(),
            "issuer" => "[[issuer]]\nurl = 'https://x.example'\naudiences = ['a']\nmisspelt = 1".to_owned(),
            "service" => "[[service]]\nname = 's'\nmisspelt = 1".to_owned(),
            section => format!("[{section}]\nmisspelt = 1"),
        };
        expected.insert(section, known(&text));
    }
    assert_eq!(documented, expected);
}

#[test]
fn the_file_loads_and_shows_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    std::fs::write(folder.path().join("gitlab.secret"), "s\n").unwrap();
    let path = folder.path().join("claviger.toml");
    std::fs::write(&path, file().replace("/etc/claviger/", "")).unwrap();
    let shown = load(Some(&path), "", false).unwrap();
    assert_eq!(
        shown.keyring.file.as_deref(),
        Some(Path::new(&place).join("keyring.json").as_path())
    );
    assert_eq!((shown.instances.len(), shown.sources.len()), (1, 1));
    assert_eq!((shown.issuers.len(), shown.services.len()), (1, 1));
    // Its keys without those that have no default.
    let least = "data_dir = '/x'\n[[issuer]]\nurl = 'https://sso.example.com/realms/people'\naudiences = ['claviger']";
    assert_eq!(shown.issuers, load(None, least, false).unwrap().issuers);
    assert!(shown.services[0].permissions.is_empty());
    assert!(shown.instances[0].client_secret.is_some());

    let bare = load(
        None,
        "data_dir = '/var/lib/claviger'\n[keyring]\nfile = '/etc/claviger/keyring.json'",
        false,
    )
    .unwrap();
    let without_the_rest = |config: Config| Config {
        instances: Vec::new(),
        sources: Vec::new(),
        issuers: Vec::new(),
        services: Vec::new(),
        keyring: bare.keyring.clone(),
        ..config
    };
    assert_eq!(format!("{:?}", without_the_rest(shown)), format!("{bare:?}"));
}

#[test]
fn what_is_commented_out_reads_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gitlab.secret"), "s\n").unwrap();
    let mut text = String::new();
    for line in file().replace("/etc/claviger/", "").lines() {
        let given = ["keys", "client_secret_env", "jwks_file"]
            .iter()
            .any(|key| line.starts_with(&format!("# {key} = ")));
        let option = [
            "listen",
            "url",
            "version",
            "ca_files",
            "public_url",
            "jwks_url",
            "bearer_file",
            "prefix",
        ]
        .iter()
        .any(|key| line.starts_with(&format!("# {key} = ")));
        assert!(
            option || given || !line.starts_with("# ") || !line.contains(" = "),
            "neither tried nor known: {line}"
        );
        text.push_str(if option { line.trim_start_matches("# ") } else { line });
        text.push('\n');
    }
    let path = folder.path().join("claviger.toml");
    std::fs::write(&path, text).unwrap();
    let shown = load(Some(&path), "", false).unwrap();
    assert!(shown.database.url.is_some() && shown.api.public_url.is_some());
    assert!(shown.exchange.listen.is_some() && shown.exchange.url.is_some());
    assert_eq!(shown.keyring.version, Some(2));
    let issuer = &shown.issuers[0];
    assert!(issuer.jwks_url.is_some() && issuer.bearer_file.is_some() && issuer.prefix.is_some());
    assert_eq!(shown.egress.ca_files, [folder.path().join("ca.pem")]);
}

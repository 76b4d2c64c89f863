use super::*;
use crate::clock::ManualClock;

fn manifest(version: &str) -> Manifest {
    let text = serde_json::json!({
        "manifest": 1, "provider": "acme", "version": version, "title": "Acme", "default-kind": "pat",
        "kinds": [{"name": "pat", "title": "PAT", "token": "static", "token-fills": "token",
            "fields": [{"name": "token", "label": "Token", "secret": true}]}],
        "consumers": {"session": {}}
    });
    Manifest::parse(&text.to_string()).unwrap()
}

fn approve(folder: &Folder, component: &[u8], version: &str) -> Result<Entry, LockError> {
    let granted = Granted {
        reveal: false,
        limits: WantedLimits {
            memory_mib: Some(64),
            ..WantedLimits::default()
        },
    };
    let approved = Approved {
        component,
        manifest: manifest(version),
        granted,
        replaces_built_in: false,
    };
    folder.add(approved, |name| name == "github", &ManualClock::at(1_700_000_000_000))
}

fn folder() -> (tempfile::TempDir, Folder) {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::at(data.path().join("providers"));
    (data, folder)
}

#[test]
fn what_was_approved_is_read_back_word_for_word() {
    let (_data, folder) = folder();
    assert_eq!(folder.list().unwrap(), []);
    let entry = approve(&folder, b"bytes", "1.0.0").unwrap();
    assert_eq!(folder.list().unwrap(), std::slice::from_ref(&entry));
    assert_eq!(entry.approved_at, "2023-11-14T22:13:20.000000Z");
    assert_eq!(std::fs::read(folder.component(&entry)).unwrap(), b"bytes");
    assert_eq!(entry.granted.limits.memory_mib, Some(64));
}

#[test]
fn an_upgrade_takes_the_old_component_away() {
    let (_data, folder) = folder();
    let old = approve(&folder, b"old", "1.0.0").unwrap();
    let new = approve(&folder, b"new", "1.1.0").unwrap();
    assert_eq!(folder.list().unwrap(), std::slice::from_ref(&new));
    assert!(!folder.component(&old).exists() && folder.component(&new).exists());
    assert_eq!(folder.remove("acme").unwrap(), new);
    assert!(folder.list().unwrap().is_empty() && !folder.component(&new).exists());
    assert!(matches!(folder.remove("acme"), Err(LockError::Unknown(_))));
}

#[test]
fn a_built_in_name_is_taken_only_when_that_is_said() {
    let (_data, folder) = folder();
    let github = || Manifest {
        provider: "github".into(),
        ..manifest("9.0.0")
    };
    let add = |replaces_built_in| {
        let approved = Approved {
            component: b"x",
            manifest: github(),
            granted: Granted::default(),
            replaces_built_in,
        };
        folder.add(approved, |name| name == "github", &ManualClock::at(0))
    };
    assert!(matches!(add(false), Err(LockError::BuiltIn(_))));
    assert!(folder.list().unwrap().is_empty());
    assert!(add(true).unwrap().replaces_built_in);
}

#[test]
fn a_lock_file_that_does_not_read_loads_nothing_and_says_where() {
    let (_data, folder) = folder();
    approve(&folder, b"bytes", "1.0.0").unwrap();
    let path = folder.0.join(FILE);
    let good = std::fs::read_to_string(&path).unwrap();
    let bad = [
        good.replace("format = 1", "format = 2"),
        good.replace("reveal = false", "reveal = false\nroot = true"),
        good.replace("version = \"1.0.0\"", "version = \"1.0.1\""),
        good.replace("file = \"", "file = \"../"),
        good.replace("\"manifest\": 1", "\"manifest\": 1, \"sockets\": true"),
        "[[provider]".to_owned(),
    ];
    for text in bad {
        assert_ne!(text, good);
        std::fs::write(&path, &text).unwrap();
        let error = folder.list().unwrap_err().to_string();
        assert!(error.contains("providers.lock"), "{error}");
    }
}

use super::*;

fn keyring() -> Keyring {
    Keyring::generate().unwrap().0
}

fn id(text: &str) -> CredentialId {
    CredentialId::parse(text).unwrap()
}

fn key(credential: &str, generation: i64, narrowing: &str) -> CacheKey {
    CacheKey::new(&id(credential), Generation(generation), "digest", None, narrowing)
}

fn token(text: &str, expires_at_ms: Option<Millis>) -> CachedToken {
    let fields = BTreeMap::from([("email".to_owned(), "a@example.org".to_owned())]);
    CachedToken {
        token: Secret::new(text.to_owned()),
        fields,
        minted_at_ms: 1,
        expires_at_ms,
        generation: Generation(1),
        told: Told::default(),
    }
}

fn found(cache: &TokenCache, key: &CacheKey) -> Option<String> {
    cache.look_up(key).map(|token| token.token.expose().to_owned())
}

#[test]
fn each_key_has_its_own_token_also_after_a_restart() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), keyring());
    let path = folder.path().join("cache");
    let cache = TokenCache::open(&path, keyring.clone(), 0).unwrap();
    cache.put(&key("a", 1, ""), &token("whole", None)).unwrap();
    cache.put(&key("a", 1, "repository=x"), &token("narrow", Some(5))).unwrap();
    cache.put(&key("b", 1, ""), &token("other", None)).unwrap();
    drop(cache);
    let cache = TokenCache::open(&path, keyring, 0).unwrap();
    assert_eq!(found(&cache, &key("a", 1, "")).as_deref(), Some("whole"));
    assert_eq!(found(&cache, &key("a", 1, "repository=x")).as_deref(), Some("narrow"));
    assert_eq!(found(&cache, &key("a", 2, "")), None, "another generation");
    assert_eq!(found(&cache, &key("a", 1, "repository=y")), None, "another narrowing");
    cache.sweep(5);
    assert_eq!(found(&cache, &key("a", 1, "repository=x")), None, "swept");
    cache.forget(&id("a"));
    assert_eq!(
        (found(&cache, &key("a", 1, "")), found(&cache, &key("b", 1, "")).as_deref()),
        (None, Some("other"))
    );
}

#[test]
fn what_stands_beside_a_token_changes_and_the_token_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = TokenCache::open(&folder.path().join("cache"), keyring(), 0).unwrap();
    let key = key("a", 1, "");
    cache.put(&key, &token("first", Some(9))).unwrap();
    let told = Told {
        fields: BTreeSet::from(["login".to_owned()]),
        ask_at_ms: Some(7),
    };
    cache
        .amend(&key, |token| {
            token.fields.insert("login".to_owned(), "ada".to_owned());
            token.told = told.clone();
        })
        .unwrap();
    let found = cache.look_up(&key).unwrap();
    assert_eq!(
        (found.token.expose(), found.fields["login"].as_str(), found.told),
        ("first", "ada", told)
    );
    assert_eq!((found.expires_at_ms, found.minted_at_ms), (Some(9), 1));
    // Another token comes while the change is thought over: it stays.
    cache
        .amend(&key, |late| {
            cache.put(&key, &token("second", None)).unwrap();
            late.fields.insert("login".to_owned(), "eve".to_owned());
        })
        .unwrap();
    let found = cache.look_up(&key).unwrap();
    assert_eq!((found.token.expose(), found.fields.get("login")), ("second", None));
    // What is not there is not made.
    cache.forget(&id("a"));
    cache.amend(&key, |_| unreachable!()).unwrap();
    assert!(cache.look_up(&key).is_none());
}

#[test]
fn a_note_is_no_token_and_goes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let cache = TokenCache::open(&folder.path().join("cache"), keyring(), 0).unwrap();
    let place = CacheKey::identity(&id("a"), Generation(1), "digest", None);
    cache.note(&place, &("ada", 7), 9).unwrap();
    assert_eq!(cache.noted::<(String, i64)>(&place).unwrap(), ("ada".to_owned(), 7));
    assert!(cache.look_up(&place).is_none());
    for other in [
        CacheKey::identity(&id("a"), Generation(2), "digest", None),
        CacheKey::identity(&id("a"), Generation(1), "other", None),
        CacheKey::identity(&id("a"), Generation(1), "digest", Some("https://a.test")),
        key("a", 1, ""),
    ] {
        assert!(cache.noted::<(String, i64)>(&other).is_none());
    }
    cache.forget(&id("a"));
    assert!(cache.noted::<(String, i64)>(&place).is_none());
}

#[test]
fn nothing_on_the_disk_is_in_clear_and_another_keyring_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let cache = TokenCache::open(&path, keyring(), 0).unwrap();
    cache.put(&key("a", 1, ""), &token("ghp_recognisable", None)).unwrap();
    drop(cache);
    for entry in std::fs::read_dir(&path).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(16).any(|window| window == b"ghp_recognisable"));
    }
    let other = TokenCache::open(&path, keyring(), 0).unwrap();
    assert_eq!(found(&other, &key("a", 1, "")), None);
}

#[test]
fn an_entry_moved_to_another_key_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let cache = TokenCache::open(&folder.path().join("cache"), keyring(), 0).unwrap();
    cache.put(&key("bob", 1, ""), &token("bob's", None)).unwrap();
    let entry = cache.store.get(&key("bob", 1, "").place()).unwrap();
    cache
        .store
        .put(&key("alice", 1, "").place(), entry.sealed().unwrap(), None)
        .unwrap();
    assert_eq!(found(&cache, &key("alice", 1, "")), None);
}

#[test]
fn what_an_earlier_version_left_is_a_miss() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), keyring());
    let cache = TokenCache::open(&folder.path().join("cache"), keyring.clone(), 0).unwrap();
    let key = key("a", 1, "");
    let aad = crate::seal::Aad {
        table: "cache",
        record: "a",
        field: "token",
        generation: Generation(1),
    };
    let text = keyring.seal(Purpose::Cache, &aad, &Secret::new(r#"{"token":"old"}"#.to_owned()));
    for old in [text.as_bytes(), b""] {
        cache.store.put(&key.place(), old, None).unwrap();
        assert_eq!(found(&cache, &key), None);
    }
    cache.put(&key, &token("new", None)).unwrap();
    assert_eq!(found(&cache, &key).as_deref(), Some("new"));
}

#[test]
fn a_damaged_cache_is_set_aside() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), keyring());
    let path = folder.path().join("cache");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("db"), vec![0x5a; 70_000]).unwrap();
    std::fs::write(path.join("conf"), b"no configuration of sled's").unwrap();
    let cache = TokenCache::open(&path, keyring, 77).unwrap();
    cache.put(&key("a", 1, ""), &token("new", None)).unwrap();
    assert_eq!(found(&cache, &key("a", 1, "")).as_deref(), Some("new"));
    assert!(folder.path().join("cache.damaged-77").is_dir());
}

#[test]
fn a_cache_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let cache = TokenCache::open(&path, keyring(), 0).unwrap();
    cache.put(&key("a", 1, ""), &token("mine", None)).unwrap();
    let error = TokenCache::open(&path, keyring(), 77).err().expect("it is in use");
    assert!(error.to_string().contains("lock"), "{error}");
    assert!(!folder.path().join("cache.damaged-77").exists());
    assert_eq!(found(&cache, &key("a", 1, "")).as_deref(), Some("mine"));
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect()
}

/// Whatever happens to the files: it opens, no key yields another key's token, and it takes new ones.
#[test]
fn no_damage_yields_a_wrong_token() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), keyring());
    let path = folder.path().join("cache");
    let cache = TokenCache::open(&path, keyring.clone(), 0).unwrap();
    for n in 0..100 {
        cache
            .put(
                &key(&format!("c{n}"), 1, ""),
                &token(&format!("token-{n}-{}", "x".repeat(500)), None),
            )
            .unwrap();
    }
    drop(cache);
    let whole: Vec<_> = files_below(&path)
        .into_iter()
        .map(|file| (file.clone(), std::fs::read(file).unwrap()))
        .collect();
    let below = |bound: usize| usize::try_from(crate::clock::random_below(bound as u64)).unwrap();
    let (mut kept, mut lost) = (0, 0);
    for round in 0..30 {
        let copy = folder.path().join(format!("copy-{round}"));
        let spoilt = below(whole.len());
        for (number, (file, bytes)) in whole.iter().enumerate() {
            let place = copy.join(file.strip_prefix(&path).unwrap());
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            let mut bytes = bytes.clone();
            if number == spoilt && !bytes.is_empty() {
                let at = below(bytes.len());
                match round % 3 {
                    0 => bytes[at] ^= 0x10,
                    1 => bytes.truncate(at),
                    _ => bytes.iter_mut().skip(at).take(4096).for_each(|byte| *byte = 0),
                }
            }
            std::fs::write(place, bytes).unwrap();
        }
        let cache = TokenCache::open(&copy, keyring.clone(), 5).unwrap();
        for n in 0..100 {
            match found(&cache, &key(&format!("c{n}"), 1, "")) {
                Some(text) => {
                    assert!(text.starts_with(&format!("token-{n}-")), "round {round}");
                    kept += 1;
                }
                None => lost += 1,
            }
        }
        cache.put(&key("new", 1, ""), &token("new", None)).unwrap();
        assert_eq!(found(&cache, &key("new", 1, "")).as_deref(), Some("new"), "round {round}");
    }
    assert_eq!(kept + lost, 3000);
}

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
    let envelope = cache.store.get(&key("bob", 1, "").place()).unwrap();
    cache.store.put(&key("alice", 1, "").place(), &envelope, None).unwrap();
    assert_eq!(found(&cache, &key("alice", 1, "")), None);
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

use super::*;
use crate::runtime::engine::{Allocation, make};

const DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const OTHER: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn engine() -> Engine {
    make(Allocation::OnDemand).unwrap().0
}

fn compiled(engine: &Engine) -> Vec<u8> {
    engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
        .collect()
}

#[test]
fn what_was_kept_is_found_by_the_same_key_and_component_alone() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiled");
    let cache = Cache::open(&path, &[7; 32]).unwrap();
    cache.put(&engine, DIGEST, &compiled(&engine));
    assert!(cache.get(&engine, DIGEST).is_some());
    assert!(cache.get(&engine, OTHER).is_none());
    let [file] = files(&path).try_into().unwrap();
    std::fs::rename(&file, path.join(file.file_name().unwrap().to_str().unwrap().replace(DIGEST, OTHER))).unwrap();
    assert!(cache.get(&engine, OTHER).is_none(), "a file under another component's name");
}

#[test]
fn another_key_begins_anew() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiled");
    let cache = Cache::open(&path, &[7; 32]).unwrap();
    cache.put(&engine, DIGEST, &compiled(&engine));
    let [file] = files(&path).try_into().unwrap();
    let old = std::fs::read(&file).unwrap();
    assert!(Cache::open(&path, &[7; 32]).unwrap().get(&engine, DIGEST).is_some(), "the same key");

    let other = Cache::open(&path, &[8; 32]).unwrap();
    assert_eq!(files(&path), [] as [PathBuf; 0]);
    std::fs::write(&file, old).unwrap();
    assert!(other.get(&engine, DIGEST).is_none(), "what another key made, put back");
    other.put(&engine, DIGEST, &compiled(&engine));
    assert!(Cache::open(&path, &[8; 32]).unwrap().get(&engine, DIGEST).is_some());
}

#[test]
fn every_flipped_byte_and_every_cut_is_a_miss() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiled");
    let cache = Cache::open(&path, &[7; 32]).unwrap();
    cache.put(&engine, DIGEST, &compiled(&engine));
    let [file] = files(&path).try_into().unwrap();
    let whole = std::fs::read(&file).unwrap();
    for at in [0, 7, 8, 39, 40, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&file, damaged).unwrap();
        assert!(cache.get(&engine, DIGEST).is_none(), "byte {at}");
    }
    for length in [0, 8, 40, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        assert!(cache.get(&engine, DIGEST).is_none(), "length {length}");
    }
    cache.put(&engine, DIGEST, &compiled(&engine));
    assert!(cache.get(&engine, DIGEST).is_some());
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiled");
    Cache::open(&path, &[7; 32]).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Cache::open(&path, &[7; 32]).is_err());
}

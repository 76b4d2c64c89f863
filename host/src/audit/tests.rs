use super::*;
use crate::clock::ManualClock;
use crate::config::Durability;
use crate::ids::Username;
use crate::seal::Keyring;
use proptest::prelude::*;
use ring::hmac;
use std::path::PathBuf;

fn keys() -> AuditKeys {
    let key = |byte| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
    AuditKeys::new(2).with(1, key(1), key(2)).with(2, key(3), key(4))
}

fn open(folder: &Path, durability: Durability, segment_bytes: u64) -> Result<Audit, AuditError> {
    let config = config::Audit { durability, segment_bytes };
    Audit::open(folder, &config, keys(), Arc::new(ManualClock::at(1_700_000_000_000)))
}

fn event(name: &'static str) -> Administrative<'static> {
    Administrative::provider_approved(name, "1.0", "00")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

async fn write(folder: &Path, count: usize) {
    let audit = open(folder, Durability::Written, 4096).unwrap();
    for _ in 0..count {
        audit.administrative(event("github")).await.unwrap();
    }
}

#[tokio::test]
async fn sixty_four_writers_make_one_chain_in_either_durability() {
    for durability in [Durability::Written, Durability::Synced] {
        let folder = tempfile::tempdir().unwrap();
        let audit = open(folder.path(), durability, 1 << 20).unwrap();
        let writers: Vec<_> = (0..64)
            .map(|_| {
                let audit = audit.clone();
                tokio::spawn(async move {
                    for _ in 0..8 {
                        audit.administrative(event("github")).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let report = verify(folder.path(), &keys()).unwrap();
        assert_eq!((report.records, report.is_sound()), (512, true), "{report}");
    }
}

#[tokio::test]
async fn segments_and_restarts_continue_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        write(folder.path(), 20).await;
    }
    assert!(files(folder.path()).len() > 2, "several segments");
    let report = verify(folder.path(), &keys()).unwrap();
    assert_eq!((report.records, report.chains, report.is_sound()), (60, 1, true), "{report}");
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_the_chain_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 3).await;
    let file = files(folder.path()).remove(0);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, [&whole[..], b"{\"chain\":\"torn"].concat()).unwrap();
    assert!(!verify(folder.path(), &keys()).unwrap().is_sound());
    write(folder.path(), 1).await;
    let report = verify(folder.path(), &keys()).unwrap();
    assert_eq!((report.records, report.is_sound()), (4, true), "{report}");
}

#[tokio::test]
async fn an_edited_last_record_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 2).await;
    let file = files(folder.path()).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let at = text.rfind("github").unwrap();
    std::fs::write(&file, format!("{}gitlab{}", &text[..at], &text[at + 6..])).unwrap();
    let error = open(folder.path(), Durability::Written, 4096).err().unwrap();
    assert!(matches!(error, AuditError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_disappears_stops_the_records() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let config = config::Audit {
        durability: Durability::Synced,
        segment_bytes: 1 << 20,
    };
    let audit = Audit::open(folder.path(), &config, keys(), Arc::clone(&clock) as SharedClock).unwrap();
    audit.administrative(event("github")).await.unwrap();
    std::fs::remove_file(files(folder.path()).remove(0)).unwrap();
    clock.advance_ms(1_000);
    let error = audit.administrative(event("github")).await.unwrap_err();
    assert!(matches!(error, AuditError::Tampered { .. }), "{error}");
    assert!(audit.administrative(event("github")).await.is_err(), "and it stays so");
}

#[tokio::test]
async fn removed_swapped_and_cut_records_are_found() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 5).await;
    let file = files(folder.path()).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let broken = |order: &[usize]| {
        std::fs::write(&file, order.iter().map(|at| format!("{}\n", lines[*at])).collect::<String>()).unwrap();
        verify(folder.path(), &keys()).unwrap().broken.first().map(|broken| broken.line)
    };
    assert_eq!(broken(&[0, 1, 2, 3, 4]), None);
    assert_eq!(broken(&[0, 1, 3, 4]), Some(3), "removed");
    assert_eq!(broken(&[0, 2, 1, 3, 4]), Some(2), "swapped");
    assert_eq!(broken(&[1, 2, 3, 4]), Some(1), "the first one removed");
    assert_eq!(broken(&[0, 0, 1]), Some(2), "repeated");
}

#[test]
fn a_person_is_found_by_the_hashes_of_every_epoch_and_not_without_the_key() {
    let alice = Username::parse("alice").unwrap();
    let hashes = principal_hashes(&alice, &keys());
    assert_eq!(hashes.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(hashes[0].1, hashes[1].1);
    let (other, _) = Keyring::generate().unwrap();
    let (_, principal) = other.current(crate::seal::Purpose::AuditPrincipal);
    let elsewhere = AuditKeys::new(1).with(1, principal.clone(), principal.clone());
    assert_ne!(principal_hashes(&alice, &elsewhere)[0].1, hashes[0].1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_changed_byte_is_found(at in 0usize..1 << 20, to in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        tokio::runtime::Runtime::new().unwrap().block_on(write(folder.path(), 6));
        let file = files(folder.path()).remove(0);
        let mut bytes = std::fs::read(&file).unwrap();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        std::fs::write(&file, bytes).unwrap();
        prop_assert!(!verify(folder.path(), &keys()).unwrap().is_sound());
    }
}

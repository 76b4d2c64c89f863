//! Whoever has not the key changes nothing unseen.

use super::world::*;
use crate::audit::{Broken, Report, verify};
use crate::config::{self, Durability};
use proptest::prelude::*;
use std::sync::OnceLock;

/// A trail of 40 records in several segments, as (file name, content).
fn trail() -> &'static [(String, Vec<u8>)] {
    static TRAIL: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    TRAIL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let config = config::Audit {
            durability: Durability::Written,
            segment_bytes: 6_000,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let audit = open(folder.path(), &config).unwrap();
            for n in 0..20 {
                grant(&audit, n).await.unwrap();
                deny(&audit, n).await.unwrap();
            }
        });
        files(folder.path())
            .iter()
            .map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(file).unwrap()))
            .collect()
    })
}

fn walked(files: &[(String, Vec<u8>)]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    verify(folder.path(), &keys()).unwrap()
}

/// File and line of a position.
fn place(files: &[(String, Vec<u8>)], mut at: usize) -> (usize, usize, u64) {
    for (number, (_, content)) in files.iter().enumerate() {
        if at < content.len() {
            return (number, at, content[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1);
        }
        at -= content.len();
    }
    unreachable!("positions lie within the trail")
}

fn found(files: &[(String, Vec<u8>)]) -> Broken {
    let mut report = walked(files);
    assert_eq!(report.broken.len(), 1, "{report}");
    report.broken.remove(0)
}

#[test]
fn an_untouched_trail_is_sound() {
    let report = walked(trail());
    assert!(report.is_sound(), "{report}");
    assert_eq!((report.records, report.chains), (40, 1));
    assert!(trail().len() >= 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn a_single_changed_byte_is_named_by_file_and_line(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut files = trail().to_vec();
        let total: usize = files.iter().map(|(_, content)| content.len()).sum();
        let (file, offset, line) = place(&files, at.index(total));
        prop_assume!(files[file].1[offset] != to);
        files[file].1[offset] = to;
        let broken = found(&files);
        prop_assert!(broken.file.ends_with(&files[file].0), "{:?}", broken);
        prop_assert_eq!(broken.line, line);
    }

    #[test]
    fn a_removed_or_added_byte_is_found(at in any::<prop::sample::Index>(), add in proptest::option::of(any::<u8>())) {
        let mut files = trail().to_vec();
        let total: usize = files.iter().map(|(_, content)| content.len()).sum();
        let (file, offset, _) = place(&files, at.index(total));
        match add {
            Some(byte) => files[file].1.insert(offset, byte),
            None => { files[file].1.remove(offset); }
        }
        prop_assert!(!walked(&files).is_sound());
    }
}

/// Applies an edit to the lines of the second file and tells on which line it was found, and how.
fn with_lines(edit: impl FnOnce(&mut Vec<String>)) -> (u64, String) {
    let mut files = trail().to_vec();
    let mut lines: Vec<String> = String::from_utf8(files[1].1.clone()).unwrap().lines().map(str::to_owned).collect();
    edit(&mut lines);
    files[1].1 = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
    let broken = found(&files);
    (broken.line, broken.reason)
}

#[test]
fn removed_moved_and_repeated_records_are_found() {
    let first: u64 = trail()[1].0.split(['-', '.']).nth(1).unwrap().parse().unwrap();
    let gap = |line: u64, found: u64, expected: u64| {
        let reason = format!(
            "record {} stands where record {} belongs: records were removed or moved",
            first + found,
            first + expected
        );
        (line, reason)
    };
    assert_eq!(with_lines(|lines| drop(lines.remove(3))), gap(4, 4, 3));
    assert_eq!(with_lines(|lines| lines.swap(3, 4)), gap(4, 4, 3));
    assert_eq!(with_lines(|lines| lines.insert(4, lines[3].clone())), gap(5, 3, 4));
    let edited = (4, "its hash does not fit its content: it was edited".to_owned());
    assert_eq!(
        with_lines(|lines| lines[3] = lines[3].replace("CREDENTIAL_ACCESS", "CREDENTIAL_OTHERS")),
        edited
    );
    assert_eq!(with_lines(|lines| lines[3].clear()), (4, "it is no record".to_owned()));
    // A key added behind the hash.
    assert_eq!(with_lines(|lines| lines[3] = lines[3].replace("\"}", "\",\"x\":1}")).0, 4);
}

#[test]
fn a_missing_middle_or_beginning_and_a_renamed_file_are_found() {
    for number in [0, 1] {
        let mut files = trail().to_vec();
        files.remove(number);
        assert!(found(&files).reason.contains("removed or moved"));
    }
    for rename in [
        |name: &str| format!("0000{name}"),
        |name: &str| name.replace("-0000000000", "-0000000001"),
    ] {
        let mut files = trail().to_vec();
        files[1].0 = rename(&files[1].0);
        assert!(!walked(&files).is_sound());
    }
}

#[test]
fn a_record_of_another_chain_with_the_same_key_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let audit = open(folder.path(), &settings(Durability::Written)).unwrap();
        grant(&audit, 1).await.unwrap();
    });
    let foreign = lines(folder.path()).remove(0);
    let mut files = trail().to_vec();
    let own = String::from_utf8(files[0].1.clone()).unwrap();
    let (_, rest) = own.split_once('\n').unwrap();
    files[0].1 = format!("{foreign}\n{rest}").into_bytes();
    let broken = found(&files);
    assert_eq!((broken.line, broken.reason.as_str()), (1, "it belongs to another chain"));
}

#[test]
fn no_trail_is_not_a_sound_one() {
    let folder = tempfile::tempdir().unwrap();
    for place in [folder.path().to_owned(), folder.path().join("removed")] {
        let report = verify(&place, &keys()).unwrap();
        assert!(!report.is_sound(), "{report}");
        let told = format!("there is no trail in `{}`", place.display());
        assert!(report.to_string().starts_with(&told), "{report}");
    }
    // A file that was emptied is no trail either.
    let mut files = trail()[..1].to_vec();
    files[0].1.clear();
    let report = walked(&files);
    assert!(!report.is_sound() && report.to_string().contains("no trail"), "{report}");
}

#[test]
fn the_head_of_each_chain_is_told() {
    let chain = trail()[0].0.split('-').next().unwrap();
    let last: serde_json::Value = {
        let (_, content) = trail().last().unwrap();
        let text = std::str::from_utf8(content).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    };
    let report = walked(trail()).to_string();
    let told = format!("chain {chain} ends at seq 40, hash {}\n", last["hash"].as_str().unwrap());
    assert!(report.starts_with(&told), "{report}");

    let mut files = trail().to_vec();
    let second: u64 = files[1].0.split(['-', '.']).nth(1).unwrap().parse().unwrap();
    files[1].1[30] ^= 1;
    let report = walked(&files).to_string();
    let told = format!("chain {chain} holds up to seq {}, hash ", second - 1);
    assert!(report.starts_with(&told), "{report}");
}

#[test]
fn another_key_is_named_as_a_cause_where_nothing_verifies() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in trail() {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let key = |seed: u8| ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[seed; 32]);
    let others = crate::audit::AuditKeys::new(1).with(1, key(1), key(9));
    let report = verify(folder.path(), &others).unwrap();
    assert_eq!(report.broken.len(), 1, "{report}");
    assert!(report.broken[0].reason.ends_with("edited, or written with another key"), "{report}");
}

//! Crashes, full and hanging disks, and files that somebody else touches.

use super::world::*;
use crate::audit::sink::WAIT;
use crate::audit::{Audit, AuditError, verify};
use crate::clock::ManualClock;
use crate::config::{self, Durability};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

const BOTH: [Durability; 2] = [Durability::Written, Durability::Synced];

fn assert_sound(folder: &Path, records: u64) {
    let report = verify(folder, &keys()).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.records, records, "{report}");
}

#[tokio::test]
async fn a_restart_continues_the_chain() {
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..5 {
            let audit = open(folder.path(), &settings(durability)).unwrap();
            grant(&audit, n).await.unwrap();
            deny(&audit, n).await.unwrap();
        }
        assert_sound(folder.path(), 10);
        assert_eq!(files(folder.path()).len(), 1);
    }
}

#[tokio::test]
async fn segments_follow_each_other() {
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let config = config::Audit {
            durability,
            segment_bytes: 2_000,
        };
        for round in 0..3 {
            let audit = open(folder.path(), &config).unwrap();
            for n in 0..10 {
                grant(&audit, round * 10 + n).await.unwrap();
            }
        }
        assert_sound(folder.path(), 30);
        let files = files(folder.path());
        assert!(files.len() >= 6, "{files:?}");
        for file in &files {
            assert!(std::fs::metadata(file).unwrap().len() <= 2_000 + 700);
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

#[tokio::test]
async fn what_a_crash_tore_off_is_removed_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    {
        let audit = open(folder.path(), &settings(Durability::Written)).unwrap();
        grant(&audit, 1).await.unwrap();
        grant(&audit, 2).await.unwrap();
    }
    let file = files(folder.path()).remove(0);
    let whole = std::fs::read(&file).unwrap();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    // Every possible length of the second record, up to lacking nothing but its newline.
    for kept in (second..whole.len()).step_by(37).chain([whole.len() - 1]) {
        std::fs::write(&file, &whole[..kept]).unwrap();
        let audit = open(folder.path(), &settings(Durability::Written)).unwrap();
        grant(&audit, 3).await.unwrap();
        drop(audit);
        let torn = kept - second;
        assert_sound(folder.path(), if torn == 0 { 2 } else { 3 });
        if torn > 0 {
            let recovered: serde_json::Value = serde_json::from_str(&lines(folder.path())[1]).unwrap();
            assert_eq!(
                (&recovered["event"], &recovered["torn_bytes"]),
                (&"AUDIT_RECOVERED".into(), &torn.into())
            );
        }
    }
    // The very first line torn, and a new segment that was only just made.
    std::fs::write(&file, &whole[..second / 2]).unwrap();
    drop(open(folder.path(), &settings(Durability::Written)).unwrap());
    assert_sound(folder.path(), 1);
}

#[tokio::test]
async fn an_empty_new_segment_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    {
        let audit = open(folder.path(), &settings(Durability::Written)).unwrap();
        grant(&audit, 1).await.unwrap();
    }
    let next = files(folder.path())[0]
        .to_str()
        .unwrap()
        .replace("000000000001.jsonl", "000000000002.jsonl");
    std::fs::write(&next, "").unwrap();
    let audit = open(folder.path(), &settings(Durability::Written)).unwrap();
    grant(&audit, 2).await.unwrap();
    assert_sound(folder.path(), 2);
    assert!(std::fs::metadata(next).unwrap().len() > 0);
}

#[tokio::test]
async fn what_cannot_be_continued_safely_is_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    {
        let audit = open(folder.path(), &settings(Durability::Written)).unwrap();
        grant(&audit, 1).await.unwrap();
    }
    let file = files(folder.path()).remove(0);
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("granted", "denied_")).unwrap();
    let error = open(folder.path(), &settings(Durability::Written)).err().unwrap();
    assert!(matches!(error, AuditError::BadTail { .. }), "{error}");
    assert!(error.to_string().contains(file.to_str().unwrap()), "the file is named: {error}");

    std::fs::write(&file, &good).unwrap();
    std::fs::write(file.with_file_name("abcdef-000000000001.jsonl"), &good).unwrap();
    assert!(matches!(
        open(folder.path(), &settings(Durability::Written)).err().unwrap(),
        AuditError::SeveralChains { .. }
    ));

    let other = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW));
    let error = Audit::open(other.path(), &settings(Durability::Written), keys_writing(9), clock)
        .err()
        .unwrap();
    assert!(matches!(error, AuditError::NoKey { epoch: 9 }));
}

#[tokio::test]
async fn a_file_touched_while_the_server_runs_stops_it() {
    type Touch = (&'static str, fn(&Path));
    let touched: [Touch; 4] = [
        ("removed", |file| std::fs::remove_file(file).unwrap()),
        ("replaced", |file| {
            let content = std::fs::read(file).unwrap();
            std::fs::remove_file(file).unwrap();
            std::fs::write(file.with_extension("other"), "takes the inode").unwrap();
            std::fs::write(file, content).unwrap();
        }),
        ("cut", |file| std::fs::write(file, "").unwrap()),
        ("written to", |file| {
            std::fs::OpenOptions::new()
                .append(true)
                .open(file)
                .unwrap()
                .write_all(b"{}\n")
                .unwrap()
        }),
    ];
    for durability in BOTH {
        for (what, touch) in touched {
            let folder = tempfile::tempdir().unwrap();
            let audit = open(folder.path(), &settings(durability)).unwrap();
            grant(&audit, 1).await.unwrap();
            let file = files(folder.path()).remove(0);
            touch(&file);
            for n in 2..4 {
                let error = grant(&audit, n).await.unwrap_err();
                assert!(
                    matches!(&error, AuditError::Tampered { what: found, .. } if *found == what),
                    "{what}: {error}"
                );
                assert!(error.to_string().contains(file.to_str().unwrap()));
                assert!(!audit.is_writable());
            }
        }
    }
}

#[tokio::test]
async fn a_hanging_disk_refuses_in_bounded_time_and_at_once_afterwards() {
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let audit = open(folder.path(), &settings(durability)).unwrap();
        grant(&audit, 1).await.unwrap();
        let (first, second, later) = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                    audit.sink().hang(|| {
                        let timed = |n| {
                            let started = std::time::Instant::now();
                            let outcome = runtime.block_on(grant(&audit, n));
                            (outcome.err().map(|error| error.to_string()), started.elapsed())
                        };
                        (timed(2), timed(3), timed(4))
                    })
                })
                .join()
                .unwrap()
        });
        for (error, took) in [&first, &second, &later] {
            assert!(
                error.as_ref().is_some_and(|error| error.contains("does not take records in time")),
                "{error:?}"
            );
            assert!(*took < WAIT * 2, "{took:?}");
        }
        assert!(later.1 < WAIT / 2, "known to hang: {:?}", later.1);
        // It recovers with the disk, and finds out without a reader. What had been queued for the disk is written then, though its readers
        // were refused.
        assert!(!audit.is_writable());
        while !audit.is_writable() {
            audit.probe().await;
        }
        let records = lines(folder.path()).len();
        audit.probe().await;
        assert_eq!(lines(folder.path()).len(), records, "a trail that can be written is left alone");
        grant(&audit, 5).await.unwrap();
        drop(audit);
        let report = verify(folder.path(), &keys()).unwrap();
        assert!(report.is_sound() && (3..=8).contains(&report.records), "{report}");
        assert!(report.events.contains_key("AUDIT_RESUMED"), "{report}");
    }
}

/// Runs in a process of its own, in which no file may grow beyond 8 KiB: `a_full_disk_refuses_and_leaves_whole_records` starts it and
/// reads what it says. By itself it has nothing to do.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "how the process tells its parent")]
async fn with_little_space() {
    let Ok(folder) = std::env::var("CLAVIGER_TEST_FULL_DISK") else {
        return;
    };
    for durability in BOTH {
        let folder = Path::new(&folder).join(format!("{durability:?}"));
        let audit = open(&folder, &settings(durability)).unwrap();
        let mut granted = 0;
        let error = loop {
            match grant(&audit, granted).await {
                Ok(_) => granted += 1,
                Err(error) => break error,
            }
            assert!(granted < 100, "the limit does not hold");
        };
        assert!(matches!(error, AuditError::Io { .. }), "{error}");
        assert!(error.to_string().contains(files(&folder)[0].to_str().unwrap()), "{error}");
        assert!(grant(&audit, 99).await.is_err(), "and it stays refused");
        // Whole records only, every one of a read that was answered, and no other.
        assert_sound(&folder, granted as u64);
        // Space again (here: another segment): it goes on where it stood.
        drop(audit);
        let config = config::Audit {
            durability,
            segment_bytes: 1_000,
        };
        let audit = open(&folder, &config).unwrap();
        grant(&audit, 100).await.unwrap();
        drop(audit);
        assert_sound(&folder, granted as u64 + 1);
        println!("granted {granted}");
    }
}

#[test]
fn a_full_disk_refuses_and_leaves_whole_records() {
    let folder = tempfile::tempdir().unwrap();
    let child = std::process::Command::new("bash")
        // With the signal ignored, a write beyond the limit fails as it does on a full disk.
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "audit::tests::disk::with_little_space", "--nocapture"])
        .env("CLAVIGER_TEST_FULL_DISK", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    assert_eq!(
        said.matches("granted 1").count(),
        2,
        "both durabilities got past ten records: {said}"
    );
}

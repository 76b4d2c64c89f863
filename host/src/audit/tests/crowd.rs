//! Many readers at once.

use super::world::*;
use crate::audit::verify;
use crate::config::{self, Durability};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_readers_make_one_record_each() {
    for durability in [Durability::Written, Durability::Synced] {
        let folder = tempfile::tempdir().unwrap();
        let config = config::Audit {
            durability,
            segment_bytes: 20_000,
        };
        let audit = open(folder.path(), &config).unwrap();
        let readers: Vec<_> = (0..64)
            .map(|reader| {
                let audit = audit.clone();
                tokio::spawn(async move {
                    for n in 0..10 {
                        if n % 2 == 0 {
                            grant(&audit, reader * 10 + n).await.unwrap();
                        } else {
                            deny(&audit, reader * 10 + n).await.unwrap();
                        }
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.await.unwrap();
        }
        drop(audit);
        let report = verify(folder.path(), &keys()).unwrap();
        assert!(report.is_sound(), "{report}");
        let requests: Vec<String> = lines(folder.path())
            .iter()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["request"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(requests.len(), 640);
        assert_eq!(requests.iter().collect::<BTreeSet<_>>().len(), 640, "each read once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reader_was_told_is_on_the_disk() {
    // The file is read by its name while the trail is still open: nothing of an answered read waits in memory.
    for durability in [Durability::Written, Durability::Synced] {
        let folder = tempfile::tempdir().unwrap();
        let audit = open(folder.path(), &settings(durability)).unwrap();
        for n in 0..20 {
            grant(&audit, n).await.unwrap();
            assert_eq!(lines(folder.path()).len(), n + 1);
        }
    }
}

#[tokio::test]
async fn closing_writes_what_is_queued() {
    for durability in [Durability::Written, Durability::Synced] {
        let folder = tempfile::tempdir().unwrap();
        let audit = open(folder.path(), &settings(durability)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| drop(audit.mint_begun(&credential()).unwrap())));
            }
        });
        drop(audit);
        assert_eq!(verify(folder.path(), &keys()).unwrap().records, 200, "{durability:?}");
    }
}

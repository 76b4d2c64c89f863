//! Whether the keyring is the one that the data was written with.
//!
//! A wrong key under a known version looks like damage everywhere: records do not open, and the audit trail seems to have been tampered with. So
//! for each version that has written here the records keep a check value (`key-check-1`, …), and the keyring has to have all of them before
//! anything is opened or written with it. Old versions stay in the keyring: the trail's older records verify with nothing else.

use crate::records::Records;
use crate::seal::Keyring;
use anyhow::bail;

/// In front of the version.
const NAME: &str = "key-check-";

/// Compares, and notes the version that writes.
///
/// # Errors
/// If a version that has written here is missing or another key.
pub(super) async fn check(records: &Records, keyring: &Keyring) -> anyhow::Result<()> {
    for (version, known) in records.meta_below(NAME).await? {
        compare(keyring, &version, &known)?;
    }
    let writes = keyring.write_version();
    let holds = records.meta_once(&format!("{NAME}{writes}"), &keyring.check_value(writes)?).await?;
    compare(keyring, &writes.to_string(), &holds)
}

fn compare(keyring: &Keyring, version: &str, known: &str) -> anyhow::Result<()> {
    let given = version.parse().ok().and_then(|version| keyring.check_value(version).ok());
    match given {
        Some(given) if given == known => Ok(()),
        Some(_) => bail!(
            "keyring version {version} is not the key this data was written with; nothing was changed. Give the old key back; \
             a new key comes beside it, under a new version"
        ),
        None => bail!(
            "the keyring lacks version {version}, which this data was written with; nothing was changed. Add that version again: \
             old versions stay in the keyring"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::clock::{SharedClock, SystemClock};
    use crate::config;
    use crate::records::Records;
    use crate::seal::Keyring;
    use crate::secret::Secret;
    use std::path::Path;
    use std::sync::Arc;

    const ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const TWO: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

    async fn records(folder: &Path) -> Records {
        let clock: SharedClock = Arc::new(SystemClock);
        Records::open(folder, &config::Database::default(), clock).await.unwrap()
    }

    fn ring(json: String) -> Keyring {
        Keyring::parse(&Secret::new(json), None).unwrap()
    }

    #[tokio::test]
    async fn a_key_that_wrote_must_come_back_and_one_that_did_not_need_not() {
        let folder = tempfile::tempdir().unwrap();
        let records = records(folder.path()).await;
        let one = ring(format!(r#"{{"1": "{ONE}"}}"#));
        check(&records, &one).await.unwrap();
        check(&records, &one).await.unwrap();

        let refused = check(&records, &ring(format!(r#"{{"1": "{TWO}"}}"#)))
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("keyring version 1 is not the key"), "{refused}");
        let refused = check(&records, &ring(format!(r#"{{"2": "{TWO}"}}"#)))
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("lacks version 1"), "{refused}");

        let both = format!(r#"{{"1": "{ONE}", "2": "{TWO}"}}"#);
        // Handed out to every replica first, and written with later: until then it may go again.
        check(&records, &Keyring::parse(&Secret::new(both.clone()), Some(1)).unwrap())
            .await
            .unwrap();
        check(&records, &one).await.unwrap();
        check(&records, &ring(both)).await.unwrap();
        let refused = check(&records, &one).await.unwrap_err().to_string();
        assert!(refused.contains("lacks version 2"), "{refused}");
    }

    #[tokio::test]
    async fn what_was_refused_left_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let records = records(folder.path()).await;
        check(&records, &ring(format!(r#"{{"1": "{ONE}"}}"#))).await.unwrap();
        let before = records.meta_below("").await.unwrap();
        check(&records, &ring(format!(r#"{{"2": "{TWO}"}}"#))).await.unwrap_err();
        assert_eq!(records.meta_below("").await.unwrap(), before);
        assert_eq!(before.len(), 1);
    }
}

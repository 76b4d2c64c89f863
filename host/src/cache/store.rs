//! sled, with what it lacks: an end for entries, a bound, and a second chance when its files are damaged.

use crate::clock::Millis;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Entries at most: at 1.5 KiB each, 150 MiB on the disk.
const MOST: usize = 100_000;
/// sled's own cache, in bytes. Its default of 1 GiB is more than the whole server should take.
const MEMORY_BYTES: u64 = 16 * 1024 * 1024;
/// How often sled writes to the disk, in milliseconds. What is lost is one mint per token.
const FLUSH_MS: u64 = 1000;
/// An entry's end, before what is sealed.
const END_BYTES: usize = 8;

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be opened, and no new one either.
    #[error("the token cache `{path}` cannot be opened: {cause}", path = path.display())]
    Unusable {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A write failed.
    #[error("the token cache refused an entry: {0}")]
    Refused(String),
}

/// Why sled did not open.
enum Trouble {
    /// A new one helps.
    Damaged(String),
    /// The files may be whole: they are another process's, or the disk is full. Setting them aside would throw a good cache away,
    /// or pull it from under its owner.
    Elsewhere(String),
}

impl Trouble {
    fn of(error: sled::Error) -> Self {
        let text = error.to_string();
        let elsewhere = match &error {
            sled::Error::Io(cause) => {
                use std::io::ErrorKind as K;
                // sled gives the refused lock no kind of its own.
                matches!(
                    cause.kind(),
                    K::PermissionDenied | K::ReadOnlyFilesystem | K::StorageFull | K::QuotaExceeded | K::WouldBlock
                ) || text.contains("could not acquire lock")
            }
            _ => false,
        };
        if elsewhere { Self::Elsewhere(text) } else { Self::Damaged(text) }
    }
}

/// What stands at a place: sled's own buffer, not a copy.
pub(super) struct Entry(sled::IVec);

impl Entry {
    /// What was put there.
    pub(super) fn sealed(&self) -> Option<&[u8]> {
        self.0.get(END_BYTES..)
    }
}

/// An open sled. Cloning shares it.
#[derive(Clone)]
pub(super) struct Store {
    db: sled::Db,
    /// About how many entries there are: sled would have to count them.
    entries: Arc<AtomicUsize>,
}

impl Store {
    pub(super) fn open(folder: &Path, now_ms: Millis) -> Result<Self, CacheError> {
        let unusable = |cause: String| CacheError::Unusable {
            path: folder.to_owned(),
            cause,
        };
        let cause = match Self::checked(folder) {
            Ok(store) => return Ok(store),
            Err(Trouble::Damaged(cause)) => cause,
            Err(Trouble::Elsewhere(cause)) => return Err(unusable(cause)),
        };
        let aside = folder.with_extension(format!("damaged-{now_ms}"));
        std::fs::rename(folder, &aside).map_err(|error| unusable(format!("{cause}; and it cannot be set aside: {error}")))?;
        tracing::warn!(aside = %aside.display(), %cause, "the token cache was damaged and is begun anew; the old one can be deleted");
        Self::checked(folder).map_err(|trouble| match trouble {
            Trouble::Damaged(cause) | Trouble::Elsewhere(cause) => unusable(cause),
        })
    }

    /// Opens and reads everything once. sled reports some damage by panicking, so a panic counts as damage here.
    fn checked(folder: &Path) -> Result<Self, Trouble> {
        std::panic::catch_unwind(AssertUnwindSafe(|| {
            let config = sled::Config::new()
                .path(folder)
                .cache_capacity(MEMORY_BYTES)
                .flush_every_ms(Some(FLUSH_MS));
            let db = config.open().map_err(Trouble::of)?;
            let mut entries = 0;
            for entry in db.iter() {
                entry.map_err(Trouble::of)?;
                entries += 1;
            }
            Ok(Self {
                db,
                entries: Arc::new(AtomicUsize::new(entries)),
            })
        }))
        .unwrap_or_else(|_| Err(Trouble::Damaged("its files are corrupt".to_owned())))
    }

    pub(super) fn get(&self, place: &[u8]) -> Option<Entry> {
        match self.db.get(place) {
            Ok(value) => value.map(Entry),
            Err(error) => {
                tracing::warn!(%error, "the token cache cannot be read; tokens are minted instead");
                None
            }
        }
    }

    pub(super) fn put(&self, place: &[u8], sealed: &[u8], expires_at_ms: Option<Millis>) -> Result<(), CacheError> {
        if self.entries.load(Ordering::Relaxed) >= MOST {
            self.make_room();
        }
        let old = self
            .db
            .insert(place, value_of(sealed, expires_at_ms))
            .map_err(|error| CacheError::Refused(error.to_string()))?;
        if old.is_none() {
            self.entries.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Puts something in the place of `old`, if that is still there.
    pub(super) fn replace(&self, place: &[u8], old: &Entry, sealed: &[u8], expires_at_ms: Option<Millis>) -> Result<(), CacheError> {
        let swapped = self.db.compare_and_swap(place, Some(&old.0), Some(value_of(sealed, expires_at_ms)));
        swapped.map(drop).map_err(|error| CacheError::Refused(error.to_string()))
    }

    /// The places below a prefix.
    pub(super) fn places(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
        let places = self.db.scan_prefix(prefix).keys();
        places.flatten().map(|place| place.to_vec()).collect()
    }

    pub(super) fn remove_prefix(&self, prefix: &[u8]) {
        self.remove(self.db.scan_prefix(prefix).keys());
    }

    pub(super) fn sweep(&self, now_ms: Millis) {
        self.remove(self.db.iter().filter_map(move |entry| match entry {
            Ok((place, value)) => (end_of(&value) <= now_ms).then_some(Ok(place)),
            Err(error) => Some(Err(error)),
        }));
    }

    /// Drops the tenth that ends soonest.
    fn make_room(&self) {
        let mut ends: Vec<(Millis, sled::IVec)> = self.db.iter().flatten().map(|(place, value)| (end_of(&value), place)).collect();
        ends.sort();
        self.remove(ends.into_iter().take(MOST / 10).map(|(_, place)| Ok(place)));
    }

    fn remove(&self, places: impl Iterator<Item = sled::Result<sled::IVec>>) {
        for place in places {
            match place.and_then(|place| self.db.remove(place)) {
                Ok(Some(_)) => drop(self.entries.fetch_sub(1, Ordering::Relaxed)),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "an entry of the token cache could not be dropped");
                    return;
                }
            }
        }
    }
}

fn value_of(sealed: &[u8], expires_at_ms: Option<Millis>) -> Vec<u8> {
    let mut value = Vec::with_capacity(END_BYTES + sealed.len());
    value.extend_from_slice(&expires_at_ms.unwrap_or(Millis::MAX).to_be_bytes());
    value.extend_from_slice(sealed);
    value
}

fn end_of(value: &[u8]) -> Millis {
    value.first_chunk().map_or(0, |end| Millis::from_be_bytes(*end))
}

//! The data folder: one process at a time, readable by nobody else.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made, read or closed to others.
    #[error("the data folder `{path}` cannot be used: {cause}", path = path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// The operating system's reason.
        cause: std::io::Error,
    },
    /// It is open to others, and holds things that are not ours, so that its mode is left alone.
    #[error("the data folder `{path}` has mode {mode:04o} and is not a data folder yet; name an empty or new folder, or `chmod 700` it", path = path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process has it.
    #[error("the data folder `{path}` is in use{holder}; stop that process or name another folder", path = path.display(), holder = by(*.holder))]
    Locked {
        /// Which.
        path: PathBuf,
        /// The other process's id, if it could be read.
        holder: Option<u32>,
    },
}

fn by(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

/// A locked data folder. The lock goes when this value goes, and when the process dies.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if absent, closes it to others (0700), and locks it.
    ///
    /// # Errors
    /// See [`FolderError`].
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let unusable = |cause| FolderError::Unusable {
            path: path.to_owned(),
            cause,
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let path = path.canonicalize().map_err(unusable)?;
        close(&path)?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder inside, made (0700) if absent.
    ///
    /// # Errors
    /// [`FolderError::Unusable`]
    pub fn subfolder(&self, name: &str) -> Result<PathBuf, FolderError> {
        let path = self.path.join(name);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|cause| FolderError::Unusable { path: path.clone(), cause })?;
        Ok(path)
    }
}

fn close(path: &Path) -> Result<(), FolderError> {
    let unusable = |cause| FolderError::Unusable {
        path: path.to_owned(),
        cause,
    };
    let mode = path.metadata().map_err(unusable)?.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    // `data_dir = "/tmp"` is a slip, and making that 0700 would stop the machine.
    let ours = path.join(LOCK).exists() || path.read_dir().map_err(unusable)?.next().is_none();
    if !ours {
        return Err(FolderError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(unusable)
}

fn lock(folder: &Path) -> Result<File, FolderError> {
    let path = folder.join(LOCK);
    let unusable = |cause| FolderError::Unusable { path: path.clone(), cause };
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let read = file.read_to_string(&mut text);
            let holder = read.ok().and_then(|_| text.trim().parse().ok());
            return Err(FolderError::Locked {
                path: folder.to_owned(),
                holder,
            });
        }
        Err(TryLockError::Error(cause)) if cause.kind() == ErrorKind::Interrupted => return lock(folder),
        Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
    }
    let pid = format!("{}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(pid.as_bytes()))
        .map_err(unusable)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn it_is_made_closed_and_locked_once() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = DataFolder::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("lock")), 0o600);
        let error = DataFolder::open(&path).unwrap_err();
        assert!(error.to_string().contains(&format!("by process {}", std::process::id())), "{error}");
        drop(folder);
        DataFolder::open(&path).unwrap();
    }

    #[test]
    fn an_empty_open_folder_is_closed_and_a_strange_one_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        std::fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
        drop(DataFolder::open(parent.path()).unwrap());
        assert_eq!(mode(parent.path()), 0o700);
        // Opened up again, it is known as ours by its lock file.
        std::fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
        drop(DataFolder::open(parent.path()).unwrap());
        assert_eq!(mode(parent.path()), 0o700);

        let strange = tempfile::tempdir().unwrap();
        std::fs::write(strange.path().join("thesis.tex"), "x").unwrap();
        std::fs::set_permissions(strange.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            DataFolder::open(strange.path()),
            Err(FolderError::Exposed { mode: 0o755, .. })
        ));
        assert_eq!(mode(strange.path()), 0o755);
        assert!(!strange.path().join("lock").exists());
    }

    #[test]
    fn a_file_in_its_place_is_told() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("file");
        std::fs::write(&path, "x").unwrap();
        assert!(matches!(DataFolder::open(&path), Err(FolderError::Unusable { .. })));
    }
}

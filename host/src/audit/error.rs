//! Why the trail does not take a record.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a record could not be written, or the trail not opened. Each names the file, for "internal server error" helps no operator.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The operating system refused.
    #[error("the audit trail at `{}` cannot be used: {cause}; free space or mend the disk", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        cause: Arc<io::Error>,
    },
    /// The disk did not answer in time, or too many records wait for it.
    #[error("the audit trail at `{}` does not take records in time; look at the disk", path.display())]
    Stalled {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else removed, replaced, cut or wrote the file while it was open.
    #[error("the audit file `{}` was {what} while the server ran; put it back if you can, and restart the server", path.display())]
    Tampered {
        /// The file.
        path: PathBuf,
        /// What was done to it.
        what: &'static str,
    },
    /// The folder holds segments of more than one chain.
    #[error("the audit folder `{}` holds several chains; move all but this server's own elsewhere", path.display())]
    SeveralChains {
        /// The folder.
        path: PathBuf,
    },
    /// The last record is not what was written.
    #[error(
        "the last record of `{}` does not verify ({why}); run `claviger audit verify` to see where the chain breaks, and put the file back as it was",
        path.display()
    )]
    BadTail {
        /// The file.
        path: PathBuf,
        /// In what way.
        why: String,
    },
    /// The keyring has no key for what must be written or read.
    #[error("there are no audit keys for key version {epoch}; add that version to the keyring")]
    NoKey {
        /// The epoch.
        epoch: u32,
    },
    /// The server is going down.
    #[error("the audit trail is closed")]
    Closed,
}

impl AuditError {
    pub(super) fn io(path: &Path, cause: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            cause: Arc::new(cause),
        }
    }
}

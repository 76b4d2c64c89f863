//! How an attempt to mint ends without a token.
//!
//! What went wrong on this side of the door is told to no reader: the log has the cause, they get a 500. What the upstream or the provider
//! said keeps its class.

use super::error::BrokerError;
use super::input::InputError;
use crate::audit::AuditError;
use crate::follow::FollowError;
use crate::ids::Generation;
use crate::records::RecordsError;
use crate::seal::SealError;

/// How an attempt ended without a token.
pub(super) enum Failed {
    /// The credential moved on while this was under way: look again.
    SiblingWon(Generation),
    /// For a reason.
    For(BrokerError),
}

impl From<BrokerError> for Failed {
    fn from(error: BrokerError) -> Self {
        Self::For(error)
    }
}

/// What went wrong on our side: the log has the cause, the readers a 500.
macro_rules! internal {
    ($($error:ty),+) => {$(
        impl From<$error> for Failed {
            fn from(error: $error) -> Self {
                Self::For(BrokerError::Internal(error.to_string()))
            }
        }
    )+};
}
internal!(RecordsError, FollowError, AuditError);

impl From<InputError> for Failed {
    fn from(error: InputError) -> Self {
        Self::For(error.into())
    }
}

impl From<SealError> for Failed {
    /// A key that is not in the keyring is the operator's to mend, and named as such.
    fn from(error: SealError) -> Self {
        Self::For(BrokerError::Internal(format!("a stored secret does not open: {error}")))
    }
}

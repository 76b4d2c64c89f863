//! A request's body: bounded, wiped when dropped, never shown.

use super::budget;
use super::denied::Denied;
use zeroize::Zeroizing;

/// A checked body; empty is none. No `Debug`: it holds secrets.
#[derive(Default)]
pub struct Body(Zeroizing<Vec<u8>>);

impl Body {
    /// Takes the bytes.
    ///
    /// # Errors
    /// [`Denied::Body`] beyond 256 KiB.
    pub fn check(bytes: Zeroizing<Vec<u8>>) -> Result<Self, Denied> {
        if bytes.len() > budget::REQUEST_BODY_BYTES {
            return Err(Denied::Body {
                why: "it is larger than 256 KiB",
            });
        }
        Ok(Self(bytes))
    }

    /// A body in a GET is read by some servers, ignored by others and taken for the next request by the worst.
    pub(super) fn fits(&self, method: &http::Method) -> Result<(), Denied> {
        if self.0.is_empty() || !matches!(*method, http::Method::GET | http::Method::HEAD) {
            Ok(())
        } else {
            Err(Denied::Body {
                why: "a GET or HEAD has none",
            })
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_bytes(self) -> bytes::Bytes {
        bytes::Bytes::from_owner(self.0)
    }
}

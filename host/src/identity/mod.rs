//! For whom a token is read: from a [`Caller`] to an [`EffectiveUser`].
//!
//! In a shared session the bearer that arrives is often the session's own, while the message being answered was sent by one of
//! several people. Whose accounts may then be used is decided here, by one pure function, [`effective_user`], from what the
//! records say about the session and its open turns; never from a name that the request carries.
//!
//! Whatever cannot be settled ends in a [`Refusal`]: there is no default person.

mod caller;
mod effective;
mod facts;
mod header;
mod permission;
mod refusal;
mod settle;

#[cfg(test)]
mod tests;

pub use caller::{Caller, CallerKind, PersonBearer};
pub use effective::{EffectiveUser, Granted, Ground, effective_user};
pub use facts::{Facts, OpenTurn, Place, SessionFacts};
pub use header::CurrentUserHeader;
pub use permission::{FETCH_TOKEN, KeyScopes, OPEN_TURN, Permission};
pub use refusal::{Class, Refusal};

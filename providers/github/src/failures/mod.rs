//! What GitHub's refusals mean. Pure: each takes an answer that was read, and says in which class it is.
//!
//! GitHub tells by words what its statuses leave open, so the words count; unknown ones fall back to the status, and never to more than
//! that.

mod installation;
mod limits;
mod oauth;
mod user;

pub use installation::{installation_failure, is_about_time, revocation_failure};
pub use limits::Limits;
pub use oauth::check;
pub use user::{Fresh, client_failure, user_failure};

use claviger_sdk::Reply;

const GITHUB: &str = "GitHub";

/// What GitHub says in words.
#[must_use]
pub fn said(reply: &Reply) -> &str {
    reply.text("/message").unwrap_or("no reason given")
}

//! One request to GitHub's REST interface, and its answer read into plain data.

use crate::failures::Limits;
use claviger_sdk::{Failure, Reply, Request, Response, Secret};

/// The version of the REST interface that this provider was written for.
const API_VERSION: &str = "2022-11-28";

/// A request as GitHub wants it: its media type, the version, and a user agent, without which it refuses.
#[must_use]
pub fn described<'a>(method: &'static str, url: &str) -> Request<'a> {
    Request::new(method, url)
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", API_VERSION)
        .header("user-agent", "claviger")
}

/// An answer of any status.
pub struct Answer {
    /// Status, opened body, times.
    pub reply: Reply,
    /// How many requests are left.
    pub limits: Limits,
    response: Response,
}

impl Answer {
    /// Sends and reads.
    ///
    /// # Errors
    /// The host's, and `upstream-protocol` if a success is not JSON.
    pub fn to(request: Request<'_>) -> Result<Self, Failure> {
        let response = request.send()?;
        Ok(Self {
            reply: Reply::read(&response)?,
            limits: Limits {
                remaining: response.header("x-ratelimit-remaining"),
                reset: response.header("x-ratelimit-reset"),
            },
            response,
        })
    }

    /// A field that the manifest lets this provider take.
    #[must_use]
    pub fn take(&self, name: &str) -> Option<Secret> {
        self.response.take(name)
    }

    /// What GitHub says in words.
    #[must_use]
    pub fn said(&self) -> &str {
        crate::failures::said(&self.reply)
    }
}

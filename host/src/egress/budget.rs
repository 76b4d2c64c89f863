//! Every number of the way out, on one page.
//!
//! They bound what one request may cost, whoever answers: a hostile upstream, a slow one, or none. Units are in the names.

use std::time::Duration;

/// Name, TCP and TLS together. A far upstream takes 0.5 s; a runner gives up on us at 10 s, so half of that is all there is.
pub const CONNECT: Duration = Duration::from_secs(5);

/// From the first look-up to the last byte of the answer. The same 10 s after which a runner gives up.
pub const REQUEST: Duration = Duration::from_secs(10);

/// A request's address. Servers commonly refuse more than 8 KiB.
pub const URL_BYTES: usize = 8 * 1024;

/// A request's body. The largest we know, a form with a signed assertion, is 3 KiB.
pub const REQUEST_BODY_BYTES: usize = 256 * 1024;

/// A request's headers, how many.
pub const REQUEST_HEADERS: usize = 64;

/// One header's name.
pub const HEADER_NAME_BYTES: usize = 100;

/// One header's value. A GitHub installation token is 520 bytes, an Atlassian access token beyond 2 KiB.
pub const HEADER_VALUE_BYTES: usize = 16 * 1024;

/// A request's headers, names and values together.
pub const REQUEST_HEADER_BYTES: usize = 32 * 1024;

/// An answer's headers together. `hyper` stops reading a head at 400 KiB, which bounds the memory; this bounds what is taken.
pub const ANSWER_HEADER_BYTES: usize = 64 * 1024;

/// An answer's headers, how many.
pub const ANSWER_HEADERS: usize = 100;

/// An answer's body. Nothing is decompressed on the way in, so what is counted is what is held.
pub const ANSWER_BODY_BYTES: usize = 1024 * 1024;

/// How many checked addresses are tried. All answers are checked; each one more would shorten the time for the others.
pub const DIALLED_ADDRESSES: usize = 6;

/// Requests on their way at once, over all providers. One more waits inside its own [`CONNECT`] time.
pub const IN_FLIGHT: usize = 256;

//! The browser's way back: a port of this machine's loopback, open until one answer comes that belongs to this sign-in (RFC 8252, 7.3).
//!
//! Anybody on the machine can knock there, and a browser opens connections that it never uses. So each connection is served beside
//! the others, in bounded time and size, and one with another `state` is shown a word and changes nothing.

use crate::cli::client::Failure;
use crate::secret::Secret;
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// Where it comes back to.
const PATH: &str = "/callback";
/// A code has less than 2 KiB, a browser's headers with it 8.
const LARGEST_HEAD: usize = 32 * 1024;
/// From the connection to the end of its request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// Connections at once. A browser opens two or three.
const AT_ONCE: usize = 32;

/// What the issuer sent with the browser.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// A code.
    Code {
        code: String,
        /// Who says so (RFC 9207), if it does.
        issuer: Option<String>,
    },
    /// No code, and why.
    Declined { error: String, description: String },
}

/// An open port.
pub(super) struct Callback {
    listener: TcpListener,
    /// The address that the issuer sends the browser to.
    pub address: String,
}

impl Callback {
    /// Takes a free port, or that one.
    pub(super) async fn open(port: u16) -> Result<Self, Failure> {
        let failed = |why: std::io::Error| Failure::Refused(format!("no port for the browser's way back (127.0.0.1:{port}): {why}"));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self {
            listener,
            address: format!("http://127.0.0.1:{port}{PATH}"),
        })
    }

    /// Waits for the answer with this `state`. The caller bounds the wait.
    pub(super) async fn wait(self, state: &Secret) -> Option<Returned> {
        let expected: Arc<[u8]> = digest(&SHA256, state.expose().as_bytes()).as_ref().into();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let (found, mut returned) = mpsc::channel(1);
        loop {
            tokio::select! {
                answer = returned.recv() => return answer,
                Ok((stream, _)) = self.listener.accept() => {
                    // One too many is closed: whoever opens so many is no browser.
                    let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
                    let (expected, found) = (Arc::clone(&expected), found.clone());
                    tokio::spawn(async move {
                        let _place = place;
                        if let Some(answer) = serve(stream, &expected).await {
                            let _ = found.send(answer).await;
                        }
                    });
                }
            }
        }
    }
}

async fn serve(mut stream: TcpStream, expected: &[u8]) -> Option<Returned> {
    let head = tokio::time::timeout(HEAD_WITHIN, head(&mut stream)).await.ok()??;
    let (status, heading, said, returned) = match target(&head).map(|target| read(target, expected)) {
        Some(Read::Ours(Returned::Declined { error, description })) => (
            "200 OK",
            "Nobody was signed in",
            "The terminal says why. You can close this page.",
            Some(Returned::Declined { error, description }),
        ),
        Some(Read::Ours(code)) => (
            "200 OK",
            "Back to the terminal",
            "It says in a moment whether you are signed in. You can close this page.",
            Some(code),
        ),
        Some(Read::Strange) => (
            "400 Bad Request",
            "This link is not one of ours",
            "It belongs to no sign-in that is waiting here, and nothing came of it. If you are signing in, use the address that the terminal shows.",
            None,
        ),
        Some(Read::Elsewhere) => ("404 Not Found", "Nothing is here", "", None),
        None => ("400 Bad Request", "This is no request", "", None),
    };
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Claviger</title>\
         <style>body{{font:16px sans-serif;max-width:32em;margin:4em auto;padding:0 1em}}</style><h1>{heading}</h1><p>{said}</p></html>"
    );
    // No script, nothing from elsewhere, and no address with a code in a `Referer` or a cache.
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\ncontent-security-policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'none'\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let written = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    // Whether the person sees the page or not, the code is here.
    let _ = tokio::time::timeout(HEAD_WITHIN, written).await;
    returned
}

/// A request's head, up to the empty line.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await.ok()?;
        if read == 0 || head.len() > LARGEST_HEAD {
            return None;
        }
        head.extend_from_slice(chunk.get(..read)?);
    }
    String::from_utf8(head).ok()
}

/// What a GET asks for.
fn target(head: &str) -> Option<&str> {
    let mut words = head.lines().next()?.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("GET"), Some(target), Some(version), None) if version.starts_with("HTTP/1.") => Some(target),
        _ => None,
    }
}

enum Read {
    Ours(Returned),
    /// Another `state`, or none, or one thing twice.
    Strange,
    Elsewhere,
}

fn read(target: &str, expected: &[u8]) -> Read {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != PATH {
        return Read::Elsewhere;
    }
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        if given.insert(name, value).is_some() {
            return Read::Strange;
        }
    }
    let state = given.remove("state").unwrap_or_default();
    // Digests are compared: how long that takes tells nothing of the text.
    if digest(&SHA256, state.as_bytes()).as_ref() != expected {
        return Read::Strange;
    }
    let mut taken = |name: &str| given.remove(name).filter(|value| !value.is_empty());
    match (taken("error"), taken("code")) {
        (Some(error), _) => Read::Ours(Returned::Declined {
            error,
            description: taken("error_description").unwrap_or_default(),
        }),
        (None, Some(code)) => Read::Ours(Returned::Code {
            code,
            issuer: taken("iss"),
        }),
        (None, None) => Read::Strange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(target: &str) -> Option<Returned> {
        match read(target, digest(&SHA256, b"s t").as_ref()) {
            Read::Ours(returned) => Some(returned),
            _ => None,
        }
    }

    #[test]
    fn only_an_answer_to_this_sign_in_counts() {
        let code = |issuer: Option<&str>| {
            Some(Returned::Code {
                code: "c".to_owned(),
                issuer: issuer.map(str::to_owned),
            })
        };
        assert_eq!(ours("/callback?code=c&state=s+t"), code(None));
        assert_eq!(ours("/callback?state=s%20t&iss=https%3A%2F%2Fi&code=c"), code(Some("https://i")));
        let declined = Returned::Declined {
            error: "access_denied".to_owned(),
            description: String::new(),
        };
        assert_eq!(ours("/callback?error=access_denied&state=s+t&code=c"), Some(declined));
        for other in [
            "/callback?code=c",
            "/callback?code=c&state=s",
            "/callback?code=c&state=s+t&state=s+t",
            "/callback?code=c&code=d&state=s+t",
            "/callback?state=s+t",
            "/callback?error=access_denied",
            "/callback/?code=c&state=s+t",
            "/favicon.ico",
        ] {
            assert_eq!(ours(other), None, "{other}");
        }
    }

    #[test]
    fn a_request_is_a_get() {
        assert_eq!(target("GET /callback?a=b HTTP/1.1\r\nhost: x\r\n\r\n"), Some("/callback?a=b"));
        for bad in ["", "\r\n\r\n", "POST / HTTP/1.1", "GET /", "GET / HTTP/2", "GET / a HTTP/1.1"] {
            assert_eq!(target(bad), None, "{bad}");
        }
    }
}

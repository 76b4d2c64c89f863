//! What Git says to a credential helper, and which credential may answer it (gitcredentials(7), git-credential(1)).

use crate::cli::client::{Failure, text};
use crate::secret::Secret;
use serde_json::Value;
use std::io::Read;
use url::Url;

/// Git's own lines are a few hundred bytes; what a server's `WWW-Authenticate` adds is bounded by Git at 16 KiB a line.
const LARGEST: u64 = 256 * 1024;

/// Hosts of providers whose credentials need not name an instance.
const DEFAULT_HOSTS: [(&str, &str); 2] = [("github", "github.com"), ("gitlab", "gitlab.com")];

/// What Git asks for. Attributes that are not here are ignored, as Git wants them to be.
#[derive(Default)]
pub(super) struct Question {
    /// `https`, but on a development machine.
    pub protocol: String,
    /// With its port, if it is not the protocol's own.
    pub host: String,
    /// Only with `credential.useHttpPath`.
    pub path: Option<String>,
    /// If the address has one, or Git was told.
    pub username: Option<String>,
    /// With `erase` and `store`.
    pub password: Option<Secret>,
}

impl Question {
    /// Reads lines of `name=value`, to an empty one or the end.
    pub(super) fn read(from: impl Read) -> Result<Self, Failure> {
        let mut input = zeroize::Zeroizing::new(String::new());
        from.take(LARGEST)
            .read_to_string(&mut input)
            .map_err(|why| Failure::Usage(format!("standard input is not Git's credential protocol: {why}")))?;
        let mut question = Self::default();
        for line in input.lines().take_while(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once('=') else {
                return Err(Failure::Usage(
                    "standard input is not Git's credential protocol: a line without `=`".to_owned(),
                ));
            };
            match name {
                "protocol" => value.clone_into(&mut question.protocol),
                "host" => value.clone_into(&mut question.host),
                "path" => question.path = Some(value.to_owned()),
                "username" => question.username = Some(value.to_owned()),
                "password" => question.password = Some(Secret::new(value.to_owned())),
                _ => {}
            }
        }
        Ok(question)
    }

    /// Whether a credential could be for this host, by what is seen of it without its token: so that none is read in vain. What its
    /// token's answer says decides ([`Self::is_answered_by`]).
    pub(super) fn could_be(&self, credential: &Value) -> bool {
        let url = text(credential, "url");
        if url.is_empty() {
            let provider = text(credential, "provider");
            return DEFAULT_HOSTS.contains(&(provider, self.host.to_ascii_lowercase().as_str()));
        }
        let Some(instance) = Url::parse(url).ok().and_then(|url| {
            let host = url.host_str()?;
            Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
        }) else {
            return false;
        };
        // An instance may be named by its API's address.
        [instance.as_str(), instance.strip_prefix("api.").unwrap_or(&instance)]
            .iter()
            .any(|host| host.eq_ignore_ascii_case(&self.host))
    }

    /// Whether that is this very host, this way to it and this user: a token must not go to any other.
    pub(super) fn is_answered_by(&self, protocol: &str, host: &str, path: &str, username: &str) -> bool {
        let is_below = |asked: &str| {
            path.is_empty()
                || asked
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        !host.is_empty()
            && self.protocol == protocol
            && self.host.eq_ignore_ascii_case(host)
            && self.path.as_deref().is_none_or(is_below)
            && self.username.as_deref().is_none_or(|asked| asked == username)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn question(text: &str) -> Question {
        Question::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn git_is_understood_and_what_is_new_to_us_ignored() {
        let asked = question(
            "capability[]=authtype\nprotocol=https\nhost=github.com\npath=a/b=c\nwwwauth[]=Basic realm=\"x\"\npassword=p=q\n\nhost=evil\n",
        );
        assert_eq!(
            (asked.protocol.as_str(), asked.host.as_str(), asked.path.as_deref()),
            ("https", "github.com", Some("a/b=c"))
        );
        assert_eq!(asked.password.unwrap().expose(), "p=q");
        assert!(asked.username.is_none());
        assert!(Question::read(&b"nonsense\n"[..]).is_err());
        assert!(Question::read(&b"host=\xff\n"[..]).is_err());
    }

    #[test]
    fn a_host_is_the_same_or_it_is_another() {
        let asked = question("protocol=https\nhost=GitHub.com\n");
        assert!(asked.is_answered_by("https", "github.com", "", "x"));
        for (protocol, host) in [
            ("http", "github.com"),
            ("https", "api.github.com"),
            ("https", "github.com.evil.example"),
            ("https", "github.com:8443"),
            ("https", "mygithub.com"),
            ("https", ""),
        ] {
            assert!(!asked.is_answered_by(protocol, host, "", "x"), "{protocol}://{host}");
        }
        assert!(
            !question("protocol=https\n").is_answered_by("https", "", "", ""),
            "no host is no host's equal"
        );
    }

    #[test]
    fn a_path_and_a_user_narrow() {
        let asked = |more: &str| question(&format!("protocol=https\nhost=h\n{more}"));
        assert!(asked("path=git/team/a.git\n").is_answered_by("https", "h", "git", "u"));
        assert!(!asked("path=github/a.git\n").is_answered_by("https", "h", "git", "u"));
        assert!(asked("path=any\n").is_answered_by("https", "h", "", "u"));
        assert!(asked("").is_answered_by("https", "h", "git", "u"));
        assert!(asked("username=u\n").is_answered_by("https", "h", "", "u"));
        assert!(!asked("username=v\n").is_answered_by("https", "h", "", "u"));
    }

    #[test]
    fn what_could_be_for_a_host_is_told_by_its_instance() {
        let of = |provider: &str, url: &str| json!({ "provider": provider, "url": url });
        let asked = question("protocol=https\nhost=github.com\n");
        assert!(asked.could_be(&of("github", "")) && asked.could_be(&of("github", "https://github.com")));
        assert!(asked.could_be(&of("github", "https://api.github.com")));
        for (provider, url) in [
            ("gitlab", ""),
            ("linear", ""),
            ("github", "https://ghe.example"),
            ("github", "https://github.com.evil.example"),
            ("github", "no address"),
        ] {
            assert!(!asked.could_be(&of(provider, url)), "{provider} {url}");
        }
        let asked = question("protocol=http\nhost=127.0.0.1:8080\n");
        assert!(asked.could_be(&of("github", "http://127.0.0.1:8080/github")));
        assert!(!asked.could_be(&of("github", "http://127.0.0.1:8081/github")));
    }
}

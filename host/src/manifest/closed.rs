//! Names that no manifest can open: what is called like this in an answer is a secret, whoever approved what.

/// Compared in lower case and without `_`, `-` and spaces, so that `accessToken` is `access_token`.
const NAMES: [&str; 14] = [
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "token",
    "clientsecret",
    "privatekey",
    "secret",
    "password",
    "passphrase",
    "assertion",
    "clientassertion",
    "apikey",
    "rawtoken",
    "sessiontoken",
];

/// Headers of an answer that carry credentials or sessions.
const HEADERS: [&str; 4] = ["set-cookie", "set-cookie2", "authorization", "proxy-authorization"];

/// Whether a member of an answer of this name stays closed.
#[must_use]
pub fn is_closed_name(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    NAMES.contains(&plain.as_str())
}

/// Whether an answer's header of this name stays closed.
#[must_use]
pub fn is_closed_header(name: &str) -> bool {
    HEADERS.contains(&name.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_opens_nothing() {
        for name in ["access_token", "accessToken", "Access-Token", "ID_TOKEN", "token", "client secret"] {
            assert!(is_closed_name(name), "{name}");
        }
        for name in ["token_type", "expires_in", "tokens", "scope"] {
            assert!(!is_closed_name(name), "{name}");
        }
        assert!(is_closed_header("Set-Cookie"));
    }
}

//! Service accounts as documents name them, and the one part of that which is believed: the address of mail.

use crate::hosts::is_googles;
use claviger_sdk::{Credential, Failure};

/// The longest address that mail allows (RFC 5321, 4.5.3.1).
const LONGEST: usize = 254;

/// What stands before the address in the API's names.
const RESOURCE: &str = "projects/-/serviceAccounts/";

/// The service account in the field `field`: its address (or unique number), the API's name for it, or the
/// `service_account_impersonation_url` of a document, of which nothing but the address is used.
///
/// # Errors
/// `invalid-credential` if it is none of these, or the document would send the request to somebody else's host.
pub fn parse(field: &str, text: &str) -> Result<String, Failure> {
    let refuse = |why: &str| {
        Err(Failure::invalid_credential(format!(
            "field `{field}` {why}; store the service account's address, as in `deployer@project.iam.gserviceaccount.com`"
        )))
    };
    let text = text.trim();
    let name = match text.split_once("://") {
        None => text.strip_prefix(RESOURCE).unwrap_or(text),
        Some(_) if !is_googles(text) => return refuse("names a host that is not Google's, which is never asked"),
        Some((_, rest)) => {
            let Some((_, name)) = rest.split_once("/v1/").and_then(|(_, path)| path.split_once("/serviceAccounts/")) else {
                return refuse("is an address without a service account in it");
            };
            let Some(name) = name.strip_suffix(":generateAccessToken") else {
                return refuse("is an address of another call than `generateAccessToken`");
            };
            name
        }
    };
    if is_account(name) {
        Ok(name.to_owned())
    } else {
        refuse("names no service account")
    }
}

/// The chain of service accounts between the source and the target, as the API wants them.
///
/// # Errors
/// `invalid-credential`, naming what is wrong.
pub fn delegates(credential: &Credential) -> Result<Vec<String>, Failure> {
    let words = credential.text("delegates").unwrap_or_default();
    let names = words.split([' ', ',', '\n', '\t', '\r']).filter(|word| !word.is_empty());
    names.map(|name| Ok(format!("{RESOURCE}{}", parse("delegates", name)?))).collect()
}

/// An address of mail with nothing in it that could be more than one segment of a path, or the account's unique number.
fn is_account(name: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let numbered = (10..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit());
    let addressed = name.split_once('@').is_some_and(|(account, domain)| {
        word(account)
            && word(domain)
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains("..")
    });
    name.len() <= LONGEST && (numbered || addressed)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;

    const ACCOUNT: &str = "deployer@project.iam.gserviceaccount.com";

    #[test]
    fn every_way_to_name_an_account_gives_its_address() {
        for text in [
            ACCOUNT.to_owned(),
            format!("projects/-/serviceAccounts/{ACCOUNT}"),
            format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"),
            format!(" https://iamcredentials.us-east1.rep.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken\n"),
        ] {
            assert_eq!(parse("target", &text).unwrap(), ACCOUNT, "{text}");
        }
        assert_eq!(parse("target", "117204938171234567890").unwrap(), "117204938171234567890");
    }

    #[test]
    fn an_address_of_somebody_else_is_refused_by_name() {
        for text in [
            format!("https://evil.test/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"),
            format!("https://iamcredentials.googleapis.com.evil.test/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"),
            format!("http://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"),
            "https://iamcredentials.example-universe.goog/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken".to_owned(),
        ] {
            let failure = parse("target", &text).unwrap_err();
            assert!(
                failure.message.contains("`target`") && failure.message.contains("not Google's"),
                "{}",
                failure.message
            );
        }
    }

    #[test]
    fn what_is_no_account_is_refused() {
        for text in [
            "",
            "deployer",
            "a@b",
            "a@b..c",
            "a/../b@c.d",
            "a@b.c:signBlob",
            "a@b.c?x=1",
            "a%2fb@c.d",
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.c:signJwt",
            "https://iamcredentials.googleapis.com/elsewhere",
        ] {
            assert_eq!(parse("target", text).unwrap_err().code, "invalid-credential", "{text}");
        }
    }

    proptest! {
        /// What comes out is one segment of a path, whatever went in.
        #[test]
        fn an_account_is_one_segment(text in "(https://[a-z.]{0,20}/v1/projects/-/serviceAccounts/)?[ -~\u{e9}]{0,40}(:generateAccessToken)?") {
            if let Ok(account) = parse("target", &text) {
                prop_assert!(!account.is_empty() && account.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@-_.".contains(&byte)), "{}", account);
            }
        }
    }
}

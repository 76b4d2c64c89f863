//! What the platform's pages call the fields of their forms, and what they are called here.

use crate::api::input::Input;
use crate::api::problem::Answer;
use crate::ids::ProviderName;

/// A key of a page's form.
struct Alias {
    provider: &'static str,
    key: &'static str,
    /// The key of [`super::connect`] that it stands for.
    means: &'static str,
    /// The kind that a form with this key is for, where the provider has several.
    kind: Option<&'static str>,
}

const fn alias(provider: &'static str, key: &'static str, means: &'static str, kind: Option<&'static str>) -> Alias {
    Alias {
        provider,
        key,
        means,
        kind,
    }
}

const ALIASES: [Alias; 4] = [
    alias("gitlab", "personalAccessToken", "token", Some("personal-access-token")),
    alias("gitlab", "instanceUrl", "url", None),
    alias("jira", "apiToken", "token", Some("api-token")),
    alias("coderabbit", "apiKey", "token", None),
];

/// Puts the usual keys in the place of the form's; answers the kind that the form is for, if it says so.
///
/// # Errors
/// 400 if both are there.
pub(super) fn translate(provider: &ProviderName, input: &mut Input) -> Answer<Option<&'static str>> {
    let mut kind = None;
    for alias in ALIASES.iter().filter(|alias| alias.provider == provider.as_str()) {
        if input.rename(alias.key, alias.means)? {
            kind = kind.or(alias.kind);
        }
    }
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(provider: &str, body: &str) -> Answer<(Option<&'static str>, Option<String>, Option<String>)> {
        let mut input = Input::parse(body.as_bytes())?;
        let kind = translate(&ProviderName::parse(provider).unwrap(), &mut input)?;
        let (token, url) = (input.optional("token")?, input.optional("url")?);
        input.finish()?;
        Ok((kind, token, url))
    }

    #[test]
    fn each_form_is_its_providers_alone() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            translated("gitlab", r#"{"personalAccessToken": "t", "instanceUrl": "u"}"#).unwrap(),
            (Some("personal-access-token"), text("t"), text("u"))
        );
        assert_eq!(
            translated("jira", r#"{"apiToken": "t"}"#).unwrap(),
            (Some("api-token"), text("t"), None)
        );
        assert_eq!(translated("coderabbit", r#"{"apiKey": "t"}"#).unwrap(), (None, text("t"), None));
        assert_eq!(translated("gitlab", r#"{"token": "t"}"#).unwrap(), (None, text("t"), None));
        for (provider, body) in [
            ("jira", r#"{"personalAccessToken": "t"}"#),
            ("github", r#"{"apiToken": "t"}"#),
            ("gitlab", r#"{"personalAccessToken": "t", "token": "t"}"#),
        ] {
            assert!(translated(provider, body).is_err(), "{provider} {body}");
        }
    }
}

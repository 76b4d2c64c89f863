//! Names of the wire under which several values are one credential: Gerrit's instances, the fields of an MCP server.
//!
//! Where no component of that name is loaded, what is stored is one JSON text, kept as it is like any other token. This is its form, and what the
//! session endpoint makes of it. A text of another form is answered as the one value that it is.

use crate::ids::ProviderName;
use crate::manifest::Manifest;
use crate::secret::Secret;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;

/// Gerrit, of which a person has several instances.
pub(super) const GERRIT: &str = "gerrit";
/// Before the name of an MCP server.
const SERVER: &str = "mcp-";

/// Under which name a server's fields are kept: `search` under `mcp-search`. A server's name is 1 to 59 lower-case letters, digits and hyphens, so that
/// it fits into a provider's.
pub(super) fn of_server(server: &str) -> Option<ProviderName> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = !server.is_empty() && server.bytes().all(plain);
    fits.then(|| ProviderName::parse(format!("{SERVER}{server}")).ok()).flatten()
}

/// The server whose fields are kept under this name.
pub(super) fn server_of(provider: &ProviderName) -> Option<&str> {
    let server = provider.as_str().strip_prefix(SERVER)?;
    of_server(server).map(|_| server)
}

/// Whether the component is the provider's own, so that it alone says what an answer looks like.
pub(super) fn is_own(manifest: &Manifest, provider: &ProviderName) -> bool {
    manifest.provider == provider.as_str()
}

/// What people call a provider that no component names.
pub(super) fn title(provider: &str) -> &str {
    match provider {
        "coderabbit" => "CodeRabbit",
        GERRIT => "Gerrit",
        other => other,
    }
}

/// Whether the session endpoint answers this key for a provider that no component serves by name. The wire has `apiKey` alone for CodeRabbit.
pub(super) fn has_key(provider: &ProviderName, key: &str) -> bool {
    provider.as_str() != "coderabbit" || key == "apiKey"
}

/// An MCP server's fields: an object of texts.
pub(super) struct Fields(pub(super) BTreeMap<String, Secret>);

impl Fields {
    /// Reads them.
    pub(super) fn read(token: &Secret) -> Option<Self> {
        serde_json::from_str(token.expose()).ok().map(Self)
    }

    /// The same, and the one field `token` for what is no object of texts.
    pub(super) fn of(token: &Secret) -> Self {
        Self::read(token).unwrap_or_else(|| Self(BTreeMap::from([("token".to_owned(), token.clone())])))
    }

    /// As they are stored.
    pub(super) fn written(&self) -> Result<Secret, serde_json::Error> {
        serde_json::to_string(self).map(Secret::new)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_map(self.0.iter().map(|(name, value)| (name, value.expose())))
    }
}

/// One Gerrit.
#[derive(Clone)]
pub(super) struct Instance {
    /// What its owner calls it.
    pub(super) name: String,
    /// Its address.
    pub(super) url: String,
    /// How it is signed in to.
    pub(super) proof: Proof,
}

/// How a Gerrit is signed in to.
#[derive(Clone)]
pub(super) enum Proof {
    /// A person's name and the HTTP password that Gerrit made for them.
    Basic { username: String, token: Secret },
    /// A `.gitcookies` file.
    Cookies(Secret),
}

impl Proof {
    /// The wire's `authMethod`.
    pub(super) const fn method(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "http_basic",
            Self::Cookies(_) => "git_cookies",
        }
    }
}

impl Serialize for Instance {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let mut map = output.serialize_map(None)?;
        map.serialize_entry("instanceName", &self.name)?;
        map.serialize_entry("url", &self.url)?;
        map.serialize_entry("authMethod", self.proof.method())?;
        match &self.proof {
            Proof::Basic { username, token } => {
                map.serialize_entry("username", username)?;
                map.serialize_entry("httpToken", token.expose())?;
            }
            Proof::Cookies(content) => map.serialize_entry("gitcookiesContent", content.expose())?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Instance {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Written {
            instance_name: String,
            url: String,
            auth_method: String,
            username: Option<String>,
            http_token: Option<Secret>,
            gitcookies_content: Option<Secret>,
        }
        let written = Written::deserialize(input)?;
        let proof = match (
            written.auth_method.as_str(),
            written.username,
            written.http_token,
            written.gitcookies_content,
        ) {
            ("http_basic", Some(username), Some(token), None) => Proof::Basic { username, token },
            ("git_cookies", None, None, Some(content)) => Proof::Cookies(content),
            _ => return Err(D::Error::custom("`authMethod` and what goes with it do not fit")),
        };
        Ok(Self {
            name: written.instance_name,
            url: written.url,
            proof,
        })
    }
}

/// Somebody's instances: what the runner reads is a list.
pub(super) struct Instances(pub(super) Vec<Instance>);

impl Instances {
    /// Reads them.
    pub(super) fn read(token: &Secret) -> Option<Self> {
        serde_json::from_str(token.expose()).ok().map(Self)
    }

    /// As they are stored.
    pub(super) fn written(&self) -> Result<Secret, serde_json::Error> {
        serde_json::to_string(self).map(Secret::new)
    }
}

impl Serialize for Instances {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_servers_name_is_lower_case_and_fits_into_a_providers() {
        for good in ["a", "search", "web-search-2", &"a".repeat(59)] {
            let provider = of_server(good).unwrap();
            assert_eq!(server_of(&provider), Some(good));
        }
        for bad in ["", "Search", "a.b", "a_b", "a/b", "ä", &"a".repeat(60)] {
            assert!(of_server(bad).is_none(), "{bad}");
        }
        for none in ["mcp", "mcp-", "mcp-Search", "github", "xmcp-a"] {
            assert_eq!(server_of(&ProviderName::parse(none).unwrap()), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_object_of_texts_is_one_field() {
        let read = |text: &str| serde_json::to_value(Fields::of(&secret(text))).unwrap();
        assert_eq!(read(r#"{"key": "k", "url": "u"}"#), json!({ "key": "k", "url": "u" }));
        for other in ["k-1", r#"{"a": 5}"#, "[]", r#"{"a": "b""#] {
            assert_eq!(read(other), json!({ "token": other }));
        }
    }

    #[test]
    fn instances_are_a_list_in_the_runners_form_and_come_back_as_they_were() {
        let list = json!([
            { "instanceName": "one", "url": "https://one.example", "authMethod": "http_basic", "username": "ada", "httpToken": "h" },
            { "instanceName": "two", "url": "https://two.example", "authMethod": "git_cookies", "gitcookiesContent": "a\tb\n" },
        ]);
        let read = Instances::read(&secret(&list.to_string())).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), list);
        let again = Instances::read(&secret(&serde_json::to_string(&read).unwrap())).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), list);
        for bad in [
            json!({ "instances": list }),
            json!([{ "instanceName": "one", "url": "u", "authMethod": "http_basic", "username": "ada" }]),
            json!([{ "instanceName": "one", "url": "u", "authMethod": "git_cookies", "httpToken": "h" }]),
            json!([{ "instanceName": "one", "url": "u", "authMethod": "none", "httpToken": "h" }]),
            json!("a-password"),
        ] {
            assert!(Instances::read(&secret(&bad.to_string())).is_none(), "{bad}");
        }
    }
}

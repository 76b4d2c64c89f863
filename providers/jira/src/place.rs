//! Where Jira lives: the site that people browse, the gateway that scoped tokens and OAuth work at, and who gives out OAuth tokens.
//!
//! Atlassian's cloud has these at different hosts. An instance that the operator listed under another name (a test's, a proxy) has all of
//! them below its own address.

use crate::answer::Answer;
use crate::identity::name;
use crate::refusal::{At, of_api};
use claviger_sdk::{Credential, Failure, Request, Secret, instance_base, now_ms};

/// Who gives out tokens, and where they are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// `https://auth.atlassian.com`
    pub auth: String,
    /// `https://api.atlassian.com`
    pub api: String,
}

impl Cloud {
    /// The cloud that an address belongs to; Atlassian's own without one.
    #[must_use]
    pub fn of(url: Option<&str>) -> Self {
        let Some(url) = url else { return Self::at("atlassian.com") };
        let base = instance_base(Some(url), "");
        let host = base
            .split_once("://")
            .map_or("", |(_, rest)| rest.split(['/', ':']).next().unwrap_or_default());
        let is = |site: &str, services: &str| {
            let below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
            below(site) || below(services)
        };
        if is("atlassian.net", "atlassian.com") {
            Self::at("atlassian.com")
        } else if is("atlassian-us-gov-mod.net", "atlassian-us-gov-mod.com") {
            Self::at("atlassian-us-gov-mod.com")
        } else {
            Self {
                auth: base.clone(),
                api: base,
            }
        }
    }

    fn at(domain: &str) -> Self {
        Self {
            auth: format!("https://auth.{domain}"),
            api: format!("https://api.{domain}"),
        }
    }

    /// Where a site is reached through the gateway.
    #[must_use]
    pub fn gateway(&self, cloud_id: &str) -> String {
        format!("{}/ex/jira/{cloud_id}", self.api)
    }
}

/// A site as consumers need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where the token is used.
    pub url: String,
    /// Where people look, if it is known: links made from the gateway's address lead nowhere.
    pub browse: Option<String>,
    /// The site's id in the cloud, where the token is used through the gateway.
    pub cloud_id: Option<String>,
}

/// The stored cloud id.
///
/// # Errors
/// `invalid-credential` if it could not stand in an address.
pub fn stored_cloud_id(credential: &Credential) -> Result<Option<&str>, Failure> {
    match credential.text("cloud-id") {
        Some(id) if !is_cloud_id(id) => Err(Failure::invalid_credential(
            "field `cloud-id` must be letters, digits and hyphens; `{site}/_edge/tenant_info` tells it",
        )),
        other => Ok(other),
    }
}

/// A UUID, as far as an address minds.
#[must_use]
pub fn is_cloud_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The cloud id of a site, which it tells to everybody.
///
/// # Errors
/// The site's refusal, classified; `misconfigured` if what answers is no site of the cloud.
pub fn cloud_id_of(site: &str) -> Result<String, Failure> {
    let response = Request::new("GET", format!("{site}/_edge/tenant_info"))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .send()?;
    let answer = match Answer::read(&response) {
        // A page instead of JSON is what a server answers that knows nothing of clouds.
        Err(failure) if failure.code == "protocol" => return Err(no_site(site)),
        answer => answer?,
    };
    match answer.reply.text("/cloudId").filter(|id| is_cloud_id(id)) {
        Some(id) if answer.reply.is_success() => Ok(id.to_owned()),
        _ if answer.reply.is_success() || answer.reply.status == 404 => Err(answer.reply.marked(no_site(site))),
        _ => Err(of_api(&answer, At::Site, None, now_ms())),
    }
}

fn no_site(site: &str) -> Failure {
    Failure::misconfigured(format!(
        "`{site}` does not say which site of Atlassian's cloud it is; store the site's own address (`https://NAME.atlassian.net`), or its \
         `cloud-id`"
    ))
}

/// A site that a grant opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its id in the cloud.
    pub id: String,
    /// `https://example.atlassian.net`
    pub url: String,
    /// For people.
    pub name: String,
}

/// The sites that a token opens.
///
/// # Errors
/// Atlassian's refusal, classified.
pub fn sites(cloud: &Cloud, token: &Secret, ends_ms: Option<u64>) -> Result<Vec<Site>, Failure> {
    let response = Request::new("GET", format!("{}/oauth/token/accessible-resources", cloud.api))
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .bearer(token)
        .send()?;
    let answer = Answer::read(&response)?;
    if !answer.reply.is_success() {
        return Err(of_api(&answer, At::Gateway, ends_ms, now_ms()));
    }
    Ok(read_sites(&answer.reply.json))
}

/// Reads the list. A site of several products is there once for each; one that does not read is not there.
#[must_use]
pub fn read_sites(list: &serde_json::Value) -> Vec<Site> {
    let mut sites: Vec<Site> = Vec::new();
    for entry in list.as_array().into_iter().flatten() {
        let text = |key: &str| entry.get(key).and_then(serde_json::Value::as_str).map(str::trim);
        let Some(id) = text("id").filter(|id| is_cloud_id(id)) else {
            continue;
        };
        let url = instance_base(text("url"), "");
        if !is_page(&url) || sites.iter().any(|site| site.id == id) {
            continue;
        }
        let name = text("name").and_then(name).unwrap_or(&url).to_owned();
        sites.push(Site {
            id: id.to_owned(),
            name,
            url,
        });
    }
    sites
}

/// An address that people and programs can be sent to. What else could stand there (`javascript:`, a path) is no site.
fn is_page(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with('/')) && !url.contains(char::is_whitespace) && name(url).is_some()
}

/// The one site that is meant: the stored one, or the only one. Never merely the first.
///
/// # Errors
/// `misconfigured`, naming those there are.
pub fn choose(sites: Vec<Site>, wanted: Option<&str>) -> Result<Site, Failure> {
    let wanted = wanted.map(|url| instance_base(Some(url), ""));
    let known = sites.iter().map(|site| format!("`{}`", site.url)).collect::<Vec<_>>().join(", ");
    let mut fitting: Vec<Site> = match &wanted {
        Some(url) => sites.into_iter().filter(|site| site.url == *url).collect(),
        None => sites,
    };
    match (fitting.pop(), fitting.is_empty(), wanted) {
        (Some(site), true, _) => Ok(site),
        (None, _, Some(url)) if !known.is_empty() => Err(Failure::misconfigured(format!(
            "the grant does not open `{url}` but {known}; store one of these as `site`, or connect the account again and choose that site"
        ))),
        (None, ..) => Err(Failure::reauth_required(
            "the grant opens no site of Jira; connect the account again and choose one",
        )),
        (Some(_), false, _) => Err(Failure::misconfigured(format!(
            "the grant opens several sites ({known}); store the one that is meant as `site`"
        ))),
    }
}

//! The names that the configuration once gave out: of services, and the prefixes of issuers.
//!
//! A service or an issuer can leave the configuration; the role bindings of those it stood for are still in the records, and whoever took
//! the name would inherit them. So each name is written to the records when it is first seen, and is nobody else's for ever.
//!
//! If the records cannot be read or written the server does not start.

use super::Mode;
use crate::authn::Services;
use crate::config::Config;
use crate::ids::Username;
use crate::records::Records;

/// In front of the name of a service that was configured once.
const SERVICE: &str = "service-";

/// In front of the prefix of an issuer that was configured once.
const PREFIX: &str = "issuer-prefix-";

/// The prefixes that issuers have and had. Kept like the services' names: the people of another issuer must not become those of one that is
/// configured no more.
pub(super) async fn former_prefixes(config: &Config, records: &Records) -> anyhow::Result<Vec<String>> {
    for issuer in &config.issuers {
        if let Some(prefix) = &issuer.prefix {
            records.meta_once(&format!("{PREFIX}{prefix}"), &issuer.url).await?;
        }
    }
    let known = records.meta_below(PREFIX).await?;
    Ok(known.into_iter().map(|(prefix, _)| prefix).collect())
}

/// The configured services. Their names are kept for ever: the role bindings of one that is configured no more are still there, and must
/// not become those of a person who has its name.
pub(super) async fn services(config: &Config, mode: Mode, records: &Records) -> anyhow::Result<Services> {
    for service in &config.services {
        records.meta_once(&format!("{SERVICE}{}", service.name), "configured").await?;
    }
    let known = records.meta_below(SERVICE).await?.into_iter();
    let mut former: Vec<Username> = known.filter_map(|(name, _)| Username::parse(name).ok()).collect();
    if mode == Mode::Development {
        former.push(Username::parse(PROXY)?);
    }
    Ok(Services::new(&config.services, former))
}

/// The development server's own service.
pub(crate) const PROXY: &str = "proxy";

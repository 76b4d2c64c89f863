//! File and environment → [`Config`], or one sentence that names the key and where it stands.

use super::{Config, Exchange, Instance, issuer, source};
use crate::secret::Secret;
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use std::path::{Path, PathBuf};

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("the configuration `{path}` cannot be read: {cause}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The operating system's reason.
        cause: std::io::Error,
    },
    /// A key is unknown, missing or of the wrong type.
    #[error("the configuration is refused: {0}")]
    Refused(String),
    /// A value makes no sense.
    #[error("the configuration is refused: `{key}` {reason}")]
    Senseless {
        /// Which key.
        key: String,
        /// Why.
        reason: String,
    },
}

/// What a person's commands read (`cli::connection`). A shell that has them must still be able to start a server.
const OF_PEOPLE: [&str; 3] = ["url", "token", "context"];

/// Reads the file, if one is named, and the environment over it. `plain_http` lets instances on loopback use http: for the development
/// server alone.
///
/// # Errors
/// One clear sentence; see [`ConfigError`].
pub fn load(file: Option<&Path>, defaults: &str, plain_http: bool) -> Result<Config, ConfigError> {
    let mut figment = Figment::new().merge(Toml::string(defaults));
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        figment = figment.merge(Toml::string(&text));
    }
    let mut config: Config = figment
        .merge(Env::prefixed("CLAVIGER_").ignore(&OF_PEOPLE).split("__"))
        .extract()
        .map_err(|error| ConfigError::Refused(describe(&error, file)))?;
    anchor(&mut config, file)?;
    check(&mut config, plain_http)?;
    Ok(config)
}

/// Makes every path absolute: seen from the folder of the configuration file, so that it means the same wherever the server is started, or from
/// the current folder if there is no file.
fn anchor(config: &mut Config, file: Option<&Path>) -> Result<(), ConfigError> {
    let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
    let instances = config
        .instances
        .iter_mut()
        .filter_map(|instance| instance.client_secret_file.as_mut());
    let issuers = config
        .issuers
        .iter_mut()
        .flat_map(|issuer| issuer.jwks_file.as_mut().into_iter().chain(issuer.bearer_file.as_mut()));
    let paths = [&mut config.data_dir]
        .into_iter()
        .chain(config.keyring.file.as_mut())
        .chain(config.egress.ca_files.iter_mut())
        .chain(instances)
        .chain(issuers);
    for path in paths {
        *path = std::path::absolute(folder.join(&*path)).map_err(|cause| ConfigError::Unreadable { path: path.clone(), cause })?;
    }
    Ok(())
}

fn describe(error: &figment::Error, file: Option<&Path>) -> String {
    let key = error.path.join(".");
    let place = match (&error.metadata, file) {
        (Some(metadata), _) if metadata.name.contains("environment") => " in the environment".to_owned(),
        (_, Some(path)) => format!(" in `{}`", path.display()),
        _ => String::new(),
    };
    // A wrong value might be a secret in the wrong place: the kind of mistake is told, the value is not.
    let what = match &error.kind {
        figment::error::Kind::UnknownField(name, known) => {
            format!("unknown key `{name}`; known here: {}", known.join(", "))
        }
        figment::error::Kind::MissingField(name) => format!("key `{name}` is missing"),
        figment::error::Kind::InvalidType(_, wanted) => format!("a value of another type is wanted: {wanted}"),
        figment::error::Kind::UnknownVariant(_, known) => format!("another word is wanted: {}", known.join(" or ")),
        figment::error::Kind::InvalidValue(_, wanted) => format!("another value is wanted: {wanted}"),
        figment::error::Kind::Message(message) => message.clone(),
        _ => "it does not read".to_owned(),
    };
    if key.is_empty() {
        format!("{what}{place}")
    } else {
        format!("`{key}`{place}: {what}")
    }
}

fn check(config: &mut Config, plain_http: bool) -> Result<(), ConfigError> {
    let senseless = |key: &str, reason: &str| ConfigError::Senseless {
        key: key.to_owned(),
        reason: reason.to_owned(),
    };
    if config.broker.wait_ms == 0 || config.broker.wait_ms > 60_000 {
        return Err(senseless("broker.wait_ms", "must be between 1 and 60000"));
    }
    if config.audit.segment_bytes < 4096 {
        return Err(senseless("audit.segment_bytes", "must be at least 4096"));
    }
    check_exchange(&config.exchange, plain_http).map_err(|(key, reason)| senseless(key, reason))?;
    for instance in &mut config.instances {
        check_instance(instance, plain_http)?;
    }
    issuer::check(&mut config.issuers, &config.services, plain_http).map_err(|(key, reason)| senseless(&key, &reason))?;
    source::check(&config.sources).map_err(|(key, reason)| senseless(&key, reason))?;
    Ok(())
}

fn check_exchange(exchange: &Exchange, development: bool) -> Result<(), (&'static str, &'static str)> {
    match (&exchange.listen, &exchange.url) {
        (None, None) if exchange.bare_token => Err(("exchange.bare_token", "needs an `exchange.listen`")),
        (None, None) => Ok(()),
        (None, Some(_)) => Err(("exchange.listen", "is missing: `exchange.url` is how runners reach it")),
        (Some(_), None) if development => Ok(()),
        (Some(_), None) => Err((
            "exchange.url",
            "is missing: it is how runners reach `exchange.listen`, and is put before their session's secret",
        )),
        (Some(_), Some(url)) => {
            let plain = url.username() == "" && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
            if plain && matches!(url.scheme(), "http" | "https") {
                Ok(())
            } else {
                Err(("exchange.url", "must be http or https, without user, query and fragment"))
            }
        }
    }
}

fn check_instance(instance: &mut Instance, plain_http: bool) -> Result<(), ConfigError> {
    let refuse = |reason: &str| ConfigError::Senseless {
        key: format!("instance.url {}", instance.url),
        reason: reason.to_owned(),
    };
    let url = &instance.url;
    if url.username() != "" || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("may have neither user, query nor fragment"));
    }
    match url.scheme() {
        "https" => {}
        "http" if plain_http && is_loopback(url) => instance.plain_http = true,
        "http" => return Err(refuse("must be https; only `claviger dev` may use http, and only on loopback")),
        _ => return Err(refuse("must be https")),
    }
    instance.client_secret = match (&instance.client_secret_file, &instance.client_secret_env) {
        (Some(_), Some(_)) => return Err(refuse("has both `client_secret_file` and `client_secret_env`; keep one")),
        (Some(path), None) => {
            let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.clone(), cause })?;
            Some(Secret::new(text.trim().to_owned()))
        }
        (None, Some(name)) => {
            let text = std::env::var(name).map_err(|_| refuse("names a `client_secret_env` that is not set"))?;
            Some(Secret::new(text))
        }
        (None, None) => None,
    };
    Ok(())
}

pub(super) fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named() {
        let error = load(None, "data_dir = '/x'\n[audit]\ndurabillity = 'synced'", false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("durabillity"), "{error}");
    }

    #[test]
    fn http_is_for_the_development_server_alone() {
        let text = "data_dir = '/x'\n[[instance]]\nprovider = 'github'\nurl = 'http://127.0.0.1:1/github'";
        assert!(load(None, text, false).is_err());
        assert!(load(None, text, true).unwrap().instances[0].plain_http);
        let elsewhere = "data_dir = '/x'\n[[instance]]\nprovider = 'github'\nurl = 'http://10.0.0.1/github'";
        assert!(load(None, elsewhere, true).is_err());
    }

    #[test]
    fn an_exchange_says_where_and_how_it_is_reached() {
        let with = |lines: &str, development| load(None, &format!("data_dir = '/x'\n[exchange]\n{lines}"), development);
        let refused = |lines: &str| with(lines, false).unwrap_err().to_string();
        assert!(with("", false).unwrap().exchange.listen.is_none());
        assert!(refused("listen = '0.0.0.0:8080'").contains("exchange.url"));
        assert!(refused("url = 'https://x.example'").contains("exchange.listen"));
        assert!(refused("bare_token = true").contains("exchange.bare_token"));
        for url in [
            "ftp://x.example",
            "https://u@x.example",
            "https://x.example?a=b",
            "https://x.example#a",
        ] {
            assert!(
                refused(&format!("listen = '0.0.0.0:8080'\nurl = '{url}'")).contains("exchange.url"),
                "{url}"
            );
        }
        let in_cluster = "listen = '0.0.0.0:8080'\nurl = 'http://claviger.work.svc:8080'";
        assert!(with(in_cluster, false).unwrap().exchange.url.is_some());
        assert!(with("listen = '127.0.0.1:0'", true).is_ok());
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_without_being_repeated() {
        let error = load(None, "data_dir = '/x'\n[broker]\nwait_ms = 'hunter2'", false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("broker.wait_ms") && !error.contains("hunter2"), "{error}");
    }
}

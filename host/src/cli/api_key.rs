//! `claviger api-key`: bearers for machines, shown once.

use super::Place;
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::ids::{ApiKeyId, Username};
use crate::server::{Order, Reply, command};
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum ApiKey {
    /// Makes a key. Everything done with it is done for its person.
    Create {
        #[command(flatten)]
        place: Place,
        /// Whose key it is.
        #[arg(long = "for", value_name = "USER", required_unless_present = "service", conflicts_with = "service")]
        user: Option<String>,
        /// The service whose key it is, as the configuration names it.
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// What it is for.
        #[arg(long)]
        name: String,
        /// How long it lasts: 90d, 12h, 30m, 45s.
        #[arg(long, visible_alias = "expires-in", value_name = "TIME", default_value = "90d", value_parser = duration_ms)]
        expires: i64,
        /// What it may be used for, again for each: `credential:read`, `credential:fetch_token`. Without it: all that its person may.
        #[arg(long = "scope", value_name = "PERMISSION")]
        scopes: Vec<String>,
    },
    /// Lists the keys.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Ends a key, at once.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// Its id.
        id: String,
    },
}

impl ApiKey {
    #[expect(clippy::print_stdout, reason = "the command's answer")]
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let (place, order) = match self {
            Self::Create {
                place,
                user,
                service,
                name,
                expires,
                scopes,
            } => {
                let expires_at_ms = Some(SystemClock.now_ms().saturating_add(expires));
                (
                    place,
                    Order::ApiKeyCreate {
                        name,
                        service: service.is_some(),
                        user: Username::parse(service.or(user).unwrap_or_default())?,
                        expires_at_ms,
                        scopes: (!scopes.is_empty()).then_some(scopes),
                    },
                )
            }
            Self::List { place } => (place, Order::ApiKeyList),
            Self::Revoke { place, id } => (place, Order::ApiKeyRevoke { id: ApiKeyId::parse(id)? }),
        };
        match command(&place.config()?, order).await? {
            Reply::ApiKeyCreated { id, bearer } => {
                println!("{bearer}");
                super::note(&format!("key {id}; this is the only time it is shown"));
            }
            Reply::ApiKeys { keys } => {
                if keys.is_empty() {
                    super::note("none");
                }
                for key in keys {
                    let state = match (key.revoked_at_ms, key.expires_at_ms) {
                        (Some(at_ms), _) => format!("revoked {}", rfc3339(at_ms)),
                        (None, Some(at_ms)) => format!("until {}", rfc3339(at_ms)),
                        (None, None) => "without end".to_owned(),
                    };
                    let used = key
                        .last_used_at_ms
                        .map_or_else(|| "never used".to_owned(), |at_ms| format!("last used {}", rfc3339(at_ms)));
                    let whose = if key.service { "service " } else { "" };
                    let scopes = key.scopes.map_or_else(|| "all scopes".to_owned(), |scopes| scopes.join(" "));
                    println!("{}  {whose}{}  {}  {state}  {used}  {scopes}", key.id, key.user, key.name);
                }
            }
            Reply::Done { what } => println!("{what}"),
            Reply::Refused { why } => anyhow::bail!(why),
            Reply::Users { .. } => anyhow::bail!("the server answered something else; is the command line of the same version?"),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn duration_ms(text: &str) -> Result<i64, String> {
    let unit_ms = match text.chars().last() {
        Some('d') => 86_400_000,
        Some('h') => 3_600_000,
        Some('m') => 60_000,
        Some('s') => 1000,
        _ => return Err("a number and d, h, m or s".to_owned()),
    };
    let number: i64 = text
        .get(..text.len() - 1)
        .and_then(|digits| digits.parse().ok())
        .ok_or("a whole number before the unit")?;
    number
        .checked_mul(unit_ms)
        .filter(|ms| *ms > 0)
        .ok_or_else(|| "more than nothing, and less than for ever".to_owned())
}

#[cfg(test)]
mod tests {
    use super::duration_ms;

    #[test]
    fn times() {
        assert_eq!(duration_ms("90d"), Ok(7_776_000_000));
        assert_eq!(duration_ms("45s"), Ok(45_000));
        for bad in ["", "d", "0d", "-1d", "1y", "1.5h", "99999999999999999d"] {
            assert!(duration_ms(bad).is_err(), "{bad}");
        }
    }
}

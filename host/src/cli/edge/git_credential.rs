//! `claviger git-credential`: Git's credential helper. `get` answers a token for exactly the host that Git names, or nothing, so that Git goes on;
//! `erase` says that it was refused there, and the next `get` asks for another; `store` does nothing, since nothing is kept here.

use super::git_protocol::Question;
use super::place::{self, Place};
use super::reading::{Asked, Consumer, Reading};
use super::rejections::Rejections;
use crate::cli::client::{Client, Failure, V1, below};
use crate::clock::{Clock, SystemClock};

/// A fetch of a large repository asks once and may take minutes until it sends the token.
const MIN_TTL_S: u32 = 120;
/// Providers whose credentials open repositories, for a session, whose list of them is the runner's.
const OF_SESSIONS: [&str; 2] = ["github", "gitlab"];

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct GitCredential {
    #[command(flatten)]
    place: Place,
    /// This one, whatever else there is for the host.
    #[arg(long, value_name = "ID|NAME", conflicts_with_all = ["provider", "project"])]
    credential: Option<String>,
    /// Only credentials of this provider.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// What Git says: `get`, `store` or `erase`.
    #[arg(value_name = "OPERATION")]
    operation: String,
}

impl GitCredential {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        // Read in any case: Git would find its pipe closed.
        let question = Question::read(std::io::stdin().lock())?;
        match self.operation.as_str() {
            "get" => self.get(&question).await,
            "erase" => self.erase(&question).await,
            // Git will learn other words; a helper is to overhear those that it does not know.
            _ => Ok(()),
        }
    }

    async fn get(&self, question: &Question) -> Result<(), Failure> {
        let signed = self.place.signed().await?;
        let client = signed.client()?;
        for id in self.find(&client, question).await? {
            let Some(mut reading) = read(&client, &id, None).await?.filter(|reading| is_for(reading, question)) else {
                continue;
            };
            let rejected = Rejections::of_this_person().take(signed.server.url.as_str(), &id, SystemClock.now_ms());
            if rejected.is_some() {
                let another = read(&client, &id, rejected).await?.filter(|reading| is_for(reading, question));
                let Some(another) = another else { continue };
                reading = another;
            }
            return reading.tell_git();
        }
        Ok(())
    }

    async fn erase(&self, question: &Question) -> Result<(), Failure> {
        let Some(password) = &question.password else {
            return Ok(());
        };
        let signed = self.place.signed().await?;
        let client = signed.client()?;
        for id in self.find(&client, question).await? {
            // What was refused may be another helper's, or have been replaced meanwhile: then there is nothing to replace.
            if let Some(reading) = read(&client, &id, None).await?
                && is_for(&reading, question)
                && reading.has_password(password)
            {
                let now_ms = SystemClock.now_ms();
                Rejections::of_this_person().note(signed.server.url.as_str(), &id, reading.generation, now_ms);
            }
        }
        Ok(())
    }

    /// The credential that could be for this host; of a session one for each provider, since two may have one host, and the path then tells them apart.
    async fn find(&self, client: &Client, question: &Question) -> Result<Vec<String>, Failure> {
        if question.host.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(given) = &self.credential {
            return Ok(vec![client.credential_id(given).await?]);
        }
        if self.place.is_session()? {
            return self.find_in_session(client, question).await;
        }
        let mut seen = client.all("credentials").await?;
        seen.retain(|credential| {
            let provider = credential.get("provider").and_then(serde_json::Value::as_str);
            question.could_be(credential) && self.provider.as_deref().is_none_or(|wanted| provider == Some(wanted))
        });
        let one = place::one(seen, &format!("credentials may open `{}`", question.host))?;
        Ok(one.into_iter().collect())
    }

    async fn find_in_session(&self, client: &Client, question: &Question) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        let named = self.provider.as_deref();
        let providers = named.map_or_else(|| OF_SESSIONS.to_vec(), |provider| vec![provider]);
        for provider in providers {
            let Some(id) = self.place.of_session(provider)? else { continue };
            match client.get(&below(V1, &["credentials", &id]), &[]).await {
                Ok(shown) if question.could_be(&shown) => found.push(id),
                Ok(_) | Err(Failure::NotFound(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(found)
    }
}

/// The token as Git needs it; nothing if there is none, or none of this kind.
async fn read(client: &Client, id: &str, rejected: Option<u64>) -> Result<Option<Reading>, Failure> {
    let asked = Asked {
        consumer: Some(Consumer::Git),
        min_ttl_s: Some(MIN_TTL_S),
        rejected,
        narrowing: None,
    };
    match Reading::of(client, id, asked).await {
        Ok(reading) => Ok(Some(reading)),
        Err(Failure::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

fn is_for(reading: &Reading, question: &Question) -> bool {
    let [protocol, host, path, username] = ["protocol", "host", "path", "username"].map(|name| reading.git(name));
    question.is_answered_by(protocol, host, path, username)
}

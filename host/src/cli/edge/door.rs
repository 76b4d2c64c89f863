//! A sidecar's way to the API: its bearer, renewed, and what it asks with it.

use super::contract::{Contract, bot_token};
use super::reading::{Asked, Consumer, Reading};
use super::renewal::MIN_TTL_S;
use crate::cli::client::{Client, Failure, V1, below};
use crate::clock::{Clock, Millis, SystemClock};

/// What renews the session's bearer writes it anew; a quarter of an hour is all that one lives.
const BEARER_FOR_MS: Millis = 60_000;

/// The way, open.
pub(super) struct Door {
    contract: Contract,
    client: Option<(Client, Millis)>,
}

impl Door {
    pub(super) const fn new(contract: Contract) -> Self {
        Self { contract, client: None }
    }

    /// The provider whose tokens it is for.
    pub(super) fn provider(&self) -> &str {
        &self.contract.provider
    }

    /// What the id stands for now, as the API shows it: whose, and which generation. Changes whenever the token may have.
    pub(super) async fn standing(&mut self) -> Result<String, Failure> {
        let id = self.contract.id.clone();
        let shown = self.client()?.get(&below(V1, &["credentials", &id]), &[]).await;
        self.heard(shown).map(|shown| shown.to_string())
    }

    /// The token, with what it stands for: read between two looks that saw the same, so that they belong together.
    pub(super) async fn read(&mut self) -> Result<(String, Reading), Failure> {
        for _ in 0..3 {
            let before = self.standing().await?;
            let reading = self.token().await?;
            // A mint may raise the generation, so only the second look may count; the next round then sees it twice.
            if self.standing().await? == before {
                reading.is_fit_for_a_process()?;
                return Ok((before, reading));
            }
        }
        Err(Failure::Refused("whose token it is changes faster than it can be read".to_owned()))
    }

    async fn token(&mut self) -> Result<Reading, Failure> {
        // A document is written to a file, and has no variables.
        let consumer = (self.provider() != "kubeconfig").then_some(Consumer::Environment);
        let asked = Asked {
            consumer,
            min_ttl_s: Some(MIN_TTL_S),
            rejected: None,
        };
        let id = self.contract.id.clone();
        let read = Reading::of(self.client()?, &id, asked).await;
        self.heard(read)
    }

    /// A bearer that the API does not know is not used again.
    fn heard<T>(&mut self, answer: Result<T, Failure>) -> Result<T, Failure> {
        if matches!(answer, Err(Failure::NotSignedIn(_))) {
            self.client = None;
        }
        answer
    }

    fn client(&mut self) -> Result<&Client, Failure> {
        let now_ms = SystemClock.now_ms();
        let is_good = self.client.as_ref().is_some_and(|(_, until_ms)| now_ms < *until_ms);
        if !is_good {
            let client = Client::new(&self.contract.server, &bot_token()?)?;
            self.client = Some((client, now_ms + BEARER_FOR_MS));
        }
        let client = self.client.as_ref().map(|(client, _)| client);
        client.ok_or_else(|| Failure::NotSignedIn("no bearer".to_owned()))
    }
}

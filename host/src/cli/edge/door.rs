//! A sidecar's way to the API: its bearer, renewed, and what it asks with it.

use super::contract::{Contract, bot_token};
use super::exchanger::{Bearer, Exchanger};
use super::reading::{Asked, Consumer, Reading};
use super::renewal::{MIN_TTL_S, RETRY_MS};
use crate::cli::client::{Client, Failure, Server, V1, below};
use crate::clock::{Clock, Millis, SystemClock};
use crate::secret::Secret;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What renews a bearer in a file writes it anew; a quarter of an hour is all that one lives.
const BOT_TOKEN_FOR_MS: Millis = 60_000;
/// A session's allowance at the exchange is one bearer in two seconds, for its runner and all of its sidecars.
const DOUBTED_AFTER_MS: Millis = 20_000;

/// The way, open.
pub(super) struct Door {
    provider: String,
    id: String,
    server: Server,
    exchanger: Option<Arc<Exchanger>>,
    client: Option<Signed>,
    /// The next bearer, on its way: looking whose turn it is does not wait for it.
    next: Option<JoinHandle<Result<Bearer, Failure>>>,
    is_over: bool,
}

/// A client, and from when on its bearer should be another one.
struct Signed {
    client: Client,
    since_ms: Millis,
    renew_at_ms: Millis,
}

impl Door {
    pub(super) fn new(contract: Contract) -> Self {
        Self {
            provider: contract.provider,
            id: contract.id,
            server: contract.server,
            exchanger: contract.exchanger.map(Arc::new),
            client: None,
            next: None,
            is_over: false,
        }
    }

    /// The provider whose tokens it is for.
    pub(super) fn provider(&self) -> &str {
        &self.provider
    }

    /// Whether the exchange has said that there is no bearer for this session any more.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// What was somebody's is nobody's now. A turn has ended, or the session: the exchange knows which, and is asked soon.
    pub(super) fn doubt(&mut self) {
        if let Some(signed) = &mut self.client {
            signed.renew_at_ms = signed.renew_at_ms.min(signed.since_ms + DOUBTED_AFTER_MS);
        }
    }

    /// The first token, and nothing if it is nobody's turn. Without a bearer, and where the token is refused, there is no start; that what it stands
    /// for cannot be learned yet is no reason not to.
    pub(super) async fn first(&mut self) -> Result<Option<(String, Reading)>, Failure> {
        self.client().await?;
        match self.standing().await {
            Ok(_) => {}
            Err(Failure::NotFound(_)) => return Ok(None),
            Err(why) => {
                self.token().await?;
                crate::cli::note(&format!("claviger: {why}"));
                return Ok(None);
            }
        }
        match self.read().await {
            Err(Failure::NotFound(_)) => Ok(None),
            read => read.map(Some),
        }
    }

    /// What the id stands for now, as the API shows it: whose, and which generation. Changes whenever the token may have.
    pub(super) async fn standing(&mut self) -> Result<String, Failure> {
        let id = self.id.clone();
        let shown = self
            .ask(async |client: &Client| client.get(&below(V1, &["credentials", &id]), &[]).await)
            .await;
        shown.map(|shown| shown.to_string())
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
            narrowing: None,
        };
        let id = self.id.clone();
        self.ask(async |client: &Client| Reading::of(client, &id, asked).await).await
    }

    /// Asks the API. A bearer that it does not know is not used again, and where there is an exchange the question is put once more with the next one.
    async fn ask<T>(&mut self, question: impl AsyncFn(&Client) -> Result<T, Failure>) -> Result<T, Failure> {
        let answer = question(self.client().await?).await;
        if !matches!(answer, Err(Failure::NotSignedIn(_))) {
            return answer;
        }
        self.forget();
        if self.exchanger.is_none() {
            return answer;
        }
        let answer = question(self.client().await?).await;
        if matches!(answer, Err(Failure::NotSignedIn(_))) {
            self.forget();
        }
        answer
    }

    async fn client(&mut self) -> Result<&Client, Failure> {
        let now_ms = SystemClock.now_ms();
        let is_due = self.client.as_ref().map(|signed| now_ms >= signed.renew_at_ms);
        match (self.exchanger.clone(), is_due) {
            (_, Some(false)) => {}
            (None, _) => self.sign(&bot_token()?, now_ms + BOT_TOKEN_FOR_MS)?,
            (Some(exchanger), None) => {
                let bearer = exchanger.bearer().await;
                self.take(bearer)?;
            }
            (Some(exchanger), Some(true)) => self.renew(exchanger, now_ms).await?,
        }
        let signed = self.client.as_ref().map(|signed| &signed.client);
        signed.ok_or_else(|| Failure::NotSignedIn("no bearer".to_owned()))
    }

    /// Until the API refuses the bearer that there is, it is good: nobody waits for the next one, and one that does not come is told.
    async fn renew(&mut self, exchanger: Arc<Exchanger>, now_ms: Millis) -> Result<(), Failure> {
        let Some(next) = self.next.take() else {
            self.next = Some(tokio::spawn(async move { exchanger.bearer().await }));
            return Ok(());
        };
        if !next.is_finished() {
            self.next = Some(next);
            return Ok(());
        }
        let bearer = next.await.unwrap_or_else(|why| Err(Failure::Refused(why.to_string())));
        match self.take(bearer) {
            Err(why) if !self.is_over => {
                crate::cli::note(&format!("claviger: the session's bearer is not renewed: {why}"));
                if let Some(signed) = &mut self.client {
                    signed.renew_at_ms = now_ms + RETRY_MS;
                }
                Ok(())
            }
            taken => taken,
        }
    }

    fn take(&mut self, bearer: Result<Bearer, Failure>) -> Result<(), Failure> {
        self.is_over |= matches!(bearer, Err(Failure::NotSignedIn(_)));
        let bearer = bearer?;
        self.sign(&bearer.token, bearer.renew_at_ms)
    }

    fn sign(&mut self, bearer: &Secret, renew_at_ms: Millis) -> Result<(), Failure> {
        self.client = Some(Signed {
            client: Client::new(&self.server, bearer)?,
            since_ms: SystemClock.now_ms(),
            renew_at_ms,
        });
        Ok(())
    }

    fn forget(&mut self) {
        self.client = None;
        self.next = None;
    }
}

//! The control plane's token exchange: how a runner that was given nothing but its environment gets its session's own bearer, and renews it.
//!
//! The runner encrypts its session's id with the public key and shows the result as a bearer, at an address that its session alone was given. Both
//! have to fit one running session; what comes back is that session's bearer for a quarter of an hour, and nothing wider. Anybody can encrypt a
//! session's id, and shows of it nothing but that they know the id: the secret in the address is what counts.
//!
//! The secret is looked at first. So whoever has none costs no decryption, and what is refused to them tells nothing of sessions. A bearer leaves
//! once its record is durable, as a token does (law 1).

mod address;
mod key;
mod limits;
mod public_key;

pub use public_key::{PublicKey, PublicKeyError};

use crate::access::LiveIndex;
use crate::audit::{Administrative, Audit};
use crate::authn::{SessionClaims, SignedBearers, Subject};
use crate::clock::{Millis, SharedClock};
use crate::ids::{RequestId, SessionHandle, SessionId};
use crate::records::model::Session;
use crate::records::{Records, RecordsError};
use crate::seal::jws::JwsError;
use crate::seal::{Keyring, SealError};
use crate::secret::Secret;
use crate::telemetry;
use address::Presented;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use key::{CIPHERTEXT_BYTES, SharedKey, blocking};
use limits::Limits;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long a session's bearer lives, in milliseconds. Runners renew it every four or five minutes.
const BEARER_MS: Millis = 15 * 60_000;

/// Decryptions at one time: five milliseconds of a core each, which reads of tokens need more.
const DECRYPTIONS: usize = 2;
/// How long one waits for its turn to be decrypted.
const TURN: Duration = Duration::from_secs(5);

/// Why the exchange cannot do its work. Nothing of it is for whoever asks.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExchangeError {
    /// The key is sealed with another keyring.
    #[error("the exchange's key does not open: {0}")]
    Sealed(#[from] SealError),
    /// What was opened is no key.
    #[error("the exchange's key is no RSA key any more; the records are damaged")]
    Damaged,
    /// aws-lc gave none.
    #[error("a key for the exchange could not be made")]
    Making,
    /// It is being made.
    #[error("the exchange's key is being made; it takes some seconds, once")]
    NotYet,
    /// Too many ask at the same time.
    #[error("too many ask the exchange at the same time")]
    Busy,
    /// The records.
    #[error("{0}")]
    Records(Arc<RecordsError>),
    /// The authorisation index is behind or damaged.
    #[error("authorisation data is not current")]
    Authorisation,
    /// The trail does not take records.
    #[error("the audit record could not be written")]
    Audit,
    /// The bearer could not be signed.
    #[error(transparent)]
    Signing(#[from] JwsError),
}

impl From<RecordsError> for ExchangeError {
    fn from(error: RecordsError) -> Self {
        Self::Records(Arc::new(error))
    }
}

/// Why nobody gets a bearer.
#[derive(Debug)]
pub enum Refusal {
    /// No ciphertext, or none of ours.
    Unauthorized,
    /// No running session of that id at that address.
    Forbidden,
    /// Too often.
    TooMany,
    /// The address without a secret is not served.
    NotServed,
    /// It cannot be told now.
    Unavailable(ExchangeError),
}

impl From<ExchangeError> for Refusal {
    fn from(error: ExchangeError) -> Self {
        Self::Unavailable(error)
    }
}

impl Refusal {
    const fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TooMany => "too-many",
            Self::NotServed => "not-served",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// A session's bearer, recorded.
pub struct Granted {
    /// The bearer.
    pub token: Secret,
    /// Its end.
    pub expires_at_ms: Millis,
}

/// What the exchange works with.
pub struct Tools {
    /// The time.
    pub clock: SharedClock,
    /// Opens the key, makes the addresses.
    pub keyring: Keyring,
    /// Where the key lies.
    pub records: Records,
    /// Which sessions run.
    pub index: LiveIndex,
    /// Signs bearers.
    pub bearers: SignedBearers,
    /// The trail.
    pub audit: Audit,
}

/// The exchange. Cloning shares it.
#[derive(Clone)]
pub struct Exchange(Arc<Inner>);

struct Inner {
    tools: Tools,
    /// How runners reach it, without a slash at the end.
    url: String,
    bare: bool,
    key: SharedKey,
    limits: Limits,
    decryptions: Semaphore,
}

impl Exchange {
    /// At this address; `bare` serves `/token` without a secret as well. A key that was made before has to open; a new one is made when it is first
    /// needed, or by [`Exchange::prepare`].
    ///
    /// # Errors
    /// If there is a key that does not open.
    pub async fn open(tools: Tools, url: &str, bare: bool) -> Result<Self, ExchangeError> {
        let key = SharedKey::new(tools.records.clone(), tools.keyring.clone());
        if key.is_made().await? {
            key.get().await?;
        }
        Ok(Self(Arc::new(Inner {
            tools,
            url: url.trim_end_matches('/').to_owned(),
            bare,
            key,
            limits: Limits::new(),
            decryptions: Semaphore::new(DECRYPTIONS),
        })))
    }

    /// Makes the key in the background, where there is none.
    pub fn prepare(&self) {
        let key = self.0.key.clone();
        tokio::spawn(async move {
            loop {
                match key.get().await {
                    Ok(_) => return,
                    Err(ExchangeError::NotYet) => {}
                    Err(error) => return tracing::error!(%error, "the token exchange cannot work"),
                }
            }
        });
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Where a session gets its bearer: for its runner's environment and for nobody else.
    #[must_use]
    pub fn address_of(&self, session: &Session) -> Secret {
        let secret = address::secret_of(&self.0.tools.keyring, session);
        Secret::new(format!("{}/token/{}", self.0.url, secret.expose()))
    }

    /// The public key, PEM.
    ///
    /// # Errors
    /// If there is none within eight seconds.
    pub async fn public_key(&self) -> Result<Arc<str>, ExchangeError> {
        Ok(self.0.key.get().await?.public())
    }

    /// Trades a ciphertext for a bearer. `secret` is the last part of the path, `None` for the bare one.
    ///
    /// # Errors
    /// [`Refusal`]; each is counted.
    pub async fn trade(&self, secret: Option<&str>, authorization: Option<&[u8]>) -> Result<Granted, Refusal> {
        let traded = self.0.trade(secret, authorization).await;
        let outcome = traded.as_ref().map_or_else(Refusal::code, |_| "granted");
        metrics::counter!(telemetry::EXCHANGES, "outcome" => outcome).increment(1);
        if let Err(Refusal::Unavailable(error)) = &traded {
            tracing::warn!(%error, "the exchange could not answer");
        }
        traded
    }
}

impl Inner {
    async fn trade(&self, secret: Option<&str>, authorization: Option<&[u8]>) -> Result<Granted, Refusal> {
        if secret.is_none() && !self.bare {
            return Err(Refusal::NotServed);
        }
        let Some(ciphertext) = ciphertext_of(authorization) else {
            return Err(self.in_vain(Refusal::Unauthorized));
        };
        match secret {
            Some(secret) => self.at_address(secret, ciphertext).await,
            None => self.at_bare(ciphertext).await,
        }
    }

    async fn at_address(&self, secret: &str, ciphertext: Vec<u8>) -> Result<Granted, Refusal> {
        let Some((handle, session)) = self.session_at(secret)? else {
            return Err(self.in_vain(Refusal::Forbidden));
        };
        if !self.limits.session_may(handle, self.now_ms()) {
            return Err(Refusal::TooMany);
        }
        if !session.phase.has_credentials() {
            return self.refused(&session, "session-ended", Refusal::Forbidden).await;
        }
        match self.decrypted(ciphertext).await? {
            None => self.refused(&session, "ciphertext", Refusal::Unauthorized).await,
            Some(id) if id == session.id.as_str().as_bytes() => self.granted(&session).await,
            Some(_) => self.refused(&session, "other-session", Refusal::Forbidden).await,
        }
    }

    /// Whoever reaches the listener may have this decrypted, so what is in vain is bounded before the work.
    async fn at_bare(&self, ciphertext: Vec<u8>) -> Result<Granted, Refusal> {
        if !self.limits.may_be_in_vain(self.now_ms()) {
            return Err(Refusal::TooMany);
        }
        let Some(id) = self.decrypted(ciphertext).await? else {
            return Err(self.in_vain(Refusal::Unauthorized));
        };
        let id = session_id(id);
        let only = |id: &SessionId| {
            self.tools
                .index
                .read(|index| self.is_fresh(index).then(|| index.only_session(id).cloned()))
        };
        let session = match id.as_ref().map(only) {
            None => None,
            Some(Ok(Some(session))) => session,
            Some(_) => return Err(ExchangeError::Authorisation.into()),
        };
        let Some(session) = session.filter(|session| session.phase.has_credentials()) else {
            return Err(self.in_vain(Refusal::Forbidden));
        };
        if !self
            .limits
            .session_may(SessionHandle::of(&session.project_id, &session.id), self.now_ms())
        {
            return Err(Refusal::TooMany);
        }
        self.granted(&session).await
    }

    /// The session whose secret this is, running or not.
    fn session_at(&self, secret: &str) -> Result<Option<(SessionHandle, Arc<Session>)>, ExchangeError> {
        let Some(presented) = Presented::read(secret) else {
            return Ok(None);
        };
        let index = &self.tools.index;
        let asked = index.read(|index| self.is_fresh(index).then(|| index.session_with(presented.handle).cloned()));
        let Ok(Some(session)) = asked else {
            return Err(ExchangeError::Authorisation);
        };
        let session = session.filter(|session| presented.fits(&self.tools.keyring, session));
        Ok(session.map(|session| (presented.handle, session)))
    }

    async fn decrypted(&self, ciphertext: Vec<u8>) -> Result<Option<Vec<u8>>, ExchangeError> {
        let pair = self.key.get().await?;
        let turn = tokio::time::timeout(TURN, self.decryptions.acquire()).await;
        let _turn = turn.map_err(|_| ExchangeError::Busy)?.map_err(|_| ExchangeError::Busy)?;
        blocking(move || Ok(pair.decrypt(&ciphertext))).await
    }

    async fn granted(&self, session: &Session) -> Result<Granted, Refusal> {
        let now_ms = self.now_ms();
        self.record(session, "granted", None).await?;
        let claims = SessionClaims {
            project: session.project_id.clone(),
            session: session.id.clone(),
            subject: Subject::Session {
                start: Some(session.starts),
            },
        };
        let expires_at_ms = now_ms + BEARER_MS;
        let token = self
            .tools
            .bearers
            .issue(claims, now_ms, expires_at_ms)
            .map_err(ExchangeError::from)?;
        Ok(Granted { token, expires_at_ms })
    }

    /// Somebody who has the session's address gets nothing: that is worth a record. A session's allowance bounds how many there are.
    async fn refused(&self, session: &Session, reason: &str, refusal: Refusal) -> Result<Granted, Refusal> {
        self.record(session, "denied", Some(reason)).await?;
        Err(refusal)
    }

    async fn record(&self, session: &Session, outcome: &'static str, reason: Option<&str>) -> Result<(), ExchangeError> {
        let request = RequestId::make(&*self.tools.clock);
        let event = Administrative::exchange(&request, (&session.project_id, &session.id), reason).ended(outcome);
        self.tools.audit.administrative(event).await.map_err(|_| ExchangeError::Audit)
    }

    fn in_vain(&self, refusal: Refusal) -> Refusal {
        if self.limits.was_in_vain(self.now_ms()) {
            refusal
        } else {
            Refusal::TooMany
        }
    }

    fn is_fresh(&self, index: &crate::access::Index) -> bool {
        index.is_fresh(self.now_ms())
    }

    fn now_ms(&self) -> Millis {
        self.tools.clock.now_ms()
    }
}

/// The ciphertext in an `Authorization` header: the scheme exactly so, the rest in base64 with its padding.
fn ciphertext_of(authorization: Option<&[u8]>) -> Option<Vec<u8>> {
    let text = authorization?.strip_prefix(b"Bearer ")?;
    let ciphertext = STANDARD.decode(text).ok()?;
    (ciphertext.len() == CIPHERTEXT_BYTES).then_some(ciphertext)
}

/// A session's id, if that is what was encrypted. Clients of the wire expect that less than eight bytes are none.
fn session_id(plain: Vec<u8>) -> Option<SessionId> {
    let text = String::from_utf8(plain).ok().filter(|text| text.len() >= 8)?;
    SessionId::parse(text).ok()
}

#[cfg(test)]
mod tests;

//! What every handler works with.

use super::connect::Trials;
use crate::access::LiveIndex;
use crate::audit::Audit;
use crate::authn::Authenticator;
use crate::broker::Broker;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::egress::Egress;
use crate::exchange::Exchange;
use crate::follow::Follower;
use crate::records::Records;
use crate::runtime::Catalog;
use crate::seal::Keyring;
use std::ops::Deref;
use std::sync::Arc;

/// The parts, as `server` puts them together.
pub struct Parts {
    /// What the operator decided.
    pub config: Config,
    /// The time.
    pub clock: SharedClock,
    /// The keys.
    pub keyring: Keyring,
    /// The truth.
    pub records: Records,
    /// What of the truth is in memory.
    pub index: LiveIndex,
    /// Keeps it current.
    pub follower: Follower,
    /// Recognises bearers.
    pub authn: Authenticator,
    /// The trail.
    pub audit: Audit,
    /// Gets tokens.
    pub broker: Broker,
    /// Where runners get their session's bearer, if the operator has them get it here.
    pub exchange: Option<Exchange>,
    /// The loaded providers.
    pub catalog: Arc<Catalog>,
    /// The way out: here only to ask which instances are allowed.
    pub egress: Arc<Egress>,
}

/// The shared state of all handlers.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    parts: Parts,
    trials: Trials,
}

impl App {
    /// Shares the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let trials = Trials::new();
        Self(Arc::new(Shared { parts, trials }))
    }

    /// How often each person has had something tried.
    pub(super) fn trials(&self) -> &Trials {
        &self.0.trials
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

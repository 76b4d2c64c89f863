//! What the tests of the sandbox share: an upstream that answers as told, a journal that remembers, and loaded providers.

use claviger::clock::{ManualClock, SharedClock};
use claviger::egress::{Egress, Instance, SystemResolver, approve, install_crypto};
use claviger::manifest::{Endpoint, Manifest, WantedLimits};
use claviger::runtime::{
    Approval, BUILT_INS, CallContext, CredentialInput, Door, Input, Limits, MintInput, Minted, Options, Outgoing, Provider, ProviderFault,
    RawAnswer, Refusal, Rotated, RotationError, RotationLog, Sandbox, Upstream,
};
use claviger::secret::Secret;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::Notify;
use zeroize::Zeroizing;

pub const NOW: i64 = 1_700_000_000_000;

/// What the upstream does.
pub enum Script {
    Answer(u16, Vec<(&'static str, String)>, String),
    Refuse(Refusal),
    Hang,
}

pub fn json(status: u16, body: impl Into<String>) -> Script {
    Script::Answer(status, Vec::new(), body.into())
}

/// What was sent, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

type Answering = dyn Fn(&Sent) -> Script + Send + Sync;

/// An upstream in memory, behind the real rules of what may be asked.
pub struct Fake {
    answering: Box<Answering>,
    sent: Mutex<Vec<Sent>>,
}

impl Fake {
    pub fn new(answering: impl Fn(&Sent) -> Script + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            answering: Box::new(answering),
            sent: Mutex::default(),
        })
    }

    /// An upstream that nobody may reach.
    pub fn silent() -> Arc<Self> {
        Self::new(|sent| panic!("nothing should have been sent, but {} {}", sent.method, sent.url))
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

/// The door to a [`Fake`].
pub struct FakeDoor(pub Arc<Fake>);

impl Door for FakeDoor {
    fn open(&self, provider: &str, manifest: &Arc<Manifest>, url: Option<&str>) -> Result<Arc<dyn Upstream>, Refusal> {
        static RULES: OnceLock<Egress> = OnceLock::new();
        let egress = RULES.get_or_init(|| {
            install_crypto();
            Egress::new(&claviger::config::Egress::default(), &[], Arc::new(SystemResolver)).unwrap()
        });
        let instance = egress.instance_for(provider, manifest, url)?;
        Ok(Arc::new(FakeWay {
            fake: Arc::clone(&self.0),
            instance,
        }))
    }
}

struct FakeWay {
    fake: Arc<Fake>,
    instance: Instance,
}

impl Upstream for FakeWay {
    fn approve<'m>(&self, manifest: &'m Manifest, method: &str, url: &str) -> Result<&'m Endpoint, Refusal> {
        Ok(approve(&manifest.endpoints, &self.instance, method, url)?.endpoint())
    }

    fn send(self: Arc<Self>, _: Arc<Manifest>, request: Outgoing) -> BoxFuture<'static, Result<RawAnswer, Refusal>> {
        Box::pin(async move {
            let headers = request
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.expose().to_owned()))
                .collect();
            let sent = Sent {
                method: request.method,
                url: request.url,
                headers,
                body: request.body.expose().to_owned(),
            };
            self.fake.sent.lock().unwrap().push(sent.clone());
            match (self.fake.answering)(&sent) {
                Script::Answer(status, headers, body) => Ok(RawAnswer {
                    status,
                    headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                    body: Zeroizing::new(body.into_bytes()),
                }),
                Script::Refuse(refusal) => Err(refusal),
                Script::Hang => std::future::pending().await,
            }
        })
    }
}

/// A journal that remembers its entries.
#[derive(Default)]
pub struct Journal {
    pub lines: Mutex<Vec<String>>,
    /// Rung when something was rotated.
    pub stored: Notify,
    pub refuse_intent: bool,
    pub refuse_storing: bool,
}

impl Journal {
    fn write(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl RotationLog for Journal {
    fn intend(&self) -> BoxFuture<'_, Result<(), RotationError>> {
        self.write("intend".into());
        let refused = self.refuse_intent;
        Box::pin(async move {
            if refused {
                Err(RotationError("the disk is full".into()))
            } else {
                Ok(())
            }
        })
    }

    fn not_sent(&self) -> BoxFuture<'_, ()> {
        self.write("not sent".into());
        Box::pin(async {})
    }

    fn unanswered(&self) -> BoxFuture<'_, ()> {
        self.write("unanswered".into());
        Box::pin(async {})
    }

    fn refused(&self, status: u16) -> BoxFuture<'_, ()> {
        self.write(format!("refused {status}"));
        Box::pin(async {})
    }

    fn rotated(&self, rotated: Rotated) -> BoxFuture<'_, Result<(), RotationError>> {
        let refused = self.refuse_storing;
        Box::pin(async move {
            // Gives way first, so that a call that went on without waiting would be caught.
            tokio::task::yield_now().await;
            let fields: Vec<String> = rotated
                .fields
                .iter()
                .map(|(name, value)| format!("{name}={}", value.expose()))
                .collect();
            let token = rotated.token.as_ref().map_or("none", Secret::expose);
            self.write(format!(
                "rotated {} token={token} expires={:?}",
                fields.join(","),
                rotated.expires_at_ms
            ));
            self.stored.notify_one();
            if refused {
                Err(RotationError("the disk is full".into()))
            } else {
                Ok(())
            }
        })
    }
}

/// The target folder, by the place of this test program.
pub fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .unwrap()
        .to_owned()
}

/// The component that does everything wrong.
pub fn hostile_component() -> Vec<u8> {
    let path = target().join("providers-test/hostile.wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}; run `cargo xtask providers`", path.display()))
}

/// The hostile component with another word in its data; as long as the first, so that it stays a component.
pub fn patched(from: &str, to: &str) -> Vec<u8> {
    let mut component = hostile_component();
    let to = format!("{to}{}", " ".repeat(from.len().saturating_sub(to.len())));
    let at = component.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    component.splice(at..at + from.len(), to.bytes());
    component
}

/// A built-in component.
pub fn built_in(name: &str) -> &'static [u8] {
    let found = BUILT_INS.iter().find(|built_in| built_in.name == name);
    found
        .unwrap_or_else(|| panic!("`{name}` is not built in; run `cargo xtask providers`"))
        .component
}

pub fn sandbox(limits: Limits) -> Arc<Sandbox> {
    Sandbox::new(Options {
        limits,
        ..Options::default()
    })
    .unwrap()
}

/// Loads a component with everything that it asks for.
pub async fn load(sandbox: &Arc<Sandbox>, component: &[u8], reveal: bool) -> Provider {
    let inspected = sandbox.inspect(component).await.unwrap_or_else(|error| panic!("{error}"));
    let approval = Approval {
        limits: WantedLimits::default(),
        reveal,
        manifest: inspected.manifest,
    };
    sandbox
        .load(component, &inspected.digest, &approval)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

pub fn secret(text: &str) -> Input {
    Input::Secret(Secret::new(text.to_owned()))
}

pub fn clock() -> SharedClock {
    Arc::new(ManualClock::at(NOW))
}

pub struct Call<'a> {
    pub kind: &'a str,
    pub fields: Vec<(&'a str, Input)>,
    pub url: Option<&'a str>,
    pub narrowing: Vec<(&'a str, &'a str)>,
    pub journal: Option<Arc<Journal>>,
}

impl<'a> Call<'a> {
    pub fn of(kind: &'a str, fields: Vec<(&'a str, Input)>) -> Self {
        Self {
            kind,
            fields,
            url: None,
            narrowing: Vec::new(),
            journal: None,
        }
    }

    pub fn narrowed(mut self, key: &'a str, value: &'a str) -> Self {
        self.narrowing.push((key, value));
        self
    }

    pub fn at(mut self, url: &'a str) -> Self {
        self.url = Some(url);
        self
    }

    pub fn journalled(mut self, journal: &Arc<Journal>) -> Self {
        self.journal = Some(Arc::clone(journal));
        self
    }

    pub async fn mint(self, provider: &Provider, upstream: &Arc<Fake>) -> Result<Minted, ProviderFault> {
        let owned = |pairs: Vec<(&str, &str)>| pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let credential = CredentialInput {
            kind: self.kind.to_owned(),
            fields: self.fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            url: self.url.map(str::to_owned),
            current: None,
        };
        let input = MintInput {
            credential,
            narrowing: owned(self.narrowing),
        };
        let context = CallContext {
            provider: provider.manifest().provider.clone(),
            door: Arc::new(FakeDoor(Arc::clone(upstream))),
            clock: clock(),
            rotation: self.journal.map(|journal| journal as Arc<dyn RotationLog>),
        };
        provider.mint(input, context).await
    }
}

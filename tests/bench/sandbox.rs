//! What the sandbox costs: a GitHub personal access token minted in a fresh store, over the same function called natively.

use anyhow::{Context, Result, anyhow};
use claviger::clock::{SharedClock, SystemClock};
use claviger::manifest::{Endpoint, Manifest};
use claviger::runtime::{
    CallContext, Catalog, CredentialInput, Door, Folder, Input, MintInput, Options, Outgoing, Provider, RawAnswer, Refusal, Sandbox,
    Upstream,
};
use claviger::secret::Secret;
use claviger_sdk::testing::TestHost;
use claviger_sdk::{Narrowing, Provider as _};
use provider_github::GitHub;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use tokio::time::Instant;

/// The number of calls.
const CALLS: usize = 10_000;

/// A tenth of them come first and are not counted.
const WARM_UP: usize = CALLS / 10;

const TOKEN: &str = "ghp_benchmark0123456789abcdefghijABCDEFG";

/// Median microseconds in the sandbox, less those of the native function.
///
/// # Errors
/// The provider does not load or does not mint.
pub async fn overhead_us() -> Result<f64> {
    Ok(in_sandbox().await? - natively()?)
}

async fn in_sandbox() -> Result<f64> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let sandbox = Sandbox::new(Options::default()).context("no sandbox")?;
    let catalog = Catalog::open(sandbox, Folder::at(folder.path()))
        .await
        .context("the built-in providers do not load")?;
    let github = catalog.get("github").map_err(|why| anyhow!("{why}"))?;
    let clock: SharedClock = Arc::new(SystemClock);
    let mut spent_ns = Vec::with_capacity(CALLS);
    for call in 0..WARM_UP + CALLS {
        let ns = one_in_sandbox(&github, Arc::clone(&clock)).await?;
        if call >= WARM_UP {
            spent_ns.push(ns);
        }
    }
    Ok(median_us(spent_ns))
}

async fn one_in_sandbox(github: &Provider, clock: SharedClock) -> Result<u128> {
    let fields = vec![("token".to_owned(), Input::Secret(Secret::new(TOKEN.to_owned())))];
    let credential = CredentialInput {
        kind: "personal-access-token".to_owned(),
        fields,
        url: None,
        current: None,
    };
    let input = MintInput {
        credential,
        narrowing: Vec::new(),
    };
    let context = CallContext {
        provider: "github".to_owned(),
        door: Arc::new(Closed),
        clock,
        rotation: None,
    };
    let begin = Instant::now();
    let minted = github
        .mint(input, context)
        .await
        .map_err(|fault| anyhow!("the provider does not mint: {fault}"))?;
    let spent = begin.elapsed();
    black_box(minted);
    Ok(spent.as_nanos())
}

fn natively() -> Result<f64> {
    let host = TestHost::start(GitHub::MANIFEST);
    let mut spent_ns = Vec::with_capacity(CALLS);
    for call in 0..WARM_UP + CALLS {
        let credential = host.credential("personal-access-token", &[("token", TOKEN)]);
        let narrowing = Narrowing::default();
        let begin = Instant::now();
        let minted = provider_github::pat::mint(credential, &narrowing).map_err(|failure| anyhow!("natively: {}", failure.code))?;
        let spent = begin.elapsed();
        black_box(minted);
        if call >= WARM_UP {
            spent_ns.push(spent.as_nanos());
        }
    }
    Ok(median_us(spent_ns))
}

fn median_us(mut spent_ns: Vec<u128>) -> f64 {
    spent_ns.sort_unstable();
    spent_ns.get(spent_ns.len() / 2).copied().unwrap_or_default() as f64 / 1000.0
}

/// A personal access token asks nobody.
struct Closed;

impl Door for Closed {
    fn open(&self, _: &str, _: &Arc<Manifest>, _: Option<&str>) -> Result<Arc<dyn Upstream>, Refusal> {
        Ok(Arc::new(Self))
    }
}

impl Upstream for Closed {
    fn approve<'m>(&self, _: &'m Manifest, _: &str, _: &str) -> Result<&'m Endpoint, Refusal> {
        Err(Refusal::denied("a personal access token asks nobody"))
    }

    fn send(self: Arc<Self>, _: Arc<Manifest>, _: Outgoing) -> Pin<Box<dyn Future<Output = Result<RawAnswer, Refusal>> + Send>> {
        Box::pin(async { Err(Refusal::denied("a personal access token asks nobody")) })
    }
}

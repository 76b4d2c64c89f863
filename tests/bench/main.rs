//! `claviger-bench`, which `cargo xtask bench` builds and runs: token reads beside a bare axum handler, on one machine in one run.
//!
//! `docs/bench.md` says what each number is. Runs of the two servers alternate, and the median of three counts, so that what else the
//! machine does meanwhile strikes both.
#![expect(clippy::print_stdout, reason = "the numbers are the output")]

mod baseline;
mod crowd;
mod load;
mod sandbox;
mod server;

use anyhow::{Result, bail};
use baseline::Baseline;
use clap::Parser;
use load::Run;
use serde_json::{Map, Value, json};
use server::Reads;
use std::net::SocketAddr;
use std::time::Duration;

/// Role bindings, few and many.
const FEW: u32 = 100;
const MANY: u32 = 1_000_000;

/// Odd, for the median.
const ROUNDS: u32 = 3;

#[derive(Parser)]
struct Arguments {
    /// Print one JSON object and nothing else.
    #[arg(long)]
    json: bool,
    /// Fail where a number misses its target.
    #[arg(long)]
    check: bool,
    /// Seconds per measurement, all rounds together.
    #[arg(long, default_value_t = 6)]
    seconds: u32,
    /// Be the bare server.
    #[arg(long, hide = true)]
    serve_baseline: bool,
}

/// A number's name, its unit, and what it should be.
struct Goal {
    key: &'static str,
    unit: &'static str,
    target: Target,
}

#[derive(Clone, Copy)]
enum Target {
    None,
    AtLeast(f64),
    AtMost(f64),
}

const GOALS: [Goal; 14] = [
    goal("read_rps_c1", "/s", Target::None),
    goal("read_rps_c8", "/s", Target::None),
    goal("read_rps_c64", "/s", Target::None),
    goal("read_p50_us_c1", "µs", Target::None),
    goal("read_p99_us_c64", "µs", Target::None),
    goal("read_ratio_c8", "", Target::AtLeast(0.40)),
    goal("synced_ratio_c64", "", Target::AtLeast(0.10)),
    goal("sandbox_overhead_us", "µs", Target::AtMost(100.0)),
    goal("ready_ms", "ms", Target::AtMost(500.0)),
    goal("rss_mib", "MiB", Target::AtMost(100.0)),
    goal("audit_bytes_per_read", "B", Target::AtMost(700.0)),
    goal("crowd_ratio_c8", "", Target::AtMost(1.3)),
    goal("crowd_ready_ms", "ms", Target::AtMost(10_000.0)),
    goal("crowd_rss_mib", "MiB", Target::AtMost(1024.0)),
];

const fn goal(key: &'static str, unit: &'static str, target: Target) -> Goal {
    Goal { key, unit, target }
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::None => true,
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::None => String::new(),
            Self::AtLeast(least) => format!("at least {least}"),
            Self::AtMost(most) => format!("at most {most}"),
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.serve_baseline {
        return baseline::serve().await;
    }
    let numbers = measure(Duration::from_secs(u64::from(arguments.seconds.max(ROUNDS))) / ROUNDS).await?;
    if arguments.json {
        println!("{}", Value::Object(numbers.clone()));
    } else {
        print(&numbers);
    }
    let missed: Vec<_> = GOALS
        .iter()
        .filter(|goal| !goal.target.is_met(value(&numbers, goal.key)))
        .map(|goal| goal.key)
        .collect();
    if arguments.check && !missed.is_empty() {
        bail!("targets missed: {}", missed.join(", "));
    }
    Ok(())
}

async fn measure(length: Duration) -> Result<Map<String, Value>> {
    let mut numbers = Map::new();
    let mut put = |key: &str, value: f64, decimals: i32| {
        let scale = 10_f64.powi(decimals);
        numbers.insert(key.to_owned(), json!((value * scale).round() / scale));
    };

    let written = Reads::start("written").await?;
    let bare = Baseline::like(written.address, &written.request).await?;
    let (ours, theirs) = ((written.address, &*written.request), (bare.address, &*written.request));
    let (c1, _) = alternately(ours, theirs, 1, length).await?;
    let (c8, bare_c8) = alternately(ours, theirs, 8, length).await?;
    let (c64, _) = alternately(ours, theirs, 64, length).await?;
    put("read_rps_c1", c1.per_second, 0);
    put("read_rps_c8", c8.per_second, 0);
    put("read_rps_c64", c64.per_second, 0);
    put("read_p50_us_c1", f64::from(c1.percentile_us(50.0)), 0);
    put("read_p99_us_c64", f64::from(c64.percentile_us(99.0)), 0);
    put("read_ratio_c8", c8.per_second / bare_c8.per_second, 3);
    let (rss_mib, audit_bytes) = (written.rss_mib()?, written.audit_bytes_per_read().await?);
    drop(written);

    let synced = Reads::start("synced").await?;
    let (ours, theirs) = ((synced.address, &*synced.request), (bare.address, &*synced.request));
    let (synced_c64, bare_c64) = alternately(ours, theirs, 64, length).await?;
    put("synced_ratio_c64", synced_c64.per_second / bare_c64.per_second, 3);
    drop(synced);

    let (few, _) = Reads::crowded(FEW).await?;
    let (many, ready) = Reads::crowded(MANY).await?;
    let (few_c8, many_c8) = alternately((few.address, &few.request), (many.address, &many.request), 8, length).await?;
    put("crowd_ratio_c8", few_c8.per_second / many_c8.per_second, 3);
    put("crowd_ready_ms", ready.as_secs_f64() * 1000.0, 0);
    put("crowd_rss_mib", many.rss_mib()?, 1);
    drop((few, many));

    put("sandbox_overhead_us", sandbox::overhead_us().await?, 1);
    put("ready_ms", server::ready_ms().await?, 0);
    put("rss_mib", rss_mib, 1);
    put("audit_bytes_per_read", audit_bytes, 0);
    Ok(numbers)
}

/// A server and what it is asked.
type Asked<'a> = (SocketAddr, &'a [u8]);

/// Two servers in turn; of each the run with the median rate.
async fn alternately(one: Asked<'_>, other: Asked<'_>, connections: usize, length: Duration) -> Result<(Run, Run)> {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ones.push(load::run(one.0, one.1, connections, length).await?);
        others.push(load::run(other.0, other.1, connections, length).await?);
    }
    Ok((median(ones)?, median(others)?))
}

fn median(mut runs: Vec<Run>) -> Result<Run> {
    runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let middle = runs.len() / 2;
    match runs.into_iter().nth(middle) {
        Some(run) => Ok(run),
        None => bail!("no runs"),
    }
}

fn value(numbers: &Map<String, Value>, key: &str) -> f64 {
    numbers.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

fn print(numbers: &Map<String, Value>) {
    for Goal { key, unit, target } in GOALS {
        let value = value(numbers, key);
        let mark = if target.is_met(value) { "" } else { "   MISSED" };
        println!("{key:22} {value:>10} {unit:4} {}{mark}", target.text());
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_number_that_is_missing_meets_nothing() {
        assert!(!Target::AtLeast(0.4).is_met(f64::NAN) && !Target::AtMost(0.4).is_met(f64::NAN));
        assert!(Target::AtLeast(0.4).is_met(0.4) && Target::AtMost(100.0).is_met(100.0) && !Target::AtMost(100.0).is_met(100.1));
    }
}

//! What is depended on: licences that may be, sources that may be, and no second version of anything without a reason.
//!
//! The lists are those of `.deny.toml`, so that `cargo deny` says the same where it is installed. Here they are checked on what is really
//! compiled for this machine, with nothing but cargo.

use crate::source;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

#[derive(Deserialize)]
struct Lists {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<Skip>,
}

#[derive(Deserialize)]
struct Skip {
    #[serde(rename = "crate")]
    name: String,
}

struct Package {
    name: String,
    version: String,
    /// Empty for crates.io.
    place: String,
    licence: String,
}

fn lists() -> Result<Lists> {
    let text = std::fs::read_to_string(source::root().join(".deny.toml")).context("no `.deny.toml`")?;
    toml::from_str(&text).context("`.deny.toml` does not read")
}

fn packages() -> Result<Vec<Package>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(source::root());
    cargo.args([
        "tree",
        "--workspace",
        "--locked",
        "--offline",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ]);
    let output = cargo.output().context("cannot start `cargo tree`")?;
    ensure!(
        output.status.success(),
        "`cargo tree` fails: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).context("`cargo tree` does not speak UTF-8")?;
    let lines: BTreeSet<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    lines.into_iter().map(package).collect()
}

/// `sled v0.34.7|MIT/Apache-2.0`, `sdk v0.1.0 (/path)|Apache-2.0`, `serde_derive v1.0.0 (proc-macro)|MIT`
fn package(line: &str) -> Result<Package> {
    let (what, licence) = line.split_once('|').with_context(|| format!("unexpected line `{line}`"))?;
    let mut words = what.split_whitespace();
    let name = words.next().with_context(|| format!("no name in `{line}`"))?;
    let version = words
        .next()
        .and_then(|word| word.strip_prefix('v'))
        .with_context(|| format!("no version in `{line}`"))?;
    let place: Vec<&str> = words.filter(|word| *word != "(proc-macro)").collect();
    let licence = licence.trim_end_matches(" (*)");
    Ok(Package {
        name: name.to_owned(),
        version: version.to_owned(),
        place: place.join(" "),
        licence: licence.to_owned(),
    })
}

/// Whether a licence expression can be met with these. `AND` binds closer than `OR`; `/` is how `OR` used to be written.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any(&words, &mut at, allowed) && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(words, at, allowed);
    }
    met
}

fn all(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    if words.get(*at) == Some(&"(") {
        *at += 1;
        let met = any(words, at, allowed);
        *at += 1;
        return met;
    }
    let mut licence = words.get(*at).copied().unwrap_or_default().to_owned();
    *at += 1;
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{licence} WITH {}", words.get(*at + 1).copied().unwrap_or_default());
        *at += 2;
    }
    allowed.contains(&licence)
}

#[test]
fn licences_are_allowed() -> Result<()> {
    let allowed = lists()?.licenses.allow;
    let packages = packages()?;
    ensure!(
        packages.len() > 100,
        "`cargo tree` shows {} packages; is this still the right question?",
        packages.len()
    );
    let wrong: Vec<_> = packages
        .iter()
        .filter(|package| !is_allowed(&package.licence, &allowed))
        .map(|p| format!("{} {}: `{}`", p.name, p.version, p.licence))
        .collect();
    ensure!(wrong.is_empty(), "licences that `.deny.toml` does not allow: {wrong:#?}");
    Ok(())
}

#[test]
fn all_comes_from_the_registry_or_from_here() -> Result<()> {
    let root = source::root();
    let here = format!("({}", root.display());
    let elsewhere: Vec<_> = packages()?
        .into_iter()
        .filter(|p| !p.place.is_empty() && !p.place.starts_with(&here))
        .map(|p| format!("{} {}", p.name, p.place))
        .collect();
    ensure!(elsewhere.is_empty(), "dependencies from other sources: {elsewhere:?}");
    Ok(())
}

#[test]
fn second_versions_have_a_reason() -> Result<()> {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages()? {
        versions.entry(package.name).or_default().insert(package.version);
    }
    let skips = lists()?.bans.skip;
    let is_skipped = |name: &str, version: &str| {
        skips.iter().any(|skip| {
            skip.name
                .split_once('@')
                .is_some_and(|(n, prefix)| n == name && (version == prefix || version.starts_with(&format!("{prefix}."))))
        })
    };
    for (name, versions) in &versions {
        let left: Vec<_> = versions.iter().filter(|version| !is_skipped(name, version)).collect();
        ensure!(
            left.len() <= 1,
            "{name} is there {} times ({left:?}); `.deny.toml` has no reason for it",
            versions.len()
        );
    }
    for skip in &skips {
        let name = skip.name.split('@').next().unwrap_or_default();
        ensure!(
            versions.get(name).is_some_and(|versions| versions.len() > 1),
            "`{}` is no duplicate any more; take it off `.deny.toml`",
            skip.name
        );
    }
    Ok(())
}

#[test]
fn expressions_are_read() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT AND GPL-2.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT OR GPL-3.0) AND Zlib", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("Apache-2.0", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

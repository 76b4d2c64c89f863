//! Each frozen world against today's: a component that was compiled then fits still.
//!
//! `semver_check` judges one world at a time and permits that a world exports less than before. A component that exports what nobody calls any more
//! is no promise kept: so the exports are compared too.

use super::frozen::FROZEN;
use crate::source::root;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use wit_component::semver_check;
use wit_parser::{PackageId, Resolve, SourceMap};

/// The texts of a folder's `.wit` files by their names.
fn texts(folder: &Path) -> Result<Vec<(String, String)>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("no `{}`", folder.display()))?;
    let mut texts = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|ending| ending == "wit") {
            texts.push((path.display().to_string(), std::fs::read_to_string(&path)?));
        }
    }
    texts.sort();
    Ok(texts)
}

/// Adds the package of these texts, under another version, so that two of them have room beside each other.
fn add(resolve: &mut Resolve, texts: &[(String, String)], version: &str) -> Result<PackageId> {
    let mut sources = SourceMap::default();
    for (name, text) in texts {
        let line = text
            .lines()
            .find(|line| line.starts_with("package "))
            .with_context(|| format!("`{name}` is of no package"))?;
        sources.push_str(name, text.replacen(line, &format!("package claviger:provider@{version};"), 1));
    }
    let group = sources.parse().map_err(|(_, error)| anyhow::anyhow!("{error}"))?;
    Ok(resolve.push_group(group)?)
}

/// Whether a component compiled against the old texts fits a host of the new ones.
fn fits(old: &[(String, String)], new: &[(String, String)]) -> Result<()> {
    let mut resolve = Resolve::default();
    // Versions that no release has: only their difference matters, the check looks past them.
    let (old, new) = (add(&mut resolve, old, "0.1.1001")?, add(&mut resolve, new, "0.1.1002")?);
    let worlds = resolve.packages[old].worlds.clone();
    ensure!(!worlds.is_empty(), "there is no world to compare");
    for (name, old) in worlds {
        let new = *resolve.packages[new]
            .worlds
            .get(&name)
            .with_context(|| format!("the world `{name}` is gone"))?;
        let exports = |world| -> BTreeSet<String> {
            let keys = resolve.worlds[world].exports.keys();
            keys.map(|key| resolve.name_world_key(key).split('@').next().unwrap_or_default().to_owned())
                .collect()
        };
        ensure!(exports(old) == exports(new), "the world `{name}` exports something else");
        semver_check(resolve.clone(), old, new).with_context(|| format!("the world `{name}` breaks what was compiled before"))?;
    }
    Ok(())
}

#[test]
fn what_was_compiled_against_a_frozen_version_fits_today() -> Result<()> {
    let today = texts(&root().join("wit"))?;
    for frozen in FROZEN {
        fits(&texts(&frozen.folder())?, &today).with_context(|| format!("against {}", frozen.version))?;
    }
    Ok(())
}

/// Today's texts with one change in one of them.
fn changed(file: &str, from: &str, to: &str) -> Result<Vec<(String, String)>> {
    let mut texts = texts(&root().join("wit"))?;
    let (_, text) = texts.iter_mut().find(|(name, _)| name.ends_with(file)).context("no such file")?;
    ensure!(text.matches(from).count() == 1, "`{from}` is not once in `{file}`");
    *text = text.replace(from, to);
    Ok(texts)
}

#[test]
fn a_change_that_breaks_is_refused() -> Result<()> {
    let frozen = texts(&FROZEN[0].folder())?;
    for (file, from, to) in [
        (
            "failures.wit",
            "    message: string,\n",
            "    message: string,\n    hint: string,\n",
        ),
        ("failures.wit", "    reauthorise,\n", "    reauthorise,\n    later-today,\n"),
        ("secrets.wit", "    json-string,\n", "    json-string,\n    xml,\n"),
        ("secrets.wit", "    reveal: func() -> result<string, failure>;\n", ""),
        ("types.wit", "    kind: string,\n", ""),
        ("upstream.wit", "send: func(request: request)", "send: func(req: request)"),
        ("host.wit", "now-ms: func() -> u64;", "now-ms: func() -> s64;"),
        (
            "provider.wit",
            "revoke: func(credential: credential) -> result<option<string>, failure>;",
            "revoke: func(credential: credential) -> result<_, failure>;",
        ),
        ("worlds.wit", "  import clock;\n", ""),
        ("worlds.wit", "  export provider;\n", "  export provider;\n  export identify;\n"),
        ("worlds.wit", "world connecting {\n  export connect;\n", "world connecting {\n"),
        ("worlds.wit", "world revoking {", "world ending {"),
    ] {
        let outcome = fits(&frozen, &changed(file, from, to)?);
        ensure!(outcome.is_err(), "`{to}` instead of `{from}` in `{file}` would be let through");
    }
    Ok(())
}

#[test]
fn a_change_that_adds_is_let_through() -> Result<()> {
    let frozen = texts(&FROZEN[0].folder())?;
    for (file, from, to) in [
        (
            "host.wit",
            "now-ms: func() -> u64;",
            "now-ms: func() -> u64;\n  today: func() -> string;",
        ),
        (
            "secrets.wit",
            "    reveal: func()",
            "    length: func() -> u32;\n    reveal: func()",
        ),
        ("worlds.wit", "  import clock;\n", "  import clock;\n  import more;\n"),
    ] {
        let mut texts = changed(file, from, to)?;
        texts.push((
            "more.wit".into(),
            "package claviger:provider@0.1.0;\ninterface more { word: func() -> string; }\n".into(),
        ));
        fits(&frozen, &texts).with_context(|| format!("`{to}` in `{file}`"))?;
    }
    Ok(())
}

//! The pages of `docs/` against the code that they tell of. `docs/configuration.md` is compared beside the configuration's own reader.

use crate::source;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;

fn text(path: &str) -> Result<String> {
    std::fs::read_to_string(source::root().join(path)).with_context(|| format!("no `{path}`"))
}

/// What stands between `before` and `after`, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(after)?.0))
        .collect()
}

/// The texts in quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// The first two cells of a page's rows, without their backticks.
fn rows(page: &str) -> Vec<(String, String)> {
    page.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let mut cell = || Some(cells.next()?.trim_matches(['`', ' ']).to_owned());
            Some((cell()?, cell()?))
        })
        .collect()
}

/// Method and path of each route of the router.
fn routes(router: &str) -> Result<BTreeSet<(String, String)>> {
    // Paths of a nested router are told by where they stand.
    let (nested, rest) = match router.split_once("let v1 = Router::new()") {
        Some((_, rest)) => rest.split_once(";\n").context("the nested router has no end")?,
        None => ("", router),
    };
    let mut routes = BTreeSet::new();
    for (text, prefix) in [(nested, "/api/ambient/v1"), (rest, "")] {
        for route in text.split(".route(").skip(1) {
            let route: String = arguments(route).split_whitespace().collect();
            let (path, handlers) = route.trim_start_matches('"').split_once('"').context("a route without a path")?;
            for method in ["get", "post", "patch", "put", "delete"] {
                if [',', '.'].iter().any(|before| handlers.contains(&format!("{before}{method}("))) {
                    routes.insert((method.to_uppercase(), format!("{prefix}{path}")));
                }
            }
        }
    }
    Ok(routes)
}

/// What stands before the parenthesis that ends a call.
fn arguments(text: &str) -> &str {
    let mut depth = 1_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return &text[..at],
            ')' => depth -= 1,
            _ => {}
        }
    }
    text
}

#[test]
fn every_route_is_in_the_table() -> Result<()> {
    let page = text("docs/api.md")?;
    let methods = ["GET", "POST", "PATCH", "PUT", "DELETE"];
    let listed: BTreeSet<_> = rows(&page)
        .into_iter()
        .filter(|(method, _)| methods.contains(&method.as_str()))
        .collect();
    let served = routes(&text("host/src/api/mod.rs")?)?;
    ensure!(served.len() >= 19, "the router was not understood: {served:?}");
    assert_eq!(listed, served);
    Ok(())
}

#[test]
fn every_route_is_described_for_programs() -> Result<()> {
    let table = text("host/src/api/openapi/operations.rs")?;
    let described: BTreeSet<_> = table
        .lines()
        .filter_map(|row| {
            let mut texts = quoted(row.trim().strip_prefix("operation(\"").map(|_| row)?);
            Some((texts.next()?.to_uppercase(), texts.next()?.to_owned()))
        })
        .collect();
    assert_eq!(described, routes(&text("host/src/api/mod.rs")?)?);
    Ok(())
}

/// The string that each variant of an enum's `code` stands for.
fn codes(path: &str) -> Result<BTreeSet<String>> {
    let code = text(path)?;
    let (_, body) = code
        .split_once("pub const fn code(")
        .with_context(|| format!("no codes in `{path}`"))?;
    let body = body.split_once("\n    }\n").map_or(body, |(body, _)| body);
    Ok(between(body, "=> \"", "\"").into_iter().map(str::to_owned).collect())
}

#[test]
fn every_reason_code_of_a_failed_read_is_in_the_table() -> Result<()> {
    let page = text("docs/api.md")?;
    let (_, table) = page.split_once("| `reason_code` |").context("no table of codes")?;
    let listed: BTreeSet<String> = rows(table)
        .iter()
        .flat_map(|(codes, _)| codes.split("`, `"))
        .map(str::to_owned)
        .collect();
    let mut told = codes("host/src/broker/error.rs")?;
    ensure!(told.len() >= 10, "the codes were not understood: {told:?}");
    // Answered as what was never there.
    told.remove("gone");
    told.insert("audit".to_owned());
    let consumers = text("host/src/api/consumers.rs")?;
    told.extend(between(&consumers, ": &str = \"", "\";").into_iter().map(str::to_owned));
    assert_eq!(listed, told);
    Ok(())
}

#[test]
fn every_field_and_event_of_the_trail_is_explained() -> Result<()> {
    let page = text("docs/audit.md")?;
    let code = text("host/src/audit/event.rs")? + &text("host/src/audit/administrative.rs")?;
    let is_name = |name: &&str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let fields = ["put(\"", "put_some(\"", "put_number(\"", "put_bool(\"", "(\""];
    let fields: BTreeSet<&str> = fields
        .into_iter()
        .flat_map(|before| between(&code, before, "\""))
        .filter(is_name)
        .collect();
    let all = source::files("host/src/api", &[".rs"]).into_iter().map(|file| file.text);
    let all: Vec<String> = all.chain([code.clone()]).collect();
    // A file at a time, for one with an odd number of quotes; and without what the build says in the environment, and what a runner finds there.
    let is_event = |name: &&str| {
        name.contains('_')
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            && !name.starts_with("CARGO_")
            && !name.starts_with("CLAVIGER_")
            && !name.starts_with("AMBIENT_")
            && *name != "CREDENTIAL_IDS"
    };
    let events: BTreeSet<&str> = all.iter().flat_map(|file| quoted(file)).filter(is_event).collect();
    ensure!(
        fields.contains("owner") && events.contains("CREDENTIAL_MINT"),
        "{fields:?} {events:?}"
    );
    let chained = ["chain", "seq", "time", "epoch", "prev", "hash"];
    let missing: Vec<_> = fields
        .into_iter()
        .chain(events)
        .chain(chained)
        .filter(|name| !page.contains(&format!("`{name}`")))
        .collect();
    ensure!(missing.is_empty(), "`docs/audit.md` does not explain {missing:?}");
    Ok(())
}

#[test]
fn the_sdk_closes_what_the_host_closes() -> Result<()> {
    let (host, sdk) = (text("host/src/manifest/closed.rs")?, text("sdk/src/testing/references.rs")?);
    for (of_host, of_sdk) in [("const NAMES:", "const CLOSED:"), ("const HEADERS:", "const CLOSED_HEADERS:")] {
        let names = |text: &str, list: &str| -> Vec<String> { quoted(&between(text, list, "];").concat()).map(str::to_owned).collect() };
        let host = names(&host, of_host);
        ensure!(!host.is_empty(), "no `{of_host}`");
        assert_eq!(host, names(&sdk, of_sdk));
    }
    Ok(())
}

#[test]
fn the_limits_of_a_call_are_those_of_the_contracts_page() -> Result<()> {
    let page = text("wit/README.md")?;
    let (_, limits) = page.split_once("## Limits").context("no limits on the page")?;
    let code = text("host/src/runtime/limits.rs")?;
    let (_, defaults) = code.split_once("impl Default for Limits").context("no defaults")?;
    let (defaults, _) = defaults.split_once("\n    }\n").context("no end of the defaults")?;
    let numbers = defaults.lines().filter_map(|line| {
        let (name, value) = line.trim().trim_end_matches(',').split_once(": ")?;
        let factors = value.split(" * ").map(|factor| factor.replace('_', "").parse::<u64>());
        let number = factors.collect::<Result<Vec<_>, _>>().ok()?.into_iter().product::<u64>();
        Some((name, number))
    });
    let (mut seen, mut missing) = (0, Vec::new());
    for (name, number) in numbers {
        seen += 1;
        let shown = match number {
            mib if mib % (1024 * 1024) == 0 => format!("{} MiB", mib / 1024 / 1024),
            kib if kib % 1024 == 0 => format!("{} KiB", kib / 1024),
            thousands if thousands >= 1000 => format!("{},{:03}", thousands / 1000, thousands % 1000),
            number => number.to_string(),
        };
        if !limits.contains(&shown) {
            missing.push((name, shown));
        }
    }
    ensure!(seen >= 13, "the defaults were not understood");
    ensure!(missing.is_empty(), "`wit/README.md` does not name {missing:?}");
    Ok(())
}

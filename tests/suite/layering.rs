//! Imports of the host point down the house, and each outside library has one home.
//!
//! The order is that of the `mod` lines in `host/src/lib.rs`. Test modules are exempt (see [`source::without_tests`]): a unit test may
//! build a neighbour to talk to.

use crate::source::{self, code_of, files, is_test_file, without_tests};
use std::collections::BTreeSet;

/// Floors that lie on one level: what is below everything may use one another.
const FLOOR: [&str; 7] = ["clock", "config", "ids", "json", "seal", "secret", "telemetry"];

/// Library, and the only modules that may name it. Raw text, since a macro's argument counts as well.
const HOMES: [(&str, &[&str]); 5] = [
    ("sqlx", &["records"]),
    ("sled", &["cache"]),
    ("wasmtime", &["runtime"]),
    ("axum", &["api", "server", "dev"]),
    ("aws_lc_rs", &["exchange"]),
];

/// What may be written in one file only.
const ONE_FILE: [(&str, &str); 1] = [("unsafe", "host/src/runtime/aot.rs")];

fn declared() -> Vec<String> {
    let text = std::fs::read_to_string(source::root().join("host/src/lib.rs")).expect("the host has a lib.rs");
    let modules: Vec<String> = code_of(&text)
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    assert!(
        modules.len() > 10,
        "`host/src/lib.rs` does not declare its modules as `pub mod name;` any more"
    );
    modules
}

/// `host/src/access/index/mod.rs` → `access`, and how deep the file's module lies below the crate (here 2).
fn module_of(path: &str) -> Option<(String, usize)> {
    let inner = path.strip_prefix("host/src/")?.strip_suffix(".rs")?;
    let mut parts: Vec<&str> = inner.split('/').collect();
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    Some((parts.first()?.to_string(), parts.len()))
}

/// Every top-level module that this code mentions by a path from the crate's root.
fn mentioned(code: &str, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let climb = "super::".repeat(depth);
    for prefix in ["crate::", climb.as_str()] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == ':') {
                continue;
            }
            heads(&code[at + prefix.len()..], &mut found);
        }
    }
    found
}

/// The first names of `a::b`, or of each branch of `{a::b, c::{d, e}}`.
fn heads(path: &str, found: &mut BTreeSet<String>) {
    let name = |text: &str| {
        text.trim()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let Some(group) = path.strip_prefix('{') else {
        found.insert(name(path));
        return;
    };
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                found.insert(name(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    return;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
}

fn uses_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
        !code[..at].ends_with(part_of_name) && !code[at + word.len()..].starts_with(part_of_name)
    })
}

#[test]
fn imports_point_down() {
    let order = declared();
    let rank = |module: &str| order.iter().position(|name| name == module);
    let mut wrong = Vec::new();
    for file in files("host/src", &[".rs"]) {
        let Some((module, depth)) = module_of(&file.path) else { continue };
        if is_test_file(&file.path) || ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let own = rank(&module).unwrap_or_else(|| panic!("`{}` belongs to no module of `host/src/lib.rs`", file.path));
        for used in mentioned(&without_tests(&code_of(&file.text)), depth) {
            let both_floor = FLOOR.contains(&used.as_str()) && FLOOR.contains(&module.as_str());
            if rank(&used).is_some_and(|other| other < own) && !both_floor {
                wrong.push(format!("{}: `{module}` uses `{used}`, which is declared above it", file.path));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that point up (`host/src/lib.rs` has the order, top first):\n  {}",
        wrong.join("\n  ")
    );
}

#[test]
fn libraries_stay_at_home() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files("host/src", &[".rs"]) {
        let Some((module, _)) = module_of(&file.path) else { continue };
        let code = code_of(&file.text);
        for (library, homes) in HOMES {
            if !uses_word(&code, library) {
                continue;
            }
            seen.insert(library);
            if !homes.contains(&module.as_str()) {
                wrong.push(format!("{}: `{library}` is for {} alone", file.path, homes.join(", ")));
            }
        }
        for (word, home) in ONE_FILE {
            if uses_word(&code, word) && file.path != home {
                wrong.push(format!("{}: `{word}` is for `{home}` alone", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n  "));
    assert_eq!(
        seen,
        HOMES.map(|(library, _)| library).into(),
        "libraries that are used at home; is this still the right place to look?"
    );
}

/// A caller is made by authentication and nowhere else; one who presented nothing only to explain, which yields no permit.
#[test]
fn only_authn_makes_callers() {
    let mut makers = BTreeSet::new();
    for file in files("host/src", &[".rs"]) {
        if is_test_file(&file.path) {
            continue;
        }
        let code = without_tests(&code_of(&file.text));
        if code.contains("Caller::authenticated(") {
            makers.insert(module_of(&file.path).expect("a module").0);
        }
        assert!(
            !code.contains("Caller::supposed(") || file.path == "host/src/access/explain.rs",
            "{} supposes a caller",
            file.path
        );
        assert!(
            file.path != "host/src/access/explain.rs" || !uses_word(&code, "Permit"),
            "an explanation yields a permit"
        );
    }
    makers.remove("authn");
    assert!(
        makers.is_empty(),
        "modules besides `authn` that call `Caller::authenticated`: {makers:?}"
    );
}

#[test]
fn mentions_are_found() {
    let found = |code: &str, depth| mentioned(code, depth).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(
        found("use crate::{access::Permit, audit::{self, Pending}, ids::Id};", 1),
        "access audit ids"
    );
    assert_eq!(found("fn f() -> crate::broker::Lease { $crate::no::x() }", 1), "broker");
    assert_eq!(found("use super::server; fn f() { super::api::x() }", 1), "api server");
    assert_eq!(found("use super::sibling; use super::super::api::x;", 2), "api");
}

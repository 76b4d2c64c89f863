//! The table of `docs/providers.md`: each kind of credential, each operation, and the test that proves it or the reason why there is none. A test
//! that was renamed, a kind that was added, an operation that nobody answered: each fails here.

use crate::source::{self, code_of};
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/providers.md";

/// What can be done with a credential of any kind, in the words of the page.
const OPERATIONS: [&str; 15] = [
    "stored",
    "minted",
    "identity",
    "ended",
    "narrowed",
    "connected",
    "failures",
    "rotation",
    "session body",
    "token body",
    "environment",
    "git",
    "redaction",
    "hostile input",
    "instances",
];

/// What people call their credentials; each is one of our kinds.
const NAMES: [(&str, &str); 24] = [
    ("GitHub", "classic personal access token"),
    ("GitHub", "fine-grained personal access token"),
    ("GitHub", "OAuth App user token, without refresh"),
    ("GitHub", "OAuth App user token, with refresh"),
    ("GitHub", "GitHub App user token"),
    ("GitHub", "App installation, by its id"),
    ("GitHub", "App installation, by owner or repository"),
    ("GitLab", "personal access token"),
    ("GitLab", "project access token"),
    ("GitLab", "group access token"),
    ("GitLab", "service account's token"),
    ("GitLab", "OAuth"),
    ("GitLab", "deploy token"),
    ("Jira", "classic API token"),
    ("Jira", "scoped API token"),
    ("Jira", "service account's token"),
    ("Jira", "OAuth 2.0 (3LO)"),
    ("Jira", "OAuth client credentials"),
    ("Jira", "Data Center personal access token"),
    ("Google", "authorised user"),
    ("Google", "service account, with or without delegation"),
    ("Google", "impersonation chain"),
    ("Google", "external account"),
    ("any other", "a token as it is"),
];

pub fn text(path: &str) -> Result<String> {
    std::fs::read_to_string(source::root().join(path)).with_context(|| format!("no `{path}`"))
}

/// The cells of the rows that have three, without the lines below headings.
fn rows(page: &str) -> Vec<[&str; 3]> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .filter_map(|line| line.split(" | ").collect::<Vec<_>>().try_into().ok())
        .collect()
}

pub fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A kind as the page writes it.
fn written(provider: &str, kind: &str) -> String {
    format!("`{provider}` `{kind}`")
}

/// Each built-in provider's kinds, by the manifests.
fn kinds() -> Result<BTreeSet<String>> {
    let manifests = source::files("providers", &["manifest.json"]);
    ensure!(manifests.len() == 5, "five providers are built in");
    let mut kinds = BTreeSet::new();
    for manifest in manifests {
        let manifest: serde_json::Value = serde_json::from_str(&manifest.text).with_context(|| manifest.path.clone())?;
        let provider = manifest["provider"].as_str().context("no provider")?;
        for kind in manifest["kinds"].as_array().context("no kinds")? {
            kinds.insert(written(provider, kind["name"].as_str().context("a kind without a name")?));
        }
    }
    Ok(kinds)
}

/// The file of a module declared in a file whose modules lie in `folder`.
fn declared(code: &str, folder: &Path, module: &str) -> Option<PathBuf> {
    let files = [folder.join(format!("{module}.rs")), folder.join(module).join("mod.rs")];
    code.contains(&format!("mod {module};"))
        .then(|| files.into_iter().find(|file| file.is_file()))?
}

/// Whether the function is a test, in code without comments and literals.
fn is_test(code: &str, function: &str) -> bool {
    code.match_indices(&format!("fn {function}(")).any(|(at, _)| {
        let before = &code[..at];
        let item = &before[before.rfind(['}', ';']).map_or(0, |end| end + 1)..];
        item.contains("#[test]") || item.contains("#[tokio::test")
    })
}

/// Whether a file of tests in Python has that one, as pytest finds it: `test_…` of the module itself, in a file `test_….py`.
fn is_python_test(path: &str, function: &str) -> bool {
    let named = |name: &str| name.starts_with("test_");
    let is_file_of_tests = path.rsplit('/').next().is_some_and(named);
    let code = std::fs::read_to_string(source::root().join(format!("{path}.py"))).unwrap_or_default();
    let definition = format!("def {function}(");
    is_file_of_tests && named(function) && code.lines().any(|line| line.starts_with(&definition))
}

/// Whether there is a test of that name. `claviger::…` is one of the host's own, `runtime::…` one of `host/tests/runtime`, `provider_x::…` one of that
/// provider's crate, `path/test_x.py::test_y` one in Python, and everything else one of this program's.
pub fn exists(name: &str) -> bool {
    if let Some((path, function)) = name.split_once(".py::") {
        return is_python_test(path, function);
    }
    let root = source::root();
    let mut modules: Vec<&str> = name.split("::").collect();
    let (Some(function), Some(first)) = (modules.pop(), modules.first().copied()) else {
        return false;
    };
    let (mut folder, main) = match first.strip_prefix("provider_") {
        Some(provider) => (root.join("providers").join(provider).join("src"), "lib.rs"),
        None if first == "claviger" => (root.join("host/src"), "lib.rs"),
        None if first == "runtime" => (root.join("host/tests/runtime"), "main.rs"),
        None => (root.join("tests/suite"), "main.rs"),
    };
    if main == "lib.rs" || first == "runtime" {
        modules.remove(0);
    }
    let read = |file: &Path| std::fs::read_to_string(file).map(|text| code_of(&text)).unwrap_or_default();
    let mut code = read(&folder.join(main));
    for module in modules {
        if let Some(file) = declared(&code, &folder, module) {
            code = read(&file);
            folder.push(module);
        } else if let Some(at) = code.find(&format!("mod {module} {{")) {
            code = code.split_off(at);
        } else {
            return false;
        }
    }
    is_test(&code, function)
}

#[test]
fn every_kind_has_every_operation_with_a_test_or_a_reason() -> Result<()> {
    let page = text(PAGE)?;
    let (_, table) = page.split_once("| kind | operation | proven by |").context("no table")?;
    let mut found: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for [kind, operation, proof] in rows(table).into_iter().filter(|[_, operation, _]| OPERATIONS.contains(operation)) {
        let tests = in_backticks(proof).filter(|name| name.contains("::")).count();
        // A reason is a sentence.
        ensure!(
            tests > 0 || proof.split_whitespace().count() >= 4,
            "{kind}, {operation}: neither a test nor a reason"
        );
        ensure!(found.insert((kind, operation), proof).is_none(), "{kind}, {operation}: twice");
    }
    let kinds = kinds()?;
    let expected: BTreeSet<(&str, &str)> = kinds
        .iter()
        .flat_map(|kind| OPERATIONS.map(|operation| (kind.as_str(), operation)))
        .collect();
    let found: BTreeSet<(&str, &str)> = found.into_keys().collect();
    let (missing, unknown): (Vec<_>, Vec<_>) = (expected.difference(&found).collect(), found.difference(&expected).collect());
    ensure!(missing.is_empty(), "`{PAGE}` has no row for {missing:?}");
    ensure!(unknown.is_empty(), "`{PAGE}` has rows for what there is not: {unknown:?}");
    Ok(())
}

#[test]
fn every_name_that_people_use_leads_to_a_kind() -> Result<()> {
    let page = text(PAGE)?;
    let rows = rows(&page);
    let kinds = kinds()?;
    let mut led_to = BTreeSet::new();
    for (upstream, name) in NAMES {
        let row = rows.iter().find(|row| row[0] == upstream && row[1] == name);
        let [_, _, kind] = row.with_context(|| format!("`{PAGE}` does not say what a {upstream} `{name}` is here"))?;
        let these: Vec<&String> = kinds.iter().filter(|known| kind.contains(known.as_str())).collect();
        ensure!(!these.is_empty(), "{upstream}, {name}: `{kind}` is no kind");
        led_to.extend(these);
    }
    let left: Vec<&String> = kinds.iter().filter(|kind| !led_to.contains(kind)).collect();
    ensure!(left.is_empty(), "no name leads to {left:?}");
    Ok(())
}

#[test]
fn every_test_that_the_pages_name_exists() -> Result<()> {
    let mut pages = source::files("docs/providers", &[".md"]);
    pages.push(source::SourceFile {
        path: PAGE.to_owned(),
        text: text(PAGE)?,
    });
    let names: BTreeSet<&str> = pages
        .iter()
        .flat_map(|page| in_backticks(&page.text))
        .filter(|name| name.contains("::") && !name.ends_with("::") && !name.contains(' '))
        .collect();
    ensure!(names.len() > 100, "the page was not understood: {names:?}");
    let missing: Vec<&str> = names.into_iter().filter(|name| !exists(name)).collect();
    ensure!(missing.is_empty(), "these tests do not exist: {missing:#?}");
    Ok(())
}

#[test]
fn a_name_is_found_where_it_is_and_nowhere_else() {
    for name in [
        "proven::a_name_is_found_where_it_is_and_nowhere_else",
        "github::kinds::static_kinds_hand_out_what_was_stored",
        "provider_github::tests::only_an_installation_is_narrowed",
        "provider_github::failures::oauth::tests::no_word_that_is_not_githubs_asks_for_a_person",
        "claviger::telemetry::redact::tests::a_ksuid_stays",
        "runtime::github::a_consent_is_asked_for_and_bought",
        "sdk/python/tests/test_overlap.py::test_ending_one_turn_ends_no_other",
    ] {
        assert!(exists(name), "{name}");
    }
    for name in [
        "github::kinds::static_kinds_hand_out_what_was",
        // A function that tests call, a module that is not declared, another crate's.
        "github::kinds::refreshed",
        "kinds::static_kinds_hand_out_what_was_stored",
        "provider_gitlab::tests::only_an_installation_is_narrowed",
        "claviger::tests::a_ksuid_stays",
        "nowhere",
        // Python's: renamed, of another file, in a file that pytest passes over, no test.
        "sdk/python/tests/test_overlap.py::test_ending_one_turn_ends",
        "sdk/python/tests/test_turn.py::test_ending_one_turn_ends_no_other",
        "sdk/python/tests/worlds.py::runner",
        "sdk/python/tests/test_claviger.py::world",
        "test_overlap.py::test_ending_one_turn_ends_no_other",
    ] {
        assert!(!exists(name), "{name}");
    }
    assert!(!is_test("#[test]\nfn other() {}\nfn named() {}", "named"));
    assert!(!is_test(&code_of("// #[test]\nfn named() {}"), "named"));
}

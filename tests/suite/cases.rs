//! The tables of `docs/acp-compatibility.md`: every acceptance case of the wire with the test that carries it. A case without a row, a row for a
//! case that there is not, a test that was renamed: each fails here.

use crate::proven::{exists, in_backticks, text};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;

const PAGE: &str = "docs/acp-compatibility.md";

/// The cases of the API and of resolution, by the numbers that the wire's description gives them, the exchange's and its clients', the runner's, and
/// those of the sessions' endpoints.
const CASES: [u16; 50] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30, 31, 32, 34, 35, 37, 38, 40, 41,
    42, 43, 44, 46, 48, 50, 51, 53, 57, 59, 60, 61, 63, 65,
];
const CASES_OF_RESOLUTION: [u16; 5] = [66, 67, 68, 69, 71];
const CASES_OF_THE_EXCHANGE: [u16; 4] = [72, 75, 76, 77];
const CASES_OF_THE_RUNNER: [u16; 12] = [78, 79, 80, 81, 82, 83, 84, 86, 87, 88, 89, 90];
const CASES_OF_SESSIONS: [u16; 3] = [91, 93, 95];

/// What the reviewers of shared sessions caught.
const REVIEWED: usize = 14;

/// The rows of the table below that heading, first cell and last, without its head.
pub fn table<'a>(page: &'a str, heading: &str) -> Result<Vec<(&'a str, &'a str)>> {
    let (_, rest) = page
        .split_once(&format!("\n## {heading}\n"))
        .with_context(|| format!("`{PAGE}` has no `{heading}`"))?;
    let section = rest.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        cells.first().copied().zip(cells.last().copied()).context("a row without cells")
    });
    Ok(cells.collect::<Result<Vec<_>>>()?.into_iter().skip(1).collect())
}

/// The tests that a cell names.
pub fn tests_of(cell: &str) -> impl Iterator<Item = &str> {
    in_backticks(cell).filter(|name| name.contains("::") && !name.contains(' '))
}

#[test]
fn every_acceptance_case_is_carried_by_a_test() -> Result<()> {
    let page = text(PAGE)?;
    let mut carried: BTreeMap<u16, usize> = BTreeMap::new();
    for (number, proof) in table(&page, "The acceptance cases")? {
        let number: u16 = number.parse().with_context(|| format!("`{number}` is no case"))?;
        let tests: Vec<&str> = tests_of(proof).collect();
        for test in &tests {
            ensure!(exists(test), "case {number}: there is no test `{test}`");
        }
        ensure!(carried.insert(number, tests.len()).is_none(), "case {number} twice");
    }
    let of_the_exchange = CASES_OF_RESOLUTION.into_iter().chain(CASES_OF_THE_EXCHANGE);
    let expected: Vec<u16> = CASES
        .into_iter()
        .chain(of_the_exchange)
        .chain(CASES_OF_THE_RUNNER)
        .chain(CASES_OF_SESSIONS)
        .collect();
    ensure!(carried.keys().copied().eq(expected), "the page carries {:?}", carried.keys());
    let without: Vec<&u16> = carried.iter().filter(|(_, tests)| **tests == 0).map(|(number, _)| number).collect();
    ensure!(without.is_empty(), "no test for {without:?}");
    Ok(())
}

#[test]
fn everything_that_reviews_caught_has_its_tests() -> Result<()> {
    let page = text(PAGE)?;
    let mut numbers = Vec::new();
    for (number, proof) in table(&page, "What reviews caught")? {
        let tests: Vec<&str> = tests_of(proof).collect();
        ensure!(!tests.is_empty(), "{number}: no test");
        for test in &tests {
            ensure!(exists(test), "{number}: there is no test `{test}`");
        }
        numbers.push(number.parse::<usize>().with_context(|| format!("`{number}` is no number"))?);
    }
    ensure!(numbers.iter().copied().eq(1..=REVIEWED), "the page has {numbers:?}");
    Ok(())
}

#[test]
fn every_file_of_requests_is_replayed() -> Result<()> {
    let page = text(PAGE)?;
    let mut replayed = Vec::new();
    for (client, proof) in table(&page, "The clients")? {
        ensure!(tests_of(proof).next().is_some(), "{client}: no test");
        for test in tests_of(proof) {
            ensure!(exists(test), "{client}: there is no test `{test}`");
        }
        replayed.push(client);
    }
    let files = crate::source::files("tests/golden", &[".http"]);
    ensure!(replayed.len() == files.len() + 1, "{replayed:?}, and {} files", files.len());
    let missing: Vec<&str> = files
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| !page.contains(&format!("`{path}`")))
        .collect();
    ensure!(missing.is_empty(), "`{PAGE}` does not say who replays {missing:?}");
    Ok(())
}

//! Every seed and every input that ever broke something, through its target, without a fuzzer: in every test run.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what broke by panicking")]

use claviger_fuzz::TARGETS;
use claviger_fuzz::mutate::scenario;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut seeds: Vec<_> = std::fs::read_dir(corpus().join(target))
        .unwrap_or_else(|why| panic!("the corpus of `{target}`: {why}"))
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "`{target}` has no seeds");
    seeds
}

/// Runs inputs; says which one broke the target.
fn run(target: &str, inputs: impl Iterator<Item = (String, Vec<u8>)>) {
    let run = claviger_fuzz::target(target).unwrap();
    for (name, input) in inputs {
        let outcome = std::panic::catch_unwind(|| run(&input));
        assert!(outcome.is_ok(), "`{target}` breaks at {name}:\n{}", String::from_utf8_lossy(&input));
    }
}

#[test]
fn every_folder_of_the_corpus_is_a_target() {
    let mut folders: Vec<String> = std::fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let mut names: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    folders.sort();
    names.sort();
    assert_eq!(folders, names);
}

#[test]
fn the_corpus_holds() {
    for (target, _) in TARGETS {
        run(target, seeds(target).into_iter());
    }
}

/// Five hundred neighbours of every seed, always the same: what a fuzzer would try first.
#[test]
fn neighbours_of_the_corpus_hold() {
    for (target, _) in TARGETS {
        for (name, input) in seeds(target) {
            let changed = (1..=500_u32).filter_map(|seed| Some((format!("{name}, change {seed}"), scenario(target, &input, 4096, seed)?)));
            run(target, changed);
        }
    }
}

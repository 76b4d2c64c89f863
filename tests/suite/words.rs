//! Words that have no place in the repository: what is unfinished, what is skipped, where somebody's machine keeps things.

use crate::source::{code_of, files};

/// In code, as macros and attributes.
const UNFINISHED: [&str; 4] = ["todo!", "unimplemented!", "#[ignore", "dbg!"];

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let notes = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    let mut found = Vec::new();
    for file in files("", &[".rs", ".wit", ".toml", ".md", ".mjs", ".js", ".py", ".sh", ".sql"]) {
        for (number, line) in file.text.lines().enumerate() {
            let words = || line.split(|c: char| !c.is_alphanumeric());
            if words().any(|word| notes.iter().any(|note| note == word)) {
                found.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
        if file.path.ends_with(".rs") {
            for (number, line) in code_of(&file.text).lines().enumerate() {
                if UNFINISHED.iter().any(|word| line.contains(word)) {
                    found.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "unfinished or skipped:\n  {}", found.join("\n  "));
}

#[test]
fn no_machine_is_named() {
    let places = ["/work", "/root", "/home"].map(|folder| format!("{folder}/"));
    let registries = ["registry", "npmjs", "org"].join(".");
    let mut found = Vec::new();
    for file in files("", &[]) {
        for (number, line) in file.text.lines().enumerate() {
            let named = places.iter().any(|place| starts_a_path(line, place)) || line.contains(&registries);
            if named && !file.path.ends_with("words.rs") && !file.path.starts_with(".git") {
                found.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "paths and hosts of one machine:\n  {}", found.join("\n  "));
}

/// Whether `place` stands in the line as a path of its own, not as a part of an address.
fn starts_a_path(line: &str, place: &str) -> bool {
    line.match_indices(place)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}')))
}

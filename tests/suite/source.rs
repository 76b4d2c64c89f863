//! The repository's own text, for the tests that read it.

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the repository")
        .to_owned()
}

/// A file of the repository.
pub struct SourceFile {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// All files below `folder` that end in one of `endings` (all if none is given), without what is built or installed.
pub fn files(folder: &str, endings: &[&str]) -> Vec<SourceFile> {
    let root = root();
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(place) = open.pop() {
        for entry in std::fs::read_dir(&place)
            .unwrap_or_else(|e| panic!("cannot read `{}`: {e}", place.display()))
            .flatten()
        {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !["target", "node_modules", ".git", ".cache"].contains(&name.as_str()) {
                    open.push(path);
                }
            } else if endings.is_empty() || endings.iter().any(|ending| name.ends_with(ending)) {
                // What is not text is not for reading.
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let path = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
                found.push(SourceFile { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "nothing to read below `{folder}`");
    found
}

/// The code alone: comments and the contents of literals become blanks, line breaks stay.
pub fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest).filter(|_| !ends_in_name(&code)) {
            length
        } else if byte == b'"' {
            quoted(rest)
        } else if byte == b'\'' {
            character(rest)
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            code.push_str(&rest[..length]);
            at += length;
            continue;
        };
        code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        at += length;
    }
    code
}

fn ends_in_name(code: &str) -> bool {
    code.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close)?;
    Some(rest.len() - body.len() + end + close.len())
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; for a lifetime only its quote.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => rest[2..].find('\'').map_or(1, |end| if end == 0 { 4 } else { end + 3 }),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

/// The code without modules marked `#[cfg(test)]`: those may reach for whatever they need to set up a case.
pub fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        let (before, marked) = rest.split_at(start);
        kept.push_str(before);
        // The next item ends with its brace at the margin, or at the first semicolon before any brace.
        let brace = marked.find('{').unwrap_or(marked.len());
        let semicolon = marked.find(';').unwrap_or(marked.len());
        let end = if semicolon < brace { semicolon + 1 } else { closing(marked, brace) };
        rest = &marked[end..];
    }
    kept.push_str(rest);
    kept
}

fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Whether the whole file is a test module.
pub fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[test]
fn code_is_told_from_text() {
    let text = "let a = \"crate::x // no\"; // crate::y\nlet b = 'c'; let c: &'a str = r#\"crate::\"z\"\"#; /* crate::w */ crate::v();";
    let code = code_of(text);
    assert!(
        !code.contains("crate::x") && !code.contains("crate::y") && !code.contains("crate::z") && !code.contains("crate::w"),
        "{code}"
    );
    assert!(
        code.contains("crate::v();") && code.contains("let b") && code.contains("a str"),
        "{code}"
    );
    assert_eq!(code_of("a('\\'', '\\n', '\"', b)").replace(' ', ""), "a(,,,b)");
}

#[test]
fn test_modules_are_left_out() {
    let code = "use a;\n#[cfg(test)]\nmod tests {\n fn f() { {} }\n}\nuse b;\n#[cfg(test)]\nmod other;\nuse c;";
    let kept = without_tests(code);
    assert!(
        kept.contains("use a;") && kept.contains("use b;") && kept.contains("use c;"),
        "{kept}"
    );
    assert!(!kept.contains("fn f") && !kept.contains("other"), "{kept}");
}

//! The files of `tests/golden`: requests as a client sends them, byte for byte, and what it needs from each answer.
//!
//! ```text
//! # A comment.
//! @header Name: value            with every request that does not have its own
//! === what this request is for
//! GET /path?query                the method and the target, as they go into the request line
//! Name: value                    headers of this request
//!                                an empty line, and the body, if there is one
//! --- 200 Credential             the status, and what comes: a kind, `CredentialList`, `Error`, `Token`, `text` or nothing
//! name = value                   a member of the answer by its path, and its value
//! items.0.name is absent         or absent, null, empty, text, number
//! {id} = items.0.id              or a name by which later requests say it
//! ```

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

/// One request, and what must come.
pub struct Step {
    /// What it is for.
    pub title: String,
    /// `GET`
    pub method: String,
    /// The target as it is written.
    pub target: String,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: String,
    /// The status.
    pub status: u16,
    /// What comes.
    pub kind: String,
    /// Lines about the answer.
    pub expectations: Vec<String>,
}

/// Reads a file.
pub fn read(text: &str) -> Result<Vec<Step>> {
    let (preamble, rest) = text.split_once("\n=== ").context("no request")?;
    let common: Vec<(String, String)> = preamble
        .lines()
        .filter_map(|line| line.strip_prefix("@header "))
        .map(|line| header(line).with_context(|| format!("`{line}` is no header")))
        .collect::<Result<_>>()?;
    rest.split("\n=== ").map(|step| read_step(step, &common)).collect()
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(": ")?;
    Some((name.to_owned(), value.to_owned()))
}

fn read_step(text: &str, common: &[(String, String)]) -> Result<Step> {
    let (request, answer) = text.split_once("\n--- ").with_context(|| format!("no answer for `{text}`"))?;
    let mut lines = request.lines();
    let title = lines.next().unwrap_or_default().to_owned();
    let (method, target) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .with_context(|| format!("{title}: no request line"))?;
    let mut headers = Vec::new();
    let mut body = String::new();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            body = lines.by_ref().collect::<Vec<_>>().join("\n");
            break;
        }
        headers.push(header(line).with_context(|| format!("{title}: `{line}` is no header"))?);
    }
    let own = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let mut all: Vec<(String, String)> = common.iter().filter(|(name, _)| !own(name)).cloned().collect();
    all.append(&mut headers);
    let mut lines = answer.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (status, kind) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .with_context(|| format!("{title}: no status and kind"))?;
    Ok(Step {
        status: status.parse().with_context(|| format!("{title}: `{status}` is no status"))?,
        kind: kind.to_owned(),
        method: method.to_owned(),
        target: target.to_owned(),
        headers: all,
        body: body.trim_end().to_owned(),
        expectations: lines.map(str::to_owned).collect(),
        title,
    })
}

/// The names that requests use for what came before, each in braces.
pub type Names = BTreeMap<String, String>;

/// The text with every name replaced. A brace that is no name's stays, as bodies have them.
pub fn filled(text: &str, names: &Names) -> String {
    names
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

impl Step {
    /// The bytes that go over the wire.
    pub fn bytes(&self, names: &Names) -> Result<Vec<u8>> {
        let mut request = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            // What only requests with a body have.
            if self.body.is_empty() && name.eq_ignore_ascii_case("content-type") {
                continue;
            }
            request += &format!("{name}: {value}\r\n");
        }
        let mut request = filled(&request, names);
        let body = filled(&self.body, names);
        if !body.is_empty() {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        ensure!(!request.contains('{'), "{}: a name that nothing stands for: {request}", self.title);
        Ok((request + "\r\n" + &body).into_bytes())
    }

    /// Compares an answer with the lines about it, and learns names from it.
    pub fn compare(&self, answer: &Value, names: &mut Names) -> Result<()> {
        for line in &self.expectations {
            self.line(line, answer, names)
                .with_context(|| format!("{}: `{line}` in {answer}", self.title))?;
        }
        Ok(())
    }

    fn line(&self, line: &str, answer: &Value, names: &mut Names) -> Result<()> {
        let at = |path: &str| answer.pointer(&format!("/{}", path.trim().replace('.', "/")));
        if let Some((name, path)) = line.strip_prefix('{').and_then(|line| line.split_once("} = ")) {
            let value = at(path).context("nothing there")?;
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            names.insert(name.to_owned(), value);
            return Ok(());
        }
        if let Some((path, what)) = line.split_once(" is ") {
            let found = at(path);
            let is_so = match what {
                "absent" => found.is_none(),
                "empty" => found == Some(&Value::from("")),
                "null" => found == Some(&Value::Null),
                "text" => found.is_some_and(|found| found.as_str().is_some_and(|text| !text.is_empty())),
                "number" => found.is_some_and(Value::is_number),
                other => bail!("`{other}` is nothing that a member can be"),
            };
            ensure!(is_so, "it is {found:?}");
            return Ok(());
        }
        let (path, expected) = line.split_once(" = ").context("no line about an answer")?;
        let expected = filled(expected, names);
        let found = at(path).context("nothing there")?;
        let same = match found {
            Value::String(found) => *found == expected,
            found => serde_json::from_str::<Value>(&expected).is_ok_and(|expected| expected == *found),
        };
        ensure!(same, "it is {found}");
        Ok(())
    }
}

#[test]
fn a_file_is_read_as_it_stands() -> Result<()> {
    let text = "# words\n@header Accept: a/b\n@header Content-Type: c/d\n\n=== one\nGET /x?y=%27{who}%27\nAccept: e/f\n--- 200 text\n\n=== two\nPOST /x\n\n{\"a\": \"{who}\"}\n--- 201 Credential\n{id} = id\nname = {who}\nother is absent\n";
    let steps = read(text)?;
    let mut names = Names::from([("who".to_owned(), "alice".to_owned())]);
    assert_eq!(steps.len(), 2);
    assert_eq!(
        String::from_utf8(steps[0].bytes(&names)?)?,
        "GET /x?y=%27alice%27 HTTP/1.1\r\nAccept: e/f\r\n\r\n"
    );
    let second = String::from_utf8(steps[1].bytes(&names)?)?;
    assert_eq!(
        second,
        "POST /x HTTP/1.1\r\nAccept: a/b\r\nContent-Type: c/d\r\nContent-Length: 14\r\n\r\n{\"a\": \"alice\"}"
    );
    steps[1].compare(&serde_json::json!({ "id": "7", "name": "alice" }), &mut names)?;
    assert_eq!(names["id"], "7");
    for wrong in [
        serde_json::json!({ "id": "7", "name": "bob" }),
        serde_json::json!({ "id": "7", "name": "alice", "other": 1 }),
    ] {
        ensure!(steps[1].compare(&wrong, &mut names).is_err(), "{wrong}");
    }
    Ok(())
}

//! From bytes to statements: where each ends, with quotes, dollar quotes and comments in mind, and the rows of `COPY … FROM stdin`.
//!
//! Text inside a quote may look like a statement of its own; taking it for one would let whoever wrote a description write records. So
//! nothing is searched for: everything is read from the first byte to the last.

use super::DumpError;
use std::io::BufRead;
use zeroize::Zeroizing;

/// A line, and a statement, may have this many bytes. A session's export is the longest text of that platform, with a few megabytes.
const LONGEST: usize = 64 * 1024 * 1024;

/// Reads a dump.
pub(super) struct Reader<R> {
    input: R,
    line: u64,
    text: Zeroizing<Vec<u8>>,
}

/// Where the text stands between two characters.
#[derive(Clone, PartialEq, Eq)]
enum Inside {
    Nothing,
    Quote { escapes: bool },
    Name,
    Dollar(String),
    Comment { depth: u32 },
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            text: Zeroizing::new(Vec::new()),
        }
    }

    /// The number of the line that was read last, for messages.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// The next statement, without its semicolon, and the line on which it begins.
    pub(super) fn statement(&mut self) -> Result<Option<(u64, Zeroizing<String>)>, DumpError> {
        let mut statement = Zeroizing::new(String::new());
        let (mut inside, mut begun) = (Inside::Nothing, 0);
        loop {
            if !self.next_line()? {
                return if statement.trim().is_empty() && inside == Inside::Nothing {
                    Ok(None)
                } else {
                    Err(DumpError::new(self.line, "ends in the middle of a statement; is the file whole?"))
                };
            }
            let line =
                std::str::from_utf8(&self.text).map_err(|_| DumpError::new(self.line, "is not UTF-8; dump with `--encoding=UTF8`"))?;
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            let is_between = statement.trim().is_empty() && inside == Inside::Nothing;
            if is_between {
                statement.clear();
                begun = self.line;
                // psql's own commands, such as `\restrict`, stand on lines of their own.
                if line.starts_with('\\') {
                    continue;
                }
            }
            if statement.len() + line.len() > LONGEST {
                return Err(DumpError::new(begun, "begins a statement that is too long"));
            }
            if let Some(rest) = scan(line, &mut inside, &mut statement) {
                if rest.trim().is_empty() {
                    return Ok(Some((begun, statement)));
                }
                return Err(DumpError::new(
                    self.line,
                    "has two statements on one line, which `pg_dump` does not write",
                ));
            }
            statement.push('\n');
        }
    }

    /// The next row of a `COPY`, with its separators, or nothing at its end.
    pub(super) fn row(&mut self) -> Result<Option<&str>, DumpError> {
        if !self.next_line()? {
            return Err(DumpError::new(self.line, "ends in the middle of a table; is the file whole?"));
        }
        let line = std::str::from_utf8(&self.text).map_err(|_| DumpError::new(self.line, "is not UTF-8; dump with `--encoding=UTF8`"))?;
        let line = line.strip_suffix('\n').unwrap_or(line);
        Ok((line != "\\.").then_some(line))
    }

    fn next_line(&mut self) -> Result<bool, DumpError> {
        self.text.clear();
        let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX);
        let mut limited = std::io::Read::take(&mut self.input, limit + 1);
        let read = limited.read_until(b'\n', &mut self.text);
        match read {
            Ok(0) => Ok(false),
            Ok(read) if read > LONGEST => Err(DumpError::new(self.line + 1, "is too long")),
            Ok(_) => {
                self.line += 1;
                Ok(true)
            }
            Err(why) => Err(DumpError::new(self.line + 1, format!("cannot be read: {why}"))),
        }
    }
}

/// Takes a line into the statement. What follows the semicolon that ends it, if one does.
fn scan<'a>(line: &'a str, inside: &mut Inside, statement: &mut String) -> Option<&'a str> {
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match inside {
            Inside::Nothing => match c {
                ';' => return rest.get(1..),
                '\'' => {
                    *inside = Inside::Quote {
                        escapes: is_escape(statement),
                    }
                }
                '"' => *inside = Inside::Name,
                '-' if rest.starts_with("--") => return None,
                '/' if rest.starts_with("/*") => {
                    *inside = Inside::Comment { depth: 1 };
                    rest = rest.get(2..).unwrap_or_default();
                    continue;
                }
                '$' if !statement.ends_with(is_word) => {
                    if let Some(tag) = dollar(rest) {
                        *inside = Inside::Dollar(tag.to_owned());
                        taken = tag.len();
                    }
                }
                _ => {}
            },
            Inside::Quote { escapes } => match c {
                '\\' if *escapes => taken += rest.chars().nth(1).map_or(0, char::len_utf8),
                // A doubled quote ends the text and begins it again, which comes to the same.
                '\'' if rest.starts_with("''") => taken = 2,
                '\'' => *inside = Inside::Nothing,
                _ => {}
            },
            Inside::Name if c == '"' => *inside = Inside::Nothing,
            Inside::Name => {}
            Inside::Dollar(tag) => {
                if rest.starts_with(tag.as_str()) {
                    taken = tag.len();
                    *inside = Inside::Nothing;
                }
            }
            Inside::Comment { depth } => {
                let step = match rest.get(..2) {
                    Some("*/") => {
                        *depth -= 1;
                        2
                    }
                    Some("/*") => {
                        *depth += 1;
                        2
                    }
                    _ => taken,
                };
                if *depth == 0 {
                    *inside = Inside::Nothing;
                    statement.push(' ');
                }
                rest = rest.get(step..).unwrap_or_default();
                continue;
            }
        }
        statement.push_str(rest.get(..taken).unwrap_or_default());
        rest = rest.get(taken..).unwrap_or_default();
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// `E'…'`: a backslash escapes there.
fn is_escape(before: &str) -> bool {
    let mut last = before.chars().rev();
    matches!(last.next(), Some('e' | 'E')) && !last.next().is_some_and(is_word)
}

/// `$$` or `$tag$` at the beginning.
fn dollar(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let end = inner.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    let is_tag = inner.get(end..)?.starts_with('$') && !inner.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| text.get(..end + 2)).flatten()
}

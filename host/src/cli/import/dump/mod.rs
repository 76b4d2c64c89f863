//! A plain dump of PostgreSQL (`pg_dump`), read into the rows of the tables that are wanted.
//!
//! Both forms: `COPY … FROM stdin` and `--inserts`, with or without columns. Columns are found by their names, so their order does not matter, nor do
//! others beside them. Whatever a dump holds, it is only read: nothing of it is carried out. Messages name lines, tables and
//! columns, never a value.

mod statements;
mod tokens;

use statements::Reader;
use std::collections::BTreeMap;
use std::io::BufRead;
use tokens::{Token, tokens};

/// Bytes that are kept of all tables together. A million bindings come to 300 MB.
const LARGEST: usize = 1024 * 1024 * 1024;
/// Columns of a table. PostgreSQL itself ends at 1,600.
const MOST_COLUMNS: usize = 1600;

/// Why a dump does not read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} {why}")]
pub(super) struct DumpError {
    line: u64,
    why: String,
}

impl DumpError {
    fn new(line: u64, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

/// The rows of one table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

/// A row whose values are found by column.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    columns: &'a [String],
    values: &'a [Option<String>],
}

impl Table {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|values| Row {
            columns: &self.columns,
            values,
        })
    }

    /// Whether there is such a column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|known| known == column)
    }
}

impl<'a> Row<'a> {
    /// A value; nothing if it is NULL, or there is no such column.
    pub(super) fn get(&self, column: &str) -> Option<&'a str> {
        let at = self.columns.iter().position(|known| known == column)?;
        self.values.get(at)?.as_deref()
    }

    /// The same, if it is not empty.
    pub(super) fn given(&self, column: &str) -> Option<&'a str> {
        self.get(column).filter(|value| !value.is_empty())
    }
}

/// Reads the wanted tables of a schema. A table that is not in the dump has no rows.
pub(super) fn read(input: impl BufRead, schema: &str, wanted: &[&str]) -> Result<BTreeMap<String, Table>, DumpError> {
    let mut input = input;
    let head = input
        .fill_buf()
        .map_err(|why| DumpError::new(1, format!("cannot be read: {why}")))?;
    if head.starts_with(b"PGDMP") {
        return Err(DumpError::new(
            1,
            "begins a dump in PostgreSQL's own format; make it plain with `pg_restore -f dump.sql FILE`, or dump with `--format=plain`",
        ));
    }
    let mut dump = Dump {
        reader: Reader::new(input),
        schema,
        tables: wanted.iter().map(|name| ((*name).to_owned(), Table::default())).collect(),
        defined: BTreeMap::new(),
        kept: 0,
    };
    let mut statements = 0_u64;
    while let Some((line, statement)) = dump.reader.statement()? {
        statements += 1;
        let words = first_words(&statement);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["copy", ..] => dump.copy(line, &tokens(&statement))?,
            ["insert", "into", ..] => dump.insert(line, &tokens(&statement))?,
            ["create", "table", ..] => dump.create(&tokens(&statement)),
            ["set", "standard_conforming_strings"] if statement.contains("off") => {
                return Err(DumpError::new(
                    line,
                    "turns `standard_conforming_strings` off; dump from a server that has it on",
                ));
            }
            _ => {}
        }
    }
    if statements == 0 {
        return Err(DumpError::new(
            dump.reader.line(),
            "ends a file without any statement; is it a dump?",
        ));
    }
    Ok(dump.tables)
}

fn first_words(statement: &str) -> Vec<String> {
    let words = statement.split(|c: char| c.is_whitespace() || matches!(c, '=' | '('));
    words.filter(|word| !word.is_empty()).take(2).map(str::to_lowercase).collect()
}

struct Dump<'a, R> {
    reader: Reader<R>,
    schema: &'a str,
    tables: BTreeMap<String, Table>,
    /// Columns as `CREATE TABLE` has them, for inserts that name none.
    defined: BTreeMap<String, Vec<String>>,
    kept: usize,
}

impl<R: BufRead> Dump<'_, R> {
    /// The wanted table that is named at the beginning, and what follows its name.
    fn table<'t>(&self, tokens: &'t [Token]) -> Option<(String, &'t [Token])> {
        let name = |token: &Token| match token {
            Token::Word(name) | Token::Name(name) => Some(name.clone()),
            _ => None,
        };
        let (schema, table, rest) = match tokens {
            [schema, Token::Sign('.'), table, rest @ ..] => (name(schema)?, name(table)?, rest),
            [table, rest @ ..] => (self.schema.to_owned(), name(table)?, rest),
            [] => return None,
        };
        (schema == self.schema && self.tables.contains_key(&table)).then_some((table, rest))
    }

    fn create(&mut self, tokens: &[Token]) {
        let mut rest = tokens.get(2..).unwrap_or_default();
        if let [Token::Word(r#if), Token::Word(not), Token::Word(exists), after @ ..] = rest
            && (r#if.as_str(), not.as_str(), exists.as_str()) == ("if", "not", "exists")
        {
            rest = after;
        }
        let Some((table, [Token::Sign('('), body @ ..])) = self.table(rest) else {
            return;
        };
        let mut columns = Vec::new();
        let (mut depth, mut begins) = (0_usize, true);
        for token in body {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') if depth == 0 => break,
                Token::Sign(')') => depth -= 1,
                Token::Sign(',') if depth == 0 => {
                    begins = true;
                    continue;
                }
                Token::Word(word)
                    if begins && !["constraint", "primary", "unique", "check", "foreign", "exclude", "like"].contains(&word.as_str()) =>
                {
                    columns.push(word.clone());
                }
                Token::Name(name) if begins => columns.push(name.clone()),
                _ => {}
            }
            begins = false;
        }
        self.defined.insert(table, columns);
    }

    fn copy(&mut self, line: u64, tokens: &[Token]) -> Result<(), DumpError> {
        let Some(Token::Word(from)) = tokens.iter().rev().nth(1) else {
            return Ok(());
        };
        if from != "from" || tokens.last() != Some(&Token::Word("stdin".to_owned())) {
            return Err(DumpError::new(line, "has a `COPY` that is not one of `pg_dump`'s"));
        }
        let found = self.table(tokens.get(1..).unwrap_or_default());
        let mut columns = None;
        if let Some((table, rest)) = &found {
            let (named, _) = list(rest);
            let named = named.or_else(|| self.defined.get(table).cloned());
            let named = named.ok_or_else(|| DumpError::new(line, format!("copies into `{table}` without naming its columns")))?;
            self.begin(line, table, &named)?;
            columns = Some((table.clone(), named.len()));
        }
        loop {
            let Some(row) = self.reader.row()? else { return Ok(()) };
            let Some((table, width)) = &columns else { continue };
            let values: Option<Vec<Option<String>>> = row.split('\t').map(unescaped).collect();
            let size = row.len();
            let number = self.reader.line();
            let values = values.ok_or_else(|| DumpError::new(number, format!("has a value of `{table}` that does not read")))?;
            if values.len() != *width {
                return Err(DumpError::new(
                    number,
                    format!("has {} values for the {width} columns of `{table}`", values.len()),
                ));
            }
            self.keep(number, table, values, size)?;
        }
    }

    fn insert(&mut self, line: u64, tokens: &[Token]) -> Result<(), DumpError> {
        let Some((table, rest)) = self.table(tokens.get(2..).unwrap_or_default()) else {
            return Ok(());
        };
        let odd = || DumpError::new(line, format!("has an `INSERT` into `{table}` that is not one of `pg_dump`'s"));
        let (named, mut rest) = list(rest);
        let columns = named.or_else(|| self.defined.get(&table).cloned()).ok_or_else(odd)?;
        self.begin(line, &table, &columns)?;
        if let [Token::Word(overriding), Token::Word(_), Token::Word(value), after @ ..] = rest
            && overriding == "overriding"
            && value == "value"
        {
            rest = after;
        }
        let [Token::Word(values), after @ ..] = rest else {
            return Err(odd());
        };
        if values != "values" {
            return Err(odd());
        }
        rest = after;
        loop {
            let [Token::Sign('('), after @ ..] = rest else { return Err(odd()) };
            let (row, after) = tuple(after).ok_or_else(odd)?;
            if row.len() != columns.len() {
                return Err(DumpError::new(
                    line,
                    format!("has {} values for the {} columns of `{table}`", row.len(), columns.len()),
                ));
            }
            let size = row.iter().flatten().map(String::len).sum();
            self.keep(line, &table, row, size)?;
            match after {
                [] => return Ok(()),
                [Token::Sign(','), after @ ..] => rest = after,
                // `ON CONFLICT DO NOTHING`, of `--on-conflict-do-nothing`.
                [Token::Word(on), ..] if on == "on" => return Ok(()),
                _ => return Err(odd()),
            }
        }
    }

    /// Notes the columns, which have to be the same each time.
    fn begin(&mut self, line: u64, table: &str, columns: &[String]) -> Result<(), DumpError> {
        let mut sorted = columns.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if columns.is_empty() || columns.len() > MOST_COLUMNS || sorted.len() != columns.len() {
            return Err(DumpError::new(
                line,
                format!("names the columns of `{table}` in a way that no table has"),
            ));
        }
        let Some(known) = self.tables.get_mut(table) else { return Ok(()) };
        if known.columns.is_empty() {
            known.columns = columns.to_vec();
        } else if known.columns != columns {
            return Err(DumpError::new(line, format!("names other columns of `{table}` than before")));
        }
        Ok(())
    }

    fn keep(&mut self, line: u64, table: &str, row: Vec<Option<String>>, size: usize) -> Result<(), DumpError> {
        // What a row costs beside its text: a vector, and three words for each value.
        self.kept = self.kept.saturating_add(size).saturating_add(row.len() * 24 + 24);
        if self.kept > LARGEST {
            return Err(DumpError::new(line, "is one too many: the tables are larger than a gigabyte"));
        }
        if let Some(known) = self.tables.get_mut(table) {
            known.rows.push(row);
        }
        Ok(())
    }
}

/// `(a, b)`, if it begins so, and what follows.
fn list(tokens: &[Token]) -> (Option<Vec<String>>, &[Token]) {
    let [Token::Sign('('), inner @ ..] = tokens else {
        return (None, tokens);
    };
    let mut names = Vec::new();
    for (at, token) in inner.iter().enumerate() {
        match token {
            Token::Word(name) | Token::Name(name) => names.push(name.clone()),
            Token::Sign(',') => {}
            Token::Sign(')') => return (Some(names), inner.get(at + 1..).unwrap_or_default()),
            _ => break,
        }
    }
    (None, tokens)
}

/// The values up to the closing parenthesis, and what follows it.
fn tuple(tokens: &[Token]) -> Option<(Vec<Option<String>>, &[Token])> {
    let mut row = Vec::new();
    let mut rest = tokens;
    loop {
        let (value, after) = match rest {
            [Token::Text(text), after @ ..] => (Some(text.clone()), after),
            [Token::Word(word), after @ ..] if word == "null" => (None, after),
            [Token::Word(word), after @ ..] => (Some(word.clone()), after),
            [Token::Sign('-'), Token::Word(number), after @ ..] => (Some(format!("-{number}")), after),
            _ => return None,
        };
        row.push(value);
        rest = after;
        // `'…'::jsonb`
        while let [Token::Sign(':'), Token::Sign(':'), Token::Word(_), after @ ..] = rest {
            rest = after;
        }
        match rest {
            [Token::Sign(','), after @ ..] => rest = after,
            [Token::Sign(')'), after @ ..] => return Some((row, after)),
            _ => return None,
        }
    }
}

/// A value of `COPY`: `\N` is NULL, and a backslash escapes.
#[expect(clippy::option_option, reason = "a value that does not read, NULL, or a text")]
fn unescaped(value: &str) -> Option<Option<String>> {
    if value == "\\N" {
        return Some(None);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next()? {
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'v' => bytes.push(11),
            digit @ b'0'..=b'7' => {
                let mut number = u32::from(digit - b'0');
                for _ in 0..2 {
                    if let Some(next) = rest.next_if(|next| (b'0'..=b'7').contains(next)) {
                        number = number * 8 + u32::from(next - b'0');
                    }
                }
                bytes.push(u8::try_from(number).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok().map(Some)
}

#[cfg(test)]
mod tests;

//! Text → words and signs.

use super::{Comparison, Invalid};

/// A word or sign of the language.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// A keyword or the name of a column, perhaps with its table.
    Name(String),
    /// Between single quotes; two of them stand for one.
    Text(String),
    Number(f64),
    Sign(Comparison),
    Open,
    Close,
    Comma,
}

/// Words with the place of each, in characters from 1, and the place behind the last.
pub(super) fn words(text: &str) -> Result<(Vec<(usize, Word)>, usize), Invalid> {
    if text.len() > super::LONGEST {
        return Err(Invalid::TooLong);
    }
    let mut words = Vec::new();
    let mut rest = Rest {
        chars: text.chars().peekable(),
        at: 0,
    };
    while let Some(first) = rest.next() {
        let at = rest.at;
        let word = match first {
            c if c.is_whitespace() => continue,
            '(' => Word::Open,
            ')' => Word::Close,
            ',' => Word::Comma,
            '=' => Word::Sign(Comparison::Equal),
            '!' if rest.take('=') => Word::Sign(Comparison::Unequal),
            '<' if rest.take('>') => Word::Sign(Comparison::Unequal),
            '<' if rest.take('=') => Word::Sign(Comparison::AtMost),
            '<' => Word::Sign(Comparison::Less),
            '>' if rest.take('=') => Word::Sign(Comparison::AtLeast),
            '>' => Word::Sign(Comparison::More),
            '\'' => Word::Text(rest.quoted(at)?),
            c if c.is_ascii_digit() || matches!(c, '-' | '+') => {
                let digits = rest.while_of(c, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
                Word::Number(number(&digits).ok_or(syntax(at, "this is no number; put texts in single quotes"))?)
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                Word::Name(rest.while_of(c, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
            }
            '~' => return Err(syntax(at, "regular expressions are not supported; use `like`")),
            '\u{22}' => return Err(syntax(at, "texts stand in single quotes")),
            _ => return Err(syntax(at, "this sign has no meaning here; put texts in single quotes")),
        };
        words.push((at, word));
    }
    Ok((words, rest.at))
}

fn number(digits: &str) -> Option<f64> {
    digits.parse::<f64>().ok().filter(|number| number.is_finite())
}

pub(super) const fn syntax(at: usize, wanted: &'static str) -> Invalid {
    Invalid::Syntax { at, wanted }
}

struct Rest<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    at: usize,
}

impl Rest<'_> {
    fn next(&mut self) -> Option<char> {
        self.at += 1;
        self.chars.next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let taken = self.chars.next_if_eq(&wanted).is_some();
        self.at += usize::from(taken);
        taken
    }

    fn while_of(&mut self, first: char, belongs: impl Fn(char) -> bool) -> String {
        let mut word = String::from(first);
        while let Some(c) = self.chars.next_if(|c| belongs(*c)) {
            self.at += 1;
            word.push(c);
        }
        word
    }

    fn quoted(&mut self, opened_at: usize) -> Result<String, Invalid> {
        let mut text = String::new();
        loop {
            match self.next() {
                Some('\'') if self.take('\'') => text.push('\''),
                Some('\'') => return Ok(text),
                Some(c) => text.push(c),
                None => return Err(syntax(opened_at, "this quote is never closed")),
            }
        }
    }
}

//! The words of one statement.

/// A word of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name without quotes, in lower case; a keyword; a number.
    Word(String),
    /// A name in quotes.
    Name(String),
    /// A text.
    Text(String),
    /// Anything else.
    Sign(char),
}

/// Splits a statement. Quotes are closed: the statement's end was found by them.
pub(super) fn tokens(statement: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = statement.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            _ if c.is_whitespace() => {}
            '\'' => found.push(Token::Text(quoted(&mut rest, '\'', false))),
            '"' => found.push(Token::Name(quoted(&mut rest, '"', false))),
            'e' | 'E' if rest.peek() == Some(&'\'') => {
                rest.next();
                found.push(Token::Text(quoted(&mut rest, '\'', true)));
            }
            _ if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(next) =
                    rest.next_if(|next| next.is_alphanumeric() || matches!(next, '_' | '$' | '.') && word_goes_on(&word, *next))
                {
                    word.push(next);
                }
                found.push(Token::Word(word.to_lowercase()));
            }
            other => found.push(Token::Sign(other)),
        }
    }
    found
}

/// A point belongs to a number, and parts names.
fn word_goes_on(word: &str, next: char) -> bool {
    next != '.' || word.starts_with(|c: char| c.is_ascii_digit())
}

fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char, escapes: bool) -> String {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        match c {
            _ if c == quote => {
                if rest.next_if_eq(&quote).is_none() {
                    break;
                }
                text.push(quote);
            }
            '\\' if escapes => match rest.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some(other) => text.push(other),
                None => {}
            },
            _ => text.push(c),
        }
    }
    text
}

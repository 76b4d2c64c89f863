//! Words → tree, by recursive descent of bounded depth.

use super::lexer::{Word, syntax, words};
use super::{DEEPEST, Invalid, LONGEST_LIST, Literal, Test, Tree};

/// Reads a filter. One of nothing but spaces is none.
///
/// # Errors
/// The first thing that does not read.
pub(super) fn parse(text: &str) -> Result<Option<Tree>, Invalid> {
    let (words, end) = words(text)?;
    if words.is_empty() {
        return Ok(None);
    }
    let mut parser = Parser {
        words: &words,
        end,
        next: 0,
    };
    let tree = parser.any(0)?;
    match parser.peek() {
        None => Ok(Some(tree)),
        Some(_) => Err(parser.wanted("`and`, `or` or the end is wanted")),
    }
}

struct Parser<'a> {
    words: &'a [(usize, Word)],
    end: usize,
    next: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Word> {
        self.words.get(self.next).map(|(_, word)| word)
    }

    fn advance(&mut self) -> Option<&'a Word> {
        let word = self.peek();
        self.next += 1;
        word
    }

    /// A refusal at the word that comes next, or behind the last one.
    fn wanted(&self, wanted: &'static str) -> Invalid {
        syntax(self.words.get(self.next).map_or(self.end, |(at, _)| *at), wanted)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Name(name)) if name.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &Word, wanted: &'static str) -> Result<(), Invalid> {
        if self.peek() == Some(sign) {
            self.next += 1;
            Ok(())
        } else {
            Err(self.wanted(wanted))
        }
    }

    fn any(&mut self, depth: usize) -> Result<Tree, Invalid> {
        let first = self.all(depth)?;
        let mut branches = vec![first];
        while self.keyword("or") {
            branches.push(self.all(depth)?);
        }
        Ok(alone(branches).unwrap_or_else(Tree::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Tree, Invalid> {
        let first = self.one(depth)?;
        let mut branches = vec![first];
        while self.keyword("and") {
            branches.push(self.one(depth)?);
        }
        Ok(alone(branches).unwrap_or_else(Tree::All))
    }

    fn one(&mut self, depth: usize) -> Result<Tree, Invalid> {
        if depth > DEEPEST {
            return Err(Invalid::TooDeep);
        }
        if self.keyword("not") {
            return Ok(Tree::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.peek() == Some(&Word::Open) {
            self.next += 1;
            let inner = self.any(depth + 1)?;
            self.sign(&Word::Close, "`)` is wanted")?;
            return Ok(inner);
        }
        self.test()
    }

    fn test(&mut self) -> Result<Tree, Invalid> {
        const COLUMN: &str = "the name of a column is wanted";
        let Some(Word::Name(column)) = self.peek() else {
            return Err(self.wanted(COLUMN));
        };
        if KEYWORDS.iter().any(|keyword| column.eq_ignore_ascii_case(keyword)) {
            return Err(self.wanted(COLUMN));
        }
        let column = column.clone();
        self.next += 1;
        if let Some(Word::Sign(comparison)) = self.peek() {
            self.next += 1;
            return Ok(Tree::Is(column, Test::Compare(*comparison, self.literal()?)));
        }
        if self.keyword("is") {
            let negated = self.keyword("not");
            if !self.keyword("null") {
                return Err(self.wanted("`null` is wanted"));
            }
            return Ok(negate(negated, Tree::Is(column, Test::Null)));
        }
        let negated = self.keyword("not");
        let test = if self.keyword("like") {
            match self.peek() {
                Some(Word::Text(pattern)) => {
                    self.next += 1;
                    Test::Like(pattern.clone())
                }
                _ => return Err(self.wanted("a pattern in single quotes is wanted")),
            }
        } else if self.keyword("in") {
            Test::In(self.list()?)
        } else if self.keyword("between") {
            let low = self.literal()?;
            if !self.keyword("and") {
                return Err(self.wanted("`and` is wanted"));
            }
            Test::Between(low, self.literal()?)
        } else {
            return Err(self.wanted("a comparison is wanted: `=`, `<>`, `<`, `<=`, `>`, `>=`, `like`, `in`, `between`, `is null`"));
        };
        Ok(negate(negated, Tree::Is(column, test)))
    }

    fn list(&mut self) -> Result<Vec<Literal>, Invalid> {
        self.sign(&Word::Open, "`(` is wanted")?;
        let mut list = vec![self.literal()?];
        while self.peek() == Some(&Word::Comma) {
            self.next += 1;
            if list.len() == LONGEST_LIST {
                return Err(Invalid::TooMany);
            }
            list.push(self.literal()?);
        }
        self.sign(&Word::Close, "`,` or `)` is wanted")?;
        Ok(list)
    }

    fn literal(&mut self) -> Result<Literal, Invalid> {
        if self.keyword("true") {
            return Ok(Literal::Flag(true));
        }
        if self.keyword("false") {
            return Ok(Literal::Flag(false));
        }
        match self.peek() {
            Some(Word::Text(_) | Word::Number(_)) => {}
            _ => return Err(self.wanted("a text in single quotes or a number is wanted")),
        }
        match self.advance() {
            Some(Word::Text(text)) => Ok(Literal::Text(text.clone())),
            Some(Word::Number(number)) => Ok(Literal::Number(*number)),
            _ => Err(self.wanted("a value is wanted")),
        }
    }
}

const KEYWORDS: [&str; 9] = ["and", "or", "not", "like", "in", "between", "is", "true", "false"];

fn negate(negated: bool, tree: Tree) -> Tree {
    if negated { Tree::Not(Box::new(tree)) } else { tree }
}

/// The one branch, or all of them back.
fn alone(mut branches: Vec<Tree>) -> Result<Tree, Vec<Tree>> {
    match (branches.len(), branches.pop()) {
        (1, Some(only)) => Ok(only),
        (_, Some(last)) => {
            branches.push(last);
            Err(branches)
        }
        (_, None) => Err(branches),
    }
}

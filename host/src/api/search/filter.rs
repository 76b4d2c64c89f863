//! A tree with its columns found and its values read, ready to be tried.

use super::like::Pattern;
use super::{Cell, Column, Comparison, DEAREST, Invalid, Literal, Test, Tree, Type, parser};
use crate::clock::{Millis, from_rfc3339};
use std::cmp::Ordering;
use std::collections::HashSet;

/// A filter over records of type `T`.
pub struct Filter<T: 'static>(Node<T>);

enum Node<T: 'static> {
    All(Vec<Node<T>>),
    Any(Vec<Node<T>>),
    Not(Box<Node<T>>),
    Is(fn(&T) -> Cell<'_>, Check),
}

enum Check {
    Null,
    Text(Comparison, String),
    Texts(HashSet<String>),
    TextBetween(String, String),
    Like(Pattern),
    Number(Comparison, f64),
    Numbers(Vec<f64>),
    NumberBetween(f64, f64),
}

impl<T> Filter<T> {
    /// Reads a filter on the columns of a table. `None` if there is nothing in it.
    ///
    /// # Errors
    /// What does not read, a column that is none of these, a value that its column cannot hold.
    pub fn read(text: &str, table: &str, columns: &'static [Column<T>]) -> Result<Option<Self>, Invalid> {
        let tree = parser::parse(text)?;
        tree.map(|tree| bind(tree, table, columns).map(Self)).transpose()
    }

    /// Those of the items that the filter keeps. It can only take away.
    ///
    /// # Errors
    /// [`Invalid::TooDear`]
    pub fn keep<I: std::borrow::Borrow<T>>(&self, items: Vec<I>) -> Result<Vec<I>, Invalid> {
        let mut budget = DEAREST;
        let mut kept = Vec::new();
        for item in items {
            let holds = holds(&self.0, item.borrow(), &mut budget).ok_or(Invalid::TooDear)?;
            if holds == Truth::True {
                kept.push(item);
            }
        }
        Ok(kept)
    }
}

/// The three values of SQL's logic, in an order that makes `and` the least and `or` the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    False,
    Unknown,
    True,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// `None` once the budget is spent.
fn holds<T>(node: &Node<T>, item: &T, budget: &mut u64) -> Option<Truth> {
    *budget = budget.checked_sub(1)?;
    match node {
        Node::All(branches) => {
            let mut least = Truth::True;
            for branch in branches {
                least = least.min(holds(branch, item, budget)?);
                if least == Truth::False {
                    break;
                }
            }
            Some(least)
        }
        Node::Any(branches) => {
            let mut greatest = Truth::False;
            for branch in branches {
                greatest = greatest.max(holds(branch, item, budget)?);
                if greatest == Truth::True {
                    break;
                }
            }
            Some(greatest)
        }
        Node::Not(inner) => Some(match holds(inner, item, budget)? {
            Truth::True => Truth::False,
            Truth::Unknown => Truth::Unknown,
            Truth::False => Truth::True,
        }),
        Node::Is(read, check) => checked(check, &read(item), budget),
    }
}

fn checked(check: &Check, cell: &Cell<'_>, budget: &mut u64) -> Option<Truth> {
    let holds = match (check, cell) {
        (Check::Null, cell) => *cell == Cell::Null,
        (_, Cell::Null) => return Some(Truth::Unknown),
        (Check::Text(comparison, wanted), Cell::Text(text)) => comparison.holds(text.as_ref().cmp(wanted.as_str())),
        (Check::Texts(wanted), Cell::Text(text)) => wanted.contains(text.as_ref()),
        (Check::TextBetween(low, high), Cell::Text(text)) => (low.as_str()..=high.as_str()).contains(&text.as_ref()),
        (Check::Like(pattern), Cell::Text(text)) => pattern.fits(text, budget)?,
        (Check::Number(comparison, wanted), Cell::Number(number)) => {
            number.partial_cmp(wanted).is_some_and(|order| comparison.holds(order))
        }
        (Check::Numbers(wanted), Cell::Number(number)) => wanted.contains(number),
        (Check::NumberBetween(low, high), Cell::Number(number)) => (low..=high).contains(&number),
        _ => false,
    };
    Some(holds.into())
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

fn bind<T>(tree: Tree, table: &str, columns: &'static [Column<T>]) -> Result<Node<T>, Invalid> {
    let each = |branches: Vec<Tree>| {
        branches
            .into_iter()
            .map(|branch| bind(branch, table, columns))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(match tree {
        Tree::All(branches) => Node::All(each(branches)?),
        Tree::Any(branches) => Node::Any(each(branches)?),
        Tree::Not(inner) => Node::Not(Box::new(bind(*inner, table, columns)?)),
        Tree::Is(name, test) => {
            let column = find(&name, table, columns)?;
            Node::Is(column.read, check(column.name, column.holds, test)?)
        }
    })
}

fn find<T>(name: &str, table: &str, columns: &'static [Column<T>]) -> Result<&'static Column<T>, Invalid> {
    let own = match name.split_once('.') {
        Some((prefix, own)) if prefix == table => own,
        _ => name,
    };
    let found = columns.iter().find(|column| column.name == own);
    found.ok_or_else(|| Invalid::UnknownColumn(name.chars().take(64).collect()))
}

fn check(column: &'static str, holds: Type, test: Test) -> Result<Check, Invalid> {
    let value = |literal| Value::read(column, holds, literal);
    Ok(match test {
        Test::Null => Check::Null,
        Test::Like(pattern) if holds == Type::Text => Check::Like(Pattern::read(&pattern)),
        Test::Like(_) => {
            return Err(Invalid::Mismatch {
                column,
                wanted: "`=`, `<` and the like; `like` is for texts",
            });
        }
        Test::Compare(comparison, literal) => match value(literal)? {
            Value::Text(text) => Check::Text(comparison, text),
            Value::Number(number) => Check::Number(comparison, number),
        },
        Test::Between(low, high) => match (value(low)?, value(high)?) {
            (Value::Text(low), Value::Text(high)) => Check::TextBetween(low, high),
            (low, high) => Check::NumberBetween(low.number(), high.number()),
        },
        Test::In(list) => {
            let values = list.into_iter().map(value).collect::<Result<Vec<_>, _>>()?;
            if holds == Type::Text {
                Check::Texts(values.into_iter().map(Value::text).collect())
            } else {
                Check::Numbers(values.iter().map(Value::number).collect())
            }
        }
    })
}

/// RFC 3339, or a day, which stands for its beginning.
fn moment(text: &str) -> Option<Millis> {
    from_rfc3339(text).or_else(|| from_rfc3339(&format!("{text}T00:00:00Z")))
}

/// A literal as its column holds it.
enum Value {
    Text(String),
    Number(f64),
}

impl Value {
    fn read(column: &'static str, holds: Type, literal: Literal) -> Result<Self, Invalid> {
        let mismatch = |wanted| Invalid::Mismatch { column, wanted };
        match (holds, literal) {
            (Type::Text, Literal::Text(text)) => Ok(Self::Text(text)),
            (Type::Text, _) => Err(mismatch("a text in single quotes")),
            (Type::Number, Literal::Number(number)) => Ok(Self::Number(number)),
            (Type::Number, Literal::Text(text)) => {
                let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
                number.map(Self::Number).ok_or_else(|| mismatch("a number"))
            }
            (Type::Number, Literal::Flag(_)) => Err(mismatch("a number")),
            (Type::Time, Literal::Text(text)) => match moment(text.trim()).map(Cell::number) {
                Some(Cell::Number(at)) => Ok(Self::Number(at)),
                _ => Err(mismatch("a time such as '2026-08-17T10:00:00Z'")),
            },
            (Type::Time, _) => Err(mismatch("a time such as '2026-08-17T10:00:00Z'")),
            (Type::Flag, Literal::Flag(flag)) => Ok(Self::Number(f64::from(u8::from(flag)))),
            (Type::Flag, Literal::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(Self::Number(1.0)),
            (Type::Flag, Literal::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(Self::Number(0.0)),
            (Type::Flag, _) => Err(mismatch("true or false")),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }

    const fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Text(_) => f64::NAN,
        }
    }
}

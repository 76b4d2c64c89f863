//! `search`: the filter language of lists, read into a tree and tried on the items that the caller sees anyway.
//!
//! The platform pastes a client's filter into its own SQL, where a parenthesis more or less drops the visibility filter. Here the text becomes a
//! [`Tree`], the tree a [`Filter`] over typed columns, and a filter only ever takes items away from those it is handed: whatever somebody
//! writes, they cannot see more. What does not read is 400 with the place and the reason; nothing of a value is repeated.
//!
//! ```text
//! name like '%hub%' and (project_id = 'atlas' or user_id is null) and not scope in ('global', 'session')
//! ```
//!
//! `not` binds tighter than `and`, `and` tighter than `or`. As in SQL a comparison with an unset field is neither true nor false.

mod column;
mod filter;
mod lexer;
mod like;
mod parser;

pub use column::{Cell, Column, Type};
pub use filter::Filter;

/// A filter is at most this long, in bytes: an `in` of 500 ids fits.
const LONGEST: usize = 16 * 1024;
/// An `in` has at most this many values.
const LONGEST_LIST: usize = 500;
/// Parentheses and `not` go at most this deep.
const DEEPEST: usize = 32;
/// All comparisons of one list together cost at most this much ([`Filter::keeps`]): ten milliseconds or so, in which a worker thread answers
/// nobody else.
const DEAREST: u64 = 4_000_000;

/// Why a filter is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is too long.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// It nests too deeply.
    #[error("it nests deeper than {DEEPEST} levels")]
    TooDeep,
    /// A list in it is too long.
    #[error("`in` takes at most {LONGEST_LIST} values")]
    TooMany,
    /// Trying it on every item would take too long.
    #[error("it takes too long to try on every item; use fewer or shorter `like` patterns")]
    TooDear,
    /// Something else should stand there.
    #[error("at character {at}: {wanted}")]
    Syntax {
        /// Where, counted from 1.
        at: usize,
        /// What is wanted there.
        wanted: &'static str,
    },
    /// There is no such column.
    #[error("there is no column `{0}` to search")]
    UnknownColumn(String),
    /// The column holds something else.
    #[error("column `{column}` is compared with {wanted}")]
    Mismatch {
        /// Which column.
        column: &'static str,
        /// What it is compared with.
        wanted: &'static str,
    },
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Number(f64),
    Flag(bool),
}

/// What is asked of one column.
#[derive(Debug, Clone, PartialEq)]
enum Test {
    Compare(Comparison, Literal),
    Like(String),
    In(Vec<Literal>),
    Between(Literal, Literal),
    Null,
}

/// A filter, read. It is as deep as its parentheses and `not`s: chains of `and` and `or` lie side by side.
#[derive(Debug, Clone, PartialEq)]
enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    Is(String, Test),
}

#[cfg(test)]
mod tests;

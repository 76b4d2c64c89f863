//! A text as its reader would understand it, byte by byte, each with its place in the original: escapes read, line breaks taken out.
//!
//! Only for searching. Nothing of it is ever printed.

/// One byte of what is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub(super) byte: u8,
    /// Where it begins in the original…
    pub(super) from: usize,
    /// …and where it ends.
    pub(super) to: usize,
    /// A line break, and the indentation after it, was taken out before it.
    pub(super) wrapped: bool,
}

/// Reads the text.
pub(super) fn spread(text: &str) -> Vec<Unit> {
    let bytes = text.as_bytes();
    let mut units = Vec::with_capacity(bytes.len());
    let (mut at, mut wrapped) = (0, false);
    while let Some((byte, length)) = meant(bytes.get(at..).unwrap_or_default()) {
        let (from, to) = (at, at + length);
        at = to;
        match byte {
            b'\n' | b'\r' => wrapped = true,
            b' ' | b'\t' if wrapped => {}
            byte => {
                units.push(Unit { byte, from, to, wrapped });
                wrapped = false;
            }
        }
    }
    units
}

/// What the text's beginning means, and how long it is: `%2F`, `%252F`, `\n`, `\\n`, `\/`, `\u002f`, or itself.
fn meant(rest: &[u8]) -> Option<(u8, usize)> {
    let first = *rest.first()?;
    let read = match first {
        b'%' => percent(rest),
        b'\\' => escape(rest),
        _ => None,
    };
    Some(read.unwrap_or((first, 1)))
}

/// A `%25` before two more digits is a percent sign that was encoded again.
fn percent(rest: &[u8]) -> Option<(u8, usize)> {
    let mut at = 1;
    while rest.get(at..at + 2) == Some(b"25") && hex(rest.get(at + 2..at + 4)?).is_some() {
        at += 2;
    }
    let byte = hex(rest.get(at..at + 2)?)?;
    // Anything else is a part of some character of its own.
    byte.is_ascii().then_some((byte, at + 2))
}

/// Any number of backslashes: JSON in JSON doubles them.
fn escape(rest: &[u8]) -> Option<(u8, usize)> {
    let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
    let byte = match rest.get(slashes)? {
        b'n' | b'r' => b'\n',
        b't' => b' ',
        b'/' => b'/',
        b'"' => b'"',
        b'u' => {
            let digits = rest.get(slashes + 1..slashes + 5)?;
            let (high, low) = (hex(digits.get(..2)?)?, hex(digits.get(2..)?)?);
            return (high == 0 && low.is_ascii()).then_some((low, slashes + 5));
        }
        _ => return None,
    };
    Some((byte, slashes + 1))
}

fn hex(digits: &[u8]) -> Option<u8> {
    let mut number = 0;
    for digit in digits {
        number = number * 16 + u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
    }
    (digits.len() == 2).then_some(number)
}

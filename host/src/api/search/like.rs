//! `like`: `%` is any text, `_` any character, a backslash takes the next one as it stands.

/// A pattern, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Any,
    One,
    Only(char),
}

impl Pattern {
    pub(super) fn read(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                // Two in a row mean what one means, and would cost more.
                '%' if pieces.last() == Some(&Piece::Any) => continue,
                '%' => Piece::Any,
                '_' => Piece::One,
                '\\' => Piece::Only(chars.next().unwrap_or('\\')),
                c => Piece::Only(c),
            });
        }
        Self(pieces)
    }

    /// Whether the whole text fits; each step is taken from `budget`. `None` once there is nothing left of it.
    pub(super) fn fits(&self, text: &str, budget: &mut u64) -> Option<bool> {
        let fits_one = |piece: Option<&Piece>, c: char| match piece {
            Some(Piece::One) => true,
            Some(Piece::Only(only)) => *only == c,
            Some(Piece::Any) | None => false,
        };
        let mut rest = text.chars();
        let mut piece = 0;
        // The last `%` that was passed, and the text behind what it has swallowed so far.
        let mut swallowing: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            *budget = budget.checked_sub(1)?;
            if self.0.get(piece) == Some(&Piece::Any) {
                piece += 1;
                swallowing = Some((piece, rest.clone()));
                continue;
            }
            let mut ahead = rest.clone();
            match ahead.next() {
                Some(c) if fits_one(self.0.get(piece), c) => {
                    piece += 1;
                    rest = ahead;
                }
                None if piece == self.0.len() => return Some(true),
                None => return Some(false),
                Some(_) => {
                    let Some((after, mut swallowed)) = swallowing.take() else {
                        return Some(false);
                    };
                    if swallowed.next().is_none() {
                        return Some(false);
                    }
                    piece = after;
                    rest = swallowed.clone();
                    swallowing = Some((after, swallowed));
                }
            }
        }
    }
}

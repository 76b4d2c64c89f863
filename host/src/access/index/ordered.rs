//! A small set in order, as a list: most have one member, for which a `BTreeSet` takes 280 bytes and this takes one member's.

use std::slice;

/// Members in ascending order, each once. Meant for few: entering one moves those behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ordered<T>(Vec<T>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        // The list's own first step would be four members.
        Self(Vec::with_capacity(1))
    }
}

impl<T: Ord> Ordered<T> {
    /// Enters a member, unless it is there.
    pub(super) fn insert(&mut self, member: T) {
        if let Err(at) = self.0.binary_search(&member) {
            self.0.insert(at, member);
        }
    }

    /// Takes a member out, if it is there.
    pub(super) fn remove(&mut self, member: &T) {
        if let Ok(at) = self.0.binary_search(member) {
            self.0.remove(at);
        }
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.0.first()
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<'a, T: Ord> IntoIterator for &'a Ordered<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::Ordered;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set_in_order(steps in prop::collection::vec((any::<bool>(), 0_u8..12), 0..60)) {
            let (mut ordered, mut set) = (Ordered::default(), BTreeSet::new());
            for (enter, member) in steps {
                if enter {
                    ordered.insert(member);
                    set.insert(member);
                } else {
                    ordered.remove(&member);
                    set.remove(&member);
                }
                prop_assert!(ordered.iter().eq(&set));
                prop_assert_eq!((ordered.first(), ordered.len(), ordered.is_empty()), (set.first(), set.len(), set.is_empty()));
            }
        }
    }
}

//! What a thread has made and will want again: the formatters of dates, a third of what writing a date costs.
//!
//! They are kept by thread, as those of ICU cannot be shared between threads. What one gives depends on its key alone,
//! so nothing that is kept can change what a message says. Formatters of numbers and plurals are not worth it: they
//! are made in a tenth of that time.

use std::cell::RefCell;

/// Things that are kept of one kind: a campaign has a few languages and styles. Where a column names them, it may
/// name any number.
const MOST: usize = 64;

/// What was made, by what it was made of.
#[derive(Debug)]
pub(super) struct Kept<K, V> {
    known: RefCell<Vec<(K, V)>>,
}

impl<K: PartialEq, V> Kept<K, V> {
    pub(super) const fn new() -> Self {
        Self { known: RefCell::new(Vec::new()) }
    }

    /// Does `act` with what is kept of `key`; if nothing is, with what `make` makes, which is kept then.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn with<T, E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<V, E>,
        act: impl FnOnce(&V) -> T,
    ) -> Result<T, E> {
        let mut known = self.known.borrow_mut();
        let found = known.iter().position(|(kept, _)| *kept == key);
        let place = if let Some(place) = found {
            place
        } else {
            let new = make()?;
            if known.len() == MOST {
                known.clear();
            }
            known.push((key, new));
            known.len() - 1
        };
        Ok(act(&known[place].1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_made_once_and_room_is_bounded() {
        let kept = Kept::new();
        let mut count = 0;
        let mut ask = |key: usize| {
            let make = || {
                count += 1;
                if key == 7 { Err("seven") } else { Ok(key * 2) }
            };
            kept.with(key, make, |value| *value)
        };
        assert_eq!(
            [ask(1), ask(2), ask(1), ask(7), ask(7)],
            [Ok(2), Ok(4), Ok(2), Err("seven"), Err("seven")]
        );
        assert_eq!(count, 4);
        for key in 100..100 + 2 * MOST {
            assert_eq!(kept.with(key, || Ok::<_, ()>(key), |value| *value), Ok(key));
        }
        assert!(kept.known.borrow().len() <= MOST);
    }
}

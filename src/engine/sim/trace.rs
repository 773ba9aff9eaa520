//! The last things that happened, and a hash over all of them: two runs of one seed have the same.

use std::collections::VecDeque;
use std::fmt;

use super::chance::mix;

/// How many are kept to be shown.
const KEPT: usize = 60;

/// One thing that happened: when (milliseconds since 1970), what, and two numbers that say more.
type Entry = (i64, &'static str, u64, u64);

#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    last: VecDeque<Entry>,
    hash: u64,
    count: u64,
    /// What the engine told last.
    told: VecDeque<String>,
}

impl Trace {
    pub(super) fn note(&mut self, at: i64, what: &'static str, more: (u64, u64)) {
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back((at, what, more.0, more.1));
        self.count += 1;
        let words = what.bytes().fold(0, |sum: u64, octet| sum.wrapping_mul(31).wrapping_add(octet.into()));
        for number in [at.cast_unsigned(), words, more.0, more.1] {
            self.hash = mix(self.hash ^ number).wrapping_add(number);
        }
    }

    /// Keeps what the engine told whoever watches.
    pub(super) fn tell(&mut self, note: String) {
        if self.told.len() == KEPT / 4 {
            self.told.pop_front();
        }
        self.told.push_back(note);
    }

    /// What all that happened comes to.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "the last {} of {} events:", self.last.len(), self.count)?;
        for (at, what, one, other) in &self.last {
            let (second, milli) = (at.div_euclid(1000), at.rem_euclid(1000));
            writeln!(formatter, "  {second}.{milli:03} {what} {one} {other}")?;
        }
        self.told.iter().try_for_each(|note| writeln!(formatter, "  told: {note}"))
    }
}

//! Seeded chance, and the numbers that the environment sets.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::say;

/// Seeded chance: Steele, Lea and Flood's splitmix64.
pub(crate) struct Chance(u64);

impl Chance {
    /// The chance of one test, by `MAILRUN_SEED` or from the system; printed, to repeat a run as far as that
    /// is possible.
    pub(crate) fn of(test: &str) -> Self {
        let seed = number("MAILRUN_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 16);
        say(&format!("{test}: MAILRUN_SEED={seed}"));
        // Each test its own moments, although they share a seed.
        Self(test.bytes().fold(seed, |sum, octet| sum.rotate_left(7) ^ u64::from(octet)))
    }

    /// A number from 0, below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// A number from 1 to `most`, every order of magnitude as likely as the others.
    pub(crate) fn magnitude(&mut self, most: u64) -> u64 {
        let octave = self.below(u64::from(most.ilog2()) + 1);
        ((1 << octave) + self.below(1 << octave)).min(most)
    }

    /// A time below `limit`.
    pub(crate) fn time(&mut self, limit: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(limit.as_micros()).expect("a short time")))
    }

    /// One of them.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("a small number")]
    }
}

/// What a variable of the environment says; none where it is not set.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// The share of one test, in percent, of what a variable asks of all together; at least one.
pub(crate) fn share(variable: &str, otherwise: u64, percent: u64) -> usize {
    let all = number(variable).unwrap_or(otherwise);
    usize::try_from((all * percent).div_ceil(100).max(1)).expect("a small number")
}

//! Chance from a seed: the same seed, the same throws, on every machine.

use std::ops::RangeInclusive;

/// `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// One of these, all as likely; never asked of an empty range.
    pub(super) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.next() % (range.end() - range.start() + 1)
    }

    /// One of these sizes, the small as likely as the large: by powers of two.
    pub(super) fn size(&mut self, most: u64) -> u64 {
        let magnitude = self.within(0..=u64::from(most.max(1).ilog2()));
        self.within(1 << magnitude..=(2 << magnitude) - 1).min(most)
    }

    /// True once in so many throws; never for 0.
    pub(super) fn one_in(&mut self, throws: u64) -> bool {
        throws > 0 && self.next().is_multiple_of(throws)
    }

    /// True so many times in a thousand.
    pub(super) fn permille(&mut self, times: u64) -> bool {
        self.next() % 1000 < times
    }

    pub(super) fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[usize::try_from(self.next() % among.len() as u64).expect("a place in a slice")]
    }
}

/// A number that depends on every bit of another.
pub(super) fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

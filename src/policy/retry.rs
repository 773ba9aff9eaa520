//! How long a deferred recipient waits, and when the campaign gives them up.

use std::time::Duration;

use jiff::Timestamp;
use rand::{Rng, RngExt};

/// By how much a pause is longer or shorter than its rule, so that those deferred together do not come
/// back together.
const JITTER: f64 = 0.2;

/// Pauses that grow from attempt to attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// The pause after the first deferral.
    pub first: Duration,
    /// By how much each further pause is longer; at least 1.
    pub factor: f64,
    /// The longest pause.
    pub max: Duration,
    /// After how long, counted from the first deferral, a recipient expires.
    pub give_up: Duration,
}

impl Default for Retry {
    /// 5, 10, 20, 40 minutes .. 4 hours, for 2 days: friendly to greylisting, shorter than the four to five
    /// days of RFC 5321, 4.5.4.1, as a newsletter is stale by then.
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_mins(1);
        Self { first: 5 * MINUTE, factor: 2.0, max: 240 * MINUTE, give_up: 48 * 60 * MINUTE }
    }
}

impl Retry {
    /// The pause after attempt `attempt` (from 1): first × factor^(attempt − 1), 20 % more or less, never
    /// below the first pause, never above the longest.
    pub fn pause(&self, attempt: u16, rng: &mut impl Rng) -> Duration {
        let grown = self.first.as_secs_f64() * self.factor.max(1.0).powi(i32::from(attempt.max(1)) - 1);
        let capped = grown.min(self.max.as_secs_f64());
        let jittered = capped * rng.random_range(1.0 - JITTER..=1.0 + JITTER);
        Duration::from_secs_f64(jittered.min(self.max.as_secs_f64()).max(self.first.as_secs_f64()))
    }

    /// When a recipient who was first deferred at `since` is given up.
    pub fn expires(&self, since: Timestamp) -> Timestamp {
        since.checked_add(self.give_up).unwrap_or(Timestamp::MAX)
    }

    /// When a deferred recipient is tried again; none: it expires now.
    ///
    /// What the server asked for holds where it is longer than the pause. The last attempt is made at the
    /// very end, unless that is too soon after the one before.
    pub fn again(&self, deferral: Deferral, rng: &mut impl Rng) -> Option<Timestamp> {
        let end = self.expires(deferral.since);
        let after = |pause: Duration| deferral.now.checked_add(pause).unwrap_or(Timestamp::MAX);
        let least = self.first.max(deferral.asked.unwrap_or_default());
        let due = after(self.pause(deferral.attempt, rng).max(least));
        if due <= end {
            return Some(due);
        }
        (after(least) <= end).then_some(end)
    }
}

/// A recipient was refused for now.
#[derive(Debug, Clone, Copy)]
pub struct Deferral {
    /// When.
    pub now: Timestamp,
    /// When that happened to it for the first time.
    pub since: Timestamp,
    /// In which attempt, from 1.
    pub attempt: u16,
    /// How long the server asked to wait, where it said so.
    pub asked: Option<Duration>,
}

/// A pause that doubles with each trouble in a row: `first` for the first, never above `max`.
pub fn doubled(first: Duration, times: u32, max: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX)).min(max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn pauses_grow_to_the_longest() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let retry = Retry::default();
        let table =
            [(1, 5, 6), (2, 8, 12), (3, 16, 24), (4, 32, 48), (5, 64, 96), (7, 192, 240), (200, 192, 240)];
        for (attempt, least, most) in table {
            for _ in 0..100 {
                let pause = retry.pause(attempt, &mut rng);
                assert!((least * MINUTE..=most * MINUTE).contains(&pause), "{attempt}: {pause:?}");
            }
        }
    }

    #[test]
    fn a_recipient_is_given_up_after_the_time_for_it() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let retry = Retry::default();
        let since: Timestamp = "2026-06-01T10:00:00Z".parse().unwrap();
        let end = since + retry.give_up;
        let mut again = |now, attempt, asked| retry.again(Deferral { now, since, attempt, asked }, &mut rng);
        assert!(again(since, 1, None).is_some_and(|due| due >= since + 5 * MINUTE));
        assert_eq!(again(since, 1, Some(70 * MINUTE)), Some(since + 70 * MINUTE), "the server asked for it");
        assert_eq!(again(end - 60 * MINUTE, 12, None), Some(end), "the last attempt is at the very end");
        assert_eq!(again(end - 4 * MINUTE, 12, None), None, "too soon after the last");
        assert_eq!(again(end, 12, None), None);
        assert_eq!(again(since, 1, Some(49 * 60 * MINUTE)), None);
    }

    #[test]
    fn troubles_in_a_row_double_the_pause() {
        let pauses: Vec<u64> =
            [0, 1, 2, 3, 40].map(|times| doubled(MINUTE, times, 3 * MINUTE).as_secs()).into();
        assert_eq!(pauses, [60, 60, 120, 180, 180]);
    }

    proptest! {
        #[test]
        fn a_pause_is_never_below_the_first_nor_above_the_longest(
            first in 1_u64..100_000, factor in 0.0_f64..1e9, more in 0_u64..1_000_000, attempt: u16, seed: u64,
        ) {
            let first = Duration::from_secs(first);
            let retry = Retry { first, factor, max: first + Duration::from_secs(more), give_up: first };
            let pause = retry.pause(attempt, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
            prop_assert!(first <= pause && pause <= retry.max);
        }
    }
}

//! How fast a run goes, and how much longer it takes.
//!
//! The rate is that of the last ten seconds, so that it follows what happens; the time left is never
//! shorter than the forecast says, as quotas and windows count in days and a rate knows nothing of them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cli::words::a_second;

/// Over which time the rate is taken.
const WINDOW: Duration = Duration::from_secs(10);

/// What was settled when, over the last ten seconds.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// (time since the run began, recipients settled), rising.
    points: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Notes how many recipients are settled at `at`, counted from the beginning of the run.
    pub(super) fn note(&mut self, at: Duration, settled: u64) {
        self.points.push_back((at, settled));
        // The point before the window stays, so that the window is always full.
        while self.points.get(1).is_some_and(|(next, _)| at.saturating_sub(*next) > WINDOW) {
            self.points.pop_front();
        }
    }

    /// Recipients settled a second.
    pub(super) fn rate(&self) -> f64 {
        match (self.points.front(), self.points.back()) {
            (Some((start, before)), Some((end, after))) => {
                a_second(after.saturating_sub(*before), end.saturating_sub(*start))
            }
            (None, _) | (_, None) => 0.0,
        }
    }

    /// How much longer `left` recipients take, at least `forecast`. None while nobody can say.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn time_left(&self, left: u64, forecast: Option<Duration>) -> Option<Duration> {
        let seconds = left as f64 / self.rate();
        let by_rate = Duration::try_from_secs_f64(seconds).ok();
        match (by_rate, forecast) {
            _ if left == 0 => Some(Duration::ZERO),
            (Some(by_rate), Some(forecast)) => Some(by_rate.max(forecast)),
            (Some(time), None) | (None, Some(time)) => Some(time),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut pace = Pace::default();
        assert!(pace.rate().abs() < 1e-9);
        pace.note(seconds(0), 0);
        pace.note(seconds(10), 1_000);
        assert!((pace.rate() - 100.0).abs() < 1e-9);
        for second in 11..=30 {
            pace.note(seconds(second), 1_000);
        }
        assert!(pace.rate().abs() < 1e-9);
    }

    #[test]
    fn the_time_left_is_never_shorter_than_the_forecast() {
        let mut pace = Pace::default();
        assert_eq!(pace.time_left(10, None), None);
        pace.note(seconds(0), 0);
        pace.note(seconds(10), 1_000);
        assert_eq!(pace.time_left(500, None), Some(seconds(5)));
        assert_eq!(pace.time_left(500, Some(seconds(86_400))), Some(seconds(86_400)));
        assert_eq!(pace.time_left(0, Some(seconds(86_400))), Some(seconds(0)));
    }
}

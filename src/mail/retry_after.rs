//! When a server asks to be asked again: a span of time or a date, as the Retry-After of RFC 9110, 10.2.3 has
//! both.
//!
//! A judgement has no clock, so a date is carried as it is; whoever has one asks [`RetryAfter::span`].

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// When a server asks to be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// So long after its reply: "try again in 92 seconds".
    Span(Duration),
    /// Not before this moment: "try again after Mon, 23 Nov 2026 18:00:00 GMT".
    Moment(Timestamp),
}

impl RetryAfter {
    /// No server means a longer wait than this: a week.
    pub const LONGEST: Duration = Duration::from_hours(7 * 24);

    /// How long that is from `now`, when the reply was read. None: the moment is over, or further off than
    /// is believed.
    pub fn span(self, now: Timestamp) -> Option<Duration> {
        let span = match self {
            Self::Span(span) => span,
            Self::Moment(moment) => Duration::try_from(moment.duration_since(now)).ok()?,
        };
        (!span.is_zero() && span <= Self::LONGEST).then_some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_counts_from_now_and_is_not_believed_beyond_a_week() {
        let now: Timestamp = "2026-11-23T17:00:00Z".parse().expect("a timestamp");
        let moment = |text: &str| RetryAfter::Moment(text.parse().expect("a timestamp"));
        let table = [
            (moment("2026-11-23T18:00:00Z"), Some(3600)),
            (moment("2026-11-30T17:00:00Z"), Some(7 * 86_400)),
            (moment("2026-11-30T17:00:01Z"), None),
            (moment("2026-11-23T17:00:00Z"), None),
            (moment("2026-11-23T16:59:59Z"), None),
            (moment("9999-12-30T00:00:00Z"), None),
            (RetryAfter::Span(Duration::from_secs(92)), Some(92)),
            (RetryAfter::Span(Duration::ZERO), None),
            (RetryAfter::Span(RetryAfter::LONGEST + Duration::from_secs(1)), None),
        ];
        for (stated, seconds) in table {
            assert_eq!(stated.span(now), seconds.map(Duration::from_secs), "{stated:?}");
        }
    }
}

//! How long a deferred recipient waits, and when the campaign gives them up.

use std::time::Duration;

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
        const MINUTE: Duration = Duration::from_secs(60);
        Self { first: 5 * MINUTE, factor: 2.0, max: 240 * MINUTE, give_up: 48 * 60 * MINUTE }
    }
}

//! How many sessions a relay bears at once, learned from how they fare.
//!
//! After Postfix's queue manager (`qmgr_queue.c`, `SCHEDULER_README`): a relay is not dead because one
//! session failed, but when a whole cohort did, that is as many in a row as it has sessions. Then it rests;
//! afterwards it starts with one session and gains one for each cohort that fared well. A relay that
//! refuses a connection because there are too many loses one for good, or nearly so.

use std::time::Duration;

use jiff::Timestamp;

/// After how long without a refusal for too many connections one more is tried.
const PROBE_AFTER: Duration = Duration::from_mins(30);

/// How many sessions of one relay may be open.
#[derive(Debug, Clone)]
pub struct Concurrency {
    /// As the operator set it; at least 1.
    configured: u32,
    /// What the relay was found to bear.
    ceiling: u32,
    /// Where the ceiling was last lowered or raised.
    learned: Option<Timestamp>,
    /// How many may be open now; less than the ceiling after trouble.
    window: f64,
    /// Failures in a row, in cohorts.
    failed_cohorts: f64,
    /// How many cohorts in a row were lost.
    deaths: u32,
}

impl Concurrency {
    /// A relay that may have `sessions` open (at least one), and has given no trouble yet.
    pub fn new(sessions: u32) -> Self {
        let configured = sessions.max(1);
        Self {
            configured,
            ceiling: configured,
            learned: None,
            window: f64::from(configured),
            failed_cohorts: 0.0,
            deaths: 0,
        }
    }

    /// How many sessions may be open; at least 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the ceiling")]
    pub fn cap(&self) -> u32 {
        (self.window as u32).clamp(1, self.ceiling)
    }

    /// How many cohorts in a row were lost; 0 after any success.
    pub fn deaths(&self) -> u32 {
        self.deaths
    }

    /// The relay refused a connection because there are too many: one less from now on.
    pub fn refused(&mut self, now: Timestamp) {
        self.ceiling = self.ceiling.saturating_sub(1).max(1);
        self.window = self.window.min(f64::from(self.ceiling));
        self.learned = Some(now);
    }

    /// A session fared well.
    pub fn succeeded(&mut self, now: Timestamp) {
        self.failed_cohorts = 0.0;
        self.deaths = 0;
        if let Some(learned) = self.learned
            && now.duration_since(learned).unsigned_abs() >= PROBE_AFTER
        {
            self.ceiling = (self.ceiling + 1).min(self.configured);
            self.learned = (self.ceiling < self.configured).then_some(now);
        }
        let ceiling = f64::from(self.ceiling);
        if self.window < ceiling {
            self.window = (self.window + self.window.max(1.0).recip()).min(ceiling);
        }
    }

    /// A session failed. Gives how many cohorts in a row were lost by now if this failure completed one:
    /// the relay is to rest, and starts slowly after that.
    pub fn failed(&mut self) -> Option<u32> {
        self.failed_cohorts += f64::from(self.cap()).recip();
        // A little less than 1, as a sum of fractions may fall short of it.
        if self.failed_cohorts < 0.999 {
            return None;
        }
        self.failed_cohorts = 0.0;
        self.deaths = self.deaths.saturating_add(1);
        self.restart();
        Some(self.deaths)
    }

    /// Starts slowly: with one session.
    pub fn restart(&mut self) {
        self.window = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-06-01T10:00:00Z".parse().expect("a timestamp")
    }

    #[test]
    fn one_failure_does_not_kill_a_cohort_does() {
        let mut relay = Concurrency::new(4);
        assert_eq!([(); 4].map(|()| relay.failed()), [None, None, None, Some(1)]);
        assert_eq!(relay.cap(), 1);
        assert_eq!(relay.failed(), Some(2), "alone, one failure is a cohort");
        relay.succeeded(now());
        assert_eq!(relay.deaths(), 0);
    }

    #[test]
    fn a_success_between_failures_keeps_it_alive() {
        let mut relay = Concurrency::new(3);
        for _ in 0..100 {
            assert_eq!((relay.failed(), relay.failed()), (None, None));
            relay.succeeded(now());
        }
        assert_eq!(relay.cap(), 3);
    }

    #[test]
    fn after_trouble_each_good_cohort_wins_a_session() {
        let mut relay = Concurrency::new(4);
        relay.restart();
        let caps: Vec<u32> = (0..9).map(|_| (relay.succeeded(now()), relay.cap()).1).collect();
        assert_eq!(caps, [2, 2, 2, 3, 3, 3, 4, 4, 4]);
    }

    #[test]
    fn each_connection_refused_as_too_many_is_one_less() {
        let mut relay = Concurrency::new(8);
        for _ in 0..5 {
            relay.refused(now());
        }
        assert_eq!(relay.cap(), 3);
        relay.succeeded(now() + Duration::from_mins(1));
        assert_eq!(relay.cap(), 3);
        for _ in 0..4 {
            relay.succeeded(now() + PROBE_AFTER);
        }
        assert_eq!(relay.cap(), 4, "probed with one more after half an hour");
        for _ in 0..50 {
            relay.refused(now());
        }
        assert_eq!(relay.cap(), 1);
    }
}

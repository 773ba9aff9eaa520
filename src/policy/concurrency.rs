//! How many sessions a relay bears at once, learned from how they fare.
//!
//! After Postfix's queue manager (`qmgr_queue.c`, `SCHEDULER_README`): a relay is not dead because one
//! session failed, but when a whole cohort did, that is as many in a row as it has sessions, and at least
//! two where it worked a moment ago. Then it rests; afterwards it starts with one session and gains one for
//! each cohort that fared well. Where more fail than fare well it loses one for each cohort by which they
//! do: Postfix's feedback of 1/concurrency both ways, in whole sessions. A relay that refuses a connection
//! because there are too many loses one for good, or nearly so.

use std::time::Duration;

use jiff::Timestamp;

/// After how long without a refusal for too many connections one more is tried.
const PROBE_AFTER: Duration = Duration::from_mins(30);
/// How many sessions in a row fail at a relay that is dead, if it worked before: some servers close after
/// each message, or after a few, and one session at a time would be a cohort of its own each time.
const LEAST_COHORT: u32 = 2;
/// A little less than a whole cohort, as a sum of fractions may fall short of it.
const WHOLE: f64 = 0.999;

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
    /// Failures in a row.
    failures: u32,
    /// The same, in cohorts.
    failed_cohorts: f64,
    /// By how much more failed than fared well, in cohorts.
    surplus: f64,
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
            failures: 0,
            failed_cohorts: 0.0,
            surplus: 0.0,
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
        self.failures = 0;
        self.failed_cohorts = 0.0;
        self.deaths = 0;
        if let Some(learned) = self.learned
            && now.duration_since(learned).unsigned_abs() >= PROBE_AFTER
        {
            self.ceiling = (self.ceiling + 1).min(self.configured);
            self.learned = (self.ceiling < self.configured).then_some(now);
        }
        let ceiling = f64::from(self.ceiling);
        if self.surplus > 0.0 {
            self.surplus -= f64::from(self.cap()).recip();
        } else if self.window < ceiling {
            self.window = (self.window + self.window.max(1.0).recip()).min(ceiling);
        }
    }

    /// A session failed. Gives how many cohorts in a row were lost by now if this failure completed one:
    /// the relay is to rest, and starts slowly after that.
    pub fn failed(&mut self) -> Option<u32> {
        let share = f64::from(self.cap()).recip();
        self.failures = self.failures.saturating_add(1);
        self.failed_cohorts += share;
        self.surplus += share;
        let worked_before = self.deaths == 0;
        if self.failed_cohorts < WHOLE || (worked_before && self.failures < LEAST_COHORT) {
            if self.surplus >= WHOLE {
                self.surplus = 0.0;
                self.window = (self.window - 1.0).max(1.0);
            }
            return None;
        }
        Some(self.lost())
    }

    /// All the sessions there were failed. Gives how many cohorts in a row were lost by now.
    pub fn lost(&mut self) -> u32 {
        self.failed_cohorts = 0.0;
        self.deaths = self.deaths.saturating_add(1);
        self.restart();
        self.deaths
    }

    /// Starts slowly: with one session.
    pub fn restart(&mut self) {
        self.window = 1.0;
        self.surplus = 0.0;
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
    fn a_relay_that_closes_after_each_message_is_not_dead() {
        for sessions in [1, 2, 5] {
            let mut relay = Concurrency::new(sessions);
            for _ in 0..100 {
                relay.succeeded(now());
                assert_eq!(relay.failed(), None, "of {sessions}");
            }
            assert_eq!(relay.cap(), sessions);
            assert_eq!(
                (relay.failed().is_some(), sessions),
                (sessions <= 2, sessions),
                "the second in a row"
            );
        }
    }

    #[test]
    fn where_more_fail_than_fare_well_there_are_fewer_sessions() {
        let mut relay = Concurrency::new(8);
        let caps: Vec<u32> = (0..12)
            .map(|_| {
                assert_eq!((relay.failed(), relay.failed(), relay.failed()), (None, None, None));
                relay.succeeded(now());
                relay.cap()
            })
            .collect();
        assert_eq!(caps, [8, 8, 8, 7, 7, 7, 6, 6, 6, 5, 5, 4]);
        for _ in 0..50 {
            relay.succeeded(now());
        }
        assert_eq!(relay.cap(), 8, "and as many as before when all is well again");
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

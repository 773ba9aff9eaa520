//! When another session of a relay may be opened.
//!
//! Until one login has worked, and after each failure, one session is tried alone: a wrong password is said
//! once, not once a session. Failures are counted by cohort, as Postfix does: sessions that were opened
//! together and fail together are one failure. A pause holds back openings only; sessions at work go on.
//! Time and chance are arguments.

use std::time::Duration;

use tokio::time::Instant;

use crate::mail::{Class, LOGIN_PAUSES, Permanence, RetryAfter, Scope, Trouble, Verdict};

use super::submit::Retry;

/// The pause after the first failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Whether a session may be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leave {
    /// Now.
    Now,
    /// Not before this moment.
    At(Instant),
    /// Not before the one being opened has shown how it goes.
    AfterTheOther,
    /// No more.
    Never(Trouble),
}

/// Which sessions were opened together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cohort(u64);

/// The opening of a relay's sessions.
#[derive(Debug, Default)]
pub(super) struct Lane {
    proof: Proof,
    cohort: u64,
    /// Sessions being opened.
    opening: usize,
    /// Cohorts that failed since a message was last taken.
    failures: u32,
    /// Logins refused for now since one worked.
    refused_logins: usize,
    paused: Option<Instant>,
    stopped: Option<Trouble>,
}

/// Whether the way to the relay is known to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Proof {
    #[default]
    Wanted,
    Given,
}

impl Lane {
    /// Whether a session may be opened.
    pub(super) fn leave(&self, now: Instant) -> Leave {
        if let Some(trouble) = &self.stopped {
            return Leave::Never(trouble.clone());
        }
        match self.paused {
            Some(until) if until > now => Leave::At(until),
            Some(_) | None if self.proof == Proof::Wanted && self.opening > 0 => Leave::AfterTheOther,
            Some(_) | None => Leave::Now,
        }
    }

    /// Begins to open a session.
    pub(super) fn begin(&mut self) -> Cohort {
        self.opening += 1;
        Cohort(self.cohort)
    }

    /// The session is open.
    pub(super) fn succeed(&mut self) {
        self.opening -= 1;
        self.proof = Proof::Given;
        self.refused_logins = 0;
    }

    /// The session could not be opened. `chance` is 0 to 1.
    pub(super) fn fail(&mut self, cohort: Cohort, trouble: &Trouble, now: Instant, chance: f64) -> Retry {
        self.opening -= 1;
        self.pause(cohort, trouble, now, chance)
    }

    /// The opening was dropped; nothing was learnt.
    pub(super) fn abandon(&mut self) {
        self.opening -= 1;
    }

    /// A session that was open failed before any message was taken. `chance` is 0 to 1.
    pub(super) fn flap(&mut self, cohort: Cohort, trouble: &Trouble, now: Instant, chance: f64) {
        self.pause(cohort, trouble, now, chance);
    }

    /// The gate lets nothing pass: another session would be of no use yet.
    pub(super) fn hold(&mut self, now: Instant) {
        self.paused = self.paused.max(Some(now + FIRST_PAUSE));
    }

    /// A message was taken: the relay works.
    pub(super) fn deliver(&mut self) {
        self.failures = 0;
    }

    fn pause(&mut self, cohort: Cohort, trouble: &Trouble, now: Instant, chance: f64) -> Retry {
        let Verdict { class, scope, permanence, wait } = trouble.verdict;
        if cohort.0 == self.cohort && self.stopped.is_none() {
            self.cohort += 1;
            self.proof = Proof::Wanted;
            let pause = match (class, scope, permanence) {
                (_, Scope::Relay, Permanence::Permanent) => None,
                (Class::Login, ..) => {
                    let pause = LOGIN_PAUSES.get(self.refused_logins).copied();
                    self.refused_logins += 1;
                    pause
                }
                _ => {
                    let doubled = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(16));
                    self.failures += 1;
                    Some(doubled.min(LONGEST_PAUSE))
                }
            };
            match pause {
                Some(pause) => {
                    // A date is for the scheduler, which has a clock on the wall.
                    let stated = match wait {
                        Some(RetryAfter::Span(span)) => span,
                        Some(RetryAfter::Moment(_)) | None => Duration::ZERO,
                    };
                    let pause = pause.max(stated).mul_f64(1.0 + 0.2 * chance);
                    self.paused = Some(now + pause);
                }
                None => self.stopped = Some(trouble.clone()),
            }
        }
        match (&self.stopped, self.paused) {
            (Some(_), _) => Retry::Never,
            (None, Some(until)) => Retry::After(until.saturating_duration_since(now)),
            (None, None) => Retry::After(Duration::ZERO),
        }
    }
}

/// How long a session takes messages that may be `age` old: up to a fifth less, so that sessions opened
/// together are not reopened together. `chance` is 0 to 1.
pub(super) fn spread_age(age: Duration, chance: f64) -> Duration {
    age.mul_f64(1.0 - 0.2 * chance)
}

/// How many messages a session takes that may take `messages`: up to a fifth fewer, for the same reason; never
/// none. `chance` is 0 to 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `messages`")]
pub(super) fn spread_messages(messages: u32, chance: f64) -> u32 {
    messages.saturating_sub((f64::from(messages) * 0.2 * chance) as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Phase;

    #[test]
    fn sessions_opened_together_are_not_reopened_together() {
        let chances = (0..=100).map(|percent| f64::from(percent) / 100.0);
        let ages: Vec<u64> =
            chances.clone().map(|chance| spread_age(Duration::from_mins(15), chance).as_secs()).collect();
        assert!(ages.windows(2).all(|two| two[0] > two[1]));
        assert_eq!((ages[0], ages[100]), (900, 720), "never older than allowed");
        let messages: Vec<u32> = chances.map(|chance| spread_messages(100, chance)).collect();
        assert_eq!((messages[0], messages[50], messages[100]), (100, 90, 80));
        assert_eq!([0, 1, 2, 4].map(|few| spread_messages(few, 1.0)), [1, 1, 2, 4]);
    }

    fn trouble(class: Class, scope: Scope, permanence: Permanence) -> Trouble {
        let verdict = Verdict { class, scope, permanence, wait: None };
        Trouble { verdict, words: String::new(), phase: Phase::Connect }
    }

    fn line() -> Trouble {
        trouble(Class::Connection, Scope::Connection, Permanence::Transient)
    }

    #[tokio::test(start_paused = true)]
    async fn one_session_shows_the_way_before_the_others_follow() {
        let now = Instant::now();
        let mut lane = Lane::default();
        assert_eq!(lane.leave(now), Leave::Now);
        lane.begin();
        assert_eq!(lane.leave(now), Leave::AfterTheOther);
        lane.succeed();
        lane.begin();
        assert_eq!(lane.leave(now), Leave::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cohort_that_fails_together_is_one_failure() {
        let now = Instant::now();
        let mut lane = Lane::default();
        lane.begin();
        lane.succeed();
        let cohorts = [lane.begin(), lane.begin(), lane.begin()];
        for cohort in cohorts {
            assert_eq!(lane.fail(cohort, &line(), now, 0.0), Retry::After(Duration::from_secs(1)));
        }
        assert_eq!(lane.leave(now), Leave::At(now + Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_a_minute_until_a_message_is_taken() {
        let mut now = Instant::now();
        let mut lane = Lane::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert_eq!(lane.leave(now), Leave::Now);
            let cohort = lane.begin();
            let Retry::After(pause) = lane.fail(cohort, &line(), now, 0.0) else { panic!("stopped") };
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        // A session that opens and fails again is no success.
        let cohort = lane.begin();
        lane.succeed();
        lane.flap(cohort, &line(), now, 1.0);
        assert_eq!(lane.leave(now), Leave::At(now + Duration::from_secs(72)));
        lane.deliver();
        now += Duration::from_secs(72);
        let cohort = lane.begin();
        assert_eq!(lane.fail(cohort, &line(), now, 0.0), Retry::After(Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_password_is_said_once_and_a_busy_login_three_times() {
        let mut now = Instant::now();
        let mut lane = Lane::default();
        let wrong = trouble(Class::Login, Scope::Relay, Permanence::Permanent);
        let cohort = lane.begin();
        assert_eq!(lane.fail(cohort, &wrong, now, 0.0), Retry::Never);
        assert_eq!(lane.leave(now), Leave::Never(wrong));

        let mut lane = Lane::default();
        let busy = trouble(Class::Login, Scope::Relay, Permanence::Transient);
        let mut pauses = Vec::new();
        while let Leave::Now = lane.leave(now) {
            let cohort = lane.begin();
            // However long it takes to answer, nobody else tries.
            assert_eq!(lane.leave(now + Duration::from_hours(1)), Leave::AfterTheOther);
            if let Retry::After(pause) = lane.fail(cohort, &busy, now, 0.0) {
                pauses.push(pause.as_secs() / 60);
                assert_eq!(lane.leave(now + pause - Duration::from_secs(1)), Leave::At(now + pause));
                now += pause;
            }
        }
        assert_eq!((pauses, lane.leave(now)), (vec![5, 30], Leave::Never(busy)));
    }
}

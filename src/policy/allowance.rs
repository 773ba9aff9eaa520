//! All the quotas of an account as one relay sees them, asked together and for every batch.

use jiff::Timestamp;

use crate::mail::{Charge, Usage};

use super::quota::{Quota, Unit, Window};

/// All the quotas of an account as one relay sees them, with its reserve.
///
/// Knows nothing that the [`Quota`]s do not know; it only remembers where the calendar day begins, as the
/// scheduler asks for every batch.
#[derive(Debug, Clone)]
pub struct Allowance {
    quotas: Vec<(Quota, Option<Window>)>,
    reserve: u64,
}

impl Allowance {
    /// The quotas, each less `reserve`. No quotas: no limit.
    pub fn new(quotas: Vec<Quota>, reserve: u64) -> Self {
        Self { quotas: quotas.into_iter().map(|quota| (quota, None)).collect(), reserve }
    }

    /// The quotas.
    pub fn quotas(&self) -> impl Iterator<Item = &Quota> {
        self.quotas.iter().map(|(quota, _)| quota)
    }

    /// What is left of every quota for people who use the account by hand.
    pub fn reserve(&self) -> u64 {
        self.reserve
    }

    /// The most that can ever be used within one window: what exceeds it never fits.
    pub fn cap(&self) -> Charge {
        self.least(|quota, _| quota.cap(self.reserve))
    }

    /// How many messages and recipients more fit at `now`.
    pub fn room(&mut self, usage: &Usage, now: Timestamp) -> Charge {
        if usage.closed_until().is_some_and(|until| now < until) {
            return Charge::default();
        }
        self.turn_to(now);
        self.least(|quota, window| {
            let from = window.map_or(i64::MIN, |window| window.from);
            quota.cap(self.reserve).saturating_sub(quota.unit.of(usage.since(from)))
        })
    }

    /// The first moment from `now` on at which `charge` fits every quota; see [`Quota::free_at`].
    pub fn free_at(&self, usage: &Usage, now: Timestamp, charge: Charge) -> Option<Timestamp> {
        let open = usage.closed_until().map_or(now, |until| until.max(now));
        let mut each = self.quotas().map(|quota| quota.free_at(usage, now, self.reserve, charge));
        // Each stays free once it is free, so all are free when the last of them is.
        each.try_fold(open, |latest, free| free.map(|free| free.max(latest)))
    }

    fn turn_to(&mut self, now: Timestamp) {
        for (quota, window) in &mut self.quotas {
            let lasts = window.is_some_and(|window| window.from <= now.as_second() && now < window.until);
            if !lasts {
                *window = Some(Window::at(&quota.per, now));
            }
        }
    }

    fn least(&self, of: impl Fn(&Quota, Option<Window>) -> u64) -> Charge {
        let mut least = Charge { messages: u64::MAX, recipients: u64::MAX };
        for (quota, window) in &self.quotas {
            let side = match quota.unit {
                Unit::Messages => &mut least.messages,
                Unit::Recipients => &mut least.recipients,
            };
            *side = (*side).min(of(quota, *window));
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::policy::Period;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn rolling(limit: u64, seconds: u64) -> Quota {
        Quota { limit, unit: Unit::Recipients, per: Period::Rolling(Duration::from_secs(seconds)) }
    }

    fn daily(limit: u64, name: &str) -> Quota {
        let per = Period::Day(TimeZone::get(name).expect("a zone"));
        Quota { limit, unit: Unit::Recipients, per }
    }

    fn charged(charges: &[(&str, usize)]) -> Usage {
        let mut usage = Usage::default();
        for (when, recipients) in charges {
            usage.begin(Charge::message(*recipients));
            usage.settle(at(when), Charge::message(*recipients), Charge::message(*recipients));
        }
        usage
    }

    #[test]
    fn several_quotas_bind_together() {
        let mut usage = charged(&[("2026-06-01T10:00:00Z", 40)]);
        let now = at("2026-06-01T10:00:10Z");
        let messages = Quota { limit: 2, unit: Unit::Messages, ..rolling(0, 60) };
        let mut allowance = Allowance::new(vec![rolling(50, 86_400), daily(60, "UTC"), messages], 0);
        assert_eq!(allowance.cap(), Charge { messages: 2, recipients: 50 });
        assert_eq!(allowance.room(&usage, now), Charge { messages: 1, recipients: 10 });
        assert_eq!(allowance.free_at(&usage, now, Charge::message(10)), Some(now));
        let next_day = Some(at("2026-06-02T10:00:01Z"));
        assert_eq!(allowance.free_at(&usage, now, Charge::message(11)), next_day);
        assert_eq!(allowance.free_at(&usage, now, Charge::message(51)), None);
        usage.close(at("2026-06-03T00:00:00Z"));
        assert_eq!(allowance.room(&usage, now), Charge::default());
        assert_eq!(allowance.free_at(&usage, now, Charge::message(1)), Some(at("2026-06-03T00:00:00Z")));
    }

    #[test]
    fn no_quota_is_no_limit() {
        let now = at("2026-06-01T10:00:00Z");
        let mut allowance = Allowance::new(Vec::new(), 100);
        assert_eq!(allowance.room(&Usage::default(), now).recipients, u64::MAX);
        assert_eq!(allowance.free_at(&Usage::default(), now, Charge::message(1_000_000)), Some(now));
    }

    #[test]
    fn a_remembered_day_ends_at_midnight() {
        let usage = charged(&[("2026-06-01T23:00:00Z", 5)]);
        let mut allowance = Allowance::new(vec![daily(5, "UTC")], 0);
        assert_eq!(allowance.room(&usage, at("2026-06-01T23:59:59Z")).recipients, 0);
        assert_eq!(allowance.room(&usage, at("2026-06-02T00:00:00Z")).recipients, 5);
    }
}

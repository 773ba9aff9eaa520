//! All the quotas of an account and its warm-up as one relay sees them, asked together and for every batch.

use jiff::Timestamp;

use crate::mail::{BoundKind, Charge, Usage};

use super::quota::{Quota, Unit, Window};
use super::warmup::{Ramp, Warmup};

/// All the quotas of an account as one relay sees them, with its reserve.
///
/// Knows nothing that the [`Quota`]s do not know; it only remembers where the calendar day begins, as the
/// scheduler asks for every batch.
#[derive(Debug, Clone)]
pub struct Allowance {
    quotas: Vec<(Quota, Option<Window>)>,
    reserve: u64,
    warmup: Option<(Warmup, Option<Ramp>)>,
}

impl Allowance {
    /// The quotas, each less `reserve`. No quotas: no limit.
    pub fn new(quotas: Vec<Quota>, reserve: u64) -> Self {
        Self { quotas: quotas.into_iter().map(|quota| (quota, None)).collect(), reserve, warmup: None }
    }

    /// The same, beside a warm-up. The reserve is no part of that.
    #[must_use]
    pub fn warming_up(self, warmup: Option<Warmup>) -> Self {
        Self { warmup: warmup.map(|warmup| (warmup, None)), ..self }
    }

    /// The quotas.
    pub fn quotas(&self) -> impl Iterator<Item = &Quota> {
        self.quotas.iter().map(|(quota, _)| quota)
    }

    /// What is left of every quota for people who use the account by hand.
    pub fn reserve(&self) -> u64 {
        self.reserve
    }

    /// What the warm-up makes of the day that `now` is in: as many as today's quota, and no more.
    pub fn ramp(&self, usage: &Usage, now: Timestamp) -> Option<(Quota, Ramp)> {
        let (warmup, known) = self.warmup.as_ref()?;
        let ramp = known.filter(|ramp| ramp.lasts(now)).unwrap_or_else(|| warmup.today(usage, now));
        Some((warmup.quota(ramp), ramp))
    }

    /// The most recipients that fit the windows of today, warm-up included, as of the last
    /// [`Allowance::room`].
    pub fn today(&self) -> u64 {
        let ramp = self.warmup.as_ref().and_then(|(_, ramp)| *ramp);
        self.cap().recipients.min(ramp.map_or(u64::MAX, |ramp| ramp.allowance))
    }

    /// The most that can ever be used within one window of a quota: what exceeds it never fits.
    pub fn cap(&self) -> Charge {
        self.least(|quota, _| quota.cap(self.reserve))
    }

    /// How many messages and recipients more fit at `now`.
    pub fn room(&mut self, usage: &Usage, now: Timestamp) -> Charge {
        self.turn_to(usage, now);
        if usage.closed_until().is_some_and(|until| now < until) {
            return Charge::default();
        }
        let mut room = self.least(|quota, window| {
            let whole = Window { from: i64::MIN, until: now };
            quota.cap(self.reserve).saturating_sub(quota.used_in(usage, &window.unwrap_or(whole)))
        });
        if let Some((_, Some(ramp))) = &self.warmup {
            room.recipients = room.recipients.min(ramp.left(usage));
        }
        room
    }

    /// The first moment from `now` on at which `charge` fits every quota and the warm-up, and which of them
    /// it is that holds it back until then; see [`Quota::free_at`].
    pub fn bound(&self, usage: &Usage, now: Timestamp, charge: Charge) -> (BoundKind, Option<Timestamp>) {
        let open = usage.closed_until().map_or(now, |until| until.max(now));
        let mut each = self.quotas().map(|quota| quota.free_at(usage, now, self.reserve, charge));
        // Each stays free once it is free, so all are free when the last of them is.
        let quotas = each.try_fold(open, |latest, free| free.map(|free| free.max(latest)));
        let Some((warmup, known)) = &self.warmup else { return (BoundKind::Quota, quotas) };
        let ramp = known.filter(|ramp| ramp.lasts(now)).unwrap_or_else(|| warmup.today(usage, now));
        let ramp = ramp.free_at(usage, now, charge);
        match quotas {
            Some(free) if free < ramp => (BoundKind::Warmup, Some(ramp)),
            Some(_) | None => (BoundKind::Quota, quotas),
        }
    }

    fn turn_to(&mut self, usage: &Usage, now: Timestamp) {
        for (quota, window) in &mut self.quotas {
            let lasts = window.is_some_and(|window| window.from <= now.as_second() && now < window.until);
            if !lasts {
                *window = Some(Window::at(&quota.per, now));
            }
        }
        if let Some((warmup, ramp)) = &mut self.warmup
            && !ramp.is_some_and(|ramp| ramp.lasts(now))
        {
            *ramp = Some(warmup.today(usage, now));
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

    fn free_at(allowance: &Allowance, usage: &Usage, now: Timestamp, charge: Charge) -> Option<Timestamp> {
        allowance.bound(usage, now, charge).1
    }

    #[test]
    fn a_warm_up_binds_beside_the_quotas_and_never_raises_them() {
        let warmup = || Some(Warmup { from: 50, factor: 2.0, zone: TimeZone::UTC });
        let mut allowance = Allowance::new(vec![rolling(120, 86_400)], 20).warming_up(warmup());
        let mut usage = Usage::default();
        let mut send = |allowance: &mut Allowance, when: &str, expected: u64| {
            assert_eq!(allowance.room(&usage, at(when)).recipients, expected, "{when}");
            let expected = usize::try_from(expected).expect("few");
            usage.begin(Charge::message(expected));
            usage.settle(at(when), Charge::message(expected), Charge::message(expected));
            assert_eq!(allowance.room(&usage, at(when)).recipients, 0, "{when}");
            allowance.bound(&usage, at(when), Charge::message(1))
        };
        let found = send(&mut allowance, "2026-06-01T10:00:00Z", 50);
        assert_eq!(found, (BoundKind::Warmup, Some(at("2026-06-02T00:00:00Z"))));
        assert_eq!(allowance.today(), 50);
        let found = send(&mut allowance, "2026-06-02T10:00:01Z", 100);
        assert_eq!(found, (BoundKind::Quota, Some(at("2026-06-03T10:00:02Z"))));
        send(&mut allowance, "2026-06-03T11:00:00Z", 100);
        assert_eq!(allowance.today(), 100, "the third day of the ramp would be 200");
    }

    #[test]
    fn several_quotas_bind_together() {
        let mut usage = charged(&[("2026-06-01T10:00:00Z", 40)]);
        let now = at("2026-06-01T10:00:10Z");
        let messages = Quota { limit: 2, unit: Unit::Messages, ..rolling(0, 60) };
        let mut allowance = Allowance::new(vec![rolling(50, 86_400), daily(60, "UTC"), messages], 0);
        assert_eq!(allowance.cap(), Charge { messages: 2, recipients: 50 });
        assert_eq!(allowance.room(&usage, now), Charge { messages: 1, recipients: 10 });
        assert_eq!(free_at(&allowance, &usage, now, Charge::message(10)), Some(now));
        let next_day = Some(at("2026-06-02T10:00:01Z"));
        assert_eq!(free_at(&allowance, &usage, now, Charge::message(11)), next_day);
        assert_eq!(free_at(&allowance, &usage, now, Charge::message(51)), None);
        usage.close(at("2026-06-03T00:00:00Z"));
        assert_eq!(allowance.room(&usage, now), Charge::default());
        assert_eq!(free_at(&allowance, &usage, now, Charge::message(1)), Some(at("2026-06-03T00:00:00Z")));
    }

    #[test]
    fn no_quota_is_no_limit() {
        let now = at("2026-06-01T10:00:00Z");
        let mut allowance = Allowance::new(Vec::new(), 100);
        assert_eq!(allowance.room(&Usage::default(), now).recipients, u64::MAX);
        assert_eq!(free_at(&allowance, &Usage::default(), now, Charge::message(1_000_000)), Some(now));
    }

    #[test]
    fn a_remembered_day_ends_at_midnight() {
        let usage = charged(&[("2026-06-01T23:00:00Z", 5)]);
        let mut allowance = Allowance::new(vec![daily(5, "UTC")], 0);
        assert_eq!(allowance.room(&usage, at("2026-06-01T23:59:59Z")).recipients, 0);
        assert_eq!(allowance.room(&usage, at("2026-06-02T00:00:00Z")).recipients, 5);
    }
}

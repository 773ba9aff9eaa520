//! A warm-up: an account or address that is new sends a little more on every day on which it sends.
//!
//! Which day of its ramp an account is at is read off its [`Usage`], like how much of a quota is used: the
//! number of earlier days with a send. A pause of a week costs nothing and gains nothing, and a restart
//! changes nothing. The ramp stands beside the quotas and never above them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::mail::{Charge, Usage};

use super::quota::{Period, Quota, Unit, Window};

/// What a product of decimal fractions may be short of the whole number it stands for: 200 × 1.15 is 230.
const ROUNDING: f64 = 1e-9;

/// So many recipients on the first day, and a factor more on each further day.
#[derive(Debug, Clone, PartialEq)]
pub struct Warmup {
    /// Recipients on the first day; at least 1.
    pub from: u64,
    /// By how much each further day with a send has more; at least 1.
    pub factor: f64,
    /// Whose calendar days count.
    pub zone: TimeZone,
}

/// One day of a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ramp {
    /// Which day with a send it is, from 1.
    pub day: u32,
    /// Recipients it may have.
    pub allowance: u64,
    /// The first second of the day, since 1970.
    from: i64,
    /// When the next day begins.
    pub until: Timestamp,
}

impl Warmup {
    /// Recipients that a day may have after `earlier` days with a send: from × factor^earlier, rounded down.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "positive; beyond 2^52 recipients a ramp is no limit"
    )]
    pub fn allowance(&self, earlier: u32) -> u64 {
        let grown = self.factor.max(1.0).powi(i32::try_from(earlier).unwrap_or(i32::MAX));
        (self.from as f64 * grown * (1.0 + ROUNDING)) as u64
    }

    /// The day of the ramp that `now` is in, for an account that was charged `usage`.
    pub fn today(&self, usage: &Usage, now: Timestamp) -> Ramp {
        let window = Window::at(&Period::Day(self.zone.clone()), now);
        let earlier = usage.days_before(&self.zone, self.zone.to_datetime(now).date());
        let allowance = self.allowance(earlier);
        Ramp { day: earlier.saturating_add(1), allowance, from: window.from, until: window.until }
    }

    /// A day of this ramp as the quota that it is on that day.
    pub fn quota(&self, ramp: Ramp) -> Quota {
        Quota { limit: ramp.allowance, unit: Unit::Recipients, per: Period::Day(self.zone.clone()) }
    }
}

impl Ramp {
    /// Whether `now` is in this day.
    pub(super) fn lasts(&self, now: Timestamp) -> bool {
        self.from <= now.as_second() && now < self.until
    }

    /// How many more recipients fit today; those in flight count. None where the day counts as full.
    pub fn left(&self, usage: &Usage) -> u64 {
        if usage.is_full_from(self.from) {
            return 0;
        }
        self.allowance.saturating_sub(usage.since(self.from).recipients)
    }

    /// The first moment from `now` on at which `charge` fits, if a later day bears what today's does.
    pub(super) fn free_at(&self, usage: &Usage, now: Timestamp, charge: Charge) -> Timestamp {
        if charge.recipients <= self.left(usage) { now } else { self.until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn ramp(from: u64, factor: f64, zone: &str) -> Warmup {
        Warmup { from, factor, zone: TimeZone::get(zone).expect("a zone") }
    }

    fn send(usage: &mut Usage, moment: &str, recipients: usize) {
        usage.begin(Charge::message(recipients));
        usage.settle(at(moment), Charge::message(recipients), Charge::message(recipients));
    }

    #[test]
    fn the_allowance_grows_by_its_factor() {
        let table = [
            (200, 1.5, vec![200, 300, 450, 675, 1_012]),
            (200, 1.15, vec![200, 230, 264]),
            (50, 1.0, vec![50, 50]),
            (1, 2.0, vec![1, 2, 4]),
        ];
        for (from, factor, expected) in table {
            let warmup = ramp(from, factor, "UTC");
            let found: Vec<u64> = (0..).take(expected.len()).map(|day| warmup.allowance(day)).collect();
            assert_eq!(found, expected, "{from} x {factor}");
        }
        assert_eq!(ramp(200, 2.0, "UTC").allowance(u32::MAX), u64::MAX, "a ramp without end is no limit");
    }

    #[test]
    fn only_days_with_a_send_are_days_of_the_ramp() {
        let warmup = ramp(200, 1.5, "Europe/Berlin");
        let mut usage = Usage::default();
        let day = |usage: &Usage, now: &str| {
            let today = warmup.today(usage, at(now));
            (today.day, today.allowance, today.left(usage))
        };
        assert_eq!(day(&usage, "2026-06-01T10:00:00Z"), (1, 200, 200));
        send(&mut usage, "2026-06-01T10:00:00Z", 120);
        assert_eq!(day(&usage, "2026-06-01T21:59:59Z"), (1, 200, 80));
        assert_eq!(day(&usage, "2026-06-01T22:00:00Z"), (2, 300, 300), "midnight in Berlin");
        assert_eq!(day(&usage, "2026-06-20T10:00:00Z"), (2, 300, 300), "a pause gains nothing");
        send(&mut usage, "2026-06-20T10:00:00Z", 300);
        send(&mut usage, "2026-06-21T10:00:00Z", 1);
        assert_eq!(day(&usage, "2026-06-22T10:00:00Z"), (4, 675, 675));
        usage.begin(Charge::message(75));
        assert_eq!(day(&usage, "2026-06-22T10:00:00Z").2, 600, "what is in flight counts");
    }

    #[test]
    fn a_day_of_the_ramp_has_23_or_25_hours_where_clocks_are_changed() {
        let table = [
            ("Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            ("Europe/Berlin", "2027-03-28T12:00:00Z", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"),
            ("America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-04T00:00:00Z", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"),
        ];
        for (zone, now, from, until) in table {
            let today = ramp(5, 2.0, zone).today(&Usage::default(), at(now));
            assert_eq!((today.from, today.until), (at(from).as_second(), at(until)), "{zone}");
            let mut usage = Usage::default();
            send(&mut usage, from, 5);
            assert_eq!(today.free_at(&usage, at(now), Charge::message(1)), at(until), "{zone}");
            assert_eq!(ramp(5, 2.0, zone).today(&usage, at(until)).day, 2, "{zone}");
        }
    }
}

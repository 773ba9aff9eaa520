//! A quota: what a provider lets an account send over a minute or longer.
//!
//! How much of a quota is used is never stored: it is read off the account's [`Usage`], in which charges
//! in flight count in every window. So a quota can be asked at any moment, also after a crash, and answers
//! when it will have room. It never answers too early: a bucket that reaches into a window counts whole.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::mail::{Charge, Usage};

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Mail transactions.
    Messages,
    /// Recipients of them.
    Recipients,
}

impl Unit {
    /// How much of this unit a charge is.
    pub fn of(self, charge: Charge) -> u64 {
        match self {
            Self::Messages => charge.messages,
            Self::Recipients => charge.recipients,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Messages => "messages",
            Self::Recipients => "recipients",
        })
    }
}

/// Over which time a quota counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Period {
    /// The time just past, one minute to 48 hours.
    Rolling(Duration),
    /// The calendar day in this zone.
    Day(TimeZone),
}

impl fmt::Display for Period {
    /// As a setting writes it: `24h`, `90m`, `61s` or `day`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Rolling(span) = self else { return formatter.write_str("day") };
        match span.as_secs() {
            seconds if seconds % 3600 == 0 => write!(formatter, "{}h", seconds / 3600),
            seconds if seconds % 60 == 0 => write!(formatter, "{}m", seconds / 60),
            seconds => write!(formatter, "{seconds}s"),
        }
    }
}

/// So many of a unit over a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    /// How many the provider allows, before any reserve.
    pub limit: u64,
    /// What is counted.
    pub unit: Unit,
    /// Over which time.
    pub per: Period,
}

impl Quota {
    /// How many are used in the window that ends at `now`, those in flight included.
    pub fn used(&self, usage: &Usage, now: Timestamp) -> u64 {
        self.unit.of(usage.since(Window::at(&self.per, now).from))
    }

    /// How many more fit at `now` beside `reserve`; an account that is closed has nothing left.
    pub fn left(&self, usage: &Usage, now: Timestamp, reserve: u64) -> u64 {
        if usage.closed_until().is_some_and(|until| now < until) {
            return 0;
        }
        self.cap(reserve).saturating_sub(self.used(usage, now))
    }

    /// The first moment from `now` on at which `charge` fits beside `reserve`, if nothing else is begun
    /// meanwhile: `now` itself if it fits already, none if it can never fit.
    ///
    /// For what is in flight the answer assumes the worst, that it is settled at `now` and kept; ask
    /// again when it is settled.
    pub fn free_at(&self, usage: &Usage, now: Timestamp, reserve: u64, charge: Charge) -> Option<Timestamp> {
        let open = usage.closed_until().map_or(now, |until| until.max(now));
        self.room_at(&Window::at(&self.per, now), usage, now, (reserve, charge)).map(|room| room.max(open))
    }

    /// What may be used beside `reserve`.
    pub fn cap(&self, reserve: u64) -> u64 {
        self.limit.saturating_sub(reserve)
    }

    fn room_at(
        &self,
        window: &Window,
        usage: &Usage,
        now: Timestamp,
        (reserve, charge): (u64, Charge),
    ) -> Option<Timestamp> {
        let spare = self.cap(reserve).checked_sub(self.unit.of(charge))?;
        if self.unit.of(usage.since(window.from)) <= spare {
            return Some(now);
        }
        match &self.per {
            Period::Day(_) => Some(window.until),
            Period::Rolling(length) => match usage.first_fit(|sum| self.unit.of(sum) <= spare) {
                Some(second) => Timestamp::from_second(second).ok()?.checked_add(*length).ok(),
                None => now.checked_add(*length).ok(),
            },
        }
    }
}

/// The part of time that a period covers at a moment.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// The first second that counts, since 1970.
    from: i64,
    /// From when on it is another window; for a rolling period at once.
    until: Timestamp,
}

impl Window {
    fn at(per: &Period, now: Timestamp) -> Self {
        match per {
            Period::Rolling(length) => {
                // Rounded down: the earlier the window begins, the more counts.
                let from = now.checked_sub(*length).unwrap_or(Timestamp::MIN);
                Self { from: from.as_second() - i64::from(from.subsec_nanosecond() < 0), until: now }
            }
            Period::Day(zone) => {
                let local = now.to_zoned_datetime(zone.clone());
                let start = local.start_of_day().map_or(Timestamp::MIN, |start| start.timestamp());
                let next = local.date().tomorrow().and_then(|date| date.to_zoned_datetime(zone.clone()));
                let until = next.map_or(Timestamp::MAX, |next| next.timestamp());
                Self { from: start.as_second(), until }
            }
        }
    }
}

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
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone")
    }

    fn rolling(limit: u64, seconds: u64) -> Quota {
        Quota { limit, unit: Unit::Recipients, per: Period::Rolling(Duration::from_secs(seconds)) }
    }

    fn daily(limit: u64, name: &str) -> Quota {
        Quota { limit, unit: Unit::Recipients, per: Period::Day(zone(name)) }
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
    fn a_rolling_quota_frees_what_has_left_its_window() {
        let usage = charged(&[("2026-06-01T10:00:00Z", 3), ("2026-06-01T10:00:30Z", 2)]);
        let quota = rolling(5, 60);
        let table = [
            ("2026-06-01T10:00:31Z", 5, 1, Some("2026-06-01T10:01:01Z")),
            ("2026-06-01T10:00:31Z", 5, 4, Some("2026-06-01T10:01:31Z")),
            ("2026-06-01T10:01:00.9Z", 5, 1, Some("2026-06-01T10:01:01Z")),
            ("2026-06-01T10:01:01Z", 2, 3, Some("2026-06-01T10:01:01Z")),
            ("2026-06-01T10:01:01Z", 2, 6, None),
        ];
        for (now, used, want, free) in table {
            assert_eq!(quota.used(&usage, at(now)), used, "{now}");
            assert_eq!(
                quota.free_at(&usage, at(now), 0, Charge::message(want)),
                free.map(at),
                "{now} {want}"
            );
        }
    }

    #[test]
    fn a_day_has_23_or_25_hours_where_clocks_are_changed() {
        // Berlin: 25 hours on 2026-10-25, 23 on 2027-03-28.
        let table = [
            ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", 1, "2026-10-25T23:00:00Z"),
            ("Europe/Berlin", "2026-10-24T21:59:59Z", "2026-10-25T22:59:59Z", 0, "2026-10-25T22:59:59Z"),
            ("Europe/Berlin", "2027-03-27T23:00:00Z", "2027-03-28T21:59:59Z", 1, "2027-03-28T22:00:00Z"),
            ("Europe/Berlin", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z", 0, "2027-03-28T22:00:00Z"),
            // Havana repeats the hour after midnight: the day begins with the first of the two.
            ("America/Havana", "2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z", 1, "2026-11-02T05:00:00Z"),
            // Sao Paulo skipped the hour after midnight on 2018-11-04.
            ("America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04T12:00:00Z", 1, "2018-11-05T02:00:00Z"),
            // Lord Howe moves by half an hour.
            (
                "Australia/Lord_Howe",
                "2026-10-03T13:30:00Z",
                "2026-10-04T12:59:59Z",
                1,
                "2026-10-04T13:00:00Z",
            ),
        ];
        for (name, charge, now, used, free) in table {
            let (usage, quota) = (charged(&[(charge, 1)]), daily(1, name));
            assert_eq!(quota.used(&usage, at(now)), used, "{name} {now}");
            assert_eq!(
                quota.free_at(&usage, at(now), 0, Charge::message(1)),
                Some(at(free)),
                "{name} {charge} {now}"
            );
        }
    }

    #[test]
    fn a_reserve_is_left_and_what_exceeds_the_rest_never_fits() {
        let (usage, now) = (Usage::default(), at("2026-06-01T10:00:00Z"));
        let quota = rolling(100, 86_400);
        assert_eq!(quota.left(&usage, now, 30), 70);
        assert_eq!(quota.free_at(&usage, now, 30, Charge::message(70)), Some(now));
        assert_eq!(quota.free_at(&usage, now, 30, Charge::message(71)), None);
        assert_eq!(quota.left(&usage, now, 200), 0);
    }

    #[test]
    fn what_is_in_flight_may_be_counted_a_whole_window_from_now() {
        let (mut usage, now) = (Usage::default(), at("2026-06-01T10:00:00Z"));
        usage.begin(Charge::message(5));
        let free = rolling(5, 3600).free_at(&usage, now, 0, Charge::message(1));
        assert_eq!(free, Some(at("2026-06-01T11:00:00Z")));
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

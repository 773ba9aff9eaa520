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
    /// How many are used in the window that ends at `now`, those in flight included. All of them where the
    /// window counts as full.
    pub fn used(&self, usage: &Usage, now: Timestamp) -> u64 {
        self.used_in(usage, &Window::at(&self.per, now))
    }

    pub(super) fn used_in(&self, usage: &Usage, window: &Window) -> u64 {
        let used = self.unit.of(usage.since(window.from));
        if usage.is_full_from(window.from) { used.max(self.limit) } else { used }
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
        // Full windows first: what was settled behind that moment may hold the charge back still longer.
        if let Some(since) = usage.full_since().filter(|since| since.as_second() >= window.from) {
            let open = match &self.per {
                Period::Day(_) => window.until,
                // The second of that moment counts whole, as any other does.
                Period::Rolling(length) => {
                    Timestamp::from_second(since.as_second() + 1).ok()?.checked_add(*length).ok()?
                }
            };
            let later = Window::at(&self.per, open);
            return self.room_at(&later, usage, open, (reserve, charge));
        }
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
pub(super) struct Window {
    /// The first second that counts, since 1970.
    pub(super) from: i64,
    /// From when on it is another window; for a rolling period at once.
    pub(super) until: Timestamp,
}

impl Window {
    pub(super) fn at(per: &Period, now: Timestamp) -> Self {
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
    fn full_windows_open_when_their_period_has_passed_and_not_before() {
        let since = "2026-10-24T23:30:00.5Z";
        let table = [
            (rolling(5, 3600), "2026-10-25T00:30:01Z"),
            (rolling(5, 86_400), "2026-10-25T23:30:01Z"),
            (daily(5, "UTC"), "2026-10-25T00:00:00Z"),
            // That day has 25 hours there, and began at 22:00.
            (daily(5, "Europe/Berlin"), "2026-10-25T23:00:00Z"),
        ];
        for (quota, open) in table {
            let mut usage = charged(&[("2031-01-01T00:00:00Z", 1)]);
            usage.restart(at("2031-01-01T00:00:00Z"), at(since));
            let open = at(open);
            assert_eq!(quota.free_at(&usage, at(since), 0, Charge::message(1)), Some(open), "{quota:?}");
            let almost = open - Duration::from_nanos(1);
            assert_eq!((quota.used(&usage, almost), quota.left(&usage, almost, 0)), (5, 0), "{quota:?}");
            assert_eq!((quota.used(&usage, open), quota.left(&usage, open, 0)), (0, 5), "{quota:?}");
            usage.begin(Charge::message(5));
            usage.settle(almost, Charge::message(5), Charge::message(5));
            let later = quota.free_at(&usage, at(since), 0, Charge::message(1));
            let also_rolls = matches!(quota.per, Period::Rolling(_));
            assert_eq!(later > Some(open), also_rolls, "{quota:?}: what was settled since counts too");
        }
    }

    #[test]
    fn what_is_in_flight_may_be_counted_a_whole_window_from_now() {
        let (mut usage, now) = (Usage::default(), at("2026-06-01T10:00:00Z"));
        usage.begin(Charge::message(5));
        let free = rolling(5, 3600).free_at(&usage, now, 0, Charge::message(1));
        assert_eq!(free, Some(at("2026-06-01T11:00:00Z")));
    }
}

//! In which quarters of an hour an account sent anything, for as long as its journal remembers.
//!
//! A warm-up counts days with a send, and whose days those are is the relay's zone to say, which may
//! change. Every zone in use today keeps an offset of whole quarters of an hour, so a day of any zone is
//! made of whole quarters. Quarters that follow on each other are one run: a year of mornings takes 3 KB.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// The width of a quarter, in seconds.
const QUARTER: i64 = 15 * 60;

/// Quarters of an hour, counted from 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Quarters {
    /// The first and the last of a run, rising; no two runs touch.
    runs: Vec<(u32, u32)>,
}

impl Quarters {
    /// Notes a send in `second` (since 1970). One before the newest is noted with the newest.
    pub(super) fn note(&mut self, second: i64) {
        let quarter = u32::try_from(second.div_euclid(QUARTER)).unwrap_or(0);
        match self.runs.last_mut() {
            Some((_, last)) if quarter <= *last => {}
            Some((_, last)) if quarter == *last + 1 => *last = quarter,
            Some(_) | None => self.runs.push((quarter, quarter)),
        }
    }

    /// Notes what lies behind `second` (since 1970) with it: those sends were dated by a wrong clock.
    pub(super) fn end_at(&mut self, second: i64) {
        let quarter = u32::try_from(second.div_euclid(QUARTER)).unwrap_or(0);
        if self.runs.last().is_none_or(|(_, last)| *last <= quarter) {
            return;
        }
        self.runs.retain(|(first, _)| *first <= quarter);
        match self.runs.last_mut() {
            Some((_, last)) if *last >= quarter => *last = quarter,
            Some(_) | None => self.note(second),
        }
    }

    /// How many days of `zone` before `date` have a send.
    pub(super) fn days_before(&self, zone: &TimeZone, date: Date) -> u32 {
        let day_of = |second: i64| {
            let moment = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
            zone.to_datetime(moment).date()
        };
        let (mut days, mut next) = (0, Date::MIN);
        for (first, last) in &self.runs {
            let from = day_of(i64::from(*first) * QUARTER).max(next);
            let until = day_of(i64::from(*last + 1) * QUARTER - 1).tomorrow().unwrap_or(Date::MAX).min(date);
            if from < until {
                let more = from.until(until).map_or(0, |span| span.get_days());
                days += u32::try_from(more).unwrap_or(0);
                next = until;
            }
        }
        days
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(moments: &[&str]) -> Quarters {
        let mut quarters = Quarters::default();
        for moment in moments {
            quarters.note(moment.parse::<Timestamp>().expect("a timestamp").as_second());
        }
        quarters
    }

    #[test]
    fn days_are_those_of_the_zone_that_asks() {
        let quarters = noted(&[
            "2026-06-01T10:00:00Z",
            "2026-06-01T22:40:00Z",
            "2026-06-02T18:14:59Z",
            "2026-06-02T18:15:00Z",
            "2026-06-04T00:00:00Z",
        ]);
        let table = [
            ("UTC", "2026-06-01", 0),
            ("UTC", "2026-06-02", 1),
            ("UTC", "2026-06-04", 2),
            ("UTC", "2026-06-30", 3),
            // 22:40 is past midnight there.
            ("Europe/Berlin", "2026-06-02", 1),
            ("Europe/Berlin", "2026-06-03", 2),
            // 18:15 is midnight of the third there.
            ("Asia/Kathmandu", "2026-06-03", 2),
            ("Asia/Kathmandu", "2026-06-04", 3),
            ("America/Los_Angeles", "2026-06-03", 2),
            ("America/Los_Angeles", "2026-06-04", 3),
        ];
        for (zone, date, days) in table {
            let zone = TimeZone::get(zone).expect("a zone");
            assert_eq!(quarters.days_before(&zone, date.parse().expect("a date")), days, "{zone:?} {date}");
        }
    }

    #[test]
    fn a_send_that_lasts_days_is_one_run_and_counts_every_day() {
        let mut quarters = Quarters::default();
        let start: Timestamp = "2026-10-24T00:00:00Z".parse().expect("a timestamp");
        for quarter in 0..4 * 24 * 7 {
            quarters.note(start.as_second() + quarter * QUARTER);
        }
        assert_eq!(quarters.runs.len(), 1);
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let days = |date: &str| quarters.days_before(&berlin, date.parse().expect("a date"));
        assert_eq!((days("2026-10-24"), days("2026-10-26"), days("2026-12-01")), (0, 2, 8));
        quarters.note(start.as_second());
        assert_eq!(quarters.runs.len(), 1, "time never runs backwards in a ledger");
    }

    #[test]
    fn sends_of_a_wrong_clock_do_not_hide_those_that_follow() {
        let wrong = ["2026-06-01T10:00:00Z", "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z"];
        let second = |text: &str| text.parse::<Timestamp>().expect("a timestamp").as_second();
        for (clock, before_june_ten, after_note) in
            [("2026-06-05T12:00:00Z", 2, 3), ("2026-05-20T12:00:00Z", 1, 2), ("2030-01-02T00:05:00Z", 1, 1)]
        {
            let mut quarters = noted(&wrong);
            quarters.end_at(second(clock));
            let days =
                |quarters: &Quarters| quarters.days_before(&TimeZone::UTC, jiff::civil::date(2026, 6, 10));
            assert_eq!(days(&quarters), before_june_ten, "{clock}");
            quarters.note(second("2026-06-08T12:00:00Z"));
            assert_eq!(days(&quarters), after_note, "{clock}");
        }
    }
}

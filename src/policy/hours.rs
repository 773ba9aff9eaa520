//! The hours in which a campaign may send, by the clock on the wall of its zone.
//!
//! Where clocks are changed: an hour that does not exist is skipped (a window that lies wholly in it
//! does not open on that day), and of an hour that comes twice the first counts (a window opens once a day).

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// How many days a search looks ahead: a window that opens on one day of the week and misses one week
/// because of changed clocks.
const SEARCHED_DAYS: i32 = 15;

/// Days of the week and a time of day, in a zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// Monday first: whether the window opens on that day.
    pub days: [bool; 7],
    /// When it opens.
    pub from: Time,
    /// When it closes; at or before `from` it closes on the next day.
    pub to: Time,
    /// Whose clock counts.
    pub zone: TimeZone,
}

impl Hours {
    /// Whether the window is open at `now`: from the moment it opens until just before it closes.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.around(now).is_some()
    }

    /// When the window is open next: `now` itself if it is, none if it never opens.
    pub fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_open(now) {
            return Some(now);
        }
        let today = now.to_zoned_datetime(self.zone.clone()).date();
        self.windows(today, 0..SEARCHED_DAYS).map(|(opens, _)| opens).find(|opens| *opens > now)
    }

    /// When the window that is open at `now` closes. None if it is closed, or if windows follow on
    /// each other without end.
    pub fn closes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let mut closes = self.around(now)?;
        for _ in 0..SEARCHED_DAYS {
            match self.around(closes) {
                Some(later) => closes = later,
                None => return Some(closes),
            }
        }
        None
    }

    /// The latest end of the windows that are open at `moment`.
    fn around(&self, moment: Timestamp) -> Option<Timestamp> {
        let today = moment.to_zoned_datetime(self.zone.clone()).date();
        let open = self.windows(today, -1..1).filter(|(opens, closes)| *opens <= moment && moment < *closes);
        open.map(|(_, closes)| closes).max()
    }

    /// The windows that open on the given days after `date`, in order.
    fn windows(
        &self,
        date: Date,
        days: std::ops::Range<i32>,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        days.filter_map(move |offset| {
            let date = date.checked_add(jiff::Span::new().days(offset)).ok()?;
            if !self.days[usize::try_from(date.weekday().to_monday_zero_offset()).ok()?] {
                return None;
            }
            let last = if self.to > self.from { date } else { date.tomorrow().ok()? };
            let window = (self.instant(date, self.from)?, self.instant(last, self.to)?);
            (window.0 < window.1).then_some(window)
        })
    }

    /// When the clock shows `time` on `date`, or jumps over it.
    fn instant(&self, date: Date, time: Time) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(date.to_datetime(time));
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
            AmbiguousOffset::Gap { .. } => {
                let before = ambiguous.earlier().ok()?;
                self.zone.following(before).next().map(|transition| transition.timestamp())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEKDAYS: [bool; 7] = [true, true, true, true, true, false, false];
    const DAILY: [bool; 7] = [true; 7];
    const SUNDAYS: [bool; 7] = [false, false, false, false, false, false, true];

    fn hours(days: [bool; 7], from: &str, to: &str, zone: &str) -> Hours {
        let time = |text: &str| text.parse().expect("a time");
        Hours { days, from: time(from), to: time(to), zone: TimeZone::get(zone).expect("a zone") }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    /// (now, when it is open next, when that window closes)
    type Row = (&'static str, Option<&'static str>, Option<&'static str>);

    fn assert_rows(hours: &Hours, rows: &[Row]) {
        for (now, opens, closes) in rows {
            let now = at(now);
            assert_eq!(hours.opens_at(now), opens.map(at), "{hours:?} opens after {now}");
            assert_eq!(hours.is_open(now), opens.map(at) == Some(now), "{hours:?} at {now}");
            let closed = hours.opens_at(now).and_then(|opens| hours.closes_at(opens));
            assert_eq!(closed, closes.map(at), "{hours:?} closes after {now}");
        }
    }

    #[test]
    fn office_hours_are_closed_at_night_and_at_the_weekend() {
        let office = hours(WEEKDAYS, "09:00", "17:30", "Europe/Berlin");
        assert_rows(
            &office,
            &[
                ("2026-11-30T07:59:59Z", Some("2026-11-30T08:00:00Z"), Some("2026-11-30T16:30:00Z")),
                ("2026-11-30T08:00:00Z", Some("2026-11-30T08:00:00Z"), Some("2026-11-30T16:30:00Z")),
                ("2026-11-30T16:29:59Z", Some("2026-11-30T16:29:59Z"), Some("2026-11-30T16:30:00Z")),
                ("2026-11-30T16:30:00Z", Some("2026-12-01T08:00:00Z"), Some("2026-12-01T16:30:00Z")),
                ("2026-12-04T16:30:00Z", Some("2026-12-07T08:00:00Z"), Some("2026-12-07T16:30:00Z")),
                // Clocks are set back on Sunday 2026-10-25 and forward on Sunday 2027-03-28.
                ("2026-10-23T16:00:00Z", Some("2026-10-26T08:00:00Z"), Some("2026-10-26T16:30:00Z")),
                ("2027-03-26T17:00:00Z", Some("2027-03-29T07:00:00Z"), Some("2027-03-29T15:30:00Z")),
            ],
        );
    }

    #[test]
    fn a_night_closes_on_the_next_day() {
        let night = hours(WEEKDAYS, "22:00", "06:00", "Europe/Berlin");
        assert_rows(
            &night,
            &[
                ("2026-12-04T21:00:00Z", Some("2026-12-04T21:00:00Z"), Some("2026-12-05T05:00:00Z")),
                ("2026-12-05T04:59:59Z", Some("2026-12-05T04:59:59Z"), Some("2026-12-05T05:00:00Z")),
                ("2026-12-05T05:00:00Z", Some("2026-12-07T21:00:00Z"), Some("2026-12-08T05:00:00Z")),
            ],
        );
        // The night in which clocks are set back has nine hours, the one in which they are set forward seven.
        let daily = hours(DAILY, "22:00", "06:00", "Europe/Berlin");
        assert_rows(
            &daily,
            &[
                ("2026-10-24T19:00:00Z", Some("2026-10-24T20:00:00Z"), Some("2026-10-25T05:00:00Z")),
                ("2027-03-27T19:00:00Z", Some("2027-03-27T21:00:00Z"), Some("2027-03-28T04:00:00Z")),
            ],
        );
    }

    #[test]
    fn an_hour_that_does_not_exist_is_skipped() {
        // Berlin goes from 02:00 to 03:00 on 2027-03-28, at 01:00 UTC.
        let inside = hours(DAILY, "02:15", "02:45", "Europe/Berlin");
        assert_rows(
            &inside,
            &[("2027-03-28T00:00:00Z", Some("2027-03-29T00:15:00Z"), Some("2027-03-29T00:45:00Z"))],
        );
        let sundays = hours(SUNDAYS, "02:15", "02:45", "Europe/Berlin");
        assert_rows(
            &sundays,
            &[("2027-03-22T00:00:00Z", Some("2027-04-04T00:15:00Z"), Some("2027-04-04T00:45:00Z"))],
        );
        let into = hours(DAILY, "01:30", "02:30", "Europe/Berlin");
        assert_rows(
            &into,
            &[("2027-03-28T00:00:00Z", Some("2027-03-28T00:30:00Z"), Some("2027-03-28T01:00:00Z"))],
        );
        let out_of = hours(DAILY, "02:30", "04:00", "Europe/Berlin");
        assert_rows(
            &out_of,
            &[("2027-03-28T00:00:00Z", Some("2027-03-28T01:00:00Z"), Some("2027-03-28T02:00:00Z"))],
        );
        // Sao Paulo skipped midnight on 2018-11-04, Lord Howe skips half an hour at 02:00 on 2026-10-04.
        let midnight = hours(DAILY, "00:00", "02:00", "America/Sao_Paulo");
        assert_rows(
            &midnight,
            &[("2018-11-04T02:00:00Z", Some("2018-11-04T03:00:00Z"), Some("2018-11-04T04:00:00Z"))],
        );
        let half = hours(DAILY, "02:00", "03:00", "Australia/Lord_Howe");
        assert_rows(
            &half,
            &[("2026-10-03T15:00:00Z", Some("2026-10-03T15:30:00Z"), Some("2026-10-03T16:00:00Z"))],
        );
    }

    #[test]
    fn of_an_hour_that_comes_twice_the_first_counts() {
        // Berlin goes from 03:00 back to 02:00 on 2026-10-25, at 01:00 UTC.
        let inside = hours(DAILY, "02:15", "02:45", "Europe/Berlin");
        assert_rows(
            &inside,
            &[
                ("2026-10-25T00:00:00Z", Some("2026-10-25T00:15:00Z"), Some("2026-10-25T00:45:00Z")),
                ("2026-10-25T00:45:00Z", Some("2026-10-26T01:15:00Z"), Some("2026-10-26T01:45:00Z")),
            ],
        );
        let half = hours(DAILY, "01:00", "02:00", "Australia/Lord_Howe");
        assert_rows(
            &half,
            &[("2026-04-04T13:00:00Z", Some("2026-04-04T14:00:00Z"), Some("2026-04-04T15:30:00Z"))],
        );
    }

    #[test]
    fn a_day_of_23_or_25_hours_opens_its_window_once_in_every_zone() {
        // Each row: a window, and on the day on which clocks are changed when it opens and for how many
        // minutes: first forward, then back.
        let table = [
            // The gap or the hour that comes twice lies within.
            ("01:00", "04:00", "Europe/Berlin", "2027-03-28T00:00:00Z", 120, "2026-10-24T23:00:00Z", 240),
            ("01:00", "04:00", "Europe/London", "2027-03-28T01:00:00Z", 120, "2026-10-25T00:00:00Z", 240),
            ("01:00", "04:00", "America/New_York", "2027-03-14T06:00:00Z", 120, "2026-11-01T05:00:00Z", 240),
            (
                "01:00",
                "04:00",
                "Australia/Lord_Howe",
                "2026-10-03T14:30:00Z",
                150,
                "2026-04-04T14:00:00Z",
                210,
            ),
            ("00:00", "03:00", "America/Havana", "2027-03-14T05:00:00Z", 120, "2026-11-01T04:00:00Z", 240),
            // Across midnight, as the night before the change has the gap.
            ("23:00", "05:00", "Europe/Berlin", "2027-03-27T22:00:00Z", 300, "2026-10-24T21:00:00Z", 420),
            ("23:00", "01:00", "America/Havana", "2027-03-14T04:00:00Z", 60, "2026-11-01T03:00:00Z", 180),
            // A whole day, by the calendar.
            (
                "00:00",
                "00:00",
                "Pacific/Auckland",
                "2026-09-26T12:00:00Z",
                1380,
                "2026-04-04T11:00:00Z",
                1500,
            ),
            // Not near it.
            ("09:00", "17:30", "America/New_York", "2027-03-14T13:00:00Z", 510, "2026-11-01T14:00:00Z", 510),
        ];
        for (from, to, zone, spring, short, autumn, long) in table {
            for (opens, minutes) in [(spring, short), (autumn, long)] {
                let opens = at(opens);
                let mut days = [false; 7];
                let window = hours(DAILY, from, to, zone);
                let day = opens.to_zoned_datetime(window.zone.clone()).weekday().to_monday_zero_offset();
                days[usize::try_from(day).expect("a weekday")] = true;
                // Only on that day of the week, so that no other window touches it.
                let window = Hours { days, ..window };
                let before = opens - std::time::Duration::from_secs(1);
                assert!(!window.is_open(before), "{from} {zone} {before}");
                assert_eq!(window.opens_at(before), Some(opens), "{from} {zone}");
                let closes = opens + std::time::Duration::from_secs(minutes * 60);
                assert_eq!(window.closes_at(opens), Some(closes), "{from} {zone} {opens}");
                assert!(window.is_open(closes - std::time::Duration::from_secs(1)), "{from} {zone}");
                assert!(!window.is_open(closes), "{from} {zone}");
            }
        }
    }

    #[test]
    fn a_window_may_never_close_and_never_open() {
        let always = hours(DAILY, "00:00", "00:00", "America/Sao_Paulo");
        assert_rows(&always, &[("2018-11-04T02:59:59Z", Some("2018-11-04T02:59:59Z"), None)]);
        let never = hours([false; 7], "09:00", "17:00", "UTC");
        assert_rows(&never, &[("2026-11-30T08:00:00Z", None, None)]);
    }
}

//! Numbers and dates in a `where` and in the cells that it compares with them.
//!
//! Numbers are compared digit by digit, so that no customer number is too long. Dates are compared as they are
//! written, whatever the zone, unless both say by how much they differ from UTC.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::fmt::temporal::Pieces;

/// A number, in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal<'a> {
    is_negative: bool,
    /// Without zeros before it; empty: 0.
    whole: &'a str,
    /// Without zeros behind it.
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// Digits, perhaps with a sign before them and a point within; no separators of thousands, which mean
    /// one thing here and another there.
    fn read(text: &'a str) -> Option<Self> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self { is_negative: is_negative && !is_zero, whole, fraction })
    }

    fn order(self, other: Self) -> Ordering {
        let size = |number: Self| (number.whole.len(), number.whole, number.fraction);
        match (self.is_negative, other.is_negative) {
            (false, false) => size(self).cmp(&size(other)),
            (true, true) => size(other).cmp(&size(self)),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

/// Whether `text` reads as a number.
pub(super) fn is_number(text: &str) -> bool {
    Decimal::read(text).is_some()
}

/// How two numbers stand to each other; none if one is no number.
pub(super) fn order(one: &str, other: &str) -> Option<Ordering> {
    Some(Decimal::read(one)?.order(Decimal::read(other)?))
}

/// A date, perhaps with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    date: Date,
    time: Option<Time>,
    /// Where it says by how much it differs from UTC.
    instant: Option<Timestamp>,
}

impl Moment {
    /// `2026-01-31`, `2026-01-31T09:00:00Z` and the like (RFC 3339, ISO 8601), or `31.1.2026`. Not
    /// `1/2/2026`, which is January to some and February to others.
    pub(super) fn read(text: &str) -> Option<Self> {
        // Bare digits are a date in ISO 8601, and a number to people.
        if text.len() < 8 || text.bytes().all(|octet| octet.is_ascii_digit()) {
            return None;
        }
        Self::of_points(text).or_else(|| {
            let pieces = Pieces::parse(text).ok()?;
            let (date, time) = (pieces.date(), pieces.time());
            let instant = time
                .zip(pieces.to_numeric_offset())
                .and_then(|(time, offset)| offset.to_timestamp(date.to_datetime(time)).ok());
            Some(Self { date, time, instant })
        })
    }

    /// Day, month and year with points between them; a time may follow.
    fn of_points(text: &str) -> Option<Self> {
        let (day, rest) = text.split_once('.')?;
        let (month, rest) = rest.split_once('.')?;
        let (year, time) = match rest.split_once(' ') {
            Some((year, time)) => (year, Some(time.trim().parse().ok()?)),
            None => (rest, None),
        };
        let is_year = year.len() == 4 && year.bytes().all(|octet| octet.is_ascii_digit());
        let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        is_year.then_some(Self { date, time, instant: None })
    }

    /// How two moments stand to each other: by the day, if one of them has no time.
    pub(super) fn order(self, other: Self) -> Ordering {
        match (self.time.zip(other.time), self.instant.zip(other.instant)) {
            (_, Some((one, other))) => one.cmp(&other),
            (Some((one, other_time)), None) => (self.date, one).cmp(&(other.date, other_time)),
            (None, None) => self.date.cmp(&other.date),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_digit_by_digit() {
        let rising = [
            "-100",
            "-12.5",
            "-12.49",
            "-0.5",
            "0",
            "0.05",
            ".5",
            "1",
            "+9.99",
            "10",
            "18",
            "12345678901234567890",
            "12345678901234567891",
        ];
        for (place, one) in rising.iter().enumerate() {
            for (other_place, other) in rising.iter().enumerate() {
                assert_eq!(order(one, other), Some(place.cmp(&other_place)), "{one} and {other}");
            }
        }
        for (one, other) in [("18", "018.00"), ("-0", "0"), ("1.", "1.0")] {
            assert_eq!(order(one, other), Some(Ordering::Equal), "{one} and {other}");
        }
        for text in ["", ".", "-", "1,5", "1.2.3", "1e3", "0x1", "٣", "12 "] {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn dates_are_compared_by_the_day_unless_both_have_a_time() {
        let table = [
            ("2026-01-31", "2026-02-01", Some(Ordering::Less)),
            ("2026-01-31", "31.1.2026", Some(Ordering::Equal)),
            ("31.01.2026 09:30", "2026-01-31T09:00", Some(Ordering::Greater)),
            ("2026-01-31T23:59:59Z", "2026-01-31", Some(Ordering::Equal)),
            ("2026-01-31 09:00", "2026-01-31 10:00", Some(Ordering::Less)),
            ("2026-01-31T09:00+02:00", "2026-01-31T07:30Z", Some(Ordering::Less)),
            ("2026-01-31T09:00+02:00", "2026-01-31T07:30", Some(Ordering::Greater)),
            ("1/2/2026", "2026-01-02", None),
            ("20260131", "2026-01-31", None),
            ("2026-02-30", "2026-01-31", None),
            ("31.2.2026", "2026-01-31", None),
            ("1.2.26", "2026-01-31", None),
            ("", "2026-01-31", None),
        ];
        for (one, other, expected) in table {
            let found = Moment::read(one).zip(Moment::read(other)).map(|(one, other)| one.order(other));
            assert_eq!(found, expected, "{one} and {other}");
        }
    }
}

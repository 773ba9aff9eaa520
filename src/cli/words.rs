//! Numbers, times and nouns as people read them.
//!
//! One function for each, so that the same thing is written in the same way on every screen. Nothing
//! here knows a terminal; widths are counted in columns, not in characters.

use std::time::Duration;

use bytesize::ByteSize;
use console::measure_text_width;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A number with its thousands set apart: `1,994`.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what is counted, in the plural where it is not one: `1 batch`, `1,994 recipients`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {}", number(count), plural(count, noun))
}

/// The noun alone, in the plural where `count` is not one.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 {
        return noun.to_owned();
    }
    let hisses = ["s", "x", "ch", "sh"].iter().any(|ending| noun.ends_with(ending));
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        Some(_) | None if hisses => format!("{noun}es"),
        Some(_) | None => format!("{noun}s"),
    }
}

/// `is` or `are`.
pub(crate) fn is(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// How long something took or takes, in its two largest units: `5 ms`, `0.4 s`, `42 s`, `3 min 20 s`, `2 h 05 min`,
/// `3 d 4 h`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.as_millis() < 100 => format!("{} ms", duration.as_millis()),
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", number(seconds / 86_400), seconds % 86_400 / 3_600),
    }
}

/// The time from `start` to `end`; nothing if the second is the earlier one.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

/// A moment as the clock of `zone` shows it: `14:05 CET` on the day of `now`, `Tue 24 Nov, 14:05 CET` in its
/// year, else `Tue 24 Nov 2026, 14:05 CET`.
pub(crate) fn moment(moment: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let here = moment.to_zoned_datetime(zone.clone());
    let today = now.to_zoned_datetime(zone.clone()).date();
    let form = if here.date() == today {
        "%H:%M %Z"
    } else if here.year() == today.year() {
        "%a %-d %b, %H:%M %Z"
    } else {
        "%a %-d %b %Y, %H:%M %Z"
    };
    here.strftime(form).to_string()
}

/// A moment to the second, for histories: `2026-11-24 14:05:09 CET`.
pub(crate) fn exact(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// A day with its weekday: `Tue 24 Nov 2026`.
pub(crate) fn day(date: Date) -> String {
    date.strftime("%a %-d %b %Y").to_string()
}

/// Things a second: `12,345/s`, `4.2/s`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are small and not negative"
)]
pub(crate) fn rate(a_second: f64) -> String {
    if !a_second.is_finite() || a_second < 0.05 {
        "0/s".to_owned()
    } else if a_second < 10.0 {
        format!("{a_second:.1}/s")
    } else {
        format!("{}/s", number(a_second.round() as u64))
    }
}

/// How many a second `count` over `time` is; 0 where no time has passed.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub(crate) fn a_second(count: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// A part of a whole in whole percents, never 100 % before all of it is there.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "100 %".to_owned();
    }
    format!("{} %", u128::from(part) * 100 / u128::from(whole))
}

/// An amount of room: `1.2 MB`.
pub(crate) fn size(octets: u64) -> String {
    ByteSize::b(octets).display().si().to_string()
}

/// Cuts a line down to `width` columns; an ellipsis marks the cut.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        text.to_owned()
    } else {
        console::truncate_str(text, width, "…").into_owned()
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}

/// A unit as quotas name it, in words: `per 24 h`, `per day`.
pub(crate) fn per(period: &str) -> String {
    let split = period.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(0);
    if split == 0 {
        format!("per {period}")
    } else {
        format!("per {} {}", &period[..split], &period[split..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let table = [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")];
        for (count, text) in table {
            assert_eq!(number(count), text);
        }
    }

    #[test]
    fn nouns_agree_with_their_number() {
        let table = [
            (1, "recipient", "1 recipient"),
            (0, "recipient", "0 recipients"),
            (2, "batch", "2 batches"),
            (1_000, "address", "1,000 addresses"),
            (2, "reply", "2 replies"),
            (2, "day", "2 days"),
            (2, "delivery", "2 deliveries"),
        ];
        for (count, noun, text) in table {
            assert_eq!(counted(count, noun), text);
        }
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        let table = [
            (5, "5 ms"),
            (400, "0.4 s"),
            (42_000, "42 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 05 min"),
            (273_600_000, "3 d 4 h"),
        ];
        for (milliseconds, text) in table {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn a_moment_of_today_needs_no_date() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let now: Timestamp = "2026-11-24T06:00:00Z".parse().expect("a time");
        let soon: Timestamp = "2026-11-24T13:05:00Z".parse().expect("a time");
        let later: Timestamp = "2026-11-25T23:30:00Z".parse().expect("a time");
        assert_eq!(moment(soon, now, &zone), "14:05 CET");
        assert_eq!(moment(later, now, &zone), "Thu 26 Nov, 00:30 CET");
        let next: Timestamp = "2027-01-01T08:00:00Z".parse().expect("a time");
        assert_eq!(moment(next, now, &zone), "Fri 1 Jan 2027, 09:00 CET");
        assert_eq!(exact(soon, &zone), "2026-11-24 14:05:00 CET");
        assert_eq!(between(later, now), Duration::ZERO);
    }

    #[test]
    fn rates_and_parts_are_round() {
        assert_eq!(rate(0.0), "0/s");
        assert_eq!(rate(4.23), "4.2/s");
        assert_eq!(rate(12_345.4), "12,345/s");
        assert_eq!(rate(f64::NAN), "0/s");
        assert_eq!(percent(999, 1_000), "99 %");
        assert_eq!(percent(0, 0), "100 %");
        assert_eq!(per("24h"), "per 24 h");
        assert_eq!(per("day"), "per day");
    }

    #[test]
    fn a_cut_line_fits_its_columns() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("漢字漢字", 5), "漢字…");
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}

//! Durations, rates, days and the other small words of a setting.
//!
//! Each function turns one string into its meaning or says what is wrong with it; where it stands is the
//! caller's to know. Numbers out of range are errors, never quietly brought into range.

use std::num::NonZeroU32;
use std::time::Duration;

use icu_locale_core::Locale;
use jiff::civil::{DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, SpanRelativeTo, Timestamp};

use crate::mail::{Address, Mailbox, nearest};
use crate::policy::{Period, Rate};

use super::sheet::Wrong;

/// From here on a limit is counted by the ledger, as a quota.
const MINUTE: Duration = Duration::from_mins(1);
/// How far back the ledger keeps charges.
const LONGEST_PERIOD: Duration = Duration::from_hours(48);

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A duration: `90s`, `5m`, `4h`, `2d` of 24 hours each, `1h 30m`. Never negative.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let wrong = || Wrong::new(format!("{text:?} is not a duration")).hint("write it like 30s, 5m, 4h or 2d");
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let signed = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(signed).map_err(|_| wrong())
}

/// A duration of more than nothing.
pub(super) fn positive_duration(text: &str) -> Result<Duration, Wrong> {
    match duration(text)? {
        Duration::ZERO => Err(Wrong::new(format!("{text:?} is no time at all"))),
        positive => Ok(positive),
    }
}

/// A rate below a minute: `14/s`, `100/10s`.
pub(super) fn rate(text: &str) -> Result<Rate, Wrong> {
    let wrong = || Wrong::new(format!("{text:?} is not a rate")).hint("write it like 14/s or 100/10s");
    let (count, per) = text.split_once('/').ok_or_else(wrong)?;
    let count = count.trim().parse::<NonZeroU32>().map_err(|_| wrong())?;
    let per = per.trim();
    let per = if per.starts_with(|first: char| first.is_ascii_digit()) {
        per.to_owned()
    } else {
        format!("1{per}")
    };
    let per = positive_duration(&per).map_err(|_| wrong())?;
    if per >= MINUTE {
        let hint = format!("quotas = [{{ limit = {count}, unit = \"messages\", per = \"{}\" }}]", short(per));
        let what = format!("{text:?} is a quota: a rate counts over less than a minute");
        return Err(Wrong::new(what).hint(format!("write {hint}")));
    }
    Ok(Rate { count, per })
}

/// A duration in the one unit that fits it: `24h`, `90s`.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

/// Over which time a quota counts: `1m` to `48h` past, or `day` in `zone`.
pub(super) fn period(text: &str, zone: &TimeZone) -> Result<Period, Wrong> {
    if text == "day" {
        return Ok(Period::Day(zone.clone()));
    }
    let rolling = duration(text)
        .map_err(|wrong| wrong.hint("write it like 24h, 1h or 1m, or \"day\" for a calendar day"))?;
    if rolling < MINUTE {
        return Err(Wrong::new(format!("{text:?} is a rate: a quota counts over a minute or longer"))
            .hint("write rate = \"14/s\""));
    }
    if rolling > LONGEST_PERIOD {
        return Err(Wrong::new(format!("{text:?} is longer than the 48h for which charges are kept")));
    }
    Ok(Period::Rolling(rolling))
}

/// A share: `10%` is 0.1; from nothing to all.
pub(super) fn share(text: &str) -> Result<f64, Wrong> {
    let number = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        Some(_) | None => Err(Wrong::new(format!("{text:?} is not a share")).hint("write it like 10%")),
    }
}

/// A time of day: `09:00`; `24:00` is midnight at its end.
pub(super) fn time(text: &str) -> Result<Time, Wrong> {
    let typed = text.trim();
    if typed == "24:00" {
        return Ok(Time::midnight());
    }
    // One digit is how most people write an early hour.
    let padded = if typed.find(':') == Some(1) { format!("0{typed}") } else { typed.to_owned() };
    padded
        .parse()
        .map_err(|_| Wrong::new(format!("{text:?} is not a time of day")).hint("write it like 09:00"))
}

/// Days of the week, Monday first: `mon-fri`, `mon,wed`, `sat-mon`, or several such words.
pub(super) fn days<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<[bool; 7], Wrong> {
    let mut days = [false; 7];
    for word in words.into_iter().flat_map(|words| words.split(',')) {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (mut day, last) = (weekday(first)?, weekday(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    if days.contains(&true) { Ok(days) } else { Err(Wrong::new("no day is named")) }
}

fn weekday(word: &str) -> Result<usize, Wrong> {
    let lower = word.trim().to_ascii_lowercase();
    let long = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let position = |names: &[&str]| names.iter().position(|name| *name == lower);
    position(&DAYS).or_else(|| position(&long)).ok_or_else(|| {
        let wrong = Wrong::new(format!("{:?} is not a day of the week", word.trim()));
        match nearest(&lower, DAYS) {
            Some(day) if !lower.is_empty() => wrong.hint(format!("did you mean {day}?")),
            Some(_) | None => wrong.hint("write mon-fri, or \"mon,wed\""),
        }
    })
}

/// A zone by its IANA name: `Europe/Berlin`, `UTC`.
pub(super) fn zone(text: &str) -> Result<TimeZone, Wrong> {
    TimeZone::get(text).map_err(|_| {
        let wrong = Wrong::new(format!("{text:?} is not a time zone"));
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        match nearest(text, names.iter().map(String::as_str)) {
            Some(near) => wrong.hint(format!("did you mean {near:?}?")),
            None => wrong.hint("write it like Europe/Berlin or UTC"),
        }
    })
}

/// A language, and perhaps a region: `de`, `pt-BR`; as it is written in such tags.
pub(super) fn locale(text: &str) -> Result<String, Wrong> {
    let wrong = || Wrong::new(format!("{text:?} is no locale")).hint("write it like de or pt-BR");
    let tag = Locale::try_from_str(&text.trim().replace('_', "-")).map_err(|_| wrong())?;
    if (2..=3).contains(&tag.id.language.as_str().len()) { Ok(tag.to_string()) } else { Err(wrong()) }
}

/// The zone of this machine; UTC where it names none.
pub(super) fn machine_zone() -> TimeZone {
    let zone = TimeZone::system();
    if zone.is_unknown() { TimeZone::UTC } else { zone }
}

/// A moment: local time in `zone` (`2026-12-01T09:00`), or with an offset of its own (`..Z`, `..+01:00`).
pub(super) fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Wrong> {
    let typed = text.trim();
    if let Ok(moment) = typed.parse::<Timestamp>() {
        return Ok(moment);
    }
    let local: DateTime = typed.parse().map_err(|_| {
        Wrong::new(format!("{text:?} is not a date and time")).hint("write it like 2026-12-01T09:00")
    })?;
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let told = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => {
            return ambiguous.compatible().map_err(|_| Wrong::new(format!("{text:?} is too far away")));
        }
        AmbiguousOffset::Gap { .. } => "does not exist: the clock is put forward over it",
        AmbiguousOffset::Fold { .. } => "happens twice: the clock is put back over it",
    };
    Err(Wrong::new(format!("{text:?} {told}")).hint("add an offset, like 2026-10-25T02:30+02:00"))
}

/// One address.
pub(super) fn address(text: &str) -> Result<Address, Wrong> {
    Address::parse(text).map_err(|error| Wrong::new(format!("{text:?} is not an address: {error}")))
}

/// One address with or without a name.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, Wrong> {
    Mailbox::parse(text).map_err(|error| {
        Wrong::new(format!("{text:?} is not an address: {error}"))
            .hint("write it like \"Example News <news@example.com>\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn durations_are_read_as_people_write_them() {
        let table = [("5m", 300), ("2d", 172_800), ("24h", 86_400), ("1h 30m", 5400), ("15 minutes", 900)];
        for (text, seconds) in table {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "-5m", "soon", "1 month"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_counts_over_less_than_a_minute() {
        let count = |count| NonZeroU32::new(count).expect("not zero");
        let table = [("14/s", 14, SECOND), ("100/10s", 100, 10 * SECOND), ("1 / 59 s", 1, 59 * SECOND)];
        for (text, number, per) in table {
            assert_eq!(rate(text), Ok(Rate { count: count(number), per }), "{text}");
        }
        for text in ["", "14", "0/s", "-1/s", "14/", "14/x", "5/0s"] {
            assert!(rate(text).is_err_and(|wrong| wrong.what.contains("is not a rate")), "{text}");
        }
        let wrong = rate("120/h").expect_err("a quota");
        assert_eq!(wrong.what, "\"120/h\" is a quota: a rate counts over less than a minute");
        assert_eq!(
            wrong.hint.as_deref(),
            Some("write quotas = [{ limit = 120, unit = \"messages\", per = \"1h\" }]")
        );
    }

    #[test]
    fn a_period_is_a_day_or_a_minute_to_48_hours() {
        let zone = TimeZone::UTC;
        assert_eq!(period("day", &zone), Ok(Period::Day(TimeZone::UTC)));
        assert_eq!(period("24h", &zone), Ok(Period::Rolling(86_400 * SECOND)));
        assert_eq!(period("2d", &zone), Ok(Period::Rolling(172_800 * SECOND)));
        for text in ["59s", "49h", "week", ""] {
            assert!(period(text, &zone).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_single_ranges_and_lists() {
        let table = [
            (vec!["mon-fri"], "1111100"),
            (vec!["mon,wed"], "1010000"),
            (vec!["Sat-Mon"], "1000011"),
            (vec!["tue", "thursday"], "0101000"),
        ];
        for (words, expected) in table {
            let bits: String =
                days(words.clone()).expect("days").iter().map(|day| if *day { '1' } else { '0' }).collect();
            assert_eq!(bits, expected, "{words:?}");
        }
        assert_eq!(days(["mon-fry"]).expect_err("no day").hint.as_deref(), Some("did you mean fri?"));
        assert!(days([""]).is_err() && days([]).is_err());
    }

    #[test]
    fn a_local_time_that_is_none_or_two_moments_is_refused() {
        let berlin = zone("Europe/Berlin").expect("a zone");
        let told = |text: &str| moment(text, &berlin).map_err(|wrong| wrong.what);
        assert_eq!(told("2026-12-01T09:00").map(|at| at.to_string()).as_deref(), Ok("2026-12-01T08:00:00Z"));
        assert_eq!(told("2026-12-01T09:00Z").map(|at| at.to_string()).as_deref(), Ok("2026-12-01T09:00:00Z"));
        assert!(told("2026-03-29T02:30").is_err_and(|what| what.contains("does not exist")));
        assert!(told("2026-10-25T02:30").is_err_and(|what| what.contains("happens twice")));
        assert!(told("2026-10-25T02:30+02:00").is_ok());
        assert!(told("tomorrow").is_err_and(|what| what.contains("is not a date")));
    }

    #[test]
    fn a_misspelt_zone_brings_the_nearest() {
        assert_eq!(
            zone("Europe/Berln").expect_err("none").hint.as_deref(),
            Some("did you mean \"Europe/Berlin\"?")
        );
    }

    #[test]
    fn shares_and_times_have_a_range() {
        assert_eq!(share("10%"), Ok(0.1));
        assert!(share("10").is_err() && share("101%").is_err() && share("NaN%").is_err());
        assert_eq!(time("17:30"), Ok(Time::constant(17, 30, 0, 0)));
        assert_eq!(time("9:00"), Ok(Time::constant(9, 0, 0, 0)));
        assert_eq!(time("24:00"), Ok(Time::midnight()));
        assert!(time("25:00").is_err() && time("9").is_err());
    }
}

//! Dates of a list, read strictly and written as a language or a pattern wants them.
//!
//! A date without a time belongs to no zone and is never moved. A time without an offset is one of the
//! campaign's zone. Today is unknown here: the same batch must give the same octets at every attempt.

use icu_calendar::{AnyCalendar, Date as Day};
use icu_datetime::DateTimeFormatter;
use icu_datetime::fieldsets::enums::{CompositeDateTimeFieldSet, DateAndTimeFieldSet, DateFieldSet};
use icu_datetime::fieldsets::{YMD, YMDE};
use icu_datetime::input::{DateTime as Both, Time};
use icu_datetime::options::TimePrecision;
use icu_locale_core::Locale as Tag;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::mail::nearest;

use super::amount::shown;
use super::functions::Misuse;
use super::kept::Kept;
use super::locale::{Locale, Setting};

/// The lengths of a date, in words.
const STYLES: [&str; 4] = ["short", "medium", "long", "full"];
/// The lengths of a time of day, in words: without and with its seconds.
const TIMES: [&str; 2] = ["short", "medium"];
/// What a date without another word looks like.
pub(super) const DEFAULT_STYLE: &str = "medium";

/// A language, and the words for day and time.
type Wanted = (Tag, Option<&'static str>, Option<&'static str>);

thread_local! {
    static DATES: Kept<Wanted, DateTimeFormatter<CompositeDateTimeFieldSet>> = const { Kept::new() };
}

/// What a cell says.
#[derive(Debug, Clone, PartialEq)]
enum Moment {
    /// A day that belongs to no zone.
    Day(Date),
    /// A moment.
    At(ZonedDateTime),
}

/// How a date is to be written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner<'a> {
    /// One of [`STYLES`], or a pattern with `%`.
    pub(super) style: Option<&'a str>,
    /// One of [`TIMES`].
    pub(super) time: Option<&'a str>,
    pub(super) locale: Option<&'a str>,
    pub(super) zone: Option<&'a str>,
}

/// Writes the date that `text` says.
///
/// # Errors
/// It says none, or there is no such style, language or zone.
pub(super) fn written(text: &str, manner: &Manner<'_>, setting: &Setting) -> Result<String, Misuse> {
    let zone = setting.zone(manner.zone)?;
    let moment = read(text, setting)?;
    let moment = match moment {
        Moment::Day(day) => Moment::Day(day),
        Moment::At(at) => Moment::At(at.with_time_zone(zone)),
    };
    match manner.style {
        Some(pattern) if pattern.contains('%') => by_pattern(pattern, &moment, text),
        style => by_language(style, manner.time, &moment, text, &setting.locale(manner.locale)?),
    }
}

/// Whether `style` is one of the words, or a pattern that can be followed.
///
/// # Errors
/// Neither; with the nearest word.
pub(super) fn check_style(style: &str) -> Result<(), Misuse> {
    if style.contains('%') {
        let some = ZonedDateTime::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
        return strtime::format(style, &some).map(drop).map_err(|error| bad_pattern(style, &error));
    }
    word(style, &STYLES, "there is no date style").map(drop)
}

/// Whether `time` is one of the words.
///
/// # Errors
/// It is not; with the nearest word.
pub(super) fn check_time(time: &str) -> Result<(), Misuse> {
    word(time, &TIMES, "there is no time style").map(drop)
}

fn word(typed: &str, known: &[&'static str], what: &str) -> Result<&'static str, Misuse> {
    known.iter().find(|word| **word == typed).copied().ok_or_else(|| {
        let hint = match nearest(typed, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}, and patterns like %d.%m.%Y", known.join(", ")),
        };
        Misuse::new(format!("{what} `{}`: {hint}", shown(typed)))
    })
}

fn bad_pattern(pattern: &str, error: &jiff::Error) -> Misuse {
    let words = error.to_string();
    let words = words.lines().next().unwrap_or_default();
    let words = words.strip_prefix("strftime formatting failed: ").unwrap_or(words);
    Misuse::new(format!("the pattern `{}` cannot be followed: {words}", shown(pattern)))
}

fn read(text: &str, setting: &Setting) -> Result<Moment, Misuse> {
    let typed = text.trim();
    let zone = setting.own_zone();
    let found = if typed.len() == "2026-12-01".len() {
        typed.parse().ok().map(Moment::Day)
    } else if let Ok(timestamp) = typed.parse::<Timestamp>() {
        Some(Moment::At(timestamp.to_zoned_datetime(zone.clone())))
    } else {
        let local = typed.parse::<DateTime>().ok().filter(|_| typed.len() >= "2026-12-01 09:00".len());
        local.and_then(|local| local.to_zoned_datetime(zone.clone()).ok()).map(Moment::At)
    };
    found.ok_or_else(|| {
        let what = format!("`{}` is no date", shown(text));
        Misuse::new(format!("{what}: write 2026-12-01, 2026-12-01 09:00 or 2026-12-01T09:00:00+01:00"))
    })
}

fn by_pattern(pattern: &str, moment: &Moment, text: &str) -> Result<String, Misuse> {
    let broken = match moment {
        Moment::Day(day) => BrokenDownTime::from(*day),
        Moment::At(at) => BrokenDownTime::from(at),
    };
    broken.to_string(pattern).map_err(|error| {
        if check_style(pattern).is_ok() {
            return Misuse::new(format!("`{}` has no time of day, which `{pattern}` writes", shown(text)));
        }
        bad_pattern(pattern, &error)
    })
}

fn by_language(
    style: Option<&str>,
    time: Option<&str>,
    moment: &Moment,
    text: &str,
    language: &Locale,
) -> Result<String, Misuse> {
    let style = style.map(|style| word(style, &STYLES, "there is no date style")).transpose()?;
    let precision = time.map(|time| word(time, &TIMES, "there is no time style")).transpose()?;
    let key = (language.tag().clone(), style, precision);
    let unknown = || Misuse::new(format!("there are no dates for the locale `{}`", language.tag()));
    let (day, time) = match moment {
        Moment::Day(_) if precision.is_some() => {
            return Err(Misuse::new(format!("`{}` has no time of day", shown(text))));
        }
        Moment::Day(day) => (*day, jiff::civil::Time::midnight()),
        Moment::At(at) => (at.date(), at.time()),
    };
    let out_of_range = || Misuse::new(format!("`{}` is too far away", shown(text)));
    let part = |number: i8| u8::try_from(number).map_err(|_| out_of_range());
    let date = Day::try_new_iso(day.year().into(), part(day.month())?, part(day.day())?)
        .map_err(|_| out_of_range())?;
    let time = Time::try_new(part(time.hour())?, part(time.minute())?, part(time.second())?, 0)
        .map_err(|_| out_of_range())?;
    let date: Day<AnyCalendar> = date.to_any();
    let make =
        || DateTimeFormatter::try_new(language.tag().into(), fields(style, precision)).map_err(|_| unknown());
    DATES.with(|kept| kept.with(key, make, |formatter| formatter.format(&Both { date, time }).to_string()))
}

fn fields(style: Option<&str>, time: Option<&str>) -> CompositeDateTimeFieldSet {
    let time = time.map(|word| if word == "short" { TimePrecision::Minute } else { TimePrecision::Second });
    let day = match style.unwrap_or(DEFAULT_STYLE) {
        "short" => YMD::short(),
        "long" => YMD::long(),
        "full" => {
            let full = YMDE::long();
            return match time {
                None => CompositeDateTimeFieldSet::Date(DateFieldSet::YMDE(full)),
                Some(precision) => {
                    CompositeDateTimeFieldSet::DateTime(DateAndTimeFieldSet::YMDET(full.with_time(precision)))
                }
            };
        }
        _ => YMD::medium(),
    };
    match time {
        None => CompositeDateTimeFieldSet::Date(DateFieldSet::YMD(day)),
        Some(precision) => {
            CompositeDateTimeFieldSet::DateTime(DateAndTimeFieldSet::YMDT(day.with_time(precision)))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::mail::Content;

    use super::*;

    fn setting() -> Setting {
        let content = Content {
            locale: Some("en".into()),
            zone: Some("Europe/Berlin".into()),
            ..crate::compose::tests::content()
        };
        Setting::new(&content, None)
    }

    #[test]
    fn a_date_is_written_as_the_language_or_the_pattern_has_it() {
        let day = "2026-12-01";
        let instant = "2026-12-01T23:30:00Z";
        let table: [(&str, [Option<&str>; 4], &str); 17] = [
            (day, [None, None, None, None], "Dec 1, 2026"),
            (day, [Some("short"), None, None, None], "12/1/26"),
            (day, [Some("long"), None, Some("de"), None], "1. Dezember 2026"),
            (day, [Some("full"), None, Some("de"), None], "Dienstag, 1. Dezember 2026"),
            (day, [Some("full"), None, Some("fr"), None], "mardi 1 d\u{e9}cembre 2026"),
            (day, [Some("long"), None, Some("ja"), None], "2026\u{5e74}12\u{6708}1\u{65e5}"),
            (day, [Some("medium"), None, Some("pl"), None], "1 gru 2026"),
            (day, [Some("%d.%m.%Y"), None, None, None], "01.12.2026"),
            // A day is no moment: no zone moves it.
            (day, [Some("%d.%m.%Y"), None, None, Some("America/New_York")], "01.12.2026"),
            (instant, [Some("%Y-%m-%d %H:%M"), None, None, None], "2026-12-02 00:30"),
            (instant, [Some("%Y-%m-%d %H:%M"), None, None, Some("UTC")], "2026-12-01 23:30"),
            (instant, [Some("long"), None, Some("de"), None], "2. Dezember 2026"),
            (instant, [Some("short"), Some("short"), Some("de"), None], "02.12.26, 00:30"),
            (instant, [Some("long"), Some("medium"), Some("de"), None], "2. Dezember 2026 um 00:30:00"),
            ("2026-12-01 09:00", [Some("%H:%M %Z"), None, None, None], "09:00 CET"),
            ("2026-12-01T09:00", [Some("%H:%M"), None, None, Some("UTC")], "08:00"),
            ("2026-07-01T09:00:00+02:00", [Some("%H:%M %z"), None, None, None], "09:00 +0200"),
        ];
        for (text, [style, time, locale, zone], said) in table {
            let manner = Manner { style, time, locale, zone };
            assert_eq!(written(text, &manner, &setting()).expect(text), said, "{text} {manner:?}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused_with_what_would_be_one() {
        let table: [(&str, [Option<&str>; 2], &str); 9] = [
            (
                "01.12.2026",
                [None, None],
                "`01.12.2026` is no date: write 2026-12-01, 2026-12-01 09:00 or 2026-12-01T09:00:00+01:00",
            ),
            (
                "2026-02-30",
                [None, None],
                "`2026-02-30` is no date: write 2026-12-01, 2026-12-01 09:00 or 2026-12-01T09:00:00+01:00",
            ),
            (
                "12/1/2026",
                [None, None],
                "`12/1/2026` is no date: write 2026-12-01, 2026-12-01 09:00 or 2026-12-01T09:00:00+01:00",
            ),
            (
                "2026-12",
                [None, None],
                "`2026-12` is no date: write 2026-12-01, 2026-12-01 09:00 or 2026-12-01T09:00:00+01:00",
            ),
            ("2026-12-01", [None, Some("short")], "`2026-12-01` has no time of day"),
            ("2026-12-01", [Some("%H:%M"), None], "`2026-12-01` has no time of day, which `%H:%M` writes"),
            ("2026-12-01", [Some("longer"), None], "there is no date style `longer`: did you mean long?"),
            (
                "2026-12-01",
                [Some("iso"), None],
                "there is no date style `iso`: there are short, medium, long, full, and patterns like %d.%m.%Y",
            ),
            (
                "2026-12-01 09:00",
                [None, Some("shorts")],
                "there is no time style `shorts`: did you mean short?",
            ),
        ];
        for (text, [style, time], what) in table {
            let manner = Manner { style, time, ..Manner::default() };
            assert_eq!(written(text, &manner, &setting()).expect_err(text).what, what, "{text}");
        }
        assert!(check_style("%d.%m.%Y").is_ok() && check_style("%!").is_err());
    }
}

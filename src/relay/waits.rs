//! When a server asks to be asked again: after a span of time, or at a date.
//!
//! Only what follows a request to wait counts; "500 messages in 24 hours" states a limit, not a wait. A date
//! is read and not judged: that takes a clock, which nobody has here.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::mail::RetryAfter;

/// The words behind which a span of time is a wait.
const REQUESTS: [&str; 9] =
    ["try again", "retry", "wait", "come back", "back off", "greylist", "graylist", "resend", "reconnect"];
/// The words behind which a date is the end of a wait.
const BEFORE_DATES: [&str; 6] = ["after ", "until ", "not before ", "again at ", "again on ", "again from "];

/// When a text in lower case asks to be asked again, if it does: `try again in 92 seconds`, `try again after
/// mon, 23 nov 2026 18:00:00 utc`.
pub(super) fn stated(text: &str) -> Option<RetryAfter> {
    stated_span(text).map(RetryAfter::Span).or_else(|| stated_moment(text).map(RetryAfter::Moment))
}

fn stated_span(text: &str) -> Option<Duration> {
    let request = REQUESTS.iter().filter_map(|words| text.find(words)).min()?;
    let words: Vec<&str> = text[request..]
        .split(|letter: char| {
            letter.is_whitespace() || matches!(letter, ',' | ';' | '(' | ')' | '!' | '?' | '=')
        })
        .filter(|word| !word.is_empty())
        .collect();
    (0..words.len()).find_map(|place| {
        let here = &words[place..];
        // `in 00:05:00` is a span, `23 Nov 2026 18:00:00` is not.
        let clock = (place > 0 && matches!(words[place - 1], "in" | "for")).then(|| clock(here[0])).flatten();
        clock.or_else(|| spans(here)).filter(|span| !span.is_zero() && *span <= RetryAfter::LONGEST)
    })
}

/// `00:04:59`.
fn clock(word: &str) -> Option<Duration> {
    let mut parts = word.trim_end_matches('.').split(':').map(|part| part.parse::<u64>().ok());
    let (Some(Some(hours)), Some(Some(minutes)), Some(Some(seconds)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    (hours < 24 && minutes < 60 && seconds < 60)
        .then(|| Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

/// `92 seconds`, `5m`, `1 hour and 20 minutes`: each further part is of a smaller unit.
fn spans(mut words: &[&str]) -> Option<Duration> {
    let (mut sum, mut unit) = (Duration::ZERO, Duration::MAX);
    while let Some((number, next_unit, rest)) = span(words).filter(|(_, next_unit, _)| *next_unit < unit) {
        unit = next_unit;
        sum = sum.checked_add(unit.checked_mul(number)?)?;
        words = rest.strip_prefix(&["and"]).unwrap_or(rest);
    }
    (unit < Duration::MAX).then_some(sum)
}

/// A number and its unit, and what follows them.
fn span<'a, 'b>(words: &'a [&'b str]) -> Option<(u32, Duration, &'a [&'b str])> {
    let (word, rest) = words.split_first()?;
    let digits = word.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(word.len());
    let number: u32 = word[..digits].parse().ok()?;
    let (unit, rest) = if digits == word.len() { rest.split_first()? } else { (&&word[digits..], rest) };
    let unit = match unit.trim_end_matches(['.', ':']) {
        "s" | "sec" | "secs" | "second" | "seconds" => Duration::from_secs(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Duration::from_mins(1),
        "h" | "hr" | "hrs" | "hour" | "hours" => Duration::from_hours(1),
        "d" | "day" | "days" => Duration::from_hours(24),
        _ => return None,
    };
    Some((number, unit, rest))
}

fn stated_moment(text: &str) -> Option<Timestamp> {
    let starts = BEFORE_DATES.into_iter().flat_map(|word| text.match_indices(word));
    starts.map(|(at, word)| &text[at + word.len()..]).find_map(moment)
}

/// A date as RFC 5322, 3.3 or RFC 3339 writes it, at the beginning of a text in lower case.
fn moment(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.split_whitespace().take(6).map(|word| word.trim_end_matches(',')).collect();
    let ended = |word: &str| word.trim_end_matches(['.', ')', ';']).to_owned();
    let first = ended(words.first()?);
    if let Ok(moment) = first.parse() {
        return Some(moment);
    }
    if let [date, time, zone, ..] = words.as_slice()
        && matches!(ended(zone).as_str(), "utc" | "gmt" | "z")
        && let Ok(moment) = format!("{date}T{time}Z").parse()
    {
        return Some(moment);
    }
    // A day of the week may stand before the date; what follows it is not ours.
    [5, 6].into_iter().filter_map(|count| words.get(..count)).find_map(|words| {
        let (zone, date) = words.split_last()?;
        let date = match date {
            [weekday, date @ ..] if date.len() == 4 => format!("{weekday}, {}", date.join(" ")),
            date => date.join(" "),
        };
        rfc2822::DateTimeParser::new().parse_timestamp(format!("{date} {}", ended(zone))).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_where_one_is_asked_for() {
        let table = [
            ("too many messages. try again in 92 seconds", Some(92)),
            ("please retry after 5 minutes.", Some(300)),
            ("wait 1 hour, then come back", Some(3600)),
            ("please try again in 30s", Some(30)),
            ("retry-after: 2m", Some(120)),
            ("greylisted for 300 seconds", Some(300)),
            ("greylisting in action, please come back in 00:04:59", Some(299)),
            ("try again in 4 minutes and 32 seconds", Some(272)),
            ("try again in 1 hour, 20 min.", Some(4800)),
            ("wait 2 minutes 1 day", Some(120)),
            ("limit of 500 messages in 24 hours exceeded", None),
            ("500 messages in 1 hour exceeded, try again later", None),
            ("try again in 0 seconds", None),
            ("try again in 99999999 days", None),
            ("try again in 99999999999999999999 seconds", None),
            ("try again after 10 messages", None),
            ("wait", None),
            ("", None),
        ];
        for (text, seconds) in table {
            let expected = seconds.map(|seconds| RetryAfter::Span(Duration::from_secs(seconds)));
            assert_eq!(stated(text), expected, "{text}");
        }
    }

    #[test]
    fn a_date_is_read_as_providers_write_it() {
        let table = [
            ("request limit exceeded, try again after Mon, 23 Nov 2026 18:00:00 UTC", Some(1_795_456_800)),
            ("try again after Mon, 23 Nov 2026 19:00:00 +0100.", Some(1_795_456_800)),
            ("try again after 23 Nov 2026 18:00:00 GMT", Some(1_795_456_800)),
            ("blocked until 2026-11-23T18:00:00Z.", Some(1_795_456_800)),
            ("blocked until 2026-11-23 18:00:00 UTC; see help", Some(1_795_456_800)),
            ("please try again at 2026-11-23T19:00:00+01:00", Some(1_795_456_800)),
            ("blocked until 2026-11-23 18:00:00", None),
            ("try again after lunch", None),
            ("try again after", None),
        ];
        for (text, seconds) in table {
            let expected = seconds.map(|at| Timestamp::from_second(at).expect("a timestamp"));
            assert_eq!(stated(&text.to_lowercase()), expected.map(RetryAfter::Moment), "{text}");
        }
    }
}

//! For how long a server asks to be left alone: a span of time, or a date.
//!
//! Only what follows a request to wait counts; "500 messages in 24 hours" states a limit, not a wait.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::mail::Reply;

/// No server means a longer wait than this.
const LONGEST: Duration = Duration::from_hours(7 * 24);
/// The words behind which a span of time is a wait.
const REQUESTS: [&str; 9] =
    ["try again", "retry", "wait", "come back", "back off", "greylist", "graylist", "resend", "reconnect"];

/// The span of time that a text in lower case asks to wait, if it does: `try again in 92 seconds`.
pub(super) fn stated(text: &str) -> Option<Duration> {
    let request = REQUESTS.iter().filter_map(|words| text.find(words)).min()?;
    let mut words = text[request..].split(|letter: char| {
        letter.is_whitespace() || matches!(letter, ',' | ';' | '(' | ')' | '!' | '?' | '=')
    });
    let mut before = "";
    let mut word = words.next();
    while let Some(current) = word {
        let next = words.next();
        // `in 00:05:00` is a span, `23 Nov 2026 18:00:00` is not.
        let clock = matches!(before, "in" | "for").then(|| clock(current)).flatten();
        let span = clock.or_else(|| span(current, next.unwrap_or_default()));
        if let Some(span) = span.filter(|span| !span.is_zero() && *span <= LONGEST) {
            return Some(span);
        }
        (before, word) = (current, next);
    }
    None
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

/// `92 seconds`, `5m`.
fn span(word: &str, next: &str) -> Option<Duration> {
    let digits = word.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(word.len());
    let number: u32 = word[..digits].parse().ok()?;
    let unit = if digits == word.len() { next } else { &word[digits..] };
    let unit = match unit.trim_end_matches(['.', ':']) {
        "s" | "sec" | "secs" | "second" | "seconds" => Duration::from_secs(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Duration::from_mins(1),
        "h" | "hr" | "hrs" | "hour" | "hours" => Duration::from_hours(1),
        "d" | "day" | "days" => Duration::from_hours(24),
        _ => return None,
    };
    unit.checked_mul(number)
}

/// The moment after which a reply asks to try again, if it names one: `try again after Mon, 23 Nov 2026
/// 18:00:00 UTC`, or the same moment as RFC 3339 writes it.
pub fn stated_until(reply: &Reply) -> Option<Timestamp> {
    let text = reply.text.replace('\n', " ");
    let lower = text.to_ascii_lowercase();
    let mut starts = ["after ", "until "].into_iter().flat_map(|word| lower.match_indices(word));
    starts.find_map(|(at, word)| moment(&text[at + word.len()..]))
}

fn moment(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.split_whitespace().take(6).collect();
    let first = words.first()?.trim_end_matches([',', '.']);
    if let Ok(moment) = first.parse() {
        return Some(moment);
    }
    // A day of the week may stand before the date (RFC 5322, 3.3); what follows it is not ours.
    [5, 6].into_iter().filter_map(|count| words.get(..count)).find_map(|words| {
        let date = words.join(" ");
        let date = date.trim_end_matches([',', '.', ')', ';']);
        let date = date.strip_suffix("UTC").map_or_else(|| date.to_owned(), |date| format!("{date}GMT"));
        rfc2822::DateTimeParser::new().parse_timestamp(&date).ok()
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
            ("limit of 500 messages in 24 hours exceeded", None),
            ("500 messages in 1 hour exceeded, try again later", None),
            ("try again in 0 seconds", None),
            ("try again in 99999999 days", None),
            ("try again in 99999999999999999999 seconds", None),
            ("try again after 10 messages", None),
            ("", None),
        ];
        for (text, seconds) in table {
            assert_eq!(stated(text).map(|wait| wait.as_secs()), seconds, "{text}");
        }
    }

    #[test]
    fn a_date_is_read_as_providers_write_it() {
        let table = [
            (
                "Domain example.com request limit exceeded, try again after Mon, 23 Nov 2026 18:00:00 UTC",
                Some(1_795_456_800),
            ),
            ("try again after Mon, 23 Nov 2026 19:00:00 +0100.", Some(1_795_456_800)),
            ("try again after 23 Nov 2026 18:00:00 GMT", Some(1_795_456_800)),
            ("blocked until 2026-11-23T18:00:00Z.", Some(1_795_456_800)),
            ("try again after lunch", None),
            ("try again after", None),
        ];
        for (text, seconds) in table {
            let moment = stated_until(&Reply::new(421, text));
            assert_eq!(moment.map(Timestamp::as_second), seconds, "{text}");
        }
    }
}

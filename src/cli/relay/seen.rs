//! What a look at a relay showed, in words and as JSON.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::engine::{Asked, Certificate, Seen};
use crate::mail::RelayName;

use super::super::escape;
use super::super::page::Page;
use super::super::printer::heading;
use super::super::words::{counted, duration, listed, number, size};

/// Columns of a keyword with its parameters, before what it means.
const KEYWORD: usize = 24;
/// From so many days before its end a certificate is worth a word.
const SOON: i64 = 14;
const SECONDS_A_DAY: i64 = 86_400;

/// For people.
pub(super) fn text(relay: &RelayName, seen: &Seen) -> String {
    let mut page = Page::default();
    page.line(format_args!("{}", heading(&format!("{} works", escape::line(relay.as_str())))));
    page.fact("TLS", &escape::line(seen.tls.as_deref().unwrap_or("none")));
    for line in seen.certificate.iter().flat_map(|certificate| certificate_lines(certificate, seen.at)) {
        page.under(&escape::line(&line));
    }
    page.fact("login", &escape::line(seen.login.as_deref().unwrap_or("not asked for")));
    let mut name = "offers";
    for line in &seen.extensions {
        page.fact(name, &offer(line));
        name = "";
    }
    if seen.extensions.is_empty() {
        page.fact("offers", "nothing beyond HELO and plain messages");
    }
    page.fact("took", &took(&seen.steps));
    for (asked, reply) in &seen.answers {
        page.gap();
        page.line(format_args!("  {}", heading(&escape::line(&asked.to_string()))));
        for line in reply.text.lines() {
            page.line(format_args!("  {} {}", reply.code, escape::line(line)));
        }
        if let Some(meaning) = meaning(asked, reply.code) {
            page.line(format_args!("  {meaning}"));
        }
    }
    page.into_text()
}

/// One announced keyword with what it means, if that is known.
fn offer(line: &str) -> String {
    let shown = escape::line(line);
    match announced(line) {
        Some(words) => format!("{shown:<KEYWORD$}  {words}"),
        None => shown.into_owned(),
    }
}

/// What an announced keyword means to those who send through this relay.
fn announced(line: &str) -> Option<String> {
    let (keyword, parameters) = line.split_once([' ', '=']).unwrap_or((line, ""));
    let words = match keyword.to_ascii_uppercase().as_str() {
        "PIPELINING" => "takes commands in groups, without a wait for each reply",
        "CHUNKING" => "takes messages in blocks of a stated length, without a final dot",
        "BINARYMIME" => "takes messages that are no lines of text",
        "8BITMIME" => "takes letters beyond ASCII in a message as they are",
        "SMTPUTF8" => "takes addresses with letters beyond ASCII",
        "STARTTLS" => "encrypts when asked to",
        "DSN" => "tells the sender of deliveries and failures, when asked to",
        "ENHANCEDSTATUSCODES" => "says why in a code of three numbers",
        "VRFY" => "says whether there is a mailbox, or says that it does",
        "EXPN" => "says who is on a mailing list",
        "HELP" => "explains itself",
        "ETRN" | "ATRN" => "hands out waiting mail (not used)",
        "REQUIRETLS" => "passes messages on over TLS only, when asked to (not used)",
        "DELIVERBY" | "FUTURERELEASE" | "MT-PRIORITY" => "takes wishes as to when to deliver (not used)",
        "SIZE" => return Some(announced_size(parameters)),
        "AUTH" => {
            let names: Vec<String> =
                parameters.split_ascii_whitespace().map(|name| escape::line(name).into_owned()).collect();
            return (!names.is_empty()).then(|| format!("takes a login by {}", listed(&names)));
        }
        "LIMITS" => return announced_limits(parameters),
        _ => return None,
    };
    Some(words.to_owned())
}

/// RFC 1870, 4: no number, or 0, is no limit that is told.
fn announced_size(parameters: &str) -> String {
    match parameters.trim().parse() {
        Ok(octets) if octets > 0 => format!("takes messages of up to {}", size(octets)),
        Ok(_) | Err(_) => "takes the size of a message beforehand, and tells no limit".to_owned(),
    }
}

/// RFC 9422, 4.
fn announced_limits(parameters: &str) -> Option<String> {
    let told = parameters.split_ascii_whitespace().filter_map(|limit| {
        let (name, value) = limit.split_once('=')?;
        let value: u64 = value.parse().ok()?;
        match name.to_ascii_uppercase().as_str() {
            "MAILMAX" => Some(format!("{} a session", counted(value, "message"))),
            "RCPTMAX" => Some(format!("{} a message", counted(value, "recipient"))),
            "RCPTDOMAINMAX" => Some(format!("recipients of {} a message", counted(value, "domain"))),
            _ => None,
        }
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("takes {}", listed(&told)))
}

fn took(steps: &[(&'static str, Duration)]) -> String {
    let each = steps.iter().map(|(name, took)| format!("{name} {}", duration(*took)));
    each.collect::<Vec<_>>().join(", ")
}

/// A certificate, line by line, not yet escaped.
fn certificate_lines(certificate: &Certificate, now: Timestamp) -> Vec<String> {
    let mut lines =
        vec![format!("subject {}", certificate.subject), format!("issuer {}", certificate.issuer)];
    if !certificate.names.is_empty() {
        lines.push(format!("for {}", certificate.names.join(", ")));
    }
    lines.push(format!("valid from {}", certificate.begins));
    lines.push(format!("valid until {} ({})", certificate.expires, left(certificate, now)));
    lines.push(format!("SHA-256 {}", certificate.fingerprint));
    lines
}

fn days_left(certificate: &Certificate, now: Timestamp) -> i64 {
    (certificate.expires.as_second() - now.as_second()).div_euclid(SECONDS_A_DAY)
}

fn left(certificate: &Certificate, now: Timestamp) -> String {
    match days_left(certificate, now) {
        days @ ..0 => format!("{} ago", counted(days.unsigned_abs(), "day")),
        0 => "today".to_owned(),
        days if days < SOON => format!("only {} left", counted(days.unsigned_abs(), "day")),
        days => format!("{} days left", number(days.unsigned_abs())),
    }
}

/// What the code of an answer means, where it is not the answer itself (RFC 5321, 3.5.3 and 4.2.3).
fn meaning(asked: &Asked, code: u16) -> Option<&'static str> {
    match (code, asked) {
        (252, _) => Some("the server does not say, as most do not; it would take mail all the same"),
        (500 | 502 | 504, _) => Some("the server does not offer that, as most do not"),
        (530 | 535 | 538, _) => Some("the server says that only to those who log in"),
        (550..=553, Asked::Verify(_)) => Some("the server knows nobody of that name, or does not say"),
        (550..=553, Asked::Expand(_)) => Some("the server knows no list of that name, or does not say"),
        (501 | 503 | 550..=559, _) => Some("the server does not answer that"),
        (400..500, _) => Some("the server does not answer that now"),
        _ => None,
    }
}

/// For scripts.
pub(super) fn as_json(relay: &RelayName, seen: &Seen) -> serde_json::Value {
    let answers: Vec<_> = seen
        .answers
        .iter()
        .map(|(asked, reply)| {
            json!({
                "asked": asked.to_string(),
                "code": reply.code,
                "text": reply.text,
                "meaning": meaning(asked, reply.code),
            })
        })
        .collect();
    let steps: Vec<_> = seen
        .steps
        .iter()
        .map(|(name, took)| json!({ "step": name, "seconds": took.as_secs_f64() }))
        .collect();
    let offers: Vec<_> =
        seen.extensions.iter().map(|line| json!({ "line": line, "meaning": announced(line) })).collect();
    let lines = seen.certificate.as_ref().map(|certificate| certificate_lines(certificate, seen.at));
    let details = seen.certificate.as_ref().map(|certificate| {
        json!({
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "names": certificate.names,
            "valid_from": certificate.begins,
            "valid_until": certificate.expires,
            "days_left": days_left(certificate, seen.at),
            "sha256": certificate.fingerprint,
        })
    });
    json!({
        "relay": relay,
        "works": true,
        "tls": seen.tls,
        "certificate": lines.unwrap_or_default(),
        "certificate_details": details,
        "login": seen.login,
        "extensions": seen.extensions,
        "offers": offers,
        "steps": steps,
        "answers": answers,
        "transcript": seen.transcript,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_is_put_plainly() {
        let (help, verify) = (Asked::Help, Asked::Verify("ada".into()));
        assert_eq!((meaning(&help, 214), meaning(&verify, 250)), (None, None));
        let table =
            [(252, "does not say"), (502, "does not offer that"), (550, "knows nobody"), (450, "now")];
        for (code, words) in table {
            assert!(meaning(&verify, code).is_some_and(|meaning| meaning.contains(words)), "{code}");
        }
        assert_eq!(meaning(&help, 550), Some("the server does not answer that"));
    }

    #[test]
    fn every_extension_is_told_in_words() {
        let table = [
            ("SIZE 35882577", Some("takes messages of up to 35.9 MB")),
            ("size", Some("takes the size of a message beforehand, and tells no limit")),
            ("SIZE 0", Some("takes the size of a message beforehand, and tells no limit")),
            ("AUTH PLAIN LOGIN", Some("takes a login by PLAIN and LOGIN")),
            ("AUTH=LOGIN", Some("takes a login by LOGIN")),
            ("AUTH", None),
            ("LIMITS RCPTMAX=20 MAILMAX=1", Some("takes 20 recipients a message and 1 message a session")),
            ("LIMITS X=1", None),
            ("pipelining", Some("takes commands in groups, without a wait for each reply")),
            ("XCLIENT NAME", None),
        ];
        for (line, expected) in table {
            assert_eq!(announced(line).as_deref(), expected, "{line}");
        }
        assert!(!offer("AUTH \u{1b}[2J").contains('\u{1b}'));
        for keyword in ["CHUNKING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS"] {
            assert!(announced(keyword).is_some(), "{keyword}");
        }
    }

    #[test]
    fn the_days_of_a_certificate_are_counted() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a moment");
        let table = [
            ("2027-11-25T12:00:00Z", "365 days left"),
            ("2026-12-01T12:00:00Z", "only 6 days left"),
            ("2026-11-26T13:00:00Z", "only 1 day left"),
            ("2026-11-25T13:00:00Z", "today"),
            ("2026-11-24T12:00:00Z", "1 day ago"),
        ];
        for (expires, expected) in table {
            let certificate = Certificate {
                subject: String::new(),
                issuer: String::new(),
                names: Vec::new(),
                begins: now,
                expires: expires.parse().expect("a moment"),
                fingerprint: String::new(),
            };
            assert_eq!(left(&certificate, now), expected, "{expires}");
        }
    }
}

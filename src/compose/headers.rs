//! Header fields: cleaned, encoded, folded (RFC 5322, 2.2; RFC 2047).
//!
//! Every value passes [`clean`] first, so that no cell of a list can end a line, and is then written as it
//! is where it is plain ASCII, else as encoded-words. A value is never read as encoded-words: one that
//! looks like them is encoded itself. Lines keep to 78 octets where there is a place to fold, and never
//! pass 998.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::TimeZone;

use crate::mail::{Content, Fault};

use super::error::Unsound;
use super::words::{encode, is_plain, phrase};

/// RFC 5322, 2.1.1: octets a line should keep to.
pub(super) const LINE: usize = 78;
/// Octets without a space that fit on one line of at most 998 (RFC 5322, 2.1.1) beside any name.
const UNBROKEN: usize = 900;
/// Octets of one value, before it is encoded. Nothing anybody reads in a header is longer.
const VALUE: usize = 8 << 10;
/// Octets of a field name, so that an encoded-word always has room beside it.
const NAME: usize = 50;

/// Fields that mailrun writes itself, or that would say who else was written to.
const RESERVED: [&str; 20] = [
    "bcc",
    "cc",
    "content-disposition",
    "content-id",
    "content-transfer-encoding",
    "content-type",
    "date",
    "dkim-signature",
    "from",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "message-id",
    "mime-version",
    "received",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
];

/// What is wrong with a field name of the operator's, if anything.
pub(super) fn name_fault(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
        Some("is not the name of a header (letters, digits and hyphens)")
    } else if name.len() > NAME {
        Some("is longer than 50 characters")
    } else if RESERVED.contains(&lower.as_str()) || lower.starts_with("resent-") {
        Some("is a header that mailrun writes itself")
    } else {
        None
    }
}

fn breaks_lines(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// A value fit for a header: what could end a line, and any other control character, becomes a space;
/// spaces are trimmed, and several become one.
pub(super) fn clean(value: &str) -> Cow<'_, str> {
    let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if (plain || !value.chars().any(breaks_lines))
        && !value.starts_with(' ')
        && !value.ends_with(' ')
        && !value.as_bytes().windows(2).any(|pair| pair == b"  ")
    {
        return Cow::Borrowed(value);
    }
    let mut cleaned = String::with_capacity(value.len());
    for word in value.split(|character| character == ' ' || breaks_lines(character)) {
        if !word.is_empty() {
            if !cleaned.is_empty() {
                cleaned.push(' ');
            }
            cleaned.push_str(word);
        }
    }
    Cow::Owned(cleaned)
}

/// The same for a value that is of no use otherwise.
pub(super) fn cleaned(value: String) -> String {
    match clean(&value) {
        Cow::Borrowed(_) => value,
        Cow::Owned(cleaned) => cleaned,
    }
}

/// Writes `Name: value` with a value of free text (RFC 5322, 2.2.1); `value` is cleaned.
pub(super) fn unstructured(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), Unsound> {
    bounded(value)?;
    let used = begin(out, name);
    if is_plain(value) {
        fold(out, used, value)?;
    } else {
        encode(out, used, value);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Writes `Name: display name <address>` (RFC 5322, 3.4); `display` is cleaned and may be empty.
pub(super) fn mailbox(out: &mut Vec<u8>, name: &str, display: &str, address: &str) -> Result<(), Unsound> {
    bounded(display)?;
    let mut used = begin(out, name);
    if display.is_empty() {
        out.extend_from_slice(address.as_bytes());
    } else {
        used = phrase(out, used, display);
        let fold: &[u8] = if used + address.len() + 3 > LINE { b"\r\n <" } else { b" <" };
        out.extend_from_slice(fold);
        out.extend_from_slice(address.as_bytes());
        out.push(b'>');
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// What Gmail takes for Feedback-ID: up to four fields with colons between them, of which the last names the
/// sender in 5 to 15 characters (support.google.com/a/answer/6254652).
pub(super) fn feedback_id(value: &str) -> Result<(), Unsound> {
    let fields: Vec<&str> = value.split(':').collect();
    let sender = fields.last().map_or(0, |sender| sender.len());
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err(Unsound::FeedbackId("a character beside letters, digits and signs of ASCII"))
    } else if fields.len() > 4 {
        Err(Unsound::FeedbackId("more than four fields"))
    } else if !(5..=15).contains(&sender) {
        Err(Unsound::FeedbackId("no sender of 5 to 15 characters behind its last colon"))
    } else {
        Ok(())
    }
}

/// Writes a field whose value is known to be short and plain.
pub(super) fn plain(out: &mut Vec<u8>, name: &str, value: &str) {
    begin(out, name);
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The moment as a Date has it, in UTC (RFC 5322, 3.3).
pub(super) fn date(moment: Timestamp) -> String {
    DateTimePrinter::new()
        .zoned_datetime_to_string(&moment.to_zoned_datetime(TimeZone::UTC))
        .expect("every year that jiff knows and that is not negative has four digits")
}

fn begin(out: &mut Vec<u8>, name: &str) -> usize {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    name.len() + 2
}

fn bounded(value: &str) -> Result<(), Unsound> {
    if value.len() > VALUE { Err(Unsound::TooLarge { limit: VALUE }) } else { Ok(()) }
}

/// Writes plain text, folded at its spaces.
fn fold(out: &mut Vec<u8>, mut used: usize, value: &str) -> Result<(), Unsound> {
    if used + value.len() <= LINE {
        out.extend_from_slice(value.as_bytes());
        return Ok(());
    }
    for (number, word) in value.split(' ').enumerate() {
        if word.len() > UNBROKEN {
            return Err(Unsound::Unbroken { octets: word.len(), limit: UNBROKEN });
        }
        if number > 0 {
            if used + 1 + word.len() > LINE {
                out.extend_from_slice(b"\r\n");
                used = 0;
            }
            out.push(b' ');
            used += 1;
        }
        out.extend_from_slice(word.as_bytes());
        used += word.len();
    }
    Ok(())
}

/// From and Reply-To, as they stand in every message of a campaign.
///
/// # Errors
/// A mailbox that does not fit into a header.
pub(super) fn skeleton(content: &Content) -> Result<Vec<u8>, Vec<Fault>> {
    let mut out = Vec::new();
    let mailboxes = [("From", Some(&content.from)), ("Reply-To", content.reply_to.as_ref())];
    for (name, found) in mailboxes {
        if let Some(found) = found {
            mailbox(&mut out, name, &clean(&found.name), found.address.as_str())
                .map_err(|unsound| vec![Fault::error(format!("{name}: {unsound}"))])?;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn subject(value: &str) -> String {
        let mut out = Vec::new();
        unstructured(&mut out, "Subject", &clean(value)).expect(value);
        String::from_utf8(out).expect("headers are text")
    }

    fn to(display: &str) -> String {
        let mut out = Vec::new();
        mailbox(&mut out, "To", &clean(display), "a@example.com").expect(display);
        String::from_utf8(out).expect("headers are text")
    }

    /// Unfolds and decodes what this file writes, by the letter of RFC 2047.
    fn decode(field: &str) -> String {
        let field = field.strip_suffix("\r\n").expect("a field ends its line");
        let mut text = Vec::new();
        let mut encoded_before = false;
        for word in field.replace("\r\n ", " ").split(' ') {
            let inner = word.strip_prefix("=?utf-8?").and_then(|rest| rest.strip_suffix("?="));
            if !(text.is_empty() || inner.is_some() && encoded_before) {
                text.push(b' ');
            }
            encoded_before = inner.is_some();
            match inner.map(|inner| inner.split_at(2)) {
                Some(("b?", payload)) => text.extend(STANDARD.decode(payload).expect("base64")),
                Some((_, payload)) => {
                    let mut octets = payload.bytes();
                    while let Some(octet) = octets.next() {
                        text.push(match octet {
                            b'_' => b' ',
                            b'=' => {
                                let digits = [octets.next(), octets.next()].map(|d| d.expect("a digit"));
                                let digits = std::str::from_utf8(&digits).expect("digits").to_owned();
                                u8::from_str_radix(&digits, 16).expect("hexadecimal")
                            }
                            octet => octet,
                        });
                    }
                }
                None => text.extend(word.bytes()),
            }
        }
        String::from_utf8(text).expect("whole characters")
    }

    #[test]
    fn a_feedback_id_is_what_gmail_reads() {
        let table = [
            ("autumn:de:letter:example", true),
            ("::x:sender", true),
            ("sender", true),
            ("a:b:c:d:sender", false),
            ("autumn:de:letter:abcd", false),
            ("autumn:de:letter:abcdefghijklmnop", false),
            ("autumn letter:de:x:sender", false),
            ("münchen:de:x:sender", false),
            ("a:b:c:", false),
        ];
        for (value, expected) in table {
            assert_eq!(feedback_id(value).is_ok(), expected, "{value}");
        }
    }

    #[test]
    fn values_are_cleaned() {
        let table = [
            ("plain", "plain"),
            ("  two   spaces ", "two spaces"),
            ("hi\r\nBcc: x@example.com", "hi Bcc: x@example.com"),
            ("a\u{0}b\u{7f}c\u{85}d\u{2028}e\u{2029}f\tg", "a b c d e f g"),
            ("Zoë\u{a0}K", "Zoë\u{a0}K"),
            ("\r\n", ""),
        ];
        for (value, cleaned) in table {
            assert_eq!(clean(value), cleaned, "{value:?}");
        }
    }

    #[test]
    fn names_are_written_as_mail_programs_read_them() {
        let table = [
            ("", "To: a@example.com\r\n"),
            ("Ada Lovelace", "To: Ada Lovelace <a@example.com>\r\n"),
            ("O'Hara & Co", "To: O'Hara & Co <a@example.com>\r\n"),
            ("Lovelace, Ada", "To: \"Lovelace, Ada\" <a@example.com>\r\n"),
            ("Dr. \"Ada\" \\", "To: \"Dr. \\\"Ada\\\" \\\\\" <a@example.com>\r\n"),
            ("Łódź", "To: =?utf-8?b?xYHDs2TFug==?= <a@example.com>\r\n"),
            ("José Lopez-Garcia", "To: =?utf-8?b?Sm9zw6k=?= Lopez-Garcia <a@example.com>\r\n"),
            ("Dr. Zoë Ünal Kay", "To: =?utf-8?b?RHIuIFpvw6sgw5xuYWw=?= Kay <a@example.com>\r\n"),
            ("=?utf-8?q?=0ABcc?=", "To: =?utf-8?q?=3D=3Futf-8=3Fq=3F=3D0ABcc=3F=3D?= <a@example.com>\r\n"),
            ("山田 太郎", "To: =?utf-8?b?5bGx55SwIOWkqumDjg==?= <a@example.com>\r\n"),
            ("אבג", "To: =?utf-8?b?15DXkdeS?= <a@example.com>\r\n"),
        ];
        for (display, written) in table {
            assert_eq!(to(display), written, "{display:?}");
        }
    }

    #[test]
    fn long_names_fold_between_words() {
        let long = "Maria Magdalena ".repeat(20);
        let field = to(&long);
        assert!(field.split("\r\n").all(|line| line.len() <= LINE) && !field.contains("=?"));
        assert_eq!(decode(&field), format!("To: {long}<a@example.com>"));
        let long = "Zoë Maria (M.) ".repeat(20);
        let field = to(&long);
        assert!(field.split("\r\n").all(|line| line.len() <= LINE));
        assert_eq!(decode(&field), format!("To: {long}<a@example.com>"));
    }

    #[test]
    fn subjects_fold_where_they_can() {
        assert_eq!(subject("The autumn letter"), "Subject: The autumn letter\r\n");
        let long = ["word"; 400].join(" ");
        let field = subject(&long);
        assert!(field.split("\r\n").all(|line| line.len() <= LINE));
        assert_eq!(decode(&field), format!("Subject: {long}"));
        let emoji = "🎉".repeat(500);
        let field = subject(&emoji);
        assert!(field.split("\r\n").all(|line| line.len() <= LINE));
        assert_eq!(decode(&field), format!("Subject: {emoji}"));
    }

    #[test]
    fn a_value_that_cannot_be_folded_is_refused() {
        let mut out = Vec::new();
        let refused = unstructured(&mut out, "Subject", &"x".repeat(2_000));
        assert_eq!(refused, Err(Unsound::Unbroken { octets: 2_000, limit: 900 }));
        let refused = unstructured(&mut out, "Subject", &"ü".repeat(5_000));
        assert_eq!(refused, Err(Unsound::TooLarge { limit: VALUE }));
    }

    #[test]
    fn only_names_of_headers_are_taken() {
        for name in ["X-Campaign", "Feedback-ID", "Auto-Submitted", "Precedence"] {
            assert_eq!(name_fault(name), None, "{name}");
        }
        for name in ["", "X A", "X-A\r\nBcc", "X:", "Größe", "bcc", "Subject", "Resent-To", &"x".repeat(51)]
        {
            assert!(name_fault(name).is_some(), "{name:?}");
        }
    }

    #[test]
    fn dates_are_in_utc() {
        let moment = "2026-12-01T09:00:00+01:00".parse().expect("a moment");
        assert_eq!(date(moment), "Tue, 1 Dec 2026 08:00:00 +0000");
    }

    proptest! {
        #[test]
        fn a_field_is_one_field_and_says_what_it_was_given(value in "(?s).{0,300}") {
            let cleaned = clean(&value).into_owned();
            for field in [subject(&value), to(&value)] {
                prop_assert!(field.ends_with("\r\n"));
                for line in field.trim_end_matches("\r\n").split("\r\n").skip(1) {
                    prop_assert!(line.starts_with(' ') && line.trim() != "");
                }
                prop_assert!(field.split("\r\n").all(|line| line.len() <= 998));
                prop_assert!(field.replace("\r\n", "").bytes().all(|byte| matches!(byte, b' '..=b'~')));
            }
            let read = decode(&subject(&value));
            prop_assert_eq!(read.trim_start_matches("Subject:").trim(), cleaned.trim());
        }
    }
}

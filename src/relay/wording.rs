//! A reply's text as it may be shown and stored, and the name under which a server took a message.
//!
//! What a server says is not ours: it may hold addresses of people, who are not to stand in journals
//! and reports of relays, and characters that drive a terminal. [`words`] takes both away.

use crate::mail::{Address, Reply};

/// What stands for an address.
const ADDRESS: &str = "<address>";
/// So much of a reply is stored and shown, in octets.
const LIMIT: usize = 256;
/// No queue id is longer, in octets.
const QUEUE_ID_LIMIT: usize = 128;

/// The text of a reply in one line: at most 256 octets, control and invisible characters escaped, and
/// `<address>` for anything that looks like a mail address and for `addresses` in any case of letters,
/// also where only the local part of one stands in brackets or quotes.
pub fn words(reply: &Reply, addresses: &[&Address]) -> String {
    let mut text = hide_addresses(&reply.text.replace('\n', " "));
    for address in addresses {
        text = replace(&text, address.as_str(), Edge::Any);
        text = replace(&text, address.local_part(), Edge::Quoted);
    }
    shorten(&escape(&text))
}

/// A text of ours that may quote a server, in one line and as [`words`] shows a reply.
pub(super) fn tidy(text: &str) -> String {
    shorten(&escape(&hide_addresses(&text.replace('\n', " "))))
}

/// Where a found text must stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// Anywhere.
    Any,
    /// Between quotes or brackets.
    Quoted,
}

/// Puts `<address>` for every `needle`, whatever the case of its ASCII letters; the angle brackets of a
/// path go with it.
fn replace(text: &str, needle: &str, edge: Edge) -> String {
    // Lower case in ASCII keeps every octet in its place.
    let (lower, needle) = (text.to_ascii_lowercase(), needle.to_ascii_lowercase());
    let mut replaced = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(&needle) {
        let (before, after) = (&text[from.min(at)..at], &text[at + needle.len()..]);
        let quoted = before.ends_with(['<', '"', '\'', '(', '[', '`'])
            && after.starts_with(['>', '"', '\'', ')', ']', '`']);
        if at < from || (edge == Edge::Quoted && !quoted) {
            continue;
        }
        let path = before.ends_with('<') && after.starts_with('>');
        replaced.push_str(if path { &before[..before.len() - 1] } else { before });
        replaced.push_str(ADDRESS);
        from = at + needle.len() + usize::from(path);
    }
    replaced.push_str(&text[from..]);
    replaced
}

/// RFC 5322, 3.2.3, and dots; any character beyond ASCII (RFC 6531).
fn in_local_part(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter) || beyond_ascii(letter)
}

fn in_domain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.') || beyond_ascii(letter)
}

fn beyond_ascii(letter: char) -> bool {
    !letter.is_ascii() && !letter.is_whitespace() && !letter.is_control()
}

fn hide_addresses(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let local = before.trim_end_matches(in_local_part).len();
        let local = if before.ends_with('"') { before[..at - 1].rfind('"').unwrap_or(local) } else { local };
        let domain = after.len() - after.trim_start_matches(in_domain).len();
        // A dot that ends a sentence is no part of a domain.
        let domain = after[..domain].trim_end_matches('.').len();
        if local == at || domain == 0 {
            hidden.push_str(&rest[..=at]);
            rest = after;
            continue;
        }
        let after = &after[domain..];
        let path = before[..local].ends_with('<') && after.starts_with('>');
        hidden.push_str(&before[..local - usize::from(path)]);
        hidden.push_str(ADDRESS);
        rest = &after[usize::from(path)..];
    }
    hidden.push_str(rest);
    hidden
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            // Marks and overrides of direction, and the other invisible ones, which only deceive.
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                escaped.extend(letter.escape_unicode());
            }
            _ if letter.is_control() => escaped.extend(letter.escape_default()),
            _ => escaped.push(letter),
        }
    }
    escaped
}

fn shorten(text: &str) -> String {
    let mut end = text.len().min(LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim_end().to_owned()
}

/// The name under which a server says it has taken a message, if it says one.
///
/// Knows the forms of Postfix (`queued as ID`), Exim (`id=ID`), Amazon SES (`Ok ID`), Gmail
/// (`ID - gsmtp`), Microsoft (`[InternalId=ID, ..]`), Sendmail and `OpenSMTPD` (`ID Message accepted for
/// delivery`), qmail (`ok time qp ID`) and Haraka (`Message Queued (ID)`).
pub fn queue_id(reply: &Reply) -> Option<&str> {
    let text = reply.words();
    let behind = |mark: &str| text.rfind(mark).map(|at| &text[at + mark.len()..]);
    let before = |mark: &str| text.find(mark).and_then(|at| text[..at].split_whitespace().next_back());
    let id = behind("queued as ")
        .or_else(|| behind("InternalId="))
        .or_else(|| behind(" id="))
        .or_else(|| behind(" qp "))
        .or_else(|| behind("Queued ("))
        .or_else(|| before(" - gsmtp"))
        .or_else(|| before(" Message accepted for delivery"))
        .or_else(|| text.strip_prefix("Ok ").filter(|rest| looks_like_an_id(rest)))?;
    let id = id.split([' ', '\t', '\n', ',', ';', ')', ']']).next().unwrap_or_default();
    let id = id.trim_matches(['<', '>', '.', '"']);
    (!id.is_empty() && id.len() <= QUEUE_ID_LIMIT && id.bytes().all(|octet| octet.is_ascii_graphic()))
        .then_some(id)
}

/// One word with a digit in it.
fn looks_like_an_id(text: &str) -> bool {
    !text.trim_end().contains(' ') && text.bytes().any(|octet| octet.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nobody_is_named_in_what_is_shown() {
        let ada = Address::parse("Ada.L@example.com").expect("valid");
        let table = [
            ("5.1.1 <ada.l@example.com>: user unknown", "5.1.1 <address>: user unknown"),
            ("5.1.1 ADA.L@EXAMPLE.COM... no such user", "5.1.1 <address>... no such user"),
            ("no such user ada.l", "no such user ada.l"),
            ("no such user 'ada.l' here", "no such user '<address>' here"),
            ("no such user <ada.l>", "no such user <address>"),
            ("bob+tag@mail.example.org: unknown.", "<address>: unknown."),
            ("mailto:bob@example.org.", "mailto:<address>."),
            ("<\"b b\"@example.org> refused", "<address> refused"),
            ("юзер@пример.рф refused", "<address> refused"),
            ("a@b c@d", "<address> <address>"),
            ("at 5 @ example", "at 5 @ example"),
            ("@", "@"),
            ("Zürich is full", "Zürich is full"),
            ("one\ntwo", "one two"),
            ("a\u{1b}[2J\u{7}", "a\\u{1b}[2J\\u{7}"),
            ("a\u{202e}b", "a\\u{202e}b"),
        ];
        for (text, shown) in table {
            assert_eq!(words(&Reply::new(550, text), &[&ada]), shown, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_short_and_harmless(text in "\\PC{0,40}(.|\n|\u{1b}|[a-z]{1,9}@[a-z.]{1,9}){0,60}") {
            let ada = Address::parse("ada@example.com").expect("valid");
            let shown = words(&Reply { code: 550, enhanced: None, text }, &[&ada]);
            prop_assert!(shown.len() <= 256);
            prop_assert!(!shown.contains(char::is_control));
            prop_assert!(!shown.to_lowercase().contains("ada@example.com"));
        }
    }

    #[test]
    fn the_name_a_server_gives_a_message_is_found() {
        let table = [
            ("2.0.0 Ok: queued as 4F2bXk3zYz1", Some("4F2bXk3zYz1")),
            ("Ok: queued as 1F-27", Some("1F-27")),
            ("2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 6A1B2C", Some("6A1B2C")),
            ("OK id=1rAbCd-0001Xy-2Z", Some("1rAbCd-0001Xy-2Z")),
            (
                "Ok 0102018c9d5e-1f2e3d4c-5b6a-4978-8796-a5b4c3d2e1f0-000000",
                Some("0102018c9d5e-1f2e3d4c-5b6a-4978-8796-a5b4c3d2e1f0-000000"),
            ),
            (
                "2.0.0 OK  1700000000 5b1f17b1804b1-40a4b2c3d4esm1234567f8f.12 - gsmtp",
                Some("5b1f17b1804b1-40a4b2c3d4esm1234567f8f.12"),
            ),
            (
                "2.6.0 <a@b> [InternalId=12345678, Hostname=X.prod.outlook.com] 1 bytes Queued mail for delivery",
                Some("12345678"),
            ),
            ("2.0.0 x9F8a7b6 Message accepted for delivery", Some("x9F8a7b6")),
            ("2.0.0: 1a2b3c4d Message accepted for delivery", Some("1a2b3c4d")),
            ("ok 1700000000 qp 12345", Some("12345")),
            ("Message Queued (6B4B-1.1)", Some("6B4B-1.1")),
            ("2.0.0 Ok", None),
            ("Ok thanks", None),
            ("Great success", None),
            ("queued as ", None),
            ("", None),
        ];
        for (text, id) in table {
            assert_eq!(queue_id(&Reply::new(250, text)), id, "{text}");
        }
    }
}

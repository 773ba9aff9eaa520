//! Bodies: canonical lines, a transfer encoding, one part or two (RFC 2045, RFC 2046, 5.1.4).
//!
//! A body is brought to CRLF first and encoded afterwards, so that what a server takes for the end of a
//! message can only ever be the end of it. The encoding follows from the text alone: 7bit where nothing
//! on the way could change it, else quoted-printable, or base64 where that is much shorter.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr3;

use super::body::Body;
use super::error::Unsound;
use super::quoted;

/// RFC 5321, 4.5.3.1.6, less the CRLF: octets of a line.
const LINE: usize = 998;
/// RFC 2045, 6.7 (5): octets of an encoded line, less the `=` of a soft line break.
pub(super) const ENCODED_LINE: usize = 75;
/// Octets that fill one line of base64 (RFC 2045, 6.8: 76 characters).
const BASE64_LINE: usize = 57;

/// Content-Transfer-Encoding (RFC 2045, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Lines of ASCII, as they are.
    SevenBit,
    /// Lines of UTF-8, as they are (RFC 6152).
    EightBit,
    /// Mostly readable.
    QuotedPrintable,
    /// Not readable, but short where most octets are not ASCII.
    Base64,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }
}

/// How bodies with octets over 127 may travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// Encoded, so that any server takes them.
    SevenBit,
    /// As they are.
    EightBit,
}

/// The end of a line (RFC 5322, 2.1).
pub(super) const CRLF: &str = "\r\n";

/// Writes `text` with CRLF for each end of a line in it; a lone CR or LF ends a line too.
pub(super) fn push_lines(out: &mut String, text: &str) -> Result<(), Unsound> {
    let mut rest = text;
    while let Some(place) = memchr3(b'\n', b'\r', 0, rest.as_bytes()) {
        let end = match rest.as_bytes()[place] {
            0 => return Err(Unsound::Nul),
            b'\r' if rest.as_bytes().get(place + 1) == Some(&b'\n') => place + 2,
            _ => place + 1,
        };
        out.push_str(&rest[..place]);
        out.push_str(CRLF);
        rest = &rest[end..];
    }
    out.push_str(rest);
    Ok(())
}

/// What quoted-printable must write as `=XX`, wherever it stands.
pub(super) const fn is_special(byte: u8) -> bool {
    !matches!(byte, b' '..=b'<' | b'>'..=b'~' | b'\t' | b'\r' | b'\n')
}

/// Octets that `body` and its fields hardly exceed, however it is encoded.
pub(super) fn most_octets(body: &Body) -> usize {
    let encoded = body.text().len() + 2 * body.marks().len();
    encoded + encoded / 16 + 512
}

/// The encoding of a body that stands beside `boundary`.
pub(super) fn choose(body: &Body, transport: Transport, boundary: &str) -> Encoding {
    let text = body.text();
    let looked = Look::at(body, boundary.as_bytes());
    if looked.unchanged && (looked.ascii || transport == Transport::EightBit) {
        return if looked.ascii { Encoding::SevenBit } else { Encoding::EightBit };
    }
    let encoded = text.len() + 2 * looked.special;
    let quoted_printable = encoded + encoded / ENCODED_LINE * 3;
    if quoted_printable * 3 > text.len() * 5 { Encoding::Base64 } else { Encoding::QuotedPrintable }
}

/// What decides on the encoding of a body.
struct Look {
    /// Octets that quoted-printable must write as `=XX`.
    special: usize,
    /// Whether there is nothing but ASCII.
    ascii: bool,
    /// Whether no server or mailbox on the way would want to change a line: none too long, no control
    /// character, no white space at an end (which some trim), no `From ` (which mailbox files change to
    /// `>From `) and no dot (which SMTP doubles) at a beginning, and no boundary.
    unchanged: bool,
}

impl Look {
    fn at(body: &Body, boundary: &[u8]) -> Self {
        let text = body.text().as_bytes();
        let mut looked = Self { special: 0, ascii: true, unchanged: true };
        let mut start = 0;
        for mark in body.marks().iter().map(|mark| *mark as usize) {
            match text[mark] {
                b'\n' => {
                    let line = &text[start..mark.saturating_sub(1)];
                    looked.unchanged &= line.len() <= LINE
                        && !matches!(line.last(), Some(b' ' | b'\t'))
                        && !matches!(line, [b'.', ..] | [b'F', b'r', b'o', b'm', b' ', ..]);
                    start = mark + 1;
                }
                b'=' => {
                    looked.special += 1;
                    looked.unchanged &=
                        text[mark..].get(1) != boundary.get(1) || !text[mark..].starts_with(boundary);
                }
                byte => {
                    looked.special += 1;
                    looked.ascii &= byte.is_ascii();
                    looked.unchanged &= !byte.is_ascii();
                }
            }
        }
        looked
    }
}

/// Writes the fields of a part, the empty line, and its text.
pub(super) fn part(out: &mut Vec<u8>, kind: &str, body: &Body, encoding: Encoding) {
    out.extend_from_slice(b"Content-Type: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"; charset=utf-8\r\nContent-Transfer-Encoding: ");
    out.extend_from_slice(encoding.name().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    match encoding {
        Encoding::SevenBit | Encoding::EightBit => out.extend_from_slice(body.text().as_bytes()),
        Encoding::QuotedPrintable => quoted::write(out, body),
        Encoding::Base64 => base64(out, body.text().as_bytes()),
    }
}

/// Octets of the lines of base64 for so many octets.
pub(super) fn base64_octets(octets: usize) -> usize {
    octets.div_ceil(3) * 4 + octets.div_ceil(BASE64_LINE) * CRLF.len()
}

/// Writes lines of base64 (RFC 2045, 6.8).
pub(super) fn base64(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(base64_octets(text.len()));
    let mut line = [0; 80];
    for octets in text.chunks(BASE64_LINE) {
        let length = STANDARD.encode_slice(octets, &mut line).expect("57 octets become 76 characters");
        out.extend_from_slice(&line[..length]);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDARY: &str = "=_boundary";

    fn encoded(text: &str, encoding: Encoding) -> String {
        let mut out = Vec::new();
        part(&mut out, "text/plain", &body(text), encoding);
        let out = String::from_utf8(out).expect("a part is text");
        out.split_once("\r\n\r\n").expect("fields end with an empty line").1.to_owned()
    }

    fn decode_quoted_printable(text: &str) -> String {
        let text = text.replace("=\r\n", "");
        let mut octets = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((byte, after)) = rest.split_first() {
            if *byte == b'=' {
                let digits = std::str::from_utf8(&after[..2]).expect("digits");
                octets.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
                rest = &after[2..];
            } else {
                octets.push(*byte);
                rest = after;
            }
        }
        String::from_utf8(octets).expect("text")
    }

    fn canonical(text: &str) -> Result<String, Unsound> {
        let mut body = Body::default();
        body.push_text(text)?;
        body.end_line();
        Ok(body.text().to_owned())
    }

    fn body(lines: &str) -> Body {
        let mut body = Body::default();
        body.push_text(lines).expect("no NUL");
        body
    }

    #[test]
    fn every_line_break_becomes_one() {
        let table = [
            ("a\nb", "a\r\nb\r\n"),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\rb\n\rc\r\r\n", "a\r\nb\r\n\r\nc\r\n\r\n"),
            ("\n.\r.\n", "\r\n.\r\n.\r\n"),
            ("", "\r\n"),
        ];
        for (text, lines) in table {
            assert_eq!(canonical(text).as_deref(), Ok(lines), "{text:?}");
        }
        assert_eq!(canonical("a\0b"), Err(Unsound::Nul));
    }

    #[test]
    fn the_encoding_follows_from_the_text() {
        let long = format!("{}\r\n", "x".repeat(999));
        let fits = format!("{}\r\n", "x".repeat(998));
        let table = [
            ("plain\r\n", Encoding::SevenBit),
            ("<p class=\"a\">b</p>\r\n", Encoding::SevenBit),
            (fits.as_str(), Encoding::SevenBit),
            (long.as_str(), Encoding::QuotedPrintable),
            ("trailing \r\n", Encoding::QuotedPrintable),
            ("a\r\n.\r\nb\r\n", Encoding::QuotedPrintable),
            ("From me\r\n", Encoding::QuotedPrintable),
            ("an escape \u{1b} in some longer text\r\n", Encoding::QuotedPrintable),
            ("a =_boundary, of all things\r\n", Encoding::QuotedPrintable),
            ("Grüße aus Köln und viel Text\r\n", Encoding::QuotedPrintable),
            ("Привет, мир\r\n", Encoding::Base64),
        ];
        for (text, encoding) in table {
            assert_eq!(choose(&body(text), Transport::SevenBit, BOUNDARY), encoding, "{text:?}");
        }
        assert_eq!(choose(&body("Привет\r\n"), Transport::EightBit, BOUNDARY), Encoding::EightBit);
        assert_eq!(choose(&body("plain\r\n"), Transport::EightBit, BOUNDARY), Encoding::SevenBit);
        assert_eq!(choose(&body("П \r\n"), Transport::EightBit, BOUNDARY), Encoding::Base64);
    }

    #[test]
    fn quoted_printable_is_that_of_the_rfc() {
        let table = [
            ("a=b\r\n", "a=3Db\r\n"),
            ("end \r\nend\t\r\n", "end=20\r\nend=09\r\n"),
            (".\r\n..\r\n", "=2E\r\n=2E.\r\n"),
            ("From me\r\nFrom\r\n", "=46rom me\r\nFrom\r\n"),
            ("é\r\n", "=C3=A9\r\n"),
        ];
        for (text, written) in table {
            assert_eq!(encoded(text, Encoding::QuotedPrintable), written, "{text:?}");
        }
        let exact = "x".repeat(76);
        assert_eq!(encoded(&format!("{exact}\r\n"), Encoding::QuotedPrintable), format!("{exact}\r\n"));
        let over = encoded(&format!("{exact}x\r\n"), Encoding::QuotedPrintable);
        assert_eq!(over, format!("{}=\r\nxx\r\n", "x".repeat(75)));
    }

    /// The same by looking at every octet, and so without marks.
    fn chosen_plainly(text: &str, transport: Transport) -> Encoding {
        let changes = |line: &str| {
            line.len() > 998
                || line.ends_with([' ', '\t'])
                || line.starts_with('.')
                || line.starts_with("From ")
                || line.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control())
        };
        let unchanged = !text.split("\r\n").any(changes) && !text.contains(BOUNDARY);
        if unchanged && text.is_ascii() {
            return Encoding::SevenBit;
        }
        if unchanged && transport == Transport::EightBit {
            return Encoding::EightBit;
        }
        let special = text.bytes().filter(|byte| is_special(*byte)).count();
        let encoded = text.len() + 2 * special;
        let longer = (encoded + encoded / 75 * 3) * 3 > text.len() * 5;
        if longer { Encoding::Base64 } else { Encoding::QuotedPrintable }
    }

    proptest! {
        #[test]
        fn marks_and_octets_choose_the_same(
            text in "([a-z=_ ]{1,9}|=_boundary|[.]|From |\n|[.]\n| \n|\t\n|\n[.]|ü|Ж|\u{1b}|[a-z]{600}){0,20}"
        ) {
            let lines = canonical(&text).expect("no NUL");
            for transport in [Transport::SevenBit, Transport::EightBit] {
                let chosen = choose(&body(&lines), transport, BOUNDARY);
                prop_assert_eq!(chosen, chosen_plainly(&lines, transport));
            }
        }

        #[test]
        fn what_goes_in_comes_out(text in "(?s)([ -~]|[\t\r\n.=F]|From |.){0,400}") {
            prop_assume!(!text.contains('\0'));
            let lines = canonical(&text).expect("no NUL");
            prop_assert!(!lines.replace("\r\n", "").contains(['\r', '\n']));
            let written = encoded(&lines, Encoding::QuotedPrintable);
            prop_assert!(written.split("\r\n").all(|line| line.len() <= 76 && line.is_ascii()
                && !line.starts_with('.') && !line.starts_with("From ") && !line.ends_with([' ', '\t'])));
            prop_assert!(!written.contains("=_"));
            prop_assert_eq!(decode_quoted_printable(&written), lines.clone());
            let written = encoded(&lines, Encoding::Base64);
            prop_assert!(written.split("\r\n").all(|line| line.len() <= 76));
            let octets = STANDARD.decode(written.replace("\r\n", "")).expect("base64");
            prop_assert_eq!(String::from_utf8(octets).expect("text"), lines);
        }
    }
}

//! Transparency: a message between DATA and the final dot (RFC 5321, 4.5.2), and the last gate before the wire.
//!
//! [`check`] refuses what must never leave, whoever composed it: a lone CR or LF, a NUL, a line of more than
//! 998 octets, an octet over 127 that was not told. Those are what "SMTP smuggling" is made of
//! (CVE-2023-51764 and its kin): what one server takes for text, the next takes for the end of data.
//! [`stuff`] doubles the dot at the beginning of a line and must be given checked octets only.

use memchr::memchr;
use memchr::memmem::Finder;
use thiserror::Error;

/// RFC 5321, 4.5.3.1.6: octets of a line, CRLF apart.
const LINE_LIMIT: usize = 998;

/// Whether a message may hold octets over 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Octets {
    /// All of them are ASCII.
    SevenBit,
    /// Any but NUL; the server must announce 8BITMIME (RFC 6152).
    EightBit,
}

/// Why a message must not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Opaque {
    /// Nothing at all.
    #[error("the message is empty")]
    Empty,
    /// The last line has no end.
    #[error("the last line of the message is not ended by CRLF")]
    Unended,
    /// A CR without LF or a LF without CR.
    #[error("a lone CR or LF stands in line {line} of the message")]
    LoneLineEnd {
        /// The line, from 1.
        line: usize,
    },
    /// A NUL.
    #[error("a NUL stands in line {line} of the message")]
    Nul {
        /// The line, from 1.
        line: usize,
    },
    /// More octets than a line may have.
    #[error("line {line} of the message is longer than {LINE_LIMIT} octets")]
    LineTooLong {
        /// The line, from 1.
        line: usize,
    },
    /// An octet over 127 in a message that was said to have none.
    #[error("the message holds octets over 127 and does not say so")]
    EightBit,
}

/// Refuses octets that must not be sent as the content of DATA.
///
/// # Errors
/// What is wrong, and in which line.
pub fn check(message: &[u8], octets: Octets) -> Result<(), Opaque> {
    if message.is_empty() {
        return Err(Opaque::Empty);
    }
    if octets == Octets::SevenBit && !message.is_ascii() {
        return Err(Opaque::EightBit);
    }
    let mut rest = message;
    let mut line = 1;
    while !rest.is_empty() {
        let Some(end) = memchr(b'\n', rest) else {
            check_line(rest, line)?;
            return Err(Opaque::Unended);
        };
        let Some((b'\r', text)) = rest[..end].split_last() else {
            return Err(Opaque::LoneLineEnd { line });
        };
        check_line(text, line)?;
        rest = &rest[end + 1..];
        line += 1;
    }
    Ok(())
}

fn check_line(text: &[u8], line: usize) -> Result<(), Opaque> {
    match memchr::memchr2(b'\r', b'\0', text).map(|at| text[at]) {
        Some(b'\0') => Err(Opaque::Nul { line }),
        Some(_) => Err(Opaque::LoneLineEnd { line }),
        None if text.len() > LINE_LIMIT => Err(Opaque::LineTooLong { line }),
        None => Ok(()),
    }
}

/// Appends a checked message to `wire` with every dot that begins a line doubled. Without the final dot.
pub fn stuff(message: &[u8], wire: &mut Vec<u8>) {
    wire.reserve(message.len() + 64);
    if message.first() == Some(&b'.') {
        wire.push(b'.');
    }
    // Copied in runs: hardly any message has a dot that begins a line.
    let mut copied = 0;
    for found in Finder::new(b"\n.").find_iter(message) {
        wire.extend_from_slice(&message[copied..=found]);
        wire.push(b'.');
        copied = found + 1;
    }
    wire.extend_from_slice(&message[copied..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a receiver makes of content and final dot; the octets behind the dot apart.
    fn unstuff(wire: &[u8]) -> (Vec<u8>, &[u8]) {
        let mut message = Vec::new();
        let mut rest = wire;
        loop {
            let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("an end of data") + 2;
            let line = &rest[..end];
            rest = &rest[end..];
            if line == b".\r\n" {
                return (message, rest);
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
    }

    #[test]
    fn a_dot_at_the_beginning_of_a_line_is_doubled() {
        let table: [(&str, &str); 5] = [
            ("a\r\n", "a\r\n"),
            (".\r\n", "..\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"),
            ("..a\r\n.b\r\n\r\n.\r\n", "...a\r\n..b\r\n\r\n..\r\n"),
            ("a.b\r\n .c\r\n", "a.b\r\n .c\r\n"),
        ];
        for (message, expected) in table {
            let mut wire = Vec::new();
            stuff(message.as_bytes(), &mut wire);
            assert_eq!(String::from_utf8_lossy(&wire), expected);
        }
    }

    #[test]
    fn what_must_not_leave_is_refused() {
        let long = format!("{}\r\n", "a".repeat(999));
        let table: [(&[u8], Result<(), Opaque>); 13] = [
            (b"", Err(Opaque::Empty)),
            (b"a", Err(Opaque::Unended)),
            (b"a\r", Err(Opaque::LoneLineEnd { line: 1 })),
            (b"a\n", Err(Opaque::LoneLineEnd { line: 1 })),
            (b"\n", Err(Opaque::LoneLineEnd { line: 1 })),
            (b"a\r\nb\n.\r\nc\r\n", Err(Opaque::LoneLineEnd { line: 2 })),
            (b"a\r.\r\n", Err(Opaque::LoneLineEnd { line: 1 })),
            (b"a\r\r\n", Err(Opaque::LoneLineEnd { line: 1 })),
            (b"a\r\n\0.\r\n", Err(Opaque::Nul { line: 2 })),
            ("ä\r\n".as_bytes(), Err(Opaque::EightBit)),
            (long.as_bytes(), Err(Opaque::LineTooLong { line: 1 })),
            (&long.as_bytes()[1..], Ok(())),
            (b"a\r\n\r\n.\r\n", Ok(())),
        ];
        for (message, expected) in table {
            assert_eq!(check(message, Octets::SevenBit), expected, "{:?}", String::from_utf8_lossy(message));
        }
        assert_eq!(check("ä\r\n".as_bytes(), Octets::EightBit), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_stuffed_comes_out_as_it_went_in(
            lines in prop::collection::vec("[.a]{0,4}", 1..40),
        ) {
            let message: String = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
            let mut wire = Vec::new();
            stuff(message.as_bytes(), &mut wire);
            wire.extend_from_slice(b".\r\nQUIT\r\n");
            let (received, rest) = unstuff(&wire);
            prop_assert_eq!(received, message.as_bytes());
            prop_assert_eq!(rest, b"QUIT\r\n");
        }

        #[test]
        fn only_one_end_of_data_leaves_whatever_was_composed(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["\r", "\n", "\r\n", ".", "\0", "a", "MAIL FROM:<x@y.z>"]), 0..30,
            ),
        ) {
            let message = pieces.concat();
            if check(message.as_bytes(), Octets::SevenBit).is_ok() {
                let mut wire = Vec::new();
                stuff(message.as_bytes(), &mut wire);
                for end in ["\r\n.\r\n", "\n.\n", "\r.\r", "\n.\r", "\r.\n"] {
                    prop_assert!(!String::from_utf8_lossy(&wire).contains(end));
                }
                prop_assert!(!wire.starts_with(b".\r\n"));
            }
        }
    }
}

//! The reply parser: octets in, whole replies out (RFC 5321, 4.2).
//!
//! [`Replies`] owns the one buffer that a connection reads into and cuts it at line ends in place; a reply
//! is borrowed from it, so a positive one costs no allocation. What comes from a server is bounded and
//! never trusted: a line too long, too many lines or something that is no reply is [`Malformed`], after
//! which the connection must be closed, as nobody knows any more which reply answers what.

use memchr::memchr;
use thiserror::Error;

use crate::mail::Reply;

/// Octets of a line, CRLF included: four times what RFC 5321, 4.5.3.1.5 allows, as Postfix takes.
const LINE_LIMIT: usize = 2048;
/// Lines of a reply. The longest EHLO replies seen have under twenty.
const LINES_LIMIT: usize = 128;
/// Octets of a reply. The longest seen, of EHLO and of Gmail's limits, have some 600.
const REPLY_LIMIT: usize = 8 * 1024;
/// Octets of a reply's text that are kept for reports; the journal keeps fewer.
const TEXT_LIMIT: usize = 4096;
/// Octets that the buffer begins with: many replies of a group fit.
const FIRST_ROOM: usize = 4096;
/// The least room that a read is offered.
const LEAST_ROOM: usize = 512;

/// Why octets are no reply. The connection cannot be used any further.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// A line that does not begin with a code of 200 to 599; the beginning of it, escaped.
    #[error("{0:?} is no reply")]
    NoCode(String),
    /// The lines of one reply carry different codes.
    #[error("a reply begins with {0} and goes on with {1}")]
    CodesDiffer(u16, u16),
    /// More octets without a line end than any reply has.
    #[error("a line of a reply is longer than {LINE_LIMIT} octets")]
    LineTooLong,
    /// More lines or octets than any reply has.
    #[error("a reply is longer than {LINES_LIMIT} lines or {REPLY_LIMIT} octets")]
    TooLong,
}

/// One whole reply where it lies in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawReply<'a> {
    code: u16,
    octets: &'a [u8],
}

impl<'a> RawReply<'a> {
    /// 200 to 599.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The text of each line, without code and line end.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let octets = self.octets.strip_suffix(b"\n").unwrap_or(self.octets);
        octets.split(|octet| *octet == b'\n').map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            line.get(4..).unwrap_or_default()
        })
    }

    /// The reply as a value of its own; a text over 4 KiB is cut.
    pub fn to_reply(&self) -> Reply {
        let mut text = String::with_capacity(self.octets.len().min(TEXT_LIMIT));
        for (number, line) in self.lines().enumerate() {
            if number > 0 {
                text.push('\n');
            }
            text.push_str(&String::from_utf8_lossy(line));
            if text.len() > TEXT_LIMIT {
                text.truncate(text.floor_char_boundary(TEXT_LIMIT));
                break;
            }
        }
        Reply::new(self.code, text)
    }
}

/// The octets read from a connection and not yet understood.
#[derive(Debug)]
pub struct Replies {
    octets: Vec<u8>,
    /// Where what was read ends in `octets`.
    filled: usize,
    /// Where the reply under way begins.
    reply: usize,
    /// Where its current line begins.
    line: usize,
    /// Up to where no line end stands.
    scanned: usize,
    /// The whole lines of the reply under way.
    lines: usize,
    /// The code of its first line.
    code: u16,
}

impl Default for Replies {
    fn default() -> Self {
        Self { octets: vec![0; FIRST_ROOM], filled: 0, reply: 0, line: 0, scanned: 0, lines: 0, code: 0 }
    }
}

impl Replies {
    /// Room to read into, never empty; what was written there must be told to [`filled`](Self::filled).
    pub fn room(&mut self) -> &mut [u8] {
        if self.reply == self.filled {
            (self.filled, self.reply, self.line, self.scanned) = (0, 0, 0, 0);
        }
        if self.octets.len() - self.filled < LEAST_ROOM && self.reply > 0 {
            self.octets.copy_within(self.reply..self.filled, 0);
            self.filled -= self.reply;
            self.line -= self.reply;
            self.scanned -= self.reply;
            self.reply = 0;
        }
        if self.octets.len() - self.filled < LEAST_ROOM {
            // Of a reply that is too long no more is read than shows that it is.
            let room = (self.octets.len() * 2).min(REPLY_LIMIT + 2 * LEAST_ROOM);
            self.octets.resize(room.max(self.filled + LEAST_ROOM), 0);
        }
        &mut self.octets[self.filled..]
    }

    /// Takes the first `count` octets of the [`room`](Self::room) as read.
    pub fn filled(&mut self, count: usize) {
        self.filled += count;
    }

    /// Takes octets as read.
    pub fn extend(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            let room = self.room();
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            self.filled(count);
            rest = &rest[count..];
        }
    }

    /// Whether octets were read that belong to no reply taken so far.
    pub fn has_rest(&self) -> bool {
        self.reply < self.filled
    }

    /// The next whole reply; none while its end has not been read.
    ///
    /// # Errors
    /// What was read is no reply: close the connection.
    pub fn next_reply(&mut self) -> Result<Option<RawReply<'_>>, Malformed> {
        loop {
            let Some(offset) = memchr(b'\n', &self.octets[self.scanned..self.filled]) else {
                self.scanned = self.filled;
                self.check_length(self.filled)?;
                return Ok(None);
            };
            let end = self.scanned + offset + 1;
            self.check_length(end)?;
            let (code, last) = parse_line(&self.octets[self.line..end])?;
            if self.lines == 0 {
                self.code = code;
            } else if self.code != code {
                return Err(Malformed::CodesDiffer(self.code, code));
            }
            self.lines += 1;
            (self.line, self.scanned) = (end, end);
            if last {
                let begin = std::mem::replace(&mut self.reply, end);
                self.lines = 0;
                return Ok(Some(RawReply { code, octets: &self.octets[begin..end] }));
            }
        }
    }

    fn check_length(&self, end: usize) -> Result<(), Malformed> {
        if end - self.line > LINE_LIMIT {
            return Err(Malformed::LineTooLong);
        }
        if self.lines >= LINES_LIMIT || end - self.reply > REPLY_LIMIT {
            return Err(Malformed::TooLong);
        }
        Ok(())
    }
}

/// The code of a line, and whether it is the last of its reply.
fn parse_line(line: &[u8]) -> Result<(u16, bool), Malformed> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            let code = [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(**digit - b'0'));
            match rest.first() {
                // RFC 5321, 4.2: a client must take a bare code for a last line.
                None | Some(b' ') => Ok((code, true)),
                Some(b'-') => Ok((code, false)),
                Some(_) => Err(no_code(line)),
            }
        }
        _ => Err(no_code(line)),
    }
}

fn no_code(line: &[u8]) -> Malformed {
    Malformed::NoCode(String::from_utf8_lossy(&line[..line.len().min(40)]).escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_all(pieces: &[&[u8]]) -> Result<Vec<Reply>, Malformed> {
        let mut replies = Replies::default();
        let mut found = Vec::new();
        for piece in pieces {
            replies.extend(piece);
            while let Some(reply) = replies.next_reply()? {
                found.push(reply.to_reply());
            }
        }
        Ok(found)
    }

    #[test]
    fn replies_are_read_as_servers_write_them() {
        let table: [(&str, &[(u16, &str)]); 7] = [
            ("250 2.0.0 Ok\r\n", &[(250, "2.0.0 Ok")]),
            ("250\r\n", &[(250, "")]),
            ("250 \r\n", &[(250, "")]),
            ("250 lone line feed\n354 go\n", &[(250, "lone line feed"), (354, "go")]),
            ("250-a\r\n250-b\r\n250 c\r\n221 bye\r\n", &[(250, "a\nb\nc"), (221, "bye")]),
            ("250-a\r\n250-\r\n250\r\n", &[(250, "a\n\n")]),
            ("550 caf\u{e9}\r\n", &[(550, "caf\u{e9}")]),
        ];
        for (octets, expected) in table {
            let expected: Vec<Reply> = expected.iter().map(|(code, text)| Reply::new(*code, *text)).collect();
            assert_eq!(parse_all(&[octets.as_bytes()]), Ok(expected), "{octets:?}");
        }
    }

    #[test]
    fn what_is_no_reply_is_told_apart() {
        let table = [
            ("hello\r\n", Malformed::NoCode("hello".into())),
            ("99 low\r\n", Malformed::NoCode("99 low".into())),
            ("150 low\r\n", Malformed::NoCode("150 low".into())),
            ("650 high\r\n", Malformed::NoCode("650 high".into())),
            ("250x\r\n", Malformed::NoCode("250x".into())),
            ("\r\n", Malformed::NoCode(String::new())),
            ("25\u{1b}[2J\r\n", Malformed::NoCode("25\\u{1b}[2J".into())),
            ("250-a\r\n251 b\r\n", Malformed::CodesDiffer(250, 251)),
        ];
        for (octets, error) in table {
            assert_eq!(parse_all(&[octets.as_bytes()]), Err(error), "{octets:?}");
        }
    }

    #[test]
    fn an_endless_reply_is_cut_off() {
        assert_eq!(parse_all(&[&vec![b'2'; 3000]]), Err(Malformed::LineTooLong));
        assert_eq!(parse_all(&[&b"250-a\r\n".repeat(129)]), Err(Malformed::TooLong));
        let wide = format!("250-{}\r\n", "a".repeat(2000)).repeat(40);
        assert_eq!(parse_all(&[wide.as_bytes()]), Err(Malformed::TooLong));
    }

    #[test]
    fn what_follows_a_reply_is_kept_for_the_next() {
        let mut replies = Replies::default();
        replies.extend(b"220 ready\r\n250 inj");
        assert!(matches!(replies.next_reply(), Ok(Some(reply)) if reply.code() == 220));
        assert!(replies.has_rest());
        assert_eq!(replies.next_reply(), Ok(None));
        replies.extend(b"ected\r\n");
        assert!(matches!(replies.next_reply(), Ok(Some(reply)) if reply.code() == 250));
        assert!(!replies.has_rest());
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            codes in prop::collection::vec((200_u16..600, "[ -~]{0,80}"), 1..200),
            cuts in prop::collection::vec(1_usize..700, 1..20),
        ) {
            let lines: Vec<String> = codes.iter().map(|(code, text)| format!("{code} {text}\r\n")).collect();
            let octets = lines.concat();
            let mut pieces = Vec::new();
            let mut rest = octets.as_bytes();
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            let expected: Vec<Reply> =
                codes.iter().map(|(code, text)| Reply::new(*code, text.as_str())).collect();
            prop_assert_eq!(parse_all(&pieces), Ok(expected));
        }

        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..9000)) {
            let _ = parse_all(&[&octets]);
        }
    }
}

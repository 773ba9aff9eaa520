//! What goes over the wire for one batch: an envelope and octets.
//!
//! The octets are the message as RFC 5322 has it: lines of at most 998 octets ended by CRLF, the last
//! one included, no NUL, no lone CR or LF, and not dot-stuffed, as that belongs to DATA and not to the
//! message.

use std::fmt;

use bytes::Bytes;
use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::batch::Batch;
use super::notify::Notify;

/// Who sends and who receives, as MAIL and RCPT will say it (RFC 5321, 2.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where bounces go; none is the null reverse-path `<>`.
    pub reverse_path: Option<Address>,
    /// The recipients, in the order of the batch's own.
    pub forward_paths: Vec<Address>,
    /// What the server is asked to tell of them; none: nothing is said of it.
    pub notify: Option<Notify>,
}

impl Envelope {
    /// Whether only a server with SMTPUTF8 takes this envelope.
    pub fn needs_smtputf8(&self) -> bool {
        self.reverse_path.iter().chain(&self.forward_paths).any(Address::needs_smtputf8)
    }
}

/// A hash over the octets of a message without Date, Message-ID and DKIM-Signature, the three headers
/// that are set when it is sent. Preview shows it, the journal keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 16]);

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(formatter, "{octet:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({self})")
    }
}

/// RFC 5321, 4.5.3.1.6: octets of a line, CRLF apart.
const LINE_LIMIT: usize = 998;

/// Whole lines that many messages share, such as an attachment: looked at once, when they are made, and then
/// written as they are behind whatever lines a message has of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece(Bytes);

impl Piece {
    /// None unless these are lines that every server takes and no transparency changes: ASCII without NUL,
    /// each ended by CRLF, of at most 998 octets, none with a dot at its beginning.
    pub fn new(octets: Bytes) -> Option<Self> {
        let mut rest: &[u8] = &octets;
        if !rest.is_ascii() {
            return None;
        }
        while !rest.is_empty() {
            let end = memchr(b'\n', rest)?;
            let (last, line) = rest[..end].split_last()?;
            let is_fit = *last == b'\r' && line.len() <= LINE_LIMIT && line.first() != Some(&b'.');
            if !is_fit || memchr::memchr2(b'\r', b'\0', line).is_some() {
                return None;
            }
            rest = &rest[end + 1..];
        }
        Some(Self(octets))
    }

    /// The lines.
    pub fn octets(&self) -> &Bytes {
        &self.0
    }
}

/// One composed message and whom it goes to.
#[derive(Debug, Clone)]
pub struct Message {
    /// The batch it was composed for.
    pub batch: Batch,
    /// Sender and recipients; `forward_paths` stands in the order of `batch.recipients`.
    pub envelope: Envelope,
    /// The message up to what it shares with others, ready but for dot-stuffing; mostly all of it.
    pub octets: Bytes,
    /// What identifies its content.
    pub digest: Digest,
    /// Whether octets over 127 stand in it, so that the server must announce 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// What follows the octets of its own, such as attachments: whole lines, shared over messages.
    pub tail: Vec<Piece>,
}

impl Message {
    /// Octets of the whole message, dot-stuffing apart.
    pub fn size(&self) -> usize {
        self.octets.len() + self.tail.iter().map(|piece| piece.octets().len()).sum::<usize>()
    }

    /// The whole message in its order: octets of its own, then what it shares.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.octets).chain(self.tail.iter().map(Piece::octets))
    }

    /// Gives its octets back, as they have left or never will.
    pub fn forget_octets(&mut self) {
        self.octets = Bytes::new();
        self.tail = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_whole_lines_that_nothing_changes() {
        let long = format!("{}\r\n", "a".repeat(999));
        let table: [(&str, bool); 13] = [
            ("", true),
            ("YWJj\r\n", true),
            ("YWJj\r\n\r\n--b--\r\n", true),
            (&long[1..], true),
            (&long, false),
            ("YWJj", false),
            ("a\r\n.\r\n", false),
            (".a\r\n", false),
            ("a\nb\r\n", false),
            ("a\rb\r\n", false),
            ("\n", false),
            ("a\0b\r\n", false),
            ("\u{fc}\r\n", false),
        ];
        for (octets, fit) in table {
            let piece = Piece::new(Bytes::copy_from_slice(octets.as_bytes()));
            assert_eq!(piece.is_some(), fit, "{octets:?}");
        }
    }
}

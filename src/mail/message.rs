//! What goes over the wire for one batch: an envelope and octets.
//!
//! The octets are the message as RFC 5322 has it: lines of at most 998 octets ended by CRLF, the last
//! one included, no NUL, no lone CR or LF, and not dot-stuffed, as that belongs to DATA and not to the
//! message.

use std::fmt;

use bytes::Bytes;
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

/// One composed message and whom it goes to.
#[derive(Debug, Clone)]
pub struct Message {
    /// The batch it was composed for.
    pub batch: Batch,
    /// Sender and recipients; `forward_paths` stands in the order of `batch.recipients`.
    pub envelope: Envelope,
    /// The message, ready but for dot-stuffing.
    pub octets: Bytes,
    /// What identifies its content.
    pub digest: Digest,
    /// Whether octets over 127 stand in it, so that the server must announce 8BITMIME (RFC 6152).
    pub eight_bit: bool,
}

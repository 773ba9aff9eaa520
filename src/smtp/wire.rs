//! The way out: octets not yet written, and the replies that they will draw.
//!
//! A command and the reply it draws are noted together here, so that the two cannot fall apart. It writes
//! envelopes and ends data; when it may is the dialogue's to know.

use std::collections::VecDeque;

use super::command::{Body, Charset, Command, Mail, Rcpt};
use super::extension::{Extension, Extensions};
use super::transaction::Transaction;
use super::transparency::stuff;
use crate::mail::Phase;

/// Octets that the output keeps room for between messages, so that a session takes less than 64 KiB beside
/// them; a large message gives its room back.
const KEPT_ROOM: usize = 40 * 1024;

/// Which command a reply still to come will answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Rset,
    Mail,
    /// RCPT for the recipient at this index.
    Rcpt(usize),
    Data,
    End,
    /// The dot that carries nobody.
    LoneEnd,
}

impl Expected {
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::Rset => Phase::Other,
            Self::Mail => Phase::Mail,
            Self::Rcpt(_) => Phase::Rcpt,
            Self::Data => Phase::Data,
            Self::End | Self::LoneEnd => Phase::End,
        }
    }
}

/// Octets on their way out, and the replies expected, oldest first.
#[derive(Debug, Default)]
pub(super) struct Wire {
    output: Vec<u8>,
    written: usize,
    expected: VecDeque<Expected>,
}

impl Wire {
    /// What is still to be written.
    pub(super) fn output(&self) -> &[u8] {
        &self.output[self.written..]
    }

    /// Takes `count` octets of the output as written.
    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count;
        debug_assert!(self.written <= self.output.len());
        if self.written == self.output.len() {
            self.output.clear();
            self.output.shrink_to(KEPT_ROOM);
            self.written = 0;
        }
    }

    /// Forgets what is to be written and what is expected.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What the oldest reply still to come answers.
    pub(super) fn expected(&self) -> Option<Expected> {
        self.expected.front().copied()
    }

    /// Takes the oldest reply still to come as come.
    pub(super) fn pop_expected(&mut self) -> Option<Expected> {
        self.expected.pop_front()
    }

    pub(super) fn rset(&mut self) {
        self.say(&Command::Rset, Charset::Ascii, Expected::Rset);
    }

    pub(super) fn mail(&mut self, transaction: &Transaction, extensions: &Extensions) {
        let message = &transaction.message;
        let notify = message.envelope.notify.as_ref();
        let envid = notify.map(|_| message.batch.id.to_string());
        let mail = Mail {
            reverse_path: message.envelope.reverse_path.as_ref(),
            size: extensions.offers(Extension::Size).then_some(message.octets.len()),
            body: message.eight_bit.then_some(Body::EightBitMime),
            charset: transaction.charset,
            ret: notify.map(|notify| notify.ret),
            envid: envid.as_deref(),
        };
        self.say(&Command::Mail(mail), transaction.charset, Expected::Mail);
    }

    pub(super) fn rcpt(&mut self, transaction: &Transaction, index: usize) {
        let envelope = &transaction.message.envelope;
        let notify = envelope.notify.as_ref().map(|notify| &*notify.on);
        let rcpt = Rcpt { forward_path: &envelope.forward_paths[index], notify };
        self.say(&Command::Rcpt(rcpt), transaction.charset, Expected::Rcpt(index));
    }

    pub(super) fn data(&mut self) {
        self.say(&Command::Data, Charset::Ascii, Expected::Data);
    }

    /// MAIL, RCPT for each and DATA as one group (RFC 2920, 3.1).
    pub(super) fn envelope(&mut self, transaction: &Transaction, extensions: &Extensions) {
        self.paths(transaction, extensions);
        self.data();
    }

    /// The whole of a message, from MAIL to its last octet (RFC 3030, 4.2). Only for a permit, after the
    /// transaction was marked as dotted.
    pub(super) fn stream(&mut self, transaction: &Transaction, extensions: &Extensions) {
        self.paths(transaction, extensions);
        let octets = &transaction.message.octets;
        self.say(&Command::BdatLast(octets.len()), Charset::Ascii, Expected::End);
        self.output.extend_from_slice(octets);
    }

    fn paths(&mut self, transaction: &Transaction, extensions: &Extensions) {
        self.mail(transaction, extensions);
        let mut from = 0;
        while let Some(index) = transaction.offered_from(from) {
            self.rcpt(transaction, index);
            from = index + 1;
        }
    }

    /// Content and its final dot. Only for a permit, after the transaction was marked as dotted.
    pub(super) fn content(&mut self, octets: &[u8]) {
        stuff(octets, &mut self.output);
        self.output.extend_from_slice(b".\r\n");
        self.expected.push_back(Expected::End);
    }

    /// The dot that carries nobody.
    pub(super) fn lone_dot(&mut self) {
        self.output.extend_from_slice(b".\r\n");
        self.expected.push_back(Expected::LoneEnd);
    }

    fn say(&mut self, command: &Command<'_>, charset: Charset, expected: Expected) {
        command
            .write(charset, &mut self.output)
            .expect("an address holds nothing that may not stand in a command");
        self.expected.push_back(expected);
    }
}

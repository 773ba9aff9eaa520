//! The way out: octets not yet written, and the replies that they will draw.
//!
//! A command and the reply it draws are noted together here, so that the two cannot fall apart. It writes
//! envelopes and ends data; when it may is the dialogue's to know.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};

use super::command::{Body, Charset, Command, Mail, Rcpt};
use super::extension::{Extension, Extensions};
use super::transaction::Transaction;
use super::transparency::stuff;
use crate::mail::{Message, Phase, Piece};

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
    /// What leaves first.
    output: Vec<u8>,
    written: usize,
    /// What leaves behind it, in this order.
    behind: VecDeque<Behind>,
    expected: VecDeque<Expected>,
}

/// Octets that messages share, written from where they lie, and what follows them.
#[derive(Debug)]
struct Behind {
    shared: Bytes,
    then: Vec<u8>,
}

impl Wire {
    /// What is to be written next; empty if nothing is.
    pub(super) fn output(&self) -> &[u8] {
        match (&self.output[self.written..], self.behind.front()) {
            ([], Some(behind)) => &behind.shared,
            (output, _) => output,
        }
    }

    /// Takes `count` octets of the [output](Self::output) as written.
    pub(super) fn wrote(&mut self, count: usize) {
        match self.behind.front_mut() {
            Some(behind) if self.written == self.output.len() => behind.shared.advance(count),
            Some(_) | None => self.written += count,
        }
        debug_assert!(self.written <= self.output.len());
        if self.written == self.output.len() {
            self.output.clear();
            self.output.shrink_to(KEPT_ROOM);
            self.written = 0;
            self.draw_up();
        }
    }

    /// Goes over to what follows shared octets that have left.
    fn draw_up(&mut self) {
        while self.output.is_empty()
            && let Some(behind) = self.behind.pop_front_if(|behind| behind.shared.is_empty())
        {
            self.output = behind.then;
        }
    }

    /// Where the next octets are to be put.
    fn end(&mut self) -> &mut Vec<u8> {
        match self.behind.back_mut() {
            Some(behind) => &mut behind.then,
            None => &mut self.output,
        }
    }

    /// Puts octets that messages share behind the rest.
    fn share(&mut self, tail: &[Piece]) {
        let shared = tail.iter().map(|piece| Behind { shared: piece.octets().clone(), then: Vec::new() });
        self.behind.extend(shared);
        self.draw_up();
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
            size: extensions.offers(Extension::Size).then_some(message.size()),
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
        let message = &transaction.message;
        self.say(&Command::BdatLast(message.size()), Charset::Ascii, Expected::End);
        self.end().extend_from_slice(&message.octets);
        self.share(&message.tail);
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
    pub(super) fn content(&mut self, message: &Message) {
        stuff(&message.octets, self.end());
        self.share(&message.tail);
        self.end().extend_from_slice(b".\r\n");
        self.expected.push_back(Expected::End);
    }

    /// The dot that carries nobody.
    pub(super) fn lone_dot(&mut self) {
        self.end().extend_from_slice(b".\r\n");
        self.expected.push_back(Expected::LoneEnd);
    }

    fn say(&mut self, command: &Command<'_>, charset: Charset, expected: Expected) {
        command.write(charset, self.end()).expect("an address holds nothing that may not stand in a command");
        self.expected.push_back(expected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::specimen::message;

    /// Everything a wire still writes, `most` octets at a time.
    fn written(mut wire: Wire, most: usize) -> String {
        let mut all = Vec::new();
        while !wire.output().is_empty() {
            let count = wire.output().len().min(most);
            all.extend_from_slice(&wire.output()[..count]);
            wire.wrote(count);
        }
        String::from_utf8(all).expect("ASCII")
    }

    #[test]
    fn shared_octets_stand_between_what_was_said_before_and_behind_them() {
        let piece = |text: &'static str| Piece::new(Bytes::from_static(text.as_bytes())).expect("lines");
        let mut with_tail = message(1, &["a@x.example"], "S: 1\r\n\r\n.own\r\n");
        with_tail.tail = vec![piece("shared\r\n"), piece(""), piece("also\r\n")];
        let alone = message(2, &["b@x.example"], ".two\r\n");
        for most in [1, 2, 3, 7, 1_000] {
            let mut wire = Wire::default();
            wire.rset();
            wire.content(&with_tail);
            wire.data();
            wire.content(&with_tail);
            wire.content(&alone);
            let content = "S: 1\r\n\r\n..own\r\nshared\r\nalso\r\n.\r\n";
            assert_eq!(written(wire, most), format!("RSET\r\n{content}DATA\r\n{content}..two\r\n.\r\n"));

            let mut wire = Wire::default();
            wire.stream(&Transaction::new(with_tail.clone()), &Extensions::default());
            wire.rset();
            let said = written(wire, most);
            let chunk = "BDAT 28 LAST\r\nS: 1\r\n\r\n.own\r\nshared\r\nalso\r\nRSET\r\n";
            assert!(said.ends_with(chunk), "{said}");
        }
    }

    #[test]
    fn shared_octets_are_not_copied() {
        let lines = Bytes::from("line\r\n".repeat(1 << 16));
        let mut large = message(1, &["a@x.example"], "S: 1\r\n\r\n");
        large.tail = vec![Piece::new(lines.clone()).expect("lines")];
        let mut wire = Wire::default();
        wire.content(&large);
        assert!(wire.output.capacity() < 1_000);
        wire.wrote(wire.output().len());
        assert_eq!(wire.output().as_ptr(), lines.as_ptr());
    }
}

//! The dialogue: SMTP mail transactions as a pure state machine (RFC 5321, 3.3; RFC 2920).
//!
//! Messages and replies go in, octets and [`Ending`]s come out; nothing here reads, writes or waits, in the
//! way of rustls and quinn-proto. It holds a message whose content is next or under way, and one behind it.
//! In [`Mode::Grouped`] the write that ends the data of one also carries MAIL, RCPT and DATA of the other,
//! as RFC 2920, 3.1 allows, so that a message costs one round trip.
//!
//! The rule above all: [`Dialogue::permit`] alone writes content and its final dot, and takes a
//! [`Permit`] for it. The one dot beside it carries nobody: DATA that got 354 though every RCPT was refused
//! is ended by a lone dot. A reply that nobody asked for, or that has no meaning where it comes, ends the
//! dialogue: from then on nothing can be matched. Every message offered meets exactly one ending.

use std::collections::VecDeque;

use super::examine::examine;
use super::extension::{Extension, Extensions};
use super::reply::RawReply;
use super::transaction::{Ending, Fate, Refusals, Stage, Standing, Transaction, answer};
use super::wire::{Expected, Wire};
use crate::mail::{Doubt, Intent, Message, Permit, Phase, Refused, RelayNo, Reply};

/// How much may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every reply is awaited before the next command: PIPELINING is not announced.
    LockStep,
    /// Commands go in groups, and the envelope of the next message with the data of this one (RFC 2920).
    Grouped,
}

/// Why a dialogue ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The connection closed or broke.
    Line,
    /// A reply did not come in time.
    TimedOut,
    /// What came was no reply, or answered nothing.
    Garbled,
    /// The session was dropped.
    Abandoned,
}

/// A reply after which the dialogue is over. Every transaction has met its ending by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// 421: the server closes. It answered this step.
    Closing(Phase, Reply),
    /// The reply answers nothing, or has no meaning as an answer to this step.
    Unexpected(Phase, Reply),
}

/// The mail transactions of one session.
#[derive(Debug)]
pub struct Dialogue {
    mode: Mode,
    extensions: Extensions,
    refusals: Refusals,
    current: Option<Transaction>,
    next: Option<Transaction>,
    wire: Wire,
    endings: VecDeque<Ending>,
    line: Line,
    reset: Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    Over,
}

/// Whether the server may hold an abandoned transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reset {
    Clean,
    Due,
}

impl Dialogue {
    /// A dialogue in a greeted, encrypted, authenticated session with these `extensions`.
    pub fn new(extensions: Extensions, refusals: Refusals) -> Self {
        let mode = if extensions.offers(Extension::Pipelining) { Mode::Grouped } else { Mode::LockStep };
        Self {
            mode,
            extensions,
            refusals,
            current: None,
            next: None,
            wire: Wire::default(),
            endings: VecDeque::with_capacity(2),
            line: Line::Open,
            reset: Reset::Clean,
        }
    }

    /// Whether a message may be [offered](Self::offer): nothing is under way, or only what its envelope may
    /// travel with.
    pub fn has_room(&self) -> bool {
        if self.line == Line::Over || self.next.is_some() {
            return false;
        }
        match (&self.current, self.mode) {
            (None, Mode::Grouped) => true,
            (None, Mode::LockStep) => self.wire.expected().is_none(),
            (Some(_), Mode::LockStep) => false,
            (Some(current), Mode::Grouped) => match current.stage {
                Stage::Waiting | Stage::Envelope => false,
                Stage::Ready | Stage::Intended | Stage::Dotted => true,
            },
        }
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.next.is_none() && self.wire.expected().is_none()
    }

    /// Takes a message. It is begun at once, or with the next end of data.
    ///
    /// What the server cannot take by its own announcement is not said to it: the message, or the recipient
    /// that is meant, meets its ending in a reply of ours.
    ///
    /// # Panics
    /// If there is no [room](Self::has_room), or the envelope does not fit the batch.
    pub fn offer(&mut self, message: Message) {
        assert!(self.has_room(), "a message is offered where there is room");
        assert_eq!(
            message.envelope.forward_paths.len(),
            message.batch.recipients.len(),
            "a path for each recipient"
        );
        let mut transaction = Transaction::new(message);
        if let Err(reply) = examine(&mut transaction, &self.extensions) {
            self.endings.push_back(transaction.unfit(reply));
        } else if transaction.mail.is_some() || transaction.offered_from(0).is_none() {
            self.endings.push_back(transaction.end(&Fate::NotSent));
        } else {
            match &self.current {
                None => {
                    self.current = Some(transaction);
                    self.begin_current();
                }
                Some(current) => {
                    let dotted = current.stage == Stage::Dotted;
                    self.next = Some(transaction);
                    if dotted {
                        self.begin_next();
                    }
                }
            }
        }
    }

    /// The question that the gate must answer before the data of the current message may end.
    pub fn intent(&self, relay: RelayNo) -> Option<Intent<'_>> {
        let current = self.current.as_ref().filter(|current| current.stage == Stage::Ready)?;
        Some(current.intent(relay))
    }

    /// Notes that the gate took the question: an outcome is owed from now on.
    ///
    /// # Panics
    /// If there was no [question](Self::intent).
    pub fn intended(&mut self) {
        let current = self.current.as_mut().filter(|current| current.stage == Stage::Ready);
        current.expect("a gate answers only what it was asked").note_intent();
    }

    /// Takes the gate's refusal. A DATA that got its 354 can be taken back only by closing the connection, so
    /// the dialogue is over; nobody was written to.
    pub fn refuse(&mut self, refused: &Refused) {
        let suppressed: &[_] = match refused {
            Refused::Suppressed(recipients) => recipients,
            Refused::Stopping | Refused::NoSpace | Refused::Journal(_) => &[],
        };
        if let Some(current) = self.current.take_if(|current| current.stage != Stage::Dotted) {
            self.endings.push_back(current.end_each(|recipient| {
                if suppressed.contains(&recipient) { Fate::Suppressed } else { Fate::NotSent }
            }));
        }
        self.lose(Loss::Abandoned);
    }

    /// Ends the data of the current message: content, final dot, and the envelope of the next message if it
    /// is at hand and may travel along.
    ///
    /// # Panics
    /// If the permit is for another batch, or nothing waits for one: an end of data without a recorded intent
    /// must not leave, in no build.
    pub fn permit(&mut self, permit: Permit) {
        let current = self.current.as_mut().filter(|current| current.stage == Stage::Intended);
        let current = current.expect("a permit is given only for data that waits for it");
        let spent = permit;
        assert_eq!(spent.batch(), current.message.batch.id, "a permit ends the data of its own batch");
        // Before any octet of the dot is in any buffer: from here on nobody can know.
        current.stage = Stage::Dotted;
        let octets = std::mem::take(&mut current.message.octets);
        self.wire.content(&octets);
        if self.mode == Mode::Grouped {
            self.begin_next();
        }
    }

    /// Takes the next reply.
    ///
    /// # Errors
    /// The dialogue is over, and every transaction has met its ending.
    pub fn receive(&mut self, raw: &RawReply<'_>) -> Result<(), Break> {
        let code = raw.code();
        let Some(expected) = self.wire.pop_expected() else {
            self.lose(if code == 421 { Loss::Line } else { Loss::Garbled });
            let reply = raw.to_reply();
            return Err(match code {
                421 => Break::Closing(Phase::Other, reply),
                _ => Break::Unexpected(Phase::Other, reply),
            });
        };
        let understood = match expected {
            Expected::Rset => code / 100 == 2,
            Expected::Mail => self.mail_answered(raw),
            Expected::Rcpt(index) => self.rcpt_answered(index, raw),
            Expected::Data => self.data_answered(raw),
            Expected::End => self.end_answered(raw),
            Expected::LoneEnd => code / 100 != 3,
        };
        if code == 421 {
            self.lose(Loss::Line);
            return Err(Break::Closing(expected.phase(), raw.to_reply()));
        }
        if !understood {
            self.lose(Loss::Garbled);
            return Err(Break::Unexpected(expected.phase(), raw.to_reply()));
        }
        if self.mode == Mode::LockStep {
            self.step(expected);
        }
        Ok(())
    }

    fn mail_answered(&mut self, raw: &RawReply<'_>) -> bool {
        let Some(current) = &mut self.current else { return false };
        match raw.code() / 100 {
            2 => true,
            4 | 5 => {
                current.refuse_mail(raw.to_reply());
                true
            }
            _ => false,
        }
    }

    fn rcpt_answered(&mut self, index: usize, raw: &RawReply<'_>) -> bool {
        let Some(current) = &mut self.current else { return false };
        match raw.code() / 100 {
            2 => current.standings[index] = Standing::Accepted,
            // Behind a refused MAIL it says nothing about the recipient.
            4 | 5 if current.mail.is_some() => {}
            4 | 5 => current.standings[index] = Standing::Refused(answer(Phase::Rcpt, raw.to_reply())),
            _ => return false,
        }
        true
    }

    fn data_answered(&mut self, raw: &RawReply<'_>) -> bool {
        let Some(current) = &mut self.current else { return false };
        match raw.code() {
            354 if current.accepted() > 0 => current.prepare_intent(self.refusals),
            354 => {
                // RFC 2920, 3.1: all were refused, yet the server waits for data; the dot carries nobody.
                self.wire.lone_dot();
                self.finish(&Fate::NotSent);
            }
            400..=599 => {
                self.reset = Reset::Due;
                self.finish(&Fate::Answered(answer(Phase::Data, raw.to_reply())));
            }
            _ => return false,
        }
        true
    }

    fn end_answered(&mut self, raw: &RawReply<'_>) -> bool {
        match raw.code() / 100 {
            2 | 4 | 5 => self.finish(&Fate::Answered(answer(Phase::End, raw.to_reply()))),
            _ => return false,
        }
        true
    }

    /// Ends the current transaction and goes over to the next.
    fn finish(&mut self, rest: &Fate) {
        if let Some(current) = self.current.take() {
            self.endings.push_back(current.end(rest));
        }
        self.current = self.next.take();
        if self.current.as_ref().is_some_and(|current| current.stage == Stage::Waiting) {
            self.begin_current();
        }
    }

    /// Lock-step: says the command that follows the reply to `answered`.
    fn step(&mut self, answered: Expected) {
        let Some(current) = &self.current else { return };
        let from = match answered {
            Expected::Rset => return self.wire.mail(current, &self.extensions),
            Expected::Mail if current.mail.is_some() => return self.abandon(),
            Expected::Mail => 0,
            Expected::Rcpt(index) => index + 1,
            Expected::Data | Expected::End | Expected::LoneEnd => return,
        };
        if let Some(index) = current.offered_from(from) {
            self.wire.rcpt(current, index);
        } else if current.accepted() > 0 {
            self.wire.data();
        } else {
            self.abandon();
        }
    }

    /// Lock-step: ends a transaction in which nobody is left, before DATA.
    fn abandon(&mut self) {
        self.reset = Reset::Due;
        self.finish(&Fate::NotSent);
    }

    fn begin_current(&mut self) {
        let Some(current) = &mut self.current else { return };
        current.stage = Stage::Envelope;
        let reset = std::mem::replace(&mut self.reset, Reset::Clean);
        match (self.mode, reset) {
            (Mode::LockStep, Reset::Due) => self.wire.rset(),
            (Mode::LockStep, Reset::Clean) => self.wire.mail(current, &self.extensions),
            (Mode::Grouped, Reset::Due) => {
                self.wire.rset();
                self.wire.envelope(current, &self.extensions);
            }
            (Mode::Grouped, Reset::Clean) => self.wire.envelope(current, &self.extensions),
        }
    }

    /// Says the envelope of the next message behind the end of data of the current one.
    fn begin_next(&mut self) {
        if let Some(next) = self.next.as_mut().filter(|next| next.stage == Stage::Waiting) {
            next.stage = Stage::Envelope;
            self.wire.envelope(next, &self.extensions);
        }
    }

    /// Ends the dialogue: the connection is lost, or must be closed. Every transaction meets its ending.
    pub fn lose(&mut self, loss: Loss) {
        self.line = Line::Over;
        self.wire.clear();
        for transaction in [self.current.take(), self.next.take()].into_iter().flatten() {
            let rest = match (transaction.stage, loss) {
                (Stage::Dotted, Loss::Line) => Fate::Doubtful(Doubt::LineLost),
                (Stage::Dotted, Loss::TimedOut) => Fate::Doubtful(Doubt::TimedOut),
                (Stage::Dotted, Loss::Garbled) => Fate::Doubtful(Doubt::Garbled),
                (Stage::Dotted, Loss::Abandoned) => Fate::Doubtful(Doubt::Abandoned),
                (Stage::Waiting, _) | (Stage::Envelope | Stage::Ready | Stage::Intended, Loss::Abandoned) => {
                    Fate::NotSent
                }
                (
                    Stage::Envelope | Stage::Ready | Stage::Intended,
                    Loss::Line | Loss::TimedOut | Loss::Garbled,
                ) => Fate::Lost,
            };
            self.endings.push_back(transaction.end(&rest));
        }
    }

    /// The next ending, oldest first.
    pub fn next_ending(&mut self) -> Option<Ending> {
        self.endings.pop_front()
    }

    /// What is to be written.
    pub fn output(&self) -> &[u8] {
        self.wire.output()
    }

    /// Takes `count` octets of the [output](Self::output) as written.
    pub fn wrote(&mut self, count: usize) {
        self.wire.wrote(count);
    }

    /// The step that the oldest reply still to come answers; none if no reply is due.
    pub fn awaits(&self) -> Option<Phase> {
        self.wire.expected().map(Expected::phase)
    }
}

#[cfg(test)]
mod tests;

//! The dialogue: SMTP mail transactions as a pure state machine (RFC 5321, 3.3; RFC 2920; RFC 3030).
//!
//! Messages and replies go in, octets and [`Ending`]s come out; nothing here reads, writes or waits, in the
//! way of rustls and quinn-proto. The transactions under way stand in a row, and every reply is about the
//! first of them. In [`Mode::Grouped`] there are two at most: the write that ends the data of one also
//! carries MAIL, RCPT and DATA of the other, as RFC 2920, 3.1 allows, so that a message costs one round trip.
//! In [`Mode::Streamed`] there are as many as the [window](super::window) lets fly, each written in one piece
//! from MAIL to `BDAT LAST`, so that what a message costs no longer depends on the round trip.
//!
//! The rule above all: [`Dialogue::permit`] alone writes content and its end, and takes a [`Permit`] for
//! it. The one dot beside it carries nobody: DATA that got 354 though every RCPT was refused is ended by a
//! lone dot. A reply that nobody asked for, or that has no meaning where it comes, ends the dialogue: from
//! then on nothing can be matched. Every message offered meets exactly one ending. `dialogue/answers.rs` takes
//! the replies.

use std::collections::VecDeque;

use super::examine::examine;
use super::extension::Extensions;
use super::mode::{Manner, Mode};
use super::transaction::{Ending, Fate, Refusals, Stage, Transaction};
use super::window::Window;
use super::wire::{Expected, Wire};
use crate::mail::{BatchId, Doubt, Intent, Message, Permit, Phase, Refused, RelayNo, Reply};

mod answers;

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

/// What becomes of a dialogue when the gate refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing of the message was said: the dialogue goes on without it.
    GoesOn,
    /// DATA got its 354, which can be taken back only by closing the connection: the dialogue is over.
    Ends,
}

/// The mail transactions of one session.
#[derive(Debug)]
pub struct Dialogue {
    mode: Mode,
    extensions: Extensions,
    refusals: Refusals,
    /// Oldest first.
    underway: VecDeque<Transaction>,
    window: Window,
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
    /// A dialogue in a greeted, encrypted, authenticated session with these `extensions`, no bolder than
    /// `manner`.
    pub fn new(extensions: Extensions, refusals: Refusals, manner: Manner) -> Self {
        Self {
            mode: manner.mode_with(&extensions),
            extensions,
            refusals,
            underway: VecDeque::with_capacity(2),
            window: Window::new(manner.window),
            wire: Wire::default(),
            endings: VecDeque::with_capacity(2),
            line: Line::Open,
            reset: Reset::Clean,
        }
    }

    /// How it speaks with this server.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether a message may be [offered](Self::offer): nothing is under way, or only what it may travel with.
    pub fn has_room(&self) -> bool {
        if self.line == Line::Over {
            return false;
        }
        match self.mode {
            Mode::LockStep => self.underway.is_empty() && self.wire.expected().is_none(),
            Mode::Grouped => match (self.underway.front(), self.underway.len()) {
                (None, _) => true,
                (Some(first), 1) => match first.stage {
                    Stage::Waiting | Stage::Envelope => false,
                    Stage::Ready | Stage::Intended | Stage::Dotted => true,
                },
                (Some(_), _) => false,
            },
            Mode::Streamed => self.window.has_room(),
        }
    }

    /// Whether no further message may be offered, as the server has refused what was streamed too often.
    pub fn is_spent(&self) -> bool {
        self.mode == Mode::Streamed && self.window.is_spent()
    }

    /// Whether more can be said.
    pub fn is_open(&self) -> bool {
        self.line == Line::Open
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.underway.is_empty() && self.wire.expected().is_none()
    }

    /// Takes a message. It is begun at once, or with the next end of data; streamed, with its own permit.
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
            return self.endings.push_back(transaction.unfit(reply));
        }
        if transaction.mail.is_some() || transaction.offered_from(0).is_none() {
            return self.endings.push_back(transaction.end(&Fate::NotSent));
        }
        self.window.begin(transaction.size);
        if self.mode == Mode::Streamed {
            transaction.prepare_blind_intent();
            return self.underway.push_back(transaction);
        }
        self.underway.push_back(transaction);
        if self.underway.len() == 1 {
            self.begin_first();
        } else if self.underway[0].stage == Stage::Dotted {
            self.begin_second();
        }
    }

    /// The question that the gate must answer next, before the data of that message may end.
    pub fn intent(&self, relay: RelayNo) -> Option<Intent<'_>> {
        Some(self.underway.iter().find(|one| one.stage == Stage::Ready)?.intent(relay))
    }

    /// Notes that the gate took the question: an outcome is owed from now on.
    ///
    /// # Panics
    /// If there was no [question](Self::intent).
    pub fn intended(&mut self) {
        let asked = self.underway.iter_mut().find(|one| one.stage == Stage::Ready);
        asked.expect("a gate answers only what it was asked").note_intent();
    }

    /// Takes the gate's refusal of `batch`; nobody in it was written to.
    pub fn refuse(&mut self, batch: BatchId, refused: &Refused) -> Refusal {
        let suppressed: &[_] = match refused {
            Refused::Suppressed(recipients) => recipients,
            Refused::Stopping | Refused::NoSpace | Refused::Journal(_) => &[],
        };
        let meant = |one: &Transaction| one.message.batch.id == batch && one.stage != Stage::Dotted;
        if let Some(place) = self.underway.iter().position(meant)
            && let Some(refused) = self.take(place)
        {
            self.endings.push_back(refused.end_each(|recipient| {
                if suppressed.contains(&recipient) { Fate::Suppressed } else { Fate::NotSent }
            }));
        }
        if self.mode == Mode::Streamed {
            return Refusal::GoesOn;
        }
        self.lose(Loss::Abandoned);
        Refusal::Ends
    }

    /// Ends the data of the message that waits for it. What travels with it is written too: streamed, its own
    /// envelope; grouped, that of the next message if it is at hand.
    ///
    /// # Panics
    /// If the permit is for another batch, or nothing waits for one: an end of data without a recorded intent
    /// must not leave, in no build.
    pub fn permit(&mut self, permit: Permit) {
        let first = self.underway.iter_mut().find(|one| one.stage == Stage::Intended);
        let first = first.expect("a permit is given only for data that waits for it");
        let spent = permit;
        assert_eq!(spent.batch(), first.message.batch.id, "a permit ends the data of its own batch");
        // Before any octet of the end is in any buffer: from here on nobody can know.
        first.stage = Stage::Dotted;
        if self.mode == Mode::Streamed {
            // What came of the transaction before is not known yet, and some servers keep one open that
            // reached nobody (Exim 4.96): RSET makes sure that this one is its own.
            if std::mem::replace(&mut self.reset, Reset::Due) == Reset::Due {
                self.wire.rset();
            }
            self.wire.stream(first, &self.extensions);
        } else {
            self.wire.content(&first.message);
        }
        first.message.forget_octets();
        if self.mode == Mode::Grouped {
            self.begin_second();
        }
    }

    /// Takes a transaction out of the row.
    fn take(&mut self, place: usize) -> Option<Transaction> {
        let taken = self.underway.remove(place)?;
        self.window.end(taken.size);
        Some(taken)
    }

    /// Ends the first transaction and goes over to the next.
    fn finish(&mut self, rest: &Fate) {
        if let Some(first) = self.take(0) {
            self.endings.push_back(first.end(rest));
        }
        if self.underway.front().is_some_and(|first| first.stage == Stage::Waiting) {
            self.begin_first();
        }
    }

    fn begin_first(&mut self) {
        let Some(first) = self.underway.front_mut() else { return };
        first.stage = Stage::Envelope;
        let reset = std::mem::replace(&mut self.reset, Reset::Clean);
        match (self.mode, reset) {
            (Mode::LockStep, Reset::Due) => self.wire.rset(),
            (Mode::LockStep, Reset::Clean) => self.wire.mail(first, &self.extensions),
            (Mode::Grouped | Mode::Streamed, Reset::Due) => {
                self.wire.rset();
                self.wire.envelope(first, &self.extensions);
            }
            (Mode::Grouped | Mode::Streamed, Reset::Clean) => self.wire.envelope(first, &self.extensions),
        }
    }

    /// Says the envelope of the second message behind the end of data of the first.
    fn begin_second(&mut self) {
        if let Some(second) = self.underway.get_mut(1).filter(|second| second.stage == Stage::Waiting) {
            second.stage = Stage::Envelope;
            self.wire.envelope(second, &self.extensions);
        }
    }

    /// Ends the dialogue: the connection is lost, or must be closed. Every transaction meets its ending.
    pub fn lose(&mut self, loss: Loss) {
        self.line = Line::Over;
        self.wire.clear();
        while let Some(transaction) = self.take(0) {
            let rest = match (transaction.stage, loss) {
                (Stage::Dotted, Loss::Line) => Fate::Doubtful(Doubt::LineLost),
                (Stage::Dotted, Loss::TimedOut) => Fate::Doubtful(Doubt::TimedOut),
                (Stage::Dotted, Loss::Garbled) => Fate::Doubtful(Doubt::Garbled),
                (Stage::Dotted, Loss::Abandoned) => Fate::Doubtful(Doubt::Abandoned),
                (Stage::Waiting, _) | (Stage::Envelope | Stage::Ready | Stage::Intended, Loss::Abandoned) => {
                    Fate::NotSent
                }
                // Streamed, nothing was said of it before the permit.
                (Stage::Ready | Stage::Intended, _) if self.mode == Mode::Streamed => Fate::NotSent,
                (
                    Stage::Envelope | Stage::Ready | Stage::Intended,
                    Loss::Line | Loss::TimedOut | Loss::Garbled,
                ) => Fate::Lost,
            };
            self.endings.push_back(transaction.end(&rest));
        }
    }

    /// Gives back what waits for the gate, as no permit will come any more; what is under way goes on.
    pub fn withdraw(&mut self) {
        while let Some(last) = self.underway.len().checked_sub(1)
            && self.mode == Mode::Streamed
            && self.underway[last].stage != Stage::Dotted
            && let Some(transaction) = self.take(last)
        {
            self.endings.push_back(transaction.end(&Fate::NotSent));
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

//! A session at work: messages are taken, permits asked for, endings handed over.
//!
//! [`Session::drive`] runs the [`Dialogue`] over the connection. Whatever it waits for becomes one
//! `Happening`, and what follows from it is decided without waiting. Permits are awaited in the order in which
//! they were asked for, so that no session holds back a message that may leave for one that may not yet.
//! It may be dropped at any moment, by a panic too: the guard in it hands over an ending for every message
//! it took, uncertain for those whose final dot may have left.

use std::future::{Future, poll_fn};
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{Connection, Progress};
use super::dialogue::{Break, Dialogue, Loss, Refusal};
use super::error::SmtpError;
use super::mode::{Manner, Mode};
use super::questions::{Answer, Questions};
use super::session::Session;
use super::timeouts::Timeouts;
use super::transaction::{Ending, Refusals};
use super::watch::Watch;
use crate::mail::{BatchId, Intent, Message, Phase, Refused, RelayNo, Ticket};

/// Octets after which a write counts as having gone on (RFC 5321, 4.5.3.2.5 speaks of a block).
const BLOCK: usize = 16 * 1024;
/// Octets on their way out beyond which no further message is put behind them.
const OUTPUT: usize = 36 * 1024;

/// What a session draws on while it works.
pub trait Errand: Send {
    /// The next message, if one is at hand. Asked while another is under way.
    fn try_next(&mut self) -> Option<Message>;

    /// The next message; none if this session is to send no more. Asked while nothing is under way. May be
    /// dropped before it is ready, and must then have taken nothing.
    fn next(&mut self) -> impl Future<Output = Option<Message>> + Send;

    /// Asks the gate.
    ///
    /// # Errors
    /// The end of data must not leave.
    fn intend(&mut self, intent: Intent<'_>) -> Result<Ticket, Refused>;

    /// Takes the ending of a message that was drawn, exactly one for each. Must not panic.
    fn end(&mut self, ending: Ending);
}

/// What a session needs to know of its relay.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Which relay of the run it is.
    pub relay: RelayNo,
    /// Whether its provider counts recipients that it refused.
    pub refusals: Refusals,
    /// How much may be under way at once.
    pub manner: Manner,
    /// How long to stay without a message before QUIT.
    pub idle: Duration,
}

/// Why a session ended.
#[derive(Debug)]
pub enum Close {
    /// There was nothing more to send; QUIT was said.
    Finished,
    /// Nothing came to be sent for so long that QUIT was said.
    Idle,
    /// The gate gave no permit. DATA can be taken back only by closing the connection; where nothing was said
    /// yet, the session ended when all else was answered.
    HeldBack(Refused),
    /// The connection failed or the server closed it.
    Failed(SmtpError),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Session<S> {
    /// Sends what `errand` gives until it gives nothing more, then says QUIT.
    ///
    /// Every message drawn meets exactly one [`Errand::end`], also when this future is dropped.
    pub async fn drive<E: Errand>(self, terms: &Terms, errand: &mut E) -> Close {
        let timeouts = self.timeouts;
        let mut work = Conversation::new(self, terms, errand);
        let close = work.run().await;
        work.settle();
        match close {
            Close::Finished | Close::Idle => work.connection.quit(&timeouts).await,
            Close::HeldBack(_) if work.dialogue.is_open() => work.connection.quit(&timeouts).await,
            Close::HeldBack(_) | Close::Failed(_) => {}
        }
        close
    }
}

/// What a session waits for. One wait ends and another begins when this changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// The server takes what is written; it is the block of this number.
    Block { number: u64 },
    /// The reply to this step; `count` replies came before it.
    Reply { phase: Phase, count: u64 },
    /// A permit: the gate's matter.
    Gate,
    /// A message.
    Idle,
}

/// What happened while waiting.
enum Happening {
    Moved(Progress),
    Gate(Answer),
    Drawn(Option<Message>),
    Late,
}

struct Conversation<'a, S, E: Errand> {
    dialogue: Dialogue,
    connection: Connection<S>,
    errand: &'a mut E,
    terms: &'a Terms,
    timeouts: Timeouts,
    watch: Watch,
    wait: Wait,
    questions: Questions,
    /// Octets written of the block at hand, and its number.
    written: usize,
    block: u64,
    /// Replies read.
    count: u64,
    supply: Supply,
    /// Why the gate lets nothing pass any more.
    held: Option<Refused>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supply {
    Open,
    Spent,
}

impl<E: Errand, S> Drop for Conversation<'_, S, E> {
    fn drop(&mut self) {
        self.dialogue.lose(Loss::Abandoned);
        while let Some(ending) = self.dialogue.next_ending() {
            self.errand.end(ending);
        }
    }
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin + Send, E: Errand> Conversation<'a, S, E> {
    fn new(session: Session<S>, terms: &'a Terms, errand: &'a mut E) -> Self {
        Self {
            dialogue: Dialogue::new(session.extensions, terms.refusals, terms.manner),
            connection: session.connection,
            errand,
            terms,
            timeouts: session.timeouts,
            watch: Watch::new(),
            wait: Wait::Gate,
            questions: Questions::default(),
            written: 0,
            block: 0,
            count: 0,
            supply: Supply::Open,
            held: None,
        }
    }

    async fn run(&mut self) -> Close {
        loop {
            if let Err(error) = self.take_replies() {
                return Close::Failed(error);
            }
            // Before the next message is composed, so that the journal writes meanwhile.
            if let Err(close) = self.ask_gate() {
                return close;
            }
            if self.dialogue.is_spent() {
                // QUIT in good order; whoever keeps sessions opens another.
                self.supply = Supply::Spent;
            }
            self.draw();
            if let Err(close) = self.ask_gate() {
                return close;
            }
            if self.supply == Supply::Spent && self.dialogue.is_idle() {
                return self.held.take().map_or(Close::Finished, Close::HeldBack);
            }
            self.begin_wait();
            let happening = self.happening().await;
            if let Some(close) = self.handle(happening) {
                return close;
            }
        }
    }

    /// Hands every reply that was read to the dialogue, and every ending to the errand.
    fn take_replies(&mut self) -> Result<(), SmtpError> {
        let result = loop {
            match self.connection.replies.next_reply() {
                Ok(None) => break Ok(()),
                Ok(Some(raw)) => {
                    self.count += 1;
                    match self.dialogue.receive(&raw) {
                        Ok(()) => {}
                        Err(Break::Closing(phase, reply)) => break Err(SmtpError::Refused { phase, reply }),
                        Err(Break::Unexpected(phase, reply)) => {
                            break Err(SmtpError::Unexpected { phase, reply });
                        }
                    }
                }
                Err(source) => {
                    let phase = self.phase();
                    self.dialogue.lose(Loss::Garbled);
                    break Err(SmtpError::Malformed { phase, source });
                }
            }
        };
        self.settle();
        result
    }

    /// Hands over the endings at hand.
    fn settle(&mut self) {
        while let Some(ending) = self.dialogue.next_ending() {
            self.errand.end(ending);
        }
    }

    /// Asks the gate about every message that waits to be asked about.
    fn ask_gate(&mut self) -> Result<(), Close> {
        while let Some(intent) = self.dialogue.intent(self.terms.relay) {
            let batch = intent.batch.id;
            match self.errand.intend(intent) {
                Ok(ticket) => {
                    self.dialogue.intended();
                    self.questions.ask(batch, ticket);
                }
                Err(refused) => self.refuse(batch, refused)?,
            }
        }
        Ok(())
    }

    /// Heeds a refusal of the gate.
    fn refuse(&mut self, batch: BatchId, refused: Refused) -> Result<(), Close> {
        match self.dialogue.refuse(batch, &refused) {
            Refusal::Ends => return Err(Close::HeldBack(refused)),
            Refusal::GoesOn => {}
        }
        match refused {
            Refused::Suppressed(_) => {}
            Refused::Stopping | Refused::NoSpace | Refused::Journal(_) => {
                // What has left is still to be answered for.
                self.questions = Questions::default();
                self.dialogue.withdraw();
                self.supply = Supply::Spent;
                self.held = Some(refused);
            }
        }
        self.settle();
        Ok(())
    }

    /// Ends the data of every message that has its permit, as far as there is room to write.
    fn pass(&mut self, answer: Answer) -> Result<(), Close> {
        let mut answer = Some(answer);
        while let Some(Answer { batch, result }) = answer {
            match result {
                Ok(permit) => self.dialogue.permit(permit),
                Err(refused) => self.refuse(batch, refused)?,
            }
            answer = if self.may_write() { self.questions.at_hand() } else { None };
        }
        Ok(())
    }

    fn may_write(&self) -> bool {
        self.dialogue.output().len() < OUTPUT
    }

    /// Takes messages as long as there is room and one is at hand.
    fn draw(&mut self) {
        while self.supply == Supply::Open && self.dialogue.has_room() {
            let Some(message) = self.errand.try_next() else { return };
            self.dialogue.offer(message);
            self.settle();
        }
    }

    /// Begins to wait anew if what is waited for has changed.
    fn begin_wait(&mut self) {
        let wait = match self.dialogue.awaits() {
            _ if !self.dialogue.output().is_empty() => Wait::Block { number: self.block },
            Some(phase) => Wait::Reply { phase, count: self.count },
            None if self.dialogue.is_idle() => Wait::Idle,
            None => Wait::Gate,
        };
        if wait == self.wait {
            return;
        }
        self.wait = wait;
        self.watch.begin(match wait {
            Wait::Block { .. } => Some(self.timeouts.block),
            Wait::Reply { phase, .. } => Some(self.timeouts.reply(phase)),
            Wait::Idle => Some(self.terms.idle),
            Wait::Gate => None,
        });
    }

    async fn happening(&mut self) -> Happening {
        let asked = self.questions.is_any() && self.may_write();
        let draws = self.supply == Supply::Open
            && (self.dialogue.is_idle()
                || self.dialogue.mode() == Mode::Streamed && self.dialogue.has_room());
        tokio::select! {
            // In this order: a server that says good-bye is heard before it is given another message.
            biased;
            answer = poll_fn(|context| self.questions.poll(context)), if asked => Happening::Gate(answer),
            moved = self.connection.progress(self.dialogue.output()) => Happening::Moved(moved),
            message = self.errand.next(), if draws => Happening::Drawn(message),
            () = self.watch.expired() => Happening::Late,
        }
    }

    fn handle(&mut self, happening: Happening) -> Option<Close> {
        match happening {
            Happening::Moved(Progress::Wrote(count)) => {
                self.dialogue.wrote(count);
                self.written += count;
                if self.written >= BLOCK || self.dialogue.output().is_empty() {
                    self.written = 0;
                    self.block += 1;
                }
            }
            Happening::Moved(Progress::Read) => {}
            Happening::Moved(Progress::Ended(source)) => return Some(self.ended(source)),
            Happening::Gate(answer) => return self.pass(answer).err(),
            Happening::Drawn(Some(message)) => {
                self.dialogue.offer(message);
                self.settle();
            }
            Happening::Drawn(None) => self.supply = Supply::Spent,
            Happening::Late => return Some(self.late()),
        }
        None
    }

    fn ended(&mut self, source: Option<io::Error>) -> Close {
        let phase = self.phase();
        self.dialogue.lose(Loss::Line);
        Close::Failed(SmtpError::Lost { phase, source })
    }

    fn late(&mut self) -> Close {
        if self.wait == Wait::Idle {
            return Close::Idle;
        }
        let phase = self.phase();
        self.dialogue.lose(Loss::TimedOut);
        let after = match self.wait {
            Wait::Block { .. } | Wait::Gate | Wait::Idle => self.timeouts.block,
            Wait::Reply { phase, .. } => self.timeouts.reply(phase),
        };
        Close::Failed(SmtpError::TimedOut { phase, after })
    }

    fn phase(&self) -> Phase {
        self.dialogue.awaits().unwrap_or(Phase::Other)
    }
}

#[cfg(test)]
mod tests;

//! A session at work: messages are taken, permits asked for, endings handed over.
//!
//! [`Session::drive`] runs the [`Dialogue`] over the connection. Whatever it waits for becomes one
//! `Happening`, and what follows from it is decided without waiting. It may be dropped at any moment, by
//! a panic too: the guard in it hands over an ending for every message it took, uncertain for those whose
//! final dot may have left.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{Connection, Progress};
use super::dialogue::{Break, Dialogue, Loss};
use super::error::SmtpError;
use super::session::Session;
use super::timeouts::Timeouts;
use super::transaction::{Ending, Refusals};
use super::watch::Watch;
use crate::mail::{Intent, Message, Permit, Phase, Refused, RelayNo, Ticket};

/// Octets after which a write counts as having gone on (RFC 5321, 4.5.3.2.5 speaks of a block).
const BLOCK: usize = 16 * 1024;

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
    /// The gate gave no permit. DATA can be taken back only by closing the connection.
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
    Gate(Result<Permit, Refused>),
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
    /// Octets written of the block at hand, and its number.
    written: usize,
    block: u64,
    /// Replies read.
    count: u64,
    supply: Supply,
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
            dialogue: Dialogue::new(session.extensions, terms.refusals),
            connection: session.connection,
            errand,
            terms,
            timeouts: session.timeouts,
            watch: Watch::new(),
            wait: Wait::Gate,
            written: 0,
            block: 0,
            count: 0,
            supply: Supply::Open,
        }
    }

    async fn run(&mut self) -> Close {
        let mut permit = pin!(None);
        loop {
            if let Err(error) = self.take_replies() {
                return Close::Failed(error);
            }
            match self.ask_gate() {
                Ok(None) => {}
                Ok(Some(ticket)) => permit.set(Some(ticket.permit())),
                Err(refused) => return Close::HeldBack(refused),
            }
            self.draw();
            if self.supply == Supply::Spent && self.dialogue.is_idle() {
                return Close::Finished;
            }
            self.begin_wait();
            let happening = self.happening(permit.as_mut()).await;
            if let Happening::Gate(_) = happening {
                permit.set(None);
            }
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

    fn ask_gate(&mut self) -> Result<Option<Ticket>, Refused> {
        let Some(intent) = self.dialogue.intent(self.terms.relay) else { return Ok(None) };
        match self.errand.intend(intent) {
            Ok(ticket) => {
                self.dialogue.intended();
                Ok(Some(ticket))
            }
            Err(refused) => {
                self.dialogue.refuse(&refused);
                Err(refused)
            }
        }
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

    async fn happening<F>(&mut self, permit: Pin<&mut Option<F>>) -> Happening
    where
        F: Future<Output = Result<Permit, Refused>>,
    {
        let asked = permit.is_some();
        let draws = self.supply == Supply::Open && self.dialogue.is_idle();
        tokio::select! {
            // In this order: a server that says good-bye is heard before it is given another message.
            biased;
            result = answered(permit), if asked => Happening::Gate(result),
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
            Happening::Gate(Ok(permit)) => self.dialogue.permit(permit),
            Happening::Gate(Err(refused)) => {
                self.dialogue.refuse(&refused);
                return Some(Close::HeldBack(refused));
            }
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

/// The gate's answer, once it was asked.
async fn answered<F>(permit: Pin<&mut Option<F>>) -> F::Output
where
    F: Future,
{
    match permit.as_pin_mut() {
        Some(permit) => permit.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;

//! What happens on a simulated line, step by step: time, faults, refusals, and what the server does.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use crate::mail::{Answer, Message, Phase, RecipientNo, Reply};

use super::chance::mix;
use super::relay::Shared;
use super::replies::{AT_DATA, AT_END, AT_MAIL, AT_RCPT, over_limit, taken};
use super::session::pause;
use super::world::Word;

/// How a line fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// It closed.
    Line,
    /// No reply came in time.
    TimedOut,
    /// What came was no reply.
    Garbled,
}

/// How long the reply to the final dot is waited for (RFC 5321, 4.5.3.2.6).
const LONGEST_DOT: Duration = Duration::from_mins(10);

/// What a server says to the end of data.
#[derive(Debug)]
pub(super) struct Said {
    /// After which time.
    pub(super) after: Duration,
    pub(super) reply: Result<Reply, Loss>,
}

/// What chance has for a step.
enum Throw {
    Well,
    Lost(Loss),
    Refused(Reply),
    Panics,
}

impl Shared {
    /// A command and its reply: none if it is the one that was hoped for.
    pub(super) async fn step(&self, phase: Phase) -> Result<Option<Reply>, Loss> {
        let faults = self.faults();
        let (refusals, refused): (&[(u16, &str)], u64) = match phase {
            Phase::Mail => (AT_MAIL, faults.mail),
            Phase::Data => (AT_DATA, faults.data),
            _ => (&[], 0),
        };
        let (throw, lasts) = self.world().with(|state| {
            let chance = &mut state.chance;
            let trip = chance.within(1..=self.character().trip);
            let throw = if chance.permille(faults.drop) {
                (Throw::Lost(Loss::Line), trip)
            } else if chance.permille(faults.garbage) {
                (Throw::Lost(Loss::Garbled), trip)
            } else if chance.permille(faults.silence) {
                (Throw::Lost(Loss::TimedOut), 300_000)
            } else if chance.permille(faults.panic) {
                (Throw::Panics, trip)
            } else if chance.permille(refused) {
                let (code, text) = *chance.pick(refusals);
                (Throw::Refused(Reply::new(code, text)), trip)
            } else {
                (Throw::Well, trip)
            };
            if !matches!(throw.0, Throw::Well) {
                state.note("a step fails", (phase as u64, self.place() as u64));
            }
            throw
        });
        pause(lasts).await;
        match throw {
            Throw::Well => Ok(None),
            Throw::Lost(loss) => Err(loss),
            Throw::Refused(reply) => Ok(Some(reply)),
            // No hook is called for it, so nothing is printed.
            Throw::Panics => resume_unwind(Box::new("a session panics")),
        }
    }

    /// The message on its way.
    pub(super) async fn body(&self) -> Result<(), Loss> {
        self.step(Phase::Other).await.map(|_| ())
    }

    /// What RCPT says of each recipient.
    pub(super) fn rcpt(&self, recipients: &[RecipientNo], refused: &mut [Option<Answer>]) {
        let (faults, most) = (self.faults(), self.character().most);
        self.world().with(|state| {
            let seed = state.scenario.start.unsigned_abs();
            let mut accepted = 0;
            for (recipient, refused) in recipients.iter().zip(refused) {
                // Some are dead whoever asks, and however often.
                let fate = mix(seed ^ u64::from(recipient.0));
                let is_dead = fate % 1000 < faults.rcpt / 4;
                let reply = if is_dead {
                    Reply::new(550, "5.1.1 No such user here")
                } else if accepted >= most {
                    Reply::new(452, "4.5.3 Too many recipients")
                } else if state.chance.permille(faults.rcpt) {
                    let (code, text) = *state.chance.pick(AT_RCPT);
                    Reply::new(code, text)
                } else {
                    accepted += 1;
                    continue;
                };
                *refused = Some(Answer { phase: Phase::Rcpt, reply: Arc::new(reply) });
            }
        });
    }

    /// The end of data reaches the server, which takes the message for these or does not.
    pub(super) fn end_of_data(&self, message: &Message, reached: &[RecipientNo], refused: u64) -> Said {
        let (faults, trip) = (self.faults(), self.character().trip);
        self.world().with(|state| {
            let account = &state.scenario.accounts[self.place()];
            let now = state.time.now();
            let is_closed = state.servers.providers[account].is_closed(now, reached.len() as u64 + refused);
            let chance = &mut state.chance;
            let refusal = if is_closed {
                Some(over_limit())
            } else if chance.permille(faults.end) {
                let (code, text) = *chance.pick(AT_END);
                Some(Reply::new(code, text))
            } else {
                None
            };
            let lasts = if chance.permille(faults.slow) {
                chance.within(1_000..=590_000)
            } else if chance.permille(faults.silence) {
                chance.within(600_001..=900_000)
            } else {
                chance.within(1..=trip)
            };
            let loss = if chance.permille(faults.after_dot) {
                // What arrived at all is another question.
                Some((*chance.pick(&[Loss::Line, Loss::Line, Loss::Garbled]), chance.one_in(2)))
            } else {
                None
            };
            let (after, late) = (Duration::from_millis(lasts).min(LONGEST_DOT), lasts > 600_000);
            if let Some((loss, false)) = loss {
                state.note("an end of data is lost", (u64::from(message.batch.id.number), 0));
                return Said { after, reply: Err(loss) };
            }
            let word = if refusal.is_none() { Word::Taken } else { Word::Refused };
            let reached = state.end_of_data(self.place(), (message, reached, refused), word);
            let reply = refusal.unwrap_or_else(|| taken(state.servers.messages));
            match loss {
                Some((loss, _)) => Said { after, reply: Err(loss) },
                None if late => Said { after, reply: Err(Loss::TimedOut) },
                None if reached => Said { after, reply: Ok(reply) },
                // Nobody hears it: the world stands still.
                None => Said { after, reply: Err(Loss::Line) },
            }
        })
    }
}

//! An outcome in the making: deliveries one by one, gathered into a record.
//!
//! Neighbours with the same fate share an entry, and equal answers are told once.

use jiff::Timestamp;
use smallvec::SmallVec;

use crate::mail::{Charge, Delivery, Outcome, RecipientNo};

use super::record::{AnswerKnown, Attempt, Cause, FateKnown, Millis, OutcomeKnown, Record, Spans, Words};
use super::settle::Fate;

/// An outcome in the making.
pub(super) struct Draft {
    of: Attempt,
    at: Millis,
    answers: SmallVec<[AnswerKnown; 1]>,
    fates: SmallVec<[FateKnown; 1]>,
    /// Octets it will take, at most.
    pub(super) size: usize,
}

impl Draft {
    /// Of an attempt that ended at `at`.
    pub(super) fn new(of: Attempt, at: Timestamp) -> Self {
        Self { of, at: at.into(), answers: SmallVec::new(), fates: SmallVec::new(), size: 64 }
    }

    /// Adds what became of one recipient.
    pub(super) fn add(
        &mut self,
        recipient: RecipientNo,
        fate: &Fate<'_>,
        delivery: &Delivery,
        answer: Option<AnswerKnown>,
    ) {
        let number = answer.map(|answer| self.number(answer));
        let cause = match (&delivery.outcome, number) {
            (Outcome::Accepted(_) | Outcome::Deferred(..) | Outcome::Rejected(..), Some(number)) => {
                Cause::Answer(number)
            }
            (Outcome::Returned(_), Some(number)) => Cause::Returned(number),
            (Outcome::Uncertain(doubt), _) => Cause::Doubt(*doubt),
            (Outcome::Suppressed, _) => Cause::Suppressed,
            (
                Outcome::Returned(_) | Outcome::Accepted(_) | Outcome::Deferred(..) | Outcome::Rejected(..),
                None,
            ) => Cause::NotSent,
        };
        let due = fate.due.map(Millis::from);
        match self.fates.last_mut() {
            Some(last) if (last.state, last.due, last.cause) == (fate.state, due, cause) => {
                last.recipients.push(recipient);
                self.size += 8;
            }
            Some(_) | None => {
                let recipients = Spans::of([recipient]);
                self.fates.push(FateKnown { recipients, state: fate.state, due, cause });
                self.size += 32;
            }
        }
    }

    fn number(&mut self, answer: AnswerKnown) -> u16 {
        let known = self.answers.iter().rposition(|known| *known == answer);
        let place = known.unwrap_or_else(|| {
            let inline = match &answer.words {
                Words::Numbered(_) => 0,
                Words::Inline(text) => text.len(),
            };
            self.size += 32 + answer.queue_id.len() + inline;
            self.answers.push(answer);
            self.answers.len() - 1
        });
        u16::try_from(place).expect("an outcome is cut long before")
    }

    /// The record; `kept` is what the account stays charged, none while more of the outcome follows.
    pub(super) fn finish(self, kept: Option<Charge>) -> Record {
        Record::Outcome(OutcomeKnown {
            of: self.of,
            at: self.at,
            kept,
            answers: self.answers,
            fates: self.fates,
        })
    }
}

//! Who is left of a run: what the engine loads when it begins or goes on.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;

use crate::mail::{RecipientNo, RelayName, State};

use super::book::RunBook;
use super::entries::{BatchKey, Waiting};
use super::record::Millis;

/// Everybody of a run who is still to be written to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Everybody who stands pending, by places in the plan, rising; those in `returned` among them.
    pub pending: Vec<Range<u32>>,
    /// Those of `pending` who were attempted before, by place.
    pub returned: Vec<Waiter>,
    /// Those who wait for another attempt, by the time it is due.
    pub deferred: Vec<Waiter>,
    /// The Date of batches that had an intent and may be sent once more, in whole seconds: batch number
    /// and part.
    pub dates: BTreeMap<(u32, u16), Timestamp>,
    /// The highest part of each batch that was ever split; a new part must count on from it.
    pub parts: BTreeMap<u32, u16>,
}

/// One recipient who was attempted and is not done with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiter {
    /// Who.
    pub recipient: RecipientNo,
    /// The batch of the last attempt: its number in the plan.
    pub batch: u32,
    /// Its part; 0 for the batch as planned.
    pub part: u16,
    /// Attempts that were used up.
    pub attempts: u16,
    /// When the next one is due; none: at once.
    pub due: Option<Timestamp>,
    /// When the recipient was first deferred.
    pub since: Option<Timestamp>,
    /// The relay that deferred the recipient, or whose reply is missing.
    pub relay: Option<RelayName>,
}

/// The parts a backlog is made of, from the index or from memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    pub(super) states: Vec<State>,
    pub(super) waiting: Vec<(u32, Waiting)>,
    pub(super) dates: Vec<(BatchKey, Millis)>,
    pub(super) parts: Vec<(u32, u16)>,
}

impl Pieces {
    /// What memory holds of `run`.
    pub(super) fn of(run: &RunBook) -> Self {
        Self {
            states: run.states.clone(),
            waiting: run.waiting.iter().map(|(recipient, waiting)| (*recipient, *waiting)).collect(),
            dates: run.dates.iter().map(|(batch, date)| (*batch, *date)).collect(),
            parts: run.parts.iter().map(|(number, part)| (*number, *part)).collect(),
        }
    }

    /// Puts everything into one order, so that two of them can be compared.
    pub(super) fn sort(&mut self) {
        self.waiting.sort_unstable_by_key(|(recipient, _)| *recipient);
        self.dates.sort_unstable();
        self.parts.sort_unstable();
    }

    /// The backlog these pieces describe; `run` gives the relays their names.
    pub(super) fn assemble(self, run: &RunBook) -> Backlog {
        let (mut returned, mut deferred) = (Vec::new(), Vec::new());
        for (recipient, waiting) in &self.waiting {
            let waiter = Waiter {
                recipient: RecipientNo(*recipient),
                batch: waiting.batch.0,
                part: waiting.batch.1,
                attempts: waiting.attempts,
                due: waiting.due.map(Into::into),
                since: waiting.since.map(Into::into),
                relay: waiting
                    .relay
                    .and_then(|place| run.names.get(usize::from(place)))
                    .map(|(name, _)| name.clone()),
            };
            match self.states.get(*recipient as usize) {
                Some(State::Deferred) => deferred.push(waiter),
                Some(State::Pending) => returned.push(waiter),
                Some(_) | None => {}
            }
        }
        returned.sort_unstable_by_key(|waiter| waiter.recipient);
        deferred.sort_unstable_by_key(|waiter| (waiter.due, waiter.recipient));
        Backlog {
            pending: ranges(&self.states, State::Pending),
            returned,
            deferred,
            dates: self.dates.into_iter().map(|(batch, date)| (batch, date.into())).collect(),
            parts: self.parts.into_iter().collect(),
        }
    }
}

/// The ranges of places that stand in `state`, rising.
pub(super) fn ranges(states: &[State], state: State) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for (place, found) in (0..).zip(states) {
        if *found != state {
            continue;
        }
        match ranges.last_mut() {
            Some(range) if range.end == place => range.end += 1,
            Some(_) | None => ranges.push(place..place + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_recipients_come_as_ranges() {
        use State::{Accepted, Pending};
        let table: [(&[State], Vec<Range<u32>>); 4] = [
            (&[], vec![]),
            (&[Accepted], vec![]),
            (&[Pending, Accepted, Pending], vec![0..1, 2..3]),
            (&[Accepted, Pending, Accepted, Pending, Pending], vec![1..2, 3..5]),
        ];
        for (states, expected) in table {
            assert_eq!(ranges(states, Pending), expected);
        }
    }
}

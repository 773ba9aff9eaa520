//! A run in virtual time against relays that answer as a test says.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{accepted, answer, report, scheduler, start, terms};
use crate::mail::{Batch, Outcome, RelayNo, Return, Settled, State, Trouble};
use crate::schedule::{Backlog, LaneSpec, Note, Scheduler, Step};

/// A batch that comes to its end at a relay.
pub(super) struct Landing {
    pub(super) at: Timestamp,
    pub(super) relay: RelayNo,
    pub(super) batch: Batch,
    /// How many batches the relay had when this one was handed to it, this one included.
    pub(super) beside: usize,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Landed {
    pub(super) at: Timestamp,
    pub(super) relay: RelayNo,
    pub(super) accepted: usize,
    pub(super) beside: usize,
}

impl Landing {
    pub(super) fn taken(self) -> Settled {
        report(self.relay, self.batch, |_| accepted())
    }

    pub(super) fn deferred(self, outcome: impl Fn() -> Outcome) -> Settled {
        report(self.relay, self.batch, |_| outcome())
    }

    /// The line was lost before the end of data.
    pub(super) fn lost(self) -> Settled {
        report(self.relay, self.batch, |_| Outcome::Returned(Return::LineLost))
    }

    /// The relay refused, and nobody else is meant.
    pub(super) fn refused(self, trouble: &Trouble) -> Settled {
        let verdict = trouble.verdict;
        let mut settled = report(self.relay, self.batch, |_| {
            Outcome::Returned(Return::RelayTrouble(answer(451, "4.7.0 later"), verdict))
        });
        settled.troubles.push(trouble.clone());
        settled
    }
}

/// A scheduler, what is under way, and what was seen.
pub(super) struct Traffic {
    pub(super) scheduler: Scheduler,
    pub(super) now: Timestamp,
    flights: BTreeMap<(Timestamp, u64), Landing>,
    order: u64,
    pub(super) landed: Vec<Landed>,
    pub(super) notes: Vec<(Timestamp, Note)>,
    pub(super) stopped: BTreeMap<RelayNo, Timestamp>,
}

impl Traffic {
    pub(super) fn new(lanes: &[LaneSpec], backlog: Backlog) -> Self {
        Self {
            scheduler: scheduler(terms(), lanes, backlog),
            now: start(),
            flights: BTreeMap::new(),
            order: 0,
            landed: Vec::new(),
            notes: Vec::new(),
            stopped: BTreeMap::new(),
        }
    }

    /// Runs for `span`, or until nothing is left to do: each batch takes 50 ms, and is answered when it lands.
    pub(super) fn run(&mut self, span: Duration, mut answer: impl FnMut(Landing) -> Settled) -> Step {
        let end = self.now + span;
        loop {
            match self.scheduler.next(self.now) {
                Step::Lease { relay, batch } => self.launch(relay, batch),
                Step::Wait(wait) => {
                    let lands = self.flights.keys().next().map(|(lands, _)| *lands);
                    let until = lands.into_iter().chain(wait.until).min().unwrap_or(end);
                    if until > end {
                        self.now = end;
                        return Step::Wait(wait);
                    }
                    self.now = self.now.max(until);
                    self.land(&mut answer);
                }
                step @ (Step::Done | Step::Stopped(_)) if self.flights.is_empty() => return step,
                Step::Done | Step::Stopped(_) => {
                    let ((lands, _), _) = self.flights.first_key_value().expect("something is out");
                    self.now = self.now.max(*lands);
                    self.land(&mut answer);
                }
            }
        }
    }

    fn launch(&mut self, relay: RelayNo, batch: Batch) {
        let at = self.now + Duration::from_millis(50);
        let beside = 1 + self.flights.values().filter(|other| other.relay == relay).count();
        self.order += 1;
        self.flights.insert((at, self.order), Landing { at, relay, batch, beside });
    }

    fn land(&mut self, answer: &mut impl FnMut(Landing) -> Settled) {
        while let Some(entry) = self.flights.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let landing = entry.remove();
            let (at, relay, beside) = (landing.at, landing.relay, landing.beside);
            let settled = answer(landing);
            let decision = self.scheduler.settle(at, &settled);
            let taken = decision.deliveries.iter().filter(|(_, state, _)| *state == State::Accepted);
            self.landed.push(Landed { at, relay, accepted: taken.count(), beside });
            self.notes.extend(decision.notes.into_iter().map(|note| (at, note)));
            if let Some((relay, _)) = decision.relay_stopped {
                self.stopped.entry(relay).or_insert(at);
            }
        }
    }

    /// How many recipients `relay` took from `from` on.
    pub(super) fn accepted(&self, relay: RelayNo, from: Timestamp) -> usize {
        let of_relay = self.landed.iter().filter(|landed| landed.relay == relay && landed.at >= from);
        of_relay.map(|landed| landed.accepted).sum()
    }

    /// When `relay` was tried, from the start, in milliseconds.
    pub(super) fn tries(&self, relay: RelayNo) -> Vec<u128> {
        let since = |at: Timestamp| at.duration_since(start()).unsigned_abs().as_millis();
        self.landed.iter().filter(|landed| landed.relay == relay).map(|landed| since(landed.at)).collect()
    }
}

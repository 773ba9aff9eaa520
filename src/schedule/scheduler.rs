//! Who gets which batch next.
//!
//! Among the relays that could take a batch now, the one with the lowest pass gets it: stride scheduling, so
//! that over time each takes work in proportion to its weight, and a relay that cannot does not hold up the
//! others. A batch that is out is charged to its account from the lease on, so a quota is never
//! promised twice.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use super::destinations::Destinations;
use super::domains::DomainNo;
use super::lane::{Hold, Lane};
use super::opening::Opening;
use super::queue::{Entry, Queue, Source};
use super::step::{Decision, Step, StopReason, Wait};
use super::terms::{Backlog, LaneSpec, Terms};
use crate::mail::{Account, Batch, BatchId, BoundKind, Charge, RecipientNo, RelayNo, State, Tally, Usage};
use crate::policy::{ContentBreaker, Retry, StopIf};

/// With less room than this share of a quota (one in so many), a batch that does not fit is not cut to fit.
const WORTH_CUTTING: u64 = 100;

/// What a run still has to do, and every rule by which it does it.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) retry: Retry,
    pub(super) stop_if: StopIf,
    pub(super) content: ContentBreaker,
    pub(super) opening: Opening,
    pub(super) lanes: Vec<Lane>,
    pub(super) ledgers: Vec<(Account, Usage)>,
    pub(super) queue: Queue,
    pub(super) out: HashMap<BatchId, Out>,
    /// Runs of fresh batches that a forecast has out.
    pub(super) runs_out: u32,
    pub(super) tally: Tally,
    pub(super) phase: Phase,
    pub(super) rng: Xoshiro256PlusPlus,
    /// Whom the caller suppressed in this run.
    pub(super) barred: HashSet<RecipientNo>,
    /// Whether a burst breaker fired.
    pub(super) burst: bool,
    /// The domains of the batch that is looked at; kept for its memory.
    pub(super) domains: Vec<DomainNo>,
    /// The pass of the lane that was served last, before it moved.
    pass: u64,
    pub(super) now: Timestamp,
}

/// A batch that is out.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) relay: RelayNo,
    pub(super) begun: Charge,
    pub(super) since: Option<Timestamp>,
    pub(super) state: State,
    pub(super) returns: u32,
}

/// Whether anything is leased at all.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Phase {
    Running,
    Draining,
    Stopped(StopReason),
}

/// Leave to lease.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grant {
    pub(super) relay: RelayNo,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// At most so many recipients of the next batch at a source.
    Batch(Source, usize),
    /// A run of planned batches at once; for forecasts.
    Run(Range<u32>),
}

/// How much a grant may lease at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stride {
    /// One batch.
    Batch,
    /// A run of planned batches.
    Run {
        /// For how long it may keep a session busy.
        span: Duration,
        /// How many batches it may have.
        most: u32,
    },
}

impl Scheduler {
    /// A scheduler of `backlog` over `lanes`, whose accounts begin with what the ledger knows of them.
    /// `seed` decides the jitter of retries.
    pub fn new(
        terms: Terms,
        lanes: &[LaneSpec],
        usages: &BTreeMap<Account, Usage>,
        backlog: Backlog,
        seed: u64,
    ) -> Self {
        let mut ledgers: Vec<(Account, Usage)> = Vec::new();
        let specs = lanes;
        let lanes = specs.iter().map(|spec| {
            let known = ledgers.iter().position(|(account, _)| *account == spec.account);
            let ledger = known.unwrap_or_else(|| {
                ledgers.push((spec.account.clone(), usages.get(&spec.account).cloned().unwrap_or_default()));
                ledgers.len() - 1
            });
            Lane::new(spec, ledger)
        });
        let mut lanes: Vec<Lane> = lanes.collect();
        let table = backlog.domains.clone();
        let queue = Queue::new(terms.run, backlog, lanes.len());
        let aside = queue.domains_aside();
        for (lane, spec) in lanes.iter_mut().zip(specs) {
            let table = table.as_ref().map(Arc::clone);
            let destinations = |table| Destinations::new(table, spec.domains.clone(), aside.clone());
            lane.destinations = table.map(destinations).map(Box::new);
        }
        // Those put aside count as well.
        let tally = queue.tally();
        Self {
            retry: terms.retry,
            stop_if: terms.stop_if,
            content: ContentBreaker::default(),
            opening: Opening::new(terms.start, terms.hours),
            tally,
            lanes,
            ledgers,
            queue,
            out: HashMap::new(),
            runs_out: 0,
            phase: Phase::Running,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            barred: HashSet::new(),
            burst: false,
            domains: Vec::new(),
            pass: 0,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// What to do at `now`. Ask again at once after a lease; after a wait when it is over or when a
    /// batch was settled, whichever comes first.
    pub fn next(&mut self, now: Timestamp) -> Step {
        match self.grant(now, Stride::Batch) {
            Ok(Grant { relay, what: What::Batch(source, most) }) => self.lease(relay, source, most),
            Ok(Grant { relay, what: What::Run(_) }) => self.lease(relay, Source::Fresh, usize::MAX),
            Err(step) => step,
        }
    }

    /// Time as the scheduler sees it: it never goes back.
    pub(super) fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now);
        self.now
    }

    /// Leases no more. What is out is still to be settled.
    pub fn drain(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Draining;
        }
    }

    /// How many batches are out.
    pub fn out(&self) -> usize {
        self.out.len() + self.runs_out as usize
    }

    /// Where the backlog's recipients stand by now. Those out count as what they were before.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether a breaker fired: a relay refused so many in the same words, or the run so many at all, that
    /// permanent refusals are not to be believed. Nobody is to be suppressed because of this run.
    pub fn breaker_fired(&self) -> bool {
        let stopped =
            matches!(self.phase, Phase::Stopped(StopReason::StopIf { .. } | StopReason::Content { .. }));
        self.burst || stopped
    }

    /// Notes how many sessions of a relay are open.
    pub fn sessions(&mut self, now: Timestamp, relay: RelayNo, open: u32) {
        self.advance(now);
        if let Some(lane) = self.lanes.get_mut(relay.index()) {
            lane.open_sessions = open;
        }
    }

    /// Takes out recipients who must not be written to any more. Those out are caught by the gate, or
    /// when they come back without having been sent to.
    pub fn suppress(&mut self, recipients: &[RecipientNo]) -> Decision {
        let barred: HashSet<RecipientNo> = recipients.iter().copied().collect();
        let found = self.queue.bar(&barred);
        self.barred.extend(barred);
        self.finish(found, State::Suppressed)
    }

    /// Takes out everybody who is not out, and stops. Those out are cancelled when they come back
    /// without a definite outcome.
    pub fn cancel(&mut self) -> Decision {
        self.phase = Phase::Stopped(StopReason::Cancelled);
        let found = self.queue.clear();
        let decision = self.finish(found, State::Cancelled);
        Decision { stop: Some(StopReason::Cancelled), ..decision }
    }

    fn finish(&mut self, found: Vec<(RecipientNo, State)>, state: State) -> Decision {
        let deliveries = found.into_iter().map(|(recipient, before)| {
            self.tally.shift(before, state);
            (recipient, state, None)
        });
        Decision { deliveries: deliveries.collect(), ..Decision::default() }
    }

    /// Decides who takes the next batch, and uses up the relay's rate for it.
    ///
    /// # Errors
    /// The step to give instead.
    pub(super) fn grant(&mut self, now: Timestamp, stride: Stride) -> Result<Grant, Step> {
        let now = self.advance(now);
        match &self.phase {
            Phase::Running => {}
            Phase::Stopped(reason) => return Err(Step::Stopped(reason.clone())),
            Phase::Draining if self.out() > 0 => return Err(Step::Wait(Wait::default())),
            Phase::Draining if self.queue.is_empty() => return Err(Step::Done),
            Phase::Draining => return Err(Step::Stopped(StopReason::Drained)),
        }
        self.queue.release(now);
        if self.queue.is_empty() && self.out() == 0 {
            return Err(Step::Done);
        }
        if self.opening.is_open(now) {
            while let Some((place, source)) = self.lowest(now) {
                let lane = &mut self.lanes[place];
                if lane.away {
                    // It may have fallen far behind; it goes on from where the others are.
                    lane.away = false;
                    lane.pass = lane.pass.max(self.pass);
                    continue;
                }
                match self.admit((place, source), now, stride) {
                    Ok(what) => {
                        self.pass = self.lanes[place].pass;
                        return Ok(Grant { relay: relay_no(place), what });
                    }
                    Err(hold) => self.lanes[place].hold(hold),
                }
            }
        }
        Err(self.wait(now))
    }

    /// The lane with the lowest pass among those that are open and have something to do, and where that is.
    fn lowest(&mut self, now: Timestamp) -> Option<(usize, Source)> {
        loop {
            let mut lowest: Option<(u64, usize)> = None;
            for place in 0..self.lanes.len() {
                let lane = &mut self.lanes[place];
                let pass = lane.pass;
                if lowest.is_none_or(|(lowest, _)| pass < lowest)
                    && lane.is_open(now)
                    && self.find(place, now).is_some()
                {
                    lowest = Some((pass, place));
                }
            }
            let (_, place) = lowest?;
            // A lane that was asked after it may have put aside what it found, and moved up what nobody asked about.
            if let Some(source) = self.find(place, now) {
                return Some((place, source));
            }
        }
    }

    /// Asks the quotas and then the rate of a lane for its next batch.
    fn admit(
        &mut self,
        (place, source): (usize, Source),
        now: Timestamp,
        stride: Stride,
    ) -> Result<What, Hold> {
        let relay = relay_no(place);
        let lane = &mut self.lanes[place];
        let usage = &self.ledgers[lane.ledger].1;
        let size = self.queue.size(relay, source) as u64;
        let whole = size.min(lane.largest);
        if whole == 0 {
            return Err(Hold { kind: BoundKind::Quota, until: None });
        }
        let room = lane.allowance.room(usage, now);
        let worth = (lane.allowance.today() / WORTH_CUTTING).clamp(1, whole);
        if room.messages == 0 || room.recipients < worth {
            let charge = Charge { messages: 1, recipients: worth };
            let (kind, until) = lane.allowance.bound(usage, now, charge);
            return Err(Hold { kind, until });
        }
        let most = whole.min(room.recipients);
        let (what, count) = match stride {
            Stride::Run { span, most: batches } if source == Source::Fresh && most == size => {
                let paced = u32::try_from(span.as_nanos() / lane.pace.as_nanos()).unwrap_or(u32::MAX);
                let batches = batches.min(paced).min(lane.limiter.burst().get()).max(1);
                let batches = batches.min(u32::try_from(room.messages).unwrap_or(u32::MAX));
                let numbers = self.queue.fresh_run(batches, lane.largest, room.recipients);
                let numbers = lane.unlimited(&self.queue, numbers);
                match NonZeroU32::new(numbers.end - numbers.start) {
                    Some(count) => (What::Run(numbers), count),
                    // A batch to a limited domain counts for it, so it goes by itself.
                    None => (whole_batch(source, most), NonZeroU32::MIN),
                }
            }
            Stride::Run { .. } | Stride::Batch => (whole_batch(source, most), NonZeroU32::MIN),
        };
        match lane.limiter.take_many(now, count) {
            Ok(()) => Ok(what),
            Err(until) => Err(Hold { kind: BoundKind::Rate, until: Some(until) }),
        }
    }

    /// Hands out the batch that was granted.
    pub(super) fn lease(&mut self, relay: RelayNo, source: Source, most: usize) -> Step {
        let Entry { mut batch, pin: _, since, state, returns } =
            self.queue.take(relay, source, most).expect("a granted batch is there");
        if self.out.contains_key(&batch.id) {
            // The backlog had two halves of one batch; no two transactions may share a Message-ID at once.
            batch.id = self.queue.new_part(batch.id.number);
        }
        let begun = Charge::message(batch.recipients.len());
        self.depart(relay, &batch);
        let lane = &mut self.lanes[relay.index()];
        lane.last = source;
        lane.lease(begun.recipients);
        self.ledgers[lane.ledger].1.begin(begun);
        self.out.insert(batch.id, Out { relay, begun, since, state, returns });
        Step::Lease { relay, batch }
    }

    /// Takes a batch back from the books: what is charged stays charged.
    pub(super) fn close_books(&mut self, now: Timestamp, relay: RelayNo, begun: Charge, kept: Charge) {
        let ledger = self.lanes[relay.index()].ledger;
        self.ledgers[ledger].1.settle(now, begun, kept);
        self.lanes[relay.index()].leased -= 1;
        self.lanes.iter_mut().filter(|lane| lane.ledger == ledger).for_each(Lane::reconsider);
    }

    /// What is left of a batch for its next attempt goes back to the queue.
    pub(super) fn requeue(&mut self, due: Option<Timestamp>, batch: Batch, out: &Out, pin: Option<RelayNo>) {
        let state = if pin.is_some() { State::Deferred } else { State::Pending };
        let returns = if pin.is_some() { 0 } else { out.returns + 1 };
        let entry = Entry { batch, pin, since: out.since, state, returns };
        match due {
            Some(due) => self.queue.push_later(due, entry),
            None => self.queue.push(entry),
        }
    }
}

fn whole_batch(source: Source, most: u64) -> What {
    What::Batch(source, usize::try_from(most).unwrap_or(usize::MAX))
}

/// The relay at a place among the lanes.
pub(super) fn relay_no(place: usize) -> RelayNo {
    RelayNo(u16::try_from(place).expect("a run has fewer than 65,536 relays"))
}

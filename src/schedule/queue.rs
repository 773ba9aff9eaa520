//! The batches that are still to be sent, and when each is due.
//!
//! Fresh batches are ranges of the plan, however many there are; only what was touched once has an entry
//! of its own: ready for any relay, pinned to the relay that deferred it, or not due yet. The queue
//! gives out part numbers, so that no two batches of a run ever share an id.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use jiff::Timestamp;

use self::aside::Aside;
use super::domains::DomainNo;
use super::terms::{Backlog, Waiting};
use crate::mail::{Batch, BatchId, Batches, RecipientNo, RelayNo, RunNo, State, Tally};

mod aside;
mod strike;

pub(super) use aside::Shelved;

/// Recipients who were touched once and are to be sent to again.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) batch: Batch,
    /// The relay that deferred them.
    pub(super) pin: Option<RelayNo>,
    /// When they were deferred for the first time.
    pub(super) since: Option<Timestamp>,
    /// Pending or deferred.
    pub(super) state: State,
    /// How often in a row they came back without having been refused.
    pub(super) returns: u32,
}

/// Where a relay finds its next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Among those it deferred itself.
    Pinned,
    /// Among those any relay may take.
    Ready,
    /// In the plan.
    Fresh,
    /// Among those of this domain that it deferred itself and that were put aside.
    OwnAside(DomainNo),
    /// Among those of this domain that were put aside for any relay.
    Aside(DomainNo),
}

impl Source {
    /// Whether only one relay takes from it.
    pub(super) fn is_own(self) -> bool {
        match self {
            Self::Pinned | Self::OwnAside(_) => true,
            Self::Ready | Self::Fresh | Self::Aside(_) => false,
        }
    }
}

#[derive(Debug)]
struct Later {
    due: Timestamp,
    /// Those due at one moment keep their order.
    order: u64,
    entry: Box<Entry>,
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Later {}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Later {
    /// Reversed, as the heap's greatest is to be the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

/// Everything that is still to be sent and not out.
#[derive(Debug)]
pub(super) struct Queue {
    run: RunNo,
    batches: Arc<Batches>,
    fresh: VecDeque<Range<u32>>,
    /// How many batches `fresh` has.
    fresh_left: u64,
    ready: VecDeque<Entry>,
    /// By relay.
    pinned: Vec<VecDeque<Entry>>,
    /// What waits for its domain; none where no relay limits any.
    aside: Option<Box<Aside>>,
    later: BinaryHeap<Later>,
    order: u64,
    /// The highest part of each batch that was split.
    parts: HashMap<u32, u16>,
    /// Recipients in fresh batches who must not be written to any more.
    barred: HashSet<RecipientNo>,
    /// Relays that take nothing any more: nobody is pinned to them.
    stopped: Vec<bool>,
}

impl Queue {
    pub(super) fn new(run: RunNo, backlog: Backlog, relays: usize) -> Self {
        let Backlog { batches, fresh, waiting, parts, domains } = backlog;
        let count = batches.len();
        let fresh = fresh.into_iter().map(|range| range.start..range.end.min(count));
        let mut queue = Self {
            run,
            fresh: fresh.filter(|range| !range.is_empty()).collect(),
            fresh_left: 0,
            batches,
            ready: VecDeque::new(),
            pinned: vec![VecDeque::new(); relays],
            aside: domains.map(|table| Box::new(Aside::new(table, relays))),
            later: BinaryHeap::with_capacity(waiting.len()),
            order: 0,
            parts: parts.into_iter().collect(),
            barred: HashSet::new(),
            stopped: vec![false; relays],
        };
        queue.fresh_left = queue.fresh.iter().map(|numbers| numbers.len() as u64).sum();
        queue.put_named_aside();
        for Waiting { batch, due, relay, since } in waiting {
            if batch.recipients.is_empty() {
                continue;
            }
            let highest = queue.parts.entry(batch.id.number).or_default();
            *highest = (*highest).max(batch.id.part);
            let pin = relay.filter(|relay| relay.index() < relays);
            let state = if since.is_some() { State::Deferred } else { State::Pending };
            queue.push_later(due, Entry { batch, pin, since, state, returns: 0 });
        }
        queue
    }

    /// How many stand in it, by state.
    pub(super) fn tally(&self) -> Tally {
        let later = self.later.iter().map(|later| &*later.entry);
        let entries = || later.clone().chain(&self.ready).chain(self.pinned.iter().flatten());
        let touched: usize = entries().map(|entry| entry.batch.recipients.len()).sum();
        let aside = self.aside.as_ref().map(|aside| aside.fresh_numbers()).unwrap_or_default();
        let fresh: u64 = self.fresh.iter().chain(&aside).map(|numbers| self.recipients_of(numbers)).sum();
        let mut tally = Tally::pending(fresh + touched as u64);
        for entry in entries().filter(|entry| entry.state == State::Deferred) {
            entry.batch.recipients.iter().for_each(|_| tally.shift(State::Pending, State::Deferred));
        }
        tally
    }

    /// How many recipients the planned batches `numbers` have.
    pub(super) fn recipients_of(&self, numbers: &Range<u32>) -> u64 {
        let end = numbers.end.checked_sub(1).map_or(0, |last| self.batches.range(last).end);
        u64::from(end.saturating_sub(self.batches.range(numbers.start).start))
    }

    /// Whether nothing is left in it.
    pub(super) fn is_empty(&self) -> bool {
        self.later.is_empty() && self.is_idle()
    }

    /// Whether nothing in it is due.
    fn is_idle(&self) -> bool {
        self.fresh.is_empty()
            && self.ready.is_empty()
            && self.pinned.iter().all(VecDeque::is_empty)
            && self.aside.as_ref().is_none_or(|aside| aside.is_empty())
    }

    /// When the next entry is due that is not yet.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.later.peek().map(|later| later.due)
    }

    /// Makes ready what is due.
    pub(super) fn release(&mut self, now: Timestamp) {
        while self.later.peek().is_some_and(|later| later.due <= now) {
            if let Some(later) = self.later.pop() {
                self.push(*later.entry);
            }
        }
    }

    /// Adds an entry that is due: at its relay, or for any relay if that one is stopped.
    pub(super) fn push(&mut self, mut entry: Entry) {
        match entry.pin {
            Some(relay) if !self.stopped[relay.index()] => self.pinned[relay.index()].push_back(entry),
            Some(_) | None => {
                entry.pin = None;
                self.ready.push_back(entry);
            }
        }
    }

    /// Adds an entry that is due at `due`.
    pub(super) fn push_later(&mut self, due: Timestamp, entry: Entry) {
        self.order += 1;
        self.later.push(Later { due, order: self.order, entry: Box::new(entry) });
    }

    /// Frees everybody who is pinned to `relay`, now and later.
    pub(super) fn unpin(&mut self, relay: RelayNo) {
        self.stopped[relay.index()] = true;
        let aside = self.aside.as_mut().map(|aside| aside.take_own(relay)).unwrap_or_default();
        for entry in std::mem::take(&mut self.pinned[relay.index()]).into_iter().chain(aside) {
            self.push(entry);
        }
    }

    /// Where `relay` finds its next batch that is not put aside. Its own retries and the work of all take turns, so that
    /// neither starves.
    pub(super) fn source(&self, relay: RelayNo, last: Source) -> Option<Source> {
        let pinned = (!self.pinned[relay.index()].is_empty()).then_some(Source::Pinned);
        let ready = (!self.ready.is_empty()).then_some(Source::Ready);
        let shared = ready.or_else(|| (!self.fresh.is_empty()).then_some(Source::Fresh));
        if last.is_own() { shared.or(pinned) } else { pinned.or(shared) }
    }

    /// How many recipients the next batch at `source` has; 0 if there is none.
    pub(super) fn size(&self, relay: RelayNo, source: Source) -> usize {
        match (self.entry(relay, source), self.fresh_number(source)) {
            (Some(entry), _) => entry.batch.recipients.len(),
            (None, Some(number)) => self.fresh_size(number),
            (None, None) => 0,
        }
    }

    /// The next of those at `source` who were touched.
    fn entry(&self, relay: RelayNo, source: Source) -> Option<&Entry> {
        match source {
            Source::Pinned => self.pinned[relay.index()].front(),
            Source::Ready => self.ready.front(),
            Source::Fresh => None,
            Source::OwnAside(_) | Source::Aside(_) => self.aside.as_ref()?.entry(relay, source),
        }
    }

    /// The next fresh batch at `source`, if nobody stands before it.
    fn fresh_number(&self, source: Source) -> Option<u32> {
        match source {
            Source::Fresh => self.fresh.front().map(|numbers| numbers.start),
            Source::Aside(_) => self.aside.as_ref()?.fresh(source),
            Source::Pinned | Source::Ready | Source::OwnAside(_) => None,
        }
    }

    fn fresh_size(&self, number: u32) -> usize {
        let range = self.batches.range(number);
        if self.barred.is_empty() {
            return range.len();
        }
        range.filter(|recipient| !self.barred.contains(&RecipientNo(*recipient))).count()
    }

    /// The next fresh batches in one piece, of which at most `most` and none with more than `largest`
    /// recipients nor more than `room` together; empty or of one where nothing is known of their sizes.
    pub(super) fn fresh_run(&self, most: u32, largest: u64, room: u64) -> Range<u32> {
        let Some(front) = self.fresh.front() else { return 0..0 };
        let first = front.start;
        let most = most.min(front.end - first);
        if !self.barred.is_empty() {
            return first..first + most.min(1);
        }
        let (mut fits, mut exceeds) = (0, most + 1);
        while exceeds - fits > 1 {
            let middle = fits + (exceeds - fits) / 2;
            if self.recipients_of(&(first..first + middle)) <= room {
                fits = middle;
            } else {
                exceeds = middle;
            }
        }
        match &*self.batches {
            Batches::Personal { .. } => first..first + fits,
            Batches::Grouped { .. } => {
                let too_large = |number: &u32| self.batches.range(*number).len() as u64 > largest;
                let end = (first..first + fits).find(too_large);
                first..end.unwrap_or(first + fits)
            }
        }
    }

    /// Takes fresh batches in one piece from the front.
    pub(super) fn take_run(&mut self, numbers: &Range<u32>) {
        if let Some(front) = self.fresh.front_mut() {
            front.start = numbers.end;
            self.fresh_left -= numbers.len() as u64;
        }
        self.skip_barred();
    }

    /// How many fresh batches are left.
    pub(super) fn fresh_batches(&self) -> u64 {
        self.fresh_left
    }

    /// Takes the next batch at `source`, or its first `most` recipients as a part of their own.
    pub(super) fn take(&mut self, relay: RelayNo, source: Source, most: usize) -> Option<Entry> {
        let entry = match self.take_first(relay, source)? {
            Ok(entry) => entry,
            Err(number) => self.fresh_entry(number),
        };
        if entry.batch.recipients.len() <= most {
            return Some(entry);
        }
        let (mut part, mut rest) = (entry.clone(), entry);
        rest.batch.recipients = part.batch.recipients.split_off(most.max(1));
        part.batch.id = self.new_part(part.batch.id.number);
        rest.batch.id = self.new_part(part.batch.id.number);
        if source.is_own() {
            self.pinned[relay.index()].push_front(rest);
        } else {
            self.ready.push_front(rest);
        }
        Some(part)
    }

    /// Takes the first at `source`: those who were touched, or the number of a fresh batch.
    fn take_first(&mut self, relay: RelayNo, source: Source) -> Option<Result<Entry, u32>> {
        match source {
            Source::Pinned => self.pinned[relay.index()].pop_front().map(Ok),
            Source::Ready => self.ready.pop_front().map(Ok),
            Source::Fresh => self.take_fresh().map(Err),
            Source::OwnAside(_) | Source::Aside(_) => self.aside.as_mut()?.take(relay, source),
        }
    }

    fn take_fresh(&mut self) -> Option<u32> {
        let front = self.fresh.front_mut()?;
        let number = front.start;
        front.start += 1;
        self.fresh_left -= 1;
        self.skip_barred();
        Some(number)
    }

    /// The first attempt at a planned batch.
    fn fresh_entry(&self, number: u32) -> Entry {
        let everybody = self.batches.range(number).map(RecipientNo);
        let recipients = if self.barred.is_empty() {
            everybody.collect()
        } else {
            everybody.filter(|recipient| !self.barred.contains(recipient)).collect()
        };
        let id = BatchId { run: self.run, number, part: 0 };
        let batch = Batch { id, attempt: 1, date: None, recipients };
        Entry { batch, pin: None, since: None, state: State::Pending, returns: 0 }
    }

    /// Leaves nothing at the front of the plan that has no recipient.
    fn skip_barred(&mut self) {
        while let Some(front) = self.fresh.front_mut() {
            if front.start >= front.end {
                self.fresh.pop_front();
                continue;
            }
            let number = front.start;
            if self.fresh_size(number) > 0 {
                return;
            }
            self.fresh[0].start += 1;
            self.fresh_left -= 1;
        }
    }

    /// An id for a part of batch `number` that none had before.
    pub(super) fn new_part(&mut self, number: u32) -> BatchId {
        let highest = self.parts.entry(number).or_default();
        // A batch of 1,000 is cut at most 1,000 times, and each cut makes two parts.
        *highest = highest.checked_add(1).expect("a batch is not cut 65,535 times");
        BatchId { run: self.run, number, part: *highest }
    }
}

//! Group commit: records wait together, are made durable together, and wake whom they concern.
//!
//! A pure state machine. [`Group::append`] gives a record its number, [`Group::take`] hands out all that
//! wait as one block, [`Group::complete`] says that the block is durable, or that the journal has failed
//! for good. It also keeps the room: an intent is let in only if its outcome will have room as well.

use std::sync::Arc;

use super::aside::Aside;
use super::error::StoreError;
use super::frame::{FRAME_LIMIT, Lsn, Place, push};
use super::log::Space;
use super::record::Record;

/// Room kept for each record that may be written whatever the disk's state, in octets: an outcome's
/// fixed part with one reply of 256 octets and a queue id.
const OUTCOME_ROOM: u64 = 512;
/// A group commit is written and synced in parts where it is longer, in octets: what a power cut can tear is
/// bounded so.
pub(super) const BLOCK_LIMIT: usize = 4 << 20;
/// Room kept for each recipient of an intent, in octets: a fate and its share of the replies.
const FATE_ROOM: u64 = 48;

/// Records on their way to the disk.
#[derive(Debug)]
pub(super) struct Group {
    epoch: u32,
    next: Lsn,
    durable: Lsn,
    /// The last record of the block that is being written, if one is.
    writing: Option<Lsn>,
    buffer: Vec<u8>,
    /// Where in it the last part begins.
    part: usize,
    /// Kept from block to block, so that no new one is made each time.
    spare: Vec<u8>,
    /// The last record that somebody waits for.
    awaited: Lsn,
    /// Intents in no block yet.
    asked: usize,
    /// Intents whose outcome is owed.
    open: usize,
    /// Somebody waits who waits alone: no others come to keep them company.
    urgent: bool,
    writer: Writer,
    space: Space,
    min_free: u64,
    /// Octets of the block that is being written.
    in_writing: u64,
    /// Octets kept for outcomes that are owed.
    reserved: u64,
    failed: Option<Arc<StoreError>>,
}

/// What the writer of blocks does, so that it is woken only when it sleeps and should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// It writes, or is about to look.
    Busy,
    /// It sleeps until it is woken.
    Asleep,
    /// It sleeps for a short time, as records wait that nobody waits for.
    Patient,
    /// It has just written, and waits a moment for others who are about to ask.
    Lingering,
}

/// Records that are to be written and synced at once.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) octets: Vec<u8>,
    pub(super) last: Lsn,
}

/// How much room to keep for the outcome of an intent to so many recipients.
pub(super) fn outcome_room(recipients: usize) -> u64 {
    OUTCOME_ROOM + FATE_ROOM * recipients as u64
}

impl Group {
    /// Records of `epoch` from `next` on; everything before is durable.
    pub(super) fn new(epoch: u32, next: Lsn, min_free: u64, space: Space) -> Self {
        Self {
            epoch,
            next,
            durable: Lsn(next.0 - 1),
            writing: None,
            buffer: Vec::new(),
            part: 0,
            spare: Vec::new(),
            awaited: Lsn(next.0 - 1),
            asked: 0,
            open: 0,
            urgent: false,
            writer: Writer::Busy,
            space,
            min_free,
            in_writing: 0,
            reserved: 0,
            failed: None,
        }
    }

    /// Adds a record behind all others.
    ///
    /// # Errors
    /// The journal has failed, or the record is too long.
    pub(super) fn append(&mut self, record: &Record) -> Result<Lsn, StoreError> {
        match &self.failed {
            Some(cause) => Err(StoreError::Poisoned(Arc::clone(cause))),
            None => self.append_owed(record),
        }
    }

    /// As [`Group::append`], whether the journal has failed or not: a fact that is owed. If it has, no block
    /// takes the record, and it is among [`Group::unwritten`].
    ///
    /// # Errors
    /// The record is too long.
    pub(super) fn append_owed(&mut self, record: &Record) -> Result<Lsn, StoreError> {
        let start = self.buffer.len();
        let opens = start == 0 || start - self.part >= BLOCK_LIMIT;
        let place = if opens { Place::Opens } else { Place::Follows };
        let lsn = self.next;
        push(&mut self.buffer, place, self.epoch, lsn, record)
            .map_err(|_| StoreError::TooLarge { what: "a record of the journal" })?;
        if opens {
            self.part = start;
        }
        self.next = Lsn(lsn.0 + 1);
        Ok(lsn)
    }

    /// Whether `needed` more octets, and everything owed, have room.
    ///
    /// # Errors
    /// `Full`, with what must be freed; its path is the caller's to name.
    pub(super) fn check_room(&self, needed: u64) -> Result<(), u64> {
        let taken = self.in_writing + self.buffer.len() as u64 + self.reserved + needed + FRAME_LIMIT as u64;
        if self.space.available < self.min_free {
            return Err(self.min_free - self.space.available + needed);
        }
        if taken > self.space.room { Err(taken - self.space.room) } else { Ok(()) }
    }

    /// The record appended last is an intent: somebody waits for it, and `octets` are kept for its outcome.
    pub(super) fn owe(&mut self, octets: u64) {
        self.reserved += octets;
        self.open += 1;
        self.asked += 1;
        self.awaited = self.last();
    }

    /// The outcome for which `octets` were kept is written.
    pub(super) fn release(&mut self, octets: u64) {
        self.reserved = self.reserved.saturating_sub(octets);
        self.open = self.open.saturating_sub(1);
    }

    /// Somebody waits for `lsn` and does nothing else meanwhile.
    pub(super) fn hurry(&mut self, lsn: Lsn) {
        if lsn > self.durable {
            self.awaited = self.awaited.max(lsn);
            self.urgent = true;
        }
    }

    /// Takes all records that wait; none if there are none, or if a block is still being written.
    pub(super) fn take(&mut self) -> Option<Block> {
        if self.buffer.is_empty() || self.writing.is_some() || self.failed.is_some() {
            return None;
        }
        let octets = std::mem::replace(&mut self.buffer, std::mem::take(&mut self.spare));
        self.part = 0;
        let last = self.last();
        (self.writing, self.in_writing) = (Some(last), octets.len() as u64);
        (self.asked, self.urgent) = (0, false);
        Some(Block { octets, last })
    }

    /// The block is durable, or everything has come to an end.
    pub(super) fn complete(&mut self, block: Block, outcome: Result<Space, StoreError>) {
        (self.writing, self.in_writing) = (None, 0);
        match outcome {
            Ok(space) => {
                self.space = space;
                self.durable = block.last;
                self.spare = block.octets;
                self.spare.clear();
            }
            Err(error) => {
                self.failed = Some(Arc::new(error));
                let later = std::mem::replace(&mut self.buffer, block.octets);
                self.buffer.extend_from_slice(&later);
            }
        }
    }

    /// Notes how much room there is now.
    pub(super) fn measured(&mut self, space: Space) {
        self.space = space;
    }

    /// The number of this process among all that ever took the workspace.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Everything up to here is durable.
    pub(super) fn durable(&self) -> Lsn {
        self.durable
    }

    /// The record appended last.
    pub(super) fn last(&self) -> Lsn {
        Lsn(self.next.0 - 1)
    }

    /// Whether records wait for a commit.
    pub(super) fn is_waiting(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Whether somebody waits for a record that is in no block yet.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited > self.writing.unwrap_or(self.durable)
    }

    /// Whether nothing is gained by waiting for more. Half of all intents whose outcome is owed wait: as
    /// many messages as are elsewhere, so that neither the disk nor the others are idle while this block is
    /// written.
    pub(super) fn is_ripe(&self) -> bool {
        self.is_awaited() && (self.urgent || 2 * self.asked >= self.open)
    }

    /// Notes what the writer does.
    pub(super) fn writer_is(&mut self, writer: Writer) {
        self.writer = writer;
    }

    /// Whether the writer must be woken for what was appended; says so once.
    pub(super) fn rouses(&mut self) -> bool {
        let rouses = match self.writer {
            Writer::Busy => false,
            Writer::Asleep => true,
            Writer::Patient => self.is_awaited(),
            Writer::Lingering => self.is_ripe(),
        };
        if rouses {
            self.writer = Writer::Busy;
        }
        rouses
    }

    /// Every record behind the last durable one, once the journal has failed.
    pub(super) fn unwritten(&self) -> Option<Aside> {
        let first = Lsn(self.durable.0 + 1);
        self.failed.as_ref().map(|_| Aside { first, epoch: self.epoch, frames: self.buffer.clone() })
    }

    /// Why nothing can be recorded any more, if so.
    pub(super) fn failure(&self) -> Option<StoreError> {
        self.cause().map(StoreError::Poisoned)
    }

    /// What the journal failed of.
    pub(super) fn cause(&self) -> Option<Arc<StoreError>> {
        self.failed.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::RunNo;
    use crate::store::record::{EndReason, Millis, RunEnded};

    const SPACE: Space = Space { room: 1 << 20, available: 1 << 20 };

    fn group() -> Group {
        Group::new(1, Lsn(1), 0, SPACE)
    }

    fn append(group: &mut Group) -> Lsn {
        let record = Record::Ended(RunEnded { run: RunNo(1), reason: EndReason::Quota, at: Millis(0) });
        group.append(&record).unwrap()
    }

    fn intend(group: &mut Group) {
        append(group);
        group.owe(outcome_room(1));
    }

    fn commit(group: &mut Group) {
        let block = group.take().expect("records wait");
        group.complete(block, Ok(SPACE));
    }

    #[test]
    fn a_block_is_ripe_when_half_of_what_is_under_way_waits_for_it() {
        let mut group = group();
        intend(&mut group);
        assert!(group.is_ripe(), "nobody else can come");
        commit(&mut group);
        assert!(!group.is_ripe());
        (0..4).for_each(|_| intend(&mut group));
        commit(&mut group);
        intend(&mut group);
        intend(&mut group);
        assert!(group.is_awaited() && !group.is_ripe(), "2 of 7");
        group.release(outcome_room(1));
        group.release(outcome_room(1));
        group.release(outcome_room(1));
        assert!(group.is_ripe(), "2 of 4");
        commit(&mut group);
        let last = append(&mut group);
        assert!(!group.is_awaited(), "nobody waits for an outcome");
        group.hurry(last);
        assert!(group.is_ripe(), "somebody waits alone");
    }

    #[test]
    fn the_writer_is_woken_once_and_only_for_what_it_does_not_wait_for() {
        let table = [
            (Writer::Busy, [false, false, false]),
            (Writer::Asleep, [true, true, true]),
            (Writer::Patient, [false, true, true]),
            (Writer::Lingering, [false, false, true]),
        ];
        for (writer, roused) in table {
            let mut group = group();
            (0..9).for_each(|_| intend(&mut group));
            commit(&mut group);
            for (step, rouses) in roused.into_iter().enumerate() {
                match step {
                    0 => {
                        append(&mut group);
                    }
                    1 => intend(&mut group),
                    _ => (0..9).for_each(|_| intend(&mut group)),
                }
                group.writer_is(writer);
                assert_eq!(group.rouses(), rouses, "{writer:?}, step {step}");
                assert!(!rouses || !group.rouses(), "{writer:?} was woken before");
            }
        }
    }
}

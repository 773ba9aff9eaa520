//! The journal's end: where the next group of records is written and made durable.
//!
//! A [`Log`] is a state machine over a [`Disk`] and nothing else: no thread, no clock. Segments double
//! from 1 MiB to 64 MiB, and the next one is allocated while the present one is filled, so that room for
//! what is owed is there before it is promised. One error ends it: nothing is tried twice.

use std::path::PathBuf;

use super::aside::Aside;
use super::checkpoint::{Checkpoint, Start};
use super::disk::{Disk, Spent};
use super::error::{StoreError, is_full};
use super::frame::{FRAME_LIMIT, Lsn, length, opens};
use super::group::BLOCK_LIMIT;
use super::record::Record;
use super::scan::{End, REACH, Writer, last_written, scan};

/// The first segment, in octets.
const FIRST_SEGMENT: u64 = 1 << 20;
/// No segment is longer, in octets.
const LAST_SEGMENT: u64 = 64 << 20;
/// After so many commits the file system is asked again how much room it has: what is owed has its room in
/// any case, and asking costs as much as writing a record.
const COMMITS_A_MEASUREMENT: u32 = 64;
/// How much of a torn end is cleared at once.
const CLEAR_STEP: usize = 1 << 20;

/// What a [`Log`] needs to know and its disk does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    /// Octets in the segments that are allocated and not written.
    pub(super) room: u64,
    /// Octets that the file system has left.
    pub(super) available: u64,
}

/// The writing end of a journal.
pub(super) struct Log {
    disk: Box<dyn Disk>,
    min_free: u64,
    segment: u32,
    size: u64,
    offset: u64,
    /// The segment that follows, already allocated: number and octets.
    next: Option<(u32, u64)>,
    /// Octets that the file system had left when it was asked last, and how many commits ago that was.
    available: (u64, u32),
    /// The checksum of the last frame that was written; none before the first.
    seal: Option<[u8; 4]>,
}

/// What was found when a journal was opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) end: End,
    /// Octets of a torn end that were cleared.
    pub(super) torn: u64,
}

impl Log {
    /// Reads the journal from `start` on, clears what stands behind its end and gets ready to write there.
    ///
    /// # Errors
    /// The journal is damaged, newer, or cannot be read or written.
    pub(super) fn open(
        disk: Box<dyn Disk>,
        (start, writer): (&Start, Writer),
        min_free: u64,
        visit: &mut dyn FnMut(Lsn, u32, Record) -> Result<(), StoreError>,
    ) -> Result<(Self, Opened), StoreError> {
        let end = scan(&*disk, start, writer, visit)?;
        let mut log = Self {
            disk,
            min_free,
            segment: end.segment,
            size: 0,
            offset: end.offset,
            next: None,
            available: (0, 0),
            seal: None,
        };
        let segments = log.disk.segments().map_err(|error| log.failed("list", error))?;
        let mut torn = 0;
        for (segment, length) in segments {
            if segment == end.segment {
                log.size = length;
                torn += log.clear(segment, end.offset, length.min(end.offset + REACH))?;
            } else if segment > end.segment {
                torn += log.clear(segment, 0, length.min(REACH))?;
                // A shorter one was cut off by a crash while it was allocated: that is done again.
                if length >= FIRST_SEGMENT {
                    log.next = log.next.or(Some((segment, length)));
                }
            }
        }
        if end.segment == 0 {
            log.advance()?;
        }
        log.make_room()?;
        Ok((log, Opened { end, torn }))
    }

    fn failed(&self, doing: &'static str, error: std::io::Error) -> StoreError {
        StoreError::io(doing, &self.disk.place(self.segment), error)
    }

    /// Writes zeros over whatever stands from the end on, so that it can never be taken for records.
    fn clear(&mut self, segment: u32, from: u64, until: u64) -> Result<u64, StoreError> {
        let mut torn = 0;
        let mut offset = from;
        let mut buffer = vec![0; CLEAR_STEP];
        while offset < until {
            let read = self.disk.read_at(segment, offset, &mut buffer);
            let count = read.map_err(|error| self.failed("read", error))?;
            if count == 0 {
                break;
            }
            if let Some(last) = last_written(&buffer[..count]) {
                let zeros = vec![0; last + 1];
                self.disk.write_at(segment, offset, &zeros).map_err(|error| self.failed("write", error))?;
                torn += zeros.len() as u64;
            }
            offset += count as u64;
        }
        if torn > 0 {
            self.disk.sync(segment).map_err(|error| self.failed("sync", error))?;
        }
        Ok(torn)
    }

    /// Writes the frames of `block` and makes them durable. After an error nothing more may be written.
    ///
    /// # Errors
    /// The disk is full or failed.
    pub(super) fn commit(&mut self, block: &[u8]) -> Result<(), StoreError> {
        let mut rest = block;
        while !rest.is_empty() {
            let fits = self.fitting(rest);
            if fits > 0 {
                let written = self.disk.write_at(self.segment, self.offset, &rest[..fits]);
                written.map_err(|error| self.failed("write", error))?;
                self.disk.sync(self.segment).map_err(|error| self.failed("sync", error))?;
                self.offset += fits as u64;
                self.seal = rest[..fits].last_chunk().copied();
                rest = &rest[fits..];
            }
            // The next segment is begun only when this one is durable: its first record proves this one whole.
            if !rest.is_empty() {
                self.advance()?;
            }
        }
        self.prepare()?;
        self.available.1 += 1;
        if self.available.1 >= COMMITS_A_MEASUREMENT {
            self.measure()?;
        }
        Ok(())
    }

    /// Takes in what was set aside, which begins where this ends.
    ///
    /// # Errors
    /// The disk is full or failed; it is still aside.
    pub(super) fn take_in(&mut self, aside: &Aside) -> Result<(), StoreError> {
        let mut rest = aside.frames.as_slice();
        // Frame by frame: a mark that everything before was durable must be true again.
        while !rest.is_empty() {
            let (frame, behind) = rest.split_at(length(rest));
            self.commit(frame)?;
            rest = behind;
        }
        self.clear_aside(Spent::TakenIn)
    }

    /// Puts what was set aside out of the way.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn clear_aside(&mut self, spent: Spent) -> Result<(), StoreError> {
        self.disk.clear_aside(spent).map_err(|error| self.failed("clear what was set aside of", error))
    }

    /// Sets records aside that this can take no more; says where.
    ///
    /// # Errors
    /// No place takes them.
    pub(super) fn set_aside(&mut self, aside: &Aside) -> Result<PathBuf, StoreError> {
        let kept = self.disk.set_aside(&aside.write());
        kept.map_err(|error| self.failed("set aside records of", error))
    }

    /// Keeps `checkpoint`, which speaks of everything that was committed.
    pub(super) fn keep(&mut self, mut checkpoint: Checkpoint) {
        let Some(seal) = self.seal else { return };
        let (segment, offset) = (self.segment, self.offset);
        checkpoint.start = Start { segment, offset, seal, ..checkpoint.start };
        self.disk.keep(Box::new(move || checkpoint.write()));
    }

    /// Asks the file system how much room it has.
    fn measure(&mut self) -> Result<u64, StoreError> {
        let available = self.disk.available().map_err(|error| self.failed("ask for the room of", error))?;
        self.available = (available, 0);
        Ok(available)
    }

    /// Octets of the leading frames that are written at once: those that fit into the present segment, up to
    /// the next that opens a part of its own.
    fn fitting(&self, block: &[u8]) -> usize {
        let room = usize::try_from(self.size - self.offset).expect("a segment is at most 64 MiB");
        if block.len() <= room.min(BLOCK_LIMIT) {
            return block.len();
        }
        let mut fits = 0;
        while fits < block.len() {
            let frame = length(&block[fits..]);
            if fits + frame > room || (fits > 0 && opens(&block[fits..])) {
                break;
            }
            fits += frame;
        }
        fits
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        let (segment, size) = if let Some(next) = self.next.take() {
            next
        } else {
            let (segment, size) = (self.segment + 1, self.successor());
            let place = self.disk.place(segment);
            self.disk.allocate(segment, size).map_err(|error| {
                if is_full(&error) {
                    StoreError::Full { path: place, needed: size + self.min_free }
                } else {
                    StoreError::io("allocate", &place, error)
                }
            })?;
            (segment, size)
        };
        (self.segment, self.size, self.offset) = (segment, size, 0);
        Ok(())
    }

    fn successor(&self) -> u64 {
        if self.segment == 0 { FIRST_SEGMENT } else { (self.size * 2).clamp(FIRST_SEGMENT, LAST_SEGMENT) }
    }

    /// Allocates the next segment if it could not be allocated before, and measures the room anew.
    ///
    /// # Errors
    /// The disk failed; being full is no failure here.
    pub(super) fn make_room(&mut self) -> Result<(), StoreError> {
        self.prepare()?;
        self.measure().map(|_| ())
    }

    /// Allocates the next segment ahead of its need; a shorter one, or none, where room is short.
    fn prepare(&mut self) -> Result<(), StoreError> {
        if self.next.is_some() {
            return Ok(());
        }
        let available = self.measure()?;
        let mut size = self.successor();
        while size >= FIRST_SEGMENT && available < self.min_free.saturating_add(size) {
            size /= 2;
        }
        if size < FIRST_SEGMENT {
            return Ok(());
        }
        let segment = self.segment + 1;
        match self.disk.allocate(segment, size) {
            Ok(()) => self.next = Some((segment, size)),
            // Somebody else was faster; what is owed still has its room in the present segment.
            Err(error) if is_full(&error) => {}
            Err(error) => return Err(StoreError::io("allocate", &self.disk.place(segment), error)),
        }
        Ok(())
    }

    /// How much room there is, for records and on the file system as it was measured last.
    pub(super) fn space(&self) -> Space {
        let next = self.next.map_or(0, |(_, size)| size);
        // Frames do not straddle segments: the last stretch of each may be lost.
        let waste = FRAME_LIMIT as u64;
        let room = (self.size - self.offset).saturating_sub(waste) + next.saturating_sub(waste);
        Space { room, available: self.available.0 }
    }
}

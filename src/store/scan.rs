//! Reads a journal from its first record to its last, and tells a torn end from damage.
//!
//! A power cut may leave anything in the room behind the last durable record, so the first frame that is
//! not whole, or does not continue the one before, ends the journal. It is damage and no end where a later
//! record proves that this place was durable once: a later segment begins, or a frame that opens a group
//! commit follows. A group commit is no longer than [`BLOCK_LIMIT`](super::group::BLOCK_LIMIT), so that
//! proof is found near the place or nowhere. Nothing is written here.

use super::checkpoint::Start;
use super::disk::Disk;
use super::error::StoreError;
use super::frame::{FRAME_LIMIT, Frame, Lsn, Parsed, Place, parse};
use super::group::BLOCK_LIMIT;
use super::record::{Record, Unreadable};

/// How much is read at once: many frames, and at least one.
const READ_STEP: usize = 1 << 20;
/// How far behind the end of a journal anything can stand that was written there: two group commits.
pub(super) const REACH: u64 = 2 * (BLOCK_LIMIT + FRAME_LIMIT) as u64;
/// How often a place is read again while the process that writes it may be at it.
const PATIENCE: u32 = 3;

/// What most of a segment looks like.
static ZEROS: [u8; 4096] = [0; 4096];

/// Whether somebody may be writing the journal that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// Nobody: an end that is no end is damage.
    Gone,
    /// Perhaps: what is not whole yet is the end.
    Live,
    /// Nobody; and from this record on nothing counts, as it was never durable and is to be replaced.
    Failed(Lsn),
}

/// Where a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The segment that the next record goes to; 0 if there is none.
    pub(super) segment: u32,
    /// Where in it.
    pub(super) offset: u64,
    /// The number of the next record.
    pub(super) next: Lsn,
    /// The epoch of the last record.
    pub(super) epoch: u32,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    /// The segment; 0 for a record that was set aside.
    pub(super) segment: u32,
    /// Where its frame begins there.
    pub(super) offset: u64,
    pub(super) lsn: Lsn,
    pub(super) epoch: u32,
}

/// Reads the records of `disk` from `start` on, in order, and hands them to `visit`.
///
/// # Errors
/// The disk cannot be read, the journal is damaged or newer, or what `visit` says.
pub(super) fn scan(
    disk: &dyn Disk,
    start: &Start,
    writer: Writer,
    visit: &mut dyn FnMut(Lsn, u32, Record) -> Result<(), StoreError>,
) -> Result<End, StoreError> {
    scan_places(disk, start, writer, &mut |at, record| visit(at.lsn, at.epoch, record))
}

/// As [`scan`], and says where each record stands.
///
/// # Errors
/// As [`scan`].
pub(super) fn scan_places(
    disk: &dyn Disk,
    start: &Start,
    writer: Writer,
    visit: &mut dyn FnMut(At, Record) -> Result<(), StoreError>,
) -> Result<End, StoreError> {
    let mut segments = disk.segments().map_err(|error| StoreError::io("list", &disk.place(0), error))?;
    segments.retain(|(segment, _)| *segment >= start.segment);
    let limit = match writer {
        Writer::Gone | Writer::Live => Lsn(u64::MAX),
        Writer::Failed(first) => first,
    };
    let mut reader = Reader { disk, visit, buffer: Vec::new(), next: start.next, epoch: start.epoch, limit };
    let mut end = (0, 0);
    for (index, (segment, length)) in segments.iter().enumerate() {
        if index > 0 {
            let (before, offset) = end;
            match reader.continues(*segment)? {
                Continues::Here => {}
                Continues::Nowhere => break,
                Continues::Later => {
                    // The writer may have finished the segment before since we read it.
                    let again = match writer {
                        Writer::Gone | Writer::Failed(_) => offset,
                        Writer::Live => reader.read_again(before, offset, *segment)?,
                    };
                    if reader.continues(*segment)? != Continues::Here {
                        return Err(damaged(disk, before, again, "a record is missing or broken"));
                    }
                }
            }
        }
        let from = if *segment == start.segment { start.offset } else { 0 };
        end = (*segment, reader.read(*segment, from, *length)?);
    }
    let (segment, offset) = end;
    let reached = End { segment, offset, next: reader.next, epoch: reader.epoch };
    if writer == Writer::Gone {
        for (later, length) in segments.iter().filter(|(number, _)| *number >= segment) {
            let from = if *later == segment { offset } else { 0 };
            reader.prove_torn(*later, from, (*length).min(from + REACH), &reached)?;
        }
    }
    Ok(reached)
}

/// Octets behind the end of a journal that are not zeros: what a crash has left of records.
///
/// # Errors
/// The disk cannot be read.
pub(super) fn behind(disk: &dyn Disk, end: &End) -> Result<u64, StoreError> {
    let mut visit = |_, _| Ok(());
    let (next, epoch, limit) = (end.next, end.epoch, Lsn(u64::MAX));
    let mut reader = Reader { disk, visit: &mut visit, buffer: Vec::new(), next, epoch, limit };
    let written = reader.written(end.segment, end.offset, end.offset + REACH)?;
    Ok(written.map_or(0, |(first, last)| last - first))
}

fn damaged(disk: &dyn Disk, segment: u32, offset: u64, what: &'static str) -> StoreError {
    StoreError::Damaged { file: disk.place(segment), offset, what }
}

/// How a segment relates to the records read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continues {
    /// Its first record is the next one.
    Here,
    /// It holds no record yet.
    Nowhere,
    /// Its first record is a later one, or an earlier.
    Later,
}

struct Reader<'a> {
    disk: &'a dyn Disk,
    visit: &'a mut dyn FnMut(At, Record) -> Result<(), StoreError>,
    buffer: Vec<u8>,
    next: Lsn,
    epoch: u32,
    /// The first record that does not count.
    limit: Lsn,
}

impl Reader<'_> {
    fn fill(&mut self, segment: u32, offset: u64, octets: usize) -> Result<(), StoreError> {
        self.buffer.resize(octets, 0);
        let read = self.disk.read_at(segment, offset, &mut self.buffer);
        let count = read.map_err(|error| StoreError::io("read", &self.disk.place(segment), error))?;
        self.buffer.truncate(count);
        Ok(())
    }

    fn continues(&mut self, segment: u32) -> Result<Continues, StoreError> {
        self.fill(segment, 0, FRAME_LIMIT)?;
        Ok(match parse(&self.buffer) {
            Parsed::Frame(frame) if frame.lsn == self.next => Continues::Here,
            Parsed::Frame(_) => Continues::Later,
            Parsed::Short | Parsed::Blank | Parsed::Bad => Continues::Nowhere,
        })
    }

    /// Reads on from `offset` until no whole next frame follows, and says where that is.
    fn read(&mut self, segment: u32, mut offset: u64, length: u64) -> Result<u64, StoreError> {
        while offset < length {
            self.fill(segment, offset, READ_STEP)?;
            let buffer = std::mem::take(&mut self.buffer);
            let mut at = 0;
            let whole = loop {
                match parse(&buffer[at..]) {
                    Parsed::Frame(frame) if self.is_next(&frame) => {
                        self.take(segment, offset + at as u64, &frame)?;
                        at += frame.length;
                    }
                    // Only a frame cut off by our own step is worth another read.
                    Parsed::Short => break at > 0,
                    Parsed::Frame(_) | Parsed::Blank | Parsed::Bad => break false,
                }
            };
            self.buffer = buffer;
            offset += at as u64;
            if !whole {
                break;
            }
        }
        Ok(offset)
    }

    fn is_next(&self, frame: &Frame<'_>) -> bool {
        frame.lsn == self.next && frame.epoch >= self.epoch && frame.lsn < self.limit
    }

    fn take(&mut self, segment: u32, offset: u64, frame: &Frame<'_>) -> Result<(), StoreError> {
        let record = Record::read(frame.kind, frame.payload).map_err(|unreadable| match unreadable {
            Unreadable::Newer(version) => StoreError::Newer { file: self.disk.place(segment), version },
            Unreadable::Malformed => damaged(self.disk, segment, offset, "a record cannot be read"),
        })?;
        (self.visit)(At { segment, offset, lsn: frame.lsn, epoch: frame.epoch }, record)?;
        self.next = Lsn(frame.lsn.0 + 1);
        self.epoch = frame.epoch;
        Ok(())
    }

    /// Reads a segment that a live writer had not finished when it was read first.
    fn read_again(&mut self, segment: u32, from: u64, successor: u32) -> Result<u64, StoreError> {
        let mut offset = from;
        for _ in 0..PATIENCE {
            offset = self.read(segment, offset, u64::MAX)?;
            if self.continues(successor)? == Continues::Here {
                break;
            }
        }
        Ok(offset)
    }

    /// Makes sure that nothing behind the end was ever durable.
    fn prove_torn(&mut self, segment: u32, from: u64, length: u64, end: &End) -> Result<(), StoreError> {
        let Some((first, last)) = self.written(segment, from, length)? else {
            return Ok(());
        };
        let octets = usize::try_from(last - first).expect("a segment fits into memory");
        // A frame may begin with zeros, so the search begins where the journal ends.
        self.fill(segment, first, octets)?;
        let proof = (0..self.buffer.len()).any(|at| match parse(&self.buffer[at..]) {
            Parsed::Frame(frame) => frame.place == Place::Opens && frame.lsn > end.next,
            Parsed::Short | Parsed::Blank | Parsed::Bad => false,
        });
        if proof {
            return Err(damaged(self.disk, end.segment, end.offset, "records follow one that is broken"));
        }
        Ok(())
    }

    /// From `from` to behind the last octet that is not zero; none if all are.
    fn written(&mut self, segment: u32, from: u64, length: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let mut last = None;
        let mut offset = from;
        while offset < length {
            self.fill(segment, offset, READ_STEP)?;
            if self.buffer.is_empty() {
                break;
            }
            if let Some(at) = last_written(&self.buffer) {
                last = Some(offset + at as u64 + 1);
            }
            offset += self.buffer.len() as u64;
        }
        Ok(last.map(|last| (from, last)))
    }
}

/// The place of the last octet that is not zero.
pub(super) fn last_written(octets: &[u8]) -> Option<usize> {
    // Whole chunks first: most of a segment is zeros.
    let zeros = octets.rchunks(ZEROS.len()).take_while(|chunk| **chunk == ZEROS[..chunk.len()]);
    let clean: usize = zeros.map(<[u8]>::len).sum();
    octets[..octets.len() - clean].iter().rposition(|octet| *octet != 0)
}

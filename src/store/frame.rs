//! How a record lies in a journal file: length, kind, epoch, position, payload, checksum.
//!
//! ```text
//! len u32 | kind u8 | epoch u32 | lsn u64 | payload (len octets) | crc32c u32, over all before it
//! ```
//! All numbers are little-endian. A file is zeros behind its last frame. The top bit of `kind` marks the
//! first frame of a group commit: when it was written, everything before it was already durable. So a
//! marked frame behind a damaged one proves that the damage is no torn write.

use serde::{Deserialize, Serialize};

use super::record::Record;

/// The place of a record in the journal, from 1 and without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub(super) struct Lsn(pub(super) u64);

/// Octets before the payload.
pub(super) const HEAD: usize = 17;
/// Octets around the payload.
pub(super) const OVERHEAD: usize = HEAD + 4;
/// The longest frame, in octets; what does not fit is told in several records.
pub(super) const FRAME_LIMIT: usize = 64 << 10;
/// Set in the kind of the first frame of a group commit.
const OPENS: u8 = 0x80;

/// Whether a frame is the first of its group commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Everything before it was durable when it was written.
    Opens,
    /// It was written together with the frame before it.
    Follows,
}

/// One frame as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) place: Place,
    pub(super) epoch: u32,
    pub(super) lsn: Lsn,
    pub(super) payload: &'a [u8],
    /// Octets of the whole frame.
    pub(super) length: usize,
}

/// What stands at a place in a journal file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    /// A whole frame with the right checksum.
    Frame(Frame<'a>),
    /// The buffer ends within the frame.
    Short,
    /// Nothing was ever written here.
    Blank,
    /// Not a frame.
    Bad,
}

/// Appends a frame with `record` to `buffer`.
///
/// # Errors
/// The record is longer than a frame may be; the buffer is as before.
pub(super) fn push(
    buffer: &mut Vec<u8>,
    place: Place,
    epoch: u32,
    lsn: Lsn,
    record: &Record,
) -> Result<(), FrameTooLong> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEAD]);
    record.write(buffer);
    let length = buffer.len() - start - HEAD;
    if length + OVERHEAD > FRAME_LIMIT {
        buffer.truncate(start);
        return Err(FrameTooLong);
    }
    let length = u32::try_from(length).expect("a frame is at most 64 KiB");
    let mark = match place {
        Place::Opens => OPENS,
        Place::Follows => 0,
    };
    let head = &mut buffer[start..start + HEAD];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4] = record.kind() | mark;
    head[5..9].copy_from_slice(&epoch.to_le_bytes());
    head[9..].copy_from_slice(&lsn.0.to_le_bytes());
    let checksum = crc32c::crc32c(&buffer[start..]);
    buffer.extend_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// The record does not fit into one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameTooLong;

/// Reads what stands at the beginning of `octets`.
pub(super) fn parse(octets: &[u8]) -> Parsed<'_> {
    let Some((head, rest)) = octets.split_first_chunk::<HEAD>() else {
        return Parsed::Short;
    };
    if head.iter().all(|octet| *octet == 0) {
        return Parsed::Blank;
    }
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if length == 0 || length + OVERHEAD > FRAME_LIMIT {
        return Parsed::Bad;
    }
    let Some(checksum) = rest.get(length..length + 4) else {
        return Parsed::Short;
    };
    if crc32c::crc32c(&octets[..HEAD + length]).to_le_bytes() != checksum {
        return Parsed::Bad;
    }
    let (epoch, lsn) = head[5..].split_at(4);
    Parsed::Frame(Frame {
        kind: head[4] & !OPENS,
        place: if head[4] & OPENS == 0 { Place::Follows } else { Place::Opens },
        epoch: u32::from_le_bytes(epoch.try_into().expect("four octets")),
        lsn: Lsn(u64::from_le_bytes(lsn.try_into().expect("eight octets"))),
        payload: &rest[..length],
        length: length + OVERHEAD,
    })
}

/// The octets of the frame at the beginning of `buffer`, which [`push`] made.
pub(super) fn length(buffer: &[u8]) -> usize {
    let (length, _) = buffer.split_first_chunk::<4>().expect("a frame has a head");
    u32::from_le_bytes(*length) as usize + OVERHEAD
}

/// Whether the frame at the beginning of `buffer`, which [`push`] made, opens a group commit.
pub(super) fn opens(buffer: &[u8]) -> bool {
    buffer.get(4).is_some_and(|kind| kind & OPENS != 0)
}

//! The checkpoint: what the journal means up to a position, so that a start reads only what came after.
//!
//! It spares reading and is never the only copy of anything: one that is missing, broken, of another
//! version, or of another journal is passed over, and the whole journal is read instead. It is written beside
//! the journal, for a position that is durable, and put in place of the one before as a whole.
//!
//! ```text
//! title (8 octets) | payload in postcard | blake3 of all before it (32 octets)
//! ```

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::fold::Fold;
use super::frame::Lsn;
use super::postcard_tail::write_postcard;

/// A name and the version: changes whenever the payload does, or what a record means.
const TITLE: [u8; 8] = *b"mrcheck\x01";
/// Octets of a blake3 hash.
const HASH: usize = 32;

/// Where the records begin that a checkpoint does not cover, and how to tell that it is this journal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    /// The segment; 0 for the beginning of the journal.
    pub(super) segment: u32,
    /// Where in it.
    pub(super) offset: u64,
    /// The number of the first record that is not covered.
    pub(super) next: Lsn,
    /// The epoch of the last record that is.
    pub(super) epoch: u32,
    /// The checksum of the frame that ends at `offset`.
    pub(super) seal: [u8; 4],
}

impl Start {
    /// The beginning of a journal: nothing is covered.
    pub(super) const BEGINNING: Self = Self { segment: 0, offset: 0, next: Lsn(1), epoch: 0, seal: [0; 4] };
}

/// What the journal means up to a position.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) start: Start,
    pub(super) fold: Fold,
    /// The numbers of reply texts.
    pub(super) numbered: HashMap<Box<str>, u32>,
}

impl Default for Checkpoint {
    /// Of the beginning of a journal.
    fn default() -> Self {
        Self { start: Start::BEGINNING, fold: Fold::default(), numbered: HashMap::new() }
    }
}

impl Checkpoint {
    /// What is kept on `disk`, if it can be gone on from; else the beginning.
    pub(super) fn of(disk: &dyn Disk) -> Self {
        let kept = disk.kept().ok().flatten();
        let read = kept.and_then(|octets| Self::read(&octets));
        read.filter(|found| found.is_of(disk)).unwrap_or_default()
    }

    /// As it is kept.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut octets = TITLE.to_vec();
        write_postcard(self, &mut octets);
        let hash = blake3::hash(&octets);
        octets.extend_from_slice(hash.as_bytes());
        octets
    }

    fn read(octets: &[u8]) -> Option<Self> {
        let (content, hash) = octets.split_last_chunk::<HASH>()?;
        let payload = content.strip_prefix(&TITLE)?;
        if *blake3::hash(content).as_bytes() != *hash {
            return None;
        }
        match postcard::take_from_bytes(payload) {
            Ok((checkpoint, [])) => Some(checkpoint),
            Ok(_) | Err(_) => None,
        }
    }

    /// Whether the journal on `disk` has the frame that this ends with.
    fn is_of(&self, disk: &dyn Disk) -> bool {
        let Some(offset) = self.start.offset.checked_sub(self.start.seal.len() as u64) else { return false };
        let mut found = [0; 4];
        let read = disk.read_at(self.start.segment, offset, &mut found);
        read.is_ok_and(|count| count == found.len()) && found == self.start.seal
    }
}

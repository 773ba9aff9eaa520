//! What the journal could not take: records set aside in another place when a write or a sync has failed.
//!
//! A failed sync is final, but the replies to what was on its way are owed, and come. They become records as
//! always, behind the last that is durable, and all of these together are set aside. The next start takes
//! them in, in place of whatever stands behind the last durable record: the system may show it and not have
//! it. If another process wrote to the journal meanwhile, it has named those recipients uncertain, and what
//! is aside came too late.
//!
//! ```text
//! title (8 octets) | first LSN u64 | epoch u32 | frames | blake3 of all before it (32 octets)
//! ```
//! Numbers are little-endian.

use std::path::PathBuf;

use crate::mail::{RecipientNo, RunNo, State};

use super::checkpoint::Start;
use super::disk::Disk;
use super::error::StoreError;
use super::frame::{Frame, Lsn, Parsed, parse};
use super::record::Record;
use super::scan::{Writer, scan};

/// A name and the version.
const TITLE: [u8; 8] = *b"mraside\x01";
/// Octets of a blake3 hash.
const HASH: usize = 32;

/// Records that follow a durable one and are not in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aside {
    /// The number of the first.
    pub(super) first: Lsn,
    /// Of the process that made them.
    pub(super) epoch: u32,
    /// Whole frames, one behind the other.
    pub(super) frames: Vec<u8>,
}

/// What can be done with what is aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing is.
    Nothing,
    /// It goes on where the journal's durable part ends.
    Next(Aside),
    /// Another process went on without it.
    TooLate,
}

impl Aside {
    /// What is aside of the journal on `disk`, which is known up to `start`.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) fn of(disk: &dyn Disk, start: &Start) -> Result<Found, StoreError> {
        let copies = disk.aside();
        let read = copies.iter().filter_map(|octets| Self::read(octets));
        // The last copy that was written has the most, if some place failed later than others.
        let Some(aside) = read.max_by_key(|aside| (aside.epoch, aside.frames.len())) else {
            return Ok(Found::Nothing);
        };
        let end = scan(disk, start, Writer::Live, &mut |_, _, _| Ok(()))?;
        let goes_on = end.epoch == aside.epoch && aside.first <= end.next && start.next <= aside.first;
        Ok(if goes_on { Found::Next(aside) } else { Found::TooLate })
    }

    /// The number of the record that follows its last.
    pub(super) fn next(&self) -> Lsn {
        frames(&self.frames).last().map_or(self.first, |last| Lsn(last.lsn.0 + 1))
    }

    /// As it is kept.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut octets = TITLE.to_vec();
        octets.extend_from_slice(&self.first.0.to_le_bytes());
        octets.extend_from_slice(&self.epoch.to_le_bytes());
        octets.extend_from_slice(&self.frames);
        let hash = blake3::hash(&octets);
        octets.extend_from_slice(hash.as_bytes());
        octets
    }

    fn read(octets: &[u8]) -> Option<Self> {
        let (content, hash) = octets.split_last_chunk::<HASH>()?;
        let rest = content.strip_prefix(&TITLE)?;
        if *blake3::hash(content).as_bytes() != *hash {
            return None;
        }
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let (epoch, frames) = rest.split_first_chunk::<4>()?;
        let (first, epoch) = (Lsn(u64::from_le_bytes(*first)), u32::from_le_bytes(*epoch));
        Some(Self { first, epoch, frames: frames.to_vec() })
    }

    /// What it says of recipients.
    pub(super) fn outcomes(&self) -> Vec<(RunNo, RecipientNo, State)> {
        let mut outcomes = Vec::new();
        let mut note = |_, _, record| {
            if let Record::Outcome(fact) = record {
                let run = fact.of.run;
                let told = fact.fates.iter().flat_map(|fate| {
                    fate.recipients.iter().map(move |recipient| (run, recipient, fate.state))
                });
                outcomes.extend(told);
            }
            Ok(())
        };
        // These records were written by this process.
        let _ = self.each(&mut note);
        outcomes
    }

    /// Hands its records to `visit`, in order; says how many outcomes are among them.
    ///
    /// # Errors
    /// A newer mailrun set it aside, or what `visit` says.
    pub(super) fn each(
        &self,
        visit: &mut dyn FnMut(Lsn, u32, Record) -> Result<(), StoreError>,
    ) -> Result<u64, StoreError> {
        let mut outcomes = 0;
        for frame in frames(&self.frames) {
            let record = Record::read(frame.kind, frame.payload).map_err(|_| StoreError::Newer {
                file: PathBuf::from("journal.aside"),
                version: frame.payload.first().copied().unwrap_or_default(),
            })?;
            outcomes += u64::from(matches!(record, Record::Outcome(_)));
            visit(frame.lsn, frame.epoch, record)?;
        }
        Ok(outcomes)
    }
}

/// The whole frames of `octets`.
pub(super) fn frames(octets: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || match parse(&octets[at..]) {
        Parsed::Frame(frame) => {
            at += frame.length;
            Some(frame)
        }
        Parsed::Short | Parsed::Blank | Parsed::Bad => None,
    })
}

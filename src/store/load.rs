//! Reading a journal to go on with it: checkpoint, segments, and what was set aside, taken in.

use hashbrown::HashMap;

use super::aside::{Aside, Found};
use super::checkpoint::Checkpoint;
use super::disk::{Disk, Spent};
use super::error::StoreError;
use super::fold::Fold;
use super::frame::Lsn;
use super::log::Log;
use super::note::Note;
use super::record::Record;
use super::scan::Writer;

/// A guess at the octets of a record, for those that are read.
const RECORD_OCTETS: u64 = 64;

/// A journal that may be written to, and what it says.
pub(super) struct Loaded {
    pub(super) log: Log,
    pub(super) fold: Fold,
    /// The numbers of reply texts.
    pub(super) numbered: HashMap<Box<str>, u32>,
    /// What was found and mended.
    pub(super) notes: Vec<Note>,
    /// The number of the next record.
    pub(super) next: Lsn,
    /// The epoch of the last.
    pub(super) epoch: u32,
    /// The last record that the checkpoint covers.
    pub(super) covered: Lsn,
    /// Octets behind the checkpoint, roughly.
    pub(super) unkept: u64,
}

/// Reads the journal on `disk`, and calls `each` when the fold has taken in a record behind the checkpoint.
///
/// # Errors
/// The journal is damaged or newer, or the disk fails.
pub(super) fn load(
    disk: Box<dyn Disk>,
    min_free: u64,
    each: &mut dyn FnMut(Lsn, &mut Fold),
) -> Result<Loaded, StoreError> {
    let Checkpoint { start, mut fold, mut numbered } = Checkpoint::of(&*disk);
    let found = Aside::of(&*disk, &start)?;
    let writer = match &found {
        Found::Next(aside) => Writer::Failed(aside.first),
        Found::Nothing | Found::TooLate => Writer::Gone,
    };
    let mut unkept = 0;
    let mut visit = |lsn, _epoch, record| {
        unkept += RECORD_OCTETS;
        fold.apply(&record);
        each(lsn, &mut fold);
        if let Record::Words(fact) = record {
            numbered.insert(fact.text.into_boxed_str(), fact.number);
        }
        Ok(())
    };
    let (mut log, mut opened) = Log::open(disk, (&start, writer), min_free, &mut visit)?;
    let mut notes = Vec::new();
    match found {
        Found::Next(aside) => {
            let outcomes = aside.each(&mut visit)?;
            opened.end.next = aside.next();
            log.take_in(&aside)?;
            notes.push(Note::TakenIn { outcomes });
        }
        Found::TooLate => {
            log.clear_aside(Spent::TooLate)?;
            notes.push(Note::TooLate);
        }
        Found::Nothing if opened.torn > 0 => notes.push(Note::TornEnd { octets: opened.torn }),
        Found::Nothing => {}
    }
    let (next, epoch, covered) = (opened.end.next, opened.end.epoch, Lsn(start.next.0 - 1));
    Ok(Loaded { log, fold, numbered, notes, next, epoch, covered, unkept })
}

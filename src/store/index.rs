//! The index: sled, as the scheduler's working store, and never the only copy of a fact.
//!
//! One tree, whose first key octet names the kind. It is changed by [`Changes`], which say where things
//! stand after some record and not how they came there, so applying them twice does no harm; the record's
//! number (`applied`) goes into the same sled `Batch` as the last of them. Changes are applied only when
//! the journal is durable that far. Whatever is wrong with sled, it is moved aside and built anew.
//!
//! `flush_async` is never called: concurrent calls deadlock in 0.34.7. `flush` is no fsync on Linux.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hashbrown::HashSet;
use jiff::Timestamp;

use crate::mail::{RunNo, State, Usage};

use super::backlog::Pieces;

use super::changes::Changes;
use super::entries::Waiting;
use super::fold::Fold;
use super::frame::Lsn;
use super::postcard_tail::write_postcard;
use super::record::Millis;

/// Changes when the keys or values change; an index of another version is built anew.
const VERSION: u8 = 3;
/// Octets of sled's cache; it takes several times as much.
const CACHE: u64 = 16 << 20;
/// A larger sled `Batch` takes memory out of all proportion.
const BATCH_LIMIT: usize = 512;

const APPLIED: &[u8] = b"a";
const STATES: u8 = b's';
const WAITING: u8 = b'w';
const QUEUE: u8 = b'q';
const DATES: u8 = b'd';
const PARTS: u8 = b'p';
const USAGE: u8 = b'u';
const SUPPRESSED: u8 = b'x';
/// How many are suppressed, and the sum of their keys without carry.
const SUPPRESSED_STAMP: &[u8] = b"y";

/// An open index.
#[derive(Debug, Clone)]
pub(super) struct Index {
    tree: sled::Db,
}

/// What opening the index has come to.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) index: Index,
    /// The last record it has taken in; 0 if it is new.
    pub(super) applied: Lsn,
    /// Where a broken one was moved.
    pub(super) moved: Option<PathBuf>,
}

impl Index {
    /// Opens the index in `folder`, or a new one after moving a broken one aside.
    ///
    /// # Errors
    /// Not even a new one can be made.
    pub(super) fn open(folder: &Path, now: Timestamp) -> Result<Found, String> {
        match Self::try_open(folder) {
            Ok((index, applied)) => Ok(Found { index, applied, moved: None }),
            Err(_) => Self::begin_anew(folder, now),
        }
    }

    /// Moves the index in `folder` aside and makes a new one.
    ///
    /// # Errors
    /// It cannot be moved, or no new one can be made.
    pub(super) fn begin_anew(folder: &Path, now: Timestamp) -> Result<Found, String> {
        let aside = folder.with_file_name(format!("index.bad-{}", now.as_second()));
        let mut moved = None;
        if folder.exists() {
            // Two in one second: the newer one tells more.
            let _ = fs::remove_dir_all(&aside);
            fs::rename(folder, &aside).map_err(|error| error.to_string())?;
            moved = Some(aside);
        }
        let (index, applied) = Self::try_open(folder)?;
        Ok(Found { index, applied, moved })
    }

    /// Opens the index in `folder`, or a new one, and says which record it has taken in last.
    ///
    /// # Errors
    /// It is broken, or of another version.
    pub(super) fn try_open(folder: &Path) -> Result<(Self, Lsn), String> {
        // sled makes its files as the umask lets it; they hold who was written to.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(500))
            .use_compression(false);
        // sled 0.34.7 panics on some damage that it should report (spacejam/sled#1387, #1410).
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let tree = opened.map_err(|_| "sled panicked".to_owned())?.map_err(|error| error.to_string())?;
        let applied = match tree.get(APPLIED).map_err(|error| error.to_string())? {
            None if tree.is_empty() => Lsn(0),
            None => return Err("the applied position is missing".to_owned()),
            Some(value) => match value.split_first() {
                Some((version, applied)) if *version == VERSION => {
                    Lsn(u64::from_be_bytes(applied.try_into().map_err(|_| "a position of another length")?))
                }
                Some(_) | None => return Err("another version".to_owned()),
            },
        };
        Ok((Self { tree }, applied))
    }

    /// Takes in where things stand.
    ///
    /// # Errors
    /// What sled says; the index must not be used any more.
    pub(super) fn apply(&self, changes: &Changes) -> Result<(), String> {
        let mut writer = Writer { tree: &self.tree, batch: sled::Batch::default(), count: 0 };
        for (run, block, states) in &changes.blocks {
            writer.insert(key(STATES, *run, &block.to_be_bytes()), states.clone())?;
        }
        for (run, recipient, waiting) in &changes.waiting {
            self.apply_waiting(&mut writer, *run, *recipient, waiting.as_ref())?;
        }
        for (run, (number, part), date) in &changes.dates {
            let key = batch_key(DATES, *run, *number, *part);
            match date {
                Some(date) => writer.insert(key, date.0.to_be_bytes().to_vec())?,
                None => writer.remove(key)?,
            }
        }
        for (run, number, part) in &changes.parts {
            writer.insert(key(PARTS, *run, &number.to_be_bytes()), part.to_be_bytes().to_vec())?;
        }
        for (account, usage) in &changes.usages {
            let mut key = vec![USAGE];
            key.extend_from_slice(account.as_str().as_bytes());
            let mut value = Vec::new();
            write_postcard(usage, &mut value);
            writer.insert(key, value)?;
        }
        writer.insert(APPLIED.to_vec(), [&[VERSION][..], &changes.upto.0.to_be_bytes()].concat())?;
        writer.finish()
    }

    /// The entry of one recipient and its place in the queue change together.
    fn apply_waiting(
        &self,
        writer: &mut Writer<'_>,
        run: RunNo,
        recipient: u32,
        waiting: Option<&Waiting>,
    ) -> Result<(), String> {
        writer.make_room(4)?;
        let entry = key(WAITING, run, &recipient.to_be_bytes());
        if let Some(earlier) = self.tree.get(&entry).map_err(|error| error.to_string())? {
            let earlier: Waiting = postcard::from_bytes(&earlier).map_err(|error| error.to_string())?;
            writer.remove(queue_key(run, earlier.due, recipient))?;
        }
        match waiting {
            Some(waiting) => {
                let mut value = Vec::new();
                write_postcard(waiting, &mut value);
                writer.insert(entry, value)?;
                writer.insert(queue_key(run, waiting.due, recipient), Vec::new())
            }
            None => writer.remove(entry),
        }
    }

    /// What the index holds of `run`, whose plan has so many `recipients`.
    ///
    /// # Errors
    /// What sled says, or that a value is not what was written.
    pub(super) fn pieces(&self, run: RunNo, recipients: usize) -> Result<Pieces, String> {
        let mut pieces = Pieces::default();
        pieces.states.reserve(recipients);
        for found in self.tree.scan_prefix(key(STATES, run, &[])) {
            let (_, value) = found.map_err(|error| error.to_string())?;
            for octet in value.iter() {
                let state = State::ALL.get(usize::from(*octet)).ok_or("a state that there is not")?;
                pieces.states.push(*state);
            }
        }
        // In the order in which they are due.
        for found in self.tree.scan_prefix(key(QUEUE, run, &[])) {
            let (queued, _) = found.map_err(|error| error.to_string())?;
            let recipient = number_at(&queued, queued.len().saturating_sub(4)).ok_or("a short key")?;
            let entry = self.tree.get(key(WAITING, run, &recipient.to_be_bytes()));
            let entry =
                entry.map_err(|error| error.to_string())?.ok_or("a queued recipient without an entry")?;
            pieces
                .waiting
                .push((recipient, postcard::from_bytes(&entry).map_err(|error| error.to_string())?));
        }
        for found in self.tree.scan_prefix(key(DATES, run, &[])) {
            let (key, value) = found.map_err(|error| error.to_string())?;
            let number = number_at(&key, 5).ok_or("a short key")?;
            let part = key.get(9..11).and_then(|part| part.try_into().ok()).ok_or("a short key")?;
            let date = value.as_ref().try_into().map_err(|_| "a date of another length")?;
            pieces.dates.push(((number, u16::from_be_bytes(part)), Millis(i64::from_be_bytes(date))));
        }
        for found in self.tree.scan_prefix(key(PARTS, run, &[])) {
            let (key, value) = found.map_err(|error| error.to_string())?;
            let part = value.as_ref().try_into().map_err(|_| "a part of another length")?;
            pieces.parts.push((number_at(&key, 5).ok_or("a short key")?, u16::from_be_bytes(part)));
        }
        Ok(pieces)
    }

    /// Makes everything count as touched that `fold` or the index knows of, so that what is gone is taken out.
    ///
    /// # Errors
    /// What sled says, or that a value is not what was written.
    pub(super) fn touch_all(&self, fold: &mut Fold) -> Result<(), String> {
        fold.touch_all();
        for run in fold.runs.values_mut() {
            let held = self.pieces(run.no, run.states.len())?;
            run.touched.waiting.extend(held.waiting.iter().map(|(recipient, _)| *recipient));
            run.touched.dates.extend(held.dates.iter().map(|(batch, _)| *batch));
            run.touched.parts.extend(held.parts.iter().map(|(number, _)| *number));
        }
        Ok(())
    }

    /// Whether the index says the same as `fold`.
    pub(super) fn agrees(&self, fold: &Fold) -> bool {
        let runs = fold.runs.values().all(|run| {
            let Ok(mut found) = self.pieces(run.no, run.states.len()) else { return false };
            let mut known = Pieces::of(run);
            found.sort();
            known.sort();
            found == known
        });
        runs && fold.ledger.usages().iter().all(|(account, usage)| {
            let mut key = vec![USAGE];
            key.extend_from_slice(account.as_str().as_bytes());
            let found = self.tree.get(key).ok().flatten();
            found.and_then(|value| postcard::from_bytes::<Usage>(&value).ok()).as_ref() == Some(usage)
        })
    }

    /// Notes whom nobody may write to: `all` of them, in place of those noted before. Costs next to
    /// nothing if they are the same.
    ///
    /// # Errors
    /// What sled says.
    pub(super) fn suppress(&self, all: &HashSet<u128>) -> Result<(), String> {
        let sum = all.iter().fold(0, |sum, suppressed| sum ^ suppressed);
        let stamp = [(all.len() as u64).to_be_bytes().as_slice(), &sum.to_be_bytes()].concat();
        let noted = self.tree.get(SUPPRESSED_STAMP).map_err(|error| error.to_string())?;
        if noted.is_some_and(|noted| *noted == *stamp) {
            return Ok(());
        }
        let mut writer = Writer { tree: &self.tree, batch: sled::Batch::default(), count: 0 };
        let mut known = HashSet::new();
        for found in self.tree.scan_prefix([SUPPRESSED]).keys() {
            let found = found.map_err(|error| error.to_string())?;
            let key = found.get(1..).and_then(|key| key.try_into().ok()).map(u128::from_be_bytes);
            match key {
                Some(key) if all.contains(&key) => {
                    known.insert(key);
                }
                Some(_) | None => writer.remove(found.to_vec())?,
            }
        }
        for suppressed in all.difference(&known) {
            writer.insert([&[SUPPRESSED][..], &suppressed.to_be_bytes()].concat(), Vec::new())?;
        }
        writer.insert(SUPPRESSED_STAMP.to_vec(), stamp)?;
        writer.finish()
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// What sled says.
    pub(super) fn flush(&self) -> Result<(), String> {
        self.tree.flush().map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Changes on their way into sled, in batches of a bearable size.
struct Writer<'a> {
    tree: &'a sled::Db,
    batch: sled::Batch,
    count: usize,
}

impl Writer<'_> {
    /// Begins a new sled `Batch` unless this one can take `count` more.
    fn make_room(&mut self, count: usize) -> Result<(), String> {
        if self.count + count > BATCH_LIMIT {
            self.count = 0;
            let full = std::mem::take(&mut self.batch);
            self.tree.apply_batch(full).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), String> {
        self.make_room(1)?;
        self.count += 1;
        self.batch.insert(key, value);
        Ok(())
    }

    fn remove(&mut self, key: Vec<u8>) -> Result<(), String> {
        self.make_room(1)?;
        self.count += 1;
        self.batch.remove(key);
        Ok(())
    }

    fn finish(self) -> Result<(), String> {
        self.tree.apply_batch(self.batch).map_err(|error| error.to_string())
    }
}

/// Kind, run, then whatever sorts within them: all big-endian, so that keys sort as numbers do.
fn key(kind: u8, run: RunNo, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(5 + rest.len());
    key.push(kind);
    key.extend_from_slice(&run.0.to_be_bytes());
    key.extend_from_slice(rest);
    key
}

fn batch_key(kind: u8, run: RunNo, number: u32, part: u16) -> Vec<u8> {
    let mut key = key(kind, run, &number.to_be_bytes());
    key.extend_from_slice(&part.to_be_bytes());
    key
}

fn queue_key(run: RunNo, due: Option<Millis>, recipient: u32) -> Vec<u8> {
    // Those who are due at once come first; nobody is due before 1970.
    let due = due.map_or(0, |due| u64::try_from(due.0).unwrap_or(0));
    let mut key = key(QUEUE, run, &due.to_be_bytes());
    key.extend_from_slice(&recipient.to_be_bytes());
    key
}

fn number_at(key: &[u8], at: usize) -> Option<u32> {
    key.get(at..at + 4).and_then(|number| number.try_into().ok()).map(u32::from_be_bytes)
}

//! The store as the engine uses it: one process, one lock, one journal.
//!
//! [`Store::intend`] and [`Store::settle`] are the hot path and never wait for a disk; everything that
//! decides about people or runs ([`Store::begin`], [`Store::suppress`], [`Store::cancel`],
//! [`Store::resolve`], [`Store::end`]) is durable when it returns. Once the journal has failed, only what is
//! owed is recorded, and set aside in another place: see [`Store::set_aside`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::mail::{Account, Intent, RecipientNo, RunNo, Settled, State, Tally, Usage};

use super::backlog::{Backlog, Pieces};
use super::book::RelayUse;
use super::disk::{Disk, FileDisk};
use super::error::StoreError;
use super::folder::Folder;
use super::frame::Lsn;
use super::indexer::{Indexer, Known, begin_anew, catch_up, open_index};
use super::journal::{Desk, Journal, Pace};
use super::lock::Lock;
use super::note::Note;
use super::record::{
    DoubtsResolved, EndReason, QuotaClosed, RecipientsSuppressed, Record, Resolve, RunCancelled, RunEnded,
    Spans,
};
use super::recorder::{Limits, Recorder};
use super::settle::{Fate, RunStart};
use super::suppressions::Suppressions;
use super::trust::Moment;
use super::watermark::Durable;

/// How many recipients one record of the operator's names at most; more take several records.
const NAMED_AT_ONCE: usize = 4_096;

/// How to use a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Octets that the file system must have left for a new message to start (`min_free`). What is owed
    /// has room in any case.
    pub min_free: u64,
    /// Who writes to the disk.
    pub pace: Pace,
    /// Whether the working store is kept beside the journal.
    pub indexing: Indexing,
    /// Octets of the journal from one checkpoint to the next, at least.
    pub checkpoint_every: u64,
}

/// Whether there is an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Indexing {
    /// In sled, by a thread of its own.
    #[default]
    Sled,
    /// None: everything is answered from memory; for simulations.
    Memory,
}

impl Default for Options {
    /// 64 MiB, a thread, sled; a checkpoint every 8 MiB, which are read in some 40 ms.
    fn default() -> Self {
        let (pace, indexing) = (Pace::default(), Indexing::default());
        Self { min_free: 64 << 20, pace, indexing, checkpoint_every: 8 << 20 }
    }
}

/// The state of a workspace, held by this process.
pub struct Store {
    root: PathBuf,
    notes: Vec<Note>,
    suppressions: Mutex<Suppressions>,
    // Dropped in this order: the index waits for the journal, the lock outlives both.
    indexer: Option<Indexer>,
    journal: Journal,
    _lock: Lock,
}

impl Store {
    /// Takes the lock, reads the journal, settles what a crash left open and brings the index up to date.
    ///
    /// # Errors
    /// Somebody holds the lock, the folder may not be used, the journal is damaged or newer, the clock
    /// cannot be trusted, or the disk fails. Nothing may be sent then.
    pub fn open(state: &Path, options: Options, moment: &Moment) -> Result<Self, StoreError> {
        let (folder, notes) = Folder::prepare(state)?;
        let lock = Lock::take(folder.root())?;
        let disk = FileDisk::new(&folder.journal(), &folder.ballast());
        disk.lay_ballast();
        Self::recover(Place { folder, lock, notes }, Box::new(disk), options, moment)
    }

    /// As [`Store::open`], with the journal on another disk.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(
        disk: Box<dyn Disk>,
        state: &Path,
        options: Options,
        moment: &Moment,
    ) -> Result<Self, StoreError> {
        let (folder, notes) = Folder::prepare(state)?;
        let lock = Lock::take(folder.root())?;
        Self::recover(Place { folder, lock, notes }, disk, options, moment)
    }

    fn recover(
        place: Place,
        disk: Box<dyn Disk>,
        options: Options,
        moment: &Moment,
    ) -> Result<Self, StoreError> {
        let Place { folder, lock, mut notes } = place;
        let suppressions = Suppressions::open(folder.root())?;
        let opened = match options.indexing {
            Indexing::Sled => open_index(&folder.index(), moment.wall, &mut notes),
            Indexing::Memory => None,
        };
        let applied = opened.as_ref().map_or(Lsn(0), |found| found.applied);
        let limits = Limits { min_free: options.min_free, checkpoint: options.checkpoint_every };
        let recovered = Recorder::recover(disk, folder.root(), limits, moment, applied)?;
        let mut recorder = recovered.recorder;
        notes.extend(recovered.notes);
        let index = opened.and_then(|found| {
            let anew = |notes: &mut Vec<Note>| begin_anew(&folder.index(), moment.wall, notes);
            let known = Known { before: recovered.found, partly: recovered.partly };
            catch_up(found, &mut recorder, known, anew, &mut notes)
        });
        let journal = Journal::start(recorder, recovered.log, options.pace)
            .map_err(|error| StoreError::io("start the journal of", folder.root(), error))?;
        let indexer = match index {
            None => None,
            Some(index) => {
                let suppressed = suppressions.keys().map(|key| key.0).collect();
                let started = Indexer::start(index, Arc::clone(&journal.desk), suppressed);
                Some(started.map_err(|error| StoreError::io("start the index of", folder.root(), error))?)
            }
        };
        Ok(Self {
            root: folder.root().to_owned(),
            notes,
            suppressions: Mutex::new(suppressions),
            indexer,
            journal,
            _lock: lock,
        })
    }

    pub(super) fn desk(&self) -> &Desk {
        &self.journal.desk
    }

    /// What opening it has shown and mended, in the order in which it was found.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The state folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The time to go by: see [`Trust`](super::Trust).
    pub fn believe(&self, moment: &Moment) -> Timestamp {
        self.desk().recorder().trust.believe(moment)
    }

    /// Begins a run. Durable when it returns.
    ///
    /// # Errors
    /// No room, or the journal has failed.
    pub fn begin(&self, start: &RunStart, at: Timestamp) -> Result<RunNo, StoreError> {
        let (run, lsn) = self.desk().recorder().begin(start, at)?;
        self.desk().wait(lsn)?;
        Ok(run)
    }

    /// Goes on with a run, through these relays from now on. Durable when it returns.
    ///
    /// # Errors
    /// No such run, no room, or the journal has failed.
    pub fn reopen(&self, run: RunNo, relays: &[RelayUse], at: Timestamp) -> Result<(), StoreError> {
        let lsn = self.desk().recorder().name_relays(run, relays, at)?;
        self.desk().wait(lsn)
    }

    /// Records that an end of data is about to leave. The future ends well when that is durable.
    ///
    /// # Errors
    /// [`StoreError::Full`]: no room for it and its outcome, nothing is recorded and the transaction
    /// must be abandoned. [`StoreError::Poisoned`]: the journal has failed. [`StoreError::NoRun`]: the run
    /// or its relay was never named.
    pub fn intend(&self, intent: &Intent<'_>, moment: &Moment) -> Result<Durable, StoreError> {
        match self.desk().record(|recorder| recorder.intend(intent, moment)) {
            Ok(lsn) => Ok(self.desk().durable(lsn)),
            Err(error) => {
                if matches!(error, StoreError::Full { .. }) {
                    self.desk().ring_for_room();
                }
                Err(error)
            }
        }
    }

    /// Records what an attempt came to, or sets it aside if the journal has failed: `fates` says where each recipient stands now, one for each
    /// delivery, in its order. `at` is when that became known. Durable within about 5 ms.
    ///
    /// # Errors
    /// It is more than a record can hold.
    ///
    /// # Panics
    /// If there are not as many fates as deliveries.
    pub fn settle(&self, settled: &Settled, fates: &[Fate<'_>], at: Timestamp) -> Result<(), StoreError> {
        assert_eq!(settled.deliveries.len(), fates.len(), "each delivery has a fate");
        self.desk().record(|recorder| recorder.settle(settled, fates, at))
    }

    /// Takes recipients out of a run who must not be written to. Durable when it returns. Those whose
    /// message is on its way or was taken stay what they are.
    ///
    /// # Errors
    /// No room, or the journal has failed.
    pub fn suppress(&self, run: RunNo, recipients: &[RecipientNo]) -> Result<(), StoreError> {
        self.name(recipients, |recipients| Record::Suppressed(RecipientsSuppressed { run, recipients }))
    }

    /// Decides about uncertain recipients. Durable when it returns.
    ///
    /// # Errors
    /// No room, or the journal has failed.
    pub fn resolve(
        &self,
        run: RunNo,
        recipients: &[RecipientNo],
        how: Resolve,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let at = at.into();
        self.name(recipients, |recipients| Record::Resolved(DoubtsResolved { run, recipients, how, at }))
    }

    fn name(&self, recipients: &[RecipientNo], record: impl Fn(Spans) -> Record) -> Result<(), StoreError> {
        let mut last = None;
        for some in recipients.chunks(NAMED_AT_ONCE) {
            let spans = Spans::of(some.iter().copied());
            last = Some(self.desk().recorder().write_if_room(&record(spans))?);
        }
        last.map_or(Ok(()), |lsn| self.desk().wait(lsn))
    }

    /// Takes everybody out of a run who is left. Durable when it returns: no new end of data may follow.
    ///
    /// # Errors
    /// The journal has failed.
    pub fn cancel(&self, run: RunNo, at: Timestamp) -> Result<(), StoreError> {
        self.record(&Record::Cancelled(RunCancelled { run, at: at.into() }))
    }

    /// Notes that a provider takes nothing more from an account until `until`: durable when it returns, or set
    /// aside if the journal has failed.
    ///
    /// # Errors
    /// The journal fails now.
    pub fn close_quota(&self, account: &Account, until: Timestamp) -> Result<(), StoreError> {
        let (account, until) = (account.as_str().to_owned(), until.into());
        let record = Record::Closed(QuotaClosed { account, until });
        if self.is_poisoned() {
            return self.desk().record(|recorder| recorder.write_owed(&record).map(|_| ()));
        }
        self.record(&record)
    }

    /// Ends a run, for now or for good. Durable when it returns, and all its outcomes with it.
    ///
    /// # Errors
    /// The journal has failed.
    pub fn end(&self, run: RunNo, reason: EndReason, at: Timestamp) -> Result<(), StoreError> {
        self.record(&Record::Ended(RunEnded { run, reason, at: at.into() }))
    }

    fn record(&self, record: &Record) -> Result<(), StoreError> {
        let lsn = self.desk().recorder().write(record)?;
        self.desk().wait(lsn)
    }

    /// Who is left of a run.
    ///
    /// # Errors
    /// No such run.
    pub fn backlog(&self, run: RunNo) -> Result<Backlog, StoreError> {
        if let Some(indexer) = &self.indexer {
            indexer.sync();
        }
        let recorder = self.desk().recorder();
        let book = recorder.fold.runs.get(&run).ok_or(StoreError::NoRun(run))?;
        let indexed = self.indexer.as_ref().and_then(|indexer| indexer.pieces(run, book.states.len()));
        let pieces = indexed.unwrap_or_else(|| Pieces::of(book));
        Ok(pieces.assemble(book))
    }

    /// How the recipients of a run stand; what is on its way counts as pending.
    pub fn tally(&self, run: RunNo) -> Option<Tally> {
        self.desk().recorder().fold.runs.get(&run).map(|book| book.tally)
    }

    /// Where one recipient of a run stands.
    pub fn state(&self, run: RunNo, recipient: RecipientNo) -> Option<State> {
        self.desk().recorder().fold.runs.get(&run).and_then(|book| book.state(recipient))
    }

    /// The recipients of a run who are uncertain, rising.
    pub fn uncertain(&self, run: RunNo) -> Vec<RecipientNo> {
        let recorder = self.desk().recorder();
        let states = recorder.fold.runs.get(&run).map(|book| book.states.as_slice()).unwrap_or_default();
        let uncertain = (0..).zip(states).filter(|(_, state)| **state == State::Uncertain);
        uncertain.map(|(place, _)| RecipientNo(place)).collect()
    }

    /// What each account was charged.
    pub fn usage(&self) -> BTreeMap<Account, Usage> {
        self.desk().recorder().fold.ledger.usages().clone()
    }

    /// The suppression list; hold the guard briefly.
    pub fn suppressions(&self) -> MutexGuard<'_, Suppressions> {
        // Each change is written before it is taken in, so a panic leaves a list that is true.
        self.suppressions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything recorded so far durable and hands the index to the system.
    ///
    /// # Errors
    /// The journal has failed.
    pub fn sync(&self) -> Result<(), StoreError> {
        let last = self.desk().recorder().group.last();
        self.desk().wait(last)?;
        if let Some(indexer) = &self.indexer {
            indexer.sync();
        }
        Ok(())
    }

    /// Why nothing can be recorded any more, if the journal has failed.
    pub fn failure(&self) -> Option<StoreError> {
        self.desk().recorder().group.failure()
    }

    /// Sets everything aside that a journal that has failed could not take, for the next start; says where.
    /// None if it has not failed.
    ///
    /// # Errors
    /// No place takes it: see [`Store::unwritten`].
    pub fn set_aside(&self) -> Result<Option<PathBuf>, StoreError> {
        self.desk().set_aside()
    }

    /// The outcomes that a journal that has failed could not take: the recipients of each run, and where they stand.
    pub fn unwritten(&self) -> Vec<(RunNo, RecipientNo, State)> {
        self.desk().recorder().group.unwritten().map(|aside| aside.outcomes()).unwrap_or_default()
    }

    /// Whether the journal has failed: no end of data may leave any more.
    pub fn is_poisoned(&self) -> bool {
        self.failure().is_some()
    }

    /// Writes what waits and gives the workspace back.
    ///
    /// # Errors
    /// The journal has failed.
    pub fn close(self) -> Result<(), StoreError> {
        self.sync()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("root", &self.root).finish_non_exhaustive()
    }
}

/// A state folder that is this process's.
struct Place {
    folder: Folder,
    lock: Lock,
    notes: Vec<Note>,
}

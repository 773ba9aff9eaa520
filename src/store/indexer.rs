//! The thread that keeps the index up to date, and nobody else writes to it.
//!
//! A few times a second it asks the recorder what was touched, waits until the journal is durable that
//! far, and applies it. If sled fails, the index is left alone and everything is answered from memory;
//! the next process builds a new one.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hashbrown::HashSet;
use jiff::Timestamp;

use crate::mail::RunNo;

use super::backlog::Pieces;
use super::changes::Changes;
use super::frame::Lsn;
use super::index::{Found, Index};
use super::journal::Desk;
use super::note::Note;
use super::recorder::Recorder;

/// How often the index is brought up to date.
const RHYTHM: Duration = Duration::from_millis(250);

/// Opens the index; without one, memory has to do.
pub(super) fn open_index(folder: &Path, now: Timestamp, notes: &mut Vec<Note>) -> Option<Found> {
    match Index::open(folder, now) {
        Ok(found) => Some(found),
        Err(words) => {
            notes.push(Note::IndexFailed { words });
            None
        }
    }
}

/// Moves the index aside and makes an empty one.
pub(super) fn begin_anew(folder: &Path, now: Timestamp, notes: &mut Vec<Note>) -> Option<Found> {
    match Index::begin_anew(folder, now) {
        Ok(found) => Some(found),
        Err(words) => {
            notes.push(Note::IndexFailed { words });
            None
        }
    }
}

/// What is known of the journal when the index is opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// The last record that was there when the journal was opened.
    pub(super) before: Lsn,
    /// Whether something may have changed behind the index that does not count as touched.
    pub(super) partly: bool,
}

/// Brings an index that was just opened up to the end of the journal; one that is ahead of the journal,
/// or says something else, gives way to a new one, which `anew` makes.
pub(super) fn catch_up(
    found: Found,
    recorder: &mut Recorder,
    known: Known,
    anew: impl FnOnce(&mut Vec<Note>) -> Option<Found>,
    notes: &mut Vec<Note>,
) -> Option<Index> {
    let upto = recorder.group.durable();
    let fresh = found.applied == Lsn(0);
    if found.applied <= known.before {
        let touched = if known.partly { found.index.touch_all(&mut recorder.fold) } else { Ok(()) };
        let applied = touched.and_then(|()| found.index.apply(&Changes::take(&mut recorder.fold, upto)));
        if applied.is_ok() && found.index.agrees(&recorder.fold) {
            if found.moved.is_some() || (fresh && known.before > Lsn(0)) {
                notes.push(Note::IndexRebuilt { moved: found.moved });
            }
            return Some(found.index);
        }
    }
    drop(found.index);
    recorder.fold.touch_all();
    let anew = anew(notes)?;
    match anew.index.apply(&Changes::take(&mut recorder.fold, upto)) {
        Ok(()) => {
            notes.push(Note::IndexRebuilt { moved: anew.moved.or(found.moved) });
            Some(anew.index)
        }
        Err(words) => {
            notes.push(Note::IndexFailed { words });
            None
        }
    }
}

/// The index and the thread that owns it.
pub(super) struct Indexer {
    /// None once sled has failed.
    index: Arc<Mutex<Option<Index>>>,
    orders: Option<Sender<SyncSender<()>>>,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has none.
    pub(super) fn start(index: Index, desk: Arc<Desk>, suppressed: HashSet<u128>) -> std::io::Result<Self> {
        let index = Arc::new(Mutex::new(Some(index)));
        let (orders, inbox) = channel();
        let shared = Arc::clone(&index);
        let run = move || {
            let owner = Owner { index: shared, desk };
            owner.suppress(&suppressed);
            owner.run(&inbox);
        };
        let thread = std::thread::Builder::new().name("index".to_owned()).spawn(run)?;
        Ok(Self { index, orders: Some(orders), thread: Some(thread) })
    }

    /// Waits until the index has taken in everything recorded so far.
    pub(super) fn sync(&self) {
        let (done, wait) = sync_channel(1);
        if self.orders.as_ref().is_some_and(|orders| orders.send(done).is_ok()) {
            // The thread went away: then memory answers.
            let _ = wait.recv();
        }
    }

    /// What the index holds of a run; none if it cannot be asked.
    pub(super) fn pieces(&self, run: RunNo, recipients: usize) -> Option<Pieces> {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces = index.as_ref()?.pieces(run, recipients).ok()?;
        (pieces.states.len() == recipients).then_some(pieces)
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of sled's there has cost the index and nothing else.
            let _ = thread.join();
        }
    }
}

struct Owner {
    index: Arc<Mutex<Option<Index>>>,
    desk: Arc<Desk>,
}

impl Owner {
    fn run(&self, inbox: &Receiver<SyncSender<()>>) {
        loop {
            match inbox.recv_timeout(RHYTHM) {
                Ok(done) => {
                    self.turn();
                    self.with_index(Index::flush);
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.turn(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.turn();
                    self.with_index(Index::flush);
                    return;
                }
            }
        }
    }

    fn turn(&self) {
        let changes = {
            let mut recorder = self.desk.recorder();
            let upto = recorder.group.last();
            Changes::take(&mut recorder.fold, upto)
        };
        // Never ahead of the journal. If that has failed, the index stays where it is.
        if !changes.is_empty() && self.desk.wait(changes.upto).is_ok() {
            self.with_index(|index| index.apply(&changes));
        }
    }

    fn suppress(&self, suppressed: &HashSet<u128>) {
        self.with_index(|index| index.suppress(suppressed));
    }

    /// Does something with the index, and gives it up for good if that fails.
    fn with_index(&self, act: impl FnOnce(&Index) -> Result<(), String>) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = index.as_ref()
            && act(open).is_err()
        {
            *index = None;
        }
    }
}

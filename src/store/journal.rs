//! The thread around the journal: a shell that takes blocks, writes them, and wakes whom they concern.
//!
//! It commits when half of those who are under way wait, or a moment after the first of them asked, and
//! everything else rides along; what nobody waits for is written after 5 ms at the latest. While one block
//! is written the next one gathers, so one sync serves all sessions that asked meanwhile. The thread is
//! woken only when it sleeps and has reason not to. With [`Pace::Inline`] there is no thread and each commit happens within
//! the call that asks for it, as a simulation in virtual time needs it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::error::StoreError;
use super::frame::Lsn;
use super::group::Writer;
use super::log::Log;
use super::recorder::Recorder;
use super::watermark::{Durable, Watermark};

/// How long a record waits at most if nobody asks for it.
const PATIENCE: Duration = Duration::from_millis(5);
/// How long an intent waits at most for others to be synced with it. A sync takes about as long on a good
/// disk, and a relay some hundred times longer to answer.
const LINGER: Duration = Duration::from_micros(250);

/// Who writes what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// A thread of its own.
    #[default]
    Thread,
    /// The call that has to wait for it; for simulations.
    Inline,
}

/// What the thread and the rest of the store share.
pub(super) struct Desk {
    recorder: Mutex<Recorder>,
    log: Mutex<Log>,
    mark: Arc<Watermark>,
    /// Rung when there is something to do.
    bell: Condvar,
    /// Rung when a block is durable or has failed.
    done: Condvar,
    /// How many threads listen for that.
    listeners: AtomicUsize,
    closing: AtomicBool,
    /// Set when an intent was refused for want of room, so that the room is measured again.
    short: AtomicBool,
    pace: Pace,
}

impl Desk {
    /// The recorder, for as long as the guard lives; never across a wait.
    pub(super) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        // A panic elsewhere cannot leave it half changed: a record is in the group and the fold, or in neither.
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that what `append` records is written, and wakes the thread for it if it must.
    ///
    /// # Errors
    /// What `append` says.
    pub(super) fn record<T>(
        &self,
        append: impl FnOnce(&mut Recorder) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (appended, rouses, failed) = {
            let mut recorder = self.recorder();
            let appended = append(&mut recorder)?;
            (appended, recorder.group.rouses(), recorder.group.cause().is_some())
        };
        if failed {
            // Where no place takes it, whoever ends the run is told so.
            let _ = self.set_aside();
            return Ok(appended);
        }
        match self.pace {
            Pace::Thread if rouses => self.bell.notify_one(),
            Pace::Thread => {}
            Pace::Inline => self.turn(),
        }
        Ok(appended)
    }

    /// A future that ends well when the record `lsn` is durable.
    pub(super) fn durable(&self, lsn: Lsn) -> Durable {
        self.mark.durable(lsn)
    }

    /// Says that room was short, so that it is measured again.
    pub(super) fn ring_for_room(&self) {
        self.short.store(true, Ordering::Relaxed);
        match self.pace {
            Pace::Thread => self.bell.notify_one(),
            Pace::Inline => self.measure(),
        }
    }

    /// Waits until everything up to `lsn` is durable.
    ///
    /// # Errors
    /// The journal has failed.
    pub(super) fn wait(&self, lsn: Lsn) -> Result<(), StoreError> {
        let mut recorder = self.recorder();
        recorder.group.hurry(lsn);
        loop {
            if recorder.group.durable() >= lsn {
                return Ok(());
            }
            if let Some(failure) = recorder.group.failure() {
                return Err(failure);
            }
            match self.pace {
                Pace::Thread => {
                    if recorder.group.rouses() {
                        self.bell.notify_one();
                    }
                    self.listeners.fetch_add(1, Ordering::Relaxed);
                    recorder = self.done.wait(recorder).unwrap_or_else(PoisonError::into_inner);
                    self.listeners.fetch_sub(1, Ordering::Relaxed);
                }
                Pace::Inline => {
                    drop(recorder);
                    self.turn();
                    recorder = self.recorder();
                }
            }
        }
    }

    /// Writes one block, if there is one.
    fn turn(&self) {
        let (block, checkpoint) = {
            let mut recorder = self.recorder();
            let Some(block) = recorder.group.take() else { return };
            let checkpoint = recorder.due_checkpoint(block.octets.len());
            (block, checkpoint)
        };
        let outcome = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let outcome = log.commit(&block.octets).map(|()| log.space());
            if outcome.is_ok()
                && let Some(checkpoint) = checkpoint
            {
                log.keep(checkpoint);
            }
            outcome
        };
        let (durable, failed) = {
            let mut recorder = self.recorder();
            recorder.group.complete(block, outcome);
            (recorder.group.durable(), recorder.group.cause())
        };
        match failed {
            None => self.mark.rise(durable),
            Some(cause) => {
                // Before anybody is told: a process that is killed now has lost nothing that was known.
                let _ = self.set_aside();
                self.mark.fail(cause);
            }
        }
        // Whoever began to listen before the block was complete was counted under the lock.
        if self.listeners.load(Ordering::Relaxed) > 0 {
            self.done.notify_all();
        }
    }

    /// Spares the next start what it need not read; for when nothing is recorded any more.
    fn keep(&self) {
        let checkpoint = {
            let mut recorder = self.recorder();
            let whole = !recorder.group.is_waiting() && recorder.group.cause().is_none();
            (whole && recorder.is_unkept()).then(|| recorder.checkpoint())
        };
        if let Some(checkpoint) = checkpoint {
            self.log.lock().unwrap_or_else(PoisonError::into_inner).keep(checkpoint);
        }
    }

    fn measure(&self) {
        if !self.short.swap(false, Ordering::Relaxed) {
            return;
        }
        let measured = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.make_room().map(|()| log.space())
        };
        // A failure here is met again, and told, by the next commit.
        if let Ok(space) = measured {
            self.recorder().group.measured(space);
        }
    }

    /// Sets everything aside that a journal that has failed could not take; says where. None if it has not failed.
    ///
    /// # Errors
    /// No place takes it.
    pub(super) fn set_aside(&self) -> Result<Option<PathBuf>, StoreError> {
        let Some(aside) = self.recorder().group.unwritten() else { return Ok(None) };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.set_aside(&aside).map(Some)
    }

    /// Waits for something to do; false when there will be nothing any more.
    fn next(&self) -> bool {
        let mut recorder = self.recorder();
        let mut expired = false;
        loop {
            let closing = self.closing.load(Ordering::Acquire);
            let group = &recorder.group;
            let failed = group.cause().is_some();
            let waiting = group.is_waiting() && !failed;
            if waiting && (closing || expired || group.is_ripe()) || self.short.load(Ordering::Relaxed) {
                return !(failed && closing);
            }
            if closing {
                return false;
            }
            let pause = match (waiting, group.is_awaited()) {
                (false, _) => None,
                (true, true) => Some((Writer::Lingering, LINGER)),
                (true, false) => Some((Writer::Patient, PATIENCE)),
            };
            (recorder, expired) = self.sleep(recorder, pause);
        }
    }

    /// Sleeps until it is woken, or for a time; says whether that is over.
    fn sleep<'a>(
        &self,
        mut recorder: MutexGuard<'a, Recorder>,
        pause: Option<(Writer, Duration)>,
    ) -> (MutexGuard<'a, Recorder>, bool) {
        recorder.group.writer_is(pause.map_or(Writer::Asleep, |(writer, _)| writer));
        let (mut recorder, expired) = match pause {
            None => (self.bell.wait(recorder).unwrap_or_else(PoisonError::into_inner), false),
            Some((_, pause)) => {
                let (recorder, ended) =
                    self.bell.wait_timeout(recorder, pause).unwrap_or_else(PoisonError::into_inner);
                (recorder, ended.timed_out())
            }
        };
        recorder.group.writer_is(Writer::Busy);
        (recorder, expired)
    }
}

/// The journal with its thread.
pub(super) struct Journal {
    pub(super) desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// Begins to write what `recorder` records to `log`.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(super) fn start(recorder: Recorder, log: Log, pace: Pace) -> std::io::Result<Self> {
        let mark = Arc::new(Watermark::new(recorder.group.durable()));
        let desk = Arc::new(Desk {
            recorder: Mutex::new(recorder),
            log: Mutex::new(log),
            mark,
            bell: Condvar::new(),
            done: Condvar::new(),
            listeners: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            short: AtomicBool::new(false),
            pace,
        });
        let thread = match pace {
            Pace::Inline => None,
            Pace::Thread => {
                let desk = Arc::clone(&desk);
                let run = move || {
                    while desk.next() {
                        desk.measure();
                        desk.turn();
                    }
                };
                Some(std::thread::Builder::new().name("journal".to_owned()).spawn(run)?)
            }
        };
        Ok(Self { desk, thread })
    }
}

impl Drop for Journal {
    /// Writes what waits and ends the thread.
    fn drop(&mut self) {
        {
            let _recorder = self.desk.recorder();
            self.desk.closing.store(true, Ordering::Release);
        }
        self.desk.bell.notify_all();
        match self.thread.take() {
            Some(thread) => {
                // It has nothing to say: a failure stands in the group.
                let _ = thread.join();
            }
            None => self.desk.turn(),
        }
        self.desk.keep();
    }
}

//! The thread around the journal: a shell that takes blocks, writes them, and wakes whom they concern.
//!
//! It commits as soon as somebody waits, and everything else rides along; what nobody waits for is written
//! after 5 ms at the latest. While one block is written the next one gathers, so one sync serves all
//! sessions that asked meanwhile. With [`Pace::Inline`] there is no thread and each commit happens within
//! the call that asks for it, as a simulation in virtual time needs it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::error::StoreError;
use super::frame::Lsn;
use super::log::Log;
use super::recorder::Recorder;

/// How long a record waits at most if nobody asks for it.
const PATIENCE: Duration = Duration::from_millis(5);

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
    /// Rung when there is something to do.
    bell: Condvar,
    /// Rung when a block is durable or has failed.
    done: Condvar,
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

    /// Says that there is something to do.
    pub(super) fn ring(&self) {
        match self.pace {
            Pace::Thread => self.bell.notify_one(),
            Pace::Inline => self.turn(),
        }
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
        // Nobody listens, but the thread sees that somebody waits.
        drop(recorder.group.wait(lsn));
        loop {
            if recorder.group.durable() >= lsn {
                return Ok(());
            }
            if let Some(failure) = recorder.group.failure() {
                return Err(failure);
            }
            match self.pace {
                Pace::Thread => {
                    self.bell.notify_one();
                    recorder = self.done.wait(recorder).unwrap_or_else(PoisonError::into_inner);
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
        let Some(block) = self.recorder().group.take() else { return };
        let outcome = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.commit(&block.octets).and_then(|()| log.space())
        };
        let told = self.recorder().group.complete(block, outcome);
        self.done.notify_all();
        for (waiter, told) in told {
            // Whoever went away in the meantime does not want to know.
            let _ = waiter.send(told);
        }
    }

    fn measure(&self) {
        if !self.short.swap(false, Ordering::Relaxed) {
            return;
        }
        let measured = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.make_room().and_then(|()| log.space())
        };
        // A failure here is met again, and told, by the next commit.
        if let Ok(space) = measured {
            self.recorder().group.measured(space);
        }
    }

    /// Waits for something to do; false when there will be nothing any more.
    fn next(&self) -> bool {
        let mut recorder = self.recorder();
        loop {
            let closing = self.closing.load(Ordering::Acquire);
            if recorder.group.failure().is_some() && closing {
                return false;
            }
            let waiting = recorder.group.is_waiting() && recorder.group.failure().is_none();
            if waiting && (closing || recorder.group.is_awaited()) || self.short.load(Ordering::Relaxed) {
                return true;
            }
            if closing {
                return false;
            }
            if !waiting {
                recorder = self.bell.wait(recorder).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (guard, expired) =
                self.bell.wait_timeout(recorder, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            recorder = guard;
            if expired.timed_out() {
                return true;
            }
        }
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
        let desk = Arc::new(Desk {
            recorder: Mutex::new(recorder),
            log: Mutex::new(log),
            bell: Condvar::new(),
            done: Condvar::new(),
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
    }
}

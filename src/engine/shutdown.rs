//! Signals, as the run hears them.
//!
//! The first Ctrl-C, SIGTERM or SIGHUP asks the run to take no new work and to wait for the replies it is
//! owed. The second asks it to stop at once. SIGTERM and SIGHUP turn into the second by themselves after
//! thirty seconds, as whoever sends them (systemd, a closing terminal) will not ask twice.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// How long replies are waited for after SIGTERM or SIGHUP: well within systemd's 90 seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Take no new work, wait for replies outstanding.
    Drain,
    /// Stop now; what is open is uncertain.
    Abort,
}

/// Listens for the signals that end a run.
#[derive(Debug)]
pub(super) struct Shutdown {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    first: Option<i32>,
    deadline: Option<Instant>,
}

impl Shutdown {
    /// Begins to listen; from now on these signals no longer end the process by themselves.
    ///
    /// # Errors
    /// If the process cannot install a handler.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            first: None,
            deadline: None,
        })
    }

    /// The number of the first signal that came: 1, 2 or 15.
    pub(super) fn signal(&self) -> Option<i32> {
        self.first
    }

    /// Waits for the next wish. Cancel-safe: a wish that was not returned comes again.
    pub(super) async fn wish(&mut self) -> Wish {
        let deadline = self.deadline;
        let number = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.hangup.recv() => SignalKind::hangup().as_raw_value(),
            () = until(deadline) => {
                self.deadline = None;
                return Wish::Abort;
            }
        };
        if self.first.is_some() {
            return Wish::Abort;
        }
        self.first = Some(number);
        if number != SignalKind::interrupt().as_raw_value() {
            self.deadline = Some(Instant::now() + PATIENCE);
        }
        Wish::Drain
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

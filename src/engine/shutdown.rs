//! Signals, as the run hears them.
//!
//! The first Ctrl-C, SIGTERM or SIGHUP asks the run to take no new work and to wait for the replies it is
//! owed. The second asks it to stop at once. SIGTERM and SIGHUP turn into the second by themselves after
//! thirty seconds, as whoever sends them (systemd, a closing terminal) will not ask twice.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
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
    signals: UnboundedReceiver<i32>,
    first: Option<i32>,
    deadline: Option<Instant>,
    /// Pass on what the process is sent; they end with this.
    ears: JoinSet<()>,
}

impl Shutdown {
    /// Begins to listen; from now on these signals no longer end the process by themselves.
    ///
    /// # Errors
    /// If the process cannot install a handler.
    pub(super) fn listen() -> io::Result<Self> {
        let (sender, signals) = unbounded_channel();
        let mut shutdown = Self::hear(signals);
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let mut signal = signal(kind)?;
            let sender: UnboundedSender<i32> = sender.clone();
            shutdown.ears.spawn(async move {
                while signal.recv().await.is_some() && sender.send(kind.as_raw_value()).is_ok() {}
            });
        }
        Ok(shutdown)
    }

    /// Heeds the signals whose numbers come through `signals`.
    pub(super) fn hear(signals: UnboundedReceiver<i32>) -> Self {
        Self { signals, first: None, deadline: None, ears: JoinSet::new() }
    }

    /// The number of the first signal that came: 1, 2 or 15.
    pub(super) fn signal(&self) -> Option<i32> {
        self.first
    }

    /// Waits for the next wish. Cancel-safe: a wish that was not returned comes again.
    pub(super) async fn wish(&mut self) -> Wish {
        let deadline = self.deadline;
        let number = tokio::select! {
            // Whatever the order of things that come at once, it is always the same.
            biased;
            Some(number) = self.signals.recv() => number,
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

//! The one timer of a session at work.
//!
//! What a session waits for changes several times a message, and rearming a timer each time costs more
//! than the message. So the timer is armed for half a minute at most and compared with the due time
//! when it fires.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How far ahead the timer is armed at most.
const HORIZON: Duration = Duration::from_secs(30);

/// A due time that may move.
#[derive(Debug)]
pub(super) struct Watch {
    sleep: Pin<Box<Sleep>>,
    due: Option<Instant>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(sleep_until(Instant::now() + HORIZON)), due: None }
    }

    /// Begins to wait for `limit`; none waits forever.
    pub(super) fn begin(&mut self, limit: Option<Duration>) {
        self.due = limit.map(|limit| Instant::now() + limit);
        if let Some(due) = self.due
            && (due < self.sleep.deadline() || self.sleep.is_elapsed())
        {
            self.arm(due);
        }
    }

    /// Waits until the due time has passed. May be dropped and called again.
    pub(super) async fn expired(&mut self) {
        let Some(due) = self.due else { return std::future::pending().await };
        loop {
            self.sleep.as_mut().await;
            if Instant::now() >= due {
                return;
            }
            self.arm(due);
        }
    }

    fn arm(&mut self, due: Instant) {
        self.sleep.as_mut().reset(due.min(Instant::now() + HORIZON));
    }
}

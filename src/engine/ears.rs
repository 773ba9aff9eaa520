//! What the loop of a run listens to: signals, requests, its own beat, and the reports of its sessions.
//!
//! Whatever happens becomes one [`Turn`]. Reports come by the hundred: a turn takes all that are there, and
//! lets sessions that are ready to go on come first, as one turn then serves them all.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, UnboundedReceiver};
use tokio::task::yield_now;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use crate::relay::Report;

use super::control::Asked;
use super::shutdown::{Shutdown, Wish};

/// How many reports are handled before the scheduler is asked again.
const REPORTS_A_TURN: usize = 512;
/// What woke the loop.
pub(super) enum Turn {
    Reports,
    Asked(Asked),
    Wish(Wish),
    Beat,
    Due,
}

/// All that can wake the loop.
pub(super) struct Ears {
    pub(super) shutdown: Shutdown,
    requests: Receiver<Asked>,
    reports: UnboundedReceiver<Report>,
    beat: Interval,
}

impl Ears {
    /// Ears for these, with a `beat` that begins now.
    pub(super) fn new(
        shutdown: Shutdown,
        requests: Receiver<Asked>,
        reports: UnboundedReceiver<Report>,
        beat: Duration,
    ) -> Self {
        let mut beat = interval(beat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { shutdown, requests, reports, beat }
    }

    /// Waits for the next thing that happens, `pause` at the longest. Reports go to `inbox`, with all that
    /// follow while others go on.
    pub(super) async fn hear(&mut self, inbox: &mut Vec<Report>, pause: Duration) -> Turn {
        let turn = self.first(inbox, pause).await;
        if let Turn::Reports = turn {
            yield_now().await;
            while inbox.len() < REPORTS_A_TURN
                && let Ok(report) = self.reports.try_recv()
            {
                inbox.push(report);
            }
        }
        turn
    }

    async fn first(&mut self, inbox: &mut Vec<Report>, pause: Duration) -> Turn {
        let due = Instant::now() + pause;
        tokio::select! {
            biased;
            wish = self.shutdown.wish() => Turn::Wish(wish),
            Some(asked) = self.requests.recv() => Turn::Asked(asked),
            _ = self.beat.tick() => Turn::Beat,
            _ = self.reports.recv_many(inbox, REPORTS_A_TURN) => Turn::Reports,
            () = sleep_until(due) => Turn::Due,
        }
    }
}

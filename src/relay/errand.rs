//! What one session of a pool draws on: the relay's work, the gate, and where reports go.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::lane::Lane;
use super::manners::Manners;
use super::settle::{Accounting, settle};
use super::submit::{Reports, Work};
use crate::mail::{Gate, Intent, Message, Outcome, Refused, Return, Scope, Settled, Ticket};
use crate::smtp::{Ending, Errand, Mode};

/// The sessions that wait for a message.
#[derive(Debug, Default)]
pub(super) struct Idle {
    count: AtomicUsize,
    /// Somebody began or ceased to wait, or a session was opened or ended.
    pub(super) changed: Notify,
}

impl Idle {
    /// Whether some session would take a message at once.
    pub(super) fn is_any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    fn begin(&self) -> Waiting<'_> {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_one();
        Waiting(self)
    }
}

struct Waiting<'a>(&'a Idle);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.changed.notify_one();
    }
}

/// What the sessions of one pool share.
pub(super) struct Shared {
    pub(super) work: Work,
    pub(super) gate: Arc<dyn Gate>,
    pub(super) reports: Reports,
    pub(super) accounting: Accounting,
    pub(super) idle: Idle,
    pub(super) lane: Mutex<Lane>,
    pub(super) manners: Mutex<Manners>,
}

impl Shared {
    /// The opening of sessions. Never hold it across an await.
    pub(super) fn lane(&self) -> MutexGuard<'_, Lane> {
        // A lane is changed by whole steps, so one left behind by a panic is sound.
        self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the relay is spoken to. Never hold it across an await.
    pub(super) fn manners(&self) -> MutexGuard<'_, Manners> {
        self.manners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much one session may still do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// Messages.
    pub(super) messages: u32,
    /// Until when a message may be begun.
    pub(super) until: Instant,
}

/// One session's part of the work. A message that it holds and never gave to a session comes back.
pub(super) struct PoolErrand {
    shared: Arc<Shared>,
    /// The message for whose sake the session was opened.
    first: Option<Message>,
    pub(super) allowance: Allowance,
    /// How its session speaks, once it is open.
    pub(super) mode: Mode,
    drawn: u32,
    accepted: u32,
}

impl PoolErrand {
    pub(super) fn new(shared: Arc<Shared>, first: Message, allowance: Allowance) -> Self {
        Self { shared, first: Some(first), allowance, mode: Mode::LockStep, drawn: 0, accepted: 0 }
    }

    /// How many messages the session drew.
    pub(super) fn drawn(&self) -> u32 {
        self.drawn
    }

    /// How many of its transactions reached somebody.
    pub(super) fn accepted(&self) -> u32 {
        self.accepted
    }

    /// Whether the message for whose sake the session was opened asks to be told of its delivery.
    pub(super) fn asks_to_be_notified(&self) -> bool {
        self.first.as_ref().is_some_and(|message| message.envelope.notify.is_some())
    }

    fn may_draw(&self) -> bool {
        self.drawn < self.allowance.messages && Instant::now() < self.allowance.until
    }

    fn count(&mut self, message: Option<Message>) -> Option<Message> {
        self.drawn += u32::from(message.is_some());
        message
    }
}

impl Drop for PoolErrand {
    fn drop(&mut self) {
        if let Some(first) = self.first.take() {
            self.shared.reports.returned(first.batch, &Return::NotSent, Vec::new());
        }
    }
}

impl Errand for PoolErrand {
    fn try_next(&mut self) -> Option<Message> {
        if let Some(first) = self.first.take() {
            return self.count(Some(first));
        }
        let message = if self.may_draw() { self.shared.work.try_next(&self.shared.reports) } else { None };
        self.count(message)
    }

    async fn next(&mut self) -> Option<Message> {
        if !self.may_draw() {
            return None;
        }
        let message = {
            let _waiting = self.shared.idle.begin();
            self.shared.work.next(&self.shared.reports).await
        };
        self.count(message)
    }

    fn intend(&mut self, intent: Intent<'_>) -> Result<Ticket, Refused> {
        self.shared.gate.intend(intent)
    }

    fn end(&mut self, ending: Ending) {
        let settled = settle(ending, self.shared.accounting);
        if reached_somebody(&settled) {
            if self.accepted == 0 {
                self.shared.lane().deliver();
                self.shared.manners().prove(self.mode);
            }
            self.accepted += 1;
        }
        if settled.troubles.iter().any(|trouble| trouble.verdict.scope == Scope::Connection) {
            // The server has had enough of this session, whether it closes it or not.
            self.allowance.messages = self.drawn;
        }
        self.shared.reports.settled(settled);
    }
}

fn reached_somebody(settled: &Settled) -> bool {
    settled.deliveries.iter().any(|delivery| matches!(delivery.outcome, Outcome::Accepted(_)))
}

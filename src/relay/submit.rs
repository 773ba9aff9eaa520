//! The seam between the engine and what sends: work goes in, reports come out.
//!
//! Two things submit: a [`RelayPool`](super::RelayPool) over real SMTP, and the simulated relays of tests.
//! The rule for both: each batch taken from the [`Work`] is answered by exactly one [`Settled`], whether
//! it is sent, refused, lost, dropped or the reason for a panic.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_channel::Receiver;
use tokio::sync::mpsc::UnboundedSender;

use crate::mail::{Batch, Charge, Delivery, Gate, Message, Outcome, RelayNo, Return, Settled, Trouble};
use crate::smtp::Mode;

use super::ahead::{Ahead, Makers, Ready, Withdrawal};

/// Something that takes messages and says what became of them.
pub trait Submit: Send + Sync {
    /// Sends what `work` gives until it is closed and empty, and every session has ended.
    ///
    /// May be dropped at any moment. The sessions are then dropped too, by the runtime and a moment later:
    /// whoever counts must read the reports until all their senders are gone.
    fn drive(
        self: Arc<Self>,
        work: Work,
        gate: Arc<dyn Gate>,
        reports: Reports,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// From now on no session is opened beyond so many, nor beyond the settings; at least one may be. Those
    /// open beyond it end by themselves.
    fn bear(&self, sessions: u32);
}

/// Makes the message of a batch.
pub type Compose = dyn Fn(Batch) -> Result<Message, Unsendable> + Send + Sync;

/// A batch for which no message is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsendable {
    /// The batch.
    pub batch: Batch,
    /// What that means for each of its recipients, in its order.
    pub deliveries: Vec<Delivery>,
}

impl Unsendable {
    /// A batch that meets one outcome as a whole.
    pub fn whole(batch: Batch, outcome: &Outcome) -> Self {
        let delivery = |recipient: &_| Delivery { recipient: *recipient, outcome: outcome.clone() };
        let deliveries = batch.recipients.iter().map(delivery).collect();
        Self { batch, deliveries }
    }
}

/// What is to be sent through one relay. Clones share it.
#[derive(Clone)]
pub struct Work {
    batches: Receiver<Batch>,
    maker: Maker,
}

/// Where the messages of a [`Work`] come from.
#[derive(Clone)]
enum Maker {
    /// Each is composed by whoever takes it.
    Taker(Arc<Compose>),
    /// They were made ahead, and wait.
    Shelf(Receiver<Ready>),
}

impl Work {
    /// The batches that come through `batches`, made into messages by `compose` as they are taken.
    pub fn new(batches: Receiver<Batch>, compose: Arc<Compose>) -> Self {
        Self { batches, maker: Maker::Taker(compose) }
    }

    /// The same, made into messages before they are taken, by threads of their own: nothing comes unless the
    /// [`Ahead`] is run beside. Its batches are those that `reports` is about.
    pub fn made_ahead(
        batches: Receiver<Batch>,
        compose: Arc<Compose>,
        makers: Makers,
        reports: Reports,
        withdrawal: Withdrawal,
    ) -> (Self, Ahead) {
        let (ahead, ready) = Ahead::new(batches.clone(), compose, makers, reports, withdrawal);
        (Self { batches, maker: Maker::Shelf(ready) }, ahead)
    }

    /// The next message; none once the work is over. What cannot be sent is reported and passed over.
    ///
    /// Nothing is taken if this is dropped before it is ready.
    pub async fn next(&self, reports: &Reports) -> Option<Message> {
        loop {
            let message = match &self.maker {
                Maker::Taker(compose) => composed(compose, self.batches.recv().await.ok()?, reports),
                Maker::Shelf(ready) => told(ready.recv().await.ok()?.take(), reports),
            };
            if let Some(message) = message {
                return Some(message);
            }
        }
    }

    /// The next message, if a batch is waiting.
    pub fn try_next(&self, reports: &Reports) -> Option<Message> {
        loop {
            let message = match &self.maker {
                Maker::Taker(compose) => composed(compose, self.batches.try_recv().ok()?, reports),
                Maker::Shelf(ready) => told(ready.try_recv().ok()?.take(), reports),
            };
            if let Some(message) = message {
                return Some(message);
            }
        }
    }

    /// The next batch as it is; none once the work is over.
    pub async fn next_batch(&self) -> Option<Batch> {
        match &self.maker {
            Maker::Taker(_) => self.batches.recv().await.ok(),
            Maker::Shelf(ready) => ready.recv().await.ok().map(Ready::take_batch),
        }
    }

    /// Hands back every batch that waits.
    pub fn return_waiting(&self, reports: &Reports) {
        if let Maker::Shelf(ready) = &self.maker {
            // Each comes back as it falls.
            while ready.try_recv().is_ok() {}
        }
        Self::return_all(&self.batches, reports);
    }

    /// Hands back every batch that waits in a channel of which no work was made yet.
    pub fn return_all(batches: &Receiver<Batch>, reports: &Reports) {
        while let Ok(batch) = batches.try_recv() {
            reports.returned(batch, &Return::NotSent, Vec::new());
        }
    }

    /// Whether no batch is left and none will come.
    pub fn is_over(&self) -> bool {
        let is_over = self.batches.is_closed() && self.batches.is_empty();
        match &self.maker {
            Maker::Taker(_) => is_over,
            Maker::Shelf(ready) => is_over && ready.is_closed() && ready.is_empty(),
        }
    }
}

/// The message of a batch; what cannot be sent is reported.
fn composed(compose: &Arc<Compose>, batch: Batch, reports: &Reports) -> Option<Message> {
    let owed = Owed { batch: Some(batch.clone()), reports };
    let composed = compose(batch);
    owed.paid();
    told(composed, reports)
}

/// The message; if there is none, that is reported.
fn told(made: Result<Message, Unsendable>, reports: &Reports) -> Option<Message> {
    match made {
        Ok(message) => Some(message),
        Err(unsendable) => {
            reports.unsendable(unsendable);
            None
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Work").field("waiting", &self.batches.len()).finish_non_exhaustive()
    }
}

/// A batch that is being composed: handed back if that panics.
struct Owed<'a> {
    batch: Option<Batch>,
    reports: &'a Reports,
}

impl Owed<'_> {
    fn paid(mut self) {
        self.batch = None;
    }
}

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.reports.returned(batch, &Return::NotSent, Vec::new());
        }
    }
}

/// What the engine hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The end of one attempt at one batch.
    Settled(Settled),
    /// Something happened to a session.
    Session {
        /// Of which relay.
        relay: RelayNo,
        /// What.
        event: SessionEvent,
    },
}

/// What can happen to a session. Each trouble is told once: here, or with the batch that met it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// It is greeted, encrypted and authenticated.
    Opened,
    /// It was opened just now for a message that asks to be told of its delivery, and its server does not
    /// announce DSN (RFC 3461).
    WithoutDsn,
    /// It ended.
    Closed {
        /// How many messages it drew.
        messages: u32,
        /// Why, if it was not in good order and no batch tells of it.
        trouble: Option<Trouble>,
    },
    /// Its server did not keep to what it announces: sessions are spoken to in this mode from now on.
    StepsBack {
        /// How.
        mode: Mode,
        /// What it did.
        words: String,
    },
    /// It could not be opened.
    Failed {
        /// Why.
        trouble: Trouble,
        /// What comes next.
        retry: Retry,
    },
}

/// What a relay does after a session could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Opens another after this pause.
    After(Duration),
    /// Opens no more in this run: a second try would fail as the first did, or lock the login.
    Never,
}

/// Where reports go.
#[derive(Debug, Clone)]
pub struct Reports {
    relay: RelayNo,
    sender: UnboundedSender<Report>,
}

impl Reports {
    /// Reports about `relay`.
    pub fn new(relay: RelayNo, sender: UnboundedSender<Report>) -> Self {
        Self { relay, sender }
    }

    /// The relay they are about.
    pub fn relay(&self) -> RelayNo {
        self.relay
    }

    /// Reports the end of an attempt.
    pub fn settled(&self, settled: Settled) {
        self.send(Report::Settled(settled));
    }

    /// Reports what happened to a session.
    pub fn session(&self, event: SessionEvent) {
        self.send(Report::Session { relay: self.relay, event });
    }

    /// Reports a batch that comes back as it was taken.
    pub fn returned(&self, batch: Batch, reason: &Return, troubles: Vec<Trouble>) {
        let Unsendable { batch, deliveries } = Unsendable::whole(batch, &Outcome::Returned(reason.clone()));
        self.settled(Settled {
            relay: self.relay,
            batch,
            intended: false,
            charge: Charge::default(),
            deliveries,
            troubles,
        });
    }

    fn unsendable(&self, unsendable: Unsendable) {
        let Unsendable { batch, deliveries } = unsendable;
        self.settled(Settled {
            relay: self.relay,
            batch,
            intended: false,
            charge: Charge::default(),
            deliveries,
            troubles: Vec::new(),
        });
    }

    fn send(&self, report: Report) {
        // Nobody listens only when the engine is gone, and then nobody can be told.
        let _ = self.sender.send(report);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::mail::{BatchId, RecipientNo, RunNo};

    fn batch(number: u32) -> Batch {
        let id = BatchId { run: RunNo(1), number, part: 0 };
        Batch { id, attempt: 1, date: None, recipients: vec![RecipientNo(number)] }
    }

    #[test]
    fn a_batch_whose_composing_panics_comes_back() {
        let (sender, batches) = async_channel::unbounded();
        let (reporter, mut reports) = unbounded_channel();
        let work = Work::new(batches, Arc::new(|_| panic!("a defect of the composer")));
        let reporter = Reports::new(RelayNo(0), reporter);
        sender.try_send(batch(7)).expect("room");
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work.try_next(&reporter)));
        assert!(result.is_err());
        let Ok(Report::Settled(settled)) = reports.try_recv() else { panic!("no settlement") };
        assert_eq!(settled.batch, batch(7));
        assert_eq!(settled.deliveries[0].outcome, Outcome::Returned(Return::NotSent));
        assert!(reports.try_recv().is_err());
    }

    #[test]
    fn what_cannot_be_sent_is_reported_and_passed_over() {
        let (sender, batches) = async_channel::unbounded();
        let (reporter, mut reports) = unbounded_channel();
        let work = Work::new(batches, Arc::new(|batch| Err(Unsendable::whole(batch, &Outcome::Suppressed))));
        let reporter = Reports::new(RelayNo(0), reporter);
        (0..3).for_each(|number| sender.try_send(batch(number)).expect("room"));
        assert!(work.try_next(&reporter).is_none());
        let settled: Vec<_> = std::iter::from_fn(|| reports.try_recv().ok()).collect();
        assert_eq!(settled.len(), 3);
        assert!(settled.iter().all(
            |report| matches!(report, Report::Settled(settled) if settled.deliveries[0].outcome == Outcome::Suppressed)
        ));
    }
}

//! The engine's gate: an intent passes if nobody it reaches is barred, if not too many fates are open at
//! once, and if the journal takes it. The permit comes when the journal has it on disk.
//!
//! Recipients suppressed before the run are not in the plan or are left out when their message is
//! composed. The gate looks only for those suppressed since: up to the final dot, and not after.

use std::collections::HashSet;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::mail::{
    AddressKey, Batch, BatchId, Charge, Digest, Gate, Intent, RecipientNo, Refused, RelayNo, Ticket,
};
use crate::store::{Durable, Plan, Store, StoreError};

use super::clock::Clock;

/// The gate of one run.
#[derive(Debug)]
pub(super) struct JournalGate {
    door: Arc<Door>,
    /// How many recipients' fates may be open at once.
    limit: u32,
}

/// What an intent passes, at once or when others have made room.
#[derive(Debug)]
struct Door {
    store: Arc<Store>,
    plan: Arc<Plan>,
    clock: Clock,
    /// Those who must not be written to any more.
    barred: RwLock<Barred>,
    /// Room for recipients whose fates are open.
    open: Semaphore,
    /// The room each recorded intent takes.
    taken: Mutex<HashMap<BatchId, u32>>,
    /// The intents that found no room since one was recorded.
    full: Mutex<Option<Full>>,
}

/// Who must not be written to, though it was planned.
#[derive(Debug, Default)]
struct Barred {
    /// Those suppressed since the run began.
    keys: HashSet<AddressKey>,
    everybody: bool,
}

/// The journal takes no intent.
#[derive(Debug)]
struct Full {
    since: Instant,
    last: Instant,
    error: StoreError,
}

/// For how long the journal may lack room before it counts as full: the thread that lays out its next
/// segment may only be late.
const LATE: Duration = Duration::from_secs(10);

impl JournalGate {
    /// A gate over `store` for the recipients of `plan`, with at most `limit` fates open at once.
    ///
    /// A fate is open until its outcome is in the journal's hands. A session that has its reply goes on before
    /// that, so its window alone would not keep to what was announced.
    pub(super) fn new(store: Arc<Store>, plan: Arc<Plan>, clock: Clock, limit: u64) -> Self {
        // A semaphore counts further than any journal; the cast below cannot lose a limit that matters.
        let limit = u32::try_from(limit.max(1)).unwrap_or(u32::MAX >> 4).min(u32::MAX >> 4);
        let open = Semaphore::new(limit as usize);
        let (barred, taken, full) = (RwLock::default(), Mutex::default(), Mutex::default());
        Self { door: Arc::new(Door { store, plan, clock, barred, open, taken, full }), limit }
    }

    /// From now on nothing is intended that reaches one of these: what was is recorded when this returns.
    pub(super) fn bar(&self, keys: impl IntoIterator<Item = AddressKey>) {
        self.door.barred.write().unwrap_or_else(PoisonError::into_inner).keys.extend(keys);
    }

    /// From now on nothing is intended at all: what was is recorded when this returns.
    pub(super) fn bar_everybody(&self) {
        self.door.barred.write().unwrap_or_else(PoisonError::into_inner).everybody = true;
    }

    /// These may be written to again.
    pub(super) fn unbar(&self, keys: impl IntoIterator<Item = AddressKey>) {
        let mut barred = self.door.barred.write().unwrap_or_else(PoisonError::into_inner);
        keys.into_iter().for_each(|key| {
            barred.keys.remove(&key);
        });
    }

    /// The fates of this batch are known, or recorded as uncertain. A batch whose intent never came to be
    /// recorded, as its session ended while it waited for room, has none to give back.
    pub(super) fn close(&self, batch: BatchId) {
        let taken = self.door.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&batch);
        self.door.open.add_permits(taken.unwrap_or_default() as usize);
    }

    /// Why nothing can be intended any more, if the journal has had no room for too long.
    pub(super) fn failure(&self) -> Option<StoreError> {
        let full = self.door.full.lock().unwrap_or_else(PoisonError::into_inner);
        full.as_ref().filter(|full| full.last - full.since >= LATE).map(|full| full.error.clone())
    }

    /// What a batch counts against the limit. One batch may always go, however large.
    fn weight(&self, batch: &Batch) -> u32 {
        u32::try_from(batch.recipients.len()).unwrap_or(self.limit).min(self.limit)
    }
}

impl Gate for JournalGate {
    fn intend(&self, intent: Intent<'_>) -> Result<Ticket, Refused> {
        let (batch, weight) = (intent.batch.id, self.weight(intent.batch));
        if let Ok(room) = self.door.open.try_acquire_many(weight) {
            let durable = self.door.record(&intent, (room, weight))?;
            return Ok(Ticket::new(batch, async move { durable.await.map_err(refusal) }));
        }
        let (door, intent) = (Arc::clone(&self.door), Owned::from(intent));
        let mut durable = Box::pin(async move {
            let room = door.open.acquire_many(weight).await.map_err(|_| Refused::Stopping)?;
            door.record(&intent.borrow(), (room, weight))?.await.map_err(refusal)
        });
        // It takes its place in the row now and not when it is first waited for: a session waits for its
        // permits in the order in which it asked, so a small batch that overtook a large one of its own
        // session would keep the room that the large one needs, and neither could ever leave.
        match durable.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ok(Ticket::new(batch, durable)),
            Poll::Ready(result) => result.map(|()| Ticket::new(batch, ready(Ok(())))),
        }
    }
}

impl Door {
    /// Records an intent that has room, unless it reaches somebody who is barred by now.
    fn record(
        &self,
        intent: &Intent<'_>,
        (room, weight): (SemaphorePermit<'_>, u32),
    ) -> Result<Durable, Refused> {
        // Held until the intent is recorded: whoever bars somebody waits for what passed before.
        let barred = self.barred.read().unwrap_or_else(PoisonError::into_inner);
        let reached = self.barred_among(&barred, intent.recipients);
        if !reached.is_empty() {
            return Err(Refused::Suppressed(reached));
        }
        let recorded = self.store.intend(intent, &self.clock.moment());
        self.note_room(&recorded);
        let durable = recorded.map_err(refusal)?;
        room.forget();
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(intent.batch.id, weight);
        Ok(durable)
    }

    fn note_room(&self, recorded: &Result<Durable, StoreError>) {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        match recorded {
            Err(error @ StoreError::Full { .. }) => {
                let last = Instant::now();
                full.get_or_insert_with(|| Full { since: last, last, error: error.clone() }).last = last;
            }
            Ok(_) | Err(_) => *full = None,
        }
    }

    fn barred_among(&self, barred: &Barred, recipients: &[RecipientNo]) -> Vec<RecipientNo> {
        if barred.everybody {
            return recipients.to_vec();
        }
        if barred.keys.is_empty() {
            return Vec::new();
        }
        let is_barred = |number: &RecipientNo| match self.plan.recipient(*number) {
            Ok(recipient) => barred.keys.contains(&recipient.address.key()),
            // Who cannot be looked up cannot be cleared either.
            Err(_) => true,
        };
        recipients.iter().copied().filter(is_barred).collect()
    }
}

/// An intent that outlives the session's call.
struct Owned {
    relay: RelayNo,
    batch: Batch,
    recipients: Vec<RecipientNo>,
    charge: Charge,
    digest: Digest,
    octets: u32,
}

impl Owned {
    fn borrow(&self) -> Intent<'_> {
        let Self { relay, batch, recipients, charge, digest, octets } = self;
        Intent { relay: *relay, batch, recipients, charge: *charge, digest: *digest, octets: *octets }
    }
}

impl From<Intent<'_>> for Owned {
    fn from(intent: Intent<'_>) -> Self {
        let Intent { relay, batch, recipients, charge, digest, octets } = intent;
        Self { relay, batch: batch.clone(), recipients: recipients.to_vec(), charge, digest, octets }
    }
}

fn refusal(error: StoreError) -> Refused {
    match error {
        StoreError::Full { .. } => Refused::NoSpace,
        other => Refused::Journal(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::rig::{Rig, people, to_its_end};
    use crate::engine::{EngineError, Orders};
    use crate::mail::RunNo;

    fn batch(number: u32) -> Batch {
        let id = BatchId { run: RunNo(1), number, part: 0 };
        Batch { id, attempt: 1, date: None, recipients: vec![RecipientNo(number)] }
    }

    fn ask(gate: &JournalGate, number: u32) -> Result<Ticket, Refused> {
        let batch = batch(number);
        let (relay, charge, digest) = (RelayNo(0), Charge::message(1), Digest([0; 16]));
        gate.intend(Intent { relay, batch: &batch, recipients: &batch.recipients, charge, digest, octets: 1 })
    }

    #[tokio::test]
    async fn who_is_suppressed_while_an_intent_waits_for_room_is_not_written_to() {
        let rig = Rig::new(&people("p", 3), "", ("", "max_uncertain = 1"));
        let run = rig.send(Orders::default());
        let first = ask(&run.gate, 0).expect("there is room");
        let second = ask(&run.gate, 1).expect("it waits");
        let barred = run.plan.recipient(RecipientNo(1)).expect("a row").address.key();
        run.gate.bar([barred]);
        first.permit().await.expect("the journal works");
        run.gate.close(batch(0).id);
        let refused = second.permit().await.map(|permit| permit.batch());
        assert_eq!(refused, Err(Refused::Suppressed(vec![RecipientNo(1)])));
    }

    #[tokio::test]
    async fn nobody_overtakes_an_intent_that_waits_for_room() {
        let settings = ("recipients_per_message = 2", "mode = \"grouped\"\nmax_uncertain = 2");
        let rig = Rig::new(&people("p", 4), "", settings);
        let run = rig.send(Orders::default());
        let ask = |number: u32, recipients: &[u32]| {
            let recipients = recipients.iter().copied().map(RecipientNo).collect();
            let id = BatchId { run: RunNo(1), number, part: 0 };
            let batch = Batch { id, attempt: 1, date: None, recipients };
            let (relay, charge, digest) = (RelayNo(0), Charge::message(1), Digest([0; 16]));
            let intent =
                Intent { relay, batch: &batch, recipients: &batch.recipients, charge, digest, octets: 1 };
            run.gate.intend(intent).expect("it is taken or waits")
        };
        let (small, large, late) = (ask(0, &[0]), ask(1, &[1, 2]), ask(2, &[3]));
        // There would be room for it, and the large one would lack that room.
        let taken = |number| run.gate.door.taken.lock().expect("sound").contains_key(&batch(number).id);
        assert_eq!([0, 1, 2].map(taken), [true, false, false]);
        small.permit().await.expect("the journal works");
        run.gate.close(batch(0).id);
        large.permit().await.expect("it has room now");
        run.gate.close(batch(1).id);
        late.permit().await.expect("it has room now");
    }

    #[tokio::test]
    async fn no_more_fates_are_open_than_a_crash_was_announced_to_leave() {
        let rig = Rig::new(&people("p", 100), "", ("sessions = 2\nwindow = 3", ""));
        let announced = u32::try_from(rig.plan().report.uncertain_bound).expect("a small number");
        let run = rig.send(Orders::default());
        let tickets: Vec<Ticket> =
            (0..announced).map(|number| ask(&run.gate, number).expect("there is room")).collect();
        for ticket in tickets {
            ticket.permit().await.expect("the journal works");
        }
        assert_eq!(run.gate.door.open.available_permits(), 0, "{announced} were announced");
        let mut next = std::pin::pin!(ask(&run.gate, announced).expect("it waits").permit());
        assert!(futures_util::poll!(next.as_mut()).is_pending());
        run.gate.close(batch(0).id);
        next.await.expect("there is room again");
    }

    #[tokio::test]
    async fn an_intent_that_never_had_room_gives_none_back() {
        let rig = Rig::new(&people("p", 3), "", ("", "max_uncertain = 1"));
        let run = rig.send(Orders::default());
        let first = ask(&run.gate, 0).expect("there is room");
        let second = ask(&run.gate, 1).expect("it waits");
        // Its session is lost while it waits: the batch is settled as one that was intended.
        drop(second);
        run.gate.close(batch(1).id);
        first.permit().await.expect("the journal works");
        assert_eq!(run.gate.door.open.available_permits(), 0);
        run.gate.close(batch(0).id);
        assert_eq!(run.gate.door.open.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_run_without_room_ends_and_says_so() {
        let rig = Rig::new(&people("p", 3), "", ("", ""));
        let run = rig.send(Orders::default());
        let full = || StoreError::Full { path: "state".into(), needed: 1 };
        run.gate.door.note_room(&Err(full()));
        assert!(run.gate.failure().is_none(), "it may be only late");
        tokio::time::pause();
        tokio::time::advance(LATE).await;
        tokio::time::resume();
        assert!(run.gate.failure().is_none(), "it was not asked again");
        run.gate.door.note_room(&Err(full()));
        let ended = to_its_end(run).await;
        assert!(matches!(ended, Err(EngineError::Store(StoreError::Full { .. }))), "{ended:?}");
        assert!(rig.taken().is_empty());

        let run = rig.resume(Orders::default()).expect("work is left");
        assert_eq!(to_its_end(run).await.expect("there is room again").recipients.accepted, 3);
    }
}

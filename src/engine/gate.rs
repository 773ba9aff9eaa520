//! The engine's gate: an intent passes if nobody it reaches is barred, if not too many fates are open at
//! once, and if the journal takes it. The permit comes when the journal has it on disk.
//!
//! Recipients suppressed before the run are not in the plan or are left out when their message is
//! composed. The gate looks only for those suppressed since: up to the final dot, and not after.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Semaphore;

use crate::mail::{
    AddressKey, Batch, BatchId, Charge, Digest, Gate, Intent, RecipientNo, Refused, RelayNo, Ticket,
};
use crate::store::{Plan, Store, StoreError};

use super::clock::Clock;

/// The gate of one run.
#[derive(Debug)]
pub(super) struct JournalGate {
    store: Arc<Store>,
    plan: Arc<Plan>,
    clock: Clock,
    barred: Barred,
    open: Arc<Semaphore>,
    /// How many recipients' fates may be open at once.
    limit: u32,
}

/// Those suppressed since the run began.
#[derive(Debug, Default)]
struct Barred {
    any: AtomicBool,
    keys: RwLock<HashSet<AddressKey>>,
}

impl JournalGate {
    /// A gate over `store` for the recipients of `plan`, with at most `max_uncertain` fates open at once.
    pub(super) fn new(store: Arc<Store>, plan: Arc<Plan>, clock: Clock, max_uncertain: u64) -> Self {
        // A semaphore counts further than any journal; the cast below cannot lose a limit that matters.
        let limit = u32::try_from(max_uncertain.max(1)).unwrap_or(u32::MAX >> 4).min(u32::MAX >> 4);
        let open = Arc::new(Semaphore::new(limit as usize));
        Self { store, plan, clock, barred: Barred::default(), open, limit }
    }

    /// From now on nothing may be ended that reaches one of these.
    pub(super) fn bar(&self, keys: impl IntoIterator<Item = AddressKey>) {
        self.barred.keys.write().unwrap_or_else(PoisonError::into_inner).extend(keys);
        self.barred.any.store(true, Ordering::Release);
    }

    /// These may be written to again.
    pub(super) fn unbar(&self, keys: impl IntoIterator<Item = AddressKey>) {
        let mut barred = self.barred.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.into_iter().for_each(|key| {
            barred.remove(&key);
        });
    }

    /// The fates of this batch are known, or recorded as uncertain.
    pub(super) fn close(&self, batch: &Batch) {
        self.open.add_permits(self.weight(batch) as usize);
    }

    /// What a batch counts against the limit. One batch may always go, however large.
    fn weight(&self, batch: &Batch) -> u32 {
        u32::try_from(batch.recipients.len()).unwrap_or(self.limit).min(self.limit)
    }

    fn barred_among(&self, recipients: &[RecipientNo]) -> Vec<RecipientNo> {
        if !self.barred.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let barred = self.barred.keys.read().unwrap_or_else(PoisonError::into_inner);
        let is_barred = |number: &RecipientNo| match self.plan.recipient(*number) {
            Ok(recipient) => barred.contains(&recipient.address.key()),
            // Who cannot be looked up cannot be cleared either.
            Err(_) => true,
        };
        recipients.iter().copied().filter(is_barred).collect()
    }
}

impl Gate for JournalGate {
    fn intend(&self, intent: Intent<'_>) -> Result<Ticket, Refused> {
        let barred = self.barred_among(intent.recipients);
        if !barred.is_empty() {
            return Err(Refused::Suppressed(barred));
        }
        let batch = intent.batch.id;
        if let Ok(room) = self.open.try_acquire_many(self.weight(intent.batch)) {
            let durable = self.store.intend(&intent, &self.clock.moment()).map_err(refusal)?;
            room.forget();
            return Ok(Ticket::new(batch, async move { durable.await.map_err(refusal) }));
        }
        Ok(self.queue(batch, Owned::from(intent)))
    }
}

impl JournalGate {
    /// Waits until other fates are known, and only then records the intent.
    fn queue(&self, batch: BatchId, intent: Owned) -> Ticket {
        let (open, store, clock) = (Arc::clone(&self.open), Arc::clone(&self.store), self.clock);
        let weight = self.weight(&intent.batch);
        Ticket::new(batch, async move {
            let room = open.acquire_many(weight).await.map_err(|_| Refused::Stopping)?;
            let durable = store.intend(&intent.borrow(), &clock.moment()).map_err(refusal)?;
            room.forget();
            durable.await.map_err(refusal)
        })
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

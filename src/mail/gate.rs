//! The gate: no end of data leaves without a permit, and no permit is given before the intent is durable.
//!
//! A session asks a [`Gate`] when it knows whom a transaction reaches, gets a [`Ticket`], and trades the
//! ticket for a [`Permit`] once the record of the intent is on disk. The dialogue takes end of data for
//! a permit only. A permit can be had from a ticket and from nowhere else.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

use super::batch::{Batch, BatchId};
use super::message::Digest;
use super::recipient::RecipientNo;
use super::relay::RelayNo;
use super::usage::Charge;

/// What a session is about to make irrevocable.
#[derive(Debug, Clone, Copy)]
pub struct Intent<'a> {
    /// Through which relay of the run.
    pub relay: RelayNo,
    /// The batch and its attempt.
    pub batch: &'a Batch,
    /// Those whom the end of data can reach: accepted at RCPT, a part of the batch's. Never empty.
    pub recipients: &'a [RecipientNo],
    /// What the account is charged for it.
    pub charge: Charge,
    /// What identifies the content.
    pub digest: Digest,
    /// How many octets the message has.
    pub octets: u32,
}

/// Why the end of data may not leave. Nobody was written to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// These recipients must not be written to any more; the others may, in another transaction.
    #[error("{} of its recipients must not be written to", .0.len())]
    Suppressed(Vec<RecipientNo>),
    /// The campaign was cancelled or the engine is stopping.
    #[error("the run is ending")]
    Stopping,
    /// The journal has no room for the intent and the outcome it owes.
    #[error("there is no room left for the journal")]
    NoSpace,
    /// The journal failed; nothing can be recorded any more.
    #[error("the journal failed: {0}")]
    Journal(String),
}

/// Decides, and records, whether an end of data may leave.
///
/// Two implementations: the engine's over the journal, and those of tests.
pub trait Gate: Send + Sync {
    /// Begins to record that `intent` is about to be made irrevocable. Does not wait for the disk.
    ///
    /// # Errors
    /// Why it must not be; the session then abandons the transaction, and nothing is charged.
    fn intend(&self, intent: Intent<'_>) -> Result<Ticket, Refused>;
}

/// A recorded intent that is not yet known to be durable.
pub struct Ticket {
    batch: BatchId,
    durable: Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>>,
}

impl Ticket {
    /// A ticket for `batch` that becomes a permit when `durable` ends well.
    pub fn new(batch: BatchId, durable: impl Future<Output = Result<(), Refused>> + Send + 'static) -> Self {
        Self { batch, durable: Box::pin(durable) }
    }

    /// Waits until the intent is on disk.
    ///
    /// # Errors
    /// The journal failed: the end of data must not leave.
    pub async fn permit(self) -> Result<Permit, Refused> {
        self.durable.await?;
        Ok(Permit { batch: self.batch })
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ticket").field("batch", &self.batch).finish_non_exhaustive()
    }
}

/// Leave to end the data of one batch, once. It cannot be copied and is spent by the dialogue.
#[derive(Debug)]
pub struct Permit {
    batch: BatchId,
}

impl Permit {
    /// The batch whose data may be ended.
    pub fn batch(&self) -> BatchId {
        self.batch
    }
}

//! What a run's book holds of those recipients and batches of whom a state says too little.

use hashbrown::HashSet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mail::{Account, Charge, Digest, RecipientNo};

use super::record::{Attempt, Millis, Spans};

/// A batch of a run: its place in the plan and its part.
pub(super) type BatchKey = (u32, u16);

/// A recipient who was attempted and stands pending or deferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// The batch of the last attempt.
    pub(super) batch: BatchKey,
    /// When the next attempt is due; none if at once.
    pub(super) due: Option<Millis>,
    /// When the recipient was first deferred.
    pub(super) since: Option<Millis>,
    /// Attempts that were used up.
    pub(super) attempts: u16,
    /// The relay of the last deferral: a place in the names of the run.
    pub(super) relay: Option<u16>,
}

/// An uncertain recipient: the batch and the relay (a place in the names of the run).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doubted {
    pub(super) batch: BatchKey,
    pub(super) relay: u16,
    pub(super) attempts: u16,
}

/// An intent whose outcome is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) of: Attempt,
    pub(super) wall: Timestamp,
    pub(super) date: Millis,
    pub(super) digest: Digest,
    pub(super) charge: Charge,
    pub(super) account: Account,
    pub(super) recipients: Spans,
    /// Those whose fate an earlier part of the outcome told.
    pub(super) told: Vec<RecipientNo>,
}

/// What changed since it was asked last, for the index.
#[derive(Debug, Clone, Default)]
pub(super) struct Touched {
    pub(super) blocks: HashSet<u32>,
    pub(super) waiting: HashSet<u32>,
    pub(super) dates: HashSet<BatchKey>,
    pub(super) parts: HashSet<u32>,
}

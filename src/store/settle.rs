//! What the engine hands to the store: a run's start, and the decision about each recipient.

use jiff::Timestamp;

use crate::mail::{PlanId, State};

use super::book::RelayUse;

/// What a run begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// The frozen plan that is sent.
    pub plan: PlanId,
    /// The campaign's name.
    pub campaign: String,
    /// The campaign's edition, from 1.
    pub edition: u32,
    /// How many recipients the plan has.
    pub recipients: u32,
    /// How many batches it has.
    pub batches: u32,
    /// Whether it goes through built-in servers, so that nobody counts as written to.
    pub sandbox: bool,
    /// Its relays; a relay's number is its place here.
    pub relays: Vec<RelayUse>,
}

/// Where a recipient stands after an attempt: one for each delivery of a [`Settled`](crate::mail::Settled),
/// in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate<'a> {
    /// Where the recipient stands now.
    pub state: State,
    /// When the next attempt is due, for those who are deferred.
    pub due: Option<Timestamp>,
    /// The reply's text without what differs from message to message (the queue id) and without
    /// addresses, escaped; cut to 256 octets. Equal texts are stored once. May be empty.
    pub words: &'a str,
    /// The id under which the relay queued the message, where the reply names one; cut to 64 octets.
    pub queue_id: &'a str,
}

//! What the scheduler answers: a lease, a wait, an end; and what follows from a settled batch.

use std::fmt;

use jiff::Timestamp;

use crate::mail::{Account, Batch, BatchId, BoundKind, Class, RecipientNo, RelayNo, State};

/// What is to be done now.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Send this batch through this relay, and settle it, whatever becomes of it.
    Lease {
        /// Through which relay.
        relay: RelayNo,
        /// What to send.
        batch: Batch,
    },
    /// Nothing now: ask again at a time, or when a batch was settled.
    Wait(Wait),
    /// Nothing is left to send and nothing is out.
    Done,
    /// No batch will be leased any more. What is out is still to be settled.
    Stopped(StopReason),
}

/// What everybody waits for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wait {
    /// When to ask again at the latest; later than now. None: when a batch was settled.
    pub until: Option<Timestamp>,
    /// What holds each relay back and until when, as far as known. A relay that has nothing to do
    /// any more does not stand here.
    pub bounds: Vec<(RelayNo, BoundKind, Option<Timestamp>)>,
}

/// Why a run leaves work undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Too many recipients are rejected.
    StopIf {
        /// How many were.
        rejected: u64,
        /// Of how many with a definite outcome.
        settled: u64,
    },
    /// A server refuses what all messages of the campaign share.
    Content {
        /// In which words.
        words: String,
    },
    /// Every relay is stopped.
    NoRelay,
    /// No time will come at which this limit lets the rest leave.
    Never(BoundKind),
    /// The caller drained the scheduler.
    Drained,
    /// The caller cancelled the run.
    Cancelled,
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StopIf { rejected, settled } => {
                write!(formatter, "{rejected} of {settled} recipients were rejected")
            }
            Self::Content { words } => write!(formatter, "the content is refused: {words}"),
            Self::NoRelay => formatter.write_str("every relay is stopped"),
            Self::Never(kind) => write!(formatter, "the {} never lets the rest leave", kind.name()),
            Self::Drained => formatter.write_str("the run is ending"),
            Self::Cancelled => formatter.write_str("the run was cancelled"),
        }
    }
}

/// What follows from a settled batch, a trouble or a change of mind. Mostly a few deliveries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Where recipients stand from now on, in the order of the batch, and when they are due again if
    /// they are and must wait.
    pub deliveries: Vec<(RecipientNo, State, Option<Timestamp>)>,
    /// A provider's word closed an account's quotas until then.
    pub closed: Option<(Account, Timestamp)>,
    /// A relay is not used any more in this run, and why.
    pub relay_stopped: Option<(RelayNo, String)>,
    /// The run stops.
    pub stop: Option<StopReason>,
    /// What the operator may want to know.
    pub notes: Vec<Note>,
}

/// Something the scheduler learned or did by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// A relay asked for less: its speed from now on.
    Slowed {
        /// Which.
        relay: RelayNo,
        /// Messages a second.
        per_second: f64,
    },
    /// A relay bears fewer sessions.
    FewerSessions {
        /// Which.
        relay: RelayNo,
        /// How many may be open now.
        sessions: u32,
    },
    /// A relay rests.
    Paused {
        /// Which.
        relay: RelayNo,
        /// Why.
        class: Class,
        /// Until when.
        until: Timestamp,
    },
    /// A domain asked a relay for less several times in a row: nothing goes to it through that relay.
    DomainRests {
        /// Through which.
        relay: RelayNo,
        /// Which domain.
        domain: String,
        /// Until when.
        until: Timestamp,
    },
    /// A relay takes fewer recipients in a transaction than it was said to.
    FewerRecipients {
        /// Which.
        relay: RelayNo,
        /// How many it took.
        recipients: u32,
    },
    /// Twenty of its last fifty replies were the same refusal: those rejected by it are not to be believed.
    Burst {
        /// Which.
        relay: RelayNo,
    },
    /// A batch was settled that is not out; nothing was done.
    NotOut(BatchId),
}

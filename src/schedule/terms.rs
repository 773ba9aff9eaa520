//! What a run is given: its relays, its rules, and what is still to be sent.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::domains::DomainTable;
use crate::mail::{Account, Batch, Batches, RelayName, RelayNo, RunNo};
use crate::policy::{DomainLimits, Hours, Quota, Rate, Retry, StopIf, Warmup};

/// One relay of a run; its place among the lanes is its [`RelayNo`].
#[derive(Debug, Clone, PartialEq)]
pub struct LaneSpec {
    /// As the operator calls it.
    pub relay: RelayName,
    /// Whose quotas it uses up; relays of one account share its usage.
    pub account: Account,
    /// What the provider lets the account send; all of them hold at once. None: no limit.
    pub quotas: Vec<Quota>,
    /// What is left of every quota for people who use the account by hand.
    pub reserve: u64,
    /// How much the account may send on which day while it is new; none: as much as its quotas allow.
    pub warmup: Option<Warmup>,
    /// How fast; none: as fast as it goes.
    pub rate: Option<Rate>,
    /// What it may have under way to each domain; heeded where the backlog tells who is at which.
    pub domains: DomainLimits,
    /// How many sessions may be open; at least 1.
    pub sessions: u32,
    /// How many batches a session may hold beyond the one under way.
    pub ahead: u32,
    /// Its share of the work beside other relays; at least 1.
    pub weight: u32,
    /// The most recipients it takes in one transaction; at least 1.
    pub recipients_per_message: u32,
    /// How long one transaction on one session is expected to take. For forecasts only.
    pub pace: Duration,
}

/// The rules of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Which run: it names the batches.
    pub run: RunNo,
    /// Nothing is sent before; none: at once.
    pub start: Option<Timestamp>,
    /// When sending is allowed; none: always.
    pub hours: Option<Hours>,
    /// How deferred recipients are retried.
    pub retry: Retry,
    /// When too many are rejected to go on.
    pub stop_if: StopIf,
}

/// What is still to be sent. Nobody stands in it twice.
#[derive(Debug, Clone)]
pub struct Backlog {
    /// How the plan's recipients fall into batches.
    pub batches: Arc<Batches>,
    /// The numbers of planned batches whose recipients are all pending and that were never split, rising.
    pub fresh: Vec<Range<u32>>,
    /// Everything else.
    pub waiting: Vec<Waiting>,
    /// The highest part of each batch that was ever split: (number, part). What stands in `waiting`
    /// need not be repeated; parts of which nobody is left must stand here, or their Message-IDs
    /// would be given out again.
    pub parts: Vec<(u32, u16)>,
    /// Who is at which domain; none where no relay has limits by domain.
    pub domains: Option<Arc<DomainTable>>,
}

/// Recipients of one batch who wait for their next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Who, under which batch, in which attempt next.
    pub batch: Batch,
    /// When they are due.
    pub due: Timestamp,
    /// The relay that deferred them: greylisting wants to see the same one again.
    pub relay: Option<RelayNo>,
    /// When they were deferred for the first time; none: they were not, they are pending.
    pub since: Option<Timestamp>,
}

//! How a campaign stands: the picture that `status`, `report`, `send` and the control socket show.
//!
//! Scripts rely on these fields; they are only ever added to. Times are UTC, sizes are in octets. The
//! picture is made by the running engine from its scheduler, or from journal and plans where none runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mail::{BoundKind, Excluded, State, Tally};

/// Where a campaign is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Planned, and nothing sent yet.
    Planned,
    /// Messages are on their way.
    Sending,
    /// A run is alive and every relay waits for something.
    Waiting,
    /// Held by the operator.
    Paused,
    /// Work is left and nobody is at it.
    Interrupted,
    /// Nothing is left to do.
    Finished,
    /// Ended by the operator.
    Cancelled,
}

/// Why a campaign waits or was left with work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Quotas are used up.
    Quota,
    /// The sending window is closed, or everybody left waits for their next attempt.
    Window,
    /// `--limit` was reached.
    Limit,
    /// The campaign's `stop_if`, or another breaker.
    StopIf,
    /// Ctrl-C, SIGTERM or SIGHUP.
    Signal,
    /// The run ended without a word: a crash, a kill, a power cut.
    Crash,
    /// No relay could log in or be reached.
    NoRelay,
    /// Another terminal said so: `pause`, or `drain`.
    Pause,
    /// Another terminal took everybody out.
    Cancelled,
}

/// How many recipients stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recipients {
    /// All of the plan: the sum of the eight others.
    pub planned: u64,
    /// Not attempted yet, or on their way.
    pub pending: u64,
    /// Refused for now.
    pub deferred: u64,
    /// Taken by a relay.
    pub accepted: u64,
    /// Refused for good.
    pub rejected: u64,
    /// Nobody can know.
    pub uncertain: u64,
    /// Must not be written to; found out after planning.
    pub suppressed: u64,
    /// Taken out by the operator.
    pub cancelled: u64,
    /// Given up after the last retry.
    pub expired: u64,
}

impl From<&Tally> for Recipients {
    fn from(tally: &Tally) -> Self {
        Self {
            planned: tally.planned(),
            pending: tally.of(State::Pending),
            deferred: tally.of(State::Deferred),
            accepted: tally.of(State::Accepted),
            rejected: tally.of(State::Rejected),
            uncertain: tally.of(State::Uncertain),
            suppressed: tally.of(State::Suppressed),
            cancelled: tally.of(State::Cancelled),
            expired: tally.of(State::Expired),
        }
    }
}

/// Planned batches, and those of which nobody is left to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchCount {
    /// As planned.
    pub planned: u64,
    /// Those whose recipients have all been settled. Counted by recipients in personal mode.
    pub done: u64,
}

/// One quota of a relay's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaView {
    /// What the provider allows.
    pub limit: u64,
    /// What the account has used of it, by the ledger.
    pub used: u64,
    /// `messages` or `recipients`.
    pub unit: String,
    /// `24h`, `1h` .. or `day`.
    pub per: String,
}

/// One relay of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RelayView {
    /// Recipients it took.
    pub accepted: u64,
    /// Refusals for now.
    pub deferred: u64,
    /// Refusals for good.
    pub rejected: u64,
    /// Recipients left uncertain by it.
    pub uncertain: u64,
    /// Its account's quotas.
    pub quotas: Vec<QuotaView>,
    /// Sessions open now; 0 where no run is alive.
    #[serde(default)]
    pub sessions: u32,
    /// What holds it back now.
    #[serde(default)]
    pub waits_for: Option<BoundKind>,
    /// Until when, as far as is known.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Why it was stopped or paused, in words.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// How a campaign stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The campaign's name.
    pub campaign: String,
    /// 1, and one more for each `send --again`.
    pub edition: u32,
    /// The plan's id in full.
    pub plan: String,
    /// Where the campaign is in its life.
    pub state: Stage,
    /// Why it waits or was left.
    pub reason: Option<Cause>,
    /// How many recipients stand where.
    pub recipients: Recipients,
    /// Rows that the plan left out.
    pub excluded: Excluded,
    /// Batches.
    pub batches: BatchCount,
    /// The relays of the run by name.
    pub relays: BTreeMap<String, RelayView>,
    /// When the first engine began.
    pub started: Option<Timestamp>,
    /// When nothing was left to do.
    pub finished: Option<Timestamp>,
    /// When the next attempt is due, where everybody waits.
    pub next_attempt: Option<Timestamp>,
    /// Whether it went through the built-in sandbox.
    #[serde(default)]
    pub sandbox: bool,
    /// When its rows and texts were purged: totals are all that is left.
    #[serde(default)]
    pub purged: Option<Timestamp>,
}

//! Which relay is to send how much on which day, and what holds it back.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::relay::RelayName;

/// What `plan` foretells: the result of running the scheduler in virtual time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Forecast {
    /// Days on which something is sent, rising, by the calendar of the campaign's zone.
    pub days: Vec<Day>,
    /// When the last recipient is written to; none if the plan can never end.
    pub ends: Option<Timestamp>,
    /// The limit that, were it higher, would let the plan end sooner; none where nothing binds.
    pub bound_by: Option<Bound>,
}

/// One day of a forecast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The date in the campaign's zone.
    pub date: Date,
    /// Recipients by relay, in the order in which the campaign names its relays; zeros included.
    pub relays: Vec<(RelayName, u64)>,
}

/// A limit, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The relay whose limit it is.
    pub relay: RelayName,
    /// Which limit.
    pub kind: BoundKind,
    /// Whose limit it is where it is one of a domain; left out of JSON where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

/// The kinds of limit that hold a relay back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundKind {
    /// A quota of the account is used up.
    Quota,
    /// The warm-up of the account allows no more today.
    Warmup,
    /// The relay's rate.
    Rate,
    /// Everybody left is at a domain that may have no more now: by the relay's limits for it, or because
    /// it asked for a pause.
    Domain,
    /// The campaign's sending window is closed or has not begun.
    Window,
    /// Every session is busy.
    Sessions,
    /// Everybody left waits for their next attempt.
    Retry,
    /// The relay asked for a pause, or is being reconnected to.
    Pause,
    /// The relay is stopped: nothing is sent through it in this run any more.
    Stopped,
}

impl BoundKind {
    /// The name as JSON writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Warmup => "warmup",
            Self::Rate => "rate",
            Self::Domain => "domain",
            Self::Window => "window",
            Self::Sessions => "sessions",
            Self::Retry => "retry",
            Self::Pause => "pause",
            Self::Stopped => "stopped",
        }
    }
}

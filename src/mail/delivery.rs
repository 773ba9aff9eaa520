//! Where each recipient of a run stands, and the tally of them.
//!
//! These are the eight states that `status` and `report` show. They add up to the planned recipients at
//! every moment: a recipient whose message is on its way counts as pending while the engine that sends
//! it lives, and as uncertain once an intent has outlived its engine.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where one recipient of a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum State {
    /// Not attempted, or every attempt came to nothing without being refused.
    #[default]
    Pending = 0,
    /// Refused for now; tried again later.
    Deferred = 1,
    /// Taken by a relay.
    Accepted = 2,
    /// Refused for good.
    Rejected = 3,
    /// Nobody can know.
    Uncertain = 4,
    /// Must not be written to; found out after the plan was made.
    Suppressed = 5,
    /// Taken out by the operator.
    Cancelled = 6,
    /// Deferred until the campaign gave up.
    Expired = 7,
}

impl State {
    /// Every state, in the order in which reports show them.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Deferred,
        Self::Accepted,
        Self::Rejected,
        Self::Uncertain,
        Self::Suppressed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The name as reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Deferred => "deferred",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Uncertain => "uncertain",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Reads a name as reports write it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing more happens to the recipient by itself.
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Deferred => false,
            Self::Accepted
            | Self::Rejected
            | Self::Uncertain
            | Self::Suppressed
            | Self::Cancelled
            | Self::Expired => true,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How many recipients stand in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    counts: [u64; 8],
}

impl Tally {
    /// A tally of `recipients` who are all pending.
    pub fn pending(recipients: u64) -> Self {
        let mut tally = Self::default();
        tally.counts[State::Pending as usize] = recipients;
        tally
    }

    /// How many stand in `state`.
    pub fn of(&self, state: State) -> u64 {
        self.counts[state as usize]
    }

    /// All of them.
    pub fn planned(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many stand in a state that does not change by itself.
    pub fn settled(&self) -> u64 {
        State::ALL.into_iter().filter(|state| state.is_final()).map(|state| self.of(state)).sum()
    }

    /// Moves one recipient from `before` to `after`.
    ///
    /// # Panics
    /// If nobody stands in `before`: a recipient was counted twice.
    pub fn shift(&mut self, before: State, after: State) {
        let count = &mut self.counts[before as usize];
        *count = count.checked_sub(1).expect("a recipient leaves the state it stands in");
        self.counts[after as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_add_up_to_the_planned() {
        let mut tally = Tally::pending(3);
        tally.shift(State::Pending, State::Accepted);
        tally.shift(State::Pending, State::Deferred);
        tally.shift(State::Deferred, State::Expired);
        assert_eq!((tally.planned(), tally.settled(), tally.of(State::Pending)), (3, 2, 1));
    }

    #[test]
    fn every_state_is_read_back_by_its_name() {
        for state in State::ALL {
            assert_eq!(State::parse(state.name()), Some(state));
        }
    }
}

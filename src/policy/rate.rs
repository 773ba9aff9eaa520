//! A rate: how many messages a relay takes in a second or a few, never a minute or more.

use std::num::NonZeroU32;
use std::time::Duration;

/// So many messages over a time below a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many messages.
    pub count: NonZeroU32,
    /// Over which time: more than nothing, less than a minute.
    pub per: Duration,
}

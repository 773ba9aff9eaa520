//! When a server is to tell the sender what became of a message (RFC 3461).
//!
//! It is asked for per campaign and said only where a server announces DSN; by itself a server tells of
//! failures, and mostly of delays.

use std::sync::Arc;

/// When the sender wants to hear of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// The message was delivered.
    Success,
    /// It cannot be delivered.
    Failure,
    /// It is still being tried, after hours.
    Delay,
}

/// How much of the message comes back with a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ret {
    /// Its header.
    #[default]
    Headers,
    /// All of it.
    Full,
}

/// What notifications a sender wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// When; empty: never.
    pub on: Arc<[Condition]>,
    /// What comes back with one.
    pub ret: Ret,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Delay];

    /// The keyword of NOTIFY (RFC 3461, 4.1).
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Delay => "DELAY",
        }
    }
}

impl Ret {
    /// The keyword of RET (RFC 3461, 4.3).
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Headers => "HDRS",
            Self::Full => "FULL",
        }
    }
}

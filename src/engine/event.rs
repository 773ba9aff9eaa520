//! What a run tells whoever watches it.
//!
//! The watcher is told the whole picture a few times a second, and single facts as they happen. It may
//! be slow or gone: nothing of the run depends on it.

use jiff::Timestamp;

use crate::mail::{BoundKind, Class, RelayName, State};

use super::steer::Order;
use super::view::{Cause, Recipients, Status};

/// One thing worth telling.
#[derive(Debug, Clone)]
pub enum Event {
    /// How everything stands; at most ten times a second, and once at the end.
    Status(Box<Status>),
    /// One recipient's attempt came to something. Told only to a watcher that asked for it.
    Delivered(Box<Told>),
    /// Every relay waits.
    Waiting {
        /// Until when, as far as is known.
        until: Option<Timestamp>,
        /// What binds which relay.
        bounds: Vec<(RelayName, BoundKind, Option<Timestamp>)>,
    },
    /// Something the operator should know: a relay stopped, a store was rebuilt, a file was edited.
    Note(String),
    /// Another terminal ordered something, and it is obeyed.
    Ordered(Order),
    /// The run takes no new work: it waits for replies outstanding.
    Stopping,
}

/// What one attempt came to for one recipient.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Told {
    /// The row in the list.
    pub row: u32,
    /// The address.
    pub email: String,
    /// Where they stand now.
    pub state: State,
    /// The kind of refusal, if it was one.
    pub class: Option<Class>,
    /// Through which relay.
    pub relay: String,
    /// What the server said.
    pub reply: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Where everybody stands.
    pub recipients: Recipients,
    /// Why work is left, if any is.
    pub cause: Option<Cause>,
    /// Which signal ended it, where one did: 1, 2 or 15.
    pub signal: Option<i32>,
    /// When work is due again, as far as is known.
    pub next: Option<Timestamp>,
    /// No relay is left, as none of them took the login.
    pub refused_login: bool,
    /// Where the sandbox keeps the messages, if it was one.
    pub kept: Option<std::path::PathBuf>,
    /// How everything stands, for the summary.
    pub status: Status,
}

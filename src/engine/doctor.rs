//! What the operator's doctor asks: whether the state is sound, and whether the clock is.

use jiff::Timestamp;

use crate::campaign::{Relays, Workspace};
use crate::store::{self, ClockStands, Exported, ExportedRecord, Finding, Options};

use super::clock::Clock;
use super::error::EngineError;

/// The clock, and what is to be thought of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockView {
    /// What it shows.
    pub wall: Timestamp,
    /// Whether it is trusted.
    pub stands: ClockStands,
}

/// What is to be thought of the clock. Takes no lock.
///
/// # Errors
/// The journal cannot be read.
pub fn clock(workspace: &Workspace) -> Result<ClockView, EngineError> {
    let moment = Clock::new().moment();
    let stands = store::clock_stands(workspace.state_dir(), &moment)?;
    Ok(ClockView { wall: moment.wall, stands })
}

/// Takes the clock as it is: from now on time is counted by it, and every quota counts as used up until its
/// period has passed. Says how it stood before.
///
/// # Errors
/// A run holds the workspace, the clock was never set, or the journal cannot be read or written.
pub fn accept_clock(workspace: &Workspace) -> Result<ClockView, EngineError> {
    let moment = Clock::new().moment();
    let stands = store::accept_clock(workspace.state_dir(), &moment)?;
    Ok(ClockView { wall: moment.wall, stands })
}

/// Looks at everything in the state folder, and changes nothing. Takes no lock.
pub fn examine(workspace: &Workspace) -> Vec<Finding> {
    // Where `relays.toml` cannot be read, `check` says so; here the room that is usual will do.
    let min_free = Relays::load(workspace).map_or(Options::default().min_free, |relays| relays.min_free);
    store::examine(workspace.state_dir(), &Clock::new().moment(), min_free)
}

/// Hands every record of the journal to `write`, in words. Takes no lock.
///
/// # Errors
/// What `write` says.
pub fn export<E>(
    workspace: &Workspace,
    write: &mut dyn FnMut(&ExportedRecord) -> Result<(), E>,
) -> Result<Exported, E> {
    store::export(workspace.state_dir(), write)
}

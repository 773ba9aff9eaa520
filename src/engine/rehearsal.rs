//! The built-in servers of a campaign that goes through sandbox relays.
//!
//! They live in the process of the run and are spoken to over the loopback, with real SMTP. Their
//! messages go to one folder a plan.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::campaign::Relay;
use crate::mail::{Fault, PlanId};
use crate::sandbox::{Mailbox, Persona, Server};

use super::error::EngineError;

/// How many messages are kept of a run; the others are counted.
const KEPT: u64 = 10_000;

/// Where the messages of a plan go.
pub(super) fn folder(state_dir: &Path, plan: PlanId) -> PathBuf {
    state_dir.join("sandbox").join(plan.short())
}

/// Empties the folder of a plan that is sent from its beginning.
///
/// # Errors
/// If something in it cannot be removed.
pub(super) fn clear(folder: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(EngineError::Io { path: folder.to_owned(), source }),
    }
}

/// Where one sandbox relay of a run keeps its messages.
pub(super) fn mailbox(relay: &Relay, folder: &Path, position: usize) -> Mailbox {
    // Several servers of a run must not write over each other's files.
    let folder = if position == 0 { folder.to_owned() } else { folder.join(relay.name.as_str()) };
    Mailbox::keep(folder, KEPT)
}

/// Starts the server of one sandbox relay on a free port of the loopback.
///
/// # Errors
/// If `[relays.NAME.sandbox]` says something that no sandbox knows, or no port can be had.
pub(super) fn start(relay: &Relay, mailbox: Mailbox) -> Result<Server, EngineError> {
    let persona = persona(relay)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Server::start(address, persona, mailbox).map_err(|source| EngineError::Relay {
        relay: relay.name.clone(),
        what: format!("the built-in sandbox cannot be started: {source}"),
        hint: None,
    })
}

/// What a sandbox relay pretends to be.
///
/// # Errors
/// A fault at the table, if it says something that no sandbox knows.
pub(super) fn persona(relay: &Relay) -> Result<Persona, EngineError> {
    let Some(text) = &relay.sandbox else { return Ok(Persona::default()) };
    text.table.clone().try_into::<Persona>().map_err(|error| {
        let what = format!("[relays.{}.sandbox]: {}", relay.name, error.message());
        EngineError::Faults(vec![Fault::error(what).at(text.place.clone())])
    })
}

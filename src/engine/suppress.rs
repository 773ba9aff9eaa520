//! The suppression list: heard by the engine that runs, or changed behind the lock.

use std::path::Path;

use jiff::Timestamp;

use crate::campaign::Workspace;
use crate::mail::Suppression;
use crate::store::{StoreError, Suppressions};

use super::clock::now;
use super::control::{Answer, Change, Changed, Request, ask_engine};
use super::error::EngineError;

/// Everybody on the list whose address is known, by address.
///
/// # Errors
/// If the list cannot be read.
pub fn suppressions(workspace: &Workspace) -> Result<Vec<Suppression>, EngineError> {
    Ok(Suppressions::read(workspace.state_dir())?.list()?)
}

/// Entries that an engine is told at once: a request has 64 KiB, and the longest address 254 octets.
const TOGETHER: usize = 64;

/// Changes the list: through the engine that runs, which heeds it at once, or else behind the lock.
///
/// # Errors
/// The list cannot be changed, or an engine holds the workspace and does not answer.
pub fn suppress(workspace: &Workspace, wanted: &Change) -> Result<Changed, EngineError> {
    let state = workspace.state_dir();
    let Change::Add(entries) = wanted else {
        return match tell(state, wanted)? {
            Some(changed) => Ok(changed),
            None => Ok(change(&mut *Suppressions::edit(state)?, wanted, now())?),
        };
    };
    let mut total = Changed::default();
    for (number, piece) in entries.chunks(TOGETHER).enumerate() {
        let Some(changed) = tell(state, &Change::Add(piece.to_vec()))? else {
            // Nobody runs, or no longer: the rest is written at once.
            let left = entries[number * TOGETHER..].to_vec();
            total.add(change(&mut *Suppressions::edit(state)?, &Change::Add(left), now())?);
            break;
        };
        total.add(changed);
    }
    Ok(total)
}

/// Tells the engine that runs; none if there is no engine.
fn tell(state: &Path, wanted: &Change) -> Result<Option<Changed>, EngineError> {
    let path = || state.join("control");
    let request = Request::Suppress(wanted.clone());
    let asked = ask_engine(state, &request).map_err(|source| EngineError::Io { path: path(), source })?;
    match asked {
        Some(Answer::Changed(changed)) => Ok(Some(changed)),
        Some(Answer::Refused(what)) => {
            Err(EngineError::Io { path: path(), source: std::io::Error::other(what) })
        }
        Some(Answer::Status(_) | Answer::Obeyed(_)) => Err(EngineError::Io {
            path: path(),
            source: std::io::Error::other("the engine answered something else"),
        }),
        None => Ok(None),
    }
}

/// Changes the list on disk.
pub(super) fn change(list: &mut Suppressions, wanted: &Change, at: Timestamp) -> Result<Changed, StoreError> {
    let count = |changed: usize, all: usize| Changed {
        changed: changed as u64,
        unchanged: (all - changed) as u64,
        told: false,
    };
    match wanted {
        Change::Add(entries) => Ok(count(list.add(entries)?, entries.len())),
        Change::Remove(addresses) => {
            let mut changed = 0;
            for address in addresses {
                changed += usize::from(list.remove(address, at)?);
            }
            Ok(count(changed, addresses.len()))
        }
        Change::Forget(addresses) => {
            let mut changed = 0;
            for address in addresses {
                changed += usize::from(list.forget(address, at)?);
            }
            Ok(count(changed, addresses.len()))
        }
    }
}

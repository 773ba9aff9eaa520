//! The doctor's look at a state folder: nothing is changed, and no lock is needed.
//!
//! Everything that can be checked is, also where something else is broken; each part gives one
//! [`Finding`] or several. In reading order:
//!
//! - `finding`: what is said of one part, and what to do about it;
//! - `audit`: the rules that no record may break, record by record;
//! - `journal`: reading all of it, and what checkpoint and index say beside it;
//! - `places`: folder, lock, plans, suppressions, keys, room.

mod audit;
mod finding;
mod journal;
mod places;

use std::path::Path;

use super::accept::ClockStands;
use super::trust::Moment;

pub use finding::{Finding, Health, Part};

/// Looks at everything in the state folder. `min_free` is the room below which no new mail starts, in octets.
pub fn examine(state: &Path, moment: &Moment, min_free: u64) -> Vec<Finding> {
    if !state.exists() {
        return vec![Finding::sound(Part::Folder, "there is none yet: nothing was planned or sent")];
    }
    let mut findings = vec![places::folder(state)];
    findings.extend(places::modes(state));
    findings.push(places::room(state, min_free));
    let (holder, lock) = places::lock(state);
    findings.push(lock);
    let read = journal::read(state);
    findings.extend(journal::findings(&read));
    findings.push(journal::checkpoint(state, &read));
    findings.push(journal::index(state, &read, holder));
    findings.extend(places::plans(state, read.runs()));
    findings.push(places::suppressions(state));
    findings.push(places::keys(state));
    if let Some(fold) = read.fold() {
        findings.push(finding::clock(ClockStands::judge(fold.recorded().as_ref(), moment), moment.wall));
    }
    findings
}

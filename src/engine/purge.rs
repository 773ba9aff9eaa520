//! Purging a finished campaign: what names people goes, what counts stays.
//!
//! Plans and the mail kept by rehearsals are removed; journal, quota history and suppression list stay. Of
//! everybody who was written to a seal is kept, by which a later plan leaves them out.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Serialize;

use crate::campaign::Workspace;
use crate::mail::{PlanId, State};
use crate::store::{
    History, Options, Plan, Removed, Store, finish_purges, plans, purge_plan, remove_folder, remove_plan,
};

use super::clock::{Clock, now};
use super::error::EngineError;
use super::reading::stage_of;
use super::rehearsal;

/// What a purge would remove, for the question before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeView {
    /// Plans with rows and texts, those that were never sent among them.
    pub plans: u64,
    /// Recipients of the last run.
    pub recipients: u64,
    /// Those of them of whom nobody can know; nobody can write to them again afterwards.
    pub uncertain: u64,
}

/// What a purge has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// Plans with rows and texts.
    pub plans: u64,
    /// Octets of all that was removed.
    pub octets: u64,
    /// Addresses that are left as hashes, so that nobody is written to twice.
    pub hashes: u64,
}

/// What of a workspace belongs to one campaign.
struct Belongings {
    /// Plans that were sent, and the places of those who were written to by real relays.
    sent: Vec<(PlanId, Vec<Range<u32>>)>,
    /// Plans that were never sent.
    drafts: Vec<PlanId>,
}

/// What a purge of the campaign would remove. Takes no lock.
///
/// # Errors
/// The campaign was never planned or is unfinished, or the state cannot be read.
pub fn may_purge(workspace: &Workspace, campaign: &str) -> Result<PurgeView, EngineError> {
    let history = History::read(workspace.state_dir())?;
    let belongings = belongings(workspace, &history, campaign)?;
    let there = |id: &PlanId| workspace.state_dir().join("plans").join(id.to_string()).exists();
    let sent = belongings.sent.iter().filter(|(id, _)| there(id)).count();
    let tally = history.latest(campaign).map(|run| run.tally).unwrap_or_default();
    Ok(PurgeView {
        plans: (sent + belongings.drafts.len()) as u64,
        recipients: tally.planned(),
        uncertain: tally.of(State::Uncertain),
    })
}

/// Removes the personal data of a finished campaign. Takes the lock. One that was cut off is done again.
///
/// # Errors
/// As [`may_purge`]; a run holds the workspace; or something cannot be written or removed.
pub fn purge(workspace: &Workspace, campaign: &str) -> Result<Purged, EngineError> {
    let state = workspace.state_dir();
    let options = Options { min_free: 0, ..Options::default() };
    // Opened for the lock, and for what a crash left open: that is decided before anybody is forgotten.
    let store = Store::open(state, options, &Clock::new().moment())?;
    let history = History::read(state)?;
    let belongings = belongings(workspace, &history, campaign)?;
    let mut purged = Purged { plans: 0, octets: finish_purges(state)?, hashes: 0 };
    for (id, written_to) in &belongings.sent {
        purged.octets += remove_folder(&rehearsal::folder(state, *id))?;
        let Removed { plans, octets, seals } = purge_plan(state, *id, written_to, now())?;
        purged.plans += plans;
        purged.octets += octets;
        purged.hashes += seals;
    }
    for id in belongings.drafts {
        purged.octets += remove_plan(state, id)?;
        purged.plans += 1;
    }
    store.close()?;
    Ok(purged)
}

fn belongings(workspace: &Workspace, history: &History, campaign: &str) -> Result<Belongings, EngineError> {
    let runs = || history.runs.iter().filter(|run| run.campaign == campaign);
    if let Some(run) = runs().find(|run| !run.is_finished() && !run.cancelled) {
        let stage = stage_of(run, history.alive);
        return Err(EngineError::Unfinished { campaign: campaign.to_owned(), stage });
    }
    let written_to = history.written_to(campaign);
    let ids: BTreeSet<PlanId> = runs().map(|run| run.plan).collect();
    let sent = ids.into_iter().map(|id| {
        // One plan may have been sent by several runs.
        let of_plan = written_to.iter().filter(|(plan, ..)| *plan == id);
        (id, of_plan.flat_map(|(_, _, places)| places.iter().cloned()).collect())
    });
    let belongings = Belongings { sent: sent.collect(), drafts: drafts(workspace, history, campaign)? };
    if belongings.sent.is_empty() && belongings.drafts.is_empty() {
        return Err(EngineError::NeverPlanned { campaign: campaign.to_owned() });
    }
    Ok(belongings)
}

fn drafts(workspace: &Workspace, history: &History, campaign: &str) -> Result<Vec<PlanId>, EngineError> {
    let state = workspace.state_dir();
    let mut drafts = plans(state)?;
    drafts.retain(|id| {
        let sent = history.runs.iter().any(|run| run.plan == *id);
        // A plan that cannot be read is not known to be this campaign's.
        !sent && Plan::open(state, *id).is_ok_and(|plan| plan.head().content.campaign == campaign)
    });
    Ok(drafts)
}

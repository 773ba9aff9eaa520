//! How campaigns stand, for whoever asks: from the engine that runs, or from journal and plans.
//!
//! Nothing here takes the lock or opens sled, so it works during a run, after a crash and on a full disk.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::campaign::{Relay, Relays, Workspace};
use crate::mail::{Charge, Excluded, Mode, PlanId, State};
use crate::store::{self, EndReason, History, Plan, PurgedPlan, plans};

use super::clock::now;
use super::control::{Answer, Request, ask_engine};
use super::error::EngineError;
use super::picture::batches_done;
use super::relays::quota_views;
use super::view::{BatchCount, Cause, QuotaView, Recipients, RelayView, Stage, Status};

/// How campaigns stand; all of them if none is named.
///
/// # Errors
/// [`EngineError::NeverPlanned`] if the named one was never planned; or journal or plans cannot be read.
pub fn status(workspace: &Workspace, campaign: Option<&str>) -> Result<Vec<Status>, EngineError> {
    let state = workspace.state_dir();
    let history = History::read(state)?;
    let live = match history.alive {
        Some(_) => live_status(workspace)?,
        None => None,
    };
    let mut names: BTreeSet<String> = history.runs.iter().map(|run| run.campaign.clone()).collect();
    let drafts = drafts(workspace, &history)?;
    names.extend(drafts.keys().cloned());
    names.retain(|name| campaign.is_none_or(|wanted| wanted == name));
    if names.is_empty()
        && let Some(campaign) = campaign
    {
        return Err(EngineError::NeverPlanned { campaign: campaign.to_owned() });
    }
    let quotas = quotas(workspace, &history);
    names
        .into_iter()
        .map(|name| match (&live, history.latest(&name), drafts.get(&name)) {
            (Some(live), _, _) if live.campaign == name => Ok(live.clone()),
            (_, Some(run), _) => Ok(recorded_status(workspace, run, history.alive, &quotas)),
            (_, None, Some(plan)) => Ok(draft_status(plan)),
            (_, None, None) => Err(EngineError::NeverPlanned { campaign: name }),
        })
        .collect()
}

fn live_status(workspace: &Workspace) -> Result<Option<Status>, EngineError> {
    let path = || workspace.state_dir().join("control");
    let asked = ask_engine(workspace.state_dir(), &Request::Status);
    match asked.map_err(|source| EngineError::Io { path: path(), source })? {
        Some(Answer::Status(status)) => Ok(Some(*status)),
        // It was about to end: journal and plans know as much.
        Some(Answer::Changed(_) | Answer::Obeyed(_) | Answer::Refused(_)) | None => Ok(None),
    }
}

/// Plans that were never sent, by campaign.
fn drafts(workspace: &Workspace, history: &History) -> Result<BTreeMap<String, Plan>, EngineError> {
    let state = workspace.state_dir();
    let mut drafts = BTreeMap::new();
    for id in plans(state)? {
        if history.runs.iter().any(|run| run.plan == id) {
            continue;
        }
        // A plan that is half written or of a newer version is nobody's.
        if let Ok(plan) = Plan::open(state, id) {
            drafts.insert(plan.head().content.campaign.clone(), plan);
        }
    }
    Ok(drafts)
}

fn draft_status(plan: &Plan) -> Status {
    let content = &plan.head().content;
    let planned = u64::from(plan.len());
    Status {
        campaign: content.campaign.clone(),
        edition: content.edition,
        plan: plan.id().to_string(),
        state: Stage::Planned,
        reason: None,
        recipients: Recipients { planned, pending: planned, ..Recipients::default() },
        excluded: plan.head().excluded,
        batches: BatchCount { planned: u64::from(plan.batches().len()), done: 0 },
        relays: BTreeMap::new(),
        started: None,
        finished: None,
        next_attempt: None,
        sandbox: false,
        purged: None,
    }
}

fn recorded_status(
    workspace: &Workspace,
    run: &store::Run,
    alive: Option<u32>,
    quotas: &BTreeMap<String, Allowed>,
) -> Status {
    let Snapshot { mode, excluded, purged } = Snapshot::of(workspace, run.plan);
    let mut relays = relay_views(run);
    for (name, view) in &mut relays {
        view.quotas = quotas.get(name).map(|allowed| allowed.quotas.clone()).unwrap_or_default();
    }
    // Whoever is pending goes as soon as a relay has room again, whoever is deferred when they are due.
    let used = run.relays.iter().filter_map(|(name, ..)| quotas.get(name.as_str()));
    let rooms: Option<Vec<Timestamp>> = used.map(|allowed| allowed.room).collect();
    let room = rooms.and_then(|rooms| rooms.into_iter().min()).filter(|_| run.tally.of(State::Pending) > 0);
    let next = run.next_due.into_iter().chain(room).min();
    let stage = stage_of(run, alive);
    let finished = (stage == Stage::Finished).then_some(run.ended).flatten().map(|(_, at)| at);
    let batches = u64::from(run.batches);
    Status {
        campaign: run.campaign.clone(),
        edition: run.edition,
        plan: run.plan.to_string(),
        state: stage,
        reason: reason_of(run, stage),
        recipients: Recipients::from(&run.tally),
        excluded,
        batches: BatchCount { planned: batches, done: batches_done(mode, batches, &run.tally) },
        relays,
        started: Some(run.started),
        finished,
        next_attempt: next.filter(|_| stage == Stage::Interrupted),
        sandbox: run.sandbox,
        purged,
    }
}

/// What of a run's plan its status tells, though the plan may be gone.
#[derive(Default)]
struct Snapshot {
    mode: Mode,
    excluded: Excluded,
    purged: Option<Timestamp>,
}

impl Snapshot {
    fn of(workspace: &Workspace, id: PlanId) -> Self {
        let state = workspace.state_dir();
        if let Ok(plan) = Plan::open(state, id) {
            let head = plan.head();
            return Self { mode: head.content.mode, excluded: head.excluded, purged: None };
        }
        match PurgedPlan::open(state, id) {
            Ok(Some(PurgedPlan { head, .. })) => {
                Self { mode: head.mode, excluded: head.excluded, purged: Some(head.at()) }
            }
            // The counts are told all the same.
            Ok(None) | Err(_) => Self::default(),
        }
    }
}

/// Where a run is in its life.
pub(super) fn stage_of(run: &store::Run, alive: Option<u32>) -> Stage {
    if run.cancelled {
        Stage::Cancelled
    } else if run.is_finished() {
        Stage::Finished
    } else if alive.is_some() && run.ended.is_none() {
        Stage::Sending
    } else {
        Stage::Interrupted
    }
}

fn reason_of(run: &store::Run, stage: Stage) -> Option<Cause> {
    if stage != Stage::Interrupted {
        return None;
    }
    match run.ended.map(|(reason, _)| reason) {
        None | Some(EndReason::State) => Some(Cause::Crash),
        Some(EndReason::Quota) => Some(Cause::Quota),
        Some(EndReason::Window | EndReason::Retry) => Some(Cause::Window),
        Some(EndReason::Limit) => Some(Cause::Limit),
        Some(EndReason::StopIf) => Some(Cause::StopIf),
        Some(EndReason::Signal) => Some(Cause::Signal),
        Some(EndReason::NoRelay) => Some(Cause::NoRelay),
        Some(EndReason::Pause) => Some(Cause::Pause),
        Some(EndReason::Finished | EndReason::Cancelled) => None,
    }
}

/// What came of each relay of a run.
pub(super) fn relay_views(run: &store::Run) -> BTreeMap<String, RelayView> {
    let view = |standing: &store::Standing| RelayView {
        accepted: standing.accepted,
        deferred: standing.deferred,
        rejected: standing.rejected,
        uncertain: standing.uncertain,
        ..RelayView::default()
    };
    run.relays.iter().map(|(name, _, standing)| (name.to_string(), view(standing))).collect()
}

/// What a relay's account may send.
struct Allowed {
    quotas: Vec<QuotaView>,
    /// When one more message fits every quota; none if it fits now, or never will.
    room: Option<Timestamp>,
}

/// What every relay's account may send, by name; none where `relays.toml` cannot be read now.
fn quotas(workspace: &Workspace, history: &History) -> BTreeMap<String, Allowed> {
    let Ok(relays) = Relays::load(workspace) else { return BTreeMap::new() };
    let at = now();
    let views = |relay: &Relay| {
        let usage = history.usages.get(&relay.account()).cloned().unwrap_or_default();
        let fits = |charge| {
            relay.quotas.iter().map(|quota| quota.free_at(&usage, at, relay.reserve, charge)).collect()
        };
        let fits: Option<Vec<Timestamp>> = fits(Charge::message(1));
        let room = fits.and_then(|each| each.into_iter().max()).filter(|room| *room > at);
        Allowed { quotas: quota_views(relay, &usage, at), room }
    };
    relays.relays.iter().map(|relay| (relay.name.to_string(), views(relay))).collect()
}

//! The picture of a run while it lives: from the store's tally and the scheduler's lanes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::mail::{Batches, Content, Excluded, Mode, PlanId, State, Tally};
use crate::schedule::{self, LaneView, Scheduler};

use super::view::{BatchCount, Cause, QuotaView, Recipients, RelayView, Stage, Status};

/// What of the picture does not change, and what earlier engines of the run have counted.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) campaign: String,
    pub(super) edition: u32,
    pub(super) plan: PlanId,
    pub(super) excluded: Excluded,
    pub(super) batches: u32,
    pub(super) mode: Mode,
    pub(super) sandbox: bool,
    pub(super) started: Option<Timestamp>,
    /// What earlier engines counted, by relay.
    pub(super) before: BTreeMap<String, RelayView>,
}

/// How a run is at a moment, beside what its lanes say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) stage: Stage,
    pub(super) reason: Option<Cause>,
    pub(super) next: Option<Timestamp>,
    pub(super) now: Timestamp,
}

impl Picture {
    /// The picture of a run of `content` that begins at `started`.
    pub(super) fn new(content: &Content, plan: PlanId, batches: &Batches, excluded: Excluded) -> Self {
        Self {
            campaign: content.campaign.clone(),
            edition: content.edition,
            plan,
            excluded,
            batches: batches.len(),
            mode: content.mode,
            sandbox: false,
            started: None,
            before: BTreeMap::new(),
        }
    }

    /// How the campaign stands.
    pub(super) fn status(&self, tally: &Tally, scheduler: &Scheduler, at: Moment) -> Status {
        let mut relays = self.before.clone();
        for lane in scheduler.view(at.now) {
            let view = relays.entry(lane.relay.to_string()).or_default();
            add(view, &lane);
        }
        let recipients = Recipients::from(tally);
        Status {
            campaign: self.campaign.clone(),
            edition: self.edition,
            plan: self.plan.to_string(),
            state: at.stage,
            reason: at.reason,
            recipients,
            excluded: self.excluded,
            batches: BatchCount { planned: u64::from(self.batches), done: self.done(tally) },
            relays,
            started: self.started,
            finished: (at.stage == Stage::Finished).then_some(at.now),
            next_attempt: at.next,
            sandbox: self.sandbox,
            purged: None,
        }
    }

    /// Batches of which nobody is left, by the share of recipients who are settled: exact in personal mode.
    fn done(&self, tally: &Tally) -> u64 {
        batches_done(self.mode, u64::from(self.batches), tally)
    }
}

/// Batches of which nobody is left. Exact in personal mode; in grouped mode by the share of settled
/// recipients, rounded down, and exact at the end.
pub(super) fn batches_done(mode: Mode, batches: u64, tally: &Tally) -> u64 {
    match mode {
        Mode::Personal => tally.settled(),
        Mode::Grouped => (batches * tally.settled()).checked_div(tally.planned()).unwrap_or(0),
    }
}

fn add(view: &mut RelayView, lane: &LaneView) {
    view.accepted += lane.accepted;
    view.deferred += lane.deferred;
    view.rejected += lane.rejected;
    view.uncertain += lane.uncertain;
    view.quotas = lane.quotas.iter().map(quota_view).collect();
    view.sessions = lane.open;
    view.waits_for = lane.waits.map(|(kind, _)| kind);
    view.until = lane.waits.and_then(|(_, until)| until);
    view.trouble.clone_from(&lane.stopped);
}

fn quota_view(view: &schedule::QuotaView) -> QuotaView {
    QuotaView {
        limit: view.quota.limit,
        used: view.used,
        unit: view.quota.unit.to_string(),
        per: view.quota.per.to_string(),
    }
}

/// Whether anybody is left to be written to.
pub(super) fn work_left(tally: &Tally) -> bool {
    tally.of(State::Pending) + tally.of(State::Deferred) > 0
}

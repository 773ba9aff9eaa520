//! How the lanes of a run stand, for progress and status.

use jiff::Timestamp;

use super::scheduler::Scheduler;
use crate::mail::{BoundKind, RelayName};
use crate::policy::Quota;

/// One relay of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneView {
    /// As the operator calls it.
    pub relay: RelayName,
    /// Batches out.
    pub leased: u32,
    /// Recipients it took in this run.
    pub accepted: u64,
    /// Refusals for now in this run, each attempt counted.
    pub deferred: u64,
    /// Recipients it refused for good in this run.
    pub rejected: u64,
    /// Recipients whose fate nobody knows since this run.
    pub uncertain: u64,
    /// Messages a second it is limited to now; none: no limit.
    pub rate: Option<f64>,
    /// How many sessions may be open now.
    pub sessions: u32,
    /// How many are.
    pub open: u32,
    /// Its account's quotas; the last is what its warm-up makes of today, where it has one.
    pub quotas: Vec<QuotaView>,
    /// What holds it back and until when, as far as known; none: nothing, or it has nothing to do.
    pub waits: Option<(BoundKind, Option<Timestamp>)>,
    /// Why it is not used any more in this run.
    pub stopped: Option<String>,
}

/// One quota of a relay's account.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaView {
    /// The quota.
    pub quota: Quota,
    /// How many are used, by whatever campaign, those in flight included.
    pub used: u64,
    /// How many more fit beside the reserve.
    pub left: u64,
}

impl Scheduler {
    /// How each relay stands at `now`, in their order.
    pub fn view(&self, now: Timestamp) -> Vec<LaneView> {
        (0..self.lanes.len()).map(|place| self.lane_view(place, now)).collect()
    }

    fn lane_view(&self, place: usize, now: Timestamp) -> LaneView {
        let lane = &self.lanes[place];
        let usage = &self.ledgers[lane.ledger].1;
        let quotas = lane.allowance.quotas().map(|quota| QuotaView {
            used: quota.used(usage, now),
            left: quota.left(usage, now, lane.allowance.reserve()),
            quota: quota.clone(),
        });
        let ramp = lane.allowance.ramp(usage, now).map(|(quota, ramp)| QuotaView {
            used: quota.used(usage, now),
            left: ramp.left(usage),
            quota,
        });
        let waits = self.bound(place, now).filter(|(kind, until)| match kind {
            // Busy is not waiting.
            BoundKind::Sessions => false,
            BoundKind::Stopped => true,
            BoundKind::Quota
            | BoundKind::Warmup
            | BoundKind::Rate
            | BoundKind::Domain
            | BoundKind::Window
            | BoundKind::Retry
            | BoundKind::Pause => until.is_none_or(|until| until > now),
        });
        LaneView {
            relay: lane.relay.clone(),
            leased: lane.leased,
            accepted: lane.counts.accepted,
            deferred: lane.counts.deferred,
            rejected: lane.counts.rejected,
            uncertain: lane.counts.uncertain,
            rate: lane.limiter.per_second(),
            sessions: lane.concurrency.cap(),
            open: lane.open_sessions,
            quotas: quotas.chain(ramp).collect(),
            waits,
            stopped: lane.stopped.clone(),
        }
    }
}

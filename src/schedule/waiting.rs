//! What each relay waits for, and until when.
//!
//! A relay can be held back by several things at once. The one that lasts longest is named, as it is the
//! one that binds; and the time given is one at which the relay can really go on, so it lies within the
//! sending hours. Where the window adds more to a wait than what came before, it is the window that binds.

use jiff::Timestamp;

use super::scheduler::{Phase, Scheduler, relay_no};
use super::step::{Step, StopReason, Wait};
use crate::mail::{BoundKind, Charge};

/// Something that holds a relay back: until then (none: never, or until something is settled).
type Bound = (BoundKind, Option<Timestamp>);

impl Scheduler {
    /// The step when nothing can be leased at `now`.
    pub(super) fn wait(&mut self, now: Timestamp) -> Step {
        let bounds = (0..self.lanes.len())
            .filter_map(|place| self.bound(place, now).map(|(kind, until)| (relay_no(place), kind, until)));
        let bounds: Vec<_> = bounds.collect();
        let until = bounds.iter().filter_map(|(_, _, until)| *until).min();
        if until.is_none() && self.out() == 0 {
            let lasting = bounds.iter().map(|(_, kind, _)| *kind).find(|kind| *kind != BoundKind::Stopped);
            let reason = lasting.map_or(StopReason::NoRelay, StopReason::Never);
            self.phase = Phase::Stopped(reason.clone());
            return Step::Stopped(reason);
        }
        Step::Wait(Wait { until, bounds })
    }

    /// What holds the lane at `place` back at `now`; none if it has nothing to do any more.
    pub(super) fn bound(&self, place: usize, now: Timestamp) -> Option<Bound> {
        let lane = &self.lanes[place];
        if lane.stopped.is_some() {
            return Some((BoundKind::Stopped, None));
        }
        let work = self.queue.source(relay_no(place), lane.last);
        let mut longest: Option<Bound> = None;
        if work.is_none() {
            let retry = self.queue.next_due().map(|due| (BoundKind::Retry, Some(due)));
            let Some(first) = earlier(self.domain_bound(place), retry) else {
                return (lane.leased > 0).then_some((BoundKind::Sessions, None));
            };
            if first.1.is_none_or(|until| until > now) {
                consider(&mut longest, first);
            }
        }
        match self.opening.at_or_after(now) {
            Some(opens) if opens <= now => {}
            opens => consider(&mut longest, (BoundKind::Window, opens)),
        }
        if let Some(until) = lane.pause.filter(|until| *until > now) {
            consider(&mut longest, (BoundKind::Pause, Some(until)));
        }
        match lane.hold {
            Some(hold) if hold.until.is_none_or(|until| until > now) => {
                consider(&mut longest, (hold.kind, hold.until));
            }
            Some(_) | None => {}
        }
        if longest.is_none() && lane.leased >= lane.slots() {
            // Busy: the usual case, for every batch, so the quotas are not asked.
            return Some((BoundKind::Sessions, None));
        }
        let (kind, free) = lane.allowance.bound(&self.ledgers[lane.ledger].1, now, Charge::message(1));
        if free.is_none_or(|free| free > now) {
            consider(&mut longest, (kind, free));
        }
        let Some((kind, until)) = longest else { return Some((BoundKind::Sessions, None)) };
        let opens = until.and_then(|until| self.opening.at_or_after(until));
        let closed =
            |until: Timestamp, opens: Timestamp| opens.duration_since(until) > until.duration_since(now);
        match (until, opens) {
            (Some(until), Some(opens)) if closed(until, opens) => Some((BoundKind::Window, Some(opens))),
            (Some(_), None) => Some((BoundKind::Window, None)),
            (Some(_), Some(_)) | (None, _) => Some((kind, opens)),
        }
    }
}

/// Of two things of which either is enough to go on with, the one that comes first.
fn earlier(one: Option<Bound>, other: Option<Bound>) -> Option<Bound> {
    let moment = |bound: &Bound| bound.1.unwrap_or(Timestamp::MAX);
    one.into_iter().chain(other).min_by_key(moment)
}

/// Keeps the bound that lasts longer; one until none is without end.
fn consider(longest: &mut Option<Bound>, bound: Bound) {
    let outlasts = match (bound.1, longest.map(|(_, until)| until)) {
        (_, None) | (None, Some(Some(_))) => true,
        (_, Some(None)) => false,
        (Some(until), Some(Some(known))) => until > known,
    };
    if outlasts {
        *longest = Some(bound);
    }
}

//! Why a run waits, stops or ends, from the scheduler's words to those of operator and journal.

use jiff::{SignedDuration, Timestamp};

use crate::mail::BoundKind;
use crate::schedule::{StopReason, Wait};
use crate::store::EndReason;

use super::view::Cause;

/// A pause that is over sooner is no reason to leave when told not to wait: rates and reconnections.
const SHORT_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// Whether some relay goes on in a moment: that is no reason to tell anybody, or to leave.
pub(super) fn goes_on_soon(wait: &Wait, at: Timestamp) -> bool {
    wait.bounds.iter().any(|(_, kind, until)| match kind {
        BoundKind::Rate | BoundKind::Domain | BoundKind::Sessions | BoundKind::Pause => {
            until.is_none_or(|until| until.duration_since(at) <= SHORT_WAIT)
        }
        BoundKind::Quota | BoundKind::Warmup | BoundKind::Window | BoundKind::Retry | BoundKind::Stopped => {
            false
        }
    })
}

/// What holds the run back: what binds the relay that may go on first.
pub(super) fn cause_of_wait(wait: &Wait) -> Option<Cause> {
    let first = wait.bounds.iter().min_by_key(|(_, _, until)| until.unwrap_or(Timestamp::MAX));
    match first.map(|(_, kind, _)| *kind)? {
        BoundKind::Quota | BoundKind::Warmup => Some(Cause::Quota),
        BoundKind::Window | BoundKind::Retry => Some(Cause::Window),
        BoundKind::Rate | BoundKind::Domain | BoundKind::Sessions | BoundKind::Pause | BoundKind::Stopped => {
            None
        }
    }
}

pub(super) fn cause_of_stop(reason: &StopReason) -> Cause {
    match reason {
        StopReason::StopIf { .. } | StopReason::Content { .. } => Cause::StopIf,
        StopReason::NoRelay => Cause::NoRelay,
        StopReason::Never(BoundKind::Quota | BoundKind::Warmup) => Cause::Quota,
        StopReason::Never(_) => Cause::Window,
        StopReason::Cancelled => Cause::Cancelled,
        StopReason::Drained => Cause::Signal,
    }
}

pub(super) fn end_reason(cause: Option<Cause>, waiting: Option<&Wait>) -> EndReason {
    let for_retry =
        waiting.is_some_and(|wait| wait.bounds.iter().any(|(_, kind, _)| *kind == BoundKind::Retry));
    match cause {
        None => EndReason::Finished,
        Some(Cause::Quota) => EndReason::Quota,
        Some(Cause::Window) if for_retry => EndReason::Retry,
        Some(Cause::Window) => EndReason::Window,
        Some(Cause::Limit) => EndReason::Limit,
        Some(Cause::StopIf) => EndReason::StopIf,
        Some(Cause::Signal) => EndReason::Signal,
        Some(Cause::NoRelay) => EndReason::NoRelay,
        Some(Cause::Pause) => EndReason::Pause,
        Some(Cause::Cancelled) => EndReason::Cancelled,
        Some(Cause::Crash) => EndReason::State,
    }
}

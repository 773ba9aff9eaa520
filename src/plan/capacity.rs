//! What a campaign may cost when things go wrong, and on disk.
//!
//! Both numbers are shown before anything is sent. They are bounds and estimates from the settings, not
//! measurements.

use std::time::Duration;

/// How much one relay may have under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    /// Sessions open at once.
    pub sessions: u32,
    /// Messages in flight on one session.
    pub window: u32,
    /// Recipients of one message.
    pub recipients: u32,
}

impl Exposure {
    /// Recipients whose fate may be open at once.
    fn recipients(self) -> u64 {
        u64::from(self.sessions)
            .saturating_mul(u64::from(self.window))
            .saturating_mul(u64::from(self.recipients))
    }
}

/// How many recipients a crash at the worst moment could leave uncertain.
///
/// That is everybody whose message has ended without a reply, over all sessions, but never more than
/// `max_uncertain`, unless one batch alone is larger, as one may always go; and everybody whose reply
/// arrived but was not yet durable: `rate` (recipients a second) during `commit_lag`.
///
/// ```
/// use std::time::Duration;
/// use mailrun::plan::{Exposure, uncertain_bound};
/// let relay = Exposure { sessions: 64, window: 1, recipients: 1 };
/// assert_eq!(uncertain_bound(&[relay], 1000, 2000, Duration::from_millis(5)), 74);
/// ```
pub fn uncertain_bound(relays: &[Exposure], max_uncertain: u64, rate: u64, commit_lag: Duration) -> u64 {
    let open = relays.iter().fold(0_u64, |sum, relay| sum.saturating_add(relay.recipients()));
    let largest = relays.iter().map(|relay| u64::from(relay.recipients)).max().unwrap_or(0);
    let lag = u64::try_from(commit_lag.as_micros()).unwrap_or(u64::MAX);
    let unrecorded = rate.saturating_mul(lag).div_ceil(1_000_000);
    open.min(max_uncertain.max(largest)).saturating_add(unrecorded)
}

/// Octets that the snapshot of a plan adds to the text of a row: lengths, row number, checksum.
const SNAPSHOT_OVERHEAD: u64 = 24;
/// Octets of the journal a batch costs: an intent and an outcome of about 100 each, and the share of a
/// retry.
const JOURNAL_BATCH: u64 = 256;
/// Octets of the journal a recipient adds to their batch: their number and reply.
const JOURNAL_RECIPIENT: u64 = 16;
/// Octets of the index a recipient costs: a state in a block, and a place in the queue at times.
const INDEX_RECIPIENT: u64 = 8;
/// Octets that an empty index takes.
const INDEX_BASE: u64 = 8 << 20;

/// About how many octets of disk the state of a campaign takes: snapshot, journal and index.
///
/// `list` is the size of the list's text in octets.
pub fn state_bytes(recipients: u64, batches: u64, list: u64) -> u64 {
    let each = SNAPSHOT_OVERHEAD + JOURNAL_RECIPIENT + INDEX_RECIPIENT;
    list.saturating_add(recipients.saturating_mul(each))
        .saturating_add(batches.saturating_mul(JOURNAL_BATCH))
        .saturating_add(INDEX_BASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Duration = Duration::from_millis(5);

    #[test]
    fn the_bound_is_what_is_open_and_what_is_not_yet_recorded() {
        let many = Exposure { sessions: 64, window: 1, recipients: 50 };
        assert_eq!(uncertain_bound(&[many], u64::MAX, 2000, LAG), 3_210);
        assert_eq!(uncertain_bound(&[many], 1000, 2000, LAG), 1_010);
        assert_eq!(uncertain_bound(&[many, many], u64::MAX, 0, LAG), 6_400);
        assert_eq!(uncertain_bound(&[], 1000, 0, LAG), 0);
    }

    #[test]
    fn one_batch_may_always_go() {
        let wide = Exposure { sessions: 2, window: 1, recipients: 500 };
        assert_eq!(uncertain_bound(&[wide], 10, 0, LAG), 500);
    }

    #[test]
    fn state_grows_with_the_list() {
        assert!(state_bytes(1_000_000, 1_000_000, 100 << 20) > 400_000_000);
        assert_eq!(state_bytes(0, 0, 0), INDEX_BASE);
    }
}

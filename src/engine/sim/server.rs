//! The servers of a simulation: what they took, for whom, when; and the limits that they never let anybody pass.
//!
//! They outlive every process of the engine. What they say is true: an engine's journal is held against it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::mail::{Account, BatchId};

use super::time::at;

/// One message that a server took.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) batch: BatchId,
    pub(super) message_id: String,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Messages,
    Recipients,
}

/// Whether the sender can know on which day something was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    Known,
    Unknown,
}

/// Over which time a limit counts.
#[derive(Debug, Clone)]
pub(super) enum Over {
    /// The time just past, in milliseconds.
    Rolling(i64),
    /// The calendar day.
    Day(TimeZone),
}

/// What a provider allows an account.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) most: u64,
    pub(super) counts: Counts,
    pub(super) over: Over,
}

/// What one account of a provider has sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Provider {
    /// What it may send, as it was told.
    pub(super) limits: Vec<Limit>,
    /// What it may really send over 24 hours: the provider says so only when it is reached.
    pub(super) secret: Option<u64>,
    /// What counted: (when, messages, recipients).
    pub(super) counted: Vec<(i64, u64, u64)>,
}

impl Provider {
    /// Notes what counts from now on.
    pub(super) fn count(&mut self, now: i64, messages: u64, recipients: u64) {
        self.counted.push((now, messages, recipients));
    }

    /// Whether so much more would be beyond what the account is known to be allowed; by how much. `lead` is by
    /// how much the sender's clock may be ahead.
    pub(super) fn excess(
        &self,
        now: i64,
        (lead, days): (i64, Days),
        (messages, recipients): (u64, u64),
    ) -> Option<String> {
        self.limits.iter().find_map(|limit| {
            let used = match &limit.over {
                Over::Rolling(span) => self.since(now - span + lead, limit.counts),
                Over::Day(zone) => {
                    let day = date(now, zone);
                    if days == Days::Unknown || lead > 0 && date(now + lead, zone) != day {
                        return None;
                    }
                    self.sum(limit.counts, |when| date(when, zone) == day)
                }
            };
            let more = match limit.counts {
                Counts::Messages => messages,
                Counts::Recipients => recipients,
            };
            (used + more > limit.most).then(|| {
                format!("{used} and {more} more are over {} {:?} {:?}", limit.most, limit.counts, limit.over)
            })
        })
    }

    /// Whether so many more recipients would be beyond what it is really allowed.
    pub(super) fn is_closed(&self, now: i64, recipients: u64) -> bool {
        self.secret.is_some_and(|most| self.since(now - DAY, Counts::Recipients) + recipients > most)
    }

    /// Recipients that counted after `from`.
    pub(super) fn since(&self, from: i64, counts: Counts) -> u64 {
        self.sum(counts, |when| when > from)
    }

    fn sum(&self, counts: Counts, within: impl Fn(i64) -> bool) -> u64 {
        let inside = self.counted.iter().rev().take_while(|(when, ..)| within(*when));
        inside
            .map(|(_, messages, recipients)| match counts {
                Counts::Messages => messages,
                Counts::Recipients => recipients,
            })
            .sum()
    }
}

/// A day, in milliseconds.
pub(super) const DAY: i64 = 24 * 3_600_000;

fn date(milli: i64, zone: &TimeZone) -> Date {
    zone.to_datetime(at(milli)).date()
}

/// All servers together.
#[derive(Debug, Clone, Default)]
pub(super) struct Servers {
    pub(super) providers: BTreeMap<Account, Provider>,
    /// What each recipient of the plan was sent.
    pub(super) taken: Vec<Vec<Taken>>,
    /// Messages taken.
    pub(super) messages: usize,
    /// What each batch's message bears: its id, its Date and its content, the same in every attempt.
    pub(super) bears: BTreeMap<BatchId, (String, String, [u8; 16])>,
    /// The batch of each Message-ID.
    pub(super) ids: BTreeMap<String, BatchId>,
}

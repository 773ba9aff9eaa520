//! What an account has been charged, second by second and then minute by minute.
//!
//! The usage is a fold of the journal and nothing else: a charge is in flight from its intent to its
//! outcome and counts in every window meanwhile; with the outcome it falls into the second in which it
//! was settled, as that is the newest moment at which the provider can have counted it. How much of it
//! a quota sees is decided by `policy/quota.rs`.
//!
//! Charges are kept as running totals at the ends of buckets, so that the sum over any window is one
//! search and one subtraction: the scheduler asks for every batch.

use std::collections::VecDeque;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::quarters::Quarters;

/// How far back charges are kept, in seconds: a calendar day has at most 25 hours, and 48 hours cover
/// every window of a day or less in every zone.
const KEPT: i64 = 48 * 60 * 60;
/// For how long every second has a bucket of its own, in seconds: quotas over a minute or an hour would
/// lose much of what they allow to buckets of a minute.
const FINE: i64 = 60 * 60;
/// The width of older buckets, in seconds.
const COARSE: i64 = 60;

/// What one or several transactions count as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Charge {
    /// Mail transactions with an end of data.
    pub messages: u64,
    /// Recipients of them.
    pub recipients: u64,
}

impl Charge {
    /// The charge of one message to `recipients`.
    pub fn message(recipients: usize) -> Self {
        Self { messages: 1, recipients: recipients as u64 }
    }

    /// Both sums together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { messages: self.messages + other.messages, recipients: self.recipients + other.recipients }
    }

    /// What is left of this charge without `other`, never below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(other.messages),
            recipients: self.recipients.saturating_sub(other.recipients),
        }
    }

    /// Whether it counts nothing.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// The end of a bucket, and everything that was settled before it.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Seconds since 1970, exclusive.
    end: i64,
    /// The sum of all charges settled before `end`, those long forgotten included.
    total: Charge,
}

/// The charges of one account: those in flight, those settled in the last 48 hours, and when there ever
/// were any.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "UsageRecord", into = "UsageRecord")]
pub struct Usage {
    in_flight: Charge,
    /// Older than an hour, one mark a minute, rising.
    coarse: VecDeque<Mark>,
    /// The hour before the newest charge, one mark a second, rising, all behind those of `coarse`.
    fine: VecDeque<Mark>,
    /// What was settled before the first mark's bucket.
    forgotten: Charge,
    /// Everything settled.
    total: Charge,
    /// Until when the provider said it takes nothing more.
    closed_until: Option<Timestamp>,
    /// When every window last began to count as full, whatever was settled.
    full_since: Option<Timestamp>,
    /// When anything was settled, however long ago.
    sent: Quarters,
}

/// How a usage is written down: see [`Usage::buckets`].
#[derive(Serialize, Deserialize)]
struct UsageRecord {
    in_flight: Charge,
    buckets: Vec<(i64, Charge)>,
    closed_until: Option<Timestamp>,
    full_since: Option<Timestamp>,
    sent: Quarters,
}

impl From<UsageRecord> for Usage {
    fn from(record: UsageRecord) -> Self {
        let mut usage = Self {
            in_flight: record.in_flight,
            closed_until: record.closed_until,
            full_since: record.full_since,
            ..Self::default()
        };
        for (second, charge) in record.buckets {
            usage.count(second, charge);
        }
        usage.sent = record.sent;
        usage
    }
}

impl From<Usage> for UsageRecord {
    fn from(usage: Usage) -> Self {
        Self {
            in_flight: usage.in_flight,
            buckets: usage.buckets().collect(),
            closed_until: usage.closed_until,
            full_since: usage.full_since,
            sent: usage.sent,
        }
    }
}

/// Two usages are equal if no window and no count of days can tell them apart.
impl PartialEq for Usage {
    fn eq(&self, other: &Self) -> bool {
        self.in_flight == other.in_flight
            && self.closed_until == other.closed_until
            && self.full_since == other.full_since
            && self.sent == other.sent
            && self.buckets().eq(other.buckets())
    }
}

impl Eq for Usage {}

impl Usage {
    /// Counts a charge whose outcome is not known yet.
    pub fn begin(&mut self, charge: Charge) {
        self.in_flight = self.in_flight.plus(charge);
    }

    /// Ends a charge in flight: `kept` of it is counted in the second of `at`, the rest is free again.
    ///
    /// A moment before the newest one counted is counted with the newest: time never runs backwards
    /// in a ledger.
    pub fn settle(&mut self, at: Timestamp, begun: Charge, kept: Charge) {
        self.in_flight = self.in_flight.minus(begun);
        if !kept.is_zero() {
            self.count(at.as_second(), kept);
        }
    }

    fn count(&mut self, second: i64, charge: Charge) {
        self.total = self.total.plus(charge);
        self.sent.note(second);
        let newest = match self.fine.back_mut() {
            Some(mark) if mark.end > second => {
                mark.total = self.total;
                return;
            }
            Some(_) | None => Mark { end: second + 1, total: self.total },
        };
        self.fine.push_back(newest);
        while let Some(mark) = self.fine.front().copied()
            && minute_end(mark.end) <= newest.end - FINE
        {
            self.fine.pop_front();
            let merged = Mark { end: minute_end(mark.end), ..mark };
            match self.coarse.back_mut() {
                // A whole minute leaves `fine` at once, so its last mark has the total of them all.
                Some(last) if last.end == merged.end => *last = merged,
                Some(_) | None => self.coarse.push_back(merged),
            }
        }
        while let Some(mark) = self.coarse.front().copied()
            && mark.end < newest.end - KEPT
        {
            self.coarse.pop_front();
            self.forgotten = mark.total;
        }
    }

    /// Notes that the provider takes nothing more until `until`. Never shortens an earlier word.
    pub fn close(&mut self, until: Timestamp) {
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// Until when the provider said it takes nothing more.
    pub fn closed_until(&self) -> Option<Timestamp> {
        self.closed_until
    }

    /// Begins to count by another clock, which says `now` where the one before said `then`.
    ///
    /// Nobody can tell when the charges so far were made: all of them count as settled now, and every
    /// window as full until it has passed. Of a provider's word, what was left of it is left.
    pub fn restart(&mut self, then: Timestamp, now: Timestamp) {
        let second = now.as_second();
        self.coarse.clear();
        self.fine.clear();
        if self.total != self.forgotten {
            self.fine.push_back(Mark { end: second + 1, total: self.total });
        }
        self.sent.end_at(second);
        self.full_since = Some(now);
        self.closed_until = self.closed_until.filter(|until| *until > then).and_then(|until| {
            let left = until.duration_since(then);
            now.checked_add(left).ok()
        });
    }

    /// When every window last began to count as full; see [`Usage::restart`]. A window that reaches back
    /// to that moment has no room.
    pub fn full_since(&self) -> Option<Timestamp> {
        self.full_since
    }

    /// Whether a window that begins with the second `from` (since 1970) counts as full.
    pub fn is_full_from(&self, from: i64) -> bool {
        self.full_since.is_some_and(|since| since.as_second() >= from)
    }

    /// The charges whose outcome is not known yet.
    pub fn in_flight(&self) -> Charge {
        self.in_flight
    }

    /// How many days before `date`, by the calendar of `zone`, something was settled that stayed charged,
    /// however long ago.
    pub fn days_before(&self, zone: &TimeZone, date: Date) -> u32 {
        self.sent.days_before(zone, date)
    }

    /// The settled charges, rising: (the last second of a bucket since 1970, what was charged in it).
    ///
    /// Settling each of them again in its second makes a usage that counts the same in every window; days
    /// longer ago are not among them.
    pub fn buckets(&self) -> impl Iterator<Item = (i64, Charge)> {
        self.coarse.iter().chain(&self.fine).scan(self.forgotten, |before, mark| {
            let charge = mark.total.minus(*before);
            *before = mark.total;
            Some((mark.end - 1, charge))
        })
    }

    /// What was settled at or after `from` (seconds since 1970), counting every bucket that reaches into
    /// that time whole, and what is in flight. May count a bucket too much, never one too little.
    pub fn since(&self, from: i64) -> Charge {
        let marks =
            if self.fine.front().is_some_and(|mark| mark.end <= from) { &self.fine } else { &self.coarse };
        let before = marks.partition_point(|mark| mark.end <= from).checked_sub(1);
        let before = before.map_or(self.forgotten, |last| marks[last].total);
        self.total.minus(before).plus(self.in_flight)
    }

    /// The first second from which on what [`Usage::since`] counts `fits`; none if even the charges in
    /// flight do not fit alone. `fits` must hold for less wherever it holds for more.
    pub fn first_fit(&self, fits: impl Fn(Charge) -> bool) -> Option<i64> {
        if fits(self.since(i64::MIN)) {
            return Some(i64::MIN);
        }
        [&self.coarse, &self.fine].into_iter().find_map(|marks| {
            let exceeds = |mark: &Mark| !fits(self.total.minus(mark.total).plus(self.in_flight));
            marks.get(marks.partition_point(exceeds)).map(|mark| mark.end)
        })
    }
}

/// The end of the minute that ends at or after the bucket that ends at `end`.
fn minute_end(end: i64) -> i64 {
    (end + COARSE - 1).div_euclid(COARSE) * COARSE
}

#[cfg(test)]
mod tests;

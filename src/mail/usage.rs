//! What an account has been charged, minute by minute.
//!
//! The usage is a fold of the journal and nothing else: a charge is in flight from its intent to its
//! outcome and counts in every window meanwhile; with the outcome it falls into the minute in which it
//! was settled, as that is the newest moment at which the provider can have counted it. How much of it
//! a quota sees is decided by `policy/quota.rs`.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far back charges are kept, in minutes: a calendar day has at most 25 hours, and 48 hours cover
/// every window of a day or less in every zone.
const KEPT_MINUTES: i64 = 48 * 60;

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

/// The charges of one account: those in flight, and those settled in each minute of the last 48 hours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    in_flight: Charge,
    /// (minutes since 1970, charge), rising, no minute twice.
    minutes: VecDeque<(i64, Charge)>,
    /// Until when the provider said it takes nothing more.
    closed_until: Option<Timestamp>,
}

impl Usage {
    /// Counts a charge whose outcome is not known yet.
    pub fn begin(&mut self, charge: Charge) {
        self.in_flight = self.in_flight.plus(charge);
    }

    /// Ends a charge in flight: `kept` of it is counted in the minute of `at`, the rest is free again.
    ///
    /// A moment before the newest one counted is counted with the newest: time never runs backwards
    /// in a ledger.
    pub fn settle(&mut self, at: Timestamp, begun: Charge, kept: Charge) {
        self.in_flight = self.in_flight.minus(begun);
        if kept.is_zero() {
            return;
        }
        let minute = at.as_second().div_euclid(60);
        match self.minutes.back_mut() {
            Some((newest, charge)) if *newest >= minute => *charge = charge.plus(kept),
            Some(_) | None => self.minutes.push_back((minute, kept)),
        }
        while self.minutes.front().is_some_and(|(oldest, _)| *oldest < minute - KEPT_MINUTES) {
            self.minutes.pop_front();
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

    /// The charges whose outcome is not known yet.
    pub fn in_flight(&self) -> Charge {
        self.in_flight
    }

    /// The settled charges: (the beginning of a minute in seconds since 1970, what was charged in it), rising.
    pub fn minutes(&self) -> impl DoubleEndedIterator<Item = (i64, Charge)> {
        self.minutes.iter().map(|(minute, charge)| (minute * 60, *charge))
    }

    /// What was settled at or after `from` (seconds since 1970), counting every minute that reaches into
    /// that time whole, and what is in flight. May count a minute too much, never one too little.
    pub fn since(&self, from: i64) -> Charge {
        let recent = self.minutes.iter().rev().take_while(|(minute, _)| (minute + 1) * 60 > from);
        recent.fold(self.in_flight, |sum, (_, charge)| sum.plus(*charge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a valid second")
    }

    #[test]
    fn a_charge_in_flight_counts_in_every_window() {
        let mut usage = Usage::default();
        usage.begin(Charge::message(7));
        assert_eq!(usage.since(i64::MAX / 2).recipients, 7);
        usage.settle(at(120), Charge::message(7), Charge::message(5));
        assert_eq!((usage.in_flight(), usage.since(0)), (Charge::default(), Charge::message(5)));
    }

    #[test]
    fn a_minute_counts_whole_while_any_second_of_it_may_matter() {
        let mut usage = Usage::default();
        usage.begin(Charge::message(1));
        usage.settle(at(60), Charge::message(1), Charge::message(1));
        assert_eq!(usage.since(119).recipients, 1);
        assert_eq!(usage.since(120).recipients, 0);
    }

    #[test]
    fn time_never_runs_backwards_in_a_ledger() {
        let mut usage = Usage::default();
        for second in [600, 0] {
            usage.begin(Charge::message(1));
            usage.settle(at(second), Charge::message(1), Charge::message(1));
        }
        assert_eq!(usage.since(600).recipients, 2);
    }
}

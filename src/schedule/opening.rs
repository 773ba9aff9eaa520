//! Start and sending hours of a campaign as one question: from when on may it send?

use jiff::Timestamp;

use crate::policy::Hours;

/// Answers for every batch, so it remembers the last answer for as long as it holds.
#[derive(Debug)]
pub(super) struct Opening {
    start: Option<Timestamp>,
    hours: Option<Hours>,
    /// Open from the first to the second moment (for ever: none).
    open: Option<(Timestamp, Option<Timestamp>)>,
}

impl Opening {
    pub(super) fn new(start: Option<Timestamp>, hours: Option<Hours>) -> Self {
        Self { start, hours, open: None }
    }

    /// Whether the campaign may send at `now`.
    pub(super) fn is_open(&mut self, now: Timestamp) -> bool {
        if self.is_known_open(now) {
            return true;
        }
        if self.at_or_after(now) != Some(now) {
            return false;
        }
        let closes = match &self.hours {
            Some(hours) => hours.closes_at(now),
            None => None,
        };
        self.open = Some((now, closes));
        true
    }

    /// The first moment from `moment` on at which the campaign may send; none: never again.
    pub(super) fn at_or_after(&self, moment: Timestamp) -> Option<Timestamp> {
        if self.is_known_open(moment) {
            return Some(moment);
        }
        let earliest = self.start.map_or(moment, |start| start.max(moment));
        match &self.hours {
            Some(hours) => hours.opens_at(earliest),
            None => Some(earliest),
        }
    }

    fn is_known_open(&self, moment: Timestamp) -> bool {
        self.open.is_some_and(|(from, until)| from <= moment && until.is_none_or(|until| moment < until))
    }
}

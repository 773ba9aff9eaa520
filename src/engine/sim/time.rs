//! Time in a simulation: the one that is true, and what the machine's clocks make of it.
//!
//! True time is the runtime's virtual time and whatever passed while no process was there or the machine
//! slept. Servers go by it. The wall clock shows it with an offset that faults change; the time since boot
//! begins anew with each boot.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::store::Moment;

/// All clocks; milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Time {
    /// True time when the present process began, sleep of the machine since included.
    base: i64,
    /// The present process's beginning on its runtime's clock; none between two processes.
    begun: Option<Instant>,
    /// What the wall clock shows more than the truth.
    offset: i64,
    booted: i64,
    boot: u64,
    /// By how much the engine may be ahead of the truth: 15 minutes once its clock ever jumped.
    pub(super) lead: i64,
    /// By how much the engine was behind the truth in this boot, at most: what it sent then is on record as so
    /// much older, and looks it when the machine has booted with a clock that is right.
    lag: i64,
    /// Whether the wall clock ever went back. Trusted time stands still then or lags, so what is sent on one
    /// calendar day may be on record as sent on the day before: no claim is made about such days.
    pub(super) went_back: bool,
}

/// How far trusted time may run ahead over one boot, and a second for what is rounded.
const LEAD: i64 = 15 * 60_000 + 1_000;

impl Time {
    pub(super) fn new(start: i64) -> Self {
        Self {
            base: start,
            begun: None,
            offset: 0,
            booted: start - 100_000,
            boot: 1,
            lead: 0,
            lag: 0,
            went_back: false,
        }
    }

    /// True time, in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.base + self.begun.map_or(0, |begun| millis(begun.elapsed()))
    }

    /// A process begins, on a runtime of its own.
    pub(super) fn begin(&mut self) {
        self.begun = Some(Instant::now());
    }

    /// The process has ended, at the time that it is now.
    pub(super) fn end(&mut self) {
        self.base = self.now();
        self.begun = None;
    }

    /// Time passes without a process, or without its noticing.
    pub(super) fn pass(&mut self, span: i64) {
        self.base += span;
    }

    /// The wall clock jumps, never further from the truth than 26 hours.
    pub(super) fn jump(&mut self, by: i64) {
        self.offset = (self.offset + by).clamp(-26 * 3_600_000, 26 * 3_600_000);
        self.lead = self.lead.max(LEAD);
        self.went_back |= by < 0;
    }

    /// The wall clock shows the truth again.
    pub(super) fn correct(&mut self) {
        self.went_back |= self.offset > 0;
        self.offset = 0;
    }

    /// Whether the wall clock lies.
    pub(super) fn is_wrong(&self) -> bool {
        self.offset != 0
    }

    /// The machine boots, with a clock that is right.
    pub(super) fn reboot(&mut self) {
        self.pass(20_000);
        self.boot += 1;
        self.booted = self.now() - 5_000;
        self.correct();
        if self.lag > 0 {
            self.lead = self.lead.max(LEAD + std::mem::take(&mut self.lag));
        }
    }

    /// Notes which time the engine goes by.
    pub(super) fn believed(&mut self, believed: Timestamp) {
        self.lag = self.lag.max(self.now() - believed.as_millisecond());
    }

    /// What the clocks of the machine show.
    pub(super) fn moment(&self) -> Moment {
        let now = self.now();
        Moment {
            wall: at(now + self.offset),
            boot: Duration::from_millis((now - self.booted).unsigned_abs()),
            boot_id: u128::from(self.boot).to_be_bytes(),
        }
    }
}

/// A moment in milliseconds since 1970.
pub(super) fn at(milli: i64) -> Timestamp {
    Timestamp::from_millisecond(milli).expect("a simulation is over long before the year 9999")
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).expect("a simulation is short")
}

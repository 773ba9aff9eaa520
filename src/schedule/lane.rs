//! One relay as the scheduler sees it: what it may be given now, and what it was found to bear.

use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;

use super::destinations::Destinations;
use super::queue::{Queue, Source};
use super::terms::LaneSpec;
use crate::mail::{Account, BoundKind, RelayName};
use crate::policy::{Allowance, Breaker, Concurrency, Limiter};

/// How far a relay of weight 1 moves for one recipient.
const STRIDE: u64 = 1 << 32;

/// Why a relay cannot take its next batch, and until when as far as is known. None: until something is settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hold {
    pub(super) kind: BoundKind,
    pub(super) until: Option<Timestamp>,
}

/// How many recipients a relay was heard of, by outcome.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) deferred: u64,
    pub(super) rejected: u64,
    pub(super) uncertain: u64,
}

/// Troubles in a row, since the last success, by kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Troubles {
    pub(super) login: u32,
    pub(super) host: u32,
    pub(super) odd: u32,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) relay: RelayName,
    /// The place of its account's usage.
    pub(super) ledger: usize,
    /// The host, shared by lanes whose troubles of class host are one.
    pub(super) host: Box<str>,
    pub(super) allowance: Allowance,
    pub(super) limiter: Limiter,
    /// None where no relay limits any domain.
    pub(super) destinations: Option<Box<Destinations>>,
    pub(super) concurrency: Concurrency,
    pub(super) breaker: Breaker,
    pub(super) pace: Duration,
    /// The most recipients in one transaction, as set, as learned, and as any quota can ever bear.
    pub(super) largest: u64,
    ahead: u32,
    stride: u64,
    /// The lane with the lowest pass goes first: stride scheduling (Waldspurger and Weihl, 1995).
    pub(super) pass: u64,
    /// It waited, and must not make up for it at once.
    pub(super) away: bool,
    /// Batches out.
    pub(super) leased: u32,
    pub(super) last: Source,
    pub(super) pause: Option<Timestamp>,
    pub(super) hold: Option<Hold>,
    /// Why it is not used any more.
    pub(super) stopped: Option<String>,
    pub(super) troubles: Troubles,
    /// It answered for a recipient in this run, so it can be reached.
    pub(super) proven: bool,
    /// Its quota was closed by a reply: one batch at a time until one is accepted.
    pub(super) probing: bool,
    pub(super) counts: Counts,
    pub(super) open_sessions: u32,
}

impl Lane {
    /// A lane on the account whose usage has the place `ledger`.
    pub(super) fn new(spec: &LaneSpec, ledger: usize) -> Self {
        let allowance = Allowance::new(spec.quotas.clone(), spec.reserve).warming_up(spec.warmup.clone());
        let cap = allowance.cap();
        let reachable = if cap.messages == 0 { 0 } else { cap.recipients };
        Self {
            relay: spec.relay.clone(),
            ledger,
            host: host_of(&spec.account).into(),
            allowance,
            limiter: Limiter::new(spec.rate),
            destinations: None,
            concurrency: Concurrency::new(spec.sessions),
            breaker: Breaker::default(),
            pace: spec.pace.max(Duration::from_micros(1)),
            largest: u64::from(spec.recipients_per_message.max(1)).min(reachable),
            ahead: spec.ahead,
            stride: STRIDE / u64::from(spec.weight.max(1)),
            pass: 0,
            away: false,
            leased: 0,
            last: Source::Fresh,
            pause: None,
            hold: None,
            stopped: None,
            troubles: Troubles::default(),
            proven: false,
            probing: false,
            counts: Counts::default(),
            open_sessions: 0,
        }
    }

    /// How many batches it may have out.
    pub(super) fn slots(&self) -> u32 {
        if self.probing { 1 } else { self.concurrency.cap().saturating_mul(self.ahead.saturating_add(1)) }
    }

    /// Whether it may be offered a batch at `now`, quotas and rate apart.
    pub(super) fn is_open(&mut self, now: Timestamp) -> bool {
        if self.stopped.is_some() || self.leased >= self.slots() {
            return false;
        }
        if self.hold.is_some_and(|hold| hold.until.is_some_and(|until| until <= now)) {
            self.hold = None;
        }
        if self.pause.is_some_and(|until| until <= now) {
            self.pause = None;
        }
        self.hold.is_none() && self.pause.is_none()
    }

    /// Holds it back. Whoever waits for more than a session or the rate does not catch up afterwards.
    pub(super) fn hold(&mut self, hold: Hold) {
        self.away |= matches!(hold.kind, BoundKind::Quota | BoundKind::Warmup);
        self.hold = Some(hold);
    }

    /// Lets it rest until `until` at least.
    pub(super) fn pause(&mut self, until: Timestamp) {
        self.pause = self.pause.max(Some(until));
        self.away = true;
    }

    /// Notes that it was given a batch of `recipients`.
    pub(super) fn lease(&mut self, recipients: u64) {
        self.leased += 1;
        self.pass = self.pass.saturating_add(self.stride.saturating_mul(recipients));
    }

    /// The first of `numbers`, as many as go to no domain that it limits.
    pub(super) fn unlimited(&self, queue: &Queue, numbers: Range<u32>) -> Range<u32> {
        match &self.destinations {
            Some(destinations) => queue.unlimited(&numbers, |domain| destinations.limits(domain)),
            None => numbers,
        }
    }

    /// Something was settled on its account: a quota or the warm-up may have room again.
    pub(super) fn reconsider(&mut self) {
        if self.hold.is_some_and(|hold| matches!(hold.kind, BoundKind::Quota | BoundKind::Warmup)) {
            self.hold = None;
        }
    }

    /// It answered for a recipient, whatever it said: connection, login and host are well.
    pub(super) fn answered(&mut self, now: Timestamp) {
        self.troubles.login = 0;
        self.troubles.host = 0;
        self.proven = true;
        self.concurrency.succeeded(now);
    }

    /// It took a message: nothing is wrong with it at all.
    pub(super) fn succeeded(&mut self, now: Timestamp) {
        self.troubles = Troubles::default();
        self.probing = false;
        self.limiter.recover(now);
    }
}

/// The host of an account: what stands behind the last `@`, without a port.
fn host_of(account: &Account) -> &str {
    let text = account.as_str();
    let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_account_has_neither_user_nor_port() {
        let table = [
            (Account::new("SMTP.example.com", 465, Some("a@b.example")), "smtp.example.com"),
            (Account::new("mx.example.com", 25, None), "mx.example.com"),
        ];
        for (account, host) in table {
            assert_eq!(host_of(&account), host);
        }
    }
}

//! One relay's view of the domains it sends to: which may have a message now, and which when.
//!
//! A domain is held back by its rate, by what is in flight to it, or because it asked for less so often in
//! a row that it rests. None of that holds up the relay: what may not go now is put aside by the queue, and
//! the agenda here says at which domain it is worth looking again. Rates begin drained when the relay is
//! first asked, so that a restart frees nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use jiff::Timestamp;

use super::domains::{DomainNo, DomainTable};
use crate::policy::{DomainLimit, DomainLimits, Rate, doubled};

/// For how long of its rate a domain may be written to at once: as with a relay's rate.
const BURST: Duration = Duration::from_millis(10);
/// After how many replies in a row that ask for less a domain rests.
const COHORT: u32 = 5;
/// How long it rests then, doubling until something is accepted, and at most.
const REST: Duration = Duration::from_mins(5);
const LONGEST_REST: Duration = Duration::from_hours(4);

/// Why a domain may not have a message now, and until when; none: until one in flight is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) domain: DomainNo,
    pub(super) until: Option<Timestamp>,
}

/// The domains of one relay.
#[derive(Debug)]
pub(super) struct Destinations {
    table: Arc<DomainTable>,
    limits: DomainLimits,
    /// When it was first asked.
    begun: Option<Timestamp>,
    /// Domains for which something was put aside before that.
    aside: Vec<DomainNo>,
    /// Domains with something in flight or on the agenda, or that are not quite free yet.
    known: HashMap<DomainNo, Standing>,
    /// Domains for which something was put aside, and when to look at them again.
    agenda: BinaryHeap<Reverse<(Timestamp, DomainNo)>>,
}

/// How one domain stands with one relay.
#[derive(Debug, Clone, Copy)]
struct Standing {
    limit: Option<DomainLimit>,
    /// When the domain has its whole rate to itself again: the theoretical arrival time of the generic cell
    /// rate algorithm.
    free: Timestamp,
    /// Messages in flight.
    out: u32,
    /// On the agenda.
    listed: bool,
    /// Replies in a row that asked for less.
    refusals: u32,
    /// Rests in a row.
    rests: u32,
    rests_until: Option<Timestamp>,
}

impl Destinations {
    /// The domains of `table` under the `limits` of a relay; for those in `aside` something was put aside.
    pub(super) fn new(table: Arc<DomainTable>, limits: DomainLimits, aside: Vec<DomainNo>) -> Self {
        Self { table, limits, begun: None, aside, known: HashMap::new(), agenda: BinaryHeap::new() }
    }

    /// Begins to count at `now`, once.
    pub(super) fn begin(&mut self, now: Timestamp) {
        if self.begun.is_none() {
            self.begun = Some(now);
            for domain in std::mem::take(&mut self.aside) {
                self.list(domain, now);
            }
        }
    }

    /// The table.
    pub(super) fn table(&self) -> &Arc<DomainTable> {
        &self.table
    }

    /// Whether this relay ever holds `domain` back.
    pub(super) fn limits(&self, domain: DomainNo) -> bool {
        !self.limits.is_empty() && self.limits.of(self.table.name(domain)).is_some()
    }

    fn standing(&mut self, domain: DomainNo) -> &mut Standing {
        let (limits, table, begun) = (&self.limits, &self.table, self.begun);
        self.known.entry(domain).or_insert_with(|| {
            let limit = limits.of(table.name(domain));
            let rate = limit.and_then(|limit| limit.rate);
            let drained = rate.map_or(Duration::ZERO, |rate| rate.interval() * burst(rate));
            let free = later(begun.unwrap_or(Timestamp::MIN), drained);
            let (out, listed, refusals, rests) = (0, false, 0, 0);
            Standing { limit, free, out, listed, refusals, rests, rests_until: None }
        })
    }

    /// Whether a message to all of `domains` may leave at `now`.
    ///
    /// # Errors
    /// The first domain that may have none, and until when.
    pub(super) fn ask(&mut self, now: Timestamp, domains: &[DomainNo]) -> Result<(), Full> {
        if self.limits.is_empty() {
            return Ok(());
        }
        for domain in domains {
            if let Err(until) = self.standing(*domain).ask(now) {
                return Err(Full { domain: *domain, until });
            }
        }
        Ok(())
    }

    /// Notes that a message to `domains` left at `now`.
    pub(super) fn lease(&mut self, now: Timestamp, domains: &[DomainNo]) {
        if self.limits.is_empty() {
            return;
        }
        for domain in domains {
            let standing = self.standing(*domain);
            standing.out += 1;
            if let Some(rate) = standing.limit.and_then(|limit| limit.rate) {
                standing.free = later(standing.free.max(now), rate.interval());
            }
        }
    }

    /// Notes that a message to `domain` was settled.
    pub(super) fn settle(&mut self, now: Timestamp, domain: DomainNo) {
        let Some(standing) = self.known.get_mut(&domain) else { return };
        standing.out = standing.out.saturating_sub(1);
        self.forget_if_free(now, domain);
    }

    /// The domain took something.
    pub(super) fn accepted(&mut self, domain: DomainNo) {
        if let Some(standing) = self.known.get_mut(&domain) {
            (standing.refusals, standing.rests, standing.rests_until) = (0, 0, None);
        }
    }

    /// The domain took nothing and asked for less, or later: by `wait` if it said so. Gives until when it
    /// rests if that was once too often.
    pub(super) fn refused(
        &mut self,
        now: Timestamp,
        domain: DomainNo,
        wait: Option<Duration>,
    ) -> Option<Timestamp> {
        let standing = self.known.get_mut(&domain)?;
        if standing.limit.is_none() || standing.rests_until.is_some_and(|until| now < until) {
            return None; // Spoken of what was sent before the rest.
        }
        standing.refusals += 1;
        if standing.refusals < COHORT && standing.rests == 0 {
            return None;
        }
        standing.rests += 1;
        standing.refusals = 0;
        let rest = doubled(REST, standing.rests, LONGEST_REST);
        let rest = wait.map_or(rest, |wait| wait.clamp(rest, LONGEST_REST));
        standing.rests_until = Some(later(now, rest));
        standing.rests_until
    }

    /// Looks at `domain` again at `at`, unless that is on the agenda already.
    pub(super) fn list(&mut self, domain: DomainNo, at: Timestamp) {
        let standing = self.standing(domain);
        if !standing.listed {
            standing.listed = true;
            self.agenda.push(Reverse((at, domain)));
        }
    }

    /// The domain that is to be looked at first, and when.
    pub(super) fn first(&self) -> Option<(Timestamp, DomainNo)> {
        // Before it was first asked, there is no agenda yet, and nothing to wait for.
        let at_once = self.aside.first().map(|domain| (Timestamp::MIN, *domain));
        at_once.or_else(|| self.agenda.peek().map(|Reverse(entry)| *entry))
    }

    /// Takes the first domain off the agenda; it is listed again for `until` if that is known.
    pub(super) fn put_off(&mut self, now: Timestamp, until: Option<Timestamp>) {
        let Some(Reverse((_, domain))) = self.agenda.pop() else { return };
        self.standing(domain).listed = false;
        match until {
            Some(until) => self.list(domain, until),
            None => self.forget_if_free(now, domain),
        }
    }

    /// A domain that is as free as one never written to need not be remembered.
    fn forget_if_free(&mut self, now: Timestamp, domain: DomainNo) {
        if self.known.get(&domain).is_some_and(|standing| standing.is_free(now)) {
            self.known.remove(&domain);
        }
    }
}

impl Standing {
    fn ask(&self, now: Timestamp) -> Result<(), Option<Timestamp>> {
        let Some(limit) = self.limit else { return Ok(()) };
        if let Some(until) = self.rests_until.filter(|until| now < *until) {
            return Err(Some(until));
        }
        // After a rest one message shows whether it is over.
        let most = if self.rests > 0 { 1 } else { limit.sessions.unwrap_or(u32::MAX) };
        if self.out >= most {
            return Err(None);
        }
        let Some(rate) = limit.rate else { return Ok(()) };
        let ahead = rate.interval() * (burst(rate) - 1);
        let from = self.free.checked_sub(ahead).unwrap_or(Timestamp::MIN);
        if now < from { Err(Some(from)) } else { Ok(()) }
    }

    fn is_free(&self, now: Timestamp) -> bool {
        self.out == 0 && !self.listed && self.free <= now && self.refusals == 0 && self.rests == 0
    }
}

/// How many messages of a rate may leave at once; at least one.
fn burst(rate: Rate) -> u32 {
    u32::try_from(BURST.as_nanos() / rate.interval().as_nanos()).unwrap_or(u32::MAX).max(1)
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

//! Where a relay finds its next batch, past those whose domain may have none now.
//!
//! Without limits by domain that is one look at the queue. With them, whatever stands in front and is held back
//! is put aside, so that the front is always something that may go; and of what was put aside the domain
//! that may go on first is on the agenda of each relay. So nobody waits for a domain that is not theirs,
//! and no step looks at more than it moves.

use jiff::Timestamp;

use super::destinations::Full;
use super::domains::DomainNo;
use super::queue::{Shelved, Source};
use super::scheduler::{Scheduler, relay_no};
use super::step::{Decision, Note};
use crate::mail::{Batch, BoundKind, Class, Outcome, RelayNo, Settled, Verdict};

impl Scheduler {
    /// Where the lane at `place` finds a batch that may go at `now`, as far as its domains are concerned.
    pub(super) fn find(&mut self, place: usize, now: Timestamp) -> Option<Source> {
        let (relay, last) = (relay_no(place), self.lanes[place].last);
        let Some(destinations) = &mut self.lanes[place].destinations else {
            return self.queue.source(relay, last);
        };
        destinations.begin(now);
        for source in [Source::Pinned, Source::Ready, Source::Fresh] {
            while let Err(full) = self.ask(place, now, source) {
                self.put_aside(place, now, source, full);
            }
        }
        let aside = self.find_aside(place, now);
        let front = self.queue.source(relay, last);
        match (aside, front) {
            // What waited for its domain goes first, but each side takes turns with the other.
            (Some(aside), Some(front))
                if aside.is_own() == last.is_own() && front.is_own() != last.is_own() =>
            {
                Some(front)
            }
            (Some(aside), _) => Some(aside),
            (None, front) => front,
        }
    }

    /// Whether the next batch at `source` may go at `now`; also if there is none.
    fn ask(&mut self, place: usize, now: Timestamp, source: Source) -> Result<(), Full> {
        let there = self.queue.domains_at(relay_no(place), source, &mut self.domains);
        match &mut self.lanes[place].destinations {
            Some(destinations) if there => destinations.ask(now, &self.domains),
            Some(_) | None => Ok(()),
        }
    }

    /// Puts the next batch at `source` aside, and tells whoever could take it.
    fn put_aside(&mut self, place: usize, now: Timestamp, source: Source, full: Full) {
        let relay = relay_no(place);
        let shelved = self.queue.put_aside(relay, source, full.domain);
        if shelved == Shelved::Behind {
            return;
        }
        for (other, lane) in self.lanes.iter_mut().enumerate() {
            let Some(destinations) = &mut lane.destinations else { continue };
            if other == place {
                // Without a time, whatever is settled there lists it.
                full.until.into_iter().for_each(|until| destinations.list(full.domain, until));
            } else if !source.is_own() {
                destinations.list(full.domain, now);
            }
        }
    }

    /// The first of what was put aside that the lane may take at `now`.
    fn find_aside(&mut self, place: usize, now: Timestamp) -> Option<Source> {
        let relay = relay_no(place);
        loop {
            let (at, domain) = self.lanes[place].destinations.as_ref()?.first()?;
            if at > now {
                return None;
            }
            let Some(source) = self.queue.shelf(relay, domain, self.lanes[place].last) else {
                // Others took it.
                self.lanes[place].destinations.as_mut()?.put_off(now, None);
                continue;
            };
            match self.ask(place, now, source) {
                Ok(()) => return Some(source),
                Err(full) if full.domain == domain => {
                    self.lanes[place].destinations.as_mut()?.put_off(now, full.until);
                }
                // The batch goes to another domain too, and waits for that one now.
                Err(full) => self.put_aside(place, now, source, full),
            }
        }
    }

    /// Counts a batch that leaves for each of its domains.
    pub(super) fn depart(&mut self, relay: RelayNo, batch: &Batch) {
        let Some(destinations) = &mut self.lanes[relay.index()].destinations else { return };
        destinations.table().gather(batch.recipients.iter().copied(), &mut self.domains);
        destinations.lease(self.now, &self.domains);
    }

    /// Counts a batch that was settled for each of its domains, and lets them hear what they answered.
    pub(super) fn arrive(
        &mut self,
        now: Timestamp,
        relay: RelayNo,
        settled: &Settled,
        decision: &mut Decision,
    ) {
        let Some(destinations) = &mut self.lanes[relay.index()].destinations else { return };
        let table = std::sync::Arc::clone(destinations.table());
        for delivery in &settled.deliveries {
            if let (Outcome::Accepted(_), Some(domain)) = (&delivery.outcome, table.of(delivery.recipient)) {
                destinations.accepted(domain);
            }
        }
        table.gather(settled.batch.recipients.iter().copied(), &mut self.domains);
        for domain in &self.domains {
            if let Some(verdict) = slowed(settled, |recipient| table.of(recipient) == Some(*domain))
                && let Some(until) =
                    destinations.refused(now, *domain, verdict.wait.and_then(|wait| wait.span(now)))
            {
                let domain = table.name(*domain).to_owned();
                decision.notes.push(Note::DomainRests { relay, domain, until });
            }
            destinations.settle(now, *domain);
            if self.queue.shelf(relay, *domain, Source::Fresh).is_some() {
                destinations.list(*domain, now);
            }
        }
    }

    /// Until when the lane at `place` waits for a domain, if something was put aside that it could take.
    pub(super) fn domain_bound(&self, place: usize) -> Option<(BoundKind, Option<Timestamp>)> {
        let destinations = self.lanes[place].destinations.as_ref()?;
        let waits = self.queue.has_aside(relay_no(place));
        waits.then(|| (BoundKind::Domain, destinations.first().map(|(at, _)| at)))
    }

    /// The domain that the lane at `place` waits for first.
    pub(super) fn first_domain(&self, place: usize) -> Option<DomainNo> {
        self.lanes[place].destinations.as_ref()?.first().map(|(_, domain)| domain)
    }
}

/// What the recipients of a settled batch at one domain were told, if that was to come more slowly, and
/// none of them was taken.
fn slowed(settled: &Settled, is_there: impl Fn(crate::mail::RecipientNo) -> bool) -> Option<Verdict> {
    let mut slowed = None;
    for delivery in settled.deliveries.iter().filter(|delivery| is_there(delivery.recipient)) {
        match &delivery.outcome {
            Outcome::Accepted(_) => return None,
            Outcome::Deferred(_, verdict) if verdict.class == Class::Domain => slowed = Some(*verdict),
            Outcome::Deferred(..)
            | Outcome::Rejected(..)
            | Outcome::Uncertain(_)
            | Outcome::Suppressed
            | Outcome::Returned(_) => {}
        }
    }
    slowed
}

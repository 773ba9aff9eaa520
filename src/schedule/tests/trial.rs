//! Relays that fail by seed, and a provider that counts for itself.
//!
//! A trial drives a scheduler in virtual time as an engine would, answers every batch by chance, and checks at
//! every step what must never go wrong: nobody is out twice, a final state stays, the tally adds up, and
//! the provider's own count of every window stays within its quotas.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::{accepted, answer, deferred, rejected, report, start, trouble, verdict};
use crate::mail::{
    Account, Batch, BatchId, Charge, Class, Doubt, Outcome, Permanence, RecipientNo, RelayNo, Return, Scope,
    Settled, State,
};
use crate::policy::Period;
use crate::schedule::{Backlog, Decision, DomainTable, LaneSpec, Scheduler, Step, Terms};

/// What a provider does to a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// In one of so many transactions something goes wrong; 0: never.
    pub(super) one_in: u32,
    /// How many recipients it takes in one transaction.
    pub(super) most: usize,
}

/// A scheduler, a provider that counts, and what was seen.
pub(super) struct Trial {
    pub(super) scheduler: Scheduler,
    pub(super) now: Timestamp,
    lanes: Vec<LaneSpec>,
    faults: Faults,
    rng: Xoshiro256PlusPlus,
    /// (when it is settled, order) -> report
    flights: BTreeMap<(Timestamp, u64), Settled>,
    out: BTreeSet<RecipientNo>,
    states: HashMap<RecipientNo, State>,
    attempts: HashMap<BatchId, u16>,
    planned: u64,
    /// What the provider counted: account, when, what.
    pub(super) counted: Vec<(Account, Timestamp, Charge)>,
    pub(super) by_relay: BTreeMap<RelayNo, u64>,
    /// When a message left to which domain through which relay; and how many are under way.
    pub(super) departed: BTreeMap<(RelayNo, String), Vec<Timestamp>>,
    away: BTreeMap<(RelayNo, String), u32>,
    domains: Option<Arc<DomainTable>>,
    order: u64,
}

impl Trial {
    pub(super) fn new(terms: Terms, lanes: &[LaneSpec], backlog: Backlog, faults: Faults, seed: u64) -> Self {
        let planned = u64::from(backlog.batches.recipients());
        let domains = backlog.domains.clone();
        Self {
            scheduler: Scheduler::new(terms, lanes, &BTreeMap::new(), backlog, seed),
            now: start(),
            lanes: lanes.to_vec(),
            faults,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            flights: BTreeMap::new(),
            out: BTreeSet::new(),
            states: HashMap::new(),
            attempts: HashMap::new(),
            planned,
            counted: Vec::new(),
            by_relay: BTreeMap::new(),
            departed: BTreeMap::new(),
            away: BTreeMap::new(),
            domains,
            order: 0,
        }
    }

    /// Runs until the scheduler has nothing more to do, and gives its last step.
    pub(super) fn run(&mut self) -> Step {
        for _ in 0..2_000_000 {
            match self.scheduler.next(self.now) {
                Step::Lease { relay, batch } => self.launch(relay, batch),
                Step::Wait(wait) => {
                    let lands = self.flights.keys().next().map(|(lands, _)| *lands);
                    assert!(wait.until.is_none_or(|until| until > self.now), "a wait ends later: {wait:?}");
                    let until = lands.into_iter().chain(wait.until).min().expect("a wait that ends");
                    self.now = self.now.max(until);
                    self.land_until(until);
                }
                step @ (Step::Done | Step::Stopped(_)) if self.flights.is_empty() => return step,
                Step::Done => panic!("done with batches out"),
                Step::Stopped(_) => self.land_until(Timestamp::MAX),
            }
        }
        panic!("no end: {:?} {:?}", self.scheduler.tally(), self.scheduler.view(self.now));
    }

    fn launch(&mut self, relay: RelayNo, batch: Batch) {
        let spec = &self.lanes[relay.index()];
        assert!(batch.recipients.len() <= spec.recipients_per_message as usize);
        for recipient in &batch.recipients {
            assert!(self.out.insert(*recipient), "{recipient:?} is out twice");
            assert!(
                self.states.get(recipient).is_none_or(|state| !state.is_final()),
                "{recipient:?} was done"
            );
        }
        for domain in self.domains_of(&batch) {
            let away = self.away.entry((relay, domain.clone())).or_default();
            *away += 1;
            let most = spec.domains.of(&domain).and_then(|limit| limit.sessions);
            assert!(most.is_none_or(|most| *away <= most), "{away} messages under way to {domain}");
            self.departed.entry((relay, domain)).or_default().push(self.now);
        }
        let last = self.attempts.insert(batch.id, batch.attempt);
        assert!(last.is_none_or(|last| batch.attempt == last || batch.attempt == last + 1));
        *self.by_relay.entry(relay).or_default() += batch.recipients.len() as u64;
        let busy = spec.pace.mul_f64(self.rng.random_range(0.5..1.5));
        let account = spec.account.clone();
        let report = self.chance(relay, batch);
        if !report.charge.is_zero() {
            // The provider counts at some moment between lease and report.
            let counted = self.now + busy.mul_f64(self.rng.random_range(0.0..1.0));
            self.counted.push((account, counted, report.charge));
        }
        self.order += 1;
        self.flights.insert((self.now + busy, self.order), report);
    }

    fn domains_of(&self, batch: &Batch) -> BTreeSet<String> {
        let Some(table) = &self.domains else { return BTreeSet::new() };
        let of = |recipient: &RecipientNo| table.of(*recipient).map(|domain| table.name(domain).to_owned());
        batch.recipients.iter().filter_map(of).collect()
    }

    fn chance(&mut self, relay: RelayNo, batch: Batch) -> Settled {
        let most = self.faults.most;
        let size = batch.recipients.len();
        let ill = self.faults.one_in > 0 && self.rng.random_range(0..self.faults.one_in) == 0;
        let too_many =
            |place: usize| (place >= most).then(|| Outcome::Returned(Return::TooMany(answer(452, "4.5.3"))));
        if !ill {
            return report(relay, batch, |place| too_many(place).unwrap_or_else(accepted));
        }
        match self.rng.random_range(0..10) {
            0 | 1 => report(relay, batch, |_| deferred()),
            2 => {
                let words = format!("5.1.1 {} is unknown", "x".repeat(1 + self.rng.random_range(0..40)));
                report(relay, batch, |place| if place == 0 { rejected(&words) } else { accepted() })
            }
            3 => report(relay, batch, |place| if place % 2 == 0 { deferred() } else { accepted() }),
            4 => report(relay, batch, |_| Outcome::Returned(Return::LineLost)),
            5 => report(relay, batch, |_| Outcome::Uncertain(Doubt::LineLost)),
            6 => report(relay, batch, |_| Outcome::Returned(Return::NotSent)),
            7 if size > 1 => {
                report(relay, batch, |_| Outcome::Returned(Return::Halve(answer(554, "5.7.1 no"))))
            }
            8 => Self::troubled(relay, batch, (Class::Rate, Scope::Relay)),
            9 => Self::troubled(relay, batch, (Class::Concurrency, Scope::Relay)),
            _ => Self::troubled(relay, batch, (Class::Host, Scope::Host)),
        }
    }

    fn troubled(relay: RelayNo, batch: Batch, (class, scope): (Class, Scope)) -> Settled {
        let heard = verdict(class, scope, Permanence::Transient);
        let mut report = report(relay, batch, |_| {
            Outcome::Returned(Return::RelayTrouble(answer(451, "4.7.0 later"), heard))
        });
        report.troubles.push(trouble(class, scope, Permanence::Transient));
        report
    }

    fn land_until(&mut self, until: Timestamp) {
        while let Some(entry) = self.flights.first_entry() {
            if entry.key().0 > until {
                return;
            }
            let ((lands, _), report) = entry.remove_entry();
            for domain in self.domains_of(&report.batch) {
                *self.away.entry((report.relay, domain)).or_default() -= 1;
            }
            let decision = self.scheduler.settle(lands, &report);
            self.check(&report, &decision);
        }
    }

    fn check(&mut self, report: &Settled, decision: &Decision) {
        let named: Vec<_> = decision.deliveries.iter().map(|(recipient, _, _)| *recipient).collect();
        assert_eq!(named, report.batch.recipients, "each recipient once and in order");
        for (recipient, state, due) in &decision.deliveries {
            assert!(self.out.remove(recipient), "{recipient:?} was not out");
            let before = self.states.insert(*recipient, *state);
            assert!(before.is_none_or(|before| !before.is_final()), "{recipient:?} was {before:?}");
            assert!(*state != State::Deferred || due.is_some(), "the deferred are due some time");
        }
        let tally = self.scheduler.tally();
        assert_eq!(tally.planned(), self.planned, "nobody is lost");
        let settled = self.states.values().filter(|state| state.is_final()).count();
        assert_eq!(tally.settled(), settled as u64, "the tally is what was told");
    }

    /// Panics if a domain ever had more messages in any span of time than its rate allows, and one burst.
    pub(super) fn assert_domain_rates_held(&self) {
        for ((relay, domain), moments) in &self.departed {
            let limit = self.lanes[relay.index()].domains.of(domain);
            let Some(rate) = limit.and_then(|limit| limit.rate) else { continue };
            let interval = rate.interval().as_nanos();
            let burst = (10_000_000 / interval).max(1);
            for (first, from) in moments.iter().enumerate() {
                for (last, until) in moments.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as u128;
                    let span = until.duration_since(*from).unsigned_abs().as_nanos();
                    assert!(count <= burst + span / interval, "{count} to {domain} in {span} ns");
                }
            }
        }
    }

    /// Panics if the provider ever counted more than a quota allows.
    pub(super) fn assert_quotas_held(&self) {
        for spec in &self.lanes {
            let mut counted: Vec<_> =
                self.counted.iter().filter(|(account, ..)| *account == spec.account).collect();
            counted.sort_by_key(|(_, when, _)| *when);
            for quota in &spec.quotas {
                let window = |when: Timestamp| match &quota.per {
                    Period::Rolling(length) => when - *length,
                    Period::Day(zone) => start_of_day(when, zone),
                };
                let (mut first, mut sum) = (0, 0);
                for (_, when, charge) in &counted {
                    sum += quota.unit.of(*charge);
                    while counted[first].1 < window(*when) {
                        sum -= quota.unit.of(counted[first].2);
                        first += 1;
                    }
                    assert!(sum <= quota.limit - spec.reserve, "{sum} of {quota:?} at {when}");
                }
            }
        }
    }
}

fn start_of_day(when: Timestamp, zone: &TimeZone) -> Timestamp {
    when.to_zoned_datetime(zone.clone()).start_of_day().expect("a day").timestamp()
}

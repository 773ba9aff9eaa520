//! The scheduler in virtual time: what `plan` foretells.
//!
//! The very scheduler that `send` uses is asked and answered as fast as it goes: every batch is accepted
//! once its relay's pace has passed, and time jumps to the next thing that happens. To be quick over a
//! million recipients or ten years, each session is given runs of batches that keep it busy for some seconds;
//! a forecast is right to about that.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::domains::DomainNo;
use super::scheduler::{Grant, Scheduler, Stride, What};
use super::step::{Step, Wait};
use super::terms::{Backlog, LaneSpec, Terms};
use crate::mail::{
    Account, Answer, Batch, Bound, BoundKind, Charge, Day, Delivery, Forecast, Outcome, Phase, RelayNo,
    Reply, Settled, Usage,
};
use crate::policy::Limiter;

/// For how long one run of batches may keep a session busy.
const SPAN: Duration = Duration::from_secs(10);
/// What is left is shared among the sessions so many times over, so that they end together.
const SHARES: u64 = 8;
/// No plan that takes longer than a hundred years ever ends.
const HORIZON: Duration = Duration::from_hours(24 * 36_525);

/// What a run would be given.
#[derive(Debug, Clone)]
pub struct Prospect {
    /// Its rules.
    pub terms: Terms,
    /// Its relays.
    pub lanes: Vec<LaneSpec>,
    /// What their accounts have used.
    pub usages: BTreeMap<Account, Usage>,
    /// What is to be sent.
    pub backlog: Backlog,
}

/// Foretells which relay sends how much on which day of `zone`, if sending begins at `now` and every
/// recipient is accepted at the first attempt.
///
/// `bound_by` is the limit for which a relay waited longest while work was left; where two relays waited
/// equally long, the first. `ends` is none if some recipients can never be sent to, or only after a hundred
/// years; the days then show the others.
pub fn forecast(prospect: Prospect, now: Timestamp, zone: &TimeZone) -> Forecast {
    Simulation::new(prospect, now).run(zone)
}

#[derive(Debug)]
struct Simulation {
    scheduler: Scheduler,
    specs: Vec<LaneSpec>,
    sessions: u64,
    now: Timestamp,
    flights: BinaryHeap<Reverse<Flight>>,
    launched: u64,
    blame: BTreeMap<(RelayNo, BoundKind), Duration>,
    /// The domain that each relay waited for last.
    domains: BTreeMap<RelayNo, DomainNo>,
    answer: Answer,
    ends: Option<Timestamp>,
}

/// What one session is at.
#[derive(Debug)]
struct Flight {
    lands: Timestamp,
    order: u64,
    relay: RelayNo,
    charge: Charge,
    /// None for a run of planned batches.
    batch: Option<Batch>,
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Flight {}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.lands, self.order).cmp(&(other.lands, other.order))
    }
}

impl Simulation {
    fn new(prospect: Prospect, now: Timestamp) -> Self {
        let Prospect { terms, mut lanes, usages, backlog } = prospect;
        // A session of a simulation has no line to keep full.
        for spec in &mut lanes {
            spec.ahead = 0;
        }
        let mut scheduler = Scheduler::new(terms, &lanes, &usages, backlog, 0);
        for (lane, spec) in scheduler.lanes.iter_mut().zip(&lanes) {
            lane.limiter = Limiter::coarse(spec.rate, SPAN);
        }
        Self {
            scheduler,
            sessions: lanes.iter().map(|spec| u64::from(spec.sessions.max(1))).sum::<u64>().max(1),
            specs: lanes,
            now,
            flights: BinaryHeap::new(),
            launched: 0,
            blame: BTreeMap::new(),
            domains: BTreeMap::new(),
            answer: Answer { phase: Phase::End, reply: Arc::new(Reply::new(250, "2.0.0 foretold")) },
            ends: Some(now),
        }
    }

    fn run(mut self, zone: &TimeZone) -> Forecast {
        let mut calendar = Calendar { zone, specs: &self.specs.clone(), days: Vec::new(), today: None };
        let horizon = self.now.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
        loop {
            self.land(&mut calendar);
            let left = self.scheduler.queue.fresh_batches() / (SHARES * self.sessions);
            let most = u32::try_from(left).unwrap_or(u32::MAX).max(1);
            match self.scheduler.grant(self.now, Stride::Run { span: SPAN, most }) {
                Ok(grant) => self.launch(grant),
                Err(Step::Wait(wait)) => {
                    let until = self.flights.peek().map(|Reverse(flight)| flight.lands);
                    let until = until.into_iter().chain(wait.until).min().filter(|until| *until <= horizon);
                    let Some(until) = until else {
                        self.ends = None;
                        break;
                    };
                    self.wait(&wait, until);
                }
                Err(Step::Done) => break,
                Err(Step::Stopped(_) | Step::Lease { .. }) => {
                    self.ends = None;
                    break;
                }
            }
        }
        let bound_by = self.blame.iter().max_by_key(|((relay, _), time)| (**time, Reverse(*relay)));
        let bound_by = bound_by.map(|((relay, kind), _)| self.bound(*relay, *kind));
        Forecast { days: calendar.days, ends: self.ends, bound_by }
    }

    fn bound(&self, relay: RelayNo, kind: BoundKind) -> Bound {
        let domain = self.domains.get(&relay).filter(|_| kind == BoundKind::Domain);
        let table = self.scheduler.lanes[relay.index()].destinations.as_ref().map(|known| known.table());
        let domain = domain.zip(table).map(|(domain, table)| table.name(*domain).to_owned());
        Bound { relay: self.specs[relay.index()].relay.clone(), kind, domain }
    }

    fn launch(&mut self, grant: Grant) {
        let relay = grant.relay;
        let (charge, batch) = match grant.what {
            What::Run(numbers) => (self.scheduler.lease_run(relay, &numbers), None),
            What::Batch(source, most) => {
                let Step::Lease { batch, .. } = self.scheduler.lease(relay, source, most) else { return };
                (Charge::message(batch.recipients.len()), Some(batch))
            }
        };
        let pace = self.scheduler.lanes[relay.index()].pace;
        let busy = pace.saturating_mul(u32::try_from(charge.messages).unwrap_or(u32::MAX));
        let lands = self.now.checked_add(busy).unwrap_or(Timestamp::MAX);
        self.launched += 1;
        self.flights.push(Reverse(Flight { lands, order: self.launched, relay, charge, batch }));
    }

    /// Settles what has landed by now.
    fn land(&mut self, calendar: &mut Calendar<'_>) {
        while self.flights.peek().is_some_and(|Reverse(flight)| flight.lands <= self.now) {
            let Some(Reverse(Flight { lands, relay, charge, batch, .. })) = self.flights.pop() else {
                return;
            };
            match batch {
                None => self.scheduler.settle_run(lands, relay, charge),
                Some(batch) => {
                    let accepted = |recipient: &_| Delivery {
                        recipient: *recipient,
                        outcome: Outcome::Accepted(self.answer.clone()),
                    };
                    let deliveries = batch.recipients.iter().map(accepted).collect();
                    let settled =
                        Settled { relay, batch, intended: true, charge, deliveries, troubles: Vec::new() };
                    self.scheduler.settle(lands, &settled);
                }
            }
            calendar.note(lands, relay, charge.recipients);
            self.ends = Some(lands);
        }
    }

    /// Lets time pass, and notes who waited for what.
    fn wait(&mut self, wait: &Wait, until: Timestamp) {
        let passed = until.duration_since(self.now).unsigned_abs();
        if !self.scheduler.queue.is_empty() {
            for (relay, kind, _) in &wait.bounds {
                *self.blame.entry((*relay, *kind)).or_default() += passed;
                if *kind == BoundKind::Domain
                    && let Some(domain) = self.scheduler.first_domain(relay.index())
                {
                    self.domains.insert(*relay, domain);
                }
            }
        }
        // Every wait ends later; if one ever did not, time must still pass.
        self.now = until.max(self.now + Duration::from_nanos(1));
    }
}

/// Counts recipients by day and relay.
struct Calendar<'a> {
    zone: &'a TimeZone,
    specs: &'a [LaneSpec],
    days: Vec<Day>,
    /// The last day of `days`, from its first moment to the next day's.
    today: Option<(Timestamp, Timestamp)>,
}

impl Calendar<'_> {
    fn note(&mut self, moment: Timestamp, relay: RelayNo, recipients: u64) {
        if self.today.is_none_or(|(from, until)| moment < from || until <= moment) {
            let local = moment.to_zoned_datetime(self.zone.clone());
            let from = local.start_of_day().map_or(moment, |start| start.timestamp());
            let next = local.date().tomorrow().and_then(|date| date.to_zoned_datetime(self.zone.clone()));
            self.today = Some((from, next.map_or(Timestamp::MAX, |next| next.timestamp())));
            let relays = self.specs.iter().map(|spec| (spec.relay.clone(), 0)).collect();
            self.days.push(Day { date: local.date(), relays });
        }
        if let Some(day) = self.days.last_mut() {
            day.relays[relay.index()].1 += recipients;
        }
    }
}

impl Scheduler {
    /// Leases a granted run of planned batches at once.
    fn lease_run(&mut self, relay: RelayNo, numbers: &std::ops::Range<u32>) -> Charge {
        let recipients = self.queue.recipients_of(numbers);
        let charge = Charge { messages: numbers.len() as u64, recipients };
        self.queue.take_run(numbers);
        let lane = &mut self.lanes[relay.index()];
        lane.last = super::queue::Source::Fresh;
        lane.lease(recipients);
        self.ledgers[lane.ledger].1.begin(charge);
        self.runs_out += 1;
        charge
    }

    /// Settles a run; its recipients leave the tally alone.
    fn settle_run(&mut self, now: Timestamp, relay: RelayNo, charge: Charge) {
        self.runs_out -= 1;
        self.close_books(now, relay, charge, charge);
    }
}

//! What the scheduler promises, case by case and by chance.

mod adapting;
mod chance;
mod domains;
mod fates;
mod forecasts;
mod herd;
mod leases;
mod stated;
mod stops;
mod traffic;
mod trial;
mod troubles;
mod warmups;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Backlog, DomainTable, LaneSpec, Scheduler, Step, Terms};
use crate::mail::{
    Account, Answer, Batch, Batches, BoundKind, Charge, Class, Delivery, Outcome, Permanence, Phase,
    RelayName, RelayNo, Reply, RunNo, Scope, Settled, Trouble, Verdict,
};
use crate::policy::{DomainLimit, DomainLimits, Hours, Period, Quota, Rate, Retry, StopIf, Unit};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// 2026-06-01T10:00:00Z, a Monday.
fn start() -> Timestamp {
    "2026-06-01T10:00:00Z".parse().expect("a timestamp")
}

fn lane(name: &str) -> LaneSpec {
    LaneSpec {
        relay: RelayName::new(name),
        account: Account::from(format!("{name}@mx.example").as_str()),
        quotas: Vec::new(),
        reserve: 0,
        warmup: None,
        rate: None,
        domains: DomainLimits::default(),
        sessions: 4,
        ahead: 0,
        weight: 1,
        recipients_per_message: 100,
        pace: Duration::from_millis(50),
    }
}

fn quota(limit: u64, unit: Unit, seconds: u64) -> Quota {
    Quota { limit, unit, per: Period::Rolling(Duration::from_secs(seconds)) }
}

fn terms() -> Terms {
    let stop_if = StopIf { rejected: 2.0, after: 0 };
    Terms { run: RunNo(1), start: None, hours: None, retry: Retry::default(), stop_if }
}

fn personal(recipients: u32) -> Backlog {
    whole(Batches::Personal { recipients })
}

fn grouped(recipients: u32, size: u32) -> Backlog {
    let starts = (0..recipients).step_by(size as usize).collect();
    whole(Batches::Grouped { recipients, starts })
}

fn whole(batches: Batches) -> Backlog {
    let (all, batches) = (0..batches.len(), Arc::new(batches));
    Backlog { batches, fresh: vec![all], waiting: Vec::new(), parts: Vec::new(), domains: None }
}

/// The backlog with its recipients at these domains, in turns.
fn at_domains(backlog: Backlog, lanes: &[LaneSpec], domains: &[&str]) -> Backlog {
    let mut table = DomainTable::new(lanes.iter().map(|lane| &lane.domains)).expect("limits");
    (0..backlog.batches.recipients() as usize).for_each(|place| table.push(domains[place % domains.len()]));
    Backlog { domains: Some(Arc::new(table)), ..backlog }
}

/// Limits of domains by name or `*`: messages a second and in flight, 0 for no limit.
fn limited(limits: &[(&str, u32, u32)]) -> DomainLimits {
    let mut all = DomainLimits::default();
    for (name, rate, sessions) in limits {
        let per = Duration::from_secs(1);
        let rate = NonZeroU32::new(*rate).map(|count| Rate { count, per });
        let limit = DomainLimit { rate, sessions: (*sessions > 0).then_some(*sessions) };
        if *name == "*" {
            all.others = Some(limit);
        } else {
            all.named.insert((*name).to_owned(), limit);
        }
    }
    all
}

fn scheduler(terms: Terms, lanes: &[LaneSpec], backlog: Backlog) -> Scheduler {
    Scheduler::new(terms, lanes, &BTreeMap::new(), backlog, 7)
}

fn verdict(class: Class, scope: Scope, permanence: Permanence) -> Verdict {
    Verdict { class, scope, permanence, wait: None }
}

fn answer(code: u16, words: &str) -> Answer {
    Answer { phase: Phase::Rcpt, reply: Arc::new(Reply::new(code, words)) }
}

fn accepted() -> Outcome {
    Outcome::Accepted(answer(250, "2.0.0 ok"))
}

fn deferred() -> Outcome {
    let verdict = verdict(Class::Domain, Scope::Domain, Permanence::Transient);
    Outcome::Deferred(answer(450, "4.7.1 greylisted"), verdict)
}

fn rejected(words: &str) -> Outcome {
    let verdict = verdict(Class::RecipientDead, Scope::Recipient, Permanence::Permanent);
    Outcome::Rejected(answer(550, words), verdict)
}

fn trouble(class: Class, scope: Scope, permanence: Permanence) -> Trouble {
    Trouble { verdict: verdict(class, scope, permanence), words: "no".into(), phase: Phase::Mail }
}

/// A report on `batch` with one outcome for each recipient.
fn report(relay: RelayNo, batch: Batch, mut outcome: impl FnMut(usize) -> Outcome) -> Settled {
    let named = batch.recipients.iter().enumerate();
    let deliveries: Vec<_> =
        named.map(|(place, recipient)| Delivery { recipient: *recipient, outcome: outcome(place) }).collect();
    let dotted =
        |delivery: &&Delivery| matches!(delivery.outcome, Outcome::Accepted(_) | Outcome::Uncertain(_));
    let kept = deliveries.iter().filter(dotted).count();
    let charge = if kept > 0 { Charge::message(kept) } else { Charge::default() };
    Settled { relay, batch, intended: kept > 0, charge, deliveries, troubles: Vec::new() }
}

fn leased(scheduler: &mut Scheduler, now: Timestamp) -> (RelayNo, Batch) {
    match scheduler.next(now) {
        Step::Lease { relay, batch } => (relay, batch),
        step => panic!("a lease and not {step:?}"),
    }
}

fn waits(scheduler: &mut Scheduler, now: Timestamp) -> (Option<Timestamp>, Vec<BoundKind>) {
    match scheduler.next(now) {
        Step::Wait(wait) => (wait.until, wait.bounds.iter().map(|(_, kind, _)| *kind).collect()),
        step => panic!("a wait and not {step:?}"),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

fn office_hours() -> Hours {
    let days = [true, true, true, true, true, false, false];
    let time = |hour| jiff::civil::Time::new(hour, 0, 0, 0).expect("a time");
    Hours { days, from: time(9), to: time(17), zone: TimeZone::get("Europe/Berlin").expect("a zone") }
}

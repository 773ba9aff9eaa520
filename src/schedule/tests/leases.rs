//! Who gets which batch, and what everybody waits for.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{
    DAY, accepted, answer, at, deferred, lane, leased, office_hours, personal, quota, report, scheduler,
    start, terms, waits,
};
use crate::mail::{BoundKind, Charge, Outcome, RecipientNo, Usage};
use crate::policy::{Rate, Unit};
use crate::schedule::{LaneSpec, Scheduler, Step, Terms};

#[test]
fn relays_take_work_in_proportion_to_their_weights() {
    let lanes = [(1, "a"), (2, "b"), (5, "c")].map(|(weight, name)| LaneSpec {
        weight,
        sessions: 1_000_000,
        ..lane(name)
    });
    let mut scheduler = scheduler(terms(), &lanes, personal(8_000));
    let mut shares = [0_u32; 3];
    for _ in 0..800 {
        shares[leased(&mut scheduler, start()).0.index()] += 1;
    }
    assert_eq!(shares, [100, 200, 500]);
}

#[test]
fn a_relay_that_waited_does_not_make_up_for_it() {
    let mut lanes = [lane("a"), lane("b")].map(|spec| LaneSpec { sessions: 1_000_000, ..spec });
    lanes[0].quotas = vec![quota(10, Unit::Recipients, 60)];
    let mut scheduler = scheduler(terms(), &lanes, personal(10_000));
    let mut shares = [0_u32; 2];
    for _ in 0..1000 {
        let (relay, batch) = leased(&mut scheduler, start());
        shares[relay.index()] += 1;
        scheduler.settle(start(), &report(relay, batch, |_| accepted()));
    }
    assert_eq!(shares, [10, 990], "one is out of quota, the other goes on");
    let later = start() + Duration::from_mins(2);
    let next: Vec<u16> = (0..10).map(|_| leased(&mut scheduler, later).0.0).collect();
    assert!((5..=6).contains(&next.iter().filter(|relay| **relay == 0).count()), "{next:?}");
}

#[test]
fn what_is_in_flight_counts_against_the_quota() {
    let spec = LaneSpec { quotas: vec![quota(3, Unit::Recipients, DAY)], reserve: 1, ..lane("a") };
    let mut scheduler = scheduler(terms(), &[spec], personal(5));
    let (relay, batch) = leased(&mut scheduler, start());
    leased(&mut scheduler, start());
    assert_eq!(waits(&mut scheduler, start()).1, [BoundKind::Quota]);
    // What was not taken is free again.
    scheduler.settle(start(), &report(relay, batch, |_| deferred()));
    leased(&mut scheduler, start());
    let (until, kinds) = waits(&mut scheduler, start());
    assert_eq!((until, kinds), (Some(start() + Duration::from_secs(DAY)), vec![BoundKind::Quota]));
}

#[test]
fn two_relays_of_one_account_share_its_quota() {
    let first = LaneSpec { quotas: vec![quota(3, Unit::Messages, DAY)], ..lane("a") };
    let second = LaneSpec { account: first.account.clone(), quotas: first.quotas.clone(), ..lane("b") };
    let mut scheduler = scheduler(terms(), &[first, second], personal(5));
    (0..3).for_each(|_| drop(leased(&mut scheduler, start())));
    assert_eq!(waits(&mut scheduler, start()).1, [BoundKind::Quota; 2]);
}

#[test]
fn sessions_and_what_they_hold_ahead_bound_what_is_out() {
    let mut scheduler = scheduler(terms(), &[LaneSpec { sessions: 2, ahead: 2, ..lane("a") }], personal(9));
    let first = leased(&mut scheduler, start());
    (0..5).for_each(|_| drop(leased(&mut scheduler, start())));
    assert_eq!(waits(&mut scheduler, start()), (None, vec![BoundKind::Sessions]));
    scheduler.settle(start(), &report(first.0, first.1, |_| accepted()));
    leased(&mut scheduler, start());
}

#[test]
fn the_rate_holds_from_the_first_message_on() {
    let rate = Some(Rate { count: NonZeroU32::new(2).expect("two"), per: Duration::from_secs(1) });
    let mut scheduler = scheduler(terms(), &[LaneSpec { rate, ..lane("a") }], personal(9));
    let half = Duration::from_millis(500);
    assert_eq!(waits(&mut scheduler, start()), (Some(start() + half), vec![BoundKind::Rate]));
    leased(&mut scheduler, start() + half);
    assert_eq!(waits(&mut scheduler, start() + half), (Some(start() + 2 * half), vec![BoundKind::Rate]));
}

#[test]
fn nothing_leaves_before_the_start_or_outside_the_hours() {
    let terms = Terms { start: Some(at("2026-10-24T10:00:00Z")), hours: Some(office_hours()), ..terms() };
    let mut scheduler = scheduler(terms, &[lane("a")], personal(9));
    let opens = at("2026-10-26T08:00:00Z");
    assert_eq!(waits(&mut scheduler, start()), (Some(opens), vec![BoundKind::Window]));
    let (relay, batch) = leased(&mut scheduler, opens);
    assert_eq!(batch.recipients, [RecipientNo(0)]);
    scheduler.settle(opens, &report(relay, batch, |_| accepted()));
    let closed = at("2026-10-26T16:00:00Z");
    assert_eq!(waits(&mut scheduler, closed), (Some(at("2026-10-27T08:00:00Z")), vec![BoundKind::Window]));
}

#[test]
fn the_quota_is_named_where_it_outlasts_the_night() {
    let spec = LaneSpec { quotas: vec![quota(1, Unit::Recipients, DAY)], ..lane("a") };
    let mut scheduler = scheduler(Terms { hours: Some(office_hours()), ..terms() }, &[spec], personal(2));
    let thursday = at("2026-06-04T10:00:00Z");
    let (relay, batch) = leased(&mut scheduler, thursday);
    scheduler.settle(thursday, &report(relay, batch, |_| accepted()));
    let friday = thursday + Duration::from_secs(DAY + 1);
    assert_eq!(waits(&mut scheduler, thursday), (Some(friday), vec![BoundKind::Quota]));
    leased(&mut scheduler, friday);
}

#[test]
fn the_window_is_named_where_it_adds_more_than_the_quota() {
    let spec = LaneSpec { quotas: vec![quota(1, Unit::Recipients, DAY)], ..lane("a") };
    let mut scheduler = scheduler(Terms { hours: Some(office_hours()), ..terms() }, &[spec], personal(2));
    let friday = at("2026-06-05T10:00:00Z");
    let (relay, batch) = leased(&mut scheduler, friday);
    scheduler.settle(friday, &report(relay, batch, |_| accepted()));
    // The quota is free on Saturday, the window opens on Monday.
    let monday = at("2026-06-08T07:00:00Z");
    assert_eq!(waits(&mut scheduler, friday), (Some(monday), vec![BoundKind::Window]));
}

#[test]
fn usages_of_before_are_counted() {
    let mut usage = Usage::default();
    usage.settle(start(), Charge::default(), Charge { messages: 9, recipients: 9 });
    let spec = LaneSpec { quotas: vec![quota(10, Unit::Recipients, 86_400)], ..lane("a") };
    let usages = BTreeMap::from([(spec.account.clone(), usage)]);
    let mut scheduler = Scheduler::new(terms(), &[spec], &usages, personal(3), 1);
    assert!(matches!(scheduler.next(start()), Step::Lease { .. }));
    let Step::Wait(wait) = scheduler.next(start()) else { panic!("over quota") };
    assert_eq!(wait.until, Some(start() + Duration::from_secs(86_401)));
}

/// A million batches, a wait for each. Measured optimised: 0.4 s of CPU, reports included.
#[test]
#[ignore = "a measurement; time it in release"]
fn a_million_batches_are_leased_and_settled() {
    let lanes = [lane("a"), lane("b")].map(|spec| LaneSpec {
        quotas: vec![quota(2_000_000, Unit::Recipients, DAY), quota(1_000_000, Unit::Messages, 3600)],
        sessions: 16,
        ahead: 16,
        ..spec
    });
    let terms = Terms { hours: Some(office_hours()), ..terms() };
    let mut scheduler = scheduler(terms, &lanes, personal(1_000_000));
    let step = Duration::from_micros(10);
    let (mut now, mut out, mut leases) = (start(), std::collections::VecDeque::new(), 0_u32);
    let answer = answer(250, "2.0.0 ok");
    loop {
        now += step;
        match scheduler.next(now) {
            Step::Lease { relay, batch } => {
                leases += 1;
                out.push_back((relay, batch));
            }
            Step::Wait(_) => {
                // As an engine that asks again after every report.
                let (relay, batch) = out.pop_front().expect("nothing but sessions is waited for");
                scheduler.settle(now, &report(relay, batch, |_| Outcome::Accepted(answer.clone())));
            }
            step => break assert_eq!(step, Step::Done),
        }
    }
    assert_eq!(leases, 1_000_000);
}

//! What becomes of recipients.

use std::time::Duration;

use super::{
    accepted, answer, deferred, grouped, lane, leased, personal, rejected, report, scheduler, start, terms,
    trouble, waits,
};
use crate::mail::{Batch, BatchId, Class, Outcome, Permanence, RecipientNo, Return, RunNo, Scope, State};
use crate::policy::Retry;
use crate::schedule::Step;

#[test]
fn a_deferred_recipient_comes_back_through_the_same_relay_under_the_same_id() {
    let mut scheduler = scheduler(terms(), &[lane("a"), lane("b")], grouped(4, 4));
    let (relay, mut batch) = leased(&mut scheduler, start());
    batch.date = Some(start());
    let id = batch.id;
    let outcome = |place| if place == 1 { deferred() } else { accepted() };
    let decision = scheduler.settle(start(), &report(relay, batch, outcome));
    let (who, state, due) = decision.deliveries[1];
    assert_eq!((who, state), (RecipientNo(1), State::Deferred));
    let due = due.expect("due some time");
    assert!(due >= start() + Duration::from_mins(5));
    assert_eq!(waits(&mut scheduler, start()).0, Some(due));
    let (again, batch) = leased(&mut scheduler, due);
    assert_eq!(again, relay);
    let expected = Batch { id, attempt: 2, date: Some(start()), recipients: vec![RecipientNo(1)] };
    assert_eq!(batch, expected);
}

#[test]
fn whoever_is_deferred_for_too_long_expires() {
    let mut scheduler = scheduler(terms(), &[lane("a")], personal(1));
    let mut now = start();
    let mut attempts = 0;
    loop {
        match scheduler.next(now) {
            Step::Lease { relay, batch } => {
                attempts += 1;
                assert_eq!(batch.attempt, attempts);
                scheduler.settle(now, &report(relay, batch, |_| deferred()));
            }
            Step::Wait(wait) => now = wait.until.expect("a time"),
            step => break assert_eq!(step, Step::Done),
        }
    }
    assert_eq!(scheduler.tally().of(State::Expired), 1);
    assert_eq!(now, start() + Retry::default().give_up, "the last attempt is at the very end");
    assert!((15..25).contains(&attempts), "{attempts}");
}

#[test]
fn what_was_not_sent_goes_to_another_relay_in_the_same_attempt() {
    let mut scheduler = scheduler(terms(), &[lane("a"), lane("b")], personal(1));
    let (relay, batch) = leased(&mut scheduler, start());
    let heard = trouble(Class::Quota, Scope::Relay, Permanence::Permanent);
    let mut settled = report(relay, batch.clone(), |_| {
        Outcome::Returned(Return::RelayTrouble(answer(550, "5.4.5 daily limit"), heard.verdict))
    });
    settled.troubles.push(heard);
    let decision = scheduler.settle(start(), &settled);
    assert_eq!(decision.deliveries, [(RecipientNo(0), State::Pending, None)]);
    let closed = decision.closed.expect("closed");
    assert_eq!(closed.1, start() + Duration::from_hours(24));
    let (other, again) = leased(&mut scheduler, start());
    assert_ne!(other, relay);
    assert_eq!(again, batch, "no attempt was used up");
}

#[test]
fn a_batch_that_keeps_coming_back_is_not_tried_in_a_hot_loop() {
    let mut scheduler = scheduler(terms(), &[lane("a")], personal(1));
    let (mut now, mut tries) = (start(), 0);
    while now < start() + Duration::from_hours(1) {
        match scheduler.next(now) {
            Step::Lease { relay, batch } => {
                tries += 1;
                assert_eq!(batch.attempt, 1);
                scheduler.settle(now, &report(relay, batch, |_| Outcome::Returned(Return::NotSent)));
            }
            Step::Wait(wait) => now = wait.until.expect("a time"),
            step => panic!("{step:?}"),
        }
    }
    assert!((10..40).contains(&tries), "{tries}");
}

#[test]
fn too_many_recipients_make_a_part_and_teach_a_limit() {
    let mut scheduler = scheduler(terms(), &[lane("a")], grouped(20, 10));
    let (relay, batch) = leased(&mut scheduler, start());
    let too_many = || Outcome::Returned(Return::TooMany(answer(452, "4.5.3 too many")));
    let outcome = |place| if place < 7 { accepted() } else { too_many() };
    scheduler.settle(start(), &report(relay, batch, outcome));
    let ids =
        (0..3).map(|_| leased(&mut scheduler, start()).1).map(|batch| (batch.id, batch.recipients.len()));
    let ids: Vec<_> = ids.collect();
    let id = |number, part| BatchId { run: RunNo(1), number, part };
    assert_eq!(ids, [(id(0, 1), 3), (id(1, 1), 7), (id(1, 2), 3)]);
}

#[test]
fn one_recipient_that_is_too_many_is_deferred_and_not_cut() {
    let mut scheduler = scheduler(terms(), &[lane("a")], personal(1));
    let (relay, batch) = leased(&mut scheduler, start());
    let outcome = |_| Outcome::Returned(Return::TooMany(answer(452, "4.5.3 too many")));
    let decision = scheduler.settle(start(), &report(relay, batch, outcome));
    assert_eq!(decision.deliveries[0].1, State::Deferred);
}

#[test]
fn halving_finds_the_one_who_is_meant() {
    let mut scheduler = scheduler(terms(), &[lane("a")], grouped(100, 100));
    let mut ids = std::collections::BTreeSet::new();
    loop {
        match scheduler.next(start()) {
            Step::Lease { relay, batch } => {
                assert!(ids.insert(batch.id), "no id twice");
                let guilty = batch.recipients.contains(&RecipientNo(41));
                let alone = batch.recipients.len() == 1;
                let outcome = |_| match (guilty, alone) {
                    (false, _) => accepted(),
                    (true, true) => rejected("5.1.1 no such user"),
                    (true, false) => Outcome::Returned(Return::Halve(answer(554, "5.7.1 refused"))),
                };
                scheduler.settle(start(), &report(relay, batch, outcome));
            }
            step => break assert_eq!(step, Step::Done),
        }
    }
    let tally = scheduler.tally();
    assert_eq!((tally.of(State::Accepted), tally.of(State::Rejected)), (99, 1));
}

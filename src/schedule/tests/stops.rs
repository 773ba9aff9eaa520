//! How a run begins, stops and goes on.

use std::time::Duration;

use super::{
    DAY, accepted, answer, deferred, grouped, lane, leased, personal, quota, rejected, report, scheduler,
    start, terms, waits,
};
use crate::mail::{Batch, BatchId, BoundKind, Outcome, RecipientNo, RelayNo, Return, RunNo, State};
use crate::policy::{StopIf, Unit};
use crate::schedule::{LaneSpec, Step, StopReason, Terms, Waiting};

#[test]
fn too_many_rejected_stop_the_run() {
    let terms = Terms { stop_if: StopIf::default(), ..terms() };
    let mut scheduler = scheduler(terms, &[lane("a")], personal(1000));
    let mut stop = None;
    for n in 0..1000_u32 {
        let Step::Lease { relay, batch } = scheduler.next(start()) else { break };
        let words = format!("5.1.1 {}", "x".repeat(n as usize));
        let outcome = |_| if n % 5 == 0 { rejected(&words) } else { accepted() };
        stop = scheduler.settle(start(), &report(relay, batch, outcome)).stop;
    }
    let expected = StopReason::StopIf { rejected: 100, settled: 500 };
    assert_eq!((stop, scheduler.next(start())), (Some(expected.clone()), Step::Stopped(expected)));
    assert!(scheduler.breaker_fired(), "nobody is to be suppressed because of it");
}

#[test]
fn a_burst_of_one_refusal_stops_the_relay() {
    let mut scheduler = scheduler(terms(), &[lane("a"), lane("b")], personal(1000));
    let mut refused = 0;
    while scheduler.view(start())[0].stopped.is_none() {
        let (relay, batch) = leased(&mut scheduler, start());
        let outcome = |_| if relay == RelayNo(0) { rejected("5.7.1 blocked") } else { accepted() };
        refused += u32::from(relay == RelayNo(0));
        scheduler.settle(start(), &report(relay, batch, outcome));
    }
    assert_eq!((refused, scheduler.breaker_fired()), (20, true));
    assert_eq!(leased(&mut scheduler, start()).0, RelayNo(1));
}

#[test]
fn a_relay_that_refuses_whole_batches_in_the_same_words_is_stopped_before_anybody_is_rejected() {
    let mut scheduler = scheduler(terms(), &[lane("a")], grouped(10_000, 100));
    let mut batches = 0;
    while let Step::Lease { relay, batch } = scheduler.next(start()) {
        batches += 1;
        let outcome = |_| Outcome::Returned(Return::Halve(answer(554, "5.7.1 refused")));
        scheduler.settle(start(), &report(relay, batch, outcome));
    }
    let tally = scheduler.tally();
    assert_eq!((batches, tally.of(State::Pending), scheduler.breaker_fired()), (20, 10_000, true));
}

#[test]
fn content_that_ten_domains_refuse_stops_the_run() {
    let mut scheduler = scheduler(terms(), &[lane("a")], personal(1000));
    let stops: Vec<bool> = (0..10)
        .map(|number| {
            let (relay, batch) = leased(&mut scheduler, start());
            scheduler.settle(start(), &report(relay, batch, |_| rejected("5.7.1 spam")));
            scheduler.content_refused(&format!("d{number}.example"), "554 5.7.1 spam").stop.is_some()
        })
        .collect();
    assert_eq!(stops.iter().position(|stop| *stop), Some(9));
    let reason = StopReason::Content { words: "554 5.7.1 spam".into() };
    assert_eq!((scheduler.next(start()), scheduler.breaker_fired()), (Step::Stopped(reason), true));
}

#[test]
fn the_suppressed_and_the_cancelled_are_taken_out_wherever_they_stand() {
    let mut scheduler = scheduler(terms(), &[lane("a")], grouped(12, 3));
    let (relay, out) = leased(&mut scheduler, start());
    let (_, waiting) = leased(&mut scheduler, start());
    scheduler.settle(start(), &report(relay, waiting, |_| deferred()));
    // 0 is out, 4 waits, 6 to 8 are fresh, 99 is nobody.
    let decision = scheduler.suppress(&[0, 4, 6, 7, 8, 99].map(RecipientNo));
    let named: Vec<_> =
        decision.deliveries.iter().map(|(recipient, state, _)| (recipient.0, *state)).collect();
    assert_eq!(named, [4, 6, 7, 8].map(|recipient| (recipient, State::Suppressed)));
    let (_, next) = leased(&mut scheduler, start());
    assert_eq!(next.recipients, [9, 10, 11].map(RecipientNo), "a batch of which nobody is left is skipped");
    let decision = scheduler.cancel();
    assert_eq!(decision.deliveries.len(), 2);
    let decision = scheduler.settle(start(), &report(relay, out, |_| Outcome::Returned(Return::NotSent)));
    let states: Vec<_> = decision.deliveries.iter().map(|(_, state, _)| *state).collect();
    assert_eq!(states, [State::Suppressed, State::Cancelled, State::Cancelled]);
    scheduler.settle(start(), &report(relay, next, |_| accepted()));
    let tally = scheduler.tally();
    assert_eq!((tally.settled(), tally.of(State::Suppressed), tally.of(State::Cancelled)), (12, 5, 4));
    assert_eq!(scheduler.next(start()), Step::Stopped(StopReason::Cancelled));
}

#[test]
fn a_backlog_goes_on_where_it_stood() {
    let mut backlog = grouped(9, 3);
    backlog.fresh = vec![std::ops::Range { start: 2, end: 3 }];
    backlog.parts = vec![(1, 5)];
    let id = BatchId { run: RunNo(1), number: 1, part: 0 };
    let batch =
        Batch { id, attempt: 3, date: Some(start()), recipients: vec![RecipientNo(3), RecipientNo(4)] };
    let due = start() + Duration::from_mins(1);
    backlog.waiting =
        vec![Waiting { batch: batch.clone(), due, relay: Some(RelayNo(1)), since: Some(start()) }];
    let lanes = [lane("a"), LaneSpec { recipients_per_message: 1, ..lane("b") }];
    let mut scheduler = scheduler(terms(), &lanes, backlog);
    assert_eq!((scheduler.tally().of(State::Pending), scheduler.tally().of(State::Deferred)), (3, 2));
    assert_eq!(leased(&mut scheduler, start()).1.recipients.len(), 3);
    assert_eq!(waits(&mut scheduler, start()).0, Some(due));
    let (relay, part) = leased(&mut scheduler, due);
    assert_eq!((relay, part.id.part, part.attempt, part.date), (RelayNo(1), 6, 3, Some(start())));
}

#[test]
fn draining_ends_when_nothing_is_out() {
    let mut scheduler = scheduler(terms(), &[lane("a")], personal(2));
    let (relay, batch) = leased(&mut scheduler, start());
    scheduler.drain();
    assert_eq!(waits(&mut scheduler, start()), (None, vec![]));
    scheduler.settle(start(), &report(relay, batch, |_| accepted()));
    assert_eq!(scheduler.next(start()), Step::Stopped(StopReason::Drained));
}

#[test]
fn a_quota_that_can_never_bear_a_message_ends_the_run() {
    let spec = LaneSpec { quotas: vec![quota(100, Unit::Recipients, DAY)], reserve: 100, ..lane("a") };
    let mut scheduler = scheduler(terms(), &[spec], personal(2));
    assert_eq!(scheduler.next(start()), Step::Stopped(StopReason::Never(BoundKind::Quota)));
}

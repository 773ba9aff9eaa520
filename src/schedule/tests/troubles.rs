//! What a refusal means for the relay.

use std::time::Duration;

use super::super::terms::LaneSpec;
use super::{deferred, lane, leased, personal, report, scheduler, start, terms, trouble, waits};
use crate::mail::{BoundKind, Class, Permanence, RelayNo, Scope};
use crate::schedule::{Step, StopReason};

#[test]
fn a_stopped_relay_frees_those_it_deferred() {
    let mut scheduler = scheduler(terms(), &[lane("a"), lane("b")], personal(1));
    let (relay, batch) = leased(&mut scheduler, start());
    let due = scheduler.settle(start(), &report(relay, batch, |_| deferred())).deliveries[0].2.expect("due");
    let decision =
        scheduler.trouble(start(), relay, &trouble(Class::Login, Scope::Relay, Permanence::Permanent));
    assert_eq!(decision.relay_stopped, Some((relay, "no".to_owned())));
    let (other, _) = leased(&mut scheduler, due);
    assert_ne!(other, relay);
}

#[test]
fn troubles_stop_pause_or_slow_the_relay_by_their_class() {
    use Permanence::{Permanent, Transient};
    let minutes = |minutes| Some(start() + Duration::from_mins(minutes));
    let table = [
        (Class::Login, Scope::Relay, Transient, Ok(minutes(5))),
        (Class::Host, Scope::Host, Permanent, Ok(minutes(60))),
        (Class::Host, Scope::Host, Transient, Ok(minutes(5))),
        (Class::Quota, Scope::Relay, Transient, Ok(minutes(24 * 60))),
        (Class::Rate, Scope::Relay, Transient, Ok(Some(start() + Duration::from_secs(5)))),
        (Class::Concurrency, Scope::Relay, Transient, Ok(Some(start() + Duration::from_secs(2)))),
        (Class::Unknown, Scope::Relay, Permanent, Ok(minutes(1))),
        (Class::Login, Scope::Relay, Permanent, Err(StopReason::NoRelay)),
        (Class::Blocked, Scope::Relay, Permanent, Err(StopReason::NoRelay)),
        (Class::Protocol, Scope::Relay, Permanent, Err(StopReason::NoRelay)),
        (Class::Connection, Scope::Relay, Permanent, Err(StopReason::NoRelay)),
        (Class::Content, Scope::Campaign, Permanent, Err(StopReason::Content { words: "no".into() })),
    ];
    for (class, scope, permanence, expected) in table {
        let mut scheduler = scheduler(terms(), &[lane("a")], personal(9));
        scheduler.trouble(start(), RelayNo(0), &trouble(class, scope, permanence));
        let found = match scheduler.next(start()) {
            Step::Wait(wait) => Ok(wait.until),
            Step::Stopped(reason) => Err(reason),
            step => panic!("{class}: {step:?}"),
        };
        assert_eq!(found, expected, "{class}");
    }
}

#[test]
fn a_relay_that_was_never_reached_is_given_up_after_four_tries_however_many_sessions_it_may_have() {
    let mut scheduler = scheduler(terms(), &[LaneSpec { sessions: 50, ..lane("a") }], personal(9));
    let lost = trouble(Class::Connection, Scope::Connection, Permanence::Transient);
    let mut now = start();
    for seconds in [1, 2, 4] {
        scheduler.trouble(now, RelayNo(0), &lost);
        now += Duration::from_secs(seconds);
        assert_eq!(
            scheduler.view(now - Duration::from_millis(1))[0].waits,
            Some((BoundKind::Pause, Some(now)))
        );
    }
    scheduler.trouble(now, RelayNo(0), &lost);
    assert_eq!(scheduler.next(now), Step::Stopped(StopReason::NoRelay));
}

#[test]
fn one_lost_connection_pauses_nobody_and_a_cohort_does() {
    let mut scheduler = scheduler(terms(), &[lane("a")], personal(9));
    scheduler.sessions(start(), RelayNo(0), 4);
    let lost = trouble(Class::Connection, Scope::Connection, Permanence::Transient);
    for _ in 0..3 {
        scheduler.trouble(start(), RelayNo(0), &lost);
    }
    leased(&mut scheduler, start());
    scheduler.trouble(start(), RelayNo(0), &lost);
    assert_eq!(
        scheduler.view(start())[0].waits,
        Some((BoundKind::Pause, Some(start() + Duration::from_secs(1)))),
        "a relay that never took a message is tried again soon"
    );
    let mut now = start();
    for _ in 0..3 {
        now += Duration::from_hours(1);
        scheduler.trouble(now, RelayNo(0), &lost);
    }
    assert_eq!(scheduler.view(now)[0].stopped, Some("no".to_owned()), "it never took a message");
}

#[test]
fn a_relay_that_answers_is_not_unreachable_though_it_takes_nothing() {
    let mut scheduler = scheduler(terms(), &[lane("a")], personal(9));
    let lost = trouble(Class::Connection, Scope::Connection, Permanence::Transient);
    let (relay, batch) = leased(&mut scheduler, start());
    scheduler.settle(start(), &report(relay, batch, |_| deferred()));
    let mut now = start();
    for _ in 0..20 {
        now += Duration::from_hours(1);
        scheduler.trouble(now, RelayNo(0), &lost);
    }
    assert_eq!(scheduler.view(now)[0].stopped, None);
}

#[test]
fn a_login_refused_for_now_is_tried_three_times() {
    let mut scheduler = scheduler(terms(), &[lane("a")], personal(9));
    let refused = trouble(Class::Login, Scope::Relay, Permanence::Transient);
    let mut now = start();
    for minutes in [5, 30] {
        for _ in 0..4 {
            scheduler.trouble(now, RelayNo(0), &refused);
        }
        assert_eq!(waits(&mut scheduler, now).0, Some(now + Duration::from_mins(minutes)));
        now += Duration::from_mins(minutes);
    }
    scheduler.trouble(now, RelayNo(0), &refused);
    assert_eq!(scheduler.next(now), Step::Stopped(StopReason::NoRelay));
}

#[test]
fn a_host_that_refuses_the_machine_rests_with_all_its_relays() {
    let mut scheduler = scheduler(terms(), &[lane("a"), lane("b")], personal(9));
    scheduler.trouble(start(), RelayNo(0), &trouble(Class::Host, Scope::Host, Permanence::Permanent));
    assert_eq!(waits(&mut scheduler, start()).1, [BoundKind::Pause; 2]);
}

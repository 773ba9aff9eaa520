//! What a server states about when to come back is kept: in virtual time.

use std::time::Duration;

use jiff::Timestamp;

use super::traffic::{Landing, Traffic};
use super::{answer, at, lane, leased, personal, report, scheduler, start, terms, trouble, waits};
use crate::mail::{Class, Outcome, Permanence, RelayNo, RetryAfter, Scope, State, Trouble, Verdict};
use crate::policy::Retry;
use crate::schedule::Step;

const RELAY: RelayNo = RelayNo(0);

fn span(seconds: u64) -> RetryAfter {
    RetryAfter::Span(Duration::from_secs(seconds))
}

fn moment(text: &str) -> RetryAfter {
    RetryAfter::Moment(at(text))
}

fn stating(class: Class, scope: Scope, wait: RetryAfter) -> Trouble {
    let mut stating = trouble(class, scope, Permanence::Transient);
    stating.verdict.wait = Some(wait);
    stating
}

#[test]
fn a_relay_rests_until_the_moment_it_states() {
    let (relay, host) = (Scope::Relay, Scope::Host);
    // It is 10:00 on the first of June.
    let table = [
        (Class::Rate, relay, span(92), "2026-06-01T10:01:32Z"),
        (Class::Rate, relay, moment("2026-06-01T12:30:00Z"), "2026-06-01T12:30:00Z"),
        (Class::Quota, relay, moment("2026-06-02T00:00:00Z"), "2026-06-02T00:00:00Z"),
        (Class::Quota, relay, span(3600), "2026-06-01T11:00:00Z"),
        (Class::Concurrency, relay, moment("2026-06-01T10:00:30Z"), "2026-06-01T10:00:30Z"),
        (Class::Host, host, moment("2026-06-01T18:00:00Z"), "2026-06-01T18:00:00Z"),
        (Class::Login, relay, span(900), "2026-06-01T10:15:00Z"),
        (Class::Unknown, relay, span(600), "2026-06-01T10:10:00Z"),
        // Never sooner than our own rule where trouble grows.
        (Class::Host, host, span(10), "2026-06-01T10:05:00Z"),
        (Class::Login, relay, moment("2026-06-01T10:01:00Z"), "2026-06-01T10:05:00Z"),
        // Two days at most; what is over, or beyond a week, is as if nothing had been said.
        (Class::Rate, relay, moment("2026-06-06T10:00:00Z"), "2026-06-03T10:00:00Z"),
        (Class::Quota, relay, span(6 * 86_400), "2026-06-03T10:00:00Z"),
        (Class::Rate, relay, moment("2026-06-01T09:59:00Z"), "2026-06-01T10:00:05Z"),
        (Class::Quota, relay, moment("2036-06-01T09:59:00Z"), "2026-06-02T10:00:00Z"),
    ];
    for (class, scope, wait, until) in table {
        let mut scheduler = scheduler(terms(), &[lane("a")], personal(9));
        scheduler.trouble(start(), RELAY, &stating(class, scope, wait));
        assert_eq!(waits(&mut scheduler, start()).0, Some(at(until)), "{class} {wait:?}");
    }
}

#[test]
fn nothing_reaches_a_relay_before_the_moment_it_states() {
    let until = start() + Duration::from_mins(90);
    for (class, scope) in
        [(Class::Rate, Scope::Relay), (Class::Quota, Scope::Relay), (Class::Host, Scope::Host)]
    {
        let mut traffic = Traffic::new(&[lane("a")], personal(50));
        let mut count = 0;
        let step = traffic.run(Duration::from_hours(3), |landing| {
            count += 1;
            if count <= 4 {
                landing.refused(&stating(class, scope, RetryAfter::Moment(until)))
            } else {
                landing.taken()
            }
        });
        assert_eq!((step, traffic.scheduler.tally().of(State::Accepted)), (Step::Done, 50));
        assert!(traffic.landed[4..].iter().all(|landed| landed.at >= until), "{class}");
    }
}

fn later(wait: RetryAfter) -> Outcome {
    let verdict = Verdict {
        class: Class::Domain,
        scope: Scope::Domain,
        permanence: Permanence::Transient,
        wait: Some(wait),
    };
    Outcome::Deferred(answer(451, "4.7.1 greylisted"), verdict)
}

#[test]
fn whoever_is_greylisted_is_not_tried_before_the_stated_time() {
    let table = [
        (span(300), 300, 361),
        (span(310), 310, 361),
        (span(7_200), 7_200, 7_201),
        (moment("2026-06-01T13:00:00Z"), 10_800, 10_801),
        (moment("2026-06-01T09:00:00Z"), 300, 361),
    ];
    for (wait, least, below) in table {
        for seed in 0..20 {
            let mut scheduler = crate::schedule::Scheduler::new(
                terms(),
                &[lane("a")],
                &std::collections::BTreeMap::new(),
                personal(1),
                seed,
            );
            let (relay, batch) = leased(&mut scheduler, start());
            let decision = scheduler.settle(start(), &report(relay, batch, |_| later(wait)));
            let due = decision.deliveries[0].2.expect("due some time");
            let after = due.duration_since(start()).as_secs();
            assert!((least..below).contains(&after), "{wait:?}: after {after} s");
        }
    }
}

#[test]
fn a_server_that_never_lets_wait_long_enough_is_given_up_in_time() {
    let mut traffic = Traffic::new(&[lane("a")], personal(1));
    let wait = span(5 * 3600);
    let mut tries: Vec<Timestamp> = Vec::new();
    let step = traffic.run(Duration::from_hours(80), |landing: Landing| {
        tries.push(landing.at);
        landing.deferred(|| later(wait))
    });
    assert_eq!((step, traffic.scheduler.tally().of(State::Expired)), (Step::Done, 1));
    assert!(tries.windows(2).all(|two| two[1].duration_since(two[0]).as_hours() >= 5));
    let last = tries.last().expect("some").duration_since(tries[0]).unsigned_abs();
    assert!(last <= Retry::default().give_up + Duration::from_secs(1), "{last:?}");
}

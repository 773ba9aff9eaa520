//! Limits by destination: who is held back, who is not, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::trial::{Faults, Trial};
use super::{
    accepted, at, at_domains, deferred, grouped, lane, leased, limited, office_hours, personal, report,
    scheduler, start, terms, trouble, waits, whole,
};
use crate::mail::{Batches, Bound, BoundKind, Class, Permanence, RecipientNo, RelayNo, Scope, State};
use crate::schedule::{Backlog, LaneSpec, Note, Prospect, Scheduler, Step, StopReason, Terms, forecast};

const NO_FAULTS: Faults = Faults { one_in: 0, most: usize::MAX };

fn gmail(rate: u32, sessions: u32) -> LaneSpec {
    LaneSpec { domains: limited(&[("gmail.com", rate, sessions)]), ..lane("a") }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Leases until nothing more may go; who went, in order.
fn drained(scheduler: &mut Scheduler, now: jiff::Timestamp) -> Vec<u32> {
    let mut went = Vec::new();
    while let Step::Lease { batch, .. } = scheduler.next(now) {
        went.extend(batch.recipients.iter().map(|recipient| recipient.0));
    }
    went
}

#[test]
fn others_overtake_a_domain_that_is_held_back() {
    let lanes = [LaneSpec { sessions: 100, ..gmail(2, 0) }];
    let mut domains = vec!["gmail.com"; 40];
    domains.extend(["example.com"; 20]);
    let backlog = at_domains(personal(60), &lanes, &domains);
    let mut scheduler = scheduler(terms(), &lanes, backlog);
    assert_eq!(drained(&mut scheduler, start()), (40..60).collect::<Vec<_>>(), "a rate begins drained");
    let half = Duration::from_millis(500);
    assert_eq!(waits(&mut scheduler, start()), (Some(start() + half), vec![BoundKind::Domain]));
    for place in 0..10 {
        let now = start() + half * (place + 1);
        assert_eq!(drained(&mut scheduler, now), [place], "in the order of the plan");
    }
    assert_eq!(drained(&mut scheduler, start() + seconds(60)), [10], "what was not used is not made up for");
}

#[test]
fn a_domain_has_so_many_messages_in_flight_and_no_more() {
    let lanes = [LaneSpec { sessions: 100, ..gmail(0, 3) }];
    let backlog = at_domains(personal(20), &lanes, &["gmail.com", "example.com"]);
    let mut scheduler = scheduler(terms(), &lanes, backlog);
    let (relay, first) = leased(&mut scheduler, start());
    assert_eq!(drained(&mut scheduler, start()), [2, 4, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    assert_eq!(waits(&mut scheduler, start()), (None, vec![BoundKind::Domain]));
    scheduler.settle(start(), &report(relay, first, |_| accepted()));
    assert_eq!(drained(&mut scheduler, start()), [6]);
}

#[test]
fn a_limited_domain_waits_for_the_window_like_everybody() {
    let lanes = [LaneSpec { sessions: 100, ..gmail(1, 1) }];
    let backlog = at_domains(personal(3), &lanes, &["gmail.com"]);
    let terms = Terms { hours: Some(office_hours()), ..terms() };
    let mut scheduler = scheduler(terms, &lanes, backlog);
    // Nobody but those at the domain: all of them are put aside before any relay was asked.
    let opens = at("2026-06-02T07:00:00Z");
    assert_eq!(waits(&mut scheduler, at("2026-06-01T18:00:00Z")), (Some(opens), vec![BoundKind::Window]));
    assert_eq!(drained(&mut scheduler, opens + seconds(1)), [] as [u32; 0], "a rate begins drained");
    assert_eq!(drained(&mut scheduler, opens + seconds(2)), [0]);
}

#[test]
fn a_star_limits_every_other_domain_by_itself() {
    let limits = limited(&[("*", 0, 1), ("gmail.com", 0, 2)]);
    let lanes = [LaneSpec { domains: limits, sessions: 100, ..lane("a") }];
    let backlog = at_domains(personal(9), &lanes, &["gmail.com", "b.example", "c.example"]);
    let mut scheduler = scheduler(terms(), &lanes, backlog);
    assert_eq!(drained(&mut scheduler, start()), [0, 3, 1, 2]);
}

#[test]
fn a_relay_without_the_limit_takes_what_another_put_aside() {
    let lanes = [LaneSpec { sessions: 1, ..gmail(1, 1) }, LaneSpec { sessions: 100, ..lane("b") }];
    let backlog = at_domains(personal(10), &lanes, &["gmail.com"]);
    let mut scheduler = scheduler(terms(), &lanes, backlog);
    assert_eq!(drained(&mut scheduler, start()).len(), 10);
    assert_eq!(scheduler.view(start())[1].leased, 10);
}

#[test]
fn a_batch_of_several_domains_counts_for_each_and_waits_for_all() {
    let limits = limited(&[("gmail.com", 0, 1), ("gmx.de", 0, 1)]);
    let lanes = [LaneSpec { domains: limits, sessions: 100, ..lane("a") }];
    let domains = ["gmail.com", "gmx.de", "gmail.com", "a.example", "gmx.de", "a.example"];
    let backlog = at_domains(grouped(6, 2), &lanes, &domains);
    let mut scheduler = scheduler(terms(), &lanes, backlog);
    let (relay, both) = leased(&mut scheduler, start());
    assert_eq!(both.recipients, [RecipientNo(0), RecipientNo(1)]);
    assert_eq!(drained(&mut scheduler, start()), [0_u32; 0]);
    scheduler.settle(start(), &report(relay, both, |_| accepted()));
    assert_eq!(drained(&mut scheduler, start()), [2, 3, 4, 5]);
}

#[test]
fn a_domain_that_keeps_asking_for_less_rests_and_others_go_on() {
    let lanes = [LaneSpec { sessions: 1000, ..gmail(0, 20) }];
    let backlog = at_domains(personal(400), &lanes, &["gmail.com", "example.com"]);
    let mut scheduler = scheduler(terms(), &lanes, backlog);
    let (mut now, mut notes, mut others) = (start(), Vec::new(), 0);
    let minutes = |minutes| Duration::from_mins(minutes);
    for (rest, refusals) in [(5, 5), (10, 1), (20, 1), (40, 1), (80, 1), (160, 1), (240, 1), (240, 1)] {
        for _ in 0..refusals {
            loop {
                let (relay, batch) = leased(&mut scheduler, now);
                if batch.recipients[0].0 % 2 == 0 {
                    notes.extend(scheduler.settle(now, &report(relay, batch, |_| deferred())).notes);
                    break;
                }
                others += 1;
                scheduler.settle(now, &report(relay, batch, |_| accepted()));
            }
        }
        let until = now + minutes(rest);
        let expected = Note::DomainRests { relay: RelayNo(0), domain: "gmail.com".to_owned(), until };
        assert_eq!(notes, [expected], "after {refusals} in a row");
        notes.clear();
        let next = leased(&mut scheduler, now);
        assert!(next.1.recipients[0].0 % 2 == 1, "others go on");
        others += 1;
        scheduler.settle(now, &report(next.0, next.1, |_| accepted()));
        now = until;
    }
    // One at a time shows whether the rest is over; then all go.
    let mut went = Vec::new();
    while let Step::Lease { batch, relay } = scheduler.next(now) {
        if batch.recipients[0].0 % 2 == 0 {
            went.push((relay, batch));
        }
    }
    assert_eq!(went.len(), 1, "{others} others went before");
    let (relay, probe) = went.remove(0);
    scheduler.settle(now, &report(relay, probe, |_| accepted()));
    assert_eq!(drained(&mut scheduler, now).len(), 20);
}

#[test]
fn a_stopped_relay_frees_the_retries_that_waited_for_their_domain() {
    let lanes = [gmail(0, 1), LaneSpec { sessions: 100, ..lane("b") }];
    let backlog = at_domains(personal(4), &lanes, &["gmail.com"]);
    let mut scheduler = scheduler(terms(), &lanes, backlog);
    let mut dues = Vec::new();
    let mut held = None;
    while let Step::Lease { relay, batch } = scheduler.next(start()) {
        if relay == RelayNo(0) && held.is_none() && dues.is_empty() {
            dues.extend(scheduler.settle(start(), &report(relay, batch, |_| deferred())).deliveries[0].2);
        } else if relay == RelayNo(0) {
            held = Some(batch);
        } else {
            scheduler.settle(start(), &report(relay, batch, |_| accepted()));
        }
    }
    assert!(held.is_some() && dues.len() == 1, "one is under way, one is to come back to the same relay");
    assert_eq!(waits(&mut scheduler, dues[0]).1[0], BoundKind::Domain, "it waits for the one under way");
    scheduler.trouble(dues[0], RelayNo(0), &trouble(Class::Login, Scope::Relay, Permanence::Permanent));
    assert_eq!(leased(&mut scheduler, dues[0]).0, RelayNo(1));
}

#[test]
fn who_waits_for_a_domain_can_be_suppressed_and_cancelled() {
    for size in [1, 3] {
        let lanes = [gmail(0, 1)];
        let backlog = at_domains(grouped(30, size), &lanes, &["gmail.com"]);
        let mut scheduler = scheduler(terms(), &lanes, backlog);
        let (relay, out) = leased(&mut scheduler, start());
        assert_eq!(waits(&mut scheduler, start()).1, [BoundKind::Domain]);
        let barred = [3, 4, 5, 7].map(RecipientNo);
        let decision = scheduler.suppress(&barred);
        let named: Vec<_> = decision.deliveries.iter().map(|(recipient, ..)| *recipient).collect();
        assert_eq!(named, barred, "{size}");
        assert!(scheduler.suppress(&barred).deliveries.is_empty(), "once");
        scheduler.settle(start(), &report(relay, out, |_| accepted()));
        let (_, next) = leased(&mut scheduler, start());
        let expected = if size == 1 { vec![1] } else { vec![6, 8] };
        assert_eq!(next.recipients, expected.into_iter().map(RecipientNo).collect::<Vec<_>>());
        let left = scheduler.cancel().deliveries;
        assert_eq!(left.len() + barred.len() + next.recipients.len() + size as usize, 30);
        assert!(left.iter().all(|(_, state, _)| *state == State::Cancelled));
        scheduler.settle(start(), &report(relay, next, |_| accepted()));
        assert_eq!(scheduler.next(start()), Step::Stopped(StopReason::Cancelled));
    }
}

#[test]
fn nothing_is_left_of_a_domain_whose_last_were_suppressed() {
    let lanes = [gmail(1, 0)];
    let backlog = at_domains(personal(3), &lanes, &["gmail.com"]);
    let mut scheduler = scheduler(terms(), &lanes, backlog);
    assert_eq!(waits(&mut scheduler, start()).1, [BoundKind::Domain]);
    scheduler.suppress(&[0, 1, 2].map(RecipientNo));
    assert_eq!(scheduler.next(start()), Step::Done);
}

#[test]
fn a_list_in_any_order_takes_as_long() {
    let share = |place: usize| if place % 5 < 3 { "gmail.com" } else { "example.com" };
    let mixed: Vec<&str> = (0..500).map(share).collect();
    let mut sorted = mixed.clone();
    sorted.sort_unstable();
    let mut reversed = sorted.clone();
    reversed.reverse();
    for domains in [mixed, sorted, reversed] {
        let lanes = [gmail(2, 3)];
        let backlog = at_domains(personal(500), &lanes, &domains);
        let mut trial = Trial::new(terms(), &lanes, backlog.clone(), NO_FAULTS, 1);
        assert_eq!(trial.run(), Step::Done);
        trial.assert_domain_rates_held();
        let lasts = trial.now.duration_since(start()).as_secs_f64();
        assert!((149.9..151.0).contains(&lasts), "300 at 2/s take 150 s, not {lasts}");
        let prospect = Prospect { terms: terms(), lanes: lanes.to_vec(), usages: BTreeMap::new(), backlog };
        let foretold = forecast(prospect, start(), &TimeZone::UTC);
        let foretold_lasts = foretold.ends.expect("an end").duration_since(start()).as_secs_f64();
        assert!((foretold_lasts - lasts).abs() < 0.5, "{foretold_lasts} foretold, {lasts} found");
        let bound = Bound {
            relay: lanes[0].relay.clone(),
            kind: BoundKind::Domain,
            domain: Some("gmail.com".to_owned()),
        };
        assert_eq!(foretold.bound_by, Some(bound));
        assert_eq!(foretold.days.iter().map(|day| day.relays[0].1).sum::<u64>(), 500);
    }
}

#[test]
fn a_domain_bound_by_its_sessions_is_foretold_as_slow() {
    let lanes = [LaneSpec { sessions: 16, ..gmail(0, 2) }];
    let backlog = at_domains(personal(4_000), &lanes, &["gmail.com", "example.com"]);
    let prospect = Prospect { terms: terms(), lanes: lanes.to_vec(), usages: BTreeMap::new(), backlog };
    let foretold = forecast(prospect, start(), &TimeZone::UTC);
    let lasts = foretold.ends.expect("an end").duration_since(start()).as_secs_f64();
    assert!((49.9..51.0).contains(&lasts), "2,000 at 50 ms, two at once: 50 s, not {lasts}");
    assert_eq!(foretold.bound_by.map(|bound| bound.kind), Some(BoundKind::Domain));
}

/// Recipients at domains by chance, personal or grouped.
fn scattered(places: &[usize], size: u32, lanes: &[LaneSpec]) -> Backlog {
    let domains: Vec<&str> =
        places.iter().map(|place| ["gmail.com", "gmx.de", "a.example", "b.example"][*place]).collect();
    let recipients = u32::try_from(places.len()).expect("few");
    let backlog = if size == 1 { whole(Batches::Personal { recipients }) } else { grouped(recipients, size) };
    at_domains(backlog, lanes, &domains)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_domain_ever_has_more_than_its_limits_and_everybody_ends_once(
        seed: u64,
        places in prop::collection::vec(0_usize..4, 1..250),
        size in prop_oneof![Just(1_u32), 2_u32..8],
        one_in in prop_oneof![Just(0_u32), 4_u32..12],
        limits in prop::collection::vec((0_usize..3, 0_u32..400, 1_u32..5), 1..4),
        relays in 1_usize..4,
    ) {
        let names = ["gmail.com", "gmx.de", "*"];
        let limits: Vec<(&str, u32, u32)> =
            limits.into_iter().map(|(name, rate, sessions)| (names[name], rate, sessions)).collect();
        let lanes: Vec<LaneSpec> = (0..relays)
            .map(|place| LaneSpec {
                // The last of several has no limits at all.
                domains: if place == 2 { limited(&[]) } else { limited(&limits[place % limits.len()..]) },
                ahead: u32::try_from(place).expect("few"),
                recipients_per_message: size,
                ..lane(&place.to_string())
            })
            .collect();
        let backlog = scattered(&places, size, &lanes);
        let mut trial = Trial::new(terms(), &lanes, backlog, Faults { one_in, most: 50 }, seed);
        prop_assert_eq!(trial.run(), Step::Done);
        prop_assert_eq!(trial.scheduler.tally().settled(), places.len() as u64);
        trial.assert_domain_rates_held();
    }
}

#[test]
fn a_relay_is_not_handed_what_came_up_when_another_put_something_aside() {
    let lanes: Vec<LaneSpec> = [&[("gmx.de", 353, 4), ("*", 65, 3)][..], &[("*", 65, 3)]]
        .into_iter()
        .enumerate()
        .map(|(place, limits)| LaneSpec {
            domains: limited(limits),
            recipients_per_message: 5,
            ..lane(&place.to_string())
        })
        .collect();
    for seed in 0..60 {
        let places: Vec<usize> = (1..=215).map(|place: usize| place * place * (seed + 3) / 7 % 4).collect();
        let backlog = scattered(&places, 5, &lanes);
        let mut trial = Trial::new(terms(), &lanes, backlog, Faults { one_in: 4, most: 50 }, seed as u64);
        assert_eq!(trial.run(), Step::Done, "seed {seed}");
        trial.assert_domain_rates_held();
    }
}

//! How a relay is used that gives trouble, and what that costs the others: in virtual time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::traffic::{Landing, Traffic};
use super::{deferred, lane, personal, start, trouble};
use crate::mail::{
    Account, BoundKind, Class, LOGIN_PAUSES, Permanence, RelayNo, Scope, Settled, State, Trouble,
};
use crate::policy::Rate;
use crate::schedule::{LaneSpec, Note, Step, StopReason};

const GOOD: RelayNo = RelayNo(0);
const ODD: RelayNo = RelayNo(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn now_and_then(class: Class, scope: Scope) -> Trouble {
    trouble(class, scope, Permanence::Transient)
}

fn sessions(sessions: u32) -> LaneSpec {
    LaneSpec { sessions, ..lane("a") }
}

fn is_pause(note: &Note) -> bool {
    matches!(note, Note::Paused { .. })
}

#[test]
fn one_failed_session_among_many_neither_stops_nor_pauses_the_relay() {
    for one_in in [3, 5, 20] {
        let mut traffic = Traffic::new(&[sessions(8)], personal(5_000));
        let mut count = 0;
        let step = traffic.run(HOUR, |landing| {
            count += 1;
            if count % one_in == 0 { landing.lost() } else { landing.taken() }
        });
        assert_eq!(step, Step::Done);
        assert_eq!(traffic.scheduler.tally().of(State::Accepted), 5_000);
        assert_eq!(traffic.notes, [], "one in {one_in} fails, and nobody is slowed by it");
    }
}

#[test]
fn a_server_that_closes_after_each_message_is_not_paused_with_one_session() {
    let mut traffic = Traffic::new(&[sessions(1)], personal(500));
    let mut count = 0;
    let gone = now_and_then(Class::Connection, Scope::Connection);
    traffic.run(HOUR, |landing| {
        count += 1;
        if count % 2 == 0 { landing.refused(&gone) } else { landing.taken() }
    });
    assert_eq!(traffic.scheduler.tally().of(State::Accepted), 500);
    assert_eq!(traffic.notes, []);
}

#[test]
fn a_whole_cohort_lost_pauses_the_relay_and_it_begins_with_one_session_again() {
    let mut traffic = Traffic::new(&[sessions(4)], personal(5_000));
    traffic.run(MINUTE / 60, Landing::taken);
    let lost = traffic.now;
    traffic.run(MINUTE / 4, Landing::lost);
    let pauses: Vec<&Note> =
        traffic.notes.iter().map(|(_, note)| note).filter(|note| is_pause(note)).collect();
    let [Note::Paused { relay: GOOD, class: Class::Connection, until }] = pauses.as_slice() else {
        panic!("{pauses:?}")
    };
    let until = *until;
    let rest = until.duration_since(lost).unsigned_abs();
    assert!((15_000..15_200).contains(&rest.as_millis()), "{rest:?}");

    let before = traffic.landed.len();
    traffic.run(MINUTE, Landing::taken);
    let first = &traffic.landed[before..];
    assert!(first[0].at >= until, "nothing goes out in between");
    let most_at_once: Vec<usize> = [1, 3, 6, 10, 14]
        .map(|count| first[..count].iter().map(|landed| landed.beside).max().expect("some"))
        .into();
    assert_eq!(most_at_once, [1, 2, 2, 3, 4], "a session for each cohort that fares well");
}

#[test]
fn a_relay_that_stays_dead_is_tried_ever_less_often_with_one_session() {
    let mut traffic = Traffic::new(&[sessions(4)], personal(5_000));
    traffic.run(MINUTE / 60, Landing::taken);
    let before = traffic.landed.len();
    traffic.run(6 * HOUR, Landing::lost);
    let tries = &traffic.landed[before + 4..];
    assert!(tries.iter().all(|landed| landed.beside == 1));
    let gaps: Vec<u64> =
        tries.windows(2).map(|two| two[1].at.duration_since(two[0].at).unsigned_abs().as_secs()).collect();
    assert_eq!(gaps[..7], [30, 60, 120, 240, 480, 900, 900]);
    assert_eq!(traffic.stopped.len(), 0, "it may come back");
}

#[test]
fn whoever_a_dead_relay_deferred_goes_through_another_in_the_end() {
    let mut traffic = Traffic::new(&[lane("a"), lane("b")], personal(160));
    let lost_from = start() + Duration::from_secs(1);
    let step = traffic.run(24 * HOUR, |landing| match landing.relay {
        ODD if landing.at < lost_from => landing.deferred(deferred),
        ODD => landing.lost(),
        _ => landing.taken(),
    });
    assert_eq!(step, Step::Done);
    assert_eq!(traffic.scheduler.tally().of(State::Accepted), 160);
    let waited = traffic.landed.last().expect("some").at.duration_since(start()).unsigned_abs();
    assert!(
        (HOUR / 2..2 * HOUR).contains(&waited),
        "it keeps its relay while that may come back: {waited:?}"
    );
}

#[test]
fn too_many_connections_cost_sessions_and_a_moment_and_no_rate() {
    let mut traffic = Traffic::new(&[sessions(10)], personal(1_000_000));
    let too_many = now_and_then(Class::Concurrency, Scope::Relay);
    let bears =
        |landing: Landing| if landing.beside > 6 { landing.refused(&too_many) } else { landing.taken() };
    traffic.run(MINUTE, bears);
    let view = &traffic.scheduler.view(traffic.now)[0];
    assert_eq!((view.sessions, view.rate), (6, None), "one less for each that was refused");
    let lowered = |note: &Note| matches!(note, Note::FewerSessions { .. });
    assert_eq!(traffic.notes.iter().filter(|(_, note)| lowered(note)).count(), 4);
    let rests = traffic.landed.windows(2).map(|two| two[1].at.duration_since(two[0].at)).max();
    assert_eq!(rests.map(SignedDuration::unsigned_abs), Some(Duration::from_millis(2_050)), "it waits once");
    assert!(traffic.accepted(GOOD, start()) >= 6_900, "six sessions for 58 seconds");

    traffic.run(35 * MINUTE, bears);
    assert_eq!(
        traffic.notes.iter().filter(|(_, note)| lowered(note)).count(),
        5,
        "one more is tried after 30 minutes"
    );
    assert_eq!(traffic.scheduler.view(traffic.now)[0].sessions, 6);
}

#[test]
fn a_rate_that_is_too_high_is_halved_and_grows_back() {
    let rate = Rate { count: 20.try_into().expect("some"), per: Duration::from_secs(1) };
    let mut traffic = Traffic::new(&[LaneSpec { rate: Some(rate), ..lane("a") }], personal(1_000_000));
    let too_fast = now_and_then(Class::Rate, Scope::Relay);
    let mut seen: Vec<Timestamp> = Vec::new();
    traffic.run(5 * MINUTE, |landing| {
        seen.retain(|at| landing.at.duration_since(*at) < SignedDuration::from_secs(1));
        seen.push(landing.at);
        if seen.len() > 6 { landing.refused(&too_fast) } else { landing.taken() }
    });
    let slowed = traffic.notes.iter().filter(|(_, note)| matches!(note, Note::Slowed { .. })).count();
    let refused = traffic.landed.iter().filter(|landed| landed.accepted == 0).count();
    assert!((2..8).contains(&slowed) && refused < 30, "{slowed} times slowed, {refused} refused");
    assert_eq!(traffic.scheduler.view(traffic.now)[0].sessions, 4, "sessions are not the trouble");
    traffic.run(15 * MINUTE, Landing::taken);
    let grown = traffic.scheduler.view(traffic.now)[0].rate;
    assert!(grown.is_some_and(|rate| (rate - 20.0).abs() < 0.01), "{grown:?}");
}

/// Ten minutes beside a relay that fares well and badly by turns.
fn beside(flaps: impl Fn(Landing) -> Settled) -> Traffic {
    let account = Account::from("odd@smtp.example");
    let mut traffic = Traffic::new(&[lane("good"), LaneSpec { account, ..lane("odd") }], personal(200_000));
    traffic.run(10 * MINUTE, |landing| {
        let minute = landing.at.duration_since(start()).as_secs() / 60;
        if landing.relay == ODD && minute % 2 == 1 { flaps(landing) } else { landing.taken() }
    });
    traffic
}

#[test]
fn a_flapping_relay_costs_the_good_one_nothing() {
    let mut alone = Traffic::new(&[lane("good")], personal(200_000));
    alone.run(10 * MINUTE, Landing::taken);
    let alone = alone.accepted(GOOD, start());
    let whole = 4 * 20 * 600;
    assert!(alone * 100 >= whole * 99, "{alone} of {whole}");
    for (class, scope) in [
        (Class::Connection, Scope::Connection),
        (Class::Rate, Scope::Relay),
        (Class::Concurrency, Scope::Relay),
        (Class::Host, Scope::Host),
        (Class::Unknown, Scope::Relay),
        (Class::Login, Scope::Relay),
    ] {
        let traffic = beside(|landing| landing.refused(&now_and_then(class, scope)));
        let kept = traffic.accepted(GOOD, start());
        assert!(kept * 100 >= alone * 99, "{class}: {kept} instead of {alone}");
        let late = traffic.accepted(ODD, start() + 2 * MINUTE);
        assert!(late > 100, "{class}: {late}, the other is used again when it fares well");
    }
    let traffic = beside(Landing::lost);
    assert!(traffic.accepted(GOOD, start()) * 100 >= alone * 99);
}

#[test]
fn a_dead_relay_costs_no_more_than_its_own_lane() {
    let mut traffic = Traffic::new(&[lane("good"), lane("dead")], personal(8_000));
    let step =
        traffic.run(HOUR, |landing| if landing.relay == ODD { landing.lost() } else { landing.taken() });
    assert_eq!(step, Step::Done);
    assert_eq!(traffic.scheduler.tally().of(State::Accepted), 8_000);
    let took = traffic.now.duration_since(start()).unsigned_abs();
    assert!(took < Duration::from_secs(102), "the good one alone takes 100 s: {took:?}");
    assert!(traffic.stopped.contains_key(&ODD), "it never took a message");
}

#[test]
fn a_login_refused_for_good_is_said_once_and_the_others_carry_on() {
    let mut traffic = Traffic::new(&[lane("good"), sessions(1)], personal(1_000));
    let wrong = trouble(Class::Login, Scope::Relay, Permanence::Permanent);
    let step = traffic
        .run(HOUR, |landing| if landing.relay == ODD { landing.refused(&wrong) } else { landing.taken() });
    assert_eq!((step, traffic.tries(ODD).len()), (Step::Done, 1));
    assert_eq!(traffic.scheduler.tally().of(State::Accepted), 1_000);
}

#[test]
fn a_login_refused_for_now_is_tried_after_the_pauses_with_one_session() {
    let mut traffic = Traffic::new(&[lane("good"), lane("odd")], personal(1_000_000));
    let later = now_and_then(Class::Login, Scope::Relay);
    traffic.run(HOUR, |landing| if landing.relay == ODD { landing.refused(&later) } else { landing.taken() });
    let mut tries = traffic.tries(ODD);
    tries.dedup();
    let [first, second] = LOGIN_PAUSES.map(|pause| pause.as_millis());
    assert_eq!(tries, [50, 100 + first, 150 + first + second]);
    assert!(
        traffic.landed.iter().filter(|landed| landed.relay == ODD).skip(4).all(|landed| landed.beside == 1)
    );
    assert_eq!(traffic.stopped.get(&ODD).map(|at| at.duration_since(start()).as_secs() / 60), Some(35));
    assert!(traffic.accepted(GOOD, start()) * 100 >= 4 * 20 * 3600 * 99);
}

#[test]
fn a_pool_that_rests_longer_is_handed_nothing_meanwhile() {
    let mut traffic = Traffic::new(&[lane("a")], personal(10));
    let mut later = now_and_then(Class::Login, Scope::Relay);
    later.verdict.wait = Some(crate::mail::RetryAfter::Span(Duration::from_secs(350)));
    traffic.scheduler.trouble(start(), GOOD, &later);
    let Step::Wait(wait) = traffic.scheduler.next(start()) else { panic!("it rests") };
    assert_eq!(wait.bounds, [(GOOD, BoundKind::Pause, Some(start() + Duration::from_secs(350)))]);
}

#[test]
fn when_every_login_is_refused_the_run_stops_with_everybody_pending() {
    let mut traffic = Traffic::new(&[lane("a"), lane("b")], personal(100));
    let wrong = trouble(Class::Login, Scope::Relay, Permanence::Permanent);
    let step = traffic.run(HOUR, |landing| landing.refused(&wrong));
    assert_eq!(step, Step::Stopped(StopReason::NoRelay));
    assert_eq!(traffic.scheduler.tally().of(State::Pending), 100);
}

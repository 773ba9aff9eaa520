//! What windows count, second by second, and by another clock.

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a valid second")
}

fn charged(seconds: &[i64]) -> Usage {
    let mut usage = Usage::default();
    for second in seconds {
        usage.begin(Charge::message(1));
        usage.settle(at(*second), Charge::message(1), Charge::message(1));
    }
    usage
}

#[test]
fn a_charge_in_flight_counts_in_every_window() {
    let mut usage = Usage::default();
    usage.begin(Charge::message(7));
    assert_eq!(usage.since(i64::MAX / 2).recipients, 7);
    usage.settle(at(120), Charge::message(7), Charge::message(5));
    assert_eq!((usage.in_flight(), usage.since(0)), (Charge::default(), Charge::message(5)));
}

#[test]
fn a_second_counts_whole_while_it_is_young() {
    let usage = charged(&[60]);
    assert_eq!((usage.since(60).recipients, usage.since(61).recipients), (1, 0));
}

#[test]
fn a_minute_counts_whole_once_it_is_an_hour_old() {
    let usage = charged(&[60, 61, 119, 8000]);
    assert_eq!((usage.since(119).recipients, usage.since(120).recipients), (4, 1));
}

#[test]
fn time_never_runs_backwards_in_a_ledger() {
    assert_eq!(charged(&[600, 0]).since(600).recipients, 2);
}

#[test]
fn charges_are_forgotten_after_two_days() {
    let usage = charged(&[0, 30, KEPT + 61]);
    assert_eq!((usage.since(0).recipients, usage.buckets().count()), (1, 1));
}

#[test]
fn days_with_a_send_are_never_forgotten() {
    let day = 24 * 3600;
    let usage = charged(&[day, 3 * day, 40 * day]);
    let octets = postcard::to_stdvec(&usage).unwrap();
    let again: Usage = postcard::from_bytes(&octets).unwrap();
    let date = jiff::civil::date(1970, 2, 10);
    assert_eq!((usage.days_before(&TimeZone::UTC, date), usage.buckets().count()), (2, 1));
    assert_eq!(again.days_before(&TimeZone::UTC, date.tomorrow().unwrap()), 3);
    assert!(again == usage && again != charged(&[40 * day]));
}

#[test]
fn by_another_clock_everything_was_charged_just_now() {
    let (then, now) = (at(900_000), at(500_000));
    let mut usage = charged(&[760_000, 800_000, 900_000]);
    usage.begin(Charge::message(1));
    usage.close(at(900_600));
    usage.restart(then, now);
    assert_eq!(usage.buckets().collect::<Vec<_>>(), [(500_000, Charge { messages: 3, recipients: 3 })]);
    assert_eq!((usage.since(500_000).recipients, usage.since(500_001).recipients), (4, 1));
    assert_eq!((usage.closed_until(), usage.full_since()), (Some(at(500_600)), Some(now)));
    assert!(usage.is_full_from(500_000) && !usage.is_full_from(500_001));
    usage.settle(at(500_100), Charge::message(1), Charge::message(1));
    assert_eq!(usage.since(500_001).recipients, 1, "what follows has its own second");
    let octets = postcard::to_stdvec(&usage).unwrap();
    assert_eq!(postcard::from_bytes::<Usage>(&octets).unwrap(), usage);
}

#[test]
fn an_account_that_sent_nothing_has_full_windows_too() {
    let mut usage = Usage::default();
    usage.restart(at(900), at(500));
    assert!(usage.is_full_from(400) && usage.buckets().next().is_none());
    assert_eq!(usage.since(0), Charge::default());
}

#[test]
fn the_first_fit_is_when_enough_has_expired() {
    let mut usage = charged(&[100, 100, 200, 9000]);
    let room_for = |most: u64| move |charge: Charge| charge.recipients <= most;
    assert_eq!(usage.first_fit(room_for(4)), Some(i64::MIN));
    assert_eq!(usage.first_fit(room_for(2)), Some(120));
    assert_eq!(usage.first_fit(room_for(1)), Some(240));
    assert_eq!(usage.first_fit(room_for(0)), Some(9001));
    usage.begin(Charge::message(1));
    assert_eq!(usage.first_fit(room_for(0)), None);
}

proptest! {
    #[test]
    fn a_window_is_never_counted_too_low_and_at_most_a_bucket_too_high(
        steps in prop::collection::vec((0_i64..5000, 1_usize..5), 1..200),
        window in 60_i64..KEPT,
    ) {
        let (mut usage, mut now, mut log) = (Usage::default(), 1_000_000, Vec::new());
        for (step, recipients) in steps {
            now += step;
            usage.begin(Charge::message(recipients));
            usage.settle(at(now), Charge::message(recipients), Charge::message(recipients));
            log.push((now, recipients as u64));
            let exactly = |from: i64| log.iter().filter(|(second, _)| *second >= from).map(|(_, n)| n).sum::<u64>();
            let counted = usage.since(now - window).recipients;
            prop_assert!(counted >= exactly(now - window));
            let slack = if window < FINE { 1 } else { COARSE };
            prop_assert!(counted <= exactly(now - window - slack));
        }
        let octets = postcard::to_stdvec(&usage).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Usage>(&octets).unwrap(), usage);
    }
}

//! Clocks that were wrong: what the operator's word about them does to records, quotas and pauses.

use std::time::Duration;

use jiff::Timestamp;

use crate::mail::{Charge, RecipientNo, Usage};
use crate::store::{ClockStands, History, Moment, Resolve, Store, StoreError, accept_clock, clock_stands};

use super::open::options;
use super::rig::{Ending, account, at, batch, fates, intent, moment, relays, run_of, settled};

const YEAR: i64 = 365 * 86_400;

/// A moment so many seconds from the start of the tests, in a boot of its own.
fn reboot(second: i64) -> Moment {
    Moment { wall: at(second), boot: Duration::from_mins(1), boot_id: [9; 16] }
}

fn charged(usage: &Usage) -> Vec<(i64, u64)> {
    usage.buckets().map(|(second, charge)| (second, charge.recipients)).collect()
}

/// A workspace that was used by a clock a year ahead: one accepted, one deferred, one in flight.
async fn a_year_ahead() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let wrong = reboot(YEAR);
    let store = Store::open(&state, options(), &wrong).unwrap();
    let run = store.begin(&run_of(5), wrong.wall).unwrap();
    for (recipient, ending) in [(0, Ending::Accepted), (1, Ending::Deferred), (2, Ending::LineLost)] {
        let batch = batch(run, recipient, 1);
        store.intend(&intent(&batch), &wrong).unwrap().await.unwrap();
        if ending != Ending::LineLost {
            let fates = fates(&batch, ending, YEAR + 1_200);
            store.settle(&settled(&batch, ending), &fates, at(YEAR + 10)).unwrap();
        }
    }
    store.close_quota(&account(), at(YEAR + 610)).unwrap();
    store.close().unwrap();
    folder
}

#[tokio::test]
async fn after_the_operators_word_the_run_goes_on_by_the_right_clock() {
    let folder = a_year_ahead().await;
    let state = folder.path().join(".mailrun");
    let right = moment(100);
    let recorded = at(YEAR + 10);
    assert_eq!(clock_stands(&state, &right).unwrap(), ClockStands::Behind { recorded });
    let refused = Store::open(&state, options(), &right).unwrap_err();
    assert!(matches!(refused, StoreError::Clock { .. }), "{refused}");
    assert!(refused.hint().unwrap().contains("mailrun doctor --accept-clock"));

    assert_eq!(accept_clock(&state, &right).unwrap(), ClockStands::Behind { recorded });
    assert_eq!(
        accept_clock(&state, &right).unwrap(),
        ClockStands::Trusted { recorded: Some(at(100)) },
        "once is enough"
    );
    let store = Store::open(&state, options(), &moment(101)).unwrap();
    let run = crate::mail::RunNo(1);
    let usage = &store.usage()[&account()];
    assert_eq!(charged(usage).last(), Some(&(at(101).as_second(), 1)), "the one in flight, as it was lost");
    assert_eq!(charged(usage)[0], (at(100).as_second(), 1));
    assert_eq!((usage.full_since(), usage.closed_until()), (Some(at(100)), Some(at(700))));
    let backlog = store.backlog(run).unwrap();
    let deferred = &backlog.deferred[0];
    assert_eq!((deferred.due, deferred.since), (Some(at(1_290)), Some(at(100))));
    store.reopen(run, &relays(), at(101)).unwrap();
    store.resolve(run, &[RecipientNo(2)], Resolve::Resend, at(101)).unwrap();
    assert_eq!(store.backlog(run).unwrap().dates[&(2, 0)], at(YEAR), "the Date of a message stays");
    store.close().unwrap();
    assert_eq!(History::read(&state).unwrap().last, Some(at(101)));
    assert_eq!(clock_stands(&state, &moment(102)).unwrap(), ClockStands::Trusted { recorded: Some(at(101)) });
}

#[tokio::test]
async fn the_index_says_the_same_afterwards() {
    let folder = a_year_ahead().await;
    let state = folder.path().join(".mailrun");
    accept_clock(&state, &moment(100)).unwrap();
    let store = Store::open(&state, options(), &moment(101)).unwrap();
    let rebuilt = store.notes().iter().any(|note| matches!(note, crate::store::Note::IndexRebuilt { .. }));
    assert!(!rebuilt, "{:?}", store.notes());
}

#[tokio::test]
async fn every_window_is_full_after_the_operators_word() {
    let folder = a_year_ahead().await;
    let state = folder.path().join(".mailrun");
    let right = moment(100);
    accept_clock(&state, &right).unwrap();
    let usage = History::read(&state).unwrap().usages[&account()].clone();
    for (window, full) in [(at(100), true), (at(101), false), (at(100 - 86_400), true)] {
        assert_eq!(usage.is_full_from(window.as_second()), full, "{window}");
    }
    assert_eq!(usage.since(at(100).as_second()), Charge { messages: 2, recipients: 2 }, "settled just now");
}

#[test]
fn a_clock_that_jumped_ahead_within_a_boot_can_be_accepted_too() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    Store::open(&state, options(), &moment(0)).unwrap().close().unwrap();
    let jumped = Moment { wall: at(26 * 3_600), ..moment(60) };
    let ahead = ClockStands::Ahead { recorded: at(0), believed: at(960) };
    assert_eq!(clock_stands(&state, &jumped).unwrap(), ahead);
    assert_eq!(accept_clock(&state, &jumped).unwrap(), ahead);
    let store = Store::open(&state, options(), &jumped).unwrap();
    assert_eq!(store.believe(&jumped), jumped.wall);
}

#[test]
fn a_machine_that_booted_in_1970_sends_nothing_and_may_not_be_believed() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let unset = Moment { wall: Timestamp::from_second(60).unwrap(), ..moment(0) };
    let refused = |state: &std::path::Path| {
        let opened = Store::open(state, options(), &unset).map(|_| ());
        let accepted = accept_clock(state, &unset).map(|_| ());
        [opened, accepted].map(|result| matches!(result, Err(StoreError::ClockUnset { .. })))
    };
    assert_eq!(refused(&state), [true, true], "nothing is on record");
    Store::open(&state, options(), &moment(0)).unwrap().close().unwrap();
    assert_eq!(refused(&state), [true, true]);
    assert_eq!(clock_stands(&state, &unset).unwrap(), ClockStands::Unset);
}

#[test]
fn nobody_accepts_a_clock_while_a_run_holds_the_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let _store = Store::open(&state, options(), &moment(0)).unwrap();
    assert!(matches!(accept_clock(&state, &reboot(-YEAR / 2)), Err(StoreError::Locked { .. })));
}

//! Power cuts between any two operations of the disk, by seed: what was promised is kept.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use crate::mail::{Account, Charge, RecipientNo, RunNo, State, Usage};
use crate::store::forgetful::ForgetfulDisk;
use crate::store::frame::Lsn;
use crate::store::log::Log;
use crate::store::recorder::Recorder;

use super::rig::{Ending, at, batch, fates, intent, limits, moment, run_of, settled};

const RECIPIENTS: u32 = 12;

#[derive(Debug, Clone, Copy)]
enum Step {
    Intend(u32),
    Settle(u32, Ending),
    Commit,
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        Just(Ending::Accepted),
        Just(Ending::Deferred),
        Just(Ending::Rejected),
        Just(Ending::LineLost),
        Just(Ending::RelayTrouble)
    ];
    prop_oneof![
        3 => (0..RECIPIENTS).prop_map(Step::Intend),
        3 => (0..RECIPIENTS, ending).prop_map(|(recipient, ending)| Step::Settle(recipient, ending)),
        2 => Just(Step::Commit),
    ]
}

/// What is known of a recipient: what was asked of the journal, and what it has promised.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    attempts: u16,
    open: bool,
    last: Option<Ending>,
    /// Charges of all attempts so far, with what was given back.
    charged: u64,
}

fn open(disk: &ForgetfulDisk, second: u64) -> (Recorder, Log) {
    let recovered =
        Recorder::recover(Box::new(disk.clone()), Path::new("state"), limits(), &moment(second), Lsn(0))
            .unwrap();
    (recovered.recorder, recovered.log)
}

fn used(usages: &BTreeMap<Account, Usage>) -> u64 {
    usages.values().map(|usage| usage.since(0).recipients).sum()
}

/// Where a recipient may stand after a crash that came when `promised` was durable and `asked` was not.
fn may_stand(promised: &Known, asked: &Known) -> Vec<State> {
    let settled = |known: &Known| known.last.map_or(State::Pending, Ending::state);
    let mut states = Vec::new();
    if promised.open {
        states.push(State::Uncertain);
    } else {
        states.push(settled(promised));
    }
    if asked.attempts > promised.attempts || asked.open != promised.open {
        // Something of what was asked may have reached the disk: the intent alone, or all of it.
        states.extend([State::Uncertain, settled(asked)]);
    }
    states
}

fn crash_once(steps: &[Step], operations: u64, seed: u64) {
    let disk = ForgetfulDisk::default();
    let (mut recorder, mut log) = open(&disk, 0);
    let (run, _) = recorder.begin(&run_of(RECIPIENTS), at(0)).unwrap();
    recorder.commit(&mut log).unwrap();
    let mut asked = [Known::default(); RECIPIENTS as usize];
    let mut promised = asked;
    disk.fail_after(operations);
    for step in steps {
        match *step {
            Step::Intend(recipient) => {
                let known = &mut asked[recipient as usize];
                let done = known.last.is_some_and(|last| last.state().is_final());
                if known.open || done || known.attempts > promised[recipient as usize].attempts {
                    continue;
                }
                known.attempts += 1;
                known.open = true;
                known.charged += 1;
                let batch = batch(run, recipient, known.attempts);
                recorder.intend(&intent(&batch), &moment(1)).unwrap();
            }
            Step::Settle(recipient, ending) => {
                let known = &mut asked[recipient as usize];
                if !known.open {
                    continue;
                }
                known.open = false;
                known.last = Some(ending);
                known.charged -= 1 - ending.kept(1).recipients;
                let batch = batch(run, recipient, known.attempts);
                recorder.settle(&settled(&batch, ending), &fates(&batch, ending, 600), at(2)).unwrap();
            }
            Step::Commit => {
                if recorder.commit(&mut log).is_err() {
                    break;
                }
                promised = asked;
            }
        }
    }
    let (recovered, _log) = open(&disk.cut(seed), 100);
    check(&recovered, run, &promised, &asked);
    // Recovery itself can be cut off, any number of times.
    let again = disk.cut(seed);
    again.fail_after(seed % 4);
    let cut_off =
        Recorder::recover(Box::new(again.clone()), Path::new("state"), limits(), &moment(100), Lsn(0));
    drop(cut_off);
    let (recovered, _log) = open(&again.cut(seed ^ 1), 101);
    check(&recovered, run, &promised, &asked);
}

fn check(recovered: &Recorder, run: RunNo, promised: &[Known], asked: &[Known]) {
    let book = &recovered.fold.runs[&run];
    for (place, (promised, asked)) in (0..).zip(promised.iter().zip(asked)) {
        let state = book.state(RecipientNo(place)).unwrap();
        let allowed = may_stand(promised, asked);
        assert!(allowed.contains(&state), "{place} is {state}, not one of {allowed:?}");
    }
    assert!(book.open.is_empty(), "every intent has an outcome");
    assert_eq!(book.tally.planned(), u64::from(RECIPIENTS));
    let known = |known: &[Known]| known.iter().map(|known| known.charged).sum::<u64>();
    let least: u64 = promised.iter().zip(asked).map(|(one, other)| one.charged.min(other.charged)).sum();
    let found = used(recovered.fold.ledger.usages());
    assert!(found >= least, "{found} is charged, of {} promised and {} asked", known(promised), known(asked));
    assert!(recovered.fold.ledger.usages().values().all(|usage| usage.in_flight() == Charge::default()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_power_cut_loses_nothing_that_was_promised(
        steps in prop::collection::vec(step(), 1..60),
        operations in 0_u64..40,
        seed: u64,
    ) {
        crash_once(&steps, operations, seed);
    }
}

#[test]
fn an_intent_without_an_outcome_is_uncertain_and_stays_charged() {
    let disk = ForgetfulDisk::default();
    let (mut recorder, mut log) = open(&disk, 0);
    let (run, _) = recorder.begin(&run_of(2), at(0)).unwrap();
    recorder.intend(&intent(&batch(run, 1, 1)), &moment(5)).unwrap();
    recorder.commit(&mut log).unwrap();
    let cut = disk.cut(1);
    for second in [10, 20] {
        let (recovered, _log) = open(&cut, second);
        let book = &recovered.fold.runs[&run];
        assert_eq!(book.states, [State::Pending, State::Uncertain]);
        let usage = &recovered.fold.ledger.usages()[&super::rig::account()];
        assert_eq!((usage.in_flight(), usage.since(0)), (Charge::default(), Charge::message(1)));
    }
}

//! Many seeds, on every core; and those that once failed, always.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::mail::State;

use super::life::{Life, Outlived};
use super::stage::Stage;

/// Seeds that found something, and what: they are lived again with every test.
const KEPT: &[(u64, &str)] = &[
    (213, "outside the window a domain put aside from the beginning ended the run"),
    (524, "a small batch overtook a large one of its session at the gate, and neither could leave"),
    (90_798, "people in doubt under one name kept another under which others had been written to"),
    (182_136, "a limit cut a waiting batch, and both messages bore one Message-ID"),
    (4367, "a clock set back and set right again made charges old, and a quota opened early"),
    (569_270, "a message taken after a sleep, before a crash, was counted for when it had been intended"),
    (764_942, "the same, over a day"),
    (905_500, "the same, over an hour"),
];

/// Seeds of a plain `cargo test`.
const FEW: u64 = 400;

/// Lives `count` seeds from `first` on.
fn live(first: u64, count: u64) -> Vec<Result<Outlived, String>> {
    let next = AtomicU64::new(first);
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let (stage, mut lived) = (Stage::new(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return lived;
            }
            let life = catch_unwind(AssertUnwindSafe(|| Life::live(&stage, seed)));
            lived.push(life.unwrap_or_else(|_| Err(format!("seed {seed}: the engine panicked"))));
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a life does not panic")).collect()
    })
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[track_caller]
fn assert_well(lived: &[Result<Outlived, String>]) {
    let failed: Vec<&String> = lived.iter().filter_map(|lived| lived.as_ref().err()).collect();
    if let Some(first) = failed.first() {
        let others = failed[1..].iter().take(20).filter_map(|words| words.lines().next());
        let others: Vec<&str> = others.collect();
        panic!("{} of {} seeds failed. {first}\n{}", failed.len(), lived.len(), others.join("\n"));
    }
}

#[test]
fn a_campaign_survives_whatever_befalls_it() {
    assert_well(&live(1, FEW));
}

#[test]
fn seeds_that_once_failed_live() {
    let stage = Stage::new();
    for (seed, what) in KEPT {
        if let Err(words) = Life::live(&stage, *seed) {
            panic!("{what}: {words}");
        }
    }
}

#[test]
fn a_seed_has_one_life() {
    let (one, other) = (Stage::new(), Stage::new());
    for seed in 1..60 {
        assert_eq!(Life::live(&one, seed), Life::live(&other, seed), "seed {seed}");
    }
}

#[test]
#[ignore = "tests/soak runs it: MAILRUN_SEEDS seeds from MAILRUN_SEED on, or MAILRUN_SEED alone"]
fn soak() {
    let first = number("MAILRUN_SEED");
    let count = number("MAILRUN_SEEDS").unwrap_or(if first.is_some() { 1 } else { 2_000 });
    let lived = live(first.unwrap_or(1), count);
    let sum = |of: &dyn Fn(&Outlived) -> u64| -> u64 { lived.iter().flatten().map(of).sum() };
    let (processes, crashes) = (sum(&|life| life.processes), sum(&|life| life.crashes));
    let people = State::ALL.map(|state| format!("{} {state}", sum(&|life| life.tally.of(state))));
    let words = format!("{count} seeds, {processes} processes, {crashes} crashes: {}", people.join(", "));
    eprintln!("{words}");
    assert_well(&lived);
}

//! Runs that are cut off, with the release binary and against servers that outlive them: what must never be lost,
//! sent twice or sent beyond a quota is not.
//!
//! - [`kill`]: ended with SIGKILL, at any moment and at chosen system calls ([`strike`]);
//! - [`power`]: the power cut under a disk of its own, ext4 and XFS ([`disk`]);
//! - [`damage`]: every truncation and every flipped bit of a small journal;
//! - [`campaign`], [`findings`]: what is sent, what must hold after each cut, and the comparison at the end;
//! - [`chance`]: the seed.
//!
//! The environment says how much: `MAILRUN_KILLS` (200) over all tests of `kill`, `MAILRUN_CUTS` (40) over those of
//! `power`; `MAILRUN_SEED`, the seed that chose the moments, to repeat a run as far as that is possible;
//! `MAILRUN_BINARY`, the binary, the one built beside the test unless set.

#[allow(dead_code, unused_imports, reason = "each test crate uses its part of the stage")]
#[path = "../stage/mod.rs"]
mod stage;

mod campaign;
mod chance;
mod damage;
mod disk;
mod findings;
mod kill;
mod power;
mod strike;

/// Says what a long test is at, and what it came to.
#[expect(clippy::print_stdout, reason = "the figures of a test are for whoever runs it")]
fn say(words: &str) {
    println!("{words}");
}

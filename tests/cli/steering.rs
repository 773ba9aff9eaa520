//! What another terminal says to a run: pause, resume, drain, cancel.

use std::thread;
use std::time::Duration;

use crate::stage::{Habit, Peer, Running, Workspace};

/// So many people, a few of them a second.
const PEOPLE: usize = 40;
const RATE: &str = "rate = \"20/s\"";

/// A run that has begun and is far from its end.
fn begun(workspace: &Workspace, peer: &Peer) -> Running {
    workspace.relay(peer.port, RATE);
    let run = workspace.start(&["send", "letter", "--yes"]);
    until(|| peer.recipients().len() > 3);
    run
}

/// Waits until something is so.
#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("it never came to that");
}

fn accepted(workspace: &Workspace) -> usize {
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    usize::try_from(status["recipients"]["accepted"].as_u64().expect("a number")).expect("few")
}

fn state(workspace: &Workspace) -> String {
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    status["state"].as_str().expect("a word").to_owned()
}

#[test]
fn a_paused_run_begins_nothing_until_it_is_told_to_go_on() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, PEOPLE);
    let run = begun(&workspace, &peer);
    workspace.mailrun(&["pause", "letter"]).ends(0).says("paused").says("mailrun resume letter");
    assert_eq!(state(&workspace), "paused");
    workspace.mailrun(&["pause", "letter"]).ends(0).says("already");
    // What was on its way arrives; in the time of this many looks several more would have been begun.
    until(|| accepted(&workspace) == peer.recipients().len());
    let taken = peer.recipients().len();
    for _ in 0..20 {
        assert_eq!(accepted(&workspace), taken);
    }
    assert!(taken < PEOPLE, "the run was over before it could be paused");

    workspace.mailrun(&["resume", "letter"]).ends(0).says("goes on in its own terminal");
    run.wait().ends(0).says("paused by another terminal").says("going on");
    assert_eq!(peer.recipients().len(), PEOPLE);
}

#[test]
fn a_drained_run_ends_and_can_be_resumed() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, PEOPLE);
    let run = begun(&workspace, &peer);
    workspace.mailrun(&["drain", "letter"]).ends(0).says("mailrun resume letter");
    run.wait().ends(4).says("another terminal said so");
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!((&status["state"], &status["reason"]), (&"interrupted".into(), &"pause".into()));
    workspace.relay(peer.port, "");
    workspace.mailrun(&["resume", "letter"]).ends(0);
    assert_eq!(peer.recipients().len(), PEOPLE);
}

#[test]
fn a_cancelled_run_writes_to_nobody_more_and_forgets_nobody() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, PEOPLE);
    let run = begun(&workspace, &peer);
    workspace.mailrun(&["cancel", "letter"]).ends(2).says("would not be written to").says("--yes");
    workspace.mailrun(&["cancel", "letter", "--yes"]).ends(0).says("cancelled");
    run.wait().ends(3).says("cancelled by another terminal");
    let taken = peer.recipients().len();
    assert!(taken < PEOPLE, "the run was over before it could be cancelled");
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!(status["state"], "cancelled");
    assert_eq!(status["recipients"]["cancelled"], PEOPLE - taken);
    assert_eq!(status["recipients"]["accepted"], taken);
    workspace.mailrun(&["cancel", "letter", "--yes"]).ends(0).says("already");
    workspace.mailrun(&["resume", "letter"]).ends(5);

    workspace.relay(peer.port, "");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let everybody = peer.recipients();
    let mut once = everybody.clone();
    once.dedup();
    assert_eq!((everybody.len(), once.len()), (PEOPLE, PEOPLE));
}

#[test]
fn an_interrupted_campaign_is_cancelled_behind_the_lock() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, PEOPLE);
    let limited = workspace.mailrun(&["send", "letter", "--yes", "--limit", "10"]).ends(4);
    drop(limited);
    for order in ["pause", "drain"] {
        workspace.mailrun(&[order, "letter"]).ends(5).says("nobody is sending `letter` now");
    }
    workspace.mailrun(&["cancel", "letter", "--yes"]).ends(0).says("30 recipients taken out");
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!((&status["state"], &status["recipients"]["cancelled"]), (&"cancelled".into(), &30.into()));
    workspace.mailrun(&["show", "letter", "person40@example.net"]).ends(0).says("cancelled");
}

#[test]
fn there_is_nothing_to_say_to_what_never_ran() {
    let workspace = Workspace::letter(2);
    workspace.mailrun(&["cancel", "letter", "--yes"]).ends(5).says("never sent");
    workspace.mailrun(&["pause", "letter"]).ends(5);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.mailrun(&["cancel", "letter", "--yes"]).ends(5).says("finished");
}

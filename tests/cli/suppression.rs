//! Those who must never be written to.

use crate::stage::{Habit, Peer, Workspace, fates};

#[test]
fn the_suppressed_are_left_out_of_the_plan() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.mailrun(&["suppress", "add", "Person2@EXAMPLE.net"]).ends(0);
    workspace.mailrun(&["suppress", "list"]).ends(0).says("erson2@example.net");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!((&plan["recipients"], &plan["excluded"]["suppressed"]), (&2.into(), &1.into()));
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    assert_eq!(peer.recipients(), ["person1@example.net", "person3@example.net"]);
}

#[test]
fn removing_lets_them_be_written_to_again() {
    let workspace = Workspace::letter(2);
    workspace.mailrun(&["suppress", "add", "person1@example.net"]).ends(0);
    workspace.mailrun(&["suppress", "remove", "person1@example.net"]).ends(0);
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!(plan["recipients"], 2);
}

#[test]
fn whoever_is_suppressed_during_a_run_is_not_written_to() {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(silent.port, 3);
    let run = workspace.start(&["send", "letter", "--yes"]);
    silent.wait_for_a_dot();
    // The first is in flight, the others have yet to be sent; all three are told to the running engine.
    for person in ["person1", "person2", "person3"] {
        workspace.mailrun(&["suppress", "add", &format!("{person}@example.net")]).ends(0);
    }
    run.kill();
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, "");
    workspace.mailrun(&["resume", "letter", "--uncertain", "skip"]).ends(3);
    assert!(peer.taken().is_empty());
    let report = workspace.mailrun(&["report", "letter", "--csv"]).ends(0);
    let mut states: Vec<_> = fates(&report).into_iter().map(|fate| fate.state).collect();
    states.sort();
    assert_eq!(states, ["suppressed", "suppressed", "uncertain"]);
}

//! A list that was edited between `plan` and `send --plan`.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn a_plan_that_no_longer_fits_the_files_is_refused() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    let id = plan["plan"].as_str().expect("plan --json names the plan").to_owned();
    workspace.list(3);
    workspace.mailrun(&["send", "letter", "--plan", &id, "--yes"]).ends(14).says("recipients.csv");
    assert!(peer.taken().is_empty());
}

#[test]
fn a_plan_that_still_fits_is_sent() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    let id = plan["plan"].as_str().expect("plan --json names the plan").to_owned();
    workspace.mailrun(&["send", "letter", "--plan", &id, "--yes"]).ends(0);
    assert_eq!(peer.recipients().len(), 2);
}

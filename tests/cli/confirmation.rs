//! Nothing is sent that nobody confirmed.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn send_without_a_terminal_needs_yes() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.mailrun(&["send", "letter"]).ends(2).says("--yes");
    workspace.mailrun(&["send", "letter", "--no-input"]).ends(2).says("--yes");
    assert!(peer.taken().is_empty());
}

#[test]
fn a_dry_run_sends_nothing_and_leaves_nothing_unfinished() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.mailrun(&["send", "letter", "--dry-run"]).ends(0);
    assert!(peer.taken().is_empty());
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    assert_eq!(peer.recipients().len(), 2);
}

//! `--expect` refuses any other number of people.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn another_number_than_expected_is_refused() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.mailrun(&["send", "letter", "--yes", "--expect", "4"]).ends(14).says("4").says("3");
    assert!(peer.taken().is_empty());
    workspace.mailrun(&["send", "letter", "--yes", "--expect", "3"]).ends(0);
    assert_eq!(peer.recipients().len(), 3);
}

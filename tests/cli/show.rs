//! One recipient's whole life.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn attempts_and_replies_are_shown() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace
        .mailrun(&["show", "letter", "person2@example.net"])
        .ends(0)
        .says("accepted")
        .says("desk")
        .says("250 2.0.0 taken");
    workspace.mailrun(&["show", "letter", "person3@example.net"]).ends(5).says("person3@example.net");
}

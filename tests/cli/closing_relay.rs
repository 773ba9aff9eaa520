//! A relay that closes the connection behind each message.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn everybody_is_written_to_once_over_new_connections() {
    let peer = Peer::start(Habit::ClosesAfterEachMessage);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    assert_eq!(peer.recipients(), ["person1@example.net", "person2@example.net", "person3@example.net"]);
    assert!(peer.connections() >= 3);
}

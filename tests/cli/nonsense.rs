//! A server that speaks another protocol.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn what_is_no_smtp_server_counts_as_out_of_reach() {
    let peer = Peer::start(Habit::TalksNonsense);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(13).says("desk");
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!(status["recipients"]["pending"], 2);
}

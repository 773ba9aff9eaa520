//! Nobody is written to twice because `send` was typed twice.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn a_second_send_leaves_out_everybody_already_written_to() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0).says("already");
    assert_eq!(peer.recipients(), ["person1@example.net", "person2@example.net", "person3@example.net"]);
}

#[test]
fn only_those_who_are_new_are_written_to() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.list(3);
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!(plan["recipients"], 1);
    assert_eq!(plan["excluded"]["already"], 2);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    assert_eq!(peer.recipients(), ["person1@example.net", "person2@example.net", "person3@example.net"]);
}

#[test]
fn again_writes_to_everybody_with_new_message_ids() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.mailrun(&["send", "letter", "--yes", "--again"]).ends(0);
    let ids: Vec<_> = peer.taken().iter().flat_map(|message| message.header("Message-ID")).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn what_went_through_the_sandbox_does_not_count_as_sent() {
    let workspace = Workspace::letter(3);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!(plan["recipients"], 3);
    assert_eq!(plan["excluded"]["already"], 0);
}

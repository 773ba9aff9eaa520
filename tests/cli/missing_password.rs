//! A password that the environment does not hold, with nobody there to ask.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn the_variable_is_named_and_nothing_is_tried() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    workspace.relay(peer.port, "user = \"news\"\npassword = { env = \"DESK_PASSWORD\" }");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(12).says("DESK_PASSWORD").says("desk");
    assert_eq!(peer.logins(), 0);
    assert_eq!(peer.recipients(), Vec::<String>::new());
}

#[test]
fn a_password_that_is_set_nowhere_is_asked_for_and_nobody_is_here() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    workspace.mailrun(&["send", "letter", "--yes", "--dry-run"]).ends(0);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.relay(peer.port, "user = \"news\"");
    workspace.list(2);
    for words in [["send", "letter", "--yes"].as_slice(), &["relay", "test", "desk"]] {
        workspace.mailrun(words).ends(12).says("no password is set").says("password = { env = \"NAME\" }");
    }
    workspace.mailrun(&["resume", "letter"]).ends(5);
    assert_eq!(peer.logins(), 0);
}

//! A relay that refuses the login is asked once.

use crate::stage::{Habit, Peer, Workspace};

const LOGIN: &str = "user = \"news\"\npassword = { env = \"DESK_PASSWORD\" }";

#[test]
fn one_try_and_the_run_ends() {
    let peer = Peer::start(Habit::RefusesLogin);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.relay(peer.port, LOGIN);
    let password = "canary-hunter2";
    workspace
        .mailrun_with(&[("DESK_PASSWORD", password)], &["send", "letter", "--yes"])
        .ends(12)
        .says("desk")
        .says("535")
        .says("hint: check `user`")
        .never_says(password);
    assert_eq!(peer.logins(), 1);
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!(status["recipients"]["pending"], 2, "nobody pays for the relay's trouble");
}

#[test]
fn a_login_that_is_taken_sends() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.relay(peer.port, LOGIN);
    workspace.mailrun_with(&[("DESK_PASSWORD", "secret")], &["send", "letter", "--yes"]).ends(0);
    assert_eq!(peer.logins(), peer.connections());
    assert_eq!(peer.recipients().len(), 2);
}

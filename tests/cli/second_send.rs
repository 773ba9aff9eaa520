//! One workspace, one sender.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn a_second_send_while_one_runs_names_the_first() {
    let peer = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(peer.port, 1);
    let first = workspace.start(&["send", "letter", "--yes"]);
    peer.wait_for_a_dot();
    workspace.mailrun(&["send", "letter", "--yes"]).ends(11).says(&first.pid().to_string());
    workspace.mailrun(&["resume", "letter"]).ends(11).says(&first.pid().to_string());
    first.kill();
}

#[test]
fn status_is_answered_while_a_run_goes_on() {
    let peer = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(peer.port, 2);
    let first = workspace.start(&["send", "letter", "--yes"]);
    peer.wait_for_a_dot();
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!(status["state"], "sending");
    assert_eq!(status["recipients"]["pending"], 2, "in flight is pending while its engine lives");
    first.kill();
}

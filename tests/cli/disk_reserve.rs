//! Without the room that outcomes need, nothing is begun.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn no_mail_starts_below_the_reserve() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    workspace.relay(peer.port, "[state]\nmin_free = \"8000PiB\"");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(15).says(".mailrun");
    assert!(peer.taken().is_empty());
    workspace.relay(peer.port, "");
    let run = workspace.mailrun(&["resume", "letter"]);
    let run = if run.code == Some(5) { workspace.mailrun(&["send", "letter", "--yes"]) } else { run };
    run.ends(0);
    assert_eq!(peer.recipients().len(), 1);
}

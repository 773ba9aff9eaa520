//! A campaign may ask to be told of deliveries; a relay that cannot is not asked, and that is said.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn a_relay_without_dsn_is_sent_to_all_the_same() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.settings("[send]\ndsn = { notify = [\"failure\", \"delay\"], ret = \"headers\" }");
    workspace.relay(peer.port, "messages_per_session = 1");
    let run = workspace.mailrun(&["send", "letter", "--yes"]).ends(0).says("does not offer DSN");
    assert_eq!(run.stderr.matches("does not offer DSN").count(), 1, "once, however many sessions");
    assert_eq!(peer.recipients().len(), 3);
}

//! A machine that slept: the time since boot has passed, though nobody was awake.

use super::clock::under;
use crate::stage::{Habit, Peer, Workspace};

#[test]
#[ignore = "needs faketime and a time namespace of its own: tests/run runs it"]
fn the_time_of_a_suspend_has_passed_for_quotas_too() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.relay(peer.port, "quotas = [{ limit = 1, unit = \"messages\", per = \"1h\" }]");
    workspace.mailrun(&["send", "letter", "--yes", "--no-wait"]).ends(4);
    let resume = ["resume", "letter", "--no-wait"];
    let asleep = |seconds| ["unshare", "-T", "--boottime", seconds];
    under(&asleep("3000"), "+3000s", &workspace, &resume).ends(4);
    assert_eq!(peer.taken().len(), 1, "less than an hour");
    under(&asleep("28800"), "+8h", &workspace, &resume).ends(4);
    assert_eq!(peer.taken().len(), 2, "eight hours, and no more than one message for all of them");
}

//! A clock that stands behind the last record.

use assert_cmd::Command;

use crate::stage::{Habit, Peer, Workspace, binary};

#[test]
#[ignore = "needs Debian's faketime: tests/run runs it"]
fn a_clock_behind_the_last_record_is_not_trusted() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let before = peer.taken().len();

    workspace.write("campaigns/letter/recipients.csv", "email,first_name\nada@example.net,Ada\n");
    let run = workspace.command(&["send", "letter", "--yes"]);
    let mut faked = Command::new("faketime");
    faked.args(["-f", "-3d"]).arg(binary()).args(run.get_args()).current_dir(workspace.path(""));
    for (name, value) in run.get_envs() {
        if let Some(value) = value {
            faked.env(name, value);
        }
    }
    let output = faked.output().expect("faketime can be started");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(15), "{words}");
    assert!(words.contains("clock"), "{words}");
    assert_eq!(peer.taken().len(), before, "nothing is sent by a clock that nobody can trust");
}

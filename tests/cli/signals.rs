//! A run that is told to stop saves where it stands.

use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Habit, Peer, Running, Workspace};

/// A run that waits for a quota, with two of five people written to.
fn waiting(workspace: &Workspace, peer: &Peer) -> Running {
    workspace.relay(peer.port, "quotas = [{ limit = 2, unit = \"recipients\", per = \"24h\" }]");
    let run = workspace.start(&["send", "letter", "--yes"]);
    for _ in 0..300 {
        let status = workspace.mailrun(&["status", "letter", "--json"]);
        if status.code == Some(0) && status.json()["state"] == "waiting" {
            return run;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the run never waits: {}", workspace.mailrun(&["status", "letter"]));
}

#[test]
fn each_signal_has_its_exit_code_and_resume_goes_on() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let peer = Peer::start(Habit::Takes);
        let workspace = Workspace::letter_to(peer.port, 5);
        let run = waiting(&workspace, &peer);
        let pid = i32::try_from(run.pid()).ok().and_then(Pid::from_raw).expect("the id of a process");
        kill_process(pid, signal).expect("the run is still there");
        run.wait().ends(code).says("mailrun resume letter");

        let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
        assert_eq!((&status["state"], &status["reason"]), (&"interrupted".into(), &"signal".into()));
        workspace.relay(peer.port, "");
        workspace.mailrun(&["resume", "letter"]).ends(0);
        assert_eq!(peer.recipients().len(), 5);
    }
}

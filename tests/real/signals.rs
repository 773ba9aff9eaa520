//! A run that is told to stop while replies are owed, and one whose terminal goes away.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::stage::{Habit, Oracle, Peer, Running, Workspace, binary, recipients_of};

/// How often something is looked at that is to come, and for how long: a little more than the thirty seconds after
/// which SIGTERM and SIGHUP stop waiting for replies.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 4_500;

/// Waits until `come` says so.
fn wait_until(what: &str, mut come: impl FnMut() -> bool) {
    for _ in 0..LOOKS {
        if come() {
            return;
        }
        thread::sleep(LOOK);
    }
    panic!("{what} does not come about");
}

fn tell(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("the id of a process");
    kill_process(pid, signal).expect("the process is there");
}

/// A run of three whose first message is never answered.
fn in_doubt() -> (Peer, Workspace, Running) {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(silent.port, 3);
    let run = workspace.start(&["send", "letter", "--yes"]);
    silent.wait_for_a_dot();
    (silent, workspace, run)
}

fn names_one_and_goes_on(workspace: &Workspace) {
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!((&status["state"], &status["reason"]), (&"interrupted".into(), &"signal".into()));
    assert_eq!((recipients_of(&status, "uncertain"), recipients_of(&status, "pending")), (1, 2));
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, "");
    workspace.mailrun(&["resume", "letter", "--uncertain", "skip"]).ends(3);
    assert_eq!(peer.recipients().len(), 2);
}

#[test]
#[ignore = "takes half a minute: tests/run runs it"]
fn a_second_interrupt_names_the_uncertain_and_term_and_hup_become_one_after_thirty_seconds() {
    let cases = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
    let threads = cases.map(|(signal, code)| {
        thread::spawn(move || {
            let (_silent, workspace, mut run) = in_doubt();
            let pid = run.pid();
            tell(pid, signal);
            if signal == Signal::INT {
                // Without a second one it waits as long as RFC 5321 wants.
                thread::sleep(Duration::from_secs(2));
                tell(pid, signal);
            }
            wait_until("the end", || run.has_ended());
            run.wait().ends(code).says("uncertain");
            names_one_and_goes_on(&workspace);
        })
    });
    for thread in threads {
        thread.join().expect("each signal is heeded");
    }
}

/// Starts mailrun on a terminal of its own, which goes away with what is returned.
fn on_a_terminal(workspace: &Workspace, arguments: &str) -> std::process::Child {
    let mut script = Command::new("script");
    script.args(["-qfc", &format!("exec {} {arguments}", binary().display()), "/dev/null"]);
    script.current_dir(workspace.path("")).env("HOME", workspace.path("")).env("TERM", "xterm-256color");
    script.env("SHELL", "/bin/sh").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    script.spawn().expect("script(1) of bsdutils, which every Debian has")
}

/// The process that holds the workspace, as its lock says.
fn holder(workspace: &Workspace) -> Option<Pid> {
    let lock = std::fs::read_to_string(workspace.path(".mailrun/lock")).ok()?;
    lock.split_whitespace().next()?.parse().ok().and_then(Pid::from_raw)
}

#[test]
#[ignore = "needs a terminal of its own: tests/run runs it"]
fn a_terminal_that_is_closed_ends_the_run_in_good_order() {
    let folder = tempfile::tempdir().expect("a folder for the log");
    let oracle = Oracle::start(folder.path().join("taken"), &["--latency", "10ms"]);
    let workspace = Workspace::letter_to(oracle.port, 5_000);
    let mut terminal = on_a_terminal(&workspace, "send letter --yes");
    wait_until("the two hundredth acceptance", || oracle.accepted() >= 200);
    let run = holder(&workspace).expect("the run holds the workspace");
    terminal.kill().expect("the terminal is there");
    terminal.wait().expect("the terminal is gone");
    wait_until("the end of the run", || test_kill_process(run).is_err());
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!((&status["state"], &status["reason"]), (&"interrupted".into(), &"signal".into()), "{status}");
    assert_eq!(recipients_of(&status, "uncertain"), 0, "{status}");
    assert_eq!(recipients_of(&status, "accepted"), oracle.accepted() as u64);
    workspace.mailrun(&["resume", "letter"]).ends(0);
    assert_eq!(oracle.accepted(), 5_000);
    assert!(oracle.acceptances().values().all(|times| times.len() == 1), "nobody twice");
}

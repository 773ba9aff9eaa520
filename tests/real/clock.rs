//! Clocks that are wrong: behind the last record, ahead of the time since boot, never set, and set while a
//! run goes on.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::stage::{Habit, Peer, Run, Running, Workspace, binary, recipients_of};

/// One message an hour.
const ONE_AN_HOUR: &str = "quotas = [{ limit = 1, unit = \"messages\", per = \"1h\" }]";

/// mailrun under a clock that Debian's faketime sets: `-3d`, `+26h`, `@1970-01-01 00:01:00`. Only the wall
/// clock is another: the time since boot passes as it does.
pub(super) fn under(before: &[&str], clock: &str, workspace: &Workspace, arguments: &[&str]) -> Run {
    let command = workspace.command(arguments);
    let mut words: Vec<&str> = before.to_vec();
    words.extend(["faketime", "-f", clock]);
    let (program, rest) = words.split_first().expect("faketime at least");
    let mut faked = Command::new(program);
    faked.args(rest).arg(binary()).args(command.get_args()).current_dir(workspace.path(""));
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        faked.env(name, value);
    }
    faked.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let output = faked.stdin(Stdio::null()).output().expect("faketime can be started");
    Run::new(format!("faketime {clock} mailrun {}", arguments.join(" ")), output)
}

/// Starts mailrun under a clock that goes by what stands in the file `clock` of the workspace.
fn start_under_a_file(workspace: &Workspace, arguments: &[&str]) -> Running {
    let shown = Command::new("faketime").args(["-f", "+0", "env"]).output().expect("faketime can be started");
    let shown = String::from_utf8(shown.stdout).expect("the environment is text");
    let preload = shown.lines().find_map(|line| line.strip_prefix("LD_PRELOAD=")).expect("faketime preloads");
    let file = workspace.path("clock");
    let file = file.to_str().expect("a path of the test is text");
    let variables = [
        ("LD_PRELOAD", preload),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    workspace.start_with(&variables, arguments)
}

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    for _ in 0..400 {
        if reached() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}");
}

#[test]
#[ignore = "needs Debian's faketime: tests/run runs it"]
fn a_clock_behind_the_last_record_is_not_trusted() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let before = peer.taken().len();

    workspace.write("campaigns/letter/recipients.csv", "email,first_name\nada@example.net,Ada\n");
    let refused = under(&[], "-3d", &workspace, &["send", "letter", "--yes"]).ends(15);
    refused.says("clock").says("mailrun doctor --accept-clock");
    assert_eq!(peer.taken().len(), before, "nothing is sent by a clock that nobody can trust");
}

#[test]
#[ignore = "needs Debian's faketime: tests/run runs it"]
fn after_a_clock_that_was_wrong_the_operators_word_lets_mailrun_go_on_with_full_windows() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 4);
    let two_a_day = "quotas = [{ limit = 2, unit = \"messages\", per = \"24h\" }]";
    workspace.relay(peer.port, two_a_day);
    under(&[], "+3d", &workspace, &["send", "letter", "--yes", "--limit", "1"]).ends(4);
    assert_eq!(peer.taken().len(), 1);

    workspace.mailrun(&["resume", "letter", "--no-wait"]).ends(15).says("mailrun doctor --accept-clock");
    workspace.mailrun(&["doctor", "--accept-clock"]).ends(2).says("--yes").says("24 hours for 24 hours");
    workspace.mailrun(&["resume", "letter", "--no-wait"]).ends(15);
    workspace.mailrun(&["doctor", "--accept-clock", "--yes"]).ends(0).says("by the clock from now on");
    workspace.mailrun(&["doctor", "--accept-clock", "--yes"]).ends(0).says("nothing was changed");

    workspace.mailrun(&["resume", "letter", "--no-wait"]).ends(4).says("desk waits for quota until");
    assert_eq!(peer.taken().len(), 1, "one of the two a day is left, and nobody knows of which day");
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!(status["relays"]["desk"]["quotas"][0]["used"], 2);
    assert_eq!(recipients_of(&status, "accepted"), 1);
    workspace.relay(peer.port, "");
    workspace.mailrun(&["resume", "letter"]).ends(0);
    assert_eq!(peer.recipients().len(), 4);
}

#[test]
#[ignore = "needs Debian's faketime: tests/run runs it"]
fn a_clock_that_jumps_ahead_between_two_runs_opens_no_window() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.relay(peer.port, ONE_AN_HOUR);
    workspace.mailrun(&["send", "letter", "--yes", "--no-wait"]).ends(4);
    under(&[], "+26h", &workspace, &["resume", "letter", "--no-wait"]).ends(4);
    assert_eq!(peer.taken().len(), 1);
}

#[test]
#[ignore = "needs Debian's faketime: tests/run runs it"]
fn a_machine_that_booted_in_1970_sends_nothing() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    let clock = "@1970-01-01 00:01:00";
    under(&[], clock, &workspace, &["send", "letter", "--yes"]).ends(15).says("set the clock");
    under(&[], clock, &workspace, &["doctor", "--accept-clock", "--yes"]).ends(15).says("set the clock");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.list(2);
    under(&[], clock, &workspace, &["send", "letter", "--yes"]).ends(15);
    assert_eq!(peer.taken().len(), 1);
}

#[test]
#[ignore = "needs Debian's faketime: tests/run runs it"]
fn a_clock_that_jumps_during_a_run_opens_no_window_and_holds_nobody_up() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.relay(peer.port, ONE_AN_HOUR);
    workspace.write("clock", "+0\n");
    let run = start_under_a_file(&workspace, &["send", "letter", "--yes"]);
    wait_until("the first message is taken", || peer.taken().len() == 1);
    for jump in ["+26h\n", "-26h\n"] {
        fs::write(workspace.path("clock"), jump).expect("a file of the workspace can be written");
        // The engine looks at the clock once a second, and whenever it is asked.
        for _ in 0..30 {
            workspace.mailrun(&["status", "letter", "--json"]).ends(0);
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(peer.taken().len(), 1, "the hour of the quota has not passed: {jump}");
    }
    run.kill();

    // No quota: a clock that was set back does not hold up the rest.
    let workspace = Workspace::letter_to(peer.port, 40);
    workspace.relay(peer.port, "rate = \"10/s\"");
    workspace.write("clock", "+0\n");
    let run = start_under_a_file(&workspace, &["send", "letter", "--yes"]);
    wait_until("some messages are taken", || peer.taken().len() > 5);
    fs::write(workspace.path("clock"), "-26h\n").expect("a file of the workspace can be written");
    run.wait().ends(0);
    assert_eq!(peer.taken().len(), 41);
}

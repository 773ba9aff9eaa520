//! A disk that fails: fdatasync says EIO, by the hand of strace, while messages are on their way.

use std::collections::HashMap;
use std::process::Command;

use assert_cmd::Command as Waited;

use crate::stage::{Oracle, Run, Workspace, binary, fates};

/// Slow enough that replies are owed when the sync fails.
const PERSONA: [&str; 4] = ["--latency", "40ms", "--refuse", "person*7@*=550 5.1.1 no such user"];
const RECIPIENTS: usize = 400;

/// Runs mailrun under strace, which lets every fdatasync of a thread from the `from`-th on fail.
fn mailrun_with_failing_syncs(workspace: &Workspace, from: usize, arguments: &[&str]) -> Run {
    let command = workspace.command(arguments);
    let mut traced = Waited::new("strace");
    let inject = format!("inject=fdatasync:error=EIO:when={from}+");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject]);
    traced.arg(binary()).args(command.get_args()).current_dir(workspace.path(""));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    let output = traced.timeout(std::time::Duration::from_mins(1)).output().expect("strace can be started");
    Run::new(format!("strace mailrun {}", arguments.join(" ")), output)
}

fn set_up(oracle: &Oracle) -> Workspace {
    let workspace = Workspace::letter_to(oracle.port, RECIPIENTS);
    workspace.relay(oracle.port, "[state]\nmin_free = \"1MiB\"");
    workspace.edit("campaigns/relays.toml", "sessions = 1", "sessions = 8");
    workspace
}

#[test]
#[ignore = "needs strace: tests/run runs it"]
fn when_a_sync_fails_nothing_new_leaves_and_no_reply_is_lost() {
    for from in [3, 8, 15, 25] {
        let folder = tempfile::tempdir().expect("a folder for the log");
        let oracle = Oracle::start(folder.path().join("taken"), &PERSONA);
        let workspace = set_up(&oracle);
        let failed = mailrun_with_failing_syncs(&workspace, from, &["send", "letter", "--yes"]);
        assert_eq!(failed.code, Some(15), "sync {from}: {failed}");
        let taken = oracle.accepted();
        let status = workspace.mailrun(&["status", "letter", "--json"]);
        if status.code == Some(0) && status.json()["state"] != "planned" {
            let (status, report) = (status.json(), workspace.mailrun(&["report", "letter", "--csv"]).ends(0));
            assert_eq!(status["recipients"]["accepted"], taken, "sync {from}: {status}");
            assert_eq!(
                status["recipients"]["uncertain"], 0,
                "sync {from}: every reply was waited for: {status}"
            );
            assert_eq!(fates(&report).iter().filter(|fate| fate.state == "accepted").count(), taken);
            workspace.mailrun(&["resume", "letter"]).ends(3);
        } else {
            // It failed before anything was begun.
            assert_eq!(taken, 0);
            workspace.mailrun(&["send", "letter", "--yes"]).ends(3);
        }
        let acceptances = oracle.acceptances();
        let twice: HashMap<_, _> = acceptances.iter().filter(|(_, times)| times.len() > 1).collect();
        assert!(twice.is_empty(), "sync {from}: {twice:?}");
        let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
        let refused = (1..=RECIPIENTS).filter(|number| number % 10 == 7).count();
        assert_eq!(status["recipients"]["rejected"], refused);
        assert_eq!(status["recipients"]["accepted"], RECIPIENTS - refused, "sync {from}: {status}");
        assert_eq!(acceptances.len(), RECIPIENTS - refused);
    }
}

#[test]
#[ignore = "needs strace: tests/run runs it"]
fn a_failed_sync_is_not_tried_again() {
    let folder = tempfile::tempdir().expect("a folder for the log");
    let oracle = Oracle::start(folder.path().join("taken"), &PERSONA);
    let workspace = set_up(&oracle);
    let trace = workspace.path("trace");
    let command = workspace.command(&["send", "letter", "--yes"]);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o"]).arg(&trace);
    traced.args(["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=12"]);
    traced.arg(binary()).args(command.get_args()).current_dir(workspace.path(""));
    traced.env("HOME", workspace.path("")).env("NO_COLOR", "1");
    let status = traced.output().expect("strace can be started").status;
    assert_eq!(status.code(), Some(15));
    // The journal's thread is the one that syncs most; the other lays out segments.
    let trace = std::fs::read_to_string(trace).expect("strace wrote down what it saw");
    let mut by_thread: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in trace.lines().filter(|line| line.contains("fdatasync(")) {
        by_thread.entry(line.split_whitespace().next().unwrap_or_default()).or_default().push(line);
    }
    let mut failed = by_thread.values().filter(|calls| calls.iter().any(|call| call.contains("EIO")));
    let calls = failed.next().expect("a sync was made to fail");
    assert!(calls.last().is_some_and(|call| call.contains("EIO")), "it is the thread's last: {calls:?}");
}

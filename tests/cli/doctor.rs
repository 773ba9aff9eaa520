//! `doctor` looks at everything, changes nothing, and says what to do.

use std::fs;

use serde_json::Value;

use crate::stage::{Habit, Peer, Workspace};

fn sent(count: usize) -> Workspace {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, count);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace
}

fn health_of(report: &Value, part: &str) -> String {
    let findings = report["findings"].as_array().expect("findings");
    let found = findings.iter().find(|finding| finding["part"] == part).expect("a finding of that part");
    found["health"].as_str().expect("a word").to_owned()
}

#[test]
fn a_state_without_a_fault_has_a_line_for_each_part() {
    let workspace = Workspace::letter(3);
    workspace.mailrun(&["doctor"]).ends(0).says("nothing was planned or sent");
    let workspace = sent(3);
    let report = workspace.mailrun(&["doctor"]).ends(0);
    for part in ["journal", "records", "index", "plans", "suppressions", "keys", "clock", "room"] {
        assert!(report.stdout.lines().any(|line| line.starts_with("ok ") && line.contains(part)), "{report}");
    }
    report.says("All is well").says("agrees with the journal");
    let json = workspace.mailrun(&["doctor", "--json"]).ends(0).json();
    assert_eq!(json["health"], "ok");
    workspace.mailrun(&["doctor", "--yes"]).ends(2);
}

#[test]
fn a_damaged_journal_ends_with_15_and_every_command_points_here() {
    let workspace = sent(3);
    let journal = workspace.path(".mailrun/journal/00000001.wal");
    let mut octets = fs::read(&journal).expect("a journal");
    octets[300] ^= 0x10;
    fs::write(&journal, octets).expect("a journal");
    for command in [&["status", "letter"][..], &["send", "letter", "--yes"], &["report", "letter"]] {
        workspace.mailrun(command).ends(15).says("damaged").says("`mailrun doctor`");
    }
    let report = workspace.mailrun(&["doctor"]).ends(15);
    report.says("00000001.wal is damaged at octet").says("put that file back from a backup");
    let json = workspace.mailrun(&["doctor", "--json"]).ends(15).json();
    assert_eq!((health_of(&json, "journal"), health_of(&json, "plans")), ("error".into(), "ok".into()));

    let export = workspace.mailrun(&["doctor", "--export"]).ends(15);
    let lines: Vec<Value> =
        export.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["kind"], &lines[0]["lsn"]), (&"epoch".into(), &1.into()));
    assert_eq!(lines.last().expect("a line")["kind"], "damage");
}

#[test]
fn the_journal_is_exported_with_names_and_words_and_without_addresses() {
    let workspace = sent(3);
    let export = workspace.mailrun(&["doctor", "--export"]).ends(0);
    assert!(!export.stdout.contains("@example.net"), "{export}");
    let lines: Vec<Value> =
        export.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    assert_eq!((of("run").len(), of("intent").len(), of("outcome").len(), of("ended").len()), (1, 3, 3, 1));
    assert_eq!(of("intent")[0]["relay"], "desk");
    let reply = &of("outcome")[0]["fates"][0]["reply"];
    assert_eq!((&reply["code"], &reply["words"]), (&250.into(), &"2.0.0 taken".into()));
    assert!(of("run")[0]["time"].as_str().is_some_and(|time| time.ends_with('Z')));
    for (number, line) in (1..).zip(&lines) {
        assert_eq!(line["lsn"], number);
    }
    workspace.mailrun(&["doctor", "--export", "journal.jsonl"]).ends(0);
    let written = fs::read_to_string(workspace.path("journal.jsonl")).expect("a file");
    assert_eq!(written, export.stdout);
}

#[test]
fn a_run_that_goes_on_is_no_fault() {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(silent.port, 2);
    let run = workspace.start(&["send", "letter", "--yes"]);
    silent.wait_for_a_dot();
    let report = workspace.mailrun(&["doctor"]).ends(0);
    report.says(&format!("held by process {}", run.pid())).says("not looked at");
    run.kill();
    workspace.mailrun(&["doctor"]).ends(0).says("1 message on").says("mailrun resume");
}

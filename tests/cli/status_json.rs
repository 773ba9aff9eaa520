//! The fields of `status --json` and `report --json`.

use serde_json::Value;

use crate::stage::{Workspace, recipients_of};

fn check_finished(status: &Value) {
    assert_eq!(status["campaign"], "letter");
    assert_eq!(status["edition"], 1);
    assert!(status["plan"].is_string());
    assert_eq!(status["state"], "finished");
    assert_eq!(status["reason"], Value::Null);
    assert_eq!(recipients_of(status, "accepted"), 3);
    for reason in ["duplicate", "invalid", "filtered", "suppressed", "already"] {
        assert_eq!(status["excluded"][reason], 0, "excluded.{reason}");
    }
    assert_eq!((&status["batches"]["planned"], &status["batches"]["done"]), (&3.into(), &3.into()));
    let relay = &status["relays"]["desk"];
    assert_eq!(relay["accepted"], 3);
    for count in ["deferred", "rejected", "uncertain"] {
        assert_eq!(relay[count], 0, "relays.desk.{count}");
    }
    assert!(relay["quotas"].is_array());
    for time in ["started", "finished"] {
        let time = status[time].as_str().expect("a time as text");
        time.parse::<jiff::Timestamp>().expect("RFC 3339");
        assert!(time.ends_with('Z'), "UTC: {time}");
    }
    assert_eq!(status["next_attempt"], Value::Null);
}

#[test]
fn a_finished_campaign_has_all_fields() {
    let workspace = Workspace::letter(3);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    check_finished(&workspace.mailrun(&["status", "letter", "--json"]).ends(0).json());
    check_finished(&workspace.mailrun(&["report", "letter", "--json"]).ends(0).json());
}

#[test]
fn a_planned_campaign_has_its_recipients_pending() {
    let workspace = Workspace::letter(3);
    workspace.mailrun(&["plan", "letter"]).ends(0);
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!(status["state"], "planned");
    assert_eq!(recipients_of(&status, "pending"), 3);
}

#[test]
fn send_json_ends_with_a_summary() {
    let workspace = Workspace::letter(3);
    let run = workspace.mailrun(&["send", "letter", "--yes", "--json"]).ends(0);
    let lines: Vec<Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let last = lines.last().expect("at least the summary");
    assert_eq!(last["message_type"], "summary");
    assert_eq!(last["recipients"]["accepted"], 3);
    assert!(lines.iter().all(|line| line["message_type"].is_string()));
}

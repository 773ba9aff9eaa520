//! Limits by destination and warm-ups: what `plan` says of them, and what a run makes of them.

use crate::stage::{Habit, Peer, Workspace, recipients_of};

/// Five people at example.net, and one elsewhere at the end of the list.
fn letter(peer: &Peer, settings: &str) -> Workspace {
    let workspace = Workspace::letter_to(peer.port, 5);
    workspace.list_with(5, "ada@example.org,Ada\n");
    workspace.relay(peer.port, settings);
    workspace
}

#[test]
fn the_plan_names_the_domain_that_binds() {
    let peer = Peer::start(Habit::Takes);
    let workspace = letter(&peer, "[relays.desk.domains.\"example.net\"]\nrate = \"1/50s\"");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    let bound = &plan["bound_by"];
    assert_eq!((&bound["relay"], &bound["kind"]), (&"desk".into(), &"domain".into()), "{plan}");
    assert_eq!(bound["domain"], "example.net");
    assert_eq!(plan["relays"]["desk"]["recipients"], 6);
    workspace.mailrun(&["plan", "letter"]).ends(0).says("bound by the limits of desk for example.net");
}

#[test]
fn a_domain_at_its_limit_holds_up_nobody_else() {
    let peer = Peer::start(Habit::Takes);
    let settings = "[relays.desk.domains.\"example.net\"]\nsessions = 1\nrate = \"20/s\"";
    let workspace = letter(&peer, settings);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let order = peer.recipients();
    assert_eq!((order.len(), order[0].as_str()), (6, "ada@example.org"), "{order:?}");
}

#[test]
fn a_warm_up_is_shown_by_the_day_and_outlives_the_process() {
    let peer = Peer::start(Habit::Takes);
    let workspace = letter(&peer, "warmup = { from = 2, factor = 1.5, zone = \"UTC\" }");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!(plan["bound_by"]["kind"], "warmup");
    assert_eq!(
        plan["notes"].as_array().and_then(|notes| notes.last()).and_then(|note| note.as_str()),
        Some("warm-up: day 1 of the ramp of desk, 2 today")
    );
    let days = plan["days"].as_array().expect("days is a list").iter();
    let days: Vec<_> = days.filter_map(|day| day["relays"]["desk"].as_u64()).collect();
    assert_eq!(days.iter().sum::<u64>(), 6, "{plan}");

    workspace.mailrun(&["send", "letter", "--yes", "--no-wait"]).ends(4);
    let resumed = workspace.mailrun(&["resume", "letter", "--no-wait"]);
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    // Midnight may have passed meanwhile: a second day has three.
    let accepted = recipients_of(&status, "accepted");
    assert!(accepted == 2 || accepted == 5, "{status}");
    assert_eq!(status["reason"], "quota");
    resumed.ends(4).says("desk waits for the next day of its warm-up until");
    workspace.list_with(9, "");
    workspace.mailrun(&["relay", "list"]).ends(0).says("2");
}

#[test]
fn what_is_wrong_with_a_limit_is_told_at_its_place() {
    let workspace = Workspace::letter(1);
    workspace.relay(9, "[relays.desk.domains.\"gmail.com\"]\nrate = \"100/h\"");
    let checked = workspace.mailrun(&["check", "letter"]).ends(10);
    checked.says("relays.toml:7:8").says("\"100/h\" is a quota").says("a domain has no quota");
}

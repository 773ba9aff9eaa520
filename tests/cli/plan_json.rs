//! The fields of `plan --json`.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn the_forecast_names_days_relays_and_what_binds() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 5);
    workspace.relay(peer.port, "quotas = [{ limit = 2, unit = \"recipients\", per = \"24h\" }]");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();

    assert_eq!(plan["campaign"], "letter");
    assert!(plan["plan"].is_string());
    assert_eq!(plan["recipients"], 5);
    assert_eq!(plan["batches"], 5);
    for reason in ["duplicate", "invalid", "filtered", "suppressed", "already"] {
        assert_eq!(plan["excluded"][reason], 0, "excluded.{reason}");
    }
    assert_eq!(plan["relays"]["desk"]["recipients"], 5);
    let days = plan["days"].as_array().expect("days is a list");
    let by_day: Vec<_> = days.iter().map(|day| day["relays"]["desk"].as_u64()).collect();
    assert_eq!(by_day.iter().flatten().sum::<u64>(), 5, "{plan}");
    assert!(by_day.iter().flatten().all(|count| *count <= 4), "two a window, two windows can touch a day");
    assert!(days[0]["date"].is_string());
    assert!(plan["ends"].is_string());
    assert_eq!(plan["bound_by"]["relay"], "desk");
    assert_eq!(plan["bound_by"]["kind"], "quota");
    assert!(plan["uncertain_bound"].as_u64().is_some_and(|bound| bound >= 1), "{plan}");
    assert!(plan["state_bytes"].is_u64());
    assert!(peer.taken().is_empty(), "plan sends nothing");
}

#[test]
fn a_plan_is_named_by_its_content() {
    let workspace = Workspace::letter(2);
    let id = || workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json()["plan"].clone();
    let first = id();
    assert_eq!(id(), first);
    workspace.list(3);
    assert_ne!(id(), first);
}

//! Relays looked at without sending anything.

use crate::stage::{Habit, Peer, Workspace};

const LOGIN: &str = "user = \"news\"\npassword = { env = \"DESK_PASSWORD\" }";

#[test]
fn a_test_logs_in_and_shows_what_the_server_offers() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    workspace.relay(peer.port, LOGIN);
    workspace
        .mailrun_with(&[("DESK_PASSWORD", "secret")], &["relay", "test", "desk"])
        .ends(0)
        .says("PIPELINING");
    assert_eq!(peer.logins(), 1);
    assert!(peer.taken().is_empty());
}

#[test]
fn a_test_of_a_relay_that_refuses_the_login_fails() {
    let peer = Peer::start(Habit::RefusesLogin);
    let workspace = Workspace::letter_to(peer.port, 1);
    workspace.relay(peer.port, LOGIN);
    workspace.mailrun_with(&[("DESK_PASSWORD", "secret")], &["relay", "test", "desk"]).ends(12).says("535");
}

#[test]
fn the_list_shows_what_is_left_of_each_quota() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.relay(peer.port, "quotas = [{ limit = 70, unit = \"recipients\", per = \"24h\" }]");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.mailrun(&["relay", "list"]).ends(0).says("desk").says("67");
}

#[test]
fn a_relay_of_no_such_name_is_offered_the_nearest() {
    let workspace = Workspace::letter(1);
    workspace.mailrun(&["relay", "test", "dsek"]).ends(5).says("desk");
}

#[test]
fn a_test_of_the_sandbox_asks_its_own_server() {
    let workspace = Workspace::letter(1);
    let test = ["relay", "test", "desk", "--verify", "ada", "--expand", "staff", "--ask-help"];
    let run = workspace.mailrun(&test).ends(0).says("desk works").says("PIPELINING");
    run.says("VRFY ada")
        .says("252")
        .says("the server does not say")
        .says("EXPN staff")
        .says("HELP")
        .says("214")
        .says("takes commands in groups")
        .says("took")
        .says("greeting");
    let mut seen = workspace.mailrun(&[&test[..], &["--json"]].concat()).ends(0).json();
    assert_eq!(seen["steps"][0]["step"], "connect");
    let answers = seen["answers"].take();
    assert_eq!(answers[2]["asked"], "EXPN staff");
    assert_eq!(answers[2]["code"], 502);
}

#[test]
fn the_presets_are_shown_without_a_workspace() {
    let workspace = Workspace::empty();
    std::fs::remove_dir(workspace.path("campaigns")).expect("an empty folder");
    workspace.mailrun(&["relay", "list"]).ends(5);
    let all = workspace.mailrun(&["relay", "list", "--presets", "--json"]).ends(0).json();
    assert!(all.as_array().is_some_and(|presets| presets.len() > 20), "{all}");
    let ovh = workspace.mailrun(&["relay", "list", "--presets", "ovh"]).ends(0);
    ovh.says("limit = 200, unit = \"recipients\", per = \"1h\"").says("L, a guess, 2026-11");
    workspace.mailrun(&["relay", "list", "--presets", "ofice365"]).ends(5).says("`office365`");
}

#[test]
fn a_limit_that_is_a_guess_is_said_to_be_one_until_it_is_set() {
    let workspace = Workspace::letter(1);
    let relay = "[relays.desk]\npreset = \"ovh\"\nuser = \"news@example.com\"\n";
    let guess = "is a guess (low confidence): check it with your provider";
    workspace.write("campaigns/relays.toml", relay);
    for command in [&["relay", "list"][..], &["check", "letter"], &["plan", "letter"]] {
        workspace.mailrun(command).ends(0).says(guess);
    }
    let listed = workspace.mailrun(&["relay", "list", "--json"]).ends(0).json();
    assert_eq!((&listed[0]["preset"], &listed[0]["guesses"][0]), (&"ovh".into(), &"quotas".into()));
    let quota = "quotas = [{ limit = 100, unit = \"recipients\", per = \"1h\" }]";
    workspace.write("campaigns/relays.toml", format!("{relay}{quota}\n"));
    for command in [&["relay", "list"][..], &["check", "letter"], &["plan", "letter"]] {
        workspace.mailrun(command).ends(0).never_says("guess");
    }
}

//! `--no-wait` ends as soon as nothing is due.

use crate::stage::{Habit, Peer, Workspace, recipients_of};

#[test]
fn a_quota_that_binds_leaves_the_rest_for_resume() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 5);
    workspace.relay(peer.port, "quotas = [{ limit = 2, unit = \"recipients\", per = \"24h\" }]");
    workspace.mailrun(&["send", "letter", "--yes", "--no-wait"]).ends(4).says("mailrun resume letter");
    assert_eq!(peer.recipients().len(), 2);

    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!(recipients_of(&status, "accepted"), 2);
    assert_eq!(recipients_of(&status, "pending"), 3);
    assert_eq!(status["state"], "interrupted");
    assert_eq!(status["reason"], "quota");
    let quota = &status["relays"]["desk"]["quotas"][0];
    assert_eq!((&quota["limit"], &quota["used"]), (&2.into(), &2.into()));
    assert!(status["next_attempt"].is_string(), "{status}");

    let resumed = workspace.mailrun(&["resume", "letter", "--no-wait"]).ends(4);
    resumed.says("desk waits for quota until").says("Work is due again");
    assert_eq!(peer.recipients().len(), 2, "the quota outlives the process");
}

#[test]
fn a_limit_leaves_the_rest_for_resume() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 5);
    workspace.mailrun(&["send", "letter", "--yes", "--limit", "2"]).ends(4);
    assert_eq!(peer.recipients().len(), 2);
    workspace.mailrun(&["resume", "letter"]).ends(0);
    assert_eq!(peer.recipients().len(), 5);
}

#[test]
fn two_names_of_one_account_share_its_quota() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 5);
    let quota = "quotas = [{ limit = 2, unit = \"recipients\", per = \"24h\" }]";
    workspace.relay(peer.port, quota);
    workspace.mailrun(&["send", "letter", "--yes", "--no-wait"]).ends(4);
    // The same server under another name.
    let renamed =
        format!("[relays.other]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n{quota}\n", peer.port);
    workspace.write("campaigns/relays.toml", renamed);
    workspace.edit("campaigns/letter/campaign.toml", "\"desk\"", "\"other\"");
    workspace.mailrun(&["resume", "letter", "--no-wait"]).ends(4);
    assert_eq!(peer.recipients().len(), 2, "renaming a relay frees nothing");
}

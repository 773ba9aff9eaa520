//! `purge` removes whatever names people, and nothing that counts.

use std::fs;

use crate::stage::{Habit, Peer, Workspace, recipients_of};

/// Every file of the state that holds one of these texts.
fn holding(workspace: &Workspace, texts: &[&str]) -> Vec<String> {
    let files = workspace.files(".mailrun", "");
    assert!(files.len() > 5, "{files:?}");
    let holds = |octets: &[u8]| {
        texts.iter().any(|text| octets.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    let found = files.into_iter().filter(|file| holds(&fs::read(file).expect("a file of the state")));
    found.map(|file| file.display().to_string()).collect()
}

#[test]
fn no_address_and_no_name_is_left_in_the_state() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter(4);
    let sandbox = "[relays.desk]\npreset = \"sandbox\"\n[relays.desk.sandbox]\n\
                   refuse = [{ recipient = \"person3@*\", reply = \"550 5.1.1 <person3@example.net> unknown\", phase = \"rcpt\" }]\n";
    workspace.write("campaigns/relays.toml", sandbox);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(3);
    workspace.relay(peer.port, "");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.list(5);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.list(7);
    workspace.mailrun(&["plan", "letter"]).ends(0);
    let texts = ["@example.net", "Person 1", "Person 2", "Person 3", "Person 5", "Person 7"];
    assert!(holding(&workspace, &texts).len() > 4);

    let purged = workspace.mailrun(&["purge", "letter", "--yes", "--json"]).ends(0).json();
    assert_eq!((&purged["plans"], &purged["hashes"]), (&3.into(), &5.into()), "{purged}");
    assert_eq!(holding(&workspace, &texts), [""; 0]);
    workspace.mailrun(&["purge", "letter", "--yes"]).ends(0).says("nothing was left to purge");
    assert!(
        workspace.path("campaigns/letter/recipients.csv").exists(),
        "the operator's files are left alone"
    );
}

#[test]
fn totals_and_quotas_stay_and_nobody_is_written_to_twice() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    let quota = "quotas = [{ limit = 10, unit = \"messages\", per = \"24h\" }]";
    workspace.relay(peer.port, quota);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.mailrun(&["suppress", "add", "eve@example.org"]).ends(0);
    workspace.mailrun(&["purge", "letter", "--yes"]).ends(0).says("3 addresses left as a hash");

    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!((recipients_of(&status, "accepted"), &status["state"]), (3, &"finished".into()));
    assert_eq!(status["relays"]["desk"]["quotas"][0]["used"], 3);
    assert!(status["purged"].is_string(), "{status}");
    workspace.mailrun(&["report", "letter"]).ends(0).says("accepted").says("purged");
    workspace.mailrun(&["report", "letter", "--json"]).ends(0);
    workspace.mailrun(&["report", "letter", "--csv"]).ends(5).says("was purged on");
    workspace.mailrun(&["show", "letter", "person1@example.net"]).ends(5).says("was purged on");
    workspace.mailrun(&["suppress", "list"]).ends(0).says("eve@example.org");

    workspace.list(4);
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!((&plan["recipients"], &plan["excluded"]["already"]), (&1.into(), &3.into()));
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    assert_eq!(peer.recipients().len(), 4);
    workspace.mailrun(&["purge", "letter", "--yes"]).ends(0);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0).says("already");
    assert_eq!(peer.recipients().len(), 4, "each of them once, over two purges");
}

#[test]
fn a_campaign_with_work_left_is_not_purged() {
    let workspace = Workspace::letter(3);
    workspace.mailrun(&["purge", "letter", "--yes"]).ends(5);
    workspace.mailrun(&["send", "letter", "--yes", "--limit", "1"]).ends(4);
    workspace.mailrun(&["purge", "letter", "--yes"]).ends(2).says("mailrun resume letter");
    workspace.mailrun(&["resume", "letter"]).ends(0);
    workspace.mailrun(&["purge", "letter"]).ends(2).says("--yes").says("stays");
    workspace.mailrun(&["report", "letter", "--csv"]).ends(0);
}

#[test]
fn a_campaign_whose_folder_is_gone_can_still_be_purged() {
    let workspace = Workspace::letter(2);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    fs::remove_dir_all(workspace.path("campaigns/letter")).expect("a folder of the workspace");
    workspace.mailrun(&["purge", "lettr", "--yes"]).ends(5);
    workspace.mailrun(&["purge", "letter", "--yes"]).ends(0);
    assert_eq!(holding(&workspace, &["@example.net"]), [""; 0]);
}

#[test]
fn who_is_uncertain_cannot_be_sent_to_again_after_a_purge() {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(silent.port, 1);
    let run = workspace.start(&["send", "letter", "--yes"]);
    silent.wait_for_a_dot();
    run.kill();
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, "");
    workspace.mailrun(&["purge", "letter", "--yes"]).ends(0);
    workspace.mailrun(&["resume", "letter", "--uncertain", "resend"]).ends(5).says("was purged on");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0).says("already");
    assert!(peer.taken().is_empty());
}

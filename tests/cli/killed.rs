//! A run that was killed between a final dot and its reply.

use crate::stage::{Habit, Peer, Workspace, fates, recipients_of};

fn killed_at_the_dot(count: usize) -> Workspace {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(silent.port, count);
    let run = workspace.start(&["send", "letter", "--yes"]);
    silent.wait_for_a_dot();
    run.kill();
    workspace
}

#[test]
fn the_message_nobody_can_know_of_is_named() {
    let workspace = killed_at_the_dot(3);
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!(status["state"], "interrupted");
    assert_eq!(status["reason"], "crash");
    assert_eq!(recipients_of(&status, "uncertain"), 1);
    assert_eq!(recipients_of(&status, "pending"), 2);
}

#[test]
fn resume_sends_the_rest_and_leaves_the_uncertain_alone() {
    let workspace = killed_at_the_dot(3);
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, "");
    workspace.mailrun(&["resume", "letter", "--uncertain", "skip"]).ends(3).says("--state uncertain");
    let report = workspace.mailrun(&["report", "letter", "--csv", "--state", "uncertain"]).ends(0);
    let uncertain = fates(&report);
    assert_eq!(uncertain.len(), 1);
    let written_to = peer.recipients();
    assert_eq!(written_to.len(), 2);
    assert!(!written_to.contains(&uncertain[0].email));
}

#[test]
fn resume_sends_to_the_uncertain_again_when_told_so() {
    let workspace = killed_at_the_dot(1);
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, "");
    workspace.mailrun(&["resume", "letter", "--uncertain", "resend"]).ends(0);
    assert_eq!(peer.recipients(), ["person1@example.net"]);
}

#[test]
fn send_on_an_unfinished_campaign_is_refused() {
    let workspace = killed_at_the_dot(2);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(2).says("mailrun resume letter");
}

#[test]
fn the_whole_plan_is_resumed_though_the_files_were_edited() {
    let workspace = killed_at_the_dot(2);
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, "");
    workspace.write("templates/letter/body.txt.hbs", "Something else.\n");
    workspace.list(9);
    workspace.mailrun(&["resume", "letter", "--uncertain", "skip"]).ends(3).says("body.txt.hbs");
    let taken = peer.taken();
    assert_eq!(taken.len(), 1);
    assert!(taken[0].content.contains("this is the letter"));
}

#[test]
fn nothing_to_resume_is_said_as_such() {
    let workspace = Workspace::letter(1);
    workspace.mailrun(&["resume", "letter"]).ends(5);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.mailrun(&["resume", "letter"]).ends(5);
}

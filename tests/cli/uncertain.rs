//! Those of whom nobody can know: named with relay, time and reason, and sent to again only when told so,
//! with the very same message.

use crate::stage::{Habit, Peer, Taken, Terminal, Workspace, fates, recipients_of};

const WHY: &str = "the run ended before the reply was recorded";

/// `count` people, the first of them uncertain, as the run was killed behind the dot; what the server had
/// taken by then, and never said.
fn killed_at_the_dot(count: usize) -> (Workspace, Peer) {
    let silent = Peer::start(Habit::NeverAnswersTheDot);
    let workspace = Workspace::letter_to(silent.port, count);
    let run = workspace.start(&["send", "letter", "--yes"]);
    silent.wait_for_a_dot();
    run.kill();
    (workspace, silent)
}

/// A server that takes mail, in the place of the silent one.
fn willing(workspace: &Workspace) -> Peer {
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, "");
    peer
}

/// All octets of a message but what its way adds: the same for the same message.
fn octets(taken: &Taken) -> (&str, &[String], &str) {
    (&taken.reverse_path, &taken.recipients, &taken.content)
}

#[test]
fn the_bound_is_said_before_and_kept() {
    let workspace = Workspace::letter_to(1, 50);
    workspace.mailrun(&["plan", "letter"]).ends(0).says("a crash could leave at most");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    let bound = plan["uncertain_bound"].as_u64().expect("a number");
    let (workspace, _) = killed_at_the_dot(50);
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert!((1..=bound).contains(&recipients_of(&status, "uncertain")), "{bound}: {status}");
}

#[test]
fn report_and_show_name_them_with_relay_time_and_reason() {
    let (workspace, _) = killed_at_the_dot(3);
    for resumed in [false, true] {
        if resumed {
            willing(&workspace);
            workspace.mailrun(&["resume", "letter", "--uncertain", "skip"]).ends(3).says("--state uncertain");
        }
        let csv = workspace.mailrun(&["report", "letter", "--state", "uncertain", "--csv"]).ends(0);
        let fates = fates(&csv);
        let [fate] = fates.as_slice() else { panic!("{csv}") };
        assert_eq!((fate.relay.as_str(), fate.reply.as_str(), fate.attempts), ("desk", WHY, 1));
        assert!(fate.time.ends_with('Z') && !fate.message_id.is_empty(), "{fate:?}");
        let second = &fate.time[..19].replace('T', " ");
        let report = workspace.mailrun(&["report", "letter"]).ends(0);
        report.says("Uncertain").says(&fate.email).says(WHY).says(second).says("--uncertain resend");
        let show = workspace.mailrun(&["show", "letter", &fate.email]).ends(0);
        show.says("through desk: uncertain").says(WHY).says(second);
    }
}

#[test]
fn who_is_sent_to_again_gets_the_very_same_octets_though_the_files_were_edited() {
    let (workspace, silent) = killed_at_the_dot(1);
    let first = silent.unanswered();
    let peer = willing(&workspace);
    workspace.write("templates/letter/body.txt.hbs", "Something else.\n");
    workspace.edit("campaigns/letter/campaign.toml", "the letter", "another letter");
    workspace.list(9);
    let resumed = workspace.mailrun(&["resume", "letter", "--uncertain", "resend"]).ends(0);
    resumed.says("may get it twice").says("edited since");
    let again = peer.taken();
    assert_eq!((first.len(), again.len()), (1, 1));
    assert_eq!(octets(&first[0]), octets(&again[0]));
    assert_eq!(again[0].header("Message-ID").len() + again[0].header("Date").len(), 2);
    let status = workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
    assert_eq!((recipients_of(&status, "accepted"), recipients_of(&status, "uncertain")), (1, 0));
}

#[test]
fn off_a_terminal_they_are_left_alone_and_the_exit_code_says_so() {
    let (workspace, _) = killed_at_the_dot(2);
    let peer = willing(&workspace);
    workspace.mailrun(&["resume", "letter", "--uncertain", "ask"]).ends(2).says("nobody is here to ask");
    workspace.mailrun(&["resume", "letter"]).ends(3).says("Nothing was sent twice");
    assert_eq!(peer.taken().len(), 1);
}

#[test]
fn resume_says_how_to_decide_where_only_they_are_left() {
    let (workspace, _) = killed_at_the_dot(2);
    let peer = willing(&workspace);
    workspace.mailrun(&["resume", "letter", "--uncertain", "skip"]).ends(3);
    let left = workspace.mailrun(&["resume", "letter"]).ends(3);
    left.says("1 recipient is uncertain").says("--uncertain resend").says("--state uncertain --csv");
    workspace.mailrun(&["resume", "letter", "--uncertain", "skip"]).ends(5);
    assert_eq!(peer.taken().len(), 1);
    workspace.mailrun(&["resume", "letter", "--uncertain", "resend"]).ends(0);
    assert_eq!(peer.recipients(), ["person1@example.net", "person2@example.net"]);
    workspace.mailrun(&["resume", "letter"]).ends(5);
}

#[test]
fn at_a_terminal_it_is_asked_with_names_and_consequences() {
    let (workspace, _) = killed_at_the_dot(2);
    let peer = willing(&workspace);
    let asked = || {
        let terminal = Terminal::start(&workspace, &["resume", "letter", "--progress", "none"]);
        terminal.waits_for("Write to the 1 uncertain recipient again?")
    };
    let no = asked().types("n").wait().ends(3);
    no.says("person1@example.net")
        .says("desk")
        .says(WHY)
        .says("has it twice")
        .says("can be decided about later");
    assert_eq!(peer.recipients(), ["person2@example.net"], "the rest was sent, and nobody else");
    asked().types("y").wait().ends(0).says("may get it twice");
    assert_eq!(peer.recipients(), ["person1@example.net", "person2@example.net"]);
}

#[test]
fn a_plan_that_is_gone_cannot_be_sent_again() {
    let (workspace, _) = killed_at_the_dot(1);
    let peer = willing(&workspace);
    for plan in workspace.files(".mailrun/plans", "plan.json") {
        let folder = plan.parent().expect("a plan has a folder");
        std::fs::remove_dir_all(folder).expect("a folder of the state");
    }
    let refused = workspace.mailrun(&["resume", "letter", "--uncertain", "resend"]);
    refused.says("is gone");
    assert!(peer.taken().is_empty());
}

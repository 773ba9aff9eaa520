//! The columns of `report --csv`.

use crate::stage::{Habit, Peer, Workspace, fates};

#[test]
fn one_line_a_planned_recipient_with_the_servers_own_words() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let report = workspace.mailrun(&["report", "letter", "--csv"]).ends(0);
    assert_eq!(
        report.stdout.lines().next(),
        Some(
            "row,email,state,class,relay,attempts,time,code,enhanced,reply,queue_id,message_id,size,variant,language"
        )
    );
    let fates = fates(&report);
    assert_eq!(fates.len(), 2);
    for message in peer.taken() {
        let fate = fates.iter().find(|fate| fate.email == message.recipients[0]).expect("a line for each");
        assert_eq!((fate.state.as_str(), fate.relay.as_str(), fate.attempts), ("accepted", "desk", 1));
        assert_eq!((fate.code.as_str(), fate.enhanced.as_str()), ("250", "2.0.0"));
        assert!(fate.reply.contains("taken"), "{fate:?}");
        let message_id = message.header("Message-ID").remove(0);
        assert_eq!(message_id, format!("<{}>", fate.bare_message_id()));
        fate.time.parse::<jiff::Timestamp>().expect("RFC 3339");
    }
}

#[test]
fn a_cell_that_a_spreadsheet_would_run_is_made_harmless() {
    let workspace = Workspace::letter(1);
    workspace.write("campaigns/letter/recipients.csv", "email,first_name\n=cmd@example.net,Eve\n");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let report = workspace.mailrun(&["report", "letter", "--csv"]).ends(0);
    let fates = fates(&report);
    assert!(!fates[0].email.starts_with('='), "{:?}", fates[0]);
    assert!(fates[0].email.contains("cmd@example.net"), "{:?}", fates[0]);
}

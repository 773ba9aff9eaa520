//! A line break in a column that a header shows.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn a_line_break_in_the_name_reaches_no_header() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    // One bad row in 31, as more than 5 % would stop the run.
    let bad = "eve@example.net,\"Eve\r\nBcc: everybody@example.net\r\n\r\nBuy now\"\n";
    workspace.list_with(30, bad);

    let run = workspace.mailrun(&["send", "letter", "--yes", "--skip-invalid"]);
    assert!(matches!(run.code, Some(0 | 3)), "{run}");
    let taken = peer.taken();
    assert!(taken.len() >= 30, "the other rows are sent");
    for message in taken {
        assert_eq!(message.header("Bcc"), Vec::<String>::new(), "{}", message.content);
        assert_eq!(message.header("Subject").len(), 1, "{}", message.content);
        assert_eq!(message.header("To").len(), 1, "{}", message.content);
        assert_eq!(message.recipients.len(), 1);
    }
}

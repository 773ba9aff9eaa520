//! What a preview shows is what is sent.

use crate::stage::{Habit, Peer, Taken, Workspace};

#[test]
fn the_raw_preview_is_the_message_but_for_what_is_set_when_sent() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    let preview = workspace.mailrun(&["preview", "letter", "--row", "2", "--raw"]).ends(0);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let sent = peer.taken().remove(0);
    let shown = Taken {
        reverse_path: String::new(),
        recipients: Vec::new(),
        content: preview.stdout.replace("\r\n", "\n"),
    };
    for header in ["From", "To", "Subject", "List-Unsubscribe", "MIME-Version", "Content-Type"] {
        assert_eq!(shown.header(header), sent.header(header), "{header}");
    }
    let body =
        |message: &Taken| message.content.split_once("\n\n").map(|(_, body)| body.trim_end().to_owned());
    assert_eq!(body(&shown), body(&sent));
}

#[test]
fn one_recipient_can_be_asked_for() {
    let workspace = Workspace::letter(3);
    workspace.mailrun(&["preview", "letter", "--email", "person2@example.net"]).ends(0).says("Dear Person 2");
    workspace.mailrun(&["preview", "letter", "--row", "4"]).ends(0).says("Dear Person 3");
    workspace.mailrun(&["preview", "letter", "--row", "5"]).ends(5);
}

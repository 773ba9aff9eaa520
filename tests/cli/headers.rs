//! What every message carries.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn people_can_leave_the_list_with_one_click_or_by_mail() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 2);
    workspace.edit(
        "campaigns/letter/campaign.toml",
        "[unsubscribe]\n",
        "[unsubscribe]\nurl = \"https://u.example.com/{{token}}\"\n",
    );
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let taken = peer.taken();
    let links: Vec<String> = taken.iter().flat_map(|message| message.header("List-Unsubscribe")).collect();
    assert_eq!(links.len(), 2);
    for link in &links {
        assert!(
            link.contains("<https://u.example.com/") && link.contains("<mailto:unsubscribe@example.com"),
            "{link}"
        );
    }
    assert_ne!(links[0], links[1], "the token names the recipient");
    for message in &taken {
        // RFC 8058, 3.1.
        assert_eq!(message.header("List-Unsubscribe-Post"), ["List-Unsubscribe=One-Click"]);
    }
}

#[test]
fn each_message_names_its_own_recipient_and_nobody_else() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    for message in peer.taken() {
        assert_eq!(message.reverse_path, "news@example.com");
        let [recipient] = message.recipients.as_slice() else { panic!("{message:?}") };
        assert!(message.header("To")[0].contains(recipient.as_str()), "{message:?}");
        for header in ["From", "Date", "Message-ID", "Subject", "MIME-Version"] {
            assert_eq!(message.header(header).len(), 1, "{header} in {}", message.content);
        }
        assert_eq!(message.content.matches("@example.net").count(), 1, "{}", message.content);
    }
}

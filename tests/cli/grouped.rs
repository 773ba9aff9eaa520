//! Recipients of the same message share a transaction, and none of them is named in it.

use crate::stage::{Habit, Peer, Workspace};

#[test]
fn one_transaction_for_all_within_the_relays_limit() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 10);
    workspace.relay(peer.port, "recipients_per_message = 4");
    workspace.settings("[send]\nmode = \"grouped\"");
    workspace.edit("campaigns/letter/campaign.toml", "{{first_name}}, the letter", "The letter");
    workspace.edit("campaigns/letter/campaign.toml", "name = \"{{first_name}}\"\n", "");
    workspace.write("templates/letter/body.txt.hbs", "Dear all,\n\nthis is the letter.\n");
    workspace.write("templates/letter/body.html.hbs", "<p>Dear all, this is the letter.</p>\n");

    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    assert_eq!(peer.recipients().len(), 10);
    let taken = peer.taken();
    let mut sizes: Vec<usize> = taken.iter().map(|message| message.recipients.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 4, 4]);
    for message in taken {
        assert_eq!(message.header("To"), ["undisclosed-recipients:;"]);
        assert!(!message.content.contains("@example.net"), "{}", message.content);
    }
}

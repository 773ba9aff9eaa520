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

#[test]
fn equal_messages_are_found_by_what_they_say_and_kept_apart_by_domain() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    let list = "email,first_name,country\n\
        a@x.example,A,DE\nb@y.example,B,FR\nc@x.example,C,IT\nd@x.example,D,DE\ne@y.example,E,ES\n";
    workspace.write("campaigns/letter/recipients.csv", list);
    workspace.settings("[send]\nmode = \"grouped\"");
    workspace.edit("campaigns/letter/campaign.toml", "{{first_name}}, the letter", "The letter");
    workspace.edit("campaigns/letter/campaign.toml", "name = \"{{first_name}}\"\n", "");
    let text = "{{#if (eq country \"DE\")}}Hallo{{else}}Hello{{/if}}\n";
    workspace.write("templates/letter/body.txt.hbs", text);
    workspace.write("templates/letter/body.html.hbs", text);
    let batches = |workspace: &Workspace| {
        let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
        (plan["batches"].clone(), plan["plan"].as_str().expect("an id").to_owned())
    };
    // Hallo to two, Hello to three.
    let (count, id) = batches(&workspace);
    assert_eq!(count, 2);
    workspace.edit("campaigns/letter/campaign.toml", "\"grouped\"", "\"grouped\"\nsplit_by_domain = true");
    // Hello goes to two domains.
    assert_eq!(batches(&workspace).0, 3);
    workspace.mailrun(&["send", "letter", "--plan", &id, "--yes"]).ends(5);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let mut taken: Vec<Vec<String>> =
        peer.taken().into_iter().map(|message| message.recipients.clone()).collect();
    for recipients in &mut taken {
        recipients.sort_unstable();
    }
    taken.sort_unstable();
    assert_eq!(
        taken,
        [vec!["a@x.example", "d@x.example"], vec!["b@y.example", "e@y.example"], vec!["c@x.example"]]
    );
}

//! Files go with messages, the same for all or one for each; what is missing or changed is told before anything leaves.

use std::fs;

use crate::stage::{Habit, Peer, Workspace};

const SETTINGS: &str = r#"[[attachments]]
file = "files/terms.pdf"
name = "Terms März.pdf"
[[attachments]]
file = "files/{{first_name}}.txt"
name = "For {{first_name}}.txt"
"#;

/// A campaign to two people with a file for both and one for each.
fn workspace() -> Workspace {
    let workspace = Workspace::letter(2);
    workspace.write("campaigns/letter/files/terms.pdf", vec![0xfe; 200]);
    workspace.write("campaigns/letter/files/Person 1.txt", "for one\n.\n");
    workspace.write("campaigns/letter/files/Person 2.txt", "for two\n");
    workspace.settings(SETTINGS);
    workspace
}

/// What everybody's message holds, whichever way it was said to the server.
fn is_whole(content: &str, own: &str) {
    let lines = content.replace("\r\n", "\n");
    for part in [
        "Content-Type: multipart/mixed;\n boundary=\"=_",
        "\nContent-Type: multipart/alternative;\n boundary=\"=_",
        "\nContent-Type: application/pdf;\n name=\"Terms M_rz.pdf\"\n",
        "\nContent-Disposition: attachment;\n filename*=utf-8''Terms%20M%C3%A4rz.pdf\n",
        &format!("{}\n", "/v7+".repeat(19)),
        own,
        "--\n",
    ] {
        assert!(lines.contains(part), "{part:?} is missing from {lines}");
    }
    assert!(lines.trim_end().ends_with("m--"), "{lines}");
}

#[test]
fn everybody_gets_the_common_file_and_their_own() {
    let workspace = workspace();
    workspace.mailrun(&["preview", "letter"]).ends(0).says("Attachment: Terms März.pdf (application/pdf)");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let sent: Vec<String> = workspace
        .files(".mailrun/sandbox", ".eml")
        .iter()
        .map(|file| fs::read_to_string(file).expect("a message of ASCII"))
        .collect();
    for (person, own) in [("Person 1", "Zm9yIG9uZQouCg==\n"), ("Person 2", "Zm9yIHR3bwo=\n")] {
        let mine: Vec<&String> =
            sent.iter().filter(|message| message.contains(&format!("Dear {person}"))).collect();
        assert_eq!(mine.len(), 1, "{person}");
        is_whole(mine[0], &format!("filename=\"For {person}.txt\"\n\n{own}"));
    }
}

#[test]
fn a_server_without_chunking_gets_the_same() {
    let workspace = workspace();
    let peer = Peer::start(Habit::Takes);
    workspace.relay(peer.port, "");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let taken = peer.taken();
    assert_eq!(taken.len(), 2);
    for message in taken {
        is_whole(&message.content, "filename=\"For Person ");
    }
}

#[test]
fn what_is_missing_is_told_at_its_place() {
    let workspace = workspace();
    fs::remove_file(workspace.path("campaigns/letter/files/Person 2.txt")).expect("a file");
    let told = workspace.mailrun(&["check", "letter"]).ends(10);
    told.says("`files/Person 2.txt` cannot be attached: there is no such file").says("person2@example.net");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(10).says("Person 2.txt");
    workspace.mailrun(&["plan", "letter"]).ends(0).says("1 invalid");

    workspace.settings("[[attachments]]\nfile = \"files/term.pdf\"");
    let told = workspace.mailrun(&["check", "letter"]).ends(10);
    told.says("campaigns/letter/campaign.toml:13:8").says("did you mean \"files/terms.pdf\"?");
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let workspace = workspace();
    workspace.write("campaigns/letter/recipients.csv", "email,first_name\na@example.net,../recipients\n");
    workspace.mailrun(&["check", "letter"]).ends(10).says("its path leads out of its folder");
    for path in ["../../relays.toml", "/etc/passwd", "{{first_name}}"] {
        workspace.settings(&format!("[[attachments]]\nfile = \"{path}\""));
        workspace.mailrun(&["check", "letter"]).ends(10).says("campaign.toml:13:8");
    }
}

#[test]
fn a_file_that_was_changed_is_not_sent() {
    for (file, code) in [("files/terms.pdf", 14), ("files/Person 1.txt", 10)] {
        let workspace = workspace();
        let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
        let plan = plan["plan"].as_str().expect("an id");
        workspace.write(&format!("campaigns/letter/{file}"), "something else");
        let refused = workspace.mailrun(&["send", "letter", "--plan", plan, "--yes"]);
        refused.ends(code).says(file.rsplit('/').next().expect("a name"));
        assert!(workspace.files(".mailrun/sandbox", ".eml").is_empty());
    }
}

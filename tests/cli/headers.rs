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

#[test]
fn what_kind_of_mail_it_is_is_said_by_setting() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    let settings = "feedback_id = \"autumn:{{first_name}}:letter:example\"\nauto_submitted = \"auto-generated\"\n\
        precedence = \"bulk\"\nlist_id = \"news.example.com\"\ntemplate = ";
    workspace.edit("campaigns/letter/campaign.toml", "template = ", settings);
    workspace.write("campaigns/letter/recipients.csv", "email,first_name\nada@example.net,Ada\n");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let taken = peer.taken();
    let [message] = taken.as_slice() else { panic!("{taken:?}") };
    for (field, value) in [
        ("Feedback-ID", "autumn:Ada:letter:example"),
        ("Auto-Submitted", "auto-generated"),
        ("Precedence", "bulk"),
        ("List-Id", "<news.example.com>"),
    ] {
        assert_eq!(message.header(field), [value]);
    }
}

#[test]
fn a_setting_that_no_mail_program_reads_is_refused_with_the_nearest_word() {
    let path = "campaigns/letter/campaign.toml";
    for (setting, told, hint) in [
        ("precedence = \"bulky\"", "\"bulky\" is no value of Precedence", "did you mean \"bulk\"?"),
        ("auto_submitted = \"yes\"", "\"yes\" is no value of Auto-Submitted", "auto-generated"),
        ("auto_submitted = \"auto-replied\"", "is no value of Auto-Submitted", "auto-generated"),
        (
            "headers = { \"Precedence\" = \"bulk\" }",
            "`Precedence` is set by mailrun itself",
            "precedence = \"bulk\"",
        ),
        ("headers = { \"feedback-id\" = \"x\" }", "`feedback-id` is set by mailrun itself", "feedback_id"),
    ] {
        let workspace = Workspace::letter(1);
        workspace.edit(path, "template = ", &format!("{setting}\ntemplate = "));
        workspace.mailrun(&["check", "letter"]).ends(10).says(told).says(hint).says("campaign.toml:4:");
    }
    let workspace = Workspace::letter(1);
    workspace.edit(path, "template = ", "feedback_id = \"a:b:{{first_name}}:example\"\ntemplate = ");
    let check = workspace.mailrun(&["check", "letter"]).ends(10);
    check.says("column `first_name`: Feedback-ID: Gmail reads a:b:c:sender");
}

#[test]
fn every_recipient_has_a_reverse_path_that_stays_the_same() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 3);
    let path = "campaigns/letter/campaign.toml";
    workspace.edit(path, "template = ", "verp = true\nbounce = \"bounces@example.com\"\ntemplate = ");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let mut paths: Vec<String> = peer.taken().into_iter().map(|message| message.reverse_path).collect();
    for path in &paths {
        assert!(path.starts_with("bounces+") && path.ends_with("@example.com") && path.len() == 60, "{path}");
    }
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 3);

    workspace.relay(peer.port, "verp = false");
    workspace.mailrun(&["send", "letter", "--again", "--yes"]).ends(0);
    let mut again = peer.taken();
    assert!(again.split_off(3).iter().all(|message| message.reverse_path == "bounces@example.com"));

    workspace.edit(path, "bounces@", "bounces-of-the-autumn-letter@");
    workspace.mailrun(&["check", "letter"]).ends(10).says("at most 23 characters before the @");
}

//! A campaign that `init` makes can be sent at once.

use crate::stage::{Workspace, recipients_of};

#[test]
fn a_new_campaign_is_checked_previewed_and_sent() {
    let workspace = Workspace::empty();
    workspace.mailrun(&["init", "autumn"]).ends(0).says("autumn");
    workspace.mailrun(&["check", "autumn"]).ends(0);
    workspace.mailrun(&["preview", "autumn"]).ends(0).says("Subject");
    workspace.mailrun(&["send", "autumn", "--yes"]).ends(0);
    let report = workspace.mailrun(&["report", "autumn", "--json"]).ends(0).json();
    assert!(recipients_of(&report, "accepted") >= 1);
}

#[test]
fn nothing_that_stands_there_is_overwritten() {
    let workspace = Workspace::letter(1);
    let path = workspace.path("campaigns/letter/campaign.toml");
    let before = std::fs::read(&path).expect("the campaign file");
    let run = workspace.mailrun(&["init", "letter"]);
    assert_ne!(run.code, Some(0), "{run}");
    assert_eq!(std::fs::read(&path).expect("the campaign file"), before);
}

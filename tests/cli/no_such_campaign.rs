//! A campaign that does not exist.

use crate::stage::Workspace;

#[test]
fn the_nearest_names_are_offered() {
    let workspace = Workspace::letter(1);
    for command in ["check", "plan", "preview", "send", "resume", "status", "report"] {
        workspace.mailrun(&[command, "lettre"]).ends(5).says("lettre").says("letter");
    }
}

#[test]
fn a_folder_outside_any_workspace_is_said_to_be_one() {
    let workspace = Workspace::letter(1);
    let elsewhere = tempfile::tempdir().expect("a folder for the test");
    let elsewhere = elsewhere.path().to_str().expect("a path in UTF-8");
    workspace.mailrun(&["check", "letter", "--dir", elsewhere]).ends(5).says("campaigns");
}

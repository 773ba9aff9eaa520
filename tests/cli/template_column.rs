//! A template that uses a column the list does not have.

use crate::stage::Workspace;

fn misspelt() -> Workspace {
    let workspace = Workspace::letter(2);
    workspace.write("templates/letter/body.txt.hbs", "Dear all,\nHello {{frist_name}}!\n");
    workspace
}

#[test]
fn check_points_at_the_place_and_offers_the_nearest_name() {
    misspelt()
        .mailrun(&["check", "letter"])
        .ends(10)
        .says("templates/letter/body.txt.hbs:2")
        .says("frist_name")
        .says("first_name");
}

#[test]
fn send_refuses_before_anything_leaves() {
    let workspace = misspelt();
    workspace.mailrun(&["send", "letter", "--yes"]).ends(10).says("frist_name");
    assert!(workspace.files(".mailrun/sandbox", ".eml").is_empty());
}

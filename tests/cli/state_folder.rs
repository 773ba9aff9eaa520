//! A state folder that cannot be made.

use crate::stage::Workspace;

#[test]
fn the_folder_is_named_and_another_place_offered() {
    let workspace = Workspace::letter(1);
    workspace.write("taken", "a file\n");
    for place in ["taken", "taken/state", "/proc/mailrun"] {
        let state = workspace.path(place);
        let state = state.to_str().expect("a path in UTF-8");
        let run = workspace.mailrun(&["send", "letter", "--yes", "--state", state]).ends(15);
        run.says(state).says("name another place with `--state DIR`");
    }
}

#[test]
fn the_variable_of_the_environment_moves_it() {
    let workspace = Workspace::letter(1);
    let state = workspace.path("elsewhere");
    let variable = [("MAILRUN_STATE", state.to_str().expect("a path in UTF-8"))];
    workspace.mailrun_with(&variable, &["send", "letter", "--yes"]).ends(0);
    workspace
        .mailrun_with(&variable, &["report", "letter", "--state", "accepted", "--csv"])
        .ends(0)
        .says("person1");
    assert!(!workspace.path(".mailrun").exists());
    workspace.mailrun(&["report", "letter", "--state-dir", variable[0].1]).ends(0);
    workspace.mailrun(&["--state", variable[0].1, "report", "letter"]).ends(0);
}

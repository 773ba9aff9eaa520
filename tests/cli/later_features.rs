//! What this version does not do is refused in those words, never ignored.

use crate::stage::Workspace;

#[test]
fn a_setting_of_a_later_version_is_refused_by_name() {
    for (settings, key) in [("ab = true", "ab"), ("[tracking]\nopens = true", "tracking")] {
        let workspace = Workspace::letter(1);
        workspace.settings(settings);
        workspace.mailrun(&["check", "letter"]).ends(10).says(key);
        workspace.mailrun(&["send", "letter", "--yes"]).ends(10).says(key);
    }
}

#[test]
fn a_relay_setting_of_a_later_version_is_refused_by_name() {
    let workspace = Workspace::letter(1);
    workspace.relay(9, "eight_bit = true");
    workspace.mailrun(&["check", "letter"]).ends(10).says("eight_bit").says("version");
}

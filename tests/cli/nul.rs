//! A list with a NUL in it is no list.

use crate::stage::Workspace;

#[test]
fn a_nul_is_refused_with_its_line() {
    let workspace = Workspace::letter(1);
    let list = "email,first_name\nada@example.net,Ada\ngrace@example.net,Gr\0ace\n";
    workspace.write("campaigns/letter/recipients.csv", list);
    for command in ["check", "plan"] {
        workspace.mailrun(&[command, "letter"]).ends(10).says("recipients.csv:3").says("NUL");
    }
    workspace.mailrun(&["send", "letter", "--yes", "--skip-invalid"]).ends(10);
    assert!(workspace.files(".mailrun/sandbox", ".eml").is_empty());
}

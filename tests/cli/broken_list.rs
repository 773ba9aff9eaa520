//! A list that cannot be read as one.

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

#[test]
fn a_quote_that_nobody_closes_is_refused_with_its_line() {
    let workspace = Workspace::letter(1);
    let list = "email,first_name\nada@example.net,Ada\ngrace@example.net,\"Grace\njoan@example.net,Joan\n";
    workspace.write("campaigns/letter/recipients.csv", list);
    workspace.mailrun(&["check", "letter"]).ends(10).says("recipients.csv:3").says("quote");
    workspace.mailrun(&["send", "letter", "--yes", "--skip-invalid"]).ends(10);
}

#[test]
fn a_header_that_names_a_column_twice_is_refused() {
    let workspace = Workspace::letter(1);
    let list = "email,first_name,first_name\nada@example.net,Ada,Countess\n";
    workspace.write("campaigns/letter/recipients.csv", list);
    workspace.mailrun(&["check", "letter"]).ends(10).says("recipients.csv:1").says("first_name");
}

#[test]
fn a_list_without_the_address_column_is_refused_with_the_nearest_name() {
    let workspace = Workspace::letter(1);
    workspace.write("campaigns/letter/recipients.csv", "e-mail,first_name\nada@example.net,Ada\n");
    workspace.mailrun(&["check", "letter"]).ends(10).says("`email`").says("e-mail");
}

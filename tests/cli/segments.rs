//! Whom a `where` leaves out is counted; what it cannot compare is told.

use crate::stage::Workspace;

/// A list of ages and days, and the condition `filter`.
fn workspace(filter: &str) -> Workspace {
    let workspace = Workspace::letter(1);
    let list = "email,first_name,age,signup\n\
        ada@example.net,Ada,36,2026-01-10\n\
        bob@example.net,Bob,17,2025-12-31\n\
        cleo@example.net,Cleo,n/a,10.2.2026\n\
        dan@example.net,Dan,52,\n";
    workspace.write("campaigns/letter/recipients.csv", list.as_bytes());
    workspace.edit("campaigns/letter/campaign.toml", "[list]\n", &format!("[list]\nwhere = '{filter}'\n"));
    workspace
}

#[test]
fn numbers_dates_patterns_and_sets_make_segments() {
    let table = [
        ("age >= 18", 2),
        ("not age >= 18", 1),
        ("signup >= 2026-01-01", 2),
        ("email like \"%a@%\" and signup < 2026-02-01", 1),
        ("first_name in (\"Ada\", \"Dan\")", 2),
        ("signup is not empty", 3),
    ];
    for (filter, expected) in table {
        let plan = workspace(filter).mailrun(&["plan", "letter", "--json"]).ends(0).json();
        assert_eq!(plan["recipients"], expected, "{filter}");
        assert_eq!(plan["excluded"]["filtered"], 4 - expected, "{filter}");
    }
}

#[test]
fn a_cell_that_is_no_number_is_told_with_its_row() {
    let workspace = workspace("age >= 18");
    workspace.mailrun(&["check", "letter"]).ends(0).says("cleo@example.net").says("`age` is \"n/a\"");
}

#[test]
fn another_condition_is_another_plan() {
    let workspace = workspace("age >= 18");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    let id = plan["plan"].as_str().expect("plan --json names the plan").to_owned();
    workspace.edit("campaigns/letter/campaign.toml", "age >= 18", "age >= 17");
    workspace.mailrun(&["send", "letter", "--plan", &id, "--yes"]).ends(14).says("`where` in");
}

#[test]
fn a_relative_date_is_refused_at_its_place() {
    let workspace = workspace("signup >= today");
    workspace.mailrun(&["check", "letter"]).ends(10).says("no column `today`").says("write a date");
}

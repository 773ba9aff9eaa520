//! Rows that are left out are counted and named.

use crate::stage::Workspace;

#[test]
fn duplicates_and_invalid_addresses_are_counted() {
    let workspace = Workspace::letter(1);
    // Forty good rows keep the invalid one below 5 %.
    workspace.list_with(40, "PERSON1@example.NET,Again\nno address,Nobody\n");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!(plan["recipients"], 40);
    assert_eq!((&plan["excluded"]["duplicate"], &plan["excluded"]["invalid"]), (&1.into(), &1.into()));
    workspace.mailrun(&["plan", "letter"]).ends(0).says("no address");
}

#[test]
fn more_than_five_percent_invalid_stops_send() {
    let workspace = Workspace::letter(1);
    workspace.list_with(15, "nobody,Nobody\n");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(10).says("invalid");
    assert!(workspace.files(".mailrun/sandbox", ".eml").is_empty());
}

#[test]
fn a_row_with_too_many_fields_shifts_nothing() {
    let workspace = Workspace::letter(1);
    workspace.list_with(30, "ada@example.net,Lovelace,Ada\n");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!((&plan["recipients"], &plan["excluded"]["invalid"]), (&30.into(), &1.into()));
}

#[test]
fn a_condition_of_the_campaign_filters() {
    let workspace = Workspace::letter(3);
    workspace.edit(
        "campaigns/letter/campaign.toml",
        "[list]\n",
        "[list]\nwhere = 'first_name != \"Person 2\"'\n",
    );
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!((&plan["recipients"], &plan["excluded"]["filtered"]), (&2.into(), &1.into()));
}

#[test]
fn a_list_of_a_spreadsheet_is_read_as_it_is() {
    let workspace = Workspace::letter(1);
    // What a German spreadsheet writes: semicolons, windows-1252, CRLF.
    let list = b"email;first_name\r\njoerg@example.net;J\xf6rg\r\n";
    workspace.write("campaigns/letter/recipients.csv", list);
    workspace.mailrun(&["plan", "letter"]).ends(0).says("windows-1252");
    workspace.mailrun(&["preview", "letter", "--row", "2"]).ends(0).says("Jörg");
}

#[test]
fn a_row_that_does_not_render_stops_send_unless_it_is_skipped() {
    let workspace = Workspace::letter(1);
    workspace.list_with(40, "short@example.net,\n");
    workspace.edit(
        "campaigns/letter/campaign.toml",
        "subject = \"{{first_name}}, the letter\"",
        "subject = \"{{first_name}}\"",
    );
    workspace
        .mailrun(&["check", "letter"])
        .ends(10)
        .says("1 of 41 rows does not render")
        .says("42  short@example.net");
    let send = workspace.mailrun(&["send", "letter", "--yes"]).ends(10);
    send.says("1 of 41 rows does not render").says("short@example.net").says("--skip-invalid");
    workspace.mailrun(&["send", "letter", "--yes", "--skip-invalid", "--expect", "40"]).ends(0);
}

#[test]
fn an_invalid_address_is_counted_and_stops_nobody() {
    let workspace = Workspace::letter(1);
    workspace.list_with(40, "no address,Nobody\nada@example.net,Lovelace,Ada\n");
    workspace.mailrun(&["check", "letter"]).ends(0).says("2 invalid");
    workspace.mailrun(&["send", "letter", "--yes", "--expect", "40"]).ends(0);
}

//! Several rows of one person become one message (`group_by`).

use crate::stage::{Habit, Peer, Workspace};

const LIST: &str = "email,first_name,order,item,price\n\
    ada@example.net,Ada,7,ink,3\n\
    bob@example.net,Bob,8,pen,9\n\
    Ada@example.net,A.,7,nib,1\n\
    ada@example.net,Ada,9,cap,2\n";

/// Orders by `column`, through a server on `port`.
fn workspace(port: u16, column: &str) -> Workspace {
    let workspace = Workspace::letter_to(port, 1);
    workspace.write("campaigns/letter/recipients.csv", LIST);
    workspace.edit(
        "campaigns/letter/campaign.toml",
        "[list]\n",
        &format!("[list]\ngroup_by = \"{column}\"\n"),
    );
    workspace.write("templates/letter/body.html.hbs", "<p>{{len rows}}</p>\n");
    workspace.write("templates/letter/body.txt.hbs", "{{#each rows}}{{item}} {{price}};{{/each}}\n");
    workspace
}

#[test]
fn each_person_gets_one_message_with_all_rows() {
    let peer = Peer::start(Habit::Takes);
    let workspace = workspace(peer.port, "email");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!((&plan["recipients"], &plan["excluded"]["duplicate"]), (&2.into(), &0.into()));
    workspace.mailrun(&["send", "letter", "--yes", "--expect", "2"]).ends(0);
    let mut taken = peer.taken();
    taken.sort_by(|one, other| one.recipients.cmp(&other.recipients));
    assert_eq!(taken.len(), 2);
    assert!(taken[0].content.contains("ink 3;nib 1;cap 2;"), "{}", taken[0].content);
    assert!(taken[1].content.contains("pen 9;"), "{}", taken[1].content);
    let report = workspace.mailrun(&["report", "letter", "--json"]).ends(0).json();
    assert_eq!(report["recipients"]["accepted"], 2);
    let show = workspace.mailrun(&["show", "letter", "ada@example.net"]).ends(0);
    show.says("item: ink").says("in row 4").says("item: nib");
    let show = workspace.mailrun(&["show", "letter", "ada@example.net", "--json"]).ends(0).json();
    assert_eq!(show["more"][1]["fields"]["item"], "cap");
}

#[test]
fn a_row_of_somebody_is_looked_at_with_all_others() {
    let workspace = workspace(1, "email");
    workspace.mailrun(&["preview", "letter", "--row", "5"]).ends(0).says("ink 3;nib 1;cap 2;");
}

#[test]
fn rows_may_be_gathered_by_another_column() {
    let workspace = workspace(1, "order");
    // The order 9 is a second message to Ada, who is written to once.
    let check = workspace.mailrun(&["check", "letter", "--json"]).ends(0).json();
    assert_eq!((&check["good"], &check["excluded"]["duplicate"]), (&2.into(), &1.into()));
    workspace.mailrun(&["preview", "letter", "--row", "4"]).ends(0).says("ink 3;nib 1;");
}

#[test]
fn rows_that_do_not_belong_together_stop_send_and_are_named() {
    let workspace = workspace(1, "order");
    let rows = "cy@example.net,Cy,8,cap,1\ndan@example.net,Dan,,cap,1\n";
    workspace.write("campaigns/letter/recipients.csv", format!("{LIST}{rows}"));
    let check = workspace.mailrun(&["check", "letter"]).ends(10);
    check.says("rows 3, 6 have the same `order`").says("`order` is empty");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(10).says("--skip-invalid");
}

#[test]
fn without_group_by_there_are_no_rows() {
    let workspace = workspace(1, "email");
    workspace.edit("campaigns/letter/campaign.toml", "group_by = \"email\"\n", "");
    workspace.mailrun(&["check", "letter"]).ends(10).says("`rows` is unknown").says("group_by");
}

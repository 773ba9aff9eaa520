//! `check --unused` names what no template asks for.

use serde_json::json;

use crate::stage::Workspace;

#[test]
fn what_no_template_asks_for_is_listed_and_read_by_scripts() {
    let workspace = Workspace::letter(1);
    let list = "email,first_name,lang,age,colour\nada@example.net,Ada,en,40,blue\n";
    workspace.write("campaigns/letter/recipients.csv", list);
    workspace.edit(
        "campaigns/letter/campaign.toml",
        "[list]\n",
        "[defaults]\nfirst_name = \"you\"\ncolour = \"red\"\n[list]\nwhere = \"age > 17\"\n",
    );
    workspace.write("campaigns/letter/data.toml", "title = \"x\"\nnote = \"x\"\n");
    workspace.write("templates/letter/body.txt.hbs", "Hello {{first_name}}: {{data.title}}\n");
    workspace.write("templates/partials/footer.hbs", "x\n");

    let check = workspace.mailrun(&["check", "letter", "--unused"]).ends(0);
    check.says("no template uses").says("colour").says("footer (templates/partials/footer.hbs)");
    let unused = workspace.mailrun(&["check", "letter", "--unused", "--json"]).ends(0).json();
    let expected = json!([
        { "kind": "column", "name": "lang", "file": null },
        { "kind": "column", "name": "colour", "file": null },
        { "kind": "default", "name": "colour", "file": null },
        { "kind": "data", "name": "data.note", "file": null },
        { "kind": "partial", "name": "footer", "file": "templates/partials/footer.hbs" },
    ]);
    assert_eq!(unused["unused"], expected);
    let check = workspace.mailrun(&["check", "letter", "--json"]).ends(0).json();
    assert!(check.get("unused").is_none());
}

#[test]
fn a_campaign_that_uses_everything_is_told_so() {
    let workspace = Workspace::letter(1);
    workspace.mailrun(&["check", "letter", "--unused"]).ends(0).says("is used");
}

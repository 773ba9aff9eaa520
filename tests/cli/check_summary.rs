//! `check` sums up what it found in the rows, by kind.

use crate::stage::Workspace;

fn workspace() -> Workspace {
    let workspace = Workspace::letter(1);
    let rows = "no address,Nobody\nada@example.net,Ada,x\nbob@example.net,\nPERSON1@example.net,One\n";
    workspace.list_with(100, rows);
    workspace
}

#[test]
fn kinds_are_counted_with_their_first_rows() {
    let check = workspace().mailrun(&["check", "letter"]).ends(0);
    let check =
        check.says("invalid address").says("wrong number of cells").says("empty cell without a default");
    check.says("104").says("duplicate");
}

#[test]
fn scripts_read_the_same() {
    let check = workspace().mailrun(&["check", "letter", "--json"]).ends(0).json();
    let kinds: Vec<(&str, u64, u64)> = check["summary"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|kind| {
            let row = kind["first"][0]["row"].as_u64().expect("a row");
            (kind["kind"].as_str().expect("a name"), kind["count"].as_u64().expect("a number"), row)
        })
        .collect();
    let expected =
        [("invalid_address", 1, 102), ("cells", 1, 103), ("empty_cell", 1, 104), ("duplicate", 1, 105)];
    assert_eq!(kinds, expected);
    assert_eq!((&check["good"], &check["excluded"]["invalid"]), (&101.into(), &2.into()));
}

#[test]
fn a_message_that_a_relay_does_not_take_is_told() {
    let workspace = Workspace::letter(3);
    workspace.write("campaigns/relays.toml", "[relays.desk]\npreset = \"sandbox\"\nmax_size = \"100B\"\n");
    let check = workspace.mailrun(&["check", "letter"]).ends(0);
    check.says("message larger than a relay takes").says("desk takes 100 at most");
    workspace.write("campaigns/relays.toml", "[relays.desk]\npreset = \"sandbox\"\nmax_size = \"big\"\n");
    workspace.mailrun(&["check", "letter"]).ends(10).says("is not a size");
}

#[test]
fn addresses_that_need_smtputf8_are_counted() {
    let workspace = Workspace::letter(3);
    workspace.list_with(3, "jürgen@example.net,Jürgen\nada@bücher.example,Ada\n用户@例え.jp,U\n");
    let check = workspace.mailrun(&["check", "letter", "--json"]).ends(0).json();
    let found = &check["summary"][0];
    assert_eq!((&found["kind"], &found["count"]), (&"smtputf8".into(), &2.into()), "{found}");
    assert_eq!((&found["severity"], &found["first"][0]["row"]), (&"warning".into(), &5.into()), "{found}");
    assert_eq!(check["good"], 6);
    workspace.mailrun(&["check", "letter"]).ends(0).says("the relay must announce SMTPUTF8, else");
    let ses = "[relays.desk]\npreset = \"ses\"\nhost = \"127.0.0.1\"\n";
    workspace.write("campaigns/relays.toml", ses);
    workspace.edit(
        "campaigns/letter/campaign.toml",
        "template = ",
        "bounce = \"bünce@example.com\"\ntemplate = ",
    );
    let check = workspace.mailrun(&["check", "letter"]);
    check
        .says("desk is known not to announce SMTPUTF8")
        .says("and the reverse-path `bünce@example.com` needs it");
}

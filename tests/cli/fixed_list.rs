//! `check --fix-csv` writes the list without the rows that are no good, and the others as they were.

use std::fs;

use crate::stage::Workspace;

/// Rows of every kind; those that are no good are marked by `bad` in their name.
const ROWS: [&[u8]; 10] = [
    b"\"quoted@example.net\";\"Q; \n\"\"Q\"\"\"\r\n",
    b"no address;bad\r\n",
    b"\r\n\r\nblank@example.net;\"Bl\"\"ank\"\r\n",
    b"more@example.net;bad;cell\r\n",
    b" spaced@example.net ;  S  \r\n",
    b"EMPTY@example.net; \r\n",
    b"spaced@example.net;bad\r\n",
    b"\"bad@\";\"bad\"\r\n",
    b"umlaut@example.net;J\xc3\xb6rg\n",
    b"last@example.net;Last",
];

fn workspace(list: &[u8]) -> Workspace {
    let workspace = Workspace::letter(1);
    workspace.write("campaigns/letter/recipients.csv", list);
    workspace.edit("campaigns/letter/campaign.toml", "{{first_name}}, the letter", "The letter");
    workspace
}

fn list(rows: impl Iterator<Item = &'static &'static [u8]>) -> Vec<u8> {
    let mut list = b"\xef\xbb\xbfemail;first_name\r\n".to_vec();
    rows.for_each(|row| list.extend_from_slice(row));
    list
}

fn is_good(row: &[u8]) -> bool {
    !row.windows(3).any(|part| part == b"bad")
}

#[test]
fn rows_that_are_kept_stay_octet_for_octet() {
    let workspace = workspace(&list(ROWS.iter()));
    let out = workspace.path("clean.csv");
    let out = out.to_str().expect("a path of the test");
    let check = workspace.mailrun(&["check", "letter", "--fix-csv", out]).ends(10);
    check.says("6 rows, without 4 rows");
    let fixed = fs::read(out).expect("it was written");
    let expected = list(ROWS.iter().filter(|row| is_good(row)));
    assert_eq!(String::from_utf8_lossy(&fixed), String::from_utf8_lossy(&expected));
    workspace.write("campaigns/letter/recipients.csv", fixed);
    let check = workspace.mailrun(&["check", "letter", "--json"]).ends(0).json();
    assert_eq!((&check["good"], &check["excluded"]["invalid"]), (&6.into(), &0.into()));
}

#[test]
fn a_list_in_other_letters_is_written_in_utf_8_and_that_is_told() {
    let workspace = workspace(b"email;first_name\r\njoerg@example.net;J\xf6rg\r\nnobody;N\r\n");
    let out = workspace.path("clean.csv");
    let out = out.to_str().expect("a path of the test");
    let check = workspace.mailrun(&["check", "letter", "--fix-csv", out]).ends(10);
    check.says("UTF-8 (the list is windows-1252)");
    let fixed = fs::read_to_string(out).expect("UTF-8");
    assert_eq!(fixed, "email;first_name\r\njoerg@example.net;J\u{f6}rg\r\n");
}

#[test]
fn nothing_is_written_over_unless_it_is_said_and_the_list_never() {
    let workspace = workspace(b"email,first_name\na@example.net,A\nb@example.net,B\n");
    workspace.write("clean.csv", "mine");
    let out = workspace.path("clean.csv");
    let out = out.to_str().expect("a path of the test");
    workspace.mailrun(&["check", "letter", "--fix-csv", out]).ends(2).says("is there already");
    assert_eq!(fs::read_to_string(out).expect("untouched"), "mine");
    let json = workspace.mailrun(&["check", "letter", "--fix-csv", out, "--force", "--json"]).ends(0).json();
    assert_eq!((&json["fixed"]["rows"], &json["fixed"]["left_out"]), (&2.into(), &0.into()));
    let list = workspace.path("campaigns/letter/recipients.csv");
    let same = workspace.path("link.csv");
    fs::hard_link(&list, &same).expect("a link");
    for name in [&list, &same] {
        let name = name.to_str().expect("a path of the test");
        let check = workspace.mailrun(&["check", "letter", "--fix-csv", name, "--force"]).ends(2);
        check.says("is the list itself");
    }
    let nowhere = workspace.path("nowhere/clean.csv");
    workspace.mailrun(&["check", "letter", "--fix-csv", nowhere.to_str().expect("a path")]).ends(1);
    assert!(workspace.files("", ".csv").len() < 5, "nothing is left behind");
}

#[test]
fn all_rows_of_a_message_that_does_not_render_go() {
    let workspace = workspace(b"email,first_name,order\na@x.example,A,1\nb@x.example,B,1\nc@x.example,C,2\n");
    workspace.edit("campaigns/letter/campaign.toml", "[list]\n", "[list]\ngroup_by = \"order\"\n");
    let out = workspace.path("clean.csv");
    let out = out.to_str().expect("a path of the test");
    workspace.mailrun(&["check", "letter", "--fix-csv", out]).ends(10);
    let fixed = fs::read_to_string(out).expect("it was written");
    assert_eq!(fixed, "email,first_name,order\nc@x.example,C,2\n");
}

//! Variants that are compared, and languages that a column chooses.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::stage::{Habit, Peer, Workspace};

const VARIANTS: &str = "[[variants]]\nname = \"question\"\nsubject = \"Is it autumn, {{first_name}}?\"\n\
    [[variants]]\nname = \"letter\"\nshare = 3\n";

/// A list of `count` people, every third of them with German, every third with Brazilian Portuguese.
fn list(workspace: &Workspace, count: usize) {
    let mut list = String::from("email,first_name,lang\n");
    for number in 0..count {
        let language = ["de-AT", "", "pt_BR"][number % 3];
        writeln!(list, "person{number}@example.net,Person {number},{language}").expect("written");
    }
    workspace.write("campaigns/letter/recipients.csv", list);
}

#[test]
fn everybody_gets_one_variant_and_the_report_tells_them_apart() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 60);
    workspace.settings(VARIANTS);
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);

    let mut sent = BTreeMap::new();
    for message in peer.taken() {
        let is_question = message.header("Subject")[0].starts_with("Is it autumn");
        *sent.entry(if is_question { "question" } else { "letter" }).or_insert(0_u64) += 1;
    }
    assert_eq!(sent.values().sum::<u64>(), 60);
    assert!((4..=28).contains(&sent["question"]), "{sent:?}");
    for (variant, count) in &sent {
        assert_eq!(plan["variants"][variant], *count, "{plan}");
    }
    let report = workspace.mailrun(&["report", "letter", "--json"]).ends(0).json();
    for told in report["variants"].as_array().expect("a list") {
        let variant = told["variant"].as_str().expect("a name");
        assert_eq!((&told["recipients"], &told["accepted"]), (&sent[variant].into(), &sent[variant].into()));
    }
    workspace.mailrun(&["report", "letter"]).ends(0).says("By variant").says("question");
    workspace.mailrun(&["show", "letter", "person1@example.net"]).ends(0).says("variant");
}

#[test]
fn a_column_chooses_the_language() {
    let peer = Peer::start(Habit::Takes);
    let workspace = Workspace::letter_to(peer.port, 1);
    list(&workspace, 9);
    workspace.edit("campaigns/letter/campaign.toml", "[list]\n", "[list]\nlanguage = \"lang\"\n");
    workspace.edit(
        "campaigns/letter/campaign.toml",
        "from =",
        "subjects = { pt-BR = \"{{first_name}}, a carta\" }\nfrom =",
    );
    workspace.write("templates/letter/subject.de.hbs", "{{first_name}}, der Brief\n");
    workspace.write("templates/letter/body.de.txt.hbs", "Liebe(r) {{first_name}},\n\nhier ist der Brief.\n");
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    assert_eq!(plan["languages"], serde_json::json!({ "de": 3, "other": 3, "pt-br": 3 }));
    let each = workspace.mailrun(&["preview", "letter", "--each", "--json"]).ends(0).json();
    let languages: Vec<&str> =
        each.as_array().expect("a list").iter().filter_map(|shown| shown["language"].as_str()).collect();
    assert_eq!(languages, ["de", "", "pt-br"]);
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    for message in peer.taken() {
        let number: usize = message.recipients[0]
            .trim_start_matches("person")
            .split('@')
            .next()
            .expect("a number")
            .parse()
            .expect("one");
        let subject = message.header("Subject").remove(0);
        let (ending, says) = [
            ("der Brief", "hier ist der Brief"),
            ("the letter", "this is the letter"),
            ("a carta", "this is"),
        ][number % 3];
        assert!(subject.ends_with(ending) && message.content.contains(says), "{}", message.content);
    }
}

#[test]
fn what_is_wrong_with_variants_and_languages_is_said_with_its_place() {
    let workspace = Workspace::letter(1);
    workspace.settings(
        "[[variants]]\nname = \"a\"\nsubject = \"{{frist_name}}?\"\n[[variants]]\nname = \"a\"\nshare = 0\n",
    );
    workspace
        .mailrun(&["check", "letter"])
        .ends(10)
        .says("two variants are called \"a\"")
        .says("0 is not a share");
    workspace.settings("[[variants]]\nsubject = \"x\"\n");
    workspace
        .mailrun(&["check", "letter"])
        .ends(10)
        .says("there is one variant, and nothing to compare it with");
    workspace.settings("[[variants]]\n[[variants]]\n");
    workspace.mailrun(&["check", "letter"]).ends(10).says("the variant \"b\" is the same as another");
    workspace.settings("[[variants]]\nsubject = \"{{frist_name}}?\"\n[[variants]]\n");
    workspace.mailrun(&["check", "letter"]).ends(10).says("frist_name").says("did you mean `first_name`?");
    workspace.settings("");
    workspace.edit("campaigns/letter/campaign.toml", "[list]\n", "[list]\nlanguage = \"frist_name\"\n");
    workspace.mailrun(&["check", "letter"]).ends(10).says("did you mean `first_name`?");
    workspace.edit("campaigns/letter/campaign.toml", "\"frist_name\"", "\"first_name\"");
    workspace.mailrun(&["check", "letter"]).ends(10).says("there is only one");
    workspace.settings("");
    workspace.write("templates/letter/body.de.txt.hbs", "Hallo {{frist_name}}\n");
    workspace.mailrun(&["check", "letter"]).ends(10).says("nobody gets them").says("body.de.txt.hbs");
}

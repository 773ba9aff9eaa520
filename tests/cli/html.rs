//! What is made of an HTML body leaves with the message: pictures, styles, a text.

use std::fs;

use crate::stage::Workspace;

const HTML: &str = "<html><head><link rel=\"stylesheet\" href=\"style.css\"></head><body>\n\
<p class=\"big\">Dear {{first_name}},</p><img src=\"images/logo.png\" alt=\"Our logo\"></body></html>\n";

/// A campaign with an HTML body alone, a picture and a stylesheet beside it.
fn workspace() -> Workspace {
    let workspace = Workspace::letter(2);
    fs::remove_file(workspace.path("templates/letter/body.txt.hbs")).expect("a file");
    workspace.write("templates/letter/body.html.hbs", HTML);
    workspace
        .write("templates/letter/style.css", ".big { font-size: 20px }\n@media print { p { margin: 0 } }\n");
    workspace.write("templates/letter/images/logo.png", b"\x89PNG\r\n\x1a\n");
    workspace
}

#[test]
fn pictures_styles_and_a_text_go_with_the_message() {
    let workspace = workspace();
    workspace.settings("[html]\n");
    let told = workspace.mailrun(&["check", "letter"]).ends(0);
    told.says("the text body is made from templates/letter/body.html.hbs");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    let sent = workspace.files(".mailrun/sandbox", ".eml");
    assert_eq!(sent.len(), 2);
    for file in sent {
        let message =
            fs::read_to_string(file).expect("a message of ASCII").replace("\r\n", "\n").replace("=\n", "");
        for part in [
            "Content-Type: multipart/related;",
            " type=\"multipart/alternative\"",
            "\n\nDear Person ",
            ",\n\nOur logo\n",
            "<p style=\"font-size: 20px",
            "@media print",
            "Content-Disposition: inline;\n filename=\"logo.png\"",
        ] {
            assert!(message.contains(part), "{part:?} is missing from {message}");
        }
        let id =
            message.split("Content-ID: <").nth(1).and_then(|rest| rest.split('>').next()).expect("an id");
        assert!(message.contains(&format!("src=\"cid:{id}\"")), "{message}");
        assert!(!message.contains("stylesheet"), "{message}");
    }
}

#[test]
fn what_is_not_wanted_is_not_made() {
    let workspace = workspace();
    workspace.settings("[html]\ninline_css = false\nembed = false\ntext = false");
    workspace.mailrun(&["check", "letter"]).ends(0).says("this picture is not brought along");
    let message = workspace.mailrun(&["preview", "letter", "--json"]).ends(0).json();
    let preview = if message.is_array() { &message[0] } else { &message };
    assert!(preview["text"].is_null(), "{preview}");
    assert_eq!(preview["html"].as_str(), Some(HTML.replace("{{first_name}}", "Person 1").as_str()));
}

#[test]
fn what_lies_nowhere_is_told_at_its_place() {
    let workspace = workspace();
    workspace.edit("templates/letter/body.html.hbs", "images/logo.png", "images/lgo.png");
    workspace.edit("templates/letter/body.html.hbs", "style.css", "../style.css");
    let told = workspace.mailrun(&["check", "letter"]).ends(10);
    told.says("templates/letter/body.html.hbs:2:50").says("templates/letter/body.html.hbs:1:42");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(10);
}

#[test]
fn a_picture_that_was_changed_is_not_sent() {
    let workspace = workspace();
    let plan = workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json();
    workspace.write("templates/letter/images/logo.png", "another");
    let plan = plan["plan"].as_str().expect("an id");
    workspace.mailrun(&["send", "letter", "--plan", plan, "--yes"]).ends(14).says("the picture");
}

#[test]
fn the_language_stands_in_the_message() {
    let workspace = Workspace::letter(1);
    workspace.edit("campaigns/letter/campaign.toml", "template = ", "language = \"de-AT\"\ntemplate = ");
    workspace.mailrun(&["preview", "letter", "--raw"]).ends(0).says("Content-Language: de-AT");
    workspace.edit("campaigns/letter/campaign.toml", "de-AT", "German, please");
    workspace.mailrun(&["check", "letter"]).ends(10).says("is not a language");
}

#[test]
fn a_link_that_nobody_may_follow_stops_the_campaign() {
    let workspace = workspace();
    workspace.edit("templates/letter/body.html.hbs", "Dear", "<a href=\"javascript:alert(1)\">x</a> Dear");
    let told = workspace.mailrun(&["check", "letter"]).ends(10);
    told.says("templates/letter/body.html.hbs:2:25").says("javascript:");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(10).says("javascript:");
}

#[test]
fn colours_that_know_no_dark_are_told_to_who_asks_for_more() {
    let workspace = workspace();
    workspace.edit("templates/letter/style.css", "20px", "20px; color: #333");
    workspace.mailrun(&["check", "letter"]).ends(0).never_says("in the dark");
    workspace.mailrun(&["check", "letter", "-v"]).ends(0).says("style.css sets colours and does not say");
    workspace.edit("templates/letter/style.css", "@media print", "@media (prefers-color-scheme: dark)");
    workspace.mailrun(&["check", "letter", "-v"]).ends(0).never_says("in the dark");
}

#[test]
fn front_matter_gives_subject_layout_and_preheader() {
    let workspace = Workspace::letter(1);
    for body in ["txt", "html"] {
        fs::remove_file(workspace.path(&format!("templates/letter/body.{body}.hbs"))).expect("a file");
    }
    workspace.write("templates/partials/frame.hbs", "<html><body>{{> @partial-block}}</body></html>\n");
    let text = "---\npreheader: News for {{first_name}}\nlayout: frame\n---\n# Hello\n";
    workspace.write("templates/letter/body.md.hbs", text);
    let preview = workspace.mailrun(&["preview", "letter", "--json"]).ends(0).json();
    let preview = if preview.is_array() { &preview[0] } else { &preview };
    let html = preview["html"].as_str().expect("HTML");
    assert!(html.starts_with("<html><body><div style=\"display:none;"), "{html}");
    assert!(html.contains(">News for Person 1</div>\n<h1>Hello</h1>"), "{html}");
    assert_eq!(preview["text"], "Hello\n");
    workspace.mailrun(&["send", "letter", "--yes"]).ends(0);
    workspace.edit("templates/letter/body.md.hbs", "layout: frame", "layout: farme");
    let told = workspace.mailrun(&["check", "letter"]).ends(10);
    told.says("templates/letter/body.md.hbs:3:9").says("did you mean `frame`?");
    workspace.edit("templates/letter/body.md.hbs", "layout: farme", "lay-out: frame");
    workspace.mailrun(&["check", "letter"]).ends(10).says("did you mean `layout`?");
}

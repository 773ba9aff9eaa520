//! What is made of an HTML body, in the messages that leave.

use super::*;
use crate::compose::notes;
use crate::mail::Making;

fn making(html: &str) -> Content {
    let making = Making { inline_css: true, text: true, sheets: BTreeMap::new() };
    Content { html: Some(source(html)), text: None, making, ..content() }
}

fn bodies(content: Content, cells: [&str; 4]) -> (Option<String>, Option<String>) {
    let preview = composer(content).preview(&row(cells)).expect("rendered");
    (preview.text, preview.html)
}

#[test]
fn a_text_body_is_made_for_each_row() {
    let (text, html) =
        bodies(making("<p>Dear {{first_name}},</p><p>hi &amp; bye</p>"), ["Ada & Bob", "", "", ""]);
    assert_eq!(text.as_deref(), Some("Dear Ada & Bob,\n\nhi & bye\n"));
    assert_eq!(html.as_deref(), Some("<p>Dear Ada &amp; Bob,</p><p>hi &amp; bye</p>\n"));
}

#[test]
fn what_is_made_beforehand_and_what_is_made_of_each_message_agree() {
    let styles = "<style>p{color:red} .b{top:0}</style>";
    let table = [
        // The same but for a block that decides on a class.
        (
            format!("{styles}<p class=\"b\">{{{{city}}}}</p>"),
            format!("{styles}<p class=\"{{{{#if city}}}}b{{{{/if}}}}\">{{{{city}}}}</p>"),
        ),
    ];
    for (beforehand, by_row) in table {
        let cells = ["Ada", "Ulm", "", ""];
        assert_eq!(bodies(making(&beforehand), cells), bodies(making(&by_row), cells));
        let told = notes(&making(&by_row));
        assert!(told[1].starts_with("t.hbs:1:48: styles are inlined in each message by itself"), "{told:?}");
        assert_eq!(notes(&making(&beforehand)), ["the text body is made from t.hbs"]);
    }
}

#[test]
fn a_row_decides_on_the_text_where_html_comes_out_of_a_cell() {
    let (text, _) = bodies(making("<p>{{{city}}}</p>"), ["Ada", "<b>Ulm</b><br>Bonn", "", ""]);
    assert_eq!(text.as_deref(), Some("Ulm\nBonn\n"));
}

#[test]
fn items_of_a_loop_stand_line_by_line() {
    let html = "<p>You ordered:</p>\n<ul>\n{{#each items}}\n<li>{{this}}</li>\n{{/each}}\n</ul>\n<p>Bye</p>";
    let (text, _) = bodies(making(html), ["Ada", "", "bread;milk", ""]);
    assert_eq!(text.as_deref(), Some("You ordered:\n\n- bread\n- milk\n\nBye\n"));
}

#[test]
fn partials_are_part_of_the_whole() {
    let content = Content {
        partials: sources([
            ("head", "<style>h1{top:0}</style><table><tr>"),
            ("foot", "</tr></table>{{city}}\n"),
        ]),
        ..making("{{> head}}<td><h1>x</h1></td>{{> foot}}")
    };
    let (text, html) = bodies(content, ["Ada", "Ulm", "", ""]);
    assert_eq!(text.as_deref(), Some("x\n\nUlm\n"));
    let html = html.expect("a body");
    assert!(html.contains("<h1 style=\"top:") && html.ends_with("</tr></table>Ulm\n"), "{html}");
}

#[test]
fn a_body_without_words_has_no_text() {
    let (text, html) = bodies(making("<img src=\"https://x.org/a.png\" alt=\"\">"), ["", "", "", ""]);
    assert!(text.is_none() && html.is_some());
}

#[test]
fn nothing_is_made_unless_it_is_wanted() {
    let content = Content { making: Making::default(), ..making("<style>p{top:0}</style><p>x</p>") };
    assert_eq!(notes(&content), Vec::<String>::new());
    let (text, html) = bodies(content, ["", "", "", ""]);
    assert_eq!((text, html.as_deref()), (None, Some("<style>p{top:0}</style><p>x</p>\n")));
}

#[test]
fn a_body_that_gmail_clips_is_told_by_row() {
    let check = |octets: usize| {
        let html = format!("<p>{}</p>\n", "x".repeat(octets - 9));
        composer(making(&html)).check(&row(["Ada", "", "", ""])).expect("rendered").findings
    };
    // The end of the line has two octets.
    assert_eq!(check(102 << 10).len(), 0);
    let found = check((102 << 10) + 1);
    assert_eq!(found[0].kind.name(), "clipped");
    assert_eq!((found.len(), found[0].row), (1, 7));
    assert!(found[0].what.starts_with("its HTML has 104449 octets"), "{}", found[0].what);
}

#[test]
fn a_fault_of_a_row_stands_where_it_was_written_whatever_was_made_of_the_file() {
    let css = "<style>p{color:red}\n\n</style>";
    let twice = "<p>x</p>\n<p>{{city}}</p>\n{{#if items}}<b>{{date city}}</b>{{/if}}\n<p>{{date city}}</p>";
    let table: [(&str, String, &str, &str); 7] = [
        ("t.hbs", "<p>a</p>\n\n<p>{{date city}}</p>".into(), "", "t.hbs:3:4"),
        ("t.hbs", format!("{css}<p>a</p>\n<p>{{{{date city}}}}</p>"), "", "t.hbs:4:4"),
        ("t.hbs", format!("{css}\n{twice}"), "", "t.hbs:7:4"),
        (
            "t.hbs",
            format!("{css}\n{{{{> part}}}}"),
            "<p>b</p>\n<p>{{date city}}</p>",
            "partials/part.hbs:2:4",
        ),
        ("b.md.hbs", "# a\nb\n\n- {{date city}}\n".into(), "", "b.md.hbs:4:3"),
        // In the file and in a partial of it: nobody can tell which.
        ("t.hbs", format!("{css}{{{{> part}}}}<i>{{{{date city}}}}</i>"), "<p>{{date city}}</p>", ""),
        ("b.md.hbs", "[x] {{date city}} [x]\n\n[x]: https://e.com/{{date city}}\n".into(), "", ""),
    ];
    for (file, html, partial, place) in table {
        let mut content = making("");
        content.html = Some(Source::file(file, html.as_str()));
        content.partials = sources([("part", partial)]);
        for text in [None, Some(source("x"))] {
            let content = Content { text, ..content.clone() };
            let fault = composer(content).check(&row(["Ada", "Ulm", "", ""])).expect_err(&html);
            assert_eq!(fault.kind.name(), "value");
            let said = fault.place.as_ref().map(ToString::to_string).unwrap_or_default();
            assert_eq!(said, place, "{html}: {fault}");
            assert!(!place.is_empty() || fault.what.ends_with(&format!("(in {file})")), "{fault}");
        }
    }
}

//! The rows of one person in a template (`group_by`), and equal messages of a grouped campaign.

use std::sync::Arc;

use super::{composer, content, row, source, sources, texts};
use crate::compose::body::Body;
use crate::compose::names::Row;
use crate::compose::template::View;
use crate::compose::{Composer, Keys, lint};
use crate::mail::{Content, Line, Mode, PlanId, Recipient};

fn gathered() -> Content {
    Content { group_by: Some("email".into()), ..content() }
}

/// Somebody with three rows.
fn ada() -> Recipient {
    let mut ada = row(["Ada", "Rom", "ink; pen", "1"]);
    let more = [row(["Eve", "", "", "2 <b>"]), row(["", "Oslo", "nib", "3"])];
    ada.more = (8..).zip(more).map(|(row, other)| Line { row, fields: other.fields }).collect();
    ada
}

#[test]
fn rows_are_a_list_of_objects_compiled_or_not() {
    let table = [
        ("{{#each rows}}{{first_name}}/{{city}};{{/each}}", "Ada/Rom;Eve/;there/Oslo;"),
        ("{{first_name}} {{#each rows}}{{@index}}{{#unless @last}},{{/unless}}{{/each}}", "Ada 0,1,2"),
        ("{{#each rows as |r n|}}{{n}}={{r.title}} {{/each}}", "0=1 1=2 <b> 2=3 "),
        (
            "{{#each rows}}{{#each items}}<{{this}}|{{../title}}>{{else}}none{{/each}}{{/each}}",
            "<ink|1><pen|1>none<nib|3>",
        ),
        (
            "{{#each rows}}{{#if (gt title 1)}}{{upper city}}{{/if}}{{@root.city}} {{/each}}",
            "Rom Rom OSLORom ",
        ),
        ("{{#each rows}}{{> line}}{{/each}}", "[1][2 <b>][3]"),
        ("{{#each rows}}{{> line this}}{{/each}}", "[1][2 <b>][3]"),
        ("{{#each rows}}{{> both who=../first_name}}{{/each}}", "1Ada 2 <b>Ada 3Ada "),
        ("{{len rows}}{{#if rows}} rows{{/if}}", "3 rows"),
        ("{{rows.[1].first_name}} {{#with rows.[2]}}{{city}}{{/with}}", "Eve Oslo"),
        ("{{#each items}}{{this}}{{/each}}", "inkpen"),
    ];
    for (text, expected) in table {
        let mut content = gathered();
        content.partials = sources([("line", "[{{title}}]"), ("both", "{{title}}{{who}} ")]);
        content.text = Some(source(text));
        let composer = composer(content);
        let (templates, engine, used) = composer.templates();
        let recipient = ada();
        let seen = Row { recipient: &recipient, token: "T", unsubscribe_url: "" };
        let view = View::new(engine, seen, used, 0);
        let body = templates[1]
            .body(engine, &view, Body::default())
            .unwrap_or_else(|stop| panic!("{text}: {stop:?}"));
        assert_eq!(body.text().trim_end_matches("\r\n"), expected, "{text}");
        let plain = templates[1].through_handlebars(engine, &view).expect(text);
        assert_eq!(plain, expected, "{text}");
        let is_left = text.contains("rows.[") || text.contains("who=");
        assert_eq!(templates[1].follow_body(engine, &view, &mut Body::default()).is_err(), is_left, "{text}");
    }
}

#[test]
fn values_of_rows_are_escaped_in_html() {
    let mut content = gathered();
    content.html = Some(source("{{#each rows}}<i>{{title}}</i>{{/each}}"));
    let message = composer(content).preview(&ada()).expect("it renders");
    assert_eq!(message.html.as_deref().map(str::trim_end), Some("<i>1</i><i>2 &lt;b&gt;</i><i>3</i>"));
}

#[test]
fn what_a_row_does_not_have_is_told_with_what_was_meant() {
    let table = [
        (
            "{{#each rows}}{{ctiy}}{{/each}}",
            "`ctiy` is unknown: the rows have no column of that name",
            "did you mean `city`?",
        ),
        (
            "{{#each rows}}{{token}}{{/each}}",
            "`token` is unknown: the rows have no column of that name",
            "write `@root.token` for that of the message",
        ),
        (
            "{{rows}}",
            "`rows` are all rows and cannot be written as they are",
            "{{#each rows}}..{{/each}} goes through them",
        ),
        (
            "{{rows.city}}",
            "`rows.city`: the rows are a list and have no `city`",
            "write {{#each rows}}{{city}}{{/each}}",
        ),
        ("{{#each rows}}{{this}}{{/each}}", "`this` is the whole row here", ""),
        ("{{upper rows}}", "`upper` cannot take a list", ""),
        ("{{#each rows}}{{upper this}}{{/each}}", "`upper` cannot take a whole row", ""),
    ];
    for (text, what, hint) in table {
        let mut content = gathered();
        content.text = Some(source(text));
        let faults = lint(&content);
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        assert_eq!(
            (faults[0].what.as_str(), faults[0].hint.as_deref().unwrap_or_default()),
            (what, hint),
            "{text}"
        );
    }
    let mut content = content();
    content.text = Some(source("{{#each rows}}x{{/each}}"));
    let hint = lint(&content)[0].hint.clone().unwrap_or_default();
    assert!(hint.contains("group_by"), "{hint}");
}

/// What tells the message of each of these rows from those of the others.
fn variants<const N: usize>(content: Content, rows: &[Recipient; N]) -> [u128; N] {
    let composer = composer(content);
    // The second look is at what was remembered.
    let look = |row: &Recipient| composer.check(row).expect("it renders").variant.expect("grouped");
    let first = rows.each_ref().map(look);
    assert_eq!(rows.each_ref().map(look), first);
    first
}

#[test]
fn messages_are_alike_by_what_they_say_and_not_by_what_they_are_made_of() {
    let mut content = content();
    (content.mode, content.subject, content.name) = (Mode::Grouped, source("News"), None);
    content.defaults = texts([]);
    content.text = Some(source("{{#if (eq city \"Rom\")}}Ciao{{else}}Hello{{/if}}\n"));
    let rows = ["Rom", "Oslo", "Köln", " Rom"].map(|city| row(["x", city, "", ""]));
    let [rome, oslo, cologne, blank] = variants(content, &rows);
    assert_eq!(oslo, cologne);
    assert_ne!(rome, oslo);
    assert_eq!(blank, oslo, "a blank before it makes another text of it");
}

#[test]
fn a_common_link_stays_in_every_grouped_message_and_a_personal_one_is_refused() {
    let made = |url: &str, partial: &str| {
        let mut content = content();
        (content.mode, content.subject, content.name) = (Mode::Grouped, source("News"), None);
        content.text = Some(source("The news.\n"));
        content.partials = sources([("way", partial)]);
        content.unsubscribe.url = Some(source(url));
        Composer::new(Arc::new(content), &Keys::new(&[7; 32]), PlanId([3; 16]))
    };
    let personal = [
        "https://u.example.com/{{email}}",
        "https://u.example.com/{{city}}",
        "https://u.example.com/{{upper (default city \"x\")}}",
        "https://u.example.com/{{#if city}}x{{/if}}",
        "https://u.example.com/{{> way}}",
        "{{@root.city}}",
    ];
    for url in personal {
        let faults = made(url, "{{title}}").expect_err(url);
        assert!(faults.iter().any(|fault| fault.what.contains("share one link")), "{url}: {faults:?}");
    }
    for url in
        ["https://u.example.com/", "https://u.example.com/{{token}}", "https://u.example.com/{{> way}}"]
    {
        let composer = made(url, "{{campaign}}").expect(url);
        let preview = composer.preview(&row(["Ada", "Rom", "", ""])).expect("it renders");
        let text = String::from_utf8(preview.octets.to_vec()).expect("text");
        assert!(text.contains("\r\nList-Unsubscribe: <https://u.example.com/"), "{url}: {text}");
    }
}

//! What a message should say, put together by plain replacing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::files;
use super::kinds::{COLUMNS, Kind, PARTIAL, Person, Row, SEPARATOR, WAY_OUT};

/// The campaign of a page; `NAME` stands for its own, and `CSS` for whether its styles are inlined.
pub(super) const PAGE_CAMPAIGN: &str = r#"
subject = "The newsletter"
from = "Example News <news@example.com>"
template = "NAME"
relays = ["desk"]
[html]
inline_css = CSS
text = false
[unsubscribe]
mailto = "unsubscribe@example.com"
"#;

/// What the message of a page should say: the page, in what `compared` says of it.
pub(super) fn of_page(name: &str, address: &str, page: &str, compared: &str) -> Value {
    json!({
        "campaign": name,
        "from": { "name": "Example News", "address": "news@example.com" },
        "reply_to": null,
        "to": { "name": "", "address": address },
        "subject": "The newsletter",
        "text": null,
        "html": lines(page),
        "compared": compared,
        "headers": {},
        "list_id": null,
        "link": false,
        "mailto": true,
        "files": [],
        "signatures": 0,
    })
}

/// Whether a value is put into HTML.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Into {
    Html,
    Text,
}

/// What the message to `row` should say, whoever reads it.
pub(super) fn expected(kind: &Kind, row: &Row) -> Value {
    let line = |template: &str| one_line(&fill(template, row, Into::Text));
    let body = |template: Option<&str>, into: Into| {
        template.map(|template| lines(&fill(&kind.filled(template), row, into)))
    };
    let person = |person: &Person| json!({ "name": person.name, "address": person.address });
    let headers: BTreeMap<&str, String> =
        kind.headers.iter().chain(kind.fields).map(|(name, value)| (*name, line(value))).collect();
    let mut files = kind.html.map(files::expected_pictures).unwrap_or_default();
    if !kind.attached.is_empty() {
        files.extend(files::expected(row, &line(files::OWN_NAME)));
    }
    json!({
        "campaign": kind.name,
        "from": person(&kind.from),
        "reply_to": kind.reply_to.as_ref().map(person),
        "to": { "name": line("{{first_name}} {{last_name}}"), "address": row.address() },
        "subject": line(kind.subject),
        "text": body(kind.text, Into::Text),
        "html": body(kind.html, Into::Html).map(files::with_pictures),
        "spaces_of_text": if kind.is_text_made() { "free" } else { "kept" },
        "headers": headers,
        "list_id": kind.list_id.map(|id| format!("<{id}>")),
        "link": kind.unsubscribe.contains("url"),
        "mailto": kind.unsubscribe.contains("mailto"),
        "files": files,
        "signatures": 2,
    })
}

/// A template with the cells of a row in it.
fn fill(template: &str, row: &Row, into: Into) -> String {
    let value = |text: &str| match into {
        Into::Text => text.to_owned(),
        Into::Html => escaped(text),
    };
    let mut text = template.replace("{{> sign}}", PARTIAL);
    if let Some((before, rest)) = text.split_once("{{#each items}}") {
        let (each, after) = rest.split_once("{{/each}}").expect("a loop ends");
        let items = row.cell("items").split(SEPARATOR).map(|item| each.replace("{{this}}", &value(item)));
        text = before.to_owned() + &items.collect::<String>() + after;
    }
    text = text.replace("{{unsubscribe_url}}", WAY_OUT);
    // No cell holds braces, so none is taken for a name.
    for column in COLUMNS {
        text = text.replace(&format!("{{{{{column}}}}}"), &value(row.cell(column)));
    }
    text
}

fn escaped(text: &str) -> String {
    [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")]
        .into_iter()
        .fold(text.to_owned(), |text, (letter, entity)| text.replace(letter, entity))
}

/// A value of a header: no control characters, no ends of lines, single spaces.
fn one_line(text: &str) -> String {
    let ends = |letter: char| letter == ' ' || letter.is_control() || "\u{2028}\u{2029}".contains(letter);
    text.split(ends).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A body with LF for each end of a line, the last line ended too.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if text.ends_with('\n') { text } else { text + "\n" }
}

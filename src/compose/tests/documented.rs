//! What the README says of functions is so.

use super::{content, row, source};
use crate::compose::tests::composer;

const README: &str = include_str!("../../../README.md");

/// The columns that the examples are about, and the row that they are shown for.
const EXAMPLE: [(&str, &str); 4] =
    [("name", "ada"), ("total", "1234.5"), ("when", "2026-12-01T08:00:00Z"), ("items", "bread;milk;tea")];

/// The template of each example, and what it gives.
fn examples() -> Vec<(&'static str, &'static str)> {
    let section = README.split("## What templates can say").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("a section ends");
    let rows = section.lines().filter(|line| line.starts_with("| `{{"));
    let cells = rows.map(|line| {
        let mut cells = line.split(" | ").map(|cell| cell.trim_matches(['|', ' ', '`']));
        (cells.next().expect("an example"), cells.next().expect("what it gives"))
    });
    cells.collect()
}

#[test]
fn every_documented_example_gives_what_is_said() {
    let examples = examples();
    assert!(examples.len() > 25, "{}", examples.len());
    for (template, given) in examples {
        let mut content = content();
        content.columns =
            ["email"].into_iter().chain(EXAMPLE.map(|(name, _)| name)).map(str::to_owned).collect();
        content.defaults.clear();
        content.name = None;
        content.subject = source("x");
        content.zone = Some("Europe/Berlin".into());
        content.text = None;
        content.html = Some(source(template));
        let composer = composer(content);
        let preview = composer.preview(&row(EXAMPLE.map(|(_, value)| value))).expect(template);
        let html = preview.html.expect("a body");
        let plain = html.trim_end().replace(['\u{a0}', '\u{202f}'], " ");
        assert_eq!(plain, given, "{template}");
    }
}

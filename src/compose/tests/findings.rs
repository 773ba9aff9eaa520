//! What is worth a look in a row that renders, and what is not.

use super::{composer, content, row, source, texts};
use crate::compose::FaultKind;

/// The kind of a finding, its column and its place.
type Expected = (FaultKind, Option<&'static str>, &'static str);

#[test]
fn what_is_worth_a_look_is_found_and_nothing_else() {
    let long = "x ".repeat(120);
    let table: [(&str, [&str; 4], &[Expected]); 12] = [
        ("{{city}}", ["Ada", "Rom", "", ""], &[]),
        ("a\nb {{city}}", ["Ada", " ", "", ""], &[(FaultKind::EmptyCell, Some("city"), "t.hbs:2:5")]),
        ("x{{upper city}}", ["Ada", "", "", ""], &[(FaultKind::EmptyCell, Some("city"), "t.hbs:1:10")]),
        ("x{{#if city}}{{city}}{{else}}{{city}}{{/if}}", ["Ada", "", "", ""], &[]),
        ("x{{#if (eq city \"a\")}}{{city}}{{/if}}", ["Ada", "", "", ""], &[]),
        (
            "x{{#if title}}{{city}}{{/if}}",
            ["Ada", "", "", ""],
            &[(FaultKind::EmptyCell, Some("city"), "t.hbs:1:17")],
        ),
        ("x{{default city \"y\"}}{{len city}}{{eq city \"a\"}}", ["Ada", "", "", ""], &[]),
        ("x{{upper (default city \"y\")}}", ["Ada", "", "", ""], &[]),
        // `first_name` has a default.
        ("x{{first_name}}", ["", "", "", ""], &[]),
        ("x{{city}}", ["Ada", "a {{b}}", "", ""], &[(FaultKind::Braces, Some("city"), "t.hbs:1:4")]),
        ("x", ["Ada\nEve", "a\nb", "", ""], &[(FaultKind::LineBreak, Some("first_name"), "t.hbs:1:3")]),
        ("x", [&long, "", "", ""], &[(FaultKind::LongSubject, None, "t.hbs:1:1")]),
    ];
    for (text, cells, expected) in table {
        let mut content = content();
        content.text = Some(source(text));
        content.name = None;
        let checked = composer(content).check(&row(cells)).expect(text);
        let found: Vec<_> = checked
            .findings
            .iter()
            .map(|fault| {
                let place = fault.place.as_ref().expect("a place").to_string();
                (fault.kind, fault.column.as_deref(), place)
            })
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(kind, column, place)| (*kind, *column, (*place).to_owned())).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn an_empty_default_says_that_a_cell_may_be_empty() {
    let mut content = content();
    content.text = Some(source("x{{city}}"));
    content.defaults = texts([("city", "")]);
    let checked = composer(content).check(&row(["Ada", "", "", ""])).expect("rendered");
    assert_eq!(checked.findings, []);
}

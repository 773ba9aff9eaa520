//! Functions in the language of a wording.

use super::{composer, content, row, source};
use crate::mail::{Content, Wording};

/// A letter in no language in particular and in German, with dates and numbers in every place.
fn letter(locale: Option<&str>, language: &str) -> Content {
    let mut content = content();
    content.language_column = Some(4);
    content.locale = locale.map(str::to_owned);
    content.defaults.clear();
    content.text = Some(source(
        "{{number city}} {{date first_name \"short\"}} {{plural city one=\"day\" other=\"days\"}}",
    ));
    content.headers.insert("X-Sum".into(), source("{{money city \"EUR\"}}"));
    content.name = None;
    content.wordings.push(Wording {
        variant: 0,
        language: Some(language.to_owned()),
        subject: source("{{number city}}"),
        text: content.text.clone(),
        // What no program is made of goes through handlebars.
        html: Some(source(
            "{{#with (date first_name \"long\") as |day|}}{{day}}{{/with}} {{number city locale=\"fr\"}}",
        )),
    });
    content
}

#[test]
fn numbers_and_dates_are_in_the_language_of_the_wording() {
    let plain = "1,234.5 12/1/26 days|\u{20ac}1,234.50";
    let german = "1.234,5 01.12.26 days|1.234,50\u{a0}\u{20ac}";
    let austrian = "1\u{a0}234,5 01.12.26 days|\u{20ac}\u{a0}1\u{a0}234,50";
    let table = [
        (None, "de", "de", german),
        (None, "de", "de-CH", german),
        (None, "de", "fr", plain),
        (None, "de", "", plain),
        // The campaign's own says more of the same language, or is another.
        (Some("de-AT"), "de", "de", austrian),
        (Some("de-AT"), "de", "", austrian),
        (Some("en"), "de", "de", german),
        (Some("de"), "de-at", "de-AT", austrian),
        // What is no language of the functions leaves them in the campaign's.
        (Some("de"), "klingon", "klingon", german),
    ];
    for (locale, wording, cell, said) in table {
        let preview = composer(letter(locale, wording)).preview(&row(["2026-12-01", "1234.5", "", cell]));
        let preview = preview.expect(cell);
        let sum = preview.headers.iter().find(|(name, _)| name == "X-Sum").map(|(_, sum)| sum.as_str());
        let text = preview.text.as_deref().unwrap_or_default().trim_end();
        assert_eq!(format!("{text}|{}", sum.unwrap_or_default()), said, "{locale:?} {wording} {cell}");
    }
}

#[test]
fn what_goes_through_handlebars_has_the_language_too_and_a_call_may_name_another() {
    let preview = composer(letter(None, "de")).preview(&row(["2026-12-01", "1234.5", "", "de"])).expect("de");
    assert_eq!(preview.html.as_deref().map(str::trim_end), Some("1. Dezember 2026 1\u{202f}234,5"));
    let subject = preview.headers.iter().find(|(name, _)| name == "Subject").map(|(_, text)| text.as_str());
    assert_eq!(subject, Some("1.234,5"));
}

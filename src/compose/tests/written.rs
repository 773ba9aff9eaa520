//! Bodies in Markdown and MJML.

use super::{composer, content, row, source, sources};
use crate::compose::lint;
use crate::mail::{Content, Severity, Source};

fn markdown(text: &str) -> Content {
    let mut content = content();
    let source = Source::file("body.md.hbs", text);
    (content.text, content.html) = (Some(source.clone()), Some(source));
    content
}

#[test]
fn markdown_gives_html_and_text_and_no_cell_becomes_markup() {
    let content = markdown(
        "# For {{city}}\n\n{{#each items}}\n- [{{this}}](https://e.com/{{url_encode this}})\n{{/each}}\n",
    );
    let preview =
        composer(content).preview(&row(["Ada", "<b>**Rom**</b>", "a b;<i>", ""])).expect("rendered");
    let html = preview.html.expect("HTML");
    assert!(html.starts_with("<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">"), "{html}");
    let body = html.split("<body>\n").nth(1).and_then(|rest| rest.split("</body>").next());
    let expected = "<h1>For &lt;b&gt;**Rom**&lt;/b&gt;</h1>\n<ul>\n\
        <li><a href=\"https://e.com/a%20b\">a b</a></li>\n\
        <li><a href=\"https://e.com/%3Ci%3E\">&lt;i&gt;</a></li>\n</ul>\n";
    assert_eq!(body, Some(expected));
    let text = "For <b>**Rom**</b>\n\n- a b (https://e.com/a%20b)\n- <i> (https://e.com/%3Ci%3E)\n";
    assert_eq!(preview.text.as_deref(), Some(text));
}

#[test]
fn markdown_is_put_into_the_layout_of_that_name_and_faults_have_their_place_in_the_file() {
    let mut content = markdown("Hello {{ctiy}}");
    content.partials = sources([("markdown", "<div>{{> @partial-block}}</div>{{email}}")]);
    let faults: Vec<String> = lint::lint(&content).iter().map(ToString::to_string).collect();
    let said = "body.md.hbs:1:9: `ctiy` is unknown: no column or value has that name";
    assert_eq!(faults, [said]);
    let body = Source::file("body.md.hbs", "Hello {{city}}");
    (content.text, content.html) = (Some(body.clone()), Some(body));
    let preview = composer(content).preview(&row(["", "Rom", "", ""])).expect("rendered");
    assert_eq!(preview.html.as_deref(), Some("<div><p>Hello Rom</p>\n</div>ada@example.org\n"));
}

#[test]
fn mjml_becomes_html_with_its_tags_in_place() {
    let mut content = content();
    let text = "<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{city}}{{#if title}}, {{title}}{{/if}}</mj-text>\
        <mj-button href=\"https://e.com/{{url_encode city}}\">go</mj-button></mj-column></mj-section></mj-body></mjml>";
    content.html = Some(Source::file("body.mjml.hbs", text));
    let preview = composer(content).preview(&row(["", "R & m", "", "Dr."])).expect("rendered");
    let html = preview.html.expect("HTML");
    assert!(html.contains("Hello R &amp; m, Dr.") && html.contains("https://e.com/R%20%26%20m"), "{html}");
    assert!(!html.contains("<mj-") && html.contains("<table"), "{html}");
}

#[test]
fn what_is_wrong_in_mjml_is_pointed_at() {
    let table = [
        (
            "<mjml><mj-body><mj-sectoin></mj-sectoin></mj-body></mjml>",
            "b.mjml.hbs:1:17: there is no MJML tag `mj-sectoin`",
        ),
        ("<mjml><mj-body>", "b.mjml.hbs:1:1: the MJML cannot be read"),
        (
            "<mjml><mj-body><mj-section>{{ctiy}}</mj-section></mj-body></mjml>",
            "b.mjml.hbs:1:30: `ctiy` is unknown",
        ),
    ];
    for (text, said) in table {
        let mut content = content();
        content.html = Some(Source::file("b.mjml.hbs", text));
        let faults = lint::lint(&content);
        let errors = faults.iter().filter(|fault| fault.severity == Severity::Error);
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        assert!(errors.iter().any(|error| error.starts_with(said)), "{text}: {errors:#?}");
    }
}

#[test]
fn a_layout_is_a_partial_with_a_block_and_named_parts() {
    let mut content = content();
    content.partials = sources([
        ("layout", "<h1>{{title_of}}</h1>{{> @partial-block}}<p>{{> foot}}</p>"),
        ("foot", "{{campaign}}"),
    ]);
    content.html = Some(source("{{#> layout title_of=city}}\n<b>{{first_name}}</b>\n{{/layout}}"));
    let preview = composer(content).preview(&row(["Ada", "Rom", "", ""])).expect("rendered");
    assert_eq!(preview.html.as_deref(), Some("<h1>Rom</h1><b>Ada</b>\n<p>autumn</p>\n"));
}

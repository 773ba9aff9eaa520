//! Bodies in Markdown and MJML.

use super::{composer, content, row, source, sources};
use crate::compose::lint;
use crate::mail::{Content, Front, Severity, Source};

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

/// Markdown whose front matter names a layout and a preheader.
fn fronted(text: &str, layout: Option<&str>, preheader: Option<&str>) -> Content {
    let mut content = markdown(text);
    let front = |text: &str| Source::file("body.md.hbs", text);
    let front = Front { layout: layout.map(front), preheader: preheader.map(front) };
    content.fronts.insert("body.md.hbs".to_owned(), front);
    content.partials =
        sources([("markdown", "<div>{{> @partial-block}}</div>"), ("letter", "<b>{{> @partial-block}}</b>")]);
    content
}

#[test]
fn front_matter_chooses_the_layout() {
    let html = |layout| {
        let preview = composer(fronted("x", layout, None)).preview(&row(["Ada", "", "", ""]));
        preview.expect("rendered").html.expect("HTML")
    };
    assert_eq!(html(None), "<div><p>x</p>\n</div>\n");
    assert_eq!(html(Some("letter")), "<b><p>x</p>\n</b>\n");
    let table = [
        ("lettr", "body.md.hbs:1:1: there is no partial `lettr` for a layout"),
        ("my letter", "body.md.hbs:1:1: `my letter` cannot be the name of a layout"),
        ("letter}}x", "body.md.hbs:1:1: `letter}}x` cannot be the name of a layout"),
    ];
    for (layout, said) in table {
        let faults = lint::lint(&fronted("x", Some(layout), None));
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults, [said]);
    }
}

#[test]
fn a_preheader_is_hidden_at_the_top_of_the_html_and_is_no_markup() {
    let hidden = "<div style=\"display:none;max-height:0;overflow:hidden;mso-hide:all\">";
    let preheader = Some("{{city}} & <b>{{#if title}}{{title}}{{/if}}</b>");
    let mut content = fronted("# x", None, preheader);
    content.partials.clear();
    let preview = composer(content).preview(&row(["", "<Rom>", "", "Dr."])).expect("rendered");
    let html = preview.html.expect("HTML");
    let body = html.split("<body>\n").nth(1).expect("a body");
    let expected = format!("{hidden}&lt;Rom&gt; &amp; &lt;b&gt;Dr.&lt;/b&gt;</div>\n<h1>x</h1>\n");
    assert!(body.starts_with(&expected), "{body}");
    assert_eq!(preview.text.as_deref(), Some("x\n"));
    let preview = composer(fronted("x", Some("letter"), Some("y"))).preview(&row(["", "", "", ""]));
    let html = preview.expect("rendered").html;
    assert_eq!(html, Some(format!("<b>{hidden}y</div>\n<p>x</p>\n</b>\n")));
}

#[test]
fn a_preheader_is_checked_like_any_template() {
    let table = [
        ("{{ctiy}}", "body.md.hbs:1:3: `ctiy` is unknown: no column or value has that name"),
        ("a {{#if city}}", "body.md.hbs:1:3: "),
    ];
    for (preheader, said) in table {
        let faults = lint::lint(&fronted("x", None, Some(preheader)));
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(faults.len() == 1 && faults[0].starts_with(said), "{preheader}: {faults:?}");
    }
    let composer = composer(fronted("x", None, Some("{{city}}")));
    let checked = composer.check(&row(["Ada", "", "", ""])).expect("rendered");
    assert_eq!(checked.findings[0].place.as_ref().map(ToString::to_string), Some("body.md.hbs:1:3".into()));
}

//! What a message looks like.

use super::{address, batch, compose, composer, content, date, row, source, sources};
use crate::compose::{Keys, Preview, lint, token};
use crate::mail::{Mailbox, Mode, RunNo, Unsubscribe};

#[test]
fn a_whole_message() {
    let mut content = content();
    content.reply_to = Some(Mailbox::parse("\"Hello, World\" <hello@example.com>").expect("a mailbox"));
    content.html = Some(source("<p title=\"{{title}}\">Grüße, {{first_name}}</p>\n"));
    content.list_id = Some("news.example.com".into());
    content.headers = sources([("X-City", "{{city}}")]);
    content.unsubscribe = Unsubscribe {
        url: Some(source("https://u.example.com/{{token}}")),
        mailto: Some(address("u@example.com")),
    };
    let message = compose(content, ["Zoë", "Köln", "", "Dr. <b>"]).expect("composed");
    insta::assert_snapshot!(message.replace("\r\n", "\n"));
    assert_eq!(message.matches('\n').count(), message.matches("\r\n").count());
}

#[test]
fn the_same_row_gives_the_same_octets_and_the_preview_shows_them() {
    let composer = composer(content());
    let row = row(["Ada", "London", "", ""]);
    let first = composer.compose(&batch(), std::slice::from_ref(&row), date()).expect("composed");
    let mut later = batch();
    (later.attempt, later.id.run, later.date) = (3, RunNo(2), Some(date()));
    let again = composer.compose(
        &later,
        std::slice::from_ref(&row),
        "2027-01-01T00:00:00Z".parse().expect("a moment"),
    );
    assert_eq!(first.octets, again.expect("composed").octets);

    let preview = composer.preview(&row).expect("rendered");
    assert_eq!(preview.digest, first.digest);
    assert_eq!(preview.text.as_deref(), Some("Hello Ada,\nit is autumn in London.\n"));
    let sent = String::from_utf8(first.octets.to_vec()).expect("text");
    let shown = String::from_utf8(preview.octets.to_vec()).expect("text");
    let stamped = shown.replacen(Preview::DATE, "Tue, 1 Dec 2026 08:00:00 +0000", 1).replacen(
        Preview::MESSAGE_ID,
        &composer.message_id(&batch().id),
        1,
    );
    assert_eq!(stamped, sent);
    let names: Vec<&str> = preview.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Date", "Message-ID", "From", "To", "Subject", "List-Unsubscribe"]);
    assert_eq!(composer.check(&row).expect("rendered").octets, preview.octets.len());
}

#[test]
fn an_empty_cell_gives_its_default_or_nothing() {
    let message = compose(content(), [" ", "", "", ""]).expect("composed");
    assert!(message.contains("\r\nSubject: there, the autumn letter\r\n"));
    assert!(message.contains("\r\nTo: there <ada@example.org>\r\n"));
    assert!(message.ends_with("\r\n\r\nHello there,\r\nit is autumn in .\r\n"));
}

#[test]
fn every_construct_renders() {
    let table = [
        ("{{#each items}}{{@index}}{{this}}{{#unless @last}}, {{/unless}}{{else}}none{{/each}}", "0a, 1b"),
        ("{{#each items as |item n|}}{{n}}{{item}}{{../first_name}}{{/each}}", "0aAda1bAda"),
        ("{{#if city}}{{upper city}}{{else if title}}x{{else}}y{{/if}}", "ROM"),
        ("{{#with first_name}}{{this}} of {{../city}}{{/with}}", "Ada of Rom"),
        ("{{title}} {{title city}} {{lookup items 1}} {{len items}} {{items.[0]}}", "Dr. & Rom b 2 a"),
        ("{{> greet who=first_name}}{{#> frame}}in{{/frame}}", "Hi Ada from Rom[in]"),
        ("{{@root.city}}{{this.city}}{{./city}}{{[city]}}{{! c }}{{!-- }} --}}", "RomRomRomRom"),
        ("{{{city}}}{{&city}} \\{{city}} {{{{raw}}}}{{x}}{{{{/raw}}}}", "RomRom {{city}} {{x}}"),
        ("{{campaign}} {{email}} {{city~}}  {{~title}}", "autumn ada@example.org RomDr. &"),
    ];
    for (template, rendered) in table {
        let mut content = content();
        content.partials =
            sources([("greet", "Hi {{who}} from {{city}}"), ("frame", "[{{> @partial-block}}]")]);
        content.text = Some(source(template));
        let preview = composer(content).preview(&row(["Ada", "Rom", "a; b;", "Dr. &"]));
        let text = preview.expect(template).text.expect("a text body");
        assert_eq!(text.trim_end(), rendered, "{template}");
    }
}

#[test]
fn html_is_escaped_and_text_is_not() {
    for (template, html) in [
        ("{{title}}", "a&amp;b&lt;&quot;&#39;="),
        ("{{{title}}}", "a&b<\"'="),
        ("{{#if title}}{{title}}{{/if}}", "a&amp;b&lt;&quot;&#39;="),
        ("{{upper title}}", "A&amp;B&lt;&quot;&#39;="),
    ] {
        let mut content = content();
        (content.text, content.html) = (Some(source("{{title}}")), Some(source(template)));
        let preview = composer(content).preview(&row(["", "", "", "a&b<\"'="])).expect(template);
        assert_eq!(preview.html.as_deref().map(str::trim_end), Some(html), "{template}");
        assert_eq!(preview.text.as_deref().map(str::trim_end), Some("a&b<\"'="));
    }
}

#[test]
fn a_cell_is_never_a_template() {
    let message = compose(content(), ["{{city}}", "{{#if", "", ""]).expect("composed");
    assert!(message.contains("Hello {{city}},\r\nit is autumn in {{#if.\r\n"));
}

#[test]
fn a_way_out_and_a_token_are_in_every_message() {
    let keys = Keys::new(&[7; 32]);
    let token = token::issue(&keys, "autumn", 1, &address("ada@example.org"));
    let mut own = content();
    own.text = Some(source("{{unsubscribe_url}}\n"));
    let message = compose(own, ["a"; 4]).expect("composed");
    let mailto = format!("mailto:news@example.com?subject=unsubscribe%20{token}");
    assert!(message.contains(&format!("List-Unsubscribe: <{mailto}>\r\n")), "{message}");
    assert!(message.ends_with(&format!("\r\n{mailto}\r\n")));
    assert!(!message.contains("One-Click"));

    let mut linked = content();
    linked.unsubscribe.url =
        Some(source("https://u.example.com/?t={{url_encode token}}&c={{url_encode city}}"));
    let message = compose(linked, ["a", "Köln", "", ""]).expect("composed");
    let link = format!("List-Unsubscribe: <https://u.example.com/?t={token}&c=K%C3%B6ln>\r\n");
    assert!(message.contains(&link), "{message}");
    assert!(message.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
}

#[test]
fn a_link_that_names_nobody_takes_no_one_click() {
    let table = [
        (Mode::Personal, "https://u.example.com/{{token}}", true, 0),
        (Mode::Personal, "https://u.example.com/?city={{city}}", true, 0),
        (Mode::Personal, "https://u.example.com/leave", false, 1),
        (Mode::Personal, "https://u.example.com/{{campaign}}", false, 1),
        (Mode::Grouped, "https://u.example.com/leave", false, 0),
        (Mode::Grouped, "https://u.example.com/{{token}}", false, 0),
    ];
    for (mode, url, one_click, warnings) in table {
        let mut content = content();
        (content.mode, content.unsubscribe.url) = (mode, Some(source(url)));
        assert_eq!(lint::lint(&content).len(), warnings, "{mode:?} {url}");
        let message = compose(content, ["a", "Rom", "", ""]).expect("composed");
        assert!(message.contains("List-Unsubscribe: <https://u.example.com/"), "{mode:?} {url}");
        assert_eq!(message.contains("List-Unsubscribe-Post:"), one_click, "{mode:?} {url}");
    }
}

#[test]
fn a_grouped_message_names_nobody() {
    let mut content = content();
    (content.mode, content.subject) = (Mode::Grouped, source("News from {{city}}"));
    content.text = Some(source("The news.\n"));
    content.unsubscribe.url = Some(source("https://u.example.com/{{token}}"));
    let composer = composer(content.clone());
    let (one, two) = (row(["Ada", "Rom", "", ""]), row(["Bob", "Rom", "", ""]));
    let other = row(["Bob", "Köln", "", ""]);
    let variant = |row| composer.check(row).expect("it renders").variant.expect("grouped");
    assert_eq!(variant(&one), variant(&two));
    assert_ne!(variant(&one), variant(&other));
    let message = composer.compose(&batch(), &[one.clone(), two.clone()], date()).expect("composed");
    let alone = composer.compose(&batch(), &[two], date()).expect("composed");
    assert_eq!(message.octets, alone.octets);
    assert_eq!(message.envelope.forward_paths.len(), 2);
    let text = String::from_utf8(message.octets.to_vec()).expect("text");
    assert!(text.contains("\r\nTo: undisclosed-recipients:;\r\n"));
    assert!(!text.contains("ada@") && !text.contains("Ada"));

    content.to = Some(Mailbox::parse("Readers <readers@example.com>").expect("a mailbox"));
    let text = compose(content.clone(), ["a"; 4]).expect("composed");
    assert!(text.contains("\r\nTo: Readers <readers@example.com>\r\n"));

    content.unsubscribe.url = Some(source("https://u.example.com/{{email}}"));
    let faults = lint::lint(&content);
    assert_eq!(faults[0].what, "in grouped mode all recipients share one link, and `email` is of one");
}

#[test]
fn what_a_row_does_wrong_is_named() {
    let unbroken = "x".repeat(901);
    let table: [(&str, [&str; 4], Option<&str>, &str); 5] = [
        (
            "{{first_name}}",
            [&unbroken, "", "", ""],
            Some("first_name"),
            "subject: it has 901 octets without a space (at most 900 fit on a line of a header)",
        ),
        ("{{city}}", ["", "\r\n", "", ""], Some("city"), "subject: it is empty"),
        ("x", ["", "a\0b", "", ""], Some("city"), "text: it holds a NUL character"),
        (
            "{{truncate city title}}",
            ["", "Rom", "", "x"],
            Some("city"),
            "subject: `truncate` needs a whole number from 1",
        ),
        (
            "{{first_name}} {{date city}}",
            ["", "1.12.2026", "", "x"],
            Some("city"),
            "subject: `1.12.2026` is no date: write 2026-12-01, 2026-12-01 09:00 or 2026-12-01T09:00:00+01:00",
        ),
    ];
    for (subject, cells, column, what) in table {
        let mut content = content();
        content.subject = source(subject);
        let composer = composer(content);
        let fault = composer.check(&row(cells)).expect_err(what);
        assert_eq!((fault.row, fault.column.as_deref(), fault.what.as_str()), (7, column, what));
        assert!(fault.place.is_some());
        assert_eq!(composer.compose(&batch(), &[row(cells)], date()).expect_err(what), fault);
    }
}

#[test]
fn a_message_has_a_largest_size() {
    let mut content = content();
    content.text = Some(source("{{#each items}}{{#each ../items}}{{../../city}}{{/each}}{{/each}}"));
    let items = "a;".repeat(2_000);
    let fault = composer(content).check(&row(["", "0123456789", &items, ""])).expect_err("40 MB");
    assert_eq!(fault.what, "text: it is larger than 10485760 octets");
}

#[test]
fn a_data_file_is_written_and_a_key_that_one_table_lacks_is_empty_there() {
    let mut content = content();
    content.data = Some(serde_json::json!({
        "title": "A & B",
        "articles": [{ "name": "one", "price": 2.5 }, { "name": "two", "image": "two.png" }],
    }));
    content.text = None;
    content.html = Some(source(
        "<p>{{data.title}}{{#each data.articles}}\n{{name}}{{#if image}} [{{image}}]{{/if}} {{price}} {{../city}}{{/each}}",
    ));
    let composer = composer(content);
    let preview = composer.preview(&row(["Ada", "Rom", "", ""])).expect("rendered");
    assert_eq!(preview.html.as_deref(), Some("<p>A &amp; B\none 2.5 Rom\ntwo [two.png]  Rom\n"));
}

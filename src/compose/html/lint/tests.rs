//! What is wrong with an HTML body is told at its place.

use super::*;
use crate::compose::tests::content;

fn told(html: &str) -> Vec<String> {
    let content = Content {
        html: Some(Source::file("b.hbs", html)),
        from: crate::mail::Mailbox::parse("news@firm.test").expect("a mailbox"),
        language: Some("de".into()),
        ..content()
    };
    look(&content).iter().map(ToString::to_string).collect()
}

#[test]
fn each_thing_is_told_where_it_stands() {
    let table: [(&str, &str); 20] = [
        ("<img src=\"https://x.org/a.png\">", "b.hbs:1:1: this picture has no alternative text"),
        ("<img alt=\"\">", "b.hbs:1:1: this picture has no `src`"),
        ("x\n <img src=\"a.png\" alt=\"\">", "b.hbs:2:2: this picture is not brought along"),
        ("<img src=\"i/{{x}}.png\" alt=\"\">", "b.hbs:1:1: a picture whose path depends on the row"),
        ("<img src=\"data:image/png;base64,AA\">", "b.hbs:1:1: Gmail and Outlook show no picture"),
        ("<a href=\"#\">x</a>", "b.hbs:1:10: this link leads nowhere"),
        ("<a href=\"http://\">x</a>", "b.hbs:1:10: this link leads nowhere"),
        ("<a href=\"\">x</a>", "b.hbs:1:10: this link leads nowhere"),
        ("<a href=\"JavaScript:x()\">x</a>", "b.hbs:1:10: no mail program follows a link that begins"),
        ("<a href=\"www.x.org\">x</a>", "b.hbs:1:10: this link has no scheme"),
        ("<a href=\"shop/{{id}}\">x</a>", "b.hbs:1:10: this link has no scheme"),
        ("<a href=\"http://x.org/{{id}}\">x</a>", "b.hbs:1:10: this link is not encrypted"),
        ("<a href=\"https://x.org/a b\">x</a>", "b.hbs:1:10: a space stands in this link"),
        ("<a href=\"https://www.example.com/\">x</a>", "b.hbs:1:10: this link leads to www.example.com"),
        ("<a href=\"https://shop\">x</a>", "b.hbs:1:10: `shop` is no host that others reach"),
        ("<table width=\"800\"><td width=\"800\">", "b.hbs:1:1: this is 800 pixels wide"),
        ("<div style=\"max-width:900px; width: 700px\">", "b.hbs:1:1: this is 700 pixels wide"),
        ("<script>x</script>", "b.hbs:1:1: mail programs leave <script> out"),
        ("<html lang=\"en\">", "b.hbs:1:1: the body is said to be in \"en\""),
        ("<form action=\"https://x.org\">", "b.hbs:1:1: mail programs leave <form> out"),
    ];
    for (html, expected) in table {
        let told = told(html);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{html}: {told:?}");
    }
}

#[test]
fn what_is_as_it_should_be_is_passed_over() {
    let fine = "<html lang=\"de-AT\"><table width=\"100%\"><td width=\"600\"><img src=\"{{logo}}\" alt=\"a\">\
                <img src=\"https://x.org/p.gif\" width=\"1\" height=\"1\"><a href=\"{{unsubscribe_url}}\">x</a>\
                <a href=\"https://x.org/{{id}}\">x</a><a href=\"mailto:a@x.org?subject=a b\">x</a>\
                <a href=\"tel:+49123\">x</a><a href=\"#part\">x</a><a name=\"part\"></a></table>";
    assert_eq!(told(fine), Vec::<String>::new());
}

//! What the lint says, and where it points.

use std::sync::Arc;

use serde_json::json;

use super::{composer, content, source, sources, texts};
use crate::compose::{Composer, Keys, lint};
use crate::mail::{PlanId, Severity};

/// A text body, what is said of it, and the hint, if it matters.
const POINTED_AT: [(&str, &str, &str); 58] = [
    (
        "{{data.titel}}",
        "1:3: `data.titel` is unknown: the data file has no `titel` there",
        "did you mean `title`?",
    ),
    (
        "{{#each data.articles}}{{nmae}}{{/each}}",
        "1:26: `nmae` is unknown: the data file has no `nmae` there",
        "did you mean `name`?",
    ),
    (
        "{{#each data.articles}}{{#if nmae}}x{{/if}}{{/each}}",
        "1:30: `nmae` is unknown: the data file has no `nmae` there",
        "did you mean `name`?",
    ),
    (
        "{{#each data.articles}}{{city}}{{/each}}",
        "1:26: `city` is not known inside this block",
        "write `../city`",
    ),
    ("{{data.articles.[2].name}}", "1:3: `data.articles.[2].name` is unknown: the list has 2 items", ""),
    (
        "{{data.articles.name}}",
        "1:3: `data.articles.name`: a list has no `name`",
        "go through it with {{#each ..}}, or take one item by number",
    ),
    (
        "{{data.articles}}",
        "1:3: `data.articles` is a list or a table and cannot be written as it is",
        "{{#each data.articles}} goes through it",
    ),
    ("{{#each data.title}}x{{/each}}", "1:9: `data.title` is not a list", ""),
    ("{{upper data.articles}}", "1:9: `upper` cannot take a list", ""),
    ("{{#each data.author}}{{@index}}{{/each}}", "1:24: a table has no `@index`", "write `@key`"),
    (
        "{{> card data.author}}",
        "partials/card.hbs:1:3: `price` is unknown: the data file has no `price` there",
        "there are name",
    ),
    ("{{date ctiy}}", "1:8: `ctiy` is unknown: no column or value has that name", "did you mean `city`?"),
    (
        "{{date city zone=ctiy}}",
        "1:18: `ctiy` is unknown: no column or value has that name",
        "did you mean `city`?",
    ),
    ("{{date city \"longer\"}}", "1:14: there is no date style `longer`: did you mean long?", ""),
    (
        "{{date city \"%d.%!\"}}",
        "1:14: the pattern `%d.%!` cannot be followed: found unrecognized specifier directive `!`",
        "",
    ),
    ("{{date city zoen=\"UTC\"}}", "1:13: `date` takes no `zoen=`", "did you mean `zone=`?"),
    ("{{date city x=1}}", "1:13: `date` takes no `x=`", "it takes time=, zone=, locale="),
    (
        "{{date city zone=\"Europe/Berlim\"}}",
        "1:19: `Europe/Berlim` is no time zone: did you mean Europe/Berlin?",
        "",
    ),
    ("{{number city locale=\"german\"}}", "1:23: `german` is no locale: write it like de or pt-BR", ""),
    ("{{number city decimals=99}}", "1:24: `decimals=` takes a whole number from 0 to 12", ""),
    ("{{money city \"EUX\"}}", "1:15: there is no currency `EUX`: did you mean EUR?", ""),
    ("{{money city}}", "1:3: `money` takes 2 arguments, not 1", ""),
    (
        "{{plural city one=\"x\"}}",
        "1:3: `plural` needs a text for all other numbers",
        "{{plural count one=\"# item\" other=\"# items\"}}",
    ),
    ("{{plural city other=items}}", "1:15: `other=` cannot take a list", ""),
    ("{{upper (markdown city)}}", "1:10: `markdown` gives a whole text and stands in a tag by itself", ""),
    ("{{join city}}", "1:8: `city` is not a list", "[list] split = { city = \";\" } makes a column one"),
    ("{{upper city locale=\"de\"}}", "1:14: `upper` takes no `locale=`", ""),
    ("{{lookup city 0}}", "1:10: `city` is not a list", "[list] split = { city = \";\" } makes a column one"),
    (
        "Hello {{frist_name}}",
        "1:9: `frist_name` is unknown: no column or value has that name",
        "did you mean `first_name`?",
    ),
    (
        "{{#if frist_name}}x{{/if}}",
        "1:7: `frist_name` is unknown: no column or value has that name",
        "did you mean `first_name`?",
    ),
    (
        "{{#unless nope}}x{{/unless}}",
        "1:11: `nope` is unknown: no column or value has that name",
        "there are email, first_name, city, items, title, campaign, token, unsubscribe_url",
    ),
    (
        "{{#if city}}x{{else if ctiy}}y{{/if}}",
        "1:24: `ctiy` is unknown: no column or value has that name",
        "did you mean `city`?",
    ),
    (
        "{{#if a}}{{else if ctiy}}{{else if city}}{{else if titel}}{{/if}}",
        "1:52: `titel` is unknown: no column or value has that name",
        "did you mean `title`?",
    ),
    (
        "{{#each itms}}x{{/each}}",
        "1:9: `itms` is unknown: no column or value has that name",
        "did you mean `items`?",
    ),
    (
        "{{#with citty}}x{{/with}}",
        "1:9: `citty` is unknown: no column or value has that name",
        "did you mean `city`?",
    ),
    (
        "é\n {{upper (default citty \"x\")}}",
        "2:19: `citty` is unknown: no column or value has that name",
        "did you mean `city`?",
    ),
    (
        "{{> footer a=citty}}",
        "1:14: `citty` is unknown: no column or value has that name",
        "did you mean `city`?",
    ),
    (
        "{{> inner}}",
        "partials/inner.hbs:1:3: `who` is unknown: no column or value has that name",
        "there are email, first_name, city, items, title, campaign, token, unsubscribe_url",
    ),
    ("{{#each items}}{{city}}{{/each}}", "1:18: `city` is not known inside this block", "write `../city`"),
    (
        "{{#each items}}{{#each ../items}}{{city}}{{/each}}{{/each}}",
        "1:36: `city` is not known inside this block",
        "write `../../city`",
    ),
    ("{{#each items}}{{@key}}{{/each}}", "1:18: a list has no `@key`", "write `@index`"),
    ("{{@index}}", "1:3: `@index` means something in {{#each}} only", ""),
    ("{{../city}}", "1:3: `../` leads out of the template", "write `city`"),
    (
        "{{#each city}}x{{/each}}",
        "1:9: `city` is not a list",
        "[list] split = { city = \";\" } makes a column one",
    ),
    (
        "{{items}}",
        "1:3: `items` is a list and cannot be written as it is",
        "{{#each items}}{{this}}{{/each}} writes its items",
    ),
    ("{{upper items}}", "1:9: `upper` cannot take a list", ""),
    ("{{this}}", "1:3: `this` is the whole row here", ""),
    ("{{uper city}}", "1:3: there is no function `uper`", "did you mean `upper`?"),
    (
        "{{#city}}x{{/city}}",
        "1:4: there is no function `city`",
        "write {{#if city}}, or {{#each city}} if it is a list",
    ),
    ("{{upper}}", "1:3: `upper` is a function and needs an argument", ""),
    ("{{eq city}}", "1:3: `eq` takes 2 arguments, not 1", ""),
    ("{{if city}}", "1:3: `if` is not used in this way", "{{#if ..}} .. {{/if}}"),
    ("{{> foter}}", "1:5: there is no partial `foter`", "did you mean `footer`?"),
    (
        "{{> (lookup items 0)}}",
        "1:1: the name of a partial must be written out",
        "choose between partials with {{#if ..}}",
    ),
    ("{{> a}}", "partials/c.hbs:1:7: partials include each other in a circle: a -> b -> c -> a", ""),
    (
        "{{> @partial-block}}",
        "1:5: there is no block here: the partial is included without one",
        "include it with {{#> name}} .. {{/name}}",
    ),
    (
        "{{#*inline \"x\"}}y{{/inline}}",
        "1:1: partials cannot be made inside a template",
        "put it into a file of its own, under templates/partials",
    ),
    ("{{log city}}", "1:3: there is no function `log`", ""),
];

#[test]
fn what_is_wrong_in_a_template_is_pointed_at() {
    for (template, said, hint) in POINTED_AT {
        let mut content = content();
        content.columns.retain(|column| column != "a");
        content.partials = sources([
            ("footer", "{{a}}"),
            ("inner", "{{who}}"),
            ("a", "{{> b}}"),
            ("b", "{{> c}}"),
            ("c", "x {{> a}}"),
            ("card", "{{price}}"),
        ]);
        content.data = Some(json!({
            "title": "T", "author": { "name": "Eve" }, "articles": [{ "name": "a" }, { "name": "b", "more": 1 }],
        }));
        content.text = Some(source(template));
        let faults = lint::lint(&content);
        let found = faults.iter().map(|fault| fault.to_string().trim_start_matches("t.hbs:").to_owned());
        let found: Vec<String> = found.collect();
        let place = found.iter().position(|fault| fault == said);
        let place = place.unwrap_or_else(|| panic!("{template}: {found:#?}"));
        if !hint.is_empty() {
            assert_eq!(faults[place].hint.as_deref(), Some(hint), "{template}");
        }
        assert!(Composer::new(Arc::new(content), &Keys::new(&[7; 32]), PlanId([3; 16])).is_err());
    }
}

#[test]
fn a_column_with_spaces_is_shown_how_to_be_written() {
    let mut content = content();
    content.columns.push("Last Name".into());
    content.text = Some(source("{{Last Name}}"));
    assert_eq!(lint::lint(&content)[0].hint.as_deref(), Some("the column is written {{[Last Name]}}"));
    content.text = Some(source("{{[Last Name]}}"));
    assert_eq!(lint::lint(&content), []);
}

#[test]
fn what_is_only_risky_is_a_warning() {
    let table = [
        ("{{{city}}}", "this value is not escaped: HTML in it becomes part of the message"),
        ("<a href={{city}}>x</a>", "a value without quotes around it ends at its first space"),
        ("{{or city title}}", "`or` writes the word true or false here"),
    ];
    for (template, what) in table {
        let mut content = content();
        content.html = Some(source(template));
        let faults = lint::lint(&content);
        assert_eq!(faults.iter().map(|fault| fault.what.as_str()).collect::<Vec<_>>(), [what]);
        assert_eq!(faults[0].severity, Severity::Warning);
        composer(content);
    }
}

#[test]
fn settings_are_checked_too() {
    let mut content = content();
    content.text = None;
    content.headers = sources([("Bcc", "x"), ("X-A\r\nBcc", "x"), ("X-B", "x"), ("X-b", "x")]);
    content.list_id = Some("a b".into());
    content.defaults = texts([("frist_name", "x")]);
    content.split = texts([("itms", ";")]);
    content.columns.push("token".into());
    content.unsubscribe.url = Some(source("{{unsubscribe_url}}"));
    let said: Vec<String> = lint::lint(&content).into_iter().map(|fault| fault.what).collect();
    let expected = [
        "`unsubscribe_url` is what this template makes",
        "there is neither a text nor an HTML body",
        "`Bcc` is a header that mailrun writes itself",
        "`X-A\r\nBcc` is not the name of a header (letters, digits and hyphens)",
        "the header `X-b` is there twice, in other letters",
        "list_id \"a b\" is not a name like news.example.com",
        "the list has no column `frist_name`: its default stands in every message",
        "the list has no column `itms` to split",
        "the column `token` stands for what mailrun itself calls `token`",
        "the unsubscribe link is the same for everybody: it cannot say who leaves",
    ];
    assert_eq!(said, expected);
}

#[test]
fn deep_and_wide_templates_are_refused() {
    let chain = format!("{{{{#if city}}}}{}{{{{/if}}}}", "{{else if city}}".repeat(100));
    let mut content = content();
    content.text = Some(source(&chain));
    assert!(lint::lint(&content)[0].what.contains("more than 64 {{else if}}"));
    let doubling: Vec<(String, String)> = (0..40)
        .map(|n| (format!("p{n}"), format!("{{{{> p{next}}}}}{{{{> p{next}}}}}", next = n + 1)))
        .collect();
    content.partials = doubling.into_iter().map(|(name, text)| (name, source(&text))).collect();
    content.partials.insert("p40".into(), source("x"));
    content.text = Some(source("{{> p0}}"));
    let faults = lint::lint(&content);
    assert!(faults.iter().any(|fault| fault.what.contains("more than 2000 times")), "{faults:?}");
}

//! What a campaign has and no template of it asks for.
//!
//! All wordings count, and headers, name, link and attachments with them; so do the columns that settings choose
//! by. Nothing here is a fault: a list may well have more columns than a letter needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::mail::Content;

use super::converted::Converted;
use super::lint::{Partials, Survey};
use super::names::{DATA, Names};
use super::scope::address;

/// What is not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnusedKind {
    /// A column of the list.
    Column,
    /// What stands for an empty cell.
    Default,
    /// A key of the data file.
    Data,
    /// A partial.
    Partial,
}

/// One thing that no template asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// What it is.
    pub kind: UnusedKind,
    /// Its name as a template would write it; of a key within a list, with `[]` for the items.
    pub name: String,
    /// The file that it is, relative to the workspace; none: it stands among others in one.
    pub file: Option<String>,
}

/// What no template of `content` asks for, which passed the lint: columns, defaults, keys of the data file and
/// partials, each in their order. The columns of `chosen_by` are used by settings that `content` does not hold.
pub fn unused(content: &Content, chosen_by: &BTreeSet<&str>) -> Vec<Unused> {
    let names = Names::new(content);
    let partials = Partials::new(content);
    let made = Converted::new(content);
    let survey = Survey::new(content, &made, &names, &partials);
    let asked: BTreeSet<&str> =
        survey.parts.iter().flat_map(|part| &part.used).map(|number| names.value(*number).0).collect();
    let by_settings: BTreeSet<&str> = [Some(content.email_column), content.language_column]
        .into_iter()
        .flatten()
        .filter_map(|number| content.columns.get(number).map(String::as_str))
        .chain(content.group_by.as_deref())
        .chain(chosen_by.iter().copied())
        .collect();
    let mut found = Vec::new();
    let mut add = |kind, name: &str, file: Option<&str>| {
        found.push(Unused { kind, name: name.to_owned(), file: file.map(str::to_owned) });
    };
    for column in content.columns.iter().map(String::as_str) {
        if !asked.contains(column) && !by_settings.contains(column) {
            add(UnusedKind::Column, column, None);
        }
    }
    for name in content.defaults.keys().filter(|name| !asked.contains(name.as_str())) {
        add(UnusedKind::Default, name, None);
    }
    if let Some(data) = names.data() {
        if asked.contains(DATA) {
            for key in keys(data, &survey.beside.reached) {
                add(UnusedKind::Data, &key, None);
            }
        } else {
            add(UnusedKind::Data, DATA, None);
        }
    }
    for (name, source) in content.partials.iter().filter(|(name, _)| !survey.beside.included.contains(*name))
    {
        add(UnusedKind::Partial, name, Some(&source.file));
    }
    found
}

/// The keys of `data` that none of the `reached` values is behind, where another key of the same table is asked
/// for: a table of which no key is was asked for as a whole, or stands there itself.
fn keys(data: &Json, reached: &BTreeSet<usize>) -> Vec<String> {
    let mut known = BTreeMap::new();
    gather(data, DATA, reached, &mut known);
    let opened: BTreeSet<&str> = known
        .iter()
        .filter(|(_, (_, is_reached))| *is_reached)
        .map(|(_, (table, _))| table.as_str())
        .collect();
    let is_unused = |(table, is_reached): &(String, bool)| !is_reached && opened.contains(table.as_str());
    known.iter().filter(|(_, key)| is_unused(key)).map(|(path, _)| path.clone()).collect()
}

/// Each key beneath `path`, by its own path: that of its table, and whether it was reached in any of them.
fn gather(value: &Json, path: &str, reached: &BTreeSet<usize>, known: &mut BTreeMap<String, (String, bool)>) {
    match value {
        Json::Object(table) => {
            for (key, value) in table {
                let inner = format!("{path}.{key}");
                let (_, is_reached) = known.entry(inner.clone()).or_insert_with(|| (path.to_owned(), false));
                *is_reached |= reached.contains(&address(value));
                gather(value, &inner, reached, known);
            }
        }
        Json::Array(items) => {
            let inner = format!("{path}[]");
            for item in items {
                gather(item, &inner, reached, known);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::compose::tests::content;
    use crate::mail::{Source, Wording};

    fn said(content: &Content, chosen_by: &[&str]) -> Vec<String> {
        let found = unused(content, &chosen_by.iter().copied().collect());
        found.iter().map(|unused| format!("{:?} {}", unused.kind, unused.name)).collect()
    }

    #[test]
    fn every_template_of_every_wording_counts_and_so_do_settings() {
        let mut content = content();
        content.defaults.insert("shop".into(), "the shop".into());
        content.defaults.insert("title".into(), "friend".into());
        content.partials.insert("footer".into(), Source::file("partials/footer.hbs", "{{title}}"));
        content.partials.insert("inner".into(), Source::file("partials/inner.hbs", "x"));
        content.partials.insert("outer".into(), Source::file("partials/outer.hbs", "{{> inner}}"));
        let all = [
            "Column items",
            "Column title",
            "Default shop",
            "Default title",
            "Partial footer",
            "Partial inner",
            "Partial outer",
        ];
        assert_eq!(said(&content, &[]), all);
        // A column that only decides who is written to has no use for its default.
        assert_eq!(said(&content, &["items", "title"]), all[2..]);
        content.language_column = Some(4);
        content.group_by = Some("items".into());
        assert_eq!(said(&content, &[]), all[2..]);
        content.wordings.push(Wording {
            variant: 0,
            language: Some("de".into()),
            subject: Source::file("s", "{{shop}}"),
            text: Some(Source::file("t", "{{> footer}}")),
            html: None,
        });
        content.headers.insert("X-A".into(), Source::file("c", "{{> outer}}"));
        assert_eq!(said(&content, &[]), [] as [&str; 0]);
    }

    #[test]
    fn keys_are_named_where_others_of_their_table_are_asked_for() {
        let mut content = content();
        content.data = Some(json!({
            "title": "x", "note": "x", "shop": {"name": "x", "city": "x"}, "whole": {"a": "1", "b": "2"},
            "articles": [{"name": "a", "price": "1"}, {"name": "b", "stock": "2"}],
        }));
        let table: [(&str, &[&str]); 4] = [
            ("", &["data"]),
            ("{{data.title}}", &["data.articles", "data.note", "data.shop", "data.whole"]),
            (
                "{{#with data}}{{title}}{{note}}{{shop.city}}{{/with}}{{#each data.articles}}{{price}}{{/each}}\
                 {{#each data.whole}}{{@key}}{{this}}{{/each}}",
                &["data.articles[].name", "data.articles[].stock", "data.shop.name"],
            ),
            (
                "{{#each data.articles}}{{#each this}}{{this}}{{/each}}{{/each}}{{data.title}}{{data.note}}\
              {{#if data.whole}}{{data.shop.name}}{{data.shop.city}}{{/if}}",
                &[],
            ),
        ];
        for (text, named) in table {
            content.text = Some(Source::file("t", format!("{{{{city}}}}{{{{items}}}}{text}")));
            let found = unused(&content, &BTreeSet::from(["title", "items"]));
            let found: Vec<&str> = found
                .iter()
                .filter(|unused| unused.kind == UnusedKind::Data)
                .map(|unused| &*unused.name)
                .collect();
            assert_eq!(found, named, "{text}");
        }
    }
}

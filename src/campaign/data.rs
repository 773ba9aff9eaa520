//! The data file of a campaign: values that are the same for all recipients.
//!
//! `data.toml` or `data.json` lies beside `campaign.toml` and holds a table. Templates read it as `{{data.name}}`;
//! what it means is theirs, so nothing in it is judged here. A date is kept as it was typed.

use serde_json::{Map, Value as Json};
use toml::Value as Toml;

use crate::mail::{Fault, Place};

use super::files::{FileError, Files};
use super::sheet::Sheet;

/// Octets of a data file: an articles' list of a newsletter has a few thousand.
const LIMIT: usize = 1 << 20;

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Toml,
    Json,
}

/// Reads the data file of the campaign in `folder`, if there is one, and adds it to `sources`; what is wrong goes
/// to `sheet`.
pub(super) fn read(
    files: &Files,
    folder: &str,
    sources: &mut Vec<(String, blake3::Hash)>,
    sheet: &mut Sheet,
) -> Option<Json> {
    let mut found = Vec::new();
    for (name, form) in [("data.toml", Form::Toml), ("data.json", Form::Json)] {
        let file = format!("{folder}/{name}");
        match files.text(&file) {
            Ok(text) => found.push((file, form, text)),
            Err(FileError::Missing) => {}
            Err(error) => sheet.push(Fault::error(format!("{file}: {}", error.told()))),
        }
    }
    if let [(first, ..), (second, ..)] = &found[..] {
        let fault = Fault::error(format!("there are both {first} and {second}"));
        sheet.push(fault.hint("keep one of the two"));
        return None;
    }
    let (file, form, text) = found.pop()?;
    match parse(&file, form, &text) {
        Ok(data) => {
            sources.push((file, blake3::hash(text.as_bytes())));
            Some(data)
        }
        Err(fault) => {
            sheet.push(*fault);
            None
        }
    }
}

fn parse(file: &str, form: Form, text: &str) -> Result<Json, Box<Fault>> {
    if text.len() > LIMIT {
        return Err(Box::new(Fault::error(format!("{file} is larger than {LIMIT} octets"))));
    }
    let fault = |what: &str, at: std::ops::Range<usize>| {
        let what = what.lines().collect::<Vec<_>>().join(", ");
        Box::new(Fault::error(what).at(Place::new(file, text, at)))
    };
    let data = match form {
        Form::Toml => {
            let table: toml::Table = toml::from_str(text)
                .map_err(|error| fault(error.message(), error.span().unwrap_or_default()))?;
            of_toml(Toml::Table(table))
        }
        Form::Json => serde_json::from_str(text).map_err(|error| {
            let before: usize =
                text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            // serde_json counts octets, and says the place once more in its words.
            let at = (before + error.column().saturating_sub(1)).min(text.len());
            let words = error.to_string();
            fault(words.split(" at line ").next().unwrap_or_default(), at..at)
        })?,
    };
    if data.is_object() {
        Ok(data)
    } else {
        Err(Box::new(
            Fault::error("the data is no table")
                .at(Place::new(file, text, 0..0))
                .hint("write {\"name\": ..}"),
        ))
    }
}

fn of_toml(value: Toml) -> Json {
    match value {
        Toml::String(text) => Json::String(text),
        Toml::Integer(number) => Json::from(number),
        // Infinity and what is no number cannot be written.
        Toml::Float(number) => Json::from(number),
        Toml::Boolean(held) => Json::Bool(held),
        Toml::Datetime(moment) => Json::String(moment.to_string()),
        Toml::Array(items) => items.into_iter().map(of_toml).collect(),
        Toml::Table(table) => {
            Json::Object(table.into_iter().map(|(key, value)| (key, of_toml(value))).collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let toml =
            "title = \"Autumn\"\nwhen = 2026-12-01T09:00:00Z\n[[articles]]\nname = \"a\"\nprice = 2.5\n";
        let data = json!({
            "title": "Autumn", "when": "2026-12-01T09:00:00Z", "articles": [{"name": "a", "price": 2.5}],
        });
        assert_eq!(parse("data.toml", Form::Toml, toml).expect("a table"), data);
        assert_eq!(parse("data.json", Form::Json, &data.to_string()).expect("a table"), data);
    }

    #[test]
    fn what_cannot_be_read_is_pointed_at() {
        let table = [
            (Form::Toml, "a = 1\nb = \n", "data:2:5: string values must be quoted, expected literal string"),
            (Form::Json, "{\"a\": 1,\n \"b\": x}", "data:2:7: expected value"),
            (Form::Json, "[1]", "data:1:1: the data is no table"),
            (Form::Json, "", "data:1:1: EOF while parsing a value"),
        ];
        for (form, text, said) in table {
            let fault = parse("data", form, text).expect_err(text);
            assert_eq!(fault.to_string(), said, "{text}");
        }
    }
}

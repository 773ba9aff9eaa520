//! A value while a template is rendered: what functions take, and what they make.
//!
//! Both ways of rendering hand their values to [`functions`](super::functions) in this form: handlebars'
//! JSON is looked at through it, and a compiled program knows nothing else. It is read as handlebars reads
//! JSON: the same things are written, and the same things hold.

use std::borrow::Cow;

use handlebars::JsonTruthy;
use serde_json::{Number, Value as Json};

use super::names::items;

/// One value.
#[derive(Debug, Clone)]
pub(super) enum Datum<'a> {
    /// What a path stands for that leads nowhere: an item beyond the last.
    Missing,
    /// `null`.
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Items<'a>),
    /// So many rows of the recipient.
    Rows(usize),
    /// A list or an object of handlebars.
    Tree(&'a Json),
}

/// A cell that holds a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items<'a> {
    pub(super) cell: &'a str,
    pub(super) separator: &'a str,
}

impl<'a> Items<'a> {
    /// The items in their order.
    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> {
        items(self.cell, self.separator)
    }
}

impl<'a> From<&'a Json> for Datum<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(held) => Self::Bool(*held),
            Json::Number(number) => Self::Number(number.clone()),
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(_) | Json::Object(_) => Self::Tree(json),
        }
    }
}

impl<'a> Datum<'a> {
    /// What is written for it; nothing stands for a list.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Missing | Self::Null => Some(Cow::Borrowed("")),
            Self::Bool(true) => Some(Cow::Borrowed("true")),
            Self::Bool(false) => Some(Cow::Borrowed("false")),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Text(text) => Some(text),
            Self::List(_) | Self::Rows(_) | Self::Tree(_) => None,
        }
    }

    /// The items of a list, each as it is written; none where it is no list of texts.
    pub(super) fn items(&self) -> Option<Vec<Cow<'a, str>>> {
        match self {
            Self::List(items) => Some(items.iter().map(Cow::Borrowed).collect()),
            Self::Tree(Json::Array(items)) => items.iter().map(|item| Datum::from(item).text()).collect(),
            Self::Rows(_)
            | Self::Tree(_)
            | Self::Missing
            | Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Text(_) => None,
        }
    }

    /// Whether `{{#if}}` takes it for true.
    pub(super) fn is_truthy(&self, zero: Zero) -> bool {
        match self {
            Self::Missing | Self::Null => false,
            Self::Bool(held) => *held,
            Self::Number(number) => {
                let size = number.as_f64();
                match zero {
                    Zero::Included => size.is_some_and(|size| !size.is_nan()),
                    Zero::Excluded => size.is_some_and(f64::is_normal),
                }
            }
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => items.iter().next().is_some(),
            Self::Rows(count) => *count > 0,
            Self::Tree(json) => json.is_truthy(zero == Zero::Included),
        }
    }

    /// The number that it is, or that its text says.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Missing | Self::Null | Self::Bool(_) | Self::List(_) | Self::Rows(_) | Self::Tree(_) => {
                None
            }
        }
    }
}

/// Whether zero counts as true (`includeZero=true`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    Excluded,
    Included,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_as_handlebars_reads_json() {
        use handlebars::JsonRender;
        let table = [
            json!(null),
            json!(true),
            json!(false),
            json!(0),
            json!(-7),
            json!(18_446_744_073_709_551_615_u64),
            json!(0.0),
            json!(1e-310),
            json!(2.50),
            json!(""),
            json!("0"),
            json!("a"),
            json!([]),
            json!([0]),
            json!({}),
            json!({ "a": 1 }),
        ];
        for json in table {
            let datum = Datum::from(&json);
            assert_eq!(datum.is_truthy(Zero::Excluded), json.is_truthy(false), "{json}");
            assert_eq!(datum.is_truthy(Zero::Included), json.is_truthy(true), "{json}");
            if let Some(text) = datum.text() {
                assert_eq!(text, json.render(), "{json}");
            }
        }
    }
}

//! What the names in a template stand for.
//!
//! A list's columns come first; then the constants of `[defaults]` that no column answers to; then what
//! mailrun itself knows: [`BUILT_IN`]. A column whose cell is empty (or white space) gives its default,
//! or nothing; a column with a separator gives a list.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value as Json};

use crate::mail::{Content, Fields, Recipient};

use super::body::Kinds;

/// The recipient's address as it is written to.
const EMAIL: &str = "email";
/// The campaign's name.
const CAMPAIGN: &str = "campaign";
/// What names the recipient outside and cannot be forged.
const TOKEN: &str = "token";
/// Where the recipient can leave the list: the https address, or a mailto address.
pub(super) const UNSUBSCRIBE_URL: &str = "unsubscribe_url";
/// Where the campaign gathers rows: those of the recipient.
pub(super) const ROWS: &str = "rows";
/// What the data file holds, where there is one.
pub(super) const DATA: &str = "data";
/// Names that stand for something in every campaign.
pub(super) const BUILT_IN: [&str; 4] = [EMAIL, CAMPAIGN, TOKEN, UNSUBSCRIBE_URL];

/// Where the text for a name comes from.
#[derive(Debug)]
pub(super) enum Value {
    Column {
        index: usize,
        default: Option<String>,
        separator: Option<String>,
    },
    Constant(String),
    Email,
    Token,
    UnsubscribeUrl,
    /// The rows of the recipient, each with all columns.
    Rows,
    /// What the data file holds.
    Data(Json),
}

/// All that a value can be taken from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) recipient: &'a Recipient,
    pub(super) token: &'a str,
    pub(super) unsubscribe_url: &'a str,
}

impl Value {
    /// The text it stands for; of a list, the cell as it is.
    pub(super) fn text<'a>(&'a self, row: &Row<'a>) -> &'a str {
        match self {
            Self::Column { .. } => self.cell(&row.recipient.fields),
            Self::Constant(text) => text,
            Self::Email => row.recipient.address.as_str(),
            Self::Token => row.token,
            Self::UnsubscribeUrl => row.unsubscribe_url,
            // The data are the same in all rows, and neither is ever written as a whole.
            Self::Rows | Self::Data(_) => "",
        }
    }

    /// What a column stands for in a row with these cells; nothing else is of one row.
    pub(super) fn cell<'a>(&'a self, fields: &'a Fields) -> &'a str {
        match self {
            Self::Column { index, default, .. } => {
                let cell = fields.get(*index).unwrap_or_default();
                match default {
                    Some(default) if cell.trim().is_empty() => default,
                    Some(_) | None => cell,
                }
            }
            Self::Constant(_)
            | Self::Email
            | Self::Token
            | Self::UnsubscribeUrl
            | Self::Rows
            | Self::Data(_) => "",
        }
    }

    /// What divides the items of a list; none: it is no list.
    pub(super) fn separator(&self) -> Option<&str> {
        match self {
            Self::Column { separator, .. } => separator.as_deref(),
            Self::Constant(_)
            | Self::Email
            | Self::Token
            | Self::UnsubscribeUrl
            | Self::Rows
            | Self::Data(_) => None,
        }
    }

    /// Whether it is the link that mailrun makes, and no column of that name.
    pub(super) fn is_unsubscribe_url(&self) -> bool {
        match self {
            Self::UnsubscribeUrl => true,
            Self::Column { .. }
            | Self::Constant(_)
            | Self::Email
            | Self::Token
            | Self::Rows
            | Self::Data(_) => false,
        }
    }

    /// Whether it can say of which recipient a personal message is.
    pub(super) fn tells_apart(&self) -> bool {
        match self {
            Self::Column { .. } | Self::Email | Self::Token | Self::Rows => true,
            Self::Constant(_) | Self::UnsubscribeUrl | Self::Data(_) => false,
        }
    }

    /// Whether it may differ from one recipient of a grouped campaign to the next.
    pub(super) fn is_personal(&self) -> bool {
        match self {
            Self::Column { .. } | Self::Email | Self::Rows => true,
            Self::Constant(_) | Self::Token | Self::UnsubscribeUrl | Self::Data(_) => false,
        }
    }
}

/// A value as one row has it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known<'a> {
    /// The text it stands for; of a list, the cell as it is.
    pub(super) text: &'a str,
    pub(super) kinds: Kinds,
}

impl<'a> Known<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, kinds: Kinds::of(text) }
    }
}

/// The same data, in which all tables of a list have the same keys: one that a table lacks is empty there.
fn evened(data: &Json) -> Json {
    match data {
        Json::Array(items) if items.iter().all(Json::is_object) => {
            let keys: BTreeSet<&String> =
                items.iter().filter_map(Json::as_object).flat_map(Map::keys).collect();
            let even = |item: &Json| {
                let found = |key: &String| item.get(key).map_or(Json::Null, evened);
                keys.iter().map(|key| ((*key).clone(), found(key))).collect()
            };
            items.iter().map(|item| Json::Object(even(item))).collect()
        }
        Json::Array(items) => items.iter().map(evened).collect(),
        Json::Object(table) => {
            Json::Object(table.iter().map(|(key, value)| (key.clone(), evened(value))).collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => data.clone(),
    }
}

/// The items of a cell that holds a list: trimmed, without empty ones.
pub(super) fn items<'a>(cell: &'a str, separator: &'a str) -> impl Iterator<Item = &'a str> {
    cell.split(separator).map(str::trim).filter(|item| !item.is_empty())
}

/// The names of a campaign.
#[derive(Debug)]
pub(super) struct Names {
    values: Vec<(String, Value)>,
    numbers: HashMap<String, usize>,
}

impl Names {
    pub(super) fn new(content: &Content) -> Self {
        let mut names = Self { values: Vec::new(), numbers: HashMap::new() };
        for (index, column) in content.columns.iter().enumerate() {
            let default = content.defaults.get(column).cloned();
            let separator = content.split.get(column).filter(|separator| !separator.is_empty()).cloned();
            names.add(column, Value::Column { index, default, separator });
        }
        if content.group_by.is_some() {
            names.add(ROWS, Value::Rows);
        }
        for (name, default) in &content.defaults {
            names.add(name, Value::Constant(default.clone()));
        }
        names.add(EMAIL, Value::Email);
        names.add(CAMPAIGN, Value::Constant(content.campaign.clone()));
        names.add(TOKEN, Value::Token);
        names.add(UNSUBSCRIBE_URL, Value::UnsubscribeUrl);
        if let Some(data) = &content.data {
            names.add(DATA, Value::Data(evened(data)));
        }
        names
    }

    /// The first to claim a name keeps it.
    fn add(&mut self, name: &str, value: Value) {
        if !self.numbers.contains_key(name) {
            self.numbers.insert(name.to_owned(), self.values.len());
            self.values.push((name.to_owned(), value));
        }
    }

    /// The number of the value that `name` stands for.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// Name and value of a number that [`Names::find`] gave.
    pub(super) fn value(&self, number: usize) -> (&str, &Value) {
        let (name, value) = &self.values[number];
        (name, value)
    }

    /// The values of these `numbers` in `row`, each at its number.
    pub(super) fn known<'a>(&'a self, row: &Row<'a>, numbers: &BTreeSet<usize>) -> Vec<Known<'a>> {
        let mut known = vec![Known::default(); numbers.last().map_or(0, |last| last + 1)];
        for number in numbers {
            known[*number] = Known::new(self.values[*number].1.text(row));
        }
        known
    }

    /// The columns, each with what it stands for.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &Value)> {
        let columns = self.values.iter().filter(|(_, value)| matches!(value, Value::Column { .. }));
        columns.map(|(name, value)| (name.as_str(), value))
    }

    /// What the data file holds, where there is one.
    pub(super) fn data(&self) -> Option<&Json> {
        self.values.iter().find_map(|(_, value)| match value {
            Value::Data(data) => Some(data),
            Value::Column { .. }
            | Value::Constant(_)
            | Value::Email
            | Value::Token
            | Value::UnsubscribeUrl
            | Value::Rows => None,
        })
    }

    /// All names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }
}

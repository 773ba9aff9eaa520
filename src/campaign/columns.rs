//! The list that a campaign names: how it is to be read, its columns, and what the settings say of single ones.

use std::collections::BTreeMap;
use std::path::Path;

use crate::mail::{Fault, nearest};

use super::encoding::Encoding;
use super::error::CampaignError;
use super::filter::Filter;
use super::load::{Draft, ListSettings};
use super::meanings;
use super::recipients::List;
use super::settings::{ListText, Text};
use super::sheet::{Sheet, Wrong};

/// The columns of a list, and what is said of single ones.
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    pub(super) defaults: BTreeMap<String, String>,
    pub(super) split: BTreeMap<String, String>,
    pub(super) language: Option<usize>,
    pub(super) group_by: Option<String>,
}

impl Draft<'_> {
    pub(super) fn list(&self, text: &ListText, sheet: &mut Sheet) -> Option<ListSettings> {
        let named = text.file.as_ref().map_or("recipients.csv", |file| file.get_ref());
        let encoding = sheet.take(text.encoding.as_ref(), |name| Encoding::named(name));
        let delimiter = sheet.take(text.delimiter.as_ref(), |delimiter| meanings::delimiter(delimiter));
        let (encoding_missing, delimiter_missing) =
            (text.encoding.is_some() && encoding.is_none(), text.delimiter.is_some() && delimiter.is_none());
        if encoding_missing || delimiter_missing {
            return None;
        }
        Some(ListSettings {
            path: Path::new(self.folder).join(named),
            encoding,
            delimiter,
            email: text.email.as_ref().map_or("email", |email| email.get_ref()).to_owned(),
            email_place: Self::place_of(text.email.as_ref(), sheet),
            filter: None,
        })
    }

    /// The columns of the list and how it is read; the filter is read against them.
    pub(super) fn header(
        &self,
        list: &mut ListSettings,
        sheet: &mut Sheet,
    ) -> Option<(Vec<String>, Vec<String>)> {
        let opened = match List::from_settings(self.workspace, list) {
            Ok(opened) => opened,
            Err(CampaignError::Faults(faults)) => {
                let place = Self::place_of(self.text.list.file.as_ref(), sheet);
                for mut fault in faults {
                    fault.place = fault.place.or_else(|| place.clone());
                    sheet.push(fault);
                }
                return None;
            }
            Err(error) => {
                sheet.push(Fault::error(error.to_string()));
                return None;
            }
        };
        let columns = opened.columns().to_vec();
        if let Some(typed) = &self.text.list.filter {
            match Filter::parse(typed.get_ref(), &columns) {
                Ok(filter) => list.filter = Some(filter),
                Err(error) => {
                    let span = match sheet.inner_span(typed) {
                        Some(span) => span.start + error.start..span.start + error.end,
                        None => typed.span(),
                    };
                    let wrong = Wrong::new(format!("in `where`: {}", error.what));
                    sheet.wrong(span, error.hint.into_iter().fold(wrong, Wrong::hint));
                }
            }
        }
        Some((columns, opened.notes().to_vec()))
    }

    /// What the settings say of single columns.
    pub(super) fn by_columns(&self, columns: Vec<String>, sheet: &mut Sheet) -> Columns {
        let text = self.text;
        let split = Self::by_column(&text.list.split, &columns, sheet);
        for separator in text.list.split.values().filter(|separator| separator.get_ref().is_empty()) {
            sheet.wrong(separator.span(), Wrong::new("a separator cannot be empty"));
        }
        let mut named = |named: Option<&Text>| {
            let named = named?;
            let found = columns.iter().position(|column| column == named.get_ref());
            if found.is_none() {
                Self::no_column(named, &columns, sheet);
            }
            found
        };
        let (language, group_by) = (named(text.list.language.as_ref()), named(text.list.group_by.as_ref()));
        if let Some(typed) = &text.list.group_by
            && columns.iter().any(|column| column == "rows")
        {
            let wrong = Wrong::new("the list has a column `rows`, and so are the rows of a person called");
            sheet.wrong(typed.span(), wrong.hint("give the column another name in the header"));
        }
        let group_by = group_by.map(|index| columns[index].clone());
        let defaults = Self::by_column(&text.defaults, &columns, sheet);
        Columns { names: columns, defaults, split, language, group_by }
    }

    /// Settings for single columns, each of which must exist.
    fn by_column(
        typed: &BTreeMap<Text, Text>,
        columns: &[String],
        sheet: &mut Sheet,
    ) -> BTreeMap<String, String> {
        for name in typed.keys().filter(|name| !columns.contains(name.get_ref())) {
            Self::no_column(name, columns, sheet);
        }
        typed.iter().map(|(name, value)| (name.get_ref().clone(), value.get_ref().clone())).collect()
    }

    fn no_column(name: &Text, columns: &[String], sheet: &mut Sheet) {
        let wrong = Wrong::new(format!("the list has no column `{}`", name.get_ref()));
        let near = nearest(name.get_ref(), columns.iter().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the columns are {}", columns.join(", ")),
        };
        sheet.wrong(name.span(), wrong.hint(hint));
    }
}

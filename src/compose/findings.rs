//! What is worth a look in a row that renders.
//!
//! Nothing here stops a message. A row is looked through only for what the templates really write: a cell that
//! a block asks about (`{{#if name}}`), or that has a default, even an empty one, may be empty.

use std::collections::{BTreeMap, BTreeSet};

use crate::mail::{Content, Place, Recipient, Source};

use super::error::{FaultKind, RowFault};
use super::lint::{Part, Role};
use super::names::{Names, Row, Value};
use super::parse;

/// Characters of a subject: three times what mail programs show of one, and less than a paragraph.
const LONG_SUBJECT: usize = 200;

/// What rows are looked through for: values by their number, and where they are written.
#[derive(Debug)]
pub(super) struct Heed {
    /// Columns that have no default and are written whatever they hold.
    written: BTreeMap<usize, Place>,
    /// Columns that go into the message at all.
    used: BTreeSet<usize>,
    /// Columns that go into a header.
    in_headers: BTreeMap<usize, Place>,
    subject: Place,
}

impl Heed {
    /// The same for each wording of `content`.
    pub(super) fn all(content: &Content, parts: &[Part<'_>], names: &Names) -> Vec<Self> {
        let wordings = content.all_words().enumerate();
        wordings.map(|(wording, words)| Self::new(parts, names, wording, words.subject)).collect()
    }

    /// What to look for in the rows that get this wording, whose subject is `subject`.
    pub(super) fn new(parts: &[Part<'_>], names: &Names, wording: usize, subject: &Source) -> Self {
        let is_column = |number: &usize| matches!(names.value(*number).1, Value::Column { .. });
        let wants_some =
            |number: &usize| matches!(names.value(*number).1, Value::Column { default: None, .. });
        let mut heed = Self {
            written: BTreeMap::new(),
            used: BTreeSet::new(),
            in_headers: BTreeMap::new(),
            subject: whole(subject),
        };
        for part in parts.iter().filter(|part| part.role.is_in(wording)) {
            heed.used.extend(part.used.iter().copied().filter(is_column));
            match part.role {
                // A header that is empty is left out, and so is a name.
                // A path of which a part is missing leads nowhere, and that is said where it is read.
                Role::Header(_) | Role::Name | Role::File(_) | Role::FileName(_) => {}
                Role::Subject(_) | Role::Text(_) | Role::Html(_) | Role::UnsubscribeUrl => {
                    for (number, place) in part.written.iter().filter(|(number, _)| wants_some(number)) {
                        heed.written.entry(*number).or_insert_with(|| place.clone());
                    }
                }
            }
            match part.role {
                Role::Subject(_) | Role::Header(_) | Role::Name => {
                    for number in part.used.iter().filter(|number| is_column(number)) {
                        let place = part.written.get(number).cloned();
                        let place = place.unwrap_or_else(|| whole(part.parsed.source));
                        heed.in_headers.entry(*number).or_insert(place);
                    }
                }
                Role::Text(_) | Role::Html(_) | Role::UnsubscribeUrl | Role::File(_) | Role::FileName(_) => {}
            }
        }
        heed
    }

    /// What is worth a look in the row of `recipient`, whose subject is `subject`.
    pub(super) fn findings(&self, names: &Names, recipient: &Recipient, subject: &str) -> Vec<RowFault> {
        let row = Row { recipient, token: "", unsubscribe_url: "" };
        let mut found = Vec::new();
        let mut find = |kind, column: Option<&str>, what: &str, place: Option<&Place>| {
            found.push(RowFault {
                kind,
                row: recipient.row,
                column: column.map(str::to_owned),
                what: what.to_owned(),
                place: place.cloned().map(Box::new),
            });
        };
        for number in &self.used {
            let (name, value) = names.value(*number);
            let cell = value.text(&row);
            let kinds = super::body::Kinds::of(cell);
            if let Some(place) = self.written.get(number)
                && cell.trim().is_empty()
            {
                find(FaultKind::EmptyCell, Some(name), "the cell is empty and has no default", Some(place));
            }
            if cell.contains("{{") {
                let what = "the cell holds `{{`, which is sent as it stands";
                find(FaultKind::Braces, Some(name), what, self.written.get(number));
            }
            if let Some(place) = self.in_headers.get(number).filter(|_| kinds.breaks())
                && cell.trim_matches(['\r', '\n']).contains(['\r', '\n'])
            {
                find(
                    FaultKind::LineBreak,
                    Some(name),
                    "its line break becomes a space in a header",
                    Some(place),
                );
            }
        }
        // No text has more characters than octets.
        if subject.len() > LONG_SUBJECT {
            let characters = subject.chars().count();
            if characters > LONG_SUBJECT {
                let what = format!("subject: it has {characters} characters (mail programs show 40 to 70)");
                find(FaultKind::LongSubject, None, &what, Some(&self.subject));
            }
        }
        found
    }
}

/// The first line of a template.
fn whole(source: &Source) -> Place {
    let line = source.text().lines().next().unwrap_or_default().len();
    parse::place(source, 0..line)
}

//! What is wrong in a file of the operator's, where, and what to do about it.
//!
//! Settings, lists and templates all raise the same [`Fault`], so that all of them are shown in the same
//! way: the words, the place with a caret, a hint.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Whether a fault stops the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is sent while it stands.
    Error,
    /// Worth a look.
    Warning,
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, relative to the workspace.
    pub file: String,
    /// The text of the file, or of the part of it around the place.
    pub document: Arc<str>,
    /// Where in the document, in octets.
    pub span: Range<usize>,
    /// The line, from 1, in the file.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

impl Place {
    /// The place at `span` (octets) of a file's whole text.
    pub fn new(file: impl Into<String>, document: impl Into<Arc<str>>, span: Range<usize>) -> Self {
        let document = document.into();
        let mut start = span.start.min(document.len());
        while !document.is_char_boundary(start) {
            start -= 1;
        }
        let before = &document[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { file: file.into(), span: start..span.end.clamp(start, document.len()), document, line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong in a file of the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether it stops the campaign.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub what: String,
    /// Where, as exactly as is known.
    pub place: Option<Place>,
    /// What to do about it: lower case, no full stop.
    pub hint: Option<String>,
}

impl Fault {
    /// Something that stops the campaign.
    pub fn error(what: impl Into<String>) -> Self {
        Self { severity: Severity::Error, what: what.into(), place: None, hint: None }
    }

    /// Something worth a look.
    pub fn warning(what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(what) }
    }

    /// The same fault, at `place`.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same fault, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(formatter, "{place}: {}", self.what),
            None => formatter.write_str(&self.what),
        }
    }
}

impl std::error::Error for Fault {}

/// The known name nearest to a typed one, if any is near enough to be meant.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().max(typed.chars().count()) / 4)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters() {
        let place = Place::new("a.toml", "x = 1\nü = \"y\"\n", 11..14);
        assert_eq!(place.to_string(), "a.toml:2:5");
    }

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["first_name", "last_name", "city"];
        assert_eq!(nearest("frist_name", known), Some("first_name"));
        assert_eq!(nearest("First_Name", known), Some("first_name"));
        assert_eq!(nearest("order_total", known), None);
    }
}

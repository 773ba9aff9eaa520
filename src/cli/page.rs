//! Text that grows line by line, before it is written at once.

use std::fmt::{self, Write as _};

/// Columns of the names in a list of facts.
const NAME: usize = 12;

/// Text for people.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// Adds text as it is.
    pub(crate) fn add(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("a String takes everything");
    }

    /// Adds an empty line.
    pub(crate) fn gap(&mut self) {
        self.0.push('\n');
    }

    /// Adds a name and what is to be said of it, the second in a column of its own.
    pub(crate) fn fact(&mut self, name: &str, value: &str) {
        self.line(format_args!("  {name:<NAME$}{value}"));
    }

    /// Adds something under the facts, in the column of their values.
    pub(crate) fn under(&mut self, value: &str) {
        self.fact("", value);
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

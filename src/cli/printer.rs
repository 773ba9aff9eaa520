//! Where words go: data to stdout, talk to stderr.
//!
//! Nothing else in `cli/` writes to a stream, except the progress bars. A reader who left (`| head`) is no
//! failure: it comes back as [`CliError::NobodyReads`], which ends the command in peace.

use std::io::{self, Write as _};

use console::Style;
use serde::Serialize;

use super::error::CliError;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How much is said beside the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Volume {
    /// Errors only.
    Quiet,
    /// What most people want to know.
    Normal,
    /// Each delivery, each line of a dialogue.
    Verbose,
}

/// Writes data and talk in the way the operator asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    format: Format,
    volume: Volume,
}

impl Printer {
    /// A printer of this format and volume.
    pub(crate) fn new(format: Format, volume: Volume) -> Self {
        Self { format, volume }
    }

    /// Whether data is for programs.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Whether nothing but data and errors is wanted.
    pub(crate) fn is_quiet(self) -> bool {
        self.volume == Volume::Quiet
    }

    /// Whether each detail is wanted.
    pub(crate) fn is_verbose(self) -> bool {
        self.volume == Volume::Verbose
    }

    /// Talk: a line to stderr, unless the operator wants quiet.
    pub(crate) fn say(self, text: &str) {
        if !self.is_quiet() {
            complain(text);
        }
    }

    /// Something worth knowing that calls for nothing.
    pub(crate) fn note(self, text: &str) {
        self.say(&format!("{} {text}", Style::new().for_stderr().bold().apply_to("note:")));
    }

    /// The next useful command, and what it does, under an empty line.
    pub(crate) fn next(self, command: &str, what: &str) {
        self.say("");
        self.offer("next:", command, what);
    }

    /// Another useful command.
    pub(crate) fn or(self, command: &str, what: &str) {
        self.offer("  or:", command, what);
    }

    fn offer(self, label: &str, command: &str, what: &str) {
        let label = Style::new().for_stderr().bold().apply_to(label);
        let command = Style::new().for_stderr().cyan().apply_to(command);
        self.say(&format!("{label} {command}   {what}"));
    }
}

/// Data: lines to stdout, each ended by a line feed.
///
/// # Errors
/// Nobody reads any more, or the stream failed.
pub(crate) fn data(text: &str) -> Result<(), CliError> {
    let ending = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.write_all(ending.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Data as it is, octet for octet.
///
/// # Errors
/// As [`data`].
pub(crate) fn octets(octets: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(octets)?;
    Ok(stdout.flush()?)
}

/// Data as one JSON document.
///
/// # Errors
/// As [`data`].
pub(crate) fn json(value: &impl Serialize) -> Result<(), CliError> {
    data(&serde_json::to_string_pretty(value).expect("the types of mailrun are valid JSON"))
}

/// Data as one line of JSON Lines.
///
/// # Errors
/// As [`data`].
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), CliError> {
    data(&serde_json::to_string(value).expect("the types of mailrun are valid JSON"))
}

/// Something the operator should look at; said in quiet too.
pub(crate) fn warn(text: &str) {
    complain(&format!("{} {text}", Style::new().for_stderr().yellow().bold().apply_to("warning:")));
}

/// A line to stderr. If nobody listens there, nobody can be told.
pub(crate) fn complain(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}

/// A heading of a section on stdout.
pub(crate) fn heading(text: &str) -> String {
    Style::new().bold().apply_to(text).to_string()
}

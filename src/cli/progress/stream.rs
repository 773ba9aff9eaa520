//! Progress for programs: JSON Lines on stdout, each with its `message_type`.
//!
//! `status` at most once a second, `recipient` for each outcome that was asked for; `summary` is written by
//! whoever ends the command, as it is the last.

use std::time::Duration;

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::printer::{json_line, warn};
use crate::engine::{Status, Told};

/// Between two lines of status.
const PAUSE: Duration = Duration::from_secs(1);

/// A line of the stream.
#[derive(Debug, Serialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum Line<'a> {
    Status(&'a Status),
    Recipient(&'a Told),
}

/// Writes the stream until nobody reads it any more.
#[derive(Debug)]
pub(super) struct Stream {
    told: Option<Duration>,
    reader_left: bool,
}

impl Stream {
    /// A stream of which nothing was written yet.
    pub(super) fn new() -> Self {
        Self { told: None, reader_left: false }
    }

    /// Writes how everything stands, unless that was done within the last second.
    pub(super) fn status(&mut self, status: &Status, at: Duration) {
        if self.told.is_none_or(|told| at >= told + PAUSE) {
            self.told = Some(at);
            self.write(&Line::Status(status));
        }
    }

    /// Writes what became of one recipient.
    pub(super) fn recipient(&mut self, told: &Told) {
        self.write(&Line::Recipient(told));
    }

    /// A run goes on though its reader left: mail is not stopped by `| head`.
    fn write(&mut self, line: &Line<'_>) {
        if self.reader_left {
            return;
        }
        match json_line(line) {
            Ok(()) => {}
            Err(CliError::NobodyReads) => self.reader_left = true,
            Err(error) => {
                self.reader_left = true;
                warn(&format!("progress is written no more: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;

    #[test]
    fn each_line_names_its_type_beside_the_fields() {
        let line = serde_json::to_value(Line::Status(&samples::status())).expect("valid");
        assert_eq!(line["message_type"], "status");
        assert_eq!(line["campaign"], "welcome");
        assert_eq!(line["recipients"]["planned"], 0);
    }
}

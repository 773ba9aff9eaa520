//! `check --fix-csv`: the list without the rows that are no good.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::engine::{Desk, Inspection, Mended};

use super::super::error::CliError;
use super::super::escape;
use super::super::words::counted;

/// Whether a file that is there may be written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// `--force`.
    Yes,
    /// A file that is there stays.
    No,
}

/// Where the list goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) out: PathBuf,
    pub(super) over: Over,
}

impl Target {
    /// Refuses a target that is in use, before anything is looked at.
    ///
    /// # Errors
    /// It is the list itself, or there and not to be written over.
    pub(super) fn check(&self, desk: &Desk) -> Result<(), CliError> {
        let shown = escape::line(&self.out.display().to_string()).into_owned();
        if desk.is_list(&self.out) {
            return Err(CliError::Usage {
                what: format!("{shown} is the list itself"),
                hint: "write to another file, look at it, and put it in the place of the list".to_owned(),
            });
        }
        if self.over == Over::No && fs::symlink_metadata(&self.out).is_ok() {
            return Err(CliError::Usage {
                what: format!("{shown} is there already"),
                hint: "--force writes over it".to_owned(),
            });
        }
        Ok(())
    }

    /// Writes the list that was inspected.
    ///
    /// # Errors
    /// As the engine's.
    pub(super) fn write(&self, desk: &Desk, inspection: &Inspection) -> Result<Mended, CliError> {
        Ok(desk.mend(&inspection.bad, &self.out)?)
    }
}

/// What was written, in a sentence.
pub(super) fn told(mended: &Mended, out: &Path) -> String {
    let out = escape::line(&out.display().to_string()).into_owned();
    let (kept, left_out) = (counted(mended.kept, "row"), counted(mended.left_out, "row"));
    let from = mended.from.map(|name| format!(", in UTF-8 (the list is {name})")).unwrap_or_default();
    format!("{out}: {kept}, without {left_out} that are no good{from}")
}

/// The same for scripts.
pub(super) fn as_json(mended: &Mended, out: &Path) -> Value {
    json!({ "file": out.display().to_string(), "rows": mended.kept, "left_out": mended.left_out })
}

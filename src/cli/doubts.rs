//! The uncertain: who they are, why nobody can know, and what can be done about them.

use jiff::tz::TimeZone;

use crate::campaign::Workspace;
use crate::engine::{self, EngineError, Filter, Row};
use crate::mail::State;
use crate::store::StoreError;

use super::ask;
use super::error::CliError;
use super::escape;
use super::operator::Operator;
use super::printer::Printer;
use super::summary::doubt;
use super::table::{Align, Rows, Width};
use super::words::{counted, exact, number};

/// How many are named before the question.
const NAMED: usize = 5;

/// What each answer means.
const MEANING: &str = concat!(
    "  yes   each gets the very same message again, with its Message-ID and Date: who got it has it twice\n",
    "  no    nobody is written to; they stay uncertain, and can be decided about later",
);

/// One row each: who, through which relay, when, and what happened.
pub(super) fn rows(uncertain: &[Row], zone: &TimeZone) -> Rows {
    let mut rows = Rows::new(&[
        ("recipient", Align::Left),
        ("relay", Align::Left),
        ("time", Align::Left),
        ("what happened", Align::Left),
    ]);
    for row in uncertain {
        rows.add([
            escape::line(&row.email).into_owned(),
            escape::line(&row.relay).into_owned(),
            row.time.map(|time| exact(time, zone)).unwrap_or_default(),
            row.doubt.clone().unwrap_or_else(|| escape::line(&row.reply).into_owned()),
        ]);
    }
    rows
}

/// Asks whether the uncertain of a campaign are to be written to again; no if there are none, or if nobody
/// can, as the campaign was purged.
///
/// # Errors
/// As the engine's, or the terminal failed.
pub(super) fn ask_about(
    campaign: &str,
    workspace: &Workspace,
    operator: &Operator,
) -> Result<Answer, CliError> {
    let filter = Filter { state: Some(State::Uncertain) };
    let uncertain: Vec<Row> = match engine::deliveries(workspace, campaign, &filter) {
        Ok(rows) => rows.collect(),
        Err(EngineError::NeverSent { .. } | EngineError::Store(StoreError::Purged { .. })) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    if uncertain.is_empty() {
        return Ok(Answer::NotAsked);
    }
    let count = uncertain.len() as u64;
    let printer = operator.printer;
    printer.say(&doubt(count));
    let named = &uncertain[..uncertain.len().min(NAMED)];
    printer.say(&format!("\n{}", rows(named, &operator.zone).shown(Width::of_stderr()).trim_end()));
    if uncertain.len() > NAMED {
        printer.say(&format!("  ... and {} more", number(count - NAMED as u64)));
    }
    printer.say(&format!("\n{MEANING}\n"));
    let question = format!("Write to the {} again?", counted(count, "uncertain recipient"));
    Ok(if ask::yes(&question)? { Answer::Resend } else { Answer::Skip })
}

/// What the operator said of the uncertain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// There was nothing to ask about.
    NotAsked,
    /// Write to them again.
    Resend,
    /// Leave them.
    Skip,
}

/// The command that decides about them.
pub(super) fn offer(campaign: &str, printer: Printer) {
    printer.or(
        &format!("mailrun resume {campaign} --uncertain resend"),
        "writes to the uncertain again: some may get it twice",
    );
}

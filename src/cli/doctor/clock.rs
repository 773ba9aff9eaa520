//! `doctor --accept-clock`: the way out where the times on record cannot be right.

use serde_json::json;

use crate::cli::ask;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::operator::{Asking, Operator};
use crate::cli::printer::{data, json};
use crate::cli::words::exact;
use crate::engine::{self, ClockStands, ClockView};

/// Whether the question is answered already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// With yes.
    Yes,
    /// No: somebody is asked.
    Ask,
}

/// What it means to take the clock as it is.
const MEANING: &str = "\
From here on mailrun goes by the clock. As nobody can tell any more when the messages on record were
sent, every quota counts as used up until its period has passed: one of 24 hours for 24 hours, one of a
day until midnight. Whoever waits for another attempt waits as long as was left. Nobody is written to twice.";

/// Asks, and does it.
///
/// # Errors
/// Nobody confirmed, or as the engine's.
pub(super) fn accept(answer: Answer, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let printer = operator.printer;
    let before = engine::clock(&workspace)?;
    if let Some(how) = distrusted(&before, operator) {
        printer.say(&how);
        printer.say(MEANING);
        let confirmed = answer == Answer::Yes
            || operator.asking == Asking::Allowed
                && ask::yes("Is the clock right now, and shall mailrun go by it?")?;
        if !confirmed {
            return Err(CliError::NotDone { what: ask::refusal(operator.asking) });
        }
    }
    let stood = engine::accept_clock(&workspace)?;
    let accepted = match stood.stands {
        ClockStands::Behind { .. } | ClockStands::Ahead { .. } => true,
        ClockStands::Trusted { .. } | ClockStands::Unset => false,
    };
    let wall = exact(stood.wall, &operator.zone);
    if printer.is_json() {
        json(&json!({ "clock": stood.wall, "accepted": accepted }))?;
    } else if accepted {
        data(&format!("mailrun goes by the clock from now on: {wall}"))?;
        printer.next("mailrun status", "shows what is left to do, and until when quotas are closed");
    } else {
        data(&format!("The clock is trusted as it is ({wall}): nothing was changed."))?;
    }
    Ok(Exit::Done)
}

/// Why the clock is not trusted; none where it is.
fn distrusted(clock: &ClockView, operator: &Operator) -> Option<String> {
    let show = |moment| exact(moment, &operator.zone);
    let wall = show(clock.wall);
    match clock.stands {
        ClockStands::Behind { recorded } => {
            Some(format!("The clock says {wall}, and the last record is of {}.", show(recorded)))
        }
        ClockStands::Ahead { believed, .. } => Some(format!(
            "The clock says {wall}, but no more time has passed since this machine started than to {}.",
            show(believed)
        )),
        // The engine refuses the latter in its own words.
        ClockStands::Trusted { .. } | ClockStands::Unset => None,
    }
}

//! The flags of `report`, and which of its forms is written.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::args::STATE_DIR;
use crate::cli::doubts;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::operator::Operator;
use crate::cli::printer::{data, json};
use crate::cli::status::{never_planned, text};
use crate::cli::words::listed;
use crate::engine::{self, Filter, Stage, Status};
use crate::mail::State;

use super::breakdown::{Breakdown, DomainCount, ErrorCount, VariantCount};
use super::export;

const AFTER_HELP: &str = "\
Examples:
  mailrun report autumn
  mailrun report autumn --csv > autumn.csv
  mailrun report autumn --state rejected --csv
  mailrun report autumn --json | jq .errors

Cells that a spreadsheet would run as a formula begin with an apostrophe.";

/// Flags of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ReportArgs {
    /// The campaign; may be left out if there is one only
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// One row a recipient, as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Only recipients in this state
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,
    /// Where mailrun keeps its state; `--state DIR` before `report` does the same
    // Of the same id as the global flag, so that clap takes this for it and leaves `--state` to us.
    #[arg(id = STATE_DIR, long = "state-dir", value_name = "DIR", help_heading = "Everywhere")]
    #[arg(env = "MAILRUN_STATE", hide_env_values = true)]
    state_dir: Option<PathBuf>,
}

fn state(name: &str) -> Result<State, String> {
    let known = || State::ALL.into_iter().map(State::name);
    State::parse(name).ok_or_else(|| {
        let names: Vec<String> = known().map(str::to_owned).collect();
        match crate::mail::nearest(name, known()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("states are {}", listed(&names)),
        }
    })
}

/// What `report --json` writes: the fields of `status --json`, and the breakdown.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    status: &'a Status,
    variants: Vec<VariantCount>,
    domains: Vec<DomainCount>,
    errors: Vec<ErrorCount>,
}

/// Does it.
///
/// # Errors
/// As the engine's; nothing was planned.
pub(crate) fn run(args: &ReportArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let campaign = operator.campaign(&workspace, args.campaign.as_deref())?;
    let filter = Filter { state: args.state };
    if args.csv {
        export::write(engine::deliveries(&workspace, &campaign, &filter)?)?;
        return Ok(Exit::Done);
    }
    let Some(status) = engine::status(&workspace, Some(&campaign))?.into_iter().next() else {
        return Err(never_planned(&campaign));
    };
    let mut breakdown = Breakdown::default();
    if status.purged.is_none() {
        engine::deliveries(&workspace, &campaign, &filter)?.for_each(|row| breakdown.add(&row));
    }
    let printer = operator.printer;
    if printer.is_json() {
        let (variants, domains, errors) = (breakdown.variants(), breakdown.domains(), breakdown.errors());
        json(&Report { status: &status, variants, domains, errors })?;
        return Ok(Exit::Done);
    }
    data(&text(&status, engine::now(), &operator.zone))?;
    if status.purged.is_some() {
        printer.say("\nBy domain and by error nothing can be told any more: the campaign was purged.");
        return Ok(Exit::Done);
    }
    data(&breakdown.text(&operator.zone))?;
    printer.next(&format!("mailrun report {campaign} --csv"), "lists every recipient with the last reply");
    if status.recipients.uncertain > 0 && matches!(status.state, Stage::Finished | Stage::Interrupted) {
        doubts::offer(&campaign, printer);
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_known_by_its_name() {
        assert_eq!(state("rejected"), Ok(State::Rejected));
        assert_eq!(state("reject"), Err("did you mean `rejected`?".to_owned()));
        assert!(state("bounced").expect_err("unknown").starts_with("states are pending, deferred"));
    }
}

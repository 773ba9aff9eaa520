//! The flags of `doctor`, and which of its works is done.

use std::path::PathBuf;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::operator::Operator;

use super::{checklist, clock, export};

const AFTER_HELP: &str = "\
Examples:
  mailrun doctor                        a line for each part of the state; ends with 15 if one is unusable
  mailrun doctor --export | jq .kind    the journal as JSON Lines, a record each; no address is in it
  mailrun doctor --accept-clock         the way out where a clock was wrong and is right now

Nothing is changed but by --accept-clock, and a run may go on meanwhile.";

/// Flags of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DoctorArgs {
    /// Write the journal as JSON Lines, to this file or to stdout
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    export: Option<PathBuf>,
    /// Go on by the clock as it is, though other times are on record
    #[arg(long, conflicts_with = "export")]
    accept_clock: bool,
    /// Answer yes to every question
    #[arg(long, requires = "accept_clock")]
    yes: bool,
}

/// Does it.
///
/// # Errors
/// As the engine's; nobody confirmed; or a file cannot be written.
pub(crate) fn run(args: &DoctorArgs, operator: &Operator) -> Result<Exit, CliError> {
    if let Some(file) = &args.export {
        return export::write(file, operator);
    }
    if args.accept_clock {
        let answer = if args.yes { clock::Answer::Yes } else { clock::Answer::Ask };
        return clock::accept(answer, operator);
    }
    checklist::show(operator)
}

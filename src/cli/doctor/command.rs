//! The flags of `doctor`.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::operator::Operator;

use super::clock;

/// Flags of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Go on by the clock as it is, though other times are on record
    #[arg(long, required = true)]
    accept_clock: bool,
    /// Answer yes to every question
    #[arg(long)]
    yes: bool,
}

/// Does it.
///
/// # Errors
/// As the engine's.
pub(crate) fn run(args: &DoctorArgs, operator: &Operator) -> Result<Exit, CliError> {
    let answer = if args.yes { clock::Answer::Yes } else { clock::Answer::Ask };
    clock::accept(answer, operator)
}

//! The flags of `init`, and what is said.

use crate::campaign::Workspace;
use crate::cli::error::CliError;
use crate::cli::escape;
use crate::cli::exit::Exit;
use crate::cli::operator::Operator;
use crate::cli::printer::data;

use super::scaffold::{self, Name};

/// The name of a campaign nobody named.
const DEFAULT: &str = "first";

const AFTER_HELP: &str = "\
Examples:
  mailrun init autumn        a campaign `autumn`; in an empty folder the whole workspace
  mailrun init               the same, called `first`

Nothing is ever overwritten.";

/// Flags of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct InitArgs {
    /// The campaign's name: letters, digits, `-` and `_`
    #[arg(value_name = "NAME", default_value = DEFAULT)]
    name: Name,
}

/// Does it.
///
/// # Errors
/// A campaign of that name is there; files cannot be written.
pub(crate) fn run(args: &InitArgs, operator: &Operator) -> Result<Exit, CliError> {
    let here = operator.here()?;
    let root = match Workspace::find(&here, None, None) {
        Ok(workspace) => workspace.root().to_owned(),
        // There is none here or above: this becomes one.
        Err(_) => here,
    };
    let written = scaffold::write(&root, &args.name)?;
    let printer = operator.printer;
    for file in &written.made {
        data(&format!("made {}", escape::line(&file.display().to_string())))?;
    }
    for file in &written.kept {
        printer.say(&format!("kept {}, which was there", escape::line(&file.display().to_string())));
    }
    let name = args.name.as_str();
    printer.next(&format!("mailrun preview {name}"), "shows the first message");
    printer.or(&format!("mailrun send {name}"), "sends to the built-in sandbox: nobody gets anything");
    Ok(Exit::Done)
}

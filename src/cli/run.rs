//! From the words that were typed to a command, and from its result to an exit code.

use std::ffi::OsString;

use clap::Parser as _;

use super::args::{Cli, Command};
use super::diagnostic;
use super::error::CliError;
use super::exit::Exit;
use super::later;
use super::operator::Operator;
use super::{
    check, doctor, init, plan, preview, purge, relay, report, resume, sandbox, send, show, status, steer,
    suppress,
};

/// Does what the words say, the name of the program first among them; prints all there is to print.
pub fn run(words: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let operator = Operator::new(cli.global);
    match command(&cli.command, &operator) {
        Ok(exit) => exit,
        Err(error) => {
            diagnostic::show(&error);
            error.exit(operator.state())
        }
    }
}

fn command(command: &Command, operator: &Operator) -> Result<Exit, CliError> {
    match command {
        Command::Init(args) => init::run(args, operator),
        Command::Check(args) => check::run(args, operator),
        Command::Plan(args) => plan::run(args, operator),
        Command::Preview(args) => preview::run(args, operator),
        Command::Send(args) => send::run(args, operator),
        Command::Resume(args) => resume::run(args, operator),
        Command::Pause(args) => steer::pause(args, operator),
        Command::Drain(args) => steer::drain(args, operator),
        Command::Cancel(args) => steer::cancel(args, operator),
        Command::Status(args) => status::run(args, operator),
        Command::Report(args) => report::run(args, operator),
        Command::Show(args) => show::run(args, operator),
        Command::Suppress(command) => suppress::run(command, operator),
        Command::Relay(command) => relay::run(command, operator),
        Command::Doctor(args) => doctor::run(args, operator),
        Command::Purge(args) => purge::run(args, operator),
        Command::Sandbox(args) => sandbox::run(args, operator),
    }
}

/// Help, the version, and words that make no command.
fn refuse(error: &clap::Error) -> Exit {
    if let Some(word) = later::meant(error) {
        let error = CliError::Later { word };
        diagnostic::show(&error);
        return error.exit(None);
    }
    // A reader of the help who left is no failure.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

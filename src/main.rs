//! The program `mailrun`: what was typed goes to [`mailrun::cli`], and its answer is the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    mailrun::cli::run(std::env::args_os()).into()
}

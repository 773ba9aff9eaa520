//! What the operator may type: the commands, and the flags that every command takes.
//!
//! Each command keeps its own flags beside its code, in its own file. Words of versions to come are
//! refused by name in `later.rs`.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use super::check::CheckArgs;
use super::doctor::DoctorArgs;
use super::init::InitArgs;
use super::plan::PlanArgs;
use super::preview::PreviewArgs;
use super::purge::PurgeArgs;
use super::relay::RelayCommand;
use super::report::ReportArgs;
use super::resume::ResumeArgs;
use super::sandbox::SandboxArgs;
use super::send::SendArgs;
use super::show::ShowArgs;
use super::status::StatusArgs;
use super::steer::{CancelArgs, SteerArgs};
use super::suppress::SuppressCommand;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
A first campaign:
  mailrun init autumn           files to change, and a sandbox to send to
  mailrun check autumn          every row rendered, nothing sent
  mailrun preview autumn        the very octets that will be sent
  mailrun send autumn           asks, sends, shows progress
  mailrun resume autumn         goes on where a run stopped

Exit codes:
  0    done, everything accepted      10   a file of the campaign is invalid
  1    unexpected failure             11   another run holds this workspace
  2    usage, not confirmed           12   no relay took the login
  3    some rejected or uncertain     13   no relay could be reached
  4    work left: resume later        14   what was expected differs
  5    nothing of that name           15   state unusable
  129, 130, 143   ended by SIGHUP, SIGINT, SIGTERM; state saved";

/// The clap id of the state directory, by which a command can give it another name.
pub(crate) const STATE_DIR: &str = "state_dir";

/// Bulk mailing campaigns from the terminal: nobody twice, nobody lost, no quota broken
#[derive(Debug, Parser)]
#[command(name = "mailrun", version, styles = STYLES, after_help = AFTER_HELP)]
#[command(propagate_version = false, subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_subcommand = false, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The flags that every command takes.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The workspace: the folder that holds `campaigns/` [default: found upward from here]
    #[arg(long, global = true, value_name = "DIR", env = "MAILRUN_DIR", hide_env_values = true)]
    pub(crate) dir: Option<PathBuf>,
    /// Where mailrun keeps its state [default: `.mailrun` in the workspace]
    // `report` has a `--state` of its own and takes this one as `--state-dir`: see `ReportArgs`.
    #[arg(
        id = STATE_DIR, long = "state", global = true, value_name = "DIR", env = "MAILRUN_STATE",
        hide_env_values = true
    )]
    pub(crate) state: Option<PathBuf>,
    /// Say nothing but data and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: each delivery, each line of a dialogue
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    pub(crate) verbose: bool,
    /// Write data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colour (`NO_COLOR` is heeded too)
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = When::Auto, hide_possible_values = true)]
    pub(crate) color: When,
    /// How to show progress: `auto`, `plain` lines, `none`
    #[arg(long, global = true, value_name = "HOW", value_enum, default_value_t = How::Auto, hide_possible_values = true)]
    pub(crate) progress: How,
    /// Never ask; fail where an answer is needed
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Also into files and pipes.
    Always,
    /// Not at all.
    Never,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// Bars on a terminal, plain lines elsewhere.
    Auto,
    /// A line every ten seconds and at each change.
    Plain,
    /// Nothing.
    None,
}

/// The commands of this version.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a campaign that previews and sends to the sandbox at once
    Init(InitArgs),
    /// Look at every file and render every row; sends nothing
    Check(CheckArgs),
    /// Show who gets mail, through which relay, on which day; freezes the plan
    Plan(PlanArgs),
    /// Show the very octets that will be sent
    Preview(PreviewArgs),
    /// Plan, ask, send, show progress
    Send(SendArgs),
    /// Go on with an interrupted campaign exactly where it stood
    Resume(ResumeArgs),
    /// Begin nothing new until `resume`; from another terminal
    Pause(SteerArgs),
    /// End as soon as the replies are in that are owed; from another terminal
    Drain(SteerArgs),
    /// Take everybody out who was not written to, for good
    Cancel(CancelArgs),
    /// How a campaign stands now
    Status(StatusArgs),
    /// Totals, by relay, by domain, by error
    Report(ReportArgs),
    /// One recipient's whole life, with the SMTP replies
    Show(ShowArgs),
    /// Those who must never be written to
    #[command(subcommand)]
    Suppress(SuppressCommand),
    /// The relays: quotas left, and whether they answer
    #[command(subcommand)]
    Relay(RelayCommand),
    /// Whether the state can be trusted, and what to do where it cannot; the journal for people
    Doctor(DoctorArgs),
    /// Remove the personal data of a finished campaign
    Purge(PurgeArgs),
    /// The built-in SMTP server by itself
    Sandbox(SandboxArgs),
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_and_command_has_help() {
        fn walk(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} of {}", argument.get_id(), command.get_name());
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }

    #[test]
    fn global_flags_may_stand_behind_the_command() {
        let cli = Cli::try_parse_from(["mailrun", "status", "--json", "--color", "never", "autumn"]);
        let cli = cli.expect("parses");
        assert!(cli.global.json);
        assert_eq!(cli.global.color, When::Never);
    }

    #[test]
    fn the_state_directory_can_be_named_with_every_command() {
        let table: [&[&str]; 5] = [
            &["--state", "/s", "report", "autumn"],
            &["--state", "/s", "report", "autumn", "--state", "rejected"],
            &["report", "--state", "rejected", "--state-dir", "/s"],
            &["send", "autumn", "--state", "/s"],
            &["suppress", "list", "--state", "/s"],
        ];
        for words in table {
            let cli = Cli::try_parse_from([&["mailrun"], words].concat()).expect("parses");
            assert_eq!(cli.global.state.as_deref(), Some(Path::new("/s")), "{words:?}");
        }
    }
}

//! `mailrun resume`: goes on with an interrupted campaign exactly where it stood.

use clap::ValueEnum;

use crate::campaign::Workspace;
use crate::engine::{self, Desk, Obeyed, Order, Orders, Run, Stage, Uncertain, Wait};

use super::ask;
use super::doubts::{self, Answer};
use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::operator::{Asking, Operator, relay_names};
use super::printer::{json, warn};
use super::progress::{Watcher, watch};
use super::send::{block_on, finish, tell};
use super::steer;
use super::summary::{doubt, doubt_resent};

const AFTER_HELP: &str = "\
Examples:
  mailrun resume autumn
  mailrun resume autumn --no-wait --uncertain skip    from a timer: what is due, then ends

The frozen plan is sent, whatever was edited since. A recipient is uncertain if the line or the
run ended between a message and its reply: nobody can know whether it arrived. They are named,
never guessed.";

/// Flags of `resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ResumeArgs {
    /// The campaign; may be left out if there is one only
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// What to do with the uncertain [default: ask on a terminal, else skip]
    #[arg(long, value_enum, value_name = "ask|skip|resend", hide_possible_values = true)]
    uncertain: Option<Policy>,
    /// End as soon as nothing is due, instead of waiting for quotas, windows and retries
    #[arg(long)]
    no_wait: bool,
    /// Use these relays instead of the campaign's
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    relays: Vec<String>,
}

/// What to do with the uncertain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// Ask now.
    Ask,
    /// Leave them.
    Skip,
    /// Write to them again: some may get it twice.
    Resend,
}

/// What the operator was told of the uncertain before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Nothing yet.
    Nothing,
    /// How many, and why.
    All,
}

/// Does it.
///
/// # Errors
/// As the engine's.
pub(crate) fn run(args: &ResumeArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let campaign = operator.campaign(&workspace, args.campaign.as_deref())?;
    if goes_on(&workspace, &campaign, operator)? {
        return Ok(Exit::Done);
    }
    let (uncertain, heard) = choose(args.uncertain, operator, &workspace, &campaign)?;
    if let Err(error) = engine::may_resume(&workspace, &campaign, uncertain) {
        return Err(only_uncertain(&workspace, &campaign, args.uncertain).unwrap_or(error.into()));
    }
    let mut desk = Desk::load(workspace, &campaign, relay_names(&args.relays).as_deref())?;
    ask::passwords(&mut desk, operator.asking)?;
    let resent = if uncertain == Uncertain::Resend { count(&desk.workspace, &campaign)? } else { 0 };
    let orders = Orders {
        wait: if args.no_wait { Wait::Never } else { Wait::ForWork },
        limit: None,
        tell: tell(operator),
        uncertain,
    };
    let watched = block_on(async {
        let run = Run::resume(desk, orders)?;
        tell_of(&run, operator, resent, heard);
        let watcher = Watcher::new(operator, run.status(), None, operator.zone.clone());
        watch(run, watcher).await
    })?;
    finish(operator, &watched)
}

/// Tells a run that is paused in another terminal to go on; says whether there was one.
fn goes_on(workspace: &Workspace, campaign: &str, operator: &Operator) -> Result<bool, CliError> {
    match engine::steer(workspace, campaign, Order::Resume) {
        Ok(Obeyed::Done) => {}
        // What there is to resume, and whether, is said below.
        Ok(Obeyed::Already | Obeyed::NothingRuns | Obeyed::TakenOut(_)) | Err(_) => return Ok(false),
    }
    let status = engine::status(workspace, Some(campaign))?.into_iter().next();
    if operator.printer.is_json() {
        json(&status)?;
        return Ok(true);
    }
    let left = status.map_or(0, |status| status.recipients.pending + status.recipients.deferred);
    operator.printer.say(&steer::goes_on(campaign, left));
    operator.printer.next(&format!("mailrun status {campaign}"), "shows how it stands");
    Ok(true)
}

/// Why there is nothing to resume, where those are left who are uncertain and nobody decided about them.
fn only_uncertain(workspace: &Workspace, campaign: &str, policy: Option<Policy>) -> Option<CliError> {
    if matches!(policy, Some(Policy::Skip | Policy::Resend)) {
        return None;
    }
    let status = engine::status(workspace, Some(campaign)).ok()?.into_iter().next()?;
    let uncertain = status.recipients.uncertain;
    let decidable = status.state == Stage::Finished && status.purged.is_none() && uncertain > 0;
    decidable.then(|| CliError::Undecided { campaign: campaign.to_owned(), uncertain })
}

/// How many of a campaign are uncertain.
fn count(workspace: &Workspace, campaign: &str) -> Result<u64, CliError> {
    let found = engine::status(workspace, Some(campaign))?;
    Ok(found.first().map_or(0, |status| status.recipients.uncertain))
}

/// What the operator should know before the run goes on; so many were uncertain and are sent to again.
fn tell_of(run: &Run, operator: &Operator, resent: u64, heard: Heard) {
    let printer = operator.printer;
    for note in run.notes() {
        printer.note(&escape::line(&note));
    }
    if resent > 0 {
        warn(&doubt_resent(resent));
    } else if run.uncertain() > 0 {
        if heard == Heard::Nothing {
            warn(&doubt(run.uncertain()));
        }
        let campaign = run.status().campaign;
        printer.say(&format!("  they are listed by: mailrun report {campaign} --state uncertain --csv"));
    }
}

/// What to do with the uncertain: as the flag says, or as the operator answers.
fn choose(
    policy: Option<Policy>,
    operator: &Operator,
    workspace: &Workspace,
    campaign: &str,
) -> Result<(Uncertain, Heard), CliError> {
    match (policy, operator.asking) {
        (Some(Policy::Skip), _) | (None, Asking::Never) => Ok((Uncertain::Skip, Heard::Nothing)),
        (Some(Policy::Resend), _) => Ok((Uncertain::Resend, Heard::Nothing)),
        (Some(Policy::Ask), Asking::Never) => Err(CliError::Usage {
            what: "--uncertain ask, and nobody is here to ask".to_owned(),
            hint: "--uncertain skip leaves them, --uncertain resend writes to them again".to_owned(),
        }),
        (Some(Policy::Ask) | None, Asking::Allowed) => {
            Ok(match doubts::ask_about(campaign, workspace, operator)? {
                Answer::NotAsked => (Uncertain::Skip, Heard::Nothing),
                Answer::Resend => (Uncertain::Resend, Heard::All),
                Answer::Skip => (Uncertain::Skip, Heard::All),
            })
        }
    }
}

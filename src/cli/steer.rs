//! `mailrun pause`, `drain` and `cancel`: what is said to a run from another terminal.

use serde_json::json;

use crate::campaign::Workspace;
use crate::engine::{self, Obeyed, Order, Stage};

use super::ask;
use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::operator::{Asking, Operator};
use super::printer::json;
use super::words::{counted, number};

/// Flags of `pause` and `drain`.
#[derive(Debug, clap::Args)]
pub(crate) struct SteerArgs {
    /// The campaign; may be left out if there is one only
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
}

/// Flags of `cancel`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  mailrun cancel autumn\n  mailrun cancel autumn --yes        from a script\n\n\
    Whose message is on its way to a server gets it; all others are taken out for good. Nobody who was\n\
    written to is forgotten: a later `send` leaves them out."
)]
pub(crate) struct CancelArgs {
    /// The campaign
    #[arg(value_name = "CAMPAIGN")]
    campaign: String,
    /// Answer yes to every question
    #[arg(long)]
    yes: bool,
}

/// `pause`: nothing is begun until `resume`.
///
/// # Errors
/// As the engine's.
pub(crate) fn pause(args: &SteerArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let campaign = operator.campaign(&workspace, args.campaign.as_deref())?;
    let obeyed = engine::steer(&workspace, &campaign, Order::Pause)?;
    let name = escape::line(&campaign);
    match obeyed {
        Obeyed::NothingRuns => return Err(nothing_runs(&campaign)),
        Obeyed::Done | Obeyed::TakenOut(_) => {
            operator
                .printer
                .say(&format!("{name} is paused: what is on its way arrives, nothing new is begun."));
        }
        Obeyed::Already => operator.printer.say(&format!("{name} was paused already.")),
    }
    told(operator, &campaign, "paused", obeyed)?;
    operator.printer.next(&format!("mailrun resume {campaign}"), "goes on");
    Ok(Exit::Done)
}

/// `drain`: the run ends as soon as its replies are in.
///
/// # Errors
/// As the engine's.
pub(crate) fn drain(args: &SteerArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let campaign = operator.campaign(&workspace, args.campaign.as_deref())?;
    let obeyed = engine::steer(&workspace, &campaign, Order::Drain)?;
    let name = escape::line(&campaign);
    match obeyed {
        Obeyed::NothingRuns => return Err(nothing_runs(&campaign)),
        Obeyed::Done | Obeyed::TakenOut(_) => operator.printer.say(&format!(
            "{name} ends as soon as the replies are in that servers owe; nothing new is begun."
        )),
        Obeyed::Already => operator.printer.say(&format!("{name} is ending already.")),
    }
    told(operator, &campaign, "draining", obeyed)?;
    operator.printer.next(&format!("mailrun resume {campaign}"), "goes on exactly there, once it has ended");
    Ok(Exit::Done)
}

/// `cancel`: everybody who was not written to is taken out.
///
/// # Errors
/// Nobody confirmed, or as the engine's.
pub(crate) fn cancel(args: &CancelArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let campaign = operator.campaign(&workspace, Some(&args.campaign))?;
    let name = escape::line(&campaign).into_owned();
    if !args.yes {
        let left = left(&workspace, &campaign)?;
        operator.printer.say(&format!("{} of {name} would not be written to.", counted(left, "recipient")));
        if operator.asking == Asking::Never || !ask::yes(&format!("Cancel {name}? It cannot be undone"))? {
            return Err(CliError::NotDone { what: ask::refusal(operator.asking) });
        }
    }
    let obeyed = engine::steer(&workspace, &campaign, Order::Cancel)?;
    match obeyed {
        Obeyed::Done | Obeyed::NothingRuns => {
            operator
                .printer
                .say(&format!("{name} is cancelled: what is on its way arrives, and nothing else."));
        }
        Obeyed::TakenOut(count) => {
            let out = counted(count, "recipient");
            operator.printer.say(&format!("{name} is cancelled: {out} taken out."));
        }
        Obeyed::Already => operator.printer.say(&format!("{name} was cancelled already.")),
    }
    told(operator, &campaign, "cancelled", obeyed)?;
    operator.printer.next(&format!("mailrun report {campaign}"), "says what became of everybody");
    Ok(Exit::Done)
}

/// How many are left of a campaign.
fn left(workspace: &Workspace, campaign: &str) -> Result<u64, CliError> {
    let found = engine::status(workspace, Some(campaign))?;
    let Some(status) = found.first().filter(|status| status.state != Stage::Planned) else {
        return Err(CliError::from(engine::EngineError::NeverSent { campaign: campaign.to_owned() }));
    };
    Ok(status.recipients.pending + status.recipients.deferred)
}

/// The outcome for scripts.
fn told(operator: &Operator, campaign: &str, state: &str, obeyed: Obeyed) -> Result<(), CliError> {
    if operator.printer.is_json() {
        let taken_out = match obeyed {
            Obeyed::TakenOut(count) => Some(count),
            Obeyed::Done | Obeyed::Already | Obeyed::NothingRuns => None,
        };
        let changed = obeyed != Obeyed::Already;
        json(&json!({ "campaign": campaign, "state": state, "changed": changed, "taken_out": taken_out }))?;
    }
    Ok(())
}

fn nothing_runs(campaign: &str) -> CliError {
    CliError::NotFound {
        what: format!("nobody is sending `{campaign}` now"),
        hint: format!("`mailrun status {campaign}` shows how it stands"),
    }
}

/// What `resume` says where the run is alive and goes on.
pub(crate) fn goes_on(campaign: &str, left: u64) -> String {
    format!("{} goes on in its own terminal: {} left.", escape::line(campaign), number(left))
}

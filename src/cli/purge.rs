//! `mailrun purge`: removes the personal data of a finished campaign.

use serde_json::json;

use crate::campaign::{CampaignError, Workspace};
use crate::engine::{self, EngineError, PurgeView};

use super::ask;
use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::operator::{Asking, Operator};
use super::page::Page;
use super::printer::{data, json};
use super::words::{counted, number, size};

const AFTER_HELP: &str = "\
Examples:
  mailrun purge autumn
  mailrun purge autumn --yes        from a script

The rows and texts of its plans and the mail of its rehearsals are removed. What stays: totals, the quota
history, the suppression list, and a hash of each address that was written to, made with the secret of
this workspace, so that `send` leaves them out. The campaign's own files are yours and left alone.
A disk may keep what was removed until it is written over; backups keep it too.";

/// Flags of `purge`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PurgeArgs {
    /// The campaign
    #[arg(value_name = "CAMPAIGN")]
    campaign: String,
    /// Answer yes to every question
    #[arg(long)]
    yes: bool,
}

/// Does it.
///
/// # Errors
/// Nobody confirmed, or as the engine's.
pub(crate) fn run(args: &PurgeArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let (campaign, view) = find(&workspace, &args.campaign, operator)?;
    let printer = operator.printer;
    if !args.yes {
        printer.say(&meaning(&campaign, &view));
        let question = format!("Purge {}? It cannot be undone", escape::line(&campaign));
        if operator.asking == Asking::Never || !ask::yes(&question)? {
            return Err(CliError::NotDone { what: ask::refusal(operator.asking) });
        }
    }
    let purged = engine::purge(&workspace, &campaign)?;
    if printer.is_json() {
        json(&json!({
            "campaign": campaign, "plans": purged.plans, "octets": purged.octets, "hashes": purged.hashes,
        }))?;
        return Ok(Exit::Done);
    }
    if purged.octets == 0 {
        data(&format!("{}: nothing was left to purge", escape::line(&campaign)))?;
        return Ok(Exit::Done);
    }
    data(&format!(
        "{}: purged {} and all mail kept of it, {}; {} left as a hash",
        escape::line(&campaign),
        counted(purged.plans, "plan"),
        size(purged.octets),
        counted(purged.hashes, "address"),
    ))?;
    printer.say(&format!("  the files in campaigns/{} are yours, and left alone", escape::line(&campaign)));
    printer.next(&format!("mailrun report {campaign}"), "shows the totals, which stay");
    Ok(Exit::Done)
}

/// The campaign that is meant: its folder may be gone already.
fn find(workspace: &Workspace, named: &str, operator: &Operator) -> Result<(String, PurgeView), CliError> {
    let known = operator.campaign(workspace, Some(named));
    let (name, unknown) = match known {
        Ok(name) => (name, None),
        Err(error @ CliError::NotFound { .. }) => (named.to_owned(), Some(error)),
        Err(error @ CliError::Engine(EngineError::Campaign(CampaignError::NoCampaign { .. }))) => {
            (named.to_owned(), Some(error))
        }
        Err(error) => return Err(error),
    };
    match (engine::may_purge(workspace, &name), unknown) {
        (Ok(view), _) => Ok((name, view)),
        (Err(EngineError::NeverPlanned { .. }), Some(unknown)) => Err(unknown),
        (Err(error), _) => Err(error.into()),
    }
}

/// What will be gone, and what stays.
fn meaning(campaign: &str, view: &PurgeView) -> String {
    let mut page = Page::default();
    page.line(format_args!(
        "{}: {} in the last run, {} to purge\n",
        escape::line(campaign),
        counted(view.recipients, "recipient"),
        counted(view.plans, "plan")
    ));
    page.fact("goes", "the rows and texts of its plans, and the mail of its rehearsals");
    page.fact("stays", "totals, quota history, the suppression list,");
    page.under("and hashes by which nobody is written to twice");
    if view.uncertain > 0 {
        page.fact("note", &format!("nobody can write to the {} uncertain any more", number(view.uncertain)));
    }
    page.into_text()
}

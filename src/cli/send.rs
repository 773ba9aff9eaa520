//! `mailrun send`: plans the files as they are now, asks, sends, shows progress.

use crate::campaign::Workspace;
use crate::engine::{
    self, Again, Choice, Desk, Invalid, Orders, PlanRequest, Planned, Render, Run, Tell, Uncertain, Wait,
};

use super::ask;
use super::brief::{Brief, Reach};
use super::error::CliError;
use super::exit::Exit;
use super::operator::{Operator, relay_names};
use super::plan::{Reading, warn_of};
use super::printer::data;
use super::progress::{Watched, Watcher, watch};
use super::summary::Summary;

const AFTER_HELP: &str = "\
Examples:
  mailrun send autumn                        asks first
  mailrun send autumn --yes --expect 4980    refuses unless it is exactly 4,980 people
  mailrun send autumn --dry-run              stops after the plan
  mailrun send autumn --limit 50             50 people; `mailrun resume autumn` does the rest

Nobody is written to twice by accident: once a campaign is finished, `send` writes only to people
who are new in the list. --again starts over with everybody.";

/// Flags of `send`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct SendArgs {
    /// The campaign; may be left out if there is one only
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Send this plan; refused if the files differ from it
    #[arg(long, value_name = "ID", conflicts_with_all = ["again", "skip_invalid"])]
    plan: Option<String>,
    /// Answer every question with yes
    #[arg(short, long)]
    yes: bool,
    /// Refuse unless exactly N people would be written to
    #[arg(long, value_name = "N")]
    expect: Option<u64>,
    /// Stop after N recipients; `resume` does the rest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Use these relays instead of the campaign's
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    relays: Vec<String>,
    /// End as soon as nothing is due, instead of waiting for quotas, windows and retries
    #[arg(long)]
    no_wait: bool,
    /// Leave out rows that do not render, instead of stopping
    #[arg(long)]
    skip_invalid: bool,
    /// Start a new edition: write to everybody again
    #[arg(long)]
    again: bool,
    /// Stop after the plan
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
///
/// # Errors
/// As the engine's, and what the operator did not agree to.
pub(crate) fn run(args: &SendArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let campaign = operator.campaign(&workspace, args.campaign.as_deref())?;
    engine::may_send(&workspace, &campaign)?;
    let (mut desk, planned) = prepare(args, operator, workspace, &campaign)?;
    if let Some(expected) = args.expect.filter(|expected| *expected != planned.report.recipients) {
        return Err(CliError::Unexpected { expected, found: planned.report.recipients });
    }
    if planned.report.recipients == 0 {
        operator.printer.say("Nobody is left to write to; nothing was sent.");
        operator.printer.next(&format!("mailrun report {campaign}"), "shows whom it was written to");
        return Ok(Exit::Done);
    }
    if args.dry_run {
        operator.printer.say("Nothing was sent (--dry-run).");
        operator
            .printer
            .next(&format!("mailrun send {campaign} --plan {}", planned.id), "sends exactly this");
        return Ok(Exit::Done);
    }
    ask::passwords(&mut desk, operator.asking)?;
    if !args.yes {
        ask::send_to(planned.report.recipients, operator.asking)?;
    }
    drive(args, operator, desk, &planned)
}

/// Loads the files, plans them, and tells what would be sent.
fn prepare(
    args: &SendArgs,
    operator: &Operator,
    workspace: Workspace,
    campaign: &str,
) -> Result<(Desk, Planned), CliError> {
    let printer = operator.printer;
    let desk = Desk::load(workspace, campaign, relay_names(&args.relays).as_deref())?;
    warn_of(&desk.warnings());
    let planned = if let Some(id) = &args.plan {
        desk.frozen(id)?
    } else {
        let reading = Reading::new(operator, "planning");
        let request = PlanRequest {
            again: if args.again { Again::Yes } else { Again::No },
            invalid: if args.skip_invalid { Invalid::Skip } else { Invalid::Stop },
            render: Render::Strict,
            what_if: Vec::new(),
        };
        desk.plan(&request, &|rows| reading.saw(rows))?
    };
    printer.say(&brief(&desk, &planned));
    Ok((desk, planned))
}

/// What is about to be sent, in a few lines.
pub(crate) fn brief(desk: &Desk, planned: &Planned) -> String {
    let first = desk.preview(&Choice::First).ok().and_then(|previews| previews.into_iter().next());
    let subject = first.and_then(|preview| {
        let found = preview.headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("subject"));
        found.map(|(_, value)| value)
    });
    Brief { planned, subject, reach: reach(desk), now: engine::now(), zone: &desk.campaign.zone }.text()
}

/// Whether anybody gets anything.
pub(crate) fn reach(desk: &Desk) -> Reach {
    if desk.is_sandbox() { Reach::Sandbox } else { Reach::People }
}

fn drive(args: &SendArgs, operator: &Operator, desk: Desk, planned: &Planned) -> Result<Exit, CliError> {
    let (ends, zone) = (planned.report.ends, desk.campaign.zone.clone());
    let orders = Orders {
        wait: if args.no_wait { Wait::Never } else { Wait::ForWork },
        limit: args.limit,
        tell: tell(operator),
        uncertain: Uncertain::Skip,
    };
    let watched = block_on(async {
        let run = Run::send(desk, planned, orders)?;
        let watcher = Watcher::new(operator, run.status(), ends, zone.clone());
        watch(run, watcher).await
    })?;
    finish(operator, &watched)
}

/// How much the engine tells: each delivery only to those who asked for it.
pub(crate) fn tell(operator: &Operator) -> Tell {
    if operator.printer.is_verbose() { Tell::EveryDelivery } else { Tell::Totals }
}

/// Runs the engine on a runtime of its own.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::Io { doing: "starting the runtime", source })?;
    runtime.block_on(work)
}

/// Tells how a run ended.
pub(crate) fn finish(operator: &Operator, watched: &Watched) -> Result<Exit, CliError> {
    let exit = Exit::of(&watched.ending);
    let summary = Summary { watched, exit, now: engine::now(), zone: &operator.zone };
    if operator.printer.is_json() {
        summary.write_json()?;
    } else {
        data(&summary.text())?;
    }
    let (command, what) = summary.next();
    operator.printer.next(&command, what);
    Ok(exit)
}

//! `mailrun status`: how a campaign stands now, also while a run goes on in another terminal.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::engine::{self, Stage, Status};

use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::limits;
use super::operator::Operator;
use super::page::Page;
use super::printer::{data, heading, json};
use super::summary::{relays, waits};
use super::table::{Align, Rows, Width};
use super::words::{between, duration, exact, moment, number, percent};

/// Flags of `status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  mailrun status            every campaign, if there are several\n  mailrun status autumn\n  mailrun status autumn --json | jq .recipients"
)]
pub(crate) struct StatusArgs {
    /// The campaign; all of them if none is named
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
}

/// Does it. With `--json` one campaign is an object; several, if none was named, are an array.
///
/// # Errors
/// As the engine's.
pub(crate) fn run(args: &StatusArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let printer = operator.printer;
    if args.campaign.is_none() && workspace.campaign_names()?.len() > 1 {
        let statuses = engine::status(&workspace, None)?;
        if printer.is_json() {
            json(&statuses)?;
        } else if statuses.is_empty() {
            printer.say("Nothing was planned yet.");
        } else {
            data(&overview(&statuses).shown(Width::of_stdout()))?;
        }
        printer.next("mailrun status CAMPAIGN", "shows one of them");
        return Ok(Exit::Done);
    }
    let campaign = operator.campaign(&workspace, args.campaign.as_deref())?;
    let Some(status) = engine::status(&workspace, Some(&campaign))?.into_iter().next() else {
        return Err(never_planned(&campaign));
    };
    if printer.is_json() {
        json(&status)?;
        return Ok(Exit::Done);
    }
    data(&text(&status, engine::now(), &operator.zone))?;
    if let Some((command, what)) = next(&status) {
        printer.next(&command, what);
    }
    Ok(Exit::Done)
}

/// The campaign has no plan, so nothing is known of it.
pub(crate) fn never_planned(campaign: &str) -> CliError {
    CliError::NotFound {
        what: format!("`{campaign}` was never planned or sent"),
        hint: format!("`mailrun plan {campaign}` shows what would be sent"),
    }
}

/// Every campaign, one a row.
fn overview(statuses: &[Status]) -> Rows {
    let mut rows = Rows::new(&[
        ("campaign", Align::Left),
        ("stands", Align::Left),
        ("planned", Align::Right),
        ("accepted", Align::Right),
        ("left", Align::Right),
        ("rejected", Align::Right),
        ("uncertain", Align::Right),
    ]);
    for status in statuses {
        let recipients = &status.recipients;
        rows.add([
            escape::line(&status.campaign).into_owned(),
            limits::stage(status.state).to_owned(),
            number(recipients.planned),
            number(recipients.accepted),
            number(recipients.pending + recipients.deferred),
            number(recipients.rejected + recipients.expired),
            number(recipients.uncertain),
        ]);
    }
    rows
}

/// One campaign, for people.
pub(crate) fn text(status: &Status, now: Timestamp, zone: &TimeZone) -> String {
    let mut page = Page::default();
    let campaign = escape::line(&status.campaign);
    page.line(format_args!("{}\n", heading(&format!("{campaign}: {}", limits::stage(status.state)))));
    if let Some(cause) = status.reason {
        page.fact("because", limits::cause(cause, status.relays.len()));
    }
    for (name, value) in [("started", status.started), ("finished", status.finished)] {
        if let Some(moment) = value {
            page.fact(name, &exact(moment, zone));
        }
    }
    if let (Some(started), Some(finished)) = (status.started, status.finished) {
        page.fact("took", &duration(between(started, finished)));
    }
    if let Some(next) = status.next_attempt {
        page.fact("next", &moment(next, now, zone));
    }
    let short = status.plan.get(..12).unwrap_or(&status.plan);
    page.fact("plan", &format!("{} (edition {})", escape::line(short), status.edition));
    if status.sandbox {
        page.fact("sandbox", "nobody got anything");
    }
    if let Some(purged) = status.purged {
        page.fact("purged", &format!("{}; totals are all that is left", exact(purged, zone)));
    }
    totals(status, &mut page);
    let relays = relays(status);
    if !relays.is_empty() {
        page.gap();
        page.add(&relays.shown(Width::of_stdout()));
    }
    waits(status, now, zone, &mut page);
    page.into_text()
}

/// The eight states that are not empty, and the rows left out.
fn totals(status: &Status, page: &mut Page) {
    let recipients = &status.recipients;
    let planned = recipients.planned;
    let by_state = [
        (recipients.accepted, "accepted"),
        (recipients.pending, "pending"),
        (recipients.deferred, "deferred"),
        (recipients.rejected, "rejected"),
        (recipients.uncertain, "uncertain"),
        (recipients.expired, "expired"),
        (recipients.suppressed, "suppressed"),
        (recipients.cancelled, "cancelled"),
    ];
    let mut rows = Rows::new(&[("recipients", Align::Left), ("", Align::Right), ("", Align::Right)]);
    rows.add(["planned".to_owned(), number(planned), String::new()]);
    for (count, name) in by_state.into_iter().filter(|(count, _)| *count > 0) {
        rows.add([name.to_owned(), number(count), percent(count, planned)]);
    }
    page.gap();
    page.add(&rows.shown(Width::of_stdout()));
    if status.excluded.total() > 0 {
        page.line(format_args!("  left out of the plan: {}", limits::left_out(&status.excluded)));
    }
}

/// The next useful command.
fn next(status: &Status) -> Option<(String, &'static str)> {
    let campaign = &status.campaign;
    match status.state {
        Stage::Planned => Some((format!("mailrun send {campaign}"), "asks, and sends it")),
        Stage::Interrupted | Stage::Paused => {
            Some((format!("mailrun resume {campaign}"), "goes on exactly there"))
        }
        Stage::Finished | Stage::Cancelled => {
            Some((format!("mailrun report {campaign}"), "totals by relay, domain and error"))
        }
        Stage::Sending | Stage::Waiting => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;
    use crate::engine::{Cause, Recipients};

    #[test]
    fn a_status_shows_only_what_there_is() {
        console::set_colors_enabled(false);
        let recipients = Recipients { planned: 1_000, accepted: 600, pending: 400, ..Recipients::default() };
        let status = Status {
            recipients,
            state: Stage::Interrupted,
            reason: Some(Cause::Signal),
            started: "2026-11-24T06:00:00Z".parse().ok(),
            ..samples::status()
        };
        let shown = text(&status, Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        let expected = "\
welcome: interrupted

  because     you asked for it
  started     2026-11-24 06:00:00 UTC
  plan        000102030405 (edition 1)
  sandbox     nobody got anything

  recipients
  planned     1,000
  accepted      600  60 %
  pending       400  40 %

  relay      accepted  deferred  rejected  uncertain
  rehearsal         0         0         0          0
";
        assert_eq!(shown, expected);
        assert_eq!(next(&status).map(|(command, _)| command).as_deref(), Some("mailrun resume welcome"));
    }
}

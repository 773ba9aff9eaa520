//! `mailrun plan`: who gets mail, through which relay, on which day; freezes the plan.

use std::collections::BTreeMap;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::{Again, Desk, Invalid, PlanDay, PlanRequest, Render};
use crate::mail::Fault;

use super::diagnostic;
use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::operator::{Operator, Showing, relay_names};
use super::printer::{data, heading, json};
use super::send::brief;
use super::table::{Align, Rows, Width};
use super::words::{counted, day, listed, number};

/// Days shown at the beginning of a long plan, before the rest is counted.
const DAYS_SHOWN: usize = 12;

const AFTER_HELP: &str = "\
Examples:
  mailrun plan autumn
  mailrun plan autumn --what-if ses-eu.sessions=16 --what-if gmail.reserve=0
  mailrun plan autumn --json | jq .ends

The plan is frozen under the id it shows: `mailrun send --plan ID` sends exactly it, or refuses.";

/// Flags of `plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PlanArgs {
    /// The campaign; may be left out if there is one only
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Plan as if a relay's setting were different; may be given several times
    #[arg(long, value_name = "RELAY.KEY=VALUE")]
    what_if: Vec<String>,
    /// Use these relays instead of the campaign's
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    relays: Vec<String>,
    /// Leave out rows that are not valid, however many there are
    #[arg(long)]
    skip_invalid: bool,
    /// Plan a new edition: everybody again
    #[arg(long)]
    again: bool,
}

/// Does it.
///
/// # Errors
/// As the engine's.
pub(crate) fn run(args: &PlanArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let campaign = operator.campaign(&workspace, args.campaign.as_deref())?;
    let desk = Desk::load(workspace, &campaign, relay_names(&args.relays).as_deref())?;
    let printer = operator.printer;
    warn_of(&desk.warnings());
    let request = PlanRequest {
        again: if args.again { Again::Yes } else { Again::No },
        invalid: if args.skip_invalid { Invalid::Skip } else { Invalid::Stop },
        render: Render::No,
        what_if: args.what_if.clone(),
    };
    let planned = {
        let reading = Reading::new(operator, "planning");
        desk.plan(&request, &|rows| reading.saw(rows))?
    };
    if printer.is_json() {
        json(&planned.report)?;
        return Ok(Exit::Done);
    }
    if !args.what_if.is_empty() {
        printer.note(&format!("the forecast is as if {}", escape::line(&listed(&args.what_if))));
    }
    data(&brief(&desk, &planned))?;
    let days = days(&planned.report.days);
    if !days.is_empty() {
        data(&format!("\n{}\n{}", heading("Recipients by day"), days.shown(Width::of_stdout())))?;
    }
    printer.next(&format!("mailrun preview {campaign}"), "shows the first message as it will be sent");
    printer.or(&format!("mailrun send {campaign}"), "asks, and sends it");
    Ok(Exit::Done)
}

/// Warnings of the files, to stderr.
pub(crate) fn warn_of(warnings: &[Fault]) {
    diagnostic::show_faults(warnings);
}

/// The table of days and relays; a long one without its middle.
fn days(days: &[PlanDay]) -> Rows {
    let mut names: Vec<&String> = days.iter().flat_map(|day| day.relays.keys()).collect();
    names.sort();
    names.dedup();
    let mut rows = Rows::new(&[("day", Align::Left)]);
    for name in &names {
        rows.column(&escape::line(name), Align::Right);
    }
    if names.len() > 1 {
        rows.column("all", Align::Right);
    }
    let row = |day_text: String, relays: &BTreeMap<String, u64>| {
        let counts = names.iter().map(|name| relays.get(*name).copied().unwrap_or_default());
        let mut cells = vec![day_text];
        cells.extend(counts.map(|count| if count == 0 { "-".to_owned() } else { number(count) }));
        if names.len() > 1 {
            cells.push(number(relays.values().sum()));
        }
        cells
    };
    // One row is never left out, as the line that says so would be as long.
    let cut = if days.len() > DAYS_SHOWN + 2 { DAYS_SHOWN } else { days.len() };
    for planned in &days[..cut] {
        rows.add(row(day(planned.date), &planned.relays));
    }
    if let [_, .., last] = days
        && cut < days.len()
    {
        rows.add([format!("... {} ...", counted((days.len() - cut - 1) as u64, "more day"))]);
        rows.add(row(day(last.date), &last.relays));
    }
    rows
}

/// A count of rows that runs on the terminal while a list is read.
#[derive(Debug)]
pub(crate) struct Reading(ProgressBar);

impl Reading {
    /// Begins to count, if there is a terminal.
    pub(crate) fn new(operator: &Operator, doing: &'static str) -> Self {
        let target = match operator.showing {
            Showing::Bars => ProgressDrawTarget::stderr_with_hz(10),
            Showing::Lines | Showing::Nothing => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{prefix} {human_pos} rows").expect("well formed");
        Self(bar.with_style(style).with_prefix(doing))
    }

    /// So many rows were seen.
    pub(crate) fn saw(&self, rows: u64) {
        self.0.set_position(rows);
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn plan_of(count: usize) -> Vec<PlanDay> {
        let first = date(2026, 11, 23);
        let days = first.series(jiff::ToSpan::days(1)).take(count);
        let relays = |number: usize| {
            [("gmail".to_owned(), 500), ("ses".to_owned(), if number == 0 { 1_200 } else { 0 })]
        };
        days.enumerate().map(|(number, date)| PlanDay { date, relays: relays(number).into() }).collect()
    }

    #[test]
    fn a_short_plan_is_shown_whole() {
        console::set_colors_enabled(false);
        let expected = "  day              gmail    ses    all
  Mon 23 Nov 2026    500  1,200  1,700
  Tue 24 Nov 2026    500      -    500
";
        assert_eq!(days(&plan_of(2)).shown(Width::Free), expected);
        assert!(days(&[]).is_empty());
    }

    #[test]
    fn a_long_plan_loses_its_middle() {
        console::set_colors_enabled(false);
        let shown = days(&plan_of(2_007)).shown(Width::Free);
        assert_eq!(shown.lines().count(), 1 + DAYS_SHOWN + 2);
        assert!(shown.contains("... 1,994 more days ..."), "{shown}");
        assert!(
            shown.trim_end().lines().last().is_some_and(|last| last.contains("Fri 21 May 2032")),
            "{shown}"
        );
        assert_eq!(days(&plan_of(14)).shown(Width::Free).lines().count(), 15);
    }
}

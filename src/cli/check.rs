//! `mailrun check`: every file read, every row rendered strictly; nothing is sent.

mod fix;
mod summary;
mod unused;

use std::path::PathBuf;

use serde_json::json;

use crate::campaign::Workspace;
use crate::engine::{Desk, EngineError, Inspection, LeftOut};
use crate::mail::{Fault, Reason, Severity};

use super::diagnostic;
use super::dns::{self, DnsArgs};
use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::limits;
use super::operator::Operator;
use super::page::Page;
use super::plan::Reading;
use super::printer::{complain, data, json};
use super::send::block_on;
use super::table::{Align, Rows, Width};
use super::words::{counted, number};
use fix::{Over, Target};

/// Rows left out that are listed, unless more are asked for with -v.
const ROWS_SHOWN: usize = 20;

const AFTER_HELP: &str = "\
Examples:
  mailrun check                  every campaign
  mailrun check autumn
  mailrun check autumn -v        every row that is left out, and what else is worth knowing
  mailrun check autumn --fix-csv clean.csv
  mailrun check autumn --dns     and what DNS says of who sends
  mailrun check autumn --unused  columns, data and partials that no template asks for
  mailrun check autumn --json";

/// Flags of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CheckArgs {
    /// The campaign; all of them if none is named
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Write the list to this file without the rows that are invalid, do not render or are duplicates
    #[arg(long, value_name = "FILE")]
    fix_csv: Option<PathBuf>,
    /// With --fix-csv: write over a file that is there
    #[arg(long, requires = "fix_csv")]
    force: bool,
    /// List the columns, defaults, keys of the data file and partials that no template asks for
    #[arg(long)]
    unused: bool,
    #[command(flatten)]
    dns: DnsArgs,
}

impl CheckArgs {
    fn target(&self) -> Option<Target> {
        let over = if self.force { Over::Yes } else { Over::No };
        self.fix_csv.clone().map(|out| Target { out, over })
    }
}

/// What is looked at beside files and rows, and written beside the findings.
struct Beside<'a> {
    target: Option<&'a Target>,
    args: &'a CheckArgs,
}

/// Does it; in JSON, one document a campaign.
///
/// # Errors
/// The files cannot be read at all.
pub(crate) fn run(args: &CheckArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let campaigns = operator.campaigns(&workspace, args.campaign.as_deref())?;
    let target = args.target();
    if let [only] = &*campaigns {
        let exit = check(workspace, only, &Beside { target: target.as_ref(), args }, operator)?;
        if exit == Exit::Done && !operator.printer.is_json() {
            let next = format!("mailrun plan {only}");
            operator.printer.next(&next, "shows who gets mail, when, through which relay");
        }
        return Ok(exit);
    }
    if target.is_some() {
        return Err(CliError::Usage {
            what: "--fix-csv is for one campaign".to_owned(),
            hint: format!("name it: mailrun check {} --fix-csv FILE", campaigns[0]),
        });
    }
    let mut worst = Exit::Done;
    for campaign in &campaigns {
        let exit = check(workspace.clone(), campaign, &Beside { target: None, args }, operator)
            .unwrap_or_else(|error| {
                diagnostic::show(&error);
                error.exit(operator.state())
            });
        if worst == Exit::Done {
            worst = exit;
        }
    }
    Ok(worst)
}

/// Checks one campaign.
fn check(
    workspace: Workspace,
    campaign: &str,
    beside: &Beside<'_>,
    operator: &Operator,
) -> Result<Exit, CliError> {
    let desk = match Desk::load(workspace, campaign, None) {
        Ok(desk) => desk,
        Err(error) => return unreadable(error, operator, campaign),
    };
    let Beside { target, args: CheckArgs { dns, unused, .. } } = *beside;
    target.map_or(Ok(()), |target| target.check(&desk))?;
    let inspection = {
        let reading = Reading::new(operator, "checking");
        desk.inspect(&|rows| reading.saw(rows))?
    };
    let mut faults = desk.warnings();
    // What the templates are warned of is among the warnings already.
    faults.extend(inspection.faults.iter().filter(|fault| fault.severity == Severity::Error).cloned());
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count() as u64;
    // Without a look at the rows nobody knows which are good.
    let mended = target.filter(|_| errors == 0).map(|target| target.write(&desk, &inspection)).transpose()?;
    let fixed = target.zip(mended.as_ref());
    let published =
        if dns.dns { Some(block_on(async { Ok(desk.look_up(dns.resolver).await) })?) } else { None };
    let unused = (*unused && errors == 0).then(|| desk.unused());
    let exit = if errors > 0 || inspection.unfit.is_some() {
        Exit::Invalid
    } else {
        dns::exit(published.as_deref().unwrap_or_default())
    };
    if operator.printer.is_json() {
        let mut value = as_json(campaign, Some(&inspection), &faults);
        value["fixed"] = json!(fixed.map(|(target, mended)| fix::as_json(mended, &target.out)));
        if let Some(unused) = &unused {
            value["unused"] = unused::as_json(unused);
        }
        if let Some(published) = &published {
            value["dns"] = dns::as_json(published);
        }
        json(&value)?;
        return Ok(exit);
    }
    diagnostic::show_faults(&faults);
    let asides = if operator.printer.is_verbose() { desk.asides() } else { Vec::new() };
    for note in desk.notes().iter().chain(&asides) {
        operator.printer.note(&escape::line(note));
    }
    if errors > 0 {
        let mend = counted(errors, "fault");
        operator.printer.say(&format!("{campaign}: {mend} to mend before anything is sent"));
        return Ok(exit);
    }
    data(&unused::text(campaign, unused.as_deref()))?;
    data(&text(campaign, &inspection, operator))?;
    data(&dns::text(published.as_deref().unwrap_or_default()))?;
    if let Some(unfit) = &inspection.unfit {
        complain(&format!("{} {campaign}: {unfit}", diagnostic::label(Severity::Error)));
    }
    if let Some((target, mended)) = fixed {
        operator.printer.say(&fix::told(mended, &target.out));
    }
    Ok(exit)
}

/// Files so wrong that no row can be looked at.
fn unreadable(error: EngineError, operator: &Operator, campaign: &str) -> Result<Exit, CliError> {
    let error = CliError::from(error);
    if operator.printer.is_json() && !error.faults().is_empty() {
        json(&as_json(campaign, None, &error.faults()))?;
        return Ok(error.exit(operator.state()));
    }
    Err(error)
}

fn text(campaign: &str, inspection: &Inspection, operator: &Operator) -> String {
    let shown = if operator.printer.is_verbose() { usize::MAX } else { ROWS_SHOWN };
    let mut rows =
        Rows::new(&[("row", Align::Right), ("email", Align::Left), ("why it is left out", Align::Left)]);
    // Whom `where` leaves out, the operator meant to leave out, unless it could not tell.
    let meant = |left_out: &&LeftOut| {
        left_out.reason == Reason::Filtered && left_out.what.is_empty() && !operator.printer.is_verbose()
    };
    let listed: Vec<&LeftOut> = inspection.left_out.iter().filter(|left_out| !meant(left_out)).collect();
    for left_out in listed.iter().take(shown) {
        rows.add([
            number(u64::from(left_out.row)),
            escape::line(&left_out.email).into_owned(),
            reason(left_out),
        ]);
    }
    let mut page = Page::default();
    if summary::is_telling(&inspection.summary) {
        page.add(&summary::table(&inspection.summary).shown(Width::of_stdout()));
        page.gap();
    }
    if !rows.is_empty() {
        page.add(&rows.shown(Width::of_stdout()));
        if let Some(rest) = listed.len().checked_sub(shown).filter(|rest| *rest > 0) {
            page.line(format_args!("  ... and {} (all with -v)", counted(rest as u64, "more row")));
        }
        page.gap();
    }
    let left_out = match inspection.excluded.total() {
        0 => String::new(),
        _ => format!("; left out: {}", limits::left_out(&inspection.excluded)),
    };
    page.line(format_args!(
        "{campaign}: {}, {} to write to{left_out}",
        counted(inspection.rows, "row"),
        number(inspection.good)
    ));
    page.into_text()
}

/// Why a row is left out, in words.
pub(crate) fn reason(left_out: &LeftOut) -> String {
    let what = if left_out.what.is_empty() { limits::reason(left_out.reason) } else { &left_out.what };
    escape::line(what).into_owned()
}

fn as_json(campaign: &str, inspection: Option<&Inspection>, faults: &[Fault]) -> serde_json::Value {
    let faults: Vec<_> = faults.iter().map(fault_as_json).collect();
    let left_out: Vec<_> = inspection
        .into_iter()
        .flat_map(|inspection| &inspection.left_out)
        .map(|row| json!({ "row": row.row, "email": row.email, "reason": row.reason, "what": row.what }))
        .collect();
    json!({
        "campaign": campaign,
        "rows": inspection.map(|inspection| inspection.rows),
        "good": inspection.map(|inspection| inspection.good),
        "excluded": inspection.map(|inspection| inspection.excluded),
        "left_out": left_out,
        "summary": inspection.map_or(Vec::new(), |inspection| summary::as_json(&inspection.summary)),
        "unfit": inspection.and_then(|inspection| inspection.unfit.as_ref()).map(ToString::to_string),
        "faults": faults,
    })
}

fn fault_as_json(fault: &Fault) -> serde_json::Value {
    let place = fault.place.as_ref();
    json!({
        "severity": match fault.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "what": fault.what,
        "file": place.map(|place| &place.file),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "hint": fault.hint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Summary;
    use crate::mail::{Excluded, Place};

    #[test]
    fn a_fault_in_json_has_its_place() {
        let fault = Fault::error("no such column").at(Place::new("a.hbs", "x\ny", 2..3)).hint("`city`?");
        let value = fault_as_json(&fault);
        assert_eq!(value["severity"], "error");
        assert_eq!((&value["line"], &value["column"]), (&json!(2), &json!(1)));
    }

    #[test]
    fn rows_left_out_are_listed_and_counted() {
        console::set_colors_enabled(false);
        let left_out: Vec<LeftOut> = (2..27)
            .map(|row| LeftOut {
                row,
                reason: Reason::Invalid,
                what: "there is no @".into(),
                email: "x\u{1b}".into(),
            })
            .collect();
        let excluded = Excluded { invalid: 25, ..Excluded::default() };
        let inspection = Inspection {
            rows: 100,
            good: 75,
            excluded,
            left_out,
            summary: Summary::default(),
            bad: Vec::new(),
            faults: Vec::new(),
            unfit: None,
        };
        let operator = crate::cli::samples::operator(std::path::Path::new("."));
        let text = text("autumn", &inspection, &operator);
        assert!(text.contains("... and 5 more rows (all with -v)"), "{text}");
        assert!(text.ends_with("autumn: 100 rows, 75 to write to; left out: 25 invalid\n"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}

//! A line for each part of the state: how it is, what was found, what to do about it.

use console::Style;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::escape;
use crate::cli::exit::Exit;
use crate::cli::operator::Operator;
use crate::cli::page::Page;
use crate::cli::printer::{Printer, data, json};
use crate::cli::words::counted;
use crate::engine::{self, Finding, Health};

/// Columns of the verdict, and of the part it is about.
const VERDICT: usize = 9;
const PART: usize = 14;

/// Looks, and shows what was found.
///
/// # Errors
/// There is no workspace, or nobody reads.
pub(super) fn show(operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let findings = engine::examine(&workspace);
    let worst = findings.iter().map(|finding| finding.health).max().unwrap_or(Health::Ok);
    let printer = operator.printer;
    if printer.is_json() {
        json(&json!({ "state": workspace.state_dir(), "health": worst, "findings": findings }))?;
    } else {
        data(&text(&findings))?;
        conclude(&findings, printer);
    }
    Ok(match worst {
        Health::Ok | Health::Warning => Exit::Done,
        Health::Error => Exit::State,
    })
}

fn text(findings: &[Finding]) -> String {
    let mut page = Page::default();
    for finding in findings {
        let (verdict, style) = match finding.health {
            Health::Ok => ("ok", Style::new().green()),
            Health::Warning => ("warning", Style::new().yellow().bold()),
            Health::Error => ("error", Style::new().red().bold()),
        };
        let verdict = style.apply_to(format!("{verdict:<VERDICT$}"));
        let part = finding.part.name();
        page.line(format_args!("{verdict}{part:<PART$}{}", escape::line(&finding.what)));
        if let Some(remedy) = &finding.remedy {
            page.line(format_args!("{:indent$}{}", "", escape::line(remedy), indent = VERDICT + PART));
        }
    }
    page.into_text()
}

/// What it all comes to.
fn conclude(findings: &[Finding], printer: Printer) {
    let count = |health| findings.iter().filter(|finding| finding.health == health).count() as u64;
    let (errors, warnings) = (count(Health::Error), count(Health::Warning));
    printer.say("");
    match (errors, warnings) {
        (0, 0) => printer.say("All is well."),
        (0, _) => printer.say(&format!("{}; everything works.", counted(warnings, "warning"))),
        (_, _) => printer.say(&format!("{}: this has to be mended first.", counted(errors, "error"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Part;

    #[test]
    fn each_part_has_its_line_and_what_to_do_about_it() {
        console::set_colors_enabled(false);
        let finding = |part, health, what: &str, remedy: Option<&str>| Finding {
            part,
            health,
            what: what.to_owned(),
            remedy: remedy.map(str::to_owned),
        };
        let findings = [
            finding(Part::Journal, Health::Ok, "12 records are whole", None),
            finding(
                Part::Suppressions,
                Health::Error,
                "damaged at octet 7",
                Some("look for a \u{1b}[2J backup"),
            ),
        ];
        let expected = "\
ok       journal       12 records are whole
error    suppressions  damaged at octet 7
                       look for a \\u{1b}[2J backup
";
        assert_eq!(text(&findings), expected);
    }
}

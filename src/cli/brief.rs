//! What is about to be sent, and what was left out: the same few lines in `plan` and before a question.

use std::time::Duration;

use console::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::engine::{LeftOut, PlanReport, Planned};
use crate::mail::{Mode, Reason};

use super::check::reason;
use super::escape;
use super::limits;
use super::page::Page;
use super::words::{between, counted, moment, number, size};

/// Rows left out that are shown for each reason.
const SAMPLES: usize = 3;
/// An end nearer than this has no time of day.
const SOON: Duration = Duration::from_mins(1);

/// A plan, and what is told of it.
#[derive(Debug)]
pub(crate) struct Brief<'a> {
    /// The plan.
    pub(crate) planned: &'a Planned,
    /// The Subject of the first message; none if it could not be rendered.
    pub(crate) subject: Option<String>,
    /// Whether everything goes to the built-in sandbox.
    pub(crate) reach: Reach,
    /// Now.
    pub(crate) now: Timestamp,
    /// The campaign's zone.
    pub(crate) zone: &'a TimeZone,
}

/// Whom the messages reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The built-in sandbox: nobody.
    Sandbox,
    /// People.
    People,
}

impl Brief<'_> {
    /// The lines, each with its line feed.
    pub(crate) fn text(&self) -> String {
        let report = &self.planned.report;
        let mut page = Page::default();
        let campaign = Style::new().bold().apply_to(format!("{}:", escape::line(&report.campaign)));
        page.line(format_args!("{campaign} {}\n", self.count()));
        if let Some(subject) = &self.subject {
            page.fact("subject", &escape::line(subject));
        }
        for (name, counts) in [("variants", &report.variants), ("languages", &report.languages)] {
            let each =
                counts.iter().map(|(name, count)| format!("{} {}", escape::line(name), number(*count)));
            let each = each.collect::<Vec<_>>().join(", ");
            if !each.is_empty() {
                page.fact(name, &each);
            }
        }
        page.fact("from", &escape::line(&self.planned.content.from.to_string()));
        page.fact("through", &self.relays());
        page.fact("until", &self.end());
        if report.edition > 1 {
            page.fact("edition", &format!("{}: everybody is written to again", report.edition));
        }
        page.fact(
            "tested",
            if self.planned.tested { "yes, this very content" } else { "never: `mailrun preview` shows it" },
        );
        let bound = counted(report.uncertain_bound, "recipient");
        page.fact("at risk", &format!("a crash could leave at most {bound} uncertain"));
        page.fact("state", &format!("about {} on disk", size(report.state_bytes)));
        page.fact("plan", &self.planned.id.short());
        for note in &report.notes {
            page.fact("note", &escape::line(note));
        }
        left_out(report, &self.planned.left_out, &mut page);
        page.into_text()
    }

    fn count(&self) -> String {
        let report = &self.planned.report;
        let recipients = counted(report.recipients, "recipient");
        match self.planned.content.mode {
            Mode::Personal => format!("{recipients}, a message each"),
            Mode::Grouped => format!("{recipients} in {}", counted(report.batches, "batch")),
        }
    }

    fn relays(&self) -> String {
        let relays = self
            .planned
            .report
            .relays
            .iter()
            .map(|(name, share)| format!("{} ({})", escape::line(name), number(share.recipients)));
        let relays = relays.collect::<Vec<_>>().join(", ");
        match self.reach {
            Reach::Sandbox => format!("{relays}: a sandbox, nobody gets anything"),
            Reach::People => relays,
        }
    }

    /// Until when, and why not sooner.
    fn end(&self) -> String {
        let report = &self.planned.report;
        let end = match report.ends {
            Some(end) if between(self.now, end) < SOON => "less than a minute from now".to_owned(),
            Some(end) => moment(end, self.now, self.zone),
            None => "never, as things stand".to_owned(),
        };
        match &report.bound_by {
            Some(bound) => format!("{end}, bound by {}", limits::bound(bound)),
            None => end,
        }
    }
}

/// Rows left out: counts, and the first of each reason.
fn left_out(report: &PlanReport, rows: &[LeftOut], page: &mut Page) {
    let excluded = &report.excluded;
    if excluded.total() == 0 {
        return;
    }
    page.fact("left out", &format!("{}: {}", counted(excluded.total(), "row"), limits::left_out(excluded)));
    for row in samples(rows) {
        let email =
            if row.email.is_empty() { String::new() } else { format!("  {}", escape::line(&row.email)) };
        page.under(&format!("row {}{email}  {}", number(u64::from(row.row)), reason(row)));
    }
    if (samples(rows).count() as u64) < excluded.total() - excluded.filtered {
        page.under("...");
    }
}

/// The first rows of each reason that a person may want to mend, invalid ones first.
fn samples(rows: &[LeftOut]) -> impl Iterator<Item = &LeftOut> {
    let reasons = [Reason::Invalid, Reason::Duplicate, Reason::Suppressed, Reason::Already];
    reasons.into_iter().flat_map(|reason| rows.iter().filter(move |row| row.reason == reason).take(SAMPLES))
}

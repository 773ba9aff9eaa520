//! What a run came to: totals, time, where the messages lie, and the next command.

use console::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::engine::{Cause, Status};

use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::limits;
use super::page::Page;
use super::printer::json_line;
use super::progress::Watched;
use super::table::{Align, Rows, Width};
use super::words::{a_second, counted, duration, is, moment, number, rate};

/// A run that ended.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    /// What it did.
    pub(crate) watched: &'a Watched,
    /// The code it ends with.
    pub(crate) exit: Exit,
    /// Now.
    pub(crate) now: Timestamp,
    /// Whose clock is shown.
    pub(crate) zone: &'a TimeZone,
}

/// The last line of the JSON stream.
#[derive(Debug, Serialize)]
struct Line<'a> {
    message_type: &'static str,
    #[serde(flatten)]
    status: &'a Status,
    exit: u8,
    signal: Option<i32>,
    seconds: f64,
    kept: Option<String>,
}

impl Summary<'_> {
    /// Writes the last line of the JSON stream.
    pub(crate) fn write_json(&self) -> Result<(), CliError> {
        let ending = &self.watched.ending;
        json_line(&Line {
            message_type: "summary",
            status: &ending.status,
            exit: self.exit.code(),
            signal: ending.signal,
            seconds: self.watched.took.as_secs_f64(),
            kept: ending.kept.as_ref().map(|folder| folder.display().to_string()),
        })
    }

    /// The lines for people.
    pub(crate) fn text(&self) -> String {
        let ending = &self.watched.ending;
        let mut page = Page::default();
        page.line(format_args!("{}", Style::new().bold().apply_to(self.headline())));
        let relays = relays(&ending.status);
        if !relays.is_empty() {
            page.gap();
            page.add(&relays.shown(Width::of_stdout()));
        }
        waits(&ending.status, self.now, self.zone, &mut page);
        let uncertain = ending.recipients.uncertain;
        let doubt = (uncertain > 0).then(|| doubt(uncertain));
        let stopped = ending.cause.map(|cause| {
            format!("Stopped: {}.{}", limits::cause(cause, ending.status.relays.len()), self.due())
        });
        let kept = ending.kept.as_ref().map(|folder| {
            format!("The messages lie in {} as .eml files.", escape::line(&folder.display().to_string()))
        });
        for (index, fact) in [doubt, stopped, kept].into_iter().flatten().enumerate() {
            if index == 0 {
                page.gap();
            }
            page.line(format_args!("{fact}"));
        }
        page.into_text()
    }

    /// `welcome: 1,000 of 1,000 accepted in 1.2 s (833/s)`.
    fn headline(&self) -> String {
        let recipients = &self.watched.ending.recipients;
        let parts = [
            (recipients.rejected, "rejected"),
            (recipients.expired, "expired"),
            (recipients.uncertain, "uncertain"),
            (recipients.suppressed, "suppressed"),
            (recipients.cancelled, "cancelled"),
            (recipients.pending + recipients.deferred, "left"),
        ];
        let mut told =
            vec![format!("{} of {} accepted", number(recipients.accepted), number(recipients.planned))];
        told.extend(
            parts
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{} {what}", number(*count))),
        );
        format!(
            "{}: {} in {} ({})",
            escape::line(&self.watched.ending.status.campaign),
            told.join(", "),
            duration(self.watched.took),
            rate(a_second(self.watched.settled, self.watched.took))
        )
    }

    fn due(&self) -> String {
        match self.watched.ending.next {
            Some(next) => format!(" Work is due again {}.", moment(next, self.now, self.zone)),
            None => String::new(),
        }
    }

    /// The next useful command and what it does.
    pub(crate) fn next(&self) -> (String, &'static str) {
        let ending = &self.watched.ending;
        let campaign = &ending.status.campaign;
        let recipients = &ending.recipients;
        match ending.cause {
            Some(Cause::NoRelay) => ("mailrun relay test -v".to_owned(), "shows what the relay says"),
            Some(Cause::Cancelled) => (format!("mailrun report {campaign}"), "says what became of everybody"),
            Some(_) => (format!("mailrun resume {campaign}"), "goes on exactly there"),
            None if recipients.pending + recipients.deferred > 0 => {
                (format!("mailrun resume {campaign}"), "goes on exactly there")
            }
            None if recipients.uncertain > 0 => {
                (format!("mailrun report {campaign} --state uncertain --csv"), "lists the uncertain")
            }
            None if recipients.rejected > 0 => (
                format!("mailrun report {campaign} --state rejected --csv"),
                "lists the rejected, with replies",
            ),
            None => (format!("mailrun report {campaign}"), "totals by relay and domain"),
        }
    }
}

/// The sentence about recipients of whom nobody can know.
pub(crate) fn doubt(uncertain: u64) -> String {
    format!(
        "{} may or may not have received this mail:\n\
         the connection or the run ended after the message was sent and before the reply.\n\
         Nothing was sent twice.",
        counted(uncertain, "recipient")
    )
}

/// The same, if they are written to again.
pub(crate) fn doubt_resent(uncertain: u64) -> String {
    format!(
        "{} may or may not have received this mail, and {} written to again,\n\
         as you asked: some may get it twice.",
        counted(uncertain, "recipient"),
        is(uncertain)
    )
}

/// The relays of a campaign, one a row.
pub(crate) fn relays(status: &Status) -> Rows {
    let mut rows = Rows::new(&[
        ("relay", Align::Left),
        ("accepted", Align::Right),
        ("deferred", Align::Right),
        ("rejected", Align::Right),
        ("uncertain", Align::Right),
    ]);
    let has_quotas = status.relays.values().any(|view| !view.quotas.is_empty());
    if has_quotas {
        rows.column("quota used", Align::Left);
    }
    for (name, view) in &status.relays {
        let quotas = view.quotas.iter().map(limits::short_quota).collect::<Vec<_>>().join(", ");
        let counts = [view.accepted, view.deferred, view.rejected, view.uncertain].map(number);
        let cells = [escape::line(name).into_owned()].into_iter().chain(counts);
        rows.add(cells.chain(has_quotas.then_some(quotas)));
    }
    rows
}

/// What each relay waits for, a line each; nothing where the campaign does not wait.
pub(crate) fn waits(status: &Status, now: Timestamp, zone: &TimeZone, page: &mut Page) {
    // A run that was stopped waits for nothing but `resume`.
    if !matches!(status.reason, Some(Cause::Quota | Cause::Window)) {
        return;
    }
    for (name, view) in &status.relays {
        if let Some(held) = limits::held(view, now, zone) {
            page.line(format_args!("  {} {held}", escape::line(name)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::samples;
    use crate::engine::{Ending, Recipients, RelayView};
    use crate::mail::BoundKind;

    fn watched(recipients: Recipients, cause: Option<Cause>) -> Watched {
        let ending = Ending { recipients, cause, ..samples::ending() };
        Watched { ending, settled: recipients.accepted, took: Duration::from_millis(1_200) }
    }

    fn summary<'a>(watched: &'a Watched, zone: &'a TimeZone) -> Summary<'a> {
        Summary { watched, exit: Exit::of(&watched.ending), now: Timestamp::UNIX_EPOCH, zone }
    }

    #[test]
    fn the_headline_has_the_totals_and_the_rate() {
        let zone = TimeZone::UTC;
        let done =
            Recipients { planned: 1_000, accepted: 996, rejected: 3, uncertain: 1, ..Recipients::default() };
        let watched = watched(done, None);
        let summary = summary(&watched, &zone);
        assert_eq!(
            summary.headline(),
            "welcome: 996 of 1,000 accepted, 3 rejected, 1 uncertain in 1.2 s (830/s)"
        );
        assert!(summary.text().contains("1 recipient may or may not have received this mail"));
        let (command, _) = summary.next();
        assert_eq!(command, "mailrun report welcome --state uncertain --csv");
    }

    #[test]
    fn work_left_leads_to_resume() {
        let zone = TimeZone::UTC;
        let left = Recipients { planned: 10, pending: 4, accepted: 6, ..Recipients::default() };
        let watched = watched(left, Some(Cause::Quota));
        let summary = summary(&watched, &zone);
        assert!(summary.text().contains("Stopped: the quota or the warm-up of the relay is used up."));
        assert_eq!(summary.next().0, "mailrun resume welcome");
    }

    #[test]
    fn each_relay_says_until_when_it_waits() {
        console::set_colors_enabled(false);
        let zone = TimeZone::UTC;
        let mut watched = watched(Recipients::default(), Some(Cause::Quota));
        let status = &mut watched.ending.status;
        status.reason = Some(Cause::Quota);
        let waits = |kind, until: &str| {
            let until = until.parse().ok();
            RelayView { waits_for: Some(kind), until, ..RelayView::default() }
        };
        let relays = [
            ("a", waits(BoundKind::Quota, "1970-01-01T14:05:00Z")),
            ("b", waits(BoundKind::Retry, "1970-01-01T15:00:00Z")),
            ("c", RelayView::default()),
        ];
        status.relays = relays.into_iter().map(|(name, view)| (name.to_owned(), view)).collect();
        let text = summary(&watched, &zone).text();
        assert!(text.contains("waits for quota until 14:05 UTC\n"), "{text}");
        assert!(text.contains("waits for retries until 15:00 UTC\n"), "{text}");
        assert!(text.contains("Stopped: every relay waits; the first to go on waits for its quota."));
    }

    #[test]
    fn the_last_json_line_is_the_summary() {
        let watched = watched(Recipients::default(), None);
        let ending = &watched.ending;
        let line = Line {
            message_type: "summary",
            status: &ending.status,
            exit: 0,
            signal: None,
            seconds: 1.2,
            kept: None,
        };
        let line = serde_json::to_value(line).expect("valid");
        assert_eq!(line["message_type"], "summary");
        assert_eq!(line["recipients"]["planned"], 0);
        assert_eq!(line["exit"], 0);
    }
}

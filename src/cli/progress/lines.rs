//! Progress as plain lines, for logs and pipes: one every ten seconds and one at each change.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cli::escape;
use crate::engine::Status;

use super::pace::Pace;
use super::picture::{self, Moment};

/// Between two lines when nothing changes.
const PAUSE: Duration = Duration::from_secs(10);

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Lines {
    said: Option<Duration>,
    relays: BTreeMap<String, Option<String>>,
}

impl Lines {
    /// The lines that are due `at` so long after the run began.
    pub(super) fn due(&mut self, status: &Status, pace: &Pace, moment: &Moment, at: Duration) -> Vec<String> {
        let mut lines = self.changes(status, moment);
        let next = self.said.map_or(PAUSE, |said| said + PAUSE);
        if at >= next {
            self.said = Some(at);
            lines.push(picture::line(status, pace, moment));
        }
        lines
    }

    /// A line for each relay that began to wait, stopped or goes on.
    fn changes(&mut self, status: &Status, moment: &Moment) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, view) in &status.relays {
            let now = picture::waiting(view, moment);
            let before = self.relays.entry(name.clone()).or_default();
            if *before != now {
                let name = escape::line(name);
                lines.push(match &now {
                    Some(waiting) => format!("{name} {waiting}"),
                    None => format!("{name} goes on"),
                });
                *before = now;
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::cli::samples;
    use crate::engine::{Recipients, RelayView};
    use crate::mail::BoundKind;

    #[test]
    fn a_line_comes_every_ten_seconds_and_at_each_change() {
        let moment =
            Moment { now: "2026-11-24T06:00:00Z".parse().expect("a time"), ends: None, zone: TimeZone::UTC };
        let recipients = Recipients { planned: 10, pending: 10, ..Recipients::default() };
        let mut status = Status { recipients, ..samples::status() };
        let (mut lines, pace) = (Lines::default(), Pace::default());
        let mut due =
            |status: &Status, second| lines.due(status, &pace, &moment, Duration::from_secs(second));
        assert!(due(&status, 1).is_empty());
        assert_eq!(due(&status, 10), ["0 of 10 (0 %), 0/s"]);
        assert!(due(&status, 11).is_empty());
        let until = "2026-11-24T14:05:00Z".parse().ok();
        let waits = RelayView { waits_for: Some(BoundKind::Quota), until, ..RelayView::default() };
        status.relays.insert("rehearsal".into(), waits);
        assert_eq!(due(&status, 12), ["rehearsal waits for quota until 14:05 UTC"]);
        assert!(due(&status, 13).is_empty());
        status.relays.insert("rehearsal".into(), RelayView::default());
        assert_eq!(due(&status, 14), ["rehearsal goes on"]);
        assert_eq!(due(&status, 25).len(), 1);
    }
}

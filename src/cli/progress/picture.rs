//! What there is to see of a run, as text that fits a width.
//!
//! Pure: the newest status, the pace and the moment come in, lines come out. Bars and plain lines show the
//! same words.

use std::borrow::Cow;
use std::time::Duration;

use console::{Alignment, measure_text_width, pad_str};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::escape;
use crate::cli::limits;
use crate::cli::words::{between, counted, duration, number, percent, rate, shortened};
use crate::engine::{Recipients, RelayView, Stage, Status};

use super::pace::Pace;

/// Between two parts of a line.
const GAP: &str = "  ";

/// How many recipients nothing more happens to by itself.
pub(super) fn settled(recipients: &Recipients) -> u64 {
    recipients.planned
        - recipients.pending.min(recipients.planned)
        - recipients.deferred.min(recipients.planned.saturating_sub(recipients.pending))
}

/// When a run is shown, and what was foretold of it.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// Now.
    pub(super) now: Timestamp,
    /// When the plan ends, by its forecast.
    pub(super) ends: Option<Timestamp>,
    /// Whose clock is shown.
    pub(super) zone: TimeZone,
}

/// Behind the bar: `612/1,000  1,530/s  12 s left`.
pub(super) fn overall(status: &Status, pace: &Pace, moment: &Moment) -> String {
    let recipients = &status.recipients;
    let done = settled(recipients);
    let count = format!("{}/{}", number(done), number(recipients.planned));
    [count, rate(pace.rate()), left(status, pace, moment)].join(GAP)
}

/// How much longer, or until when nothing happens.
fn left(status: &Status, pace: &Pace, moment: &Moment) -> String {
    if status.state == Stage::Waiting {
        return match status.next_attempt {
            Some(next) => format!("waits{}", limits::until(Some(next), moment.now, &moment.zone)),
            None => "waits".to_owned(),
        };
    }
    let recipients = &status.recipients;
    let forecast = moment.ends.map(|end| between(moment.now, end)).filter(|left| *left > Duration::ZERO);
    match pace.time_left(recipients.planned - settled(recipients), forecast) {
        Some(time) => format!("{} left", duration(time)),
        None => "...".to_owned(),
    }
}

/// What did not go well so far, `3 deferred, 2 rejected`; empty if everything did.
pub(super) fn trouble(recipients: &Recipients) -> String {
    let parts = [
        (recipients.deferred, "deferred"),
        (recipients.rejected, "rejected"),
        (recipients.uncertain, "uncertain"),
        (recipients.suppressed, "suppressed"),
        (recipients.expired, "expired"),
    ];
    let told = parts.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("{} {what}", number(*count))).collect::<Vec<_>>().join(", ")
}

/// A whole line without a bar, for logs: `612 of 1,000 (61 %), 1,530/s, 2 rejected, 12 s left`.
pub(super) fn line(status: &Status, pace: &Pace, moment: &Moment) -> String {
    let recipients = &status.recipients;
    let done = settled(recipients);
    let mut parts = vec![
        format!("{} of {} ({})", number(done), number(recipients.planned), percent(done, recipients.planned)),
        rate(pace.rate()),
        trouble(recipients),
        left(status, pace, moment),
    ];
    parts.retain(|part| !part.is_empty() && part != "...");
    parts.join(", ")
}

/// What a relay waits for, or why it stopped: `waits for quota until 14:05 CET`. None if it is at work.
pub(super) fn waiting(view: &RelayView, moment: &Moment) -> Option<String> {
    let held = limits::held(view, moment.now, &moment.zone);
    let trouble = view.trouble.as_deref().map(escape::line);
    match (held, trouble) {
        (Some(held), Some(trouble)) => Some(format!("{held}: {trouble}")),
        (held, trouble) => held.or(trouble.map(Cow::into_owned)),
    }
}

/// One relay, and what is known of it.
#[derive(Debug)]
pub(super) struct RelayLine<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Columns of the longest name on the screen.
    pub(super) name_width: usize,
    /// How it stands.
    pub(super) view: &'a RelayView,
    /// How fast it accepts.
    pub(super) pace: &'a Pace,
}

impl RelayLine<'_> {
    /// Name, accepted, rate and sessions or what it waits for, quota, in at most `width` columns.
    pub(super) fn fitted(&self, moment: &Moment, width: usize) -> String {
        let name = escape::line(self.name);
        let accepted = format!("{} accepted", number(self.view.accepted));
        let mut text = [
            pad_str(&name, self.name_width, Alignment::Left, Some("…")),
            pad_str(&accepted, 15, Alignment::Right, None),
        ]
        .join(GAP);
        let doing = waiting(self.view, moment).unwrap_or_else(|| {
            let rate = rate(self.pace.rate());
            format!("{rate:>8}{GAP}{}", counted(self.view.sessions.into(), "session"))
        });
        text.push_str(GAP);
        let room = width.saturating_sub(measure_text_width(&text));
        text.push_str(&shortened(&doing, room));
        if let Some(quota) = limits::tightest(&self.view.quotas) {
            let quota = format!("{GAP}{}", limits::short_quota(quota));
            if measure_text_width(&text) + measure_text_width(&quota) <= width {
                text.push_str(&quota);
            }
        }
        shortened(text.trim_end(), width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;
    use crate::engine::QuotaView;
    use crate::mail::BoundKind;

    fn moment() -> Moment {
        Moment {
            now: "2026-11-24T06:00:00Z".parse().expect("a time"),
            ends: None,
            zone: TimeZone::get("Europe/Berlin").expect("bundled"),
        }
    }

    fn pace() -> Pace {
        let mut pace = Pace::default();
        pace.note(Duration::ZERO, 0);
        pace.note(Duration::from_secs(4), 612);
        pace
    }

    fn status() -> Status {
        let recipients = Recipients {
            planned: 1_000,
            pending: 385,
            deferred: 3,
            accepted: 610,
            rejected: 2,
            ..Recipients::default()
        };
        Status { recipients, ..samples::status() }
    }

    fn view() -> RelayView {
        let quota = QuotaView { limit: 2_000, used: 610, unit: "recipients".into(), per: "24h".into() };
        RelayView { accepted: 610, sessions: 4, quotas: vec![quota], ..RelayView::default() }
    }

    #[test]
    fn the_picture_says_how_far_how_fast_how_long() {
        let status = status();
        assert_eq!(overall(&status, &pace(), &moment()), "612/1,000  153/s  2.5 s left");
        let text = line(&status, &pace(), &moment());
        assert_eq!(text, "612 of 1,000 (61 %), 153/s, 3 deferred, 2 rejected, 2.5 s left");
    }

    #[test]
    fn a_campaign_that_waits_says_until_when() {
        let next = "2026-11-25T08:00:00Z".parse().ok();
        let status = Status { state: Stage::Waiting, next_attempt: next, ..status() };
        let text = overall(&status, &pace(), &moment());
        assert_eq!(text, "612/1,000  153/s  waits until Wed 25 Nov, 09:00 CET");
    }

    fn fitted(view: &RelayView, width: usize) -> String {
        RelayLine { name: "rehearsal", name_width: 9, view, pace: &pace() }.fitted(&moment(), width)
    }

    #[test]
    fn a_relay_fits_narrow_and_wide_windows() {
        let busy = view();
        let text = fitted(&busy, 80);
        assert_eq!(text, "rehearsal     610 accepted     153/s  4 sessions  610/2,000 per 24 h");
        let waits = RelayView {
            waits_for: Some(BoundKind::Quota),
            until: "2026-11-25T08:00:00Z".parse().ok(),
            trouble: Some("454 4.7.0 Throttling failure: \u{1b}[2J".into()),
            ..view()
        };
        for width in [40, 80, 200] {
            let text = fitted(&waits, width);
            assert!(measure_text_width(&text) <= width, "{width}: {text}");
            assert!(!text.contains('\u{1b}'));
        }
        let wide = fitted(&waits, 200);
        assert!(wide.contains("waits for quota until Wed 25 Nov, 09:00 CET: 454 4.7.0"), "{wide}");
        assert!(wide.ends_with("610/2,000 per 24 h"), "{wide}");
    }

    #[test]
    fn a_relay_at_its_rate_is_at_work() {
        let view = RelayView { waits_for: Some(BoundKind::Rate), ..view() };
        assert_eq!(waiting(&view, &moment()), None);
    }
}

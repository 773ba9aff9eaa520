//! Bars that move: one for the run, a line for what went wrong, a line for each relay.
//!
//! Drawn on stderr at most ten times a second. What is said meanwhile is printed above the bars and stays;
//! the bars are gone when this is dropped, whatever ended the run.

use std::collections::BTreeMap;
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::escape;
use crate::cli::words::shortened;
use crate::engine::Status;

use super::echo::Echo;
use super::pace::Pace;
use super::picture::{self, Moment, RelayLine};

/// How often the bars are drawn, a second, at most.
const DRAWN_A_SECOND: u8 = 10;
/// Columns of the longest name shown before a bar or a relay.
const NAME: usize = 20;
/// Columns before a relay's line.
const INDENT: usize = 2;

/// Bars on stderr.
#[derive(Debug)]
pub(super) struct Bars {
    screen: MultiProgress,
    overall: ProgressBar,
    trouble: ProgressBar,
    relays: BTreeMap<String, (ProgressBar, Pace)>,
    /// Held for its drop only.
    echo: Option<Echo>,
}

impl Bars {
    /// Bars for a campaign that stands like this.
    pub(super) fn new(status: &Status) -> Self {
        let mut bars = Self::on(ProgressDrawTarget::stderr_with_hz(DRAWN_A_SECOND), status);
        bars.echo = Echo::without_controls();
        bars
    }

    fn on(target: ProgressDrawTarget, status: &Status) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        // Written over and not cleared first, so that nothing flickers.
        screen.set_move_cursor(true);
        let style = ProgressStyle::with_template("{prefix:.bold} {wide_bar:.cyan/dim} {msg}")
            .expect("the template is well formed")
            .progress_chars("━╸─");
        let bar = ProgressBar::new(status.recipients.planned).with_style(style);
        let bar = bar.with_prefix(shortened(&escape::line(&status.campaign), NAME));
        let overall = screen.add(bar.with_position(picture::settled(&status.recipients)));
        let trouble = screen.add(ProgressBar::new(0).with_style(message("{msg:.yellow}")));
        Self { screen, overall, trouble, relays: BTreeMap::new(), echo: None }
    }

    /// Shows how everything stands, `at` so long after the run began.
    pub(super) fn show(&mut self, status: &Status, pace: &Pace, moment: &Moment, at: Duration) {
        let width = usize::from(Term::stderr().size().1);
        self.overall.set_length(status.recipients.planned);
        self.overall.set_position(picture::settled(&status.recipients));
        self.overall.set_message(picture::overall(status, pace, moment));
        let trouble = picture::trouble(&status.recipients);
        self.trouble.set_message(if trouble.is_empty() { trouble } else { format!("  {trouble}") });
        let name_width = status.relays.keys().map(|name| console::measure_text_width(name)).max();
        let name_width = name_width.unwrap_or_default().min(NAME);
        for (name, view) in &status.relays {
            let (bar, pace) = self.relays.entry(name.clone()).or_insert_with(|| {
                let bar = self.screen.insert_before(&self.trouble, ProgressBar::new(0));
                bar.set_style(message("{msg}"));
                (bar, Pace::default())
            });
            pace.note(at, view.accepted);
            let line =
                RelayLine { name, name_width, view, pace }.fitted(moment, width.saturating_sub(INDENT + 1));
            bar.set_message(format!("  {line}"));
        }
    }

    /// Says something above the bars.
    pub(super) fn say(&self, text: &str) {
        // A terminal that is gone can be told nothing.
        let _ = self.screen.println(text);
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        // What is not written over again must be cleared.
        self.screen.set_move_cursor(false);
        for bar in self.relays.values().map(|(bar, _)| bar).chain([&self.overall, &self.trouble]) {
            bar.finish_and_clear();
        }
        let _ = self.screen.clear();
        drop(self.echo.take());
    }
}

fn message(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well formed")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::cli::samples;
    use crate::engine::Recipients;

    /// A terminal that remembers each picture it was shown.
    #[derive(Debug, Clone)]
    struct Recorder {
        columns: u16,
        pictures: Arc<Mutex<Vec<String>>>,
    }

    impl Recorder {
        fn begin(&self) {
            self.pictures.lock().expect("no thread panicked").push(String::new());
        }

        fn draw(&self, text: &str) {
            let mut pictures = self.pictures.lock().expect("no thread panicked");
            match pictures.last_mut() {
                Some(picture) => picture.push_str(text),
                None => pictures.push(text.to_owned()),
            }
        }

        /// Every line of every picture; each fills the window, so the next begins where it ends.
        fn lines(&self) -> Vec<String> {
            let pictures = self.pictures.lock().expect("no thread panicked");
            let whole = |picture: &String| {
                let text: Vec<char> = console::strip_ansi_codes(picture).replace('\r', "").chars().collect();
                let lines = text.chunks(usize::from(self.columns)).map(|line| line.iter().collect());
                lines.collect::<Vec<String>>()
            };
            pictures.iter().flat_map(whole).collect()
        }
    }

    impl TermLike for Recorder {
        fn width(&self) -> u16 {
            self.columns
        }
        fn height(&self) -> u16 {
            20
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            self.begin();
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.draw(text);
            Ok(())
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.draw(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.begin();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_bars_fill_a_window() {
        for columns in [80, 200] {
            let term = Recorder { columns, pictures: Arc::default() };
            let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
            let recipients =
                Recipients { planned: 1_000, pending: 400, accepted: 600, ..Recipients::default() };
            let status = Status { recipients, ..samples::status() };
            let moment = Moment {
                now: "2026-11-24T06:00:00Z".parse().expect("a time"),
                ends: None,
                zone: TimeZone::UTC,
            };
            let mut pace = Pace::default();
            pace.note(Duration::ZERO, 0);
            pace.note(Duration::from_secs(1), 600);
            let mut bars = Bars::on(target, &status);
            bars.show(&status, &pace, &moment, Duration::from_secs(1));
            let lines = term.lines();
            let bar =
                lines.iter().find(|line| line.ends_with("left")).unwrap_or_else(|| panic!("{lines:#?}"));
            assert!(
                bar.starts_with("welcome ━") && bar.ends_with("600/1,000  600/s  0.7 s left"),
                "{lines:?}"
            );
            assert_eq!(console::measure_text_width(bar), usize::from(columns), "{lines:?}");
            assert!(lines.iter().any(|line| line.contains("rehearsal")), "{lines:?}");
        }
    }
}

//! The loop between a run and whoever watches it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::cli::error::CliError;
use crate::cli::escape;
use crate::cli::limits;
use crate::cli::operator::{Operator, Showing};
use crate::cli::printer::Printer;
use crate::cli::words::number;
use crate::engine::{self, Ending, Event, Order, Run, Status, Told};
use crate::mail::{BoundKind, RelayName};

use super::bars::Bars;
use super::lines::Lines;
use super::pace::Pace;
use super::picture::{self, Moment};
use super::stream::Stream;

/// How often the newest picture is shown.
const BEAT: Duration = Duration::from_millis(100);

/// How a run ended, and what it did while it was watched.
#[derive(Debug)]
pub(crate) struct Watched {
    /// How it ended.
    pub(crate) ending: Ending,
    /// Recipients settled by this run.
    pub(crate) settled: u64,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Shows a run.
#[derive(Debug)]
pub(crate) struct Watcher {
    way: Way,
    printer: Printer,
    status: Status,
    pace: Pace,
    ends: Option<Timestamp>,
    zone: TimeZone,
}

/// In which way.
#[derive(Debug)]
enum Way {
    Bars(Bars),
    Lines(Lines),
    Stream(Stream),
    Silence,
}

impl Watcher {
    /// A watcher in the way the operator asked for. `ends` is the end by the plan's forecast.
    pub(crate) fn new(operator: &Operator, status: Status, ends: Option<Timestamp>, zone: TimeZone) -> Self {
        let printer = operator.printer;
        let way = match operator.showing {
            _ if printer.is_json() => Way::Stream(Stream::new()),
            Showing::Bars => Way::Bars(Bars::new(&status)),
            Showing::Lines => Way::Lines(Lines::default()),
            Showing::Nothing => Way::Silence,
        };
        Self { way, printer, status, pace: Pace::default(), ends, zone }
    }

    fn moment(&self) -> Moment {
        Moment { now: engine::now(), ends: self.ends, zone: self.zone.clone() }
    }

    /// Takes in one event, and says what must be said at once.
    fn heed(&mut self, event: Event) {
        match event {
            Event::Status(status) => self.status = *status,
            Event::Delivered(told) => self.delivered(&told),
            // Bars show it where they stand.
            Event::Waiting { .. } if matches!(self.way, Way::Bars(_)) => {}
            Event::Waiting { until, bounds } => self.say(&self.waiting(until, &bounds)),
            Event::Note(note) => self.say(&format!("note: {}", escape::line(&note))),
            Event::Ordered(order) => self.say(&self.ordered(order)),
            Event::Stopping => {
                self.say("stopping: no new mail, waiting for the replies outstanding (again: stop now)");
            }
        }
    }

    /// Shows the newest picture, `at` so long after the run began.
    fn beat(&mut self, at: Duration) {
        self.pace.note(at, picture::settled(&self.status.recipients));
        let moment = self.moment();
        match &mut self.way {
            Way::Bars(bars) => bars.show(&self.status, &self.pace, &moment, at),
            Way::Lines(lines) => {
                for line in lines.due(&self.status, &self.pace, &moment, at) {
                    self.printer.say(&line);
                }
            }
            Way::Stream(stream) => stream.status(&self.status, at),
            Way::Silence => {}
        }
    }

    fn delivered(&mut self, told: &Told) {
        match &mut self.way {
            Way::Stream(stream) => stream.recipient(told),
            Way::Bars(_) | Way::Lines(_) | Way::Silence => {
                let reply = told.reply.as_deref().unwrap_or_default();
                let class = told.class.map(|class| format!(" ({class})")).unwrap_or_default();
                let text = format!(
                    "row {}  {}  {}{class}  {}  {}",
                    number(u64::from(told.row)),
                    escape::line(&told.email),
                    told.state,
                    escape::line(&told.relay),
                    escape::line(reply),
                );
                self.say(text.trim_end());
            }
        }
    }

    /// What another terminal said, and what undoes it.
    fn ordered(&self, order: Order) -> String {
        let campaign = escape::line(&self.status.campaign);
        match order {
            Order::Pause => format!("paused by another terminal (`mailrun resume {campaign}` goes on)"),
            Order::Resume => "going on, as another terminal said".to_owned(),
            Order::Drain => {
                "ending, as another terminal said: waiting for the replies outstanding".to_owned()
            }
            Order::Cancel => "cancelled by another terminal: waiting for the replies outstanding".to_owned(),
        }
    }

    fn waiting(
        &self,
        until: Option<Timestamp>,
        bounds: &[(RelayName, BoundKind, Option<Timestamp>)],
    ) -> String {
        let moment = self.moment();
        let relays = bounds.iter().map(|(relay, kind, _)| {
            let what = limits::waiting(*kind).unwrap_or("waits");
            format!("{} {what}", escape::line(relay.as_str()))
        });
        let relays = relays.collect::<Vec<_>>().join(", ");
        let until = limits::until(until, moment.now, &moment.zone);
        format!("waiting{until}: {relays} (Ctrl-C stops; `mailrun resume` goes on)")
    }

    fn say(&self, text: &str) {
        match &self.way {
            Way::Bars(bars) => bars.say(text),
            Way::Lines(_) | Way::Stream(_) | Way::Silence => self.printer.say(text),
        }
    }
}

/// Drives a run to its end and shows it meanwhile.
///
/// # Errors
/// What the run itself failed of.
pub(crate) async fn watch(run: Run, mut watcher: Watcher) -> Result<Watched, CliError> {
    let before = picture::settled(&watcher.status.recipients);
    let (sender, mut events) = mpsc::unbounded_channel();
    let driving = run.drive(sender);
    tokio::pin!(driving);
    let began = Instant::now();
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let ending = loop {
        tokio::select! {
            ending = &mut driving => break ending?,
            Some(event) = events.recv() => watcher.heed(event),
            _ = beat.tick() => watcher.beat(began.elapsed()),
        }
    };
    while let Ok(event) = events.try_recv() {
        watcher.heed(event);
    }
    watcher.status = ending.status.clone();
    watcher.beat(began.elapsed());
    let settled = picture::settled(&ending.recipients).saturating_sub(before);
    Ok(Watched { settled, took: began.elapsed(), ending })
}

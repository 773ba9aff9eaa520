//! What another terminal orders of a run: to pause, to go on, to end, to take everybody out.
//!
//! A running engine is asked through its socket and obeys between two turns of its loop. What is on its way
//! to a server stays on its way: an order holds for what has not begun. Without an engine only `cancel` has
//! anything to do, and does it behind the lock.

use serde::{Deserialize, Serialize};

use tokio::sync::mpsc::UnboundedSender;

use crate::campaign::Workspace;
use crate::mail::State;
use crate::store::{History, Options, Store};

use super::clock::Clock;
use super::control::{Answer, Request, ask_engine};
use super::error::EngineError;
use super::event::Event;
use super::run::{Run, tell};
use super::view::Cause;

/// What is ordered of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Begin nothing until told to go on; the process stays.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Begin nothing more, wait for replies outstanding, and end; `resume` goes on later.
    Drain,
    /// Take everybody out who was not written to, for good.
    Cancel,
}

/// What an order came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obeyed {
    /// The running engine does it from now on.
    Done,
    /// It was so already.
    Already,
    /// No engine is at work on the campaign.
    NothingRuns,
    /// Nobody was at work on the campaign: so many recipients were taken out of it.
    TakenOut(u64),
}

/// Orders something of the run of `campaign`.
///
/// # Errors
/// [`EngineError::NeverSent`] for a campaign that never was, [`EngineError::Finished`] where `cancel` finds nobody left;
/// another campaign runs and holds the workspace; or the engine or the journal fails.
pub fn steer(workspace: &Workspace, campaign: &str, order: Order) -> Result<Obeyed, EngineError> {
    let state = workspace.state_dir();
    let path = || state.join("control");
    let request = Request::Order { campaign: campaign.to_owned(), order };
    let asked = ask_engine(state, &request).map_err(|source| EngineError::Io { path: path(), source })?;
    match asked {
        Some(Answer::Obeyed(Obeyed::NothingRuns)) | None => at_rest(workspace, campaign, order),
        Some(Answer::Obeyed(obeyed)) => Ok(obeyed),
        Some(Answer::Refused(what)) => {
            Err(EngineError::Io { path: path(), source: std::io::Error::other(what) })
        }
        Some(Answer::Status(_) | Answer::Changed(_)) => Err(EngineError::Io {
            path: path(),
            source: std::io::Error::other("the engine answered something else"),
        }),
    }
}

/// The same where no engine is at work on the campaign.
fn at_rest(workspace: &Workspace, campaign: &str, order: Order) -> Result<Obeyed, EngineError> {
    let history = History::read(workspace.state_dir())?;
    let Some(run) = history.latest(campaign) else {
        return Err(EngineError::NeverSent { campaign: campaign.to_owned() });
    };
    match order {
        Order::Pause | Order::Resume | Order::Drain => return Ok(Obeyed::NothingRuns),
        Order::Cancel if run.cancelled => return Ok(Obeyed::Already),
        Order::Cancel if run.is_finished() => {
            return Err(EngineError::Finished { campaign: campaign.to_owned() });
        }
        Order::Cancel => {}
    }
    let number = run.no;
    // Nothing is sent, so no room has to be left for mail.
    let options = Options { min_free: 0, ..Options::default() };
    let clock = Clock::new();
    let store = Store::open(workspace.state_dir(), options, &clock.moment())?;
    let cancelled = || store.tally(number).unwrap_or_default().of(State::Cancelled);
    let before = cancelled();
    store.cancel(number, store.believe(&clock.moment()))?;
    let after = cancelled();
    store.close()?;
    Ok(Obeyed::TakenOut(after - before))
}

/// Whether anything new is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Hold {
    /// It is.
    #[default]
    Off,
    /// Not until the operator says so.
    Paused,
}

impl Run {
    /// Obeys another terminal.
    pub(super) fn obey(&mut self, campaign: &str, order: Order, events: &UnboundedSender<Event>) -> Answer {
        if campaign != self.campaign() {
            return Answer::Obeyed(Obeyed::NothingRuns);
        }
        match (order, self.hold, self.stopping) {
            (Order::Pause, Hold::Paused, _)
            | (Order::Resume, Hold::Off, None)
            | (Order::Drain, _, Some(_))
            | (Order::Cancel, _, Some(Cause::Cancelled)) => return Answer::Obeyed(Obeyed::Already),
            (Order::Pause | Order::Resume, _, Some(_)) => {
                return Answer::Refused("the run is ending".to_owned());
            }
            (Order::Pause, Hold::Off, None) => {
                self.hold = Hold::Paused;
                self.lanes.take_back();
            }
            (Order::Resume, Hold::Paused, None) => self.hold = Hold::Off,
            (Order::Drain, _, None) => self.stop(Cause::Pause),
            (Order::Cancel, _, _) => {
                if let Err(error) = self.cancel() {
                    return Answer::Refused(error.to_string());
                }
            }
        }
        self.waiting = None;
        tell(events, Event::Ordered(order));
        tell(events, Event::Status(Box::new(self.status())));
        Answer::Obeyed(Obeyed::Done)
    }

    /// Takes everybody out who was not written to. Once this returns nothing new ends, not even what is composed.
    fn cancel(&mut self) -> Result<(), EngineError> {
        // Before the journal says so, as no intent may follow that.
        self.gate.bar_everybody();
        self.store.cancel(self.number, self.store.believe(&self.clock.moment()))?;
        self.stopping = Some(Cause::Cancelled);
        self.hold = Hold::Off;
        // The journal has taken them out already; the scheduler only has to forget them.
        let _ = self.scheduler.cancel();
        self.lanes.call_back();
        Ok(())
    }
}

//! A run: the loop that joins scheduler, relays, journal and whoever watches.
//!
//! Everything that happens comes in as a [`Turn`] and is handled without waiting; then the scheduler is
//! asked for whatever may go now. Nothing here decides who is next or what a refusal means, and nothing
//! but the sessions waits for a server. The order of things that must not be broken: a batch is handed out
//! once, answered once, and its outcome is in the journal's hands before the scheduler plans with it.

use std::future::pending;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::{Receiver, UnboundedSender};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::mail::{RelayName, RelayNo, RunNo};
use crate::relay::Report;
use crate::schedule::{Scheduler, Step, StopReason, Wait};
use crate::store::{Plan, Store, StoreError};

use super::attempt::Suppressed;
use super::cause::{cause_of_stop, cause_of_wait, end_reason, goes_on_soon};
use super::clock::Clock;
use super::control::{Asked, Control};
use super::dead::Dead;
use super::ears::{Ears, Turn};
use super::error::EngineError;
use super::event::{Ending, Event};
use super::gate::JournalGate;
use super::ground::Rhythm;
use super::lanes::Lanes;
use super::orders::{self, Orders};
use super::picture::{Moment, Picture, work_left};
use super::samples::Samples;
use super::settling::Wording;
use super::shutdown::{Shutdown, Wish};
use super::steer::Hold;
use super::view::{Cause, Stage, Status};

/// One campaign being sent.
pub struct Run {
    pub(super) store: Arc<Store>,
    pub(super) number: RunNo,
    pub(super) plan: Arc<Plan>,
    pub(super) scheduler: Scheduler,
    pub(super) lanes: Lanes,
    pub(super) gate: Arc<JournalGate>,
    /// Who must not be written to, as the sessions see it.
    pub(super) suppressed: Suppressed,
    /// Mailboxes that a server named as dead.
    pub(super) dead: Dead,
    /// In which words recipients were refused.
    pub(super) samples: Samples,
    /// Of the batch that is being settled.
    pub(super) wording: Wording,
    pub(super) picture: Picture,
    pub(super) orders: Orders,
    pub(super) clock: Clock,
    pub(super) rhythm: Rhythm,
    pub(super) notes: Vec<String>,
    /// Where the sandbox keeps the messages, if the campaign goes through one.
    pub(super) kept: Option<PathBuf>,
    /// Whether anything new is begun.
    pub(super) hold: Hold,
    /// Why no new work is taken any more.
    pub(super) stopping: Option<Cause>,
    /// What everybody waits for now, as last told.
    pub(super) waiting: Option<Wait>,
}

/// What the loop does next.
enum Flow {
    /// Go on, and look again at the latest then.
    Until(Timestamp),
    /// End: with work left for this cause, or with none left.
    End(Option<Cause>),
}

impl Run {
    /// How the campaign stands.
    pub fn status(&self) -> Status {
        let stage = match (&self.stopping, self.hold, &self.waiting) {
            (Some(_), _, _) | (None, Hold::Off, None) => Stage::Sending,
            (None, Hold::Paused, _) => Stage::Paused,
            (None, Hold::Off, Some(_)) => Stage::Waiting,
        };
        let reason = match stage {
            Stage::Paused => Some(Cause::Pause),
            _ => self.waiting.as_ref().and_then(cause_of_wait),
        };
        let next = self.waiting.as_ref().and_then(|wait| wait.until);
        self.status_as(stage, reason, next)
    }

    fn status_as(&self, stage: Stage, reason: Option<Cause>, next: Option<Timestamp>) -> Status {
        let tally = self.store.tally(self.number).unwrap_or_default();
        let at = Moment { stage, reason, next, now: self.time() };
        self.picture.status(&tally, &self.scheduler, at)
    }

    /// How many recipients may or may not have received the message.
    pub fn uncertain(&self) -> u64 {
        self.status().recipients.uncertain
    }

    /// The name of its campaign.
    pub(super) fn campaign(&self) -> &str {
        &self.plan.head().content.campaign
    }

    /// What the operator should know before it begins: what was repaired, which files were edited.
    pub fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// The time to go by: that of the wall clock, as far as it is believed.
    fn time(&self) -> Timestamp {
        self.store.believe(&self.clock.moment())
    }

    /// Sends until nothing is left, nothing is due, or somebody says stop.
    ///
    /// # Errors
    /// If the state cannot be written any more: what was not recorded is named uncertain by the next start.
    pub async fn drive(self, events: UnboundedSender<Event>) -> Result<Ending, EngineError> {
        let path = || self.store.root().join("control");
        let shutdown = Shutdown::listen().map_err(|source| EngineError::Io { path: path(), source })?;
        // Among the sessions, who wake it without waking a thread of its own.
        let driving = AbortOnDropHandle::new(tokio::spawn(self.drive_until(shutdown, events)));
        match driving.await.map_err(JoinError::try_into_panic) {
            Ok(ended) => ended,
            Err(Ok(panic)) => resume_unwind(panic),
            // The runtime is being shut down, and this with it.
            Err(Err(_)) => pending().await,
        }
    }

    /// The same, heeding these signals.
    pub(super) async fn drive_until(
        self,
        shutdown: Shutdown,
        events: UnboundedSender<Event>,
    ) -> Result<Ending, EngineError> {
        let path = self.store.root().join("control");
        let io = |source| EngineError::Io { path: path.clone(), source };
        let (control, requests) = Control::listen(self.store.root()).map_err(io)?;
        self.attend(shutdown, (Some(control), requests), events).await
    }

    /// The same, with these requests, and the socket that they come through; it closes when no more are heard.
    pub(super) async fn attend(
        mut self,
        shutdown: Shutdown,
        (control, requests): (Option<Control>, Receiver<Asked>),
        events: UnboundedSender<Event>,
    ) -> Result<Ending, EngineError> {
        let reports = self.lanes.open(&self.gate)?;
        let Rhythm { beat, longest_sleep } = self.rhythm;
        let mut ears = Ears::new(shutdown, requests, reports, beat);
        let mut inbox = Vec::new();
        let cause = loop {
            match self.dispatch(&events) {
                Flow::End(cause) => break cause,
                Flow::Until(until) => {
                    let pause = until.duration_since(self.time()).clamp(SignedDuration::ZERO, longest_sleep);
                    let turn = ears.hear(&mut inbox, pause.unsigned_abs()).await;
                    self.handle(turn, &mut inbox, &events)?;
                }
            }
        };
        drop(control);
        self.finish(cause, ears.shutdown.signal(), &events).await
    }

    fn handle(
        &mut self,
        turn: Turn,
        inbox: &mut Vec<Report>,
        events: &UnboundedSender<Event>,
    ) -> Result<(), EngineError> {
        match turn {
            Turn::Reports => {
                let at = self.time();
                for report in inbox.drain(..) {
                    self.report(report, at, events)?;
                }
            }
            Turn::Asked((request, answer)) => {
                // Whoever asked may have gone; what was asked for is done all the same.
                let _ = answer.send(self.answer(request, events));
            }
            Turn::Wish(Wish::Drain) => {
                tell(events, Event::Stopping);
                self.stop(Cause::Signal);
            }
            Turn::Wish(Wish::Abort) => {
                self.stop(Cause::Signal);
                self.lanes.abort();
            }
            Turn::Beat => {
                for (place, lane) in (0..).map(RelayNo).zip(self.scheduler.view(self.time())) {
                    self.lanes.bear(place, lane.sessions);
                }
                tell(events, Event::Status(Box::new(self.status())));
            }
            Turn::Due => {}
        }
        Ok(())
    }

    /// Takes no new work from now on; what was handed out and not begun comes back.
    pub(super) fn stop(&mut self, cause: Cause) {
        self.stopping.get_or_insert(cause);
        self.scheduler.drain();
        self.lanes.call_back();
    }

    /// Why nobody can be written to any more: the journal has failed, or has no room.
    pub(super) fn failure(&self) -> Option<StoreError> {
        self.store.failure().or_else(|| self.gate.failure())
    }

    /// Hands out whatever may go now.
    fn dispatch(&mut self, events: &UnboundedSender<Event>) -> Flow {
        self.heed_failure(events);
        let at = self.time();
        if self.hold == Hold::Paused && self.stopping.is_none() {
            return self.rest(at);
        }
        loop {
            match self.scheduler.next(at) {
                Step::Lease { relay, batch } => {
                    self.waiting = None;
                    self.lanes.hand(relay, batch);
                }
                Step::Wait(wait) => return self.wait(wait, at, events),
                Step::Done => return Flow::End(self.left_over()),
                Step::Stopped(_) if self.scheduler.out() > 0 => {
                    self.lanes.call_back();
                    return Flow::Until(at + self.rhythm.longest_sleep);
                }
                Step::Stopped(reason) => {
                    let cause = self.stopping.unwrap_or_else(|| cause_of_stop(&reason));
                    if self.stopping.is_none() {
                        tell(events, Event::Note(self.why(&reason)));
                    }
                    let left = work_left(&self.store.tally(self.number).unwrap_or_default());
                    return Flow::End((left || cause == Cause::Cancelled).then_some(cause));
                }
            }
        }
    }

    /// Why the run stops, for the operator; with what servers said, where that is the reason.
    fn why(&self, reason: &StopReason) -> String {
        let samples = match reason {
            StopReason::StopIf { .. } | StopReason::Content { .. } => self.samples.shown(),
            StopReason::NoRelay | StopReason::Never(_) | StopReason::Drained | StopReason::Cancelled => None,
        };
        match samples {
            Some(samples) => format!("stopped: {reason}. Refused were: {samples}"),
            None => format!("stopped: {reason}"),
        }
    }

    /// Nothing is begun, as the operator said so: stays, or leaves if told to.
    fn rest(&self, at: Timestamp) -> Flow {
        if self.orders.wait == orders::Wait::Never && self.scheduler.out() == 0 {
            return Flow::End(Some(Cause::Pause));
        }
        Flow::Until(at + self.rhythm.longest_sleep)
    }

    /// Nothing may go now: stays, or leaves if told to.
    fn wait(&mut self, wait: Wait, at: Timestamp, events: &UnboundedSender<Event>) -> Flow {
        let until = wait.until.unwrap_or(at + self.rhythm.longest_sleep);
        if self.scheduler.out() > 0 {
            return Flow::Until(until);
        }
        let goes_on = goes_on_soon(&wait, at);
        if self.orders.wait == orders::Wait::Never && !goes_on {
            let cause = cause_of_wait(&wait).unwrap_or(Cause::Window);
            // The end tells when work is due again.
            self.waiting = Some(wait);
            return Flow::End(Some(cause));
        }
        if goes_on {
            self.waiting = None;
            return Flow::Until(until);
        }
        if self.waiting.as_ref().is_none_or(|told| told.bounds != wait.bounds) {
            let bounds = wait.bounds.iter().map(|(relay, kind, until)| (self.name(*relay), *kind, *until));
            tell(events, Event::Waiting { until: wait.until, bounds: bounds.collect() });
        }
        self.waiting = Some(wait);
        Flow::Until(until)
    }

    pub(super) fn name(&self, relay: RelayNo) -> RelayName {
        self.lanes.name(relay)
    }

    /// Why work is left although the scheduler has none: it was given no more than `--limit`.
    fn left_over(&self) -> Option<Cause> {
        work_left(&self.store.tally(self.number).unwrap_or_default())
            .then_some(self.stopping.unwrap_or(Cause::Limit))
    }

    /// Closes every session, records the end, and says how everything stands.
    async fn finish(
        mut self,
        cause: Option<Cause>,
        signal: Option<i32>,
        events: &UnboundedSender<Event>,
    ) -> Result<Ending, EngineError> {
        let next = self.waiting.as_ref().and_then(|wait| wait.until);
        // Before it is closed: a journal that is full may have room again by then.
        let failure = self.failure();
        self.lanes.close().await;
        if let Some(failure) = self.store.failure() {
            self.tell_aside(events);
            return Err(failure.into());
        }
        self.suppress_the_dead()?;
        self.store.end(self.number, end_reason(cause, self.waiting.as_ref()), self.time())?;
        self.store.sync()?;
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let stage = match cause {
            Some(Cause::Cancelled) => Stage::Cancelled,
            Some(_) => Stage::Interrupted,
            None => Stage::Finished,
        };
        let status = self.status_as(stage, cause, next);
        tell(events, Event::Status(Box::new(status.clone())));
        Ok(Ending {
            recipients: status.recipients,
            cause,
            signal: signal.filter(|_| cause == Some(Cause::Signal)),
            next,
            refused_login: self.lanes.login_refused(),
            kept: self.kept,
            status,
        })
    }
}

/// Tells whoever watches; nobody may be watching.
pub(super) fn tell(events: &UnboundedSender<Event>, event: Event) {
    let _ = events.send(event);
}

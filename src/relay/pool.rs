//! The sessions of one relay, opened on demand.
//!
//! An usher takes a message only when no open session waits for one and another may be opened; the session
//! it opens begins with that message and then draws for itself. Each session is a task of its own whose
//! fall, by drop or by panic, settles what it holds. Sessions say QUIT before `messages_per_session`
//! or `session_age` is used up, and after `idle` without a message: some providers close without a word
//! at their own limit. What waits while no session can be opened is handed back, so that another relay
//! may send it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::entrance::Entrance;
use super::errand::{Allowance, Idle, PoolErrand, Shared};
use super::lane::{Cohort, Leave, spread_age, spread_messages};
use super::manners::Manners;
use super::settings::RelaySettings;
use super::settle::Accounting;
use super::submit::{Reports, Retry, SessionEvent, Submit, Work};
use super::trouble::{describe, trouble_of};
use crate::mail::{Gate, Message, Phase, Refused, Return, Trouble};
use crate::smtp::{Close, Extension, SmtpError, Terms, Transcript};

/// How often what waits is handed back while no session can be opened.
const HAND_BACK: Duration = Duration::from_secs(1);

/// One relay, spoken to over SMTP.
#[derive(Debug)]
pub struct RelayPool {
    settings: RelaySettings,
    entrance: Entrance,
    /// How many sessions the relay was found to bear.
    bears: AtomicUsize,
}

impl RelayPool {
    /// A pool without sessions. Reads the system's certificates where there is TLS; connects to nothing.
    ///
    /// # Errors
    /// `tls_ca` holds no certificate, or no authority at all is trusted.
    pub fn new(settings: RelaySettings) -> Result<Self, SmtpError> {
        let entrance = Entrance::new(&settings)?;
        let bears = AtomicUsize::new(settings.sessions);
        Ok(Self { settings, entrance, bears })
    }

    fn most_sessions(&self) -> usize {
        self.settings.sessions.min(self.bears.load(Ordering::Relaxed)).max(1)
    }

    fn usher(self: Arc<Self>, work: Work, gate: Arc<dyn Gate>, reports: Reports) -> Usher {
        let settings = &self.settings;
        let accounting =
            Accounting { relay: reports.relay(), refusals: settings.refusals, profile: settings.profile };
        let manners = Mutex::new(Manners::new(settings.window));
        let (idle, lane) = (Idle::default(), Mutex::default());
        let shared = Shared { work, gate, reports, accounting, idle, lane, manners };
        Usher { pool: self, shared: Arc::new(shared), sessions: JoinSet::new() }
    }
}

impl Submit for RelayPool {
    fn drive(
        self: Arc<Self>,
        work: Work,
        gate: Arc<dyn Gate>,
        reports: Reports,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.usher(work, gate, reports).run().await })
    }

    fn bear(&self, sessions: u32) {
        self.bears.store(usize::try_from(sessions).unwrap_or(usize::MAX), Ordering::Relaxed);
    }
}

/// Opens sessions for the messages that no open session takes.
struct Usher {
    pool: Arc<RelayPool>,
    shared: Arc<Shared>,
    sessions: JoinSet<()>,
}

/// What the usher does next.
enum Step {
    /// Takes a message for a new session.
    Draw,
    /// Waits for a session to change.
    Watch,
    /// Hands back what waits until this moment.
    Pause(Instant),
    /// Hands back everything, with the reason.
    Refuse(Trouble),
}

impl Usher {
    async fn run(mut self) {
        while !(self.shared.work.is_over() && self.sessions.is_empty()) {
            match self.step() {
                Step::Draw => self.draw().await,
                Step::Watch => self.watch().await,
                Step::Pause(until) => self.pause(until).await,
                Step::Refuse(trouble) => self.refuse(trouble).await,
            }
        }
    }

    fn step(&self) -> Step {
        if self.shared.work.is_over() {
            return Step::Watch;
        }
        match self.shared.lane().leave(Instant::now()) {
            Leave::Never(trouble) if self.sessions.is_empty() => Step::Refuse(trouble),
            Leave::At(until) => Step::Pause(until),
            Leave::Never(_) | Leave::AfterTheOther => Step::Watch,
            Leave::Now if self.sessions.len() >= self.pool.most_sessions() => Step::Watch,
            Leave::Now if self.shared.idle.is_any() => Step::Watch,
            Leave::Now => Step::Draw,
        }
    }

    /// Takes a message and opens a session for it, unless a session begins to wait meanwhile.
    async fn draw(&mut self) {
        tokio::select! {
            biased;
            Some(_) = self.sessions.join_next() => {}
            () = self.shared.idle.changed.notified() => {}
            message = self.shared.work.next(&self.shared.reports) => {
                if let Some(first) = message {
                    self.open(first);
                }
            }
        }
    }

    async fn watch(&mut self) {
        tokio::select! {
            Some(_) = self.sessions.join_next() => {}
            () = self.shared.idle.changed.notified() => {}
        }
    }

    /// Waits out a pause. Sessions at work draw for themselves; without any, what waits is handed back.
    async fn pause(&mut self, until: Instant) {
        if self.sessions.is_empty() {
            self.shared.work.return_waiting(&self.shared.reports);
        }
        let until = until.min(Instant::now() + HAND_BACK);
        tokio::select! {
            Some(_) = self.sessions.join_next() => {}
            () = sleep_until(until) => {}
        }
    }

    /// Hands back the next batch with the reason why this relay sends nothing more.
    async fn refuse(&mut self, trouble: Trouble) {
        if let Some(batch) = self.shared.work.next_batch().await {
            self.shared.reports.returned(batch, &Return::NotSent, vec![trouble]);
        }
    }

    fn open(&mut self, first: Message) {
        let settings = &self.pool.settings;
        let until = Instant::now() + spread_age(settings.session_age, chance());
        let allowance =
            Allowance { messages: spread_messages(settings.messages_per_session, chance()), until };
        let attempt = Attempt::begin(&self.shared);
        let errand = PoolErrand::new(Arc::clone(&self.shared), first, allowance);
        let (pool, shared) = (Arc::clone(&self.pool), Arc::clone(&self.shared));
        self.sessions.spawn(async move {
            pool.session(&shared, attempt, errand).await;
        });
    }
}

impl RelayPool {
    /// One session from its opening to its end.
    async fn session(&self, shared: &Shared, attempt: Attempt, mut errand: PoolErrand) {
        let reports = &shared.reports;
        let session = match self.entrance.open(&mut Transcript::discarded()).await {
            Ok(session) => session,
            Err(error) => {
                let trouble = error.trouble(self.settings.profile);
                // The message comes back before anybody hears why, so that the engine may act on both.
                drop(errand);
                let retry = attempt.fail(&trouble);
                return reports.session(SessionEvent::Failed { trouble, retry });
            }
        };
        let open = attempt.succeed();
        reports.session(SessionEvent::Opened);
        if errand.asks_to_be_notified() && !session.extensions().offers(Extension::Dsn) {
            reports.session(SessionEvent::WithoutDsn);
        }
        shared.idle.changed.notify_one();
        if let Some(most) = session.extensions().transactions_limit() {
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            errand.allowance.messages = errand.allowance.messages.min(most);
        }
        let manner = shared.manners().manner();
        errand.mode = manner.mode_with(session.extensions());
        let RelaySettings { refusals, idle, .. } = self.settings;
        let terms = Terms { relay: reports.relay(), refusals, manner, idle };
        let close = session.drive(&terms, &mut errand).await;
        let trouble = match close {
            Close::Finished | Close::Idle | Close::HeldBack(Refused::Suppressed(_)) => None,
            Close::HeldBack(Refused::Stopping | Refused::NoSpace | Refused::Journal(_)) => {
                shared.lane().hold(Instant::now());
                None
            }
            Close::Failed(error) => match shared.manners().doubt(errand.mode, &error) {
                Some(mode) => {
                    reports.session(SessionEvent::StepsBack { mode, words: describe(&error) });
                    None
                }
                None => self.failed(&error, &open, errand.accepted()),
            },
        };
        reports.session(SessionEvent::Closed { messages: errand.drawn(), trouble });
    }

    /// What a session that failed means for the relay, unless a batch tells of it.
    fn failed(&self, error: &SmtpError, open: &Open, accepted: u32) -> Option<Trouble> {
        let trouble = trouble_of(error, self.settings.profile);
        if accepted == 0 {
            open.flap(&trouble);
        }
        let told = matches!(
            error,
            SmtpError::Refused { phase: Phase::Mail | Phase::Rcpt | Phase::Data | Phase::End, .. }
        );
        (!told).then_some(trouble)
    }
}

/// A session being opened. Dropped, it counts as neither opened nor failed.
struct Attempt {
    shared: Arc<Shared>,
    cohort: Cohort,
    state: AttemptState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AttemptState {
    Opening,
    Over,
}

/// A session that was opened.
struct Open {
    shared: Arc<Shared>,
    cohort: Cohort,
}

impl Attempt {
    fn begin(shared: &Arc<Shared>) -> Self {
        let cohort = shared.lane().begin();
        Self { shared: Arc::clone(shared), cohort, state: AttemptState::Opening }
    }

    fn succeed(mut self) -> Open {
        self.state = AttemptState::Over;
        self.shared.lane().succeed();
        Open { shared: Arc::clone(&self.shared), cohort: self.cohort }
    }

    fn fail(mut self, trouble: &Trouble) -> Retry {
        self.state = AttemptState::Over;
        self.shared.lane().fail(self.cohort, trouble, Instant::now(), chance())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.state == AttemptState::Opening {
            self.shared.lane().abandon();
        }
    }
}

impl Open {
    fn flap(&self, trouble: &Trouble) {
        self.shared.lane().flap(self.cohort, trouble, Instant::now(), chance());
    }
}

/// A number from 0 to 1, so that many pools do not come back in step.
fn chance() -> f64 {
    let mut octets = [0; 4];
    // Without randomness the pauses are merely not spread.
    let _ = aws_lc_rs::rand::fill(&mut octets);
    f64::from(u32::from_ne_bytes(octets)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;

//! A simulated relay: sessions opened on demand, lost, opened again, over servers that are only a log.
//!
//! As a pool does, it takes a message for a new session only when no open one waits for it, backs off when
//! sessions cannot be opened, and hands back what waits meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::mail::{Class, Gate, Message, Permanence, Phase, Reply, Return, Scope, Trouble, Verdict};
use crate::relay::{Profile, Reports, Retry, SessionEvent, Submit, Work, judge};

use super::replies::AT_OPENING;
use super::scenario::{Character, Faults};
use super::session::{Close, Line};
use super::world::{Powered, World};

/// How often what waits is handed back while no session can be opened.
const HAND_BACK: Duration = Duration::from_secs(1);
/// How long a session stays without a message.
const IDLE: Duration = Duration::from_secs(30);

/// One relay of a run.
pub(super) struct Simulated {
    world: Arc<World>,
    place: usize,
    character: Character,
    faults: Faults,
    bears: AtomicUsize,
}

impl Simulated {
    pub(super) fn new(world: &Arc<World>, place: usize, faults: Faults) -> Self {
        let character = world.with(|state| state.scenario.characters[place].clone());
        let bears = AtomicUsize::new(character.sessions);
        Self { world: Arc::clone(world), place, character, faults, bears }
    }
}

impl Submit for Simulated {
    fn drive(
        self: Arc<Self>,
        work: Work,
        gate: Arc<dyn Gate>,
        reports: Reports,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let world = Arc::clone(&self.world);
        Box::pin(Powered::new(&world, async move {
            let (idle, changed, opening) = (AtomicUsize::new(0), Notify::new(), Mutex::default());
            let shared = Arc::new(Shared { relay: self, work, gate, reports, idle, changed, opening });
            Usher { shared, sessions: JoinSet::new() }.run().await;
        }))
    }

    fn bear(&self, sessions: u32) {
        self.bears.store(usize::try_from(sessions).expect("small"), Ordering::Relaxed);
    }
}

/// What the sessions of one relay share.
pub(super) struct Shared {
    relay: Arc<Simulated>,
    pub(super) work: Work,
    pub(super) gate: Arc<dyn Gate>,
    pub(super) reports: Reports,
    idle: AtomicUsize,
    changed: Notify,
    opening: Mutex<Opening>,
}

/// When another session may be opened.
#[derive(Debug, Default)]
struct Opening {
    failures: u32,
    paused: Option<Instant>,
    stopped: Option<Trouble>,
}

impl Shared {
    pub(super) fn world(&self) -> &World {
        &self.relay.world
    }

    pub(super) fn place(&self) -> usize {
        self.relay.place
    }

    pub(super) fn character(&self) -> &Character {
        &self.relay.character
    }

    pub(super) fn faults(&self) -> Faults {
        self.relay.faults
    }

    fn opening(&self) -> MutexGuard<'_, Opening> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn most_sessions(&self) -> usize {
        self.relay.character.sessions.min(self.relay.bears.load(Ordering::Relaxed)).max(1)
    }

    /// The next message, waited for as long as a session stays idle.
    pub(super) async fn next(&self) -> Option<Message> {
        let _waiting = Waiting::begin(self);
        tokio::select! {
            biased;
            message = self.work.next(&self.reports) => message,
            () = sleep(IDLE) => None,
        }
    }

    /// A message was taken: the relay works.
    pub(super) fn deliver(&self) {
        self.opening().failures = 0;
    }

    fn fail(&self, trouble: &Trouble) -> Retry {
        let mut opening = self.opening();
        let lasting = (trouble.verdict.scope, trouble.verdict.permanence);
        if lasting == (Scope::Relay, Permanence::Permanent) {
            opening.stopped = Some(trouble.clone());
            return Retry::Never;
        }
        let pause = Duration::from_secs(1 << opening.failures.min(6));
        opening.failures += 1;
        opening.paused = Some(Instant::now() + pause);
        Retry::After(pause)
    }
}

/// A session that waits for a message.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.idle.fetch_add(1, Ordering::Relaxed);
        shared.changed.notify_one();
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.idle.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}

struct Usher {
    shared: Arc<Shared>,
    sessions: JoinSet<()>,
}

impl Usher {
    async fn run(mut self) {
        while !(self.shared.work.is_over() && self.sessions.is_empty()) {
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let (paused, stopped) = {
            let opening = self.shared.opening();
            (opening.paused.filter(|until| *until > Instant::now()), opening.stopped.clone())
        };
        let full = self.sessions.len() >= self.shared.most_sessions();
        let waits = self.shared.idle.load(Ordering::Relaxed) > 0;
        match (stopped, paused) {
            _ if self.shared.work.is_over() => self.watch().await,
            (Some(trouble), _) if self.sessions.is_empty() => {
                if let Some(batch) = self.shared.work.next_batch().await {
                    self.shared.reports.returned(batch, &Return::NotSent, vec![trouble]);
                }
            }
            (None, Some(until)) => {
                if self.sessions.is_empty() {
                    self.shared.work.return_waiting(&self.shared.reports);
                }
                tokio::select! {
                    biased;
                    Some(_) = self.sessions.join_next() => {}
                    () = sleep_until(until.min(Instant::now() + HAND_BACK)) => {}
                }
            }
            (Some(_), _) => self.watch().await,
            (None, None) if full || waits => self.watch().await,
            (None, None) => self.draw().await,
        }
    }

    async fn watch(&mut self) {
        tokio::select! {
            biased;
            Some(_) = self.sessions.join_next() => {}
            () = self.shared.changed.notified() => {}
        }
    }

    async fn draw(&mut self) {
        let message = tokio::select! {
            biased;
            Some(_) = self.sessions.join_next() => None,
            () = self.shared.changed.notified() => None,
            message = self.shared.work.next(&self.shared.reports) => message,
        };
        if let Some(first) = message {
            // Held from here on, whatever becomes of the session.
            let line = Line::holding(Arc::clone(&self.shared), first);
            let shared = Arc::clone(&self.shared);
            let world = Arc::clone(&self.shared.relay.world);
            self.sessions.spawn(Powered::new(&world, async move { session(&shared, line).await }));
        }
    }
}

/// One session from its opening to its end.
async fn session(shared: &Shared, mut line: Line) {
    if let Err(trouble) = open(shared).await {
        // The message comes back before anybody hears why.
        drop(line);
        let retry = shared.fail(&trouble);
        return shared.reports.session(SessionEvent::Failed { trouble, retry });
    }
    shared.reports.session(SessionEvent::Opened);
    shared.changed.notify_one();
    let close = line.work().await;
    let messages = line.drawn();
    drop(line);
    let trouble = match close {
        Close::Finished | Close::Told => None,
        Close::HeldBack => {
            shared.opening().paused = Some(Instant::now() + HAND_BACK);
            None
        }
        Close::Failed(trouble) => {
            if messages < 2 {
                shared.fail(&trouble);
            }
            Some(trouble)
        }
    };
    shared.reports.session(SessionEvent::Closed { messages, trouble });
}

async fn open(shared: &Shared) -> Result<(), Trouble> {
    let (fails, which, lasts) = shared.world().with(|state| {
        let fails = state.chance.permille(shared.faults().opening);
        (fails, state.chance.next(), state.chance.size(shared.character().trip * 3))
    });
    sleep(Duration::from_millis(lasts)).await;
    if !fails {
        return Ok(());
    }
    let place = usize::try_from(which % 7).expect("small");
    Err(match AT_OPENING.get(place) {
        Some((phase, code, text)) => {
            let verdict = judge(*phase, &Reply::new(*code, *text), Profile::Generic);
            Trouble { verdict, words: format!("{code} {text}"), phase: *phase }
        }
        None => line_failed(Phase::Connect),
    })
}

/// A line that was never there, or is no more.
pub(super) fn line_failed(phase: Phase) -> Trouble {
    let verdict = Verdict {
        class: Class::Connection,
        scope: Scope::Connection,
        permanence: Permanence::Transient,
        wait: None,
    };
    Trouble { verdict, words: "the line is gone".to_owned(), phase }
}

//! The relays of a run, alive: a channel of batches into each, one channel of reports out of all.
//!
//! A lane is opened once and lives as long as the run. What was handed to it and not yet begun can be
//! called back; what was begun ends by itself, or is given up by [`Lanes::abort`], and is reported in any
//! case.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use async_channel::{Receiver, Sender};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::campaign::Relay;
use crate::compose::Signer;
use crate::mail::{Address, Batch, Class, Gate, PlanId, RelayName, RelayNo, Return, Trouble};
use crate::relay::{
    Compose, Makers, RelayPool, RelaySettings, Report, Reports, SessionEvent, Submit, Withdrawal, Work,
};
use crate::sandbox::Server;

use super::desk::Desk;
use super::error::EngineError;
use super::gate::JournalGate;
use super::rehearsal;
use super::relays::settings;
use super::signing::Finish;

/// One relay of a run.
struct Lane {
    relay: Relay,
    settings: RelaySettings,
    /// None before the lane is open, unless it was handed in.
    submit: Option<Arc<dyn Submit>>,
    batches: Sender<Batch>,
    waiting: Receiver<Batch>,
    /// What makes messages of the batches, once that is known.
    maker: Option<Maker>,
    /// What is handed out and not begun, once the lane is open.
    work: Option<Work>,
    /// Takes back what was made ahead.
    withdrawal: Withdrawal,
    sessions: u32,
    login_refused: bool,
    notifications: Notifications,
}

impl Lane {
    /// The relay over SMTP; where it is a sandbox, with the server behind it.
    fn pool(
        &mut self,
        position: usize,
        folder: &Path,
        servers: &mut Vec<Server>,
    ) -> Result<Arc<dyn Submit>, EngineError> {
        if self.relay.is_sandbox() {
            let mailbox = rehearsal::mailbox(&self.relay, folder, position);
            let server = rehearsal::start(&self.relay, mailbox)?;
            self.settings.host = server.address().ip().to_string();
            self.settings.port = server.address().port();
            servers.push(server);
        }
        let pool = RelayPool::new(self.settings.clone()).map_err(|error| EngineError::Relay {
            relay: self.relay.name.clone(),
            what: error.to_string(),
            hint: None,
        })?;
        Ok(Arc::new(pool))
    }
}

/// What makes the messages of a lane.
enum Maker {
    /// Whoever takes a batch.
    Taker(Arc<Compose>),
    /// Threads of their own, ahead.
    Ahead(Arc<Compose>),
}

/// Whether a relay may be expected to tell of its deliveries, where the campaign asks for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notifications {
    /// As far as is known.
    Expected,
    /// The operator knows that it will not.
    GivenUp,
}

/// Every relay of a run.
pub(super) struct Lanes {
    relays: Vec<Lane>,
    tasks: JoinSet<()>,
    sender: UnboundedSender<Report>,
    receiver: Option<UnboundedReceiver<Report>>,
    /// The built-in servers, where the campaign goes through some, and the folder of their messages.
    servers: Vec<Server>,
    folder: PathBuf,
}

impl Lanes {
    /// The lanes of a run of `plan`, with their passwords fetched. Nothing is connected to yet. `through`
    /// stands in for the servers: what is submitted to instead, for each relay in order.
    ///
    /// # Errors
    /// A password or a certificate is not to be had, or a sandbox's table says what no sandbox knows.
    pub(super) fn prepare(
        desk: &Desk,
        plan: PlanId,
        through: Option<Vec<Arc<dyn Submit>>>,
    ) -> Result<Self, EngineError> {
        let mut through = through.into_iter().flatten();
        let mut lanes = Vec::with_capacity(desk.relays.len());
        for relay in &desk.relays {
            rehearsal::persona(relay)?;
            let settings = settings(relay, desk.secret(relay)?)?;
            let (batches, waiting) = async_channel::unbounded();
            let relay = relay.clone();
            lanes.push(Lane {
                relay,
                settings,
                submit: through.next(),
                batches,
                waiting,
                maker: None,
                work: None,
                withdrawal: Withdrawal::default(),
                sessions: 0,
                login_refused: false,
                notifications: Notifications::Expected,
            });
        }
        let (sender, receiver) = unbounded_channel();
        let folder = rehearsal::folder(desk.workspace.state_dir(), plan);
        let (tasks, servers, receiver) = (JoinSet::new(), Vec::new(), Some(receiver));
        Ok(Self { relays: lanes, tasks, sender, receiver, servers, folder })
    }

    /// Says what makes messages of batches: whose bounces go to `reverse_path`, unless a message has a path of
    /// its own, and what signs them where a relay signs.
    pub(super) fn compose_with(
        &mut self,
        compose: &Arc<Compose>,
        reverse_path: &Address,
        signer: Option<&Signer>,
    ) {
        for lane in &mut self.relays {
            let finish = Finish::of(&lane.relay, reverse_path, signer);
            let maker = if finish.is_slow() { Maker::Ahead } else { Maker::Taker };
            lane.maker = Some(maker(finish.after(compose)));
        }
    }

    /// Sets every relay to work, through `gate`. All reports of the run come out of what is returned.
    ///
    /// # Errors
    /// A built-in server or a thread cannot be started, or a relay's trust cannot be set up.
    ///
    /// # Panics
    /// If called twice, or before anything composes.
    pub(super) fn open(&mut self, gate: &Arc<JournalGate>) -> Result<UnboundedReceiver<Report>, EngineError> {
        let mut makers = None;
        for (position, lane) in self.relays.iter_mut().enumerate() {
            let number = RelayNo(u16::try_from(position).expect("a campaign has few relays"));
            let submit = match lane.submit.take() {
                Some(submit) => submit,
                None => lane.pool(position, &self.folder, &mut self.servers)?,
            };
            lane.submit = Some(Arc::clone(&submit));
            let reports = Reports::new(number, self.sender.clone());
            let work = match lane.maker.take().expect("a run knows how to compose") {
                Maker::Taker(compose) => Work::new(lane.waiting.clone(), compose),
                Maker::Ahead(compose) => {
                    let makers = self::makers(&mut makers, &self.folder)?;
                    let (waiting, withdrawal) = (lane.waiting.clone(), lane.withdrawal.clone());
                    let (work, ahead) =
                        Work::made_ahead(waiting, compose, makers, reports.clone(), withdrawal);
                    self.tasks.spawn(ahead.run());
                    work
                }
            };
            lane.work = Some(work.clone());
            let gate: Arc<dyn Gate> = Arc::clone(gate) as Arc<dyn Gate>;
            self.tasks.spawn(submit.drive(work, gate, reports));
        }
        Ok(self.receiver.take().expect("a run is driven once"))
    }

    /// The name of a relay.
    pub(super) fn name(&self, relay: RelayNo) -> RelayName {
        self.relays[relay.index()].relay.name.clone()
    }

    /// Hands a batch to a relay.
    pub(super) fn hand(&self, relay: RelayNo, batch: Batch) {
        if let Err(refused) = self.relays[relay.index()].batches.try_send(batch) {
            // The lane is closed already: the batch comes back as if it had been called back.
            Reports::new(relay, self.sender.clone()).returned(
                refused.into_inner(),
                &Return::NotSent,
                Vec::new(),
            );
        }
    }

    /// Takes back whatever was handed out and not begun, and lets the lanes end when they are done.
    pub(super) fn call_back(&self) {
        (0..).map(RelayNo).zip(&self.relays).for_each(|(number, _)| self.call_back_from(number));
    }

    /// Takes back whatever was handed to one relay and not begun; it is handed nothing more.
    pub(super) fn call_back_from(&self, relay: RelayNo) {
        let lane = &self.relays[relay.index()];
        lane.batches.close();
        lane.withdrawal.withdraw();
        self.take_back_from(relay);
    }

    /// Takes back whatever was handed out and not begun; more may be handed out later.
    pub(super) fn take_back(&self) {
        (0..).map(RelayNo).zip(&self.relays).for_each(|(number, _)| self.take_back_from(number));
    }

    fn take_back_from(&self, relay: RelayNo) {
        let lane = &self.relays[relay.index()];
        let reports = Reports::new(relay, self.sender.clone());
        match &lane.work {
            Some(work) => work.return_waiting(&reports),
            None => Work::return_all(&lane.waiting, &reports),
        }
    }

    /// Drops every session at once. What was ended without a reply is reported as uncertain.
    pub(super) fn abort(&mut self) {
        self.call_back();
        // What is laid on a shelf after this falls with the sessions, and comes back.
        self.relays.iter_mut().for_each(|lane| lane.work = None);
        self.tasks.abort_all();
    }

    /// Lets a relay have no more sessions than it was found to bear.
    pub(super) fn bear(&self, relay: RelayNo, sessions: u32) {
        if let Some(submit) = &self.relays[relay.index()].submit {
            submit.bear(sessions);
        }
    }

    /// Notes what happened to a session; says how many the relay has open now.
    pub(super) fn note(&mut self, relay: RelayNo, event: &SessionEvent) -> u32 {
        let lane = &mut self.relays[relay.index()];
        match event {
            SessionEvent::Opened => {
                lane.sessions += 1;
                lane.login_refused = false;
            }
            SessionEvent::Closed { .. } => lane.sessions = lane.sessions.saturating_sub(1),
            SessionEvent::WithoutDsn | SessionEvent::StepsBack { .. } => {}
            SessionEvent::Failed { trouble, .. } => {
                lane.login_refused |= trouble.verdict.class == Class::Login;
            }
        }
        lane.sessions
    }

    /// Notes what a batch tells of its relay: a login may also be asked for, or refused, at MAIL.
    pub(super) fn hear(&mut self, relay: RelayNo, troubles: &[Trouble]) {
        let refused = troubles.iter().any(|trouble| trouble.verdict.class == Class::Login);
        self.relays[relay.index()].login_refused |= refused;
    }

    /// What to do about the login, where this relay does not take it.
    pub(super) fn login_advice(&self, relay: RelayNo) -> Option<&'static str> {
        let lane = &self.relays[relay.index()];
        lane.login_refused.then(|| lane.settings.login_advice())
    }

    /// Gives up what the campaign wants to be told by a relay without DSN; says whether that is news.
    pub(super) fn give_up_notifications(&mut self, relay: RelayNo) -> bool {
        let notifications = &mut self.relays[relay.index()].notifications;
        std::mem::replace(notifications, Notifications::GivenUp) == Notifications::Expected
    }

    /// Whether some relay does not take the login.
    pub(super) fn login_refused(&self) -> bool {
        self.relays.iter().any(|lane| lane.login_refused)
    }

    /// Ends every lane, with QUIT where there is a session, and the built-in servers behind them.
    pub(super) async fn close(&mut self) {
        self.call_back();
        while self.tasks.join_next().await.is_some() {}
        for server in self.servers.drain(..) {
            server.stop().await;
        }
    }
}

/// The threads that compose ahead, started when the first lane wants them.
fn makers(started: &mut Option<Makers>, state: &Path) -> Result<Makers, EngineError> {
    if let Some(makers) = started {
        return Ok(makers.clone());
    }
    let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let makers = Makers::start(cores).map_err(|source| EngineError::Io { path: state.to_owned(), source })?;
    Ok(started.insert(makers).clone())
}

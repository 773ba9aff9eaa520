//! How a run begins and goes on: the lock, the plan, the backlog, and everything a loop needs.

use std::sync::{Arc, RwLock};

use jiff::Timestamp;

use crate::campaign::Workspace;
use crate::mail::{PlanId, RelayName, RunNo, State};
use crate::schedule::Scheduler;
use crate::store::{self, History, Plan, Resolve, RunStart, Store, StoreError};

use super::attempt::Attempts;
use super::backlog::{backlog, limited};
use super::dead::Dead;
use super::desk::Desk;
use super::domains::domains;
use super::enclosed::{composer, same_files};
use super::error::EngineError;
use super::gate::JournalGate;
use super::ground::Ground;
use super::lanes::Lanes;
use super::orders::{Orders, Uncertain};
use super::picture::Picture;
use super::prepare::Planned;
use super::reading::{relay_views, stage_of};
use super::rehearsal;
use super::relays::{lane_spec, relay_use};
use super::report::exposure;
use super::run::Run;
use super::samples::Samples;
use super::settling::Wording;
use super::steer::Hold;
use super::view::Stage;

/// Whether `send` may begin: nothing of the campaign is unfinished.
///
/// # Errors
/// [`EngineError::Unfinished`], or the journal cannot be read.
pub fn may_send(workspace: &Workspace, campaign: &str) -> Result<(), EngineError> {
    let history = History::read(workspace.state_dir())?;
    match history.latest(campaign) {
        Some(run) if !run.is_finished() && !run.cancelled => {
            if let Some(pid) = history.alive {
                let path = workspace.state_dir().join("lock");
                return Err(StoreError::Locked { path, pid: Some(pid) }.into());
            }
            let stage = stage_of(run, history.alive);
            Err(EngineError::Unfinished { campaign: campaign.to_owned(), stage })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether `resume` may begin: something of the campaign is left to do.
///
/// # Errors
/// [`EngineError::NothingToResume`], or the journal cannot be read.
pub fn may_resume(workspace: &Workspace, campaign: &str, uncertain: Uncertain) -> Result<(), EngineError> {
    let history = History::read(workspace.state_dir())?;
    let Some(run) = history.latest(campaign) else {
        return Err(EngineError::NothingToResume { campaign: campaign.to_owned() });
    };
    let resends = uncertain == Uncertain::Resend && run.tally.of(State::Uncertain) > 0;
    has_work(run, resends)?;
    if resends {
        // What is sent again must be the very same message: without the plan nobody can write it.
        Plan::open(workspace.state_dir(), run.plan)?;
    }
    Ok(())
}

impl Run {
    /// Begins to send a frozen plan: takes the lock and writes down that the run begins.
    ///
    /// # Errors
    /// Another run holds the workspace, the campaign is unfinished, somebody in the plan was written to
    /// since it was made ([`EngineError::Differs`]), a password is missing, or the state
    /// cannot be written.
    pub fn send(desk: Desk, planned: &Planned, orders: Orders) -> Result<Self, EngineError> {
        Self::send_on(Ground::machine(), desk, planned, orders)
    }

    /// The same on that ground.
    pub(super) fn send_on(
        mut ground: Ground,
        desk: Desk,
        planned: &Planned,
        orders: Orders,
    ) -> Result<Self, EngineError> {
        let store = ground.open(&desk)?;
        let history = may_send_now(&desk, &store)?;
        let plan = Arc::new(Plan::open(desk.workspace.state_dir(), planned.id)?);
        desk.nobody_twice(&plan, &history)?;
        let lanes = Lanes::prepare(&desk, planned.id, ground.relays.take())?;
        let start = RunStart {
            plan: planned.id,
            campaign: desk.campaign.name.clone(),
            edition: planned.content.edition,
            recipients: plan.len(),
            batches: plan.batches().len(),
            sandbox: desk.is_sandbox(),
            relays: desk.relays.iter().map(relay_use).collect(),
        };
        let at = store.believe(&ground.clock.moment());
        if desk.is_sandbox() {
            rehearsal::clear(&rehearsal::folder(desk.workspace.state_dir(), planned.id))?;
        }
        let number = store.begin(&start, at)?;
        let notes = store.notes().iter().map(ToString::to_string).collect();
        Self::assemble(Parts { desk, store, ground, plan, number, orders, lanes, notes, started: at })
    }

    /// Goes on with the campaign's last run exactly where it stood. Ask [`may_resume`] before: here the lock
    /// is taken first.
    ///
    /// # Errors
    /// Nothing is left to do, another run holds the workspace, a password is missing, or the state cannot
    /// be read or written.
    pub fn resume(desk: Desk, orders: Orders) -> Result<Self, EngineError> {
        Self::resume_on(Ground::machine(), desk, orders)
    }

    /// The same on that ground.
    pub(super) fn resume_on(mut ground: Ground, desk: Desk, orders: Orders) -> Result<Self, EngineError> {
        let state = desk.workspace.state_dir().to_owned();
        let store = ground.open(&desk)?;
        let found = store.history().latest(&desk.campaign.name).cloned();
        let run =
            found.ok_or_else(|| EngineError::NothingToResume { campaign: desk.campaign.name.clone() })?;
        let doubted = store.uncertain(run.no);
        let resends = orders.uncertain == Uncertain::Resend && !doubted.is_empty();
        has_work(&run, resends)?;
        if run.sandbox != desk.is_sandbox() {
            let began = if run.sandbox { "sandbox relays" } else { "real relays" };
            return Err(EngineError::Differs { what: vec![format!("the run began through {began}")] });
        }
        let plan = Arc::new(Plan::open(&state, run.plan)?);
        same_files(&desk.workspace, &plan.head().content)?;
        let lanes = Lanes::prepare(&desk, run.plan, ground.relays.take())?;
        let dead = Dead::after(&run, desk.terms(run.no));
        let at = store.believe(&ground.clock.moment());
        if resends {
            store.resolve(run.no, &doubted, Resolve::Resend, at)?;
        }
        let uses: Vec<store::RelayUse> = desk.relays.iter().map(relay_use).collect();
        store.reopen(run.no, &uses, at)?;
        let mut notes: Vec<String> = store.notes().iter().map(ToString::to_string).collect();
        let edits = desk.edits(&plan)?;
        if !edits.is_empty() {
            notes.push(format!("edited since the plan was frozen, and not heeded: {}", edits.join(", ")));
        }
        let mut begun = Self::assemble(Parts {
            desk,
            store,
            ground,
            plan,
            number: run.no,
            orders,
            lanes,
            notes,
            started: run.started,
        })?;
        // Those who are written to again count for no relay any more.
        let run = if resends { begun.store.history().run(run.no).cloned().unwrap_or(run) } else { run };
        begun.picture.before = relay_views(&run);
        begun.dead = dead;
        Ok(begun)
    }

    fn assemble(parts: Parts) -> Result<Self, EngineError> {
        let Parts { desk, store, ground, plan, number, orders, mut lanes, notes, started } = parts;
        let Ground { clock, rhythm, .. } = ground;
        let head = plan.head();
        let content = Arc::new(head.content.clone());
        let composer = Arc::new(composer(&desk.workspace, Arc::clone(&content), &desk.keys()?, plan.id())?);
        let at = store.believe(&clock.moment());
        let names: Vec<RelayName> = desk.relays.iter().map(|relay| relay.name.clone()).collect();
        let batches = Arc::new(plan.batches().clone());
        let mut left = backlog(number, &store.backlog(number)?, &batches, &names, at);
        left.domains = domains(&desk.relays, || Ok(Arc::clone(&plan)))?;
        if let Some(limit) = orders.limit {
            left = limited(number, left, limit);
        }
        let specs: Vec<_> = desk.relays.iter().map(lane_spec).collect();
        let seed = u64::from(number.0) ^ u64::from_be_bytes(seed_octets(plan.id()));
        let scheduler = Scheduler::new(desk.terms(number), &specs, &store.usage(), left, seed);
        let suppressed = Arc::new(RwLock::new(store.suppressions().keys().collect()));
        let notify = desk.campaign.notify.clone();
        let attempts = Attempts {
            plan: Arc::clone(&plan),
            composer,
            suppressed: Arc::clone(&suppressed),
            notify,
            clock: clock.clone(),
        };
        let signer = desk.signer_of(content.from.address.domain())?;
        lanes.compose_with(&attempts.into_compose(), &content.reverse_path, signer.as_ref());
        let store = Arc::new(store);
        let max_uncertain = desk.campaign.max_uncertain;
        let announced = exposure(&desk.relays, &specs, content.mode, max_uncertain);
        let open = max_uncertain.min(announced);
        let gate = JournalGate::new(Arc::clone(&store), Arc::clone(&plan), clock.clone(), open);
        let mut picture = Picture::new(&content, plan.id(), plan.batches(), head.excluded);
        picture.sandbox = desk.is_sandbox();
        picture.started = Some(started);
        let kept = desk.is_sandbox().then(|| rehearsal::folder(desk.workspace.state_dir(), plan.id()));
        Ok(Self {
            store,
            number,
            plan,
            scheduler,
            lanes,
            gate: Arc::new(gate),
            suppressed,
            dead: Dead::default(),
            samples: Samples::default(),
            wording: Wording::default(),
            picture,
            orders,
            clock,
            rhythm,
            notes,
            kept,
            hold: Hold::Off,
            stopping: None,
            waiting: None,
        })
    }
}

/// What a run is put together from.
struct Parts {
    desk: Desk,
    store: Store,
    ground: Ground,
    plan: Arc<Plan>,
    number: RunNo,
    orders: Orders,
    lanes: Lanes,
    notes: Vec<String>,
    started: Timestamp,
}

/// Whether a run has something left to do; it has if uncertain recipients are written to again, and if it
/// was cut off before it could come to its end.
fn has_work(run: &store::Run, resends: bool) -> Result<(), EngineError> {
    let is_over = run.is_finished() && run.ended.is_some();
    if run.cancelled || (is_over && !resends) {
        return Err(EngineError::NothingToResume { campaign: run.campaign.clone() });
    }
    Ok(())
}

/// The same question as [`may_send`], asked again by whoever holds the lock; with all that it is answered by.
fn may_send_now(desk: &Desk, store: &Store) -> Result<History, EngineError> {
    let history = store.history();
    match history.latest(&desk.campaign.name) {
        Some(run) if !run.is_finished() && !run.cancelled => {
            Err(EngineError::Unfinished { campaign: desk.campaign.name.clone(), stage: Stage::Interrupted })
        }
        Some(_) | None => Ok(history),
    }
}

fn seed_octets(plan: PlanId) -> [u8; 8] {
    let (head, _) = plan.0.split_first_chunk::<8>().expect("an id has 16 octets");
    *head
}

//! The life of one seed: a campaign is sent, cut off, resumed, as often as it takes; everything is judged.
//!
//! First come processes in bad weather, then quiet ones until nobody is left. Between two of them time passes,
//! the power comes back, the operator decides about those in doubt.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::runtime;
use tokio::sync::mpsc::{channel, unbounded_channel};

use crate::engine::clock::Clock;
use crate::engine::ground::{Ground, Rhythm};
use crate::engine::shutdown::Shutdown;
use crate::engine::{Cause, Ending, EngineError, Event, Orders, Run, Uncertain, Wait};
use crate::mail::Tally;
use crate::relay::Submit;
use crate::store::StoreError;

use super::chance::{Chance, mix};
use super::checks;
use super::relay::Simulated;
use super::scenario::{Drawn, Faults, draw};
use super::stage::Stage;
use super::weather::Weather;
use super::world::{Powered, State, World};

/// Processes in bad weather, at most.
const STORMY: u64 = 5;
/// Quiet processes until nobody may be left.
const QUIET: u64 = 40;
/// The longest that one process may take, in seconds of virtual time: more than any list of quotas.
const LONGEST: u64 = 200 * 24 * 3600;

/// What came of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outlived {
    /// A hash over all that happened.
    pub(super) hash: u64,
    /// Processes it took, and how many of them were cut off.
    pub(super) processes: u64,
    pub(super) crashes: u64,
    /// Where everybody stands at the end.
    pub(super) tally: Tally,
}

/// How a process ended.
enum Ended {
    /// By itself.
    Well(Box<Ending>),
    /// It could not begin, or could not go on.
    Refused(EngineError),
    /// The world stands still.
    Cut,
}

/// What one process is put through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Season {
    Stormy,
    Quiet,
}

/// One seed from its beginning to its end.
pub(super) struct Life {
    world: Arc<World>,
    drawn: Drawn,
    processes: u64,
    crashes: u64,
}

impl Life {
    /// Lives the life of a seed.
    ///
    /// # Errors
    /// What must never be, and what led there.
    pub(super) fn live(stage: &Stage, seed: u64) -> Result<Outlived, String> {
        stage.sweep();
        let mut chance = Chance::new(mix(seed));
        let drawn = draw(stage, &mut chance);
        let world = Arc::new(World::new(drawn.scenario.clone(), chance));
        let mut life = Self { world, drawn, processes: 0, crashes: 0 };
        let lived = life.go();
        life.world.with(|state| {
            let wrong = state.wrong.clone().or(lived.err());
            match wrong {
                Some(words) => Err(format!("seed {seed}: {words}\n{}{}", life.drawn, state.trace)),
                None => Ok(Outlived {
                    hash: state.trace.hash(),
                    processes: life.processes,
                    crashes: life.crashes,
                    tally: checks::tally(state),
                }),
            }
        })
    }

    fn go(&mut self) -> Result<(), String> {
        let stormy = self.world.with(|state| state.chance.within(1..=STORMY));
        for _ in 0..stormy {
            if self.process(Season::Stormy)? {
                return self.world.with(checks::everybody_is_done);
            }
        }
        self.calm();
        for _ in 0..QUIET {
            if self.process(Season::Quiet)? {
                return self.world.with(checks::everybody_is_done);
            }
        }
        Err(format!("I3: somebody is left after {QUIET} quiet runs"))
    }

    /// The weather clears: whatever is left goes through now.
    fn calm(&mut self) {
        let send = &mut self.drawn.desk.campaign;
        (send.stop_if.rejected, send.stop_if.after) = (1.0, u64::MAX);
        self.world.with(|state| {
            state.note("it clears", (0, 0));
            state.scenario.faults = Faults::default();
            for character in &mut state.scenario.characters {
                character.most = 1_000;
            }
            for provider in state.servers.providers.values_mut() {
                provider.secret = None;
            }
        });
    }

    /// One process; says whether nothing is left to do.
    fn process(&mut self, season: Season) -> Result<bool, String> {
        self.processes += 1;
        let (cut_at, fails) = self.world.with(|state| {
            let mut chance = |one_in, most| state.chance.one_in(one_in).then(|| state.chance.size(most));
            match season {
                Season::Stormy => (chance(2, 5_000), chance(4, 400)),
                Season::Quiet => (None, None),
            }
        });
        self.world.with(|state| {
            if let Some(more) = fails {
                state.disk.fail_after(more);
            }
            let already = (self.processes, cut_at.unwrap_or_default());
            state.trace.note(state.time.now(), "a process begins", already);
        });
        let runtime = runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without threads");
        let ended = runtime.block_on(async {
            let ended = self.begin(season, cut_at.unwrap_or(u64::MAX)).await;
            // Before its runtime, and with it virtual time, is no more.
            self.world.with(|state| state.time.end());
            ended
        });
        drop(runtime);
        if let Some(words) = self.world.with(|state| state.wrong.clone()) {
            return Err(words);
        }
        let over = self.ended(ended)?;
        self.between(season);
        Ok(over)
    }

    async fn begin(&self, season: Season, cut_at: u64) -> Ended {
        let world = &self.world;
        let orders = world.with(|state| {
            state.begin(cut_at);
            let wait =
                if season == Season::Quiet || state.chance.one_in(2) { Wait::ForWork } else { Wait::Never };
            let limit = (season == Season::Stormy && state.chance.one_in(6)).then(|| state.chance.size(200));
            let resends = state.chance.one_in(3);
            let uncertain = if resends { Uncertain::Resend } else { Uncertain::Skip };
            Orders { wait, limit, uncertain, ..Orders::default() }
        });
        let run = match self.run(orders, season) {
            Ok(run) => run,
            Err(_) if world.with(|state| state.is_still()) => {
                world.with(State::crash);
                return Ended::Cut;
            }
            Err(error) => return Ended::Refused(error),
        };
        let (store, number) = (Arc::clone(&run.store), run.number);
        world.with(|state| checks::agrees(state, &store, number));
        let ((signals, heard), (requests, asked)) = (unbounded_channel(), channel(16));
        let (events, mut told) = unbounded_channel();
        let weather = Weather { world: Arc::clone(world), plan: Arc::clone(&run.plan), signals, requests };
        let driven = Powered::new(world, run.attend(Shutdown::hear(heard), (None, asked), events));
        let befallen = match season {
            Season::Stormy => Some(tokio::spawn(Powered::new(world, weather.befall()))),
            Season::Quiet => {
                // Its channels stay open.
                Some(tokio::spawn(async move {
                    std::future::pending::<Weather>().await;
                    drop(weather);
                }))
            }
        };
        let ended = tokio::select! {
            biased;
            () = world.stands_still() => Ended::Cut,
            ended = driven => match ended {
                Ok(ending) => Ended::Well(Box::new(ending)),
                Err(error) => Ended::Refused(error),
            },
            () = tokio::time::sleep(std::time::Duration::from_secs(LONGEST)) => {
                world.with(|state| state.fail("liveness: a process does not end".to_owned()));
                Ended::Cut
            }
        };
        // What it says with its last breath, nobody hears.
        let ended = if world.with(|state| state.is_still()) { Ended::Cut } else { ended };
        drop(befallen);
        while let Ok(event) = told.try_recv() {
            if let Event::Note(note) = event {
                world.with(|state| state.trace.tell(note));
            }
        }
        let moment = world.with(|state| state.time.moment());
        world.with(|state| state.time.believed(store.believe(&moment)));
        if let Ended::Cut = &ended {
            // Before anything is dropped that could still write.
            world.with(State::crash);
        }
        if let Ended::Well(ending) = &ended {
            world.with(|state| {
                state.read_journal();
                checks::agrees(state, &store, number);
                checks::ends_as_it_says(state, ending);
            });
        }
        ended
    }

    fn run(&self, orders: Orders, season: Season) -> Result<Run, EngineError> {
        let world = &self.world;
        let told = Arc::clone(world);
        let clock = Clock::Told(Arc::new(move || told.with(|state| state.time.moment())));
        let (medium, faults, begun) = world.with(|state| {
            state.read_journal();
            checks::bound(state, &self.drawn.desk, &self.drawn.planned.content);
            (state.disk.clone(), state.scenario.faults, state.judge.begun)
        });
        let relays = (0..self.drawn.desk.relays.len())
            .map(|place| Arc::new(Simulated::new(world, place, faults)) as Arc<dyn Submit>);
        let longest: i64 = if season == Season::Quiet { 6 * 3600 } else { 600 };
        let rhythm = Rhythm {
            beat: std::time::Duration::from_secs(longest.unsigned_abs()),
            longest_sleep: SignedDuration::from_secs(longest),
        };
        let ground = Ground { clock, disk: Some(Box::new(medium)), relays: Some(relays.collect()), rhythm };
        let desk = self.drawn.desk.clone();
        if begun {
            Run::resume_on(ground, desk, orders)
        } else {
            Run::send_on(ground, desk, &self.drawn.planned, orders)
        }
    }

    /// What follows from how a process ended; says whether nothing is left to do.
    fn ended(&mut self, ended: Ended) -> Result<bool, String> {
        match ended {
            Ended::Well(ending) => {
                let left = ending.recipients.pending + ending.recipients.deferred;
                self.world.with(|state| {
                    state.note(why(ending.cause), (left, ending.recipients.uncertain));
                });
                Ok(false)
            }
            Ended::Cut => {
                self.crashes += 1;
                Ok(false)
            }
            Ended::Refused(EngineError::NothingToResume { .. }) => Ok(true),
            Ended::Refused(EngineError::Store(StoreError::Clock { .. })) => {
                self.world.with(|state| {
                    state.note("the clock is not believed", (0, 0));
                    // Somebody sets it right; it was ahead before, if not by much.
                    state.time.correct();
                    state.time.pass(16 * 60_000);
                });
                Ok(false)
            }
            Ended::Refused(EngineError::Store(StoreError::Full { .. })) => {
                self.world.with(|state| state.note("it is full", (0, 0)));
                Ok(false)
            }
            Ended::Refused(EngineError::Store(StoreError::Poisoned(_) | StoreError::Io { .. })) => {
                self.world.with(|state| state.note("the journal has failed", (0, 0)));
                Ok(false)
            }
            Ended::Refused(error) => Err(format!("a process may not begin or go on: {error}")),
        }
    }

    /// Time between two processes: the disk is as the crash has left it, clocks go on.
    fn between(&mut self, season: Season) {
        self.world.with(|state| {
            let ended = !state.is_still();
            if ended {
                state.disk = state.disk.left();
            }
            state.disk.set_capacity(u64::MAX / 2);
            if !ended && state.chance.one_in(2) || season == Season::Quiet {
                state.time.reboot();
            }
            state.read_journal();
            if !state.judge.begun {
                // What the first record of a boot says is believed.
                state.time.correct();
            }
            let pause = match state.chance.within(0..=3) {
                0 => 0,
                1 => state.chance.size(10_000),
                2 => state.chance.size(4_000_000),
                _ => state.chance.size(100_000_000),
            };
            state.time.pass(i64::try_from(pause).expect("small"));
            state.note("time passes", (pause, u64::from(ended)));
            if state.chance.one_in(8) {
                checks::recovers_to_the_same(state, &self.drawn.desk);
            }
        });
    }
}

/// Why a run ended, for the trace.
fn why(cause: Option<Cause>) -> &'static str {
    match cause {
        None => "it is finished",
        Some(Cause::Quota) => "it ended: a quota",
        Some(Cause::Window) => "it ended: not now",
        Some(Cause::Limit) => "it ended: as many as it was to send",
        Some(Cause::StopIf) => "it ended: too many refused",
        Some(Cause::Signal) => "it ended: a signal",
        Some(Cause::NoRelay) => "it ended: no relay",
        Some(Cause::Crash) => "it ended: the journal",
        Some(Cause::Pause | Cause::Cancelled) => "it ended: another terminal",
    }
}

//! What befalls a process beside its line: clocks that jump, a machine that sleeps, an operator who says stop
//! or suppresses people, a disk that is full, fails, or loses its power.

use std::sync::Arc;

use tokio::sync::mpsc::{Sender, UnboundedSender};
use tokio::sync::oneshot;

use crate::engine::Change;
use crate::engine::control::{Answer, Asked, Request};
use crate::mail::{Address, RecipientNo, Suppression};
use crate::store::{Disk, Plan};

use super::scenario::Clocks;
use super::session::pause;
use super::time::at;
use super::world::World;

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

/// How an operator reaches a process, and what is known of its plan.
pub(super) struct Weather {
    pub(super) world: Arc<World>,
    pub(super) plan: Arc<Plan>,
    pub(super) signals: UnboundedSender<i32>,
    pub(super) requests: Sender<Asked>,
}

impl Weather {
    /// Lets things happen, some of them soon and some late, for as long as the process lives.
    pub(super) async fn befall(self) {
        loop {
            let (wait, what) = self.world.with(|state| {
                let wait = state.chance.size(40_000_000);
                (wait, state.chance.within(0..=11))
            });
            pause(wait).await;
            match what {
                0 | 1 => self.jump(),
                2 => self.sleep(),
                3..=5 => self.suppress().await,
                6 => self.forgive().await,
                7 => self.interrupt().await,
                8 => self.fill(),
                9 => self.break_disk(),
                _ => {}
            }
        }
    }

    fn jump(&self) {
        self.world.with(|state| {
            if state.scenario.clocks == Clocks::Jumping {
                let by = i64::try_from(state.chance.within(0..=2 * 26 * 3_600_000)).expect("small");
                if state.time.is_wrong() && state.chance.one_in(2) {
                    state.time.correct();
                } else {
                    state.time.jump(by - 26 * HOUR);
                }
                state.note("the clock jumps", (by.unsigned_abs(), 0));
            }
        });
    }

    fn sleep(&self) {
        self.world.with(|state| {
            if state.scenario.clocks == Clocks::Jumping {
                let span = state.chance.size(12 * 3_600_000);
                state.time.pass(i64::try_from(span).expect("small"));
                state.note("the machine sleeps", (span, 0));
            }
        });
    }

    fn some(&self) -> (Vec<RecipientNo>, Vec<Address>) {
        let all = u64::from(self.plan.len());
        let places: Vec<RecipientNo> = self.world.with(|state| {
            let count = state.chance.size(4);
            let mut place = || u32::try_from(state.chance.within(0..=all - 1)).expect("few");
            (0..count).map(|_| RecipientNo(place())).collect()
        });
        let address = |place: &RecipientNo| self.plan.recipient(*place).expect("a row").address;
        let addresses = places.iter().map(address).collect();
        (places, addresses)
    }

    async fn suppress(&self) {
        let (places, addresses) = self.some();
        let added = self.world.with(|state| at(state.time.now()));
        let entry = |address| Suppression { address, reason: "by chance".to_owned(), added };
        if self.ask(Change::Add(addresses.into_iter().map(entry).collect())).await {
            self.world.with(|state| {
                state.read_journal();
                state.note("suppressed", (places.len() as u64, 0));
                let disk = state.disk.clone();
                state.judge.bar(&disk, places);
            });
        }
    }

    async fn forgive(&self) {
        let (places, addresses) = self.some();
        // From when it is asked for, as it may be heeded before it is answered.
        self.world.with(|state| state.judge.unbar(places));
        self.ask(Change::Remove(addresses)).await;
    }

    async fn ask(&self, change: Change) -> bool {
        let (answer, answered) = oneshot::channel();
        if self.requests.send((Request::Suppress(change), answer)).await.is_err() {
            return false;
        }
        matches!(answered.await, Ok(Answer::Changed(_)))
    }

    async fn interrupt(&self) {
        let (kind, again) = self.world.with(|state| {
            state.note("interrupt", (0, 0));
            (*state.chance.pick(&[2, 15]), state.chance.size(100_000))
        });
        // Who has ended hears nothing.
        let _ = self.signals.send(kind);
        pause(again).await;
        let _ = self.signals.send(kind);
    }

    fn fill(&self) {
        self.world.with(|state| {
            let free = state.chance.size(2 << 20);
            let used: u64 = state.disk.segments().expect("a list").iter().map(|(_, octets)| octets).sum();
            state.disk.set_capacity(used + free);
            state.note("little room is left", (free, 0));
        });
    }

    fn break_disk(&self) {
        self.world.with(|state| {
            let more = state.chance.size(20);
            if state.chance.one_in(2) {
                state.disk.fail_after(more);
            } else {
                state.disk.fail_sync_after(more);
            }
            state.note("the disk is about to fail", (more, 0));
        });
    }
}

//! Messages made ahead of the sessions, by threads of their own.
//!
//! What takes long to compose, as a signature does, must not be done where replies are waited for: it would
//! hold up every session of that thread. [`Makers`] are such threads, one a core, shared by all relays of a
//! run. For each relay an [`Ahead`] hands them batches in the order of its channel, and lays what they made on
//! a shelf in that same order, for the sessions to take. The shelf is bounded in octets, and what is on it is
//! withdrawn when work is called back. A batch that is neither taken nor answered comes back: whatever is
//! dropped, its fall says so.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use async_channel::{Receiver, Sender};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::submit::{Compose, Reports, Unsendable};
use crate::mail::{Batch, Message, Return};

/// Octets on the shelf of one relay, in KiB: what any relay takes while a core makes the next.
const SHELF_KIB: u32 = 2048;
/// What the smallest message takes of it, in KiB: so no more than 128 lie there.
const LEAST_KIB: u32 = 16;

/// What came of a batch: its message, or why there is none.
type Made = Result<Message, Unsendable>;

/// One batch to be made into a message.
struct Order {
    batch: Batch,
    compose: Arc<Compose>,
    answer: oneshot::Sender<Made>,
}

/// The threads that compose. Clones share them; they end with the last clone.
#[derive(Debug, Clone)]
pub struct Makers {
    orders: Sender<Order>,
    threads: NonZeroUsize,
}

impl Makers {
    /// Starts so many threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let (orders, waiting) = async_channel::unbounded::<Order>();
        for number in 1..=threads.get() {
            let waiting = waiting.clone();
            thread::Builder::new().name(format!("maker-{number}")).spawn(move || make(&waiting))?;
        }
        Ok(Self { orders, threads })
    }

    /// How many batches of one relay may be with the threads at once, where the last message took `kib` of the
    /// shelf. As many as fit on it, as each turn of a thread costs a wait for the processor, which a busy machine
    /// makes long; of large messages, enough that no thread is idle when another asks.
    fn most_at_once(&self, kib: u32) -> usize {
        let fitting = usize::try_from(SHELF_KIB / kib).unwrap_or(usize::MAX);
        fitting.max(self.threads.get() * 2)
    }
}

fn make(orders: &Receiver<Order>) {
    while let Ok(Order { batch, compose, answer }) = orders.recv_blocking() {
        // A defect of the composer costs its batch an attempt, and no thread: without an answer it comes back.
        if let Ok(made) = catch_unwind(AssertUnwindSafe(|| compose(batch))) {
            // Nobody waits for it any more only when the run is given up.
            let _ = answer.send(made);
        }
    }
}

/// A batch that comes back unless it is [settled](Self::settle) otherwise.
struct Pledge {
    batch: Option<Batch>,
    reports: Reports,
}

impl Pledge {
    fn settle(mut self) {
        self.batch = None;
    }
}

impl Drop for Pledge {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.reports.returned(batch, &Return::NotSent, Vec::new());
        }
    }
}

/// What lies on the shelf. Dropped, its batch comes back as it was handed out.
pub(super) struct Ready {
    made: Made,
    pledge: Pledge,
    _room: OwnedSemaphorePermit,
}

impl Ready {
    /// Takes it off the shelf; whoever does answers for it from then on.
    pub(super) fn take(self) -> Made {
        self.pledge.settle();
        self.made
    }

    /// Takes the batch off the shelf as it was handed out, and what was made of it away.
    pub(super) fn take_batch(mut self) -> Batch {
        self.pledge.batch.take().expect("a pledge has its batch until it is settled")
    }
}

/// Hands the batches of one relay to the [`Makers`] and lays what they make in order on the shelf.
pub struct Ahead {
    batches: Receiver<Batch>,
    compose: Arc<Compose>,
    makers: Makers,
    reports: Reports,
    shelf: Sender<Ready>,
    withdrawn: Withdrawal,
}

/// Takes back what was made ahead. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Withdrawal(CancellationToken);

impl Withdrawal {
    /// From now on nothing more is made, and what is being made comes back. What lies on the shelf is for
    /// [`Work::return_waiting`](super::Work::return_waiting).
    pub fn withdraw(&self) {
        self.0.cancel();
    }
}

impl Ahead {
    /// Makes messages of `batches` by `compose` on the threads of `makers`; what is made comes out of the
    /// second part, in order.
    pub(super) fn new(
        batches: Receiver<Batch>,
        compose: Arc<Compose>,
        makers: Makers,
        reports: Reports,
        withdrawn: Withdrawal,
    ) -> (Self, Receiver<Ready>) {
        // Bounded by the room for octets.
        let (shelf, ready) = async_channel::unbounded();
        (Self { batches, compose, makers, reports, shelf, withdrawn }, ready)
    }

    /// Works until the batches are over, or all is withdrawn.
    pub async fn run(self) {
        let withdrawn = self.withdrawn.clone();
        tokio::select! {
            biased;
            () = withdrawn.0.cancelled() => {}
            () = self.fill() => {}
        }
    }

    async fn fill(self) {
        let room = Arc::new(Semaphore::new(SHELF_KIB as usize));
        let mut under_way = FuturesOrdered::new();
        let mut is_over = false;
        // The first may be large.
        let mut kib = SHELF_KIB;
        while !(is_over && under_way.is_empty()) {
            let may_begin = !is_over && under_way.len() < self.makers.most_at_once(kib);
            tokio::select! {
                Some(made) = under_way.next(), if !under_way.is_empty() => {
                    if let Some((made, pledge)) = made {
                        kib = room_of(&made);
                        let Ok(granted) = Arc::clone(&room).acquire_many_owned(kib).await else { return };
                        // Refused, it falls, and its batch comes back.
                        let _ = self.shelf.try_send(Ready { made, pledge, _room: granted });
                    }
                }
                batch = self.batches.recv(), if may_begin => match batch {
                    Ok(batch) => under_way.push_back(self.begin(batch)),
                    Err(_) => is_over = true,
                },
            }
        }
    }

    /// Hands a batch to the threads. The future gives what they made of it, or nothing if they could not.
    fn begin(&self, batch: Batch) -> impl Future<Output = Option<(Made, Pledge)>> + use<> {
        let pledge = Pledge { batch: Some(batch.clone()), reports: self.reports.clone() };
        let (answer, made) = oneshot::channel();
        let order = Order { batch, compose: Arc::clone(&self.compose), answer };
        // Refused, it falls, and with it the answer.
        let _ = self.makers.orders.try_send(order);
        async move {
            let made = made.await.ok()?;
            Some((made, pledge))
        }
    }
}

/// What a message takes of the shelf, in KiB: a larger one than the whole of it lies there alone.
fn room_of(made: &Made) -> u32 {
    let octets = made.as_ref().map_or(0, |message| message.octets.len());
    u32::try_from(octets / 1024 + 1).unwrap_or(SHELF_KIB).clamp(LEAST_KIB, SHELF_KIB)
}

#[cfg(test)]
mod tests;

//! Order, bounds and what becomes of batches that nobody takes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::super::submit::{Report, Work};
use super::*;
use crate::mail::{Address, BatchId, Digest, Envelope, Outcome, RecipientNo, RelayNo, RunNo};

/// No test waits so long for anything that comes.
const PATIENCE: Duration = Duration::from_secs(10);

fn batch(number: u32) -> Batch {
    let id = BatchId { run: RunNo(1), number, part: 0 };
    Batch { id, attempt: 1, date: None, recipients: vec![RecipientNo(number)] }
}

fn message(batch: Batch, octets: usize) -> Message {
    let to = Address::parse("ada@example.net").expect("an address");
    Message {
        batch,
        envelope: Envelope { reverse_path: None, forward_paths: vec![to], notify: None },
        octets: Bytes::from(vec![b'x'; octets]),
        digest: Digest([0; 16]),
        eight_bit: false,
        tail: Vec::new(),
    }
}

/// A relay's work made ahead, and what is told of it.
struct Shelf {
    batches: Sender<Batch>,
    work: Work,
    reports: Reports,
    told: UnboundedReceiver<Report>,
    withdrawal: Withdrawal,
}

impl Shelf {
    fn new(threads: usize, compose: Arc<Compose>) -> Self {
        let (batches, waiting) = async_channel::unbounded();
        let (sender, told) = unbounded_channel();
        let (reports, withdrawal) = (Reports::new(RelayNo(0), sender), Withdrawal::default());
        let makers = Makers::start(NonZeroUsize::new(threads).expect("some")).expect("threads");
        let (work, ahead) = Work::made_ahead(waiting, compose, makers, reports.clone(), withdrawal.clone());
        tokio::spawn(ahead.run());
        Self { batches, work, reports, told, withdrawal }
    }

    fn hand(&self, numbers: std::ops::Range<u32>) {
        numbers.for_each(|number| self.batches.try_send(batch(number)).expect("room"));
    }

    async fn next(&self) -> Option<u32> {
        let next = tokio::time::timeout(PATIENCE, self.work.next(&self.reports)).await;
        next.expect("it comes").map(|message| message.batch.id.number)
    }

    /// The next batch that comes back unsent.
    async fn returned(&mut self) -> u32 {
        let report = tokio::time::timeout(PATIENCE, self.told.recv()).await.expect("it comes").expect("told");
        let Report::Settled(settled) = report else { panic!("{report:?}") };
        assert_eq!(settled.deliveries[0].outcome, Outcome::Returned(Return::NotSent));
        settled.batch.id.number
    }
}

#[tokio::test]
async fn messages_come_in_the_order_of_their_batches_however_long_each_takes() {
    let compose = |batch: Batch| {
        // Some take long: work that the compiler cannot leave out, in place of a sleep.
        let steps = if batch.id.number.is_multiple_of(3) { 20_000_u64 } else { 1 };
        std::hint::black_box((0..steps).fold(0, |sum, step| std::hint::black_box(sum ^ step)));
        Ok(message(batch, 10))
    };
    let shelf = Shelf::new(4, Arc::new(compose));
    shelf.hand(0..500);
    shelf.batches.close();
    for number in 0..500 {
        assert_eq!(shelf.next().await, Some(number));
    }
    assert_eq!(shelf.next().await, None);
    assert!(shelf.work.is_over());
}

#[tokio::test]
async fn the_shelf_is_bounded_in_octets() {
    let composed = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&composed);
    let compose = move |batch| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(message(batch, 1 << 20))
    };
    let shelf = Shelf::new(1, Arc::new(compose));
    shelf.hand(0..100);
    // One is taken, so the others had the time to be made as far as they may.
    assert_eq!(shelf.next().await, Some(0));
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    // One on the shelf, one that waits for room, two with the thread, and the one that was taken.
    assert!(composed.load(Ordering::SeqCst) <= 6);
    for number in 1..100 {
        assert_eq!(shelf.next().await, Some(number));
    }
}

#[tokio::test]
async fn whatever_is_withdrawn_comes_back_once() {
    let mut shelf = Shelf::new(2, Arc::new(|batch| Ok(message(batch, 1 << 20))));
    shelf.hand(0..20);
    assert_eq!(shelf.next().await, Some(0));
    shelf.batches.close();
    shelf.withdrawal.withdraw();
    let mut back = Vec::new();
    while back.len() < 19 {
        shelf.work.return_waiting(&shelf.reports);
        back.push(shelf.returned().await);
    }
    back.sort_unstable();
    assert_eq!(back, (1..20).collect::<Vec<_>>());
    assert_eq!(shelf.next().await, None);
    assert!(shelf.work.is_over() && shelf.told.try_recv().is_err());
}

#[tokio::test]
async fn a_batch_whose_making_panics_comes_back_and_the_threads_go_on() {
    let compose = |batch: Batch| {
        assert_ne!(batch.id.number, 1, "a defect of the composer");
        Ok(message(batch, 10))
    };
    let mut shelf = Shelf::new(1, Arc::new(compose));
    shelf.hand(0..3);
    assert_eq!(shelf.next().await, Some(0));
    assert_eq!(shelf.next().await, Some(2));
    assert_eq!(shelf.returned().await, 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_reported_when_its_turn_comes() {
    let compose = |batch: Batch| match batch.id.number {
        0 => Err(Unsendable::whole(batch, &Outcome::Suppressed)),
        _ => Ok(message(batch, 10)),
    };
    let mut shelf = Shelf::new(1, Arc::new(compose));
    shelf.hand(0..2);
    assert_eq!(shelf.next().await, Some(1));
    let Ok(Report::Settled(settled)) = shelf.told.try_recv() else { panic!("no settlement") };
    assert_eq!((settled.batch, &settled.deliveries[0].outcome), (batch(0), &Outcome::Suppressed));
    assert!(shelf.told.try_recv().is_err());
}

#[tokio::test]
async fn a_batch_is_taken_as_it_was_handed_out() {
    let compose = |mut batch: Batch| {
        batch.attempt = 9;
        Ok(message(batch, 10))
    };
    let mut shelf = Shelf::new(1, Arc::new(compose));
    shelf.hand(0..1);
    let taken = tokio::time::timeout(PATIENCE, shelf.work.next_batch()).await.expect("it comes");
    assert_eq!(taken, Some(batch(0)));
    assert!(shelf.told.try_recv().is_err());
}

//! How far the journal is durable, for those who wait for it without its lock.
//!
//! A [`Durable`] names one record and is ready as soon as the mark has reached it, so whoever holds several
//! and waits for the first finds the others of its commit ready at the same time. Only what waits has an
//! entry; all entries that a commit covers are woken together, after it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use super::error::StoreError;
use super::frame::Lsn;

/// The last record that is durable, and why no other ever will be.
#[derive(Debug)]
pub(super) struct Watermark {
    reached: AtomicU64,
    failed: OnceLock<Arc<StoreError>>,
    /// Whom to wake when a record is durable.
    sleepers: Mutex<Vec<(Lsn, Waker)>>,
}

impl Watermark {
    /// Everything up to `durable` is durable.
    pub(super) fn new(durable: Lsn) -> Self {
        Self { reached: AtomicU64::new(durable.0), failed: OnceLock::new(), sleepers: Mutex::default() }
    }

    /// A future that ends well when the record `lsn` is durable.
    pub(super) fn durable(self: &Arc<Self>, lsn: Lsn) -> Durable {
        Durable { lsn, mark: Arc::clone(self) }
    }

    /// Everything up to `durable` is durable from now on.
    pub(super) fn rise(&self, durable: Lsn) {
        self.reached.fetch_max(durable.0, Ordering::AcqRel);
        self.wake(|lsn| lsn <= durable);
    }

    /// Nothing more will be durable.
    pub(super) fn fail(&self, cause: Arc<StoreError>) {
        // The first cause is the one that counts.
        let _ = self.failed.set(cause);
        self.wake(|_| true);
    }

    fn sleepers(&self) -> MutexGuard<'_, Vec<(Lsn, Waker)>> {
        // An entry is added or removed whole, so a panic leaves nothing half done.
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those whose record is `covered`; outside of the lock, as they may ask again at once.
    fn wake(&self, covered: impl Fn(Lsn) -> bool) {
        let woken: Vec<(Lsn, Waker)> = self.sleepers().extract_if(.., |(lsn, _)| covered(*lsn)).collect();
        for (_, waker) in woken {
            waker.wake();
        }
    }

    /// What is known of a record.
    fn fate(&self, lsn: Lsn) -> Option<Result<(), StoreError>> {
        if self.reached.load(Ordering::Acquire) >= lsn.0 {
            return Some(Ok(()));
        }
        self.failed.get().map(|cause| Err(StoreError::Poisoned(Arc::clone(cause))))
    }
}

/// Ends well when a record is durable. Cheap to poll, and to drop.
#[derive(Debug)]
pub struct Durable {
    lsn: Lsn,
    mark: Arc<Watermark>,
}

impl Future for Durable {
    type Output = Result<(), StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(fate) = self.mark.fate(self.lsn) {
            return Poll::Ready(fate);
        }
        let mut sleepers = self.mark.sleepers();
        // Once more: a commit between the look above and the lock has woken nobody for this record.
        if let Some(fate) = self.mark.fate(self.lsn) {
            return Poll::Ready(fate);
        }
        // No two wait for one record, and the latest are at the end.
        match sleepers.iter_mut().rev().find(|(lsn, _)| *lsn == self.lsn) {
            Some((_, waker)) => waker.clone_from(context.waker()),
            None => sleepers.push((self.lsn, context.waker().clone())),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn rings(bell: &Bell) -> usize {
        bell.0.load(Ordering::Relaxed)
    }

    #[test]
    fn one_commit_makes_every_record_it_covers_ready_and_wakes_who_waits_once() {
        let mark = Arc::new(Watermark::new(Lsn(2)));
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let mut context = Context::from_waker(&waker);
        let mut of = |lsn| {
            let mut durable = mark.durable(Lsn(lsn));
            let first = Pin::new(&mut durable).poll(&mut context);
            (durable, first.is_ready())
        };
        let (_, known) = of(2);
        let (mut first, waits) = of(3);
        let (mut beyond, waits_too) = of(6);
        let mut unasked = mark.durable(Lsn(5));
        assert_eq!((known, waits, waits_too), (true, false, false));
        assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&waker)).is_pending(), "asked twice");
        mark.rise(Lsn(5));
        assert_eq!(rings(&bell), 1);
        let mut context = Context::from_waker(&waker);
        assert!(matches!(Pin::new(&mut first).poll(&mut context), Poll::Ready(Ok(()))));
        assert!(matches!(Pin::new(&mut unasked).poll(&mut context), Poll::Ready(Ok(()))));
        assert!(Pin::new(&mut beyond).poll(&mut context).is_pending());
    }

    #[test]
    fn a_failure_reaches_whoever_waits_and_spares_what_was_durable_before() {
        let mark = Arc::new(Watermark::new(Lsn(1)));
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let mut context = Context::from_waker(&waker);
        let (mut before, mut after) = (mark.durable(Lsn(1)), mark.durable(Lsn(2)));
        assert!(Pin::new(&mut after).poll(&mut context).is_pending());
        mark.fail(Arc::new(StoreError::TooLarge { what: "a test" }));
        assert_eq!(rings(&bell), 1);
        assert!(matches!(Pin::new(&mut before).poll(&mut context), Poll::Ready(Ok(()))));
        let poisoned = Pin::new(&mut after).poll(&mut context);
        assert!(matches!(poisoned, Poll::Ready(Err(StoreError::Poisoned(_)))));
    }
}

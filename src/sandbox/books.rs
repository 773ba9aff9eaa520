//! What all sessions of one server share: counters, quotas, greylists, the turn of the next hang-up.
//!
//! Time comes as the duration since the server began. The lock is taken only where a persona has a
//! quota or a greylist; counters are added up by a session and entered once for each read.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::persona::Defer;

/// A quota looks back over this time, rolling.
const QUOTA_WINDOW: Duration = Duration::from_hours(24);
/// Charges of this much time leave the window together, after the newest of them.
const QUOTA_GRAIN: Duration = Duration::from_secs(1);

/// What a server has counted since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages taken.
    pub messages: u64,
    /// Recipients of messages taken.
    pub recipients: u64,
    /// Octets of messages taken, un-stuffed.
    pub octets: u64,
    /// MAIL, RCPT and ends of data refused with 4yz or 5yz as the persona wants it.
    pub refused: u64,
    /// Attempts to send beyond a quota; each is among the refused.
    pub over_quota: u64,
    /// Commands refused because they were wrong, unknown or out of order.
    pub protocol_errors: u64,
    /// Logins taken.
    pub logins: u64,
    /// Sessions, those greeted with 421 included.
    pub sessions: u64,
    /// The most sessions at one time.
    pub peak_sessions: u64,
    /// Sessions open now.
    pub open_sessions: u64,
    /// Connections hung up as the persona wants it.
    pub drops: u64,
    /// Groups of replies that left together: the round trips that clients had to wait for, at least.
    pub flights: u64,
    /// Messages that should have been kept and could not be written.
    pub unkept: u64,
}

/// The books of one server.
#[derive(Debug, Default)]
pub(super) struct Books {
    messages: AtomicU64,
    recipients: AtomicU64,
    octets: AtomicU64,
    refused: AtomicU64,
    over_quota: AtomicU64,
    protocol_errors: AtomicU64,
    logins: AtomicU64,
    sessions: AtomicU64,
    peak_sessions: AtomicU64,
    open_sessions: AtomicU64,
    drops: AtomicU64,
    flights: AtomicU64,
    unkept: AtomicU64,
    /// How often the moment at which connections are hung up has come.
    moments: AtomicU64,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    windows: HashMap<Arc<str>, Window>,
    /// By recipient in lower case.
    deferred: HashMap<Box<[u8]>, Deferred>,
}

/// What one login has sent in the last 24 hours.
#[derive(Debug, Default)]
struct Window {
    /// (a moment after every charge in it, how much), rising.
    charges: VecDeque<(Duration, u64)>,
    used: u64,
}

#[derive(Debug, Clone, Copy)]
struct Deferred {
    first: Duration,
    times: u64,
}

impl Window {
    fn used(&mut self, now: Duration) -> u64 {
        while let Some((newest, amount)) = self.charges.front().copied()
            && now.saturating_sub(newest) > QUOTA_WINDOW
        {
            self.charges.pop_front();
            self.used -= amount;
        }
        self.used
    }

    fn charge(&mut self, amount: u64, now: Duration) {
        self.used += amount;
        match self.charges.back_mut() {
            Some((newest, sum)) if now < *newest => *sum += amount,
            Some(_) | None => self.charges.push_back((now + QUOTA_GRAIN, amount)),
        }
    }
}

impl Books {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A session that panicked while it held the lock left sums behind, not half-made structures.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of `limit` the login has left.
    pub(super) fn quota_left(&self, account: &str, limit: u64, now: Duration) -> u64 {
        match self.memory().windows.get_mut(account) {
            Some(window) => limit.saturating_sub(window.used(now)),
            None => limit,
        }
    }

    /// Charges the login, unless that would take it beyond `limit`. Tells whether it did.
    pub(super) fn charge(&self, account: &Arc<str>, amount: u64, limit: u64, now: Duration) -> bool {
        let mut memory = self.memory();
        let window = memory.windows.entry(Arc::clone(account)).or_default();
        let fits = window.used(now).saturating_add(amount) <= limit;
        if fits {
            window.charge(amount, now);
        }
        fits
    }

    /// Counts an attempt to write to `recipient` and tells whether `rule` still refuses it.
    pub(super) fn defers(&self, rule: &Defer, recipient: &[u8], now: Duration) -> bool {
        let key = recipient.to_ascii_lowercase().into_boxed_slice();
        let mut memory = self.memory();
        let deferred = memory.deferred.entry(key).or_insert(Deferred { first: now, times: 0 });
        let refuses = deferred.times < rule.times || now.saturating_sub(deferred.first) < rule.period;
        deferred.times += u64::from(refuses);
        refuses
    }

    /// Counts the moment at which connections are hung up, and tells whether this is one to hang up.
    pub(super) fn hangs_up(&self, every: u64) -> bool {
        (self.moments.fetch_add(1, Relaxed) + 1).is_multiple_of(every)
    }

    /// Counts a session that begins; gives back how many are open with it.
    pub(super) fn open_session(&self) -> u64 {
        self.sessions.fetch_add(1, Relaxed);
        let open = self.open_sessions.fetch_add(1, Relaxed) + 1;
        self.peak_sessions.fetch_max(open, Relaxed);
        open
    }

    /// Counts a session that ended.
    pub(super) fn close_session(&self) {
        self.open_sessions.fetch_sub(1, Relaxed);
    }

    /// Counts a message that could not be kept.
    pub(super) fn miss(&self) {
        self.unkept.fetch_add(1, Relaxed);
    }

    /// Enters what a session counted; its own sums are zero again.
    pub(super) fn enter(&self, counted: &mut Counters) {
        let enter = |book: &AtomicU64, count: u64| {
            if count > 0 {
                book.fetch_add(count, Relaxed);
            }
        };
        enter(&self.messages, counted.messages);
        enter(&self.recipients, counted.recipients);
        enter(&self.octets, counted.octets);
        enter(&self.refused, counted.refused);
        enter(&self.over_quota, counted.over_quota);
        enter(&self.protocol_errors, counted.protocol_errors);
        enter(&self.logins, counted.logins);
        enter(&self.drops, counted.drops);
        enter(&self.flights, counted.flights);
        *counted = Counters::default();
    }

    /// The counters as they stand.
    pub(super) fn counters(&self) -> Counters {
        Counters {
            messages: self.messages.load(Relaxed),
            recipients: self.recipients.load(Relaxed),
            octets: self.octets.load(Relaxed),
            refused: self.refused.load(Relaxed),
            over_quota: self.over_quota.load(Relaxed),
            protocol_errors: self.protocol_errors.load(Relaxed),
            logins: self.logins.load(Relaxed),
            sessions: self.sessions.load(Relaxed),
            peak_sessions: self.peak_sessions.load(Relaxed),
            open_sessions: self.open_sessions.load(Relaxed),
            drops: self.drops.load(Relaxed),
            flights: self.flights.load(Relaxed),
            unkept: self.unkept.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Glob, Refusal, RefusalPhase};

    const DAY: Duration = QUOTA_WINDOW;
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_quota_rolls_and_never_forgets_early() {
        let books = Books::default();
        let account: Arc<str> = "ada".into();
        assert!(books.charge(&account, 3, 5, SECOND));
        assert!(!books.charge(&account, 3, 5, 2 * SECOND), "six of five");
        assert!(books.charge(&account, 2, 5, 3600 * SECOND));
        assert!(!books.charge(&account, 1, 5, DAY + SECOND), "the first is exactly a day old");
        assert!(books.charge(&account, 3, 5, DAY + 3 * SECOND));
        assert_eq!(books.quota_left("ada", 5, DAY + 3 * SECOND), 0);
        assert_eq!(books.quota_left("somebody else", 5, DAY), 5);
    }

    #[test]
    fn steady_traffic_leaves_the_window_as_it_came() {
        let books = Books::default();
        let account: Arc<str> = "ada".into();
        for tenth in 0..100 {
            assert!(books.charge(&account, 1, 100, Duration::from_millis(100 * tenth)));
        }
        assert_eq!(books.quota_left("ada", 100, DAY + 5 * SECOND), 40);
        assert_eq!(books.quota_left("ada", 100, DAY + 12 * SECOND), 100);
    }

    #[test]
    fn a_greylist_takes_the_recipient_in_the_end() {
        let rule = |times, period| Defer {
            recipient: Glob::new("*"),
            reply: Refusal::parse("450 4.7.1 Later").expect("a refusal"),
            times,
            period,
            phase: RefusalPhase::Rcpt,
        };
        let books = Books::default();
        let twice = rule(2, Duration::ZERO);
        let refused: Vec<bool> = (0..4).map(|_| books.defers(&twice, b"Ada@example.com", SECOND)).collect();
        assert_eq!(refused, [true, true, false, false]);
        assert!(!books.defers(&twice, b"ada@EXAMPLE.com", SECOND), "case does not matter");
        let minutes = rule(0, 300 * SECOND);
        let at = |second| books.defers(&minutes, b"bob@example.com", second * SECOND);
        assert_eq!([at(10), at(309), at(310)], [true, true, false]);
    }

    #[test]
    fn every_third_moment_is_hung_up() {
        let books = Books::default();
        let hung_up: Vec<bool> = (0..6).map(|_| books.hangs_up(3)).collect();
        assert_eq!(hung_up, [false, false, true, false, false, true]);
    }
}

//! What the receiver counts: a set of books for each thread, and what the threads share.
//!
//! Books are plain numbers that one thread writes, added up at the end; shared are only the numbers of those
//! already accepted, a bit each, and how far the run is, which is touched once a connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A bit for each recipient number.
#[derive(Debug)]
pub(crate) struct Numbers(Vec<AtomicU64>);

/// What a number is found to be when it is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    First,
    Again,
    /// There is no bit for it.
    Beyond,
}

impl Numbers {
    /// Numbers below `end`, rounded up to 64; none was accepted.
    pub(crate) fn below(end: usize) -> Self {
        Self((0..end.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    fn note(&self, number: usize) -> Noted {
        let bit = 1 << (number % 64);
        match self.0.get(number / 64) {
            None => Noted::Beyond,
            Some(bits) if bits.fetch_or(bit, Ordering::Relaxed) & bit == 0 => Noted::First,
            Some(_) => Noted::Again,
        }
    }

    /// How many were noted.
    pub(crate) fn distinct(&self) -> u64 {
        self.0.iter().map(|bits| u64::from(bits.load(Ordering::Relaxed).count_ones())).sum()
    }
}

/// The number in `reader17@example.net`: the digits before the at sign, if any.
pub(crate) fn number(path: &[u8]) -> Option<usize> {
    let local = &path[..memchr::memrchr(b'@', path)?];
    let digits = local.iter().rev().take_while(|octet| octet.is_ascii_digit()).count();
    let digits = std::str::from_utf8(&local[local.len() - digits..]).ok()?;
    digits.parse().ok()
}

/// What one thread counted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) connections: u64,
    pub(crate) messages: u64,
    pub(crate) recipients: u64,
    pub(crate) octets: u64,
    pub(crate) chunks: u64,
    pub(crate) duplicates: u64,
    pub(crate) unnumbered: u64,
    pub(crate) round_trips: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Books {
    /// Counts an accepted message of so many `octets` and its recipients.
    pub(crate) fn accept(&mut self, octets: u64, recipients: &[Option<usize>], numbers: &Numbers) {
        self.messages += 1;
        self.octets += octets;
        self.recipients += recipients.len() as u64;
        for recipient in recipients {
            match recipient.map_or(Noted::Beyond, |number| numbers.note(number)) {
                Noted::First => {}
                Noted::Again => self.duplicates += 1,
                Noted::Beyond => self.unnumbered += 1,
            }
        }
    }

    /// Notes that a message was accepted at this instant.
    pub(crate) fn stamp(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// From the first acceptance to the last.
    pub(crate) fn span(&self) -> Duration {
        self.last.zip(self.first).map_or(Duration::ZERO, |(last, first)| last - first)
    }

    /// These books and `other` in one.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self {
            connections: self.connections + other.connections,
            messages: self.messages + other.messages,
            recipients: self.recipients + other.recipients,
            octets: self.octets + other.octets,
            chunks: self.chunks + other.chunks,
            duplicates: self.duplicates + other.duplicates,
            unnumbered: self.unnumbered + other.unnumbered,
            round_trips: self.round_trips + other.round_trips,
            first: self.first.into_iter().chain(other.first).min(),
            last: self.last.max(other.last),
        }
    }
}

/// How far the run is: who waits for its end is told here.
#[derive(Debug)]
pub(crate) struct Progress {
    wanted: u64,
    accepted: AtomicU64,
    open: AtomicU64,
    done: Notify,
}

impl Progress {
    /// A run that is over once `wanted` messages are accepted and no connection is open.
    pub(crate) fn until(wanted: u64) -> Self {
        Self { wanted, accepted: AtomicU64::new(0), open: AtomicU64::new(0), done: Notify::new() }
    }

    /// A connection was opened.
    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection was closed, over which so many messages were accepted.
    pub(crate) fn closed(&self, accepted: u64) {
        self.accepted.fetch_add(accepted, Ordering::AcqRel);
        // The sum is read after: whoever closes last sees what all the others accepted.
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1
            && self.accepted.load(Ordering::Acquire) >= self.wanted
        {
            self.done.notify_one();
        }
    }

    /// Waits for the end of the run.
    pub(crate) async fn done(&self) {
        self.done.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_number_is_what_stands_before_the_at_sign() {
        let table: [(&str, Option<usize>); 5] = [
            ("TO:<reader17@example.net>", Some(17)),
            ("TO:<0@example.net> NOTIFY=NEVER", Some(0)),
            ("TO:<reader@example.net>", None),
            ("TO:<postmaster>", None),
            ("TO:<reader99999999999999999999999@example.net>", None),
        ];
        for (path, expected) in table {
            assert_eq!(number(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn whoever_is_accepted_again_is_a_duplicate() {
        let (mut books, numbers) = (Books::default(), Numbers::below(128));
        books.accept(10, &[Some(3), Some(64), None], &numbers);
        books.accept(10, &[Some(64), Some(128)], &numbers);
        assert_eq!((books.messages, books.recipients, books.octets), (2, 5, 20));
        assert_eq!((books.duplicates, books.unnumbered, numbers.distinct()), (1, 2, 2));
    }

    #[test]
    fn a_run_is_done_when_all_are_accepted_and_nobody_is_connected() {
        let progress = Progress::until(5);
        progress.opened();
        progress.opened();
        progress.closed(4);
        progress.closed(0);
        assert_eq!(progress.done().now_or_never(), None, "one is missing");
        progress.opened();
        progress.opened();
        progress.closed(1);
        assert_eq!(progress.done().now_or_never(), None, "somebody is connected");
        progress.closed(0);
        assert_eq!(progress.done().now_or_never(), Some(()));
    }
}

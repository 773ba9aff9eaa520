//! A rate: how many messages a relay takes in a second or a few, never a minute or more.
//!
//! A [`Limiter`] keeps a relay within its rate: governor's leaky bucket, on a clock that shows what it is
//! handed. It begins drained, so that a restart frees nothing. When the relay asks for less it halves its
//! speed, and then grows back by a fraction at a time (AIMD); a relay of which no rate is known is measured
//! for that.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, RateLimiter};
use jiff::Timestamp;

/// For how long of its rate a relay may be written to at once.
const BURST: Duration = Duration::from_millis(10);
/// The slowest rate that trouble leads to: one message in 30 s, so that it still shows when trouble ends.
const SLOWEST: Duration = Duration::from_secs(30);
/// Replies that arrive within this time of a slow-down speak of the speed before it.
const ECHO: Duration = Duration::from_secs(5);
/// How often a slowed relay grows back by a step while all goes well.
const GROWTH: Duration = Duration::from_secs(30);
/// How many steps lead from nothing to the speed before the trouble.
const GROWTH_STEPS: f64 = 20.0;
/// An unlimited relay is unlimited again at this many times the speed at which it had trouble.
const FORGIVEN: f64 = 4.0;
/// Over which time the speed of an unlimited relay is measured, in seconds.
const MEASURED: i64 = 10;

/// So many messages over a time below a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many messages.
    pub count: NonZeroU32,
    /// Over which time: more than nothing, less than a minute.
    pub per: Duration,
}

impl Rate {
    /// The time between two messages.
    pub fn interval(self) -> Duration {
        (self.per / self.count.get()).max(Duration::from_nanos(1))
    }
}

/// Keeps a relay within its rate.
#[derive(Debug)]
pub struct Limiter {
    /// As the operator set it.
    rate: Option<Rate>,
    /// The time between two messages in force; none: no limit.
    interval: Option<Duration>,
    /// What of its rate may pass at once.
    burst: Duration,
    /// None until the first message is asked for.
    bucket: Option<Bucket>,
    slowed: Option<Slowed>,
    meter: Meter,
}

/// What is known of a relay that asked for less.
#[derive(Debug, Clone, Copy)]
struct Slowed {
    /// Messages a second when it first asked.
    from: f64,
    /// When it last asked.
    at: Timestamp,
    /// When the speed was last changed.
    changed: Timestamp,
}

impl Limiter {
    /// A limiter that begins drained when it is first asked: the first message after one interval, at
    /// most max(1, rate × 10 ms) at once. No rate: no limit, until the relay asks for less.
    pub fn new(rate: Option<Rate>) -> Self {
        Self::coarse(rate, BURST)
    }

    /// A limiter that lets pass at once what its rate allows in `burst`, for forecasts in coarse steps.
    pub fn coarse(rate: Option<Rate>, burst: Duration) -> Self {
        let interval = rate.map(Rate::interval);
        Self { rate, interval, burst, bucket: None, slowed: None, meter: Meter::default() }
    }

    /// Takes leave for one message.
    ///
    /// # Errors
    /// When to ask again; later than `now`.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.take_many(now, NonZeroU32::MIN)
    }

    /// Takes leave for `count` messages at once; never more than [`Limiter::burst`].
    ///
    /// # Errors
    /// When to ask again for as many; later than `now`.
    pub fn take_many(&mut self, now: Timestamp, count: NonZeroU32) -> Result<(), Timestamp> {
        let Some(interval) = self.interval else {
            self.meter.count(now, count.get());
            return Ok(());
        };
        self.bucket.get_or_insert_with(|| Bucket::drained(interval, self.burst, now)).take(now, count)
    }

    /// The most messages that can pass at once.
    pub fn burst(&self) -> NonZeroU32 {
        self.interval.map_or(NonZeroU32::MAX, |interval| cells(interval, self.burst))
    }

    /// Messages a second in force; none: no limit.
    pub fn per_second(&self) -> Option<f64> {
        self.interval.map(|interval| interval.as_secs_f64().recip())
    }

    /// Halves the speed, as the relay asked for less, and gives the new one in messages a second. None:
    /// nothing changed, as the reply speaks of what was sent before the last halving.
    pub fn slow_down(&mut self, now: Timestamp) -> Option<f64> {
        if self.slowed.is_some_and(|slowed| now.duration_since(slowed.at).unsigned_abs() < ECHO) {
            return None;
        }
        let speed = self.per_second().unwrap_or_else(|| self.meter.per_second(now));
        let from = self.slowed.map_or(speed, |slowed| slowed.from);
        self.slowed = Some(Slowed { from, at: now, changed: now });
        let slower = (speed / 2.0).max(SLOWEST.as_secs_f64().recip());
        self.replace(Some(Duration::from_secs_f64(slower.recip())), now);
        Some(slower)
    }

    /// Notes that the relay took a message, and grows back a little where that is due.
    pub fn recover(&mut self, now: Timestamp) {
        let Some(slowed) = &mut self.slowed else { return };
        if now.duration_since(slowed.changed).unsigned_abs() < GROWTH {
            return;
        }
        slowed.changed = now;
        let from = slowed.from;
        let grown = self.per_second().unwrap_or(from) + from / GROWTH_STEPS;
        let healed = match self.rate {
            Some(rate) => grown >= rate.interval().as_secs_f64().recip(),
            None => grown >= from * FORGIVEN,
        };
        if healed {
            self.slowed = None;
            self.replace(self.rate.map(Rate::interval), now);
        } else {
            self.replace(Some(Duration::from_secs_f64(grown.recip())), now);
        }
    }

    /// governor cannot change a rate (boinkor-net/governor#39), so another bucket takes its place, drained.
    fn replace(&mut self, interval: Option<Duration>, now: Timestamp) {
        self.interval = interval;
        self.bucket = interval.map(|interval| Bucket::drained(interval, self.burst, now));
    }
}

/// How many messages `burst` has room for; at least one.
fn cells(interval: Duration, burst: Duration) -> NonZeroU32 {
    let whole = u32::try_from(burst.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u32::MAX);
    NonZeroU32::new(whole).unwrap_or(NonZeroU32::MIN)
}

/// A leaky bucket and the clock it reads.
#[derive(Debug)]
struct Bucket {
    burst: NonZeroU32,
    clock: HandedClock,
    limiter: RateLimiter<NotKeyed, InMemoryState, HandedClock, NoOpMiddleware<Nanos>>,
}

impl Bucket {
    fn drained(interval: Duration, burst: Duration, now: Timestamp) -> Self {
        let burst = cells(interval, burst);
        let clock = HandedClock::default();
        clock.show(now);
        let quota = governor::Quota::with_period(interval.max(Duration::from_nanos(1)))
            .expect("an interval is longer than nothing")
            .allow_burst(burst);
        let bucket = Self { burst, limiter: RateLimiter::direct_with_clock(quota, clock.clone()), clock };
        bucket.take(now, burst).expect("a new bucket is full");
        bucket
    }

    fn take(&self, now: Timestamp, count: NonZeroU32) -> Result<(), Timestamp> {
        self.clock.show(now);
        let refused: NotUntil<Nanos> = if count == NonZeroU32::MIN {
            match self.limiter.check() {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            }
        } else {
            match self.limiter.check_n(count.min(self.burst)).expect("no more than the burst is asked for") {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            }
        };
        let wait = refused.wait_time_from(self.clock.now()).max(Duration::from_nanos(1));
        Err(now.checked_add(wait).unwrap_or(Timestamp::MAX))
    }
}

/// A clock that shows what it was handed last: nanoseconds since 1970. It never goes back.
#[derive(Debug, Clone, Default)]
struct HandedClock(Arc<AtomicU64>);

impl HandedClock {
    fn show(&self, now: Timestamp) {
        let nanos = u64::try_from(now.as_nanosecond().max(0)).unwrap_or(u64::MAX);
        self.0.fetch_max(nanos, Ordering::Relaxed);
    }
}

impl Clock for HandedClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.load(Ordering::Relaxed))
    }
}

/// Counts messages in spans of ten seconds, to know the speed of a relay that has no limit.
#[derive(Debug, Default)]
struct Meter {
    span: i64,
    current: u32,
    before: u32,
}

impl Meter {
    fn turn_to(&mut self, now: Timestamp) {
        let span = now.as_second().div_euclid(MEASURED);
        if span != self.span {
            self.before = if span == self.span + 1 { self.current } else { 0 };
            (self.current, self.span) = (0, span);
        }
    }

    fn count(&mut self, now: Timestamp, messages: u32) {
        self.turn_to(now);
        self.current = self.current.saturating_add(messages);
    }

    /// The greater of the last two spans; at least one message in ten seconds.
    fn per_second(&mut self, now: Timestamp) -> f64 {
        self.turn_to(now);
        let into = (now.as_second() - self.span * MEASURED + 1).clamp(1, MEASURED);
        let into = f64::from(i32::try_from(into).expect("at most ten"));
        let whole = f64::from(i32::try_from(MEASURED).expect("ten"));
        (f64::from(self.current) / into).max(f64::from(self.before) / whole).max(whole.recip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-06-01T10:00:00Z".parse().expect("a timestamp")
    }

    fn rate(count: u32, per: Duration) -> Rate {
        Rate { count: NonZeroU32::new(count).expect("some"), per }
    }

    fn near(speed: Option<f64>, expected: f64) -> bool {
        speed.is_some_and(|speed| (speed - expected).abs() < 0.01)
    }

    /// Takes what can be had in `span` from `from` on, never waiting longer than told.
    fn taken_in(limiter: &mut Limiter, from: Timestamp, span: Duration) -> u32 {
        let (mut now, mut taken) = (from, 0);
        while now < from + span {
            match limiter.take(now) {
                Ok(()) => taken += 1,
                Err(until) => {
                    assert!(until > now, "a refusal says when to come back");
                    now = until;
                }
            }
        }
        taken
    }

    #[test]
    fn a_limiter_starts_drained_and_keeps_its_rate() {
        let second = Duration::from_secs(1);
        let table = [
            (14, second, 10, 139),
            (2, 10 * second, 60, 11),
            (1000, second, 10, 9_999),
            (100_000, second, 1, 99_999),
        ];
        for (count, per, span, expected) in table {
            let mut limiter = Limiter::new(Some(rate(count, per)));
            let taken = taken_in(&mut limiter, start(), span * second);
            assert!(taken.abs_diff(expected) <= 1, "{count} per {per:?}: {taken} instead of {expected}");
        }
    }

    #[test]
    fn after_a_rest_ten_milliseconds_worth_pass_at_once() {
        for (count, burst) in [(14, 1), (1000, 10), (50_000, 500)] {
            let mut limiter = Limiter::new(Some(rate(count, Duration::from_secs(1))));
            assert!(limiter.take(start()).is_err(), "drained at the start");
            let rested = start() + Duration::from_hours(1);
            let at_once = (0..1000).take_while(|_| limiter.take(rested).is_ok()).count();
            assert_eq!((at_once, limiter.burst().get()), (burst, u32::try_from(burst).unwrap()));
        }
    }

    #[test]
    fn trouble_halves_once_and_success_grows_back() {
        let mut limiter = Limiter::new(Some(rate(20, Duration::from_secs(1))));
        limiter.slow_down(start());
        assert_eq!(limiter.slow_down(start() + Duration::from_secs(1)), None);
        assert!(near(limiter.per_second(), 10.0), "the echo of a burst halves once");
        limiter.slow_down(start() + Duration::from_secs(10));
        assert!(near(limiter.per_second(), 5.0));
        for step in 1..=15 {
            limiter.recover(start() + Duration::from_secs(10) + step * GROWTH);
        }
        assert!(near(limiter.per_second(), 20.0), "{:?}", limiter.per_second());
        limiter.recover(start() + Duration::from_hours(1));
        assert!(near(limiter.per_second(), 20.0), "never above what was set");
    }

    #[test]
    fn an_unlimited_relay_is_measured_when_it_asks_for_less() {
        let mut limiter = Limiter::new(None);
        for _ in 0..1000 {
            limiter.take(start()).expect("no limit");
        }
        let slower = limiter.slow_down(start() + Duration::from_secs(9));
        assert!(near(slower, 50.0), "{slower:?}");
        let mut now = start();
        for _ in 0..100 {
            now += GROWTH;
            limiter.recover(now);
        }
        assert_eq!(limiter.per_second(), None, "and forgiven in time");
    }

    #[test]
    fn a_rate_never_falls_to_nothing() {
        let mut limiter = Limiter::new(Some(rate(1, Duration::from_secs(20))));
        for step in 1..50 {
            limiter.slow_down(start() + step * Duration::from_mins(1));
        }
        assert!((limiter.per_second().expect("limited") - 1.0 / 30.0).abs() < 1e-6);
    }
}

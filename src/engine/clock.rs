//! The one reader of the clock.
//!
//! Everything else is told the time. A reading holds the wall clock, the time since boot (which runs on in
//! suspend, unlike Linux's monotonic clock) and the boot's id, so that the ledger can tell a jump of the
//! wall clock from time that passed.

#[cfg(test)]
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, fs};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::store::Moment;

/// Where Linux names the boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Tells the time by every clock there is.
#[derive(Clone)]
pub(super) enum Clock {
    /// Reads wall time and boot time; knows the boot it reads in.
    Machine {
        /// Which boot it is.
        boot_id: [u8; 16],
    },
    /// Asks whoever makes the time.
    #[cfg(test)]
    Told(Arc<dyn Fn() -> Moment + Send + Sync>),
}

impl Clock {
    /// The machine's clock in this boot. Where the boot has no readable id, every boot looks the same, and time
    /// between two of them counts as time within one: the stricter rule.
    pub(super) fn new() -> Self {
        let text = fs::read_to_string(BOOT_ID).unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let boot_id = u128::from_str_radix(&digits, 16).unwrap_or_default().to_be_bytes();
        Self::Machine { boot_id }
    }

    /// The time now, by every clock there is.
    pub(super) fn moment(&self) -> Moment {
        match self {
            Self::Machine { boot_id } => {
                let boot = clock_gettime(ClockId::Boottime);
                Moment {
                    wall: now(),
                    boot: Duration::new(
                        u64::try_from(boot.tv_sec).unwrap_or_default(),
                        u32::try_from(boot.tv_nsec).unwrap_or_default(),
                    ),
                    boot_id: *boot_id,
                }
            }
            #[cfg(test)]
            Self::Told(moment) => moment(),
        }
    }

    /// What the wall clock shows.
    pub(super) fn wall(&self) -> Timestamp {
        match self {
            Self::Machine { .. } => now(),
            #[cfg(test)]
            Self::Told(moment) => moment().wall,
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Clock").field(&self.moment()).finish()
    }
}

/// What the wall clock shows.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_told_the_time_shows_no_other() {
        let wall = Timestamp::from_second(1_800_000_000).expect("a valid second");
        let told = Moment { wall, boot: Duration::from_secs(7), boot_id: [3; 16] };
        let clock = Clock::Told(Arc::new(move || told));
        assert_eq!((clock.moment(), clock.wall()), (told, wall));
    }
}

//! The one reader of the clock.
//!
//! Everything else is told the time. A reading holds the wall clock, the time since boot (which runs on in
//! suspend, unlike Linux's monotonic clock) and the boot's id, so that the ledger can tell a jump of the
//! wall clock from time that passed.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::store::Moment;

/// Where Linux names the boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Reads wall time and boot time; knows the boot it reads in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    boot_id: [u8; 16],
}

impl Clock {
    /// A clock for this boot. Where the boot has no readable id, every boot looks the same, and time
    /// between two of them counts as time within one: the stricter rule.
    pub(super) fn new() -> Self {
        let text = fs::read_to_string(BOOT_ID).unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let boot_id = u128::from_str_radix(&digits, 16).unwrap_or_default().to_be_bytes();
        Self { boot_id }
    }

    /// The time now, by every clock there is.
    pub(super) fn moment(&self) -> Moment {
        let boot = clock_gettime(ClockId::Boottime);
        Moment {
            wall: now(),
            boot: Duration::new(
                u64::try_from(boot.tv_sec).unwrap_or_default(),
                u32::try_from(boot.tv_nsec).unwrap_or_default(),
            ),
            boot_id: self.boot_id,
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// What the wall clock shows.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

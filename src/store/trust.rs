//! Which time to believe: the rule by which no jump of a clock frees a quota.
//!
//! Wall time never runs backwards in the journal. Within one boot of the machine it is believed only as
//! far as the time since boot advanced since the first record of that boot, and 15 minutes more; the
//! 15 minutes are for the whole boot, or a jump would creep in record by record.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::StoreError;

/// How far wall time may run ahead of the time since boot, over one boot.
const SLACK: SignedDuration = SignedDuration::from_mins(15);
/// How far behind the last record the clock may stand and still be one that was only corrected.
const BACKWARDS: SignedDuration = SignedDuration::from_mins(5);
/// A longer silence is worth a word: a battery may have died.
const LONG_SILENCE: SignedDuration = SignedDuration::from_hours(36);

/// What the clocks of the machine say at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The time of day.
    pub wall: Timestamp,
    /// How long ago the machine booted, suspend included (`CLOCK_BOOTTIME`).
    pub boot: Duration,
    /// Which boot it is (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: [u8; 16],
}

/// What is on record about the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// The latest time on record.
    pub last: Timestamp,
    /// The first moment on record of the boot that was recorded last.
    pub first_of_boot: Moment,
}

/// The rule for one process: made when it starts, asked whenever it needs the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    anchor: Moment,
    last: Timestamp,
}

impl Trust {
    /// Judges the clock against what is on record.
    ///
    /// # Errors
    /// [`StoreError::Clock`] if the clock stands more than 5 minutes before the last record: nothing may
    /// be sent by such a clock.
    pub fn begin(recorded: Option<&Recorded>, moment: &Moment) -> Result<Self, StoreError> {
        let Some(recorded) = recorded else {
            return Ok(Self { anchor: *moment, last: moment.wall });
        };
        if moment.wall.duration_since(recorded.last) < -BACKWARDS {
            return Err(StoreError::Clock { wall: moment.wall, recorded: recorded.last });
        }
        let same_boot = recorded.first_of_boot.boot_id == moment.boot_id;
        let anchor = if same_boot { recorded.first_of_boot } else { *moment };
        Ok(Self { anchor, last: recorded.last })
    }

    /// The time to go by at `moment`: never before an earlier answer, never far ahead of the time since boot.
    pub fn believe(&mut self, moment: &Moment) -> Timestamp {
        let passed = moment.boot.saturating_sub(self.anchor.boot);
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let latest = self.anchor.wall.saturating_add(passed.saturating_add(SLACK)).unwrap_or(Timestamp::MAX);
        let believed = moment.wall.min(latest).max(self.last);
        self.last = believed;
        believed
    }

    /// Notes a time that was recorded.
    pub fn note(&mut self, recorded: Timestamp) {
        self.last = self.last.max(recorded);
    }
}

/// Whether so much time lies between the last record and `moment` that the operator should look.
pub(super) fn is_long_silence(recorded: &Recorded, moment: &Moment) -> bool {
    moment.wall.duration_since(recorded.last) > LONG_SILENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    fn moment(wall: i64, boot: u64, boot_id: u8) -> Moment {
        Moment {
            wall: Timestamp::from_second(wall).unwrap(),
            boot: Duration::from_secs(boot),
            boot_id: [boot_id; 16],
        }
    }

    fn recorded(last: i64, first: Moment) -> Recorded {
        Recorded { last: Timestamp::from_second(last).unwrap(), first_of_boot: first }
    }

    #[test]
    fn a_clock_before_the_last_record_is_refused() {
        let first = moment(10 * HOUR, 0, 1);
        for (wall, boot_id, trusted) in [
            (12 * HOUR, 1, true),
            (11 * HOUR, 2, true),
            (11 * HOUR - 300, 2, true),
            (11 * HOUR - 301, 2, false),
            (0, 1, false),
        ] {
            let found = Trust::begin(Some(&recorded(11 * HOUR, first)), &moment(wall, 7200, boot_id));
            assert_eq!(found.is_ok(), trusted, "{wall} in boot {boot_id}");
        }
    }

    #[test]
    fn a_jump_within_a_boot_gains_fifteen_minutes_and_no_more() {
        let first = moment(10 * HOUR, 0, 1);
        let mut trust = Trust::begin(Some(&recorded(10 * HOUR, first)), &moment(10 * HOUR, 60, 1)).unwrap();
        let jumped = trust.believe(&moment(36 * HOUR, 120, 1));
        assert_eq!(jumped.as_second(), 10 * HOUR + 120 + 900);
        let again = trust.believe(&moment(72 * HOUR, 121, 1));
        assert_eq!(again.as_second(), 10 * HOUR + 121 + 900);
        let back = trust.believe(&moment(10 * HOUR, 180, 1));
        assert_eq!(back, again, "time never runs backwards");
    }

    #[test]
    fn suspend_counts_as_time() {
        let mut trust = Trust::begin(None, &moment(0, 100, 1)).unwrap();
        assert_eq!(trust.believe(&moment(8 * HOUR, 100 + 8 * 3600, 1)).as_second(), 8 * HOUR);
    }
}

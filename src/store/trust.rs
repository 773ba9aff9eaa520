//! Which time to believe: the rule by which no jump of a clock frees a quota.
//!
//! Wall time never runs backwards in the journal. Within one boot of the machine it is believed only as
//! far as the time since boot advanced since the first record of that boot, and 15 minutes more; the
//! 15 minutes are for the whole boot, or a jump would creep in record by record. Where time stood still, as
//! the wall clock had gone back, it is measured from there: what was sent meanwhile is on record with the time
//! that stood still, and would grow old at once if time caught up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::StoreError;

/// How far wall time may run ahead of the time since boot, over one boot.
const SLACK: SignedDuration = SignedDuration::from_mins(15);
/// How far behind the last record the clock may stand and still be one that was only corrected.
const BACKWARDS: SignedDuration = SignedDuration::from_mins(5);
/// A clock that is set back by less during a run is waited for; beyond, time goes on without it.
const WORTH_WAITING: SignedDuration = SignedDuration::from_mins(15);
/// No clock that is right says less: the first day of the year in which mailrun was written. A machine
/// whose clock has no battery starts in 1970, or at the date of its firmware.
const EARLIEST: Timestamp = Timestamp::constant(1_767_225_600, 0);
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
    /// The moment from which the time of the boot that was recorded last is measured: the first on record, or
    /// a later one at which the wall clock was further behind the time since boot.
    pub first_of_boot: Moment,
}

/// The rule for one process: made when it starts, asked whenever it needs the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    anchor: Moment,
    /// The latest time that was believed or is on record.
    last: Timestamp,
    /// The time since boot at which that was said.
    last_boot: Duration,
}

impl Trust {
    /// Judges the clock against what is on record.
    ///
    /// # Errors
    /// [`StoreError::Clock`] if the clock stands more than 5 minutes before the last record: nothing may
    /// be sent by such a clock. [`StoreError::ClockUnset`] if it was never set.
    pub fn begin(recorded: Option<&Recorded>, moment: &Moment) -> Result<Self, StoreError> {
        check_set(moment)?;
        let Some(recorded) = recorded else {
            return Ok(Self { anchor: *moment, last: moment.wall, last_boot: moment.boot });
        };
        if moment.wall.duration_since(recorded.last) < -BACKWARDS {
            return Err(StoreError::Clock { wall: moment.wall, recorded: recorded.last });
        }
        let same_boot = recorded.first_of_boot.boot_id == moment.boot_id;
        let anchor = if same_boot { recorded.first_of_boot } else { *moment };
        Ok(Self { anchor, last: recorded.last, last_boot: moment.boot })
    }

    /// The time to go by at `moment`: never before an earlier answer, never far ahead of the time since boot.
    ///
    /// A clock that is set back a little is waited for. Where it is set back far, time goes on by the time
    /// since boot, as nobody waits hours for a clock.
    pub fn believe(&mut self, moment: &Moment) -> Timestamp {
        let latest = after(self.anchor.wall, moment.boot.saturating_sub(self.anchor.boot), SLACK);
        let set_back = moment.wall.duration_since(self.last) < -WORTH_WAITING;
        let least = if set_back {
            after(self.last, moment.boot.saturating_sub(self.last_boot), SignedDuration::ZERO)
        } else {
            self.last
        };
        let believed = moment.wall.min(latest).max(least);
        (self.last, self.last_boot) = (believed, moment.boot.max(self.last_boot));
        self.anchor = further_behind(self.anchor, Moment { wall: believed, ..*moment });
        believed
    }
}

fn after(moment: Timestamp, passed: Duration, more: SignedDuration) -> Timestamp {
    let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
    moment.saturating_add(passed.saturating_add(more)).unwrap_or(Timestamp::MAX)
}

/// Whether somebody set the clock.
///
/// # Errors
/// [`StoreError::ClockUnset`] if nobody can have.
pub(super) fn check_set(moment: &Moment) -> Result<(), StoreError> {
    if moment.wall < EARLIEST {
        return Err(StoreError::ClockUnset { wall: moment.wall });
    }
    Ok(())
}

/// Of two moments of one boot, the first one unless wall time is further behind the time since boot at the other.
pub(super) fn further_behind(one: Moment, other: Moment) -> Moment {
    let passed = SignedDuration::try_from(other.boot.saturating_sub(one.boot)).unwrap_or(SignedDuration::MAX);
    if other.wall.duration_since(one.wall) < passed { other } else { one }
}

/// Whether so much time lies between the last record and `moment` that the operator should look.
pub(super) fn is_long_silence(recorded: &Recorded, moment: &Moment) -> bool {
    moment.wall.duration_since(recorded.last) > LONG_SILENCE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600;
    /// A moment at which the clock is set: 2027-01-15T08:00:00Z.
    const START: i64 = 1_800_000_000;

    fn moment(wall: i64, boot: u64, boot_id: u8) -> Moment {
        Moment {
            wall: Timestamp::from_second(START + wall).unwrap(),
            boot: Duration::from_secs(boot),
            boot_id: [boot_id; 16],
        }
    }

    fn recorded(last: i64, first: Moment) -> Recorded {
        Recorded { last: Timestamp::from_second(START + last).unwrap(), first_of_boot: first }
    }

    fn second(believed: Timestamp) -> i64 {
        believed.as_second() - START
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
    fn a_clock_that_nobody_set_is_refused_even_where_nothing_is_on_record() {
        let unset = |text: &str| Moment { wall: text.parse().unwrap(), ..moment(0, 60, 1) };
        for (wall, trusted) in
            [("1970-01-01T00:01:00Z", false), ("2025-12-31T23:59:59Z", false), ("2026-01-01T00:00:00Z", true)]
        {
            let found = Trust::begin(None, &unset(wall));
            assert_eq!(found.is_ok(), trusted, "{wall}");
            if let Err(error) = found {
                assert!(matches!(error, StoreError::ClockUnset { .. }), "{error}");
            }
        }
    }

    #[test]
    fn a_jump_within_a_boot_gains_fifteen_minutes_and_no_more() {
        let first = moment(10 * HOUR, 0, 1);
        let mut trust = Trust::begin(Some(&recorded(10 * HOUR, first)), &moment(10 * HOUR, 60, 1)).unwrap();
        let jumped = trust.believe(&moment(36 * HOUR, 120, 1));
        assert_eq!(second(jumped), 10 * HOUR + 120 + 900);
        let again = trust.believe(&moment(72 * HOUR, 121, 1));
        assert_eq!(second(again), 10 * HOUR + 121 + 900);
        let back = trust.believe(&moment(10 * HOUR + 200, 180, 1));
        assert_eq!(back, again, "time never runs backwards");
    }

    #[test]
    fn a_clock_that_is_set_back_far_does_not_stop_the_run() {
        let mut trust = Trust::begin(None, &moment(30 * HOUR, 100, 1)).unwrap();
        assert_eq!(second(trust.believe(&moment(30 * HOUR, 100, 1))), 30 * HOUR);
        for (wall, boot, believed) in [
            (4 * HOUR, 100, 30 * HOUR),
            (4 * HOUR + 60, 160, 30 * HOUR + 60),
            (4 * HOUR + 7200, 7300, 32 * HOUR),
            (32 * HOUR - 900, 7300, 32 * HOUR),
            (32 * HOUR - 30, 8170, 32 * HOUR),
            (32 * HOUR + 30, 8230, 32 * HOUR + 30),
        ] {
            assert_eq!(second(trust.believe(&moment(wall, boot, 1))), believed, "{wall} at {boot}");
        }
    }

    #[test]
    fn time_that_stood_still_is_not_made_up_for() {
        let mut trust = Trust::begin(None, &moment(10 * HOUR, 0, 1)).unwrap();
        // The clock runs so slow that it is always a little behind, for five hours, and is then set right.
        for minute in 1..=300 {
            let believed = trust.believe(&moment(10 * HOUR - 30, minute * 60, 1));
            assert_eq!(second(believed), 10 * HOUR, "minute {minute}");
        }
        let right = trust.believe(&moment(15 * HOUR + 60, 18_060, 1));
        assert_eq!(second(right), 10 * HOUR + 60 + 900, "what was sent meanwhile is a minute old");
    }

    #[test]
    fn suspend_counts_as_time() {
        let mut trust = Trust::begin(None, &moment(0, 100, 1)).unwrap();
        assert_eq!(second(trust.believe(&moment(8 * HOUR, 100 + 8 * 3600, 1))), 8 * HOUR);
    }

    proptest! {
        /// Within a boot, over as many processes as there may be: time that is believed to have passed has
        /// passed, but for a quarter of an hour in all.
        #[test]
        fn no_jump_within_a_boot_gains_more_than_a_quarter_of_an_hour(
            steps in prop::collection::vec((0_u64..7_200, -26 * HOUR..26 * HOUR, any::<bool>()), 1..60),
        ) {
            let first = moment(0, 1_000, 1);
            let mut trust = Trust::begin(None, &first).unwrap();
            let (mut boot, mut off, mut before) = (1_000, 0, trust.believe(&first));
            for (passed, jump, restarts) in steps {
                boot += passed;
                off = if jump % 3 == 0 { jump } else { off };
                let truly = i64::try_from(boot - 1_000).unwrap();
                let now = moment(truly + off, boot, 1);
                if restarts {
                    let known = Recorded { last: before, first_of_boot: first };
                    match Trust::begin(Some(&known), &now) {
                        Ok(anew) => trust = anew,
                        // Refused: nothing is sent by that clock.
                        Err(_) => continue,
                    }
                }
                let believed = trust.believe(&now);
                prop_assert!(believed >= before, "time ran backwards");
                prop_assert!(second(believed) <= truly + 900, "{} > {truly} + 900", second(believed));
                before = believed;
            }
        }
    }
}

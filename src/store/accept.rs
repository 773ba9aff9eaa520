//! Taking the clock as it is: the operator's way out where the times on record cannot be right.
//!
//! One record says so. From it on time is counted anew, every quota's window counts as full until it has
//! passed, and of every pause what was left of it is left. So no quota is broken, whichever of the two clocks
//! was wrong.

use std::path::Path;

use jiff::Timestamp;

use super::book::RunBook;
use super::disk::FileDisk;
use super::error::StoreError;
use super::folder::Folder;
use super::frame::FRAME_LIMIT;
use super::group::Group;
use super::history::read_fold;
use super::load::{Loaded, load};
use super::lock::Lock;
use super::record::{ClockAccepted, Millis, Record};
use super::trust::{Moment, Recorded, Trust, check_set};

/// What is to be thought of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockStands {
    /// It is trusted; none where nothing is on record.
    Trusted {
        /// The latest time on record.
        recorded: Option<Timestamp>,
    },
    /// It stands so far before the last record that nothing is sent by it.
    Behind {
        /// The latest time on record.
        recorded: Timestamp,
    },
    /// It runs ahead of the time since the machine started, and is believed only so far.
    Ahead {
        /// The latest time on record.
        recorded: Timestamp,
        /// The time that is gone by instead.
        believed: Timestamp,
    },
    /// Nobody has set it.
    Unset,
}

impl ClockStands {
    /// What is to be thought of the clock that shows `moment`.
    pub(super) fn judge(recorded: Option<&Recorded>, moment: &Moment) -> Self {
        if check_set(moment).is_err() {
            return Self::Unset;
        }
        let Some(recorded) = recorded else { return Self::Trusted { recorded: None } };
        let Ok(mut trust) = Trust::begin(Some(recorded), moment) else {
            return Self::Behind { recorded: recorded.last };
        };
        let believed = trust.believe(moment);
        if believed < moment.wall {
            Self::Ahead { recorded: recorded.last, believed }
        } else {
            Self::Trusted { recorded: Some(recorded.last) }
        }
    }
}

/// What is to be thought of the clock. Needs no lock.
///
/// # Errors
/// The journal is damaged, newer, or cannot be read.
pub fn clock_stands(state: &Path, moment: &Moment) -> Result<ClockStands, StoreError> {
    let (fold, _) = read_fold(state)?;
    Ok(ClockStands::judge(fold.recorded().as_ref(), moment))
}

/// Takes the clock as it is, if it is not trusted already, and says how it stood. Takes the lock, and is
/// durable when it returns.
///
/// # Errors
/// Somebody holds the lock, the clock was never set, the journal is damaged, or the disk fails.
pub fn accept_clock(state: &Path, moment: &Moment) -> Result<ClockStands, StoreError> {
    check_set(moment)?;
    let (folder, _) = Folder::prepare(state)?;
    let _lock = Lock::take(folder.root())?;
    let disk = FileDisk::new(&folder.journal(), &folder.ballast());
    let Loaded { mut log, fold, next, epoch, .. } = load(Box::new(disk), 0, &mut |_, _| {})?;
    let stood = ClockStands::judge(fold.recorded().as_ref(), moment);
    if matches!(stood, ClockStands::Trusted { .. } | ClockStands::Unset) {
        return Ok(stood);
    }
    let mut group = Group::new(epoch + 1, next, 0, log.space());
    let full = |needed| StoreError::Full { path: folder.root().to_owned(), needed };
    group.check_room(FRAME_LIMIT as u64).map_err(full)?;
    group.append(&Record::Clock(ClockAccepted {
        wall: moment.wall.into(),
        boot: u64::try_from(moment.boot.as_millis()).unwrap_or(u64::MAX),
        boot_id: moment.boot_id,
    }))?;
    while let Some(block) = group.take() {
        let written = log.commit(&block.octets);
        group.complete(block, written.clone().map(|()| log.space()));
        written?;
    }
    Ok(stood)
}

impl RunBook {
    /// Another clock says `now` where the one before said `then`: of every pause, what was left of it is
    /// left, and nothing is on record that is yet to come.
    pub(super) fn restart_clock(&mut self, then: Millis, now: Millis) {
        for (recipient, waiting) in &mut self.waiting {
            if let Some(due) = &mut waiting.due {
                *due = Millis(now.0.saturating_add(due.0.saturating_sub(then.0).max(0)));
            }
            // Too late rather than too early: nobody is given up because a clock was wrong.
            waiting.since = waiting.since.map(|since| since.min(now));
            self.touched.waiting.insert(*recipient);
        }
        for open in self.open.values_mut() {
            open.wall = open.wall.min(now.into());
        }
    }
}

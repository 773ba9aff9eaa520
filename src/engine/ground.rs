//! What a run stands on beside the operator's files: the machine, or what a simulation has in its place.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use crate::relay::Submit;
use crate::store::{Disk, Indexing, Options, Pace, Store};

use super::clock::Clock;
use super::desk::Desk;
use super::error::EngineError;

/// Clocks, disk and relays of a run.
pub(super) struct Ground {
    /// Tells the time.
    pub(super) clock: Clock,
    /// What the journal lies on; none: the files of the state folder, with a thread to write them and the
    /// index beside them.
    pub(super) disk: Option<Box<dyn Disk>>,
    /// What is submitted to, for each relay of the campaign in its order; none: their servers, over SMTP.
    pub(super) relays: Option<Vec<Arc<dyn Submit>>>,
    /// How often the loop looks up by itself.
    pub(super) rhythm: Rhythm,
}

/// How often the loop of a run looks up by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// How often whoever watches is told the whole picture.
    pub(super) beat: Duration,
    /// The longest sleep without a look at the clock, which may have jumped meanwhile.
    pub(super) longest_sleep: SignedDuration,
}

impl Default for Rhythm {
    /// The picture as often as an eye can follow; the clock twice a minute.
    fn default() -> Self {
        Self { beat: Duration::from_millis(100), longest_sleep: SignedDuration::from_secs(30) }
    }
}

impl Ground {
    /// The machine this process runs on.
    pub(super) fn machine() -> Self {
        Self { clock: Clock::new(), disk: None, relays: None, rhythm: Rhythm::default() }
    }

    /// Opens the state of a workspace.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(super) fn open(&mut self, desk: &Desk) -> Result<Store, EngineError> {
        let (state, moment) = (desk.workspace.state_dir(), self.clock.moment());
        let options = Options { min_free: desk.min_free, ..Options::default() };
        Ok(match self.disk.take() {
            None => Store::open(state, options, &moment)?,
            Some(other) => {
                let (pace, indexing, checkpoint_every) = (Pace::Inline, Indexing::Memory, 4 << 10);
                let options = Options { pace, indexing, checkpoint_every, ..options };
                Store::open_on(other, state, options, &moment)?
            }
        })
    }
}

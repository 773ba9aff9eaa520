//! What opening the state has shown and mended: one line each for the operator.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::mail::RunNo;

/// Something the operator should hear once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The last write before a crash was incomplete and has been dropped. Nothing that was promised is in it.
    TornEnd {
        /// Octets dropped.
        octets: u64,
    },
    /// The journal had failed, and what it could not take has come from another place.
    TakenIn {
        /// Outcomes among it.
        outcomes: u64,
    },
    /// The same, but another process went on without it: the recipients it is about are uncertain.
    TooLate,
    /// A run was cut off while messages were on their way.
    Crashed {
        /// Which run.
        run: RunNo,
        /// Recipients who are uncertain since.
        recipients: u64,
    },
    /// The index was rebuilt from the journal.
    IndexRebuilt {
        /// Where the broken one was moved; none if it was missing.
        moved: Option<PathBuf>,
    },
    /// The index cannot be used; sending goes on from memory.
    IndexFailed {
        /// What it said.
        words: String,
    },
    /// A long time has passed since the last record, or the clock is wrong.
    LongSilence {
        /// The last time on record.
        since: Timestamp,
    },
    /// The state lies where a power cut or a restart may lose it.
    Fleeting {
        /// The kind of file system.
        kind: &'static str,
    },
}

impl Note {
    /// Adds up what several notes say of one run.
    pub(super) fn gather(notes: &mut Vec<Self>) {
        let mut gathered: Vec<Self> = Vec::with_capacity(notes.len().min(8));
        for note in notes.drain(..) {
            match (gathered.last_mut(), &note) {
                (Some(Self::Crashed { run, recipients }), Self::Crashed { run: same, recipients: more })
                    if run == same =>
                {
                    *recipients += more;
                }
                (Some(_) | None, _) => gathered.push(note),
            }
        }
        *notes = gathered;
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornEnd { octets } => {
                write!(formatter, "dropped {octets} octets of a record that a crash had cut off")
            }
            Self::TakenIn { outcomes } => {
                write!(formatter, "took in {outcomes} outcomes that the journal could not take when it failed")
            }
            Self::TooLate => formatter.write_str(
                "outcomes were set aside when the journal failed, but another run went on without them; they are kept in \
                 files that end in `.late`",
            ),
            Self::Crashed { run, recipients } => write!(
                formatter,
                "run {} was cut off: {recipients} recipient{} may or may not have received their message",
                run.0,
                if *recipients == 1 { "" } else { "s" }
            ),
            Self::IndexRebuilt { moved: Some(path) } => {
                write!(
                    formatter,
                    "the index was broken and is rebuilt from the journal; the old one is {}",
                    path.display()
                )
            }
            Self::IndexRebuilt { moved: None } => {
                formatter.write_str("the index was rebuilt from the journal")
            }
            Self::IndexFailed { words } => {
                write!(formatter, "the index failed and is left alone, sending goes on without it: {words}")
            }
            Self::LongSilence { since } => {
                write!(formatter, "the last record is of {since}; is the clock right?")
            }
            Self::Fleeting { kind } => {
                write!(formatter, "the state lies on {kind}, which may not outlive a restart")
            }
        }
    }
}

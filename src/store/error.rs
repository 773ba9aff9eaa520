//! Why the state of a workspace could not be read or written.
//!
//! Variants are facts with the file they are about; [`StoreError::hint`] says what the operator can do.
//! The errors can be copied, as one failure of the journal is told to everybody who waits for it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;

use crate::mail::{PlanId, RunNo};

/// What is wrong with the state under `.mailrun`. Fits after "could not ...: ".
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// Another process holds the workspace.
    #[error("another mailrun holds this workspace{}", .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, where it could be read.
        pid: Option<u32>,
    },
    /// A file holds what mailrun cannot have written.
    #[error("{} is damaged at octet {offset}: {what}", .file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// Where, in octets from its beginning.
        offset: u64,
        /// What was found there.
        what: &'static str,
    },
    /// The file system has too little room left.
    #[error("there is too little room left under {}", .path.display())]
    Full {
        /// Where room is needed.
        path: PathBuf,
        /// How much, in octets.
        needed: u64,
    },
    /// The file system or folder takes no changes.
    #[error("{} cannot be changed: the file system or the folder is read-only", .path.display())]
    ReadOnly {
        /// What was to be changed.
        path: PathBuf,
    },
    /// The clock stands before the last moment on record.
    #[error("the clock says {wall}, but {recorded} is already on record")]
    Clock {
        /// What the clock says.
        wall: Timestamp,
        /// The last moment on record.
        recorded: Timestamp,
    },
    /// The clock stands before mailrun was written: nobody has set it since the machine started.
    #[error("the clock says {wall}, which cannot be")]
    ClockUnset {
        /// What the clock says.
        wall: Timestamp,
    },
    /// Others on this machine could read the state.
    #[error("{} is open to others (mode {mode:04o})", .path.display())]
    Exposed {
        /// The folder or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The state would lie on a network file system, where locks and syncs cannot be trusted.
    #[error("{} lies on a network file system ({kind})", .path.display())]
    Network {
        /// The state folder.
        path: PathBuf,
        /// The kind of file system.
        kind: &'static str,
    },
    /// A newer mailrun wrote the file.
    #[error("{} was written by a newer mailrun (format {version})", .file.display())]
    Newer {
        /// Which file.
        file: PathBuf,
        /// The version of what was met.
        version: u8,
    },
    /// The snapshot of a plan is not there.
    #[error("the frozen plan {0} is gone")]
    NoPlan(PlanId),
    /// The rows and texts of a plan were purged.
    #[error("the personal data of the plan {} was purged on {}", .plan.short(), .at.strftime("%Y-%m-%d"))]
    Purged {
        /// Which plan.
        plan: PlanId,
        /// When.
        at: Timestamp,
    },
    /// No run has that number.
    #[error("there is no run {}", .0.0)]
    NoRun(RunNo),
    /// More than one record or file can hold.
    #[error("{what} does not fit into the state")]
    TooLarge {
        /// What is too large.
        what: &'static str,
    },
    /// An earlier write or sync failed, and nothing that follows can be trusted.
    #[error("the journal failed earlier and takes nothing more: {0}")]
    Poisoned(Arc<StoreError>),
    /// The operating system refused.
    #[error("could not {doing} {}", .path.display())]
    Io {
        /// A verb: "read", "write", "sync".
        doing: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
}

impl StoreError {
    /// What the system said while `doing` something to `path`: a full or a read-only file system is
    /// told apart from the rest.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        // Named kinds out of an open list: every other one is told as the system said it.
        if is_full(&source) {
            Self::Full { path, needed: 1 }
        } else if source.kind() == io::ErrorKind::ReadOnlyFilesystem {
            Self::ReadOnly { path }
        } else {
            Self::Io { doing, path, source: Arc::new(source) }
        }
    }

    /// What the operator can do about it, as the text behind `hint: `.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Locked { .. } => Some("wait for it, or see `mailrun status`".to_owned()),
            Self::Damaged { .. } => Some(
                "nothing was changed; `mailrun doctor` says what is sound, and what can be done about the rest"
                    .to_owned(),
            ),
            Self::Full { needed, .. } => Some(format!(
                "free at least {} MiB there, or name another place with `--state DIR`; everything recorded is safe",
                needed.div_ceil(1 << 20)
            )),
            Self::ReadOnly { .. } => {
                Some("make it writable, or name another place with `--state DIR`".to_owned())
            }
            Self::Clock { .. } => Some(
                "set the clock right, as quotas are counted by it; if it is right and was wrong before, \
                 `mailrun doctor --accept-clock` goes on from here"
                    .to_owned(),
            ),
            Self::ClockUnset { .. } => {
                Some("set the clock, or wait until the network has set it: quotas are counted by it".to_owned())
            }
            Self::Exposed { path, .. } => Some(format!("chmod -R go= {}", path.display())),
            Self::Network { .. } => {
                Some("keep the state on a disk of this machine with `--state DIR`".to_owned())
            }
            Self::Newer { .. } => Some("use the newer mailrun".to_owned()),
            Self::Purged { .. } => Some(
                "totals are left, and nobody can be named or written to again by it; nobody who was written to \
                 gets the next `mailrun send`"
                    .to_owned(),
            ),
            Self::NoPlan(_) | Self::NoRun(_) | Self::TooLarge { .. } => None,
            Self::Poisoned(cause) => cause.hint(),
            Self::Io { doing: "make", .. } => Some(
                "make the folder it is to lie in writable, or name another place with `--state DIR`"
                    .to_owned(),
            ),
            Self::Io { source, .. } if is_refused(source) => Some(
                "make it readable and writable for you, or name another place with `--state DIR`".to_owned(),
            ),
            Self::Io { .. } => Some("see that the disk works, then run `mailrun resume`".to_owned()),
        }
    }
}

/// Whether whoever runs mailrun may not do that there, or something else stands in its place.
fn is_refused(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists
    )
}

/// Whether the file system or the owner's share of it is used up.
pub(super) fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StorageFull || error.kind() == io::ErrorKind::QuotaExceeded
}

//! What is said of one part of the state, and what to do about it.

use jiff::Timestamp;
use serde::Serialize;

use super::super::accept::ClockStands;
use super::super::error::StoreError;

/// How good a part of the state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// Worth a look; everything works.
    Warning,
    /// Unusable: something of the state cannot be trusted, or nothing can be sent.
    Error,
}

/// A part of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The folder itself, and what it lies on.
    Folder,
    /// Who may read it.
    Modes,
    /// How much room is left.
    Room,
    /// Who holds it.
    Lock,
    /// The journal: the truth.
    Journal,
    /// Whether its records break no rule.
    Records,
    /// What spares reading all of it.
    Checkpoint,
    /// The working store.
    Index,
    /// The frozen plans.
    Plans,
    /// The suppression list.
    Suppressions,
    /// The secret of the workspace.
    Keys,
    /// The clock.
    Clock,
}

impl Part {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Modes => "access",
            Self::Room => "room",
            Self::Lock => "lock",
            Self::Journal => "journal",
            Self::Records => "records",
            Self::Checkpoint => "checkpoint",
            Self::Index => "index",
            Self::Plans => "plans",
            Self::Suppressions => "suppressions",
            Self::Keys => "keys",
            Self::Clock => "clock",
        }
    }
}

/// What was found out about one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which part.
    pub part: Part,
    /// How good it is.
    pub health: Health,
    /// What was found, in words; with file and octet where it is damage.
    pub what: String,
    /// What to do about it; none where it is sound.
    pub remedy: Option<String>,
}

impl Finding {
    pub(super) fn sound(part: Part, what: impl Into<String>) -> Self {
        Self { part, health: Health::Ok, what: what.into(), remedy: None }
    }

    pub(super) fn doubtful(part: Part, what: impl Into<String>, remedy: &str) -> Self {
        Self { part, health: Health::Warning, what: what.into(), remedy: Some(remedy.to_owned()) }
    }

    pub(super) fn unusable(part: Part, what: impl Into<String>, remedy: &str) -> Self {
        Self { part, health: Health::Error, what: what.into(), remedy: Some(remedy.to_owned()) }
    }

    /// A part that cannot be read; `remedy` is what helps where it is damaged.
    pub(super) fn failed(part: Part, error: &StoreError, remedy: &str) -> Self {
        let damaged = matches!(error, StoreError::Damaged { .. });
        let helps = if damaged { None } else { error.hint() };
        let mut what = error.to_string();
        if let StoreError::Io { source, .. } = error {
            what = format!("{what}: {source}");
        }
        Self::unusable(part, what, &helps.unwrap_or_else(|| remedy.to_owned()))
    }
}

/// `1 record`, `2 records`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// What is to be thought of the clock, which shows `wall`.
pub(super) fn clock(stands: ClockStands, wall: Timestamp) -> Finding {
    const ACCEPT: &str =
        "set the clock right; if it is right and was wrong before: `mailrun doctor --accept-clock`";
    match stands {
        ClockStands::Trusted { recorded: None } => Finding::sound(Part::Clock, "trusted"),
        ClockStands::Trusted { recorded: Some(recorded) } => {
            Finding::sound(Part::Clock, format!("trusted; the last record is of {}", short(recorded)))
        }
        ClockStands::Behind { recorded } => Finding::unusable(
            Part::Clock,
            format!("says {}, but {} is already on record: nothing is sent", short(wall), short(recorded)),
            ACCEPT,
        ),
        ClockStands::Ahead { believed, .. } => Finding::doubtful(
            Part::Clock,
            format!("says {}, and is believed only up to {}", short(wall), short(believed)),
            ACCEPT,
        ),
        ClockStands::Unset => Finding::unusable(
            Part::Clock,
            format!("says {}: nobody has set it", short(wall)),
            "set the clock, or wait until the network has set it",
        ),
    }
}

/// A time to the second.
fn short(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

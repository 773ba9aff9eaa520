//! Why the engine could not do what it was asked.
//!
//! Each variant is a fact that the operator can act upon; the cli turns it into words, a hint and an exit
//! code.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::campaign::CampaignError;
use crate::mail::{Class, Fault, Place, RelayName};
use crate::store::StoreError;

use super::survey::{INVALID_PERCENT, LeftOut};
use super::view::Stage;

/// Why the engine could not do what it was asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// A file of the operator's cannot be understood, or there is no such campaign.
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    /// The state under `.mailrun` is locked, damaged, full or not to be trusted.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Templates do not fit the list.
    #[error("{} in the templates", plural(.0.len()))]
    Faults(Vec<Fault>),
    /// The list is not fit to be sent to.
    #[error(transparent)]
    Rows(#[from] Unfit),
    /// `send` on a campaign that has work left.
    #[error("{campaign} is not finished")]
    Unfinished {
        /// Which.
        campaign: String,
        /// Where it stands.
        stage: Stage,
    },
    /// `resume` on a campaign without work.
    #[error("{campaign} has nothing to resume")]
    NothingToResume {
        /// Which.
        campaign: String,
    },
    /// `cancel` on a campaign that is finished.
    #[error("{campaign} is finished: there is nobody to take out")]
    Finished {
        /// Which.
        campaign: String,
    },
    /// Nothing was ever planned or sent under that name.
    #[error("{campaign} was never planned")]
    NeverPlanned {
        /// Which.
        campaign: String,
    },
    /// It may be planned, but nothing was ever sent, so there are no recipients to tell of.
    #[error("{campaign} was never sent")]
    NeverSent {
        /// Which.
        campaign: String,
    },
    /// The files differ from the plan that was named, or it does not hold any more.
    #[error("what was planned differs from what is there now")]
    Differs {
        /// Which, and how.
        what: Vec<String>,
    },
    /// No plan of that id.
    #[error("there is no plan {id}")]
    NoPlan {
        /// As it was typed.
        id: String,
    },
    /// A relay cannot be used as it is set up.
    #[error("relay {relay}: {what}")]
    Relay {
        /// Which.
        relay: RelayName,
        /// What is wrong.
        what: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A row that was asked for does not render.
    #[error("row {row} cannot be written to: {what}")]
    Row {
        /// Which, the header being row 1.
        row: u32,
        /// Why.
        what: String,
        /// Where in the templates.
        place: Option<Place>,
    },
    /// A relay could not be reached, or let nobody in.
    #[error("relay {relay}: {what}")]
    Unreachable {
        /// Which.
        relay: RelayName,
        /// The kind of trouble.
        class: Class,
        /// What went wrong.
        what: String,
        /// What to do about it, where that is known.
        hint: Option<&'static str>,
        /// What was said until then, without secrets.
        transcript: Vec<String>,
    },
    /// A password could not be had.
    #[error("relay {relay}: no password: {what}")]
    Password {
        /// Whose.
        relay: RelayName,
        /// Why not.
        what: String,
    },
    /// Somebody logs in at a relay, no password is set, and nobody typed one.
    #[error("relay {relay}: {user} logs in, and no password is set")]
    NoPassword {
        /// Whose.
        relay: RelayName,
        /// Who logs in.
        user: String,
    },
    /// A file or socket could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was asked for is part of a later version.
    #[error("{what} is not in this version of mailrun")]
    Unavailable {
        /// What.
        what: String,
    },
}

/// Why a list is not fit to be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unfit {
    /// Rows that do not render, and nobody said to leave them out.
    #[error("{count} of {rows} rows {} not render", if *.count == 1 { "does" } else { "do" })]
    Unrendered {
        /// How many.
        count: u64,
        /// Of how many rows.
        rows: u64,
        /// The first of them.
        samples: Vec<LeftOut>,
    },
    /// More rows are invalid, for whatever reason, than in a list that is meant.
    #[error("{count} of {rows} rows are invalid, more than {INVALID_PERCENT} %")]
    TooManyInvalid {
        /// How many.
        count: u64,
        /// Of how many rows.
        rows: u64,
        /// The first of them.
        samples: Vec<LeftOut>,
    },
}

fn plural(faults: usize) -> String {
    match faults {
        1 => "one fault".to_owned(),
        several => format!("{several} faults"),
    }
}

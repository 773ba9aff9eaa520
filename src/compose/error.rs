//! What is wrong with one row when its message is composed.
//!
//! Faults of the campaign's own files are [`Fault`](crate::mail::Fault)s and stop everything; a
//! [`RowFault`] concerns one recipient, and only if their cells are as they are.

use std::fmt;

use thiserror::Error;

use crate::mail::Place;

/// Why the message of one recipient could not be composed. Fits after "could not render row 7: ".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct RowFault {
    /// The row in the list's file.
    pub row: u32,
    /// The column whose cell is to blame, where one is.
    pub column: Option<String>,
    /// What is wrong: lower case, no full stop.
    pub what: String,
    /// Where in the templates or settings it shows.
    pub place: Option<Box<Place>>,
}

impl fmt::Display for RowFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(formatter, "column `{column}`: ")?;
        }
        formatter.write_str(&self.what)?;
        match &self.place {
            Some(place) => write!(formatter, " ({place})"),
            None => Ok(()),
        }
    }
}

/// What is wrong with a message or a part of it, before it is known whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Unsound {
    /// A body holds NUL, which no line of mail may.
    #[error("it holds a NUL character")]
    Nul,
    /// A header or a body has nothing in it.
    #[error("it is empty")]
    Empty,
    /// No fold can bring a line of a header below the limit of 998 octets.
    #[error("it has {octets} octets without a space (at most {limit} fit on a line of a header)")]
    Unbroken {
        /// Octets without a space.
        octets: usize,
        /// Octets allowed.
        limit: usize,
    },
    /// More octets than mailrun sends.
    #[error("it is larger than {limit} octets")]
    TooLarge {
        /// Octets allowed.
        limit: usize,
    },
    /// A recipient's own file that cannot be attached.
    #[error("`{path}` cannot be attached: {what}")]
    File {
        /// The path beneath the campaign's folder.
        path: String,
        /// Why not.
        what: String,
    },
    /// A recipient's own files are not those of the plan.
    #[error("{paths} is not what was planned: it was changed")]
    Changed {
        /// Their paths beneath the campaign's folder.
        paths: String,
    },
    /// An unsubscribe link that no program could follow.
    #[error("the unsubscribe link {0:?} is no https address")]
    Link(String),
    /// The template engine gave up.
    #[error("{0}")]
    Render(String),
}

//! What going through a list found, by kind: how many rows, and the first of them.

use std::collections::BTreeMap;

use crate::campaign::Misfit;
use crate::compose::FaultKind;
use crate::mail::{Reason, Severity};

use super::survey::LeftOut;

/// How many rows of each kind are kept to be shown.
const SHOWN: usize = 20;

/// What sort of thing was found in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKind {
    /// The row has more or fewer cells than the header, or more octets than a row may have.
    Misfit(Misfit),
    /// Rows that are gathered do not fit together, or belong to nobody.
    Torn,
    /// The message of the row, or a part of it.
    Message(FaultKind),
    /// The message is larger than a relay of the campaign takes.
    OverSize,
    /// The address has letters beyond ASCII before the @, which only relays with SMTPUTF8 take.
    International,
    /// The campaign's `where` cannot tell, as a cell cannot be compared.
    Undecided,
    /// The row is in order, and not written to.
    LeftOut(Reason),
}

impl RowKind {
    /// Whether the row is to be mended, is worth a look, or is as it should be.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Self::Misfit(_) | Self::Torn => Some(Severity::Error),
            Self::Message(kind) => Some(kind.severity()),
            Self::OverSize | Self::International | Self::Undecided => Some(Severity::Warning),
            Self::LeftOut(_) => None,
        }
    }

    /// What rows of this kind have, for a table: `invalid address`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Misfit(Misfit::Address) => "invalid address",
            Self::Misfit(Misfit::Cells) => "wrong number of cells",
            Self::Misfit(Misfit::Length) => "row or cell too long",
            Self::Torn => "rows that do not belong together",
            Self::Message(kind) => kind.words(),
            Self::OverSize => "message larger than a relay takes",
            Self::International => "address that needs SMTPUTF8",
            Self::Undecided => "cell that `where` cannot compare",
            Self::LeftOut(Reason::Duplicate) => "duplicate",
            Self::LeftOut(Reason::Invalid) => "invalid",
            Self::LeftOut(Reason::Filtered) => "left out by `where`",
            Self::LeftOut(Reason::Suppressed) => "on the suppression list",
            Self::LeftOut(Reason::Already) => "written to before",
        }
    }

    /// The name in JSON: `invalid_address`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Misfit(Misfit::Address) => "invalid_address",
            Self::Misfit(Misfit::Cells) => "cells",
            Self::Misfit(Misfit::Length) => "length",
            Self::Torn => "torn",
            Self::Message(kind) => kind.name(),
            Self::OverSize => "over_size",
            Self::International => "smtputf8",
            Self::Undecided => "undecided",
            Self::LeftOut(Reason::Duplicate) => "duplicate",
            Self::LeftOut(Reason::Invalid) => "invalid",
            Self::LeftOut(Reason::Filtered) => "filtered",
            Self::LeftOut(Reason::Suppressed) => "suppressed",
            Self::LeftOut(Reason::Already) => "already",
        }
    }
}

/// The rows of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// How many.
    pub count: u64,
    /// The first of them, at most 20.
    pub first: Vec<LeftOut>,
}

/// What was found, by kind. A row may be of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    found: BTreeMap<RowKind, Found>,
}

impl Summary {
    /// Counts one more row of `kind`.
    pub(crate) fn add(&mut self, kind: RowKind, row: impl FnOnce() -> LeftOut) {
        let found = self.found.entry(kind).or_default();
        if found.first.len() < SHOWN {
            found.first.push(row());
        }
        found.count += 1;
    }

    /// Each kind that was found, those to be mended first.
    pub fn iter(&self) -> impl Iterator<Item = (RowKind, &Found)> {
        let mut kinds: Vec<_> = self.found.iter().map(|(kind, found)| (*kind, found)).collect();
        kinds.sort_by_key(|(kind, _)| (kind.severity().map_or(2, |severity| severity as u8), *kind));
        kinds.into_iter()
    }
}

//! What is wrong with one row when its message is composed.
//!
//! Faults of the campaign's own files are [`Fault`](crate::mail::Fault)s and stop everything; a
//! [`RowFault`] concerns one recipient, and only if their cells are as they are.

use std::fmt;

use thiserror::Error;

use crate::mail::{Place, Severity};

/// What sort of thing is wrong with a row, so that rows can be counted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// A cell is empty, has no default, and is written all the same: "Hello ,".
    EmptyCell,
    /// A cell that is written holds `{{`: its braces would be read by the recipient.
    Braces,
    /// A value of a header holds a line break, in the place of which a space is sent.
    LineBreak,
    /// The subject is longer than any mail program shows.
    LongSubject,
    /// The HTML body is longer than Gmail shows: the rest stands behind a link.
    Clipped,
    /// A header or body has nothing in it.
    EmptyPart,
    /// A cell is not what a function takes: no date, no number.
    Value,
    /// A value of a header is too long for a line of it.
    Unbroken,
    /// A body or header holds a NUL character.
    Nul,
    /// The unsubscribe link is none.
    Link,
    /// The Feedback-ID is none.
    FeedbackId,
    /// The message is larger than mailrun sends.
    TooLarge,
    /// A file of the recipient's own cannot be read, or is not the one that was planned.
    Attachment,
    /// The template engine gave up.
    Render,
}

impl FaultKind {
    /// Every kind, the ones that stop nothing first.
    pub const ALL: [Self; 14] = [
        Self::EmptyCell,
        Self::Braces,
        Self::LineBreak,
        Self::LongSubject,
        Self::Clipped,
        Self::EmptyPart,
        Self::Value,
        Self::Unbroken,
        Self::Nul,
        Self::Link,
        Self::FeedbackId,
        Self::TooLarge,
        Self::Attachment,
        Self::Render,
    ];

    /// Whether a message can be composed all the same.
    pub fn severity(self) -> Severity {
        match self {
            Self::EmptyCell | Self::Braces | Self::LineBreak | Self::LongSubject | Self::Clipped => {
                Severity::Warning
            }
            Self::EmptyPart
            | Self::Value
            | Self::Unbroken
            | Self::Nul
            | Self::Link
            | Self::FeedbackId
            | Self::TooLarge
            | Self::Attachment
            | Self::Render => Severity::Error,
        }
    }

    /// What rows of this kind have, for a table: "empty cell without a default".
    pub fn words(self) -> &'static str {
        match self {
            Self::EmptyCell => "empty cell without a default",
            Self::Braces => "braces in a cell",
            Self::LineBreak => "line break in a header",
            Self::LongSubject => "long subject",
            Self::Clipped => "HTML that Gmail clips",
            Self::EmptyPart => "empty header or body",
            Self::Value => "value that a function does not take",
            Self::Unbroken => "word too long for a header",
            Self::Nul => "NUL character",
            Self::Link => "bad unsubscribe link",
            Self::FeedbackId => "bad Feedback-ID",
            Self::TooLarge => "message too large",
            Self::Attachment => "attachment missing or changed",
            Self::Render => "template that gave up",
        }
    }

    /// The name in JSON: `empty_cell`.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmptyCell => "empty_cell",
            Self::Braces => "braces",
            Self::LineBreak => "line_break",
            Self::LongSubject => "long_subject",
            Self::Clipped => "clipped",
            Self::EmptyPart => "empty_part",
            Self::Value => "value",
            Self::Unbroken => "unbroken",
            Self::Nul => "nul",
            Self::Link => "link",
            Self::FeedbackId => "feedback_id",
            Self::TooLarge => "too_large",
            Self::Attachment => "attachment",
            Self::Render => "render",
        }
    }
}

/// What a row gives, if it gives a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The size of the whole message in octets, attachments and all.
    pub octets: usize,
    /// Octets of its HTML body as it is read, before it is encoded; 0 if it has none.
    pub html: usize,
    /// The seal of the recipient's own files, which a plan keeps; none if no attachment is a recipient's own.
    pub seal: Option<String>,
    /// What is worth a look: faults whose kind is a warning.
    pub findings: Vec<RowFault>,
    /// Grouped mode: a hash of its octets, Date and Message-ID aside. Recipients of whom it is the same get the
    /// same message.
    pub variant: Option<u128>,
}

/// What is wrong with the message of one recipient; mostly why it could not be composed. Fits after "could
/// not render row 7: ".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct RowFault {
    /// What sort of thing is wrong.
    pub kind: FaultKind,
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
    /// What Gmail would not take for a Feedback-ID.
    #[error("Gmail reads a:b:c:sender, and it has {0}")]
    FeedbackId(&'static str),
    /// The template engine gave up.
    #[error("{0}")]
    Render(String),
    /// A function was given what it does not take.
    #[error("{0}")]
    Value(String),
}

impl Unsound {
    pub(super) fn kind(&self) -> FaultKind {
        match self {
            Self::Nul => FaultKind::Nul,
            Self::Empty => FaultKind::EmptyPart,
            Self::Unbroken { .. } => FaultKind::Unbroken,
            Self::TooLarge { .. } => FaultKind::TooLarge,
            Self::File { .. } | Self::Changed { .. } => FaultKind::Attachment,
            Self::Link(_) => FaultKind::Link,
            Self::FeedbackId(_) => FaultKind::FeedbackId,
            Self::Render(_) => FaultKind::Render,
            Self::Value(_) => FaultKind::Value,
        }
    }
}

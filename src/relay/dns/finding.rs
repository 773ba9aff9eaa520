//! What is to be said of one record.

use std::fmt;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Who may send with this reverse-path (RFC 7208).
    Spf,
    /// The key that signatures are verified with (RFC 6376).
    Dkim,
    /// What is to become of mail that proves nothing (RFC 7489).
    Dmarc,
    /// Whether answers and bounces arrive (RFC 5321, 5.1).
    Mx,
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Spf => "SPF",
            Self::Dkim => "DKIM",
            Self::Dmarc => "DMARC",
            Self::Mx => "MX",
        })
    }
}

/// Whether there is something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Good,
    /// Worth a look; mail may arrive all the same.
    Doubtful,
    /// Mail is refused for it, or will be.
    Wrong,
    /// Nobody could be asked.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
        })
    }
}

/// What is to be said of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// The name that was asked for.
    pub name: String,
    /// Whether there is something to do.
    pub state: State,
    /// The records found, as they were published; empty without any. Show them escaped.
    pub found: Vec<String>,
    /// What is to be said: lower case, no full stop. May quote what was found: show it escaped.
    pub what: String,
    /// The whole record that should stand under the name, to be pasted; none where nothing is to be done.
    pub publish: Option<String>,
}

impl Finding {
    pub(super) fn new(subject: Subject, name: &str, state: State, what: impl Into<String>) -> Self {
        Self { subject, name: name.to_owned(), state, found: Vec::new(), what: what.into(), publish: None }
    }

    pub(super) fn unknown(subject: Subject, name: &str, why: &str) -> Self {
        Self::new(subject, name, State::Unknown, format!("it could not be asked for: {why}"))
    }

    #[must_use]
    pub(super) fn found<'a>(mut self, records: impl IntoIterator<Item = &'a String>) -> Self {
        self.found = records.into_iter().cloned().collect();
        self
    }

    #[must_use]
    pub(super) fn publish(mut self, record: impl Into<String>) -> Self {
        self.publish = Some(record.into());
        self
    }
}

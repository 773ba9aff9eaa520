//! Why a session with a relay could not be opened.

use thiserror::Error;

use super::profile::Profile;
use super::trouble::{describe, trouble_of};
use crate::mail::{Class, Permanence, Phase, Scope, Trouble, Verdict};
use crate::smtp::SmtpError;

/// Why a session could not be opened.
#[derive(Debug, Error)]
pub enum RelayError {
    /// Something between us and the server.
    #[error(transparent)]
    Smtp(#[from] SmtpError),
    /// The command that prints the token printed none.
    #[error("no token: `{program}` {what}")]
    Token {
        /// The program.
        program: String,
        /// What it did instead, with its own words, cut and escaped.
        what: String,
        /// Whether it may be different the next time.
        permanence: Permanence,
    },
}

impl RelayError {
    /// What the relay must hear of it.
    pub(super) fn trouble(&self, profile: Profile) -> Trouble {
        match self {
            Self::Smtp(error) => trouble_of(error, profile),
            Self::Token { permanence, .. } => {
                let verdict =
                    Verdict { class: Class::Login, scope: Scope::Relay, permanence: *permanence, wait: None };
                Trouble { verdict, words: describe(self), phase: Phase::Auth }
            }
        }
    }
}

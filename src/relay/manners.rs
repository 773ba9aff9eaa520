//! What a relay's server was found to mean of what it announces.
//!
//! Servers and boxes in front of them announce PIPELINING and CHUNKING and then throw away what was sent
//! ahead, answer it twice, or read a message as commands. A session that meets such an oddity is over, and
//! the rest of the run goes on more slowly with that relay: lock-step, after which there is nothing more to
//! misunderstand. A line that is merely lost proves nothing once messages were taken in that mode.

use crate::mail::Phase;
use crate::smtp::{Manner, Mode, SmtpError};

/// How a relay is spoken to in this run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    manner: Manner,
    /// The boldest mode in which a message was taken.
    proven: Option<Mode>,
}

impl Manners {
    /// As bold as the server's announcement allows, with `window` messages in flight.
    pub(super) fn new(window: usize) -> Self {
        Self { manner: Manner { mode: Mode::Streamed, window }, proven: None }
    }

    /// How the next session may speak.
    pub(super) fn manner(&self) -> Manner {
        self.manner
    }

    /// A message was taken by a session in `mode`.
    pub(super) fn prove(&mut self, mode: Mode) {
        self.proven = self.proven.max(Some(mode));
    }

    /// Whether the end of a session in `mode` was an oddity that a slower mode does without; if so, which mode
    /// sessions keep to from now on.
    pub(super) fn doubt(&mut self, mode: Mode, error: &SmtpError) -> Option<Mode> {
        let slower = match (mode, oddity(error)?) {
            (Mode::Grouped | Mode::Streamed, Oddity::Reply) => Mode::LockStep,
            (Mode::Grouped | Mode::Streamed, _) if self.proven >= Some(mode) => return None,
            (Mode::Grouped, Oddity::Silence) => Mode::LockStep,
            // In lock-step nothing is sent ahead; a lost line is no word against PIPELINING, which most servers have.
            (Mode::LockStep, _) | (Mode::Grouped, Oddity::Lost) => return None,
            (Mode::Streamed, Oddity::Silence | Oddity::Lost) => Mode::Grouped,
        };
        if self.manner.mode <= slower {
            // Another session of the same time was the first to find out.
            return None;
        }
        self.manner.mode = slower;
        Some(slower)
    }
}

/// What may come of commands sent ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Oddity {
    /// Replies that answer nothing, or have no meaning where they come.
    Reply,
    /// Nothing: what was sent ahead was thrown away.
    Silence,
    /// A closed connection.
    Lost,
}

fn oddity(error: &SmtpError) -> Option<Oddity> {
    let in_transaction = |phase: Phase| match phase {
        Phase::Mail | Phase::Rcpt | Phase::Data | Phase::End | Phase::Other => true,
        Phase::Connect | Phase::Ehlo | Phase::StartTls | Phase::Auth => false,
    };
    match error {
        SmtpError::Unexpected { phase, .. } | SmtpError::Malformed { phase, .. } => {
            in_transaction(*phase).then_some(Oddity::Reply)
        }
        // Only what was read can be answered late; silence behind it belongs to the dot.
        SmtpError::TimedOut { phase, .. } => {
            (in_transaction(*phase) && *phase != Phase::End).then_some(Oddity::Silence)
        }
        SmtpError::Lost { phase, .. } => in_transaction(*phase).then_some(Oddity::Lost),
        SmtpError::Name { .. }
        | SmtpError::Connect { .. }
        | SmtpError::Refused { .. }
        | SmtpError::NoStartTls
        | SmtpError::NoMechanism { .. }
        | SmtpError::Unsayable { .. }
        | SmtpError::Challenge { .. }
        | SmtpError::Unproven
        | SmtpError::LoginRefused { .. }
        | SmtpError::Injected
        | SmtpError::InTheClear { .. }
        | SmtpError::Tls { .. }
        | SmtpError::TlsSettings { .. }
        | SmtpError::Command(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mail::Reply;

    fn unexpected() -> SmtpError {
        SmtpError::Unexpected { phase: Phase::End, reply: Reply::new(500, "what?") }
    }

    fn silent(phase: Phase) -> SmtpError {
        SmtpError::TimedOut { phase, after: Duration::from_mins(5) }
    }

    fn lost(phase: Phase) -> SmtpError {
        SmtpError::Lost { phase, source: None }
    }

    #[test]
    fn a_relay_is_spoken_to_more_slowly_after_an_oddity_and_stays_so() {
        let table = [
            (Mode::Streamed, None, unexpected(), Some(Mode::LockStep)),
            (Mode::Streamed, Some(Mode::Streamed), unexpected(), Some(Mode::LockStep)),
            (Mode::Streamed, None, lost(Phase::End), Some(Mode::Grouped)),
            (Mode::Streamed, Some(Mode::Grouped), lost(Phase::End), Some(Mode::Grouped)),
            (Mode::Streamed, Some(Mode::Streamed), lost(Phase::End), None),
            (Mode::Streamed, None, silent(Phase::Mail), Some(Mode::Grouped)),
            (Mode::Streamed, None, silent(Phase::End), None),
            (Mode::Grouped, None, silent(Phase::Rcpt), Some(Mode::LockStep)),
            (Mode::Grouped, Some(Mode::Grouped), silent(Phase::Rcpt), None),
            (Mode::Grouped, None, lost(Phase::Mail), None),
            (Mode::Grouped, None, lost(Phase::Connect), None),
            (Mode::LockStep, None, unexpected(), None),
        ];
        for (mode, proven, error, expected) in table {
            let mut manners = Manners { proven, ..Manners::new(16) };
            assert_eq!(manners.doubt(mode, &error), expected, "{mode:?}, {proven:?}, {error}");
            assert_eq!(manners.manner().mode, expected.unwrap_or(Mode::Streamed));
            assert_eq!(manners.doubt(mode, &error), None, "it is said once");
        }
    }
}

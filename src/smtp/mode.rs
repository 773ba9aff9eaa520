//! How much of a session may be under way at once: what the relay is trusted with, and what its server announces.
//!
//! A server that announces PIPELINING or CHUNKING does not always mean it. So a [`Manner`] is what a session
//! may do at the most; whoever keeps sessions takes it back to lock-step after the first oddity.

use super::extension::{Extension, Extensions};

/// How commands, data and replies follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Every reply is awaited before the next command: PIPELINING is not announced, or not meant.
    LockStep,
    /// Commands go in groups, and the envelope of the next message with the data of this one (RFC 2920, 3.1).
    Grouped,
    /// Envelope and data of several messages go without any reply in between (RFC 3030 with RFC 2920).
    Streamed,
}

impl Mode {
    /// A word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::LockStep => "lock-step",
            Self::Grouped => "grouped",
            Self::Streamed => "streamed",
        }
    }
}

/// The most that a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// The boldest mode; a session is no bolder than its server's announcement allows.
    pub mode: Mode,
    /// Messages in flight where streamed, from 1. With 1 nothing is streamed: grouped mode costs the same
    /// round trip and knows who was refused before it asks for a permit.
    pub window: usize,
}

impl Default for Manner {
    /// Streamed, with 16 messages in flight.
    fn default() -> Self {
        Self { mode: Mode::Streamed, window: 16 }
    }
}

impl Manner {
    /// How a session speaks with a server that announces `extensions`.
    pub fn mode_with(self, extensions: &Extensions) -> Mode {
        let offered = if !extensions.offers(Extension::Pipelining) {
            Mode::LockStep
        } else if extensions.offers(Extension::Chunking) && self.window > 1 {
            Mode::Streamed
        } else {
            Mode::Grouped
        };
        offered.min(self.mode)
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::announced;
    use super::*;

    #[test]
    fn a_session_is_as_bold_as_the_relay_and_the_announcement_allow() {
        let both = "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n";
        let table = [
            (both, Mode::Streamed, 16, Mode::Streamed),
            (both, Mode::Streamed, 1, Mode::Grouped),
            (both, Mode::Grouped, 16, Mode::Grouped),
            (both, Mode::LockStep, 16, Mode::LockStep),
            ("250-mx\r\n250 PIPELINING\r\n", Mode::Streamed, 16, Mode::Grouped),
            ("250-mx\r\n250 CHUNKING\r\n", Mode::Streamed, 16, Mode::LockStep),
            ("250 mx\r\n", Mode::Streamed, 16, Mode::LockStep),
        ];
        for (ehlo, mode, window, expected) in table {
            let manner = Manner { mode, window };
            assert_eq!(manner.mode_with(&announced(ehlo)), expected, "{ehlo:?}, {manner:?}");
        }
    }
}

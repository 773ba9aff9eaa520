//! How long a session waits for what.
//!
//! Every wait is for one whole step, never for one octet: a server that answers an octet a minute runs
//! into the same end as one that answers nothing.

use std::time::Duration;

use crate::mail::Phase;

const MINUTE: Duration = Duration::from_mins(1);

/// The longest wait for each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A TCP connection, for each address of the host.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// The greeting.
    pub greeting: Duration,
    /// The reply to MAIL, and to EHLO, AUTH and RSET.
    pub mail: Duration,
    /// The reply to RCPT.
    pub rcpt: Duration,
    /// The reply to DATA.
    pub data: Duration,
    /// Until the server has taken another 16 KiB of what is written, or the rest of it.
    pub block: Duration,
    /// The reply to the final dot. A shorter wait makes copies of mail: it may well have been taken.
    pub end: Duration,
    /// The reply to QUIT, which changes nothing any more.
    pub quit: Duration,
}

impl Default for Timeouts {
    /// RFC 5321, 4.5.3.2: 5 minutes for the greeting, MAIL and RCPT, 2 for DATA, 3 for a block, 10 for the dot.
    /// Connecting, TLS and QUIT are not spoken of there: 30, 60 and 5 seconds.
    fn default() -> Self {
        Self {
            connect: MINUTE / 2,
            tls: MINUTE,
            greeting: 5 * MINUTE,
            mail: 5 * MINUTE,
            rcpt: 5 * MINUTE,
            data: 2 * MINUTE,
            block: 3 * MINUTE,
            end: 10 * MINUTE,
            quit: MINUTE / 12,
        }
    }
}

impl Timeouts {
    /// The longest wait for the reply to a step.
    pub fn reply(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Connect => self.greeting,
            Phase::StartTls | Phase::Ehlo | Phase::Auth | Phase::Mail | Phase::Other => self.mail,
            Phase::Rcpt => self.rcpt,
            Phase::Data => self.data,
            Phase::End => self.end,
        }
    }
}

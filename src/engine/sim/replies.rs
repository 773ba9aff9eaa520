//! What simulated servers say when they say no: at least one reply of every class, at the steps where it is
//! met. What it means is judged by the relay's own rules.

use crate::mail::{Phase, Reply};

/// Refusals of a session's opening.
pub(super) const AT_OPENING: &[(Phase, u16, &str)] = &[
    (Phase::Connect, 421, "4.3.2 too many connections from your address"),
    (Phase::Connect, 554, "5.7.1 your address is blocked"),
    (Phase::Auth, 454, "4.7.0 Temporary authentication failure"),
    (Phase::Auth, 421, "4.7.0 try again later"),
    (Phase::Auth, 535, "5.7.8 Username and Password not accepted"),
];

/// Refusals of MAIL.
pub(super) const AT_MAIL: &[(u16, &str)] = &[
    (421, "4.7.0 closing connection"),
    (452, "4.3.1 Insufficient system storage"),
    (450, "4.2.1 The user you are trying to send as is receiving mail too quickly"),
    (550, "5.7.1 sender blocked"),
    (530, "5.7.0 Authentication required"),
    (550, "5.4.5 Daily user sending limit exceeded."),
    (503, "5.5.1 bad sequence of commands"),
];

/// Refusals of one RCPT.
pub(super) const AT_RCPT: &[(u16, &str)] = &[
    (550, "5.1.1 No such user here"),
    (550, "5.1.1 No such user here"),
    (452, "4.2.2 Mailbox full"),
    (450, "4.7.1 Greylisted, try again later"),
    (450, "4.7.1 Greylisted, try again in 00:05:00"),
    (451, "4.4.3 Temporary lookup failure"),
    (550, "5.4.4 Host unknown"),
    (550, "5.7.1 relaying denied"),
    (550, "no"),
    (452, "4.5.3 Too many recipients"),
    (454, "4.7.0 Throttling failure: Maximum sending rate exceeded."),
    (450, "4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error."),
    (550, "5.4.5 Daily user sending limit exceeded."),
    (421, "4.4.2 closing connection"),
];

/// Refusals of DATA.
pub(super) const AT_DATA: &[(u16, &str)] = &[
    (451, "4.3.0 try again later"),
    (421, "4.3.2 system shutting down"),
    (503, "5.5.1 bad sequence of commands"),
    (554, "5.5.1 no valid recipients"),
    (454, "4.7.0 Throttling failure: Maximum sending rate exceeded."),
];

/// Refusals of the end of data.
pub(super) const AT_END: &[(u16, &str)] = &[
    (451, "4.3.0 try again later"),
    (450, "later"),
    (554, "5.7.1 Message rejected as spam"),
    (552, "5.3.4 Message too large"),
    (550, "no"),
    (550, "5.1.1 No such user here"),
    (421, "4.3.2 system shutting down"),
    (452, "4.3.1 Insufficient system storage"),
    (454, "4.7.0 Throttling failure: Maximum sending rate exceeded."),
    (550, "5.7.1 sender blocked"),
];

/// The reply of a provider whose limit is reached.
pub(super) fn over_limit() -> Reply {
    Reply::new(550, "5.4.5 Daily user sending limit exceeded.")
}

/// The reply of a server that took the message.
pub(super) fn taken(number: usize) -> Reply {
    Reply::new(250, format!("2.0.0 Ok: queued as S{number:X}"))
}

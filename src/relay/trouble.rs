//! What a failed session means for its relay.

use std::error::Error;
use std::io;

use super::profile::Profile;
use super::verdict::judge;
use super::wording::{tidy, words};
use crate::mail::{Class, Permanence, Phase, Reply, Scope, Trouble, Verdict};
use crate::smtp::SmtpError;

/// What the relay must hear of an error.
pub(super) fn trouble_of(error: &SmtpError, profile: Profile) -> Trouble {
    let verdict = |class, scope, permanence| Verdict { class, scope, permanence, wait: None };
    let (phase, verdict) = match error {
        SmtpError::Refused { phase, reply } => (*phase, judge(*phase, reply, profile)),
        SmtpError::Name { .. } | SmtpError::Connect { .. } => {
            (Phase::Connect, verdict(Class::Connection, Scope::Connection, Permanence::Transient))
        }
        SmtpError::TimedOut { phase, .. } | SmtpError::Lost { phase, .. } => {
            (*phase, verdict(Class::Connection, Scope::Connection, Permanence::Transient))
        }
        SmtpError::Malformed { phase, .. } | SmtpError::Unexpected { phase, .. } => match phase {
            // Who never spoke SMTP will not begin to.
            Phase::Connect | Phase::Ehlo | Phase::StartTls | Phase::Auth => {
                (*phase, verdict(Class::Protocol, Scope::Relay, Permanence::Permanent))
            }
            Phase::Mail | Phase::Rcpt | Phase::Data | Phase::End | Phase::Other => {
                (*phase, verdict(Class::Protocol, Scope::Connection, Permanence::Transient))
            }
        },
        SmtpError::LoginRefused { reply, .. } => (Phase::Auth, judge(Phase::Auth, reply, profile)),
        SmtpError::NoMechanism { .. } | SmtpError::Unsayable { .. } | SmtpError::Unproven => {
            (Phase::Auth, verdict(Class::Login, Scope::Relay, Permanence::Permanent))
        }
        SmtpError::Challenge { .. } => {
            (Phase::Auth, verdict(Class::Protocol, Scope::Relay, Permanence::Permanent))
        }
        // rustls says "invalid data" to what it does not believe, the network says everything else.
        SmtpError::Tls { source, .. } if source.kind() != io::ErrorKind::InvalidData => {
            (Phase::StartTls, verdict(Class::Connection, Scope::Connection, Permanence::Transient))
        }
        SmtpError::Tls { .. }
        | SmtpError::NoStartTls
        | SmtpError::Injected
        | SmtpError::InTheClear { .. }
        | SmtpError::TlsSettings { .. } => {
            (Phase::StartTls, verdict(Class::Connection, Scope::Relay, Permanence::Permanent))
        }
        SmtpError::Command(_) => (Phase::Ehlo, verdict(Class::Protocol, Scope::Relay, Permanence::Permanent)),
    };
    Trouble { verdict, words: describe(error), phase }
}

/// The error with its causes, in one line.
pub(super) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    tidy(&text)
}

/// What a reply said, with its code, for people: escaped, without addresses.
pub(super) fn coded_words(reply: &Reply) -> String {
    format!("{} {}", reply.code, words(reply, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_name_nobody_and_drive_no_terminal() {
        let reply = Reply::new(550, "5.1.1 <ada@example.com>: no\u{1b}[2J such\nuser");
        assert_eq!(coded_words(&reply), "550 5.1.1 <address>: no\\u{1b}[2J such user");
    }

    #[test]
    fn only_what_cannot_mend_itself_stops_a_relay() {
        let io = |kind: io::ErrorKind| io::Error::from(kind);
        let host = || "mx.example".to_owned();
        let table = [
            (
                SmtpError::Connect { host: host(), port: 25, source: io(io::ErrorKind::ConnectionRefused) },
                false,
            ),
            (SmtpError::Lost { phase: Phase::Connect, source: None }, false),
            (SmtpError::Tls { host: host(), source: io(io::ErrorKind::UnexpectedEof) }, false),
            (SmtpError::Tls { host: host(), source: io(io::ErrorKind::InvalidData) }, true),
            (SmtpError::NoStartTls, true),
            (SmtpError::Injected, true),
            (SmtpError::Refused { phase: Phase::Auth, reply: Reply::new(535, "5.7.8 no") }, true),
            (SmtpError::Refused { phase: Phase::Auth, reply: Reply::new(454, "4.7.0 later") }, false),
            (SmtpError::Unexpected { phase: Phase::Connect, reply: Reply::new(250, "hello") }, true),
            (SmtpError::Unexpected { phase: Phase::Rcpt, reply: Reply::new(354, "?") }, false),
        ];
        for (error, stops) in table {
            let verdict = trouble_of(&error, Profile::Generic).verdict;
            let permanent = verdict.scope == Scope::Relay && verdict.permanence == Permanence::Permanent;
            assert_eq!(permanent, stops, "{error}");
        }
    }
}

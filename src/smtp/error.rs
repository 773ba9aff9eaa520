//! Why a session could not be opened, or ended before its time.

use std::io;
use std::time::Duration;

use thiserror::Error;

use super::auth::Mechanism;
use super::command::CommandError;
use super::reply::Malformed;
use crate::mail::{Phase, Reply};

/// What went wrong between us and a server. Fits after "could not send: ".
#[derive(Debug, Error)]
pub enum SmtpError {
    /// The name of the host is not known.
    #[error("the name {host} was not found")]
    Name {
        /// The host.
        host: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// No address of the host took the connection; the error of the last.
    #[error("{host} port {port} does not take a connection")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The server took longer than the step may take.
    #[error("no reply within {} s ({phase})", .after.as_secs())]
    TimedOut {
        /// The step.
        phase: Phase,
        /// How long was waited.
        after: Duration,
    },
    /// The connection was closed or broke.
    #[error("the connection was lost ({phase})")]
    Lost {
        /// The step.
        phase: Phase,
        /// How it broke; none if the server closed it.
        #[source]
        source: Option<io::Error>,
    },
    /// The server refused a step before the first message, or said that it closes (421).
    #[error("the server refused ({phase}): {reply}")]
    Refused {
        /// The step.
        phase: Phase,
        /// What it said.
        reply: Reply,
    },
    /// What came is no reply.
    #[error("the server does not speak SMTP ({phase})")]
    Malformed {
        /// The step.
        phase: Phase,
        /// Why.
        #[source]
        source: Malformed,
    },
    /// A reply that answers nothing, or answers it with a code that has no meaning there.
    #[error("an unexpected reply ({phase}): {reply}")]
    Unexpected {
        /// The step.
        phase: Phase,
        /// What it said.
        reply: Reply,
    },
    /// The server does not announce STARTTLS, which the relay's settings ask for.
    #[error("the server does not offer STARTTLS")]
    NoStartTls,
    /// The server does not announce a way to log in that mailrun knows and that fits the login.
    #[error("the server offers no login {wanted} (it offers: {offered})")]
    NoMechanism {
        /// The mechanism that was asked for, or with what kind of secret.
        wanted: &'static str,
        /// The mechanisms it announces, or "none".
        offered: String,
    },
    /// The name or the secret cannot be said in the way that was chosen. Holds no part of either.
    #[error("the user or its secret {what} ({})", mechanism.name())]
    Unsayable {
        /// What keeps it from being said.
        what: &'static str,
        /// The way.
        mechanism: Mechanism,
    },
    /// A challenge that is none of the mechanism's, or that asks for too much.
    #[error("the server's challenge {what} ({})", mechanism.name())]
    Challenge {
        /// The mechanism.
        mechanism: Mechanism,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The server let us in and did not prove that it knows the password: it is not whom it pretends to be.
    #[error("the server does not prove that it knows the password")]
    Unproven,
    /// The server refused a login and told the mechanism why.
    #[error("the server refused the login: {reply} ({reason})")]
    LoginRefused {
        /// What it said.
        reply: Reply,
        /// Why, as it told the mechanism.
        reason: String,
    },
    /// Octets came behind the reply to STARTTLS and before TLS: somebody put them there (RFC 3207, 6).
    #[error("octets were put between the reply to STARTTLS and the TLS handshake")]
    Injected,
    /// The settings ask for no TLS, and the server is not on this machine.
    #[error("{host} is not on this machine, and nothing is sent there without TLS")]
    InTheClear {
        /// The host.
        host: String,
    },
    /// The TLS handshake failed; the certificate is not to be trusted, mostly.
    #[error("TLS with {host} failed")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A setting of TLS cannot be used.
    #[error("TLS cannot be set up: {what}")]
    TlsSettings {
        /// What is wrong.
        what: String,
    },
    /// A setting cannot stand in a command.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl SmtpError {
    /// Whether whoever took the connection does not speak, so that another address may: nothing came, or
    /// the line broke, before a greeting or within TLS.
    pub(super) fn is_silence(&self) -> bool {
        match self {
            Self::TimedOut { phase, .. } | Self::Lost { phase, .. } => {
                matches!(phase, Phase::Connect | Phase::StartTls)
            }
            // rustls says "invalid data" to what it does not believe, the network says everything else.
            Self::Tls { source, .. } => source.kind() != io::ErrorKind::InvalidData,
            Self::Name { .. }
            | Self::Connect { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::Unexpected { .. }
            | Self::NoStartTls
            | Self::NoMechanism { .. }
            | Self::Unsayable { .. }
            | Self::Challenge { .. }
            | Self::Unproven
            | Self::LoginRefused { .. }
            | Self::Injected
            | Self::InTheClear { .. }
            | Self::TlsSettings { .. }
            | Self::Command(_) => false,
        }
    }
}

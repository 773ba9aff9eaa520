//! What a pool must know of its relay: plain values, read from the operator's files by others.

use std::time::Duration;

use secrecy::SecretString;

use super::profile::Profile;
use crate::campaign::{Auth, Relay, Tls};
use crate::smtp::{ClearTo, Login, Mechanism, Refusals, Security, SmtpError, Target, Timeouts, Trust};

/// One relay's settings.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// The name or address of the server; its certificate must carry it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: Security,
    /// Where a connection in the clear may lead.
    pub clear_to: ClearTo,
    /// Who logs in; none: nobody does.
    pub login: Option<Login>,
    /// What EHLO calls us; none: the address of our end.
    pub helo: Option<String>,
    /// PEM certificates of authorities that are believed beside the system's.
    pub tls_ca: Option<Vec<u8>>,
    /// How many sessions may be open at once, at least 1.
    pub sessions: usize,
    /// Messages in flight a session where they are streamed, at least 1; with 1 none are.
    pub window: usize,
    /// After how many messages a session says QUIT, at least 1.
    pub messages_per_session: u32,
    /// After how long a session takes no further message.
    pub session_age: Duration,
    /// How long a session stays open without a message.
    pub idle: Duration,
    /// Whether the provider counts recipients that it refused.
    pub refusals: Refusals,
    /// Whose replies these are.
    pub profile: Profile,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

impl RelaySettings {
    /// A relay that is spoken to over TLS from the first octet, without a login, with the defaults of a
    /// relay's table: 4 sessions of 100 messages or 15 minutes, closed after 30 s without a message.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            security: Security::Implicit,
            clear_to: ClearTo::Loopback,
            login: None,
            helo: None,
            tls_ca: None,
            sessions: 4,
            window: 16,
            messages_per_session: 100,
            session_age: Duration::from_mins(15),
            idle: Duration::from_secs(30),
            refusals: Refusals::Charged,
            profile: Profile::Generic,
            timeouts: Timeouts::default(),
        }
    }

    /// What the operator's `relay` means, with its password and the PEM certificates of its `tls_ca`.
    pub fn of(relay: &Relay, password: Option<SecretString>, tls_ca: Option<Vec<u8>>) -> Self {
        let mechanism = relay.auth.map(mechanism);
        let login = relay.user.clone().zip(password);
        let login = login.map(|(user, password)| Login { mechanism, ..Login::by_password(user, password) });
        Self {
            security: match relay.tls {
                Tls::Implicit => Security::Implicit,
                Tls::StartTls => Security::StartTls,
                Tls::None => Security::Clear,
            },
            clear_to: if relay.insecure { ClearTo::Anywhere } else { ClearTo::Loopback },
            login,
            helo: relay.helo.clone(),
            tls_ca,
            sessions: usize::try_from(relay.sessions).unwrap_or(usize::MAX),
            window: usize::try_from(relay.window).unwrap_or(usize::MAX),
            messages_per_session: relay.messages_per_session,
            session_age: relay.session_age,
            refusals: if relay.counts_refused { Refusals::Charged } else { Refusals::Free },
            profile: Profile::of_preset(relay.preset.name()),
            ..Self::new(relay.host.clone(), relay.port)
        }
    }

    /// Where sessions lead. Reads the system's certificates where there is TLS.
    ///
    /// # Errors
    /// `tls_ca` holds no certificate, or no authority at all is trusted.
    pub fn target(&self) -> Result<Target, SmtpError> {
        let trust = match self.security {
            Security::Implicit | Security::StartTls => Some(Trust::new(self.tls_ca.as_deref())?),
            Security::Clear => None,
        };
        Ok(Target {
            host: self.host.clone(),
            port: self.port,
            security: self.security,
            clear_to: self.clear_to,
            login: self.login.clone(),
            helo: self.helo.clone(),
            trust,
            timeouts: self.timeouts,
        })
    }
}

/// What the operator's word for a mechanism means.
fn mechanism(auth: Auth) -> Mechanism {
    match auth {
        Auth::ScramSha256Plus => Mechanism::ScramSha256Plus,
        Auth::ScramSha256 => Mechanism::ScramSha256,
        Auth::Plain => Mechanism::Plain,
        Auth::Login => Mechanism::Login,
        Auth::OauthBearer => Mechanism::OauthBearer,
        Auth::Xoauth2 => Mechanism::Xoauth2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mechanism_has_one_name_in_any_case() {
        for auth in Auth::ALL {
            assert_eq!(mechanism(auth).name().to_ascii_lowercase(), auth.name());
        }
    }
}

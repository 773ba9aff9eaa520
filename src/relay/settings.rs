//! What a pool must know of its relay: plain values, read from the operator's files by others.

use std::time::Duration;

use secrecy::SecretString;

use super::profile::Profile;
use super::token::TokenCommand;
use crate::campaign::{Auth, Relay, Tls};
use crate::smtp::{ClearTo, Mechanism, Refusals, Route, Security, SmtpError, Target, Timeouts, Trust};

/// Who logs in, with what, and how.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// What proves it.
    pub secret: Credential,
    /// The one mechanism that may be used; none: the strongest that the server offers.
    pub mechanism: Option<Mechanism>,
}

/// What proves who somebody is, or where that is to be had.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A password; it is never shown.
    Password(SecretString),
    /// The command that prints an access token.
    Token(TokenCommand),
}

impl Credentials {
    /// A login with a password, by the strongest mechanism that the server offers.
    pub fn by_password(user: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self { user: user.into(), secret: Credential::Password(password.into()), mechanism: None }
    }
}

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
    pub login: Option<Credentials>,
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

    /// What the operator's `relay` means, with what proves its user and the PEM certificates of its `tls_ca`.
    pub fn of(relay: &Relay, secret: Option<Credential>, tls_ca: Option<Vec<u8>>) -> Self {
        let mechanism = relay.auth.map(mechanism);
        let login = relay.user.clone().zip(secret);
        let login = login.map(|(user, secret)| Credentials { user, secret, mechanism });
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

    /// Where sessions lead, without a login. Reads the system's certificates where there is TLS.
    ///
    /// # Errors
    /// `tls_ca` holds no certificate, or no authority at all is trusted.
    pub(super) fn target(&self) -> Result<Target, SmtpError> {
        let trust = match self.security {
            Security::Implicit | Security::StartTls => Some(Trust::new(self.tls_ca.as_deref())?),
            Security::Clear => None,
        };
        Ok(Target {
            host: self.host.clone(),
            port: self.port,
            security: self.security,
            clear_to: self.clear_to,
            route: Route::default(),
            login: None,
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

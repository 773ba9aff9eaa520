//! Logging in: which mechanism, and what is said (RFC 4954).
//!
//! [`Exchange`] is the exchange as a state machine: challenges in, lines out. The lines are secrets by type:
//! they have no `Debug`, are wiped when dropped and are shown as `AUTH PLAIN ****`. It must not be run where
//! others read along; `session.rs` sees to that. In reading order: `exchange`, the state machine; `scram`,
//! a password that is proven and never said; `bearer`, a token; `saslprep`, one spelling for a password.
//! CRAM-MD5 and DIGEST-MD5 are not known, nor will they be.

use std::fmt;

use secrecy::SecretString;

use super::error::SmtpError;

mod bearer;
mod exchange;
mod saslprep;
mod scram;

pub(super) use exchange::{Binds, Exchange, Line, Peer};

/// What proves who somebody is.
#[derive(Clone)]
pub enum Secret {
    /// A password.
    Password(SecretString),
    /// An access token of OAuth 2.0 (RFC 6750), which is good for an hour or so.
    Token(SecretString),
}

/// A name and what proves it.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// What proves it.
    pub secret: Secret,
    /// The one mechanism that may be used; none: the strongest that the server offers.
    pub mechanism: Option<Mechanism>,
}

impl Login {
    /// A login with a password, by the strongest mechanism that the server offers.
    pub fn by_password(user: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self { user: user.into(), secret: Secret::Password(password.into()), mechanism: None }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Password(_) => "Password(****)",
            Self::Token(_) => "Token(****)",
        })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Login");
        shown.field("user", &self.user).field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// How to log in, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), bound to the TLS connection by its exporter (RFC 9266).
    ScramSha256Plus,
    /// SCRAM-SHA-256 (RFC 7677): both sides prove that they know the password, and nobody says it.
    ScramSha256,
    /// PLAIN (RFC 4616): one step.
    Plain,
    /// LOGIN: two steps, for servers that know nothing else.
    Login,
    /// OAUTHBEARER (RFC 7628): a token.
    OauthBearer,
    /// XOAUTH2: a token, in the way of Google and Microsoft before there was a standard.
    Xoauth2,
}

impl Mechanism {
    /// Every mechanism, strongest first for each kind of secret.
    pub const ALL: [Self; 6] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::Plain,
        Self::Login,
        Self::OauthBearer,
        Self::Xoauth2,
    ];

    /// The name as AUTH says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Xoauth2 => "XOAUTH2",
        }
    }

    /// Whether it proves a name by a secret of this kind.
    fn takes(self, secret: &Secret) -> bool {
        match self {
            Self::ScramSha256Plus | Self::ScramSha256 | Self::Plain | Self::Login => {
                matches!(secret, Secret::Password(_))
            }
            Self::OauthBearer | Self::Xoauth2 => matches!(secret, Secret::Token(_)),
        }
    }
}

/// The value that binds a login to its TLS connection, where there is one (RFC 9266, 2).
pub(super) type Binding = [u8; 32];

/// The strongest mechanism that the server announced, that fits the secret, and that `login` allows.
///
/// # Errors
/// There is none.
pub(super) fn choose(
    login: &Login,
    announced: &[String],
    binding: Option<&Binding>,
) -> Result<Mechanism, SmtpError> {
    let usable = |mechanism: &Mechanism| {
        announced.iter().any(|name| name == mechanism.name())
            && mechanism.takes(&login.secret)
            && login.mechanism.is_none_or(|only| only == *mechanism)
            && (*mechanism != Mechanism::ScramSha256Plus || binding.is_some())
    };
    Mechanism::ALL.into_iter().find(usable).ok_or_else(|| SmtpError::NoMechanism {
        wanted: match (login.mechanism, &login.secret) {
            (Some(only), _) => only.name(),
            (None, Secret::Password(_)) => "with a password",
            (None, Secret::Token(_)) => "with a token",
        },
        offered: if announced.is_empty() { "none".to_owned() } else { announced.join(" ") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(login: &Login, names: &[&str], binding: Option<&Binding>) -> Option<Mechanism> {
        let announced: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        choose(login, &announced, binding).ok()
    }

    type Names<'a> = &'a [&'a str];

    #[test]
    fn the_strongest_mechanism_that_is_offered_and_fits_the_secret_is_chosen() {
        let password = Login::by_password("ada", "secret");
        let token = Login { secret: Secret::Token("t".into()), ..password.clone() };
        let everything =
            ["CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "LOGIN", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"];
        let bound = Some(&[0; 32]);
        let table: [(&Login, Names<'_>, Option<&Binding>, Option<Mechanism>); 9] = [
            (&password, &everything, bound, Some(Mechanism::ScramSha256Plus)),
            (&password, &everything, None, Some(Mechanism::ScramSha256)),
            (&password, &["LOGIN", "PLAIN"], bound, Some(Mechanism::Plain)),
            (&password, &["XOAUTH2", "LOGIN"], bound, Some(Mechanism::Login)),
            (&password, &["CRAM-MD5", "DIGEST-MD5", "XOAUTH2"], bound, None),
            (&password, &["SCRAM-SHA-256-PLUS"], None, None),
            (&token, &everything, bound, Some(Mechanism::OauthBearer)),
            (&token, &["PLAIN", "XOAUTH2"], None, Some(Mechanism::Xoauth2)),
            (&token, &["PLAIN", "LOGIN", "SCRAM-SHA-256"], None, None),
        ];
        for (login, names, binding, expected) in table {
            assert_eq!(chosen(login, names, binding), expected, "{login:?} {names:?}");
        }
    }

    #[test]
    fn a_mechanism_that_is_asked_for_is_used_or_none() {
        let only = Login { mechanism: Some(Mechanism::Login), ..Login::by_password("ada", "secret") };
        assert_eq!(chosen(&only, &["PLAIN", "LOGIN"], None), Some(Mechanism::Login));
        let error = choose(&only, &["PLAIN".to_owned()], None).expect_err("not offered");
        assert_eq!(error.to_string(), "the server offers no login LOGIN (it offers: PLAIN)");
    }

    #[test]
    fn a_login_does_not_show_its_secret() {
        let password = Login::by_password("ada", "canary");
        let token = Login { secret: Secret::Token("canary".into()), ..password.clone() };
        assert!(!format!("{password:?} {token:?} {:?}", token.secret).contains("canary"));
    }
}

//! The way into one relay: what every session of it is opened with.
//!
//! A password is there from the beginning. A token is asked for before each session; one that was kept and
//! is refused is asked for anew, and tried once more, as it may have been revoked or have ended early. A
//! fresh one that is refused is refused.

use super::error::RelayError;
use super::settings::{Credential, RelaySettings};
use super::token::{Origin, Token, Tokens};
use crate::mail::{Phase, Reply};
use crate::smtp::{Login, Secret, Session, SmtpError, Target, Transcript};

/// The way into one relay.
#[derive(Debug)]
pub(super) struct Entrance {
    /// Without a login, where that is by token.
    target: Target,
    by_token: Option<ByToken>,
}

/// A login by token.
#[derive(Debug)]
struct ByToken {
    /// With a token that is none.
    login: Login,
    tokens: Tokens,
}

impl Entrance {
    /// The way that `settings` describe. Reads the system's certificates where there is TLS; connects to
    /// nothing.
    ///
    /// # Errors
    /// `tls_ca` holds no certificate, or no authority at all is trusted.
    pub(super) fn new(settings: &RelaySettings) -> Result<Self, SmtpError> {
        let (login, by_token) = match &settings.login {
            None => (None, None),
            Some(credentials) => {
                let login = |secret| Login {
                    user: credentials.user.clone(),
                    secret,
                    mechanism: credentials.mechanism,
                };
                match &credentials.secret {
                    Credential::Password(password) => (Some(login(Secret::Password(password.clone()))), None),
                    Credential::Token(command) => {
                        let login = login(Secret::Token(String::new().into()));
                        (None, Some(ByToken { login, tokens: Tokens::new(command.clone()) }))
                    }
                }
            }
        };
        Ok(Self { target: Target { login, ..settings.target()? }, by_token })
    }

    /// Opens a session.
    ///
    /// # Errors
    /// There is no token, or what kept the session from being greeted, encrypted and authenticated.
    pub(super) async fn open(&self, transcript: &mut Transcript) -> Result<Session, RelayError> {
        let Some(ByToken { login, tokens }) = &self.by_token else {
            return Ok(Session::open(&self.target, transcript).await?);
        };
        let token = tokens.token().await?;
        match self.open_with(login, &token, transcript).await {
            Err(error) if is_refused(&error) => {
                tokens.forget(&token).await;
                match token.origin {
                    Origin::Fresh => Err(error.into()),
                    Origin::Kept => {
                        let fresh = tokens.token().await?;
                        Ok(self.open_with(login, &fresh, transcript).await?)
                    }
                }
            }
            opened => Ok(opened?),
        }
    }

    async fn open_with(
        &self,
        login: &Login,
        token: &Token,
        transcript: &mut Transcript,
    ) -> Result<Session, SmtpError> {
        let login = Login { secret: Secret::Token(token.secret.clone()), ..login.clone() };
        let target = Target { login: Some(login), ..self.target.clone() };
        Session::open(&target, transcript).await
    }
}

/// Whether the server did not take the token, for good.
fn is_refused(error: &SmtpError) -> bool {
    let by = |reply: &Reply| matches!(reply.code, 530 | 534 | 535 | 538);
    match error {
        SmtpError::LoginRefused { reply, .. } => by(reply),
        SmtpError::Refused { phase, reply } => *phase == Phase::Auth && by(reply),
        SmtpError::Name { .. }
        | SmtpError::Connect { .. }
        | SmtpError::TimedOut { .. }
        | SmtpError::Lost { .. }
        | SmtpError::Malformed { .. }
        | SmtpError::Unexpected { .. }
        | SmtpError::NoStartTls
        | SmtpError::NoMechanism { .. }
        | SmtpError::Unsayable { .. }
        | SmtpError::Challenge { .. }
        | SmtpError::Unproven
        | SmtpError::Injected
        | SmtpError::InTheClear { .. }
        | SmtpError::Tls { .. }
        | SmtpError::TlsSettings { .. }
        | SmtpError::Command(_) => false,
    }
}

#[cfg(test)]
mod tests;

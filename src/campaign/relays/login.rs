//! How a relay is logged in to: `auth`, the mechanism, and `token`, the command that prints one.

use crate::mail::nearest;

use super::super::sheet::{Sheet, Wrong};
use super::{PasswordText, RelayText, SourceText};

/// The one mechanism that a relay is to be logged in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Auth {
    /// SCRAM-SHA-256-PLUS: a password that is proven, bound to the TLS connection.
    ScramSha256Plus,
    /// SCRAM-SHA-256: a password that is proven and never said.
    ScramSha256,
    /// PLAIN: a password.
    Plain,
    /// LOGIN: a password, for servers that know nothing else.
    Login,
    /// OAUTHBEARER: a token.
    OauthBearer,
    /// XOAUTH2: a token.
    Xoauth2,
}

impl Auth {
    /// Every mechanism.
    pub const ALL: [Self; 6] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::Plain,
        Self::Login,
        Self::OauthBearer,
        Self::Xoauth2,
    ];

    /// The name in `relays.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "scram-sha-256-plus",
            Self::ScramSha256 => "scram-sha-256",
            Self::Plain => "plain",
            Self::Login => "login",
            Self::OauthBearer => "oauthbearer",
            Self::Xoauth2 => "xoauth2",
        }
    }

    fn takes_tokens(self) -> bool {
        match self {
            Self::OauthBearer | Self::Xoauth2 => true,
            Self::ScramSha256Plus | Self::ScramSha256 | Self::Plain | Self::Login => false,
        }
    }

    fn named(text: &str) -> Result<Self, Wrong> {
        let lower = text.to_ascii_lowercase();
        Self::ALL.into_iter().find(|auth| auth.name() == lower).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let wrong = Wrong::new(format!("{text:?} is no way to log in"));
            match nearest(&lower, names) {
                Some(near) => wrong.hint(format!("did you mean {near:?}?")),
                None => wrong.hint(format!(
                    "write one of {}, or leave it out for the strongest that is offered",
                    names.join(", ")
                )),
            }
        })
    }
}

/// `auth`, which is for those who log in.
pub(super) fn auth(text: &RelayText, sheet: &mut Sheet) -> Option<Auth> {
    let typed = text.auth.as_ref()?;
    if text.user.is_none() {
        let wrong = Wrong::new("`auth` says how to log in, and there is no `user`");
        sheet.wrong(typed.span(), wrong.hint("add user = \"..\", or remove this key"));
    }
    let auth = sheet.take(Some(typed), |name| Auth::named(name))?;
    let wrong = match (auth.takes_tokens(), &text.token) {
        (true, None) => Wrong::new(format!("{} is a login by token, and there is no `token`", auth.name()))
            .hint("add token = { command = [\"..\"] }"),
        (false, Some(_)) => {
            Wrong::new(format!("{} is a login by password, and there is a `token`", auth.name()))
                .hint("write \"oauthbearer\" or \"xoauth2\", or remove this key")
        }
        (true, Some(_)) | (false, None) => return Some(auth),
    };
    sheet.wrong(typed.span(), wrong);
    None
}

/// `token = { command = [..] }`, the program and its arguments.
pub(super) fn token(text: &RelayText, sheet: &mut Sheet) -> Option<Vec<String>> {
    let typed = text.token.as_ref()?;
    let written = "write token = { command = [\"program\", \"argument\"] }";
    let wrong = match (typed.get_ref(), &text.user, &text.password) {
        (PasswordText::InTheClear, ..) => Wrong::new("a token stands here in the clear").hint(written),
        (PasswordText::Source(_), None, _) => {
            Wrong::new("there is a token and no `user`").hint("add user = \"..\"")
        }
        (PasswordText::Source(_), Some(_), Some(_)) => {
            Wrong::new("there is a password and a token").hint("keep the one that the provider asks for")
        }
        (PasswordText::Source(SourceText { env: None, file: None, command: Some(words) }), Some(_), None)
            if words.first().is_some_and(|program| !program.is_empty()) =>
        {
            return Some(words.clone());
        }
        (PasswordText::Source(_), Some(_), None) => {
            Wrong::new("a token comes from a command, as it is good for an hour or so").hint(written)
        }
    };
    sheet.wrong_in_secret(typed.span(), "token", wrong);
    None
}

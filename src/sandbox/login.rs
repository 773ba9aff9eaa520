//! AUTH, as far as a pretence needs it: PLAIN (RFC 4616) and LOGIN, with or without initial response.
//!
//! Decides nothing about who may log in; gives back who tried, or what to ask next.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A login under way: what the next line of the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// The initial response of PLAIN.
    Plain,
    /// The user of LOGIN.
    User,
    /// The password of LOGIN; the user was told.
    Password {
        /// Who logs in.
        user: String,
    },
}

/// What follows from a line of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Send this challenge, already in base64, and wait for a line.
    Ask(&'static str, Login),
    /// Who logs in, with what.
    Done {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// The client gave up.
    Cancelled,
    /// Not base64, or not what the mechanism sends.
    Garbled,
}

/// Begins a login. None: no such mechanism.
pub(super) fn begin(mechanism: &[u8], initial: Option<&[u8]>) -> Option<Step> {
    let (login, challenge) = match mechanism.to_ascii_uppercase().as_slice() {
        b"PLAIN" => (Login::Plain, ""),
        // base64 of `Username:`.
        b"LOGIN" => (Login::User, "VXNlcm5hbWU6"),
        _ => return None,
    };
    Some(match initial {
        // RFC 4954, 4: `=` is an initial response of no octets.
        Some(b"=") => login.answer(b""),
        Some(line) => login.answer(line),
        None => Step::Ask(challenge, login),
    })
}

impl Login {
    /// Takes the client's next line, without its CRLF.
    pub(super) fn answer(self, line: &[u8]) -> Step {
        if line == b"*" {
            return Step::Cancelled;
        }
        let text = STANDARD.decode(line).ok().and_then(|octets| String::from_utf8(octets).ok());
        let Some(text) = text else { return Step::Garbled };
        match self {
            Self::Plain => {
                let mut parts = text.split('\0').skip(1);
                match (parts.next(), parts.next(), parts.next()) {
                    (Some(user), Some(password), None) => {
                        Step::Done { user: user.to_owned(), password: password.to_owned() }
                    }
                    (_, _, _) => Step::Garbled,
                }
            }
            // base64 of `Password:`.
            Self::User => Step::Ask("UGFzc3dvcmQ6", Self::Password { user: text }),
            Self::Password { user } => Step::Done { user, password: text },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done() -> Step {
        Step::Done { user: "ada".into(), password: "secret".into() }
    }

    #[test]
    fn a_login_ends_with_user_and_password() {
        assert_eq!(begin(b"plain", Some(b"AGFkYQBzZWNyZXQ=")), Some(done()));
        assert_eq!(begin(b"PLAIN", None), Some(Step::Ask("", Login::Plain)));
        assert_eq!(Login::Plain.answer(b"AGFkYQBzZWNyZXQ="), done());
        let password = Login::Password { user: "ada".into() };
        assert_eq!(begin(b"LOGIN", None), Some(Step::Ask("VXNlcm5hbWU6", Login::User)));
        assert_eq!(Login::User.answer(b"YWRh"), Step::Ask("UGFzc3dvcmQ6", password.clone()));
        assert_eq!(begin(b"LOGIN", Some(b"YWRh")), Some(Step::Ask("UGFzc3dvcmQ6", password.clone())));
        assert_eq!(password.answer(b"c2VjcmV0"), done());
    }

    #[test]
    fn what_is_no_login_is_told_apart() {
        assert_eq!(begin(b"CRAM-MD5", None), None);
        assert_eq!(Login::User.answer(b"*"), Step::Cancelled);
        assert_eq!(Login::User.answer(b"%%%"), Step::Garbled);
        assert_eq!(begin(b"PLAIN", Some(b"=")), Some(Step::Garbled));
    }
}

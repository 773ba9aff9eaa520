//! Logging in: AUTH PLAIN and AUTH LOGIN (RFC 4954, RFC 4616).
//!
//! [`Exchange`] is the exchange as a state machine: challenges in, lines out. The lines are secrets by type:
//! they have no `Debug`, are wiped when dropped and are shown as `AUTH PLAIN ****`. It must not be run where
//! others read along; `session.rs` sees to that.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

/// Octets of the initial response with AUTH PLAIN and CRLF that every server takes (RFC 5321, 4.5.3.1.4).
/// A longer one is sent as a line of its own.
const INITIAL_RESPONSE_LIMIT: usize = 512 - "AUTH PLAIN \r\n".len();

/// A name and its password.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How to log in, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN (RFC 4616): one step.
    Plain,
    /// LOGIN: two steps, for servers that know nothing else.
    Login,
}

impl Mechanism {
    /// The first mechanism that the server announced and mailrun knows.
    pub fn choose(announced: &[String]) -> Option<Self> {
        [Self::Plain, Self::Login].into_iter().find(|known| announced.iter().any(|name| name == known.name()))
    }

    /// The name as AUTH says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}

/// One line of the exchange: what is written, and how it is shown.
pub(super) struct Line {
    /// The line with its end.
    pub(super) octets: SecretSlice<u8>,
    /// The line as a transcript has it.
    pub(super) shown: &'static str,
}

/// An exchange under way.
pub(super) struct Exchange<'a> {
    login: &'a Login,
    mechanism: Mechanism,
    /// How many lines were given out.
    given: usize,
}

impl<'a> Exchange<'a> {
    /// An exchange that has not begun.
    pub(super) fn new(login: &'a Login, mechanism: Mechanism) -> Self {
        Self { login, mechanism, given: 0 }
    }

    /// The first line, and then the one for each challenge (334); none if the server asks once too often.
    pub(super) fn next_line(&mut self) -> Option<Line> {
        let number = self.given;
        self.given += 1;
        let user = self.login.user.as_bytes();
        match (self.mechanism, number) {
            (Mechanism::Plain, 0) => {
                let response = self.plain();
                if response.expose_secret().len() > INITIAL_RESPONSE_LIMIT {
                    return Some(line(&[b"AUTH PLAIN"], "AUTH PLAIN"));
                }
                self.given += 1;
                Some(line(&[b"AUTH PLAIN ", response.expose_secret()], "AUTH PLAIN ****"))
            }
            (Mechanism::Plain, 1) => Some(line(&[self.plain().expose_secret()], "****")),
            (Mechanism::Login, 0) => Some(line(&[b"AUTH LOGIN"], "AUTH LOGIN")),
            (Mechanism::Login, 1) => Some(line(&[encode(user).expose_secret()], "****")),
            (Mechanism::Login, 2) => {
                let password = encode(self.login.password.expose_secret().as_bytes());
                Some(line(&[password.expose_secret()], "****"))
            }
            (Mechanism::Plain, 2..) | (Mechanism::Login, 3..) => None,
        }
    }

    /// RFC 4616, 2: no authorization identity, the name, the password.
    fn plain(&self) -> SecretSlice<u8> {
        let password = self.login.password.expose_secret();
        // Room for all of it at once, so that no growing leaves a copy behind.
        let mut message = Vec::with_capacity(self.login.user.len() + password.len() + 2);
        message.push(0);
        message.extend_from_slice(self.login.user.as_bytes());
        message.push(0);
        message.extend_from_slice(password.as_bytes());
        encode(SecretSlice::from(message).expose_secret())
    }
}

fn encode(octets: &[u8]) -> SecretSlice<u8> {
    SecretSlice::from(STANDARD.encode(octets).into_bytes())
}

fn line(parts: &[&[u8]], shown: &'static str) -> Line {
    let mut octets = Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + 2);
    for part in parts {
        octets.extend_from_slice(part);
    }
    octets.extend_from_slice(b"\r\n");
    Line { octets: octets.into(), shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mechanism: Mechanism, password: &str) -> Vec<(String, &'static str)> {
        let login = Login { user: "ada".into(), password: password.into() };
        let mut exchange = Exchange::new(&login, mechanism);
        std::iter::from_fn(|| exchange.next_line())
            .map(|line| (String::from_utf8_lossy(line.octets.expose_secret()).into_owned(), line.shown))
            .collect()
    }

    #[test]
    fn the_exchange_ends_however_often_the_server_asks() {
        assert_eq!(
            lines(Mechanism::Plain, "secret"),
            [("AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n".to_owned(), "AUTH PLAIN ****")]
        );
        let expected = [("AUTH LOGIN\r\n", "AUTH LOGIN"), ("YWRh\r\n", "****"), ("c2VjcmV0\r\n", "****")];
        assert_eq!(lines(Mechanism::Login, "secret"), expected.map(|(line, shown)| (line.to_owned(), shown)));
    }

    #[test]
    fn a_long_secret_is_sent_in_a_line_of_its_own() {
        let lines = lines(Mechanism::Plain, &"x".repeat(400));
        assert_eq!(lines.iter().map(|(_, shown)| *shown).collect::<Vec<_>>(), ["AUTH PLAIN", "****"]);
    }

    #[test]
    fn plain_comes_before_login_and_others_are_not_known() {
        let choose = |names: &[&str]| {
            Mechanism::choose(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(choose(&["LOGIN", "PLAIN"]), Some(Mechanism::Plain));
        assert_eq!(choose(&["XOAUTH2", "LOGIN"]), Some(Mechanism::Login));
        assert_eq!(choose(&["CRAM-MD5"]), None);
    }

    #[test]
    fn a_login_does_not_show_its_password() {
        let login = Login { user: "ada".into(), password: "canary".into() };
        assert!(!format!("{login:?}").contains("canary"));
    }
}

//! The exchange of one login: what is said first, and what to each challenge.
//!
//! Every mechanism has an end: a server that goes on asking gets an error, not an answer. What cannot be
//! said, because it is no text of the mechanism or longer than a line may be, is refused before anything is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};

use super::super::error::SmtpError;
use super::scram::Scram;
use super::{Binding, Login, Mechanism, Secret, bearer};
use crate::mail::{Phase, Reply};

/// Octets of a command line that every server takes, CRLF included (RFC 5321, 4.5.3.1.4). An initial
/// response that does not fit is sent as a line of its own.
const COMMAND_LIMIT: usize = 512;
/// Octets of a line behind AUTH that every server takes, CRLF included (RFC 4954, 4).
const LINE_LIMIT: usize = 12_288;

/// One line of the exchange: what is written, and how it is shown.
pub(in super::super) struct Line {
    /// The line with its end.
    pub(in super::super) octets: SecretSlice<u8>,
    /// The line as a transcript has it.
    pub(in super::super) shown: String,
}

/// Whom the exchange is with, as far as mechanisms say it.
#[derive(Debug, Clone)]
pub(in super::super) struct Peer {
    /// The host as the operator wrote it.
    pub(in super::super) host: String,
    /// The port.
    pub(in super::super) port: u16,
    /// What binds a login to the connection; none in the clear and before TLS 1.3.
    pub(in super::super) binding: Option<Binding>,
    /// Whether the server announced that it takes a bound login.
    pub(in super::super) binds: Binds,
}

/// Whether a server takes logins that are bound to their connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Binds {
    /// It announced SCRAM-SHA-256-PLUS.
    Announced,
    /// It did not.
    NotAnnounced,
}

/// An exchange under way.
pub(in super::super) struct Exchange {
    mechanism: Mechanism,
    /// The initial response, where it is still to be said.
    initial: Option<SecretSlice<u8>>,
    script: Script,
    /// Why the server refused, in its own words to the mechanism.
    reason: Option<String>,
}

/// What comes after the initial response.
enum Script {
    /// Nothing.
    Over,
    /// LOGIN: the name and the password, last first.
    Lines(Vec<SecretSlice<u8>>),
    /// The exchange of SCRAM.
    Scram(Box<Scram>),
    /// The answer to what a server says of a token that it does not take.
    Consolation(&'static str),
}

impl Exchange {
    /// An exchange that has not begun. `nonce` is printable, without a comma, and never used again.
    ///
    /// # Errors
    /// The name or the secret cannot be said by this mechanism.
    pub(in super::super) fn new(
        login: &Login,
        mechanism: Mechanism,
        peer: &Peer,
        nonce: &str,
    ) -> Result<Self, SmtpError> {
        let user = login.user.as_str();
        let (Secret::Password(secret) | Secret::Token(secret)) = &login.secret;
        let secret = secret.expose_secret();
        let (initial, script) = match mechanism {
            Mechanism::Plain => (Some(plain(user, secret)?), Script::Over),
            Mechanism::Login => {
                (None, Script::Lines(vec![encode(secret.as_bytes()), encode(user.as_bytes())]))
            }
            Mechanism::ScramSha256Plus | Mechanism::ScramSha256 => {
                let scram = Scram::new(user, secret, nonce, header(login, mechanism, peer))?;
                (Some(encode(scram.first().as_bytes())), Script::Scram(Box::new(scram)))
            }
            Mechanism::OauthBearer => {
                let message = bearer::oauthbearer(user, secret, &peer.host, peer.port)?;
                (Some(encode(message.expose_secret())), Script::Consolation(bearer::CONSOLATION))
            }
            Mechanism::Xoauth2 => {
                let message = bearer::xoauth2(user, secret)?;
                (Some(encode(message.expose_secret())), Script::Consolation(""))
            }
        };
        let longest = match &script {
            Script::Lines(lines) => lines.iter().map(|line| line.expose_secret().len()).max(),
            Script::Over | Script::Scram(_) | Script::Consolation(_) => None,
        };
        let longest = longest.max(initial.as_ref().map(|line| line.expose_secret().len()));
        if longest.unwrap_or_default() + 2 > LINE_LIMIT {
            return Err(SmtpError::Unsayable { what: "is longer than a server takes", mechanism });
        }
        Ok(Self { mechanism, initial, script, reason: None })
    }

    /// The line that begins the exchange, with the initial response if there is one and it fits.
    pub(in super::super) fn first(&mut self) -> Line {
        let name = self.mechanism.name();
        let fits = |initial: &SecretSlice<u8>| {
            "AUTH  \r\n".len() + name.len() + initial.expose_secret().len() <= COMMAND_LIMIT
        };
        match self.initial.take_if(|initial| fits(initial)) {
            Some(initial) => {
                let parts = [b"AUTH ", name.as_bytes(), b" ", initial.expose_secret()];
                line(&parts, format!("AUTH {name} ****"))
            }
            None => line(&[b"AUTH ", name.as_bytes()], format!("AUTH {name}")),
        }
    }

    /// The answer to a challenge (334) with this text. Takes long where SCRAM asks for it.
    ///
    /// # Errors
    /// The challenge is none of this mechanism's, or one too many.
    pub(in super::super) fn answer(&mut self, challenge: &str) -> Result<Line, SmtpError> {
        if let Some(initial) = self.initial.take() {
            return Ok(line(&[initial.expose_secret()], "****".to_owned()));
        }
        match std::mem::replace(&mut self.script, Script::Over) {
            Script::Over => {
                let reply = Reply::new(334, challenge);
                Err(SmtpError::Unexpected { phase: Phase::Auth, reply })
            }
            Script::Lines(mut lines) => match lines.pop() {
                Some(octets) => {
                    self.script = if lines.is_empty() { Script::Over } else { Script::Lines(lines) };
                    Ok(line(&[octets.expose_secret()], "****".to_owned()))
                }
                None => self.answer(challenge),
            },
            Script::Scram(mut scram) => {
                let message =
                    STANDARD.decode(challenge).ok().and_then(|octets| String::from_utf8(octets).ok());
                let message = message.ok_or_else(|| self.odd("is no text in base64"))?;
                let answer = scram.answer(&message).map_err(|fault| self.scram_fault(fault))?;
                self.reason = scram.refusal().map(ToOwned::to_owned);
                self.script = Script::Scram(scram);
                Ok(match answer {
                    Some(message) => line(&[encode(message.as_bytes()).expose_secret()], "****".to_owned()),
                    None => line(&[], String::new()),
                })
            }
            Script::Consolation(words) => {
                self.reason = bearer::reason(challenge);
                Ok(line(&[words.as_bytes()], words.to_owned()))
            }
        }
    }

    /// Whether an answer may take long enough to be thought out elsewhere.
    pub(in super::super) fn is_slow(&self) -> bool {
        matches!(self.script, Script::Scram(_))
    }

    /// Whether challenges hold what would help to guess the password.
    pub(in super::super) fn hides_challenges(&self) -> bool {
        self.is_slow()
    }

    /// Takes the server's word that we are in, if it has earned it.
    ///
    /// # Errors
    /// It did not prove that it knows the password.
    pub(in super::super) fn finish(&self) -> Result<(), SmtpError> {
        match &self.script {
            Script::Scram(scram) if !scram.is_proven() => Err(SmtpError::Unproven),
            Script::Scram(_) | Script::Over | Script::Lines(_) | Script::Consolation(_) => Ok(()),
        }
    }

    /// The server's refusal, with what it told the mechanism.
    pub(in super::super) fn refused(self, reply: Reply) -> SmtpError {
        match self.reason {
            Some(reason) => SmtpError::LoginRefused { reply, reason },
            None => SmtpError::Refused { phase: Phase::Auth, reply },
        }
    }

    fn odd(&self, what: &'static str) -> SmtpError {
        SmtpError::Challenge { mechanism: self.mechanism, what }
    }

    fn scram_fault(&self, fault: super::scram::Fault) -> SmtpError {
        match fault {
            super::scram::Fault::Challenge(what) => self.odd(what),
            super::scram::Fault::Signature => SmtpError::Unproven,
        }
    }
}

/// RFC 5802, 6: what is said of binding the login to the connection.
fn header(login: &Login, mechanism: Mechanism, peer: &Peer) -> super::scram::Header {
    use super::scram::Header;
    match (mechanism, peer.binding, peer.binds) {
        (Mechanism::ScramSha256Plus, Some(binding), _) => Header::Bound(binding),
        // We could, and the server says it cannot: if somebody struck that from its announcement, it will
        // notice. Not so where the operator asked for the mechanism without.
        (_, Some(_), Binds::NotAnnounced) if login.mechanism.is_none() => Header::WouldBind,
        (_, _, _) => Header::Unbound,
    }
}

/// RFC 4616, 2: no authorization identity, the name, the password.
fn plain(user: &str, password: &str) -> Result<SecretSlice<u8>, SmtpError> {
    if user.contains('\0') || password.contains('\0') {
        return Err(SmtpError::Unsayable { what: "holds a NUL", mechanism: Mechanism::Plain });
    }
    // Room for all of it at once, so that no growing leaves a copy behind.
    let mut message = Vec::with_capacity(user.len() + password.len() + 2);
    message.push(0);
    message.extend_from_slice(user.as_bytes());
    message.push(0);
    message.extend_from_slice(password.as_bytes());
    Ok(encode(SecretSlice::from(message).expose_secret()))
}

fn encode(octets: &[u8]) -> SecretSlice<u8> {
    SecretSlice::from(STANDARD.encode(octets).into_bytes())
}

fn line(parts: &[&[u8]], shown: String) -> Line {
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

    fn peer() -> Peer {
        Peer { host: "server.example.com".into(), port: 587, binding: None, binds: Binds::NotAnnounced }
    }

    /// Every line that is given out to a server that asks with nothing for as long as it is answered.
    fn lines(mechanism: Mechanism, login: &Login) -> Vec<(String, String)> {
        let mut exchange = Exchange::new(login, mechanism, &peer(), "nonce").expect("sayable");
        let mut lines = vec![exchange.first()];
        while let Ok(line) = exchange.answer("") {
            lines.push(line);
        }
        let text =
            |line: Line| (String::from_utf8_lossy(line.octets.expose_secret()).into_owned(), line.shown);
        lines.into_iter().map(text).collect()
    }

    fn token(user: &str, token: &str) -> Login {
        Login { user: user.into(), secret: Secret::Token(token.into()), mechanism: None }
    }

    /// What is written, and how it is shown.
    type Pair<'a> = (&'a str, &'a str);

    #[test]
    fn the_exchange_ends_however_often_the_server_asks() {
        let login = Login::by_password("ada", "secret");
        let xoauth2 = token("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
        let bearer = token("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        // The examples of Google's description of XOAUTH2 and of RFC 7628, 4.4, among others.
        let table: [(Mechanism, &Login, &[Pair<'_>]); 4] = [
            (Mechanism::Plain, &login, &[("AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n", "AUTH PLAIN ****")]),
            (
                Mechanism::Login,
                &login,
                &[("AUTH LOGIN\r\n", "AUTH LOGIN"), ("YWRh\r\n", "****"), ("c2VjcmV0\r\n", "****")],
            ),
            (
                Mechanism::Xoauth2,
                &xoauth2,
                &[
                    (
                        "AUTH XOAUTH2 dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52\
                         YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==\r\n",
                        "AUTH XOAUTH2 ****",
                    ),
                    ("\r\n", ""),
                ],
            ),
            (
                Mechanism::OauthBearer,
                &bearer,
                &[
                    (
                        "AUTH OAUTHBEARER bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3\
                         AWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB\r\n",
                        "AUTH OAUTHBEARER ****",
                    ),
                    ("AQ==\r\n", "AQ=="),
                ],
            ),
        ];
        for (mechanism, login, expected) in table {
            let expected: Vec<_> =
                expected.iter().map(|(line, shown)| ((*line).to_owned(), (*shown).to_owned())).collect();
            assert_eq!(lines(mechanism, login), expected, "{mechanism:?}");
        }
    }

    #[test]
    fn a_long_secret_is_sent_in_a_line_of_its_own() {
        for (mechanism, login, ends) in [
            (Mechanism::Plain, Login::by_password("ada", "x".repeat(400)), ["AUTH PLAIN", "****"]),
            (Mechanism::Xoauth2, token("ada", &"x".repeat(9000)), ["AUTH XOAUTH2", "****"]),
        ] {
            let lines = lines(mechanism, &login);
            assert_eq!(lines.iter().take(2).map(|(_, shown)| shown.as_str()).collect::<Vec<_>>(), ends);
            assert!(lines[1].0.len() <= LINE_LIMIT);
        }
        let shorter = lines(Mechanism::Plain, &Login::by_password("ada", "x".repeat(366)));
        assert_eq!(
            (shorter.len(), shorter[0].0.len()),
            (1, 509),
            "a line of 512 octets is no command too long"
        );
    }

    #[test]
    fn what_cannot_be_said_is_refused_before_anything_is() {
        let table = [
            (Mechanism::Plain, Login::by_password("a\0b", "secret")),
            (Mechanism::Plain, Login::by_password("ada", "x".repeat(10_000))),
            (Mechanism::Login, Login::by_password("ada", "x".repeat(10_000))),
            (Mechanism::Xoauth2, token("ada", &"x".repeat(10_000))),
            (Mechanism::Xoauth2, token("ada", "two\u{1}words")),
            (Mechanism::OauthBearer, token("ada", "two words")),
            (Mechanism::ScramSha256, Login::by_password("ada", "\u{7}")),
        ];
        for (mechanism, login) in table {
            let refused = Exchange::new(&login, mechanism, &peer(), "nonce").err();
            assert!(matches!(refused, Some(SmtpError::Unsayable { .. })), "{login:?}: {refused:?}");
        }
    }

    #[test]
    fn a_token_that_is_refused_is_refused_with_the_reason() {
        let mut exchange =
            Exchange::new(&token("ada", "t"), Mechanism::Xoauth2, &peer(), "").expect("sayable");
        exchange.first();
        let challenge =
            STANDARD.encode(r#"{"status":"401","schemes":"bearer","scope":"https://mail.example/"}"#);
        exchange.answer(&challenge).expect("an answer");
        let error = exchange.refused(Reply::new(535, "5.7.8 no"));
        assert_eq!(
            error.to_string(),
            "the server refused the login: 535 5.7.8 no (status 401, schemes bearer, scope https://mail.example/)"
        );
    }

    #[test]
    fn binding_is_spoken_of_as_it_stands() {
        use super::super::scram::Header;
        let any = Login::by_password("ada", "secret");
        let only = Login { mechanism: Some(Mechanism::ScramSha256), ..any.clone() };
        let bound = Some([7; 32]);
        let (plus, without) = (Mechanism::ScramSha256Plus, Mechanism::ScramSha256);
        let table = [
            (&any, plus, bound, Binds::Announced, Header::Bound([7; 32])),
            (&any, without, bound, Binds::NotAnnounced, Header::WouldBind),
            (&any, without, None, Binds::NotAnnounced, Header::Unbound),
            (&only, without, bound, Binds::Announced, Header::Unbound),
            (&only, without, bound, Binds::NotAnnounced, Header::Unbound),
        ];
        for (login, mechanism, binding, binds, expected) in table {
            assert_eq!(header(login, mechanism, &Peer { binding, binds, ..peer() }), expected);
        }
    }
}

//! SCRAM-SHA-256, the client's side (RFC 5802, RFC 7677).
//!
//! The password is never said: what is sent proves that we know it, and what comes back proves that the
//! server knows it too, which is looked at. Iterations are bounded both ways: fewer than RFC 7677 asks for
//! make guessing cheap for whoever listens, and a hostile server could have us count for hours.

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::error::SmtpError;
use super::saslprep::saslprep;
use super::{Binding, Mechanism};

/// RFC 7677, 4.
const FEWEST_ITERATIONS: u32 = 4096;
/// Well above what OWASP asks for in 2023 (600,000); less than a second's work.
const MOST_ITERATIONS: u32 = 1_000_000;
/// Octets of a salt or a nonce: several times what servers use.
const TEXT_LIMIT: usize = 1024;

/// What the first message says of binding the login to the connection (RFC 5802, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// We cannot, or shall not.
    Unbound,
    /// We could, and believe that the server cannot.
    WouldBind,
    /// It is bound by this value.
    Bound(Binding),
}

impl Header {
    fn text(self) -> &'static str {
        match self {
            Self::Unbound => "n,,",
            Self::WouldBind => "y,,",
            Self::Bound(_) => "p=tls-exporter,,",
        }
    }

    /// The base64 of `c=`: the text, and the value it is bound by.
    fn echo(self) -> String {
        let mut octets = self.text().as_bytes().to_vec();
        if let Self::Bound(binding) = self {
            octets.extend_from_slice(&binding);
        }
        STANDARD.encode(octets)
    }
}

/// Why the exchange cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The challenge, and what is wrong with it: fits behind "the challenge".
    Challenge(&'static str),
    /// The server's signature is not that of one who knows the password.
    Signature,
}

/// An exchange under way.
pub(super) struct Scram {
    header: Header,
    password: SecretString,
    nonce: String,
    /// The first message without the header.
    bare: String,
    state: State,
}

enum State {
    /// The first message is out.
    Begun,
    /// The proof is out; the signature that the server must give.
    Proven(hmac::Tag),
    /// The server gave it.
    Verified,
    /// The server refused, and said this to the mechanism.
    Refused(String),
}

impl Scram {
    /// An exchange of which nothing is said yet.
    pub(super) fn new(user: &str, password: &str, nonce: &str, header: Header) -> Result<Self, SmtpError> {
        let mechanism = match header {
            Header::Bound(_) => Mechanism::ScramSha256Plus,
            Header::Unbound | Header::WouldBind => Mechanism::ScramSha256,
        };
        let what = "holds a character that SASLprep (RFC 4013) does not allow";
        let prepared = |text| saslprep(text).ok_or(SmtpError::Unsayable { what, mechanism });
        let bare = format!("n={},r={nonce}", saslname(&prepared(user)?));
        Ok(Self {
            header,
            password: prepared(password)?.into(),
            nonce: nonce.to_owned(),
            bare,
            state: State::Begun,
        })
    }

    /// The first message.
    pub(super) fn first(&self) -> String {
        format!("{}{}", self.header.text(), self.bare)
    }

    /// The answer to the server's next message; none: an empty line.
    pub(super) fn answer(&mut self, message: &str) -> Result<Option<String>, Fault> {
        match &self.state {
            State::Begun => self.prove(message).map(Some),
            State::Proven(expected) => {
                self.state = verify(message, expected)?;
                Ok(None)
            }
            State::Verified | State::Refused(_) => Err(Fault::Challenge("is one too many")),
        }
    }

    /// Whether the server proved that it knows the password.
    pub(super) fn is_proven(&self) -> bool {
        matches!(self.state, State::Verified)
    }

    /// What the server told the mechanism when it refused.
    pub(super) fn refusal(&self) -> Option<&str> {
        match &self.state {
            State::Refused(words) => Some(words),
            State::Begun | State::Proven(_) | State::Verified => None,
        }
    }

    fn prove(&mut self, challenge: &str) -> Result<String, Fault> {
        let Challenge { nonce, salt, iterations } = Challenge::parse(challenge, &self.nonce)?;
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        let password = self.password.expose_secret().as_bytes();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, password, &mut salted);
        let salted = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let server_key = hmac::sign(&salted, b"Server Key");
        let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());

        let last = format!("c={},r={nonce}", self.header.echo());
        let said = format!("{},{challenge},{last}", self.bare);
        let sign = |key: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), said.as_bytes());
        let signature = sign(stored_key.as_ref());
        let proof: Vec<u8> =
            client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, octet)| key ^ octet).collect();
        self.state = State::Proven(sign(server_key.as_ref()));
        Ok(format!("{last},p={}", STANDARD.encode(proof)))
    }
}

/// The server's last message: its signature, or why it refuses.
fn verify(message: &str, expected: &hmac::Tag) -> Result<State, Fault> {
    let first = message.split(',').next().unwrap_or_default();
    if let Some(words) = first.strip_prefix("e=") {
        return Ok(State::Refused(words.chars().take(100).collect()));
    }
    let signature = first.strip_prefix("v=").ok_or(Fault::Challenge("is no signature"))?;
    let signature = STANDARD.decode(signature).map_err(|_| Fault::Challenge("is no signature"))?;
    match constant_time::verify_slices_are_equal(&signature, expected.as_ref()) {
        Ok(()) => Ok(State::Verified),
        Err(_) => Err(Fault::Signature),
    }
}

/// The server's first message, read.
struct Challenge {
    nonce: String,
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl Challenge {
    /// Reads `r=..,s=..,i=..`; `ours` is how its nonce must begin.
    fn parse(message: &str, ours: &str) -> Result<Self, Fault> {
        let odd = Fault::Challenge;
        let mut parts = message.split(',');
        let mut part = |name| parts.next().and_then(|part| part.strip_prefix(name));
        let nonce = part("r=").ok_or(odd("is not of SCRAM, or asks for an extension of it"))?;
        let salt = part("s=").ok_or(odd("has no salt"))?;
        let iterations = part("i=").ok_or(odd("has no number of iterations"))?;
        if !nonce.starts_with(ours) || nonce.len() == ours.len() || nonce.len() > TEXT_LIMIT {
            return Err(odd("does not go on from what we said"));
        }
        let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty() && salt.len() <= TEXT_LIMIT);
        let iterations: u32 = iterations.parse().map_err(|_| odd("has no number of iterations"))?;
        if iterations < FEWEST_ITERATIONS {
            return Err(odd("asks for fewer than 4096 iterations, which protect no password"));
        }
        if iterations > MOST_ITERATIONS {
            return Err(odd("asks for more than 1000000 iterations"));
        }
        Ok(Self {
            nonce: nonce.to_owned(),
            salt: salt.ok_or(odd("has no salt"))?,
            iterations: NonZeroU32::new(iterations).ok_or(odd("has no number of iterations"))?,
        })
    }
}

/// A name where commas and equals signs mean something (RFC 5802, 5.1).
pub(super) fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const CHALLENGE: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const SIGNATURE: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn scram(header: Header) -> Scram {
        Scram::new("user", "pencil", NONCE, header).expect("plain text")
    }

    #[test]
    fn the_example_of_the_standard_holds() {
        // RFC 7677, 3.
        let mut scram = scram(Header::Unbound);
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let answer = scram.answer(CHALLENGE).expect("a proof");
        assert_eq!(
            answer.as_deref(),
            Some(
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                 p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
            )
        );
        assert!(!scram.is_proven());
        assert_eq!(scram.answer(SIGNATURE), Ok(None));
        assert!(scram.is_proven());
        assert!(scram.answer(SIGNATURE).is_err());
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        let mut forged = scram(Header::Unbound);
        forged.answer(CHALLENGE).expect("a proof");
        let signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=";
        assert!(forged.answer(signature).is_err());
        assert!(!forged.is_proven());
        // The right signature for another binding is a wrong one.
        let mut bound = scram(Header::Bound([1; 32]));
        bound.answer(CHALLENGE).expect("a proof");
        assert_eq!(bound.answer(SIGNATURE), Err(Fault::Signature));
    }

    #[test]
    fn a_refusal_is_told_in_the_server_s_words() {
        let mut scram = scram(Header::Unbound);
        scram.answer(CHALLENGE).expect("a proof");
        assert_eq!(scram.answer("e=invalid-proof"), Ok(None));
        assert_eq!(scram.refusal(), Some("invalid-proof"));
        assert!(!scram.is_proven());
    }

    #[test]
    fn challenges_that_are_none_are_refused() {
        let changed = |from: &str, to: &str| CHALLENGE.replace(from, to);
        let table = [
            String::new(),
            "m=1,r=x".to_owned(),
            changed("r=rOprNGf", "r=sOprNGf"),
            changed("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", ""),
            changed("s=W22ZaJ0SNY7soEsUEjb6gQ==", "s="),
            changed("s=W22ZaJ0SNY7soEsUEjb6gQ==", "s=%%"),
            changed("i=4096", "i=4095"),
            changed("i=4096", "i=1000001"),
            changed("i=4096", "i=99999999999"),
            changed("i=4096", "i=-1"),
            changed(",i=4096", ""),
        ];
        for challenge in table {
            assert!(scram(Header::Unbound).answer(&challenge).is_err(), "{challenge}");
        }
    }

    #[test]
    fn a_name_cannot_end_its_field() {
        let scram = Scram::new("a=b,c", "pencil", "n", Header::WouldBind).expect("plain text");
        assert_eq!(scram.first(), "y,,n=a=3Db=2Cc,r=n");
    }
}

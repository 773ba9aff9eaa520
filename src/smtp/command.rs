//! Every command that mailrun says, and the one function that puts it on the wire.
//!
//! [`Command::write`] looks at each octet and at the length before it appends a line, so that no value,
//! wherever it came from, can carry a second command (RFC 5321, 4.1.1 and 4.5.3.1.4; the line break in
//! an address or a parameter is the oldest hole in mail libraries). Nothing else may write a command.

use std::io::Write as _;

use thiserror::Error;

use crate::mail::Address;

/// RFC 5321, 4.5.3.1.4: octets of a command line, CRLF included.
const LINE_LIMIT: usize = 512;
/// RFC 1870, 6: what SIZE adds to the line of MAIL. RFC 6152 adds 17 for BODY, RFC 6531 10 for SMTPUTF8.
const MAIL_PARAMETERS: usize = 26 + 17 + 10;

/// One command.
#[derive(Debug, Clone, Copy)]
pub enum Command<'a> {
    /// EHLO with our name.
    Ehlo(&'a str),
    /// HELO with our name, where EHLO is not known.
    Helo(&'a str),
    /// STARTTLS (RFC 3207).
    StartTls,
    /// MAIL FROM with its parameters.
    Mail(Mail<'a>),
    /// RCPT TO.
    Rcpt(&'a Address),
    /// DATA.
    Data,
    /// BDAT with so many octets behind it, the last of the message (RFC 3030, 2).
    BdatLast(usize),
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
    /// HELP.
    Help,
    /// VRFY with a name or address.
    Verify(&'a str),
    /// EXPN with the name of a list.
    Expand(&'a str),
}

/// The parts of MAIL.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mail<'a> {
    /// Where bounces go; none is `<>`.
    pub reverse_path: Option<&'a Address>,
    /// SIZE in octets (RFC 1870), where it was announced.
    pub size: Option<usize>,
    /// BODY (RFC 6152), where it was announced and is needed.
    pub body: Option<Body>,
    /// SMTPUTF8 (RFC 6531), where it was announced and is needed.
    pub charset: Charset,
}

/// What BODY says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// BODY=8BITMIME.
    EightBitMime,
}

/// Which characters the paths of a transaction may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// Printable ASCII.
    #[default]
    Ascii,
    /// Any but control characters (RFC 6531); MAIL says SMTPUTF8.
    Utf8,
}

/// Why a command must not be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    /// A character that ends or hides a command.
    #[error("{character:?} may not stand in the {verb} command")]
    Character {
        /// The command.
        verb: &'static str,
        /// The first such character.
        character: char,
    },
    /// More octets than servers must take.
    #[error("the {verb} command is longer than {limit} octets")]
    TooLong {
        /// The command.
        verb: &'static str,
        /// Octets allowed.
        limit: usize,
    },
}

impl Command<'_> {
    /// Appends the command with its line end to `wire`; nothing is appended on an error.
    ///
    /// # Errors
    /// A character that may not stand in a command, or too many octets.
    pub fn write(&self, charset: Charset, wire: &mut Vec<u8>) -> Result<(), CommandError> {
        let begin = wire.len();
        let verb = self.verb();
        wire.extend_from_slice(verb.as_bytes());
        let mut limit = LINE_LIMIT;
        match self {
            Self::Ehlo(name) | Self::Helo(name) | Self::Verify(name) | Self::Expand(name) => {
                wire.push(b' ');
                wire.extend_from_slice(name.as_bytes());
            }
            Self::Mail(mail) => {
                path(mail.reverse_path.map_or("", Address::as_str), wire);
                mail.parameters(wire);
                limit += MAIL_PARAMETERS;
            }
            Self::Rcpt(forward_path) => path(forward_path.as_str(), wire),
            Self::BdatLast(octets) => {
                write!(wire, " {octets} LAST").expect("a vector takes every octet");
            }
            Self::StartTls | Self::Data | Self::Rset | Self::Quit | Self::Help => {}
        }
        if let Err(error) = check_line(verb, &wire[begin..], charset, limit) {
            wire.truncate(begin);
            return Err(error);
        }
        wire.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn verb(&self) -> &'static str {
        match self {
            Self::Ehlo(_) => "EHLO",
            Self::Helo(_) => "HELO",
            Self::StartTls => "STARTTLS",
            Self::Mail(_) => "MAIL FROM:",
            Self::Rcpt(_) => "RCPT TO:",
            Self::Data => "DATA",
            Self::BdatLast(_) => "BDAT",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
            Self::Help => "HELP",
            Self::Verify(_) => "VRFY",
            Self::Expand(_) => "EXPN",
        }
    }
}

impl Mail<'_> {
    fn parameters(&self, wire: &mut Vec<u8>) {
        if let Some(size) = self.size {
            write!(wire, " SIZE={size}").expect("a vector takes every octet");
        }
        if let Some(Body::EightBitMime) = self.body {
            wire.extend_from_slice(b" BODY=8BITMIME");
        }
        if self.charset == Charset::Utf8 {
            wire.extend_from_slice(b" SMTPUTF8");
        }
    }
}

fn path(path: &str, wire: &mut Vec<u8>) {
    wire.push(b'<');
    wire.extend_from_slice(path.as_bytes());
    wire.push(b'>');
}

/// Refuses a line, still without its end, that is more or other than one command.
fn check_line(verb: &'static str, line: &[u8], charset: Charset, limit: usize) -> Result<(), CommandError> {
    if line.len() + 2 > limit {
        return Err(CommandError::TooLong { verb, limit });
    }
    if line.iter().all(|octet| matches!(octet, b' '..=b'~')) {
        return Ok(());
    }
    let Ok(text) = std::str::from_utf8(line) else {
        return Err(CommandError::Character { verb, character: char::REPLACEMENT_CHARACTER });
    };
    let odd = |character: &char| match charset {
        Charset::Ascii => !matches!(character, ' '..='~'),
        Charset::Utf8 => character.is_control(),
    };
    match text.chars().find(odd) {
        Some(character) => Err(CommandError::Character { verb, character }),
        None => Ok(()),
    }
}

/// A parameter's value with every octet that may not stand in it as `+XX` (RFC 3461, 4).
///
/// ```
/// assert_eq!(mailrun::smtp::xtext("a+b=c@x.example"), "a+2Bb+3Dc@x.example");
/// ```
pub fn xtext(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for octet in value.bytes() {
        match octet {
            b'+' | b'=' => write_hex(&mut text, octet),
            b'!'..=b'~' => text.push(char::from(octet)),
            _ => write_hex(&mut text, octet),
        }
    }
    text
}

fn write_hex(text: &mut String, octet: u8) {
    text.push('+');
    for digit in [octet >> 4, octet & 15] {
        let digit = char::from_digit(u32::from(digit), 16).expect("four bits are one digit");
        text.push(digit.to_ascii_uppercase());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(command: Command<'_>, charset: Charset) -> Result<String, CommandError> {
        let mut wire = Vec::new();
        command.write(charset, &mut wire)?;
        Ok(String::from_utf8(wire).expect("text"))
    }

    #[test]
    fn commands_stand_as_the_standard_has_them() {
        let ada = Address::parse("ada@example.com").expect("valid");
        let yuser = Address::parse("юзер@example.com").expect("valid");
        let mail = Mail { reverse_path: Some(&ada), ..Mail::default() };
        let full = Mail { size: Some(3700), body: Some(Body::EightBitMime), charset: Charset::Utf8, ..mail };
        let table = [
            (Command::Ehlo("[127.0.0.1]"), "EHLO [127.0.0.1]\r\n"),
            (Command::Helo("host.example"), "HELO host.example\r\n"),
            (Command::StartTls, "STARTTLS\r\n"),
            (Command::Mail(Mail::default()), "MAIL FROM:<>\r\n"),
            (Command::Mail(mail), "MAIL FROM:<ada@example.com>\r\n"),
            (Command::Mail(full), "MAIL FROM:<ada@example.com> SIZE=3700 BODY=8BITMIME SMTPUTF8\r\n"),
            (Command::Rcpt(&yuser), "RCPT TO:<юзер@example.com>\r\n"),
            (Command::Data, "DATA\r\n"),
            (Command::Rset, "RSET\r\n"),
            (Command::Quit, "QUIT\r\n"),
            (Command::Help, "HELP\r\n"),
            (Command::Verify("ada"), "VRFY ada\r\n"),
            (Command::Expand("staff"), "EXPN staff\r\n"),
        ];
        for (command, expected) in table {
            assert_eq!(line(command, Charset::Utf8).as_deref(), Ok(expected));
        }
        assert!(line(Command::Rcpt(&yuser), Charset::Ascii).is_err());
    }

    #[test]
    fn a_value_cannot_carry_a_second_command() {
        for name in ["a\r\nRCPT TO:<x@y.z>", "a\nb", "a\rb", "a\0b", "a\u{7f}", "a\u{85}b", "é"] {
            let error = line(Command::Ehlo(name), Charset::Ascii);
            assert!(matches!(error, Err(CommandError::Character { verb: "EHLO", .. })), "{name:?}");
        }
        let long = "a".repeat(600);
        assert_eq!(
            line(Command::Verify(&long), Charset::Ascii),
            Err(CommandError::TooLong { verb: "VRFY", limit: 512 })
        );
    }

    proptest! {
        #[test]
        fn one_command_is_one_line(
            name in any::<String>(),
            charset in prop::sample::select(vec![Charset::Ascii, Charset::Utf8]),
        ) {
            let mut wire = b"before\r\n".to_vec();
            if Command::Ehlo(&name).write(charset, &mut wire).is_ok() {
                prop_assert_eq!(memchr::memchr_iter(b'\n', &wire).count(), 2);
                prop_assert_eq!(memchr::memchr_iter(b'\r', &wire).count(), 2);
                prop_assert!(wire.ends_with(b"\r\n"));
            } else {
                prop_assert_eq!(wire, b"before\r\n");
            }
        }

        #[test]
        fn every_address_can_stand_in_a_command(local in "\\PC{1,20}", domain in "[a-z]{1,9}") {
            if let Ok(address) = Address::parse(&format!("{local}@{domain}.example")) {
                let charset = if address.needs_smtputf8() { Charset::Utf8 } else { Charset::Ascii };
                let mail = Mail { reverse_path: Some(&address), charset, ..Mail::default() };
                prop_assert!(line(Command::Rcpt(&address), charset).is_ok());
                prop_assert!(line(Command::Mail(mail), charset).is_ok());
            }
        }

        #[test]
        fn xtext_holds_only_what_a_parameter_may_hold(value in any::<String>()) {
            let text = xtext(&value);
            prop_assert!(text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'='));
        }
    }
}

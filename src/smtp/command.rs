//! Every command that mailrun says, and the one function that puts it on the wire.
//!
//! [`Command::write`] looks at each octet and at the length before it appends a line, so that no value,
//! wherever it came from, can carry a second command (RFC 5321, 4.1.1 and 4.5.3.1.4; the line break in
//! an address or a parameter is the oldest hole in mail libraries). Nothing else may write a command.

use std::io::Write as _;

use thiserror::Error;

use crate::mail::{Address, Condition, Ret};

/// RFC 5321, 4.5.3.1.4: octets of a command line, CRLF included.
const LINE_LIMIT: usize = 512;
/// RFC 1870, 6: what SIZE adds to the line of MAIL. RFC 6152 adds 17 for BODY, RFC 6531 10 for SMTPUTF8; RFC
/// 3461, 4.3 and 4.4 add RET with its longest value and ENVID with one of 100 octets.
const MAIL_PARAMETERS: usize = 26 + 17 + 10 + " RET=FULL".len() + " ENVID=".len() + 100;
/// RFC 3461, 4.2: octets of an original recipient.
const ORIGINAL_RECIPIENT_LIMIT: usize = 500;
/// RFC 3461, 4.1 and 4.2: what NOTIFY and ORCPT add to the line of RCPT.
const RCPT_PARAMETERS: usize =
    " NOTIFY=SUCCESS,FAILURE,DELAY".len() + " ORCPT=".len() + ORIGINAL_RECIPIENT_LIMIT;

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
    /// RCPT TO with its parameters.
    Rcpt(Rcpt<'a>),
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
    /// RET (RFC 3461), where DSN was announced.
    pub ret: Option<Ret>,
    /// ENVID (RFC 3461), where DSN was announced: what the sender calls this transaction, of at most 33
    /// octets, so that it fits however it is written.
    pub envid: Option<&'a str>,
}

/// The parts of RCPT.
#[derive(Debug, Clone, Copy)]
pub struct Rcpt<'a> {
    /// The recipient.
    pub forward_path: &'a Address,
    /// NOTIFY and ORCPT (RFC 3461), where DSN was announced; empty: NOTIFY=NEVER.
    pub notify: Option<&'a [Condition]>,
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
            Self::BdatLast(octets) => {
                write!(wire, " {octets} LAST").expect("a vector takes every octet");
            }
            Self::Rcpt(rcpt) => {
                path(rcpt.forward_path.as_str(), wire);
                rcpt.parameters(wire);
                limit += RCPT_PARAMETERS;
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
        if let Some(ret) = self.ret {
            write!(wire, " RET={}", ret.keyword()).expect("a vector takes every octet");
        }
        if let Some(envid) = self.envid {
            write!(wire, " ENVID={}", xtext(envid)).expect("a vector takes every octet");
        }
    }
}

impl Rcpt<'_> {
    fn parameters(&self, wire: &mut Vec<u8>) {
        let Some(conditions) = self.notify else { return };
        let keywords: Vec<&str> = conditions.iter().map(|condition| condition.keyword()).collect();
        let keywords = if keywords.is_empty() { "NEVER".to_owned() } else { keywords.join(",") };
        write!(wire, " NOTIFY={keywords}").expect("a vector takes every octet");
        let original = original_recipient(self.forward_path);
        // One that does not fit is left out: the notification names the recipient in any case.
        if original.len() <= ORIGINAL_RECIPIENT_LIMIT {
            write!(wire, " ORCPT={original}").expect("a vector takes every octet");
        }
    }
}

/// The address as ORCPT has it: in xtext (RFC 3461, 4.2), or for SMTPUTF8 as it is but for a few characters
/// (RFC 6533, 3).
fn original_recipient(address: &Address) -> String {
    if !address.needs_smtputf8() {
        return format!("rfc822;{}", xtext(address.as_str()));
    }
    let unitext = address.as_str().chars().map(|letter| match letter {
        '+' | '=' | '\\' | ' ' => format!("\\x{{{:X}}}", u32::from(letter)),
        _ => letter.to_string(),
    });
    format!("utf-8;{}", unitext.collect::<String>())
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

    fn plain(forward_path: &Address) -> Rcpt<'_> {
        Rcpt { forward_path, notify: None }
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
            (Command::Rcpt(plain(&yuser)), "RCPT TO:<юзер@example.com>\r\n"),
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
        assert!(line(Command::Rcpt(plain(&yuser)), Charset::Ascii).is_err());
    }

    #[test]
    fn notifications_are_asked_for_as_the_standard_has_it() {
        use Condition::{Delay, Failure, Success};
        let address = |text: &str| Address::parse(text).expect("valid");
        let ada = address("ada@example.com");
        let mail = Mail { reverse_path: Some(&ada), ..Mail::default() };
        let table = [
            (Some(Ret::Headers), None, " RET=HDRS"),
            (Some(Ret::Full), Some("7.12.3"), " RET=FULL ENVID=7.12.3"),
            (None, Some("a+b=c"), " ENVID=a+2Bb+3Dc"),
        ];
        for (ret, envid, expected) in table {
            let found = line(Command::Mail(Mail { ret, envid, ..mail }), Charset::Ascii);
            assert_eq!(found, Ok(format!("MAIL FROM:<ada@example.com>{expected}\r\n")));
        }
        let table: [(&str, &[Condition], &str); 4] = [
            ("ada@example.com", &[Failure, Delay], " NOTIFY=FAILURE,DELAY ORCPT=rfc822;ada@example.com"),
            ("a+b@example.com", &[], " NOTIFY=NEVER ORCPT=rfc822;a+2Bb@example.com"),
            ("юзер+1@example.com", &[Success], " NOTIFY=SUCCESS ORCPT=utf-8;юзер\\x{2B}1@example.com"),
            ("a=b@example.com", &[Failure], " NOTIFY=FAILURE ORCPT=rfc822;a+3Db@example.com"),
        ];
        for (path, conditions, expected) in table {
            let path = address(path);
            let rcpt = Rcpt { notify: Some(conditions), ..plain(&path) };
            assert_eq!(
                line(Command::Rcpt(rcpt), Charset::Utf8),
                Ok(format!("RCPT TO:<{}>{expected}\r\n", path.as_str()))
            );
        }
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
                prop_assert!(line(Command::Rcpt(plain(&address)), charset).is_ok());
                prop_assert!(line(Command::Mail(mail), charset).is_ok());
                let notified = Rcpt { notify: Some(&Condition::ALL), ..plain(&address) };
                prop_assert!(line(Command::Rcpt(notified), charset).is_ok());
            }
        }

        #[test]
        fn xtext_holds_only_what_a_parameter_may_hold(value in any::<String>()) {
            let text = xtext(&value);
            prop_assert!(text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'='));
        }
    }
}

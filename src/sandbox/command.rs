//! One command line of a client, read (RFC 5321, 4.1; RFC 3030; RFC 4954).
//!
//! As strict as a server may be where laxness would hide a client's mistake: paths stand in angle
//! brackets and hold no space. What follows from a command is decided in `conversation`.

/// A command. Borrowed from the line it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Ehlo,
    Helo,
    Mail(Path<'a>),
    Rcpt(Path<'a>),
    Data,
    Bdat { octets: u64, last: bool },
    Auth { mechanism: &'a [u8], initial: Option<&'a [u8]> },
    StartTls,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
}

/// A reverse-path or forward-path with the parameters behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path<'a> {
    /// What stands between the angle brackets; empty for the null reverse-path.
    pub(super) address: &'a [u8],
    /// What stands behind them, less the first space.
    pub(super) parameters: &'a [u8],
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misspoken {
    /// 500: the first word is no command.
    Unknown,
    /// 501: what follows it is not what belongs there.
    Arguments,
}

impl<'a> Path<'a> {
    /// The parameters as keyword and value; a keyword alone has an empty value.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let words = self.parameters.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
        words.map(|word| match memchr::memchr(b'=', word) {
            Some(equals) => (&word[..equals], &word[equals + 1..]),
            None => (word, &b""[..]),
        })
    }
}

/// Reads a line without its CRLF.
pub(super) fn parse(line: &[u8]) -> Result<Command<'_>, Misspoken> {
    let (verb, rest) = match memchr::memchr(b' ', line) {
        Some(space) => (&line[..space], &line[space + 1..]),
        None => (line, &b""[..]),
    };
    let Some(mut word) = verb.first_chunk::<4>().copied().filter(|_| verb.len() == 4) else {
        return if verb.eq_ignore_ascii_case(b"STARTTLS") {
            alone(rest, Command::StartTls)
        } else {
            Err(Misspoken::Unknown)
        };
    };
    word.make_ascii_uppercase();
    match &word {
        b"MAIL" => path(rest, b"FROM:").map(Command::Mail),
        b"RCPT" => named_path(rest, b"TO:").map(Command::Rcpt),
        b"DATA" => alone(rest, Command::Data),
        b"BDAT" => chunk(rest),
        b"RSET" => alone(rest, Command::Rset),
        b"QUIT" => alone(rest, Command::Quit),
        b"EHLO" => named(rest, Command::Ehlo),
        b"HELO" => named(rest, Command::Helo),
        b"AUTH" => login(rest),
        b"NOOP" => Ok(Command::Noop),
        b"HELP" => Ok(Command::Help),
        b"VRFY" => named(rest, Command::Vrfy),
        b"EXPN" => named(rest, Command::Expn),
        _ => Err(Misspoken::Unknown),
    }
}

fn alone<'a>(rest: &[u8], command: Command<'a>) -> Result<Command<'a>, Misspoken> {
    if rest.iter().all(|octet| *octet == b' ') { Ok(command) } else { Err(Misspoken::Arguments) }
}

fn named<'a>(rest: &[u8], command: Command<'a>) -> Result<Command<'a>, Misspoken> {
    if rest.trim_ascii().is_empty() { Err(Misspoken::Arguments) } else { Ok(command) }
}

fn path<'a>(rest: &'a [u8], keyword: &[u8]) -> Result<Path<'a>, Misspoken> {
    let head = rest.get(..keyword.len()).filter(|head| head.eq_ignore_ascii_case(keyword));
    let rest = head.map(|_| rest[keyword.len()..].trim_ascii_start()).ok_or(Misspoken::Arguments)?;
    let inside = rest.strip_prefix(b"<").ok_or(Misspoken::Arguments)?;
    let end = memchr::memchr(b'>', inside).ok_or(Misspoken::Arguments)?;
    let (address, behind) = (&inside[..end], &inside[end + 1..]);
    let parameters = match behind {
        [] => behind,
        [b' ', parameters @ ..] => parameters,
        [_, ..] => return Err(Misspoken::Arguments),
    };
    let odd = |octet: &u8| octet.is_ascii_control() || matches!(octet, b' ' | b'<');
    if address.iter().any(odd) || parameters.iter().any(u8::is_ascii_control) {
        return Err(Misspoken::Arguments);
    }
    Ok(Path { address, parameters })
}

/// RCPT has no null path.
fn named_path<'a>(rest: &'a [u8], keyword: &[u8]) -> Result<Path<'a>, Misspoken> {
    let path = path(rest, keyword)?;
    if path.address.is_empty() { Err(Misspoken::Arguments) } else { Ok(path) }
}

fn chunk(rest: &[u8]) -> Result<Command<'_>, Misspoken> {
    let mut words = rest.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let octets = words.next().and_then(number).ok_or(Misspoken::Arguments)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case(b"LAST") => true,
        Some(_) => return Err(Misspoken::Arguments),
    };
    if words.next().is_some() { Err(Misspoken::Arguments) } else { Ok(Command::Bdat { octets, last }) }
}

/// Reads a decimal number of at most 18 digits.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    let digits = (1..=18).contains(&word.len()) && word.iter().all(u8::is_ascii_digit);
    digits.then(|| word.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn login(rest: &[u8]) -> Result<Command<'_>, Misspoken> {
    let mut words = rest.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let mechanism = words.next().ok_or(Misspoken::Arguments)?;
    let initial = words.next();
    if words.next().is_some() { Err(Misspoken::Arguments) } else { Ok(Command::Auth { mechanism, initial }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path<'a>(address: &'a str, parameters: &'a str) -> Path<'a> {
        Path { address: address.as_bytes(), parameters: parameters.as_bytes() }
    }

    #[test]
    fn a_line_is_one_command() {
        let table = [
            ("EHLO client.example", Ok(Command::Ehlo)),
            ("ehlo", Err(Misspoken::Arguments)),
            ("MAIL FROM:<a@example.com>", Ok(Command::Mail(path("a@example.com", "")))),
            (
                "mail from: <a@b.c> SIZE=5 BODY=8BITMIME",
                Ok(Command::Mail(path("a@b.c", "SIZE=5 BODY=8BITMIME"))),
            ),
            ("MAIL FROM:<>", Ok(Command::Mail(path("", "")))),
            ("MAIL FROM:a@b.c", Err(Misspoken::Arguments)),
            ("MAIL FROM:<a@b.c", Err(Misspoken::Arguments)),
            ("MAIL FROM:<a@b.c>SIZE=5", Err(Misspoken::Arguments)),
            ("MAIL FROM:<a b@b.c>", Err(Misspoken::Arguments)),
            ("MAIL FROM:<<a@b.c>>", Err(Misspoken::Arguments)),
            ("RCPT TO:<b@example.com>", Ok(Command::Rcpt(path("b@example.com", "")))),
            ("RCPT TO:<>", Err(Misspoken::Arguments)),
            ("DATA", Ok(Command::Data)),
            ("DATA now", Err(Misspoken::Arguments)),
            ("BDAT 86 LAST", Ok(Command::Bdat { octets: 86, last: true })),
            ("bdat 0", Ok(Command::Bdat { octets: 0, last: false })),
            ("BDAT -1", Err(Misspoken::Arguments)),
            ("BDAT 99999999999999999999", Err(Misspoken::Arguments)),
            ("BDAT 5 FIRST", Err(Misspoken::Arguments)),
            ("AUTH PLAIN AGEAYg==", Ok(Command::Auth { mechanism: b"PLAIN", initial: Some(b"AGEAYg==") })),
            ("AUTH LOGIN", Ok(Command::Auth { mechanism: b"LOGIN", initial: None })),
            ("STARTTLS", Ok(Command::StartTls)),
            ("NOOP whatever", Ok(Command::Noop)),
            ("", Err(Misspoken::Unknown)),
            ("GET / HTTP/1.1", Err(Misspoken::Unknown)),
            ("DATAS", Err(Misspoken::Unknown)),
        ];
        for (line, command) in table {
            assert_eq!(parse(line.as_bytes()), command, "{line}");
        }
    }

    #[test]
    fn parameters_are_keyword_and_value() {
        let path = path("a@b.c", "SIZE=5  SMTPUTF8 BODY=8BITMIME");
        let read: Vec<_> = path.parameters().collect();
        assert_eq!(read, [(&b"SIZE"[..], &b"5"[..]), (b"SMTPUTF8", b""), (b"BODY", b"8BITMIME")]);
    }
}

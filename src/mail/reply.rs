//! What a server said, and at which step of the conversation.
//!
//! A [`Reply`] keeps the code, the enhanced status if the first line has one that fits the code, and the
//! text. What it means for whom is decided by `relay/verdict.rs`, never here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An enhanced mail system status code: class, subject, detail (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Enhanced {
    /// 2, 4 or 5.
    pub class: u8,
    /// 0 to 999.
    pub subject: u16,
    /// 0 to 999.
    pub detail: u16,
}

impl Enhanced {
    /// Reads `5.1.1` at the beginning of a reply's first line.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.split([' ', '\t']).next()?;
        let mut parts = word.split('.');
        let enhanced = Self {
            class: parts.next()?.parse().ok().filter(|class| matches!(class, 2 | 4 | 5))?,
            subject: three_digits(parts.next()?)?,
            detail: three_digits(parts.next()?)?,
        };
        parts.next().is_none().then_some(enhanced)
    }
}

fn three_digits(text: &str) -> Option<u16> {
    let fits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Enhanced {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// One complete reply (RFC 5321, 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The enhanced status, where the first line has one whose class agrees with the code.
    pub enhanced: Option<Enhanced>,
    /// The text of its lines without codes, joined by line feeds. Whatever the server sent: show it
    /// escaped only.
    pub text: String,
}

impl Reply {
    /// A reply of these parts; the enhanced status is read from the text.
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        let text = text.into();
        let enhanced = Enhanced::parse(&text).filter(|enhanced| u16::from(enhanced.class) == code / 100);
        Self { code, enhanced, text }
    }

    /// 2yz: done.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3yz: go on.
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4yz: not now.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5yz: never.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The text without the enhanced status at its beginning.
    pub fn words(&self) -> &str {
        match self.enhanced {
            Some(_) => self.text.split_once([' ', '\t']).map_or("", |(_, rest)| rest.trim_start()),
            None => &self.text,
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.code)?;
        for character in self.text.chars() {
            match character {
                '\n' => formatter.write_str(" ")?,
                _ if character.is_control() => write!(formatter, "{}", character.escape_default())?,
                _ => write!(formatter, "{character}")?,
            }
        }
        Ok(())
    }
}

/// The step of the conversation that a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The connection or the greeting.
    Connect,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS and the handshake behind it.
    StartTls,
    /// AUTH and its challenges.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// The end of data: the final dot.
    End,
    /// RSET, NOOP, QUIT.
    Other,
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Connect => "greeting",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::End => "end of data",
            Self::Other => "RSET, NOOP or QUIT",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enhanced_status_must_agree_with_the_code() {
        let table = [
            (550, "5.1.1 no such user", Some("5.1.1"), "no such user"),
            (550, "4.1.1 no such user", None, "4.1.1 no such user"),
            (250, "2.0.0 Ok: queued as 4F", Some("2.0.0"), "Ok: queued as 4F"),
            (250, "Ok", None, "Ok"),
            (550, "5.1.1111 odd", None, "5.1.1111 odd"),
            (550, "5.7.1", Some("5.7.1"), ""),
        ];
        for (code, text, enhanced, words) in table {
            let reply = Reply::new(code, text);
            assert_eq!(reply.enhanced.map(|found| found.to_string()).as_deref(), enhanced, "{text}");
            assert_eq!(reply.words(), words, "{text}");
        }
    }

    #[test]
    fn a_shown_reply_cannot_drive_the_terminal() {
        assert_eq!(Reply::new(550, "a\u{1b}[2Jb\nc").to_string(), "550 a\\u{1b}[2Jb c");
    }
}

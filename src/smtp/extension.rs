//! What a server announces in its reply to EHLO (RFC 5321, 4.1.1.1).
//!
//! Keywords are told apart without regard to case. Nothing announced before TLS may be used behind it: a
//! session parses the reply to each EHLO anew and keeps the last only (RFC 3207, 4.2).

use super::reply::RawReply;

/// Keywords of one EHLO reply that are looked at.
const KEYWORDS_LIMIT: usize = 256;

/// An extension that mailrun knows how to use or to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Extension {
    /// PIPELINING (RFC 2920).
    Pipelining,
    /// CHUNKING (RFC 3030).
    Chunking,
    /// 8BITMIME (RFC 6152).
    EightBitMime,
    /// SMTPUTF8 (RFC 6531).
    SmtpUtf8,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// SIZE (RFC 1870).
    Size,
    /// AUTH (RFC 4954).
    Auth,
    /// DSN (RFC 3461).
    Dsn,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    EnhancedStatusCodes,
    /// LIMITS (RFC 9422).
    Limits,
}

impl Extension {
    const KNOWN: [(&'static str, Self); 10] = [
        ("PIPELINING", Self::Pipelining),
        ("CHUNKING", Self::Chunking),
        ("8BITMIME", Self::EightBitMime),
        ("SMTPUTF8", Self::SmtpUtf8),
        ("STARTTLS", Self::StartTls),
        ("SIZE", Self::Size),
        ("AUTH", Self::Auth),
        ("DSN", Self::Dsn),
        ("ENHANCEDSTATUSCODES", Self::EnhancedStatusCodes),
        ("LIMITS", Self::Limits),
    ];

    /// The keyword as EHLO replies have it.
    pub fn keyword(self) -> &'static str {
        Self::KNOWN.iter().find(|(_, extension)| *extension == self).map_or("", |(keyword, _)| *keyword)
    }
}

/// All that one reply to EHLO announced. The default is a server that knows HELO only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extensions {
    offered: Vec<Extension>,
    /// The keywords as the server wrote them, with their parameters: for people, never for decisions.
    lines: Vec<String>,
    size: Option<u64>,
    mechanisms: Vec<String>,
    rcptmax: Option<usize>,
    mailmax: Option<usize>,
}

impl Extensions {
    /// Reads a positive reply to EHLO. Its first line names the server and is left out.
    pub fn parse(reply: &RawReply<'_>) -> Self {
        let mut extensions = Self::default();
        for line in reply.lines().skip(1).take(KEYWORDS_LIMIT) {
            let line = String::from_utf8_lossy(line);
            let line = line.trim();
            if !line.is_empty() {
                extensions.add(line);
                extensions.lines.push(line.to_owned());
            }
        }
        extensions
    }

    fn add(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        // Old servers write "AUTH=LOGIN" beside or instead of "AUTH LOGIN".
        let (keyword, legacy) = match first.split_once('=') {
            Some((keyword, value)) if keyword.eq_ignore_ascii_case("AUTH") => (keyword, Some(value)),
            Some(_) | None => (first, None),
        };
        let known = Extension::KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(keyword));
        let Some((_, extension)) = known else { return };
        match extension {
            Extension::Size => self.size = words.next().and_then(|word| word.parse().ok()),
            Extension::Auth => {
                for mechanism in legacy.into_iter().chain(words).map(str::to_ascii_uppercase) {
                    if !mechanism.is_empty() && !self.mechanisms.contains(&mechanism) {
                        self.mechanisms.push(mechanism);
                    }
                }
            }
            Extension::Limits => words.for_each(|word| self.limit(word)),
            Extension::Pipelining
            | Extension::Chunking
            | Extension::EightBitMime
            | Extension::SmtpUtf8
            | Extension::StartTls
            | Extension::Dsn
            | Extension::EnhancedStatusCodes => {}
        }
        if !self.offers(*extension) {
            self.offered.push(*extension);
        }
    }

    fn limit(&mut self, word: &str) {
        let Some((name, value)) = word.split_once('=') else { return };
        // RFC 9422, 3: values are 1 to 999,999; anything else is no limit.
        let value = value.parse().ok().filter(|value| *value > 0);
        match name.to_ascii_uppercase().as_str() {
            "RCPTMAX" => self.rcptmax = value,
            "MAILMAX" => self.mailmax = value,
            _ => {}
        }
    }

    /// Whether the server announced `extension`.
    pub fn offers(&self, extension: Extension) -> bool {
        self.offered.contains(&extension)
    }

    /// The most octets that a message may have (RFC 1870, 4); none if there is no such word, or it was 0.
    pub fn size_limit(&self) -> Option<u64> {
        self.size.filter(|size| *size > 0)
    }

    /// The names of the SASL mechanisms, in capitals, in the server's order.
    pub fn mechanisms(&self) -> &[String] {
        &self.mechanisms
    }

    /// The most recipients of one transaction (RFC 9422, 4.2), where announced. At least 1.
    pub fn recipients_limit(&self) -> Option<usize> {
        self.rcptmax
    }

    /// The most transactions of one session (RFC 9422, 4.1), where announced. At least 1.
    pub fn transactions_limit(&self) -> Option<usize> {
        self.mailmax
    }

    /// The announced keywords with their parameters as the server wrote them: show them escaped only.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::announced;
    use super::*;

    #[test]
    fn keywords_are_read_in_any_case() {
        let extensions = announced(
            "250-mx.example greets you\r\n250-pipelining\r\n250-SIZE 35882577\r\n250-8BitMime\r\n\
             250-AUTH PLAIN login\r\n250-AUTH=LOGIN XOAUTH2\r\n250-LIMITS RCPTMAX=20 mailmax=0 X=1\r\n\
             250-XCLIENT NAME\r\n250 \r\n",
        );
        assert!(extensions.offers(Extension::Pipelining) && extensions.offers(Extension::EightBitMime));
        assert!(!extensions.offers(Extension::Chunking) && !extensions.offers(Extension::StartTls));
        assert_eq!(extensions.size_limit(), Some(35_882_577));
        assert_eq!(extensions.mechanisms(), ["PLAIN", "LOGIN", "XOAUTH2"]);
        assert_eq!((extensions.recipients_limit(), extensions.transactions_limit()), (Some(20), None));
        assert_eq!(extensions.lines().len(), 7);
    }

    #[test]
    fn a_greeting_that_looks_like_a_keyword_is_none() {
        let extensions = announced("250-PIPELINING\r\n250-SIZE\r\n250 SIZE 0\r\n");
        assert!(!extensions.offers(Extension::Pipelining));
        assert_eq!(extensions.size_limit(), None);
        assert_eq!(announced("250 ok\r\n"), Extensions::default());
    }
}

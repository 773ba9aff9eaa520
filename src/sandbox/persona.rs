//! How a sandbox server behaves: the table `[relays.NAME.sandbox]`, key by key.
//!
//! A persona without keys is a friendly server: it announces every extension, takes any login and every
//! message, and counts. Each key makes it a little worse company. A persona is valid once it is read:
//! replies and numbers that no server could use are refused where they stand.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::glob::Glob;

/// The SIZE a persona announces unless told otherwise: 50 MiB, as much as any provider takes.
const DEFAULT_SIZE: u64 = 52_428_800;

/// How a sandbox server behaves.
///
/// ```
/// use mailrun::sandbox::Persona;
/// let persona: Persona = toml::from_str(r#"
///     recipients_per_message = 50
///     quota = 500
///     latency = "50ms"
///     refuse = [{ recipient = "gone*@*", reply = "550 5.1.1 No such user" }]
///     defer  = [{ recipient = "grey*@*", reply = "450 4.7.1 Greylisted", times = 1 }]
///     drop   = { every = 100, at = "before_dot_reply" }
/// "#).expect("valid");
/// assert_eq!(persona.quota, Some(500));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the operator's file")]
pub struct Persona {
    /// The name the server gives itself in greeting and EHLO.
    pub name: String,
    /// Announces PIPELINING (RFC 2920). Without it, a client that sends a command before the reply to
    /// the one before is refused with 554 and closed upon, as Postfix does.
    pub pipelining: bool,
    /// Announces CHUNKING (RFC 3030). Without it, BDAT is an unknown command.
    pub chunking: bool,
    /// Announces 8BITMIME (RFC 6152). Without it, `BODY=8BITMIME` is refused with 555.
    #[serde(rename = "8bitmime")]
    pub eight_bit_mime: bool,
    /// Announces SMTPUTF8 (RFC 6531). Without it, addresses beyond ASCII are refused with 553.
    pub smtputf8: bool,
    /// Announces ENHANCEDSTATUSCODES (RFC 2034). Without it, replies carry none.
    pub enhanced_status_codes: bool,
    /// Announces AUTH PLAIN LOGIN (RFC 4954).
    pub auth: bool,
    /// The largest message taken, in octets, announced as SIZE (RFC 1870); 0 announces no limit and has none.
    pub size: u64,
    /// The one user who may send. Without it any login is taken and none is needed.
    pub user: Option<String>,
    /// The password of `user`. No secret: it guards a pretence.
    pub password: Option<String>,
    /// What every login is answered, whoever tries.
    pub login_reply: Option<Refusal>,
    /// Recipients taken in one transaction; those beyond are refused with 452 4.5.3. None: no limit.
    pub recipients_per_message: Option<NonZeroU64>,
    /// What each login may send in any 24 hours. None: as much as it likes. 0: nothing.
    pub quota: Option<u64>,
    /// What `quota` counts.
    pub quota_unit: QuotaUnit,
    /// What an attempt beyond `quota` is answered.
    pub quota_reply: Refusal,
    /// Where an exhausted quota is told. Whatever it says, nothing is taken beyond the quota at the end of data.
    pub quota_phase: RefusalPhase,
    /// How long each reply takes to leave. The server goes on reading meanwhile, as a long line would.
    #[serde(with = "compact::required")]
    pub latency: Duration,
    /// Recipients refused always. The first entry that fits counts.
    pub refuse: Vec<Refuse>,
    /// Recipients refused at first and taken later, as greylisting does. The first entry that fits counts.
    pub defer: Vec<Defer>,
    /// Connections that are hung up.
    pub drop: Option<Drops>,
    /// Sessions at the same time; those beyond are greeted with 421. None: no limit.
    pub max_sessions: Option<NonZeroU64>,
    /// Messages in one session; the next MAIL is answered with 421 and the connection closed. None: no limit.
    pub max_messages_per_session: Option<NonZeroU64>,
    /// Answers DATA with 354 although every recipient was refused, as some servers do when commands are
    /// pipelined; the lone dot is then refused.
    pub data_without_recipients: bool,
    /// Talks what is no SMTP, from the greeting on.
    pub nonsense: bool,
}

impl Default for Persona {
    fn default() -> Self {
        Self {
            name: "sandbox.mailrun.invalid".to_owned(),
            pipelining: true,
            chunking: true,
            eight_bit_mime: true,
            smtputf8: true,
            enhanced_status_codes: true,
            auth: true,
            size: DEFAULT_SIZE,
            user: None,
            password: None,
            login_reply: None,
            recipients_per_message: None,
            quota: None,
            quota_unit: QuotaUnit::Recipients,
            // What Amazon SES says (docs.aws, manage-sending-quotas-errors).
            quota_reply: Refusal::known("454 4.7.0 Throttling failure: Daily message quota exceeded."),
            quota_phase: RefusalPhase::End,
            latency: Duration::ZERO,
            refuse: Vec::new(),
            defer: Vec::new(),
            drop: None,
            max_sessions: None,
            max_messages_per_session: None,
            data_without_recipients: false,
            nonsense: false,
        }
    }
}

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaUnit {
    /// Messages taken.
    Messages,
    /// Recipients of messages taken.
    Recipients,
}

/// Where a refusal is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalPhase {
    /// At MAIL. Means `rcpt` for refusals that choose recipients, as MAIL knows none.
    Mail,
    /// At RCPT.
    #[default]
    Rcpt,
    /// At the end of data, for the whole message.
    End,
}

/// Recipients that are refused always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refuse {
    /// Which recipients.
    pub recipient: Glob,
    /// What is answered.
    pub reply: Refusal,
    /// Where it is answered.
    #[serde(default)]
    pub phase: RefusalPhase,
}

/// Recipients that are refused at first.
///
/// A recipient is taken once it was refused `times` times and `period` has passed since the first
/// refusal; what is left out does not count. The memory is per recipient, whoever writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defer {
    /// Which recipients.
    pub recipient: Glob,
    /// What is answered.
    pub reply: Refusal,
    /// How many attempts are refused.
    #[serde(default)]
    pub times: u64,
    /// For how long after the first attempt all are refused.
    #[serde(default, rename = "for", with = "compact::required")]
    pub period: Duration,
    /// Where it is answered.
    #[serde(default)]
    pub phase: RefusalPhase,
}

/// Connections that are hung up without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drops {
    /// Every so manieth time the moment comes, counted over all sessions.
    pub every: NonZeroU64,
    /// At which moment.
    pub at: DropAt,
}

/// The moment at which a connection is hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropAt {
    /// Instead of the greeting.
    Greeting,
    /// Instead of the reply to MAIL.
    Mail,
    /// Instead of the reply to RCPT.
    Rcpt,
    /// Instead of the reply to DATA, or to the first octets of a BDAT.
    Data,
    /// When the first octets of the content have come.
    Content,
    /// When the end of data has come: the message is thrown away, no reply is sent.
    Dot,
    /// The message is taken, counted and logged, and no reply is sent.
    BeforeDotReply,
    /// Right after the reply to the end of data.
    AfterDotReply,
}

/// A reply that refuses: one line with a code of 400 to 599.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Refusal {
    code: u16,
    line: String,
}

/// Why a text is no refusal. Fits after "`x` cannot be a reply: ".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RefusalError {
    /// The first three characters are no code between 400 and 599, or no space follows.
    #[error("it must begin with a code of 400 to 599 and a space")]
    Code,
    /// A line break or another control character.
    #[error("no control character may stand in it")]
    Control,
    /// More than the 512 octets of RFC 5321, 4.5.3.1.5.
    #[error("it is longer than 510 octets")]
    TooLong,
}

impl Refusal {
    /// Reads `550 5.1.1 No such user`.
    ///
    /// # Errors
    /// What no server could send, or what would not refuse.
    pub fn parse(line: &str) -> Result<Self, RefusalError> {
        let code = line.get(..3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        let code = code.and_then(|digits| digits.parse().ok()).filter(|code| matches!(code, 400..=599));
        let code = code.ok_or(RefusalError::Code)?;
        if line.as_bytes().get(3).is_some_and(|octet| *octet != b' ') {
            return Err(RefusalError::Code);
        }
        if line.chars().any(char::is_control) {
            return Err(RefusalError::Control);
        }
        if line.len() > 510 {
            return Err(RefusalError::TooLong);
        }
        Ok(Self { code, line: line.to_owned() })
    }

    fn known(line: &str) -> Self {
        Self::parse(line).expect("a reply written in this file is a refusal")
    }

    /// The code: 400 to 599.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The whole line, without its end.
    pub fn line(&self) -> &str {
        &self.line
    }
}

impl TryFrom<String> for Refusal {
    type Error = RefusalError;

    fn try_from(line: String) -> Result<Self, RefusalError> {
        Self::parse(&line)
    }
}

impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        refusal.line
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persona_is_read_from_its_table_and_written_back() {
        let text = r#"
            recipients_per_message = 7
            quota = 3
            quota_unit = "messages"
            latency = "50ms"
            8bitmime = false
            refuse = [{ recipient = "a*@*", reply = "550 5.1.1 No", phase = "end" }]
            defer = [{ recipient = "*", reply = "450 4.7.1 Later", times = 2, for = "5m" }]
            drop = { every = 100, at = "before_dot_reply" }
        "#;
        let persona: Persona = toml::from_str(text).expect("valid");
        assert_eq!(persona.latency, Duration::from_millis(50));
        assert_eq!(persona.defer[0].period, Duration::from_mins(5));
        assert!(!persona.eight_bit_mime && persona.pipelining);
        let written = toml::to_string(&persona).expect("serializable");
        assert_eq!(toml::from_str::<Persona>(&written).expect("valid"), persona);
    }

    #[test]
    fn what_no_server_could_do_is_refused_where_it_stands() {
        let table = [
            ("pipelinning = true", "unknown field"),
            ("quota_reply = '250 fine'", "400 to 599"),
            ("quota_reply = '454-more'", "400 to 599"),
            ("quota_reply = \"454 a\\r\\n250 b\"", "control"),
            ("drop = { every = 0, at = 'dot' }", "nonzero"),
            ("drop = { every = 1, at = 'never' }", "unknown variant"),
        ];
        for (text, words) in table {
            let error = toml::from_str::<Persona>(text).expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}

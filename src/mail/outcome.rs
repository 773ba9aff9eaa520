//! What an attempt came to: for each recipient, for the relay, for the account.
//!
//! Facts and judgements stay apart. An [`Answer`] is what the server said; a [`Verdict`] is what it
//! means and for whom; an [`Outcome`] is what happens to one recipient because of it; a [`Trouble`] is
//! what the relay must hear. A relay's refusal never costs a recipient: it is [`Outcome::Returned`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::recipient::RecipientNo;
use super::relay::RelayNo;
use super::reply::{Phase, Reply};
use super::retry_after::RetryAfter;
use super::usage::Charge;

/// The kind of a refusal, as reports show it and `retry --class` takes it. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The account has used up a daily or longer allowance.
    Quota,
    /// The relay wants fewer messages a second or a minute.
    Rate,
    /// The relay wants fewer connections.
    Concurrency,
    /// The relay does not take the login.
    Login,
    /// The provider has blocked the sender.
    Blocked,
    /// The host refuses the machine or network that mailrun runs on.
    Host,
    /// The recipient's domain wants less, or later.
    Domain,
    /// The recipient's domain takes no mail.
    DomainDead,
    /// The mailbox does not exist or is closed.
    RecipientDead,
    /// The mailbox is full or busy.
    RecipientTemporary,
    /// More recipients than the server takes in one transaction.
    TooMany,
    /// The message is too large.
    Size,
    /// The message is refused for what it says or for how it is authenticated.
    Content,
    /// The server did not understand us: a defect of one of the two.
    Protocol,
    /// The connection failed.
    Connection,
    /// Nothing is known of this reply.
    Unknown,
}

impl Class {
    /// Every class, in the order of the reference table.
    pub const ALL: [Self; 16] = [
        Self::Quota,
        Self::Rate,
        Self::Concurrency,
        Self::Login,
        Self::Blocked,
        Self::Host,
        Self::Domain,
        Self::DomainDead,
        Self::RecipientDead,
        Self::RecipientTemporary,
        Self::TooMany,
        Self::Size,
        Self::Content,
        Self::Protocol,
        Self::Connection,
        Self::Unknown,
    ];

    /// The name as reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Rate => "rate",
            Self::Concurrency => "concurrency",
            Self::Login => "login",
            Self::Blocked => "blocked",
            Self::Host => "host",
            Self::Domain => "domain",
            Self::DomainDead => "domain_dead",
            Self::RecipientDead => "recipient_dead",
            Self::RecipientTemporary => "recipient_temporary",
            Self::TooMany => "too_many",
            Self::Size => "size",
            Self::Content => "content",
            Self::Protocol => "protocol",
            Self::Connection => "connection",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How long a relay rests that does not take the login for now (454 and 421 at AUTH): 5 minutes, then half an
/// hour, with one session each time. The third refusal in a row stops it, as providers lock out those who
/// insist. One rule for the pool, which opens no session meanwhile, and for the scheduler, which hands it
/// nothing.
pub const LOGIN_PAUSES: [Duration; 2] = [Duration::from_mins(5), Duration::from_mins(30)];

/// Whom a reply speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This connection.
    Connection,
    /// This login: its quota, rate, credentials, own mailbox.
    Relay,
    /// The submission host, and every relay there.
    Host,
    /// A recipient's domain, through this relay.
    Domain,
    /// One recipient.
    Recipient,
    /// This batch's message.
    Message,
    /// The content that all messages of the campaign share.
    Campaign,
}

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permanence {
    /// Later may do.
    Transient,
    /// Never.
    Permanent,
}

/// What a reply means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Its kind.
    pub class: Class,
    /// Whom it speaks about.
    pub scope: Scope,
    /// Whether asking again can help.
    pub permanence: Permanence,
    /// When the server asked to be asked again, where it said so.
    pub wait: Option<RetryAfter>,
}

/// What the server said, and to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The step it answers.
    pub phase: Phase,
    /// The reply. Shared, as one reply to the final dot speaks for every recipient of a batch.
    pub reply: Arc<Reply>,
}

/// Why nobody can know whether a message was taken: the end of data may have left, and no reply to it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The connection closed or broke.
    LineLost,
    /// No reply within the ten minutes of RFC 5321, 4.5.3.2.6.
    TimedOut,
    /// What came was no reply.
    Garbled,
    /// mailrun was told to stop at once, or a session of it failed.
    Abandoned,
    /// mailrun ended without recording an outcome: a crash, a kill, a power cut.
    Crashed,
}

impl Doubt {
    /// What happened, in words that fit after "uncertain: ".
    pub fn words(self) -> &'static str {
        match self {
            Self::LineLost => "the connection was lost after the message was sent",
            Self::TimedOut => "no reply came after the message was sent",
            Self::Garbled => "what came after the message was sent was no reply",
            Self::Abandoned => "the run was stopped before the reply came",
            Self::Crashed => "the run ended before the reply was recorded",
        }
    }
}

/// Why a recipient goes back to pending without having used up an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Return {
    /// The transaction never began, or ended before the end of data for a reason of our own.
    NotSent,
    /// The connection failed before the end of data left.
    LineLost,
    /// The relay, its host or the connection was meant, not the recipient.
    RelayTrouble(Answer, Verdict),
    /// More recipients than the server takes at once: try in a transaction of their own.
    TooMany(Answer),
    /// A permanent refusal of a batch of several names nobody: halve it.
    Halve(Answer),
}

/// What an attempt means for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server took the message.
    Accepted(Answer),
    /// The server refused for now.
    Deferred(Answer, Verdict),
    /// The server refused for good.
    Rejected(Answer, Verdict),
    /// Nobody can know.
    Uncertain(Doubt),
    /// Not attempted after all.
    Returned(Return),
    /// Must not be written to any more; found out before the end of data.
    Suppressed,
}

/// One recipient's fate in one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Who.
    pub recipient: RecipientNo,
    /// What happened.
    pub outcome: Outcome,
}

/// Something the relay, its host or the whole campaign must heed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What it means.
    pub verdict: Verdict,
    /// What the server said or how the connection failed, escaped and without addresses.
    pub words: String,
    /// The step it happened at.
    pub phase: Phase,
}

/// The end of one attempt at one batch: exactly one for each batch that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Through which relay of the run.
    pub relay: RelayNo,
    /// The batch as it was handed out.
    pub batch: Batch,
    /// Whether an intent was recorded, so that the journal is owed an outcome.
    pub intended: bool,
    /// What the account stays charged for this attempt. At most what the intent charged, or what the
    /// relay counts for refused recipients.
    pub charge: Charge,
    /// One for each recipient of the batch, in its order.
    pub deliveries: Vec<Delivery>,
    /// What the relay must heed, oldest first; mostly empty.
    pub troubles: Vec<Trouble>,
}

//! What the journal says: one type a fact.
//!
//! A payload is a version octet and the record in postcard. No record holds an address: recipients are
//! places in a plan. Times are milliseconds since 1970, so that a record stays small. What is written
//! here is read by every later mailrun, so a change of a record, or of the order of an enum of `mail`
//! that it holds, takes a new version; the sample in the tests below tells when that is forgotten.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::mail::{Charge, Class, Digest, Doubt, Enhanced, Phase, PlanId, RecipientNo, RunNo, State};

use super::postcard_tail::write_postcard;

/// The version of every payload.
pub(super) const VERSION: u8 = 1;

/// A moment in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(super) struct Millis(pub(super) i64);

impl From<Timestamp> for Millis {
    fn from(time: Timestamp) -> Self {
        Self(time.as_millisecond())
    }
}

impl From<Millis> for Timestamp {
    fn from(time: Millis) -> Self {
        // Only a corrupt record can lie outside of the years that jiff knows.
        Timestamp::from_millisecond(time.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Recipients as ranges of places: (first, how many). Most records are about one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Spans(pub(super) SmallVec<[(u32, u32); 1]>);

impl Spans {
    /// These recipients, in this order.
    pub(super) fn of(recipients: impl IntoIterator<Item = RecipientNo>) -> Self {
        let mut spans = Self::default();
        for recipient in recipients {
            spans.push(recipient);
        }
        spans
    }

    /// Adds one more recipient.
    pub(super) fn push(&mut self, recipient: RecipientNo) {
        match self.0.last_mut() {
            Some((first, count)) if first.checked_add(*count) == Some(recipient.0) => *count += 1,
            Some(_) | None => self.0.push((recipient.0, 1)),
        }
    }

    /// The recipients, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = RecipientNo> {
        self.0.iter().flat_map(|(first, count)| *first..first.saturating_add(*count)).map(RecipientNo)
    }
}

/// A fact of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    Epoch(EpochBegun),
    Run(RunBegun),
    Relays(RelaysNamed),
    Intent(IntentMade),
    Outcome(OutcomeKnown),
    Words(WordsNumbered),
    Suppressed(RecipientsSuppressed),
    Cancelled(RunCancelled),
    Closed(QuotaClosed),
    Resolved(DoubtsResolved),
    Ended(RunEnded),
    Clock(ClockAccepted),
}

/// A process took the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EpochBegun {
    pub(super) wall: Millis,
    /// Time since the machine booted, suspend included, in milliseconds.
    pub(super) boot: u64,
    pub(super) boot_id: [u8; 16],
}

/// A plan began to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunBegun {
    pub(super) run: RunNo,
    pub(super) plan: PlanId,
    pub(super) campaign: String,
    pub(super) edition: u32,
    pub(super) recipients: u32,
    pub(super) batches: u32,
    pub(super) sandbox: bool,
    pub(super) at: Millis,
}

/// The relays of a run from here on: a relay's number is its place in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RelaysNamed {
    pub(super) run: RunNo,
    /// Name, account, and whether it is the built-in server.
    pub(super) relays: Vec<(String, String, bool)>,
    pub(super) at: Millis,
}

/// Which attempt at which batch, through which relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) run: RunNo,
    pub(super) number: u32,
    pub(super) part: u16,
    /// From 1.
    pub(super) count: u16,
    pub(super) relay: u16,
}

/// An end of data may leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IntentMade {
    pub(super) of: Attempt,
    pub(super) wall: Millis,
    pub(super) boot: u64,
    /// The message's Date less `wall`, in seconds.
    pub(super) date: i64,
    pub(super) digest: Digest,
    /// Octets of the message.
    pub(super) octets: u32,
    pub(super) charge: Charge,
    pub(super) recipients: Spans,
}

/// An attempt came to its end, or a part of what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OutcomeKnown {
    pub(super) of: Attempt,
    pub(super) at: Millis,
    /// What the account stays charged; none while more of this outcome follows.
    pub(super) kept: Option<Charge>,
    pub(super) answers: SmallVec<[AnswerKnown; 1]>,
    pub(super) fates: SmallVec<[FateKnown; 1]>,
}

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AnswerKnown {
    pub(super) phase: Phase,
    pub(super) code: u16,
    pub(super) enhanced: Option<Enhanced>,
    pub(super) class: Option<Class>,
    pub(super) words: Words,
    pub(super) queue_id: String,
}

/// A reply's text: equal ones are stored once and named by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Words {
    Numbered(u32),
    Inline(String),
}

/// What some recipients of an attempt have come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FateKnown {
    pub(super) recipients: Spans,
    pub(super) state: State,
    pub(super) due: Option<Millis>,
    pub(super) cause: Cause,
}

/// Why a recipient stands where it stands; numbers are places in the outcome's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cause {
    /// The recipient was answered.
    Answer(u16),
    /// Nobody can know.
    Doubt(Doubt),
    /// An answer that meant the relay, or the size of the batch; no attempt is used up.
    Returned(u16),
    /// The attempt ended before the end of data, without an answer; no attempt is used up.
    NotSent,
    /// The recipient must not be written to any more.
    Suppressed,
}

/// A reply's text got a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WordsNumbered {
    pub(super) number: u32,
    pub(super) text: String,
}

/// Recipients of a run must not be written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecipientsSuppressed {
    pub(super) run: RunNo,
    pub(super) recipients: Spans,
}

/// The operator took out everybody who is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunCancelled {
    pub(super) run: RunNo,
    pub(super) at: Millis,
}

/// A provider said that an account sends nothing more for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct QuotaClosed {
    pub(super) account: String,
    pub(super) until: Millis,
}

/// Somebody decided about uncertain recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DoubtsResolved {
    pub(super) run: RunNo,
    pub(super) recipients: Spans,
    pub(super) how: Resolve,
    pub(super) at: Millis,
}

/// A run stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunEnded {
    pub(super) run: RunNo,
    pub(super) reason: EndReason,
    pub(super) at: Millis,
}

/// The operator took the clock as it is, whatever times are on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClockAccepted {
    pub(super) wall: Millis,
    /// Time since the machine booted, suspend included, in milliseconds.
    pub(super) boot: u64,
    pub(super) boot_id: [u8; 16],
}

/// What is to become of uncertain recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resolve {
    /// Write to them again, at the risk of writing twice: they are pending once more.
    Resend,
    /// Leave them alone: they stay uncertain, and nobody asks again.
    Skip,
}

/// Why a run stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Nobody is pending or deferred any more.
    Finished,
    /// A quota is used up and the operator does not wait.
    Quota,
    /// The sending window is closed and the operator does not wait.
    Window,
    /// As many were sent as `--limit` says.
    Limit,
    /// Too many were rejected.
    StopIf,
    /// A signal.
    Signal,
    /// No relay could log in or be reached.
    NoRelay,
    /// Everybody left waits for a next attempt and the operator does not wait.
    Retry,
    /// The operator paused it.
    Pause,
    /// The operator cancelled it.
    Cancelled,
    /// The state cannot be written any more.
    State,
}

impl EndReason {
    /// The name as JSON writes it; none where the run needs no reason.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Finished | Self::Retry | Self::Pause | Self::Cancelled => None,
            Self::Quota => Some("quota"),
            Self::Window => Some("window"),
            Self::Limit => Some("limit"),
            Self::StopIf => Some("stop_if"),
            Self::Signal => Some("signal"),
            Self::NoRelay => Some("no_relay"),
            Self::State => Some("crash"),
        }
    }
}

/// Why a payload is no record of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A kind or a version that a newer mailrun writes.
    Newer(u8),
    /// The right version, but not such a record.
    Malformed,
}

impl Record {
    /// The octet that names the kind; never 0, below 128.
    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::Epoch(_) => 1,
            Self::Run(_) => 2,
            Self::Relays(_) => 3,
            Self::Intent(_) => 4,
            Self::Outcome(_) => 5,
            Self::Words(_) => 6,
            Self::Suppressed(_) => 7,
            Self::Cancelled(_) => 8,
            Self::Closed(_) => 9,
            Self::Resolved(_) => 10,
            Self::Ended(_) => 11,
            Self::Clock(_) => 12,
        }
    }

    /// Appends the payload: version, then the fact.
    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        buffer.push(VERSION);
        match self {
            Self::Epoch(fact) => write_postcard(fact, buffer),
            Self::Run(fact) => write_postcard(fact, buffer),
            Self::Relays(fact) => write_postcard(fact, buffer),
            Self::Intent(fact) => write_postcard(fact, buffer),
            Self::Outcome(fact) => write_postcard(fact, buffer),
            Self::Words(fact) => write_postcard(fact, buffer),
            Self::Suppressed(fact) => write_postcard(fact, buffer),
            Self::Cancelled(fact) => write_postcard(fact, buffer),
            Self::Closed(fact) => write_postcard(fact, buffer),
            Self::Resolved(fact) => write_postcard(fact, buffer),
            Self::Ended(fact) => write_postcard(fact, buffer),
            Self::Clock(fact) => write_postcard(fact, buffer),
        }
    }

    /// Reads a payload of that kind.
    pub(super) fn read(kind: u8, payload: &[u8]) -> Result<Self, Unreadable> {
        let (version, fact) = payload.split_first().ok_or(Unreadable::Malformed)?;
        if *version != VERSION {
            return Err(Unreadable::Newer(*version));
        }
        Ok(match kind {
            1 => Self::Epoch(whole(fact)?),
            2 => Self::Run(whole(fact)?),
            3 => Self::Relays(whole(fact)?),
            4 => Self::Intent(whole(fact)?),
            5 => Self::Outcome(whole(fact)?),
            6 => Self::Words(whole(fact)?),
            7 => Self::Suppressed(whole(fact)?),
            8 => Self::Cancelled(whole(fact)?),
            9 => Self::Closed(whole(fact)?),
            10 => Self::Resolved(whole(fact)?),
            11 => Self::Ended(whole(fact)?),
            12 => Self::Clock(whole(fact)?),
            newer => return Err(Unreadable::Newer(newer)),
        })
    }
}

fn whole<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Unreadable> {
    match postcard::take_from_bytes(octets) {
        Ok((fact, [])) => Ok(fact),
        Ok(_) | Err(_) => Err(Unreadable::Malformed),
    }
}

//! What mailrun says of each recipient: `report --csv`, and the counts of `status --json`.

use serde::Deserialize;
use serde_json::Value;

use super::run::Run;

/// One line of `report --csv`: what mailrun says became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Fate {
    /// The row of the list; the header is row 1.
    pub(crate) row: u64,
    /// Whom it was for.
    pub(crate) email: String,
    /// Where the recipient stands: one of the eight states.
    pub(crate) state: String,
    /// The kind of the refusal; empty without one.
    pub(crate) class: String,
    /// The relay of the last attempt; empty before the first.
    pub(crate) relay: String,
    /// How often the recipient was tried.
    pub(crate) attempts: u32,
    /// When the last attempt ended, RFC 3339; empty before the first.
    pub(crate) time: String,
    /// The reply's code; empty without a reply.
    pub(crate) code: String,
    /// The reply's enhanced status; empty without one.
    pub(crate) enhanced: String,
    /// The reply's text.
    pub(crate) reply: String,
    /// The id the server queued the message under, where it said one.
    pub(crate) queue_id: String,
    /// The Message-ID, with angle brackets or without.
    pub(crate) message_id: String,
    /// Octets of the message; empty before it was composed.
    pub(crate) size: String,
}

impl Fate {
    /// The Message-ID without angle brackets.
    pub(crate) fn bare_message_id(&self) -> &str {
        self.message_id.trim_start_matches('<').trim_end_matches('>')
    }
}

/// Reads `report --csv`.
#[track_caller]
pub(crate) fn fates(report: &Run) -> Vec<Fate> {
    csv::Reader::from_reader(report.stdout.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error} in {}", report.command))
}

/// How many recipients `status --json` or `report --json` counts in `state`; checks that the eight
/// states add up.
#[track_caller]
pub(crate) fn recipients_of(status: &Value, state: &str) -> u64 {
    const STATES: [&str; 8] =
        ["pending", "deferred", "accepted", "rejected", "uncertain", "suppressed", "cancelled", "expired"];
    let count = |name: &str| {
        status["recipients"][name].as_u64().unwrap_or_else(|| panic!("no recipients.{name} in {status}"))
    };
    let sum: u64 = STATES.iter().map(|state| count(state)).sum();
    assert_eq!(sum, count("planned"), "the eight states add up in {status}");
    count(state)
}

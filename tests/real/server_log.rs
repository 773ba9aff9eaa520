//! What the log of a mail server says of each recipient, whichever server it is.

use std::collections::HashMap;

/// One message to one recipient that a server took and delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The id in the server's queue; empty where the log does not say.
    pub(crate) queue_id: String,
    /// The Message-ID without angle brackets; empty where the log does not say.
    pub(crate) message_id: String,
}

/// One refusal of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The reply's code.
    pub(crate) code: u16,
    /// The reply's enhanced status; empty without one.
    pub(crate) enhanced: String,
}

impl Refusal {
    /// A refusal in these words.
    pub(crate) fn new(code: u16, enhanced: &str) -> Self {
        Self { code, enhanced: enhanced.to_owned() }
    }

    /// Reads `550 5.1.1 words` or `550 words`.
    pub(crate) fn parse(reply: &str) -> Option<Self> {
        let (code, words) = reply.split_once(' ').unwrap_or((reply, ""));
        let first = words.split(' ').next().unwrap_or_default();
        let parts = first.split('.');
        let is_status = parts.clone().count() == 3
            && parts.clone().all(|part| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit()));
        Some(Self::new(code.parse().ok()?, if is_status { first } else { "" }))
    }
}

/// Everything a log says of recipients.
#[derive(Debug, Default)]
pub(crate) struct ServerLog {
    /// Deliveries by recipient.
    pub(crate) taken: HashMap<String, Vec<Taken>>,
    /// Refusals at RCPT by recipient, in their order, those for too many recipients apart.
    pub(crate) refused: HashMap<String, Vec<Refusal>>,
    /// Messages taken that have not left the queue yet.
    pub(crate) queued: usize,
}

impl ServerLog {
    /// Notes a delivery.
    pub(crate) fn took(&mut self, recipient: &str, queue_id: &str, message_id: &str) {
        let taken = Taken { queue_id: queue_id.to_owned(), message_id: bare(message_id).to_owned() };
        self.taken.entry(recipient.to_owned()).or_default().push(taken);
    }

    /// Notes a refusal.
    pub(crate) fn refused(&mut self, recipient: &str, refusal: Refusal) {
        self.refused.entry(recipient.to_owned()).or_default().push(refusal);
    }
}

/// What stands between `before` and the next `after`.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// An id without angle brackets.
pub(crate) fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}

#[test]
fn a_refusal_has_a_status_where_it_says_one() {
    let table = [
        ("550 5.1.1 <a@b.c>: no such user", Some(Refusal::new(550, "5.1.1"))),
        ("550 Invalid recipient: <1.2.3@b.c>", Some(Refusal::new(550, ""))),
        ("452 1.2 recipients", Some(Refusal::new(452, ""))),
        ("no reply", None),
    ];
    for (reply, refusal) in table {
        assert_eq!(Refusal::parse(reply), refusal, "{reply}");
    }
}

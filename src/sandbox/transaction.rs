//! One mail transaction of a client: what MAIL, RCPT and the content have brought so far.
//!
//! Holds only what came; whether it may come is decided in `conversation`. Its buffers are used again
//! for the next transaction.

use super::content::field;
use super::mailbox::{Gather, Kept};
use super::persona::Refusal;

/// A header is searched for its fields up to here, and the digest of a message reaches no further.
const HEADER_LIMIT: usize = 65_536;

/// How far a transaction has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// There is none.
    #[default]
    Closed,
    /// MAIL was taken.
    Envelope,
    /// A BDAT was taken, so that neither RCPT nor DATA may follow.
    Chunks,
}

/// A mail transaction.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// How far it has come.
    pub(super) stage: Stage,
    /// SMTPUTF8 was asked for.
    pub(super) utf8: bool,
    /// Octets of content have come.
    pub(super) begun: bool,
    /// What the end of data is to be answered because of one of the recipients.
    pub(super) refusal: Option<Refusal>,
    /// Octets of content, un-stuffed.
    pub(super) octets: u64,
    reverse_path: Vec<u8>,
    /// Forward-paths one behind the other, and where each ends.
    forward_paths: Vec<u8>,
    ends: Vec<usize>,
    content: Vec<u8>,
}

impl Transaction {
    /// Begins with MAIL.
    pub(super) fn begin(&mut self, reverse_path: &[u8]) {
        self.reset();
        self.stage = Stage::Envelope;
        self.reverse_path.extend_from_slice(reverse_path);
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn reset(&mut self) {
        self.stage = Stage::Closed;
        self.utf8 = false;
        self.begun = false;
        self.refusal = None;
        self.octets = 0;
        self.reverse_path.clear();
        self.forward_paths.clear();
        self.ends.clear();
        self.content.clear();
    }

    /// Adds a recipient.
    pub(super) fn add(&mut self, forward_path: &[u8]) {
        self.forward_paths.extend_from_slice(forward_path);
        self.ends.push(self.forward_paths.len());
    }

    /// How many recipients were taken.
    pub(super) fn recipients(&self) -> u64 {
        self.ends.len() as u64
    }

    fn forward_paths(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.forward_paths[start..*end])
    }

    /// Takes content; of it, keeps what is wanted and at most `limit` octets.
    pub(super) fn gather(&mut self, part: &[u8], gather: Gather, limit: u64) {
        self.octets += part.len() as u64;
        match gather {
            Gather::Nothing => {}
            Gather::Header if self.content.len() >= HEADER_LIMIT => {}
            Gather::Everything if self.octets > limit => {}
            Gather::Header | Gather::Everything => self.content.extend_from_slice(part),
        }
    }

    /// The lines that the [log of acceptances](super::AcceptanceLog) gets: one a recipient.
    pub(super) fn log(&self, unix_milliseconds: i64, account: &str, queue_id: &str, lines: &mut Vec<u8>) {
        let [id, date] = ["Message-ID", "Date"].map(|name| field(&self.content, name).unwrap_or_default());
        // What was gathered beyond depends on how the network cut it.
        let digest = blake3::hash(&self.content[..self.content.len().min(HEADER_LIMIT)]).to_hex();
        let (time, octets) = (unix_milliseconds.to_string(), self.octets.to_string());
        let message = [date, octets.as_bytes(), digest.as_bytes(), queue_id.as_bytes()];
        for forward_path in self.forward_paths() {
            lines.extend_from_slice(time.as_bytes());
            let envelope = [id, &self.reverse_path, forward_path, account.as_bytes()];
            for field in envelope.into_iter().chain(message) {
                lines.push(b'\t');
                lines.extend(field.iter().map(|octet| if octet.is_ascii_control() { b'?' } else { *octet }));
            }
            lines.push(b'\n');
        }
    }

    /// The message as a mailbox keeps it. Takes the content away.
    pub(super) fn kept(&mut self, account: &str) -> Kept {
        let recipients: Vec<_> = self.forward_paths().map(String::from_utf8_lossy).collect();
        let reverse_path = String::from_utf8_lossy(&self.reverse_path);
        let envelope = format!("{reverse_path}\t{}\t{account}", recipients.join(" "));
        Kept { octets: std::mem::take(&mut self.content), envelope }
    }
}

//! What of a journal is durable, record by record as it becomes so: for whoever judges a simulation.
//!
//! A [`Witness`] never looks at what was only written. It reads on from where it was, also on the disk that a
//! power cut has left.

use jiff::Timestamp;

use crate::mail::{BatchId, Charge, Digest, RecipientNo, RunNo, State};

use super::forgetful::ForgetfulDisk;
use super::frame::{Lsn, Parsed, parse};
use super::record::{Attempt, Millis, Record, Resolve};

/// A record, as far as a judge needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    /// An end of data may leave.
    Intent(IntentSeen),
    /// What an attempt came to, or a part of it.
    Outcome {
        /// The batch.
        batch: BatchId,
        /// The attempt, from 1.
        attempt: u16,
        /// What stays charged; none while more of this outcome follows.
        kept: Option<Charge>,
        /// Where its recipients stand by it.
        fates: Vec<(RecipientNo, State)>,
    },
    /// Somebody decided that these are written to again.
    Resend {
        /// Of which run.
        run: RunNo,
        /// Whom.
        recipients: Vec<RecipientNo>,
    },
    /// A run began.
    Run,
    /// Anything else.
    Other,
}

/// An intent, as far as a judge needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IntentSeen {
    /// The batch.
    pub(crate) batch: BatchId,
    /// The attempt, from 1.
    pub(crate) attempt: u16,
    /// Through which relay of the run.
    pub(crate) relay: u16,
    /// Whom the end of data can reach.
    pub(crate) recipients: Vec<RecipientNo>,
    /// What the account is charged.
    pub(crate) charge: Charge,
    /// What identifies the content.
    pub(crate) digest: Digest,
    /// The message's Date, in whole seconds.
    pub(crate) date: Timestamp,
}

/// Reads what becomes durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness {
    segment: u32,
    offset: usize,
    next: u64,
}

impl Witness {
    /// Hands every record that became durable since to `visit`, in order, with its number.
    pub(crate) fn read(&mut self, disk: &ForgetfulDisk, visit: &mut dyn FnMut(u64, Fact)) {
        let mut segment = self.segment.max(1);
        loop {
            let mut offset = if segment == self.segment { self.offset } else { 0 };
            let octets = disk.durable(segment, offset);
            let mut rest = octets.as_slice();
            while let Parsed::Frame(frame) = parse(rest)
                && frame.lsn == Lsn(self.next + 1)
            {
                let record = Record::read(frame.kind, frame.payload).expect("what is durable can be read");
                visit(frame.lsn.0, Fact::from(record));
                self.next = frame.lsn.0;
                offset += frame.length;
                rest = &rest[frame.length..];
                (self.segment, self.offset) = (segment, offset);
            }
            // The next record may stand in the segment behind; if it stands nowhere, there is none.
            let continued = disk.durable(segment + 1, 0);
            match parse(&continued) {
                Parsed::Frame(frame) if frame.lsn == Lsn(self.next + 1) => segment += 1,
                _ => return,
            }
        }
    }
}

impl From<Record> for Fact {
    fn from(record: Record) -> Self {
        match record {
            Record::Intent(fact) => Self::Intent(IntentSeen {
                batch: batch(&fact.of),
                attempt: fact.of.count,
                relay: fact.of.relay,
                recipients: fact.recipients.iter().collect(),
                charge: fact.charge,
                digest: fact.digest,
                date: Millis((fact.wall.0.div_euclid(1_000) + fact.date) * 1_000).into(),
            }),
            Record::Outcome(fact) => Self::Outcome {
                batch: batch(&fact.of),
                attempt: fact.of.count,
                kept: fact.kept,
                fates: fact
                    .fates
                    .iter()
                    .flat_map(|fate| fate.recipients.iter().map(|recipient| (recipient, fate.state)))
                    .collect(),
            },
            Record::Resolved(fact) if fact.how == Resolve::Resend => {
                Self::Resend { run: fact.run, recipients: fact.recipients.iter().collect() }
            }
            Record::Run(_) => Self::Run,
            Record::Epoch(_)
            | Record::Relays(_)
            | Record::Words(_)
            | Record::Suppressed(_)
            | Record::Cancelled(_)
            | Record::Clock(_)
            | Record::Closed(_)
            | Record::Resolved(_)
            | Record::Ended(_) => Self::Other,
        }
    }
}

fn batch(of: &Attempt) -> BatchId {
    BatchId { run: of.run, number: of.number, part: of.part }
}

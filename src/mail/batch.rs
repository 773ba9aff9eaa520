//! A batch: the recipients of one mail transaction.
//!
//! A plan lays its recipients in batch order, so a planned batch is a contiguous range of them: one
//! recipient each in personal mode, up to recipients-per-message in grouped mode. Only a refusal splits
//! a batch, and the parts are batches of their own.

use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::recipient::RecipientNo;

/// The number of a run: one sending of one plan, counted from 1 over the life of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunNo(pub u32);

/// Which batch of which run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchId {
    /// The run.
    pub run: RunNo,
    /// The place in the plan, from 0.
    pub number: u32,
    /// 0 for the batch as planned; the parts of a split batch count on from 1.
    pub part: u16,
}

impl fmt::Display for BatchId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.run.0, self.number)?;
        if self.part > 0 {
            write!(formatter, ".{}", self.part)?;
        }
        Ok(())
    }
}

/// One attempt's worth of work: who shares the next mail transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Names the batch over all its attempts; Message-ID is made from it.
    pub id: BatchId,
    /// The attempt this is, from 1.
    pub attempt: u16,
    /// The Date of the message: when the first intent for this batch was made. None before that.
    pub date: Option<Timestamp>,
    /// Who is written to, never empty, in the order of the plan.
    pub recipients: Vec<RecipientNo>,
}

/// How the recipients of a plan fall into batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Batches {
    /// Batch `n` is recipient `n`.
    Personal {
        /// How many recipients there are.
        recipients: u32,
    },
    /// Batch `n` begins at `starts[n]` and ends where the next begins.
    Grouped {
        /// How many recipients there are.
        recipients: u32,
        /// The first recipient of each batch, rising.
        starts: Vec<u32>,
    },
}

impl Batches {
    /// The number of batches.
    pub fn len(&self) -> u32 {
        match self {
            Self::Personal { recipients } => *recipients,
            Self::Grouped { starts, .. } => {
                u32::try_from(starts.len()).expect("no more batches than recipients")
            }
        }
    }

    /// Whether nobody is to be written to.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of recipients.
    pub fn recipients(&self) -> u32 {
        match self {
            Self::Personal { recipients } | Self::Grouped { recipients, .. } => *recipients,
        }
    }

    /// The recipients of batch `number`; empty beyond the last.
    pub fn range(&self, number: u32) -> Range<u32> {
        match self {
            Self::Personal { recipients } => {
                number.min(*recipients)..number.saturating_add(1).min(*recipients)
            }
            Self::Grouped { recipients, starts } => {
                let start = starts.get(number as usize).copied().unwrap_or(*recipients);
                let end = starts.get(number as usize + 1).copied().unwrap_or(*recipients);
                start..end
            }
        }
    }

    /// The planned batch that `recipient` belongs to.
    pub fn batch_of(&self, recipient: RecipientNo) -> u32 {
        match self {
            Self::Personal { .. } => recipient.0,
            Self::Grouped { starts, .. } => {
                let after = starts.partition_point(|start| *start <= recipient.0);
                u32::try_from(after.saturating_sub(1)).expect("no more batches than recipients")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_batch_is_a_range_of_recipients() {
        let personal = Batches::Personal { recipients: 3 };
        assert_eq!((personal.len(), personal.range(2), personal.range(3)), (3, 2..3, 3..3));
        let grouped = Batches::Grouped { recipients: 7, starts: vec![0, 3, 5] };
        assert_eq!((grouped.len(), grouped.range(1), grouped.range(2)), (3, 3..5, 5..7));
        let owners: Vec<u32> = (0..7).map(|number| grouped.batch_of(RecipientNo(number))).collect();
        assert_eq!(owners, [0, 0, 0, 1, 1, 2, 2]);
    }
}

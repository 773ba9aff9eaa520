//! What the journal says, as far as it is durable, and what it must never say.
//!
//! An independent reading of the records: it knows nothing of the store's own fold, and is compared with it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::mail::{BatchId, Digest, RecipientNo, State};
use crate::store::{Fact, ForgetfulDisk, IntentSeen, Witness};

/// An intent whose outcome is owed.
#[derive(Debug, Clone)]
struct Owed {
    intent: IntentSeen,
    told: BTreeSet<RecipientNo>,
}

/// One recipient by the journal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Standing {
    pub(super) state: State,
    /// The batch of the intent that is owed its outcome.
    owed: Option<BatchId>,
    /// The batch that was accepted.
    pub(super) accepted: Option<BatchId>,
    /// How often somebody decided to write again.
    pub(super) resends: usize,
    /// From which record on nothing may be intended.
    barred: Option<u64>,
}

/// The reader of what is durable.
#[derive(Debug, Clone, Default)]
pub(super) struct Judge {
    witness: Witness,
    /// The last record read.
    last: u64,
    pub(super) people: Vec<Standing>,
    /// Whether the run is on record.
    pub(super) begun: bool,
    owed: BTreeMap<BatchId, Owed>,
    /// The Date and the content of each batch.
    bears: BTreeMap<BatchId, (Timestamp, Digest)>,
    /// The last attempt of each batch that reached somebody.
    attempts: BTreeMap<(BatchId, RecipientNo), u16>,
}

impl Judge {
    pub(super) fn new(recipients: usize) -> Self {
        Self { people: vec![Standing::default(); recipients], ..Self::default() }
    }

    /// Reads what became durable.
    ///
    /// # Errors
    /// The first thing that must never be.
    pub(super) fn read(&mut self, disk: &ForgetfulDisk) -> Result<(), String> {
        let mut witness = std::mem::take(&mut self.witness);
        let mut wrong = None;
        witness.read(disk, &mut |number, fact| {
            self.last = number;
            if let Err(words) = self.take(number, fact) {
                wrong.get_or_insert(format!("{words} (record {number})"));
            }
        });
        self.witness = witness;
        wrong.map_or(Ok(()), Err)
    }

    fn take(&mut self, number: u64, fact: Fact) -> Result<(), String> {
        match fact {
            Fact::Intent(intent) => self.intend(number, intent),
            Fact::Outcome { batch, attempt, kept, fates } => {
                self.settle(batch, attempt, &fates)?;
                if kept.is_some() { self.close(batch) } else { Ok(()) }
            }
            Fact::Resend { recipients, .. } => {
                for recipient in recipients {
                    let person = &mut self.people[recipient.index()];
                    if person.state == State::Uncertain {
                        person.state = State::Pending;
                        person.resends += 1;
                    }
                }
                Ok(())
            }
            Fact::Run => {
                self.begun = true;
                Ok(())
            }
            Fact::Other => Ok(()),
        }
    }

    fn intend(&mut self, number: u64, intent: IntentSeen) -> Result<(), String> {
        let batch = intent.batch;
        if self.owed.contains_key(&batch) {
            return Err(format!("I14: batch {batch} is intended again before its outcome"));
        }
        if intent.recipients.is_empty() {
            return Err(format!("I14: batch {batch} is intended for nobody"));
        }
        for recipient in &intent.recipients {
            let person = &mut self.people[recipient.index()];
            if person.state.is_final() {
                let state = person.state;
                return Err(format!("I4: {} is {state} and intended in batch {batch}", recipient.0));
            }
            if let Some(other) = person.owed.replace(batch) {
                return Err(format!("I15: {} is in batch {batch} and in batch {other}", recipient.0));
            }
            let attempt = intent.attempt;
            if let Some(before) = self.attempts.insert((batch, *recipient), attempt)
                && attempt < before
            {
                let who = recipient.0;
                return Err(format!("I14: {who} goes from attempt {before} of batch {batch} to {attempt}"));
            }
            if person.barred.is_some_and(|since| number > since) {
                return Err(format!("I16: {} is suppressed and intended in batch {batch}", recipient.0));
            }
        }
        let bears = (intent.date, intent.digest);
        let then = *self.bears.entry(batch).or_insert(bears);
        if then != bears {
            return Err(format!("I17: batch {batch} bore {then:?} and bears {bears:?}"));
        }
        self.owed.insert(batch, Owed { intent, told: BTreeSet::new() });
        Ok(())
    }

    fn settle(&mut self, batch: BatchId, attempt: u16, fates: &[(RecipientNo, State)]) -> Result<(), String> {
        let mut owed = self.owed.get_mut(&batch);
        if let Some(owed) = &owed
            && owed.intent.attempt != attempt
        {
            let intended = owed.intent.attempt;
            return Err(format!("I14: attempt {intended} of batch {batch} has an outcome of {attempt}"));
        }
        for (recipient, state) in fates {
            let named = owed.as_ref().is_some_and(|owed| owed.intent.recipients.contains(recipient));
            if matches!(state, State::Accepted | State::Uncertain) && !named {
                return Err(format!("I14: {} is {state} in batch {batch} without an intent", recipient.0));
            }
            if let Some(owed) = &mut owed
                && !owed.told.insert(*recipient)
            {
                return Err(format!("I14: {} has two outcomes in batch {batch}", recipient.0));
            }
            let person = &mut self.people[recipient.index()];
            if person.state.is_final() && person.state != *state {
                let before = person.state;
                return Err(format!("I14: {} goes from {before} to {state} in batch {batch}", recipient.0));
            }
            person.state = *state;
            if *state == State::Accepted {
                person.accepted = Some(batch);
            }
        }
        Ok(())
    }

    fn close(&mut self, batch: BatchId) -> Result<(), String> {
        let Some(owed) = self.owed.remove(&batch) else { return Ok(()) };
        for recipient in &owed.intent.recipients {
            self.people[recipient.index()].owed = None;
            if !owed.told.contains(recipient) {
                return Err(format!("I3: the outcome of batch {batch} leaves out {}", recipient.0));
            }
        }
        Ok(())
    }

    /// Whether the journal has an intent of this attempt that reaches all of these and is owed its outcome.
    pub(super) fn is_intended(&self, batch: BatchId, attempt: u16, recipients: &[RecipientNo]) -> bool {
        self.owed.get(&batch).is_some_and(|owed| {
            owed.intent.attempt == attempt
                && recipients.iter().all(|recipient| owed.intent.recipients.contains(recipient))
        })
    }

    /// From now on nobody of these may be intended: by no record behind those written so far, durable or not.
    pub(super) fn bar(&mut self, disk: &ForgetfulDisk, recipients: impl IntoIterator<Item = RecipientNo>) {
        let mut last = self.last;
        self.witness.clone().read(&disk.left(), &mut |number, _| last = number);
        for recipient in recipients {
            self.people[recipient.index()].barred.get_or_insert(last);
        }
    }

    /// These may be written to again.
    pub(super) fn unbar(&mut self, recipients: impl IntoIterator<Item = RecipientNo>) {
        for recipient in recipients {
            self.people[recipient.index()].barred = None;
        }
    }

    /// How many recipients' outcomes are owed.
    pub(super) fn in_doubt(&self) -> u64 {
        self.owed.values().map(|owed| (owed.intent.recipients.len() - owed.told.len()) as u64).sum()
    }
}

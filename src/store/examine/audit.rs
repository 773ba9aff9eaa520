//! The rules that no record may break, checked against what all records before it mean.
//!
//! A fold passes over what refers to nothing; here it is named. Each breach is a sign of a defect, or of a
//! journal that was put together by hand: the checksums are right by then.

use hashbrown::{HashMap, HashSet};

use crate::mail::{Charge, Digest, RecipientNo, RunNo, State, Tally};

use super::super::book::RunBook;
use super::super::entries::{BatchKey, Open};
use super::super::fold::Fold;
use super::super::record::{Attempt, Cause, IntentMade, OutcomeKnown, Record, Spans, Words};
use super::super::scan::At;

/// Breaches that are kept in words; the others are counted.
const KEPT: usize = 20;

/// What was checked, and what did not hold.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// Records so far.
    pub(super) records: u64,
    /// Starts of a process.
    pub(super) epochs: u32,
    /// The first breaches, in words.
    pub(super) breaches: Vec<String>,
    /// All of them.
    pub(super) count: u64,
    words: HashSet<u32>,
    /// What was hashed of batches that may be sent once more.
    digests: HashMap<(RunNo, BatchKey), Digest>,
}

impl Audit {
    fn breach(&mut self, at: At, words: &str) {
        self.count += 1;
        if self.breaches.len() < KEPT {
            let place = if at.segment == 0 {
                "set aside".to_owned()
            } else {
                format!("{:08}.wal, octet {}", at.segment, at.offset)
            };
            self.breaches.push(format!("record {} ({place}): {words}", at.lsn.0));
        }
    }

    /// Checks a record against what all before it mean.
    pub(super) fn hear(&mut self, at: At, record: &Record, before: &Fold) {
        self.records += 1;
        match record {
            Record::Epoch(_) => self.epochs += 1,
            Record::Run(fact) => {
                if before.runs.contains_key(&fact.run) {
                    self.breach(at, "a run begins twice");
                }
            }
            Record::Words(fact) => {
                if !self.words.insert(fact.number) {
                    self.breach(at, "a number of a reply is given twice");
                }
            }
            Record::Intent(fact) => match before.runs.get(&fact.of.run) {
                Some(run) => self.hear_intent(at, fact, run),
                None => self.breach(at, "an intent of no run"),
            },
            Record::Outcome(fact) => match before.runs.get(&fact.of.run) {
                Some(run) => self.hear_outcome(at, fact, run),
                None => self.breach(at, "an outcome of no run"),
            },
            Record::Relays(fact) => self.hear_run(at, before, fact.run),
            Record::Ended(fact) => self.hear_run(at, before, fact.run),
            Record::Cancelled(fact) => self.hear_run(at, before, fact.run),
            Record::Suppressed(fact) => self.hear_names(at, before, (fact.run, &fact.recipients)),
            Record::Resolved(fact) => self.hear_names(at, before, (fact.run, &fact.recipients)),
            Record::Closed(_) | Record::Clock(_) => {}
        }
    }

    fn hear_run(&mut self, at: At, before: &Fold, run: RunNo) {
        if !before.runs.contains_key(&run) {
            self.breach(at, "it speaks of no run");
        }
    }

    fn hear_names(&mut self, at: At, before: &Fold, (run, names): (RunNo, &Spans)) {
        match before.runs.get(&run) {
            None => self.breach(at, "it speaks of no run"),
            Some(book) if names.iter().any(|recipient| book.state(recipient).is_none()) => {
                self.breach(at, "it names somebody who is not in the plan");
            }
            Some(_) => {}
        }
    }

    /// Nothing is sent to whoever is done with or on the way, and a message that is sent again is the same.
    fn hear_intent(&mut self, at: At, fact: &IntentMade, run: &RunBook) {
        let batch = (fact.of.number, fact.of.part);
        self.hear_relay(at, &fact.of, run);
        if run.open.contains_key(&batch) {
            self.breach(at, "an intent of a batch that is on its way");
        }
        for recipient in fact.recipients.iter() {
            match run.state(recipient) {
                None => self.breach(at, "an intent to somebody who is not in the plan"),
                Some(State::Pending | State::Deferred) => {}
                Some(done) => {
                    let words = format!("an intent to row {} of the plan, which is {done}", recipient.0);
                    self.breach(at, &words);
                }
            }
            let twice = run.open.values().any(|open| is_on_its_way(open, recipient));
            if twice {
                self.breach(at, "an intent to somebody whose message is on its way");
            }
            let used_up = run.waiting.get(&recipient.0).map_or(0, |waiting| waiting.attempts);
            if fact.of.count <= used_up {
                self.breach(at, "an attempt that was made before");
            }
        }
        let date = fact.wall.0.div_euclid(1_000) + fact.date;
        if run.dates.get(&batch).is_some_and(|known| known.0.div_euclid(1_000) != date) {
            self.breach(at, "a message that is sent again has another Date");
        }
        if self.digests.get(&(fact.of.run, batch)).is_some_and(|known| *known != fact.digest) {
            self.breach(at, "a message that is sent again has other octets");
        }
    }

    /// Nobody is accepted or uncertain without an intent, nobody twice, and nothing is charged that no
    /// intent charged.
    fn hear_outcome(&mut self, at: At, fact: &OutcomeKnown, run: &RunBook) {
        let batch = (fact.of.number, fact.of.part);
        self.hear_relay(at, &fact.of, run);
        let open = run.open.get(&batch);
        for fate in &fact.fates {
            for recipient in fate.recipients.iter() {
                let Some(before) = run.state(recipient) else {
                    self.breach(at, "an outcome for somebody who is not in the plan");
                    continue;
                };
                let dotted = matches!(fate.state, State::Accepted | State::Uncertain);
                if dotted && !open.is_some_and(|open| is_on_its_way(open, recipient)) {
                    self.breach(at, "an outcome of an end of data without its intent");
                }
                if before == State::Accepted {
                    self.breach(at, "an outcome for somebody who was accepted before");
                }
            }
        }
        let numbers = fact.fates.iter().filter_map(|fate| match fate.cause {
            Cause::Answer(number) | Cause::Returned(number) => Some(usize::from(number)),
            Cause::Doubt(_) | Cause::NotSent | Cause::Suppressed => None,
        });
        if numbers.max().is_some_and(|number| number >= fact.answers.len()) {
            self.breach(at, "an outcome points at an answer that there is not");
        }
        let unknown =
            |words: &Words| matches!(words, Words::Numbered(number @ 1..) if !self.words.contains(number));
        if fact.answers.iter().any(|answer| unknown(&answer.words)) {
            self.breach(at, "a reply whose text is not on record");
        }
        if let (Some(kept), Some(open)) = (fact.kept, open)
            && (kept.messages > open.charge.messages || kept.recipients > open.charge.recipients)
        {
            self.breach(at, "more stays charged than was charged");
        }
        if let (Some(open), Some(_)) = (open, fact.kept) {
            self.digests.insert((fact.of.run, batch), open.digest);
        }
    }

    fn hear_relay(&mut self, at: At, of: &Attempt, run: &RunBook) {
        if run.place_of(of.relay).is_none() {
            self.breach(at, "a relay that the run does not name");
        }
    }

    /// Forgets what no later record is compared with.
    pub(super) fn settle(&mut self, record: &Record, after: &Fold) {
        let Record::Outcome(fact) = record else { return };
        let batch = (fact.of.number, fact.of.part);
        let again = after.runs.get(&fact.of.run).is_some_and(|run| run.dates.contains_key(&batch));
        if !again {
            self.digests.remove(&(fact.of.run, batch));
        }
    }

    /// Checks the sums at the end: each recipient stands in one state, and what is in flight is what is open.
    pub(super) fn close(&mut self, fold: &Fold) {
        for run in fold.runs.values() {
            let mut counted = Tally::pending(run.states.len() as u64);
            for state in run.states.iter().filter(|state| **state != State::Pending) {
                counted.shift(State::Pending, *state);
            }
            if counted != run.tally {
                self.note(format!("run {}: its recipients do not add up", run.no.0));
            }
        }
        for (account, usage) in fold.ledger.usages() {
            let open = fold.owed().filter(|open| open.account == *account);
            let in_flight = open.fold(Charge::default(), |sum, open| sum.plus(open.charge));
            if usage.in_flight() != in_flight {
                self.note(format!("{account}: what is in flight does not add up"));
            }
        }
    }

    fn note(&mut self, words: String) {
        self.count += 1;
        if self.breaches.len() < KEPT {
            self.breaches.push(words);
        }
    }
}

fn is_on_its_way(open: &Open, recipient: RecipientNo) -> bool {
    open.recipients.iter().any(|named| named == recipient) && !open.told.contains(&recipient)
}

#[cfg(test)]
mod tests;

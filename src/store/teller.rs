//! Tells what happened to the recipients of one run, record by record.
//!
//! The fold keeps where somebody stands; a [`Teller`] keeps nothing but the numbered reply texts, the
//! relays' names and the intents that are open, and tells each event as it comes by.

use std::sync::Arc;

use hashbrown::HashMap;
use jiff::Timestamp;

use crate::mail::{Class, Doubt, Enhanced, Phase, RelayName, RunNo, State};

use super::record::{
    AnswerKnown, Attempt, Cause, FateKnown, IntentMade, OutcomeKnown, Record, Resolve, Spans, Words,
};

/// Something that happened to a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When. None where the record does not say.
    pub at: Option<Timestamp>,
    /// Through which relay; none for what the operator did.
    pub relay: Option<RelayName>,
    /// The attempt, from 1; 0 for what the operator did.
    pub attempt: u16,
    /// The batch it happened to: its number in the plan and its part; none for what the operator did.
    pub batch: Option<(u32, u16)>,
    /// Octets of the message, where an end of data left or was about to; else 0.
    pub octets: u32,
    /// What.
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The end of data may have left; the outcome is not known yet.
    Intended,
    /// An attempt ended.
    Settled {
        /// Where the recipient stood then.
        state: State,
        /// When the next attempt was due.
        due: Option<Timestamp>,
        /// What the server said, where it said something.
        said: Option<Arc<Said>>,
        /// Why nobody can know, where nobody can.
        doubt: Option<Doubt>,
    },
    /// The recipient must not be written to any more.
    Suppressed,
    /// The operator cancelled the run.
    Cancelled,
    /// Somebody decided about an uncertain recipient.
    Resolved(Resolve),
}

/// What a server said, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The step it answers.
    pub phase: Phase,
    /// The code.
    pub code: u16,
    /// The enhanced status.
    pub enhanced: Option<Enhanced>,
    /// The kind of a refusal.
    pub class: Option<Class>,
    /// The text, escaped and without addresses.
    pub words: Arc<str>,
    /// The id under which the relay queued the message; empty if it named none.
    pub queue_id: Box<str>,
}

/// Tells the events of one run.
pub(super) struct Teller {
    run: RunNo,
    words: HashMap<u32, Arc<str>>,
    none: Arc<str>,
    relays: Vec<RelayName>,
    open: HashMap<(u32, u16), IntentMade>,
}

impl Teller {
    pub(super) fn new(run: RunNo) -> Self {
        Self { run, words: HashMap::new(), none: "".into(), relays: Vec::new(), open: HashMap::new() }
    }

    /// Hands what `record` says of recipients of the run to `visit`.
    pub(super) fn tell(&mut self, record: &Record, visit: &mut dyn FnMut(&Spans, &Event)) {
        match record {
            Record::Words(fact) => {
                self.words.insert(fact.number, fact.text.as_str().into());
            }
            Record::Relays(fact) if fact.run == self.run => {
                self.relays = fact.relays.iter().map(|(name, _, _)| RelayName::new(name)).collect();
            }
            Record::Intent(fact) if fact.of.run == self.run => {
                self.open.insert((fact.of.number, fact.of.part), fact.clone());
                let event = self.event(&fact.of, fact.wall.into(), Happening::Intended);
                visit(&fact.recipients, &event);
            }
            Record::Outcome(fact) if fact.of.run == self.run => self.tell_outcome(fact, visit),
            Record::Suppressed(fact) if fact.run == self.run => {
                visit(&fact.recipients, &operators(None, Happening::Suppressed));
            }
            Record::Resolved(fact) if fact.run == self.run => {
                let event = operators(Some(fact.at.into()), Happening::Resolved(fact.how));
                visit(&fact.recipients, &event);
            }
            Record::Epoch(_)
            | Record::Run(_)
            | Record::Relays(_)
            | Record::Intent(_)
            | Record::Outcome(_)
            | Record::Suppressed(_)
            | Record::Cancelled(_)
            | Record::Closed(_)
            | Record::Resolved(_)
            | Record::Ended(_)
            | Record::Clock(_) => {}
        }
    }

    fn tell_outcome(&mut self, fact: &OutcomeKnown, visit: &mut dyn FnMut(&Spans, &Event)) {
        let said: Vec<Arc<Said>> = fact.answers.iter().map(|answer| Arc::new(self.said(answer))).collect();
        for fate in &fact.fates {
            let what = settled(fate, &said);
            visit(&fate.recipients, &self.event(&fact.of, fact.at.into(), what));
        }
        if fact.kept.is_some() {
            self.open.remove(&(fact.of.number, fact.of.part));
        }
    }

    /// Tells of those whose outcome nobody will record any more.
    pub(super) fn leave_in_doubt(&mut self, visit: &mut dyn FnMut(&Spans, &Event)) {
        let mut open: Vec<IntentMade> = self.open.values().cloned().collect();
        open.sort_unstable_by_key(|intent| (intent.of.number, intent.of.part));
        for intent in open {
            let what = Happening::Settled {
                state: State::Uncertain,
                due: None,
                said: None,
                doubt: Some(Doubt::Crashed),
            };
            visit(&intent.recipients, &self.event(&intent.of, intent.wall.into(), what));
        }
    }

    fn event(&self, of: &Attempt, at: Timestamp, what: Happening) -> Event {
        let relay = self.relays.get(usize::from(of.relay)).cloned();
        let batch = (of.number, of.part);
        let octets = self.open.get(&batch).map_or(0, |intent| intent.octets);
        Event { at: Some(at), relay, attempt: of.count, batch: Some(batch), octets, what }
    }

    fn said(&self, answer: &AnswerKnown) -> Said {
        let words = match &answer.words {
            Words::Numbered(number) => self.words.get(number).unwrap_or(&self.none).clone(),
            Words::Inline(text) => text.as_str().into(),
        };
        Said {
            phase: answer.phase,
            code: answer.code,
            enhanced: answer.enhanced,
            class: answer.class,
            words,
            queue_id: answer.queue_id.as_str().into(),
        }
    }
}

fn operators(at: Option<Timestamp>, what: Happening) -> Event {
    Event { at, relay: None, attempt: 0, batch: None, octets: 0, what }
}

fn settled(fate: &FateKnown, said: &[Arc<Said>]) -> Happening {
    let (said, doubt) = match fate.cause {
        Cause::Answer(place) | Cause::Returned(place) => (said.get(usize::from(place)).cloned(), None),
        Cause::Doubt(doubt) => (None, Some(doubt)),
        Cause::NotSent | Cause::Suppressed => (None, None),
    };
    Happening::Settled { state: fate.state, due: fate.due.map(Into::into), said, doubt }
}

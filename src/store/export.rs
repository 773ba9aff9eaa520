//! The journal for people: one JSON object a record, with names and words in place of numbers.
//!
//! Records come as they are read, so that a journal of any length takes no more memory than its relays and
//! reply texts. No address is in it, as the journal has none: recipients are places in a plan, as ranges of
//! the first and how many.

use std::fmt::Write as _;
use std::path::Path;

use hashbrown::HashMap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::mail::{Charge, RunNo};

use super::error::StoreError;
use super::history::Place;
use super::record::{
    AnswerKnown, Attempt, Cause, FateKnown, Millis, OutcomeKnown, Record, RelaysNamed, Spans, Words,
};
use super::scan::At;

/// How the export ended.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Records that were written.
    pub records: u64,
    /// Why no more could be read, if so.
    pub damage: Option<StoreError>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportedRecord {
    /// Its number, from 1 and without gaps.
    pub lsn: u64,
    /// Of which start of a process it is.
    pub epoch: u32,
    /// The number of the file it stands in; none if it was set aside.
    pub segment: Option<u32>,
    /// Where its frame begins there, in octets.
    pub offset: Option<u64>,
    /// What it speaks of.
    pub kind: &'static str,
    /// What it says.
    #[serde(flatten)]
    pub fact: Value,
}

/// Hands every record of the journal to `write`, as an object with `lsn`, `epoch`, `segment`, `offset`, `kind`
/// and what it says. Needs no lock. Of a damaged journal come the records before the damage.
///
/// # Errors
/// What `write` says; nothing is written after that.
pub fn export<E>(
    state: &Path,
    write: &mut dyn FnMut(&ExportedRecord) -> Result<(), E>,
) -> Result<Exported, E> {
    let mut exported = Exported { records: 0, damage: None };
    let Some(place) = Place::of(state) else { return Ok(exported) };
    let mut teller = Teller::default();
    let mut stopped = None;
    let read = place.read_places(&mut |at, record| {
        if stopped.is_none() {
            match write(&teller.tell(at, &record)) {
                Ok(()) => exported.records += 1,
                Err(error) => stopped = Some(error),
            }
        }
        if stopped.is_some() { Err(StoreError::TooLarge { what: "what nobody reads" }) } else { Ok(()) }
    });
    if let Some(error) = stopped {
        return Err(error);
    }
    exported.damage = read.err();
    Ok(exported)
}

/// Knows the names and words that numbers stand for.
#[derive(Default)]
struct Teller {
    relays: HashMap<RunNo, Vec<String>>,
    words: HashMap<u32, String>,
}

impl Teller {
    fn tell(&mut self, at: At, record: &Record) -> ExportedRecord {
        let (kind, fact) = self.fact(record);
        let in_segment = at.segment > 0;
        ExportedRecord {
            lsn: at.lsn.0,
            epoch: at.epoch,
            segment: in_segment.then_some(at.segment),
            offset: in_segment.then_some(at.offset),
            kind,
            fact,
        }
    }

    fn fact(&mut self, record: &Record) -> (&'static str, Value) {
        match record {
            Record::Epoch(fact) => {
                let boot_id = hex(&fact.boot_id);
                ("epoch", json!({ "time": time(fact.wall), "boot_ms": fact.boot, "boot_id": boot_id }))
            }
            Record::Clock(fact) => {
                let boot_id = hex(&fact.boot_id);
                (
                    "clock_accepted",
                    json!({ "time": time(fact.wall), "boot_ms": fact.boot, "boot_id": boot_id }),
                )
            }
            Record::Run(fact) => (
                "run",
                json!({
                    "run": fact.run.0, "time": time(fact.at), "plan": fact.plan.to_string(),
                    "campaign": fact.campaign, "edition": fact.edition, "recipients": fact.recipients,
                    "batches": fact.batches, "sandbox": fact.sandbox,
                }),
            ),
            Record::Relays(fact) => ("relays", self.relays(fact)),
            Record::Intent(fact) => {
                let mut told = self.attempt(&fact.of);
                told["time"] = time(fact.wall);
                told["boot_ms"] = fact.boot.into();
                told["date"] = time(Millis((fact.wall.0.div_euclid(1_000) + fact.date) * 1_000));
                told["digest"] = hex(&fact.digest.0).into();
                told["octets"] = fact.octets.into();
                told["charge"] = charge(fact.charge);
                told["recipients"] = places(&fact.recipients);
                ("intent", told)
            }
            Record::Outcome(fact) => ("outcome", self.outcome(fact)),
            Record::Words(fact) => {
                self.words.insert(fact.number, fact.text.clone());
                ("words", json!({ "number": fact.number, "text": fact.text }))
            }
            Record::Suppressed(fact) => {
                ("suppressed", json!({ "run": fact.run.0, "recipients": places(&fact.recipients) }))
            }
            Record::Cancelled(fact) => ("cancelled", json!({ "run": fact.run.0, "time": time(fact.at) })),
            Record::Closed(fact) => {
                ("quota_closed", json!({ "account": fact.account, "until": time(fact.until) }))
            }
            Record::Resolved(fact) => (
                "resolved",
                json!({
                    "run": fact.run.0, "time": time(fact.at), "how": lower(&fact.how),
                    "recipients": places(&fact.recipients),
                }),
            ),
            Record::Ended(fact) => {
                ("ended", json!({ "run": fact.run.0, "time": time(fact.at), "reason": fact.reason }))
            }
        }
    }

    fn relays(&mut self, fact: &RelaysNamed) -> Value {
        self.relays.insert(fact.run, fact.relays.iter().map(|(name, ..)| name.clone()).collect());
        let relays = fact.relays.iter();
        let relays: Vec<Value> = relays
            .map(|(name, account, sandbox)| json!({ "name": name, "account": account, "sandbox": sandbox }))
            .collect();
        json!({ "run": fact.run.0, "time": time(fact.at), "relays": relays })
    }

    fn attempt(&self, of: &Attempt) -> Value {
        let relay = self.relays.get(&of.run).and_then(|relays| relays.get(usize::from(of.relay)));
        let relay = relay.map_or_else(|| Value::from(of.relay), |name| Value::from(name.as_str()));
        json!({
            "run": of.run.0, "batch": of.number, "part": of.part, "attempt": of.count, "relay": relay,
        })
    }

    fn outcome(&self, fact: &OutcomeKnown) -> Value {
        let mut told = self.attempt(&fact.of);
        told["time"] = time(fact.at);
        // None: more of this outcome follows.
        told["kept"] = fact.kept.map_or(Value::Null, charge);
        told["fates"] = fact.fates.iter().map(|fate| self.fate(fate, &fact.answers)).collect();
        told
    }

    fn fate(&self, fate: &FateKnown, answers: &[AnswerKnown]) -> Value {
        let mut told = json!({ "recipients": places(&fate.recipients), "state": fate.state });
        if let Some(due) = fate.due {
            told["due"] = time(due);
        }
        let reply = match fate.cause {
            Cause::Answer(place) | Cause::Returned(place) => answers.get(usize::from(place)),
            Cause::Doubt(doubt) => {
                told["doubt"] = doubt.words().into();
                None
            }
            Cause::NotSent | Cause::Suppressed => None,
        };
        if let Some(answer) = reply {
            told["reply"] = self.reply(answer);
        }
        told["cause"] = match fate.cause {
            Cause::Answer(_) => "answer",
            Cause::Doubt(_) => "doubt",
            Cause::Returned(_) => "returned",
            Cause::NotSent => "not_sent",
            Cause::Suppressed => "suppressed",
        }
        .into();
        told
    }

    fn reply(&self, answer: &AnswerKnown) -> Value {
        let words = match &answer.words {
            Words::Numbered(0) => "",
            Words::Numbered(number) => self.words.get(number).map_or("", String::as_str),
            Words::Inline(text) => text,
        };
        json!({
            "phase": answer.phase, "code": answer.code, "class": answer.class,
            "enhanced": answer.enhanced.map(|status| status.to_string()),
            "words": words, "queue_id": answer.queue_id,
        })
    }
}

fn time(millis: Millis) -> Value {
    Timestamp::from(millis).to_string().into()
}

fn charge(charge: Charge) -> Value {
    json!({ "messages": charge.messages, "recipients": charge.recipients })
}

fn places(spans: &Spans) -> Value {
    spans.0.iter().map(|(first, count)| json!([first, count])).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut digits, octet| {
        write!(digits, "{octet:02x}").expect("a String takes everything");
        digits
    })
}

fn lower(how: &impl std::fmt::Debug) -> String {
    format!("{how:?}").to_lowercase()
}

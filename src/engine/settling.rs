//! What a run does with what it hears: settlements into journal and scheduler, requests into answers.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::PoisonError;

use jiff::Timestamp;
use smallvec::SmallVec;
use tokio::sync::mpsc::UnboundedSender;

use crate::mail::{
    Address, AddressKey, Answer as Answered, Class, Delivery, Outcome, Permanence, Recipient, RecipientNo,
    RetryAfter, Return, Scope, Settled, State, Trouble, Verdict,
};
use crate::relay::{Report, Retry, SessionEvent, queue_id, words};
use crate::schedule::{Decision, Note};
use crate::store::Fate;

use super::control::{Answer, Change, Changed, Request};
use super::error::EngineError;
use super::event::{Event, Told};
use super::orders::Tell;
use super::run::{Run, tell};
use super::suppress::change;

impl Run {
    /// Takes one report in: the outcome goes to the journal, then the scheduler may plan with it.
    pub(super) fn report(
        &mut self,
        report: Report,
        at: Timestamp,
        events: &UnboundedSender<Event>,
    ) -> Result<(), EngineError> {
        match report {
            Report::Settled(settled) => self.settle(&settled, at, events),
            Report::Session { relay, event } => {
                let open = self.lanes.note(relay, &event);
                self.scheduler.sessions(at, relay, open);
                let trouble = match event {
                    SessionEvent::Opened => return Ok(()),
                    SessionEvent::WithoutDsn => {
                        if self.lanes.give_up_notifications(relay) {
                            let name = self.name(relay);
                            let note =
                                format!("relay {name} does not offer DSN: nothing is said of `dsn` to it");
                            tell(events, Event::Note(note));
                        }
                        return Ok(());
                    }
                    SessionEvent::StepsBack { mode, words } => {
                        let (relay, mode) = (self.name(relay), mode.name());
                        let note = format!(
                            "relay {relay} does not keep to what it announces ({words}): {mode} from now on"
                        );
                        tell(events, Event::Note(note));
                        return Ok(());
                    }
                    SessionEvent::Closed { trouble, .. } => trouble,
                    SessionEvent::Failed { trouble, retry } => Some(rested(trouble, retry)),
                };
                if let Some(trouble) = trouble {
                    let decision = self.scheduler.trouble(at, relay, &trouble);
                    self.heed(&decision, events)?;
                }
                Ok(())
            }
        }
    }

    fn settle(
        &mut self,
        settled: &Settled,
        at: Timestamp,
        events: &UnboundedSender<Event>,
    ) -> Result<(), EngineError> {
        let decision = self.scheduler.settle(at, settled);
        self.lanes.hear(settled.relay, &settled.troubles);
        if decision.notes.contains(&Note::NotOut(settled.batch.id)) {
            // Settled before: the journal has its outcome, and another would unsay it.
            return self.heed(&decision, events);
        }
        let mut wording = std::mem::take(&mut self.wording);
        for delivery in &settled.deliveries {
            if let Outcome::Rejected(answer, verdict) = &delivery.outcome {
                self.rejected(delivery.recipient, answer, *verdict, events)?;
            }
            wording.add(delivery, || self.plan.recipient(delivery.recipient).ok());
        }
        let fates: SmallVec<[Fate<'_>; 1]> = settled
            .deliveries
            .iter()
            .enumerate()
            .map(|(place, delivery)| {
                let (state, due) = fate_of(&decision, place, delivery.recipient);
                let (words, queue_id) = wording.of(place);
                Fate { state, due, words, queue_id }
            })
            .collect();
        self.store.settle(settled, &fates, at)?;
        if settled.intended {
            self.gate.close(settled.batch.id);
        }
        if self.orders.tell == Tell::EveryDelivery {
            self.tell_each(settled, &fates, events);
        }
        drop(fates);
        wording.clear();
        self.wording = wording;
        self.heed(&decision, events)
    }

    /// Notes a recipient refused for good: whether the mailbox is dead, or the content is meant.
    fn rejected(
        &mut self,
        number: RecipientNo,
        answer: &Answered,
        verdict: Verdict,
        events: &UnboundedSender<Event>,
    ) -> Result<(), EngineError> {
        if names_a_dead_mailbox(answer, verdict) {
            self.dead.add(number, &answer.reply.to_string());
        }
        let recipient = self.plan.recipient(number).ok();
        let addresses: Vec<&Address> = recipient.iter().map(|recipient| &recipient.address).collect();
        let said = format!("{} {}", answer.reply.code, words(&answer.reply, &addresses));
        self.samples.add(&said);
        match (&recipient, speaks_of_the_content(answer, verdict)) {
            (Some(recipient), true) => {
                let decision = self.scheduler.content_refused(recipient.address.domain(), &said);
                self.heed(&decision, events)
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// Acts on what the scheduler decided beside recipients' fates.
    fn heed(&mut self, decision: &Decision, events: &UnboundedSender<Event>) -> Result<(), EngineError> {
        if let Some((account, until)) = &decision.closed {
            self.store.close_quota(account, *until)?;
            tell(events, Event::Note(format!("{account} takes no more until {until}, says the provider")));
        }
        if let Some((relay, why)) = &decision.relay_stopped {
            self.lanes.call_back_from(*relay);
            tell(events, Event::Note(format!("relay {} is stopped: {why}", self.name(*relay))));
            if let Some(advice) = self.lanes.login_advice(*relay) {
                tell(events, Event::Note(format!("hint: {advice}")));
            }
        }
        for note in &decision.notes {
            tell(events, Event::Note(self.in_words(note)));
        }
        Ok(())
    }

    fn in_words(&self, note: &Note) -> String {
        match note {
            Note::Slowed { relay, per_second } => {
                format!(
                    "relay {} wants less: {per_second:.1} messages a second from now on",
                    self.name(*relay)
                )
            }
            Note::FewerSessions { relay, sessions } => {
                format!("relay {} bears fewer sessions: {sessions} from now on", self.name(*relay))
            }
            Note::Paused { relay, class, until } => {
                format!("relay {} rests until {until} ({class})", self.name(*relay))
            }
            Note::DomainRests { relay, domain, until } => {
                format!(
                    "{domain} wants less: nothing goes there through relay {} until {until}",
                    self.name(*relay)
                )
            }
            Note::FewerRecipients { relay, recipients } => {
                format!("relay {} takes {recipients} recipients at once from now on", self.name(*relay))
            }
            Note::Burst { relay } => format!(
                "relay {} refuses one after the other in the same words: those whom it rejected so are not confirmed, and nobody is suppressed because of it",
                self.name(*relay)
            ),
            Note::NotOut(batch) => format!("batch {batch} was settled twice; the second time was not heeded"),
        }
    }

    fn tell_each(&self, settled: &Settled, fates: &[Fate<'_>], events: &UnboundedSender<Event>) {
        for (delivery, fate) in settled.deliveries.iter().zip(fates) {
            let Ok(recipient) = self.plan.recipient(delivery.recipient) else { continue };
            let answer = said(&delivery.outcome);
            let told = Told {
                row: recipient.row,
                email: recipient.address.to_string(),
                state: fate.state,
                class: answer.and_then(|(_, verdict)| verdict).map(|verdict| verdict.class),
                relay: self.name(settled.relay).to_string(),
                reply: answer.map(|(answer, _)| answer.reply.to_string()),
            };
            tell(events, Event::Delivered(Box::new(told)));
        }
    }

    /// Answers another terminal.
    pub(super) fn answer(&mut self, request: Request, events: &UnboundedSender<Event>) -> Answer {
        match request {
            Request::Status => Answer::Status(Box::new(self.status())),
            Request::Suppress(wanted) => match self.suppress(&wanted) {
                Ok(changed) => Answer::Changed(changed),
                Err(error) => Answer::Refused(error.to_string()),
            },
            Request::Order { campaign, order } => self.obey(&campaign, order, events),
        }
    }

    /// Changes the suppression list and heeds it at once, up to the final dot.
    fn suppress(&mut self, wanted: &Change) -> Result<Changed, EngineError> {
        let at = self.store.believe(&self.clock.moment());
        let keys = wanted.keys();
        if wanted.bars() {
            // Before the list says so, as nothing may slip through in between.
            self.gate.bar(keys.iter().copied());
        }
        let changed = change(&mut self.store.suppressions(), wanted, at)?;
        let mut suppressed = self.suppressed.write().unwrap_or_else(PoisonError::into_inner);
        if wanted.bars() {
            suppressed.extend(keys);
        } else {
            for key in &keys {
                suppressed.remove(key);
            }
            self.gate.unbar(keys);
        }
        Ok(Changed { told: true, ..changed })
    }

    /// At the end of a run: mailboxes that a server named as dead are not written to again. Not after a run
    /// in which a breaker fired, as then the server's word is not to be believed.
    pub(super) fn suppress_the_dead(&mut self) -> Result<(), EngineError> {
        if self.scheduler.breaker_fired() || self.picture.sandbox {
            return Ok(());
        }
        let dead = self.dead.take(&self.store, self.number)?;
        if dead.is_empty() {
            return Ok(());
        }
        let at = self.store.believe(&self.clock.moment());
        let mut entries = Vec::with_capacity(dead.len());
        for (number, reason) in dead {
            let address = self.plan.recipient(number)?.address;
            entries.push(crate::mail::Suppression { address, reason, added: at });
        }
        self.store.suppressions().add(&entries)?;
        Ok(())
    }
}

/// A login refused for now, with the pause after which the relay will try again: what it is handed before, it
/// only hands back.
fn rested(trouble: Trouble, retry: Retry) -> Trouble {
    match (trouble.verdict.class, retry) {
        (Class::Login, Retry::After(pause)) => {
            let wait = Some(RetryAfter::Span(pause));
            Trouble { verdict: Verdict { wait, ..trouble.verdict }, ..trouble }
        }
        (_, Retry::After(_) | Retry::Never) => trouble,
    }
}

impl Change {
    fn keys(&self) -> Vec<AddressKey> {
        match self {
            Self::Add(entries) => entries.iter().map(|entry| entry.address.key()).collect(),
            Self::Remove(addresses) | Self::Forget(addresses) => addresses.iter().map(Address::key).collect(),
        }
    }

    /// Whether those named must not be written to afterwards.
    fn bars(&self) -> bool {
        match self {
            Self::Add(_) | Self::Forget(_) => true,
            Self::Remove(_) => false,
        }
    }
}

/// Where a recipient stands by the scheduler's decision; who is not in it stands where they stood.
fn fate_of(decision: &Decision, place: usize, recipient: RecipientNo) -> (State, Option<Timestamp>) {
    let here = decision.deliveries.get(place).filter(|(number, ..)| *number == recipient);
    let found = here.or_else(|| decision.deliveries.iter().find(|(number, ..)| *number == recipient));
    found.map_or((State::Pending, None), |(_, state, due)| (*state, *due))
}

/// What the server said to a recipient, and what it means.
fn said(outcome: &Outcome) -> Option<(&Answered, Option<Verdict>)> {
    match outcome {
        Outcome::Accepted(answer) | Outcome::Returned(Return::TooMany(answer) | Return::Halve(answer)) => {
            Some((answer, None))
        }
        Outcome::Deferred(answer, verdict)
        | Outcome::Rejected(answer, verdict)
        | Outcome::Returned(Return::RelayTrouble(answer, verdict)) => Some((answer, Some(*verdict))),
        Outcome::Returned(Return::NotSent | Return::LineLost)
        | Outcome::Uncertain(_)
        | Outcome::Suppressed => None,
    }
}

/// What stands for the queue id in a stored reply, so that equal replies are stored once.
const QUEUE_ID: &str = "{id}";

/// The words and the queue id of each delivery of a batch, in its order, as the journal keeps them. Made
/// again for every batch in the same memory.
#[derive(Debug, Default)]
pub(super) struct Wording {
    text: String,
    /// Where in the text the words and the queue id of each stand.
    each: Vec<(Range<usize>, Range<usize>)>,
}

impl Wording {
    fn add(&mut self, delivery: &Delivery, recipient: impl FnOnce() -> Option<Recipient>) {
        let Some((answer, _)) = said(&delivery.outcome) else {
            self.each.push((0..0, 0..0));
            return;
        };
        let reply = &answer.reply;
        let id = queue_id(reply).unwrap_or_default();
        let plain = reply.is_positive()
            && reply.text.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b'@');
        let words = if plain {
            Cow::Borrowed(reply.text.as_str())
        } else {
            let recipient = recipient();
            let addresses: Vec<&Address> = recipient.iter().map(|recipient| &recipient.address).collect();
            Cow::Owned(words(reply, &addresses))
        };
        let words = match words.split_once(id).filter(|_| !id.is_empty()) {
            Some((before, after)) => self.push(&[before, QUEUE_ID, after]),
            None => self.push(&[&words]),
        };
        let id = self.push(&[id]);
        self.each.push((words, id));
    }

    fn push(&mut self, parts: &[&str]) -> Range<usize> {
        let start = self.text.len();
        for part in parts {
            self.text.push_str(part);
        }
        start..self.text.len()
    }

    fn of(&self, place: usize) -> (&str, &str) {
        let known = self.each.get(place).cloned();
        known.map_or(("", ""), |(words, id)| (&self.text[words], &self.text[id]))
    }

    /// Forgets everything but the memory.
    fn clear(&mut self) {
        self.text.clear();
        self.each.clear();
    }
}

/// A stored reply with its queue id back in its place.
pub(super) fn reply_text(words: &str, queue_id: &str) -> String {
    words.replacen(QUEUE_ID, queue_id, 1)
}

/// Whether a refusal may mean what all messages of the campaign share.
fn speaks_of_the_content(answer: &Answered, verdict: Verdict) -> bool {
    use crate::mail::Phase;
    match verdict.class {
        Class::Content | Class::Size => true,
        Class::Unknown => matches!(answer.phase, Phase::Data | Phase::End),
        Class::Quota
        | Class::Rate
        | Class::Concurrency
        | Class::Login
        | Class::Blocked
        | Class::Host
        | Class::Domain
        | Class::DomainDead
        | Class::RecipientDead
        | Class::RecipientTemporary
        | Class::TooMany
        | Class::Protocol
        | Class::Connection => false,
    }
}

/// Whether a refusal says that the mailbox does not exist and never will: 5.1.1, 5.1.6 and 5.1.10 at RCPT,
/// and nothing else.
fn names_a_dead_mailbox(answer: &Answered, verdict: Verdict) -> bool {
    let status = answer.reply.enhanced.map(|status| (status.class, status.subject, status.detail));
    answer.phase == crate::mail::Phase::Rcpt
        && verdict.permanence == Permanence::Permanent
        && verdict.scope == Scope::Recipient
        && matches!(status, Some((5, 1, 1 | 6 | 10)))
}

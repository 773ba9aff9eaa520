//! What a settled batch means for its recipients.
//!
//! A definite outcome ends a recipient's story in this run; the others go back to the queue in at most four
//! piles: deferred (later, through the same relay), returned (at once, through any), too many (a part of
//! their own) and halved (two parts). At most one pile keeps the id of the batch, so that no two batches
//! share one.

use std::time::Duration;

use jiff::Timestamp;

use super::scheduler::{Out, Phase, Scheduler};
use super::step::{Decision, Note, StopReason};
use crate::mail::{
    Batch, Class, Delivery, Doubt, Outcome, Permanence, Phase as ReplyPhase, RecipientNo, RelayNo, Reply,
    Return, Scope, Settled, State, Trouble, Verdict,
};
use crate::policy::{Deferral, doubled};

/// How often in a row a batch comes back unsent before it has to wait.
const PATIENCE: u32 = 2;
/// How long it has to wait then, doubling, and at most.
const RETURN_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_RETURN_PAUSE: Duration = Duration::from_mins(5);

/// Those of one batch who are to be sent to again.
#[derive(Debug, Default)]
struct Piles {
    /// When the batch was settled.
    at: Timestamp,
    deferred: Vec<RecipientNo>,
    /// The longest wait that a server asked for.
    asked: Option<Duration>,
    returned: Vec<RecipientNo>,
    too_many: Vec<RecipientNo>,
    halved: Vec<RecipientNo>,
    accepted: u32,
    /// The relay answered for some recipient.
    answered: bool,
    /// The line failed, and no trouble says so.
    line_failed: Option<Trouble>,
    /// The words in which the relay refuses everybody.
    burst: Option<String>,
    /// Where everybody stands who is on no pile any more.
    stand: Vec<(RecipientNo, State, Option<Timestamp>)>,
}

impl Scheduler {
    /// Notes what became of a batch at `now`, and decides what happens to its recipients, its relay and
    /// the run. Every leased batch is settled exactly once; any other is ignored, with a note.
    pub fn settle(&mut self, now: Timestamp, settled: &Settled) -> Decision {
        let now = self.advance(now);
        let mut decision = Decision::default();
        let Some(mut out) = self.out.remove(&settled.batch.id) else {
            decision.notes.push(Note::NotOut(settled.batch.id));
            return decision;
        };
        self.close_books(now, out.relay, out.begun, settled.charge);
        self.arrive(now, out.relay, settled, &mut decision);
        let mut piles = Piles { at: now, ..Piles::default() };
        piles.stand.reserve_exact(settled.deliveries.len());
        for delivery in &settled.deliveries {
            self.sort(&out, &settled.batch, delivery, &mut piles);
        }
        if settled.deliveries.len() != settled.batch.recipients.len() {
            self.sort_unnamed(&out, settled, &mut piles);
        }
        let lane = &mut self.lanes[out.relay.index()];
        if piles.answered {
            lane.answered(now);
        }
        if piles.accepted > 0 {
            lane.succeeded(now);
        }
        if piles.stand.len() < settled.batch.recipients.len() {
            self.file(now, &settled.batch, &mut out, &mut piles);
            self.learn_limit(out.relay, settled, &piles, &mut decision);
        }
        decision.deliveries = std::mem::take(&mut piles.stand);
        self.heed_all(now, settled, (out.relay, piles), &mut decision);
        self.check_share(&mut decision);
        decision
    }

    /// Ends a recipient's story, or puts it on a pile.
    fn sort(&mut self, out: &Out, batch: &Batch, delivery: &Delivery, piles: &mut Piles) {
        let recipient = delivery.recipient;
        let lane = &mut self.lanes[out.relay.index()];
        let alone = batch.recipients.len() == 1;
        let state = match &delivery.outcome {
            Outcome::Accepted(_) => {
                piles.accepted += 1;
                piles.answered = true;
                lane.counts.accepted += 1;
                lane.breaker.spared();
                State::Accepted
            }
            Outcome::Rejected(answer, _) => {
                piles.answered = true;
                lane.counts.rejected += 1;
                if lane.breaker.refused(&answer.reply) {
                    piles.burst = Some(nameless(&answer.reply));
                }
                State::Rejected
            }
            Outcome::Uncertain(doubt) => {
                lane.counts.uncertain += 1;
                piles.note_line(*doubt);
                State::Uncertain
            }
            Outcome::Suppressed => State::Suppressed,
            Outcome::Deferred(_, verdict) => {
                piles.answered = true;
                lane.counts.deferred += 1;
                lane.breaker.spared();
                piles.asked = piles.asked.max(verdict.wait.and_then(|wait| wait.span(piles.at)));
                return piles.deferred.push(recipient);
            }
            // One recipient cannot be too many: taken at its word it would come back for ever.
            Outcome::Returned(Return::TooMany(_)) if alone => return piles.deferred.push(recipient),
            Outcome::Returned(Return::TooMany(_)) => return piles.too_many.push(recipient),
            Outcome::Returned(Return::Halve(answer)) => {
                // One reply, whomever it means.
                if piles.halved.is_empty() && lane.breaker.refused(&answer.reply) {
                    piles.burst = Some(nameless(&answer.reply));
                }
                if !alone {
                    return piles.halved.push(recipient);
                }
                // A batch of one cannot be halved: the refusal names that one.
                lane.counts.rejected += 1;
                State::Rejected
            }
            Outcome::Returned(Return::NotSent) => return piles.returned.push(recipient),
            Outcome::Returned(Return::LineLost) => {
                piles.note_line(Doubt::LineLost);
                return piles.returned.push(recipient);
            }
            Outcome::Returned(Return::RelayTrouble(answer, verdict)) => {
                piles.line_failed.get_or_insert_with(|| Trouble {
                    verdict: *verdict,
                    words: answer.reply.to_string(),
                    phase: answer.phase,
                });
                return piles.returned.push(recipient);
            }
        };
        self.tally.shift(out.state, state);
        piles.stand.push((recipient, state, None));
    }

    /// A report that leaves recipients out must not lose them: what was intended is uncertain, the rest
    /// was not sent.
    fn sort_unnamed(&mut self, out: &Out, settled: &Settled, piles: &mut Piles) {
        let named = |recipient: &RecipientNo| {
            settled.deliveries.iter().any(|delivery| delivery.recipient == *recipient)
        };
        for recipient in settled.batch.recipients.iter().filter(|recipient| !named(recipient)) {
            let outcome = if settled.intended {
                Outcome::Uncertain(Doubt::Abandoned)
            } else {
                Outcome::Returned(Return::NotSent)
            };
            let delivery = Delivery { recipient: *recipient, outcome };
            self.sort(out, &settled.batch, &delivery, piles);
        }
    }

    /// Puts the piles back into the queue.
    fn file(&mut self, now: Timestamp, batch: &Batch, out: &mut Out, piles: &mut Piles) {
        let Piles { deferred, returned, too_many, halved, stand, .. } = piles;
        for pile in [deferred, returned, too_many, &mut *halved] {
            self.drop_unwanted(pile, out, stand);
        }
        let mut id = Some(batch.id);
        if !piles.deferred.is_empty() {
            self.defer(now, batch, out, piles);
            id = None;
        }
        let again = (out.returns >= PATIENCE)
            .then(|| now + doubled(RETURN_PAUSE, out.returns + 1 - PATIENCE, LONGEST_RETURN_PAUSE));
        let second_half = piles.halved.split_off(piles.halved.len().div_ceil(2));
        let back = [
            (std::mem::take(&mut piles.returned), again),
            (std::mem::take(&mut piles.too_many), None),
            (std::mem::take(&mut piles.halved), None),
            (second_half, None),
        ];
        for (place, (recipients, due)) in back.into_iter().enumerate() {
            if recipients.is_empty() {
                continue;
            }
            for recipient in &recipients {
                self.tally.shift(out.state, State::Pending);
                piles.stand.push((*recipient, State::Pending, due));
            }
            // Only those who were merely returned are still the batch they were.
            let kept = if place == 0 { id.take() } else { None };
            let id = kept.unwrap_or_else(|| self.queue.new_part(batch.id.number));
            self.requeue(due, Batch { id, recipients, ..batch.clone() }, out, None);
        }
        // A batch is in the order of the plan.
        piles.stand.sort_unstable_by_key(|(recipient, _, _)| *recipient);
    }

    /// Those who were suppressed or cancelled while they were out do not come back.
    fn drop_unwanted(
        &mut self,
        pile: &mut Vec<RecipientNo>,
        out: &Out,
        stand: &mut Vec<(RecipientNo, State, Option<Timestamp>)>,
    ) {
        let cancelled = self.phase == Phase::Stopped(StopReason::Cancelled);
        if !cancelled && self.barred.is_empty() {
            return;
        }
        pile.retain(|recipient| {
            let state = match (self.barred.contains(recipient), cancelled) {
                (true, _) => State::Suppressed,
                (false, true) => State::Cancelled,
                (false, false) => return true,
            };
            self.tally.shift(out.state, state);
            stand.push((*recipient, state, None));
            false
        });
    }

    /// The deferred wait for their next attempt through the same relay, or expire.
    fn defer(&mut self, now: Timestamp, batch: &Batch, out: &mut Out, piles: &mut Piles) {
        let since = *out.since.get_or_insert(now);
        let deferral = Deferral { now, since, attempt: batch.attempt, asked: piles.asked };
        let due = self.retry.again(deferral, &mut self.rng);
        let state = if due.is_some() { State::Deferred } else { State::Expired };
        let recipients = std::mem::take(&mut piles.deferred);
        for recipient in &recipients {
            self.tally.shift(out.state, state);
            piles.stand.push((*recipient, state, due));
        }
        if due.is_some() {
            let attempt = batch.attempt.saturating_add(1);
            self.requeue(due, Batch { attempt, recipients, ..batch.clone() }, out, Some(out.relay));
        }
    }

    /// Remembers how many recipients the relay takes at once, where it refused some as too many.
    fn learn_limit(&mut self, relay: RelayNo, settled: &Settled, piles: &Piles, decision: &mut Decision) {
        let too_many =
            |delivery: &Delivery| matches!(delivery.outcome, Outcome::Returned(Return::TooMany(_)));
        if !settled.deliveries.iter().any(too_many) {
            return;
        }
        let passed = |delivery: &&Delivery| {
            !too_many(delivery) && !matches!(delivery.outcome, Outcome::Rejected(..) | Outcome::Suppressed)
        };
        let passed = settled.deliveries.iter().filter(passed).count();
        let taken = if piles.accepted > 0 { piles.accepted as usize } else { passed.max(1) };
        let lane = &mut self.lanes[relay.index()];
        if (taken as u64) < lane.largest {
            lane.largest = taken as u64;
            let recipients = u32::try_from(taken).unwrap_or(u32::MAX);
            decision.notes.push(Note::FewerRecipients { relay, recipients });
        }
    }

    /// Lets the relay hear what went wrong.
    fn heed_all(
        &mut self,
        now: Timestamp,
        settled: &Settled,
        (relay, piles): (RelayNo, Piles),
        decision: &mut Decision,
    ) {
        for trouble in &settled.troubles {
            self.heed(now, relay, trouble, decision);
        }
        if let Some(trouble) = piles.line_failed.filter(|_| settled.troubles.is_empty()) {
            self.heed(now, relay, &trouble, decision);
        }
        if let Some(words) = piles.burst
            && self.lanes[relay.index()].stopped.is_none()
        {
            self.burst = true;
            decision.notes.push(Note::Burst { relay });
            self.stop(relay, format!("it refuses everybody in the same words: {words}"), decision);
        }
    }

    /// Notes that the message was refused for what it is, on behalf of a recipient at `domain`: what many
    /// domains refuse stops the run. `words` are the server's, escaped and without addresses.
    pub fn content_refused(&mut self, domain: &str, words: &str) -> Decision {
        let mut decision = Decision::default();
        if self.content.refused(self.definite(), domain) {
            self.halt(StopReason::Content { words: words.to_owned() }, &mut decision);
        }
        decision
    }

    /// How many recipients have a definite outcome.
    fn definite(&self) -> u64 {
        [State::Rejected, State::Accepted, State::Uncertain, State::Expired]
            .into_iter()
            .map(|state| self.tally.of(state))
            .sum()
    }

    /// Stops the run if too many are rejected.
    fn check_share(&mut self, decision: &mut Decision) {
        let (rejected, settled) = (self.tally.of(State::Rejected), self.definite());
        if matches!(self.phase, Phase::Running | Phase::Draining) && self.stop_if.trips(rejected, settled) {
            self.halt(StopReason::StopIf { rejected, settled }, decision);
        }
    }

    /// Stops the run.
    pub(super) fn halt(&mut self, reason: StopReason, decision: &mut Decision) {
        if let Phase::Running | Phase::Draining = self.phase {
            self.phase = Phase::Stopped(reason.clone());
            decision.stop = Some(reason);
        }
    }
}

/// A reply in one line, without addresses.
fn nameless(reply: &Reply) -> String {
    let said = reply.to_string();
    let words = said.split(' ').map(|word| if word.contains('@') { "<address>" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

impl Piles {
    /// Remembers that the line failed.
    fn note_line(&mut self, doubt: Doubt) {
        match doubt {
            Doubt::LineLost | Doubt::TimedOut | Doubt::Garbled => {
                self.line_failed.get_or_insert_with(|| Trouble {
                    verdict: Verdict {
                        class: Class::Connection,
                        scope: Scope::Connection,
                        permanence: Permanence::Transient,
                        wait: None,
                    },
                    words: doubt.words().to_owned(),
                    phase: ReplyPhase::End,
                });
            }
            Doubt::Abandoned | Doubt::Crashed => {}
        }
    }
}

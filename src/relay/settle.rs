//! From what the wire saw to what happens to each recipient, to the relay and to the charge.
//!
//! Pure, and the one place that judges a reply. The rules, in the order of their weight: a relay's refusal
//! never costs a recipient; a permanent refusal of several rejects nobody but halves the batch; what is
//! uncertain stays charged.

use std::sync::Arc;

use super::profile::Profile;
use super::trouble::words;
use super::verdict::judge;
use crate::mail::{
    Answer, Charge, Class, Delivery, Outcome, Permanence, Phase, RelayNo, Reply, Return, Scope, Settled,
    Trouble, Verdict,
};
use crate::smtp::{Ending, Fate, Refusals, is_ours};

/// How a relay's replies are read and its charges counted.
#[derive(Debug, Clone, Copy)]
pub struct Accounting {
    /// Which relay of the run it is.
    pub relay: RelayNo,
    /// Whether its provider counts recipients that it refused.
    pub refusals: Refusals,
    /// Whose replies these are.
    pub profile: Profile,
}

/// What the ending of a transaction means.
pub fn settle(ending: Ending, accounting: Accounting) -> Settled {
    let Ending { batch, intended, fates } = ending;
    let mut court = Court { accounting, last: None, troubles: Vec::new() };
    let at_end =
        |fate: &&Fate| matches!(fate, Fate::Answered(Answer { phase: Phase::Data | Phase::End, .. }));
    let many = if fates.iter().filter(at_end).count() > 1 { Reached::Several } else { Reached::One };
    let outcomes: Vec<Outcome> = fates.into_iter().map(|fate| court.outcome(fate, many)).collect();
    let charge = charge(intended, &outcomes, accounting.refusals);
    let pairs = batch.recipients.iter().zip(outcomes);
    let deliveries = pairs.map(|(recipient, outcome)| Delivery { recipient: *recipient, outcome }).collect();
    Settled {
        relay: accounting.relay,
        batch,
        intended: intended.is_some(),
        charge,
        deliveries,
        troubles: court.troubles,
    }
}

/// How many recipients one answer to DATA or to the final dot speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    One,
    Several,
}

/// Judges the answers of one transaction, each once.
struct Court {
    accounting: Accounting,
    /// The last reply judged: one reply often speaks for every recipient of a batch.
    last: Option<(Arc<Reply>, Verdict)>,
    troubles: Vec<Trouble>,
}

impl Court {
    fn outcome(&mut self, fate: Fate, reached: Reached) -> Outcome {
        match fate {
            Fate::Answered(answer) if answer.phase == Phase::End && answer.reply.is_positive() => {
                Outcome::Accepted(answer)
            }
            Fate::Answered(answer) => {
                let verdict = self.judged(&answer);
                refused(answer, verdict, reached)
            }
            Fate::Unfit(answer) => {
                let verdict = Verdict {
                    class: Class::Protocol,
                    scope: Scope::Relay,
                    permanence: Permanence::Permanent,
                    wait: None,
                };
                self.note(&answer, verdict);
                Outcome::Returned(Return::RelayTrouble(answer, verdict))
            }
            Fate::Doubtful(doubt) => Outcome::Uncertain(doubt),
            Fate::Lost => Outcome::Returned(Return::LineLost),
            Fate::NotSent => Outcome::Returned(Return::NotSent),
            Fate::Suppressed => Outcome::Suppressed,
        }
    }

    fn judged(&mut self, answer: &Answer) -> Verdict {
        if let Some((reply, verdict)) = &self.last
            && Arc::ptr_eq(reply, &answer.reply)
        {
            return *verdict;
        }
        let verdict = judge(answer.phase, &answer.reply, self.accounting.profile);
        match verdict.scope {
            Scope::Connection | Scope::Relay | Scope::Host | Scope::Campaign => self.note(answer, verdict),
            Scope::Domain | Scope::Recipient | Scope::Message => {}
        }
        self.last = Some((Arc::clone(&answer.reply), verdict));
        verdict
    }

    /// Notes what the relay must heed, once for each verdict.
    fn note(&mut self, answer: &Answer, verdict: Verdict) {
        if self.troubles.iter().all(|trouble| trouble.verdict != verdict) {
            self.troubles.push(Trouble { verdict, words: words(&answer.reply), phase: answer.phase });
        }
    }
}

/// What a refusal means for one recipient.
fn refused(answer: Answer, verdict: Verdict, reached: Reached) -> Outcome {
    if verdict.class == Class::TooMany {
        return Outcome::Returned(Return::TooMany(answer));
    }
    match (verdict.scope, verdict.permanence) {
        // A campaign that stops keeps its recipients pending, as a relay that stops does.
        (Scope::Connection | Scope::Relay | Scope::Host | Scope::Campaign, _) => {
            Outcome::Returned(Return::RelayTrouble(answer, verdict))
        }
        (Scope::Domain | Scope::Recipient | Scope::Message, Permanence::Transient) => {
            Outcome::Deferred(answer, verdict)
        }
        // A domain that says "never" to this relay is asked again; only one without mail is dead.
        (Scope::Domain, Permanence::Permanent) if verdict.class != Class::DomainDead => {
            Outcome::Deferred(answer, verdict)
        }
        (Scope::Domain | Scope::Recipient | Scope::Message, Permanence::Permanent) => {
            match (answer.phase, reached) {
                (Phase::Data | Phase::End, Reached::Several) => Outcome::Returned(Return::Halve(answer)),
                (Phase::Data | Phase::End, Reached::One)
                | (
                    Phase::Connect
                    | Phase::Ehlo
                    | Phase::StartTls
                    | Phase::Auth
                    | Phase::Mail
                    | Phase::Rcpt
                    | Phase::Other,
                    _,
                ) => Outcome::Rejected(answer, verdict),
            }
        }
    }
}

/// What the account stays charged.
fn charge(intended: Option<Charge>, outcomes: &[Outcome], refusals: Refusals) -> Charge {
    let taken = |outcome: &Outcome| matches!(outcome, Outcome::Accepted(_) | Outcome::Uncertain(_));
    if let Some(charge) = intended
        && outcomes.iter().any(taken)
    {
        return charge;
    }
    match refusals {
        Refusals::Free => Charge::default(),
        Refusals::Charged => match outcomes.iter().filter(|outcome| counts_as_refused(outcome)).count() {
            0 => Charge::default(),
            refused => Charge::message(refused),
        },
    }
}

/// Whether a provider that counts refusals counts this one: its server refused the recipient or the data.
fn counts_as_refused(outcome: &Outcome) -> bool {
    let (Outcome::Deferred(answer, _)
    | Outcome::Rejected(answer, _)
    | Outcome::Returned(Return::RelayTrouble(answer, _) | Return::Halve(answer))) = outcome
    else {
        return false;
    };
    matches!(answer.phase, Phase::Rcpt | Phase::Data | Phase::End) && !is_ours(&answer.reply)
}

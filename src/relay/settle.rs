//! From what the wire saw to what happens to each recipient, to the relay and to the charge.
//!
//! Pure, and the one place that judges a reply. The rules, in the order of their weight: a relay's refusal
//! never costs a recipient; a permanent refusal of several rejects nobody but halves the batch; what is
//! uncertain stays charged.

use std::sync::Arc;

use super::profile::Profile;
use super::trouble::coded_words;
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
    let Ending { batch, intended, mut fates } = ending;
    let mut court = Court { accounting, last: None, troubles: Vec::new() };
    if fates.iter().any(is_out_of_order) && fates.iter().any(|fate| court.is_too_many(fate)) {
        // RFC 5321, 4.5.3.1.10: some refuse the whole for the recipients that were too many. The others are
        // sent to in a transaction of their own.
        fates.iter_mut().filter(|fate| is_out_of_order(fate)).for_each(|fate| *fate = Fate::NotSent);
    }
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

/// Whether DATA was answered as out of order.
fn is_out_of_order(fate: &Fate) -> bool {
    matches!(fate, Fate::Answered(Answer { phase: Phase::Data, reply }) if reply.code == 503)
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

    fn is_too_many(&self, fate: &Fate) -> bool {
        let Fate::Answered(answer) = fate else { return false };
        let judged = || judge(answer.phase, &answer.reply, self.accounting.profile);
        answer.phase == Phase::Rcpt && !answer.reply.is_positive() && judged().class == Class::TooMany
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
            self.troubles.push(Trouble { verdict, words: coded_words(&answer.reply), phase: answer.phase });
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

/// What the account stays charged. An intent that was recorded before RCPT was answered charged for those too
/// whom RCPT then refused.
fn charge(intended: Option<Charge>, outcomes: &[Outcome], refusals: Refusals) -> Charge {
    let is_taken = |outcome: &&Outcome| matches!(outcome, Outcome::Accepted(_) | Outcome::Uncertain(_));
    let taken = outcomes.iter().filter(is_taken).count();
    let of = |recipients: usize| match recipients {
        0 => Charge::default(),
        recipients => Charge::message(recipients),
    };
    match (intended, refusals) {
        (Some(charge), Refusals::Charged) if taken > 0 => charge,
        (Some(_), Refusals::Free) => of(taken),
        (None, Refusals::Free) => Charge::default(),
        (Some(_) | None, Refusals::Charged) => {
            of(outcomes.iter().filter(|outcome| counts_as_refused(outcome)).count())
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Batch, BatchId, Doubt, RecipientNo, RunNo};

    fn answered(phase: Phase, code: u16, text: &str) -> Fate {
        Fate::Answered(Answer { phase, reply: Arc::new(Reply::new(code, text)) })
    }

    /// What one reply means for each of `count` recipients.
    fn all(count: usize, fate: &Fate) -> Vec<Fate> {
        vec![fate.clone(); count]
    }

    fn settled(intended: Option<usize>, fates: Vec<Fate>, refusals: Refusals) -> Settled {
        let count = u32::try_from(fates.len()).expect("few");
        let id = BatchId { run: RunNo(1), number: 0, part: 0 };
        let recipients = (0..count).map(RecipientNo).collect();
        let batch = Batch { id, attempt: 1, date: None, recipients };
        let accounting = Accounting { relay: RelayNo(2), refusals, profile: Profile::Generic };
        settle(Ending { batch, intended: intended.map(Charge::message), fates }, accounting)
    }

    fn show(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Accepted(_) => "accepted".into(),
            Outcome::Deferred(_, verdict) => format!("deferred {}", verdict.class),
            Outcome::Rejected(_, verdict) => format!("rejected {}", verdict.class),
            Outcome::Uncertain(doubt) => format!("uncertain {doubt:?}"),
            Outcome::Returned(Return::NotSent) => "not sent".into(),
            Outcome::Returned(Return::LineLost) => "line lost".into(),
            Outcome::Returned(Return::RelayTrouble(_, verdict)) => format!("relay {}", verdict.class),
            Outcome::Returned(Return::TooMany(_)) => "too many".into(),
            Outcome::Returned(Return::Halve(_)) => "halve".into(),
            Outcome::Suppressed => "suppressed".into(),
        }
    }

    /// A name, the recipients that the intent charged, fates, outcomes, and the recipients that stay charged
    /// where refusals count and where they do not.
    type Row<'a> = (&'a str, Option<usize>, Vec<Fate>, &'a [&'a str], u64, u64);

    #[test]
    fn every_ending_is_settled_as_the_table_has_it() {
        let taken = answered(Phase::End, 250, "2.0.0 Ok");
        let later = answered(Phase::End, 450, "later");
        let never = answered(Phase::End, 550, "no");
        let quota = answered(Phase::End, 550, "5.4.5 daily limit");
        let dead = answered(Phase::Rcpt, 550, "5.1.1 nobody");
        let many = answered(Phase::Rcpt, 452, "4.5.3 too many");
        let gone = answered(Phase::End, 421, "bye");
        let doubt = Fate::Doubtful(Doubt::LineLost);
        let ours = answered(Phase::Mail, 552, "5.3.4 mailrun: too large");
        let order = answered(Phase::Data, 503, "5.5.1 bad sequence of commands");
        let table: [Row<'_>; 19] = [
            ("taken", Some(1), all(1, &taken), &["accepted"], 1, 1),
            (
                "taken but one",
                Some(1),
                vec![taken.clone(), dead.clone()],
                &["accepted", "rejected recipient_dead"],
                1,
                1,
            ),
            (
                "streamed, and taken but one",
                Some(2),
                vec![taken.clone(), dead.clone()],
                &["accepted", "rejected recipient_dead"],
                2,
                1,
            ),
            ("later", Some(2), all(2, &later), &["deferred unknown", "deferred unknown"], 2, 0),
            ("one refused", Some(1), all(1, &never), &["rejected unknown"], 1, 0),
            ("several refused name nobody", Some(2), all(2, &never), &["halve", "halve"], 2, 0),
            (
                "one left of several",
                Some(1),
                vec![dead.clone(), never],
                &["rejected recipient_dead", "rejected unknown"],
                2,
                0,
            ),
            ("the account's limit", Some(2), all(2, &quota), &["relay quota", "relay quota"], 2, 0),
            ("421 to the dot", Some(1), all(1, &gone), &["relay connection"], 1, 0),
            ("doubt", Some(1), all(1, &doubt), &["uncertain LineLost"], 1, 1),
            (
                "doubt and a refusal",
                Some(1),
                vec![doubt, dead.clone()],
                &["uncertain LineLost", "rejected recipient_dead"],
                1,
                1,
            ),
            ("nobody there", None, all(1, &dead), &["rejected recipient_dead"], 1, 0),
            ("too many at once", Some(1), vec![taken, many.clone()], &["accepted", "too many"], 1, 1),
            (
                "the whole for those too many",
                None,
                vec![order.clone(), order.clone(), many],
                &["not sent", "not sent", "too many"],
                0,
                0,
            ),
            ("out of order", None, all(1, &order), &["relay protocol"], 1, 0),
            ("lost", Some(1), vec![Fate::Lost, dead], &["line lost", "rejected recipient_dead"], 1, 0),
            ("not sent", None, all(1, &Fate::NotSent), &["not sent"], 0, 0),
            ("suppressed", None, vec![Fate::Suppressed, Fate::NotSent], &["suppressed", "not sent"], 0, 0),
            ("too large by our own word", None, all(2, &ours), &["rejected size", "rejected size"], 0, 0),
        ];
        for (name, intended, fates, outcomes, counted, free) in table {
            for (refusals, charge) in [(Refusals::Charged, counted), (Refusals::Free, free)] {
                let settled = settled(intended, fates.clone(), refusals);
                let shown: Vec<String> =
                    settled.deliveries.iter().map(|delivery| show(&delivery.outcome)).collect();
                assert_eq!(shown, outcomes, "{name}");
                assert_eq!(settled.charge.recipients, charge, "{name}, {refusals:?}");
                assert_eq!(settled.charge.is_zero(), charge == 0, "{name}");
                assert_eq!(settled.intended, intended.is_some(), "{name}");
            }
        }
    }

    #[test]
    fn the_relay_hears_of_a_reply_once() {
        let settled =
            settled(Some(50), all(50, &answered(Phase::End, 550, "5.4.5 daily limit")), Refusals::Free);
        let [trouble] = settled.troubles.as_slice() else { panic!("{:?}", settled.troubles) };
        assert_eq!((trouble.verdict.class, trouble.phase), (Class::Quota, Phase::End));
        assert_eq!(trouble.words, "550 5.4.5 daily limit");
    }

    #[test]
    fn what_the_relay_lacks_costs_no_recipient() {
        let reply = Arc::new(Reply::new(554, "5.6.3 mailrun: no 8BITMIME"));
        let unfit = Fate::Unfit(Answer { phase: Phase::Mail, reply });
        let settled = settled(None, all(1, &unfit), Refusals::Charged);
        assert_eq!(show(&settled.deliveries[0].outcome), "relay protocol");
        assert_eq!((settled.troubles.len(), settled.charge.is_zero()), (1, true));
    }
}

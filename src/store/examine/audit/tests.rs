//! Every rule, and a record that breaks it.

use smallvec::smallvec;

use super::*;
use crate::mail::{Phase, PlanId};
use crate::store::frame::Lsn;
use crate::store::record::{
    AnswerKnown, DoubtsResolved, FateKnown, Millis, RecipientsSuppressed, RelaysNamed, Resolve, RunBegun,
    WordsNumbered,
};

const RUN: RunNo = RunNo(1);

fn at(lsn: u64) -> At {
    At { segment: 1, offset: 40 * lsn, lsn: Lsn(lsn), epoch: 1 }
}

fn millis(second: i64) -> Millis {
    Millis(1_800_000_000_000 + second * 1_000)
}

fn begin() -> Vec<Record> {
    let relays = vec![("desk".to_owned(), "ada@mx.example.com".to_owned(), false)];
    vec![
        Record::Run(RunBegun {
            run: RUN,
            plan: PlanId([1; 16]),
            campaign: "letter".to_owned(),
            edition: 1,
            recipients: 4,
            batches: 4,
            sandbox: false,
            at: millis(0),
        }),
        Record::Relays(RelaysNamed { run: RUN, relays, at: millis(0) }),
        Record::Words(WordsNumbered { number: 1, text: "ok".to_owned() }),
    ]
}

fn attempt(recipient: u32, count: u16) -> Attempt {
    Attempt { run: RUN, number: recipient, part: 0, count, relay: 0 }
}

fn intend(of: Attempt, wall: i64) -> IntentMade {
    IntentMade {
        of,
        wall: millis(wall),
        boot: 0,
        date: -wall,
        digest: Digest([7; 16]),
        octets: 3_000,
        charge: Charge::message(1),
        recipients: Spans::of([RecipientNo(of.number)]),
    }
}

fn settle(of: Attempt, state: State) -> OutcomeKnown {
    let answer = AnswerKnown {
        phase: Phase::End,
        code: 250,
        enhanced: None,
        class: None,
        words: Words::Numbered(1),
        queue_id: String::new(),
    };
    let recipients = Spans::of([RecipientNo(of.number)]);
    OutcomeKnown {
        of,
        at: millis(5),
        kept: Some(Charge::message(1)),
        answers: smallvec![answer],
        fates: smallvec![FateKnown { recipients, state, due: None, cause: Cause::Answer(0) }],
    }
}

/// A run without a fault: one accepted, one deferred and then accepted, one sent again on the operator's word.
fn sound() -> Vec<Record> {
    let mut records = begin();
    for (recipient, state) in [(0, State::Accepted), (1, State::Deferred), (2, State::Uncertain)] {
        records.push(Record::Intent(intend(attempt(recipient, 1), 1)));
        records.push(Record::Outcome(settle(attempt(recipient, 1), state)));
    }
    let recipients = Spans::of([RecipientNo(2)]);
    records.push(Record::Resolved(DoubtsResolved {
        run: RUN,
        recipients,
        how: Resolve::Resend,
        at: millis(9),
    }));
    for recipient in [1, 2] {
        records.push(Record::Intent(intend(attempt(recipient, 2), 10)));
        records.push(Record::Outcome(settle(attempt(recipient, 2), State::Accepted)));
    }
    records
}

fn audit(records: &[Record]) -> Audit {
    let (mut audit, mut fold) = (Audit::default(), Fold::default());
    for (lsn, record) in (1..).zip(records) {
        audit.hear(at(lsn), record, &fold);
        fold.apply(record);
        audit.settle(record, &fold);
    }
    audit.close(&fold);
    audit
}

#[test]
fn a_run_as_mailrun_writes_it_breaks_no_rule() {
    let audit = audit(&sound());
    assert_eq!((audit.breaches.as_slice(), audit.count, audit.records), ([].as_slice(), 0, 14));
}

#[test]
fn every_rule_that_is_broken_is_named_with_its_place() {
    let of = attempt(3, 1);
    let relay = |of: Attempt| Attempt { relay: 9, ..of };
    let suppressed = RecipientsSuppressed { run: RUN, recipients: Spans::of([RecipientNo(3)]) };
    let nobody = RecipientsSuppressed { run: RUN, recipients: Spans::of([RecipientNo(99)]) };
    let more = OutcomeKnown { kept: Some(Charge::message(2)), ..settle(of, State::Accepted) };
    let no_answer = OutcomeKnown { answers: smallvec![], ..settle(of, State::Rejected) };
    let mut no_words = settle(of, State::Rejected);
    no_words.answers[0].words = Words::Numbered(5);
    let again = |date, digest| {
        let first = Record::Intent(intend(of, 1));
        let deferred = Record::Outcome(settle(of, State::Deferred));
        let next = IntentMade { date, digest: Digest([digest; 16]), ..intend(attempt(3, 2), 10) };
        vec![first, deferred, Record::Intent(next)]
    };
    let same_attempt = vec![
        Record::Intent(intend(of, 1)),
        Record::Outcome(settle(of, State::Deferred)),
        Record::Intent(intend(of, 10)),
    ];
    let table: Vec<(Vec<Record>, &str)> = vec![
        (vec![Record::Outcome(settle(of, State::Accepted))], "without its intent"),
        (vec![Record::Outcome(settle(of, State::Uncertain))], "without its intent"),
        (
            vec![Record::Intent(intend(attempt(0, 2), 20))],
            "an intent to row 0 of the plan, which is accepted",
        ),
        (vec![Record::Suppressed(suppressed), Record::Intent(intend(of, 1))], "which is suppressed"),
        (vec![Record::Intent(intend(of, 1)), Record::Intent(intend(of, 1))], "a batch that is on its way"),
        (
            vec![
                Record::Intent(intend(of, 1)),
                Record::Intent(IntentMade {
                    recipients: Spans::of([RecipientNo(3)]),
                    ..intend(attempt(7, 1), 1)
                }),
            ],
            "somebody whose message is on its way",
        ),
        (same_attempt, "an attempt that was made before"),
        (again(-5, 7), "another Date"),
        (again(-10, 8), "other octets"),
        (vec![Record::Outcome(settle(attempt(0, 1), State::Deferred))], "accepted before"),
        (vec![Record::Intent(intend(of, 1)), Record::Outcome(more)], "more stays charged"),
        (vec![Record::Outcome(no_answer)], "an answer that there is not"),
        (vec![Record::Outcome(no_words)], "whose text is not on record"),
        (vec![Record::Intent(intend(relay(of), 1))], "a relay that the run does not name"),
        (vec![Record::Intent(intend(attempt(44, 1), 1))], "who is not in the plan"),
        (vec![Record::Suppressed(nobody)], "who is not in the plan"),
        (vec![Record::Intent(intend(Attempt { run: RunNo(9), ..of }, 1))], "an intent of no run"),
        (
            vec![Record::Outcome(settle(Attempt { run: RunNo(9), ..of }, State::Rejected))],
            "an outcome of no run",
        ),
        (begin(), "a run begins twice"),
        (vec![Record::Words(WordsNumbered { number: 1, text: "x".to_owned() })], "given twice"),
    ];
    for (more, words) in table {
        let mut records = sound();
        records.extend(more);
        let found = audit(&records);
        assert!(found.breaches.iter().any(|breach| breach.contains(words)), "{words}: {:?}", found.breaches);
        assert!(found.breaches[0].starts_with("record 1"), "{:?}", found.breaches);
        assert!(found.breaches[0].contains("(00000001.wal, octet "), "{:?}", found.breaches);
    }
}

#[test]
fn few_breaches_are_told_and_all_are_counted() {
    let mut records = sound();
    records.extend((0..50).map(|_| Record::Outcome(settle(attempt(3, 1), State::Accepted))));
    let audit = audit(&records);
    assert!(audit.breaches.len() == KEPT && audit.count >= 50, "{}", audit.count);
}

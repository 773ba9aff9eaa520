//! What version 1 of the journal wrote must be read for ever.

use std::fmt::Write;

use smallvec::smallvec;

use crate::mail::{Charge, Class, Digest, Doubt, Enhanced, Phase, PlanId, RecipientNo, RunNo, State};
use crate::store::record::{
    AnswerKnown, Attempt, Cause, ClockAccepted, DoubtsResolved, EndReason, EpochBegun, FateKnown, IntentMade,
    Millis, OutcomeKnown, QuotaClosed, RecipientsSuppressed, Record, RelaysNamed, Resolve, RunBegun,
    RunCancelled, RunEnded, Spans, Unreadable, VERSION, Words, WordsNumbered,
};

fn digits(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut digits, octet| {
        write!(digits, "{octet:02x}").unwrap();
        digits
    })
}

fn samples() -> Vec<Record> {
    let run = RunNo(3);
    let at = Millis(1_800_000_000_123);
    let of = Attempt { run, number: 70_000, part: 2, count: 1, relay: 4 };
    let recipients = Spans(smallvec![(70_000, 2), (70_005, 1)]);
    let answer = AnswerKnown {
        phase: Phase::End,
        code: 550,
        enhanced: Some(Enhanced { class: 5, subject: 1, detail: 10 }),
        class: Some(Class::RecipientDead),
        words: Words::Numbered(7),
        queue_id: "4F".to_owned(),
    };
    let inline = AnswerKnown { words: Words::Inline("no".to_owned()), class: None, ..answer.clone() };
    let fate = |state, cause| FateKnown { recipients: recipients.clone(), state, due: Some(at), cause };
    let fates = smallvec![
        fate(State::Rejected, Cause::Answer(0)),
        fate(State::Uncertain, Cause::Doubt(Doubt::Crashed)),
        fate(State::Pending, Cause::Returned(1)),
        fate(State::Pending, Cause::NotSent),
        fate(State::Suppressed, Cause::Suppressed),
    ];
    let charge = Charge { messages: 1, recipients: 3 };
    vec![
        Record::Epoch(EpochBegun { wall: at, boot: 5, boot_id: [1; 16] }),
        Record::Run(RunBegun {
            run,
            plan: PlanId([2; 16]),
            campaign: "a".to_owned(),
            edition: 1,
            recipients: 9,
            batches: 8,
            sandbox: true,
            at,
        }),
        Record::Relays(RelaysNamed { run, relays: vec![("r".to_owned(), "u@h".to_owned(), false)], at }),
        Record::Intent(IntentMade {
            of,
            wall: at,
            boot: 6,
            date: -1,
            digest: Digest([4; 16]),
            octets: 3_700,
            charge,
            recipients: recipients.clone(),
        }),
        Record::Outcome(OutcomeKnown {
            of,
            at,
            kept: Some(charge),
            answers: smallvec![answer, inline],
            fates,
        }),
        Record::Words(WordsNumbered { number: 7, text: "nobody".to_owned() }),
        Record::Suppressed(RecipientsSuppressed { run, recipients: recipients.clone() }),
        Record::Cancelled(RunCancelled { run, at }),
        Record::Closed(QuotaClosed { account: "u@h".to_owned(), until: at }),
        Record::Resolved(DoubtsResolved { run, recipients, how: Resolve::Skip, at }),
        Record::Ended(RunEnded { run, reason: EndReason::Signal, at }),
        Record::Clock(ClockAccepted { wall: at, boot: 5, boot_id: [1; 16] }),
    ]
}

/// Payloads as version 1 wrote them, in hexadecimal digits. They must be readable for ever.
const WRITTEN: [&str; 12] = [
    "01f6c1e285e3680501010101010101010101010101010101",
    "010302020202020202020202020202020202016101090801f6c1e285e368",
    "01030101720375406800f6c1e285e368",
    "0103f0a204020104f6c1e285e368060104040404040404040404040404040404f41c010302f0a20402f5a20401",
    "0103f0a204020104f6c1e285e3680101030207a6040105010a0108000702344607a6040105010a0001026e6f\
     0234460502f0a20402f5a204010301f6c1e285e368000002f0a20402f5a204010401f6c1e285e368010402f0\
     a20402f5a204010001f6c1e285e368020102f0a20402f5a204010001f6c1e285e3680302f0a20402f5a20401\
     0501f6c1e285e36804",
    "0107066e6f626f6479",
    "010302f0a20402f5a20401",
    "0103f6c1e285e368",
    "0103754068f6c1e285e368",
    "010302f0a20402f5a2040101f6c1e285e368",
    "010305f6c1e285e368",
    "01f6c1e285e3680501010101010101010101010101010101",
];

#[test]
fn old_records_are_read_and_new_ones_are_written_the_same() {
    let mut found = Vec::new();
    for record in samples() {
        let mut octets = Vec::new();
        record.write(&mut octets);
        found.push(digits(&octets));
        assert_eq!(Record::read(record.kind(), &octets), Ok(record));
    }
    assert_eq!(found, WRITTEN);
}

#[test]
fn a_newer_record_is_told_from_a_broken_one() {
    assert_eq!(Record::read(99, &[VERSION]), Err(Unreadable::Newer(99)));
    assert_eq!(Record::read(1, &[VERSION + 1]), Err(Unreadable::Newer(VERSION + 1)));
    assert_eq!(Record::read(1, &[VERSION]), Err(Unreadable::Malformed));
    assert_eq!(Record::read(1, &[]), Err(Unreadable::Malformed));
}

#[test]
fn neighbours_share_a_span() {
    let spans = Spans::of([5, 6, 7, 1, 3, 4].map(RecipientNo));
    assert_eq!(spans.0.as_slice(), [(5, 3), (1, 1), (3, 2)]);
    assert_eq!(spans.iter().map(|recipient| recipient.0).collect::<Vec<_>>(), [5, 6, 7, 1, 3, 4]);
}

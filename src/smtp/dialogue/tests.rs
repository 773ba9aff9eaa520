//! The dialogue as literals: what the server says, what we say to it, how each message ends.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::super::reply::Replies;
use super::super::specimen::{CHUNKING, PIPELINING, PLAIN, announced, message, permit, show};
use super::*;
use crate::mail::{RecipientNo, RunNo};

mod streamed;

/// What the gate does with every question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GateWill {
    /// Permits.
    Open,
    /// Takes the question and gives no permit yet.
    Slow,
    /// Refuses the first recipient.
    Suppress,
    /// Takes the question and fails to record it.
    Fail,
}

/// A dialogue with a server and a gate played by literals.
struct Play {
    dialogue: Dialogue,
    waiting: VecDeque<Message>,
    gate: GateWill,
    /// Questions that the gate has taken and not answered.
    slow: VecDeque<BatchId>,
    replies: Replies,
    broken: Option<Break>,
}

impl Play {
    fn new(ehlo: &str, messages: Vec<Message>, gate: GateWill) -> Self {
        let dialogue = Dialogue::new(announced(ehlo), Refusals::Free, Manner::default());
        let (waiting, slow) = (messages.into(), VecDeque::new());
        Self { dialogue, waiting, gate, slow, replies: Replies::default(), broken: None }
    }

    /// Offers what there is room for, asks the gate, and returns what is written.
    fn act(&mut self) -> String {
        self.offer();
        while let Some(id) = self.dialogue.intent(RelayNo(0)).map(|intent| intent.batch.id) {
            match self.gate {
                GateWill::Suppress => {
                    let first = RecipientNo(id.number * 100);
                    self.dialogue.refuse(id, &Refused::Suppressed(vec![first]));
                }
                GateWill::Fail => {
                    self.dialogue.intended();
                    self.dialogue.refuse(id, &Refused::Journal("disk".into()));
                }
                GateWill::Slow => {
                    self.dialogue.intended();
                    self.slow.push_back(id);
                }
                GateWill::Open => {
                    self.dialogue.intended();
                    self.offer();
                    self.slow.push_back(id);
                    self.permit();
                }
            }
        }
        let said = String::from_utf8(self.dialogue.output().to_vec()).expect("text");
        self.dialogue.wrote(said.len());
        said
    }

    /// Gives every permit that is owed, in order.
    fn permit(&mut self) {
        while let Some(id) = self.slow.pop_front() {
            self.dialogue.permit(permit(id));
        }
    }

    fn offer(&mut self) {
        while self.dialogue.has_room() {
            let Some(message) = self.waiting.pop_front() else { return };
            self.dialogue.offer(message);
        }
    }

    /// Takes what the server says.
    fn hear(&mut self, server: &str) {
        self.replies.extend(server.as_bytes());
        while self.broken.is_none() {
            match self.replies.next_reply() {
                Ok(None) => return,
                Ok(Some(raw)) => self.broken = self.dialogue.receive(&raw).err(),
                Err(_) => return self.dialogue.lose(Loss::Garbled),
            }
        }
    }

    fn endings(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.dialogue.next_ending()).map(|ending| show(&ending)).collect()
    }
}

/// Plays `script`, pairs of what the server says and what we say then, and compares.
fn plays(ehlo: &str, messages: Vec<Message>, gate: GateWill, script: &[(&str, &str)]) -> Play {
    let mut play = Play::new(ehlo, messages, gate);
    for (number, (server, client)) in script.iter().enumerate() {
        play.hear(server);
        assert_eq!(play.act(), *client, "step {number}, after {server:?}");
    }
    play
}

const MAIL: &str = "MAIL FROM:<s@x.example>\r\n";
const RSET: &str = "RSET\r\n";

/// The envelope of a group.
fn group(paths: &[&str]) -> String {
    let rcpts: Vec<String> = paths.iter().map(|path| format!("RCPT TO:<{path}>\r\n")).collect();
    format!("{MAIL}{}DATA\r\n", rcpts.concat())
}

fn three() -> Vec<Message> {
    vec![
        message(1, &["a@x.example"], "one\r\n"),
        message(2, &["b@x.example"], ".two\r\n"),
        message(3, &["c@x.example"], "three\r\n"),
    ]
}

#[test]
fn grouped_messages_cost_one_round_trip_each() {
    let groups = [group(&["a@x.example"]), group(&["b@x.example"]), group(&["c@x.example"])];
    let mut play = plays(
        PIPELINING,
        three(),
        GateWill::Open,
        &[
            ("", &groups[0]),
            ("250 ok\r\n250 ok\r\n354 go\r\n", &format!("one\r\n.\r\n{}", groups[1])),
            ("250 taken\r\n250 ok\r\n250 ok\r\n354 go\r\n", &format!("..two\r\n.\r\n{}", groups[2])),
            ("250 taken\r\n250 ok\r\n250 ok\r\n354 go\r\n", "three\r\n.\r\n"),
            ("250 taken\r\n", ""),
        ],
    );
    assert_eq!(play.endings(), ["1*: 250 End", "2*: 250 End", "3*: 250 End"]);
    assert!(play.dialogue.is_idle());
}

#[test]
fn lock_step_awaits_every_reply() {
    let mail = "MAIL FROM:<s@x.example> SIZE=5\r\n";
    let mut play = plays(
        PLAIN,
        vec![message(1, &["a@x.example", "b@x.example"], "one\r\n"), message(2, &["c@x.example"], "two\r\n")],
        GateWill::Open,
        &[
            ("", mail),
            ("250 ok\r\n", "RCPT TO:<a@x.example>\r\n"),
            ("550 no\r\n", "RCPT TO:<b@x.example>\r\n"),
            ("250 ok\r\n", "DATA\r\n"),
            ("354 go\r\n", "one\r\n.\r\n"),
            ("250 taken\r\n", mail),
            ("250 ok\r\n", "RCPT TO:<c@x.example>\r\n"),
            ("550 no\r\n", ""),
        ],
    );
    assert_eq!(play.endings(), ["1*: 550 Rcpt, 250 End", "2: 550 Rcpt"]);
    play.waiting.push_back(message(3, &["d@x.example"], "x\r\n"));
    assert_eq!(play.act(), RSET, "an abandoned transaction is reset before the next");
    play.hear("250 ok\r\n");
    assert_eq!(play.act(), "MAIL FROM:<s@x.example> SIZE=3\r\n");
    play.hear("451 not now\r\n");
    assert_eq!(play.act(), "", "no RCPT behind a refused MAIL");
    assert_eq!(play.endings(), ["3: 451 Mail"]);
}

#[test]
fn one_refused_recipient_costs_nothing_else() {
    let paths = ["a@x.example", "b@x.example", "c@x.example"];
    let mut play = plays(
        PIPELINING,
        vec![message(1, &paths, "x\r\n"), message(2, &["d@x.example"], "y\r\n")],
        GateWill::Open,
        &[
            ("", &group(&paths)),
            (
                "250 ok\r\n250 ok\r\n550 5.1.1 no\r\n452 4.5.3 too many\r\n354 go\r\n",
                &format!("x\r\n.\r\n{}", group(&["d@x.example"])),
            ),
            ("250 taken\r\n250 ok\r\n250 ok\r\n354 go\r\n", "y\r\n.\r\n"),
        ],
    );
    assert_eq!(play.endings(), ["1*: 250 End, 550 Rcpt, 452 Rcpt"]);
}

#[test]
fn the_gate_is_asked_about_those_alone_whom_the_data_reaches() {
    for (refusals, charged) in [(Refusals::Free, 1), (Refusals::Charged, 2)] {
        let mut dialogue = Dialogue::new(announced(PIPELINING), refusals, Manner::default());
        dialogue.offer(message(1, &["a@x.example", "b@x.example"], "x\r\n"));
        let mut replies = Replies::default();
        replies.extend(b"250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n");
        while let Some(raw) = replies.next_reply().expect("replies") {
            assert!(dialogue.intent(RelayNo(3)).is_none());
            dialogue.receive(&raw).expect("in order");
        }
        let intent = dialogue.intent(RelayNo(3)).expect("a question");
        assert_eq!((intent.recipients, intent.relay), (&[RecipientNo(101)][..], RelayNo(3)));
        assert_eq!((intent.charge.messages, intent.charge.recipients), (1, charged));
    }
}

/// The reply to a group of two recipients.
const ACCEPTED: &str = "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n";

/// A name, the gate, what the server says, how the line is lost at last, how the messages end.
type Ended = (&'static str, GateWill, &'static [&'static str], Option<Loss>, &'static [&'static str]);

/// One transaction to two recipients, and one message behind it.
const ENDINGS: [Ended; 29] = [
    ("taken", GateWill::Open, &[ACCEPTED, "250 ok\r\n"], None, &["1*: 250 End, 250 End"]),
    (
        "refused for now at the dot",
        GateWill::Open,
        &[ACCEPTED, "451 no\r\n"],
        None,
        &["1*: 451 End, 451 End"],
    ),
    ("refused at the dot", GateWill::Open, &[ACCEPTED, "554 no\r\n"], None, &["1*: 554 End, 554 End"]),
    (
        "421 to the dot is definite, and what is behind it was not sent",
        GateWill::Open,
        &[ACCEPTED, "421 bye\r\n"],
        None,
        &["1*: 421 End, 421 End", "2: lost"],
    ),
    (
        "lost after the dot",
        GateWill::Open,
        &[ACCEPTED],
        Some(Loss::Line),
        &["1*: uncertain LineLost, uncertain LineLost", "2: lost"],
    ),
    (
        "late after the dot",
        GateWill::Open,
        &[ACCEPTED],
        Some(Loss::TimedOut),
        &["1*: uncertain TimedOut, uncertain TimedOut", "2: lost"],
    ),
    (
        "dropped after the dot",
        GateWill::Open,
        &[ACCEPTED],
        Some(Loss::Abandoned),
        &["1*: uncertain Abandoned, uncertain Abandoned", "2: not sent"],
    ),
    (
        "no reply but noise after the dot",
        GateWill::Open,
        &[ACCEPTED, "huh?\r\n"],
        None,
        &["1*: uncertain Garbled, uncertain Garbled", "2: lost"],
    ),
    (
        "a reply without meaning after the dot",
        GateWill::Open,
        &[ACCEPTED, "354 go\r\n"],
        None,
        &["1*: uncertain Garbled, uncertain Garbled", "2: lost"],
    ),
    (
        "who was refused at RCPT stays refused whatever comes",
        GateWill::Open,
        &["250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n"],
        Some(Loss::Line),
        &["1*: uncertain LineLost, 550 Rcpt", "2: lost"],
    ),
    ("lost before any reply", GateWill::Open, &[], Some(Loss::Line), &["1: lost, lost"]),
    ("dropped before any reply", GateWill::Open, &[], Some(Loss::Abandoned), &["1: not sent, not sent"]),
    ("lost before DATA", GateWill::Open, &["250 ok\r\n250 ok\r\n"], Some(Loss::Line), &["1: lost, lost"]),
    (
        "lost before DATA with one refused",
        GateWill::Open,
        &["250 ok\r\n550 no\r\n"],
        Some(Loss::Line),
        &["1: 550 Rcpt, lost"],
    ),
    (
        "lost while the gate records",
        GateWill::Slow,
        &[ACCEPTED],
        Some(Loss::Line),
        &["1*: lost, lost", "2: not sent"],
    ),
    (
        "421 while the gate records",
        GateWill::Slow,
        &[ACCEPTED, "421 bye\r\n"],
        None,
        &["1*: lost, lost", "2: not sent"],
    ),
    (
        "an unasked reply while the gate records",
        GateWill::Slow,
        &[ACCEPTED, "250 ok\r\n"],
        None,
        &["1*: lost, lost", "2: not sent"],
    ),
    ("suppressed at the gate", GateWill::Suppress, &[ACCEPTED], None, &["1: suppressed, not sent"]),
    ("the journal fails", GateWill::Fail, &[ACCEPTED], None, &["1*: not sent, not sent"]),
    (
        "MAIL refused",
        GateWill::Open,
        &["452 full\r\n503 no\r\n503 no\r\n503 no\r\n"],
        None,
        &["1: 452 Mail, 452 Mail"],
    ),
    (
        "MAIL refused and all else taken",
        GateWill::Open,
        &["452 full\r\n250 ok\r\n250 ok\r\n354 go\r\n"],
        None,
        &["1: 452 Mail, 452 Mail"],
    ),
    (
        "all refused, DATA too",
        GateWill::Open,
        &["250 ok\r\n550 no\r\n450 later\r\n554 nobody\r\n"],
        None,
        &["1: 550 Rcpt, 450 Rcpt"],
    ),
    (
        "all refused, DATA not",
        GateWill::Open,
        &["250 ok\r\n550 no\r\n450 later\r\n354 go\r\n"],
        None,
        &["1: 550 Rcpt, 450 Rcpt"],
    ),
    (
        "DATA refused",
        GateWill::Open,
        &["250 ok\r\n250 ok\r\n550 no\r\n451 not now\r\n"],
        None,
        &["1: 451 Data, 550 Rcpt"],
    ),
    (
        "DATA answered like another command",
        GateWill::Open,
        &["250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n"],
        None,
        &["1: lost, lost"],
    ),
    ("421 to MAIL", GateWill::Open, &["421 bye\r\n"], None, &["1: 421 Mail, 421 Mail"]),
    (
        "421 to RCPT answers that one",
        GateWill::Open,
        &["250 ok\r\n250 ok\r\n421 bye\r\n"],
        None,
        &["1: lost, 421 Rcpt"],
    ),
    (
        "421 to DATA",
        GateWill::Open,
        &["250 ok\r\n250 ok\r\n250 ok\r\n421 bye\r\n"],
        None,
        &["1: 421 Data, 421 Data"],
    ),
    ("MAIL answered with 354", GateWill::Open, &["354 go\r\n"], None, &["1: lost, lost"]),
];

#[test]
fn every_ending_settles_everybody() {
    for (name, gate, server, loss, expected) in ENDINGS {
        let messages =
            vec![message(1, &["a@x.example", "b@x.example"], "x\r\n"), message(2, &["c@x.example"], "y\r\n")];
        let mut play = Play::new(PIPELINING, messages, gate);
        play.act();
        for said in server {
            play.hear(said);
            play.act();
        }
        if let Some(loss) = loss {
            play.dialogue.lose(loss);
        }
        let mut endings = play.endings();
        endings.truncate(expected.len().max(1));
        assert_eq!(endings, expected, "{name}");
    }
}

#[test]
fn a_lone_dot_ends_data_that_reaches_nobody() {
    let mut play = plays(
        PIPELINING,
        vec![message(1, &["a@x.example"], "x\r\n"), message(2, &["b@x.example"], "y\r\n")],
        GateWill::Open,
        &[
            ("", &group(&["a@x.example"])),
            ("250 ok\r\n550 no\r\n354 go\r\n", &format!(".\r\n{}", group(&["b@x.example"]))),
            ("554 nobody\r\n250 ok\r\n250 ok\r\n354 go\r\n", "y\r\n.\r\n"),
            ("250 taken\r\n", ""),
        ],
    );
    assert_eq!(play.endings(), ["1: 550 Rcpt", "2*: 250 End"]);
}

#[test]
fn rset_stands_between_an_abandoned_transaction_and_the_next_and_nowhere_else() {
    let next = format!("{RSET}{}", group(&["b@x.example"]));
    let mut play = plays(
        PIPELINING,
        vec![message(1, &["a@x.example"], "x\r\n"), message(2, &["b@x.example"], "y\r\n")],
        GateWill::Open,
        &[
            ("", &group(&["a@x.example"])),
            ("250 ok\r\n550 no\r\n554 nobody\r\n", &next),
            ("250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n", "y\r\n.\r\n"),
            ("250 taken\r\n", ""),
        ],
    );
    assert_eq!(play.endings(), ["1: 550 Rcpt", "2*: 250 End"]);
    play.waiting.push_back(message(3, &["c@x.example"], "z\r\n"));
    assert_eq!(play.act(), group(&["c@x.example"]), "a dot that was answered leaves nothing behind");
}

#[test]
fn a_message_at_hand_late_travels_behind_the_dot() {
    let mut play = plays(
        PIPELINING,
        vec![message(1, &["a@x.example"], "x\r\n")],
        GateWill::Open,
        &[("", &group(&["a@x.example"])), ("250 ok\r\n250 ok\r\n354 go\r\n", "x\r\n.\r\n")],
    );
    play.waiting.push_back(message(2, &["b@x.example"], "y\r\n"));
    assert_eq!(play.act(), group(&["b@x.example"]));
    play.hear("250 taken\r\n250 ok\r\n250 ok\r\n354 go\r\n");
    assert_eq!(play.act(), "y\r\n.\r\n");
}

#[test]
fn an_unasked_reply_ends_the_dialogue() {
    for (server, expected) in [
        ("421 4.4.2 idle\r\n", Break::Closing(Phase::Other, Reply::new(421, "4.4.2 idle"))),
        ("250 ok\r\n", Break::Unexpected(Phase::Other, Reply::new(250, "ok"))),
    ] {
        let mut play = Play::new(PIPELINING, Vec::new(), GateWill::Open);
        play.hear(server);
        assert_eq!(play.broken, Some(expected));
        assert!(!play.dialogue.has_room());
    }
}

/// What is announced, to whom, the content, what is said, how the message ends.
type Unsaid<'a> = (&'a str, &'a [&'a str], &'a str, &'a str, &'a [&'a str]);

#[test]
fn what_the_server_cannot_take_is_not_said_to_it() {
    let long = format!("{}\r\n", "a".repeat(1001));
    let utf8 = ["a@x.example", "ю@x.example"];
    let eight = "250-mx\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 99\r\n250 PIPELINING\r\n";
    let limited = "250-mx\r\n250-LIMITS RCPTMAX=1\r\n250 PIPELINING\r\n";
    let table: [Unsaid<'_>; 8] = [
        (PIPELINING, &["a@x.example"], "a\n", "", &["1: 554 Mail"]),
        (PIPELINING, &["a@x.example"], &long, "", &["1: 554 Mail"]),
        (PIPELINING, &["a@x.example"], "é\r\n", "", &["1: unfit 554"]),
        (PIPELINING, &["ю@x.example"], "x\r\n", "", &["1: 553 Rcpt"]),
        (PIPELINING, &utf8, "x\r\n", &group(&["a@x.example"]), &[]),
        (eight, &["a@x.example"], &"a\r\n".repeat(40), "", &["1: 552 Mail"]),
        (
            eight,
            &utf8,
            "é\r\n",
            "MAIL FROM:<s@x.example> SIZE=4 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<a@x.example>\r\n\
             RCPT TO:<ю@x.example>\r\nDATA\r\n",
            &[],
        ),
        (limited, &["a@x.example", "b@x.example"], "x\r\n", &group(&["a@x.example"]), &[]),
    ];
    for (ehlo, paths, content, said, endings) in table {
        let mut play = Play::new(ehlo, vec![message(1, paths, content)], GateWill::Open);
        assert_eq!(play.act(), said, "{content:?} to {paths:?}");
        assert_eq!(play.endings(), endings, "{content:?} to {paths:?}");
    }
}

#[test]
#[should_panic(expected = "a permit ends the data of its own batch")]
fn a_permit_for_another_batch_ends_nothing() {
    let mut play = plays(
        PIPELINING,
        vec![message(1, &["a@x.example"], "x\r\n")],
        GateWill::Slow,
        &[("", &group(&["a@x.example"])), ("250 ok\r\n250 ok\r\n354 go\r\n", "")],
    );
    play.dialogue.permit(permit(BatchId { run: RunNo(1), number: 2, part: 0 }));
}

fn any_reply() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "250 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "354 go\r\n",
        "354 go\r\n",
        "550 no\r\n",
        "451 later\r\n",
        "421 bye\r\n",
        "220 hello\r\n",
        "nonsense\r\n",
        "250-",
        "452 4.5.3 too many\r\n",
    ])
}

fn any_gate() -> impl Strategy<Value = GateWill> {
    prop::sample::select(vec![
        GateWill::Open,
        GateWill::Open,
        GateWill::Open,
        GateWill::Slow,
        GateWill::Suppress,
        GateWill::Fail,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever a server says: content and its dot leave for a permit alone, and every message that was
    /// offered ends once.
    #[test]
    fn no_script_of_replies_makes_a_dot_leave_or_a_message_vanish(
        script in prop::collection::vec((any_reply(), any_gate()), 0..60),
        mode in prop::sample::select(vec![PLAIN, PIPELINING, CHUNKING]),
        recipients in prop::collection::vec(1_usize..4, 1..12),
        loss in prop::sample::select(vec![Loss::Line, Loss::TimedOut, Loss::Garbled, Loss::Abandoned]),
    ) {
        let paths = ["a@x.example", "b@x.example", "c@x.example"];
        let numbers = 1_u32..;
        let messages: Vec<Message> = numbers
            .zip(&recipients)
            .map(|(number, count)| message(number, &paths[..*count], &format!("content {number}\r\n")))
            .collect();
        let total = messages.len();
        let mut play = Play::new(mode, messages, GateWill::Open);
        let mut ended = Vec::new();
        let mut said = String::new();
        for (reply, gate) in script {
            play.gate = gate;
            let before = said.len();
            said.push_str(&play.act());
            let dotted = said[before..].contains("content");
            prop_assert!(!dotted || gate == GateWill::Open, "content left without a permit");
            play.hear(reply);
            ended.extend(std::iter::from_fn(|| play.dialogue.next_ending()));
        }
        play.dialogue.lose(loss);
        ended.extend(std::iter::from_fn(|| play.dialogue.next_ending()));
        let mut numbers: Vec<u32> = ended.iter().map(|ending| ending.batch.id.number).collect();
        let offered = total - play.waiting.len();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (1..=u32::try_from(offered).expect("few")).collect::<Vec<_>>());
        for ending in &ended {
            prop_assert_eq!(ending.fates.len(), ending.batch.recipients.len());
            let number = ending.batch.id.number;
            let (dotted, streamed) = (format!("content {number}\r\n.\r\n"), format!("LAST\r\ncontent {number}\r\n"));
            let sent = said.contains(&dotted) || said.contains(&streamed);
            let reached = ending.fates.iter().any(|fate| {
                matches!(fate, Fate::Doubtful(_)) || matches!(fate, Fate::Answered(answer) if answer.phase == Phase::End)
            });
            prop_assert!(!reached || sent, "an ending without its end of data: {}", show(ending));
            // Streamed, the data may leave for recipients who turn out to be refused.
            prop_assert!(reached || !said.contains(&dotted), "a dot without its ending: {}", show(ending));
            prop_assert!(!sent || ending.intended.is_some(), "a dot without an intent: {}", show(ending));
        }
    }
}

//! Streamed dialogues as literals: several messages in flight, each in one piece.

use super::*;

/// One message in one piece.
fn piece(paths: &[&str], content: &str) -> String {
    let rcpts: Vec<String> = paths.iter().map(|path| format!("RCPT TO:<{path}>\r\n")).collect();
    format!("{MAIL}{}BDAT {} LAST\r\n{content}", rcpts.concat(), content.len())
}

/// The replies that take a message for one recipient, behind the reply to RSET.
const TAKEN: &str = "250 reset\r\n250 ok\r\n250 ok\r\n250 taken\r\n";

fn several(count: u32) -> Vec<Message> {
    (1..=count).map(|number| message(number, &["a@x.example"], ".x\r\n")).collect()
}

#[test]
fn more_messages_fly_with_each_that_is_taken() {
    let one = piece(&["a@x.example"], ".x\r\n");
    let next = format!("{RSET}{one}");
    let mut play = plays(
        CHUNKING,
        several(7),
        GateWill::Open,
        &[
            ("", &one),
            ("250 ok\r\n250 ok\r\n250 taken\r\n", &next.repeat(2)),
            (TAKEN, &next.repeat(2)),
            (&TAKEN.repeat(2), &next.repeat(2)),
            (&TAKEN.repeat(4), ""),
        ],
    );
    let endings: Vec<String> = (1..=7).map(|number| format!("{number}*: 250 End")).collect();
    assert_eq!(play.endings(), endings);
    assert!(play.dialogue.is_idle());
}

#[test]
fn a_session_of_refusals_alone_ends_before_the_server_ends_it() {
    const IN_VAIN: &str = "250 ok\r\n550 no\r\n554 nobody\r\n";
    let mut play = Play::new(CHUNKING, several(12), GateWill::Open);
    play.act();
    play.hear(IN_VAIN);
    let mut refused = 1;
    while !play.dialogue.is_spent() {
        play.act();
        play.hear(&format!("250 reset\r\n{IN_VAIN}"));
        refused += 1;
    }
    play.act();
    assert!(!play.dialogue.has_room());
    assert!(play.dialogue.is_idle(), "nothing is in flight");
    let endings: Vec<String> = (1..=refused).map(|number| format!("{number}*: 550 Rcpt")).collect();
    assert_eq!((refused, play.endings()), (8, endings));
}

/// A name, what the server says to the second and third message, how the line is lost at last, how these end.
type Ended = (&'static str, &'static str, Option<Loss>, [&'static str; 2]);

const ENDINGS: [Ended; 14] = [
    (
        "both taken",
        "250 r\r\n250 m\r\n250 r\r\n250 r\r\n250 t\r\n250 r\r\n250 m\r\n250 r\r\n250 t\r\n",
        None,
        ["2*: 250 End, 250 End", "3*: 250 End"],
    ),
    (
        "one recipient refused",
        "250 r\r\n250 m\r\n550 no\r\n250 r\r\n250 t\r\n250 r\r\n250 m\r\n250 r\r\n250 t\r\n",
        None,
        ["2*: 550 Rcpt, 250 End", "3*: 250 End"],
    ),
    (
        "all recipients refused",
        "250 r\r\n250 m\r\n550 no\r\n450 no\r\n554 nobody\r\n250 r\r\n250 m\r\n250 r\r\n250 t\r\n",
        None,
        ["2*: 550 Rcpt, 450 Rcpt", "3*: 250 End"],
    ),
    (
        "MAIL refused, and all behind it",
        "250 r\r\n452 full\r\n503 no\r\n503 no\r\n503 no\r\n250 r\r\n250 m\r\n250 r\r\n250 t\r\n",
        None,
        ["2*: 452 Mail, 452 Mail", "3*: 250 End"],
    ),
    (
        "MAIL refused, yet a recipient and the data taken",
        "250 r\r\n503 open\r\n503 no\r\n250 r\r\n250 t\r\n250 r\r\n250 m\r\n250 r\r\n250 t\r\n",
        None,
        ["2*: 503 Mail, 250 End", "3*: 250 End"],
    ),
    (
        "refused at the end",
        "250 r\r\n250 m\r\n250 r\r\n250 r\r\n554 no\r\n250 r\r\n250 m\r\n250 r\r\n451 no\r\n",
        None,
        ["2*: 554 End, 554 End", "3*: 451 End"],
    ),
    (
        "lost before anything is answered",
        "",
        Some(Loss::Line),
        ["2*: uncertain LineLost, uncertain LineLost", "3*: uncertain LineLost"],
    ),
    (
        "lost behind a refused recipient",
        "250 r\r\n250 m\r\n250 r\r\n550 no\r\n",
        Some(Loss::TimedOut),
        ["2*: uncertain TimedOut, 550 Rcpt", "3*: uncertain TimedOut"],
    ),
    (
        "lost behind a refused MAIL",
        "250 r\r\n550 no\r\n",
        Some(Loss::Line),
        ["2*: 550 Mail, 550 Mail", "3*: uncertain LineLost"],
    ),
    (
        "dropped",
        "250 r\r\n250 m\r\n250 r\r\n250 r\r\n250 t\r\n",
        Some(Loss::Abandoned),
        ["2*: 250 End, 250 End", "3*: uncertain Abandoned"],
    ),
    (
        "421 at the end is definite for that one alone",
        "250 r\r\n250 m\r\n250 r\r\n250 r\r\n421 bye\r\n",
        None,
        ["2*: 421 End, 421 End", "3*: uncertain LineLost"],
    ),
    (
        "a reply too many",
        "250 r\r\n250 m\r\n250 r\r\n250 r\r\n250 t\r\n250 r\r\n250 m\r\n250 r\r\n354 go\r\n",
        None,
        ["2*: 250 End, 250 End", "3*: uncertain Garbled"],
    ),
    (
        "BDAT unknown after all",
        "250 r\r\n250 m\r\n250 r\r\n250 r\r\n500 what\r\n500 what\r\n",
        None,
        ["2*: lost, lost", "3*: uncertain Garbled"],
    ),
    (
        "RSET refused",
        "500 what\r\n",
        None,
        ["2*: uncertain Garbled, uncertain Garbled", "3*: uncertain Garbled"],
    ),
];

#[test]
fn every_message_in_flight_meets_its_own_ending() {
    for (name, server, loss, expected) in ENDINGS {
        let messages = vec![
            message(1, &["a@x.example"], "x\r\n"),
            message(2, &["b@x.example", "c@x.example"], "y\r\n"),
            message(3, &["d@x.example"], "z\r\n"),
        ];
        let mut play = Play::new(CHUNKING, messages, GateWill::Open);
        play.act();
        play.hear("250 ok\r\n250 ok\r\n250 taken\r\n");
        play.act();
        assert_eq!(play.endings(), ["1*: 250 End"], "{name}");
        play.hear(server);
        if let Some(loss) = loss {
            play.dialogue.lose(loss);
        }
        assert_eq!(play.endings(), expected, "{name}");
    }
}

#[test]
fn nothing_of_a_message_is_said_before_its_permit() {
    let mut play = plays(CHUNKING, several(1), GateWill::Slow, &[("", "")]);
    play.permit();
    assert_eq!(play.act(), piece(&["a@x.example"], ".x\r\n"));

    let mut play = plays(CHUNKING, several(1), GateWill::Slow, &[("", "")]);
    play.hear("421 idle\r\n");
    assert_eq!(play.endings(), ["1*: not sent"]);
}

#[test]
fn what_the_gate_refuses_leaves_the_others_alone() {
    let messages =
        vec![message(1, &["a@x.example", "b@x.example"], "x\r\n"), message(2, &["c@x.example"], "y\r\n")];
    let mut play = Play::new(CHUNKING, messages, GateWill::Suppress);
    assert_eq!(play.act(), "");
    play.gate = GateWill::Open;
    assert_eq!(play.act(), piece(&["c@x.example"], "y\r\n"));
    assert_eq!(play.endings(), ["1: suppressed, not sent"]);
    play.hear("250 ok\r\n250 ok\r\n250 taken\r\n");
    assert_eq!(play.endings(), ["2*: 250 End"]);
}

#[test]
fn what_waits_for_the_gate_can_be_withdrawn_and_the_rest_goes_on() {
    let mut play = Play::new(CHUNKING, several(4), GateWill::Open);
    play.act();
    play.hear("250 ok\r\n250 ok\r\n250 taken\r\n");
    play.act();
    play.gate = GateWill::Slow;
    play.hear(TAKEN);
    assert_eq!(play.act(), "");
    play.dialogue.withdraw();
    assert_eq!(play.endings(), ["1*: 250 End", "2*: 250 End", "4*: not sent"]);
    play.hear(TAKEN);
    assert_eq!(play.endings(), ["3*: 250 End"]);
    assert!(play.dialogue.is_idle());
}

#[test]
fn the_gate_is_asked_about_everybody_who_is_offered() {
    let ehlo = "250-mx\r\n250-CHUNKING\r\n250-LIMITS RCPTMAX=2\r\n250 PIPELINING\r\n";
    let mut dialogue = Dialogue::new(announced(ehlo), Refusals::Free, Manner::default());
    dialogue.offer(message(1, &["a@x.example", "b@x.example", "c@x.example"], "x\r\n"));
    let intent = dialogue.intent(RelayNo(3)).expect("a question");
    assert_eq!(intent.recipients, &[RecipientNo(100), RecipientNo(101)]);
    assert_eq!((intent.charge.messages, intent.charge.recipients), (1, 2));
}

//! What must hold whatever a server says; each oracle panics where it does not.
//!
//! The fuzz targets call these with octets of their own making, and `tests/corpus.rs` with those of the
//! corpus, so that what was once found is looked for in every run of the tests.

#![allow(dead_code, reason = "each fuzz target uses one of them")]

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::FutureExt as _;
use mailrun::mail::{
    Address, Batch, BatchId, Digest, Envelope, Message, Permit, RecipientNo, Refused, RelayNo, RunNo, Ticket,
};
use mailrun::smtp::{Dialogue, Extensions, Fate, Loss, Manner, Mode, Refusals, Replies};

/// The bounds of a reply, in octets and lines.
const REPLY: usize = 8 * 1024;
const LINES: usize = 128;

/// The reply parser: however the octets are cut, the same replies come out, bounded.
pub(crate) fn replies(octets: &[u8]) {
    let whole = parse(&[octets]);
    let middle = octets.len() / 2;
    assert_eq!(whole, parse(&[&octets[..middle], &octets[middle..]]));
    let single: Vec<&[u8]> = octets.chunks(1).collect();
    assert_eq!(whole, parse(&single));
}

fn parse(pieces: &[&[u8]]) -> (Vec<(u16, String)>, bool) {
    let mut replies = Replies::default();
    let mut found = Vec::new();
    for piece in pieces {
        replies.extend(piece);
        loop {
            match replies.next_reply() {
                Ok(None) => break,
                Ok(Some(raw)) => {
                    assert!((200..600).contains(&raw.code()));
                    assert!(raw.lines().count() <= LINES);
                    let reply = raw.to_reply();
                    assert!(reply.text.len() <= REPLY);
                    found.push((reply.code, reply.text));
                }
                Err(malformed) => {
                    assert!(malformed.to_string().len() < 1024, "an error is short");
                    return (found, false);
                }
            }
        }
    }
    (found, true)
}

/// What a server announces: read without a bound of its own, from a bounded reply.
pub(crate) fn ehlo(octets: &[u8]) {
    let mut replies = Replies::default();
    replies.extend(octets);
    while let Ok(Some(raw)) = replies.next_reply() {
        let extensions = Extensions::parse(&raw);
        assert!(extensions.lines().len() < LINES);
        assert!(extensions.recipients_limit() != Some(0) && extensions.transactions_limit() != Some(0));
        assert!(extensions.size_limit() != Some(0));
        let mode = Manner::default().mode_with(&extensions);
        assert!(mode == Mode::LockStep || extensions.lines().iter().any(|line| is_pipelining(line)));
    }
}

fn is_pipelining(line: &str) -> bool {
    line.split_ascii_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("PIPELINING"))
}

/// What servers announce, by the first octet of a script.
const ANNOUNCED: [&str; 5] = [
    "250 mx\r\n",
    "250-mx\r\n250 PIPELINING\r\n",
    "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n",
    "250-mx\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-SIZE 2000\r\n250 PIPELINING\r\n",
    "250-mx\r\n250-CHUNKING\r\n250-LIMITS RCPTMAX=2 MAILMAX=3\r\n250 PIPELINING\r\n",
];
/// Messages of a script.
const MESSAGES: u32 = 12;

/// The whole dialogue, against a script of octets from the server and of doings of ours: content leaves for
/// a permit alone, and every message that was offered ends once, with an intent wherever it may have
/// arrived.
pub(crate) fn dialogue(octets: &[u8]) {
    let [first, script @ ..] = octets else { return };
    let announced = ANNOUNCED[usize::from(*first) % ANNOUNCED.len()];
    let mut replies = Replies::default();
    replies.extend(announced.as_bytes());
    let raw = replies.next_reply().expect("a reply").expect("a whole one");
    let dialogue = Dialogue::new(Extensions::parse(&raw), Refusals::Free, Manner::default());
    let mut play = Play {
        dialogue,
        waiting: (1..=MESSAGES).map(message).collect(),
        asked: VecDeque::new(),
        permitted: Vec::new(),
        said: Vec::new(),
        ended: Vec::new(),
        over: false,
    };
    let mut replies = Replies::default();
    // An octet above ASCII is something that we do, a run of others something that the server says.
    for piece in script.chunk_by(|one, next| one.is_ascii() && next.is_ascii()) {
        match piece {
            [doing] if !doing.is_ascii() => play.act(*doing),
            said => {
                replies.extend(said);
                play.hear(&mut replies);
            }
        }
    }
    play.dialogue.lose(Loss::Line);
    play.settle();
    play.check();
}

struct Play {
    dialogue: Dialogue,
    waiting: VecDeque<Message>,
    asked: VecDeque<BatchId>,
    permitted: Vec<u32>,
    said: Vec<u8>,
    ended: Vec<u32>,
    over: bool,
}

impl Play {
    fn act(&mut self, doing: u8) {
        match doing % 8 {
            0 | 1 => self.offer(),
            2 | 3 => self.ask(),
            4 | 5 => {
                if let Some(batch) = self.asked.pop_front() {
                    self.permitted.push(batch.number);
                    self.dialogue.permit(permit(batch));
                }
            }
            6 => {
                if let Some(batch) = self.asked.pop_front() {
                    self.dialogue.refuse(batch, &Refused::Suppressed(vec![RecipientNo(batch.number * 10)]));
                }
            }
            _ => {
                self.asked.clear();
                self.dialogue.withdraw();
            }
        }
        self.settle();
    }

    fn offer(&mut self) {
        while self.dialogue.has_room()
            && let Some(message) = self.waiting.pop_front()
        {
            self.dialogue.offer(message);
        }
    }

    fn ask(&mut self) {
        while let Some(batch) = self.dialogue.intent(RelayNo(0)).map(|intent| intent.batch.id) {
            self.dialogue.intended();
            self.asked.push_back(batch);
        }
    }

    fn hear(&mut self, replies: &mut Replies) {
        while !self.over {
            match replies.next_reply() {
                Ok(None) => break,
                Ok(Some(raw)) => self.over = self.dialogue.receive(&raw).is_err(),
                Err(_) => {
                    self.dialogue.lose(Loss::Garbled);
                    self.over = true;
                }
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        let output = self.dialogue.output();
        self.said.extend_from_slice(output);
        let count = output.len();
        self.dialogue.wrote(count);
        while let Some(ending) = self.dialogue.next_ending() {
            let number = ending.batch.id.number;
            assert_eq!(ending.fates.len(), ending.batch.recipients.len());
            let open = ending.fates.iter().any(|fate| match fate {
                Fate::Doubtful(_) => true,
                Fate::Answered(answer) => {
                    answer.phase == mailrun::mail::Phase::End && answer.reply.is_positive()
                }
                Fate::Unfit(_) | Fate::Lost | Fate::NotSent | Fate::Suppressed => false,
            });
            assert!(
                !open || ending.intended.is_some(),
                "message {number} may have arrived without an intent"
            );
            assert!(!open || self.permitted.contains(&number), "message {number} had no permit");
            self.asked.retain(|batch| batch.number != number);
            self.ended.push(number);
        }
    }

    fn check(&mut self) {
        let said = String::from_utf8_lossy(&self.said);
        for number in 1..=MESSAGES {
            let left = said.contains(&format!("content {number};"));
            assert!(!left || self.permitted.contains(&number), "message {number} left without a permit");
        }
        self.ended.sort_unstable();
        let offered = MESSAGES - u32::try_from(self.waiting.len()).expect("few");
        assert_eq!(self.ended, (1..=offered).collect::<Vec<_>>(), "each message ends once");
    }
}

fn message(number: u32) -> Message {
    let address = |text: &str| Address::parse(text).expect("an address");
    let paths = ["a@x.example", "ю@x.example", "c@x.example"];
    let count = number % 3 + 1;
    let content = format!("content {number};\r\n.{}\r\n", "x".repeat(number as usize * 90));
    Message {
        batch: Batch {
            id: BatchId { run: RunNo(1), number, part: 0 },
            attempt: 1,
            date: None,
            recipients: (0..count).map(|offset| RecipientNo(number * 10 + offset)).collect(),
        },
        envelope: Envelope {
            reverse_path: Some(address("s@x.example")),
            forward_paths: paths[..count as usize].iter().map(|path| address(path)).collect(),
            notify: None,
        },
        octets: Bytes::from(content),
        digest: Digest([0; 16]),
        eight_bit: false,
        tail: Vec::new(),
    }
}

fn permit(batch: BatchId) -> Permit {
    let ticket = Ticket::new(batch, std::future::ready(Ok(())));
    ticket.permit().now_or_never().expect("ready").expect("given")
}

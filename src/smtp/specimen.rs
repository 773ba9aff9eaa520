//! Messages and gates for the tests of this room and of the one above it.

use bytes::Bytes;
use futures_util::FutureExt as _;

use super::extension::Extensions;
use super::reply::Replies;
use super::transaction::{Ending, Fate};
use crate::mail::{
    Address, Batch, BatchId, Digest, Envelope, Gate, Intent, Message, Permit, RecipientNo, Refused, RunNo,
    Ticket,
};

/// What servers announce: commands one by one.
pub(crate) const PLAIN: &str = "250-mx.example\r\n250 SIZE 1000\r\n";
/// What servers announce: commands in groups.
pub(crate) const PIPELINING: &str = "250-mx.example\r\n250 PIPELINING\r\n";

/// What a reply to EHLO announces.
pub(crate) fn announced(octets: &str) -> Extensions {
    let mut replies = Replies::default();
    replies.extend(octets.as_bytes());
    let reply = replies.next_reply().expect("a reply").expect("a whole one");
    Extensions::parse(&reply)
}

/// The message of batch `number`, from `s@x.example`, whose recipients count on from `number * 100`.
pub(crate) fn message(number: u32, paths: &[&str], content: &str) -> Message {
    let address = |text: &&str| Address::parse(text).expect("an address");
    let count = u32::try_from(paths.len()).expect("few");
    Message {
        batch: Batch {
            id: BatchId { run: RunNo(1), number, part: 0 },
            attempt: 1,
            date: None,
            recipients: (0..count).map(|offset| RecipientNo(number * 100 + offset)).collect(),
        },
        envelope: Envelope {
            reverse_path: Some(address(&"s@x.example")),
            forward_paths: paths.iter().map(address).collect(),
        },
        octets: Bytes::copy_from_slice(content.as_bytes()),
        digest: Digest([0; 16]),
        eight_bit: !content.is_ascii(),
    }
}

/// A permit for a batch, without any journal.
pub(crate) fn permit(batch: BatchId) -> Permit {
    Ticket::new(batch, std::future::ready(Ok(()))).permit().now_or_never().expect("ready").expect("given")
}

/// A gate that permits everything at once.
#[derive(Debug, Default)]
pub(crate) struct OpenGate;

impl Gate for OpenGate {
    fn intend(&self, intent: Intent<'_>) -> Result<Ticket, Refused> {
        Ok(Ticket::new(intent.batch.id, std::future::ready(Ok(()))))
    }
}

/// An ending in one line: the number of the batch, a star where an intent was recorded, the fates.
pub(crate) fn show(ending: &Ending) -> String {
    let fates: Vec<String> = ending.fates.iter().map(show_fate).collect();
    let star = if ending.intended.is_some() { "*" } else { "" };
    format!("{}{star}: {}", ending.batch.id.number, fates.join(", "))
}

fn show_fate(fate: &Fate) -> String {
    match fate {
        Fate::Answered(answer) => format!("{} {:?}", answer.reply.code, answer.phase),
        Fate::Unfit(answer) => format!("unfit {}", answer.reply.code),
        Fate::Doubtful(doubt) => format!("uncertain {doubt:?}"),
        Fate::Lost => "lost".to_owned(),
        Fate::NotSent => "not sent".to_owned(),
        Fate::Suppressed => "suppressed".to_owned(),
    }
}

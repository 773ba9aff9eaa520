//! Content and its end: DATA up to the lone dot, BDAT by count, and what becomes of the message.

use std::time::Duration;

use super::super::mailbox::Gather;
use super::super::persona::{DropAt, Refusal, RefusalPhase};
use super::super::transaction::Stage;
use super::envelope::Policy;
use super::{Conversation, Ending, Output, Step};

/// The octets of a BDAT that are still to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    left: u64,
    last: bool,
    fate: ChunkFate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkFate {
    /// Becomes content.
    Taken,
    /// Out of order: read and thrown away, answered 503.
    Discarded,
}

impl Conversation {
    pub(super) fn data(&mut self, out: &mut Output) {
        if self.hangs_up(DropAt::Data, out) {
            return;
        }
        if self.transaction.stage != Stage::Envelope {
            return self.misspoken(out, "503", "5.5.1", "Send MAIL and RCPT first");
        }
        if self.transaction.recipients() == 0 && !self.house.persona.data_without_recipients {
            return self.reply(out, "554", "5.5.1", "No valid recipients");
        }
        self.transparency.reset();
        self.gather = self.house.wants.gather();
        self.step = Step::Content;
        self.reply(out, "354", "", "End data with <CR><LF>.<CR><LF>");
    }

    pub(super) fn content(&mut self, rest: &[u8], now: Duration, out: &mut Output) -> Option<usize> {
        if rest.is_empty() || self.hangs_up_in_content(out) {
            return None;
        }
        let (gather, limit) = (self.gather, self.size_limit());
        let transaction = &mut self.transaction;
        let (used, ended) = self.transparency.take(rest, |part| transaction.gather(part, gather, limit));
        if ended {
            self.step = Step::Command;
            if used < rest.len() && !self.house.persona.pipelining {
                self.misspoken(out, "554", "5.5.0", "Improper use of SMTP command pipelining");
                out.ending = Some(Ending::Closed);
            } else {
                self.end_of_data(now, out);
            }
        }
        Some(used)
    }

    fn hangs_up_in_content(&mut self, out: &mut Output) -> bool {
        let first = !std::mem::replace(&mut self.transaction.begun, true);
        first && self.hangs_up(DropAt::Content, out)
    }

    pub(super) fn begin_chunk(&mut self, octets: u64, last: bool, out: &mut Output) {
        if !self.house.persona.chunking {
            return self.misspoken(out, "500", "5.5.2", "Command not recognized");
        }
        let first = self.transaction.stage != Stage::Chunks;
        if first && self.hangs_up(DropAt::Data, out) {
            return;
        }
        let fate = if self.transaction.recipients() > 0 {
            if first {
                self.gather = self.house.wants.gather();
            }
            self.transaction.stage = Stage::Chunks;
            ChunkFate::Taken
        } else {
            ChunkFate::Discarded
        };
        self.step = Step::Chunk(Chunk { left: octets, last, fate });
    }

    pub(super) fn chunk(
        &mut self,
        mut chunk: Chunk,
        rest: &[u8],
        now: Duration,
        out: &mut Output,
    ) -> Option<usize> {
        let here = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(rest.len());
        if here == 0 && chunk.left > 0 {
            return None;
        }
        chunk.left -= here as u64;
        if chunk.fate == ChunkFate::Taken && here > 0 {
            if self.hangs_up_in_content(out) {
                return None;
            }
            let (gather, limit) = (self.gather, self.size_limit());
            self.transaction.gather(&rest[..here], gather, limit);
        }
        self.step = Step::Chunk(chunk);
        if chunk.left == 0 {
            self.step = Step::Command;
            match (chunk.fate, chunk.last) {
                (ChunkFate::Discarded, _) => {
                    self.transaction.reset();
                    self.misspoken(out, "503", "5.5.1", "Send MAIL and RCPT first");
                }
                (ChunkFate::Taken, true) => self.end_of_data(now, out),
                (ChunkFate::Taken, false) => self.reply(out, "250", "2.0.0", "Ok"),
            }
        }
        Some(here)
    }

    fn size_limit(&self) -> u64 {
        match self.house.persona.size {
            0 => u64::MAX,
            size => size,
        }
    }

    fn end_of_data(&mut self, now: Duration, out: &mut Output) {
        if self.hangs_up(DropAt::Dot, out) {
            return;
        }
        match self.judge(now) {
            Ok(()) => self.accept(now, out),
            Err(refusal) => self.refuse(out, &refusal),
        }
        self.transaction.reset();
    }

    fn judge(&mut self, now: Duration) -> Policy {
        let refusal = |line| Refusal::parse(line).expect("a reply written in this file is a refusal");
        if self.transaction.recipients() == 0 {
            return Err(refusal("554 5.5.1 No valid recipients"));
        }
        if self.transaction.octets > self.size_limit() {
            return Err(refusal("552 5.3.4 Message size exceeds fixed limit"));
        }
        match self.transaction.refusal.take() {
            Some(refusal) => Err(refusal),
            None => self.quota(RefusalPhase::End, self.transaction.recipients(), now),
        }
    }

    fn accept(&mut self, now: Duration, out: &mut Output) {
        self.taken += 1;
        self.counted.messages += 1;
        self.counted.recipients += self.transaction.recipients();
        self.counted.octets += self.transaction.octets;
        let queue_id = format!("{:X}-{:X}", self.number, self.taken);
        let wants = &self.house.wants;
        if let Some(began) = wants.log_began {
            let passed = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
            let time = began.saturating_add(passed);
            self.transaction.log(time, &self.account, &queue_id, &mut out.log);
        }
        // A message that was not gathered whole, as the last place was taken meanwhile, is only counted.
        if self.gather == Gather::Everything && wants.claim() {
            out.kept.push(self.transaction.kept(&self.account));
        }
        if self.hangs_up(DropAt::BeforeDotReply, out) {
            return;
        }
        self.reply(out, "250", "2.0.0", &format!("Ok: queued as {queue_id}"));
        self.hangs_up(DropAt::AfterDotReply, out);
    }
}

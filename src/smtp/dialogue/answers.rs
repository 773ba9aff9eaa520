//! The dialogue hears: what each reply means for the transaction that it answers.

use super::super::reply::RawReply;
use super::super::transaction::{Fate, Standing, answer};
use super::super::wire::Expected;
use super::{Break, Dialogue, Loss, Mode, Reset};
use crate::mail::Phase;

/// Whether the server took the reply's command for what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Made,
    None,
}

impl Dialogue {
    /// Takes the next reply.
    ///
    /// # Errors
    /// The dialogue is over, and every transaction has met its ending.
    pub fn receive(&mut self, raw: &RawReply<'_>) -> Result<(), Break> {
        let code = raw.code();
        let Some(expected) = self.wire.pop_expected() else {
            self.lose(if code == 421 { Loss::Line } else { Loss::Garbled });
            let reply = raw.to_reply();
            return Err(match code {
                421 => Break::Closing(Phase::Other, reply),
                _ => Break::Unexpected(Phase::Other, reply),
            });
        };
        let sense = match expected {
            Expected::Rset => made(code / 100 == 2),
            Expected::Mail => self.mail_answered(raw),
            Expected::Rcpt(index) => self.rcpt_answered(index, raw),
            Expected::Data => self.data_answered(raw),
            Expected::End => self.end_answered(raw),
            Expected::LoneEnd => made(code / 100 != 3),
        };
        if code == 421 {
            self.lose(Loss::Line);
            return Err(Break::Closing(expected.phase(), raw.to_reply()));
        }
        if sense == Sense::None {
            self.lose(Loss::Garbled);
            return Err(Break::Unexpected(expected.phase(), raw.to_reply()));
        }
        if self.mode == Mode::LockStep {
            self.step(expected);
        }
        Ok(())
    }

    fn mail_answered(&mut self, raw: &RawReply<'_>) -> Sense {
        let Some(first) = self.underway.front_mut() else { return Sense::None };
        match raw.code() / 100 {
            2 => Sense::Made,
            4 | 5 => {
                first.refuse_mail(raw.to_reply());
                Sense::Made
            }
            _ => Sense::None,
        }
    }

    fn rcpt_answered(&mut self, index: usize, raw: &RawReply<'_>) -> Sense {
        let Some(first) = self.underway.front_mut() else { return Sense::None };
        match raw.code() / 100 {
            2 => first.standings[index] = Standing::Accepted,
            // Behind a refused MAIL it says nothing about the recipient.
            4 | 5 if first.mail.is_some() => {}
            4 | 5 => first.standings[index] = Standing::Refused(answer(Phase::Rcpt, raw.to_reply())),
            _ => return Sense::None,
        }
        Sense::Made
    }

    fn data_answered(&mut self, raw: &RawReply<'_>) -> Sense {
        let Some(first) = self.underway.front_mut() else { return Sense::None };
        match raw.code() {
            354 if first.accepted() > 0 => first.prepare_intent(self.refusals),
            354 => {
                // RFC 2920, 3.1: all were refused, yet the server waits for data; the dot carries nobody.
                self.wire.lone_dot();
                self.finish(&Fate::NotSent);
            }
            400..=599 => {
                self.reset = Reset::Due;
                self.finish(&Fate::Answered(answer(Phase::Data, raw.to_reply())));
            }
            _ => return Sense::None,
        }
        Sense::Made
    }

    fn end_answered(&mut self, raw: &RawReply<'_>) -> Sense {
        let Some(first) = self.underway.front() else { return Sense::None };
        let code = raw.code();
        if self.mode == Mode::Streamed && first.accepted() > 0 && is_unknown_command(code) {
            // The server announced CHUNKING and does not know BDAT: it may read the content as commands. The
            // refusal is definite, and says nothing about the message.
            self.finish(&Fate::Lost);
            return Sense::None;
        }
        match code / 100 {
            2 => self.window.grow(),
            4 | 5 if first.accepted() == 0 => self.window.miss(),
            4 => self.window.shrink(),
            5 => {}
            _ => return Sense::None,
        }
        self.finish(&Fate::Answered(answer(Phase::End, raw.to_reply())));
        Sense::Made
    }

    /// Lock-step: says the command that follows the reply to `answered`.
    fn step(&mut self, answered: Expected) {
        let Some(first) = self.underway.front() else { return };
        let from = match answered {
            Expected::Rset => return self.wire.mail(first, &self.extensions),
            Expected::Mail if first.mail.is_some() => return self.abandon(),
            Expected::Mail => 0,
            Expected::Rcpt(index) => index + 1,
            Expected::Data | Expected::End | Expected::LoneEnd => return,
        };
        if let Some(index) = first.offered_from(from) {
            self.wire.rcpt(first, index);
        } else if first.accepted() > 0 {
            self.wire.data();
        } else {
            self.abandon();
        }
    }

    /// Lock-step: ends a transaction in which nobody is left, before DATA.
    fn abandon(&mut self) {
        self.reset = Reset::Due;
        self.finish(&Fate::NotSent);
    }
}

fn made(sense: bool) -> Sense {
    if sense { Sense::Made } else { Sense::None }
}

/// RFC 5321, 4.2.4: not recognised, wrong syntax, not implemented; 521 is how Postfix says it of BDAT.
fn is_unknown_command(code: u16) -> bool {
    matches!(code, 500 | 501 | 502 | 504 | 521 | 555)
}

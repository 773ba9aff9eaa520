//! One mail transaction: a message, and what the server said about each of its recipients.
//!
//! A transaction is begun by MAIL and ends with one [`Ending`], however it ends. Facts only: what a refusal
//! means for whom is judged in `relay/`.

use std::sync::Arc;

use super::command::Charset;
use crate::mail::{Answer, Batch, Charge, Doubt, Intent, Message, Phase, RecipientNo, RelayNo, Reply};

/// What one attempt came to for one recipient, as far as the wire knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The server answered: a refusal at MAIL, RCPT, DATA or the final dot, or its positive reply to that dot.
    Answered(Answer),
    /// The server lacks what the message needs; nothing was said to it. The reply is our own.
    Unfit(Answer),
    /// The final dot may have left, and no reply to it was read.
    Doubtful(Doubt),
    /// The connection failed before the final dot left.
    Lost,
    /// The transaction never began, or was given up for a reason of ours before the final dot.
    NotSent,
    /// The gate said that the recipient must not be written to.
    Suppressed,
}

/// The end of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The batch as it was handed out.
    pub batch: Batch,
    /// What the intent charged; none if no intent was recorded.
    pub intended: Option<Charge>,
    /// One for each recipient of the batch, in its order.
    pub fates: Vec<Fate>,
}

/// Whether a relay's provider counts recipients that it refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusals {
    /// They stay charged.
    Charged,
    /// They are free.
    Free,
}

/// Where one recipient stands while the transaction goes on.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    /// RCPT is not answered yet.
    Offered,
    /// RCPT was answered with 2yz.
    Accepted,
    /// Refused: at RCPT, or by us before it.
    Refused(Answer),
}

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing of it was written.
    Waiting,
    /// MAIL was written; DATA is not yet answered.
    Envelope,
    /// The gate is to be asked: DATA was answered with 354 and somebody was accepted, or nothing is said
    /// before the permit.
    Ready,
    /// The gate records the intent.
    Intended,
    /// Octets of the final dot may have left.
    Dotted,
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) message: Message,
    pub(super) stage: Stage,
    pub(super) standings: Vec<Standing>,
    /// Octets of the message, also once they have left.
    pub(super) size: usize,
    /// What its paths may hold.
    pub(super) charset: Charset,
    /// The refusal of MAIL.
    pub(super) mail: Option<Answer>,
    /// The recipients that RCPT accepted, where they are fewer than all.
    reached: Vec<RecipientNo>,
    charge: Charge,
    intended: bool,
}

impl Transaction {
    pub(super) fn new(message: Message) -> Self {
        let standings = vec![Standing::Offered; message.envelope.forward_paths.len()];
        Self {
            size: message.size(),
            message,
            stage: Stage::Waiting,
            standings,
            charset: Charset::Ascii,
            mail: None,
            reached: Vec::new(),
            charge: Charge::default(),
            intended: false,
        }
    }

    /// The first recipient from `index` on for whom RCPT is still to be said.
    pub(super) fn offered_from(&self, index: usize) -> Option<usize> {
        let rest = self.standings.get(index..)?;
        rest.iter().position(|standing| matches!(standing, Standing::Offered)).map(|offset| index + offset)
    }

    /// How many recipients RCPT accepted; none if MAIL was refused.
    pub(super) fn accepted(&self) -> usize {
        match self.mail {
            Some(_) => 0,
            None => self.standings.iter().filter(|standing| matches!(standing, Standing::Accepted)).count(),
        }
    }

    /// Takes the answer to MAIL, a refusal.
    pub(super) fn refuse_mail(&mut self, reply: Reply) {
        self.mail = Some(answer(Phase::Mail, reply));
    }

    /// Makes the gate's question ready: the end of data reaches those whom RCPT accepted, and a refusal by
    /// the server may cost as much.
    pub(super) fn prepare_intent(&mut self, refusals: Refusals) {
        let charged = match refusals {
            Refusals::Free => self.accepted(),
            Refusals::Charged => self.accepted() + self.refused_by_server(),
        };
        self.reach(charged, |standing| matches!(standing, Standing::Accepted));
    }

    /// Makes the gate's question ready before anything is said: the end of data may reach everybody to whom
    /// it is offered.
    pub(super) fn prepare_blind_intent(&mut self) {
        let offered = |standing: &Standing| matches!(standing, Standing::Offered);
        let charged = self.standings.iter().filter(|standing| offered(standing)).count();
        self.reach(charged, offered);
    }

    fn reach(&mut self, charged: usize, reaches: impl Fn(&Standing) -> bool) {
        if !self.standings.iter().all(&reaches) {
            let pairs = self.standings.iter().zip(&self.message.batch.recipients);
            self.reached =
                pairs.filter(|(standing, _)| reaches(standing)).map(|(_, recipient)| *recipient).collect();
        }
        self.charge = Charge::message(charged);
        self.stage = Stage::Ready;
    }

    fn refused_by_server(&self) -> usize {
        let by_server =
            |standing: &&Standing| matches!(standing, Standing::Refused(answer) if !is_ours(&answer.reply));
        self.standings.iter().filter(by_server).count()
    }

    /// What the gate is asked.
    pub(super) fn intent(&self, relay: RelayNo) -> Intent<'_> {
        let recipients = if self.reached.is_empty() { &self.message.batch.recipients } else { &self.reached };
        Intent {
            relay,
            batch: &self.message.batch,
            recipients,
            charge: self.charge,
            digest: self.message.digest,
            octets: u32::try_from(self.size).unwrap_or(u32::MAX),
        }
    }

    /// Notes that the intent was given to the journal.
    pub(super) fn note_intent(&mut self) {
        self.stage = Stage::Intended;
        self.intended = true;
    }

    /// Ends it: who was refused stays refused, the others meet `rest`.
    pub(super) fn end(self, rest: &Fate) -> Ending {
        self.end_each(|_| rest.clone())
    }

    /// Ends it: who was refused stays refused, the others meet what `rest` says of each.
    pub(super) fn end_each(self, rest: impl Fn(RecipientNo) -> Fate) -> Ending {
        let pairs = self.standings.into_iter().zip(&self.message.batch.recipients);
        let fates = pairs.map(|(standing, recipient)| match (standing, &self.mail) {
            (Standing::Refused(answer), _) => Fate::Answered(answer),
            (Standing::Offered | Standing::Accepted, None) => rest(*recipient),
            // A transaction that was still open takes RCPT and data though it refuses MAIL.
            (Standing::Accepted, Some(mail)) => match rest(*recipient) {
                Fate::Answered(answer) if answer.reply.is_positive() => Fate::Answered(answer),
                Fate::Doubtful(doubt) => Fate::Doubtful(doubt),
                Fate::Answered(_) | Fate::Unfit(_) | Fate::Lost | Fate::NotSent | Fate::Suppressed => {
                    Fate::Answered(mail.clone())
                }
            },
            (Standing::Offered, Some(mail)) => Fate::Answered(mail.clone()),
        });
        let fates = fates.collect();
        Ending { batch: self.message.batch, intended: self.intended.then_some(self.charge), fates }
    }

    /// Ends it before anything of it was said.
    pub(super) fn unfit(self, reply: Reply) -> Ending {
        self.end(&Fate::Unfit(answer(Phase::Mail, reply)))
    }
}

/// What begins the text of a reply that no server gave. (The enhanced status stands before it.)
const OURS: &str = "mailrun: ";

/// A reply in our own words, for what the server would have refused.
pub(super) fn our_reply(code: u16, enhanced: &str, words: std::fmt::Arguments<'_>) -> Reply {
    Reply::new(code, format!("{enhanced} {OURS}{words}"))
}

/// Whether a reply was made by us instead of the server.
pub fn is_ours(reply: &Reply) -> bool {
    reply.words().starts_with(OURS)
}

pub(super) fn answer(phase: Phase, reply: Reply) -> Answer {
    Answer { phase, reply: Arc::new(reply) }
}

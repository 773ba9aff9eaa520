//! A simulated session: what it holds, how it asks the gate, and what its server says.
//!
//! In turn: MAIL, every RCPT, DATA, the intent, the permit, the final dot, its reply. Streamed: the intents of
//! a window, for all who are offered, then each message in one piece as its permit comes, then the replies in
//! order. Whatever ends it, by drop or by panic too, every message it holds is settled, and uncertain if its
//! end may have left.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::mail::{
    Answer, BatchId, Charge, Doubt, Intent, Message, Outcome, Permit, Phase, RecipientNo, Refused, RelayNo,
    Reply, Trouble,
};
use crate::relay::{Accounting, Ending, Fate, Profile, Refusals, settle};

use super::line::{Loss, Said};
use super::relay::{Shared, line_failed};
use super::scenario::Manner;

/// Why a session ended.
pub(super) enum Close {
    /// Nothing more to send.
    Finished,
    /// The gate gives no permit.
    HeldBack,
    /// The server has had enough, and a batch tells of it.
    Told,
    /// The line failed.
    Failed(Trouble),
}

/// A permit on its way.
type Pending = Pin<Box<dyn Future<Output = Result<Permit, Refused>> + Send>>;

/// A message that a session holds.
struct Held {
    message: Message,
    /// What RCPT said of each recipient, if it refused them.
    refused: Vec<Option<Answer>>,
    intended: Option<Charge>,
    permit: Option<Pending>,
    /// The end of data may have left.
    dotted: bool,
    /// What the server will say to it, and when.
    said: Option<(Instant, Said)>,
}

impl Held {
    fn reached(&self) -> Vec<RecipientNo> {
        let pairs = self.message.batch.recipients.iter().zip(&self.refused);
        pairs.filter(|(_, refused)| refused.is_none()).map(|(recipient, _)| *recipient).collect()
    }

    /// How many were refused at RCPT for more than their number, so that a provider may count them.
    fn counted(&self) -> u64 {
        let refused = self.refused.iter().flatten().filter(|answer| answer.reply.code != 452);
        refused.count() as u64
    }
}

/// A session, with what it holds, oldest first.
pub(super) struct Line {
    shared: Arc<Shared>,
    held: VecDeque<Held>,
    drawn: u32,
}

impl Line {
    pub(super) fn holding(shared: Arc<Shared>, first: Message) -> Self {
        let mut line = Self { shared, held: VecDeque::new(), drawn: 0 };
        line.take(first);
        line
    }

    pub(super) fn drawn(&self) -> u32 {
        self.drawn
    }

    fn take(&mut self, message: Message) {
        self.shared.world().with(|state| state.hold(&message.batch));
        self.drawn += 1;
        let refused = vec![None; message.batch.recipients.len()];
        self.held.push_back(Held {
            message,
            refused,
            intended: None,
            permit: None,
            dotted: false,
            said: None,
        });
    }

    fn may_draw(&self) -> bool {
        self.drawn < self.shared.character().messages_per_session
    }

    /// Settles a message: whom RCPT refused stays refused, the others meet what `rest` says.
    fn end(&mut self, place: usize, rest: impl Fn(RecipientNo) -> Fate) {
        let Some(held) = self.held.remove(place) else { return };
        let Held { message, refused, intended, .. } = held;
        let batch = message.batch;
        let fates = refused.into_iter().zip(&batch.recipients).map(|(refused, recipient)| match refused {
            Some(answer) => Fate::Answered(answer),
            None => rest(*recipient),
        });
        let ending = Ending { fates: fates.collect(), batch, intended };
        self.shared.world().with(|state| state.release(&ending.batch));
        let accounting = Accounting {
            relay: RelayNo(u16::try_from(self.shared.place()).expect("few")),
            refusals: self.shared.character().refusals,
            profile: Profile::Generic,
        };
        let settled = settle(ending, accounting);
        if settled.deliveries.iter().any(|delivery| matches!(delivery.outcome, Outcome::Accepted(_))) {
            self.shared.deliver();
        }
        self.shared.reports.settled(settled);
    }

    fn end_all(&mut self, place: usize, fate: &Fate) {
        self.end(place, |_| fate.clone());
    }

    /// Settles whatever it holds: the line is lost.
    fn lose(&mut self, doubt: Doubt, undotted: &Fate) {
        while let Some(first) = self.held.front() {
            let fate = if first.dotted { Fate::Doubtful(doubt) } else { undotted.clone() };
            self.end_all(0, &fate);
        }
    }

    fn lost(&mut self, loss: Loss, phase: Phase) -> Close {
        let doubt = match loss {
            Loss::Line => Doubt::LineLost,
            Loss::TimedOut => Doubt::TimedOut,
            Loss::Garbled => Doubt::Garbled,
        };
        self.lose(doubt, &Fate::Lost);
        Close::Failed(line_failed(phase))
    }

    /// Sends what there is until there is nothing more.
    pub(super) async fn work(&mut self) -> Close {
        match self.shared.character().manner {
            Manner::InTurn => self.in_turn().await,
            Manner::Streamed => self.streamed().await,
        }
    }

    async fn in_turn(&mut self) -> Close {
        loop {
            if let Err(close) = self.transact().await {
                return close;
            }
            let next = if !self.may_draw() {
                None
            } else if let Some(message) = self.shared.work.try_next(&self.shared.reports) {
                Some(message)
            } else {
                self.shared.next().await
            };
            match next {
                Some(message) => self.take(message),
                None => return Close::Finished,
            }
        }
    }

    /// One transaction, of the message it holds.
    async fn transact(&mut self) -> Result<(), Close> {
        let shared = Arc::clone(&self.shared);
        match shared.step(Phase::Mail).await {
            Err(loss) => return Err(self.lost(loss, Phase::Mail)),
            Ok(Some(reply)) => return self.refused(Phase::Mail, reply),
            Ok(None) => {}
        }
        if let Err(loss) = shared.step(Phase::Rcpt).await {
            return Err(self.lost(loss, Phase::Rcpt));
        }
        let held = &mut self.held[0];
        shared.rcpt(&held.message.batch.recipients, &mut held.refused);
        let reached = self.held[0].reached();
        if reached.is_empty() {
            let closes = self.held[0].refused.iter().flatten().any(|answer| answer.reply.code == 421);
            self.end_all(0, &Fate::NotSent);
            return if closes { Err(Close::Told) } else { Ok(()) };
        }
        match shared.step(Phase::Data).await {
            Err(loss) => return Err(self.lost(loss, Phase::Data)),
            Ok(Some(reply)) => return self.refused(Phase::Data, reply),
            Ok(None) => {}
        }
        let refused = self.held[0].refused.iter().flatten().count();
        let charged = match shared.character().refusals {
            Refusals::Free => reached.len(),
            Refusals::Charged => reached.len() + refused,
        };
        let pending = self.intend(0, &reached, charged).map_err(|refused| self.held_back(&refused))?;
        if let Err(loss) = shared.body().await {
            return Err(self.lost(loss, Phase::Other));
        }
        if let Err(refused) = pending.await {
            return Err(self.held_back(&refused));
        }
        self.held[0].dotted = true;
        let held = &self.held[0];
        let said = shared.end_of_data(&held.message, &held.reached(), held.counted());
        sleep(said.after).await;
        self.heard(said)
    }

    fn intend(&mut self, place: usize, reached: &[RecipientNo], charged: usize) -> Result<Pending, Refused> {
        let held = &mut self.held[place];
        let charge = Charge::message(charged);
        let ticket = self.shared.gate.intend(Intent {
            relay: RelayNo(u16::try_from(self.shared.place()).expect("few")),
            batch: &held.message.batch,
            recipients: reached,
            charge,
            digest: held.message.digest,
            octets: u32::try_from(held.message.size()).expect("small"),
        })?;
        held.intended = Some(charge);
        Ok(Box::pin(ticket.permit()))
    }

    /// DATA was answered with 354, and can be taken back only by closing the connection.
    fn held_back(&mut self, refused: &Refused) -> Close {
        self.withdraw(0, refused);
        match refused {
            Refused::Suppressed(_) => Close::Finished,
            Refused::Stopping | Refused::NoSpace | Refused::Journal(_) => Close::HeldBack,
        }
    }

    fn withdraw(&mut self, place: usize, refused: &Refused) {
        let suppressed: &[_] = match refused {
            Refused::Suppressed(recipients) => recipients,
            Refused::Stopping | Refused::NoSpace | Refused::Journal(_) => &[],
        };
        let suppressed = suppressed.to_vec();
        self.end(place, |who| if suppressed.contains(&who) { Fate::Suppressed } else { Fate::NotSent });
    }

    fn refused(&mut self, phase: Phase, reply: Reply) -> Result<(), Close> {
        let closes = reply.code == 421;
        let answer = Answer { phase, reply: Arc::new(reply) };
        self.end_all(0, &Fate::Answered(answer));
        if closes {
            self.lose(Doubt::LineLost, &Fate::Lost);
            return Err(Close::Told);
        }
        Ok(())
    }

    /// Heeds what the server says to the oldest end of data.
    fn heard(&mut self, said: Said) -> Result<(), Close> {
        match said.reply {
            Err(loss) => Err(self.lost(loss, Phase::End)),
            Ok(reply) => self.refused(Phase::End, reply),
        }
    }
}

/// What wakes a streamed session.
enum Turn {
    Permit(Result<Permit, Refused>),
    Reply,
    Message(Option<Message>),
}

impl Line {
    async fn streamed(&mut self) -> Close {
        let mut supply = true;
        loop {
            let shared = Arc::clone(&self.shared);
            if let Err(close) = self.ask() {
                return close;
            }
            while supply && self.has_room() {
                let Some(message) = shared.work.try_next(&shared.reports) else { break };
                self.take(message);
                if let Err(close) = self.ask() {
                    return close;
                }
            }
            if self.held.is_empty() && (!supply || !self.may_draw()) {
                return Close::Finished;
            }
            match self.turn(supply).await {
                Turn::Permit(Ok(permit)) => {
                    let meant = |held: &&mut Held| held.message.batch.id == permit.batch();
                    let held = self.held.iter_mut().find(meant).expect("it asked for it");
                    (held.permit, held.dotted) = (None, true);
                    // Stands there until the last octet is handed over.
                    if let Err(loss) = shared.body().await {
                        return self.lost(loss, Phase::Other);
                    }
                    self.stream(permit.batch());
                }
                Turn::Permit(Err(refused)) => {
                    let place = self.held.iter().position(|held| held.permit.is_some());
                    let place = place.expect("somebody waited for it");
                    self.withdraw(place, &refused);
                    if !matches!(refused, Refused::Suppressed(_)) {
                        supply = false;
                        while let Some(place) = self.held.iter().position(|held| held.permit.is_some()) {
                            self.withdraw(place, &refused);
                        }
                        if self.held.is_empty() {
                            return Close::HeldBack;
                        }
                    }
                }
                Turn::Reply => {
                    let (_, said) = self.held[0].said.take().expect("it was waited for");
                    if let Err(close) = self.heard(said) {
                        return close;
                    }
                }
                Turn::Message(Some(message)) => self.take(message),
                Turn::Message(None) => supply = false,
            }
        }
    }

    fn has_room(&self) -> bool {
        self.may_draw() && self.held.len() < self.shared.character().window
    }

    /// Asks the gate about the message taken last, if it was not asked yet; nothing of it is said before.
    fn ask(&mut self) -> Result<(), Close> {
        let Some(place) = self.held.iter().position(|held| held.intended.is_none()) else { return Ok(()) };
        let offered = self.held[place].message.batch.recipients.clone();
        match self.intend(place, &offered, offered.len()) {
            Ok(pending) => self.held[place].permit = Some(pending),
            Err(refused) => {
                self.withdraw(place, &refused);
                if !matches!(refused, Refused::Suppressed(_)) && self.held.is_empty() {
                    return Err(Close::HeldBack);
                }
            }
        }
        Ok(())
    }

    /// Says the whole message; its server will answer in its turn.
    fn stream(&mut self, batch: BatchId) {
        let shared = Arc::clone(&self.shared);
        let before = self.held.iter().filter_map(|held| held.said.as_ref()).map(|(at, _)| *at).max();
        let held = self.held.iter_mut().find(|held| held.message.batch.id == batch).expect("it is held");
        shared.rcpt(&held.message.batch.recipients, &mut held.refused);
        let reached = held.reached();
        let said = if reached.is_empty() {
            Said { after: Duration::from_millis(1), reply: Ok(Reply::new(554, "5.5.1 no valid recipients")) }
        } else {
            shared.end_of_data(&held.message, &reached, held.counted())
        };
        let at = before.map_or(Instant::now(), |before| before.max(Instant::now())) + said.after;
        held.said = Some((at, said));
    }

    async fn turn(&mut self, supply: bool) -> Turn {
        let draws = supply && self.has_room();
        let reply = self.held.front().and_then(|held| held.said.as_ref()).map(|(at, _)| *at);
        let shared = Arc::clone(&self.shared);
        let permit = self.held.iter_mut().find_map(|held| held.permit.as_mut());
        let asked = permit.is_some();
        tokio::select! {
            biased;
            permit = async { permit.expect("asked for").await }, if asked => Turn::Permit(permit),
            () = async { sleep_until(reply.expect("said")).await }, if reply.is_some() => Turn::Reply,
            message = shared.next(), if draws => Turn::Message(message),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.lose(Doubt::Abandoned, &Fate::NotSent);
    }
}

/// A pause of so many milliseconds.
pub(super) async fn pause(millis: u64) {
    sleep(Duration::from_millis(millis)).await;
}

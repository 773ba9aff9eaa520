//! One run as the journal tells it: where each recipient stands, and what is still owed.
//!
//! A [`RunBook`] is changed by records only, and the same records always make the same book. A state
//! octet a recipient is all that most of them need; only those who wait, whose fate is open, or whose
//! batch may be sent once more have entries of their own.

use hashbrown::{HashMap, HashSet};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mail::{Account, Doubt, PlanId, RecipientNo, RelayName, RunNo, State, Tally};

use super::entries::{BatchKey, Doubted, Open, Touched, Waiting};
use super::fold::Fold;
use super::record::{Attempt, Cause, EndReason, FateKnown, Millis, Resolve, RunBegun, Spans};

/// What came of the recipients that one relay was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Recipients whose message the relay took.
    pub accepted: u64,
    /// Recipients who wait for another attempt after the relay's answer.
    pub deferred: u64,
    /// Recipients refused for good.
    pub rejected: u64,
    /// Recipients of whom nobody can know.
    pub uncertain: u64,
}

/// A relay as a run uses it from one start to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayUse {
    /// Its name.
    pub name: RelayName,
    /// What its quotas belong to.
    pub account: Account,
    /// Whether it is the built-in server.
    pub sandbox: bool,
}

/// Recipients whose states share one value of the index.
pub(super) const BLOCK: u32 = 256;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RunBook {
    pub(super) no: RunNo,
    pub(super) plan: PlanId,
    pub(super) campaign: String,
    pub(super) edition: u32,
    pub(super) batches: u32,
    pub(super) sandbox: bool,
    pub(super) started: Timestamp,
    pub(super) ended: Option<(EndReason, Timestamp)>,
    pub(super) cancelled: bool,
    #[serde(with = "super::packed")]
    pub(super) states: Vec<State>,
    pub(super) tally: Tally,
    /// Every relay name the run ever used, and what came of it.
    pub(super) names: Vec<(RelayName, Standing)>,
    /// The relays by number, since the last start: place in `names`, and the relay.
    pub(super) relays: Vec<(u16, RelayUse)>,
    /// The account each name stood for last.
    pub(super) accounts: Vec<(RelayName, Account)>,
    pub(super) open: HashMap<BatchKey, Open>,
    pub(super) waiting: HashMap<u32, Waiting>,
    pub(super) doubts: HashMap<u32, Doubted>,
    /// The Date of batches that had an intent and may be sent once more.
    pub(super) dates: HashMap<BatchKey, Millis>,
    /// The highest part of each batch that was split.
    pub(super) parts: HashMap<u32, u16>,
    #[serde(skip)]
    pub(super) touched: Touched,
}

impl RunBook {
    pub(super) fn new(fact: &RunBegun) -> Self {
        Self {
            no: fact.run,
            plan: fact.plan,
            campaign: fact.campaign.clone(),
            edition: fact.edition,
            batches: fact.batches,
            sandbox: fact.sandbox,
            started: fact.at.into(),
            ended: None,
            cancelled: false,
            states: vec![State::Pending; fact.recipients as usize],
            tally: Tally::pending(u64::from(fact.recipients)),
            names: Vec::new(),
            relays: Vec::new(),
            accounts: Vec::new(),
            open: HashMap::new(),
            waiting: HashMap::new(),
            doubts: HashMap::new(),
            dates: HashMap::new(),
            parts: HashMap::new(),
            touched: Touched { blocks: (0..fact.recipients.div_ceil(BLOCK)).collect(), ..Touched::default() },
        }
    }

    pub(super) fn state(&self, recipient: RecipientNo) -> Option<State> {
        self.states.get(recipient.index()).copied()
    }

    /// From here on these are the relays of the run; a run that has relays goes on.
    pub(super) fn name_relays(&mut self, relays: &[(String, String, bool)]) {
        self.ended = None;
        self.relays.clear();
        for (name, account, sandbox) in relays {
            let name = RelayName::new(name);
            let place = self.names.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                self.names.push((name.clone(), Standing::default()));
                self.names.len() - 1
            });
            let place = u16::try_from(place).expect("a run names far fewer relays");
            let account = Account::from(account.as_str());
            self.accounts.retain(|(known, _)| *known != name);
            self.accounts.push((name.clone(), account.clone()));
            self.relays.push((place, RelayUse { name, account, sandbox: *sandbox }));
        }
    }

    /// The place of a relay in the names of the run.
    pub(super) fn place_of(&self, relay: u16) -> Option<u16> {
        self.relays.get(usize::from(relay)).map(|(place, _)| *place)
    }

    fn standing(&mut self, place: u16) -> Option<&mut Standing> {
        self.names.get_mut(usize::from(place)).map(|(_, standing)| standing)
    }

    /// Takes the recipient out of whatever it counts for now.
    fn leave(&mut self, recipient: RecipientNo, before: State) {
        match before {
            State::Deferred => {
                let place = self.waiting.get(&recipient.0).and_then(|waiting| waiting.relay);
                if let Some(standing) = place.and_then(|place| self.standing(place)) {
                    standing.deferred = standing.deferred.saturating_sub(1);
                }
            }
            State::Uncertain => {
                if let Some(doubted) = self.doubts.remove(&recipient.0)
                    && let Some(standing) = self.standing(doubted.relay)
                {
                    standing.uncertain = standing.uncertain.saturating_sub(1);
                }
            }
            State::Pending
            | State::Accepted
            | State::Rejected
            | State::Suppressed
            | State::Cancelled
            | State::Expired => {}
        }
    }

    /// Moves a recipient to `after`, without regard to relays.
    fn shift(&mut self, recipient: RecipientNo, before: State, after: State) {
        self.states[recipient.index()] = after;
        self.tally.shift(before, after);
        self.touched.blocks.insert(recipient.0 / BLOCK);
        if after.is_final() && self.waiting.remove(&recipient.0).is_some() {
            self.touched.waiting.insert(recipient.0);
        }
    }

    /// What an attempt means for one recipient. A final state is not reopened by news that nobody was
    /// written to, and nobody who was accepted becomes anything else.
    pub(super) fn decide(&mut self, recipient: RecipientNo, of: &Attempt, fate: &FateKnown) {
        let Some(before) = self.state(recipient) else { return };
        let mut after = fate.state;
        if before == State::Accepted || (before.is_final() && !after.is_final()) {
            return;
        }
        if self.cancelled && !after.is_final() {
            after = State::Cancelled;
        }
        let place = self.place_of(of.relay);
        self.leave(recipient, before);
        self.shift(recipient, before, after);
        match after {
            State::Pending | State::Deferred => self.wait(recipient, of, fate, place),
            State::Uncertain => {
                if let Some(relay) = place {
                    let batch = (of.number, of.part);
                    self.doubts.insert(recipient.0, Doubted { batch, relay, attempts: of.count });
                }
            }
            State::Accepted | State::Rejected | State::Suppressed | State::Cancelled | State::Expired => {}
        }
        let Some(standing) = place.and_then(|place| self.standing(place)) else { return };
        match after {
            State::Accepted => standing.accepted += 1,
            State::Rejected => standing.rejected += 1,
            State::Uncertain => standing.uncertain += 1,
            State::Pending | State::Deferred | State::Suppressed | State::Cancelled | State::Expired => {}
        }
    }

    fn wait(&mut self, recipient: RecipientNo, of: &Attempt, fate: &FateKnown, place: Option<u16>) {
        let earlier = self.waiting.get(&recipient.0).copied();
        let used_up = match fate.cause {
            Cause::Answer(_) | Cause::Doubt(_) => true,
            Cause::Returned(_) | Cause::NotSent | Cause::Suppressed => false,
        };
        let attempts = if used_up { of.count } else { of.count.saturating_sub(1) };
        let relay = match earlier.and_then(|earlier| earlier.relay) {
            Some(earlier) if !used_up => Some(earlier),
            Some(_) | None => place,
        };
        let waiting = Waiting {
            batch: (of.number, of.part),
            due: fate.due,
            since: earlier.and_then(|earlier| earlier.since),
            attempts,
            relay,
        };
        if fate.state == State::Deferred
            && let Some(standing) = relay.and_then(|relay| self.standing(relay))
        {
            standing.deferred += 1;
        }
        self.waiting.insert(recipient.0, waiting);
        self.touched.waiting.insert(recipient.0);
    }

    /// Notes when a recipient was deferred for the first time.
    pub(super) fn note_deferral(&mut self, recipient: RecipientNo, at: Millis) {
        if self.state(recipient) == Some(State::Deferred)
            && let Some(waiting) = self.waiting.get_mut(&recipient.0)
        {
            waiting.since = waiting.since.or(Some(at));
        }
    }

    /// The batch may be sent once more only while somebody of it is pending, deferred or uncertain; its
    /// outcome's `fates` also tell of those whom the intent did not name.
    pub(super) fn keep_date(&mut self, open: &Open, fates: &[FateKnown]) {
        let batch = (open.of.number, open.of.part);
        let is_open = |state: State| !state.is_final() || state == State::Uncertain;
        let needed = fates.iter().any(|fate| is_open(fate.state))
            || open.recipients.iter().any(|recipient| self.state(recipient).is_some_and(is_open));
        if needed {
            // The first Date stays: it must be the same over all attempts.
            self.dates.entry(batch).or_insert(open.date);
            self.touched.dates.insert(batch);
        } else if self.is_personal() && self.dates.remove(&batch).is_some() {
            // Of a batch of several, somebody may still wait who was not in this attempt.
            self.touched.dates.insert(batch);
        }
    }

    /// Whether every batch has one recipient.
    fn is_personal(&self) -> bool {
        self.batches as usize == self.states.len()
    }

    /// Notes that a part of a batch exists.
    pub(super) fn note_part(&mut self, of: &Attempt) {
        if of.part > 0 {
            let highest = self.parts.entry(of.number).or_insert(0);
            if of.part > *highest {
                *highest = of.part;
                self.touched.parts.insert(of.number);
            }
        }
    }

    /// Takes out everybody of `recipients` who is not final.
    pub(super) fn put_aside(&mut self, recipients: impl Iterator<Item = RecipientNo>, after: State) {
        for recipient in recipients {
            let Some(before) = self.state(recipient) else { continue };
            if !before.is_final() {
                self.leave(recipient, before);
                self.shift(recipient, before, after);
            }
        }
    }

    /// Takes out everybody who is left; those whose message may be on its way follow with its outcome.
    pub(super) fn cancel(&mut self) {
        self.cancelled = true;
        let under_way: HashSet<u32> =
            self.open.values().flat_map(|open| open.recipients.iter()).map(|recipient| recipient.0).collect();
        let all = u32::try_from(self.states.len()).expect("recipients are numbered by u32");
        self.put_aside(
            (0..all).filter(|number| !under_way.contains(number)).map(RecipientNo),
            State::Cancelled,
        );
    }

    /// Somebody decided about uncertain recipients.
    pub(super) fn resolve(&mut self, recipients: impl Iterator<Item = RecipientNo>, how: Resolve) {
        for recipient in recipients {
            if self.state(recipient) != Some(State::Uncertain) {
                continue;
            }
            match how {
                Resolve::Skip => {}
                Resolve::Resend => {
                    let doubted = self.doubts.get(&recipient.0).copied();
                    self.leave(recipient, State::Uncertain);
                    self.shift(recipient, State::Uncertain, State::Pending);
                    if let Some(doubted) = doubted {
                        let waiting = Waiting {
                            batch: doubted.batch,
                            due: None,
                            since: None,
                            attempts: doubted.attempts,
                            relay: Some(doubted.relay),
                        };
                        self.waiting.insert(recipient.0, waiting);
                        self.touched.waiting.insert(recipient.0);
                    }
                }
            }
        }
    }
}

impl RunBook {
    /// Octets of memory it takes, roughly.
    pub(super) fn weight(&self) -> u64 {
        let entries = self.open.len() + self.waiting.len() + self.doubts.len() + self.dates.len();
        (self.states.len() + 64 * entries) as u64
    }

    /// Nobody will record the outcomes that are owed: those they are about are uncertain.
    pub(super) fn leave_in_doubt(&mut self) {
        for (_, open) in std::mem::take(&mut self.open) {
            let fate = FateKnown {
                recipients: Spans::of(Fold::untold(&open)),
                state: State::Uncertain,
                due: None,
                cause: Cause::Doubt(Doubt::Crashed),
            };
            for recipient in fate.recipients.iter() {
                self.decide(recipient, &open.of, &fate);
            }
        }
    }

    /// Nothing of this run is in the index any more.
    pub(super) fn touch_all(&mut self) {
        let recipients = u32::try_from(self.states.len()).expect("recipients are numbered by u32");
        self.touched = Touched {
            blocks: (0..recipients.div_ceil(BLOCK)).collect(),
            waiting: self.waiting.keys().copied().collect(),
            dates: self.dates.keys().copied().collect(),
            parts: self.parts.keys().copied().collect(),
        };
    }
}

//! The world around the engine: time, disk, servers, and who watches them all.
//!
//! It is one thing behind one lock, as everything in a simulation happens on one thread, one thing after the
//! other. When its power is cut it stands still: no future of the engine is polled any more, and nothing that
//! the engine still does while it is dropped reaches anybody.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::Notify;

use crate::mail::{Batch, Message, RecipientNo};
use crate::relay::Refusals;
use crate::store::ForgetfulDisk;

use super::chance::Chance;
use super::judge::Judge;
use super::scenario::Scenario;
use super::server::{Days, Servers, Taken};
use super::time::Time;
use super::trace::Trace;

/// More polls than any process of a simulation needs: something turns in a circle.
const POLLS: u64 = 400_000;

/// Everything but the engine.
pub(super) struct World {
    state: Mutex<State>,
    /// Told when the world stands still.
    still: Notify,
}

/// What a server says to the end of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Taken,
    Refused,
}

/// What the world is made of.
pub(super) struct State {
    pub(super) scenario: Scenario,
    pub(super) chance: Chance,
    pub(super) time: Time,
    pub(super) disk: ForgetfulDisk,
    pub(super) servers: Servers,
    pub(super) judge: Judge,
    pub(super) trace: Trace,
    /// Recipients whose message a session holds.
    held: BTreeSet<RecipientNo>,
    /// Polls of the present process, and before which one the power is cut.
    polls: u64,
    cut_at: u64,
    still: bool,
    /// The first thing that must never be.
    pub(super) wrong: Option<String>,
}

impl World {
    pub(super) fn new(scenario: Scenario, chance: Chance) -> Self {
        let time = Time::new(scenario.start);
        let servers = Servers {
            providers: scenario.providers.clone(),
            taken: vec![Vec::new(); scenario.recipients],
            ..Servers::default()
        };
        let state = State {
            judge: Judge::new(scenario.recipients),
            disk: ForgetfulDisk::default(),
            trace: Trace::default(),
            held: BTreeSet::new(),
            polls: 0,
            cut_at: u64::MAX,
            still: false,
            wrong: None,
            scenario,
            chance,
            time,
            servers,
        };
        Self { state: Mutex::new(state), still: Notify::new() }
    }

    /// Does something with it, or to it.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut state);
        if state.disk.is_off() || state.wrong.is_some() {
            state.still = true;
        }
        if state.still {
            self.still.notify_one();
        }
        done
    }

    /// Ends when it stands still.
    pub(super) async fn stands_still(&self) {
        while !self.with(|state| state.still) {
            self.still.notified().await;
        }
    }

    /// Counts a poll; false if there is to be none.
    fn turn(&self) -> bool {
        self.with(|state| {
            state.polls += 1;
            if state.polls == state.cut_at {
                state.note("the power is cut", (state.polls, 0));
                state.still = true;
            }
            if state.polls == POLLS {
                state.fail("liveness: a process turns in a circle".to_owned());
            }
            !state.still
        })
    }
}

impl State {
    /// A process begins; its power is cut before the poll of that number.
    pub(super) fn begin(&mut self, cut_at: u64) {
        self.time.begin();
        (self.polls, self.cut_at, self.still) = (0, cut_at, false);
        self.held.clear();
    }

    /// The process is gone, or the power: the disk is what that leaves of it.
    pub(super) fn crash(&mut self) {
        let (off, seed) = (self.disk.is_off(), self.chance.next());
        self.disk = if off || seed.is_multiple_of(2) { self.disk.cut(seed) } else { self.disk.left() };
        self.still = true;
    }

    /// Notes that something happened.
    pub(super) fn note(&mut self, what: &'static str, more: (u64, u64)) {
        self.trace.note(self.time.now(), what, more);
    }

    /// Something that must never be; only the first counts.
    pub(super) fn fail(&mut self, words: String) {
        if !self.still || self.wrong.is_none() {
            self.wrong.get_or_insert(words);
        }
        self.still = true;
    }

    /// Whether nothing happens any more.
    pub(super) fn is_still(&self) -> bool {
        self.still || self.disk.is_off()
    }

    /// Looks at what became durable.
    pub(super) fn read_journal(&mut self) {
        let disk = self.disk.clone();
        if let Err(words) = self.judge.read(&disk) {
            self.fail(words);
        }
    }

    /// A session takes a message.
    pub(super) fn hold(&mut self, batch: &Batch) {
        for recipient in &batch.recipients {
            if !self.held.insert(*recipient) {
                self.fail(format!("I15: {} is in two sessions, now in batch {}", recipient.0, batch.id));
            }
        }
    }

    /// A session gives a message back.
    pub(super) fn release(&mut self, batch: &Batch) {
        for recipient in &batch.recipients {
            self.held.remove(recipient);
        }
    }

    /// A server meets the end of a message to these, of which it refused so many others that count; false if
    /// nothing reaches it any more.
    pub(super) fn end_of_data(
        &mut self,
        relay: usize,
        (message, reached, refused): (&Message, &[RecipientNo], u64),
        word: Word,
    ) -> bool {
        if self.is_still() {
            return false;
        }
        self.read_journal();
        let Batch { id, attempt, .. } = message.batch;
        if !self.judge.is_intended(id, attempt, reached) {
            self.fail(format!("I1: the end of batch {id}, attempt {attempt}, left without a durable intent"));
        }
        self.compare(message);
        let words = (u64::from(id.number), u64::from(id.part));
        let all = reached.len() as u64;
        let (what, counted) = match (word, self.scenario.characters[relay].refusals) {
            (Word::Taken, Refusals::Free) => ("taken", all),
            (Word::Taken, Refusals::Charged) => ("taken", all + refused),
            (Word::Refused, Refusals::Charged) => ("refused", all + refused),
            (Word::Refused, Refusals::Free) => ("refused", 0),
        };
        self.note(what, words);
        if counted > 0 {
            self.count(relay, counted);
        }
        match word {
            Word::Taken => self.take(message, reached),
            Word::Refused => {}
        }
        true
    }

    /// Every attempt at a batch bears the same id, Date and content, and no other batch the same id.
    fn compare(&mut self, message: &Message) {
        let batch = message.batch.id;
        let (date, id) = (header(message, "Date: "), header(message, "Message-ID: "));
        let bears = (id.clone(), date, message.digest.0);
        let then = self.servers.bears.entry(batch).or_insert_with(|| bears.clone()).clone();
        if then != bears {
            self.fail(format!("I17: batch {batch} bore {then:?} and bears {bears:?}"));
        }
        let other = *self.servers.ids.entry(id).or_insert(batch);
        if other != batch {
            self.fail(format!("I17: batches {other} and {batch} share a Message-ID"));
        }
    }

    /// So many recipients of one message count at its provider.
    fn count(&mut self, relay: usize, recipients: u64) {
        let (now, lead) = (self.time.now(), self.time.lead);
        let days = if self.time.went_back { Days::Unknown } else { Days::Known };
        let account = self.scenario.accounts[relay].clone();
        let provider = self.servers.providers.entry(account.clone()).or_default();
        let excess = provider.excess(now, (lead, days), (1, recipients));
        provider.count(now, 1, recipients);
        if let Some(words) = excess {
            self.fail(format!("I8: {account}: {words}"));
        }
    }

    fn take(&mut self, message: &Message, reached: &[RecipientNo]) {
        self.servers.messages += 1;
        for recipient in reached {
            let taken = Taken { batch: message.batch.id, message_id: header(message, "Message-ID: ") };
            let all = &mut self.servers.taken[recipient.index()];
            all.push(taken);
            let (times, resends) = (all.len(), self.judge.people[recipient.index()].resends);
            if times > 1 + resends {
                self.fail(format!(
                    "I4: {} was sent to {times} times, after {resends} decisions to send again; now batch {}",
                    recipient.0, message.batch.id
                ));
            }
        }
    }
}

/// The value of a header of the message; empty if it has none.
fn header(message: &Message, name: &str) -> String {
    let text = String::from_utf8_lossy(&message.octets[..message.octets.len().min(1024)]);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().to_owned()
}

/// A future of the engine: it is polled as long as there is power.
pub(super) struct Powered<T> {
    world: Arc<World>,
    inside: Pin<Box<dyn Future<Output = T> + Send>>,
}

impl<T> Powered<T> {
    pub(super) fn new(world: &Arc<World>, inside: impl Future<Output = T> + Send + 'static) -> Self {
        Self { world: Arc::clone(world), inside: Box::pin(inside) }
    }
}

impl<T> Future for Powered<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if !self.world.turn() {
            return Poll::Pending;
        }
        let polled = self.inside.as_mut().poll(context);
        // What failed meanwhile stops all others at once.
        self.world.with(|_| ());
        polled
    }
}

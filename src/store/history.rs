//! Reading the journal without the lock: what `status`, `report` and `show` know.
//!
//! A reader folds the same records as the engine does, and sled is not asked. A process may be writing
//! meanwhile: the reader stops at the first record that is not whole yet. While the process lives, what is
//! on its way counts as pending; once it is gone, as uncertain.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::mail::{Account, PlanId, RecipientNo, RelayName, RunNo, State, Tally, Usage};

use super::aside::{Aside, Found};
use super::backlog::ranges;
use super::book::{RunBook, Standing};
use super::checkpoint::{Checkpoint, Start};
use super::disk::FileDisk;
use super::error::StoreError;
use super::fold::Fold;
use super::frame::Lsn;
use super::lock::holder;
use super::record::{EndReason, Record, Spans};
use super::scan::{At, End, Writer, scan, scan_places};
use super::teller::{Event, Teller};

mod held;

/// Everything the journal of a workspace says.
#[derive(Debug, Clone)]
pub struct History {
    state: PathBuf,
    /// The runs, oldest first.
    pub runs: Vec<Run>,
    /// What each account was charged.
    pub usages: BTreeMap<Account, Usage>,
    /// The latest time on record; none in an empty journal.
    pub last: Option<Timestamp>,
    /// The process that holds the workspace, if one does.
    pub alive: Option<u32>,
}

/// One run, as it stands.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number.
    pub no: RunNo,
    /// The plan it sends.
    pub plan: PlanId,
    /// The campaign's name.
    pub campaign: String,
    /// The campaign's edition, from 1.
    pub edition: u32,
    /// How many batches the plan has.
    pub batches: u32,
    /// Whether it goes through built-in servers, so that nobody counts as written to.
    pub sandbox: bool,
    /// When it began.
    pub started: Timestamp,
    /// Why and when it stopped last; none while it goes on, or if it was cut off.
    pub ended: Option<(EndReason, Timestamp)>,
    /// Whether the operator cancelled it.
    pub cancelled: bool,
    /// How its recipients stand.
    pub tally: Tally,
    /// Where each recipient stands, by place in the plan.
    pub states: Vec<State>,
    /// What came of each relay it ever used, in the order in which they were first named.
    pub relays: Vec<(RelayName, Account, Standing)>,
    /// When the next deferred recipient is due.
    pub next_due: Option<Timestamp>,
}

impl Run {
    /// Whether nobody is left to be written to.
    pub fn is_finished(&self) -> bool {
        self.tally.of(State::Pending) + self.tally.of(State::Deferred) == 0
    }

    fn of(book: RunBook) -> Self {
        let account_of = |name: &RelayName| {
            let known = book.accounts.iter().find(|(known, _)| known == name);
            known.map_or_else(|| Account::from(""), |(_, account)| account.clone())
        };
        let next_due = book.waiting.iter().filter_map(|(_, waiting)| waiting.due).min();
        Self {
            no: book.no,
            plan: book.plan,
            edition: book.edition,
            batches: book.batches,
            sandbox: book.sandbox,
            started: book.started,
            ended: book.ended,
            cancelled: book.cancelled,
            tally: book.tally,
            relays: book
                .names
                .iter()
                .map(|(name, standing)| (name.clone(), account_of(name), *standing))
                .collect(),
            next_due: next_due.map(Into::into),
            campaign: book.campaign,
            states: book.states,
        }
    }
}

impl History {
    /// Reads the journal of the state folder. An absent folder is an empty history.
    ///
    /// # Errors
    /// The journal is damaged, of a newer mailrun, or cannot be read.
    pub fn read(state: &Path) -> Result<Self, StoreError> {
        let (fold, alive) = read_fold(state)?;
        let last = fold.recorded().map(|recorded| recorded.last);
        let usages = fold.ledger.usages().clone();
        let mut runs: Vec<Run> = Vec::with_capacity(fold.runs.len());
        for (_, mut book) in fold.runs {
            if alive.is_none() {
                book.leave_in_doubt();
            }
            runs.push(Run::of(book));
        }
        Ok(Self { state: state.to_owned(), runs, usages, last, alive })
    }

    /// The run of that number.
    pub fn run(&self, no: RunNo) -> Option<&Run> {
        self.runs.iter().find(|run| run.no == no)
    }

    /// The latest run of a campaign.
    pub fn latest(&self, campaign: &str) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.campaign == campaign)
    }

    /// Whom the runs of a campaign have written to, or may have, by plan: those accepted and those
    /// uncertain, runs through built-in servers apart. The edition, and ranges of places in the plan, rising.
    pub fn written_to(&self, campaign: &str) -> Vec<(PlanId, u32, Vec<Range<u32>>)> {
        let real = self.runs.iter().filter(|run| run.campaign == campaign && !run.sandbox);
        real.map(|run| {
            let mut both = ranges(&run.states, State::Accepted);
            both.extend(ranges(&run.states, State::Uncertain));
            both.sort_unstable_by_key(|range| range.start);
            (run.plan, run.edition, both)
        })
        .filter(|(_, _, ranges)| !ranges.is_empty())
        .collect()
    }

    /// How each recipient of a run stands and what was said last, for those whom `wanted` names, in the
    /// order of the plan. Reads the journal once more.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn deliveries(
        &self,
        run: RunNo,
        wanted: impl Fn(RecipientNo, State) -> bool,
    ) -> Result<Vec<Delivered>, StoreError> {
        let Some(found) = self.run(run) else { return Ok(Vec::new()) };
        let mut last: BTreeMap<RecipientNo, Event> = BTreeMap::new();
        self.each_event(run, None, &mut |recipient, event| {
            if found.states.get(recipient.index()).is_some_and(|state| wanted(recipient, *state)) {
                last.insert(recipient, event);
            }
        })?;
        let standing = (0..).map(RecipientNo).zip(&found.states);
        let chosen = standing.filter(|(recipient, state)| wanted(*recipient, **state));
        Ok(chosen
            .map(|(recipient, state)| {
                let last = last.remove(&recipient);
                Delivered { recipient, state: *state, last }
            })
            .collect())
    }

    /// Everything that happened to one recipient of a run, oldest first.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn life(&self, run: RunNo, recipient: RecipientNo) -> Result<Vec<Event>, StoreError> {
        let mut life = Vec::new();
        self.each_event(run, Some(recipient), &mut |_, event| life.push(event))?;
        Ok(life)
    }

    fn each_event(
        &self,
        run: RunNo,
        only: Option<RecipientNo>,
        visit: &mut dyn FnMut(RecipientNo, Event),
    ) -> Result<(), StoreError> {
        let mut teller = Teller::new(run);
        let mut hand_out = |recipients: &Spans, event: &Event| {
            for recipient in recipients.iter().filter(|recipient| only.is_none_or(|only| only == *recipient))
            {
                visit(recipient, event.clone());
            }
        };
        let Some(place) = Place::of(&self.state) else { return Ok(()) };
        place.read(&Start::BEGINNING, &mut |_, _, record| {
            teller.tell(&record, &mut hand_out);
            Ok(())
        })?;
        if self.alive.is_none() {
            teller.leave_in_doubt(&mut hand_out);
        }
        Ok(())
    }
}

/// What is handed out of a run, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// The run stopped in order: whoever drove it has heeded all that came before.
    Ended,
    /// Something happened to a recipient.
    Event(RecipientNo, Event),
}

/// Hands out what happened to the recipients of a run, oldest first, and its ends in between. Needs no lock.
///
/// # Errors
/// As [`History::read`].
pub fn each_since_end(state: &Path, run: RunNo, visit: &mut dyn FnMut(Since)) -> Result<(), StoreError> {
    let mut teller = Teller::new(run);
    let Some(place) = Place::of(state) else { return Ok(()) };
    place.read(&Start::BEGINNING, &mut |_, _, record| {
        if matches!(&record, Record::Ended(fact) if fact.run == run) {
            visit(Since::Ended);
        }
        teller.tell(&record, &mut |recipients, event| {
            recipients.iter().for_each(|recipient| visit(Since::Event(recipient, event.clone())));
        });
        Ok(())
    })
}

/// What the journal in the state folder means, and who holds the workspace. An absent folder means nothing.
pub(super) fn read_fold(state: &Path) -> Result<(Fold, Option<u32>), StoreError> {
    let Some(place) = Place::of(state) else { return Ok((Fold::default(), None)) };
    let Checkpoint { start, mut fold, .. } = Checkpoint::of(&place.disk);
    place.read(&start, &mut |_, _, record| {
        fold.apply(&record);
        Ok(())
    })?;
    Ok((fold, place.alive))
}

/// A journal that is there, and who held the workspace before anything of it was read.
pub(super) struct Place {
    pub(super) disk: FileDisk,
    pub(super) alive: Option<u32>,
}

impl Place {
    /// The journal in the state folder; none if there is none.
    pub(super) fn of(state: &Path) -> Option<Self> {
        let journal = state.join("journal");
        let disk = journal.exists().then(|| FileDisk::new(&journal, &state.join("ballast")))?;
        Some(Self { disk, alive: holder(state) })
    }

    /// What is aside of the journal, and how it is to be read.
    pub(super) fn writer(&self, start: &Start) -> Result<(Found, Writer), StoreError> {
        let found = if self.alive.is_some() { Found::Nothing } else { Aside::of(&self.disk, start)? };
        let writer = match (&found, self.alive) {
            (Found::Next(aside), _) => Writer::Failed(aside.first),
            (Found::Nothing | Found::TooLate, Some(_)) => Writer::Live,
            (Found::Nothing | Found::TooLate, None) => Writer::Gone,
        };
        Ok((found, writer))
    }

    /// Hands every record to `visit`, with its place; those that were set aside behind all others. Says where
    /// the journal ends.
    ///
    /// # Errors
    /// As [`History::read`], or what `visit` says.
    pub(super) fn read_places(
        &self,
        visit: &mut dyn FnMut(At, Record) -> Result<(), StoreError>,
    ) -> Result<End, StoreError> {
        let (found, writer) = self.writer(&Start::BEGINNING)?;
        let end = scan_places(&self.disk, &Start::BEGINNING, writer, visit)?;
        if let Found::Next(aside) = found {
            let aside_at = |lsn, epoch| At { segment: 0, offset: 0, lsn, epoch };
            aside.each(&mut |lsn, epoch, record| visit(aside_at(lsn, epoch), record))?;
        }
        Ok(end)
    }

    fn read(
        &self,
        start: &Start,
        visit: &mut dyn FnMut(Lsn, u32, Record) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (found, writer) = self.writer(start)?;
        scan(&self.disk, start, writer, visit)?;
        match found {
            Found::Next(aside) => aside.each(visit).map(|_| ()),
            Found::Nothing | Found::TooLate => Ok(()),
        }
    }
}

/// How one recipient stands, and what happened last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Who.
    pub recipient: RecipientNo,
    /// Where they stand.
    pub state: State,
    /// What happened last; none if nothing did.
    pub last: Option<Event>,
}

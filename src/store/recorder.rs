//! The recorder: turns what happens into records, and keeps what they mean.
//!
//! A pure state machine over [`Group`] and [`Fold`]: every fact becomes a record behind all others and is
//! folded in at once, so what is in memory is what recovery would read. Nothing waits here.

use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use jiff::Timestamp;
use smallvec::{SmallVec, smallvec};

use crate::mail::{
    Answer, Batch, Class, Delivery, Doubt, Intent, Outcome, RelayNo, Return, RunNo, Settled, State,
};

use super::book::RelayUse;
use super::checkpoint::{Checkpoint, Start};
use super::disk::Disk;
use super::draft::Draft;
use super::entries::Open;
use super::error::StoreError;
use super::fold::Fold;
use super::frame::{FRAME_LIMIT, Lsn};
use super::group::{Group, outcome_room};
use super::load::{Loaded, load};
use super::log::Log;
use super::note::Note;
use super::record::{
    AnswerKnown, Attempt, Cause, EpochBegun, FateKnown, IntentMade, Millis, OutcomeKnown, Record,
    RelaysNamed, RunBegun, Spans, Words, WordsNumbered,
};
use super::settle::{Fate, RunStart};
use super::trust::{Moment, Trust, is_long_silence};

/// How many different reply texts get a number; those beyond are stored with each outcome.
const WORDS_LIMIT: usize = 4_096;
/// The longest reply text that is kept, in octets.
const WORDS_OCTETS: usize = 256;
/// The longest queue id that is kept, in octets.
const QUEUE_ID_OCTETS: usize = 64;
/// An outcome is cut into several records beyond so many octets, by a guess on the safe side.
const OUTCOME_LIMIT: usize = FRAME_LIMIT / 2;

/// Less than this is read in a millisecond, in octets.
const WORTH_KEEPING: u64 = 256 << 10;

/// What the operator, or a test, sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Octets that the file system must have left for a new intent.
    pub(super) min_free: u64,
    /// Octets of the journal between two checkpoints, at least.
    pub(super) checkpoint: u64,
}

/// What records are made with.
pub(super) struct Recorder {
    pub(super) fold: Fold,
    pub(super) group: Group,
    pub(super) trust: Trust,
    numbered: HashMap<Box<str>, u32>,
    folder: PathBuf,
    /// Octets written since the last checkpoint.
    unkept: u64,
    every: u64,
}

/// A recorder with the log it writes to, and what opening them has shown.
pub(super) struct Recovered {
    pub(super) recorder: Recorder,
    pub(super) log: Log,
    pub(super) notes: Vec<Note>,
    /// The last record that was there before this process.
    pub(super) found: Lsn,
    /// Whether what changed behind `applied` is known only in part, as the checkpoint is later.
    pub(super) partly: bool,
}

impl Recorder {
    /// Reads the journal on `disk`, settles what a crash left open, and begins a new epoch, durably.
    /// What changed behind `applied` counts as touched.
    ///
    /// # Errors
    /// The journal is damaged or newer, the disk fails, or the clock cannot be trusted.
    pub(super) fn recover(
        disk: Box<dyn Disk>,
        folder: &Path,
        limits: Limits,
        moment: &Moment,
        applied: Lsn,
    ) -> Result<Recovered, StoreError> {
        let loaded = load(disk, limits.min_free, &mut |lsn, fold| {
            if lsn == applied {
                fold.forget_touched();
            }
        })?;
        let Loaded { mut log, fold, numbered, mut notes, next, epoch, covered, unkept } = loaded;
        let known = fold.recorded();
        if known.is_some_and(|known| is_long_silence(&known, moment)) {
            notes.push(Note::LongSilence { since: known.map(|known| known.last).unwrap_or_default() });
        }
        let trust = Trust::begin(known.as_ref(), moment)?;
        let group = Group::new(epoch + 1, next, limits.min_free, log.space());
        let (folder, every) = (folder.to_owned(), limits.checkpoint);
        let mut recorder = Self { fold, group, trust, numbered, folder, unkept, every };
        recorder.begin_epoch(moment, &mut notes)?;
        recorder.commit(&mut log)?;
        Ok(Recovered { recorder, log, notes, found: Lsn(next.0 - 1), partly: covered > applied })
    }

    fn begin_epoch(&mut self, moment: &Moment, notes: &mut Vec<Note>) -> Result<(), StoreError> {
        let now = self.trust.believe(moment);
        let boot = millis(moment);
        self.write(&Record::Epoch(EpochBegun { wall: now.into(), boot, boot_id: moment.boot_id }))?;
        let mut owed: Vec<Open> = self.fold.owed().cloned().collect();
        owed.sort_unstable_by_key(|open| (open.of.run, open.of.number, open.of.part));
        for open in owed {
            let recipients = Spans::of(Fold::untold(&open));
            notes.push(Note::Crashed { run: open.of.run, recipients: recipients.iter().count() as u64 });
            let cause = Cause::Doubt(Doubt::Crashed);
            self.write(&Record::Outcome(OutcomeKnown {
                of: open.of,
                // When it was taken nobody knows: the machine may have slept in between, so it counts from now.
                at: now.max(open.wall).into(),
                kept: Some(open.charge),
                answers: SmallVec::new(),
                fates: smallvec![FateKnown { recipients, state: State::Uncertain, due: None, cause }],
            }))?;
        }
        Note::gather(notes);
        Ok(())
    }

    /// Writes all that waits; for those who have no thread for it.
    pub(super) fn commit(&mut self, log: &mut Log) -> Result<(), StoreError> {
        while let Some(block) = self.group.take() {
            let checkpoint = self.due_checkpoint(block.octets.len());
            let outcome = log.commit(&block.octets).map(|()| log.space());
            let failure = outcome.as_ref().err().cloned();
            if failure.is_none()
                && let Some(checkpoint) = checkpoint
            {
                log.keep(checkpoint);
            }
            self.group.complete(block, outcome);
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Notes that a block of so many octets was taken; gives what it all means if that is worth to be kept
    /// once the block is durable. Never while records wait that are in no block.
    pub(super) fn due_checkpoint(&mut self, octets: usize) -> Option<Checkpoint> {
        self.unkept += octets as u64;
        let due = self.unkept >= self.every.max(self.fold.weight());
        due.then(|| self.checkpoint())
    }

    /// What everything appended so far means.
    pub(super) fn checkpoint(&mut self) -> Checkpoint {
        self.unkept = 0;
        let next = Lsn(self.group.last().0 + 1);
        let start = Start { next, epoch: self.group.epoch(), ..Start::BEGINNING };
        Checkpoint { start, fold: self.fold.clone(), numbered: self.numbered.clone() }
    }

    /// Whether a start would have to read more than it need.
    pub(super) fn is_unkept(&self) -> bool {
        self.unkept >= self.every.min(WORTH_KEEPING)
    }

    /// Appends a record and takes it in.
    pub(super) fn write(&mut self, record: &Record) -> Result<Lsn, StoreError> {
        let lsn = self.group.append(record)?;
        self.fold.apply(record);
        Ok(lsn)
    }

    /// As [`Recorder::write`], for a fact that is owed: also when the journal has failed.
    pub(super) fn write_owed(&mut self, record: &Record) -> Result<Lsn, StoreError> {
        let lsn = self.group.append_owed(record)?;
        self.fold.apply(record);
        Ok(lsn)
    }

    /// As [`Recorder::write`], if there is room for it beside all that is owed.
    pub(super) fn write_if_room(&mut self, record: &Record) -> Result<Lsn, StoreError> {
        self.check_room(FRAME_LIMIT as u64)?;
        self.write(record)
    }

    fn check_room(&self, needed: u64) -> Result<(), StoreError> {
        if let Some(failure) = self.group.failure() {
            return Err(failure);
        }
        let path = || self.folder.clone();
        self.group.check_room(needed).map_err(|needed| StoreError::Full { path: path(), needed })
    }

    /// A run begins.
    pub(super) fn begin(&mut self, start: &RunStart, at: Timestamp) -> Result<(RunNo, Lsn), StoreError> {
        let run = RunNo(self.fold.runs.keys().next_back().map_or(1, |last| last.0 + 1));
        self.write_if_room(&Record::Run(RunBegun {
            run,
            plan: start.plan,
            campaign: start.campaign.clone(),
            edition: start.edition,
            recipients: start.recipients,
            batches: start.batches,
            sandbox: start.sandbox,
            at: at.into(),
        }))?;
        let lsn = self.name_relays(run, &start.relays, at)?;
        Ok((run, lsn))
    }

    /// The relays of a run from here on.
    pub(super) fn name_relays(
        &mut self,
        run: RunNo,
        relays: &[RelayUse],
        at: Timestamp,
    ) -> Result<Lsn, StoreError> {
        if !self.fold.runs.contains_key(&run) {
            return Err(StoreError::NoRun(run));
        }
        let named = |relay: &RelayUse| {
            (relay.name.as_str().to_owned(), relay.account.as_str().to_owned(), relay.sandbox)
        };
        let relays = relays.iter().map(named).collect();
        self.write_if_room(&Record::Relays(RelaysNamed { run, relays, at: at.into() }))
    }

    /// An end of data is about to leave: once the record with this number is durable, it may.
    pub(super) fn intend(&mut self, intent: &Intent<'_>, moment: &Moment) -> Result<Lsn, StoreError> {
        let id = intent.batch.id;
        if self.fold.runs.get(&id.run).is_none_or(|run| intent.relay.index() >= run.relays.len()) {
            return Err(StoreError::NoRun(id.run));
        }
        let owed = outcome_room(intent.recipients.len());
        self.check_room(owed + outcome_room(0))?;
        let wall = Millis::from(self.trust.believe(moment));
        let date = intent.batch.date.map_or(wall, Millis::from);
        let lsn = self.write(&Record::Intent(IntentMade {
            of: attempt(intent.batch, intent.relay),
            wall,
            boot: millis(moment),
            date: date.0.div_euclid(1_000) - wall.0.div_euclid(1_000),
            digest: intent.digest,
            octets: intent.octets,
            charge: intent.charge,
            recipients: Spans::of(intent.recipients.iter().copied()),
        }))?;
        self.group.owe(owed);
        Ok(lsn)
    }

    /// An attempt came to its end.
    pub(super) fn settle(
        &mut self,
        settled: &Settled,
        fates: &[Fate<'_>],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if !settled.intended && settled.charge.is_zero() && self.is_nothing(settled, fates) {
            return Ok(());
        }
        let of = attempt(&settled.batch, settled.relay);
        let owed = self.fold.runs.get(&of.run).and_then(|run| run.open.get(&(of.number, of.part)));
        let owed = owed.map(|open| outcome_room(open.recipients.iter().count()));
        let mut draft = Draft::new(of, at);
        for (delivery, fate) in settled.deliveries.iter().zip(fates) {
            if draft.size > OUTCOME_LIMIT {
                let part = std::mem::replace(&mut draft, Draft::new(of, at));
                self.write_owed(&part.finish(None))?;
            }
            let answer = self.answer(delivery, fate)?;
            draft.add(delivery.recipient, fate, delivery, answer);
        }
        self.write_owed(&draft.finish(Some(settled.charge)))?;
        if let Some(owed) = owed.filter(|_| settled.intended) {
            self.group.release(owed);
        }
        Ok(())
    }

    /// Whether an attempt changed nothing: nobody was refused, and everybody stands where they stood.
    fn is_nothing(&self, settled: &Settled, fates: &[Fate<'_>]) -> bool {
        let Some(run) = self.fold.runs.get(&settled.batch.id.run) else { return false };
        settled.deliveries.iter().zip(fates).all(|(delivery, fate)| {
            fate.state == State::Pending
                && matches!(delivery.outcome, Outcome::Returned(Return::NotSent | Return::LineLost))
                && run.state(delivery.recipient) == Some(State::Pending)
        })
    }

    fn answer(&mut self, delivery: &Delivery, fate: &Fate<'_>) -> Result<Option<AnswerKnown>, StoreError> {
        let Some((answer, class)) = answered(&delivery.outcome) else { return Ok(None) };
        Ok(Some(AnswerKnown {
            phase: answer.phase,
            code: answer.reply.code,
            enhanced: answer.reply.enhanced,
            class,
            words: self.words(cut(fate.words, WORDS_OCTETS))?,
            queue_id: cut(fate.queue_id, QUEUE_ID_OCTETS).to_owned(),
        }))
    }

    fn words(&mut self, text: &str) -> Result<Words, StoreError> {
        if text.is_empty() {
            return Ok(Words::Numbered(0));
        }
        if let Some(number) = self.numbered.get(text) {
            return Ok(Words::Numbered(*number));
        }
        if self.numbered.len() >= WORDS_LIMIT {
            return Ok(Words::Inline(text.to_owned()));
        }
        let number = u32::try_from(self.numbered.len() + 1).expect("at most 4096 texts are numbered");
        self.write_owed(&Record::Words(WordsNumbered { number, text: text.to_owned() }))?;
        self.numbered.insert(text.into(), number);
        Ok(Words::Numbered(number))
    }
}

fn millis(moment: &Moment) -> u64 {
    u64::try_from(moment.boot.as_millis()).unwrap_or(u64::MAX)
}

fn attempt(batch: &Batch, relay: RelayNo) -> Attempt {
    let id = batch.id;
    Attempt { run: id.run, number: id.number, part: id.part, count: batch.attempt, relay: relay.0 }
}

/// The first `limit` octets of `text`, or a little less where a character would be cut.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

fn answered(outcome: &Outcome) -> Option<(&Answer, Option<Class>)> {
    match outcome {
        Outcome::Accepted(answer) | Outcome::Returned(Return::TooMany(answer) | Return::Halve(answer)) => {
            Some((answer, None))
        }
        Outcome::Deferred(answer, verdict)
        | Outcome::Rejected(answer, verdict)
        | Outcome::Returned(Return::RelayTrouble(answer, verdict)) => Some((answer, Some(verdict.class))),
        Outcome::Uncertain(_)
        | Outcome::Returned(Return::NotSent | Return::LineLost)
        | Outcome::Suppressed => None,
    }
}

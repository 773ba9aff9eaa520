//! A start from a checkpoint knows what a start from the whole journal knows, and trusts no other's.

use std::path::Path;

use crate::mail::State;
use crate::store::book::RunBook;
use crate::store::checkpoint::{Checkpoint, Start};
use crate::store::disk::Disk;
use crate::store::fold::Fold;
use crate::store::forgetful::ForgetfulDisk;
use crate::store::frame::Lsn;
use crate::store::log::Log;
use crate::store::recorder::{Limits, Recorder};
use crate::store::scan::{Writer, scan};

use super::rig::{Ending, at, batch, fates, intent, limits, moment, run_of, settled};

const ENDINGS: [Ending; 5] =
    [Ending::Accepted, Ending::Deferred, Ending::Rejected, Ending::LineLost, Ending::RelayTrouble];

fn open(disk: &ForgetfulDisk, limits: Limits, second: u64) -> (Recorder, Log) {
    let recovered =
        Recorder::recover(Box::new(disk.clone()), Path::new("state"), limits, &moment(second), Lsn(0));
    let recovered = recovered.unwrap();
    (recovered.recorder, recovered.log)
}

/// Sends to some, each of whom meets another end, and leaves one without.
fn send(disk: &ForgetfulDisk, second: u64) {
    let (mut recorder, mut log) = open(disk, limits(), second);
    let (run, _) = recorder.begin(&run_of(100), at(0)).unwrap();
    for (recipient, ending) in (0..60).zip(ENDINGS.into_iter().cycle()) {
        let batch = batch(run, recipient, 1);
        recorder.intend(&intent(&batch), &moment(second + 1)).unwrap();
        recorder.commit(&mut log).unwrap();
        if recipient != 17 {
            recorder.settle(&settled(&batch, ending), &fates(&batch, ending, 600), at(2)).unwrap();
        }
    }
    recorder.commit(&mut log).unwrap();
}

fn whole(disk: &ForgetfulDisk) -> Fold {
    let mut fold = Fold::default();
    let read = scan(disk, &Start::BEGINNING, Writer::Gone, &mut |_, _, record| {
        fold.apply(&record);
        Ok(())
    });
    read.unwrap();
    fold
}

/// Everything a book says, in an order of its own.
fn told(book: &RunBook) -> String {
    let mut entries: Vec<String> = book.waiting.iter().map(|entry| format!("{entry:?}")).collect();
    entries.extend(book.open.iter().map(|entry| format!("{entry:?}")));
    entries.extend(book.doubts.iter().map(|entry| format!("{entry:?}")));
    entries.extend(book.dates.iter().map(|entry| format!("{entry:?}")));
    entries.sort_unstable();
    format!("{:?} {:?} {:?} {:?} {entries:?}", book.states, book.tally, book.names, book.relays)
}

fn assert_same(one: &Fold, other: &Fold) {
    assert_eq!(one.ledger, other.ledger);
    assert_eq!(one.recorded().map(|found| found.last), other.recorded().map(|found| found.last));
    assert!(one.runs.keys().eq(other.runs.keys()));
    for (one, other) in one.runs.values().zip(other.runs.values()) {
        assert_eq!(told(one), told(other));
    }
}

#[test]
fn a_start_from_a_checkpoint_knows_what_the_whole_journal_says() {
    let disk = ForgetfulDisk::default();
    send(&disk, 0);
    let checkpoint = Checkpoint::of(&disk);
    assert!(checkpoint.start.next > Lsn(40), "it is a late one: {:?}", checkpoint.start);
    let (started, _log) = open(&disk, limits(), 100);
    assert_same(&started.fold, &whole(&disk));
    assert_eq!(started.fold.runs.values().next().unwrap().tally.of(State::Uncertain), 12 + 1);
}

#[test]
fn reply_texts_keep_their_numbers_over_a_checkpoint() {
    let disk = ForgetfulDisk::default();
    send(&disk, 0);
    assert_eq!(Checkpoint::of(&disk).numbered.len(), 4);
}

#[test]
fn a_broken_checkpoint_and_one_of_another_journal_are_passed_over() {
    let (disk, other) = (ForgetfulDisk::default(), ForgetfulDisk::default());
    send(&disk, 0);
    send(&other, 1);
    let kept = disk.kept().unwrap().unwrap();
    for octet in 0..kept.len() {
        let mut flipped = kept.clone();
        flipped[octet] ^= 4;
        let mut broken = disk.cut(1);
        broken.keep(Box::new(move || flipped));
        assert_eq!(Checkpoint::of(&broken).start, Start::BEGINNING, "octet {octet}");
    }
    for length in [0, 1, 40, kept.len() - 1] {
        let mut cut = disk.cut(1);
        let some = kept[..length].to_vec();
        cut.keep(Box::new(move || some));
        assert_eq!(Checkpoint::of(&cut).start, Start::BEGINNING, "cut to {length}");
    }
    let (mut ours, theirs) = (disk.cut(1), other.kept().unwrap().unwrap());
    ours.keep(Box::new(move || theirs));
    assert_eq!(Checkpoint::of(&ours).start, Start::BEGINNING, "another journal's");
    // A journal that was put back from a copy ends before its checkpoint does.
    let mut emptied = ForgetfulDisk::of_image(vec![vec![0; 1 << 20]]);
    emptied.keep(Box::new(move || kept));
    let (started, _log) = open(&emptied, limits(), 100);
    assert!(started.fold.runs.is_empty());
}

#[test]
fn checkpoints_are_as_rare_as_they_are_large() {
    let disk = ForgetfulDisk::default();
    let (mut recorder, mut log) = open(&disk, Limits { checkpoint: 1, ..limits() }, 0);
    let (run, _) = recorder.begin(&run_of(50_000), at(0)).unwrap();
    recorder.commit(&mut log).unwrap();
    let before = disk.operations();
    for recipient in 0..100 {
        recorder.intend(&intent(&batch(run, recipient, 1)), &moment(1)).unwrap();
        recorder.commit(&mut log).unwrap();
    }
    assert_eq!(disk.operations() - before, 200, "a write and a sync each, and no checkpoint");
}

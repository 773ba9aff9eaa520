//! Every truncation and every flipped bit of a small journal: found, or harmless.

use std::path::Path;

use crate::mail::{RecipientNo, RunNo, State};
use crate::store::checkpoint::Start;
use crate::store::error::StoreError;
use crate::store::fold::Fold;
use crate::store::forgetful::ForgetfulDisk;
use crate::store::frame::{FRAME_LIMIT, Lsn};
use crate::store::recorder::Recorder;
use crate::store::scan::{Writer, last_written, scan};

use super::rig::{Ending, at, batch, fates, intent, limits, moment, run_of, settled};

const ENDINGS: [Option<Ending>; 6] = [
    Some(Ending::Accepted),
    Some(Ending::Rejected),
    Some(Ending::Accepted),
    Some(Ending::Deferred),
    None,
    Some(Ending::LineLost),
];

/// A journal of several commits, with a little of the zeros behind it.
fn journal() -> (Vec<u8>, Vec<State>) {
    let disk = ForgetfulDisk::default();
    let recovered =
        Recorder::recover(Box::new(disk.clone()), Path::new("state"), limits(), &moment(0), Lsn(0)).unwrap();
    let (mut recorder, mut log) = (recovered.recorder, recovered.log);
    let (run, _) = recorder.begin(&run_of(6), at(0)).unwrap();
    for (recipient, ending) in (0..).zip(ENDINGS) {
        let batch = batch(run, recipient, 1);
        recorder.intend(&intent(&batch), &moment(1)).unwrap();
        recorder.commit(&mut log).unwrap();
        if let Some(ending) = ending {
            recorder.settle(&settled(&batch, ending), &fates(&batch, ending, 60), at(2)).unwrap();
        }
    }
    recorder.commit(&mut log).unwrap();
    let mut image = disk.image().swap_remove(0);
    image.truncate(last_written(&image).unwrap() + 64);
    (image, recorder.fold.runs[&run].states.clone())
}

fn read(image: Vec<u8>) -> Result<Fold, StoreError> {
    let mut fold = Fold::default();
    let disk = ForgetfulDisk::of_image(vec![image]);
    scan(&disk, &Start::BEGINNING, Writer::Gone, &mut |_, _, record| {
        fold.apply(&record);
        Ok(())
    })?;
    Ok(fold)
}

fn states(fold: &Fold) -> Vec<State> {
    fold.runs.get(&RunNo(1)).map(|run| run.states.clone()).unwrap_or_default()
}

fn nobody_gained(found: &[State], known: &[State], what: &str) {
    for (place, state) in found.iter().enumerate() {
        let gained = *state == State::Accepted && known[place] != State::Accepted;
        assert!(!gained, "{place} became accepted by {what}");
    }
}

#[test]
fn every_prefix_of_a_journal_can_be_gone_on_with() {
    let (image, known) = journal();
    for length in 0..image.len() {
        let mut cut = image.clone();
        cut.truncate(length);
        let disk = ForgetfulDisk::of_image(vec![cut]);
        // No room for new segments: the rest of the old one has to do, or there is an error.
        disk.set_capacity(4 << 20);
        let recovered =
            Recorder::recover(Box::new(disk), Path::new("state"), limits(), &moment(9), Lsn(0)).unwrap();
        let fold = &recovered.recorder.fold;
        nobody_gained(&states(fold), &known, &format!("a cut at {length}"));
        for run in fold.runs.values() {
            assert_eq!(run.tally.planned(), 6);
            assert!(run.open.is_empty());
        }
    }
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    let (image, known) = journal();
    let written = last_written(&image).unwrap() + 1;
    let (mut found, mut harmless) = (0, 0);
    for octet in 0..written {
        for bit in 0..8 {
            let mut flipped = image.clone();
            flipped[octet] ^= 1 << bit;
            match read(flipped) {
                Ok(fold) => {
                    harmless += 1;
                    nobody_gained(&states(&fold), &known, &format!("bit {bit} of octet {octet}"));
                }
                Err(StoreError::Damaged { .. } | StoreError::Newer { .. }) => found += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    // Only the last group may be taken for a torn write.
    assert!(found > 5 * harmless, "{found} found, {harmless} not");
}

#[test]
fn a_flip_before_the_last_group_is_damage_and_names_its_place() {
    let (image, _) = journal();
    let mut flipped = image;
    flipped[40] ^= 1;
    match read(flipped) {
        Err(StoreError::Damaged { file, offset, .. }) => {
            assert_eq!(file, Path::new("00000001.wal"));
            assert!(offset <= 40, "{offset}");
        }
        Ok(_) | Err(_) => panic!("the damage was not found"),
    }
}

#[test]
fn a_journal_grows_over_several_segments_and_is_read_back() {
    let disk = ForgetfulDisk::default();
    let open = |disk: &ForgetfulDisk, second| {
        Recorder::recover(Box::new(disk.clone()), Path::new("state"), limits(), &moment(second), Lsn(0))
            .unwrap()
    };
    let recovered = open(&disk, 0);
    let (mut recorder, mut log) = (recovered.recorder, recovered.log);
    let (run, _) = recorder.begin(&run_of(9_000), at(0)).unwrap();
    for recipient in 0..9_000 {
        let batch = batch(run, recipient, 1);
        recorder.intend(&intent(&batch), &moment(1)).unwrap();
        let ending = Ending::Accepted;
        recorder.settle(&settled(&batch, ending), &fates(&batch, ending, 0), at(2)).unwrap();
        if recipient % 100 == 0 {
            recorder.commit(&mut log).unwrap();
        }
    }
    recorder.commit(&mut log).unwrap();
    assert!(disk.image().len() >= 3, "the next segment is ready");
    let again = open(&disk.cut(1), 5);
    let book = &again.recorder.fold.runs[&run];
    assert_eq!(book.tally.of(State::Accepted), 9_000);
    assert_eq!(book.state(RecipientNo(8_999)), Some(State::Accepted));

    let mut image = disk.image();
    let end = last_written(&image[0]).unwrap();
    image[0][end - FRAME_LIMIT] ^= 4;
    let broken = ForgetfulDisk::of_image(image);
    let found = Recorder::recover(Box::new(broken), Path::new("state"), limits(), &moment(9), Lsn(0));
    assert!(
        matches!(found.map(|_| ()), Err(StoreError::Damaged { .. })),
        "an early segment is never cut short"
    );
}

#[test]
fn a_long_commit_is_written_in_parts_that_prove_one_another() {
    let disk = ForgetfulDisk::default();
    let recovered =
        Recorder::recover(Box::new(disk.clone()), Path::new("state"), limits(), &moment(0), Lsn(0)).unwrap();
    let (mut recorder, mut log) = (recovered.recorder, recovered.log);
    let (run, _) = recorder.begin(&run_of(250_000), at(0)).unwrap();
    for recipient in 0..250_000 {
        let batch = batch(run, recipient, 1);
        recorder.intend(&intent(&batch), &moment(1)).unwrap();
        recorder
            .settle(&settled(&batch, Ending::Accepted), &fates(&batch, Ending::Accepted, 0), at(2))
            .unwrap();
        // Until a segment is long enough for a long commit.
        if recipient < 160_000 && recipient % 1_000 == 0 {
            recorder.commit(&mut log).unwrap();
        }
    }
    let (before, segments) = (disk.operations(), disk.image().len());
    recorder.commit(&mut log).unwrap();
    let operations = usize::try_from(disk.operations() - before).unwrap();
    assert!(operations - (disk.image().len() - segments) >= 4, "two writes and two syncs: {operations}");
    let mut flipped = disk.image();
    let place = last_written(&flipped[4]).unwrap() - (6 << 20);
    flipped[4][place] ^= 1;
    let found =
        scan(&ForgetfulDisk::of_image(flipped), &Start::BEGINNING, Writer::Gone, &mut |_, _, _| Ok(()));
    assert!(matches!(found, Err(StoreError::Damaged { .. })), "{found:?}");
}

#[test]
fn a_full_disk_stops_new_mail_and_never_an_outcome() {
    let disk = ForgetfulDisk::default();
    disk.set_capacity(3 << 20);
    let recovered =
        Recorder::recover(Box::new(disk.clone()), Path::new("state"), limits(), &moment(0), Lsn(0)).unwrap();
    let (mut recorder, mut log) = (recovered.recorder, recovered.log);
    let (run, _) = recorder.begin(&run_of(40_000), at(0)).unwrap();
    let mut under_way = Vec::new();
    let full = loop {
        let batch = batch(run, u32::try_from(under_way.len()).unwrap(), 1);
        match recorder.intend(&intent(&batch), &moment(1)) {
            Ok(_) => under_way.push(batch),
            Err(error) => break error,
        }
        if under_way.len() % 50 == 0 {
            recorder.commit(&mut log).unwrap();
        }
    };
    assert!(matches!(full, StoreError::Full { needed, .. } if needed > 0), "{full}");
    assert!(under_way.len() > 1_000);
    for batch in &under_way {
        recorder
            .settle(&settled(batch, Ending::LineLost), &fates(batch, Ending::LineLost, 0), at(2))
            .unwrap();
        recorder.commit(&mut log).unwrap();
    }
    let again =
        Recorder::recover(Box::new(disk.cut(3)), Path::new("state"), limits(), &moment(5), Lsn(0)).unwrap();
    let lost = again.recorder.fold.runs[&run].tally.of(State::Uncertain);
    assert_eq!(lost, under_way.len() as u64);
    assert!(again.notes.is_empty(), "every outcome was written: {:?}", again.notes);
}

#[test]
fn a_failed_sync_is_final_and_never_tried_again() {
    let disk = ForgetfulDisk::default();
    let recovered =
        Recorder::recover(Box::new(disk.clone()), Path::new("state"), limits(), &moment(0), Lsn(0)).unwrap();
    let (mut recorder, mut log) = (recovered.recorder, recovered.log);
    let (run, _) = recorder.begin(&run_of(2), at(0)).unwrap();
    recorder.commit(&mut log).unwrap();
    disk.fail_sync_after(0);
    let intended = recorder.intend(&intent(&batch(run, 0, 1)), &moment(1)).unwrap();
    assert!(recorder.commit(&mut log).is_err());
    assert!(recorder.group.durable() < intended);
    assert!(matches!(recorder.group.failure(), Some(StoreError::Poisoned(_))));
    let operations = disk.operations();
    assert!(matches!(recorder.intend(&intent(&batch(run, 1, 1)), &moment(1)), Err(StoreError::Poisoned(_))));
    assert!(recorder.commit(&mut log).is_ok());
    assert_eq!(disk.operations(), operations, "the disk is left alone");
}

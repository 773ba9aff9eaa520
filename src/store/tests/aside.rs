//! A sync fails while messages are on their way: what came of them is there for the next process all the same.

use std::path::Path;

use crate::mail::{Batch, RunNo, State};
use crate::store::disk::Disk;
use crate::store::forgetful::ForgetfulDisk;
use crate::store::{History, Indexing, Note, Options, Pace, Store, StoreError};

use super::rig::{Ending, at, batch, fates, intent, moment, run_of, settled};

const OPTIONS: Options =
    Options { min_free: 0, pace: Pace::Inline, indexing: Indexing::Memory, checkpoint_every: 600 };

fn open(disk: &ForgetfulDisk, state: &Path, second: u64) -> Store {
    Store::open_on(Box::new(disk.clone()), state, OPTIONS, &moment(second)).unwrap()
}

fn settle(store: &Store, batch: &Batch, ending: Ending) {
    store.settle(&settled(batch, ending), &fates(batch, ending, 600), at(3)).unwrap();
}

fn states(store: &Store, run: RunNo) -> Vec<State> {
    (0..6).map(|place| store.state(run, crate::mail::RecipientNo(place)).unwrap()).collect()
}

/// A run whose journal fails when four messages are on their way; their replies come afterwards.
async fn fail(disk: &ForgetfulDisk, state: &Path) -> (RunNo, Vec<State>) {
    let store = open(disk, state, 0);
    let run = store.begin(&run_of(6), at(0)).unwrap();
    let batches: Vec<Batch> = (0..6).map(|recipient| batch(run, recipient, 1)).collect();
    for batch in &batches[..4] {
        store.intend(&intent(batch), &moment(1)).unwrap().await.unwrap();
    }
    settle(&store, &batches[0], Ending::Accepted);
    disk.fail_sync_after(0);
    let refused = store.intend(&intent(&batches[4]), &moment(2)).unwrap().await;
    assert!(matches!(refused, Err(StoreError::Poisoned(_))), "{refused:?}");
    let next = store.intend(&intent(&batches[5]), &moment(2)).map(|_| ());
    assert!(matches!(next, Err(StoreError::Poisoned(_))), "{next:?}");
    let operations = disk.operations();
    settle(&store, &batches[1], Ending::Accepted);
    settle(&store, &batches[2], Ending::Rejected);
    settle(&store, &batches[4], Ending::RelayTrouble);
    assert_eq!(disk.operations() - operations, 3, "each is set aside at once, and nothing else is touched");
    assert_eq!(store.set_aside().unwrap().as_deref(), Some(Path::new("aside")));
    assert_eq!(store.unwritten().len(), 3);
    assert!(store.end(run, crate::store::EndReason::Signal, at(4)).is_err());
    (run, states(&store, run))
}

#[tokio::test]
async fn what_came_after_a_failed_sync_is_taken_in_by_the_next_process() {
    use State::{Accepted, Pending, Rejected, Uncertain};
    for seed in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".mailrun");
        let disk = ForgetfulDisk::default();
        let (run, known) = fail(&disk, &state).await;
        assert_eq!(known, [Accepted, Accepted, Rejected, Pending, Pending, Pending]);
        let cut = disk.cut(seed);
        let store = open(&cut, &state, 10);
        // Nobody knows of the fourth: no reply came while the process lived.
        assert_eq!(states(&store, run), [Accepted, Accepted, Rejected, Uncertain, Pending, Pending]);
        assert_eq!(store.notes()[0], Note::TakenIn { outcomes: 3 });
        let usage = store.usage();
        drop(store);
        assert!(cut.aside().is_empty());
        let store = open(&cut.cut(seed), &state, 20);
        assert_eq!(states(&store, run), [Accepted, Accepted, Rejected, Uncertain, Pending, Pending]);
        assert_eq!((store.notes(), store.usage()), ([].as_slice(), usage));
    }
}

#[tokio::test]
async fn taking_in_can_be_cut_off_at_any_point() {
    use State::{Accepted, Pending, Rejected, Uncertain};
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let disk = ForgetfulDisk::default();
    let (run, _) = fail(&disk, &state).await;
    for operations in 0..20 {
        let cut = disk.cut(operations);
        cut.fail_after(operations);
        drop(Store::open_on(Box::new(cut.clone()), &state, OPTIONS, &moment(10)));
        let store = open(&cut.cut(operations + 100), &state, 20);
        let found = states(&store, run);
        assert_eq!(found, [Accepted, Accepted, Rejected, Uncertain, Pending, Pending], "{operations}");
    }
}

#[tokio::test]
async fn what_another_process_went_on_without_comes_too_late() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let mut disk = ForgetfulDisk::default();
    let (run, _) = fail(&disk, &state).await;
    let aside = disk.aside().remove(0);
    disk.fail_sync_after(u64::MAX);
    disk.clear_aside(crate::store::disk::Spent::TakenIn).unwrap();
    drop(open(&disk, &state, 10));
    disk.set_aside(&aside).unwrap();
    let store = open(&disk, &state, 20);
    assert_eq!(store.notes(), [Note::TooLate]);
    assert_eq!(store.state(run, crate::mail::RecipientNo(3)), Some(State::Uncertain));
    assert!(disk.aside().is_empty());
}

#[tokio::test]
async fn a_reader_without_the_lock_counts_what_is_aside() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let disk = ForgetfulDisk::default();
    let (run, _) = fail(&disk, &state).await;
    let cut = disk.cut(7);
    for (number, octets) in (1..).zip(cut.image()) {
        std::fs::write(state.join(format!("journal/{number:08}.wal")), octets).unwrap();
    }
    std::fs::write(state.join("journal.aside"), &cut.aside()[0]).unwrap();
    let history = History::read(&state).unwrap();
    let tally = history.run(run).unwrap().tally;
    let known =
        [State::Accepted, State::Rejected, State::Uncertain, State::Pending].map(|state| tally.of(state));
    assert_eq!(known, [2, 1, 1, 2]);
}

#[tokio::test]
async fn what_a_newer_mailrun_set_aside_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let mut disk = ForgetfulDisk::default();
    fail(&disk, &state).await;
    // Behind the title, the number and the epoch stands the first frame; its payload begins with a version.
    let mut octets = disk.aside().remove(0);
    let (frame, end) = (20, octets.len() - 32);
    let length = crate::store::frame::length(&octets[frame..]);
    octets[frame + crate::store::frame::HEAD] = 9;
    let checksum = crc32c::crc32c(&octets[frame..frame + length - 4]).to_le_bytes();
    octets[frame + length - 4..frame + length].copy_from_slice(&checksum);
    let hash = blake3::hash(&octets[..end]);
    octets[end..].copy_from_slice(hash.as_bytes());
    disk.fail_sync_after(u64::MAX);
    disk.set_aside(&octets).unwrap();
    let refused = Store::open_on(Box::new(disk.clone()), &state, OPTIONS, &moment(10)).map(|_| ());
    assert!(matches!(refused, Err(StoreError::Newer { version: 9, .. })), "{refused:?}");
    assert_eq!(disk.aside(), [octets], "it is still there");
}

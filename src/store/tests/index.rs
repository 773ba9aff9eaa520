//! sled broken on purpose: the same state comes back from the journal, and the operator is told.

use std::fs;
use std::path::Path;

use crate::store::{Backlog, Note, Store};

use super::open::options;
use super::rig::{Ending, at, batch, fates, intent, moment, run_of, settled};

const RUN: crate::mail::RunNo = crate::mail::RunNo(1);

async fn fill(state: &Path) -> Backlog {
    let store = Store::open(state, options(), &moment(0)).unwrap();
    let run = store.begin(&run_of(1_000), at(0)).unwrap();
    assert_eq!(run, RUN);
    let endings = [Ending::Accepted, Ending::Deferred, Ending::LineLost, Ending::RelayTrouble];
    for (recipient, ending) in (0..400).zip(endings.into_iter().cycle()) {
        let batch = batch(run, recipient, 1);
        store.intend(&intent(&batch), &moment(1)).unwrap().await.unwrap();
        let due = 60 + i64::from(recipient);
        store.settle(&settled(&batch, ending), &fates(&batch, ending, due), at(2)).unwrap();
    }
    let backlog = store.backlog(run).unwrap();
    store.close().unwrap();
    backlog
}

fn reopened(state: &Path) -> (Backlog, Vec<Note>) {
    let store = Store::open(state, options(), &moment(5)).unwrap();
    let found = (store.backlog(RUN).unwrap(), store.notes().to_vec());
    store.close().unwrap();
    found
}

fn was_rebuilt(notes: &[Note]) -> bool {
    matches!(notes, [Note::IndexRebuilt { .. }])
}

#[tokio::test]
async fn an_index_that_is_missing_older_or_broken_is_rebuilt_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let old = tempfile::tempdir().unwrap();
    drop(Store::open(&state, options(), &moment(0)).unwrap());
    super::plans::copy_folder(&state.join("index"), &old.path().join("index"));
    let known = fill(&state).await;
    assert_eq!((known.deferred.len(), known.returned.len(), known.dates.len()), (100, 100, 300));
    assert_eq!(reopened(&state), (known.clone(), vec![]), "nothing to mend");

    fs::remove_dir_all(state.join("index")).unwrap();
    let (found, notes) = reopened(&state);
    assert!(found == known && was_rebuilt(&notes), "missing: {notes:?}");

    fs::remove_dir_all(state.join("index")).unwrap();
    super::plans::copy_folder(&old.path().join("index"), &state.join("index"));
    let (found, notes) = reopened(&state);
    assert!(found == known && notes.is_empty(), "older: {notes:?}");

    let file = state.join("index").join("db");
    let octets: Vec<u8> = fs::read(&file).unwrap().iter().map(|octet| octet ^ 0x55).collect();
    fs::write(&file, octets).unwrap();
    let (found, notes) = reopened(&state);
    assert!(found == known && was_rebuilt(&notes), "broken: {notes:?}");

    fs::remove_dir_all(state.join("index")).unwrap();
    fs::write(state.join("index"), "no folder").unwrap();
    let (found, notes) = reopened(&state);
    assert!(found == known && was_rebuilt(&notes), "no index at all: {notes:?}");
    let aside = fs::read_dir(&state).unwrap().flatten();
    let aside = aside.filter(|entry| entry.file_name().to_string_lossy().starts_with("index.bad-")).count();
    assert_eq!(aside, 1);
}

#[tokio::test]
async fn an_index_ahead_of_the_journal_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    fill(&state).await;
    fs::remove_dir_all(state.join("journal")).unwrap();
    let store = Store::open(&state, options(), &moment(5)).unwrap();
    assert!(was_rebuilt(store.notes()), "{:?}", store.notes());
    assert!(store.backlog(RUN).is_err());
}

#[tokio::test]
async fn days_with_a_send_outlive_the_process_and_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let day = |days: i64| days * 24 * 3600;
    let store = Store::open(&state, options(), &moment(0)).unwrap();
    let run = store.begin(&run_of(1_000), at(0)).unwrap();
    for (recipient, days) in [0, 1, 5, 60].into_iter().enumerate() {
        let batch = batch(run, u32::try_from(recipient).unwrap(), 1);
        store.intend(&intent(&batch), &moment(day(days).unsigned_abs())).unwrap().await.unwrap();
        let fates = fates(&batch, Ending::Accepted, 0);
        store.settle(&settled(&batch, Ending::Accepted), &fates, at(day(days))).unwrap();
    }
    store.close().unwrap();
    for _ in 0..2 {
        let store = Store::open(&state, options(), &moment(day(60).unsigned_abs())).unwrap();
        let usages = store.usage();
        let usage = usages.values().next().unwrap();
        let utc = jiff::tz::TimeZone::UTC;
        let date = |days| at(day(days)).to_zoned_datetime(utc.clone()).date();
        assert_eq!([0, 1, 2, 60, 61].map(|days| usage.days_before(&utc, date(days))), [0, 1, 2, 3, 4]);
        drop(store);
        fs::remove_dir_all(state.join("index")).unwrap();
    }
}

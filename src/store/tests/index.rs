//! sled broken on purpose: the same state comes back from the journal, and the operator is told.

use std::fs;
use std::path::Path;

use crate::store::forgetful::Chance;
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

/// Does one of the things to a file of the index that disks and operators do.
fn damage(index: &Path, chance: &mut Chance) -> String {
    let mut files: Vec<_> = fs::read_dir(index).unwrap().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    let file = &files[chance.below(files.len())];
    let mut octets = fs::read(file).unwrap();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let length = octets.len().max(1);
    let what = match chance.below(6) {
        0 => {
            fs::remove_file(file).unwrap();
            return format!("{name} is gone");
        }
        1 => {
            octets.truncate(chance.below(length));
            format!("{name} is cut to {}", octets.len())
        }
        2 => {
            let flips = 1 + chance.below(8);
            for _ in 0..flips {
                if let Some(octet) = octets.get_mut(chance.below(length)) {
                    *octet ^= 1 << chance.below(8);
                }
            }
            format!("{flips} bits of {name} are flipped")
        }
        3 => {
            let (from, count) = (chance.below(length), chance.below(4_096));
            octets.iter_mut().skip(from).take(count).for_each(|octet| *octet = 0);
            format!("{name} is zeros from {from} on, {count} octets")
        }
        4 => {
            let (from, count) = (chance.below(length), chance.below(4_096));
            let noise = std::iter::repeat_with(|| u8::try_from(chance.below(256)).unwrap());
            octets.iter_mut().skip(from).take(count).zip(noise).for_each(|(octet, noise)| *octet = noise);
            format!("{name} is noise from {from} on, {count} octets")
        }
        _ => {
            fs::write(index.join("snap.0000000000000001.generating"), &octets[..length.min(100)]).unwrap();
            format!("{name} stands half in a snapshot that is being made")
        }
    };
    fs::write(file, octets).unwrap();
    what
}

async fn survive(damages: u64) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let known = fill(&state).await;
    let whole = folder.path().join("whole");
    super::plans::copy_folder(&state.join("index"), &whole);
    let mut rebuilt = 0;
    for seed in 0..damages {
        let index = state.join("index");
        fs::remove_dir_all(&index).unwrap();
        super::plans::copy_folder(&whole, &index);
        let mut chance = Chance(seed);
        let what = damage(&index, &mut chance);
        let (found, notes) = reopened(&state);
        assert_eq!(found, known, "seed {seed}: {what}");
        assert!(notes.is_empty() || was_rebuilt(&notes), "seed {seed}: {what}: {notes:?}");
        rebuilt += u64::from(!notes.is_empty());
        for aside in fs::read_dir(&state).unwrap().flatten() {
            if aside.file_name().to_string_lossy().starts_with("index.bad-") {
                fs::remove_dir_all(aside.path()).unwrap();
            }
        }
    }
    assert!(rebuilt > damages / 4, "{rebuilt} of {damages}");
}

#[tokio::test]
async fn whatever_is_done_to_the_index_the_state_is_the_same() {
    survive(60).await;
}

#[tokio::test]
#[ignore = "takes a minute: tests/run runs it"]
async fn whatever_is_done_to_the_index_a_thousand_times_the_state_is_the_same() {
    survive(1_000).await;
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

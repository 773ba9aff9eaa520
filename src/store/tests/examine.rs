//! The doctor: what is sound is said to be, what is not is found, and nothing is changed by looking.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::mail::Batches;
use crate::store::{Finding, Health, Moment, Part, RunStart, Store, Suppressions, examine, export};

use super::open::options;
use super::plans::{copy_folder, write};
use super::rig::{Ending, at, batch, fates, intent, moment, run_of, settled};

/// A workspace in which some were written to and one is on the way; as a crash leaves it.
async fn used() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let store = Store::open(&state, options(), &moment(0)).unwrap();
    let plan = write(&state, 6, 0, &Batches::Personal { recipients: 6 });
    crate::store::Keys::open(&state).unwrap();
    let run = store.begin(&RunStart { plan, ..run_of(6) }, at(0)).unwrap();
    for (recipient, ending) in [(0, Ending::Accepted), (1, Ending::Deferred), (2, Ending::Rejected)] {
        let batch = batch(run, recipient, 1);
        store.intend(&intent(&batch), &moment(1)).unwrap().await.unwrap();
        store.settle(&settled(&batch, ending), &fates(&batch, ending, 60), at(2)).unwrap();
    }
    let hanging = batch(run, 3, 1);
    store.intend(&intent(&hanging), &moment(3)).unwrap().await.unwrap();
    store.close().unwrap();
    (folder, state)
}

fn look(state: &Path) -> Vec<Finding> {
    examine(state, &moment(10), 0)
}

/// The findings that are not sound, in short.
fn unsound(state: &Path) -> Vec<(Part, Health, String)> {
    let findings = look(state).into_iter().filter(|finding| finding.health != Health::Ok);
    findings
        .map(|finding| {
            assert!(finding.remedy.is_some(), "{finding:?}");
            (finding.part, finding.health, finding.what)
        })
        .collect()
}

#[track_caller]
fn finds(state: &Path, part: Part, health: Health, words: &str) {
    let found = unsound(state);
    let is_it = |(which, how, what): &(Part, Health, String)| {
        (*which, *how) == (part, health) && what.contains(words)
    };
    assert!(found.iter().any(is_it), "{part:?} {words}: {found:?}");
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            all.extend(contents(&entry.path()));
        } else {
            all.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    all
}

#[tokio::test]
async fn a_sound_state_is_said_to_be_and_looking_changes_nothing() {
    let (_folder, state) = used().await;
    let before = contents(&state);
    let cut_off = "1 message on the way when a run was cut off";
    assert_eq!(unsound(&state), [(Part::Journal, Health::Warning, cut_off.to_owned())]);
    assert_eq!(contents(&state), before);
    Store::open(&state, options(), &moment(4)).unwrap().close().unwrap();
    assert_eq!(unsound(&state), []);
    let said: Vec<Part> = look(&state).iter().map(|finding| finding.part).collect();
    let all = [
        Part::Folder,
        Part::Modes,
        Part::Room,
        Part::Lock,
        Part::Journal,
        Part::Records,
        Part::Checkpoint,
        Part::Index,
        Part::Plans,
        Part::Suppressions,
        Part::Keys,
        Part::Clock,
    ];
    assert_eq!(said, all);
    let none = examine(&state.join("none"), &moment(0), 0);
    assert_eq!((none.len(), none[0].health), (1, Health::Ok));
}

#[tokio::test]
async fn a_damaged_journal_is_named_with_file_and_octet_and_exported_up_to_there() {
    let (_folder, state) = used().await;
    let mut whole = 0;
    let sound = export::<()>(&state, &mut |_| {
        whole += 1;
        Ok(())
    });
    let sound = sound.unwrap();
    assert!(sound.damage.is_none() && sound.records == whole);
    let segment = state.join("journal/00000001.wal");
    let mut octets = fs::read(&segment).unwrap();
    octets[200] ^= 1;
    fs::write(&segment, octets).unwrap();
    finds(&state, Part::Journal, Health::Error, "00000001.wal is damaged at octet");
    let mut lines = Vec::new();
    let broken = export::<()>(&state, &mut |record| {
        lines.push((record.lsn, record.segment, record.kind));
        Ok(())
    });
    let broken = broken.unwrap();
    assert!(broken.damage.is_some() && broken.records < whole && broken.records > 0);
    assert_eq!(lines[0], (1, Some(1), "epoch"));
    assert_eq!(lines.len() as u64, broken.records);
    assert_eq!(export(&state, &mut |_| Err("gone")).unwrap_err(), "gone", "nobody reads");
}

#[tokio::test]
async fn a_record_that_a_crash_cut_off_is_told_and_no_damage() {
    let (_folder, state) = used().await;
    let segment = state.join("journal/00000001.wal");
    let mut octets = fs::read(&segment).unwrap();
    let end = octets.iter().rposition(|octet| *octet != 0).unwrap();
    octets[end + 1..end + 30].fill(0xab);
    fs::write(&segment, octets).unwrap();
    finds(&state, Part::Journal, Health::Warning, "29 octets at its end were cut off");
}

#[tokio::test]
async fn whatever_else_is_broken_is_found() {
    use Health::{Error, Warning};
    type Break = (&'static str, fn(&Path), Part, Health, &'static str);
    let table: [Break; 10] = [
        (
            "rows",
            |state| flip(&only(&state.join("plans")).join("rows")),
            Part::Plans,
            Error,
            "not those that were frozen",
        ),
        (
            "index of rows",
            |state| cut(&only(&state.join("plans")).join("rows.index")),
            Part::Plans,
            Error,
            "damaged",
        ),
        (
            "no plan",
            |state| fs::remove_dir_all(only(&state.join("plans"))).unwrap(),
            Part::Plans,
            Error,
            "is gone",
        ),
        (
            "list",
            |state| fs::write(state.join("suppressions"), "ada@example.com\n").unwrap(),
            Part::Suppressions,
            Error,
            "damaged",
        ),
        ("keys", |state| cut(&state.join("keys")), Part::Keys, Error, "damaged"),
        (
            "modes",
            |state| open_to_all(&state.join("suppressions")),
            Part::Modes,
            Warning,
            "suppressions is open to others (mode 0644)",
        ),
        (
            "folder",
            |state| fs::set_permissions(state, fs::Permissions::from_mode(0o755)).unwrap(),
            Part::Folder,
            Error,
            "open to others",
        ),
        (
            "checkpoint",
            |state| fs::write(state.join("journal/checkpoint"), "x").unwrap(),
            Part::Checkpoint,
            Warning,
            "broken",
        ),
        ("index", |state| garble(&state.join("index/db")), Part::Index, Warning, "it "),
        (
            "index of nothing",
            |state| fs::remove_file(state.join("index/db")).unwrap(),
            Part::Index,
            Warning,
            "it ",
        ),
    ];
    let (_folder, sound) = used().await;
    for (name, damage, part, health, words) in table {
        let copy = tempfile::tempdir().unwrap();
        let state = copy.path().join(".mailrun");
        copy_folder(&sound, &state);
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        damage(&state);
        let found = unsound(&state);
        let is_it = |(which, how, what): &(Part, Health, String)| {
            (*which, *how) == (part, health) && what.contains(words)
        };
        assert!(found.iter().any(is_it), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn an_index_that_is_behind_or_speaks_of_another_journal_is_told_apart() {
    let (_folder, state) = used().await;
    let old = state.with_file_name("old");
    copy_folder(&state.join("index"), &old);
    let store = Store::open(&state, options(), &moment(4)).unwrap();
    store.cancel(crate::mail::RunNo(1), at(5)).unwrap();
    store.close().unwrap();
    assert_eq!(unsound(&state), []);
    fs::remove_dir_all(state.join("index")).unwrap();
    copy_folder(&old, &state.join("index"));
    let index = look(&state).into_iter().find(|finding| finding.part == Part::Index).unwrap();
    assert!(index.health == Health::Ok && index.what.contains("records to come"), "{index:?}");
    // The index of this journal beside a younger one.
    let other = used().await;
    fs::remove_dir_all(other.1.join("index")).unwrap();
    Store::open(&state, options(), &moment(6)).unwrap().close().unwrap();
    copy_folder(&state.join("index"), &other.1.join("index"));
    finds(&other.1, Part::Index, Health::Warning, "ahead of the journal");
}

#[tokio::test]
async fn a_state_that_is_in_use_is_looked_at_but_for_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let _store = Store::open(&state, options(), &moment(0)).unwrap();
    let findings = look(&state);
    let of = |part| findings.iter().find(|finding| finding.part == part).unwrap();
    let me = std::process::id();
    assert_eq!(of(Part::Lock).what, format!("held by process {me}"));
    assert_eq!(of(Part::Index).what, format!("in use by process {me}, not looked at"));
    assert!(Suppressions::read(&state).unwrap().is_empty());
}

#[tokio::test]
async fn clock_and_room_are_held_against_what_is_needed() {
    let (_folder, state) = used().await;
    let early = Moment { wall: at(-3_600), ..moment(10) };
    let of =
        |findings: Vec<Finding>, part| findings.into_iter().find(|finding| finding.part == part).unwrap();
    let clock = of(examine(&state, &early, 0), Part::Clock);
    assert!(clock.health == Health::Error && clock.remedy.unwrap().contains("--accept-clock"));
    let ahead = Moment { wall: at(26 * 3_600), boot: Duration::from_secs(1_010), ..moment(10) };
    assert_eq!(of(examine(&state, &ahead, 0), Part::Clock).health, Health::Warning);
    let room = of(examine(&state, &moment(10), u64::MAX), Part::Room);
    assert!(room.health == Health::Error && room.what.contains("no new mail starts"), "{room:?}");
}

fn only(folder: &Path) -> PathBuf {
    fs::read_dir(folder).unwrap().flatten().next().unwrap().path()
}

fn flip(path: &Path) {
    let mut octets = fs::read(path).unwrap();
    let last = octets.len() - 1;
    octets[last] ^= 1;
    fs::write(path, octets).unwrap();
}

fn garble(path: &Path) {
    let octets: Vec<u8> = fs::read(path).unwrap().iter().map(|octet| octet ^ 0x55).collect();
    fs::write(path, octets).unwrap();
}

fn cut(path: &Path) {
    let octets = fs::read(path).unwrap();
    fs::write(path, &octets[..octets.len() - 3]).unwrap();
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

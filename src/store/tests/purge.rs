//! A purged plan: nobody is named any more, everybody is recognised, and a purge that was cut off is done
//! again.

use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::mail::{Batches, PlanId};
use crate::store::{
    Keys, Plan, PurgedPlan, Removed, StoreError, finish_purges, plans, purge_plan, remove_plan,
};

use super::plans::{copy_folder, recipient, write};
use super::rig::at;

const WRITTEN_TO: [Range<u32>; 2] = [0..2, 3..4];

fn plan(state: &Path) -> PlanId {
    write(state, 5, 4, &Batches::Personal { recipients: 5 })
}

/// Every file below `folder` that holds `text`.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(holding(&entry.path(), text));
        } else if memchr::memmem::find(&fs::read(entry.path()).unwrap(), text.as_bytes()).is_some() {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_purged_plan_names_nobody_and_recognises_whom_it_wrote_to() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let id = plan(&state);
    assert!(!holding(&state, "r3@example.com").is_empty() && !holding(&state, "Łódź").is_empty());
    let removed = purge_plan(&state, id, &WRITTEN_TO, at(5)).unwrap();
    assert_eq!((removed.plans, removed.seals), (1, 3));
    assert!(removed.octets > 100);
    for text in ["example.com", "Łódź"] {
        assert!(holding(&state, text).is_empty(), "{:?}", holding(&state, text));
    }
    let gone = Plan::open(&state, id).unwrap_err();
    assert!(matches!(gone, StoreError::Purged { plan, at: when } if plan == id && when == at(5)), "{gone}");
    let purged = PurgedPlan::open(&state, id).unwrap().unwrap();
    assert_eq!((purged.head.recipients, purged.head.excluded.duplicate), (5, 4));
    let keys = Keys::open(&state).unwrap();
    let seal = |place| keys.seal(recipient(place).address.key());
    let known: Vec<_> = purged.seals(&(0..5)).unwrap().collect();
    assert_eq!(known, [seal(0), seal(1), seal(3)], "those who were not written to are forgotten");
    assert_eq!(purged.seals(&(1..4)).unwrap().collect::<Vec<_>>(), [seal(1), seal(3)]);
    assert!(matches!(purged.seals(&(4..6)).map(|_| ()), Err(StoreError::Damaged { .. })));
    assert_eq!(purge_plan(&state, id, &WRITTEN_TO, at(6)).unwrap(), Removed::default(), "once is enough");
}

#[test]
fn a_purge_that_was_cut_off_anywhere_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let id = plan(&state);
    let (place, spare) = (state.join("plans").join(id.to_string()), folder.path().join("spare"));
    copy_folder(&place, &spare);
    purge_plan(&state, id, &WRITTEN_TO, at(5)).unwrap();
    // Cut off before the plan went: it is there, and so is what is left of it.
    copy_folder(&spare, &place);
    Plan::open(&state, id).unwrap();
    assert_eq!(purge_plan(&state, id, &WRITTEN_TO, at(6)).unwrap().plans, 1);
    // Cut off while its files went.
    let going = state.join("plans").join(format!(".going-{id}"));
    copy_folder(&spare, &going);
    fs::remove_file(going.join("plan.json")).unwrap();
    assert!(matches!(Plan::open(&state, id), Err(StoreError::Purged { .. })));
    assert!(plans(&state).unwrap().is_empty());
    assert!(finish_purges(&state).unwrap() > 0);
    assert!(!going.exists() && holding(&state, "example.com").is_empty());
    assert_eq!(finish_purges(&state).unwrap(), 0);
}

#[test]
fn what_is_left_of_a_plan_is_whole_or_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let id = plan(&state);
    purge_plan(&state, id, &WRITTEN_TO, at(5)).unwrap();
    let path = state.join("purged").join(id.to_string());
    let whole = fs::read(&path).unwrap();
    // What version 1 wrote must be read for ever.
    let written = *b"mrpurge\x01\x0c\0\0\0\x8a\xc8\xce\xb4\x0d\0\x04\0\0\0\0\x05";
    assert_eq!(whole[..24], written);
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(PurgedPlan::open(&state, id), Err(StoreError::Damaged { .. })), "cut at {cut}");
    }
    let mut newer = whole;
    newer[7] += 1;
    fs::write(&path, newer).unwrap();
    assert!(matches!(PurgedPlan::open(&state, id), Err(StoreError::Newer { version: 2, .. })));
}

#[test]
fn a_plan_that_was_never_sent_leaves_nothing_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let id = plan(&state);
    assert!(remove_plan(&state, id).unwrap() > 0);
    assert_eq!(remove_plan(&state, id).unwrap(), 0);
    assert!(matches!(Plan::open(&state, id), Err(StoreError::NoPlan(_))));
}

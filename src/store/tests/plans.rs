//! Frozen plans: what was written is read, by place and in order, and nothing half is ever seen.

use std::fs;
use std::path::Path;

use crate::mail::{
    Address, Batches, Content, Excluded, Fields, Line, Mailbox, Recipient, RecipientNo, Source,
};
use crate::store::{Plan, PlanHead, PlanWriter, RowsEach, StoreError, plans, remove_plan};

pub(super) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn head(excluded: u64) -> PlanHead {
    let content = Content {
        reverse_path: Address::parse("bounces@example.com").unwrap(),
        text: Some(Source::file("body.txt.hbs", "Hello {{name}}")),
        ..Content::new(
            "welcome",
            Mailbox::parse("Example <news@example.com>").unwrap(),
            Source::file("subject.hbs", "Hello"),
            vec!["email".to_owned(), "name".to_owned()],
        )
    };
    let excluded = Excluded { duplicate: excluded, ..Excluded::default() };
    PlanHead { content, excluded, extra: serde_json::json!({ "list": "recipients.csv" }) }
}

pub(super) fn recipient(number: u32) -> Recipient {
    let address = Address::parse(&format!("r{number}@example.com")).unwrap();
    let name = format!("Łódź {number}");
    let fields: Fields = [address.as_str(), name.as_str()].into_iter().collect();
    Recipient { row: number + 2, address, fields, more: Vec::new() }
}

pub(super) fn write(state: &Path, count: u32, excluded: u64, batches: &Batches) -> crate::mail::PlanId {
    let mut writer = PlanWriter::create(state, RowsEach::One).unwrap();
    for number in 0..count {
        assert_eq!(writer.push(&recipient(number)).unwrap(), RecipientNo(number));
    }
    writer.finish(head(excluded), batches).unwrap()
}

#[test]
fn recipients_are_read_by_place_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let id = write(&state, 3_000, 1, &Batches::Personal { recipients: 3_000 });
    let plan = Plan::open(&state, id).unwrap();
    assert_eq!((plan.len(), plan.head(), plan.batches().len()), (3_000, &head(1), 3_000));
    for place in [0, 2_999, 255, 256, 1, 1_500] {
        assert_eq!(plan.recipient(RecipientNo(place)).unwrap(), recipient(place));
    }
    assert!(plan.recipient(RecipientNo(3_000)).is_err());
    let scanned: Vec<Recipient> = plan.scan(100..2_100).collect::<Result<_, _>>().unwrap();
    assert_eq!(scanned, (100..2_100).map(recipient).collect::<Vec<_>>());
    plan.verify().unwrap();
    assert_eq!(plans(&state).unwrap(), [id]);
    remove_plan(&state, id).unwrap();
    assert!(matches!(Plan::open(&state, id), Err(StoreError::NoPlan(_))));
}

#[test]
fn several_rows_of_one_person_come_back_and_are_not_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let mut writer = PlanWriter::create(&state, RowsEach::Several).unwrap();
    let person = |number: u32| {
        let more = (0..number % 3).map(|line| Line { row: 100 + line, fields: recipient(line).fields });
        Recipient { more: more.collect(), ..recipient(number) }
    };
    for number in 0..600 {
        writer.push(&person(number)).unwrap();
    }
    let id = writer.finish(head(0), &Batches::Personal { recipients: 600 }).unwrap();
    let plan = Plan::open(&state, id).unwrap();
    for place in [0, 1, 2, 599, 300] {
        assert_eq!(plan.recipient(RecipientNo(place)).unwrap(), person(place));
    }
    let rows = state.join("plans").join(id.to_string()).join("rows");
    assert!(fs::read(&rows).unwrap().starts_with(b"mrrows\0\x02"));
    let mut octets = fs::read(&rows).unwrap();
    octets[7] = 3;
    fs::write(&rows, octets).unwrap();
    assert!(matches!(Plan::open(&state, id), Err(StoreError::Newer { version: 3, .. })));
}

/// A row as the first version of the format has it.
#[test]
fn a_row_of_the_first_version_is_read() {
    let row = b"\x02\x0er0@example.com\x17r0@example.com\xc5\x81\xc3\xb3d\xc5\xba 0\x02\x0e\x17";
    let (read, rest) = postcard::take_from_bytes::<Recipient>(row).unwrap();
    assert_eq!(read, recipient(0));
    assert!(rest.is_empty());
}

#[test]
fn equal_plans_are_one_plan_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let personal = Batches::Personal { recipients: 5 };
    let grouped = Batches::Grouped { recipients: 5, starts: vec![0, 3] };
    let first = write(&state, 5, 1, &personal);
    assert_eq!(write(&state, 5, 9, &personal), first);
    assert_eq!(Plan::open(&state, first).unwrap().head().excluded.duplicate, 9, "the newer head counts");
    let other = write(&state, 5, 1, &grouped);
    assert_ne!(other, first);
    assert_eq!(Plan::open(&state, other).unwrap().batches(), &grouped);
    assert_eq!(plans(&state).unwrap().len(), 2);
}

#[test]
fn the_same_plan_can_be_made_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let personal = Batches::Personal { recipients: 5 };
    let first = write(&state, 5, 0, &personal);
    std::thread::scope(|scope| {
        for planner in 1..=8 {
            let (state, personal) = (&state, &personal);
            scope.spawn(move || {
                for _ in 0..25 {
                    assert_eq!(write(state, 5, planner, personal), first);
                }
            });
        }
    });
    Plan::open(&state, first).unwrap().verify().unwrap();
    let left: Vec<_> = fs::read_dir(state.join("plans")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_plan_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let mut writer = PlanWriter::create(&state, RowsEach::One).unwrap();
    writer.push(&recipient(1)).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(state.join("plans")).unwrap().count(), 0);
    let id = write(&state, 0, 0, &Batches::Personal { recipients: 0 });
    assert!(Plan::open(&state, id).unwrap().is_empty());
}

#[test]
fn damaged_rows_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let id = write(&state, 300, 0, &Batches::Personal { recipients: 300 });
    let rows = state.join("plans").join(id.to_string()).join("rows");
    let mut octets = fs::read(&rows).unwrap();
    octets[100] ^= 1;
    fs::write(&rows, &octets).unwrap();
    assert!(matches!(Plan::open(&state, id).unwrap().verify(), Err(StoreError::Damaged { .. })));
    octets.truncate(500);
    fs::write(&rows, &octets).unwrap();
    assert!(Plan::open(&state, id).unwrap().recipient(RecipientNo(299)).is_err());
}

//! The store from outside: what is begun, intended and settled is there for the next process and for
//! readers without the lock.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::mail::{Charge, Doubt, Intent, RecipientNo, State};
use crate::store::{
    EndReason, Happening, History, Note, Options, Resolve, RunStart, Store, StoreError, Suppressions,
};

use super::rig::{Ending, account, at, batch, batch_of, fates, intent, moment, relays, run_of, settled};

pub(super) fn options() -> Options {
    Options { min_free: 0, ..Options::default() }
}

/// The state folder as a crash now would leave it, the index apart.
fn crashed(state: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let target = copy.path().join(".mailrun");
    super::plans::copy_folder(state, &target);
    fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(target.join("lock"), "").unwrap();
    copy
}

#[tokio::test]
async fn what_was_settled_is_there_for_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let store = Store::open(&state, options(), &moment(0)).unwrap();
    let run = store.begin(&run_of(600), at(0)).unwrap();
    for (recipient, ending) in
        [(0, Ending::Accepted), (1, Ending::Deferred), (2, Ending::Rejected), (300, Ending::LineLost)]
    {
        let batch = batch(run, recipient, 1);
        store.intend(&intent(&batch), &moment(1)).unwrap().await.unwrap();
        store.settle(&settled(&batch, ending), &fates(&batch, ending, 60), at(2)).unwrap();
    }
    let hanging = batch(run, 4, 1);
    store.intend(&intent(&hanging), &moment(3)).unwrap().await.unwrap();
    store.sync().unwrap();
    assert_eq!(store.tally(run).unwrap().of(State::Pending), 596, "what is on its way is pending");
    let backlog = store.backlog(run).unwrap();
    assert_eq!(backlog.pending, [3..300, 301..600]);
    let deferred = &backlog.deferred[0];
    assert_eq!(
        (deferred.recipient, deferred.due, deferred.since),
        (RecipientNo(1), Some(at(60)), Some(at(2)))
    );
    assert_eq!((deferred.attempts, deferred.relay.as_ref().unwrap().as_str()), (1, "first"));
    assert_eq!(backlog.dates.keys().collect::<Vec<_>>(), [&(1, 0), &(300, 0)]);
    assert_eq!(backlog.dates[&(1, 0)], at(1));

    let copy = crashed(&state);
    let again = Store::open(&copy.path().join(".mailrun"), options(), &moment(10)).unwrap();
    assert_eq!(again.notes(), [Note::Crashed { run, recipients: 1 }]);
    assert_eq!(again.uncertain(run), [RecipientNo(4), RecipientNo(300)]);
    let life = History::read(again.root()).unwrap().life(run, RecipientNo(4)).unwrap();
    match &life.last().unwrap().what {
        Happening::Settled { doubt, .. } => {
            assert_eq!(*doubt, Some(Doubt::Crashed), "and the reason is told");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(again.usage()[&account()].since(0), Charge { messages: 3, recipients: 3 });
    again.reopen(run, &relays(), at(11)).unwrap();
    again.resolve(run, &[RecipientNo(4)], Resolve::Resend, at(11)).unwrap();
    let backlog = again.backlog(run).unwrap();
    assert_eq!(backlog.pending, [3..300, 301..600]);
    assert_eq!(backlog.returned[0].recipient, RecipientNo(4));
    assert_eq!(backlog.dates[&(4, 0)], at(3), "the Date of a message stays");
    again.close().unwrap();
}

#[tokio::test]
async fn readers_need_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    assert!(History::read(&state).unwrap().runs.is_empty());
    let store = Store::open(&state, options(), &moment(0)).unwrap();
    let run = store.begin(&run_of(3), at(0)).unwrap();
    let both = batch_of(run, 0, 1, &[0, 1]);
    store.intend(&intent(&both), &moment(1)).unwrap().await.unwrap();
    let history = History::read(&state).unwrap();
    assert_eq!(history.alive, Some(std::process::id()));
    assert_eq!(history.run(run).unwrap().tally.of(State::Pending), 3);
    store.settle(&settled(&both, Ending::Accepted), &fates(&both, Ending::Accepted, 0), at(2)).unwrap();
    store.suppress(run, &[RecipientNo(2), RecipientNo(0)]).unwrap();
    store.end(run, EndReason::Finished, at(3)).unwrap();
    store.close().unwrap();

    let history = History::read(&state).unwrap();
    let found = history.latest("welcome").unwrap();
    assert_eq!(
        (history.alive, found.ended, found.is_finished()),
        (None, Some((EndReason::Finished, at(3))), true)
    );
    assert_eq!(found.states, [State::Accepted, State::Accepted, State::Suppressed]);
    assert_eq!(found.relays[0].2.accepted, 2);
    assert_eq!(history.written_to("welcome")[0].2.first(), Some(&(0..2)));
    let delivered = history.deliveries(run, |_, state| state == State::Accepted).unwrap();
    assert_eq!(delivered.len(), 2);
    let last = delivered[1].last.as_ref().unwrap();
    match &last.what {
        Happening::Settled { said: Some(said), .. } => {
            assert_eq!((said.code, &*said.words, &*said.queue_id), (250, "2.0.0 Ok: queued as", "4FqX1"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(history.life(run, RecipientNo(1)).unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_is_written_to_after_a_cancel_but_for_those_on_their_way() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join(".mailrun"), options(), &moment(0)).unwrap();
    let run = store.begin(&run_of(3), at(0)).unwrap();
    let batches = [batch(run, 0, 1), batch(run, 1, 1)];
    for batch in &batches {
        store.intend(&intent(batch), &moment(1)).unwrap().await.unwrap();
    }
    store.cancel(run, at(2)).unwrap();
    assert_eq!(store.state(run, RecipientNo(2)), Some(State::Cancelled));
    assert_eq!(store.state(run, RecipientNo(0)), Some(State::Pending));
    for (batch, ending) in batches.iter().zip([Ending::Accepted, Ending::Deferred]) {
        store.settle(&settled(batch, ending), &fates(batch, ending, 60), at(3)).unwrap();
    }
    let expected = [State::Accepted, State::Cancelled, State::Cancelled];
    assert_eq!([0, 1, 2].map(|place| store.state(run, RecipientNo(place)).unwrap()), expected);
    assert!(store.backlog(run).unwrap().pending.is_empty());
}

#[test]
fn one_process_holds_a_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    let store = Store::open(&state, options(), &moment(0)).unwrap();
    let refused = Store::open(&state, options(), &moment(0)).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    assert!(matches!(Suppressions::edit(&state), Err(StoreError::Locked { .. })));
    drop(store);
    Store::open(&state, options(), &moment(0)).unwrap();
}

#[test]
fn a_clock_behind_the_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    drop(Store::open(&state, options(), &moment(1_000)).unwrap());
    assert!(matches!(Store::open(&state, options(), &moment(600)), Err(StoreError::Clock { .. })));
    Store::open(&state, options(), &moment(800)).unwrap();
}

#[test]
fn nobody_else_can_read_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".mailrun");
    Store::open(&state, options(), &moment(0)).unwrap().close().unwrap();
    let mut waiting = vec![state.clone()];
    while let Some(path) = waiting.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    fs::set_permissions(&state, fs::Permissions::from_mode(0o750)).unwrap();
    let refused = Store::open(&state, options(), &moment(0)).unwrap_err();
    assert!(matches!(refused, StoreError::Exposed { mode: 0o750, .. }));
    assert!(refused.hint().unwrap().starts_with("chmod"));
}

#[tokio::test]
async fn the_first_date_stays_while_somebody_of_the_batch_may_get_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join(".mailrun"), options(), &moment(0)).unwrap();
    let run = store.begin(&RunStart { batches: 1, ..run_of(2) }, at(0)).unwrap();
    // Person 0 was refused for now at RCPT; the line was lost behind the dot for person 1.
    let both = batch_of(run, 0, 1, &[0, 1]);
    let reached = Intent { recipients: &both.recipients[1..], ..intent(&both) };
    store.intend(&reached, &moment(1)).unwrap().await.unwrap();
    let mut half = settled(&both, Ending::LineLost);
    half.deliveries[0] = settled(&both, Ending::Deferred).deliveries[0].clone();
    let states = [fates(&both, Ending::Deferred, 60)[0], fates(&both, Ending::LineLost, 60)[1]];
    store.settle(&half, &states, at(2)).unwrap();
    // The next attempt, at person 0 alone, is taken.
    let alone = batch_of(run, 0, 2, &[0]);
    store.intend(&intent(&alone), &moment(60)).unwrap().await.unwrap();
    store.settle(&settled(&alone, Ending::Accepted), &fates(&alone, Ending::Accepted, 0), at(61)).unwrap();

    store.resolve(run, &[RecipientNo(1)], Resolve::Resend, at(90)).unwrap();
    assert_eq!(store.backlog(run).unwrap().dates.get(&(0, 0)), Some(&at(1)));
}

//! How a run ends when somebody says stop, and when fates are scarce.

use std::collections::BTreeMap;

use tokio::sync::mpsc::unbounded_channel;

use super::mute::Mute;
use super::rig::{Rig, people, to_its_end};
use crate::engine::shutdown::Shutdown;
use crate::engine::{Cause, Event, Orders, Tell, Wait};
use crate::mail::State;
use crate::store::{EndReason, History};

const INTERRUPT: i32 = 2;

fn count(states: &BTreeMap<String, State>, wanted: State) -> usize {
    states.values().filter(|state| **state == wanted).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_interrupt_waits_for_replies_and_records_them() {
    let rig = Rig::new(&people("p", 200), "latency = \"10ms\"", ("sessions = 4", ""));
    let run = rig.send(Orders { tell: Tell::EveryDelivery, ..Orders::default() });
    let ((signals, heard), (events, mut told)) = (unbounded_channel(), unbounded_channel());
    let driven = tokio::spawn(run.drive_until(Shutdown::hear(heard), events));
    let mut delivered = 0;
    while let Some(event) = told.recv().await {
        delivered += usize::from(matches!(event, Event::Delivered(_)));
        if delivered == 10 {
            signals.send(INTERRUPT).expect("the run still listens");
            break;
        }
    }
    let ending = driven.await.expect("no panic").expect("the journal works");
    assert_eq!((ending.cause, ending.signal), (Some(Cause::Signal), Some(INTERRUPT)));
    let states = rig.agrees();
    let accepted = count(&states, State::Accepted);
    assert!((10..200).contains(&accepted), "{accepted}");
    assert_eq!(count(&states, State::Pending), 200 - accepted, "nobody is in doubt");

    let ending = to_its_end(rig.resume(Orders::default()).expect("work is left")).await.expect("an end");
    assert_eq!((ending.cause, ending.recipients.accepted), (None, 200));
    rig.agrees();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_interrupt_names_who_is_in_doubt_and_loses_nobody() {
    let mut mute = Mute::start().await;
    let rig = Rig::new(&people("p", 50), "", ("", ""));
    rig.relay_at(mute.port, "sessions = 3");
    let run = rig.send(Orders::default());
    let ((signals, heard), (events, _told)) = (unbounded_channel(), unbounded_channel());
    let driven = tokio::spawn(run.drive_until(Shutdown::hear(heard), events));
    for _ in 0..3 {
        mute.dots.recv().await.expect("the server lives");
    }
    signals.send(INTERRUPT).expect("the run still listens");
    signals.send(INTERRUPT).expect("the run still listens");
    let ending = driven.await.expect("no panic").expect("the journal works");
    assert_eq!((ending.cause, ending.recipients.uncertain), (Some(Cause::Signal), 3));
    let states = rig.agrees();
    assert_eq!((count(&states, State::Uncertain), count(&states, State::Pending)), (3, 47));

    rig.relay("");
    let ending = to_its_end(rig.resume(Orders::default()).expect("work is left")).await.expect("an end");
    assert_eq!((ending.cause, ending.recipients.accepted, ending.recipients.uncertain), (None, 47, 3));
    rig.agrees();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_open_fate_at_a_time_is_enough_for_many_sessions() {
    let rig = Rig::new(&people("p", 60), "latency = \"2ms\"", ("sessions = 4", "max_uncertain = 1"));
    let ending = to_its_end(rig.send(Orders::default())).await.expect("an end");
    assert_eq!((ending.cause, ending.recipients.accepted), (None, 60));
    rig.agrees();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_larger_than_the_open_fates_goes_alone() {
    let relay = "sessions = 4\nrecipients_per_message = 10";
    let rig =
        Rig::new(&people("p", 60), "latency = \"2ms\"", (relay, "mode = \"grouped\"\nmax_uncertain = 4"));
    let ending = to_its_end(rig.send(Orders::default())).await.expect("an end");
    assert_eq!((ending.cause, ending.recipients.accepted), (None, 60));
    rig.agrees();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_wait_is_told_when_work_is_due_again() {
    let deferring = "defer = [{ recipient = \"*\", reply = \"450 4.2.0 later\", times = 1 }]";
    let rig = Rig::new(&people("p", 2), deferring, ("", ""));
    let run = rig.send(Orders { wait: Wait::Never, ..Orders::default() });
    let started = run.status().started;
    let ending = to_its_end(run).await.expect("an end");
    assert_eq!(ending.cause, Some(Cause::Window));
    assert!(ending.next > started, "{:?}", ending.next);
    let history = History::read(rig.workspace().state_dir()).expect("a journal");
    let ended = history.latest("letter").and_then(|run| run.ended).map(|(reason, _)| reason);
    assert_eq!(ended, Some(EndReason::Retry));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_handed_out_comes_back_when_a_relay_or_the_run_is_stopped() {
    let persona = "latency = \"5ms\"\nrefuse = [{ recipient = \"*\", reply = \"550 5.7.1 no\" }]";
    let table = [
        // Twenty refusals in the same words stop the relay.
        ("stop_if = { rejected = \"100%\", after = 1000000 }", Cause::NoRelay, 20),
        ("stop_if = { rejected = \"10%\", after = 2 }", Cause::StopIf, 2),
    ];
    for (send, cause, refused) in table {
        let rig = Rig::new(&people("p", 60), persona, ("sessions = 1", send));
        let ending = to_its_end(rig.send(Orders::default())).await.expect("an end");
        assert_eq!(ending.cause, Some(cause));
        // Some may be under way on the session; sixteen were handed out.
        let rejected = ending.recipients.rejected;
        assert!((refused..=refused + 4).contains(&rejected), "{rejected} were refused, then it was stopped");
        rig.agrees();
    }
}

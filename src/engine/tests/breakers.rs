//! What stops a run or a relay before many are refused for one reason, and that nobody is suppressed for it.

use std::fs;

use tokio::sync::mpsc::unbounded_channel;

use super::rig::{Rig, people, to_its_end};
use crate::engine::shutdown::Shutdown;
use crate::engine::{Cause, Ending, Event, Orders, Run};
use crate::mail::State;

/// Drives a run to its end, and gives the notes that it told.
async fn noted(run: Run) -> (Ending, Vec<String>) {
    let ((_signals, heard), (events, mut told)) = (unbounded_channel(), unbounded_channel());
    let ending = run.drive_until(Shutdown::hear(heard), events).await.expect("an end");
    let mut notes = Vec::new();
    while let Ok(event) = told.try_recv() {
        if let Event::Note(note) = event {
            notes.push(note);
        }
    }
    (ending, notes)
}

fn suppressions(rig: &Rig) -> Vec<String> {
    let list = fs::read_to_string(rig.workspace().state_dir().join("suppressions")).unwrap_or_default();
    list.lines().filter(|line| line.contains('@')).map(str::to_owned).collect()
}

fn at_many_domains(count: usize, domains: usize) -> Vec<String> {
    (0..count).map(|number| format!("p{number}@d{}.example.net", number % domains)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_turns_to_refuse_everybody_is_stopped_and_nobody_is_suppressed() {
    let persona =
        "refuse = [{ recipient = \"late*@*\", reply = \"550 5.1.1 <x@example.net>: no such user\" }]";
    let mut everybody = people("good", 200);
    everybody.extend(people("late", 200));
    // As if the list were in the order in which the server turns.
    let never = "stop_if = { rejected = \"100%\", after = 1000000 }";
    let rig = Rig::new(&everybody, persona, ("sessions = 2\nwindow = 4", never));
    let (ending, notes) = noted(rig.send(Orders::default())).await;
    assert_eq!((ending.cause, ending.recipients.accepted), (Some(Cause::NoRelay), 200));
    let rejected = ending.recipients.rejected;
    assert!((20..=50).contains(&rejected), "{rejected}");
    assert_eq!(ending.recipients.pending, 200 - rejected, "the others keep their place");
    let told: Vec<&String> = notes.iter().filter(|note| note.contains("in the same words")).collect();
    let [stopped, burst] = told.as_slice() else { panic!("{notes:?}") };
    assert!(stopped.ends_with("in the same words: 550 5.1.1 <address> no such user"), "{stopped}");
    assert!(burst.contains("are not confirmed, and nobody is suppressed"), "{burst}");
    assert_eq!(suppressions(&rig), [""; 0]);
    rig.agrees();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_mailboxes_are_suppressed_after_a_run_without_a_breaker() {
    let persona = "refuse = [{ recipient = \"dead*@*\", reply = \"550 5.1.1 No such user\" }]";
    let mut everybody = people("good", 40);
    everybody.extend(people("dead", 3));
    let rig = Rig::new(&everybody, persona, ("", ""));
    let ending = to_its_end(rig.send(Orders::default())).await.expect("an end");
    assert_eq!((ending.cause, ending.recipients.rejected), (None, 3));
    let list = suppressions(&rig);
    let listed = |number| list.iter().any(|line| line.contains(&format!("dead{number}@example.net")));
    assert!(list.len() == 3 && (0..3).all(listed), "{list:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_ten_domains_refuse_stops_the_campaign_with_samples() {
    let persona =
        "refuse = [{ recipient = \"*\", reply = \"554 5.7.1 Message rejected as spam\", phase = \"end\" }]";
    let rig = Rig::new(&at_many_domains(300, 150), persona, ("sessions = 1", ""));
    let (ending, notes) = noted(rig.send(Orders::default())).await;
    assert_eq!(ending.cause, Some(Cause::StopIf));
    let rejected = ending.recipients.rejected;
    assert!((10..=14).contains(&rejected), "{rejected}");
    assert_eq!(ending.recipients.pending, 300 - rejected);
    let told = notes.iter().find(|note| note.starts_with("stopped: ")).expect("a reason");
    assert!(
        told.contains("the content is refused") && told.contains("Message rejected as spam\", 1"),
        "{told}"
    );
    rig.agrees();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_one_domain_refuses_does_not() {
    let persona = "refuse = [{ recipient = \"*@d1.example.net\", reply = \"554 5.7.1 Message rejected as spam\", phase = \"end\" }]";
    let rig = Rig::new(&at_many_domains(300, 5), persona, ("sessions = 1", ""));
    let (ending, _) = noted(rig.send(Orders::default())).await;
    assert_eq!((ending.cause, ending.recipients.rejected), (None, 60));
    assert_eq!(rig.agrees().values().filter(|state| **state == State::Accepted).count(), 240);
    assert_eq!(suppressions(&rig), [""; 0], "content is no reason to suppress anybody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_rejected_stop_the_campaign_with_samples() {
    let persona = "refuse = [{ recipient = \"*1@*\", reply = \"550 5.1.1 No such user\" }]";
    let rig = Rig::new(&people("p", 300), persona, ("", "stop_if = { rejected = \"5%\", after = 50 }"));
    let (ending, notes) = noted(rig.send(Orders::default())).await;
    assert_eq!(ending.cause, Some(Cause::StopIf));
    let told = notes.iter().find(|note| note.starts_with("stopped: ")).expect("a reason");
    assert!(told.contains("recipients were rejected. Refused were: \"550 5.1.1 No such user\", "), "{told}");
    assert!(!told.contains('@'), "nobody is named: {told}");
    assert_eq!(suppressions(&rig), [""; 0]);
}

/// A run that was cut off before it came to its end: nobody was suppressed by it.
fn cut_off(rig: &Rig) {
    let state = rig.workspace().state_dir().to_owned();
    fs::write(state.join("suppressions"), "").expect("the list as it was before the end");
    let journal = fs::read_dir(state.join("journal")).expect("a journal");
    let first = journal.flatten().map(|entry| entry.path()).min().expect("a segment");
    let mut octets = fs::read(&first).expect("a segment");
    // The record of the end is the last: a crash before it leaves zeros.
    let end = octets.iter().rposition(|octet| *octet != 0).expect("records") + 1;
    let begins = (0..end - 17).rev().find(|at| {
        let length = u32::from_le_bytes(octets[*at..at + 4].try_into().expect("four octets")) as usize;
        at + 17 + length + 4 == end && octets[at + 4] & 0x7f == 11
    });
    octets[begins.expect("the record of an end")..].fill(0);
    fs::write(&first, octets).expect("a segment");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mailboxes_named_as_dead_before_a_crash_are_suppressed_by_the_run_that_goes_on() {
    let persona = "refuse = [{ recipient = \"dead*@*\", reply = \"550 5.1.1 No such user\" }]";
    let mut everybody = people("dead", 3);
    everybody.extend(people("good", 40));
    let rig = Rig::new(&everybody, persona, ("sessions = 1", ""));
    to_its_end(rig.send(Orders { limit: Some(20), ..Orders::default() })).await.expect("an end");
    assert_eq!(suppressions(&rig).len(), 3);
    cut_off(&rig);
    assert_eq!(suppressions(&rig).len(), 0);
    let ending = to_its_end(rig.resume(Orders::default()).expect("work is left")).await.expect("an end");
    assert_eq!((ending.recipients.accepted, ending.recipients.rejected), (40, 3));
    let list = suppressions(&rig);
    assert!(list.len() == 3 && list.iter().all(|line| line.contains("dead")), "{list:?}");
    assert!(list[0].ends_with("refused as dead: 550 5.1.1 No such user"), "{list:?}");
    rig.agrees();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_cut_off_with_its_last_outcome_is_brought_to_its_end() {
    let persona = "refuse = [{ recipient = \"dead*@*\", reply = \"550 5.1.1 No such user\" }]";
    let mut everybody = people("dead", 1);
    everybody.extend(people("good", 4));
    let rig = Rig::new(&everybody, persona, ("sessions = 1", ""));
    to_its_end(rig.send(Orders::default())).await.expect("an end");
    cut_off(&rig);
    to_its_end(rig.resume(Orders::default()).expect("it has no end")).await.expect("an end");
    assert_eq!(suppressions(&rig).len(), 1);
    assert!(rig.resume(Orders::default()).is_err(), "nothing is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_burst_before_a_crash_nobody_is_suppressed() {
    let persona =
        "refuse = [{ recipient = \"late*@*\", reply = \"550 5.1.1 <x@example.net>: no such user\" }]";
    let mut everybody = people("late", 25);
    everybody.extend(people("good", 40));
    let never = "stop_if = { rejected = \"100%\", after = 1000000 }";
    let rig = Rig::new(&everybody, persona, ("sessions = 1", never));
    to_its_end(rig.send(Orders::default())).await.expect("an end");
    cut_off(&rig);
    let ending =
        to_its_end(rig.resume(Orders { limit: Some(1), ..Orders::default() }).expect("work is left"));
    ending.await.expect("an end");
    assert_eq!(suppressions(&rig), [""; 0]);
}

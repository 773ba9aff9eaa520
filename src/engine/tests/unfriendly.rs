//! A server that refuses, defers, takes few at once and hangs up: what the journal says is what it did.

use super::rig::{Rig, people, to_its_end};
use crate::engine::{Orders, Uncertain};
use crate::mail::State;

const PERSONA: &str = r#"
recipients_per_message = 3
refuse = [{ recipient = "gone*@*", reply = "550 5.1.1 No such user" }]
defer = [{ recipient = "grey*@*", reply = "450 4.7.1 Greylisted", times = 1 }]
drop = { every = 11, at = "before_dot_reply" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_ends_where_the_server_says() {
    let kinds = [people("good", 60), people("gone", 4), people("grey", 12)];
    // One after the other, so that every batch has some of each kind.
    let mixed: Vec<String> =
        (0..60).flat_map(|n| kinds.iter().filter_map(move |kind| kind.get(n)).cloned()).collect();
    let send = "mode = \"grouped\"\nretry = { first = \"200ms\", max = \"1s\" }";
    let rig = Rig::new(&mixed, PERSONA, ("sessions = 4\nrecipients_per_message = 7", send));
    let ending = to_its_end(rig.send(Orders::default())).await.expect("an end");
    assert_eq!(ending.cause, None);
    let states = rig.agrees();
    for (who, state) in &states {
        match state {
            State::Rejected => assert!(who.starts_with("gone"), "{who}"),
            State::Accepted | State::Uncertain => assert!(!who.starts_with("gone"), "{who}"),
            other => panic!("{who} is {other:?} at the end"),
        }
    }
    assert!(states.values().any(|state| *state == State::Uncertain), "some line was lost");

    let orders = Orders { uncertain: Uncertain::Resend, ..Orders::default() };
    let ending = to_its_end(rig.resume(orders).expect("some are in doubt")).await.expect("an end");
    assert_eq!(ending.status.relays["desk"].uncertain, ending.recipients.uncertain, "nobody counts twice");
    let taken = rig.taken();
    assert!(taken.values().any(|ids| ids.len() > 1), "somebody was written to again, as told");
    for (who, ids) in taken {
        assert!(ids.iter().all(|id| *id == ids[0]), "{who} got one message under several ids: {ids:?}");
    }
}

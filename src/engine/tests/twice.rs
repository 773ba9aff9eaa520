//! Nobody is written to twice by accident, whoever sends a plan again.

use super::rig::{Rig, people, to_its_end};
use crate::engine::{EngineError, Orders, Run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_was_sent_is_not_sent_again() {
    let rig = Rig::new(&people("p", 5), "", ("", ""));
    let planned = rig.plan();
    let run = Run::send(rig.desk(), &planned, Orders::default()).expect("nobody was written to");
    to_its_end(run).await.expect("an end");

    let named = rig.desk().frozen(&planned.id.to_string());
    assert!(matches!(named, Err(EngineError::Differs { .. })), "named by its id");
    // As a `send` would that has waited at its question meanwhile.
    let again = Run::send(rig.desk(), &planned, Orders::default());
    assert!(matches!(again, Err(EngineError::Differs { .. })), "sent to everybody again");
    rig.agrees();
}

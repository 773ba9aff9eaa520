//! What whoever holds the lock knows without reading the journal once more.

use super::super::store::Store;
use super::{History, Run};

impl Store {
    /// Everything that the journal of the workspace says, with what was recorded and is not durable yet. What
    /// is on its way counts as pending.
    pub fn history(&self) -> History {
        let recorder = self.desk().recorder();
        let fold = &recorder.fold;
        History {
            state: self.root().to_owned(),
            runs: fold.runs.values().cloned().map(Run::of).collect(),
            usages: fold.ledger.usages().clone(),
            last: fold.recorded().map(|recorded| recorded.last),
            alive: Some(std::process::id()),
        }
    }
}

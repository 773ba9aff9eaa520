//! Editions of a campaign: who was written to in one, so that nobody is written to twice by accident.
//!
//! A plan leaves out whoever stood accepted or uncertain when it was made. As time passes between a plan
//! and its run, and a plan can be named again after it was sent, whoever begins a run asks once more,
//! with the lock in hand.

use std::collections::HashSet;

use crate::mail::AddressKey;
use crate::store::{History, Plan, StoreError};

use super::desk::Desk;
use super::error::EngineError;
use super::prepare::Again;

impl Desk {
    /// The edition that is planned: that of the last run, or one more.
    pub(super) fn edition(&self, history: &History, again: Again) -> u32 {
        let last = history.runs.iter().filter(|run| run.campaign == self.campaign.name && !run.sandbox);
        let last = last.map(|run| run.edition).max();
        match again {
            Again::No => last.unwrap_or(1),
            Again::Yes => last.map_or(1, |edition| edition + 1),
        }
    }

    /// Whom earlier runs of this edition have written to, or may have.
    pub(super) fn already(
        &self,
        history: &History,
        edition: u32,
    ) -> Result<HashSet<AddressKey>, EngineError> {
        if self.is_sandbox() {
            return Ok(HashSet::new());
        }
        let mut already = HashSet::new();
        for (plan, ranges) in history.written_to(&self.campaign.name) {
            let plan = match Plan::open(self.workspace.state_dir(), plan) {
                Ok(plan) => plan,
                // Purged: its recipients stand on the suppression list as hashes.
                Err(StoreError::NoPlan(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            if plan.head().content.edition != edition {
                continue;
            }
            for range in ranges {
                for recipient in plan.scan(range) {
                    already.insert(recipient?.address.key());
                }
            }
        }
        Ok(already)
    }

    /// Makes sure that a plan names nobody to whom its edition was sent since it was made.
    ///
    /// # Errors
    /// [`EngineError::Differs`] if it does; or a plan cannot be read.
    pub(super) fn nobody_twice(&self, plan: &Plan, history: &History) -> Result<(), EngineError> {
        let already = self.already(history, plan.head().content.edition)?;
        if already.is_empty() {
            return Ok(());
        }
        let mut twice = 0_u32;
        for recipient in plan.scan(0..plan.len()) {
            twice += u32::from(already.contains(&recipient?.address.key()));
        }
        if twice == 0 {
            return Ok(());
        }
        let what = format!(
            "{twice} of its {} recipients were written to since it was made: a new plan leaves them out",
            plan.len()
        );
        Err(EngineError::Differs { what: vec![what] })
    }
}

//! Editions of a campaign: who was written to in one, so that nobody is written to twice by accident.
//!
//! A plan leaves out whoever stood accepted or uncertain when it was made. As time passes between a plan
//! and its run, and a plan can be named again after it was sent, whoever begins a run asks once more,
//! with the lock in hand. Those whose plan was purged are recognised by their seals.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use crate::mail::{AddressKey, PlanId};
use crate::store::{History, Keys, Plan, PurgedPlan, Seal, StoreError};

use super::desk::Desk;
use super::error::EngineError;
use super::prepare::Again;

/// Addresses that were written to, or may have been.
#[derive(Debug, Default)]
pub(super) struct Already {
    named: HashSet<AddressKey>,
    /// Those of purged plans, and what recognises them.
    sealed: HashSet<Seal>,
    keys: Option<Keys>,
}

impl Already {
    /// Whether this address is one of them.
    pub(super) fn contains(&self, key: AddressKey) -> bool {
        let is_sealed = |keys: &Keys| self.sealed.contains(&keys.seal(key));
        self.named.contains(&key) || self.keys.as_ref().is_some_and(is_sealed)
    }

    /// Whether there is nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.sealed.is_empty()
    }

    /// Adds those at these places of a plan that was purged.
    fn recall(&mut self, state: &Path, id: PlanId, places: &[Range<u32>]) -> Result<(), EngineError> {
        let Some(purged) = PurgedPlan::open(state, id)? else { return Ok(()) };
        for range in places {
            self.sealed.extend(purged.seals(range)?);
        }
        if self.keys.is_none() {
            self.keys = Some(Keys::open(state)?);
        }
        Ok(())
    }
}

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
    pub(super) fn already(&self, history: &History, edition: u32) -> Result<Already, EngineError> {
        let mut already = Already::default();
        if self.is_sandbox() {
            return Ok(already);
        }
        let state = self.workspace.state_dir();
        for (id, sent, ranges) in history.written_to(&self.campaign.name) {
            if sent != edition {
                continue;
            }
            match Plan::open(state, id) {
                Ok(plan) => {
                    for recipient in ranges.into_iter().flat_map(|range| plan.scan(range)) {
                        already.named.insert(recipient?.address.key());
                    }
                }
                Err(StoreError::Purged { .. }) => already.recall(state, id, &ranges)?,
                // Somebody removed it by hand, and with it every trace of whom it wrote to.
                Err(StoreError::NoPlan(_)) => {}
                Err(error) => return Err(error.into()),
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
            twice += u32::from(already.contains(recipient?.address.key()));
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

//! What changed in the fold since the index took it in last.

use crate::mail::{Account, RunNo, Usage};

use super::book::{BLOCK, RunBook};
use super::entries::{BatchKey, Waiting};
use super::fold::Fold;
use super::frame::Lsn;
use super::record::Millis;

/// Where things stand after record `upto`, as far as they changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    pub(super) upto: Lsn,
    pub(super) blocks: Vec<(RunNo, u32, Vec<u8>)>,
    pub(super) waiting: Vec<(RunNo, u32, Option<Waiting>)>,
    pub(super) dates: Vec<(RunNo, BatchKey, Option<Millis>)>,
    pub(super) parts: Vec<(RunNo, u32, u16)>,
    pub(super) usages: Vec<(Account, Usage)>,
}

impl Changes {
    /// Takes what was touched since it was taken last.
    pub(super) fn take(fold: &mut Fold, upto: Lsn) -> Self {
        let mut changes = Self { upto, ..Self::default() };
        for run in fold.runs.values_mut() {
            changes.take_run(run);
        }
        let accounts = std::mem::take(&mut fold.touched_accounts);
        for account in accounts {
            if let Some(usage) = fold.ledger.usages().get(&account) {
                changes.usages.push((account, usage.clone()));
            }
        }
        changes
    }

    /// Whether nothing was touched.
    pub(super) fn is_empty(&self) -> bool {
        let nobody = self.blocks.is_empty() && self.waiting.is_empty();
        nobody && self.dates.is_empty() && self.parts.is_empty() && self.usages.is_empty()
    }

    fn take_run(&mut self, run: &mut RunBook) {
        let touched = std::mem::take(&mut run.touched);
        for block in touched.blocks {
            self.blocks.push((run.no, block, states_of(run, block)));
        }
        for recipient in touched.waiting {
            self.waiting.push((run.no, recipient, run.waiting.get(&recipient).copied()));
        }
        for batch in touched.dates {
            self.dates.push((run.no, batch, run.dates.get(&batch).copied()));
        }
        for number in touched.parts {
            if let Some(part) = run.parts.get(&number) {
                self.parts.push((run.no, number, *part));
            }
        }
    }
}

/// The states of one block, an octet a recipient.
fn states_of(run: &RunBook, block: u32) -> Vec<u8> {
    let start = (block * BLOCK) as usize;
    let end = (start + BLOCK as usize).min(run.states.len());
    run.states[start.min(end)..end].iter().map(|state| *state as u8).collect()
}

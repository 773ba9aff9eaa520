//! Renders rows on every core, a block a thread, and gives the blocks back in their order.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::thread::{self, Scope, ScopedJoinHandle};

use crate::compose::{Checked, Composer, RowFault};
use crate::mail::Recipient;

/// Rows, and what each gives or what is wrong with it.
pub(super) type Rendered = Vec<(Recipient, Result<Checked, RowFault>)>;

/// How many blocks may be under way when another is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    /// So many that no core is idle.
    AsManyAsCores,
    /// None: the rest is wanted.
    None,
}

/// Blocks that are being rendered, each by a thread of its own; they come back in their order.
pub(super) struct Rendering<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    composer: &'env Composer,
    cores: usize,
    under_way: VecDeque<ScopedJoinHandle<'scope, Rendered>>,
}

impl<'scope, 'env> Rendering<'scope, 'env> {
    pub(super) fn new(scope: &'scope Scope<'scope, 'env>, composer: &'env Composer) -> Self {
        Self { scope, composer, cores: cores(), under_way: VecDeque::new() }
    }

    /// Begins to render a block.
    pub(super) fn begin(&mut self, rows: Vec<Recipient>) {
        let composer = self.composer;
        let check = move |mut row: Recipient| {
            let checked = composer.check(&row);
            if let Ok(Checked { seal: Some(seal), .. }) = &checked {
                // The plan keeps it behind the cells.
                row.fields.push(seal);
            }
            (row, checked)
        };
        self.under_way.push_back(self.scope.spawn(move || rows.into_iter().map(check).collect()));
    }

    /// The first block that was begun, once it is rendered; none while no more are under way than may be.
    pub(super) fn next(&mut self, pending: Pending) -> Option<Rendered> {
        let may_be = match pending {
            Pending::AsManyAsCores => self.cores,
            Pending::None => 0,
        };
        if self.under_way.len() <= may_be {
            return None;
        }
        let first = self.under_way.pop_front()?;
        Some(first.join().expect("rendering does not panic"))
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// What is wrong with each of `rows`, rendered on every core.
pub(super) fn render(composer: &Composer, rows: &[Recipient]) -> Vec<Option<RowFault>> {
    let share = rows.len().div_ceil(cores()).max(1);
    thread::scope(|scope| {
        let check = |part: &[Recipient]| part.iter().map(|row| composer.check(row).err()).collect::<Vec<_>>();
        let workers: Vec<_> = rows.chunks(share).map(|part| scope.spawn(move || check(part))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("rendering does not panic")).collect()
    })
}

//! Goes through a list once: who is written to, who is not, and why.
//!
//! `check` stops here, `plan` and `send` freeze what comes out. Rendering a row is most of the work, so
//! every core renders blocks of them, while the list is read on and what is rendered is planned in order.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroUsize;
use std::thread::{self, Scope, ScopedJoinHandle};

use crate::campaign::{Campaign, Entry, List, Workspace};
use crate::compose::{Composer, RowFault};
use crate::mail::{AddressKey, Excluded, Mode, Reason, Recipient};
use crate::plan::{self, Planner, Rules, Standing};

use super::edition::Already;
use super::error::{EngineError, Unfit};
use super::prepare::Invalid;

/// Of a hundred rows, so many may be invalid before nobody should go on.
pub(super) const INVALID_PERCENT: u64 = 5;
/// How many rows that do not render are kept to be shown.
const SHOWN: usize = 20;
/// Rows of a block: enough that a thread for it costs nothing beside rendering them, and less than a MiB.
const BLOCK: usize = 2048;

/// Whether every row is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Render {
    /// Every part of every row, strictly.
    Strict,
    /// No row.
    No,
}

/// One row that is not written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The row in the list's file.
    pub row: u32,
    /// Why.
    pub reason: Reason,
    /// In words; empty where the reason says it all.
    pub what: String,
    /// The address, where there is one.
    pub email: String,
}

impl LeftOut {
    /// The row of `recipient`, which does not render.
    pub(super) fn unrendered(recipient: &Recipient, fault: &RowFault) -> Self {
        let email = recipient.address.as_str().to_owned();
        Self { row: recipient.row, reason: Reason::Invalid, what: fault.to_string(), email }
    }
}

impl From<plan::LeftOut> for LeftOut {
    fn from(left_out: plan::LeftOut) -> Self {
        let plan::LeftOut { row, reason, email, what } = left_out;
        Self { row, reason, what, email }
    }
}

/// Who must or need not be written to.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// On the suppression list.
    pub suppressed: HashSet<AddressKey>,
    /// Written to by this edition of the campaign.
    pub already: Already,
}

impl Known {
    fn standing(&self, key: AddressKey) -> Standing {
        if self.suppressed.contains(&key) {
            Standing::Suppressed
        } else if self.already.contains(key) {
            Standing::Already
        } else {
            Standing::Free
        }
    }

    fn is_empty(&self) -> bool {
        self.suppressed.is_empty() && self.already.is_empty()
    }
}

/// What going through the list found.
#[derive(Debug)]
pub(super) struct Survey {
    /// Rows of the list, the header not counted.
    pub rows: u64,
    /// Batches, exclusions, and the first rows left out.
    pub planned: plan::Planned,
    /// Rows that do not render; they are counted among the invalid too.
    pub unrendered: Unrendered,
    /// A hash over the octets of the list's file.
    pub list: blake3::Hash,
}

/// Rows that do not render.
#[derive(Debug, Default)]
pub(super) struct Unrendered {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub samples: Vec<LeftOut>,
}

impl Survey {
    /// Why nothing should be sent to this list, if so.
    pub(super) fn unfit(&self, unrendered: Invalid) -> Option<Unfit> {
        let rows = self.rows;
        if unrendered == Invalid::Stop && self.unrendered.count > 0 {
            let Unrendered { count, samples } = &self.unrendered;
            return Some(Unfit::Unrendered { count: *count, rows, samples: samples.clone() });
        }
        let count = self.excluded().invalid;
        if count * 100 <= rows * INVALID_PERCENT {
            return None;
        }
        let invalid = self.planned.samples.iter().filter(|left| left.reason == Reason::Invalid);
        Some(Unfit::TooManyInvalid { count, rows, samples: invalid.cloned().map(LeftOut::from).collect() })
    }

    /// Rows left out.
    pub(super) fn excluded(&self) -> Excluded {
        self.planned.excluded
    }
}

/// How a list is gone through.
pub(super) struct Surveyor<'a> {
    /// Where its campaign lies.
    pub workspace: &'a Workspace,
    /// Whose list it is.
    pub campaign: &'a Campaign,
    /// Renders the rows; also tells the variants of grouped mode apart.
    pub composer: &'a Composer,
    /// Whether rows are rendered.
    pub render: Render,
    /// Who must or need not be written to.
    pub known: &'a Known,
    /// The most recipients a batch may have.
    pub recipients_per_message: u32,
}

impl Surveyor<'_> {
    /// Goes through the list; `take` is given everybody who is written to, in the order of the list, and
    /// `watch` the number of rows so far.
    ///
    /// # Errors
    /// What is wrong with the list as such, or with what `take` does.
    pub(super) fn survey(
        &self,
        take: &mut dyn FnMut(&Recipient) -> Result<(), EngineError>,
        watch: &dyn Fn(u64),
    ) -> Result<Survey, EngineError> {
        thread::scope(|scope| self.go_through(&mut Rendering::new(scope, self.composer), take, watch))
    }

    fn go_through<'env>(
        &self,
        rendering: &mut Rendering<'_, 'env>,
        take: &mut dyn FnMut(&Recipient) -> Result<(), EngineError>,
        watch: &dyn Fn(u64),
    ) -> Result<Survey, EngineError> {
        let mut list = List::open(self.workspace, self.campaign)?;
        let mode = self.campaign.content.mode;
        let mut planner = Planner::new(Rules { mode, recipients_per_message: self.recipients_per_message });
        let mut block = Vec::new();
        let mut rows = 0_u64;
        let mut unrendered = Unrendered::default();
        while let Some(entry) = list.next()? {
            rows += 1;
            match entry {
                Entry::Good(recipient) => match self.render {
                    Render::Strict => block.push(recipient.clone()),
                    Render::No => self.offer(&mut planner, recipient, take)?,
                },
                Entry::Invalid { row, email, what } => {
                    planner.exclude(row, Reason::Invalid, &email, &what);
                }
                Entry::Filtered { row } => planner.exclude(row, Reason::Filtered, "", ""),
                Entry::Undecided { row, email, what } => {
                    planner.exclude(row, Reason::Filtered, &email, &what);
                }
            }
            if block.len() == BLOCK {
                rendering.begin(std::mem::take(&mut block));
                while let Some(rendered) = rendering.next(Pending::AsManyAsCores) {
                    self.settle(&mut planner, &rendered, &mut unrendered, take)?;
                }
            }
            if rows.is_multiple_of(2 * BLOCK as u64) {
                watch(rows);
            }
        }
        rendering.begin(block);
        while let Some(rendered) = rendering.next(Pending::None) {
            self.settle(&mut planner, &rendered, &mut unrendered, take)?;
        }
        watch(rows);
        let hash = list.hash().expect("the list was read to its end");
        Ok(Survey { rows, planned: planner.finish(), unrendered, list: hash })
    }

    /// Offers whoever of a block can be written to.
    fn settle(
        &self,
        planner: &mut Planner,
        rendered: &[(Recipient, Option<RowFault>)],
        unrendered: &mut Unrendered,
        take: &mut dyn FnMut(&Recipient) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        for (recipient, fault) in rendered {
            let Some(fault) = fault else {
                self.offer(planner, recipient, take)?;
                continue;
            };
            let left_out = LeftOut::unrendered(recipient, fault);
            planner.exclude(left_out.row, left_out.reason, &left_out.email, &left_out.what);
            if unrendered.samples.len() < SHOWN {
                unrendered.samples.push(left_out);
            }
            unrendered.count += 1;
        }
        Ok(())
    }

    fn offer(
        &self,
        planner: &mut Planner,
        recipient: &Recipient,
        take: &mut dyn FnMut(&Recipient) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let standing =
            if self.known.is_empty() { Standing::Free } else { self.known.standing(recipient.address.key()) };
        let variant = match self.campaign.content.mode {
            Mode::Personal => None,
            Mode::Grouped => Some(self.composer.variant(recipient)),
        };
        match planner.offer(recipient, standing, variant) {
            Ok(()) => take(recipient),
            // Counted by the planner.
            Err(_) => Ok(()),
        }
    }
}

/// Rows, and what is wrong with each.
type Rendered = Vec<(Recipient, Option<RowFault>)>;

/// How many blocks may be under way when another is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    /// So many that no core is idle.
    AsManyAsCores,
    /// None: the rest is wanted.
    None,
}

/// Blocks that are being rendered, each by a thread of its own; they come back in their order.
struct Rendering<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    composer: &'env Composer,
    cores: usize,
    under_way: VecDeque<ScopedJoinHandle<'scope, Rendered>>,
}

impl<'scope, 'env> Rendering<'scope, 'env> {
    fn new(scope: &'scope Scope<'scope, 'env>, composer: &'env Composer) -> Self {
        Self { scope, composer, cores: cores(), under_way: VecDeque::new() }
    }

    /// Begins to render a block.
    fn begin(&mut self, rows: Vec<Recipient>) {
        let composer = self.composer;
        let check = move |row| inspect(composer, row);
        self.under_way.push_back(self.scope.spawn(move || rows.into_iter().map(check).collect()));
    }

    /// The first block that was begun, once it is rendered; none while no more are under way than may be.
    fn next(&mut self, pending: Pending) -> Option<Rendered> {
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

/// Renders a row, and puts the seal of its own files behind its cells.
fn inspect(composer: &Composer, mut row: Recipient) -> (Recipient, Option<RowFault>) {
    match composer.check(&row) {
        Ok(inspected) => {
            if let Some(seal) = inspected.seal {
                row.fields.push(&seal);
            }
            (row, None)
        }
        Err(fault) => (row, Some(fault)),
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

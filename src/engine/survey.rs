//! Goes through a list once: who is written to, who is not, and why.
//!
//! `check` stops here, `plan` and `send` freeze what comes out. Rendering a row is most of the work, so
//! every core renders blocks of them, while the list is read on and what is rendered is planned in order.

use std::collections::HashSet;
use std::thread;

use crate::campaign::{Campaign, Entry, List, Misfit, Workspace};
use crate::compose::{Checked, Composer, RowFault};
use crate::mail::{AddressKey, Excluded, Mode, Reason, Recipient};
use crate::plan::{self, Domains, Planner, Rules, Standing};

use super::edition::Already;
use super::error::{EngineError, Unfit};
use super::gather::{Gather, Gathered};
use super::prepare::Invalid;
use super::rendering::{Pending, Rendering};
use super::summary::{RowKind, Summary};
use super::takes::Takes;

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
    /// A row that cannot be written to.
    fn invalid(row: u32, email: &str, what: String) -> Self {
        Self { row, reason: Reason::Invalid, what, email: email.to_owned() }
    }

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
    /// What was found, by kind.
    pub summary: Summary,
    /// The numbers of the rows that are invalid, do not render, or stand there a second time.
    pub bad: Vec<u32>,
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
    /// Renders the rows; also tells the messages of grouped mode apart.
    pub composer: &'a Composer,
    /// Whether rows are rendered.
    pub render: Render,
    /// Who must or need not be written to.
    pub known: &'a Known,
    /// The most recipients a batch may have.
    pub recipients_per_message: u32,
    /// What the relays take.
    pub takes: Takes,
}

/// What is done with everybody who is written to.
type Take<'a> = &'a mut dyn FnMut(&Recipient) -> Result<(), EngineError>;

impl Surveyor<'_> {
    /// Goes through the list; `take` is given everybody who is written to, in the order of the list, and
    /// `watch` the number of rows so far.
    ///
    /// # Errors
    /// What is wrong with the list as such, or with what `take` does.
    pub(super) fn survey(&self, take: Take<'_>, watch: &dyn Fn(u64)) -> Result<Survey, EngineError> {
        let rules = Rules {
            mode: self.campaign.content.mode,
            recipients_per_message: self.recipients_per_message,
            domains: if self.campaign.split_by_domain { Domains::Apart } else { Domains::Together },
        };
        thread::scope(|scope| {
            let course = Course {
                surveyor: self,
                rendering: Rendering::new(scope, self.composer),
                block: Vec::new(),
                lines: 0,
                planner: Planner::new(rules),
                summary: Summary::default(),
                bad: Vec::new(),
                unrendered: Unrendered::default(),
                take,
            };
            course.go_through(watch)
        })
    }

    /// Whether rows are rendered, be it only to tell messages apart.
    fn renders(&self) -> bool {
        self.render == Render::Strict || self.campaign.content.mode == Mode::Grouped
    }
}

/// A list that is being gone through.
struct Course<'a, 'scope, 'env> {
    surveyor: &'a Surveyor<'a>,
    rendering: Rendering<'scope, 'env>,
    /// The recipients that are rendered next, and the rows they have.
    block: Vec<Recipient>,
    lines: usize,
    planner: Planner,
    summary: Summary,
    bad: Vec<u32>,
    unrendered: Unrendered,
    take: Take<'a>,
}

impl Course<'_, '_, '_> {
    fn go_through(mut self, watch: &dyn Fn(u64)) -> Result<Survey, EngineError> {
        let Surveyor { workspace, campaign, .. } = self.surveyor;
        let mut list = List::open(workspace, campaign)?;
        let mut gather = Gather::new(&campaign.content, workspace.state_dir())?;
        let mut rows = 0_u64;
        while let Some(entry) = list.next()? {
            rows += 1;
            match (entry, &mut gather) {
                (Entry::Good(recipient), None) => self.row(recipient)?,
                (Entry::Good(recipient), Some(gather)) => {
                    if let Err(ownerless) = gather.add(recipient)? {
                        let email = recipient.address.as_str();
                        self.unrendered(
                            RowKind::Torn,
                            LeftOut::invalid(recipient.row, email, ownerless.what),
                        );
                    }
                }
                (Entry::Invalid { row, email, misfit, what }, None) => {
                    self.exclude(RowKind::Misfit(misfit), LeftOut::invalid(row, &email, what));
                }
                (Entry::Invalid { row, email, misfit, what }, Some(gather)) => {
                    let left_out = LeftOut::invalid(row, &email, what);
                    // Somebody's message may lack this row.
                    if misfit == Misfit::Address && gather.by_address() {
                        self.exclude(RowKind::Misfit(misfit), left_out);
                    } else {
                        self.unrendered(RowKind::Misfit(misfit), left_out);
                    }
                }
                (Entry::Filtered { row }, _) => {
                    let reason = Reason::Filtered;
                    let left_out = LeftOut { row, reason, what: String::new(), email: String::new() };
                    self.exclude(RowKind::LeftOut(reason), left_out);
                }
                (Entry::Undecided { row, email, what }, _) => {
                    self.exclude(RowKind::Undecided, LeftOut { row, reason: Reason::Filtered, what, email });
                }
            }
            if gather.is_none() && rows.is_multiple_of(2 * BLOCK as u64) {
                watch(rows);
            }
        }
        if let Some(gather) = gather {
            self.people(gather, watch)?;
        }
        self.render_block(Pending::None)?;
        watch(rows);
        let list = list.hash().expect("the list was read to its end");
        let Self { planner, summary, bad, unrendered, .. } = self;
        Ok(Survey { rows, planned: planner.finish(), summary, bad, unrendered, list })
    }

    /// Goes on with the rows that were gathered, person by person.
    fn people(&mut self, gather: Gather, watch: &dyn Fn(u64)) -> Result<(), EngineError> {
        let mut people = gather.finish()?;
        let mut seen = 0_u64;
        while let Some(person) = people.next()? {
            let before = seen;
            match person {
                Gathered::Whole(recipient) => {
                    seen += 1 + recipient.more.len() as u64;
                    self.row(&recipient)?;
                }
                Gathered::Torn { rows, email, what } => {
                    seen += rows.len() as u64;
                    for row in rows {
                        self.unrendered(RowKind::Torn, LeftOut::invalid(row, &email, what.clone()));
                    }
                }
            }
            if before / (2 * BLOCK as u64) != seen / (2 * BLOCK as u64) {
                watch(seen);
            }
        }
        Ok(())
    }

    /// Somebody whose rows are in order.
    fn row(&mut self, recipient: &Recipient) -> Result<(), EngineError> {
        if !self.surveyor.renders() {
            return self.offer(recipient, None);
        }
        self.lines += 1 + recipient.more.len();
        self.block.push(recipient.clone());
        if self.lines >= BLOCK { self.render_block(Pending::AsManyAsCores) } else { Ok(()) }
    }

    fn render_block(&mut self, pending: Pending) -> Result<(), EngineError> {
        self.lines = 0;
        self.rendering.begin(std::mem::take(&mut self.block));
        while let Some(rendered) = self.rendering.next(pending) {
            for (recipient, checked) in &rendered {
                self.settle(recipient, checked)?;
            }
        }
        Ok(())
    }

    /// Offers somebody who was rendered, if there is a message for them.
    fn settle(
        &mut self,
        recipient: &Recipient,
        checked: &Result<Checked, RowFault>,
    ) -> Result<(), EngineError> {
        match checked {
            Ok(checked) => {
                self.heed(recipient, checked);
                self.offer(recipient, checked.variant)
            }
            Err(fault) if self.surveyor.render == Render::Strict => {
                self.unrendered(RowKind::Message(fault.kind), LeftOut::unrendered(recipient, fault));
                self.bad.extend(recipient.more.iter().map(|line| line.row));
                Ok(())
            }
            // Nobody asked yet; whoever sends will.
            Err(_) => self.offer(recipient, None),
        }
    }

    /// Counts what is worth a look in a message.
    fn heed(&mut self, recipient: &Recipient, checked: &Checked) {
        for finding in &checked.findings {
            let kind = RowKind::Message(finding.kind);
            self.summary.add(kind, || LeftOut::unrendered(recipient, finding));
        }
        for (kind, what) in self.surveyor.takes.refused(&recipient.address, checked.octets) {
            self.summary
                .add(kind, || LeftOut::invalid(recipient.row, recipient.address.as_str(), what.to_string()));
        }
    }

    fn offer(&mut self, recipient: &Recipient, variant: Option<u128>) -> Result<(), EngineError> {
        let known = self.surveyor.known;
        let standing =
            if known.is_empty() { Standing::Free } else { known.standing(recipient.address.key()) };
        match self.planner.offer(recipient, standing, variant) {
            Ok(()) => (self.take)(recipient),
            // Counted by the planner.
            Err(reason) => {
                if reason == Reason::Duplicate {
                    self.bad.push(recipient.row);
                    self.bad.extend(recipient.more.iter().map(|line| line.row));
                }
                self.summary.add(RowKind::LeftOut(reason), || LeftOut {
                    row: recipient.row,
                    reason,
                    what: String::new(),
                    email: recipient.address.as_str().to_owned(),
                });
                Ok(())
            }
        }
    }

    /// Counts a row that is not written to.
    fn exclude(&mut self, kind: RowKind, left_out: LeftOut) {
        let LeftOut { row, reason, what, email } = &left_out;
        self.planner.exclude(*row, *reason, email, what);
        if *reason == Reason::Invalid {
            self.bad.push(*row);
        }
        self.summary.add(kind, || left_out);
    }

    /// The same, of a row without which nobody should go on.
    fn unrendered(&mut self, kind: RowKind, left_out: LeftOut) {
        if self.unrendered.samples.len() < SHOWN {
            self.unrendered.samples.push(left_out.clone());
        }
        self.unrendered.count += 1;
        self.exclude(kind, left_out);
    }
}

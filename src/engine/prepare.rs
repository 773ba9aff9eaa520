//! Freezing a campaign: its list gone through, its content kept, its course foretold.
//!
//! A plan is on disk before anything is said about it, and its id names it from then on. Planning takes
//! no lock: what another process sends meanwhile is heeded when the plan is sent.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::compose::Composer;
use crate::mail::{Attachment, Batches, Content, PlanId, Source};
use crate::store::{History, Plan, PlanHead, PlanWriter, RowsEach, plans, remove_plan};

use super::desk::Desk;
use super::domains::domains;
use super::enclosed::{self, composer};
use super::error::{EngineError, Unfit};
use super::frozen::{frozen_content, was_tested};
use super::rendering::render;
use super::report::{Frozen, PlanReport};
use super::survey::{Known, LeftOut, Render, Survey};
use super::whatif;

/// Recipients of a frozen plan that are rendered together.
const BLOCK: usize = 4096;

/// Whether people who were written to are written to again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Nobody twice.
    No,
    /// A new edition, for everybody.
    Yes,
}

/// What rows that do not render mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// Nothing is planned.
    Stop,
    /// They are left out.
    Skip,
}

/// How a campaign is to be planned.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// Whether people who were written to are written to again.
    pub again: Again,
    /// What rows that do not render mean.
    pub invalid: Invalid,
    /// Whether every row is rendered.
    pub render: Render,
    /// Suppositions about the relays, for the forecast.
    pub what_if: Vec<String>,
}

/// A frozen plan and what is to be said about it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its id.
    pub id: PlanId,
    /// What is foretold.
    pub report: PlanReport,
    /// What decides its octets.
    pub content: Arc<Content>,
    /// The first rows that are not written to, of each reason.
    pub left_out: Vec<LeftOut>,
    /// Whether this content was sent through a sandbox before.
    pub tested: bool,
}

/// What a plan remembers of the files it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The list, relative to the workspace, and a hash of its octets.
    list: (String, String),
    /// Rows of the list.
    rows: u64,
    /// The campaign's `where`.
    #[serde(default)]
    filter: Option<String>,
    /// Whether each message goes to one domain.
    #[serde(default)]
    split_by_domain: bool,
}

impl Origin {
    /// What `plan` remembers; nothing if it was written by hand.
    fn of(plan: &Plan) -> Option<Self> {
        serde_json::from_value(plan.head().extra.clone()).ok()
    }
}

impl Desk {
    /// Goes through the list and freezes a plan.
    ///
    /// # Errors
    /// What is wrong with templates, list or state; [`EngineError::Rows`] if rows do not render and
    /// nobody said to leave them out.
    pub fn plan(&self, request: &PlanRequest, watch: &dyn Fn(u64)) -> Result<Planned, EngineError> {
        let state = self.workspace.state_dir();
        let history = History::read(state)?;
        let edition = self.edition(&history, request.again);
        let content = Arc::new(frozen_content(&self.campaign.content, edition));
        let keys = self.keys()?;
        let composer = composer(&self.workspace, Arc::clone(&content), &keys, PlanId([0; 16]))?;
        let known = Known { already: self.already(&history, edition)?, ..self.suppressed()? };
        let mut counts = vec![0; content.all_words().count()];
        // Without rendering nobody knows the recipients' own files, which the plan must seal.
        let render = if content.attachments.iter().any(Attachment::is_personal) {
            Render::Strict
        } else {
            request.render
        };
        let (writer, survey) = self.write(&composer, (render, &mut counts), &known, watch)?;
        if request.render == Render::Strict
            && let Some(unfit) = survey.unfit(request.invalid)
        {
            return Err(unfit.into());
        }
        let batches = survey.planned.batches.clone();
        let list = (self.list_name(), survey.list.to_hex().to_string());
        let split_by_domain = self.campaign.split_by_domain;
        let origin = Origin { list, rows: survey.rows, filter: self.filter_text(), split_by_domain };
        let extra = serde_json::to_value(&origin).unwrap_or(Value::Null);
        let head = PlanHead { content: Content::clone(&content), excluded: survey.excluded(), extra };
        let id = self.freeze(writer, head, &batches, survey.planned.order.as_deref())?;
        self.forget_drafts(&history, id)?;
        let mut relays = self.relays.clone();
        whatif::suppose(&mut relays, &request.what_if)?;
        let domains = domains(&relays, || Ok(Arc::new(Plan::open(state, id)?)))?;
        let frozen = Frozen { id, content: &content, batches: &batches, domains };
        let mut report =
            self.foretell(&relays, frozen, &history).with(survey.excluded(), self.campaign.notes.clone());
        report = report.in_words(&content, &counts);
        report.state_bytes = self.state_bytes(&batches)?;
        let tested = was_tested(&history, state, &content);
        let left_out = survey.planned.samples.into_iter().map(LeftOut::from).collect();
        Ok(Planned { id, report, content, left_out, tested })
    }

    /// Takes up a plan that was frozen before, by its id or the beginning of it.
    ///
    /// # Errors
    /// [`EngineError::NoPlan`] if there is none, [`EngineError::Differs`] if the files say something else
    /// now, [`EngineError::Rows`] if a row does not render.
    pub fn frozen(&self, id: &str) -> Result<Planned, EngineError> {
        let state = self.workspace.state_dir();
        let wanted = id.to_ascii_lowercase();
        let mut found = plans(state)?.into_iter().filter(|plan| plan.to_string().starts_with(&wanted));
        let (Some(id), None) = (found.next(), found.next()) else {
            return Err(EngineError::NoPlan { id: id.to_owned() });
        };
        let plan = Arc::new(Plan::open(state, id)?);
        if plan.head().content.campaign != self.campaign.name {
            return Err(EngineError::NoPlan { id: wanted });
        }
        let what = self.edits(&plan)?;
        if !what.is_empty() {
            return Err(EngineError::Differs { what });
        }
        let history = History::read(state)?;
        self.nobody_twice(&plan, &history)?;
        let content = Arc::new(plan.head().content.clone());
        let composer = composer(&self.workspace, Arc::clone(&content), &self.keys()?, id)?;
        let counts = check_plan(&plan, &composer)?;
        let notes = self.campaign.notes.clone();
        let domains = domains(&self.relays, || Ok(Arc::clone(&plan)))?;
        let frozen = Frozen { id, content: &content, batches: plan.batches(), domains };
        let mut report = self.foretell(&self.relays, frozen, &history).with(plan.head().excluded, notes);
        report = report.in_words(&content, &counts);
        report.state_bytes = self.state_bytes(plan.batches())?;
        let tested = was_tested(&history, state, &content);
        Ok(Planned { id, report, content, left_out: Vec::new(), tested })
    }

    /// In what the files differ from a plan, in words; empty if they would give the same messages.
    pub(super) fn edits(&self, plan: &Plan) -> Result<Vec<String>, EngineError> {
        let then = &plan.head().content;
        let now = frozen_content(&self.campaign.content, then.edition);
        let mut edits = Vec::new();
        let mut compare = |name: &str, then: Option<&Source>, now: Option<&Source>| {
            if then.map(Source::text) != now.map(Source::text) {
                let file = now.or(then).map_or(String::new(), |source| format!(" ({})", source.file));
                edits.push(format!("{name}{file}"));
            }
        };
        let mut words = (then.all_words(), now.all_words());
        loop {
            let (then, now) = (words.0.next(), words.1.next());
            if then.is_none() && now.is_none() {
                break;
            }
            compare("the subject", then.map(|words| words.subject), now.map(|words| words.subject));
            compare("the text body", then.and_then(|words| words.text), now.and_then(|words| words.text));
            compare("the HTML body", then.and_then(|words| words.html), now.and_then(|words| words.html));
        }
        for name in then.partials.keys().chain(now.partials.keys()).collect::<std::collections::BTreeSet<_>>()
        {
            compare(&format!("the partial {name}"), then.partials.get(name), now.partials.get(name));
        }
        edits.extend(enclosed::edits(then, &now));
        if then.data != now.data {
            edits.push(format!("the data file of campaigns/{}", self.campaign.name));
        }
        if edits.is_empty() && *then != now {
            edits.push(format!("the settings of campaigns/{}/campaign.toml", self.campaign.name));
        }
        let Some(origin) = Origin::of(plan) else { return Ok(edits) };
        if origin.list.0 != self.list_name()
            || !self.list_is_older_than(plan) && origin.list.1 != self.list_hash()?
        {
            edits.push(format!("the list {}", origin.list.0));
        }
        if origin.filter != self.filter_text() {
            edits.push(format!("`where` in campaigns/{}/campaign.toml", self.campaign.name));
        }
        if origin.split_by_domain != self.campaign.split_by_domain {
            edits.push(format!("`split_by_domain` in campaigns/{}/campaign.toml", self.campaign.name));
        }
        Ok(edits)
    }

    fn filter_text(&self) -> Option<String> {
        self.campaign.list.filter.as_ref().map(|filter| filter.text().to_owned())
    }

    pub(super) fn list_path(&self) -> PathBuf {
        self.workspace.root().join(&self.campaign.list.path)
    }

    fn list_name(&self) -> String {
        self.campaign.list.path.display().to_string()
    }

    /// Whether the list was touched last before the plan was begun, so that it need not be read again: nobody can
    /// set back when the inode of a file was changed.
    fn list_is_older_than(&self, plan: &Plan) -> bool {
        let touched = self.list_path().metadata().map(|found| (found.ctime(), found.ctime_nsec()));
        let begun = plan.begun().and_then(|begun| begun.duration_since(UNIX_EPOCH).ok());
        let (Ok(touched), Some(begun)) = (touched, begun) else { return false };
        i64::try_from(begun.as_secs()).is_ok_and(|second| touched < (second, i64::from(begun.subsec_nanos())))
    }

    fn list_hash(&self) -> Result<String, EngineError> {
        let path = self.list_path();
        let hash = hash_file(&path).map_err(|source| EngineError::Io { path, source })?;
        Ok(hash.to_hex().to_string())
    }

    fn state_bytes(&self, batches: &Batches) -> Result<u64, EngineError> {
        let path = self.list_path();
        let list = path.metadata().map_err(|source| EngineError::Io { path, source })?.len();
        Ok(crate::plan::state_bytes(u64::from(batches.recipients()), u64::from(batches.len()), list))
    }

    /// Goes through the list and writes down who is written to, in the order of the list; counts them by their
    /// wording.
    fn write(
        &self,
        composer: &Composer,
        (render, counts): (Render, &mut [u64]),
        known: &Known,
        watch: &dyn Fn(u64),
    ) -> Result<(PlanWriter, Survey), EngineError> {
        let content = &self.campaign.content;
        let mut writer = PlanWriter::create(self.workspace.state_dir(), rows_each(content))?;
        let survey = self.surveyor(composer, render, known).survey(
            &mut |recipient| {
                writer.push(recipient)?;
                counts[content.wording_of(recipient)] += 1;
                Ok(())
            },
            watch,
        )?;
        Ok((writer, survey))
    }

    /// Makes the plan durable, with its recipients in batch order.
    fn freeze(
        &self,
        writer: PlanWriter,
        head: PlanHead,
        batches: &Batches,
        order: Option<&[u32]>,
    ) -> Result<PlanId, EngineError> {
        let state = self.workspace.state_dir();
        let Some(order) = order.filter(|order| !order.is_sorted()) else {
            return Ok(writer.finish(head, batches)?);
        };
        // Written once as the list has them, and once more as the batches want them: recipients of one
        // message lie far apart in a list, and a list does not fit into memory.
        let listed = Batches::Personal { recipients: batches.recipients() };
        let draft = writer.finish(PlanHead { extra: Value::from("draft"), ..head.clone() }, &listed)?;
        let rows = Plan::open(state, draft)?;
        let mut writer = PlanWriter::create(state, rows_each(&self.campaign.content))?;
        for place in order {
            writer.push(&rows.recipient(crate::mail::RecipientNo(*place))?)?;
        }
        let id = writer.finish(head, batches)?;
        if id != draft {
            remove_plan(state, draft)?;
        }
        Ok(id)
    }

    /// Removes earlier plans of the campaign that were never sent.
    fn forget_drafts(&self, history: &History, keep: PlanId) -> Result<(), EngineError> {
        let state = self.workspace.state_dir();
        for id in plans(state)? {
            if id == keep || history.runs.iter().any(|run| run.plan == id) {
                continue;
            }
            // A plan that cannot be read is not known to be this campaign's.
            if Plan::open(state, id).is_ok_and(|plan| plan.head().content.campaign == self.campaign.name) {
                remove_plan(state, id)?;
            }
        }
        Ok(())
    }
}

fn rows_each(content: &Content) -> RowsEach {
    if content.group_by.is_some() { RowsEach::Several } else { RowsEach::One }
}

/// Renders everybody of a frozen plan, and counts them by their wording.
fn check_plan(plan: &Plan, composer: &Composer) -> Result<Vec<u64>, EngineError> {
    let content = &plan.head().content;
    let mut counts = vec![0; content.all_words().count()];
    let mut rows = plan.scan(0..plan.len());
    loop {
        let block = rows.by_ref().take(BLOCK).collect::<Result<Vec<_>, _>>()?;
        if block.is_empty() {
            return Ok(counts);
        }
        for recipient in &block {
            counts[content.wording_of(recipient)] += 1;
        }
        let samples: Vec<LeftOut> = block
            .iter()
            .zip(render(composer, &block))
            .filter_map(|(recipient, fault)| Some(LeftOut::unrendered(recipient, &fault?)))
            .collect();
        if !samples.is_empty() {
            let count = samples.len() as u64;
            return Err(Unfit::Unrendered { count, rows: u64::from(plan.len()), samples }.into());
        }
    }
}

fn hash_file(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize())
}

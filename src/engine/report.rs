//! What `plan` says: the scheduler's forecast and what a crash could cost.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::campaign::Relay;
use crate::mail::{Batches, Bound, Content, Excluded, Mode, PlanId, RunNo, Usage};
use crate::plan::{Exposure, uncertain_bound};
use crate::schedule::{Backlog, DomainTable, LaneSpec, Prospect, Terms, forecast};
use crate::store::History;

use super::clock::now;
use super::desk::Desk;
use super::relays::lane_spec;

/// How long an outcome may wait to be durable (the journal's group commit), at the longest.
const COMMIT_LAG: Duration = Duration::from_millis(5);

/// What is foretold of a plan. Scripts rely on these fields; they are only ever added to.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// The plan's id in full.
    pub plan: String,
    /// The campaign's name.
    pub campaign: String,
    /// 1, and one more for each `send --again`.
    pub edition: u32,
    /// Who is written to.
    pub recipients: u64,
    /// Mail transactions, if nothing is refused.
    pub batches: u64,
    /// Rows left out, by reason.
    pub excluded: Excluded,
    /// Who gets each variant, by its name; empty where there are none.
    pub variants: BTreeMap<String, u64>,
    /// Who is written to in each language; `other` where a wording is for all others, empty where there is one only.
    pub languages: BTreeMap<String, u64>,
    /// The share of each relay.
    pub relays: BTreeMap<String, RelayShare>,
    /// Recipients by day and relay.
    pub days: Vec<PlanDay>,
    /// When the last recipient is written to; none if that never comes.
    pub ends: Option<Timestamp>,
    /// The limit that, were it higher, would let the plan end sooner.
    pub bound_by: Option<Bound>,
    /// How many recipients a crash at the worst moment could leave uncertain.
    pub uncertain_bound: u64,
    /// About how many octets of disk the campaign's state takes.
    pub state_bytes: u64,
    /// What the operator should know.
    pub notes: Vec<String>,
}

/// What one relay is to send.
#[derive(Debug, Clone, Serialize)]
pub struct RelayShare {
    /// Recipients.
    pub recipients: u64,
}

/// What is to be sent on one day.
#[derive(Debug, Clone, Serialize)]
pub struct PlanDay {
    /// The date in the campaign's zone.
    pub date: Date,
    /// Recipients by relay.
    pub relays: BTreeMap<String, u64>,
}

/// What of a frozen plan its forecast depends on.
#[derive(Debug, Clone)]
pub(super) struct Frozen<'a> {
    /// Its id.
    pub(super) id: PlanId,
    /// What it sends.
    pub(super) content: &'a Content,
    /// To whom together.
    pub(super) batches: &'a Batches,
    /// Who is at which domain; none where no relay has limits by domain.
    pub(super) domains: Option<Arc<DomainTable>>,
}

impl PlanReport {
    pub(super) fn with(self, excluded: Excluded, notes: Vec<String>) -> Self {
        let notes = notes.into_iter().chain(self.notes).collect();
        Self { excluded, notes, ..self }
    }

    /// Says who gets which wording of `content`; `counts` are recipients by the place of their wording.
    pub(super) fn in_words(self, content: &Content, counts: &[u64]) -> Self {
        let (mut variants, mut languages) = (BTreeMap::new(), BTreeMap::new());
        for ((words, count), variant) in content.all_words().zip(counts).zip(content.variants_of_words()) {
            if let Some(variant) = content.variants.get(variant) {
                *variants.entry(variant.name.clone()).or_default() += count;
            }
            if content.language_column.is_some() {
                *languages.entry(words.language.unwrap_or("other").to_owned()).or_default() += count;
            }
        }
        Self { variants, languages, ..self }
    }
}

impl Desk {
    /// The rules of a run of this campaign.
    pub(super) fn terms(&self, run: RunNo) -> Terms {
        Terms {
            run,
            start: self.campaign.start,
            hours: self.campaign.hours.clone(),
            retry: self.campaign.retry,
            stop_if: self.campaign.stop_if,
        }
    }

    /// What is foretold of a plan through `relays`, were it sent from now on.
    pub(super) fn foretell(&self, relays: &[Relay], frozen: Frozen<'_>, history: &History) -> PlanReport {
        let Frozen { id, content, batches, domains } = frozen;
        let at = now();
        let lanes: Vec<LaneSpec> = relays.iter().map(lane_spec).collect();
        let uncertain_bound = exposure(relays, &lanes, content.mode, self.campaign.max_uncertain);
        let uncertain_bound = uncertain_bound.min(u64::from(batches.recipients()));
        let backlog = Backlog {
            batches: Arc::new(batches.clone()),
            fresh: iter::once(0..batches.len()).collect(),
            waiting: Vec::new(),
            parts: Vec::new(),
            domains,
        };
        let usages = history.usages.clone();
        let prospect = Prospect { terms: self.terms(RunNo(0)), lanes, usages, backlog };
        let foretold = forecast(prospect, at, &self.campaign.zone);
        let mut shares: BTreeMap<String, RelayShare> =
            relays.iter().map(|relay| (relay.name.to_string(), RelayShare { recipients: 0 })).collect();
        let days = foretold.days.into_iter().map(|day| {
            for (relay, recipients) in &day.relays {
                shares.entry(relay.to_string()).or_insert(RelayShare { recipients: 0 }).recipients +=
                    recipients;
            }
            let relays = day.relays.into_iter().map(|(relay, recipients)| (relay.to_string(), recipients));
            PlanDay { date: day.date, relays: relays.collect() }
        });
        let days = days.collect();
        PlanReport {
            plan: id.to_string(),
            campaign: content.campaign.clone(),
            edition: content.edition,
            recipients: u64::from(batches.recipients()),
            batches: u64::from(batches.len()),
            excluded: Excluded::default(),
            variants: BTreeMap::new(),
            languages: BTreeMap::new(),
            relays: shares,
            days,
            ends: foretold.ends,
            bound_by: foretold.bound_by,
            uncertain_bound,
            state_bytes: 0,
            notes: relays.iter().filter_map(|relay| warming_up(relay, history, at)).collect(),
        }
    }
}

/// Where the warm-up of a relay's account stands.
fn warming_up(relay: &Relay, history: &History, at: Timestamp) -> Option<String> {
    let unused = Usage::default();
    let usage = history.usages.get(&relay.account()).unwrap_or(&unused);
    let ramp = relay.warmup.as_ref()?.today(usage, at);
    let used = ramp.allowance - ramp.left(usage).min(ramp.allowance);
    let used = if used > 0 { format!(", {used} of them used") } else { String::new() };
    Some(format!("warm-up: day {} of the ramp of {}, {} today{used}", ramp.day, relay.name, ramp.allowance))
}

/// How many recipients a crash at the worst moment could leave uncertain, as long as every server takes all
/// messages in flight that its relay's window allows. The [gate](super::gate::JournalGate) lets no more fates be
/// open at once.
pub(super) fn exposure(relays: &[Relay], lanes: &[LaneSpec], mode: Mode, max_uncertain: u64) -> u64 {
    let exposures: Vec<Exposure> = relays
        .iter()
        .map(|relay| Exposure {
            sessions: relay.sessions,
            window: relay.window,
            recipients: match mode {
                Mode::Personal => 1,
                Mode::Grouped => relay.recipients_per_message,
            },
        })
        .collect();
    let each = lanes.iter().zip(&exposures);
    let rate: f64 = each.map(|(lane, exposure)| pace_per_second(lane) * f64::from(exposure.recipients)).sum();
    // A rate is far below 2^52 a second, and a bound may be rounded up.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
    let rate = rate.ceil() as u64;
    uncertain_bound(&exposures, max_uncertain, rate, COMMIT_LAG)
}

/// Messages a second, as far as is known.
fn pace_per_second(lane: &LaneSpec) -> f64 {
    let sessions = f64::from(lane.sessions) / lane.pace.as_secs_f64().max(1e-6);
    let rate = lane.rate.map_or(f64::INFINITY, |rate| f64::from(rate.count.get()) / rate.per.as_secs_f64());
    sessions.min(rate)
}

//! What a plan keeps of a campaign, and whether it was seen before.

use std::collections::BTreeMap;
use std::path::Path;

use crate::mail::{Content, Front, Mode, Source, Wording};
use crate::store::{History, Plan};

use super::enclosed;

/// The content as a plan keeps it: the templates without the files around them, so that an edit of
/// something else in `campaign.toml` does not make another plan.
pub(super) fn frozen_content(content: &Content, edition: u32) -> Content {
    let each = |sources: &BTreeMap<String, Source>| {
        sources.iter().map(|(name, source)| (name.clone(), bare(source))).collect()
    };
    let wording = |wording: &Wording| Wording {
        subject: bare(&wording.subject),
        text: wording.text.as_ref().map(bare),
        html: wording.html.as_ref().map(bare),
        ..wording.clone()
    };
    let front = |front: &Front| Front {
        layout: front.layout.as_ref().map(bare),
        preheader: front.preheader.as_ref().map(bare),
    };
    Content {
        edition,
        wordings: content.wordings.iter().map(wording).collect(),
        subject: bare(&content.subject),
        text: content.text.as_ref().map(bare),
        html: content.html.as_ref().map(bare),
        partials: each(&content.partials),
        headers: each(&content.headers),
        name: content.name.as_ref().map(bare),
        unsubscribe: crate::mail::Unsubscribe {
            url: content.unsubscribe.url.as_ref().map(bare),
            mailto: content.unsubscribe.mailto.clone(),
        },
        fronts: content.fronts.iter().map(|(file, said)| (file.clone(), front(said))).collect(),
        attachments: content.attachments.iter().map(enclosed::frozen).collect(),
        ..content.clone()
    }
}

/// A template without the file around it.
pub(super) fn bare(source: &Source) -> Source {
    Source::file(source.file.clone(), source.text())
}

/// Whether the same content was sent through a sandbox before.
pub(super) fn was_tested(history: &History, state: &Path, content: &Content) -> bool {
    let rehearsed = history.runs.iter().rev().filter(|run| run.sandbox && run.campaign == content.campaign);
    let same = |plan: &Plan| {
        let then = &plan.head().content;
        let said = |content: &'_ Content| {
            let Content { subject, text, html, partials, wordings, data, fronts, .. } = content.clone();
            (subject, text, html, partials, wordings, data, fronts)
        };
        let same_bodies = said(then) == said(content);
        same_bodies && then.mode == Mode::clone(&content.mode)
    };
    rehearsed.take(10).any(|run| Plan::open(state, run.plan).is_ok_and(|plan| same(&plan)))
}

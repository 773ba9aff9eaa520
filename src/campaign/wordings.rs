//! Variants and languages: which subjects and bodies a campaign has beside its first.
//!
//! ```toml
//! [[variants]]
//! name = "question"
//! subject = "Is it autumn already?"
//! [[variants]]
//! name = "letter"
//! template = "autumn-letter"
//! share = 3
//! ```
//!
//! What a variant does not say is what the campaign says. A language is in the name of a file,
//! `body.de.html.hbs`, or a key of `subjects`; `[list] language` names the column that chooses. Files are read by
//! `templates`; here it is said what they are called and how they belong together.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use crate::mail::{Source, Variant, Wording, language_tag};

use super::settings::{CampaignText, Text, VariantText};
use super::sheet::{Sheet, Wrong};

/// Shares of all variants, at most: more than anybody has recipients.
const SHARES: u32 = 1_000_000;

/// What the settings say of one variant, or of the campaign where it has none.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    campaign: &'a str,
    /// The template that is named for it.
    pub(super) template: Option<&'a Text>,
    /// The subject that is written in the settings.
    pub(super) subject: Option<&'a Text>,
    subject_of: SubjectOf,
    /// Subjects in other languages.
    subjects: &'a BTreeMap<Text, Text>,
    /// Where the variant stands in the settings.
    pub(super) span: Range<usize>,
}

/// Who wrote a subject down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SubjectOf {
    /// The variant itself, or a campaign without variants.
    Itself,
    /// The campaign, for a variant that chose another template.
    Campaign,
}

impl Letter<'_> {
    /// The name of its template: that of the campaign unless it says otherwise.
    pub(super) fn template_name(&self) -> &str {
        self.template.map_or(self.campaign, |name| name.get_ref())
    }

    /// Whether its subject is the campaign's, though its template is its own.
    pub(super) fn subject_is_the_campaigns(&self) -> bool {
        self.subject_of == SubjectOf::Campaign
    }
}

/// A letter for each variant, or the only one.
pub(super) fn letters<'a>(campaign: &'a str, text: &'a CampaignText) -> Vec<Letter<'a>> {
    let only = Letter {
        campaign,
        template: text.template.as_ref(),
        subject: text.subject.as_ref(),
        subject_of: SubjectOf::Itself,
        subjects: &text.subjects,
        span: 0..0,
    };
    if text.variants.is_empty() {
        return vec![only];
    }
    let of = |variant: &'a Spanned<VariantText>| {
        let said = variant.get_ref();
        let subject_of = match (&said.subject, &said.template) {
            (None, Some(_)) => SubjectOf::Campaign,
            (Some(_), _) | (None, None) => SubjectOf::Itself,
        };
        Letter {
            campaign,
            template: said.template.as_ref().or(text.template.as_ref()),
            subject: said.subject.as_ref().or(text.subject.as_ref()),
            subject_of,
            // A subject of its own makes those of the campaign in other languages another's.
            subjects: if said.subject.is_some() || !said.subjects.is_empty() {
                &said.subjects
            } else {
                &text.subjects
            },
            span: variant.span(),
        }
    };
    text.variants.iter().map(of).collect()
}

/// The variants, by name and share.
pub(super) fn variants(typed: &[Spanned<VariantText>], sheet: &mut Sheet) -> Vec<Variant> {
    if let [only] = typed {
        let wrong = Wrong::new("there is one variant, and nothing to compare it with");
        sheet.wrong(only.span(), wrong.hint("write another [[variants]]"));
    }
    let mut found: Vec<Variant> = Vec::new();
    let mut plain = 0;
    for (place, variant) in typed.iter().enumerate() {
        let said = variant.get_ref();
        let given = |letter: u8| char::from(letter).to_string();
        let name = match &said.name {
            Some(name) => name.get_ref().trim().to_owned(),
            None => (b'a'..=b'z').nth(place).map_or_else(|| (place + 1).to_string(), given),
        };
        let span = said.name.as_ref().map_or(variant.span(), Spanned::span);
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            sheet.wrong(span, Wrong::new(format!("{name:?} cannot be the name of a variant")));
        } else if found.iter().any(|other| other.name == name) {
            sheet.wrong(span, Wrong::new(format!("two variants are called {name:?}")));
        }
        let share = sheet.take(said.share.as_ref(), |share| match share {
            1..=SHARES => Ok(*share),
            _ => Err(Wrong::new(format!("{share} is not a share"))
                .hint("shares are whole numbers from 1, such as 50 and 50, or 1 and 9")),
        });
        if said.subject.is_none() && said.subjects.is_empty() && said.template.is_none() {
            plain += 1;
            if plain > 1 {
                let wrong = Wrong::new(format!("the variant {name:?} is the same as another"));
                sheet.wrong(variant.span(), wrong.hint("give it a `subject` or a `template`"));
            }
        }
        found.push(Variant { name, share: share.unwrap_or(1) });
    }
    found
}

/// The languages, lower case and in order, in which there is a file among `names` (without `.hbs`) or a subject.
pub(super) fn languages(names: &[String], letter: &Letter<'_>, sheet: &mut Sheet) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    for name in names {
        let body = name.strip_prefix("body.").and_then(|rest| {
            [".txt", ".html", ".md", ".mjml"].iter().find_map(|kind| rest.strip_suffix(kind))
        });
        tags.extend(body.or_else(|| name.strip_prefix("subject.")).and_then(language_tag));
    }
    for typed in letter.subjects.keys() {
        let read = |text: &String| {
            language_tag(text).ok_or_else(|| {
                Wrong::new(format!("{text:?} is not a language")).hint("write it like de or pt-BR")
            })
        };
        tags.extend(sheet.take(Some(typed), read));
    }
    tags
}

/// Whether a file of this name is between `start` and `end` in the language `tag`.
pub(super) fn is_in(name: &str, start: &str, tag: &str, end: &str) -> bool {
    let middle = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    middle.and_then(language_tag).as_deref() == Some(tag)
}

/// The subject in a language, from its file or from the settings.
pub(super) fn subject_in(
    letter: &Letter<'_>,
    tag: &str,
    file: Option<Source>,
    sheet: &mut Sheet,
) -> Option<Source> {
    let is_meant = |typed: &&Text| language_tag(typed.get_ref()).as_deref() == Some(tag);
    let typed = letter.subjects.keys().find(is_meant).map(|key| &letter.subjects[key]);
    match (typed, file) {
        (Some(typed), Some(file)) => {
            let wrong = Wrong::new(format!("the subject in `{tag}` stands here and in {}", file.file));
            sheet.wrong(typed.span(), wrong.hint("keep one of the two"));
            Some(file)
        }
        (Some(typed), None) => Some(sheet.source(typed)),
        (None, file) => file,
    }
}

/// A subject's file without the last line break, which an editor puts there.
pub(super) fn one_line(mut file: Source) -> Source {
    file.span.end = file.span.start + file.text().trim_end_matches(['\r', '\n']).len();
    file
}

/// Says where languages are there that no column chooses, or a column chooses among none.
pub(super) fn judge_languages(text: &CampaignText, wordings: &[Wording], sheet: &mut Sheet) {
    let tags: BTreeSet<&str> = wordings.iter().filter_map(|wording| wording.language.as_deref()).collect();
    match &text.list.language {
        Some(column) if tags.is_empty() && !wordings.is_empty() => {
            let wrong = Wrong::new("a column chooses the language, and there is only one");
            sheet.wrong(column.span(), wrong.hint("write body.de.txt.hbs, for example, beside body.txt.hbs"));
        }
        None if !tags.is_empty() => {
            let tags = tags.into_iter().collect::<Vec<_>>().join(", ");
            let wrong = Wrong::new(format!("there are templates in {tags}, and nobody gets them"));
            sheet.warn(0..0, wrong.hint("[list] language = \"..\" names the column that says who does"));
        }
        Some(_) | None => {}
    }
}

//! The subjects, the bodies and the partials of a campaign.
//!
//! `template = "autumn"` stands for `templates/autumn/{subject,body.txt,body.html}.hbs`; the subject may
//! stand in `campaign.toml` instead. Partials come from `templates/partials` and from the template's own
//! `partials` folder, whose names win. `[[variants]]` may each have a subject or a template of their own, and
//! `body.de.html.hbs` is the same in German (see `wordings`). The texts are taken as they are and not understood
//! here.

use std::collections::BTreeMap;

use crate::mail::{Fault, Front, Source, Variant, Wording, nearest};

use super::files::{FileError, Files};
use super::settings::CampaignText;
use super::sheet::{Sheet, Wrong};
use super::whole::{self, Bodies};
use super::wordings::{self, Letter};

/// The folder of all templates, and in it and in each template that of partials.
const TEMPLATES: &str = "templates";
const PARTIALS: &str = "partials";

/// What was found of a campaign's templates.
#[derive(Debug, Default)]
pub(super) struct Templates {
    /// Subject and bodies, the first first; empty only where a fault says why.
    pub(super) wordings: Vec<Wording>,
    pub(super) variants: Vec<Variant>,
    pub(super) partials: BTreeMap<String, Source>,
    /// What the front matter of bodies says, by their files.
    pub(super) fronts: BTreeMap<String, Front>,
    /// What the data file holds.
    pub(super) data: Option<serde_json::Value>,
    /// Every file that was read, with the hash of its text.
    pub(super) sources: Vec<(String, blake3::Hash)>,
}

/// Reads the templates of campaign `campaign`; what is wrong goes to `sheet`.
pub(super) fn read(files: &Files, campaign: &str, text: &CampaignText, sheet: &mut Sheet) -> Templates {
    let mut templates =
        Templates { variants: wordings::variants(&text.variants, sheet), ..Templates::default() };
    let shared = format!("{TEMPLATES}/{PARTIALS}");
    templates.read_partials(files, &shared, sheet);
    let mut folders: Vec<String> = Vec::new();
    for (variant, letter) in wordings::letters(campaign, text).into_iter().enumerate() {
        let Some(folder) = folder_of(&letter, sheet) else { continue };
        if !folders.contains(&folder) {
            templates.read_partials(files, &format!("{folder}/{PARTIALS}"), sheet);
            folders.push(folder.clone());
        }
        templates.letter(files, (variant, &letter), &folder, sheet);
    }
    wordings::judge_languages(text, &templates.wordings, sheet);
    templates
}

impl Templates {
    /// Reads what a variant says, in every language that it is there in.
    fn letter(
        &mut self,
        files: &Files,
        (variant, letter): (usize, &Letter<'_>),
        folder: &str,
        sheet: &mut Sheet,
    ) {
        let subject_file = self.file(files, &format!("{folder}/subject.hbs"), sheet);
        let text = self.file(files, &format!("{folder}/body.txt.hbs"), sheet);
        let html = self.file(files, &format!("{folder}/body.html.hbs"), sheet);
        let markdown = self.file(files, &format!("{folder}/body.md.hbs"), sheet);
        let mjml = self.file(files, &format!("{folder}/body.mjml.hbs"), sheet);
        for kind in ["md", "mjml"] {
            if !matches!(files.text(&format!("{folder}/body.{kind}")), Err(FileError::Missing)) {
                let fault = Fault::error(format!("{folder}/body.{kind} is not read"));
                sheet.push(fault.hint(format!("call it body.{kind}.hbs")));
            }
        }
        let Bodies { subject: front, front: said, text, html } =
            whole::bodies(markdown, mjml, (text, html), sheet);
        self.fronts.extend(said);
        if let (Some(front), Some(file)) = (&front, &subject_file) {
            let fault = Fault::error(format!("the subject stands in {} and in {}", front.file, file.file));
            sheet.push(fault.hint("keep one of the two"));
        }
        let subject = the_subject(letter, subject_file.or(front), folder, sheet);
        if text.is_none() && html.is_none() {
            no_body(files, letter, folder, sheet);
        }
        let Some(subject) = subject else { return };
        let first = Wording { variant, language: None, subject, text, html };
        let others = self.languages((files, folder), letter, &first, sheet);
        self.wordings.push(first);
        self.wordings.extend(others);
    }

    /// What `first` is in other languages: `subject.de.hbs`, `body.de.txt.hbs`, `body.de.html.hbs`, and
    /// `subjects = { de = ".." }`.
    fn languages(
        &mut self,
        (files, folder): (&Files, &str),
        letter: &Letter<'_>,
        first: &Wording,
        sheet: &mut Sheet,
    ) -> Vec<Wording> {
        let names = match files.names(folder, ".hbs") {
            Ok(names) => names,
            Err(error) => {
                sheet.push(Fault::error(format!("{folder}: {}", error.told())));
                Vec::new()
            }
        };
        let mut found = Vec::new();
        for tag in wordings::languages(&names, letter, sheet) {
            let mut file = |name: String| self.file(files, &format!("{folder}/{name}.hbs"), sheet);
            let name_of = |start: &str, end: &str| {
                let is_meant = |name: &&String| wordings::is_in(name, start, &tag, end);
                names.iter().find(is_meant).cloned()
            };
            let text = name_of("body.", ".txt").and_then(&mut file);
            let html = name_of("body.", ".html").and_then(&mut file);
            let markdown = name_of("body.", ".md").and_then(&mut file);
            let mjml = name_of("body.", ".mjml").and_then(&mut file);
            let subject = name_of("subject.", "").and_then(&mut file).map(wordings::one_line);
            let Bodies { subject: front, front: said, text, html } =
                whole::bodies(markdown, mjml, (text, html), sheet);
            self.fronts.extend(said);
            let subject = subject.or(front);
            let subject = wordings::subject_in(letter, &tag, subject, sheet).unwrap_or_else(|| {
                let what = format!("{folder}: there is a body in `{tag}` and no subject");
                sheet.push(Fault::warning(what).hint(format!("write {folder}/subject.{tag}.hbs")));
                first.subject.clone()
            });
            // A letter never mixes two languages; one that only has a subject of its own has the bodies of all.
            let own = text.is_some() || html.is_some();
            let (text, html) = if own { (text, html) } else { (first.text.clone(), first.html.clone()) };
            found.push(Wording { variant: first.variant, language: Some(tag), subject, text, html });
        }
        found
    }

    /// A file that need not be there.
    fn file(&mut self, files: &Files, path: &str, sheet: &mut Sheet) -> Option<Source> {
        match files.text(path) {
            Ok(text) => {
                if self.sources.iter().all(|(known, _)| known != path) {
                    self.sources.push((path.to_owned(), blake3::hash(text.as_bytes())));
                }
                Some(Source::file(path, text))
            }
            Err(FileError::Missing) => None,
            Err(error) => {
                sheet.push(Fault::error(format!("{path}: {}", error.told())));
                None
            }
        }
    }

    fn read_partials(&mut self, files: &Files, folder: &str, sheet: &mut Sheet) {
        let names = match files.names(folder, ".hbs") {
            Ok(names) => names,
            Err(error) => {
                return sheet.push(Fault::error(format!("{folder}: {}", error.told())));
            }
        };
        let shared = format!("{TEMPLATES}/{PARTIALS}/");
        for name in names {
            let Some(partial) = self.file(files, &format!("{folder}/{name}.hbs"), sheet) else { continue };
            if let Some(other) = self.partials.get(&name)
                && !other.file.starts_with(&shared)
                && other.text() != partial.text()
            {
                let what = format!("the partial {name} is another in {} and in {folder}", other.file);
                sheet.push(Fault::error(what).hint("variants share their partials: give one another name"));
            }
            self.partials.insert(name, partial);
        }
    }
}

/// The folder of a letter's template.
fn folder_of(letter: &Letter<'_>, sheet: &mut Sheet) -> Option<String> {
    let name = letter.template_name();
    if name.is_empty() || name.split('/').any(|part| matches!(part, "" | "." | "..")) || name == PARTIALS {
        let span = letter.template.map_or(0..0, toml::Spanned::span);
        sheet.wrong(span, Wrong::new(format!("{name:?} cannot be the name of a template")));
        return None;
    }
    Some(format!("{TEMPLATES}/{name}"))
}

/// The one subject, from the file or from the settings.
fn the_subject(letter: &Letter<'_>, file: Option<Source>, folder: &str, sheet: &mut Sheet) -> Option<Source> {
    match (letter.subject, file) {
        // The subject of a template that a variant chose is nearer than that of the campaign.
        (Some(_), Some(file)) if letter.subject_is_the_campaigns() => Some(wordings::one_line(file)),
        (Some(typed), Some(file)) => {
            let wrong = Wrong::new(format!("the subject stands here and in {}", file.file));
            sheet.wrong(typed.span(), wrong.hint("keep one of the two"));
            None
        }
        (Some(typed), None) if typed.get_ref().trim().is_empty() => {
            sheet.wrong(typed.span(), Wrong::new("the subject is empty"));
            None
        }
        (Some(typed), None) => Some(sheet.source(typed)),
        (None, Some(file)) => Some(wordings::one_line(file)),
        (None, None) => {
            let hint = format!("write subject = \"..\" in campaign.toml, or {folder}/subject.hbs");
            sheet.wrong(letter.span.clone(), Wrong::new("there is no subject").hint(hint));
            None
        }
    }
}

fn no_body(files: &Files, letter: &Letter<'_>, folder: &str, sheet: &mut Sheet) {
    let known = files.names(TEMPLATES, "").unwrap_or_default();
    let name = folder.rsplit('/').next().unwrap_or_default();
    let exists = known.iter().any(|known| known == name);
    let wrong = if exists {
        Wrong::new(format!("{folder} has neither body.txt.hbs, body.html.hbs, body.md.hbs nor body.mjml.hbs"))
    } else {
        Wrong::new(format!("there is no template {folder}"))
    };
    let others = known.iter().map(String::as_str).filter(|other| *other != PARTIALS && *other != name);
    let hint = match nearest(name, others) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("write {folder}/body.txt.hbs or {folder}/body.html.hbs"),
    };
    match letter.template {
        Some(typed) => sheet.wrong(typed.span(), wrong.hint(hint)),
        None => sheet.wrong(0..0, wrong.hint(hint)),
    }
}

//! The subject, the bodies and the partials of a campaign.
//!
//! `template = "autumn"` stands for `templates/autumn/{subject,body.txt,body.html}.hbs`; the subject may
//! stand in `campaign.toml` instead. Partials come from `templates/partials` and from the template's own
//! `partials` folder, whose names win. The texts are taken as they are and not understood here.

use std::collections::BTreeMap;

use crate::mail::{Fault, Source, nearest};

use super::files::{FileError, Files};
use super::meanings;
use super::settings::CampaignText;
use super::sheet::{Sheet, Wrong};

/// The folder of all templates, and in it and in each template that of partials.
const TEMPLATES: &str = "templates";
const PARTIALS: &str = "partials";

/// What was found of a campaign's templates.
#[derive(Debug, Default)]
pub(super) struct Templates {
    pub(super) subject: Option<Source>,
    pub(super) text: Option<Source>,
    pub(super) html: Option<Source>,
    pub(super) partials: BTreeMap<String, Source>,
    /// Every file that was read, with the hash of its text.
    pub(super) sources: Vec<(String, blake3::Hash)>,
}

/// Reads the templates of campaign `campaign`; what is wrong goes to `sheet`.
pub(super) fn read(files: &Files, campaign: &str, text: &CampaignText, sheet: &mut Sheet) -> Templates {
    let name = text.template.as_ref().map_or(campaign, |name| name.get_ref());
    let mut templates = Templates::default();
    let folder = format!("{TEMPLATES}/{name}");
    if name.is_empty() || name.split('/').any(|part| matches!(part, "" | "." | "..")) || name == PARTIALS {
        let span = text.template.as_ref().map_or(0..0, toml::Spanned::span);
        sheet.wrong(span, Wrong::new(format!("{name:?} cannot be the name of a template")));
        return templates;
    }
    let subject_file = templates.file(files, &format!("{folder}/subject.hbs"), sheet);
    templates.text = templates.file(files, &format!("{folder}/body.txt.hbs"), sheet);
    templates.html = templates.file(files, &format!("{folder}/body.html.hbs"), sheet);
    for folder in [format!("{TEMPLATES}/{PARTIALS}"), format!("{folder}/{PARTIALS}")] {
        templates.read_partials(files, &folder, sheet);
    }
    for mjml in ["body.mjml", "body.mjml.hbs"] {
        if !matches!(files.text(&format!("{folder}/{mjml}")), Err(FileError::Missing)) {
            let fault = Fault::error(format!("{folder}/{mjml}: MJML is not in this version of mailrun"));
            sheet.push(fault.hint("write body.html.hbs"));
        }
    }
    templates.subject = the_subject(text, subject_file, &folder, sheet);
    if templates.text.is_none() && templates.html.is_none() {
        no_body(files, text, &folder, sheet);
    }
    templates
}

impl Templates {
    /// A file that need not be there.
    fn file(&mut self, files: &Files, path: &str, sheet: &mut Sheet) -> Option<Source> {
        match files.text(path) {
            Ok(text) => {
                self.sources.push((path.to_owned(), blake3::hash(text.as_bytes())));
                Some(Source::file(path, text))
            }
            Err(FileError::Missing) => None,
            Err(error) => {
                sheet.push(Fault::error(format!("{path}: {}", meanings::told(&error))));
                None
            }
        }
    }

    fn read_partials(&mut self, files: &Files, folder: &str, sheet: &mut Sheet) {
        match files.names(folder, ".hbs") {
            Ok(names) => {
                for name in names {
                    if let Some(partial) = self.file(files, &format!("{folder}/{name}.hbs"), sheet) {
                        self.partials.insert(name, partial);
                    }
                }
            }
            Err(error) => sheet.push(Fault::error(format!("{folder}: {}", meanings::told(&error)))),
        }
    }
}

/// The one subject, from the file or from the settings.
fn the_subject(text: &CampaignText, file: Option<Source>, folder: &str, sheet: &mut Sheet) -> Option<Source> {
    match (&text.subject, file) {
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
        (None, Some(mut file)) => {
            // An editor's last line break is no part of a subject.
            file.span.end = file.document.trim_end_matches(['\r', '\n']).len();
            Some(file)
        }
        (None, None) => {
            let hint = format!("write subject = \"..\" in campaign.toml, or {folder}/subject.hbs");
            sheet.wrong(0..0, Wrong::new("there is no subject").hint(hint));
            None
        }
    }
}

fn no_body(files: &Files, text: &CampaignText, folder: &str, sheet: &mut Sheet) {
    let known = files.names(TEMPLATES, "").unwrap_or_default();
    let name = folder.rsplit('/').next().unwrap_or_default();
    let exists = known.iter().any(|known| known == name);
    let wrong = if exists {
        Wrong::new(format!("{folder} has neither body.txt.hbs nor body.html.hbs"))
    } else {
        Wrong::new(format!("there is no template {folder}"))
    };
    let others = known.iter().map(String::as_str).filter(|other| *other != PARTIALS && *other != name);
    let hint = match nearest(name, others) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("write {folder}/body.txt.hbs or {folder}/body.html.hbs"),
    };
    match &text.template {
        Some(typed) => sheet.wrong(typed.span(), wrong.hint(hint)),
        None => sheet.wrong(0..0, wrong.hint(hint)),
    }
}

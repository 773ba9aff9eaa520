//! HTML and text that are made of a body in Markdown or MJML, once, before any row is rendered.
//!
//! Only the template is converted, with its tags in place, and never a value: what stands in a cell is escaped when
//! it is written, and so cannot become markup. What a file is is told by its name. The lint reads the file as it was
//! written, so that every fault has its place there.

use crate::mail::{Content, Fault, Front, Source, nearest};

use super::lint::Role;
use super::marked::{self, Frame, LAYOUT};
use super::parse;

/// A body that is one file for both, or HTML in another language.
const MARKDOWN: &str = ".md.hbs";
const MJML: &str = ".mjml.hbs";

/// The tags of MJML that are understood.
const MJML_TAGS: [&str; 33] = [
    "mjml",
    "mj-head",
    "mj-body",
    "mj-attributes",
    "mj-all",
    "mj-class",
    "mj-breakpoint",
    "mj-font",
    "mj-preview",
    "mj-style",
    "mj-title",
    "mj-raw",
    "mj-accordion",
    "mj-accordion-element",
    "mj-accordion-title",
    "mj-accordion-text",
    "mj-button",
    "mj-carousel",
    "mj-carousel-image",
    "mj-column",
    "mj-divider",
    "mj-group",
    "mj-hero",
    "mj-image",
    "mj-navbar",
    "mj-navbar-link",
    "mj-section",
    "mj-social",
    "mj-social-element",
    "mj-spacer",
    "mj-table",
    "mj-text",
    "mj-wrapper",
];

/// Whether a template is written in another language than that of mail programs.
pub(super) fn is_foreign(source: &Source) -> bool {
    source.file.ends_with(MARKDOWN) || is_mjml(source)
}

/// Whether it is MJML, which brings its styles where they belong by itself.
pub(super) fn is_mjml(source: &Source) -> bool {
    source.file.ends_with(MJML)
}

/// The bodies that were made, by the wording and what they are.
#[derive(Debug, Default)]
pub(super) struct Converted {
    html: Vec<(usize, Source)>,
    text: Vec<(usize, Source)>,
    pub(super) faults: Vec<Fault>,
}

impl Converted {
    /// Makes what the bodies of `content` ask for. A template that cannot be read is left to the lint.
    pub(super) fn new(content: &Content) -> Self {
        let mut made = Self::default();
        for (wording, words) in content.all_words().enumerate() {
            let language = words.language.or(content.language.as_deref());
            if let Some(source) = words.html {
                let html = if source.file.ends_with(MARKDOWN) {
                    let front = content.fronts.get(&source.file);
                    let layout = made.layout(content, front);
                    let preheader = front.and_then(|front| front.preheader.as_ref()).map(Source::text);
                    marked::html(source.text(), Frame { layout, language, preheader })
                } else if source.file.ends_with(MJML) {
                    made.mjml(source)
                } else {
                    None
                };
                made.html.extend(html.map(|html| (wording, Source::file(source.file.clone(), html))));
            }
            if let Some(source) = words.text.filter(|source| source.file.ends_with(MARKDOWN)) {
                let text = marked::text(source.text());
                made.text.extend(text.map(|text| (wording, Source::file(source.file.clone(), text))));
            }
        }
        made
    }

    /// The content with what was made in the place of what was written.
    pub(super) fn applied(&self, content: &Content) -> Content {
        let mut applied = content.clone();
        for (of, source) in &self.html {
            *match of.checked_sub(1) {
                None => &mut applied.html,
                Some(other) => &mut applied.wordings[other].html,
            } = Some(source.clone());
        }
        for (of, source) in &self.text {
            *match of.checked_sub(1) {
                None => &mut applied.text,
                Some(other) => &mut applied.wordings[other].text,
            } = Some(source.clone());
        }
        applied
    }

    /// Whether nothing was made, as everything is written as it is sent.
    pub(super) fn is_empty(&self) -> bool {
        self.html.is_empty() && self.text.is_empty() && self.faults.is_empty()
    }

    /// What was made for a template in that role.
    pub(super) fn find(&self, role: Role<'_>) -> Option<&Source> {
        let (made, wording) = match role {
            Role::Html(wording) => (&self.html, wording),
            Role::Text(wording) => (&self.text, wording),
            Role::Subject(_)
            | Role::Header(_)
            | Role::Name
            | Role::UnsubscribeUrl
            | Role::File(_)
            | Role::FileName(_) => return None,
        };
        made.iter().find(|(of, _)| *of == wording).map(|(_, source)| source)
    }

    /// The partial around a body in Markdown, whose front matter is `front`.
    fn layout<'a>(&mut self, content: &'a Content, front: Option<&Front>) -> Option<&'a str> {
        let find = |name: &str| content.partials.get_key_value(name).map(|(name, _)| name.as_str());
        let Some(wanted) = front.and_then(|front| front.layout.as_ref()) else { return find(LAYOUT) };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
        if !wanted.text().chars().all(is_plain) {
            let fault = Fault::error(format!("`{}` cannot be the name of a layout", wanted.text()));
            let fault = fault.hint("call the partial by letters, digits, - and _");
            self.faults.push(fault.at(parse::place(wanted, 0..wanted.text().len())));
            return None;
        }
        let found = find(wanted.text());
        if found.is_none() {
            let fault = Fault::error(format!("there is no partial `{}` for a layout", wanted.text()));
            let fault = match nearest(wanted.text(), content.partials.keys().map(String::as_str)) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault.hint(format!("write templates/partials/{}.hbs", wanted.text())),
            };
            self.faults.push(fault.at(parse::place(wanted, 0..wanted.text().len())));
        }
        found
    }

    fn mjml(&mut self, source: &Source) -> Option<String> {
        let text = source.text();
        // Tags that are not known would be left out without a word.
        for (at, _) in text.match_indices("<mj") {
            let name = text[at + 1..].split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next();
            let name = name.unwrap_or_default();
            if MJML_TAGS.contains(&name) {
                continue;
            }
            let fault = Fault::error(format!("there is no MJML tag `{name}`"));
            let fault = match nearest(name, MJML_TAGS) {
                _ if name == "mj-include" => fault.hint("write what it would include into the file itself"),
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault,
            };
            self.faults.push(fault.at(parse::place(source, at + 1..at + 1 + name.len())));
        }
        let whole = |words: String| Fault::error(words).at(parse::place(source, 0..0));
        let parsed = match mrml::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.faults.push(whole(format!("the MJML cannot be read: {error}")));
                return None;
            }
        };
        for warning in &parsed.warnings {
            let fault = Fault::warning(format!("in the MJML: {}", warning.kind));
            self.faults.push(fault.at(parse::place(source, warning.span.start..warning.span.end)));
        }
        match parsed.element.render(&mrml::prelude::render::RenderOptions::default()) {
            Ok(html) => Some(html),
            Err(error) => {
                self.faults.push(whole(format!("the MJML gives no HTML: {error}")));
                None
            }
        }
    }
}

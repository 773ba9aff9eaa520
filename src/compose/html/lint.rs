//! What mail programs will not show as an HTML body means it, found before anything is rendered.
//!
//! These are warnings, but for links that cannot be meant. They are sparing: one that is always there is read by
//! nobody.

use crate::mail::{Content, Fault, Source};

use super::super::converted::is_foreign;
use super::super::parse;
use super::super::scan::{self, Tag};
use super::images::{is_beside, sources};
use super::links;
use super::tokens::{Element, Token, tags_in, tokens};

/// Pixels that a layout may be wide: 600 is usual, and 640 fits into every reading pane.
const WIDEST: u32 = 640;
/// Elements that no mail program runs or shows, and that make filters wary.
const UNSHOWN: [&str; 8] = ["script", "iframe", "object", "embed", "form", "video", "audio", "applet"];

/// What is to be said of the HTML bodies and partials of `content`.
pub(in super::super) fn look(content: &Content) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources(content).filter(|source| !is_foreign(source)) {
        let Ok(tags) = scan::tags(source.text()) else { continue };
        let look = Look { content, source, tags: &tags };
        let mut wide = None;
        for token in tokens(source.text(), &tags) {
            let Token::Open(element) = token else { continue };
            faults.extend(look.picture(&element));
            faults.extend(links::look(content, source, &tags, &element));
            faults.extend(look.unshown(&element));
            faults.extend(look.language(&element));
            // The first that is too wide is the layout; what is in it is as wide.
            wide = wide.or_else(|| look.width(&element));
        }
        faults.extend(wide);
    }
    faults
}

struct Look<'a> {
    content: &'a Content,
    source: &'a Source,
    tags: &'a [Tag],
}

impl Look<'_> {
    fn warn(&self, element: &Element, what: &str, hint: &str) -> Fault {
        let place = parse::place(self.source, element.span.clone());
        Fault::warning(what).at(place).hint(hint)
    }

    fn picture(&self, element: &Element) -> Option<Fault> {
        let text = self.source.text();
        if element.name != "img" {
            return None;
        }
        let src = element.attribute("src").map(|src| &src.value);
        let shown = src.map_or("", |src| &text[src.clone()]).trim();
        if shown.is_empty() {
            return Some(self.warn(element, "this picture has no `src`", "name its file or address"));
        }
        if shown.starts_with("data:") {
            let what = "Gmail and Outlook show no picture that stands in `src` itself";
            return Some(self.warn(element, what, "put it into a file beside the template"));
        }
        let by_row = src.is_some_and(|src| !tags_in(self.tags, src).is_empty());
        let brought =
            self.content.images.iter().any(|image| image.template == self.source.file && image.src == shown);
        if is_beside(shown) && !shown.starts_with("{{") && (by_row || !brought) {
            let what = if by_row {
                "a picture whose path depends on the row is not brought along"
            } else {
                "this picture is not brought along, and its path leads nowhere from a message"
            };
            return Some(self.warn(element, what, "write an https address"));
        }
        let tiny =
            ["width", "height"].iter().any(|name| matches!(element.value(text, name), Some("0" | "1")));
        if element.attribute("alt").is_none() && element.loose.is_none() && !tiny {
            let hint = "write alt=\"..\", or alt=\"\" where it only decorates";
            return Some(self.warn(element, "this picture has no alternative text", hint));
        }
        None
    }

    fn unshown(&self, element: &Element) -> Option<Fault> {
        let name = UNSHOWN.iter().find(|name| **name == element.name)?;
        let what = format!("mail programs leave <{name}> out, and filters take it for an attack");
        Some(self.warn(element, &what, "link to a page that has it"))
    }

    fn language(&self, element: &Element) -> Option<Fault> {
        let ours = self.content.language.as_deref()?;
        let theirs = element.value(self.source.text(), "lang").filter(|_| element.name == "html")?;
        let first = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        if first(ours) == first(theirs) || theirs.contains("{{") || self.content.language_column.is_some() {
            return None;
        }
        let what = format!("the body is said to be in {theirs:?}, and the campaign in {ours:?}");
        Some(self.warn(element, &what, "write the same in both places"))
    }

    fn width(&self, element: &Element) -> Option<Fault> {
        if !matches!(element.name.as_str(), "table" | "td" | "div" | "img") {
            return None;
        }
        let text = self.source.text();
        let attribute = element.value(text, "width").and_then(pixels);
        let style = element.value(text, "style").unwrap_or_default().to_ascii_lowercase();
        let declared = style.split(';').filter_map(|declaration| declaration.split_once(':'));
        let declared =
            declared.filter(|(name, _)| name.trim() == "width").find_map(|(_, value)| pixels(value));
        let width = attribute.or(declared).filter(|width| *width > WIDEST)?;
        let what = format!("this is {width} pixels wide, and telephones and reading panes are not");
        Some(self.warn(element, &what, "600 is usual; max-width lets it shrink"))
    }
}

/// A width in pixels.
fn pixels(value: &str) -> Option<u32> {
    let value = value.trim();
    value.strip_suffix("px").unwrap_or(value).trim().parse().ok()
}

#[cfg(test)]
mod tests;

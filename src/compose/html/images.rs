//! Pictures that lie beside the template, and are brought along under a Content-ID (RFC 2392).

use std::ops::Range;

use crate::mail::{Content, Image, Place, Source};

use super::super::converted::{Converted, is_foreign};
use super::super::parse;
use super::super::scan;
use super::super::tail::content_id;
use super::edits::{Edit, edited};
use super::tokens::{Element, Token, tags_in, tokens};

/// A picture that a template shows and that lies beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What `src` says: a path, relative to the template.
    pub src: String,
    /// The template's file.
    pub template: String,
    /// Where it says so.
    pub place: Place,
}

/// A path, and where it stands in the text of its template.
type Found = (String, Range<usize>);

/// The pictures that the templates of `content` show and that lie beside them, each once for each template.
pub fn wanted_pictures(content: &Content) -> Vec<Wanted> {
    wanted(content, &pictures)
}

/// The stylesheets that the templates of `content` link to and that lie beside them, each once for each template.
pub fn wanted_sheets(content: &Content) -> Vec<Wanted> {
    wanted(content, &sheets)
}

fn wanted(content: &Content, of: &dyn Fn(&Source) -> Vec<Found>) -> Vec<Wanted> {
    let mut found: Vec<Wanted> = Vec::new();
    let content = Converted::new(content).applied(content);
    for source in sources(&content) {
        for (src, span) in of(source) {
            if found.iter().all(|known| known.src != src || known.template != source.file) {
                // What was made of another language has no places of its own.
                let span = if is_foreign(source) { 0..0 } else { span };
                let place = parse::place(source, span);
                found.push(Wanted { src, template: source.file.clone(), place });
            }
        }
    }
    found
}

/// The HTML bodies and partials of `content`.
pub(super) fn sources(content: &Content) -> impl Iterator<Item = &Source> {
    let bodies = content.all_words().filter_map(|words| words.html);
    let mut seen = Vec::new();
    bodies.chain(content.partials.values()).filter(move |source| {
        let new = !seen.contains(&&source.file);
        seen.push(&source.file);
        new
    })
}

/// The source with `cid:` in the place of each of the `images` that stand in it.
pub(super) fn embedded(source: &Source, images: &[Image]) -> Source {
    let of_it = |src: &str| images.iter().find(|image| image.template == source.file && image.src == src);
    let edits: Vec<Edit> = pictures(source)
        .into_iter()
        .filter_map(|(src, span)| Some(Edit { with: format!("cid:{}", content_id(of_it(&src)?)), span }))
        .collect();
    if edits.is_empty() {
        return source.clone();
    }
    Source::file(source.file.clone(), edited(source.text(), edits))
}

/// The paths of pictures in a template, and where they stand in its text.
fn pictures(source: &Source) -> Vec<Found> {
    let text = source.text();
    let Ok(tags) = scan::tags(text) else { return Vec::new() };
    let mut found = Vec::new();
    for token in tokens(text, &tags) {
        let Token::Open(element) = token else { continue };
        for name in shows(&element) {
            let Some(attribute) = element.attribute(name) else { continue };
            let src = text[attribute.value.clone()].trim();
            if is_beside(src) && tags_in(&tags, &attribute.value).is_empty() {
                found.push((src.to_owned(), attribute.value.clone()));
            }
        }
    }
    found
}

/// The paths of stylesheets that a template links to, and where they stand in its text.
fn sheets(source: &Source) -> Vec<Found> {
    let text = source.text();
    let Ok(tags) = scan::tags(text) else { return Vec::new() };
    let mut found = Vec::new();
    for token in tokens(text, &tags) {
        let Token::Open(element) = token else { continue };
        let Some(href) = element.attribute("href").filter(|_| is_sheet(text, &element)) else { continue };
        let path = text[href.value.clone()].trim();
        if is_beside(path) && tags_in(&tags, &href.value).is_empty() {
            found.push((path.to_owned(), href.value.clone()));
        }
    }
    found
}

/// Whether an element links to a stylesheet.
pub(super) fn is_sheet(text: &str, element: &Element) -> bool {
    element.name == "link"
        && element.value(text, "rel").is_some_and(|rel| rel.trim().eq_ignore_ascii_case("stylesheet"))
}

/// The attributes of an element that name a picture.
fn shows(element: &Element) -> &'static [&'static str] {
    match element.name.as_str() {
        "img" => &["src"],
        "body" | "table" | "td" | "th" => &["background"],
        _ => &[],
    }
}

/// Whether a path leads to a file beside the template: no address, no anchor, nothing absolute.
pub(super) fn is_beside(src: &str) -> bool {
    let scheme = src.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    !src.is_empty() && !scheme && !src.starts_with(['/', '#', '\\', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_beside_the_template_are_brought_along() {
        let text = "<img src=\"images/a.png\"><img src='https://x/y.png'><img src=\"{{x}}.png\">\
                    <td background=\"b.jpg\"><img src=\"cid:z\"><img src=\"//x/y\"><img src=\"data:image/png;base64,AA\">\
                    <img><script src=\"c.js\"></script><!-- <img src=\"d.png\"> -->";
        let source = Source::file("templates/a/body.html.hbs", text);
        let found: Vec<String> = pictures(&source).into_iter().map(|(src, _)| src).collect();
        assert_eq!(found, ["images/a.png", "b.jpg"]);

        let image = Image {
            src: "b.jpg".into(),
            template: source.file.clone(),
            file: "templates/a/b.jpg".into(),
            kind: "image/jpeg".into(),
            hash: [0xab; 32],
        };
        let changed = embedded(&source, std::slice::from_ref(&image));
        let expected = text.replace("\"b.jpg\"", "\"cid:abababababababababababab@mailrun.invalid\"");
        assert_eq!(changed.text(), expected);
        let of_another = Image { template: "templates/b/body.html.hbs".into(), ..image };
        assert_eq!(embedded(&source, &[of_another]).text(), text);
    }
}

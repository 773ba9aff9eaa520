//! Whether HTML that sets colours says what becomes of them in the dark.
//!
//! Most newsletters say nothing, and programs manage, more or less: so this is for those who ask for more, and no
//! warning.

use crate::mail::{Content, Source};

use super::super::converted::is_foreign;
use super::super::scan;
use super::images::sources;
use super::tokens::{Element, Token, tokens};

/// Attributes that are colours by themselves.
const COLOURS: [&str; 4] = ["bgcolor", "color", "text", "link"];
/// Elements that the attributes of [`COLOURS`] mean something to.
const COLOURED: [&str; 8] = ["body", "table", "thead", "tbody", "tr", "td", "th", "font"];

/// What is worth knowing of the HTML bodies of `content` and no warning: at most a line for all of them.
pub fn asides(content: &Content) -> Vec<String> {
    let mut first = None;
    let sheets = content.making.sheets.values().map(Source::text);
    let mut seen = Seen::default();
    sheets.for_each(|sheet| seen.rules(sheet));
    for source in sources(content).filter(|source| !is_foreign(source)) {
        let text = source.text();
        let Ok(tags) = scan::tags(text) else { continue };
        let before = seen.colours;
        for token in tokens(text, &tags) {
            match token {
                Token::Open(element) => seen.element(text, &element),
                Token::Raw { name, span } if name == "style" => seen.rules(&text[span]),
                Token::Raw { .. }
                | Token::Text(_)
                | Token::Close { .. }
                | Token::Comment(_)
                | Token::Declaration(_) => {}
            }
        }
        if seen.colours && !before {
            first = Some(source.file.as_str());
        }
    }
    let sheet = content.making.sheets.values().next().map(|sheet| sheet.file.as_str());
    let Some(file) = first.or(sheet).filter(|_| seen.colours && !seen.dark) else { return Vec::new() };
    vec![format!(
        "{file} sets colours and does not say which in the dark: programs choose their own there, unless there is \
         <meta name=\"color-scheme\" content=\"light dark\"> and @media (prefers-color-scheme: dark)"
    )]
}

/// What was seen in the HTML of a campaign.
#[derive(Debug, Default)]
struct Seen {
    /// Colours are set.
    colours: bool,
    /// Something is said of the dark.
    dark: bool,
}

impl Seen {
    fn element(&mut self, text: &str, element: &Element) {
        let value = |name| element.value(text, name).unwrap_or_default().trim().to_ascii_lowercase();
        let coloured = COLOURED.contains(&element.name.as_str())
            && COLOURS.iter().any(|name| element.attribute(name).is_some());
        self.colours |= coloured || sets_colours(&value("style"));
        self.dark |= element.name == "meta"
            && matches!(value("name").as_str(), "color-scheme" | "supported-color-schemes");
    }

    fn rules(&mut self, css: &str) {
        let css = css.to_ascii_lowercase();
        self.colours |= sets_colours(&css);
        self.dark |= css.contains("color-scheme");
    }
}

/// Whether declarations, in small letters, give something a colour or a background.
fn sets_colours(css: &str) -> bool {
    let ends_a_name = |rest: &str| rest.trim_start().starts_with(':');
    ["color", "background"].iter().any(|name| {
        css.match_indices(name).any(|(at, _)| {
            let before = css[..at].chars().next_back();
            let whole = before.is_none_or(|before| before == '-' || !before.is_alphanumeric());
            whole && ends_a_name(&css[at + name.len()..])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::content;
    use super::*;

    #[test]
    fn colours_that_know_no_dark_are_told_once() {
        let dark = "<style>@media (prefers-color-scheme: dark) { p { color: #fff } }</style>";
        let table = [
            ("<p>colour: red</p>".to_owned(), 0),
            ("<p style=\"margin:0\">x</p>".to_owned(), 0),
            ("<p style=\"Color : red\">x</p>".to_owned(), 1),
            ("<td style=\"background:#eee\"></td><td bgcolor=\"#eeeeee\"></td>".to_owned(), 1),
            ("<table bgcolor=\"{{title}}\"><tr></tr></table>".to_owned(), 1),
            ("<style>p { border-color: red }</style><p>x</p>".to_owned(), 1),
            (format!("{dark}<p style=\"color:red\">x</p>"), 0),
            ("<meta name=\"color-scheme\" content=\"light\"><p style=\"color:red\">x</p>".to_owned(), 0),
        ];
        for (html, told) in table {
            let mut content = content();
            content.html = Some(Source::file("b.html.hbs", html.as_str()));
            assert_eq!(asides(&content).len(), told, "{html}");
            let partial = Source::file("p.hbs", html.as_str());
            content.html = Some(Source::file("b.html.hbs", "{{> p}}"));
            content.partials.insert("p".to_owned(), partial);
            let found = asides(&content);
            assert_eq!(found.len(), told, "{html}");
            assert!(found.iter().all(|line| line.starts_with("p.hbs sets colours")), "{found:?}");
        }
    }
}

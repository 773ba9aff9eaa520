//! The elements, texts and comments of an HTML template, in their order (HTML, 13.2.5).
//!
//! Tags of the template are opaque here: whatever stands in them begins or ends nothing. A rendered body is read
//! in the same way, with no tags. Nothing is judged, and no tree is built: what does not end is text.

use std::ops::Range;

use super::super::scan::Tag;

/// A piece of HTML; all spans are octets of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Text, with the tags of the template in it.
    Text(Range<usize>),
    /// `<name ..>`.
    Open(Element),
    /// `</name>`.
    Close { name: String, span: Range<usize> },
    /// What stands in `<style>`, `<script>`, `<title>` or `<textarea>`, whose name is given.
    Raw { name: String, span: Range<usize> },
    /// `<!-- .. -->`.
    Comment(Range<usize>),
    /// `<!doctype ..>` and the like.
    Declaration(Range<usize>),
}

/// An opening tag of HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    /// In small letters.
    pub(super) name: String,
    pub(super) span: Range<usize>,
    pub(super) attributes: Vec<Attribute>,
    /// The first tag of the template in it that stands in no quoted value.
    pub(super) loose: Option<Range<usize>>,
}

/// An attribute of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    /// In small letters.
    pub(super) name: String,
    /// The value without its quotes; empty where there is none.
    pub(super) value: Range<usize>,
}

impl Element {
    /// The attribute of that name.
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The text of the value of an attribute.
    pub(super) fn value<'a>(&self, text: &'a str, name: &str) -> Option<&'a str> {
        Some(&text[self.attribute(name)?.value.clone()])
    }

    /// Where another attribute can be put in: behind the name.
    pub(super) fn behind_name(&self) -> usize {
        self.span.start + 1 + self.name.len()
    }
}

/// Whether the span holds a tag of the template.
pub(super) fn tags_in<'a>(tags: &'a [Tag], span: &Range<usize>) -> &'a [Tag] {
    let first = tags.partition_point(|tag| tag.span.start < span.start);
    let behind = tags.partition_point(|tag| tag.span.start < span.end);
    &tags[first..behind.max(first)]
}

/// The tokens of `text`, in which `tags` stand.
pub(super) fn tokens(text: &str, tags: &[Tag]) -> Vec<Token> {
    let mut reader = Reader { text, tags, place: 0, tokens: Vec::new() };
    let mut begun = 0;
    while reader.place < text.len() {
        let start = reader.place;
        if let Some(end) = reader.tag() {
            reader.place = end;
        } else if reader.rest().starts_with('<') && reader.markup(begun) {
            begun = reader.place;
        } else if reader.place == start {
            reader.step();
        }
    }
    reader.text_until(begun, text.len());
    reader.tokens
}

struct Reader<'a> {
    text: &'a str,
    tags: &'a [Tag],
    place: usize,
    tokens: Vec<Token>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.place..]
    }

    /// The end of the template's tag that begins here.
    fn tag(&self) -> Option<usize> {
        let at = self.tags.binary_search_by_key(&self.place, |tag| tag.span.start).ok()?;
        Some(self.tags[at].span.end)
    }

    fn step(&mut self) {
        self.place += self.rest().chars().next().map_or(1, char::len_utf8);
    }

    fn text_until(&mut self, begun: usize, end: usize) {
        if begun < end {
            self.tokens.push(Token::Text(begun..end));
        }
    }

    /// Takes what a `<` begins, if it begins anything; text since `begun` goes before it.
    fn markup(&mut self, begun: usize) -> bool {
        let start = self.place;
        let rest = self.rest();
        let token = if rest.starts_with("<!--") {
            self.until("-->", 4).map(|end| Token::Comment(start..end))
        } else if rest.starts_with("<!") || rest.starts_with("<?") {
            self.until(">", 2).map(|end| Token::Declaration(start..end))
        } else if rest.starts_with("</") && rest[2..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            let name = name_of(&rest[2..]);
            self.until(">", 2).map(|end| Token::Close { name, span: start..end })
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.element().map(Token::Open)
        } else {
            None
        };
        let Some(token) = token else {
            self.place = start;
            return false;
        };
        self.text_until(begun, start);
        let raw = match &token {
            Token::Open(Element { name, .. })
                if matches!(name.as_str(), "style" | "script" | "title" | "textarea") =>
            {
                Some(name.clone())
            }
            Token::Open(_)
            | Token::Text(_)
            | Token::Close { .. }
            | Token::Raw { .. }
            | Token::Comment(_)
            | Token::Declaration(_) => None,
        };
        self.tokens.push(token);
        if let Some(name) = raw {
            self.raw(name);
        }
        true
    }

    /// The end of what ends with `mark`, tags apart; begins `from` octets behind this place, which is moved there.
    fn until(&mut self, mark: &str, from: usize) -> Option<usize> {
        self.place += from;
        while self.place < self.text.len() {
            if let Some(end) = self.tag() {
                self.place = end;
            } else if self.rest().starts_with(mark) {
                self.place += mark.len();
                return Some(self.place);
            } else {
                self.step();
            }
        }
        None
    }

    fn raw(&mut self, name: String) {
        let start = self.place;
        while self.place < self.text.len() {
            if let Some(end) = self.tag() {
                self.place = end;
                continue;
            }
            let closes = self.rest().strip_prefix("</").is_some_and(|rest| {
                rest.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(&name))
            });
            if closes {
                break;
            }
            self.step();
        }
        if start < self.place {
            self.tokens.push(Token::Raw { name, span: start..self.place });
        }
    }

    fn element(&mut self) -> Option<Element> {
        let start = self.place;
        let name = name_of(&self.rest()[1..]);
        self.place += 1 + name.len();
        let mut element = Element { name, span: start..start, attributes: Vec::new(), loose: None };
        while self.place < self.text.len() {
            if let Some(end) = self.tag() {
                element.loose.get_or_insert(self.place..end);
                self.place = end;
                continue;
            }
            match self.text.as_bytes()[self.place] {
                b'>' => {
                    self.place += 1;
                    element.span.end = self.place;
                    return Some(element);
                }
                b'/' => self.place += 1,
                byte if byte.is_ascii_whitespace() => self.place += 1,
                _ => self.attribute(&mut element)?,
            }
        }
        None
    }

    fn attribute(&mut self, element: &mut Element) -> Option<()> {
        let start = self.place;
        self.step();
        self.skip_while(element, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'>' | b'/'));
        let name = self.text[start..self.place].to_ascii_lowercase();
        let behind = self.place;
        self.blanks();
        if !self.rest().starts_with('=') {
            self.place = behind;
            element.attributes.push(Attribute { name, value: behind..behind });
            return Some(());
        }
        self.place += 1;
        self.blanks();
        let value = match self.text.as_bytes().get(self.place) {
            Some(quote @ (b'"' | b'\'')) => {
                let begin = self.place + 1;
                let end = self.until(if *quote == b'"' { "\"" } else { "'" }, 1)?;
                begin..end - 1
            }
            Some(_) => {
                let begin = self.place;
                self.skip_while(element, |byte| !byte.is_ascii_whitespace() && byte != b'>');
                begin..self.place
            }
            None => return None,
        };
        element.attributes.push(Attribute { name, value });
        Some(())
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.place += rest.len() - rest.trim_ascii_start().len();
    }

    /// Goes on over octets that are `meant`, and over tags, which are loose here.
    fn skip_while(&mut self, element: &mut Element, meant: impl Fn(u8) -> bool) {
        while self.place < self.text.len() {
            if let Some(end) = self.tag() {
                element.loose.get_or_insert(self.place..end);
                self.place = end;
            } else if meant(self.text.as_bytes()[self.place]) {
                self.step();
            } else {
                return;
            }
        }
    }
}

/// The name that a tag of HTML begins with, in small letters.
fn name_of(text: &str) -> String {
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/' | '{'));
    text[..end.unwrap_or(text.len())].to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::scan;
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let tags = scan::tags(text).expect("tags fit");
        let tell = |token: &Token| match token {
            Token::Text(span) => format!("text {}", &text[span.clone()]),
            Token::Open(element) => {
                let values = element.attributes.iter();
                let values: Vec<String> = values
                    .map(|attribute| format!(" {}={}", attribute.name, &text[attribute.value.clone()]))
                    .collect();
                let loose = if element.loose.is_some() { " loose" } else { "" };
                format!("<{}{}{loose}", element.name, values.concat())
            }
            Token::Close { name, .. } => format!("</{name}"),
            Token::Raw { name, span } => format!("{name}: {}", &text[span.clone()]),
            Token::Comment(span) => format!("comment {}", &text[span.clone()]),
            Token::Declaration(span) => format!("declaration {}", &text[span.clone()]),
        };
        tokens(text, &tags).iter().map(tell).collect()
    }

    #[test]
    fn tags_of_the_template_are_opaque() {
        let table: [(&str, &[&str]); 9] = [
            ("a <b>c</B> d", &["text a ", "<b", "text c", "</b", "text  d"]),
            (
                "<a href=\"{{x}}\" class=b>{{#if (eq a \"<b>\")}}x{{/if}}</a>",
                &["<a href={{x}} class=b", "text {{#if (eq a \"<b>\")}}x{{/if}}", "</a"],
            ),
            ("<td {{#if x}}class=\"a\"{{/if}} width={{w}}>", &["<td class=a width={{w}} loose"]),
            (
                "<!doctype html><!--[if mso]><td><![endif]-->x",
                &["declaration <!doctype html>", "comment <!--[if mso]><td><![endif]-->", "text x"],
            ),
            (
                "<style>a > b { color: {{c}} }</style>",
                &["<style", "style: a > b { color: {{c}} }", "</style"],
            ),
            ("<img src='a.png' alt = \"\" hidden/>", &["<img src=a.png alt= hidden="]),
            ("1 < 2 and <3", &["text 1 < 2 and <3"]),
            ("<a href=\"x", &["text <a href=\"x"]),
            ("{{!-- <b> --}}<i>", &["text {{!-- <b> --}}", "<i"]),
        ];
        for (text, expected) in table {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_octet_belongs_to_one_token(
            text in r#"(<|>|</|<!--|-->|<!|"|'|=|/| |a|style|\{\{x\}\}|\{\{#if x\}\}|\{\{/if\}\}|ü){0,40}"#,
        ) {
            let Ok(tags) = scan::tags(&text) else { return Ok(()) };
            let mut end = 0;
            for token in tokens(&text, &tags) {
                let span = match token {
                    Token::Text(span)
                    | Token::Comment(span)
                    | Token::Declaration(span)
                    | Token::Raw { span, .. }
                    | Token::Close { span, .. } => span,
                    Token::Open(element) => element.span,
                };
                prop_assert_eq!(span.start, end);
                end = span.end;
            }
            prop_assert_eq!(end, text.len());
        }
    }
}

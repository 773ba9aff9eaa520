//! A text body made from an HTML body.
//!
//! The tokens are followed in their order and written as lines; no tree is built, so that the tags of a
//! template come out as they went in, in the same order, and the text is a template too. A link is followed
//! by its address, a picture stands as its alternative text, and what is hidden is left out. Where a tag of
//! the template begins inside a link and ends outside of it, the text depends on the row: [`Undecided`] says
//! where.

use std::ops::Range;

use super::super::scan::{Kind, Tag};
use super::css::Undecided;
use super::entities::decoded;
use super::tokens::{Element, Token, tags_in, tokens};

/// Elements that stand on lines of their own, and those with an empty line around them.
const LINES: [&str; 24] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "li",
    "main",
    "nav",
    "ol",
    "section",
    "table",
    "tbody",
    "tr",
    "ul",
];
const PARAGRAPHS: [&str; 9] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "hr"];

/// The text of an HTML body.
///
/// # Errors
/// Why it depends on the row; never without `tags`.
pub(super) fn text_of(html: &str, tags: &[Tag]) -> Result<String, Undecided> {
    let mut writer = Writer { html, tags, ..Writer::default() };
    let mut hidden: Option<(String, usize)> = None;
    for token in tokens(html, tags) {
        // What is hidden is left out with everything in it.
        if let Some((name, depth)) = &mut hidden {
            match &token {
                Token::Open(element) if element.name == *name => *depth += 1,
                Token::Close { name: closed, .. } if closed == name => *depth -= 1,
                Token::Open(_)
                | Token::Close { .. }
                | Token::Text(_)
                | Token::Raw { .. }
                | Token::Comment(_)
                | Token::Declaration(_) => {}
            }
            if *depth == 0 {
                hidden = None;
            }
            continue;
        }
        match token {
            Token::Open(element) if is_hidden(html, &element) => hidden = Some((element.name, 1)),
            Token::Open(element) => writer.open(&element)?,
            Token::Close { name, span } => writer.close(&name, &span)?,
            Token::Text(span) => writer.text(&span)?,
            Token::Raw { .. } | Token::Comment(_) | Token::Declaration(_) => {}
        }
    }
    writer.out.push('\n');
    Ok(writer.out)
}

/// Whether an element shows nothing: the head, or what many templates hide for the list of an inbox.
fn is_hidden(html: &str, element: &Element) -> bool {
    if matches!(element.name.as_str(), "br" | "img" | "hr" | "input" | "meta" | "link" | "col") {
        return false;
    }
    let style: String = element.value(html, "style").unwrap_or_default().split_whitespace().collect();
    element.name == "head" || style.to_ascii_lowercase().contains("display:none")
}

/// What stands between what was written and what is to be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Gap {
    lines: usize,
    blank: bool,
}

/// A block of the template, and the gaps at its beginning and at the ends of its branches.
#[derive(Debug)]
struct Block {
    before: Gap,
    after: Gap,
}

#[derive(Default)]
struct Writer<'a> {
    html: &'a str,
    tags: &'a [Tag],
    out: String,
    gap: Gap,
    blocks: Vec<Block>,
    /// Address, where the words of the link begin, and how many blocks are around it.
    links: Vec<(String, usize, usize)>,
    lists: Vec<Option<usize>>,
}

impl Writer<'_> {
    fn lines(&mut self, lines: usize) {
        self.gap.lines = self.gap.lines.max(lines);
        self.gap.blank = false;
    }

    /// Writes something that is to be read, behind the gap before it.
    fn write(&mut self, text: &str) {
        // Nothing was written yet but tags: no text begins with an empty line.
        let begun = self.out.len() > self.tags_written();
        match self.gap {
            Gap { lines: 0, blank: false } => {}
            Gap { lines: 0, blank: true } if begun && !self.out.ends_with(['\n', ' ']) => self.out.push(' '),
            Gap { lines, .. } if begun => {
                let there = self.out.chars().rev().take_while(|c| *c == '\n').count();
                (there..lines).for_each(|_| self.out.push('\n'));
            }
            Gap { .. } => {}
        }
        self.gap = Gap::default();
        self.out.push_str(text);
    }

    /// Octets of what was written if it is nothing but tags of blocks; else 0.
    fn tags_written(&self) -> usize {
        if self.out.starts_with("{{#")
            && self.out.ends_with("}}")
            && self.out.matches("{{").count() == self.blocks.len()
        {
            self.out.len()
        } else {
            0
        }
    }

    fn open(&mut self, element: &Element) -> Result<(), Undecided> {
        if let Some(span) = &element.loose {
            let block = tags_in(self.tags, span).iter().find(|tag| tag.kind != Kind::Value);
            if let Some(tag) = block.filter(|tag| tag.kind != Kind::Comment) {
                return Err(Undecided { why: "this block begins inside an element", span: tag.span.clone() });
            }
        }
        match element.name.as_str() {
            "br" => self.gap = Gap { lines: (self.gap.lines + 1).min(2), blank: false },
            "hr" => {
                self.lines(2);
                self.write("---");
                self.lines(2);
            }
            "td" | "th" => self.gap.blank = true,
            "ol" => self.lists.push(Some(1)),
            "ul" => self.lists.push(None),
            "li" => {
                self.lines(1);
                let mark = match self.lists.last_mut() {
                    // Items that a block repeats cannot be counted beforehand.
                    Some(Some(number)) if self.blocks.is_empty() => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    Some(_) | None => "- ".to_owned(),
                };
                self.write(&mark);
            }
            "img" => {
                let alt = self.value(element, "alt");
                if !alt.trim().is_empty() {
                    self.write(alt.trim());
                }
            }
            "a" => {
                let href = self.value(element, "href");
                self.links.push((href.trim().to_owned(), self.out.len(), self.blocks.len()));
            }
            _ => {}
        }
        self.around(&element.name);
        Ok(())
    }

    fn close(&mut self, name: &str, span: &Range<usize>) -> Result<(), Undecided> {
        match name {
            "ol" | "ul" => drop(self.lists.pop()),
            "a" => {
                if let Some((href, start, blocks)) = self.links.pop() {
                    if blocks != self.blocks.len() {
                        return Err(Undecided { why: "a block ends inside this link", span: span.clone() });
                    }
                    self.address(&href, start);
                }
            }
            _ => {}
        }
        self.around(name);
        Ok(())
    }

    fn around(&mut self, name: &str) {
        if PARAGRAPHS.contains(&name) {
            self.lines(2);
        } else if LINES.contains(&name) && name != "li" {
            self.lines(1);
        }
    }

    /// Writes where a link leads, unless its words say it already.
    fn address(&mut self, href: &str, start: usize) {
        let words = self.out.get(start..).unwrap_or_default().trim().to_owned();
        let shown = href.strip_prefix("mailto:").or(href.strip_prefix("tel:")).unwrap_or(href);
        let said = words == shown || shown.trim_end_matches('/') == words;
        if href.is_empty() || href.starts_with('#') || said {
            return;
        }
        if words.is_empty() {
            self.write(shown);
        } else {
            self.gap = Gap { lines: 0, blank: true };
            self.write(&format!("<{shown}>"));
        }
    }

    /// The value of an attribute, with the tags in it as they are.
    fn value(&self, element: &Element, name: &str) -> String {
        let Some(attribute) = element.attribute(name) else { return String::new() };
        let mut value = String::new();
        self.each(&attribute.value, &mut |piece, tag| match tag {
            Some(_) => value.push_str(piece),
            None => value.push_str(&self.literal(piece)),
        });
        value
    }

    /// The pieces of a span, tags of the template and what stands between them.
    fn each(&self, span: &Range<usize>, visit: &mut dyn FnMut(&str, Option<&Tag>)) {
        let mut done = span.start;
        for tag in tags_in(self.tags, span) {
            visit(&self.html[done..tag.span.start], None);
            visit(&self.html[tag.span.clone()], Some(tag));
            done = tag.span.end;
        }
        visit(&self.html[done..span.end], None);
    }

    /// Text as a reader sees it. What would be a tag once its characters are decoded stays text.
    fn literal(&self, text: &str) -> String {
        let plain = decoded(text).replace(['\u{ad}', '\u{200c}', '\u{200d}', '\u{feff}', '\u{34f}'], "");
        if self.tags.is_empty() || text.contains("{{") { plain } else { plain.replace("{{", "\\{{") }
    }

    fn text(&mut self, span: &Range<usize>) -> Result<(), Undecided> {
        let mut pieces: Vec<(String, Option<Tag>)> = Vec::new();
        self.each(span, &mut |piece, tag| pieces.push((piece.to_owned(), tag.cloned())));
        for (piece, tag) in pieces {
            match tag {
                None => self.words(&piece),
                Some(tag) => self.tag(&piece, &tag)?,
            }
        }
        Ok(())
    }

    fn words(&mut self, piece: &str) {
        let text = self.literal(piece);
        let is_gap = |c: char| c.is_whitespace();
        self.gap.blank |= self.gap.lines == 0 && text.starts_with(is_gap);
        let words: Vec<&str> = text.split(is_gap).filter(|word| !word.is_empty()).collect();
        if !words.is_empty() {
            self.write(&words.join(" "));
            self.gap.blank = text.ends_with(is_gap);
        }
    }

    fn tag(&mut self, shown: &str, tag: &Tag) -> Result<(), Undecided> {
        match tag.kind {
            Kind::Comment => {}
            Kind::Value
                if shown.starts_with("{{{") || shown.starts_with("{{&") || shown.contains("markdown") =>
            {
                let why = "the HTML that this tag gives is not known";
                return Err(Undecided { why, span: tag.span.clone() });
            }
            Kind::Value => self.write(shown),
            Kind::Open => {
                // What a loop repeats has a line break before it; the empty line stands once, before the loop. The
                // break right behind a tag that is alone on its line is no part of the text, so there is one more.
                if shown.starts_with("{{#each") && self.gap.lines > 1 && !self.out.is_empty() {
                    (1..self.gap.lines).for_each(|_| self.out.push('\n'));
                    self.gap.lines = 2;
                }
                self.blocks.push(Block { before: self.gap, after: Gap::default() });
                self.out.push_str(shown);
            }
            Kind::Else(_) | Kind::Close => {
                let Some(block) = self.blocks.last_mut() else { return Ok(()) };
                block.after.lines = block.after.lines.max(self.gap.lines);
                block.after.blank |= self.gap.blank;
                if tag.kind == Kind::Close {
                    self.gap = Gap { blank: block.after.blank && block.after.lines == 0, ..block.after };
                    self.blocks.pop();
                } else {
                    self.gap = block.before;
                }
                self.out.push_str(shown);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::scan;
    use super::*;

    fn text(html: &str) -> String {
        let tags = scan::tags(html).expect("tags fit");
        text_of(html, &tags).expect("the same for every row").trim_end().to_owned()
    }

    #[test]
    fn elements_become_lines() {
        let table = [
            ("<h1>Hello</h1><p>one\n  two</p><p>three</p>", "Hello\n\none two\n\nthree"),
            ("a<br>b<br><br>c", "a\nb\n\nc"),
            ("<ul><li>x</li><li>y</li></ul><ol><li>x<li>y</ol>", "- x\n- y\n1. x\n2. y"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
            ("see <a href=\"https://e.com/a?b=1&amp;c=2\">this</a>.", "see this <https://e.com/a?b=1&c=2>."),
            ("<a href=\"https://e.com\">https://e.com</a>", "https://e.com"),
            ("<a href=\"mailto:a@e.com\">a@e.com</a> <a href=\"#top\">up</a>", "a@e.com up"),
            (
                "<a href=\"https://e.com\"><img src=\"a.png\" alt=\"Our shop\"></a>",
                "Our shop <https://e.com>",
            ),
            ("<a href=\"https://e.com\"><img src=\"a.png\"></a>", "https://e.com"),
            ("<head><title>T</title><style>p{}</style></head><body>x</body>", "x"),
            ("<div style=\"display: none\">pre<div>header</div></div><p>x</p>", "x"),
            ("x<!--[if mso]>no<![endif]--> y", "x y"),
            ("<b>bold</b>, <i>it</i>alic&nbsp;&mdash;&zwnj; ok", "bold, italic \u{2014} ok"),
            ("a<hr>b", "a\n\n---\n\nb"),
        ];
        for (html, expected) in table {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    #[test]
    fn tags_come_out_in_their_order() {
        let table = [
            ("<p>Dear {{name}},</p><p>hi</p>", "Dear {{name}},\n\nhi"),
            (
                "<p>x</p><table>{{#each items}}<tr><td>{{this}}</td></tr>{{/each}}</table><p>y</p>",
                "x\n{{#each items}}\n\n{{this}}{{/each}}\n\ny",
            ),
            ("Hello {{#if t}}Dr {{/if}}Bob", "Hello{{#if t}} Dr{{/if}} Bob"),
            ("<p>a</p>{{#if b}}<p>c</p>{{else}}<p>d</p>{{/if}}e", "a{{#if b}}\n\nc{{else}}\n\nd{{/if}}\n\ne"),
            ("<a href=\"{{url}}\">go</a>", "go <{{url}}>"),
            ("{{!-- note --}}x &#123;{x}}", "x \\{{x}}"),
        ];
        for (html, expected) in table {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    #[test]
    fn what_depends_on_the_row_is_left() {
        for html in
            ["{{#if a}}<a href=\"x\">{{else}}<a href=\"y\">{{/if}}go</a>", "{{{html}}}", "<p>{{&html}}</p>"]
        {
            let tags = scan::tags(html).expect("tags fit");
            assert!(text_of(html, &tags).is_err(), "{html}");
        }
    }
}

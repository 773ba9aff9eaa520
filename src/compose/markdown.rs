//! Markdown as HTML, and as the text that says the same.
//!
//! What stands in a cell is nobody's to trust: of it only text, emphasis, lists, quotes, tables and links to web and
//! mail addresses become HTML. Raw HTML in it is shown as it stands, and a picture is its description.

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd, html};

/// Schemes of addresses that a link in a cell may lead to.
const SCHEMES: [&str; 4] = ["https://", "http://", "mailto:", "tel:"];
/// What parts two themes in plain text.
const RULE: &str = "----------";

/// What is understood beside the plain Markdown of 2004.
pub(super) fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

/// The HTML of a cell's Markdown.
pub(super) fn value_as_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, tame(text).into_iter());
    out.truncate(out.trim_end().len());
    out
}

/// The plain text of a cell's Markdown.
pub(super) fn value_as_text(text: &str) -> String {
    as_text(tame(text))
}

/// The events of a cell, without what only an operator may write.
fn tame(text: &str) -> Vec<Event<'_>> {
    let mut events = Vec::new();
    let mut shut = Vec::new();
    for event in Parser::new_ext(text, options()) {
        match event {
            Event::Html(raw) | Event::InlineHtml(raw) => events.push(Event::Text(raw)),
            Event::Start(Tag::Link { ref dest_url, link_type, .. }) => {
                let open = link_type == LinkType::Email || leads_out(dest_url);
                shut.push(!open);
                if open {
                    events.push(event);
                }
            }
            Event::End(TagEnd::Link) => {
                if shut.pop() != Some(true) {
                    events.push(event);
                }
            }
            Event::Start(Tag::Image { .. } | Tag::HtmlBlock)
            | Event::End(TagEnd::Image | TagEnd::HtmlBlock) => {}
            event => events.push(event),
        }
    }
    events
}

fn leads_out(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    SCHEMES.iter().any(|scheme| lower.starts_with(scheme))
}

/// The text that events say.
pub(super) fn as_text<'a>(events: impl IntoIterator<Item = Event<'a>>) -> String {
    let mut writer = Writer::default();
    for event in events {
        writer.event(event);
    }
    writer.out.truncate(writer.out.trim_end().len());
    writer.out
}

/// What stands before the lines of a quote or an item.
#[derive(Debug)]
struct Inset {
    /// Before its first line, until that is written.
    first: Option<String>,
    rest: String,
}

/// A link whose words are being written.
#[derive(Debug)]
struct Link {
    address: String,
    /// Where its words begin.
    start: usize,
}

/// Plain text under way.
#[derive(Debug, Default)]
struct Writer {
    out: String,
    insets: Vec<Inset>,
    /// The next number of each list around; none: it has no numbers.
    lists: Vec<Option<u64>>,
    links: Vec<Link>,
    /// Whether a line is begun.
    in_line: bool,
    /// Whether an empty line parts what comes from what is there.
    wants_gap: bool,
    /// How many cells of the row are written.
    cells: usize,
    /// Whether the lines are those of code.
    verbatim: bool,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.verbatim => self.lines(&text),
            Event::Text(text) | Event::Code(text) => self.text(&text),
            Event::SoftBreak | Event::HardBreak => self.end_line(),
            Event::Rule => {
                self.begin_block();
                self.text(RULE);
                self.end_block();
            }
            // A tag of handlebars that stands on a line of its own.
            Event::Html(raw) if raw.starts_with("<!--") => {
                self.end_line_if_any();
                self.gap();
                self.out.push_str(raw.trim_end());
                self.out.push('\n');
            }
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } | Tag::Table(_) => self.begin_block(),
            Tag::CodeBlock(_) => {
                self.begin_block();
                self.verbatim = true;
                self.insets.push(Inset { first: None, rest: "    ".to_owned() });
            }
            Tag::BlockQuote(_) => {
                self.begin_block();
                self.insets.push(Inset { first: None, rest: "> ".to_owned() });
            }
            Tag::List(number) => {
                self.end_line_if_any();
                self.gap();
                self.lists.push(number);
            }
            Tag::Item => {
                self.end_line_if_any();
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    Some(None) | None => "- ".to_owned(),
                };
                let rest = " ".repeat(mark.len());
                self.insets.push(Inset { first: Some(mark), rest });
            }
            Tag::TableHead | Tag::TableRow => self.cells = 0,
            Tag::TableCell => {
                if self.cells > 0 {
                    self.text(" | ");
                }
                self.cells += 1;
            }
            Tag::Link { dest_url, .. } => {
                self.begin_line();
                let address = dest_url.strip_prefix("mailto:").unwrap_or(&dest_url).to_owned();
                self.links.push(Link { address, start: self.out.len() });
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Table => self.end_block(),
            TagEnd::TableHead | TagEnd::TableRow => self.end_line_if_any(),
            TagEnd::CodeBlock => {
                self.verbatim = false;
                self.end_line_if_any();
                self.insets.pop();
                self.wants_gap = true;
            }
            TagEnd::BlockQuote(_) => {
                self.end_line_if_any();
                self.insets.pop();
                self.wants_gap = true;
            }
            TagEnd::Item => {
                // An item without words still has its mark.
                if self.insets.last().is_some_and(|inset| inset.first.is_some()) {
                    self.begin_line();
                }
                self.end_line_if_any();
                self.insets.pop();
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.wants_gap = self.lists.is_empty();
            }
            TagEnd::Link => {
                let Some(link) = self.links.pop() else { return };
                let said = &self.out[link.start..];
                if said != link.address && !link.address.is_empty() {
                    let address = format!(" ({})", link.address);
                    self.text(address.strip_prefix(' ').filter(|_| said.is_empty()).unwrap_or(&address));
                }
            }
            _ => {}
        }
    }

    fn begin_block(&mut self) {
        self.end_line_if_any();
    }

    fn end_block(&mut self) {
        self.end_line_if_any();
        self.wants_gap = true;
    }

    /// Writes the empty line that is wanted; within a list everything follows closely.
    fn gap(&mut self) {
        if std::mem::take(&mut self.wants_gap) && !self.out.is_empty() && self.lists.is_empty() {
            let quotes: String = self.insets.iter().map(|inset| inset.rest.as_str()).collect();
            self.out.push_str(quotes.trim_end());
            self.out.push('\n');
        }
    }

    fn begin_line(&mut self) {
        if self.in_line {
            return;
        }
        self.gap();
        for inset in &mut self.insets {
            let before = inset.first.take();
            self.out.push_str(before.as_deref().unwrap_or(&inset.rest));
        }
        self.in_line = true;
    }

    fn text(&mut self, text: &str) {
        self.begin_line();
        self.out.push_str(text);
    }

    fn lines(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            self.text(line.trim_end_matches('\n'));
            if line.ends_with('\n') {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        self.begin_line();
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.out.push('\n');
        self.in_line = false;
    }

    fn end_line_if_any(&mut self) {
        if self.in_line {
            self.end_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markdown_reads_well_as_text() {
        let table = [
            ("# Hello\n\nsome *words*,\nand **more**.\n", "Hello\n\nsome words,\nand more."),
            ("- a\n- b\n  1. c\n  2. d\n- e\n\nend", "- a\n- b\n  1. c\n  2. d\n- e\n\nend"),
            ("before\n\n- a\n\n  b\n- c\n\nbehind", "before\n\n- a\n  b\n- c\n\nbehind"),
            ("> quoted\n> twice\n>\n> and again\n\nx", "> quoted\n> twice\n>\n> and again\n\nx"),
            ("see [our page](https://example.com/a?b=1) now", "see our page (https://example.com/a?b=1) now"),
            ("<https://example.com> <a@example.com>", "https://example.com a@example.com"),
            ("| a | b |\n|---|---|\n| 1 | 2 |\n\nx", "a | b\n1 | 2\n\nx"),
            ("```\nlet x;\n  y\n```\nz", "    let x;\n      y\n\nz"),
            ("a\n\n---\n\nb", "a\n\n----------\n\nb"),
            ("one  \ntwo", "one\ntwo"),
        ];
        for (text, said) in table {
            assert_eq!(value_as_text(text), said, "{text}");
        }
    }

    #[test]
    fn a_cell_cannot_bring_html_or_addresses_of_its_own() {
        let table = [
            ("**b** <b>c</b>", "<p><strong>b</strong> &lt;b&gt;c&lt;/b&gt;</p>"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("[x](javascript:alert)", "<p>x</p>"),
            ("[x](https://e.com)", "<p><a href=\"https://e.com\">x</a></p>"),
            ("![y](https://e.com/t.png)", "<p>y</p>"),
        ];
        for (text, html) in table {
            assert_eq!(value_as_html(text), html, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_cell_breaks_out(text in "[-<>\\[\\]()*_`#|!a-c:/\"' \n&ü]{0,40}") {
            let html = value_as_html(&text);
            for tag in html.split('<').skip(1) {
                let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                let known = ["p", "strong", "em", "a", "ul", "ol", "li", "code", "pre", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "table", "thead", "tbody", "tr", "th", "td", "del"];
                prop_assert!(known.contains(&name.as_str()), "{}", html);
            }
            let _ = value_as_text(&text);
        }
    }
}

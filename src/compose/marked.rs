//! A body in Markdown, as HTML and as text, with the tags of handlebars in place.
//!
//! Each tag is taken out and a word put in its place that Markdown does not touch, and is put back into what was
//! made. A block that stands alone on its lines stays around the paragraphs in it. Around the items of a list or the
//! rows of a table it would tear them apart: there it is tied to the next item or row, and moved out of it again.

use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd, html as markup};

use super::markdown;
use super::pen::escaped;
use super::scan::{self, Kind};

/// The partial that a body in Markdown is put into, where there is one of that name.
pub(super) const LAYOUT: &str = "markdown";

/// What stands around a body.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame<'a> {
    /// The partial that is given the body; none: a small document of its own.
    pub(super) layout: Option<&'a str>,
    /// The language of that document.
    pub(super) language: Option<&'a str>,
    /// Plain text with tags in it, which is there for lists of messages and hidden from readers.
    pub(super) preheader: Option<&'a str>,
}

/// The HTML of `source` in its frame. None if its tags do not fit.
pub(super) fn html(source: &str, frame: Frame<'_>) -> Option<String> {
    let masked = Masked::new(source)?;
    let mut body = String::with_capacity(source.len() * 2);
    markup::push_html(&mut body, masked.events().into_iter());
    let body = frame.preheader.and_then(hidden).unwrap_or_default() + &masked.unmask(&body);
    if let Some(layout) = frame.layout {
        return Some(format!("{{{{#> {layout}}}}}\n{body}{{{{/{layout}}}}}\n"));
    }
    let language = frame.language.map(|language| format!(" lang=\"{language}\"")).unwrap_or_default();
    Some(format!(
        "<!DOCTYPE html>\n<html{language}>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n</head>\n<body>\n{body}</body>\n</html>\n"
    ))
}

/// A preheader as HTML that is not seen; Outlook keeps to `mso-hide`. None if its tags do not fit.
fn hidden(preheader: &str) -> Option<String> {
    let mut shown = String::with_capacity(preheader.len());
    let mut done = 0;
    for tag in scan::tags(preheader).ok()? {
        shown.push_str(&escaped(&preheader[done..tag.span.start]));
        shown.push_str(&preheader[tag.span.clone()]);
        done = tag.span.end;
    }
    shown.push_str(&escaped(&preheader[done..]));
    Some(format!("<div style=\"display:none;max-height:0;overflow:hidden;mso-hide:all\">{shown}</div>\n"))
}

/// The text of `source`. None if its tags do not fit.
pub(super) fn text(source: &str) -> Option<String> {
    let masked = Masked::new(source)?;
    let text = markdown::as_text(masked.events());
    Some(format!("{}\n", masked.unmask(&text)))
}

/// Where a tag is moved that was tied to an item or a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tie {
    Before,
    Behind,
}

/// A template with words in the place of its tags.
struct Masked<'a> {
    source: &'a str,
    tags: Vec<scan::Tag>,
    text: String,
    /// Where the last tag that was masked ends.
    done: usize,
    /// The tags that are tied to the next entry.
    waiting: Vec<usize>,
    /// What the words begin with; it stands nowhere in the template.
    word: String,
}

impl<'a> Masked<'a> {
    fn new(source: &'a str) -> Option<Self> {
        let tags = scan::tags(source).ok()?;
        let mut word = "Tag".to_owned();
        while source.contains(&word) {
            word.push('q');
        }
        let mut masked = Self {
            source,
            tags,
            text: String::with_capacity(source.len()),
            done: 0,
            waiting: Vec::new(),
            word,
        };
        masked.mask();
        Some(masked)
    }

    fn mask(&mut self) {
        let lines: Vec<(usize, &str)> = self
            .source
            .split_inclusive('\n')
            .scan(0, |start, line| {
                let at = *start;
                *start += line.len();
                Some((at, line))
            })
            .collect();
        // The number of a block's opening tag, for each that is tied to items or rows.
        let mut apart: Vec<usize> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for (number, (start, line)) in lines.iter().enumerate() {
            let inside: Vec<usize> = (0..self.tags.len())
                .filter(|tag| (*start..start + line.len()).contains(&self.tags[*tag].span.start))
                .collect();
            let alone = inside.len() == 1 && line.trim() == &self.source[self.tags[inside[0]].span.clone()];
            let next = lines[number + 1..].iter().map(|(_, line)| *line).find(|line| !line.trim().is_empty());
            let mut is_tied = false;
            for tag in &inside {
                match self.tags[*tag].kind {
                    Kind::Open => {
                        open.push(*tag);
                        if alone && next.is_some_and(is_entry) {
                            apart.push(*tag);
                            is_tied = true;
                        }
                    }
                    Kind::Else(of) => is_tied = apart.contains(&of),
                    Kind::Close => is_tied = open.pop().is_some_and(|of| apart.contains(&of)),
                    Kind::Value | Kind::Comment => {}
                }
            }
            if let (true, [tag]) = (alone && is_tied, &inside[..]) {
                // The end of a block goes behind the entry that is there already.
                match self.tags[*tag].kind {
                    Kind::Close => self.tie_last(*tag),
                    Kind::Open | Kind::Else(_) | Kind::Value | Kind::Comment => self.waiting.push(*tag),
                }
                continue;
            }
            match inside[..] {
                [tag] if alone && self.is_block(tag) => {
                    let word = self.name(tag, "");
                    self.text.extend(["<!--", &word, "-->\n"]);
                }
                _ => self.line(line, *start, &inside),
            }
        }
    }

    /// Whether a tag that stands alone on its line is no part of a paragraph.
    fn is_block(&self, tag: usize) -> bool {
        let text = &self.source[self.tags[tag].span.clone()];
        self.tags[tag].kind != Kind::Value || text.trim_start_matches(['{', '~']).starts_with('>')
    }

    /// Adds a line that begins at `start` and has the tags `inside`.
    fn line(&mut self, line: &str, start: usize, inside: &[usize]) {
        // A tag may reach over several lines.
        let mut place = start.max(self.done);
        let mark = entry_mark(line);
        if mark > 0 && place == start {
            self.text.push_str(&line[..mark]);
            place += mark;
            for tag in std::mem::take(&mut self.waiting) {
                let word = self.name(tag, "b");
                self.text.extend([&word, " "]);
            }
        }
        for tag in inside {
            let span = self.tags[*tag].span.clone();
            self.text.push_str(self.source.get(place..span.start).unwrap_or_default());
            let word = self.name(*tag, "");
            self.text.push_str(&word);
            place = span.end;
        }
        let end = start + line.len();
        self.text.push_str(self.source.get(place..end).unwrap_or_default());
        self.done = place;
    }

    /// Ties a tag behind the last entry: into its line, from which it is moved out.
    fn tie_last(&mut self, tag: usize) {
        let word = self.name(tag, "e");
        let end = self.text.trim_end().len();
        let start = self.text[..end].rfind('\n').map_or(0, |at| at + 1);
        let mark = start + entry_mark(&self.text[start..end]);
        self.text.insert_str(mark, &format!("{word} "));
    }

    /// The word of a tag, and after it how it is tied.
    fn name(&self, tag: usize, tie: &str) -> String {
        format!("{}{tag}{tie}x", self.word)
    }

    /// What Markdown makes of it; the tags that were tied stand outside of their item or row again.
    fn events(&self) -> Vec<Event<'_>> {
        let mut events: Vec<Event<'_>> = Vec::new();
        // Where each entry around begins, and the tags to put behind it.
        let mut entries: Vec<(usize, Vec<String>)> = Vec::new();
        for event in Parser::new_ext(&self.text, markdown::options()) {
            match event {
                Event::Start(Tag::Item | Tag::TableRow) => {
                    entries.push((events.len(), Vec::new()));
                    events.push(event);
                }
                Event::End(TagEnd::Item | TagEnd::TableRow) => {
                    events.push(event);
                    for word in entries.pop().map(|(_, behind)| behind).unwrap_or_default() {
                        events.push(block(&word));
                    }
                }
                Event::Text(text) if text.contains(&self.word) && !entries.is_empty() => {
                    let mut rest = text.into_string();
                    while let Some((word, tie, after)) = self.tied(&rest) {
                        rest = after;
                        let (start, behind) = entries.last_mut().expect("an entry is around");
                        match tie {
                            Tie::Before => {
                                events.insert(*start, block(&word));
                                *start += 1;
                            }
                            Tie::Behind => behind.push(word),
                        }
                    }
                    events.push(Event::Text(CowStr::from(rest)));
                }
                event => events.push(event),
            }
        }
        events
    }

    /// The tied word that `text` begins with, and what follows it.
    fn tied(&self, text: &str) -> Option<(String, Tie, String)> {
        let after = text.strip_prefix(&self.word)?;
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = after.split_at(digits);
        let (tie, rest) = match rest.strip_prefix("bx") {
            Some(rest) => (Tie::Before, rest),
            None => (Tie::Behind, rest.strip_prefix("ex")?),
        };
        let word = format!("{}{number}x", self.word);
        Some((word, tie, rest.strip_prefix(' ').unwrap_or(rest).to_owned()))
    }

    /// The tags back in the place of their words.
    fn unmask(&self, made: &str) -> String {
        let mut out = String::with_capacity(made.len());
        let mut rest = made;
        while let Some(at) = rest.find(&self.word) {
            let after = &rest[at + self.word.len()..];
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let tag = after[..digits].parse::<usize>().ok().and_then(|tag| self.tags.get(tag));
            let tag = tag.map_or("", |tag| &self.source[tag.span.clone()]);
            let after = &after[digits..];
            let after = after.trim_start_matches(['b', 'e']);
            let after = after.strip_prefix('x').unwrap_or(after);
            let (before, after) = match (rest[..at].strip_suffix("<!--"), after.strip_prefix("-->")) {
                (Some(before), Some(behind)) => (before, behind),
                (..) => (&rest[..at], after),
            };
            out.extend([before, tag]);
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// A tag on a line of its own.
fn block<'a>(word: &str) -> Event<'a> {
    Event::Html(CowStr::from(format!("<!--{word}-->\n")))
}

/// Whether a line begins an item of a list or is a row of a table.
fn is_entry(line: &str) -> bool {
    entry_mark(line) > 0
}

/// How many octets of a line come before what an item or the first cell of a row says; 0 if it is neither.
fn entry_mark(line: &str) -> usize {
    let blanks = line.len() - line.trim_start_matches(' ').len();
    let rest = &line[blanks..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mark = if rest.starts_with(['-', '*', '+', '|']) {
        1
    } else if digits > 0 && rest[digits..].starts_with(['.', ')']) {
        digits + 1
    } else {
        return 0;
    };
    let said = &rest[mark..];
    let gap = said.len() - said.trim_start_matches(' ').len();
    if gap > 0 && !said.trim().is_empty() { blanks + mark + gap } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_breaks_it(text in r"(\{\{#if a\}\}|\{\{/if\}\}|\{\{else\}\}|\{\{n\}\}|- |\| a |\|-\|-\||1\. |> |    |\n|\n|[*_`<\[\](!a-cü]){0,30}") {
            let _ = (html(&text, Frame::default()), super::text(&text));
        }
    }

    #[test]
    fn tags_stay_where_they_mean_the_same() {
        let table = [
            ("a {{name\n}} b\n", "<p>a {{name\n}} b</p>\n", "a {{name\n}} b\n"),
            ("Hello **{{name}}**,\n", "<p>Hello <strong>{{name}}</strong>,</p>\n", "Hello {{name}},\n"),
            (
                "[here]({{link}} \"x\") {{#if a}}*b*{{else}}c{{/if}}\n",
                "<p><a href=\"{{link}}\" title=\"x\">here</a> {{#if a}}<em>b</em>{{else}}c{{/if}}</p>\n",
                "here ({{link}}) {{#if a}}b{{else}}c{{/if}}\n",
            ),
            (
                "a\n\n{{#if x}}\nb\n{{else}}\nc\n{{/if}}\n\nd\n",
                "<p>a</p>\n{{#if x}}\n<p>b</p>\n{{else}}\n<p>c</p>\n{{/if}}\n<p>d</p>\n",
                "a\n\n{{#if x}}\nb\n\n{{else}}\nc\n\n{{/if}}\nd\n",
            ),
            (
                "{{#each items}}\n- {{this}}\n- x\n{{/each}}\n- last\n",
                "<ul>\n{{#each items}}\n<li>{{this}}</li>\n<li>x</li>\n{{/each}}\n<li>last</li>\n</ul>\n",
                "{{#each items}}\n- {{this}}\n- x\n{{/each}}\n- last\n",
            ),
            (
                "| a | b |\n|---|---|\n{{#each items}}\n| {{this}} | 1 |\n{{/each}}\n",
                "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>\n{{#each items}}\n<tr><td>{{this}}</td><td>1</td></tr>\n{{/each}}\n</tbody></table>\n",
                "a | b\n{{#each items}}\n{{this}} | 1\n{{/each}}\n",
            ),
        ];
        for (source, html, text) in table {
            let masked = Masked::new(source).expect(source);
            let mut body = String::new();
            markup::push_html(&mut body, masked.events().into_iter());
            assert_eq!(masked.unmask(&body), html, "{source}");
            assert_eq!(super::text(source).as_deref(), Some(text), "{source}");
        }
    }
}

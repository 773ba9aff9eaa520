//! A compiled template gives what handlebars gives, octet by octet, and fails where it fails.
//!
//! Templates are made by a grammar that knows which names mean something where, so that most of them pass the
//! lint; rows hold what lists hold at their worst.

use std::cell::Cell;
use std::fmt::Write;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::json;

use super::{composer, content, row, source, sources};
use crate::compose::body::Body;
use crate::compose::error::Unsound;
use crate::compose::names::Row;
use crate::compose::program::Layout;
use crate::compose::template::{Engine, Template, View};
use crate::compose::{Composer, Keys};
use crate::mail::{Content, PlanId, Recipient};

/// Text between tags.
const TEXTS: [&str; 24] = [
    "",
    "a",
    " ",
    "\n",
    "\n",
    "  ",
    "\r\n",
    "\r",
    "\n\n",
    "\t",
    "x\ny",
    "b <i>&amp;</i> ",
    " end\n",
    "\n  ",
    "ü=",
    ".\n",
    "From ",
    "\\\\",
    "\\{{no}}",
    "{{! c }}",
    "\n{{!-- {{d}} --}}\n",
    "<p title=\"",
    "\">",
    "\n \t",
];

/// Cells, of which a row has four.
const CELLS: [&str; 29] = [
    "",
    "",
    " ",
    "Ada",
    "Zoë & <b>",
    "12",
    "12.0",
    " 7 ",
    "0",
    "-1.5",
    "a;b;c",
    "a",
    ";;",
    "x;y\nz; ;12;Ada",
    "\r",
    "\n",
    "a\r\nb",
    "\n \n",
    "\"it's\"",
    "a=b",
    "ada o'hara-LOVELACE",
    "Żółw",
    "12;0;Ada;",
    "a\0b",
    "2026-12-01",
    "2026-12-01T23:30:00Z",
    "1.234,5",
    "1,234",
    "- **a**\n- <b> [c](https://e.com)",
];

/// Arguments that are written out.
const LITERALS: [&str; 12] =
    ["\"\"", "\"Ada\"", "'it\\'s <b>'", "\"a\\nb\"", "0", "1", "12", "-1.5", "2.50", "true", "false", "null"];

/// What a scope is.
#[derive(Clone, Copy, PartialEq)]
enum This {
    Row,
    Text,
    /// An article of the data file.
    Article,
    /// Nothing that can be asked for.
    Mixed,
}

/// Writes templates; each choice is taken from a tape, and the first of all when it has run out.
struct Author<'t> {
    tape: &'t [u8],
    out: String,
    /// The scopes around, and whether each is within a loop.
    scopes: Vec<(This, bool)>,
    /// Names that blocks and partials gave.
    given: Vec<&'static str>,
    depth: usize,
    /// Which partials may be included: those behind this one.
    partial: usize,
}

/// The partials, each of which may include those behind it.
const PARTIALS: [&str; 4] = ["frame", "row", "mixed", "text"];

impl<'t> Author<'t> {
    fn new(tape: &'t [u8], scopes: Vec<(This, bool)>, partial: usize) -> Self {
        Self { tape, out: String::new(), scopes, given: Vec::new(), depth: 0, partial }
    }

    fn pick(&mut self, of: usize) -> usize {
        let Some((first, rest)) = self.tape.split_first() else { return 0 };
        self.tape = rest;
        usize::from(*first) % of
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.pick(of.len())]
    }

    fn here(&self) -> (This, bool) {
        *self.scopes.last().expect("a scope")
    }

    /// A path to a name of the row.
    fn name(&mut self, name: &str) -> String {
        let up = self.scopes.iter().rev().position(|(this, _)| *this == This::Row);
        let from_root = self.pick(4) == 0;
        let Some(up) = up.filter(|_| !from_root) else { return format!("@root.{name}") };
        let form = match self.pick(8) {
            0 if up == 0 => "this.",
            1 if up == 0 => "./",
            _ => "",
        };
        let name = if self.pick(6) == 0 { format!("[{name}]") } else { name.to_owned() };
        format!("{form}{}{name}", "../".repeat(up))
    }

    /// Something that can be written.
    fn value(&mut self) -> String {
        let (this, counts) = self.here();
        let pick = if this == This::Article { 7 } else { self.pick(12) };
        match pick {
            0 | 1 if this == This::Text => "this".into(),
            2 if counts => self.one(&["@index", "@first", "@last"]).into(),
            3 if self.scopes.len() > 1 && self.scopes[self.scopes.len() - 2].1 => "@../index".into(),
            4 | 5 if !self.given.is_empty() => {
                let at = self.pick(self.given.len());
                self.given[at].into()
            }
            6 => {
                let list = self.name("items");
                format!("{list}.[{}]", self.pick(3))
            }
            7 if this == This::Article => self.one(&["name", "tags.[0]", "more", "this.name"]).into(),
            7 => match self.pick(3) {
                0 => self.name("email"),
                1 => self.name("data.title"),
                _ => self.name("data.articles.[1].name"),
            },
            _ => {
                let name = self.one(&["first_name", "city", "title"]);
                self.name(name)
            }
        }
    }

    fn argument(&mut self) -> String {
        match self.pick(8) {
            0 | 1 => self.one(&LITERALS).into(),
            2 if self.depth < 4 => {
                self.depth += 1;
                let call = self.call();
                self.depth -= 1;
                format!("({call})")
            }
            _ => self.value(),
        }
    }

    fn call(&mut self) -> String {
        match self.pick(14) {
            10 => {
                let style = self.one(&["", " \"long\"", " \"%d.%m.%Y\"", " \"%H:%M\""]);
                let more = self.one(&[
                    "",
                    " locale=\"de\"",
                    " zone=\"Asia/Tokyo\"",
                    " time=\"short\"",
                    " locale=city",
                ]);
                format!("date {}{style}{more}", self.value())
            }
            11 => match self.pick(3) {
                0 => format!("number {} decimals={}", self.value(), self.one(&["2", "0", "city"])),
                1 => format!(
                    "money {} {}",
                    self.value(),
                    self.one(&["\"EUR\"", "\"JPY\" locale=\"ja\"", "city"])
                ),
                _ => {
                    let more = self.one(&["", " none=\"no\"", " few=title locale=\"pl\""]);
                    format!("plural {} one=\"# item\" other=\"# items\"{more}", self.value())
                }
            },
            12 => {
                let list = self.name("items");
                match self.pick(4) {
                    0 => format!("join {list}"),
                    1 => format!("join {list} {}", self.argument()),
                    2 => format!("contains {list} {}", self.argument()),
                    _ => format!("{} {list}", self.one(&["first", "last"])),
                }
            }
            13 => match self.pick(4) {
                0 => format!("replace {} {} {}", self.argument(), self.argument(), self.argument()),
                1 => format!("concat {} {}", self.argument(), self.argument()),
                2 => format!("{} {} 2", self.one(&["add", "subtract", "multiply"]), self.value()),
                _ => format!(
                    "{} {} \"a\"",
                    self.one(&["contains", "starts_with", "ends_with"]),
                    self.argument()
                ),
            },
            0 => format!("not {}", self.argument()),
            1 => {
                let name = self.one(&["and", "or"]);
                format!("{name} {} {} {}", self.argument(), self.argument(), self.argument())
            }
            2 => format!("len {}", self.argument()),
            3 => format!("{} {}", self.one(&["len", "not", "or"]), self.name("items")),
            4 => {
                let index = if self.here().1 { "@index" } else { self.one(&["0", "1", "7", "\"0\""]) };
                format!("lookup {} {index}", self.name("items"))
            }
            5 => {
                format!("truncate {} {}", self.argument(), self.one(&["1", "2", "\"3\"", "9", "9.0", "city"]))
            }
            6 => format!("default {} {}", self.argument(), self.argument()),
            7 => format!(
                "{} {}",
                self.one(&["upper", "lower", "title", "url_encode", "trim"]),
                self.argument()
            ),
            _ => {
                let name = self.one(&["eq", "ne", "gt", "gte", "lt", "lte"]);
                format!("{name} {} {}", self.argument(), self.argument())
            }
        }
    }

    fn tag(&mut self, inner: &str) {
        let before = if self.pick(7) == 0 { "~" } else { "" };
        let after = if self.pick(7) == 0 { "~" } else { "" };
        write!(self.out, "{{{{{before}{inner}{after}}}}}").expect("a string takes everything");
    }

    fn within(&mut self, scope: Option<(This, bool)>, given: &[&'static str]) {
        let known = self.given.len();
        self.scopes.extend(scope);
        self.given.extend(given);
        self.body();
        self.given.truncate(known);
        if scope.is_some() {
            self.scopes.pop();
        }
    }

    fn block(&mut self) {
        let counts = self.here().1;
        let (name, inner, scope, given): (_, _, _, &[&str]) = match self.pick(11) {
            9 => {
                let list = self.name("data.articles");
                let (form, given): (_, &[&str]) = match self.pick(3) {
                    0 => (" as |item n|", &["item.name", "n"]),
                    _ => ("", &[]),
                };
                ("each", format!("{list}{form}"), Some((This::Article, true)), given)
            }
            10 if self.here().0 == This::Article => ("each", "tags".into(), Some((This::Text, true)), &[]),
            10 => {
                ("with", self.name("data.author"), Some((This::Mixed, counts)), &["@root.data.author.name"])
            }
            0 | 1 => {
                let list = self.name("items");
                let (form, given): (_, &[&str]) = match self.pick(4) {
                    0 => (" as |item|", &["item"]),
                    1 => (" as |item n|", &["item", "n"]),
                    _ => ("", &[]),
                };
                ("each", format!("{list}{form}"), Some((This::Text, true)), given)
            }
            2 => {
                let (form, given): (_, &[&str]) =
                    if self.pick(3) == 0 { (" as |thing|", &["thing"]) } else { ("", &[]) };
                ("with", format!("{}{form}", self.argument()), Some((This::Text, counts)), given)
            }
            3 => {
                let zero = self.one(&["", " includeZero=true", " includeZero=(eq city 12)"]);
                ("if", format!("{}{zero}", self.argument()), None, &[])
            }
            4 => ("unless", self.argument(), None, &[]),
            5 => (self.one(&["eq", "lt"]), format!("{} {}", self.argument(), self.argument()), None, &[]),
            6 => ("or", format!("{} {}", self.argument(), self.name("items")), None, &[]),
            7 => ("if", self.name("items"), None, &[]),
            _ => ("if", format!("({})", self.call()), None, &[]),
        };
        self.tag(&format!("#{name} {inner}"));
        self.within(scope, given);
        if self.pick(4) == 0 && scope.is_none() {
            let test = self.argument();
            self.tag(&format!("else if {test}"));
            self.body();
        }
        if self.pick(2) == 0 {
            self.tag("else");
            self.body();
        }
        self.tag(&format!("/{name}"));
    }

    fn partial(&mut self) {
        let behind = &PARTIALS[self.partial..];
        let Some(name) = behind.get(self.pick(behind.len().max(1))) else { return };
        let (this, counts) = self.here();
        match *name {
            "frame" => {
                self.tag("#> frame");
                self.within(Some((this, counts)), &[]);
                self.tag("/frame");
            }
            "row" if this == This::Row => {
                let who = self.argument();
                let form = self.one(&["", " this"]);
                self.tag(&format!("> row{form} who={who}"));
            }
            "text" => {
                let argument = if self.pick(3) == 0 { "\"a\\nb\"".into() } else { self.value() };
                self.tag(&format!("> text {argument}"));
            }
            _ => {
                let who = self.argument();
                self.tag(&format!("> mixed who={who}"));
            }
        }
    }

    fn body(&mut self) {
        self.depth += 1;
        for _ in 0..=self.pick(4) {
            let text = self.one(&TEXTS);
            self.out.push_str(text);
            match self.pick(9) {
                0..=2 => {
                    let value = self.value();
                    match self.pick(6) {
                        0 => write!(self.out, "{{{{{{{value}}}}}}}").expect("a string takes everything"),
                        1 => self.tag(&format!("&{value}")),
                        _ => self.tag(&value),
                    }
                }
                3 if self.pick(6) == 0 => {
                    let value = self.value();
                    self.tag(&format!("markdown {value}"));
                }
                3 => {
                    let call = self.call();
                    self.tag(&call);
                }
                4 => self.out.push_str("{{{{raw}}}} {{x}}\n{{{{/raw}}}}"),
                5 | 6 if self.depth < 5 => self.block(),
                7 if self.depth < 5 => self.partial(),
                _ => {}
            }
        }
        let text = self.one(&TEXTS);
        self.out.push_str(text);
        self.depth -= 1;
    }
}

/// A campaign whose every template is written from `tapes`.
fn written(tapes: &[Vec<u8>; 6]) -> Content {
    let write = |tape: &[u8], this, partial, given: &[&'static str]| {
        let mut author = Author::new(tape, vec![(this, false)], partial);
        author.given.extend(given);
        author.body();
        author.out
    };
    let frame = format!("{}{{{{> @partial-block}}}}{}", write(&tapes[1], This::Mixed, 1, &[]), "\n]");
    let partials = [
        ("frame", frame),
        ("row", write(&tapes[2], This::Row, 2, &["who"])),
        ("mixed", write(&tapes[3], This::Mixed, 3, &["who"])),
        ("text", format!("{{{{this}}}}{}", write(&tapes[4], This::Text, 4, &[]))),
    ];
    let mut content = content();
    content.partials = sources(partials.each_ref().map(|(name, text)| (*name, text.as_str())));
    let whole = write(&tapes[0], This::Row, 0, &[]);
    (content.text, content.html) = (Some(source(&whole)), Some(source(&whole)));
    content.subject = source(&write(&tapes[5], This::Row, 0, &[]));
    content.data = Some(json!({
        "title": "Ü <&>\nx", "author": { "name": "Eve" }, "none": [],
        "articles": [
            { "name": "first & last", "tags": ["a", "<b>"], "more": 2.5 },
            { "name": "second\r\n", "tags": ["c"], "less": true },
        ],
    }));
    content
}

/// What handlebars alone makes of a body, in the lines that are sent.
fn expected_body(template: &Template, engine: &Engine, view: &View<'_>) -> Result<String, String> {
    let text = template.through_handlebars(engine, view).map_err(|stop| format!("{stop:?}"))?;
    if text.contains('\0') {
        return Err(format!("{:?}", template.stop(Unsound::Nul)));
    }
    let mut lines = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    if !lines.ends_with("\r\n") {
        lines.push_str("\r\n");
    }
    Ok(lines)
}

/// How templates were rendered.
#[derive(Default)]
struct Tally {
    refused: Cell<u32>,
    whole: Cell<u32>,
    compiled: Cell<u32>,
    failed: Cell<u32>,
    detours: Cell<u32>,
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

impl Tally {
    fn compare(&self, composer: &Composer, recipient: &Recipient) -> Result<(), TestCaseError> {
        let (templates, engine, used) = composer.templates();
        for (number, template) in templates.into_iter().enumerate() {
            let seen = Row { recipient, token: "T", unsubscribe_url: "https://u.example.com/T" };
            let view = View::new(engine, seen, used, 0);
            let is_body = matches!(number, 1 | 2);
            let (rendered, expected, direct) = if is_body {
                let rendered = template.body(engine, &view, Body::default()).map(|body| {
                    let mut again = Body::default();
                    again.push_text(body.text()).expect("no NUL");
                    assert_eq!(again, body, "its marks are where they belong");
                    body.text().to_owned()
                });
                let direct = template.follow_body(engine, &view, &mut Body::default()).is_ok();
                (rendered, expected_body(template, engine, &view), direct)
            } else {
                let expected = template.through_handlebars(engine, &view);
                let direct = template.follow_text(engine, &view).is_ok();
                (template.text(engine, &view), expected.map_err(|stop| format!("{stop:?}")), direct)
            };
            let rendered = rendered.map_err(|stop| format!("{stop:?}"));
            prop_assert_eq!(rendered, expected.clone(), "{}", template.source.text());
            count(&self.whole);
            match direct {
                true => count(&self.compiled),
                false if expected.is_err() => count(&self.failed),
                false => count(&self.detours),
            }
        }
        Ok(())
    }
}

#[test]
fn programs_and_handlebars_give_the_same() {
    let tally = Tally::default();
    let mut runner =
        TestRunner::new(Config { cases: 1_500, source_file: Some(file!()), ..Config::default() });
    let tapes = prop::array::uniform6(prop::collection::vec(any::<u8>(), 0..120));
    let cells = prop::collection::vec(prop::array::uniform4(prop::sample::select(&CELLS[..])), 3);
    let outcome = runner.run(&(tapes, cells), |(tapes, rows)| {
        let content = Arc::new(written(&tapes));
        let Ok(composer) = Composer::new(content, &Keys::new(&[7; 32]), PlanId([3; 16])) else {
            count(&tally.refused);
            return Ok(());
        };
        rows.into_iter().try_for_each(|cells| tally.compare(&composer, &row(cells)))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let Tally { refused, whole, compiled, failed, detours } = &tally;
    let shares = format!("{refused:?} refused, {whole:?} rendered: {compiled:?} {failed:?} {detours:?}");
    assert!(refused.get() < 750, "most templates are such as the lint lets pass: {shares}");
    assert!(failed.get() > whole.get() / 50, "some rows fail: {shares}");
    assert!(detours.get() < whole.get() / 4, "most templates are compiled: {shares}");
}

#[test]
fn what_templates_usually_hold_is_compiled() {
    let table = [
        ("Hello {{first_name}},\n{{> sign}}\n", Some(Layout::Straight)),
        ("{{#if city}}{{city}}{{else if title}}{{title}}{{else}}x{{/if}}", Some(Layout::Straight)),
        ("{{#each items as |item n|}}{{n}}{{item}}{{@last}}{{../city}}{{/each}}", Some(Layout::Straight)),
        ("{{#with city}}{{this}}{{@root.title}}{{else}}none{{/with}}", Some(Layout::Straight)),
        (
            "{{upper (default city \"x\")}}{{len items}}{{lookup items 0}}{{items.[1]}}",
            Some(Layout::Straight),
        ),
        ("{{date city \"long\" locale=\"de\"}}{{join items}}{{markdown title}}", Some(Layout::Straight)),
        (
            "{{data.title}}{{#each data.articles}}{{@index}}{{name}}{{#if @last}}.{{/if}}{{join tags}}{{/each}}",
            Some(Layout::Straight),
        ),
        (
            "{{#with data.author}}{{name}}{{/with}}{{len data.articles}}{{#each data.none}}x{{/each}}",
            Some(Layout::Straight),
        ),
        (" {{> sign}}\n{{#each data.articles}}\n  {{> card this}}\n{{/each}}\n", Some(Layout::Indented)),
        ("{{#each data.author}}{{@key}}{{this}}{{/each}}", None),
        ("{{plural (len items) one=\"# thing\" other=\"# things\"}}", Some(Layout::Straight)),
        ("{{#if (and (gt title 3) (not city))}}x{{/if}}{{eq city \"a\"}}", Some(Layout::Straight)),
        ("{{#> frame}}in{{/frame}}{{{{raw}}}}{{x}}{{{{/raw}}}}{{!-- c --}}", Some(Layout::Straight)),
        ("<body>\n  {{> sign}}\n</body> {{> sign}}", Some(Layout::Indented)),
        (" {{> outer}}\n{{#if city}}\n {{> outer}}\n{{/if}}\n", Some(Layout::Indented)),
        // Left to handlebars: a text that became an object, a block within indented lines, and one that may not render.
        ("{{#with city}}{{> odd who=\"x\"}}{{/with}}", None),
        (" {{#> frame}}in{{/frame}}{{> sign}} {{> sign}}", None),
        ("{{#> frame}}{{lookup items 0}}{{/frame}}", None),
        ("{{#if (or [1, 2] city)}}x{{/if}}", None),
        ("{{#with city as |a b|}}{{this}}{{/with}}", None),
    ];
    for (text, layout) in table {
        let mut content = content();
        content.partials = sources([
            ("sign", "Yours,\n{{campaign}}"),
            ("frame", "[{{> @partial-block}}]"),
            ("odd", "{{this}}{{who}}"),
            ("card", "<{{name}}>\n"),
            ("outer", "x\n{{> inner}} tail\n"),
            ("inner", "{{#if city}}\ny\n{{/if}}\n"),
        ]);
        content.text = Some(source(text));
        content.data = Some(json!({
            "title": "T", "author": { "name": "Eve" }, "none": [],
            "articles": [{ "name": "a", "tags": ["x"] }, { "name": "b", "tags": [] }],
        }));
        let composer = composer(content);
        let found = composer.templates().0[1].program.as_ref().map(|program| program.layout);
        assert_eq!(found, layout, "{text}");
        Tally::default().compare(&composer, &row(["Ada", "2026-12-01", "a;b", "7"])).expect(text);
    }
}

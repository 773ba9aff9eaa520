//! Renders one template for one row.
//!
//! A template of nothing but text and values (most subjects, names, links and many bodies are) becomes a
//! [`Program::Pieces`] and is put together directly; anything else goes through handlebars. Both give the
//! same text. Only templates that the lint passed may come here: it is what keeps handlebars from
//! taking an unknown name for false, or from descending without end.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::io;

use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{Context, Handlebars, Output, RenderContext, RenderError, RenderErrorReason, Renderable};
use serde_json::{Map, Value as Json};

use crate::mail::{Content, Place, Source};

use super::error::Unsound;
use super::functions;
use super::names::{Names, Row, items};
use super::parse::{self, Parsed};
use super::path::{From, Path};
use super::walk::Language;

/// Octets that one message, and so any part of it, may have.
pub(super) const LARGEST: usize = 10 << 20;
/// Characters of handlebars' own words that are passed on.
const WORDS: usize = 200;

/// What all templates of a campaign share: partials, functions, names.
pub(super) struct Engine {
    names: Names,
    plain: Handlebars<'static>,
    html: Handlebars<'static>,
    partials: Vec<(String, Source)>,
}

impl Engine {
    /// An engine with the partials of `content`, which passed the lint.
    pub(super) fn new(content: &Content, names: Names) -> Self {
        let build = |language| {
            let mut engine = Handlebars::new();
            engine.set_strict_mode(true);
            match language {
                Language::Plain => engine.register_escape_fn(handlebars::no_escape),
                Language::Html => engine.register_escape_fn(escaped),
            }
            functions::register(&mut engine);
            for (name, source) in &content.partials {
                engine.register_partial(name, source.text()).expect("the lint has read every partial");
            }
            engine
        };
        let partials = content.partials.iter().map(|(name, source)| (name.clone(), source.clone())).collect();
        Self { names, plain: build(Language::Plain), html: build(Language::Html), partials }
    }

    /// The names of the campaign.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    fn context(&self, used: &BTreeSet<usize>, row: &Row<'_>) -> Context {
        let mut map = Map::new();
        for number in used {
            let (name, value) = self.names.value(*number);
            let text = value.text(row);
            let json = match value.separator() {
                Some(separator) => items(text, separator).map(Json::from).collect(),
                None => Json::from(text),
            };
            map.insert(name.to_owned(), json);
        }
        Context::from(Json::Object(map))
    }
}

/// A row, and what handlebars sees of it, made when it is first asked for.
pub(super) struct View<'a> {
    row: Row<'a>,
    used: &'a BTreeSet<usize>,
    context: OnceCell<Context>,
}

impl<'a> View<'a> {
    /// A view of `row` for templates that go through handlebars and ask for the values of `used` at most.
    pub(super) fn new(row: Row<'a>, used: &'a BTreeSet<usize>) -> Self {
        Self { row, used, context: OnceCell::new() }
    }
}

/// Why a template did not render, and where.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) unsound: Unsound,
    pub(super) place: Option<Box<Place>>,
}

/// A template ready to render.
pub(super) struct Template {
    pub(super) source: Source,
    /// The numbers of the values it asks for.
    pub(super) used: BTreeSet<usize>,
    language: Language,
    program: Program,
}

/// How a template is rendered.
enum Program {
    /// Put together piece by piece.
    Pieces(Vec<Piece>),
    /// Rendered by handlebars.
    Tree(Box<handlebars::Template>),
}

enum Piece {
    Text(String),
    Value(usize),
    Escaped(usize),
}

impl Template {
    pub(super) fn new(parsed: Parsed<'_>, used: BTreeSet<usize>, language: Language, names: &Names) -> Self {
        let program = match pieces(&parsed.template, language, names) {
            Some(pieces) => Program::Pieces(pieces),
            None => Program::Tree(Box::new(parsed.template)),
        };
        Self { source: parsed.source.clone(), used, language, program }
    }

    /// The values it asks handlebars for.
    pub(super) fn needs(&self) -> impl Iterator<Item = usize> {
        let tree = matches!(self.program, Program::Tree(_));
        self.used.iter().copied().filter(move |_| tree)
    }

    /// Renders the template for the row of `view`.
    pub(super) fn render(&self, engine: &Engine, view: &View<'_>) -> Result<String, Stop> {
        let mut out = Bounded { text: String::with_capacity(2 * self.source.span.len()) };
        match &self.program {
            Program::Pieces(pieces) => {
                let put =
                    |out: &mut Bounded| pieces.iter().try_for_each(|piece| piece.put(engine, view, out));
                put(&mut out).map_err(|_| self.stop(Unsound::TooLarge { limit: LARGEST }))?;
            }
            Program::Tree(tree) => {
                let registry = match self.language {
                    Language::Plain => &engine.plain,
                    Language::Html => &engine.html,
                };
                let context = view.context.get_or_init(|| engine.context(view.used, &view.row));
                tree.render(registry, context, &mut RenderContext::new(None), &mut out)
                    .map_err(|error| self.explain(engine, &error))?;
            }
        }
        Ok(out.text)
    }

    /// `unsound`, in this template.
    pub(super) fn stop(&self, unsound: Unsound) -> Stop {
        let line = self.source.text().lines().next().unwrap_or_default().len();
        Stop { unsound, place: Some(Box::new(parse::place(&self.source, 0..line))) }
    }

    fn explain(&self, engine: &Engine, error: &RenderError) -> Stop {
        let unsound = match error.reason() {
            RenderErrorReason::IOError(_) => Unsound::TooLarge { limit: LARGEST },
            RenderErrorReason::MissingVariable(Some(name)) => {
                Unsound::Render(format!("`{name}` is unknown here"))
            }
            RenderErrorReason::MissingVariable(None) => {
                Unsound::Render("a list has no item of that number".to_owned())
            }
            reason => {
                let words = reason.to_string();
                Unsound::Render(words.lines().next().unwrap_or_default().chars().take(WORDS).collect())
            }
        };
        let name = error.template_name.as_deref();
        let partial = engine.partials.iter().find(|(partial, _)| Some(partial.as_str()) == name);
        let source = partial.map_or(&self.source, |(_, source)| source);
        let place = error.line_no.zip(error.column_no).map(|(line, column)| {
            let text = source.text();
            let start = parse::offset(text, line, column);
            let length = text[start..].find("}}").map_or(0, |end| end + 2);
            Box::new(parse::place(source, start..start + length))
        });
        Stop { unsound, place }
    }
}

impl Piece {
    fn put(&self, engine: &Engine, view: &View<'_>, out: &mut Bounded) -> io::Result<()> {
        match self {
            Self::Text(text) => out.write(text),
            Self::Value(number) => out.write(engine.names.value(*number).1.text(&view.row)),
            Self::Escaped(number) => {
                let text = engine.names.value(*number).1.text(&view.row);
                out.room(text.len())?;
                escape(&mut out.text, text);
                out.room(0)
            }
        }
    }
}

/// The pieces of a template that holds nothing but text and plain names; none if it holds more.
fn pieces(template: &handlebars::Template, language: Language, names: &Names) -> Option<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(template.elements.len());
    for element in &template.elements {
        match element {
            TemplateElement::RawString(text) => pieces.push(Piece::Text(text.clone())),
            TemplateElement::Comment(_) => {}
            TemplateElement::HtmlExpression(call) => pieces.push(Piece::Value(plain_name(call, names)?)),
            TemplateElement::Expression(call) => {
                let number = plain_name(call, names)?;
                pieces.push(match language {
                    Language::Plain => Piece::Value(number),
                    Language::Html => Piece::Escaped(number),
                });
            }
            _ => return None,
        }
    }
    Some(pieces)
}

fn plain_name(call: &HelperTemplate, names: &Names) -> Option<usize> {
    let (Parameter::Path(_) | Parameter::Name(_)) = &call.name else { return None };
    let path = Path::new(call.name.as_name()?);
    match path.segments[..] {
        [name] if call.params.is_empty() && path.up == 0 && path.from == From::Here => names.find(name),
        _ => None,
    }
}

/// A value as HTML holds it, in text and between quotes.
fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    escape(&mut out, text);
    out
}

/// Takes what is rendered, up to [`LARGEST`] octets.
struct Bounded {
    text: String,
}

impl Bounded {
    fn room(&self, more: usize) -> io::Result<()> {
        if self.text.len() + more > LARGEST {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(())
    }
}

impl Output for Bounded {
    fn write(&mut self, segment: &str) -> io::Result<()> {
        self.room(segment.len())?;
        self.text.push_str(segment);
        Ok(())
    }
}

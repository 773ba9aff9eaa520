//! Renders one template for one row.
//!
//! A template is compiled to a [`Program`] where that can be done, and the program is followed for each row.
//! What has none, and a row for which the program stops, goes through handlebars: both give the same text,
//! and what is wrong with a row is always said by handlebars. Only templates that the lint passed may come
//! here: it is what keeps handlebars from taking an unknown name for false, or from descending without end.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use handlebars::{Context, Handlebars, Output, RenderContext, RenderError, RenderErrorReason, Renderable};
use serde_json::{Map, Value as Json};

use crate::mail::{Content, Fields, Place, Source};

use super::body::Body;
use super::compile::compile;
use super::error::Unsound;
use super::locale::Setting;
use super::names::{Known, Names, Row, Value, items};
use super::parse::{self, Parsed};
use super::pen::{Indented, LARGEST, Lined, Straight, escaped};
use super::program::{Layout, Lines, Program};
use super::run::{Detour, Run};
use super::taught;
use super::walk::Language;

/// Characters of handlebars' own words that are passed on.
const WORDS: usize = 200;

/// What all templates of a campaign share: partials, functions, names.
pub(super) struct Engine {
    names: Names,
    /// One for each language of the wordings.
    tongues: Vec<Tongue>,
    /// Which of them each of [`Content::all_words`] has.
    of_wording: Vec<usize>,
    partials: Vec<(String, Source)>,
}

/// What renders in one language.
struct Tongue {
    setting: Arc<Setting>,
    plain: Handlebars<'static>,
    html: Handlebars<'static>,
}

impl Engine {
    /// An engine with the partials of `content`, which passed the lint.
    pub(super) fn new(content: &Content, names: Names) -> Self {
        let mut languages: Vec<Option<&str>> = Vec::new();
        let mut of_wording = Vec::new();
        for words in content.all_words() {
            let known = languages.iter().position(|known| *known == words.language);
            of_wording.push(known.unwrap_or(languages.len()));
            if known.is_none() {
                languages.push(words.language);
            }
        }
        let tongues = languages.into_iter().map(|language| Tongue::new(content, language)).collect();
        let partials = content.partials.iter().map(|(name, source)| (name.clone(), source.clone())).collect();
        Self { names, tongues, of_wording, partials }
    }

    /// The names of the campaign.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    fn context(&self, used: &BTreeSet<usize>, row: &Row<'_>) -> Context {
        let mut map = Map::new();
        for number in used {
            let (name, value) = self.names.value(*number);
            let json = match value {
                Value::Rows => row.recipient.lines().map(|fields| self.line(fields)).collect(),
                Value::Data(data) => data.clone(),
                value => json(value, value.text(row)),
            };
            map.insert(name.to_owned(), json);
        }
        Context::from(Json::Object(map))
    }

    /// One row with all its columns.
    fn line(&self, fields: &Fields) -> Json {
        let columns = self.names.columns();
        Json::Object(
            columns.map(|(name, value)| (name.to_owned(), json(value, value.cell(fields)))).collect(),
        )
    }
}

impl Tongue {
    fn new(content: &Content, language: Option<&str>) -> Self {
        let setting = Arc::new(Setting::new(content, language));
        let build = |language| {
            let mut engine = Handlebars::new();
            engine.set_strict_mode(true);
            match language {
                Language::Plain => engine.register_escape_fn(handlebars::no_escape),
                Language::Html => engine.register_escape_fn(escaped),
            }
            taught::register(&mut engine, language, &setting);
            for (name, source) in &content.partials {
                engine.register_partial(name, source.text()).expect("the lint has read every partial");
            }
            engine
        };
        Self { plain: build(Language::Plain), html: build(Language::Html), setting }
    }
}

/// What `value` is to handlebars where it stands for `text`.
fn json(value: &Value, text: &str) -> Json {
    match value.separator() {
        Some(separator) => items(text, separator).map(Json::from).collect(),
        None => Json::from(text),
    }
}

/// A row as templates see it: what a program asks for, and what handlebars does, made when it is first
/// asked for.
pub(super) struct View<'a> {
    row: Row<'a>,
    used: &'a BTreeSet<usize>,
    known: Vec<Known<'a>>,
    tongue: &'a Tongue,
    context: OnceCell<Context>,
}

impl<'a> View<'a> {
    /// A view of `row`, which gets that `wording`, for templates of `engine` that ask for the values of `used` at
    /// most.
    pub(super) fn new(engine: &'a Engine, row: Row<'a>, used: &'a BTreeSet<usize>, wording: usize) -> Self {
        let tongue = &engine.tongues[engine.of_wording[wording]];
        Self { row, used, known: engine.names.known(&row, used), tongue, context: OnceCell::new() }
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
    pub(super) program: Option<Program>,
    tree: handlebars::Template,
}

impl Template {
    /// Compiles `parsed`, which asks for the values of `used`; `partials` are those of the campaign.
    pub(super) fn new(
        parsed: Parsed<'_>,
        used: BTreeSet<usize>,
        names: &Names,
        partials: &BTreeMap<&str, Parsed<'_>>,
        (language, lines): (Language, Lines),
    ) -> Self {
        let program = compile(&parsed.template, partials, names, language, lines);
        Self { source: parsed.source.clone(), used, language, program, tree: parsed.template }
    }

    /// Renders what goes into a header for the row of `view`.
    pub(super) fn text(&self, engine: &Engine, view: &View<'_>) -> Result<String, Stop> {
        match self.follow_text(engine, view) {
            Ok(text) => Ok(text),
            Err(Detour) => self.through_handlebars(engine, view),
        }
    }

    /// Renders a body for the row of `view`, in the memory of `old`.
    pub(super) fn body(&self, engine: &Engine, view: &View<'_>, old: Body) -> Result<Body, Stop> {
        let mut body = old.cleared(self.room());
        if self.follow_body(engine, view, &mut body).is_err() {
            body = body.cleared(0);
            let text = self.through_handlebars(engine, view)?;
            body.push_text(&text).map_err(|unsound| self.stop(unsound))?;
        }
        body.end_line();
        Ok(body)
    }

    fn run<'a>(engine: &'a Engine, view: &'a View<'_>) -> Run<'a> {
        let (names, known, setting) = (&engine.names, &view.known[..], &*view.tongue.setting);
        Run { names, known, setting, recipient: view.row.recipient }
    }

    /// Follows the program of what goes into a header.
    pub(super) fn follow_text(&self, engine: &Engine, view: &View<'_>) -> Result<String, Detour> {
        let program = self.program.as_ref().ok_or(Detour)?;
        let run = Self::run(engine, view);
        let mut text = String::with_capacity(self.room());
        match program.layout {
            Layout::Straight => run.steps(&program.steps, None, &mut Straight::new(&mut text))?,
            Layout::Indented => run.steps(&program.steps, None, &mut Indented::new(&mut text))?,
        }
        if text.len() > LARGEST { Err(Detour) } else { Ok(text) }
    }

    /// Follows the program of a body, whose last line may lack its end.
    pub(super) fn follow_body(
        &self,
        engine: &Engine,
        view: &View<'_>,
        body: &mut Body,
    ) -> Result<(), Detour> {
        let program = self.program.as_ref().ok_or(Detour)?;
        let whole = match program.layout {
            Layout::Straight => {
                let run = Self::run(engine, view);
                let mut pen = Lined::new(body);
                run.steps(&program.steps, None, &mut pen)?;
                pen.is_whole()
            }
            Layout::Indented => body.push_text(&self.follow_text(engine, view)?).is_ok(),
        };
        if whole { Ok(()) } else { Err(Detour) }
    }

    /// Octets that what is rendered will hardly exceed.
    fn room(&self) -> usize {
        self.source.span.len() + self.source.span.len() / 4 + 64
    }

    /// Renders the template by handlebars, with the lines as they come.
    pub(super) fn through_handlebars(&self, engine: &Engine, view: &View<'_>) -> Result<String, Stop> {
        let registry = match self.language {
            Language::Plain => &view.tongue.plain,
            Language::Html => &view.tongue.html,
        };
        let context = view.context.get_or_init(|| engine.context(view.used, &view.row));
        let mut out = Bounded { text: String::with_capacity(2 * self.source.span.len()) };
        self.tree
            .render(registry, context, &mut RenderContext::new(None), &mut out)
            .map_err(|error| self.explain(engine, &error))?;
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
            RenderErrorReason::Other(words) => Unsound::Value(words.chars().take(WORDS).collect()),
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

/// Takes what is rendered, up to [`LARGEST`] octets.
struct Bounded {
    text: String,
}

impl Output for Bounded {
    fn write(&mut self, segment: &str) -> io::Result<()> {
        if self.text.len() + segment.len() > LARGEST {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.text.push_str(segment);
        Ok(())
    }
}

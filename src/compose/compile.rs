//! Compiles the tree of a template, with the partials it includes, to a [`Program`].
//!
//! The tree is what handlebars parsed, so white space is trimmed and lines are joined as it does it. What
//! has no program (lists written in a tag, names that blocks give twice, and other things that nobody
//! writes) is [not compiled](Refusal) and goes through handlebars; the property tests hold both to the same
//! octets. Only templates that the lint passed may come here.

use std::collections::BTreeMap;

use handlebars::Template;
use handlebars::template::{DecoratorTemplate, HelperTemplate, Parameter, TemplateElement};
use serde_json::Value as Json;

use super::datum::Datum;
use super::formats;
use super::functions::{self, MARKDOWN, Shape};
use super::names::Names;
use super::parse::Parsed;
use super::pen::escaped;
use super::places::{Place, Scope, Scopes};
use super::program::{
    Block, Choice, Each, Escape, Inset, Layout, Lines, Otherwise, Program, Step, Term, Text,
};
use super::standing::{block_stands_alone, partial_stands_alone};
use super::walk::{Language, PARTIAL_BLOCK};

/// Octets of a program: a template may be 1 MiB, and includes partials as often as 2,000 times.
const LARGEST: usize = 8 << 20;
/// Octets that a step is taken to cost beside its text.
const STEP: usize = 64;

/// Why a template has no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// A partial is indented, and the layout is straight.
    Indented,
    /// Something in it is left to handlebars.
    Left,
}

/// The program of `template`; none if it is left to handlebars.
pub(super) fn compile(
    template: &Template,
    partials: &BTreeMap<&str, Parsed<'_>>,
    names: &Names,
    language: Language,
    lines: Lines,
) -> Option<Program> {
    let compiled = |layout| {
        let scopes = Scopes::new(names);
        let mut compiler =
            Compiler { partials, language, layout, scopes, blocks: Vec::new(), indent: None, octets: 0 };
        let mut steps = compiler.steps(template)?;
        if lines == Lines::Sent && layout == Layout::Straight {
            // A NUL in the template itself is told of row by row.
            steps.iter_mut().try_for_each(Step::settle).map_err(|_| Refusal::Left)?;
        }
        Ok(Program { steps, layout })
    };
    match compiled(Layout::Straight) {
        Err(Refusal::Indented) => compiled(Layout::Indented).ok(),
        straight => straight.ok(),
    }
}

/// The block that a partial was called with, and where.
#[derive(Clone)]
struct Given<'a> {
    template: Option<&'a Template>,
    stack: Vec<Scope<'a>>,
    /// How many partials are around the call.
    depth: usize,
}

struct Compiler<'a> {
    partials: &'a BTreeMap<&'a str, Parsed<'a>>,
    language: Language,
    layout: Layout,
    scopes: Scopes<'a>,
    /// What `@partial-block` stands for, in each partial around the place.
    blocks: Vec<Given<'a>>,
    /// The blanks before each line of the partial.
    indent: Option<String>,
    /// Octets of the program so far.
    octets: usize,
}

impl<'a> Compiler<'a> {
    fn steps(&mut self, template: &'a Template) -> Result<Vec<Step>, Refusal> {
        let mut steps = Vec::with_capacity(template.elements.len());
        for element in &template.elements {
            self.element(&mut steps, element)?;
        }
        Ok(steps)
    }

    fn some_steps(&mut self, template: Option<&'a Template>) -> Result<Vec<Step>, Refusal> {
        template.map_or(Ok(Vec::new()), |template| self.steps(template))
    }

    fn charge(&mut self, octets: usize) -> Result<(), Refusal> {
        self.octets += octets;
        if self.octets > LARGEST { Err(Refusal::Left) } else { Ok(()) }
    }

    fn element(&mut self, steps: &mut Vec<Step>, element: &'a TemplateElement) -> Result<(), Refusal> {
        self.charge(STEP)?;
        match element {
            TemplateElement::Comment(_) => Ok(()),
            TemplateElement::RawString(text) => {
                self.charge(text.len())?;
                self.text(steps, text);
                Ok(())
            }
            TemplateElement::Expression(call) => {
                let escape = match self.language {
                    Language::Plain => Escape::Nothing,
                    Language::Html => Escape::Html,
                };
                self.expression(steps, call, escape)
            }
            TemplateElement::HtmlExpression(call) => self.expression(steps, call, Escape::Nothing),
            TemplateElement::HelperBlock(call) => self.block(steps, call),
            TemplateElement::PartialExpression(call) | TemplateElement::PartialBlock(call) => {
                self.partial(steps, call)
            }
            _ => Err(Refusal::Left),
        }
    }

    /// Adds text to the text before it, unless the indentation would tell the two apart.
    fn text(&self, steps: &mut Vec<Step>, text: &str) {
        match steps.last_mut() {
            Some(Step::Text(before)) if self.layout == Layout::Straight => before.given.push_str(text),
            Some(_) | None if text.is_empty() => {}
            Some(_) | None => steps.push(Step::Text(Text { given: text.to_owned(), ..Text::default() })),
        }
    }

    fn expression(
        &mut self,
        steps: &mut Vec<Step>,
        call: &'a HelperTemplate,
        escape: Escape,
    ) -> Result<(), Refusal> {
        match self.written(call, escape)? {
            // What the data file holds is the same in all rows.
            Step::Term(Term::Constant(json), escape) => {
                let text = Datum::from(&json).text().ok_or(Refusal::Left)?;
                self.charge(text.len())?;
                match escape {
                    Escape::Nothing => self.text(steps, &text),
                    Escape::Html => self.text(steps, &escaped(&text)),
                }
            }
            step => steps.push(step),
        }
        Ok(())
    }

    fn written(&mut self, call: &'a HelperTemplate, escape: Escape) -> Result<Step, Refusal> {
        let name = call.name.as_name().ok_or(Refusal::Left)?;
        if call.params.is_empty() && call.hash.is_empty() {
            if functions::find(name).is_some() && !functions::gives_way(name) {
                return Err(Refusal::Left);
            }
            return match self.scopes.term(&call.name).ok_or(Refusal::Left)? {
                Term::List(_) | Term::LineList(..) | Term::Rows => Err(Refusal::Left),
                Term::Value(number) => Ok(Step::Value(number, escape)),
                term => Ok(Step::Term(term, escape)),
            };
        }
        let function = functions::find(name).ok_or(Refusal::Left)?;
        let term = self.scopes.call(call).ok_or(Refusal::Left)?;
        if let Term::Format(mut formatting) = term {
            let is_markdown = formatting.format.name == MARKDOWN;
            if is_markdown && self.language == Language::Plain {
                formatting.format = &formats::MARKDOWN_AS_TEXT;
            }
            let escape = if is_markdown { Escape::Nothing } else { escape };
            return Ok(Step::Term(Term::Format(formatting), escape));
        }
        Ok(if function.shape == Shape::Test { Step::Word(term) } else { Step::Term(term, escape) })
    }

    fn block(&mut self, steps: &mut Vec<Step>, call: &'a HelperTemplate) -> Result<(), Refusal> {
        let mut inner = Vec::new();
        match call.name.as_name().ok_or(Refusal::Left)? {
            "raw" => inner = self.some_steps(call.template.as_ref())?,
            "each" => inner = self.each(call)?,
            "with" => inner.push(self.with(call)?),
            name => inner.push(self.choice(name, call)?),
        }
        match self.layout {
            Layout::Straight => append(steps, inner),
            Layout::Indented => {
                steps.push(Step::Block(Block { alone: block_stands_alone(call), steps: inner }));
            }
        }
        Ok(())
    }

    fn choice(&mut self, name: &str, call: &'a HelperTemplate) -> Result<Step, Refusal> {
        let zero = match call.hash.iter().next() {
            None => None,
            Some((key, zero)) if matches!(name, "if" | "unless") && key == "includeZero" => {
                Some(self.scopes.term(zero).ok_or(Refusal::Left)?)
            }
            Some(_) => return Err(Refusal::Left),
        };
        let test = match (name, &call.params[..]) {
            ("if" | "unless", [test]) => self.scopes.term(test),
            ("if" | "unless", [..]) => None,
            (_, [..]) => self.scopes.call(call),
        };
        let test = test.ok_or(Refusal::Left)?;
        let (template, inverse) = match name {
            "unless" => (&call.inverse, &call.template),
            _ => (&call.template, &call.inverse),
        };
        let holds = Otherwise::Steps(self.some_steps(template.as_ref())?);
        let fails = Otherwise::Steps(self.some_steps(inverse.as_ref())?);
        Ok(Step::Choice(Box::new(Choice { test, zero, holds, fails })))
    }

    fn with(&mut self, call: &'a HelperTemplate) -> Result<Step, Refusal> {
        let [argument] = &call.params[..] else { return Err(Refusal::Left) };
        if !call.hash.is_empty() {
            return Err(Refusal::Left);
        }
        let place = self.scopes.place(argument).ok_or(Refusal::Left)?;
        let test = self.scopes.term(argument).ok_or(Refusal::Left)?;
        let scope = self.scopes.with(&place, call.block_param.as_ref()).ok_or(Refusal::Left)?;
        self.scopes.stack.push(scope);
        let holds = Otherwise::Steps(self.some_steps(call.template.as_ref())?);
        self.scopes.stack.pop();
        let fails = match &call.inverse {
            Some(inverse) => Otherwise::Steps(self.steps(inverse)?),
            None => Otherwise::Refuse,
        };
        Ok(Step::Choice(Box::new(Choice { test, zero: None, holds, fails })))
    }

    fn each(&mut self, call: &'a HelperTemplate) -> Result<Vec<Step>, Refusal> {
        let [argument] = &call.params[..] else { return Err(Refusal::Left) };
        if !call.hash.is_empty() {
            return Err(Refusal::Left);
        }
        let list = match self.scopes.place(argument) {
            Some(Place::Of(list @ (Term::List(_) | Term::LineList(..)))) => list,
            Some(Place::Rows) => Term::Rows,
            Some(Place::Data(Json::Array(items))) => return self.each_known(call, items),
            Some(Place::Of(_) | Place::Data(_) | Place::Row | Place::Line(_) | Place::Mixed) | None => {
                return Err(Refusal::Left);
            }
        };
        let scope = self.scopes.each(&list, call.block_param.as_ref()).ok_or(Refusal::Left)?;
        self.scopes.stack.push(scope);
        self.scopes.loops += 1;
        let steps = self.some_steps(call.template.as_ref())?;
        self.scopes.loops -= 1;
        self.scopes.stack.pop();
        let none = self.some_steps(call.inverse.as_ref())?;
        Ok(vec![Step::Each(Box::new(Each { list, steps, none }))])
    }

    /// A loop over what is the same in all rows is gone through once.
    fn each_known(&mut self, call: &'a HelperTemplate, items: &'a [Json]) -> Result<Vec<Step>, Refusal> {
        if items.is_empty() {
            return self.some_steps(call.inverse.as_ref());
        }
        let mut steps = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let last = index + 1 == items.len();
            let scope = Scopes::item(item, index, last, call.block_param.as_ref()).ok_or(Refusal::Left)?;
            self.scopes.stack.push(scope);
            let round = self.some_steps(call.template.as_ref())?;
            self.scopes.stack.pop();
            match self.layout {
                Layout::Straight => append(&mut steps, round),
                Layout::Indented => steps.extend(round),
            }
        }
        Ok(steps)
    }

    fn partial(&mut self, steps: &mut Vec<Step>, call: &'a DecoratorTemplate) -> Result<(), Refusal> {
        if call.indent.is_some() && self.layout == Layout::Straight {
            return Err(Refusal::Indented);
        }
        let (Parameter::Name(_) | Parameter::Path(_)) = &call.name else { return Err(Refusal::Left) };
        let name = call.name.as_name().ok_or(Refusal::Left)?;
        if name == PARTIAL_BLOCK {
            let inner = self.partial_block()?;
            append(steps, inner);
            return Ok(());
        }
        let parsed = self.partials.get(name).ok_or(Refusal::Left)?;
        let scope = self.scopes.partial(call).ok_or(Refusal::Left)?;
        self.scopes.stack.push(scope);
        if let Some(block) = &call.template {
            // handlebars renders the block whether or not the partial asks for it, and before it.
            if self.layout == Layout::Indented || !self.steps(block)?.iter().all(Step::is_safe) {
                return Err(Refusal::Left);
            }
        }
        let (template, stack) = (call.template.as_ref(), self.scopes.stack.clone());
        self.blocks.push(Given { template, stack, depth: self.blocks.len() });
        let around = self.indent.clone();
        if let Some(blanks) = &call.indent {
            self.indent.get_or_insert_default().push_str(blanks);
        }
        let inner = self.steps(&parsed.template)?;
        let indent = std::mem::replace(&mut self.indent, around);
        self.blocks.pop();
        self.scopes.stack.pop();
        match self.layout {
            Layout::Straight => append(steps, inner),
            Layout::Indented => steps.push(Step::Partial(Box::new(Inset {
                alone: partial_stands_alone(call),
                blanks: call.indent.is_some(),
                indent,
                steps: inner,
            }))),
        }
        Ok(())
    }

    /// The block that the partial was called with, as it reads where it was written: its names mean what
    /// they mean there. It is compiled anew at each place, which may be within other loops.
    fn partial_block(&mut self) -> Result<Vec<Step>, Refusal> {
        let given = self.blocks.last().cloned().ok_or(Refusal::Left)?;
        let template = given.template.ok_or(Refusal::Left)?;
        let stack = std::mem::replace(&mut self.scopes.stack, given.stack);
        let inner = self.blocks.split_off(given.depth);
        let steps = self.steps(template)?;
        self.blocks.extend(inner);
        self.scopes.stack = stack;
        Ok(steps)
    }
}

/// Adds steps behind others; text that meets text becomes one.
fn append(steps: &mut Vec<Step>, more: Vec<Step>) {
    let mut more = more.into_iter();
    match (steps.last_mut(), more.next()) {
        (Some(Step::Text(before)), Some(Step::Text(text))) => before.given.push_str(&text.given),
        (_, first) => steps.extend(first),
    }
    steps.extend(more);
}

impl<'a> Scopes<'a> {
    /// The scope inside a partial: what surrounds it or its argument, and the names it is given.
    fn partial(&self, call: &DecoratorTemplate) -> Option<Scope<'a>> {
        let here = self.here();
        let mut this = match &call.params[..] {
            [] => here.this.clone(),
            [argument] => self.place(argument)?,
            [..] => return None,
        };
        let mut given = Vec::with_capacity(call.hash.len());
        for (name, argument) in &call.hash {
            given.push((name.clone(), self.place(argument)?));
        }
        // handlebars takes something missing for null here, and settles all arguments beforehand.
        if !given.iter().map(|(_, place)| place).chain([&this]).all(Place::is_safe) {
            return None;
        }
        if !given.is_empty() && !matches!(this, Place::Row | Place::Data(Json::Object(_))) {
            this = Place::Mixed;
        }
        Some(Scope { this, given, counts: here.counts })
    }
}

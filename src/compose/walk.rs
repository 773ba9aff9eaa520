//! Walks the tree of a template, and of the partials it includes, and checks every name in it.
//!
//! The walk follows a partial at each of its inclusions, as what its names mean depends on where it is
//! included. It must not be left out before rendering: handlebars takes an unknown name in `{{#if}}` for
//! false, and partials that include each other in a circle would overflow the stack.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use handlebars::Template;
use handlebars::template::{BlockParam, DecoratorTemplate, HelperTemplate, Parameter, TemplateElement};

use crate::mail::{Fault, Place, nearest};

use super::functions::{self, Shape};
use super::markup;
use super::names::Names;
use super::parse::{self, Parsed};
use super::scan::{DEPTH, Kind};
use super::scope::{Astray, Beside, Counts, Scope, Scopes, Sort, Use};

/// How many partials one template may include, each inclusion counted.
const INCLUSIONS: usize = 2_000;
/// The name by which a partial includes the block it was called with.
pub(super) const PARTIAL_BLOCK: &str = "@partial-block";

/// What a template is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// Text and headers: values stand as they are.
    Plain,
    /// HTML: values are escaped.
    Html,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) faults: Vec<Fault>,
    /// The numbers of the values that the template asks for.
    pub(super) used: BTreeSet<usize>,
    /// The numbers of the values that it writes whatever they are, each with the first place.
    pub(super) written: BTreeMap<usize, Place>,
    pub(super) beside: Beside,
}

/// Walks `parsed`; `forbidden` is the built-in name that it must not use.
pub(super) fn walk(
    parsed: &Parsed<'_>,
    partials: &BTreeMap<&str, Parsed<'_>>,
    names: &Names,
    language: Language,
    forbidden: Option<&'static str>,
) -> Found {
    let mut walk = Walk {
        partials,
        language,
        scopes: Scopes::new(names, forbidden),
        frames: vec![Frame { name: "", parsed, block: Block::None }],
        tag: 0,
        depth: 0,
        inclusions: 0,
        faults: Vec::new(),
        asked: Vec::new(),
        written: BTreeMap::new(),
    };
    walk.template(&parsed.template);
    Found { faults: walk.faults, used: walk.scopes.used, written: walk.written, beside: walk.scopes.beside }
}

/// Whether a partial was called with a block of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Given,
}

/// A template that is being walked.
struct Frame<'a> {
    name: &'a str,
    parsed: &'a Parsed<'a>,
    block: Block,
}

/// A walk under way.
pub(super) struct Walk<'a> {
    partials: &'a BTreeMap<&'a str, Parsed<'a>>,
    language: Language,
    pub(super) scopes: Scopes<'a>,
    frames: Vec<Frame<'a>>,
    /// The number of the tag that is being looked at.
    tag: usize,
    depth: usize,
    inclusions: usize,
    faults: Vec<Fault>,
    /// The numbers of the values that the blocks around ask about: what they hold is heeded.
    asked: Vec<usize>,
    written: BTreeMap<usize, Place>,
}

impl<'a> Walk<'a> {
    fn parsed(&self) -> &'a Parsed<'a> {
        self.frames.last().expect("the first frame is never left").parsed
    }

    /// Reports `fault` at the part of the present tag that says `part`, or at the whole tag.
    pub(super) fn report(&mut self, fault: Fault, part: &str) {
        let span = self.locate(part);
        let fault = fault.at(parse::place(self.parsed().source, span));
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn astray(&mut self, astray: Astray, part: &str) {
        let fault = Fault::error(astray.what);
        self.report(
            match astray.hint {
                Some(hint) => fault.hint(hint),
                None => fault,
            },
            part,
        );
    }

    fn locate(&self, part: &str) -> Range<usize> {
        let parsed = self.parsed();
        let Some(tag) = parsed.tags.get(self.tag) else { return 0..0 };
        let text = parsed.tag_text(self.tag);
        let is_word = |character: char| character.is_alphanumeric() || "_-$@".contains(character);
        let found = text.match_indices(part).find(|(at, _)| {
            !part.is_empty()
                && !text[..*at].ends_with(is_word)
                && !text[at + part.len()..].starts_with(is_word)
        });
        match found {
            Some((at, _)) => tag.span.start + at..tag.span.start + at + part.len(),
            None => tag.span.clone(),
        }
    }

    fn template(&mut self, template: &'a Template) {
        if self.depth >= DEPTH {
            let what = format!("blocks and partials nest deeper than {DEPTH}");
            self.report(Fault::error(what), "");
            return;
        }
        self.depth += 1;
        for (number, element) in template.elements.iter().enumerate() {
            let mapped = template.mapping.get(number);
            if let Some(tag) = mapped.and_then(|at| self.parsed().tag_at(at.0, at.1)) {
                self.tag = tag;
            }
            self.element(element);
        }
        self.depth -= 1;
    }

    fn element(&mut self, element: &'a TemplateElement) {
        match element {
            TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
            TemplateElement::Expression(call) => self.expression(call),
            TemplateElement::HtmlExpression(call) => {
                if self.language == Language::Html {
                    let fault =
                        Fault::warning("this value is not escaped: HTML in it becomes part of the message");
                    self.report(fault.hint("two braces escape it"), "");
                }
                self.expression(call);
            }
            TemplateElement::HelperBlock(call) => self.block(call, self.tag, 0),
            TemplateElement::PartialExpression(call) | TemplateElement::PartialBlock(call) => {
                self.partial(call);
            }
            TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                let fault = Fault::error("partials cannot be made inside a template");
                self.report(fault.hint("put it into a file of its own, under templates/partials"), "");
            }
            _ => self.report(Fault::error("this tag is not taken"), ""),
        }
    }

    /// An expression writes what it names.
    fn expression(&mut self, call: &'a HelperTemplate) {
        self.scopes.latest.clear();
        self.written_expression(call);
        for (number, asked) in std::mem::take(&mut self.scopes.latest) {
            if asked == Use::Bare && !self.asked.contains(&number) && !self.written.contains_key(&number) {
                let name = self.scopes.names.value(number).0;
                let place = parse::place(self.parsed().source, self.locate(name));
                self.written.insert(number, place);
            }
        }
    }

    fn written_expression(&mut self, call: &'a HelperTemplate) {
        if self.language == Language::Html {
            let parsed = self.parsed();
            let start = parsed.tags.get(self.tag).map_or(0, |tag| tag.span.start);
            if markup::is_unquoted_attribute(parsed.source.text(), &parsed.tags, start) {
                let fault = Fault::warning("a value without quotes around it ends at its first space");
                self.report(fault.hint("write it as name=\"{{..}}\""), "");
            }
        }
        let Some(name) = call.name.as_name() else {
            self.report(Fault::error("a tag begins with a name").hint("leave the outer parentheses out"), "");
            return;
        };
        if !call.params.is_empty() || !call.hash.is_empty() {
            self.call(call, Shape::Inline);
            if functions::find(name).is_some_and(|function| function.shape == Shape::Test) {
                let fault = Fault::warning(format!("`{name}` writes the word true or false here"));
                self.report(fault.hint(format!("{{{{#if ({name} ..)}}}} asks instead")), name);
            }
            return;
        }
        if functions::find(name).is_some()
            && !(functions::gives_way(name) && self.scopes.resolve(name) == Ok(Sort::Text))
        {
            let fault = Fault::error(format!("`{name}` is a function and needs an argument"));
            let hint = format!("a column of that name is written `this.{name}`");
            self.report(if self.scopes.names.find(name).is_some() { fault.hint(hint) } else { fault }, name);
            return;
        }
        match self.resolve(name) {
            Some(Sort::List) => {
                let fault = Fault::error(format!("`{name}` is a list and cannot be written as it is"));
                self.report(
                    fault.hint(format!("{{{{#each {name}}}}}{{{{this}}}}{{{{/each}}}} writes its items")),
                    name,
                );
            }
            Some(Sort::Rows) => {
                let fault = Fault::error(format!("`{name}` are all rows and cannot be written as they are"));
                self.report(fault.hint("{{#each rows}}..{{/each}} goes through them"), name);
            }
            Some(Sort::Data(_)) => {
                let fault =
                    Fault::error(format!("`{name}` is a list or a table and cannot be written as it is"));
                self.report(fault.hint(format!("{{{{#each {name}}}}} goes through it")), name);
            }
            Some(Sort::Row | Sort::Line) => {
                self.report(Fault::error(format!("`{name}` is the whole row here")), name);
            }
            Some(Sort::Text) | None => {}
        }
    }

    pub(super) fn resolve(&mut self, path: &str) -> Option<Sort> {
        match self.scopes.resolve(path) {
            Ok(sort) => Some(sort),
            Err(astray) => {
                self.astray(astray, path);
                None
            }
        }
    }

    /// Walks a block; `open` is its opening tag, `chain` counts the `{{else ..}}` it has passed.
    fn block(&mut self, call: &'a HelperTemplate, open: usize, chain: usize) {
        let name = call.name.as_name().unwrap_or_default();
        let around = self.asked.len();
        self.scopes.latest.clear();
        let first = self.call(call, Shape::Block);
        self.asked.extend(self.scopes.latest.drain(..).map(|(number, _)| number));
        let scope = match name {
            "each" => {
                let (this, counts) = match first {
                    Some(Sort::Data(set)) => self.scopes.items(set),
                    Some(Sort::Rows) => (Sort::Line, Counts::Items),
                    Some(Sort::Text | Sort::List | Sort::Row | Sort::Line) | None => {
                        (Sort::Text, Counts::Items)
                    }
                };
                Some(Scope { this, given: Vec::new(), counts })
            }
            "with" => {
                let this = first.unwrap_or(Sort::Text);
                Some(Scope { this, given: Vec::new(), counts: self.scopes.here().counts })
            }
            _ => None,
        };
        let scoped = scope.map(|mut scope| {
            scope.given = given_names(call, scope.this);
            self.scopes.stack.push(scope);
        });
        if let Some(template) = &call.template {
            self.template(template);
        }
        if scoped.is_some() {
            self.scopes.stack.pop();
        }
        if let Some(inverse) = &call.inverse {
            self.otherwise(inverse, open, chain);
        }
        self.asked.truncate(around);
    }

    fn otherwise(&mut self, inverse: &'a Template, open: usize, chain: usize) {
        let mut elses = self.parsed().tags.iter().enumerate().filter(|(_, tag)| tag.kind == Kind::Else(open));
        if let Some((number, _)) = elses.nth(chain) {
            self.tag = number;
        }
        match &inverse.elements[..] {
            [TemplateElement::HelperBlock(next)] if inverse.mapping.is_empty() => {
                if self.depth + chain >= DEPTH {
                    let what = format!("a block has more than {DEPTH} {{{{else if}}}}");
                    self.report(Fault::error(what), "");
                } else {
                    self.block(next, open, chain + 1);
                }
            }
            _ => self.template(inverse),
        }
    }

    fn partial(&mut self, call: &'a DecoratorTemplate) {
        let name = match &call.name {
            Parameter::Name(name) => name.as_str(),
            Parameter::Path(_) => call.name.as_name().unwrap_or_default(),
            _ => {
                let fault = Fault::error("the name of a partial must be written out");
                self.report(fault.hint("choose between partials with {{#if ..}}"), "");
                return;
            }
        };
        if name == PARTIAL_BLOCK {
            if self.frames.last().is_none_or(|frame| frame.block == Block::None) {
                let fault = Fault::error("there is no block here: the partial is included without one");
                self.report(fault.hint("include it with {{#> name}} .. {{/name}}"), name);
            }
            return;
        }
        let Some((known, parsed)) = self.partials.get_key_value(name) else {
            let fault = Fault::error(format!("there is no partial `{name}`"));
            let near =
                nearest(name, self.partials.keys().copied()).map(|near| format!("did you mean `{near}`?"));
            let hint = near.unwrap_or_else(|| format!("it would be templates/partials/{name}.hbs"));
            self.report(fault.hint(hint), name);
            return;
        };
        if let Some(start) = self.frames.iter().position(|frame| frame.name == name) {
            let circle: Vec<&str> =
                self.frames[start..].iter().map(|frame| frame.name).chain([name]).collect();
            let what = format!("partials include each other in a circle: {}", circle.join(" -> "));
            self.report(Fault::error(what), name);
            return;
        }
        self.inclusions += 1;
        self.scopes.beside.included.insert(name.to_owned());
        if self.inclusions > INCLUSIONS {
            let what = format!("the template includes partials more than {INCLUSIONS} times");
            self.report(Fault::error(what), name);
            return;
        }
        let scope = self.partial_scope(call);
        self.scopes.stack.push(scope);
        let tag = self.tag;
        if let Some(block) = &call.template {
            self.template(block);
        }
        let block = if call.template.is_some() { Block::Given } else { Block::None };
        self.frames.push(Frame { name: known, parsed, block });
        self.template(&parsed.template);
        self.frames.pop();
        self.tag = tag;
        self.scopes.stack.pop();
    }

    /// The scope inside a partial: what surrounds it or its argument, and the names it is given.
    fn partial_scope(&mut self, call: &'a DecoratorTemplate) -> Scope {
        let here = self.scopes.here();
        let (mut this, counts) = (here.this, here.counts);
        if let Some(argument) = call.params.first() {
            this = self.argument(argument).unwrap_or(Sort::Row);
        }
        if call.params.len() > 1 {
            self.report(
                Fault::error("a partial takes one argument, and names with =").hint("name=value"),
                "",
            );
        }
        let mut given = Vec::new();
        for (name, value) in &call.hash {
            given.push((name.clone(), self.argument(value).unwrap_or(Sort::Text)));
        }
        given.sort_by(|left, right| left.0.cmp(&right.0));
        Scope { this, given, counts }
    }
}

/// The names of `as |item index|`.
fn given_names(call: &HelperTemplate, this: Sort) -> Vec<(String, Sort)> {
    let name = |parameter: &Parameter| parameter.as_name().unwrap_or_default().to_owned();
    match &call.block_param {
        Some(BlockParam::Single(item)) => vec![(name(item), this)],
        Some(BlockParam::Pair((item, index))) => vec![(name(item), this), (name(index), Sort::Text)],
        Some(_) | None => Vec::new(),
    }
}

//! What a name stands for at one place of a template, as a compiled program says it.
//!
//! This is `scope` with an answer: where the lint asks whether a name means anything, and what sort of
//! thing, a program must know which. Both follow handlebars: a scope for each `{{#each}}`, `{{#with}}` and
//! partial, and names that blocks and partials give in all scopes within.

use handlebars::template::{BlockParam, HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path as Parts, PathSeg};
use serde_json::Value as Json;

use super::formats::{self, Certainty, Format};
use super::functions::{self, COMPARISONS, Function, TEXT_FUNCTIONS, TRUNCATE};
use super::names::{Names, Value};
use super::path::{From, Path};
use super::program::{Formatting, Operation, Term};

/// What a path leads to.
#[derive(Debug, Clone)]
pub(super) enum Place<'a> {
    /// All names of the campaign.
    Row,
    /// The rows of the recipient.
    Rows,
    /// The row of the loop at that level.
    Line(usize),
    /// A list or a table of the data file.
    Data(&'a Json),
    /// What a partial makes of a text or a list that it is given names beside. Nothing asks for it.
    Mixed,
    Of(Term),
}

impl<'a> Place<'a> {
    /// Whether it is there whatever the row holds.
    pub(super) fn is_safe(&self) -> bool {
        match self {
            Self::Row | Self::Rows | Self::Line(_) | Self::Mixed | Self::Data(_) => true,
            Self::Of(term) => term.is_safe(),
        }
    }

    /// What stands for a value of the data file.
    pub(super) fn of_data(json: &'a Json) -> Self {
        match json {
            Json::Array(_) | Json::Object(_) => Self::Data(json),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                Self::Of(Term::Constant(json.clone()))
            }
        }
    }

    /// Follows `segments` from here.
    fn descend(self, names: &'a Names, segments: &[&str]) -> Option<Self> {
        let Some((first, rest)) = segments.split_first() else { return Some(self) };
        let next = match self {
            Self::Row => {
                let number = names.find(first)?;
                match names.value(number).1 {
                    Value::Rows => return Self::Rows.descend(names, rest),
                    Value::Data(data) => return Self::Data(data).descend(names, rest),
                    value if value.separator().is_some() => Term::List(number),
                    _ => Term::Value(number),
                }
            }
            Self::Line(level) => {
                let number = names.find(first)?;
                match names.value(number).1 {
                    Value::Column { separator: Some(_), .. } => Term::LineList(level, number),
                    Value::Column { separator: None, .. } => Term::Cell(level, number),
                    _ => return None,
                }
            }
            Self::Data(Json::Object(table)) => return Self::of_data(table.get(*first)?).descend(names, rest),
            Self::Data(Json::Array(items)) => {
                let item = items.get(first.parse::<usize>().ok()?)?;
                return Self::of_data(item).descend(names, rest);
            }
            Self::Of(Term::List(number)) => Term::ItemOf(number, first.parse().ok()?),
            Self::Of(_) | Self::Rows | Self::Mixed | Self::Data(_) => return None,
        };
        Self::Of(next).descend(names, rest)
    }
}

/// One scope.
#[derive(Debug, Clone)]
pub(super) struct Scope<'a> {
    /// What `this` is.
    pub(super) this: Place<'a>,
    /// Names that the scope gives.
    pub(super) given: Vec<(String, Place<'a>)>,
    /// What `@index` and its like count.
    pub(super) counts: Counts,
}

/// What `@index` and its like count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Nothing,
    /// The rounds of the loop at that depth.
    Loop(usize),
    /// It is known beforehand: an item of the data file.
    Known {
        index: usize,
        last: bool,
    },
}

/// The scopes around a place, outermost first.
pub(super) struct Scopes<'a> {
    names: &'a Names,
    pub(super) stack: Vec<Scope<'a>>,
    /// How many loops are around the place.
    pub(super) loops: usize,
}

impl<'a> Scopes<'a> {
    /// The scope of a whole template.
    pub(super) fn new(names: &'a Names) -> Self {
        let row = Scope { this: Place::Row, given: Vec::new(), counts: Counts::Nothing };
        Self { names, stack: vec![row], loops: 0 }
    }

    /// The scope around the place.
    pub(super) fn here(&self) -> &Scope<'a> {
        self.stack.last().expect("the first scope is never left")
    }

    /// What stands for an argument; none for what is no value by itself.
    pub(super) fn term(&self, argument: &Parameter) -> Option<Term> {
        match self.place(argument)? {
            Place::Of(term) => Some(term),
            Place::Rows => Some(Term::Rows),
            Place::Data(json) => Some(Term::Constant(json.clone())),
            Place::Row | Place::Line(_) | Place::Mixed => None,
        }
    }

    /// What an argument leads to.
    pub(super) fn place(&self, argument: &Parameter) -> Option<Place<'a>> {
        match argument {
            Parameter::Path(parts) => self.path(parts, argument.as_name()?),
            Parameter::Literal(Json::Array(_) | Json::Object(_)) => None,
            Parameter::Literal(json) => Some(Place::Of(Term::Constant(json.clone()))),
            Parameter::Subexpression(inner) => match inner.as_element() {
                TemplateElement::Expression(call) => Some(Place::Of(self.call(call)?)),
                _ => None,
            },
            _ => None,
        }
    }

    fn path(&self, parts: &Parts, text: &str) -> Option<Place<'a>> {
        let path = Path::new(text);
        let scope = self.stack.len().checked_sub(1 + path.up).and_then(|number| self.stack.get(number));
        match (parts, path.from) {
            (Parts::Local((up, name, _)), From::Loop) if *up == path.up && path.segments == [name] => {
                Some(Place::Of(match (name.as_str(), scope?.counts) {
                    ("index", Counts::Loop(level)) => Term::Index(level),
                    ("first", Counts::Loop(level)) => Term::First(level),
                    ("last", Counts::Loop(level)) => Term::Last(level),
                    ("index", Counts::Known { index, .. }) => Term::Constant(Json::from(index)),
                    ("first", Counts::Known { index, .. }) => Term::Constant(Json::from(index == 0)),
                    ("last", Counts::Known { last, .. }) => Term::Constant(Json::from(last)),
                    (..) => return None,
                }))
            }
            (Parts::Relative((segments, _)), From::Here | From::Root) => {
                let named = segments.iter().filter_map(|segment| match segment {
                    PathSeg::Named(name) => Some(name.as_str()),
                    _ => None,
                });
                if !named.eq(path.segments.iter().copied()) {
                    return None;
                }
                if path.from == From::Root {
                    return Place::Row.descend(self.names, &path.segments);
                }
                let given = self.stack.iter().rev().find_map(|scope| {
                    let first = path.segments.first()?;
                    scope.given.iter().find(|(name, _)| name == first)
                });
                match given {
                    Some((_, place)) => place.clone().descend(self.names, &path.segments[1..]),
                    None => scope?.this.clone().descend(self.names, &path.segments),
                }
            }
            _ => None,
        }
    }

    /// What stands for a call of a function.
    pub(super) fn call(&self, call: &HelperTemplate) -> Option<Term> {
        let name = call.name.as_name()?;
        let function = functions::find(name)?;
        let (least, most) = function.arguments;
        if !(least..=most).contains(&call.params.len()) {
            return None;
        }
        if let Some(format) = formats::find(name) {
            return self.formatting(call, function, format);
        }
        if !call.hash.is_empty() {
            return None;
        }
        let operation = operation(name)?;
        let arguments = call.params.iter().map(|argument| self.term(argument)).collect::<Option<Vec<_>>>()?;
        let is_list = |term: &Term| matches!(term, Term::List(_));
        if arguments.iter().any(|term| term.is_list() && !function.lists)
            || matches!(operation, Operation::Lookup) && !is_list(&arguments[0])
        {
            return None;
        }
        Some(Term::Call(operation, arguments))
    }

    fn formatting(
        &self,
        call: &HelperTemplate,
        function: &'static Function,
        format: &'static Format,
    ) -> Option<Term> {
        let arguments = call.params.iter().map(|argument| self.term(argument)).collect::<Option<Vec<_>>>()?;
        if arguments.iter().any(|term| term.is_list() && !function.lists) {
            return None;
        }
        let mut named = Vec::with_capacity(call.hash.len());
        for (name, argument) in &call.hash {
            let name = function.named.iter().find(|known| *known == name)?;
            match self.term(argument)? {
                term if term.is_list() => return None,
                term => named.push((*name, term)),
            }
        }
        Some(Term::Format(Box::new(Formatting { format, arguments, named })))
    }

    /// The scope inside `{{#with}}`, of what `this` stands for.
    pub(super) fn with(&self, this: &Place<'a>, names: Option<&BlockParam>) -> Option<Scope<'a>> {
        let this = this.clone();
        let given = match names {
            None => Vec::new(),
            Some(BlockParam::Single(name)) => vec![(name.as_name()?.to_owned(), this.clone())],
            Some(_) => return None,
        };
        Some(Scope { this, given, counts: self.here().counts })
    }

    /// The scope inside `{{#each}}` of `list`, which will be the innermost loop.
    pub(super) fn each(&self, list: &Term, names: Option<&BlockParam>) -> Option<Scope<'a>> {
        let index = Term::Index(self.loops);
        let this = match list {
            Term::Rows => Place::Line(self.loops),
            _ => Place::Of(Term::Item(self.loops)),
        };
        Self::round(&this, index, Counts::Loop(self.loops), names)
    }

    /// The scope of one item of the data file, within `{{#each}}`.
    pub(super) fn item(
        item: &'a Json,
        index: usize,
        last: bool,
        names: Option<&BlockParam>,
    ) -> Option<Scope<'a>> {
        let number = Term::Constant(Json::from(index));
        Self::round(&Place::of_data(item), number, Counts::Known { index, last }, names)
    }

    fn round(
        this: &Place<'a>,
        number: Term,
        counts: Counts,
        names: Option<&BlockParam>,
    ) -> Option<Scope<'a>> {
        let name = |parameter: &Parameter| parameter.as_name().map(str::to_owned);
        let item = || this.clone();
        let given = match names {
            None => Vec::new(),
            Some(BlockParam::Single(each)) => vec![(name(each)?, item())],
            // Of two equal names the last is the one that counts.
            Some(BlockParam::Pair((each, index))) => {
                vec![(name(index)?, Place::Of(number)), (name(each)?, item())]
            }
            Some(_) => return None,
        };
        Some(Scope { this: item(), given, counts })
    }
}

fn operation(name: &str) -> Option<Operation> {
    let compared = COMPARISONS.iter().find(|comparison| comparison.name == name);
    let text = TEXT_FUNCTIONS.iter().find(|function| function.name == name);
    match (name, compared, text) {
        (_, Some(comparison), _) => Some(Operation::Compare(*comparison)),
        (_, _, Some(function)) => Some(Operation::Text(*function)),
        ("and", ..) => Some(Operation::And),
        ("or", ..) => Some(Operation::Or),
        ("not", ..) => Some(Operation::Not),
        ("len", ..) => Some(Operation::Length),
        ("lookup", ..) => Some(Operation::Lookup),
        (..) => None,
    }
}

impl Term {
    fn is_list(&self) -> bool {
        matches!(
            self,
            Self::List(_)
                | Self::LineList(..)
                | Self::Rows
                | Self::Constant(Json::Array(_) | Json::Object(_))
        )
    }

    /// Whether it stands for something whatever the row holds.
    pub(super) fn is_safe(&self) -> bool {
        match self {
            Self::Value(_)
            | Self::List(_)
            | Self::Rows
            | Self::Cell(..)
            | Self::LineList(..)
            | Self::Item(_)
            | Self::Index(_)
            | Self::First(_)
            | Self::Last(_)
            | Self::Constant(_) => true,
            Self::ItemOf(..) => false,
            Self::Format(formatting) => {
                formatting.format.certainty == Certainty::Always
                    && formatting.arguments.iter().all(Self::is_safe)
                    && formatting.named.iter().all(|(_, term)| term.is_safe())
            }
            Self::Call(operation, arguments) => {
                let refuses = match operation {
                    Operation::Text(function) => function.name == TRUNCATE,
                    Operation::Lookup => true,
                    Operation::Compare(_)
                    | Operation::And
                    | Operation::Or
                    | Operation::Not
                    | Operation::Length => false,
                };
                !refuses && arguments.iter().all(Self::is_safe)
            }
        }
    }
}

//! What a name stands for at one place of a template, as a compiled program says it.
//!
//! This is `scope` with an answer: where the lint asks whether a name means anything, and what sort of
//! thing, a program must know which. Both follow handlebars: a scope for each `{{#each}}`, `{{#with}}` and
//! partial, and names that blocks and partials give in all scopes within.

use handlebars::template::{BlockParam, HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path as Parts, PathSeg};
use serde_json::Value as Json;

use super::functions::{self, COMPARISONS, TEXT_FUNCTIONS, TRUNCATE};
use super::names::{Names, Value};
use super::path::{From, Path};
use super::program::{Operation, Term};

/// What a path leads to.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// All names of the campaign.
    Row,
    /// The rows of the recipient.
    Rows,
    /// The row of the loop at that level.
    Line(usize),
    /// What a partial makes of a text or a list that it is given names beside. Nothing asks for it.
    Mixed,
    Of(Term),
}

impl Place {
    /// Whether it is there whatever the row holds.
    pub(super) fn is_safe(&self) -> bool {
        match self {
            Self::Row | Self::Rows | Self::Line(_) | Self::Mixed => true,
            Self::Of(term) => term.is_safe(),
        }
    }

    /// Follows `segments` from here.
    fn descend(self, names: &Names, segments: &[&str]) -> Option<Self> {
        let Some((first, rest)) = segments.split_first() else { return Some(self) };
        let next = match self {
            Self::Row => {
                let number = names.find(first)?;
                match names.value(number).1 {
                    Value::Rows => return Self::Rows.descend(names, rest),
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
            Self::Of(Term::List(number)) => Term::ItemOf(number, first.parse().ok()?),
            Self::Of(_) | Self::Rows | Self::Mixed => return None,
        };
        Self::Of(next).descend(names, rest)
    }
}

/// One scope.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// What `this` is.
    pub(super) this: Place,
    /// Names that the scope gives.
    pub(super) given: Vec<(String, Place)>,
    /// The loop that `@index` and its like count.
    pub(super) counts: Option<usize>,
}

/// The scopes around a place, outermost first.
pub(super) struct Scopes<'a> {
    names: &'a Names,
    pub(super) stack: Vec<Scope>,
    /// How many loops are around the place.
    pub(super) loops: usize,
}

impl<'a> Scopes<'a> {
    /// The scope of a whole template.
    pub(super) fn new(names: &'a Names) -> Self {
        let row = Scope { this: Place::Row, given: Vec::new(), counts: None };
        Self { names, stack: vec![row], loops: 0 }
    }

    /// The scope around the place.
    pub(super) fn here(&self) -> &Scope {
        self.stack.last().expect("the first scope is never left")
    }

    /// What stands for an argument; none for what is no value by itself.
    pub(super) fn term(&self, argument: &Parameter) -> Option<Term> {
        match self.place(argument)? {
            Place::Of(term) => Some(term),
            Place::Rows => Some(Term::Rows),
            Place::Row | Place::Line(_) | Place::Mixed => None,
        }
    }

    /// What an argument leads to.
    pub(super) fn place(&self, argument: &Parameter) -> Option<Place> {
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

    fn path(&self, parts: &Parts, text: &str) -> Option<Place> {
        let path = Path::new(text);
        let scope = self.stack.len().checked_sub(1 + path.up).and_then(|number| self.stack.get(number));
        match (parts, path.from) {
            (Parts::Local((up, name, _)), From::Loop) if *up == path.up && path.segments == [name] => {
                let level = scope?.counts?;
                Some(Place::Of(match name.as_str() {
                    "index" => Term::Index(level),
                    "first" => Term::First(level),
                    "last" => Term::Last(level),
                    _ => return None,
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
        if !call.hash.is_empty() || !(least..=most).contains(&call.params.len()) {
            return None;
        }
        let operation = operation(name)?;
        let arguments = call.params.iter().map(|argument| self.term(argument)).collect::<Option<Vec<_>>>()?;
        let is_list = |term: &Term| matches!(term, Term::List(_) | Term::LineList(..) | Term::Rows);
        if arguments.iter().any(|term| is_list(term) && !function.lists)
            || matches!(operation, Operation::Lookup) && !matches!(arguments[0], Term::List(_))
        {
            return None;
        }
        Some(Term::Call(operation, arguments))
    }

    /// The scope inside `{{#with}}`, of what `term` stands for.
    pub(super) fn with(&self, term: &Term, names: Option<&BlockParam>) -> Option<Scope> {
        let this = Place::Of(term.clone());
        let given = match names {
            None => Vec::new(),
            Some(BlockParam::Single(name)) => vec![(name.as_name()?.to_owned(), this.clone())],
            Some(_) => return None,
        };
        Some(Scope { this, given, counts: self.here().counts })
    }

    /// The scope inside `{{#each}}` of `list`, which will be the innermost loop.
    pub(super) fn each(&self, list: &Term, names: Option<&BlockParam>) -> Option<Scope> {
        let name = |parameter: &Parameter| parameter.as_name().map(str::to_owned);
        let item = || match list {
            Term::Rows => Place::Line(self.loops),
            _ => Place::Of(Term::Item(self.loops)),
        };
        let given = match names {
            None => Vec::new(),
            Some(BlockParam::Single(each)) => vec![(name(each)?, item())],
            // Of two equal names the last is the one that counts.
            Some(BlockParam::Pair((each, index))) => {
                vec![(name(index)?, Place::Of(Term::Index(self.loops))), (name(each)?, item())]
            }
            Some(_) => return None,
        };
        Some(Scope { this: item(), given, counts: Some(self.loops) })
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

//! What the names mean at one place of a template: the scopes around it.
//!
//! handlebars opens a scope for each `{{#each}}`, `{{#with}}` and partial. Inside, a bare name is looked
//! up in what the scope stands for and nowhere else, except for the names that a block (`as |item|`) or
//! a partial's arguments give, which hold in all scopes within.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::mail::nearest;

use super::names::{Names, ROWS, Value};
use super::path::{From, Path};

/// How many names a hint lists where none is near.
const SHOWN: usize = 8;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Something that can be written.
    Text,
    /// The items of a split column.
    List,
    /// The rows of the recipient.
    Rows,
    /// One of them.
    Line,
    /// All names of the campaign.
    Row,
    /// A table or a list of the data file: the number of a set of [`Scopes::nodes`].
    Data(usize),
}

/// How a value is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Something is written of it, whatever it is.
    Bare,
    /// By a function that gives something sound for nothing, too.
    Heeded,
}

/// One scope.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// What `this` is.
    pub(super) this: Sort,
    /// Names that the scope gives.
    pub(super) given: Vec<(String, Sort)>,
    /// What `@index` and its like mean.
    pub(super) counts: Counts,
}

/// What a loop counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// There is no loop.
    Nothing,
    /// The items of a list: `@index`, `@first`, `@last`.
    Items,
    /// The values of a table: `@key`, `@first`, `@last`.
    Keys,
}

impl Scope {
    /// The scope of a whole template.
    pub(super) fn row() -> Self {
        Self { this: Sort::Row, given: Vec::new(), counts: Counts::Nothing }
    }
}

/// Why a path leads nowhere, and what was meant perhaps.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Astray {
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Astray {
    fn new(what: String) -> Self {
        Self { what, hint: None }
    }

    fn hint(self, hint: String) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// What a template asks for that is no value of a row.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The names of the partials that it includes.
    pub(super) included: BTreeSet<String>,
    /// The [addresses](address) of the values in the data file to which a key led.
    pub(super) reached: BTreeSet<usize>,
}

impl Beside {
    pub(super) fn extend(&mut self, other: Self) {
        self.included.extend(other.included);
        self.reached.extend(other.reached);
    }
}

/// The scopes around a place, outermost first, and the numbers of the values that were asked for.
#[derive(Debug)]
pub(super) struct Scopes<'a> {
    pub(super) names: &'a Names,
    pub(super) stack: Vec<Scope>,
    pub(super) used: BTreeSet<usize>,
    /// The numbers of the last values that were asked for, as far back as somebody cleared it.
    pub(super) latest: Vec<(usize, Use)>,
    /// What the paths into the data file lead to: each set is of the values that one path may mean, as it does
    /// within a loop.
    pub(super) nodes: Vec<Vec<&'a Json>>,
    pub(super) beside: Beside,
    /// The name that must not be used here, as it is what is being made.
    pub(super) forbidden: Option<&'static str>,
}

impl<'a> Scopes<'a> {
    pub(super) fn new(names: &'a Names, forbidden: Option<&'static str>) -> Self {
        Self {
            names,
            stack: vec![Scope::row()],
            used: BTreeSet::new(),
            latest: Vec::new(),
            nodes: Vec::new(),
            beside: Beside::default(),
            forbidden,
        }
    }

    /// The scope around the place.
    pub(super) fn here(&self) -> &Scope {
        self.stack.last().expect("the first scope is never left")
    }

    /// What `text` leads to from here.
    pub(super) fn resolve(&mut self, text: &str) -> Result<Sort, Astray> {
        let path = Path::new(text);
        let scope = match path.from {
            From::Loop => return self.counter(text, &path),
            From::Root => None,
            From::Here => Some(self.climb(&path)?),
        };
        let Some((first, rest)) = path.segments.split_first() else {
            return Ok(scope.map_or(Sort::Row, |scope| scope.this));
        };
        let given = self.stack.iter().rev().flat_map(|scope| &scope.given);
        if path.from == From::Here
            && let Some((_, sort)) = given.clone().find(|(name, _)| name == first)
        {
            return self.descend(text, *sort, rest);
        }
        let this = scope.map_or(Sort::Row, |scope| scope.this);
        self.descend(text, this, &path.segments)
    }

    /// The names that can be written here, for hints.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        self.names.iter().chain(self.stack.iter().flat_map(|s| &s.given).map(|(name, _)| name.as_str()))
    }

    fn climb(&self, path: &Path<'_>) -> Result<&Scope, Astray> {
        let scope = self.stack.len().checked_sub(1 + path.up).and_then(|number| self.stack.get(number));
        scope.ok_or_else(|| {
            let name = path.segments.join(".");
            Astray::new("`../` leads out of the template".to_owned()).hint(format!("write `{name}`"))
        })
    }

    fn counter(&self, text: &str, path: &Path<'_>) -> Result<Sort, Astray> {
        let scope = self.stack.len().checked_sub(1 + path.up).and_then(|number| self.stack.get(number));
        let counts = scope.map_or(Counts::Nothing, |scope| scope.counts);
        match (&path.segments[..], counts) {
            (["index" | "first" | "last"], Counts::Items) | (["key" | "first" | "last"], Counts::Keys) => {
                Ok(Sort::Text)
            }
            // A list has no keys, but handlebars' own examples use @key for the index.
            (["key"], Counts::Items | Counts::Nothing) => {
                Err(Astray::new("a list has no `@key`".to_owned()).hint("write `@index`".to_owned()))
            }
            (["index"], Counts::Keys) => {
                Err(Astray::new("a table has no `@index`".to_owned()).hint("write `@key`".to_owned()))
            }
            (["index" | "first" | "last"], Counts::Nothing) => {
                Err(Astray::new(format!("`{text}` means something in {{{{#each}}}} only")))
            }
            (..) => Err(Astray::new(format!("`{text}` is unknown"))
                .hint("there are @index, @first and @last, and @root.name".to_owned())),
        }
    }

    /// Follows `segments` from something of the sort `from`.
    fn descend(&mut self, text: &str, from: Sort, segments: &[&str]) -> Result<Sort, Astray> {
        let Some((first, rest)) = segments.split_first() else { return Ok(from) };
        match from {
            Sort::Row => {
                let Some(number) = self.names.find(first) else { return Err(self.unknown(text, first)) };
                if self.forbidden == Some(*first) && self.names.value(number).1.is_unsubscribe_url() {
                    return Err(Astray::new(format!("`{first}` is what this template makes")));
                }
                self.used.insert(number);
                self.latest.push((number, Use::Bare));
                let names: &'a Names = self.names;
                if let Value::Data(data) = names.value(number).1 {
                    let root = self.set(vec![data]);
                    return self.descend(text, root, rest);
                }
                self.descend(text, sort_of(names.value(number).1), rest)
            }
            Sort::Data(set) => {
                let next = self.step(text, set, first)?;
                self.descend(text, next, rest)
            }
            Sort::Line => {
                let Some(number) = self.names.find(first).filter(|number| self.is_column(*number)) else {
                    return Err(self.unknown_in_line(text, first));
                };
                self.used.insert(number);
                self.descend(text, sort_of(self.names.value(number).1), rest)
            }
            Sort::Rows if first.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.descend(text, Sort::Line, rest)
            }
            Sort::Rows => Err(Astray::new(format!("`{text}`: the rows are a list and have no `{first}`"))
                .hint(format!("write {{{{#each {ROWS}}}}}{{{{{first}}}}}{{{{/each}}}}"))),
            Sort::List if first.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.descend(text, Sort::Text, rest)
            }
            Sort::List => Err(Astray::new(format!("`{text}`: a list has no `{first}`"))
                .hint("go through it with {{#each ..}}, or take one item by number".to_owned())),
            Sort::Text if self.is_outside(first) => Err(self.outside(text, first)),
            Sort::Text => Err(self.unknown(text, first)),
        }
    }

    fn is_column(&self, number: usize) -> bool {
        matches!(self.names.value(number).1, Value::Column { .. })
    }

    /// What is not known of one row, though the message may know it.
    fn unknown_in_line(&self, text: &str, name: &str) -> Astray {
        let astray = Astray::new(format!("`{text}` is unknown: the rows have no column of that name"));
        if self.names.find(name).is_some() {
            return astray.hint(format!("write `@root.{name}` for that of the message"));
        }
        let columns = || self.names.columns().map(|(column, _)| column);
        if let Some(near) = nearest(name, columns()) {
            return astray.hint(format!("did you mean `{near}`?"));
        }
        let columns: Vec<&str> = columns().take(SHOWN).collect();
        astray.hint(format!("there are {}", columns.join(", ")))
    }

    /// Whether it is a name of the row, and the place within a block that knows no such name.
    fn is_outside(&self, name: &str) -> bool {
        self.stack.len() > 1 && self.names.find(name).is_some()
    }

    fn outside(&self, text: &str, name: &str) -> Astray {
        let back = "../".repeat(self.stack.iter().rev().take_while(|s| s.this != Sort::Row).count());
        Astray::new(format!("`{text}` is not known inside this block")).hint(format!("write `{back}{name}`"))
    }

    /// A set of values of the data file: text if they can be written. Where some can be written and others not,
    /// the template has to ask first, and the rows tell whether it did.
    fn set(&mut self, values: Vec<&'a Json>) -> Sort {
        let values: Vec<&Json> =
            values.into_iter().filter(|value| value.is_array() || value.is_object()).collect();
        if values.is_empty() {
            return Sort::Text;
        }
        self.nodes.push(values);
        Sort::Data(self.nodes.len() - 1)
    }

    /// What a key or a number leads to in all values of a set.
    fn step(&mut self, text: &str, set: usize, key: &str) -> Result<Sort, Astray> {
        let mut found = Vec::new();
        for value in &self.nodes[set] {
            match value {
                Json::Object(table) => {
                    let Some(next) = table.get(key) else {
                        if self.is_outside(key) && text.starts_with(key) {
                            return Err(self.outside(text, key));
                        }
                        let astray =
                            Astray::new(format!("`{text}` is unknown: the data file has no `{key}` there"));
                        let near = nearest(key, table.keys().map(String::as_str));
                        let known: Vec<&str> = table.keys().map(String::as_str).take(SHOWN).collect();
                        let known = format!("there are {}", known.join(", "));
                        return Err(astray.hint(near.map_or(known, |near| format!("did you mean `{near}`?"))));
                    };
                    found.push(next);
                }
                Json::Array(items) => match key.parse::<usize>().map(|number| items.get(number)) {
                    Ok(Some(next)) => found.push(next),
                    Ok(None) => {
                        return Err(Astray::new(format!(
                            "`{text}` is unknown: the list has {} items",
                            items.len()
                        )));
                    }
                    Err(_) if self.is_outside(key) && text.starts_with(key) => {
                        return Err(self.outside(text, key));
                    }
                    Err(_) => {
                        return Err(Astray::new(format!("`{text}`: a list has no `{key}`"))
                            .hint("go through it with {{#each ..}}, or take one item by number".to_owned()));
                    }
                },
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            }
        }
        self.beside.reached.extend(found.iter().copied().map(address));
        Ok(self.set(found))
    }

    /// What a loop over a set goes through, and what it counts.
    pub(super) fn items(&mut self, set: usize) -> (Sort, Counts) {
        let mut found = Vec::new();
        let mut counts = Counts::Items;
        for value in &self.nodes[set] {
            match value {
                Json::Array(items) => found.extend(items),
                Json::Object(table) => {
                    counts = Counts::Keys;
                    found.extend(table.values());
                }
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            }
        }
        self.beside.reached.extend(found.iter().copied().map(address));
        (self.set(found), counts)
    }

    fn unknown(&self, text: &str, name: &str) -> Astray {
        let astray = Astray::new(format!("`{text}` is unknown: no column or value has that name"));
        if let Some(near) = nearest(name, self.known()) {
            return astray.hint(format!("did you mean `{near}`?"));
        }
        if name == ROWS {
            return astray.hint("[list] group_by = \"email\" gathers the rows of a person in it".to_owned());
        }
        let known: Vec<&str> = self.names.iter().take(SHOWN).collect();
        astray.hint(format!("there are {}", known.join(", ")))
    }
}

/// What tells a value of the data file from all others, equal ones too.
pub(super) fn address(value: &Json) -> usize {
    std::ptr::from_ref(value).addr()
}

/// What the value of a name is.
fn sort_of(value: &Value) -> Sort {
    match value {
        Value::Rows => Sort::Rows,
        value if value.separator().is_some() => Sort::List,
        // What the data file holds is looked into where it is asked for.
        Value::Column { .. }
        | Value::Constant(_)
        | Value::Email
        | Value::Token
        | Value::UnsubscribeUrl
        | Value::Data(_) => Sort::Text,
    }
}

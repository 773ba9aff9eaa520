//! The part of the [walk](super::walk) that looks at calls of functions and their arguments.

use handlebars::template::{HelperTemplate, Parameter, Subexpression, TemplateElement};

use crate::mail::{Fault, nearest};

use super::datum::Datum;
use super::formats::{self, Format, Part};
use super::functions::{self, FUNCTIONS, Function, MARKDOWN, OF_LISTS, Shape};
use super::scope::{Sort, Use};
use super::walk::Walk;

impl<'a> Walk<'a> {
    /// Checks a call of a function and its arguments; gives what the first argument is.
    pub(super) fn call(&mut self, call: &'a HelperTemplate, shape: Shape) -> Option<Sort> {
        let name = call.name.as_name()?;
        let Some(function) = functions::find(name) else {
            self.unknown_function(name, call);
            return None;
        };
        let before = self.scopes.latest.len();
        let sorts: Vec<Option<Sort>> = call.params.iter().map(|param| self.argument(param)).collect();
        for (key, value) in &call.hash {
            self.named_argument(function, key, value);
        }
        if shape == Shape::Inline && (function.shape == Shape::Test || matches!(name, "default" | "len")) {
            self.scopes.latest[before..].iter_mut().for_each(|(_, asked)| *asked = Use::Heeded);
        }
        let (least, most) = function.arguments;
        if function.shape != shape && function.shape != Shape::Test {
            let right = match function.shape {
                Shape::Block => format!("{{{{#{name} ..}}}} .. {{{{/{name}}}}}"),
                Shape::Inline | Shape::Test => format!("{{{{{name} ..}}}}"),
            };
            self.report(Fault::error(format!("`{name}` is not used in this way")).hint(right), name);
        } else if !(least..=most).contains(&sorts.len()) {
            let many = if least == 1 { "1 argument".to_owned() } else { format!("{least} arguments") };
            self.report(Fault::error(format!("`{name}` takes {many}, not {}", sorts.len())), name);
        } else if let Some((number, what)) = sorts
            .iter()
            .enumerate()
            .find_map(|(number, sort)| Some((number, refused(name, (*sort)?, function.lists)?)))
        {
            let part = call.params[number].as_name().unwrap_or_default();
            self.report(Fault::error(format!("`{name}` cannot take {what}")), part);
        } else if OF_LISTS.contains(&name) && sorts[0] == Some(Sort::Text) {
            let part = call.params[0].as_name().unwrap_or_default();
            let fault = Fault::error(format!("`{part}` is not a list"));
            let hint = format!("[list] split = {{ {part} = \";\" }} makes a column one");
            self.report(if self.scopes.names.find(part).is_some() { fault.hint(hint) } else { fault }, part);
        }
        if let Some(format) = formats::find(name) {
            self.literals(call, format);
        }
        if name == "plural" && !call.hash.contains_key("other") {
            let fault = Fault::error("`plural` needs a text for all other numbers");
            self.report(fault.hint("{{plural count one=\"# item\" other=\"# items\"}}"), name);
        }
        sorts.first().copied().flatten()
    }

    fn named_argument(&mut self, function: &'static Function, key: &str, value: &'a Parameter) {
        let name = function.name;
        match self.argument(value) {
            Some(Sort::List | Sort::Rows | Sort::Line | Sort::Row | Sort::Data(_)) => {
                self.report(Fault::error(format!("`{key}=` cannot take a list")), key);
            }
            Some(Sort::Text) | None => {}
        }
        if function.named.contains(&key) {
            return;
        }
        let fault = Fault::error(format!("`{name}` takes no `{key}=`"));
        let hint = match nearest(key, function.named.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}=`?")),
            None if function.named.is_empty() => None,
            None => Some(format!("it takes {}=", function.named.join("=, "))),
        };
        self.report(
            match hint {
                Some(hint) => fault.hint(hint),
                None => fault,
            },
            key,
        );
    }

    /// Tries what is written out in the template, as no row can mend it.
    fn literals(&mut self, call: &'a HelperTemplate, format: &'static Format) {
        let unnamed = call.params.iter().enumerate().map(|(number, value)| (Part::Unnamed(number), value));
        let named = call.hash.iter().map(|(name, value)| (Part::Named(name.as_str()), value));
        for (part, value) in unnamed.chain(named) {
            let Parameter::Literal(json) = value else { continue };
            let Some(text) = Datum::from(json).text() else { continue };
            if let Err(misuse) = (format.check)(part, &text) {
                self.report(Fault::error(misuse.what), &text);
            }
        }
    }

    fn unknown_function(&mut self, name: &str, call: &'a HelperTemplate) {
        let fault = Fault::error(format!("there is no function `{name}`"));
        let words = call.params.iter().map(|param| param.as_name().unwrap_or_default());
        let spaced = std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ");
        if !call.params.is_empty() && self.scopes.names.find(&spaced).is_some() {
            self.report(fault.hint(format!("the column is written {{{{[{spaced}]}}}}")), name);
            return;
        }
        let functions = || FUNCTIONS.iter().map(|function| function.name);
        let hint = if call.block && self.scopes.names.find(name).is_some() {
            format!("write {{{{#if {name}}}}}, or {{{{#each {name}}}}} if it is a list")
        } else if let Some(near) = nearest(name, functions()) {
            format!("did you mean `{near}`?")
        } else {
            format!("there are {}", functions().collect::<Vec<_>>().join(", "))
        };
        self.report(fault.hint(hint), name);
        for argument in call.params.iter().chain(call.hash.values()) {
            self.argument(argument);
        }
    }

    pub(super) fn argument(&mut self, argument: &'a Parameter) -> Option<Sort> {
        match argument {
            Parameter::Name(name) => self.resolve(name),
            Parameter::Path(_) => self.resolve(argument.as_name().unwrap_or_default()),
            Parameter::Literal(_) => Some(Sort::Text),
            Parameter::Subexpression(inner) => {
                self.subexpression(inner);
                Some(Sort::Text)
            }
            _ => {
                self.report(Fault::error("this argument is not taken"), "");
                None
            }
        }
    }

    fn subexpression(&mut self, inner: &'a Subexpression) {
        match inner.as_element() {
            TemplateElement::Expression(call) => {
                if call.name.as_name() == Some(MARKDOWN) {
                    let fault = Fault::error("`markdown` gives a whole text and stands in a tag by itself");
                    self.report(fault.hint("{{markdown name}}"), MARKDOWN);
                }
                self.call(call, Shape::Inline);
            }
            _ => self.report(Fault::error("this argument is not taken"), ""),
        }
    }
}

/// What the function of that name cannot take, in words, if it is of this sort.
fn refused(name: &str, sort: Sort, lists: bool) -> Option<&'static str> {
    match sort {
        Sort::Text => None,
        Sort::Row => Some("the whole row"),
        Sort::Line if name == "with" => None,
        Sort::Line => Some("a whole row"),
        Sort::Rows if name == "lookup" => Some("the rows: write rows.[0] for the first"),
        Sort::List | Sort::Rows | Sort::Data(_) => (!lists).then_some("a list"),
    }
}

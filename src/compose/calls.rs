//! The part of the [walk](super::walk) that looks at calls of functions and their arguments.

use handlebars::template::{HelperTemplate, Parameter, Subexpression, TemplateElement};

use crate::mail::{Fault, nearest};

use super::functions::{self, FUNCTIONS, Shape};
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
            self.argument(value);
            if !(matches!(name, "if" | "unless") && key == "includeZero") {
                self.report(Fault::error(format!("`{name}` takes no `{key}=`")), key);
            }
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
        } else if matches!(name, "each" | "lookup") && sorts[0] == Some(Sort::Text) {
            let part = call.params[0].as_name().unwrap_or_default();
            let fault = Fault::error(format!("`{part}` is not a list"));
            self.report(fault.hint(format!("[list] split = {{ {part} = \";\" }} makes a column one")), part);
        }
        sorts.first().copied().flatten()
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
        Sort::List | Sort::Rows => (!lists).then_some("a list"),
    }
}

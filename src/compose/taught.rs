//! What handlebars is taught: the functions that it lacks or has otherwise.
//!
//! Each takes its arguments out of handlebars' JSON and calls what stands in `functions`, so that a template
//! gives the same whichever way it is rendered.

use std::sync::Arc;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason, Renderable, ScopedJson,
};
use serde_json::Value as Json;

use super::datum::Datum;
use super::formats::{self, FORMATS, Format, Given};
use super::functions::{self, COMPARISONS, Comparison, MARKDOWN, TEXT_FUNCTIONS, TextFunction};
use super::locale::Setting;
use super::walk::Language;

/// Teaches `engine`, which renders what is in `language`, the functions that handlebars lacks or has otherwise.
pub(super) fn register(engine: &mut Handlebars<'static>, language: Language, setting: &Arc<Setting>) {
    engine.unregister_helper("log");
    engine.register_helper("len", Box::new(Length));
    for comparison in COMPARISONS {
        engine.register_helper(comparison.name, Box::new(comparison));
    }
    for function in TEXT_FUNCTIONS {
        engine.register_helper(function.name, Box::new(function));
    }
    for format in &FORMATS {
        engine.register_helper(format.name, Box::new(Formatted { format, setting: Arc::clone(setting) }));
    }
    let format = match language {
        Language::Plain => &formats::MARKDOWN_AS_TEXT,
        Language::Html => &formats::MARKDOWN_AS_HTML,
    };
    let markdown = Written(Formatted { format, setting: Arc::clone(setting) });
    engine.register_helper(MARKDOWN, Box::new(markdown));
}

fn fault(what: impl Into<String>) -> RenderError {
    RenderErrorReason::Other(what.into()).into()
}

/// The argument at `index`; an unknown name gives nothing.
fn argument<'a>(helper: &'a Helper<'_>, index: usize) -> Result<Datum<'a>, RenderError> {
    let missing = || fault(format!("`{}` needs another argument", helper.name()));
    helper.param(index).map(|value| Datum::from(value.value())).ok_or_else(missing)
}

impl HelperDef for TextFunction {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        if helper.params().is_empty() {
            return scope.evaluate(context, &format!("./{}", self.name));
        }
        let takes_two = functions::find(self.name).is_some_and(|function| function.arguments.0 == 2);
        let second = if takes_two { argument(helper, 1)? } else { Datum::Missing };
        let made = (self.apply)(argument(helper, 0)?, &second).map_err(|misuse| fault(misuse.what))?;
        Ok(Json::String(made.into_owned()).into())
    }
}

/// A function that takes arguments by name, too.
#[derive(Clone)]
struct Formatted {
    format: &'static Format,
    setting: Arc<Setting>,
}

impl Formatted {
    fn make(&self, helper: &Helper<'_>) -> Result<String, RenderError> {
        let function = functions::find(self.format.name).expect("every format is a function");
        let values: Vec<_> = helper.params().iter().map(|value| Datum::from(value.value())).collect();
        if values.len() < function.arguments.0 {
            return Err(fault(format!("`{}` needs another argument", helper.name())));
        }
        let named = function
            .named
            .iter()
            .filter_map(|name| helper.hash_get(name).map(|value| (*name, Datum::from(value.value()))));
        let named: Vec<_> = named.collect();
        let given = Given { values: &values, named: &named, setting: &self.setting };
        let made = (self.format.apply)(&given).map_err(|misuse| fault(misuse.what))?;
        Ok(made.into_owned())
    }
}

impl HelperDef for Formatted {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        if helper.params().is_empty() {
            return scope.evaluate(context, &format!("./{}", self.format.name));
        }
        Ok(Json::String(self.make(helper)?).into())
    }
}

/// A function that gives HTML, which is not escaped once more.
struct Written(Formatted);

impl HelperDef for Written {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        engine: &'reg Handlebars<'reg>,
        context: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let around = scope.is_disable_escape();
        scope.set_disable_escape(around || !helper.params().is_empty());
        let written = self.0.call(helper, engine, context, scope, out);
        scope.set_disable_escape(around);
        written
    }
}

/// Characters of a text, items of a list.
#[derive(Clone, Copy)]
struct Length;

impl HelperDef for Length {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        Ok(Json::Number(functions::length(argument(helper, 0)?)).into())
    }
}

impl HelperDef for Comparison {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        Ok(Json::Bool((self.holds)(&argument(helper, 0)?, &argument(helper, 1)?)).into())
    }

    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        engine: &'reg Handlebars<'reg>,
        context: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let holds = (self.holds)(&argument(helper, 0)?, &argument(helper, 1)?);
        if !helper.is_block() {
            return Ok(out.write(if holds { "true" } else { "false" })?);
        }
        match if holds { helper.template() } else { helper.inverse() } {
            Some(branch) => branch.render(engine, context, scope, out),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn functions_do_what_their_names_say() {
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        engine.register_escape_fn(handlebars::no_escape);
        register(
            &mut engine,
            Language::Plain,
            &Arc::new(Setting::new(&crate::compose::tests::content(), None)),
        );
        let row = json!({
            "name": "ada o'hara-LOVELACE it's", "empty": "  ", "title": "Dr.", "n": "9", "m": "10",
            "items": ["a", "b"], "word": "Żółw",
        });
        let table = [
            ("{{upper word}} {{lower word}}", "ŻÓŁW żółw"),
            ("{{title name}}", "Ada O'Hara-Lovelace It's"),
            ("{{title}} {{upper title}}", "Dr. DR."),
            ("{{default empty \"there\"}} {{default n \"x\"}}", "there 9"),
            ("{{truncate word 3}}|{{truncate word 4}}|{{truncate word \"1\"}}", "Żó…|Żółw|…"),
            ("{{url_encode \"a b&c=ü\"}}", "a%20b%26c%3D%C3%BC"),
            ("{{len word}} {{len items}}", "4 2"),
            ("{{#if (eq n 9)}}yes{{/if}}{{#eq n \"9.0\"}}{{else}}no{{/eq}}", "yesno"),
            ("{{#if (lt n m)}}yes{{/if}}{{#gt word n}}yes{{/gt}}", "yesyes"),
            ("{{#if (and n (not empty) (or items n))}}yes{{else}}no{{/if}}", "no"),
        ];
        for (template, rendered) in table {
            let found = engine.render_template(template, &row);
            assert_eq!(found.ok().as_deref(), Some(rendered), "{template}");
        }
        for template in ["{{upper items}}", "{{truncate word 0}}", "{{truncate word \"x\"}}"] {
            assert!(engine.render_template(template, &row).is_err(), "{template}");
        }
    }
}

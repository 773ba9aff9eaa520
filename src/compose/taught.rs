//! What handlebars is taught: the functions that it lacks or has otherwise.
//!
//! Each takes its arguments out of handlebars' JSON and calls what stands in `functions`, so that a template
//! gives the same whichever way it is rendered.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason, Renderable, ScopedJson,
};
use serde_json::Value as Json;

use super::datum::Datum;
use super::functions::{self, COMPARISONS, Comparison, Misuse, TEXT_FUNCTIONS, TextFunction};

/// Teaches `engine` the functions that handlebars lacks or has otherwise.
pub(super) fn register(engine: &mut Handlebars<'static>) {
    engine.unregister_helper("log");
    engine.register_helper("len", Box::new(Length));
    for comparison in COMPARISONS {
        engine.register_helper(comparison.name, Box::new(comparison));
    }
    for function in TEXT_FUNCTIONS {
        engine.register_helper(function.name, Box::new(function));
    }
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
        let made = (self.apply)(argument(helper, 0)?, &second).map_err(|Misuse(what)| fault(what))?;
        Ok(Json::String(made.into_owned()).into())
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
        register(&mut engine);
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

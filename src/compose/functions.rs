//! The functions that templates may call: those of handlebars, and a few for text.
//!
//! All values of a list are text, so comparisons here take text that is a number for one where the other
//! side is a number too. A function reads its arguments and nothing else: no files, no clock.

use std::cmp::Ordering;
use std::fmt::Write;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonRender, Output, RenderContext, RenderError,
    RenderErrorReason, Renderable, ScopedJson,
};
use serde_json::Value as Json;

/// Where a function may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `{{#name ..}} .. {{/name}}`.
    Block,
    /// `{{name ..}}` or `(name ..)`.
    Inline,
    /// Both: true or false.
    Test,
}

/// What a function takes.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// How many arguments, at least and at most.
    pub(super) arguments: (usize, usize),
    /// Whether a list may be an argument.
    pub(super) lists: bool,
}

const fn function(name: &'static str, shape: Shape, least: usize, most: usize, lists: bool) -> Function {
    Function { name, shape, arguments: (least, most), lists }
}

/// Every function there is.
pub(super) const FUNCTIONS: [Function; 22] = [
    function("if", Shape::Block, 1, 1, true),
    function("unless", Shape::Block, 1, 1, true),
    function("each", Shape::Block, 1, 1, true),
    function("with", Shape::Block, 1, 1, true),
    function("raw", Shape::Block, 0, 0, false),
    function("lookup", Shape::Inline, 2, 2, true),
    function("len", Shape::Inline, 1, 1, true),
    function("eq", Shape::Test, 2, 2, false),
    function("ne", Shape::Test, 2, 2, false),
    function("gt", Shape::Test, 2, 2, false),
    function("gte", Shape::Test, 2, 2, false),
    function("lt", Shape::Test, 2, 2, false),
    function("lte", Shape::Test, 2, 2, false),
    function("and", Shape::Test, 1, usize::MAX, true),
    function("or", Shape::Test, 1, usize::MAX, true),
    function("not", Shape::Test, 1, 1, true),
    function("default", Shape::Inline, 2, 2, false),
    function("upper", Shape::Inline, 1, 1, false),
    function("lower", Shape::Inline, 1, 1, false),
    function("title", Shape::Inline, 1, 1, false),
    function("truncate", Shape::Inline, 2, 2, false),
    function("url_encode", Shape::Inline, 1, 1, false),
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Whether a column of this function's name can be written as `{{name}}` all the same.
pub(super) fn gives_way(name: &str) -> bool {
    TEXT_FUNCTIONS.iter().any(|function| function.name == name)
}

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
fn argument<'a>(helper: &'a Helper<'_>, index: usize) -> Result<&'a Json, RenderError> {
    let missing = || fault(format!("`{}` needs another argument", helper.name()));
    helper.param(index).map(handlebars::PathAndJson::value).ok_or_else(missing)
}

/// A function from text to text. Called without an argument it is not called at all: the name then is
/// that of a column, as lists often have a column `title`.
#[derive(Clone, Copy)]
struct TextFunction {
    name: &'static str,
    apply: fn(&Json, &Helper<'_>) -> Result<String, RenderError>,
}

const TEXT_FUNCTIONS: [TextFunction; 6] = [
    TextFunction { name: "default", apply: |value, helper| default(value, argument(helper, 1)?) },
    TextFunction { name: "upper", apply: |value, _| Ok(text(value)?.to_uppercase()) },
    TextFunction { name: "lower", apply: |value, _| Ok(text(value)?.to_lowercase()) },
    TextFunction { name: "title", apply: |value, _| Ok(title(&text(value)?)) },
    TextFunction { name: "truncate", apply: |value, helper| truncate(value, argument(helper, 1)?) },
    TextFunction { name: "url_encode", apply: |value, _| Ok(url_encode(&text(value)?)) },
];

impl HelperDef for TextFunction {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        match helper.param(0) {
            Some(value) => Ok(Json::String((self.apply)(value.value(), helper)?).into()),
            None => scope.evaluate(context, &format!("./{}", self.name)),
        }
    }
}

fn text(value: &Json) -> Result<String, RenderError> {
    match value {
        Json::Array(_) | Json::Object(_) => Err(fault("a list is not text")),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(value.render()),
    }
}

fn default(value: &Json, otherwise: &Json) -> Result<String, RenderError> {
    let given = text(value)?;
    if given.trim().is_empty() { text(otherwise) } else { Ok(given) }
}

/// Words begin with a capital: after white space and hyphens, and after the apostrophe of O'Hara.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let (mut letters, mut apostrophe) = (0_usize, false);
    for character in text.chars() {
        if letters == 0 || apostrophe && letters == 1 {
            titled.extend(character.to_uppercase());
        } else {
            titled.extend(character.to_lowercase());
        }
        if apostrophe {
            letters += 1;
        }
        apostrophe = matches!(character, '\'' | '\u{2019}');
        if character.is_whitespace() || character == '-' {
            letters = 0;
        } else if !apostrophe {
            letters += 1;
        }
    }
    titled
}

/// At most `limit` characters, the last an ellipsis where something was cut.
fn truncate(value: &Json, limit: &Json) -> Result<String, RenderError> {
    let text = text(value)?;
    let limit = number(limit)
        .filter(|limit| *limit >= 1.0 && limit.fract() == 0.0)
        .ok_or_else(|| fault("`truncate` needs a whole number from 1"))?;
    let keep = (1..).take_while(|count| f64::from(*count) < limit).take(text.len()).count();
    match text.char_indices().nth(keep) {
        Some((cut, last)) if cut + last.len_utf8() < text.len() => {
            Ok(format!("{}\u{2026}", text[..cut].trim_end()))
        }
        Some(_) | None => Ok(text),
    }
}

/// Every octet but the unreserved ones (RFC 3986, 2.3) as `%XX`.
pub(super) fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes everything");
        }
    }
    encoded
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
        let length = match argument(helper, 0)? {
            Json::Array(items) => items.len(),
            value => value.render().chars().count(),
        };
        Ok(Json::from(length).into())
    }
}

/// Compares two values; as a block it renders its first or its `{{else}}` part.
#[derive(Clone, Copy)]
struct Comparison {
    name: &'static str,
    holds: fn(&Json, &Json) -> bool,
}

const COMPARISONS: [Comparison; 6] = [
    Comparison { name: "eq", holds: equal },
    Comparison { name: "ne", holds: |left, right| !equal(left, right) },
    Comparison { name: "gt", holds: |left, right| order(left, right).is_some_and(Ordering::is_gt) },
    Comparison { name: "gte", holds: |left, right| order(left, right).is_some_and(Ordering::is_ge) },
    Comparison { name: "lt", holds: |left, right| order(left, right).is_some_and(Ordering::is_lt) },
    Comparison { name: "lte", holds: |left, right| order(left, right).is_some_and(Ordering::is_le) },
];

impl HelperDef for Comparison {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        Ok(Json::Bool((self.holds)(argument(helper, 0)?, argument(helper, 1)?)).into())
    }

    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        engine: &'reg Handlebars<'reg>,
        context: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let holds = (self.holds)(argument(helper, 0)?, argument(helper, 1)?);
        if !helper.is_block() {
            return Ok(out.write(if holds { "true" } else { "false" })?);
        }
        match if holds { helper.template() } else { helper.inverse() } {
            Some(branch) => branch.render(engine, context, scope, out),
            None => Ok(()),
        }
    }
}

fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Two texts are equal letter by letter; a text and a number if the text is that number.
fn equal(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(_), Json::String(_) | Json::Number(_)) | (Json::String(_), Json::Number(_)) => {
            order(left, right) == Some(Ordering::Equal)
        }
        (left, right) => left == right,
    }
}

/// Numbers by size, where both are; other texts by their letters.
fn order(left: &Json, right: &Json) -> Option<Ordering> {
    match (number(left), number(right), left, right) {
        (Some(left), Some(right), ..) => left.partial_cmp(&right),
        (_, _, Json::String(left), Json::String(right)) => Some(left.cmp(right)),
        (..) => None,
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

//! The functions that templates may call: those of handlebars, and a few for text.
//!
//! All values of a list are text, so comparisons here take text that is a number for one where the other
//! side is a number too. A function reads its arguments and nothing else: no files, no clock. What stands
//! here is called from compiled programs, and through `taught` from handlebars; the blocks, `lookup`,
//! `and`, `or` and `not` are those of handlebars itself there.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;

use handlebars::JsonRender;
use serde_json::{Number, Value as Json};

use super::datum::Datum;
use super::formats;

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
    /// The arguments that it takes by name.
    pub(super) named: &'static [&'static str],
}

const fn function(name: &'static str, shape: Shape, least: usize, most: usize, lists: bool) -> Function {
    Function { name, shape, arguments: (least, most), lists, named: &[] }
}

impl Function {
    const fn named(mut self, named: &'static [&'static str]) -> Self {
        self.named = named;
        self
    }
}

/// Every function there is.
pub(super) const FUNCTIONS: [Function; 39] = [
    function("if", Shape::Block, 1, 1, true).named(&["includeZero"]),
    function("unless", Shape::Block, 1, 1, true).named(&["includeZero"]),
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
    function("trim", Shape::Inline, 1, 1, false),
    function("replace", Shape::Inline, 3, 3, false),
    function("concat", Shape::Inline, 1, usize::MAX, false),
    function("join", Shape::Inline, 1, 2, true),
    function("first", Shape::Inline, 1, 1, true),
    function("last", Shape::Inline, 1, 1, true),
    function("contains", Shape::Test, 2, 2, true),
    function("starts_with", Shape::Test, 2, 2, false),
    function("ends_with", Shape::Test, 2, 2, false),
    function("date", Shape::Inline, 1, 2, false).named(&["time", "zone", "locale"]),
    function("number", Shape::Inline, 1, 1, false).named(&["decimals", "locale"]),
    function("money", Shape::Inline, 2, 2, false).named(&["locale"]),
    function("plural", Shape::Inline, 1, 1, false).named(&PLURALS),
    function("add", Shape::Inline, 2, usize::MAX, false),
    function("subtract", Shape::Inline, 2, 2, false),
    function("multiply", Shape::Inline, 2, usize::MAX, false),
    function(MARKDOWN, Shape::Inline, 1, 1, false),
];

/// What `plural` takes by name: a text for no item at all, those of CLDR, and the language.
const PLURALS: [&str; 8] = ["none", "zero", "one", "two", "few", "many", "other", "locale"];
/// The function that gives HTML, or what the same says in plain text: it stands by itself.
pub(super) const MARKDOWN: &str = "markdown";
/// Functions that take nothing but a list.
pub(super) const OF_LISTS: [&str; 5] = ["each", "lookup", "join", "first", "last"];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Whether a column of this function's name can be written as `{{name}}` all the same.
pub(super) fn gives_way(name: &str) -> bool {
    TEXT_FUNCTIONS.iter().any(|function| function.name == name) || formats::find(name).is_some()
}

/// Why a function took none of its arguments. Fits after "could not render: ".
#[derive(Debug)]
pub(super) struct Misuse {
    pub(super) what: Cow<'static, str>,
}

impl Misuse {
    pub(super) fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into() }
    }
}

/// A function from text to text. Called without an argument it is not called at all: the name then is
/// that of a column, as lists often have a column `title`.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextFunction {
    pub(super) name: &'static str,
    /// Takes the first argument and the second, which is missing where the function takes one.
    pub(super) apply: for<'a> fn(Datum<'a>, &Datum<'a>) -> Result<Cow<'a, str>, Misuse>,
}

/// All functions from text to text.
pub(super) const TEXT_FUNCTIONS: [TextFunction; 7] = [
    TextFunction { name: "default", apply: default },
    TextFunction { name: "upper", apply: |value, _| Ok(text(value)?.to_uppercase().into()) },
    TextFunction { name: "lower", apply: |value, _| Ok(text(value)?.to_lowercase().into()) },
    TextFunction { name: "title", apply: |value, _| Ok(title(&text(value)?).into()) },
    TextFunction { name: TRUNCATE, apply: truncate },
    TextFunction { name: "url_encode", apply: |value, _| Ok(url_encode(&text(value)?).into()) },
    TextFunction { name: "trim", apply: |value, _| Ok(text(value)?.trim().to_owned().into()) },
];

/// The one of them that may refuse what the lint lets pass.
pub(super) const TRUNCATE: &str = "truncate";

/// What is written for a value that is no list.
pub(super) fn text(value: Datum<'_>) -> Result<Cow<'_, str>, Misuse> {
    value.text().ok_or_else(|| Misuse::new("a list is not text"))
}

fn default<'a>(value: Datum<'a>, otherwise: &Datum<'a>) -> Result<Cow<'a, str>, Misuse> {
    let given = text(value)?;
    if given.trim().is_empty() { text(otherwise.clone()) } else { Ok(given) }
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
fn truncate<'a>(value: Datum<'a>, limit: &Datum<'a>) -> Result<Cow<'a, str>, Misuse> {
    let text = text(value)?;
    let limit = limit
        .number()
        .filter(|limit| *limit >= 1.0 && limit.fract() == 0.0)
        .ok_or_else(|| Misuse::new("`truncate` needs a whole number from 1"))?;
    let keep = (1..).take_while(|count| f64::from(*count) < limit).take(text.len()).count();
    match text.char_indices().nth(keep) {
        Some((cut, last)) if cut + last.len_utf8() < text.len() => {
            Ok(format!("{}\u{2026}", text[..cut].trim_end()).into())
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
pub(super) fn length(value: Datum<'_>) -> Number {
    let length = match value {
        Datum::List(items) => items.iter().count(),
        Datum::Rows(count) => count,
        Datum::Tree(Json::Array(items)) => items.len(),
        Datum::Tree(json) => json.render().chars().count(),
        value => value.text().map_or(0, |text| text.chars().count()),
    };
    Number::from(length)
}

/// Compares two values; as a block it renders its first or its `{{else}}` part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison {
    pub(super) name: &'static str,
    pub(super) holds: fn(&Datum<'_>, &Datum<'_>) -> bool,
}

/// All comparisons.
pub(super) const COMPARISONS: [Comparison; 9] = [
    Comparison { name: "eq", holds: equal },
    Comparison { name: "ne", holds: |left, right| !equal(left, right) },
    Comparison { name: "gt", holds: |left, right| order(left, right).is_some_and(Ordering::is_gt) },
    Comparison { name: "gte", holds: |left, right| order(left, right).is_some_and(Ordering::is_ge) },
    Comparison { name: "lt", holds: |left, right| order(left, right).is_some_and(Ordering::is_lt) },
    Comparison { name: "lte", holds: |left, right| order(left, right).is_some_and(Ordering::is_le) },
    Comparison { name: "contains", holds: contains },
    Comparison {
        name: "starts_with",
        holds: |text, part| both(text, part, |text, part| text.starts_with(part)),
    },
    Comparison { name: "ends_with", holds: |text, part| both(text, part, |text, part| text.ends_with(part)) },
];

/// A list holds an item, a text a part.
fn contains(whole: &Datum<'_>, part: &Datum<'_>) -> bool {
    match whole.items() {
        Some(items) => items.iter().any(|item| equal(&Datum::Text(Cow::Borrowed(item)), part)),
        None => both(whole, part, |text, part| text.contains(part)),
    }
}

fn both(left: &Datum<'_>, right: &Datum<'_>, holds: fn(&str, &str) -> bool) -> bool {
    match (left.clone().text(), right.clone().text()) {
        (Some(left), Some(right)) => holds(&left, &right),
        (..) => false,
    }
}

/// Two texts are equal letter by letter; a text and a number if the text is that number.
fn equal(left: &Datum<'_>, right: &Datum<'_>) -> bool {
    match (left, right) {
        (Datum::Number(_), Datum::Text(_) | Datum::Number(_)) | (Datum::Text(_), Datum::Number(_)) => {
            order(left, right) == Some(Ordering::Equal)
        }
        (Datum::Text(left), Datum::Text(right)) => left == right,
        (Datum::Bool(left), Datum::Bool(right)) => left == right,
        (Datum::Tree(left), Datum::Tree(right)) => left == right,
        (Datum::Missing | Datum::Null, Datum::Missing | Datum::Null) => true,
        (..) => false,
    }
}

/// Numbers by size, where both are; other texts by their letters.
fn order(left: &Datum<'_>, right: &Datum<'_>) -> Option<Ordering> {
    match (left.number(), right.number(), left, right) {
        (Some(left), Some(right), ..) => left.partial_cmp(&right),
        (_, _, Datum::Text(left), Datum::Text(right)) => Some(left.cmp(right)),
        (..) => None,
    }
}

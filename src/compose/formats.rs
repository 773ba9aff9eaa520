//! The functions that write dates, numbers, money, plurals and lists: those that take arguments by name.
//!
//! An empty cell gives nothing, whatever the function: whether it may be empty is for the check of the rows. Any
//! other cell that is not what the function takes is refused, and the row with it.

use std::borrow::Cow;

use icu_decimal::options::GroupingStrategy;
use icu_plurals::PluralCategory;

use super::amount::{Amount, Point, shown};
use super::dates::{self, Manner};
use super::datum::Datum;
use super::functions::{MARKDOWN, Misuse, text};
use super::locale::{Locale, Setting};
use super::{markdown, money};

/// Decimals that a number may be given.
const DECIMALS: u32 = 12;

/// What a function is called with.
pub(super) struct Given<'g, 'a> {
    pub(super) values: &'g [Datum<'a>],
    pub(super) named: &'g [(&'static str, Datum<'a>)],
    pub(super) setting: &'g Setting,
}

impl<'a> Given<'_, 'a> {
    fn datum(&self, number: usize) -> Datum<'a> {
        self.values.get(number).cloned().unwrap_or(Datum::Missing)
    }

    fn text(&self, number: usize) -> Result<Cow<'a, str>, Misuse> {
        text(self.datum(number))
    }

    /// The argument of that name, where there is one.
    fn named(&self, name: &str) -> Result<Option<Cow<'a, str>>, Misuse> {
        let found = self.named.iter().find(|(known, _)| *known == name);
        found.map(|(_, datum)| text(datum.clone())).transpose()
    }

    fn locale(&self) -> Result<Locale, Misuse> {
        self.setting.locale(self.named("locale")?.as_deref())
    }
}

/// Whether a function gives something for whatever it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    Always,
    Perhaps,
}

/// One argument of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The one of that number, from 0.
    Unnamed(usize),
    Named(&'a str),
}

/// A function that makes text, and takes arguments by name.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) name: &'static str,
    pub(super) certainty: Certainty,
    pub(super) apply: for<'g, 'a> fn(&Given<'g, 'a>) -> Result<Cow<'a, str>, Misuse>,
    /// Whether an argument that is written out can be taken at all.
    pub(super) check: for<'a> fn(Part<'a>, &'a str) -> Result<(), Misuse>,
}

/// All of them but `markdown`.
pub(super) static FORMATS: [Format; 12] = [
    Format { name: "date", certainty: Certainty::Perhaps, apply: date, check: check_date },
    Format { name: "number", certainty: Certainty::Perhaps, apply: number, check: check_number },
    Format { name: "money", certainty: Certainty::Perhaps, apply: money, check: check_money },
    Format { name: "plural", certainty: Certainty::Perhaps, apply: plural, check: check_locale },
    Format { name: "join", certainty: Certainty::Perhaps, apply: join, check: |_, _| Ok(()) },
    Format {
        name: "first",
        certainty: Certainty::Perhaps,
        apply: |given| item(given, |items| items.into_iter().next()),
        check: |_, _| Ok(()),
    },
    Format {
        name: "last",
        certainty: Certainty::Perhaps,
        apply: |given| item(given, |items| items.into_iter().next_back()),
        check: |_, _| Ok(()),
    },
    Format { name: "replace", certainty: Certainty::Always, apply: replace, check: |_, _| Ok(()) },
    Format { name: "concat", certainty: Certainty::Always, apply: concat, check: |_, _| Ok(()) },
    Format {
        name: "add",
        certainty: Certainty::Perhaps,
        apply: |given| reckon(given, Amount::plus),
        check: check_amount,
    },
    Format {
        name: "subtract",
        certainty: Certainty::Perhaps,
        apply: |given| reckon(given, Amount::minus),
        check: check_amount,
    },
    Format {
        name: "multiply",
        certainty: Certainty::Perhaps,
        apply: |given| reckon(given, Amount::times),
        check: check_amount,
    },
];

/// `markdown` in an HTML body.
pub(super) static MARKDOWN_AS_HTML: Format = Format {
    name: MARKDOWN,
    certainty: Certainty::Always,
    apply: |given| Ok(markdown::value_as_html(&given.text(0)?).into()),
    check: |_, _| Ok(()),
};
/// `markdown` elsewhere.
pub(super) static MARKDOWN_AS_TEXT: Format = Format {
    name: MARKDOWN,
    certainty: Certainty::Always,
    apply: |given| Ok(markdown::value_as_text(&given.text(0)?).into()),
    check: |_, _| Ok(()),
};

/// The function of that name; `markdown` as HTML.
pub(super) fn find(name: &str) -> Option<&'static Format> {
    if name == MARKDOWN {
        return Some(&MARKDOWN_AS_HTML);
    }
    FORMATS.iter().find(|format| format.name == name)
}

fn date<'a>(given: &Given<'_, 'a>) -> Result<Cow<'a, str>, Misuse> {
    let cell = given.text(0)?;
    if cell.trim().is_empty() {
        return Ok(Cow::Borrowed(""));
    }
    let style = given.values.get(1).map(|style| text(style.clone())).transpose()?;
    let (time, locale, zone) = (given.named("time")?, given.named("locale")?, given.named("zone")?);
    let manner = Manner {
        style: style.as_deref(),
        time: time.as_deref(),
        locale: locale.as_deref(),
        zone: zone.as_deref(),
    };
    dates::written(&cell, &manner, given.setting).map(Cow::Owned)
}

fn check_date(part: Part<'_>, text: &str) -> Result<(), Misuse> {
    match part {
        Part::Unnamed(1) => dates::check_style(text),
        Part::Named("time") => dates::check_time(text),
        Part::Named("zone") => Setting::default().zone(Some(text)).map(drop),
        Part::Unnamed(0) => {
            let manner = Manner { style: None, time: None, locale: None, zone: None };
            dates::written(text, &manner, &Setting::default()).map(drop)
        }
        Part::Unnamed(_) | Part::Named(_) => check_locale(part, text),
    }
}

fn check_locale(part: Part<'_>, text: &str) -> Result<(), Misuse> {
    if part == Part::Named("locale") { Locale::parse(text).map(drop) } else { Ok(()) }
}

fn number<'a>(given: &Given<'_, 'a>) -> Result<Cow<'a, str>, Misuse> {
    let cell = given.text(0)?;
    if cell.trim().is_empty() {
        return Ok(Cow::Borrowed(""));
    }
    let amount = Amount::parse(&cell, Point::Decimal)?;
    let amount = match given.named("decimals")? {
        None => amount,
        Some(decimals) => {
            let places = places(&decimals)?;
            amount.to_places(places).ok_or_else(|| Misuse::new(format!("`{}` is too large", shown(&cell))))?
        }
    };
    given.locale()?.number(amount, GroupingStrategy::Auto).map(Cow::Owned)
}

fn places(text: &str) -> Result<u32, Misuse> {
    let read = text.trim().parse().ok().filter(|places| *places <= DECIMALS);
    read.ok_or_else(|| Misuse::new(format!("`decimals=` takes a whole number from 0 to {DECIMALS}")))
}

fn check_number(part: Part<'_>, text: &str) -> Result<(), Misuse> {
    match part {
        Part::Named("decimals") => places(text).map(drop),
        Part::Unnamed(_) => check_amount(part, text),
        Part::Named(_) => check_locale(part, text),
    }
}

fn check_amount(_: Part<'_>, text: &str) -> Result<(), Misuse> {
    Amount::parse(text, Point::Decimal).map(drop)
}

fn money<'a>(given: &Given<'_, 'a>) -> Result<Cow<'a, str>, Misuse> {
    let cell = given.text(0)?;
    if cell.trim().is_empty() {
        return Ok(Cow::Borrowed(""));
    }
    money::written(&cell, &given.text(1)?, &given.locale()?).map(Cow::Owned)
}

fn check_money(part: Part<'_>, text: &str) -> Result<(), Misuse> {
    match part {
        Part::Unnamed(1) => money::check_code(text.trim()),
        Part::Unnamed(_) => check_amount(part, text),
        Part::Named(_) => check_locale(part, text),
    }
}

fn plural<'a>(given: &Given<'_, 'a>) -> Result<Cow<'a, str>, Misuse> {
    let cell = given.text(0)?;
    if cell.trim().is_empty() {
        return Ok(Cow::Borrowed(""));
    }
    let amount = Amount::parse(&cell, Point::Decimal)?;
    let locale = given.locale()?;
    let none = if amount.is_zero() { given.named("none")? } else { None };
    let category = match locale.plural(amount)? {
        PluralCategory::Zero => "zero",
        PluralCategory::One => "one",
        PluralCategory::Two => "two",
        PluralCategory::Few => "few",
        PluralCategory::Many => "many",
        PluralCategory::Other => "other",
    };
    let form = match none {
        Some(none) => none,
        None => match given.named(category)? {
            Some(form) => form,
            None => given.named("other")?.ok_or_else(|| Misuse::new("`plural` needs `other=`"))?,
        },
    };
    if !form.contains('#') {
        return Ok(form);
    }
    Ok(form.replace('#', &locale.number(amount, GroupingStrategy::Auto)?).into())
}

fn items<'a>(given: &Given<'_, 'a>) -> Result<Vec<Cow<'a, str>>, Misuse> {
    given.datum(0).items().ok_or_else(|| Misuse::new("this is no list of texts"))
}

fn join<'a>(given: &Given<'_, 'a>) -> Result<Cow<'a, str>, Misuse> {
    let separator = if given.values.len() > 1 { given.text(1)? } else { Cow::Borrowed(", ") };
    Ok(items(given)?.join(&*separator).into())
}

fn item<'a>(
    given: &Given<'_, 'a>,
    choose: fn(Vec<Cow<'a, str>>) -> Option<Cow<'a, str>>,
) -> Result<Cow<'a, str>, Misuse> {
    Ok(choose(items(given)?).unwrap_or_default())
}

fn replace<'a>(given: &Given<'_, 'a>) -> Result<Cow<'a, str>, Misuse> {
    let (text, from) = (given.text(0)?, given.text(1)?);
    if from.is_empty() || !text.contains(&*from) {
        return Ok(text);
    }
    Ok(text.replace(&*from, &given.text(2)?).into())
}

fn concat<'a>(given: &Given<'_, 'a>) -> Result<Cow<'a, str>, Misuse> {
    let texts = (0..given.values.len()).map(|number| given.text(number));
    Ok(Cow::Owned(texts.collect::<Result<String, Misuse>>()?))
}

/// Reckons from the first number to the last; nothing where one of them is empty.
fn reckon<'a>(
    given: &Given<'_, 'a>,
    step: fn(Amount, Amount) -> Option<Amount>,
) -> Result<Cow<'a, str>, Misuse> {
    let mut sum: Option<Amount> = None;
    for number in 0..given.values.len() {
        let cell = given.text(number)?;
        if cell.trim().is_empty() {
            return Ok(Cow::Borrowed(""));
        }
        let next = Amount::parse(&cell, Point::Decimal)?;
        sum = Some(match sum {
            None => next,
            Some(sum) => step(sum, next)
                .ok_or_else(|| Misuse::new("the result has more digits than mailrun reckons with"))?,
        });
    }
    Ok(sum.map(|sum| sum.to_string()).unwrap_or_default().into())
}

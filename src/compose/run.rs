//! Follows a [`Program`] for one row.
//!
//! A run gives the octets that handlebars would give, or nothing: where handlebars would not render the row,
//! or might not, the run [stops](Detour), and the row goes through handlebars, which then says why.

use std::borrow::Cow;

use serde_json::Number;
use smallvec::SmallVec;

use crate::mail::{Fields, Recipient};

use super::datum::{Datum, Items, Zero};
use super::formats::Given;
use super::functions;
use super::locale::Setting;
use super::names::{Known, Names};
use super::pen::Pen;
use super::program::{Choice, Each, Formatting, Operation, Otherwise, Step, Term};

/// The row goes through handlebars.
#[derive(Debug)]
pub(super) struct Detour;

/// What a program is followed for.
pub(super) struct Run<'a> {
    pub(super) names: &'a Names,
    /// The values that the program asks for, each at its number.
    pub(super) known: &'a [Known<'a>],
    pub(super) setting: &'a Setting,
    /// Whose rows are gone through.
    pub(super) recipient: &'a Recipient,
}

/// What a loop is at.
#[derive(Clone, Copy)]
enum Item<'a> {
    Text(&'a str),
    Line(&'a Fields),
}

/// A loop under way.
#[derive(Clone, Copy)]
pub(super) struct Round<'r, 'a> {
    around: Option<&'r Round<'r, 'a>>,
    /// How many loops are around it.
    level: usize,
    item: Item<'a>,
    index: usize,
    last: bool,
}

impl<'a> Run<'a> {
    /// Follows `steps`, within the loops of `round`.
    pub(super) fn steps(
        &self,
        steps: &'a [Step],
        round: Option<&Round<'_, 'a>>,
        pen: &mut impl Pen,
    ) -> Result<(), Detour> {
        for step in steps {
            match step {
                Step::Text(text) => pen.text(text),
                Step::Value(number, escape) => pen.value(self.known[*number], *escape),
                Step::Term(term, escape) => match self.datum(term, round)? {
                    Datum::Missing => return Err(Detour),
                    datum => pen.value(Known::new(&datum.text().ok_or(Detour)?), *escape),
                },
                Step::Word(term) => match self.datum(term, round)? {
                    Datum::Bool(true) => pen.word("true"),
                    Datum::Bool(false) => pen.word("false"),
                    Datum::Missing
                    | Datum::Null
                    | Datum::Number(_)
                    | Datum::Text(_)
                    | Datum::List(_)
                    | Datum::Rows(_)
                    | Datum::Tree(_) => return Err(Detour),
                },
                Step::Choice(choice) => self.choice(choice, round, pen)?,
                Step::Each(each) => self.each(each, round, pen)?,
                Step::Block(block) => {
                    let before = pen.begin(block.alone);
                    self.steps(&block.steps, round, pen)?;
                    pen.end(before);
                }
                Step::Partial(inset) => {
                    let before = pen.begin_inset(inset);
                    self.steps(&inset.steps, round, pen)?;
                    pen.end_inset(before);
                }
            }
            // A loop in a loop can make any size of a row, and so can a value that is written often.
            if pen.is_full() {
                return Err(Detour);
            }
        }
        Ok(())
    }

    fn choice(
        &self,
        choice: &'a Choice,
        round: Option<&Round<'_, 'a>>,
        pen: &mut impl Pen,
    ) -> Result<(), Detour> {
        let zero = match &choice.zero {
            Some(term) if matches!(self.datum(term, round)?, Datum::Bool(true)) => Zero::Included,
            Some(_) | None => Zero::Excluded,
        };
        let holds = match &choice.test {
            Term::Value(number) => !self.text(*number).is_empty(),
            test => self.datum(test, round)?.is_truthy(zero),
        };
        match if holds { &choice.holds } else { &choice.fails } {
            Otherwise::Steps(steps) => self.steps(steps, round, pen),
            Otherwise::Refuse => Err(Detour),
        }
    }

    fn each(&self, each: &'a Each, around: Option<&Round<'_, 'a>>, pen: &mut impl Pen) -> Result<(), Detour> {
        match self.datum(&each.list, around)? {
            Datum::List(items) => self.rounds(each, items.iter().map(Item::Text), around, pen),
            Datum::Rows(_) => self.rounds(each, self.recipient.lines().map(Item::Line), around, pen),
            Datum::Missing
            | Datum::Null
            | Datum::Bool(_)
            | Datum::Number(_)
            | Datum::Text(_)
            | Datum::Tree(_) => Err(Detour),
        }
    }

    fn rounds(
        &self,
        each: &'a Each,
        mut items: impl Iterator<Item = Item<'a>>,
        around: Option<&Round<'_, 'a>>,
        pen: &mut impl Pen,
    ) -> Result<(), Detour> {
        let Some(mut item) = items.next() else { return self.steps(&each.none, around, pen) };
        let level = around.map_or(0, |round| round.level + 1);
        for index in 0.. {
            let next = items.next();
            let round = Round { around, level, item, index, last: next.is_none() };
            self.steps(&each.steps, Some(&round), pen)?;
            let Some(next) = next else { break };
            item = next;
        }
        Ok(())
    }

    fn text(&self, number: usize) -> &'a str {
        self.known[number].text
    }

    fn list(&self, number: usize) -> Items<'a> {
        self.items(number, self.text(number))
    }

    fn items(&self, number: usize, cell: &'a str) -> Items<'a> {
        let value = self.names.value(number).1;
        let separator = value.separator().expect("only a value with a separator is compiled to a list");
        Items { cell, separator }
    }

    /// The cell of the column of that number in the row that `round` is at.
    fn cell(&self, round: &Round<'_, 'a>, number: usize) -> Result<&'a str, Detour> {
        match round.item {
            Item::Line(fields) => Ok(self.names.value(number).1.cell(fields)),
            Item::Text(_) => Err(Detour),
        }
    }

    fn datum(&self, term: &'a Term, round: Option<&Round<'_, 'a>>) -> Result<Datum<'a>, Detour> {
        let text = |text| Datum::Text(Cow::Borrowed(text));
        Ok(match term {
            Term::Value(number) => text(self.text(*number)),
            Term::List(number) => Datum::List(self.list(*number)),
            Term::ItemOf(number, index) => self.list(*number).iter().nth(*index).map_or(Datum::Missing, text),
            Term::Rows => Datum::Rows(1 + self.recipient.more.len()),
            Term::Cell(level, number) => text(self.cell(at(round, *level), *number)?),
            Term::LineList(level, number) => {
                Datum::List(self.items(*number, self.cell(at(round, *level), *number)?))
            }
            Term::Item(level) => match at(round, *level).item {
                Item::Text(item) => text(item),
                Item::Line(_) => return Err(Detour),
            },
            Term::Index(level) => Datum::Number(Number::from(at(round, *level).index)),
            Term::First(level) => Datum::Bool(at(round, *level).index == 0),
            Term::Last(level) => Datum::Bool(at(round, *level).last),
            Term::Constant(json) => Datum::from(json),
            Term::Call(operation, arguments) => self.call(*operation, arguments, round)?,
            Term::Format(formatting) => self.format(formatting, round)?,
        })
    }

    fn format(&self, formatting: &'a Formatting, round: Option<&Round<'_, 'a>>) -> Result<Datum<'a>, Detour> {
        let arguments = formatting.arguments.iter().map(|term| self.datum(term, round));
        let values = arguments.collect::<Result<SmallVec<[_; 4]>, Detour>>()?;
        let named = formatting.named.iter().map(|(name, term)| Ok((*name, self.datum(term, round)?)));
        let named = named.collect::<Result<SmallVec<[_; 4]>, Detour>>()?;
        let given = Given { values: &values, named: &named, setting: self.setting };
        Ok(Datum::Text((formatting.format.apply)(&given).map_err(|_| Detour)?))
    }

    fn call(
        &self,
        operation: Operation,
        arguments: &'a [Term],
        round: Option<&Round<'_, 'a>>,
    ) -> Result<Datum<'a>, Detour> {
        let argument = |index: usize| match arguments.get(index) {
            Some(term) => self.datum(term, round),
            None => Ok(Datum::Missing),
        };
        Ok(match operation {
            Operation::Text(function) => {
                Datum::Text((function.apply)(argument(0)?, &argument(1)?).map_err(|_| Detour)?)
            }
            Operation::Compare(comparison) => Datum::Bool((comparison.holds)(&argument(0)?, &argument(1)?)),
            Operation::And | Operation::Or => {
                // All are looked at, as any may be one that handlebars does not render.
                let mut held = 0;
                for term in arguments {
                    held += usize::from(self.datum(term, round)?.is_truthy(Zero::Excluded));
                }
                Datum::Bool(match operation {
                    Operation::And => held == arguments.len(),
                    _ => held > 0,
                })
            }
            Operation::Not => match argument(0)? {
                Datum::Missing => return Err(Detour),
                datum => Datum::Bool(!datum.is_truthy(Zero::Excluded)),
            },
            Operation::Length => Datum::Number(functions::length(argument(0)?)),
            Operation::Lookup => match (argument(0)?, argument(1)?) {
                (Datum::List(items), Datum::Number(index)) => {
                    let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
                    let item = index.and_then(|index| items.iter().nth(index));
                    text_of(item.ok_or(Detour)?)
                }
                (..) => return Err(Detour),
            },
        })
    }
}

fn text_of(text: &str) -> Datum<'_> {
    Datum::Text(Cow::Borrowed(text))
}

/// The round of the loop at `level`.
fn at<'r, 'a>(round: Option<&'r Round<'r, 'a>>, level: usize) -> &'r Round<'r, 'a> {
    let mut found = round.expect("a term of a loop is compiled within it");
    while found.level > level {
        found = found.around.expect("the loops of a term are around it");
    }
    found
}

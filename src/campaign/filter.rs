//! The campaign's `where`: which rows of the list are written to.
//!
//! ```text
//! or         = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | "(" or ")" | comparison
//! comparison = operand ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand
//!            | operand [ "not" ] "in" "(" value { "," value } ")"
//!            | operand [ "not" ] ( "like" | "ilike" ) "pattern"
//!            | operand "is" [ "not" ] "empty"
//! operand    = value | column | `column with spaces`
//! value      = "text" | 'text' | number | date
//! ```
//!
//! A filter is read against the list's columns, so a column that does not exist is an error before any row
//! is. White space around a cell does not count, nothing else is changed: case does. Beside a number a cell is
//! read as a number, beside a date as a date. A cell that is none leaves the comparison undecided, and so
//! whatever hangs on it, `not` included: such a row is [not written to, and told](Verdict::Undecided).
//!
//! In reading order: `parse`, from the words to a test; `values`, numbers and dates; `pattern`, that of `like`.

mod parse;
mod pattern;
#[cfg(test)]
mod tests;
mod values;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use thiserror::Error;

use crate::mail::Fields;

use parse::Parser;
use pattern::Pattern;
use values::Moment;

/// Characters of a cell that are shown where it is not what it is compared with.
const SHOWN: usize = 40;

/// Which rows are written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    test: Test,
}

/// What a filter says of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The row is written to.
    Taken,
    /// The row is left out.
    LeftOut,
    /// The row is left out because a cell cannot be compared. Why, in words: lower case, no full stop.
    Undecided(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Compare(Operand, Relation, Operand),
    In(Operand, Values),
    Like(Operand, Pattern),
    Empty(Operand),
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    Text(String),
    /// As it was written; it reads as a number.
    Number(String),
    Moment(Moment),
    Column {
        index: usize,
        name: String,
    },
}

/// How two values must stand to each other. `!=` is not equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What stands in the brackets of `in`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Values {
    texts: BTreeSet<String>,
    /// Numbers and dates.
    others: Vec<Operand>,
}

/// Whether something holds. What hangs on a cell that cannot be compared is unknown, as in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    Unknown,
}

/// What is wrong with a `where`, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct FilterError {
    /// Where it begins, in octets from the beginning of the expression.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What is wrong: lower case, no full stop.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Filter {
    /// Reads an expression over these columns.
    ///
    /// # Errors
    /// The first thing in it that is wrong.
    pub fn parse(text: &str, columns: &[String]) -> Result<Self, FilterError> {
        Ok(Self { text: text.to_owned(), test: Parser::new(text, columns).whole()? })
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns that it asks about.
    pub fn columns(&self) -> BTreeSet<&str> {
        let mut columns = BTreeSet::new();
        self.test.columns(&mut columns);
        columns
    }

    /// Whether a row with these cells is written to. A cell that is missing counts as empty.
    pub fn judge(&self, fields: &Fields) -> Verdict {
        match self.test.holds(fields) {
            Truth::Yes => Verdict::Taken,
            Truth::No => Verdict::LeftOut,
            Truth::Unknown => Verdict::Undecided(self.test.doubt(fields).unwrap_or_default()),
        }
    }
}

impl Test {
    fn columns<'a>(&'a self, found: &mut BTreeSet<&'a str>) {
        match self {
            Self::Compare(one, _, other) => found.extend(one.column().into_iter().chain(other.column())),
            Self::In(one, _) | Self::Like(one, _) | Self::Empty(one) => found.extend(one.column()),
            Self::Not(test) => test.columns(found),
            Self::All(tests) | Self::Any(tests) => tests.iter().for_each(|test| test.columns(found)),
        }
    }

    fn holds(&self, fields: &Fields) -> Truth {
        match self {
            Self::Compare(one, relation, other) => compare(one, *relation, other, fields),
            Self::In(one, values) => values.hold(one, fields),
            Self::Like(one, pattern) => Truth::from(pattern.matches(one.value(fields))),
            Self::Empty(one) => Truth::from(one.value(fields).is_empty()),
            Self::Not(test) => test.holds(fields).not(),
            Self::All(tests) => Truth::all(tests.iter().map(|test| test.holds(fields))),
            Self::Any(tests) => Truth::any(tests.iter().map(|test| test.holds(fields))),
        }
    }

    /// Why the test is undecided, by the first cell that makes it so.
    fn doubt(&self, fields: &Fields) -> Option<String> {
        if self.holds(fields) != Truth::Unknown {
            return None;
        }
        match self {
            Self::Compare(one, _, other) => Some(doubt(one, other, fields)),
            Self::In(one, values) => {
                let other = values.others.iter().find(|other| equal(one, other, fields) == Truth::Unknown)?;
                Some(doubt(one, other, fields))
            }
            Self::Like(..) | Self::Empty(_) => None,
            Self::Not(test) => test.doubt(fields),
            Self::All(tests) | Self::Any(tests) => tests.iter().find_map(|test| test.doubt(fields)),
        }
    }
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    fn all(truths: impl Iterator<Item = Self>) -> Self {
        Self::any(truths.map(Self::not)).not()
    }

    fn any(truths: impl Iterator<Item = Self>) -> Self {
        let mut any = Self::No;
        for truth in truths {
            match truth {
                Self::Yes => return Self::Yes,
                Self::Unknown => any = Self::Unknown,
                Self::No => {}
            }
        }
        any
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Operand {
    fn column(&self) -> Option<&str> {
        match self {
            Self::Column { name, .. } => Some(name),
            Self::Text(_) | Self::Number(_) | Self::Moment(_) => None,
        }
    }

    fn value<'a>(&'a self, fields: &'a Fields) -> &'a str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Moment(_) => "",
            Self::Column { index, .. } => fields.get(*index).unwrap_or_default().trim(),
        }
    }

    fn moment(&self, fields: &Fields) -> Option<Moment> {
        match self {
            Self::Moment(moment) => Some(*moment),
            Self::Text(_) | Self::Number(_) | Self::Column { .. } => Moment::read(self.value(fields)),
        }
    }
}

impl Values {
    fn hold(&self, one: &Operand, fields: &Fields) -> Truth {
        if self.texts.contains(one.value(fields)) {
            return Truth::Yes;
        }
        Truth::any(self.others.iter().map(|other| equal(one, other, fields)))
    }
}

fn equal(one: &Operand, other: &Operand, fields: &Fields) -> Truth {
    compare(one, Relation::Equal, other, fields)
}

fn compare(one: &Operand, relation: Relation, other: &Operand, fields: &Fields) -> Truth {
    let numbers = || values::order(one.value(fields), other.value(fields));
    let moments = || one.moment(fields).zip(other.moment(fields)).map(|(one, other)| one.order(other));
    let texts = || Some(one.value(fields).cmp(other.value(fields)));
    let ordering = match (one, other) {
        (Operand::Number(_), _) | (_, Operand::Number(_)) => numbers(),
        (Operand::Moment(_), _) | (_, Operand::Moment(_)) => moments(),
        (Operand::Text(_), _) | (_, Operand::Text(_)) => texts(),
        (Operand::Column { .. }, Operand::Column { .. }) if relation == Relation::Equal => texts(),
        (Operand::Column { .. }, Operand::Column { .. }) => numbers().or_else(moments),
    };
    ordering.map_or(Truth::Unknown, |ordering| Truth::from(relation.holds(ordering)))
}

/// Why two operands cannot be compared: which cell is to blame.
fn doubt(one: &Operand, other: &Operand, fields: &Fields) -> String {
    let blamed = |operand: &Operand, wanted: &str| match operand {
        Operand::Column { name, .. } => match operand.value(fields) {
            "" => Some(format!("`{name}` is empty, and `where` compares it")),
            cell => {
                let shown: String = cell.chars().take(SHOWN).collect();
                Some(format!("`{name}` is {shown:?}, which is no {wanted}, and `where` compares it"))
            }
        },
        Operand::Text(_) | Operand::Number(_) | Operand::Moment(_) => None,
    };
    let wanted = match (one, other) {
        (Operand::Number(_), _) | (_, Operand::Number(_)) => "number",
        (Operand::Moment(_), _) | (_, Operand::Moment(_)) => "date like 2026-01-31",
        (Operand::Text(_) | Operand::Column { .. }, Operand::Text(_) | Operand::Column { .. }) => {
            "number or date like the other"
        }
    };
    blamed(one, wanted).or_else(|| blamed(other, wanted)).unwrap_or_default()
}

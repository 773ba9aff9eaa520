//! What a template is compiled to: text, and what is put between it for each row.
//!
//! A program is made by `compile` and followed by `run`. Everything that can be settled without a row is
//! settled in it: what each name stands for, what a partial holds, which block a path climbs to.

use serde_json::Value as Json;

use super::body::Body;
use super::error::Unsound;
use super::formats::Format;
use super::functions::{Comparison, TextFunction};

/// A compiled template.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) layout: Layout,
}

/// How the text of a program becomes lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Text is written as it stands.
    Straight,
    /// A partial is indented as its tag is: what is written depends on the lines before it.
    Indented,
}

/// How the lines of what a template makes end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// As the template and the row have them: it goes into a header.
    Given,
    /// With CRLF, the last one too: it is a body.
    Sent,
}

/// One thing to write, or to decide.
#[derive(Debug)]
pub(super) enum Step {
    Text(Text),
    /// The value of that number, which is no list.
    Value(usize, Escape),
    /// Anything else that is written.
    Term(Term, Escape),
    /// A test that is written: the word true or false.
    Word(Term),
    Choice(Box<Choice>),
    Each(Box<Each>),
    /// A block, where the layout is [`Layout::Indented`].
    Block(Block),
    /// A partial, where the layout is [`Layout::Indented`].
    Partial(Box<Inset>),
}

/// Text of the template.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// As the template has it; empty where the lines that are sent stand for it.
    pub(super) given: String,
    /// In the lines that are sent.
    pub(super) sent: Body,
    /// Whether the template has a lone LF first: it ends no second line behind a CR.
    pub(super) begins_with_lf: bool,
    /// Whether the template has a CR last.
    pub(super) ends_with_cr: bool,
}

/// Whether a value is escaped as HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    Nothing,
    Html,
}

/// `{{#if}}`, `{{#unless}}`, `{{#with}}` and comparisons as blocks.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) test: Term,
    /// `includeZero=`.
    pub(super) zero: Option<Term>,
    pub(super) holds: Otherwise,
    pub(super) fails: Otherwise,
}

/// What a branch does.
#[derive(Debug)]
pub(super) enum Otherwise {
    Steps(Vec<Step>),
    /// `{{#with}}` of nothing, without an `{{else}}`: handlebars renders no such row.
    Refuse,
}

/// `{{#each}}` of a list.
#[derive(Debug)]
pub(super) struct Each {
    /// What is gone through: a list, or the rows.
    pub(super) list: Term,
    pub(super) steps: Vec<Step>,
    pub(super) none: Vec<Step>,
}

/// A block among indented lines.
#[derive(Debug)]
pub(super) struct Block {
    /// Whether its tag stands alone on its line.
    pub(super) alone: Alone,
    pub(super) steps: Vec<Step>,
}

/// A partial among indented lines.
#[derive(Debug)]
pub(super) struct Inset {
    pub(super) alone: Alone,
    /// Whether blanks stand before its own tag.
    pub(super) blanks: bool,
    /// What is put before its lines: the blanks before its tag, and before those around it.
    pub(super) indent: Option<String>,
    pub(super) steps: Vec<Step>,
}

/// Whether a tag stands alone on its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alone {
    Yes,
    No,
}

/// What stands for a value. Loops are named by their depth, the outermost 0.
#[derive(Debug, Clone)]
pub(super) enum Term {
    /// The value of that number as text.
    Value(usize),
    /// The value of that number as a list.
    List(usize),
    /// One item of a list, counted from 0.
    ItemOf(usize, usize),
    /// The rows of the recipient.
    Rows,
    /// In a loop through the rows: the loop, and the number of the column.
    Cell(usize, usize),
    /// The same, where the column holds a list.
    LineList(usize, usize),
    /// The item of a loop.
    Item(usize),
    /// `@index`.
    Index(usize),
    /// `@first`.
    First(usize),
    /// `@last`.
    Last(usize),
    /// Written out in the template; no list.
    Constant(Json),
    Call(Operation, Vec<Term>),
    Format(Box<Formatting>),
}

/// A call of a function that takes arguments by name, too.
#[derive(Debug, Clone)]
pub(super) struct Formatting {
    pub(super) format: &'static Format,
    pub(super) arguments: Vec<Term>,
    pub(super) named: Vec<(&'static str, Term)>,
}

/// A function, by what it does with its arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Text(TextFunction),
    Compare(Comparison),
    And,
    Or,
    Not,
    Length,
    Lookup,
}

impl Step {
    /// Brings its text to the lines that are sent.
    pub(super) fn settle(&mut self) -> Result<(), Unsound> {
        match self {
            Self::Text(text) => {
                let given = std::mem::take(&mut text.given);
                text.begins_with_lf = given.starts_with('\n');
                text.ends_with_cr = given.ends_with('\r');
                text.sent.push_text(&given)
            }
            Self::Value(..) | Self::Term(..) | Self::Word(_) => Ok(()),
            Self::Choice(choice) => {
                [&mut choice.holds, &mut choice.fails].into_iter().try_for_each(|otherwise| match otherwise {
                    Otherwise::Steps(steps) => steps.iter_mut().try_for_each(Self::settle),
                    Otherwise::Refuse => Ok(()),
                })
            }
            Self::Each(each) => each.steps.iter_mut().chain(&mut each.none).try_for_each(Self::settle),
            Self::Block(block) => block.steps.iter_mut().try_for_each(Self::settle),
            Self::Partial(inset) => inset.steps.iter_mut().try_for_each(Self::settle),
        }
    }

    /// Whether it renders whatever the row holds.
    pub(super) fn is_safe(&self) -> bool {
        match self {
            Self::Text(_) | Self::Value(..) => true,
            Self::Term(term, _) | Self::Word(term) => term.is_safe(),
            Self::Choice(choice) => {
                choice.test.is_safe()
                    && choice.zero.as_ref().is_none_or(Term::is_safe)
                    && [&choice.holds, &choice.fails].into_iter().all(Otherwise::is_safe)
            }
            Self::Each(each) => each.steps.iter().chain(&each.none).all(Self::is_safe),
            Self::Block(block) => block.steps.iter().all(Self::is_safe),
            Self::Partial(inset) => inset.steps.iter().all(Self::is_safe),
        }
    }
}

impl Otherwise {
    fn is_safe(&self) -> bool {
        match self {
            Self::Steps(steps) => steps.iter().all(Step::is_safe),
            Self::Refuse => false,
        }
    }
}

//! From the words of a `where` to the test that they say.

use crate::mail::nearest;

use super::pattern::{Case, Pattern};
use super::values::{self, Moment};
use super::{FilterError, Operand, Relation, Test, Values};

/// How deeply brackets and `not` may be nested: more than anybody writes, less than fills a stack.
const DEPTH_LIMIT: usize = 100;
/// Longer symbols before those that they begin with.
const SYMBOLS: [&str; 15] =
    ["==", "!=", "<=", ">=", "<>", "=<", "=>", "&&", "||", "=", "<", ">", "(", ")", ","];
/// What may stand behind an operand.
const COMPARISON: &str = "a comparison (`==`, `<`, `in`, `like`, `is empty`)";
/// Words that ask for a clock.
const RELATIVE: [&str; 4] = ["today", "now", "yesterday", "tomorrow"];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Text(String),
    Name(String),
    Quoted(String),
    Symbol(&'static str),
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

impl Token {
    fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Name(name) if name == word)
    }
}

/// Reads one expression.
pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
    columns: &'a [String],
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, columns: &'a [String]) -> Self {
        Self { text, at: 0, columns, depth: 0 }
    }

    /// The test that the whole text says.
    pub(super) fn whole(&mut self) -> Result<Test, FilterError> {
        let whole = self.any()?;
        match self.token()? {
            Token { kind: Kind::End, .. } => Ok(whole),
            other => Err(self.unexpected(&other, "`and`, `or` or the end")),
        }
    }

    fn any(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.all()?];
        while self.takes_word("or")? {
            tests.push(self.all()?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::Any(tests) })
    }

    fn all(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.not()?];
        while self.takes_word("and")? {
            tests.push(self.not()?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::All(tests) })
    }

    fn not(&mut self) -> Result<Test, FilterError> {
        let next = self.peek()?;
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(fault(&next, "it is nested too deeply"));
        }
        let test = if self.takes_word("not")? {
            Test::Not(Box::new(self.not()?))
        } else if next.kind == Kind::Symbol("(") {
            self.token()?;
            let test = self.any()?;
            self.expect(")")?;
            test
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(test)
    }

    fn comparison(&mut self) -> Result<Test, FilterError> {
        let one = self.operand()?;
        let operator = self.token()?;
        let Kind::Symbol(symbol) = operator.kind else { return self.worded(one, &operator) };
        let (relation, is_negated) = match symbol {
            "==" => (Relation::Equal, false),
            "!=" => (Relation::Equal, true),
            "<" => (Relation::Less, false),
            "<=" => (Relation::LessOrEqual, false),
            ">" => (Relation::Greater, false),
            ">=" => (Relation::GreaterOrEqual, false),
            _ => return Err(self.unexpected(&operator, COMPARISON)),
        };
        let beginning = self.peek()?;
        let other = self.operand()?;
        let end = self.at;
        let whole = Token { end, ..beginning };
        Self::comparable(&one, relation, &other, &whole)?;
        let test = Test::Compare(one, relation, other);
        Ok(if is_negated { Test::Not(Box::new(test)) } else { test })
    }

    /// A comparison that is written as a word.
    fn worded(&mut self, one: Operand, operator: &Token) -> Result<Test, FilterError> {
        let (is_negated, word) =
            if operator.is_word("not") { (true, self.token()?) } else { (false, operator.clone()) };
        let Kind::Name(name) = &word.kind else { return Err(self.unexpected(&word, COMPARISON)) };
        let test = match name.as_str() {
            "in" => Test::In(one, self.values()?),
            "like" => Test::Like(one, self.pattern(Case::Told)?),
            "ilike" => Test::Like(one, self.pattern(Case::Ignored)?),
            "is" if !is_negated => {
                let is_full = self.takes_word("not")?;
                let empty = self.token()?;
                if !empty.is_word("empty") {
                    return Err(self.unexpected(&empty, "`empty`"));
                }
                let test = Test::Empty(one);
                return Ok(if is_full { Test::Not(Box::new(test)) } else { test });
            }
            _ if is_negated => return Err(self.unexpected(&word, "`in`, `like` or `ilike`")),
            _ => return Err(self.unexpected(&word, COMPARISON)),
        };
        Ok(if is_negated { Test::Not(Box::new(test)) } else { test })
    }

    /// What stands in the brackets of `in`.
    fn values(&mut self) -> Result<Values, FilterError> {
        self.expect("(")?;
        let mut values = Values::default();
        loop {
            let token = self.peek()?;
            match self.operand()? {
                Operand::Text(text) => drop(values.texts.insert(text.trim().to_owned())),
                Operand::Column { .. } => {
                    let wrong = fault(&token, "`in` takes texts, numbers and dates, not columns");
                    return Err(hinted(wrong, "write `a == b or a == c` to compare columns"));
                }
                value => values.others.push(value),
            }
            match self.token()? {
                Token { kind: Kind::Symbol(")"), .. } => return Ok(values),
                Token { kind: Kind::Symbol(","), .. } => {}
                other => return Err(self.unexpected(&other, "`,` or `)`")),
            }
        }
    }

    fn pattern(&mut self, case: Case) -> Result<Pattern, FilterError> {
        let token = self.token()?;
        let Kind::Text(text) = &token.kind else {
            let wrong = self.unexpected(&token, "a \"text\"");
            return Err(hinted(wrong, "% stands for any text and _ for one character: like \"A%\""));
        };
        Pattern::read(text, case).ok_or_else(|| {
            let wrong = fault(&token, "a backslash stands before %, _ or a backslash only");
            hinted(wrong, "write two of them for one")
        })
    }

    /// Refuses what could never be meant: a text beside a number, or numbers in quotes put in order.
    fn comparable(
        one: &Operand,
        relation: Relation,
        other: &Operand,
        whole: &Token,
    ) -> Result<(), FilterError> {
        match (one, other) {
            (Operand::Number(_), Operand::Moment(_)) | (Operand::Moment(_), Operand::Number(_)) => {
                Err(fault(whole, "a number cannot be compared with a date"))
            }
            (Operand::Text(text), Operand::Number(_) | Operand::Moment(_))
            | (Operand::Number(_) | Operand::Moment(_), Operand::Text(text)) => {
                let wrong = fault(whole, "a text in quotes cannot be compared with a number or a date");
                Err(hinted(wrong, format!("a column is written without quotes: {text}")))
            }
            (Operand::Text(text), _) | (_, Operand::Text(text))
                if relation != Relation::Equal
                    && (values::is_number(text.trim()) || Moment::read(text.trim()).is_some()) =>
            {
                let wrong =
                    fault(whole, "texts are put in order letter by letter: \"9\" comes behind \"18\"");
                Err(hinted(wrong, format!("write {} without quotes", text.trim())))
            }
            (..) => Ok(()),
        }
    }

    fn operand(&mut self) -> Result<Operand, FilterError> {
        let token = self.token()?;
        let name = match &token.kind {
            // A cell is looked at without the white space around it.
            Kind::Text(text) => return Ok(Operand::Text(text.trim().to_owned())),
            Kind::Name(name) if !matches!(name.as_str(), "and" | "or" | "not") => name,
            Kind::Quoted(name) => return self.column(&token, name),
            Kind::Name(_) | Kind::Symbol(_) | Kind::End => {
                return Err(self.unexpected(&token, "a column or a \"text\""));
            }
        };
        if values::is_number(name) {
            return Ok(Operand::Number(name.clone()));
        }
        match Moment::read(name) {
            Some(moment) => Ok(Operand::Moment(moment)),
            None => self.column(&token, name),
        }
    }

    fn column(&self, token: &Token, name: &str) -> Result<Operand, FilterError> {
        if let Some(index) = self.columns.iter().position(|column| column == name) {
            return Ok(Operand::Column { index, name: name.to_owned() });
        }
        let wrong = fault(token, &format!("the list has no column `{name}`"));
        let near = nearest(name, self.columns.iter().map(String::as_str));
        Err(if RELATIVE.contains(&name) {
            hinted(wrong, "whom a campaign is for does not change with the day: write a date, 2026-01-31")
        } else if name.starts_with(|first: char| first.is_ascii_digit()) {
            hinted(wrong, "a number is written 1234.5, a date 2026-01-31, a text in quotes")
        } else if let Some(near) = near {
            hinted(wrong, format!("did you mean `{near}`?"))
        } else {
            hinted(wrong, format!("the columns are {}; a text stands in quotes", self.columns.join(", ")))
        })
    }

    fn unexpected(&self, token: &Token, expected: &str) -> FilterError {
        let found = match token.kind {
            Kind::End => "the end".to_owned(),
            Kind::Text(_) | Kind::Name(_) | Kind::Quoted(_) | Kind::Symbol(_) => {
                format!("`{}`", &self.text[token.start..token.end])
            }
        };
        let wrong = fault(token, &format!("{expected} is expected here, not {found}"));
        let right = match &token.kind {
            Kind::Symbol("=") => "write == to compare",
            Kind::Symbol("<>") => "write != for what is not equal",
            Kind::Symbol("=<") => "write <=",
            Kind::Symbol("=>") => "write >=",
            Kind::Symbol("&&") => "write `and`",
            Kind::Symbol("||") => "write `or`",
            Kind::Name(name) if name.eq_ignore_ascii_case("and") => "write `and`",
            Kind::Name(name) if name.eq_ignore_ascii_case("or") => "write `or`",
            Kind::Name(name) if name == "contains" => "write like \"%..%\"",
            Kind::Text(_) | Kind::Name(_) | Kind::Quoted(_) | Kind::Symbol(_) | Kind::End => return wrong,
        };
        hinted(wrong, right)
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), FilterError> {
        match self.token()? {
            Token { kind: Kind::Symbol(found), .. } if found == symbol => Ok(()),
            other => Err(self.unexpected(&other, &format!("`{symbol}`"))),
        }
    }

    fn takes_word(&mut self, word: &str) -> Result<bool, FilterError> {
        let is_there = self.peek()?.is_word(word);
        if is_there {
            self.token()?;
        }
        Ok(is_there)
    }

    fn peek(&mut self) -> Result<Token, FilterError> {
        let at = self.at;
        let token = self.token();
        self.at = at;
        token
    }

    fn token(&mut self) -> Result<Token, FilterError> {
        let rest = &self.text[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = &self.text[start..];
        let token = |kind, length| Token { kind, start, end: start + length };
        let Some(first) = rest.chars().next() else {
            self.at = self.text.len();
            return Ok(token(Kind::End, 0));
        };
        let token = if let '"' | '\'' | '`' = first {
            let inner = &rest[1..];
            let Some(length) = inner.find(first) else {
                return Err(fault(
                    &token(Kind::End, rest.len()),
                    "the quote that opens here is never closed",
                ));
            };
            let value = inner[..length].to_owned();
            let kind = if first == '`' { Kind::Quoted(value) } else { Kind::Text(value) };
            token(kind, length + 2)
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            token(Kind::Symbol(symbol), symbol.len())
        } else {
            let belongs = |character: char| character.is_alphanumeric() || "_-.:+".contains(character);
            let length = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
            if length == 0 {
                let odd = token(Kind::End, first.len_utf8());
                let wrong = fault(&odd, &format!("{first:?} means nothing here"));
                return Err(if first == '/' { hinted(wrong, "a date is written 2026-01-31") } else { wrong });
            }
            token(Kind::Name(rest[..length].to_owned()), length)
        };
        self.at = token.end;
        Ok(token)
    }
}

fn fault(token: &Token, what: &str) -> FilterError {
    FilterError { start: token.start, end: token.end, what: what.to_owned(), hint: None }
}

fn hinted(error: FilterError, hint: impl Into<String>) -> FilterError {
    FilterError { hint: Some(hint.into()), ..error }
}

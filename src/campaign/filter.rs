//! The campaign's `where`: which rows of the list are written to.
//!
//! ```text
//! or      = and { "or" and }
//! and     = not { "and" not }
//! not     = "not" not | "(" or ")" | operand ( "==" | "!=" ) operand
//! operand = "text" | 'text' | column | `column with spaces`
//! ```
//!
//! A filter is read against the list's columns, so a column that does not exist is an error before any row
//! is. White space around a cell does not count, nothing else is changed: case does.

use thiserror::Error;

use crate::mail::{Fields, nearest};

/// How deeply brackets and `not` may be nested: more than anybody writes, less than fills a stack.
const DEPTH_LIMIT: usize = 100;

/// Which rows are written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Equal(Operand, Operand),
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    Text(String),
    Column(usize),
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
        let mut parser = Parser { text, at: 0, columns, depth: 0 };
        let whole = parser.any()?;
        match parser.token()? {
            Token { kind: Kind::End, .. } => Ok(Self { test: whole }),
            other => Err(parser.unexpected(&other, "`and`, `or` or the end")),
        }
    }

    /// Whether a row with these cells is written to. A cell that is missing counts as empty.
    pub fn takes(&self, fields: &Fields) -> bool {
        self.test.holds(fields)
    }
}

impl Test {
    fn holds(&self, fields: &Fields) -> bool {
        match self {
            Self::Equal(one, other) => one.value(fields) == other.value(fields),
            Self::Not(test) => !test.holds(fields),
            Self::All(tests) => tests.iter().all(|test| test.holds(fields)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(fields)),
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, fields: &'a Fields) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Column(index) => fields.get(*index).unwrap_or_default().trim(),
        }
    }
}

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

struct Parser<'a> {
    text: &'a str,
    at: usize,
    columns: &'a [String],
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.all()?];
        while self.peek()?.is_word("or") {
            self.token()?;
            tests.push(self.all()?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::Any(tests) })
    }

    fn all(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.not()?];
        while self.peek()?.is_word("and") {
            self.token()?;
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
        let test = if next.is_word("not") {
            self.token()?;
            Test::Not(Box::new(self.not()?))
        } else if next.kind == Kind::Symbol("(") {
            self.token()?;
            let test = self.any()?;
            match self.token()? {
                Token { kind: Kind::Symbol(")"), .. } => test,
                other => return Err(self.unexpected(&other, "`)`")),
            }
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(test)
    }

    fn comparison(&mut self) -> Result<Test, FilterError> {
        let one = self.operand()?;
        let operator = self.token()?;
        match operator.kind {
            Kind::Symbol("==") => Ok(Test::Equal(one, self.operand()?)),
            Kind::Symbol("!=") => Ok(Test::Not(Box::new(Test::Equal(one, self.operand()?)))),
            Kind::Symbol("=") => Err(FilterError {
                hint: Some("write == to compare".to_owned()),
                ..self.unexpected(&operator, "`==` or `!=`")
            }),
            Kind::Symbol(_) | Kind::Text(_) | Kind::Name(_) | Kind::Quoted(_) | Kind::End => {
                Err(self.unexpected(&operator, "`==` or `!=`"))
            }
        }
    }

    fn operand(&mut self) -> Result<Operand, FilterError> {
        let token = self.token()?;
        let name = match &token.kind {
            Kind::Text(text) => return Ok(Operand::Text(text.clone())),
            Kind::Name(name) if !matches!(name.as_str(), "and" | "or" | "not") => name,
            Kind::Quoted(name) => name,
            Kind::Name(_) | Kind::Symbol(_) | Kind::End => {
                return Err(self.unexpected(&token, "a column or a \"text\""));
            }
        };
        if let Some(index) = self.columns.iter().position(|column| column == name) {
            return Ok(Operand::Column(index));
        }
        let near = nearest(name, self.columns.iter().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the columns are {}; a text stands in quotes", self.columns.join(", ")),
        };
        Err(FilterError { hint: Some(hint), ..fault(&token, &format!("the list has no column `{name}`")) })
    }

    fn unexpected(&self, token: &Token, expected: &str) -> FilterError {
        let found = match token.kind {
            Kind::End => "the end".to_owned(),
            Kind::Text(_) | Kind::Name(_) | Kind::Quoted(_) | Kind::Symbol(_) => {
                format!("`{}`", &self.text[token.start..token.end])
            }
        };
        fault(token, &format!("{expected} is expected here, not {found}"))
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
        } else if let Some(symbol) =
            ["==", "!=", "=", "(", ")"].into_iter().find(|symbol| rest.starts_with(symbol))
        {
            token(Kind::Symbol(symbol), symbol.len())
        } else {
            let belongs = |character: char| character.is_alphanumeric() || "_-.".contains(character);
            let length = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
            if length == 0 {
                let odd = token(Kind::End, first.len_utf8());
                return Err(fault(&odd, &format!("{first:?} means nothing here")));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> Vec<String> {
        ["email", "country", "plan", "Last Name"].map(str::to_owned).to_vec()
    }

    #[test]
    fn rows_are_taken_as_the_expression_says() {
        let row: Fields = ["a@example.com", " DE ", "basic", "Łódź"].into_iter().collect();
        let table = [
            ("country == \"DE\"", true),
            ("country == 'de'", false),
            ("country != \"DE\"", false),
            ("country == \"DE\" and plan != \"basic\"", false),
            ("country == \"DE\" and not plan == \"pro\"", true),
            ("country == \"FR\" or plan == \"basic\"", true),
            // `and` binds tighter than `or`, `not` tighter than both.
            ("country == \"DE\" or country == \"FR\" and plan == \"pro\"", true),
            ("(country == \"DE\" or country == \"FR\") and plan == \"pro\"", false),
            ("not country == \"FR\" and plan == \"basic\"", true),
            ("not (country == \"FR\" or plan == \"basic\")", false),
            ("`Last Name` == \"Łódź\"", true),
            ("plan==country", false),
            ("\"x\" == \"x\"", true),
            ("country == \"\"", false),
        ];
        for (text, taken) in table {
            let filter = Filter::parse(text, &columns()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(filter.takes(&row), taken, "{text}");
        }
    }

    #[test]
    fn every_error_names_its_column() {
        let table = [
            ("", 0, "a column or a \"text\" is expected here, not the end"),
            ("contry == \"DE\"", 0, "the list has no column `contry`"),
            ("country = \"DE\"", 8, "`==` or `!=` is expected here, not `=`"),
            ("country == ", 11, "a column or a \"text\" is expected here, not the end"),
            ("country == \"DE", 11, "the quote that opens here is never closed"),
            ("(country == \"DE\"", 16, "`)` is expected here, not the end"),
            ("country == \"DE\")", 15, "`and`, `or` or the end is expected here, not `)`"),
            ("country == \"DE\" plan", 16, "`and`, `or` or the end is expected here, not `plan`"),
            ("country == \"DE\" and and", 20, "a column or a \"text\" is expected here, not `and`"),
            ("country > \"DE\"", 8, "'>' means nothing here"),
            ("not", 3, "a column or a \"text\" is expected here, not the end"),
        ];
        for (text, start, what) in table {
            let error = Filter::parse(text, &columns()).expect_err(text);
            assert_eq!((error.start, error.what.as_str()), (start, what), "{text}");
        }
        let error = Filter::parse("contry == 'DE'", &columns()).expect_err("no column");
        assert_eq!(error.hint.as_deref(), Some("did you mean `country`?"));
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        for text in ["(".repeat(1 << 20), "not ".repeat(1 << 18)] {
            let error = Filter::parse(&text, &columns()).expect_err("deep");
            assert_eq!(error.what, "it is nested too deeply");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z`'\"()=! é\\-]{0,40}|\\PC{0,40}") {
            if let Err(error) = Filter::parse(&text, &columns()) {
                prop_assert!(text.get(error.start..error.end).is_some());
            }
        }
    }
}

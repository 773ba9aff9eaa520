//! Whom a `where` takes, and what it says of itself where it is wrong.

use proptest::prelude::*;

use super::*;

fn columns() -> Vec<String> {
    ["email", "country", "plan", "Last Name", "age", "signup", "spent"].map(str::to_owned).to_vec()
}

fn row(cells: [&str; 7]) -> Fields {
    cells.into_iter().collect()
}

fn judged(text: &str, fields: &Fields) -> Verdict {
    Filter::parse(text, &columns()).unwrap_or_else(|error| panic!("{text}: {error}")).judge(fields)
}

#[test]
fn rows_are_taken_as_the_expression_says() {
    let row = row(["a@example.com", " DE ", "basic", "Łódź", "42", "2026-03-01T09:00", "1250.50"]);
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
        ("age >= 18", true),
        ("18 <= age", true),
        ("age<42", false),
        ("age == 42.0", true),
        ("age != 42", false),
        ("age > -1 and age < 100", true),
        ("spent > 999", true),
        ("age < spent", true),
        ("signup >= 2026-01-01", true),
        ("signup == 2026-03-01", true),
        ("signup <= 2026-03-01", true),
        ("signup > 2026-03-01", false),
        ("signup > 2026-03-01T08:59", true),
        ("signup < 1.4.2026", true),
        ("country in (\"FR\", \"DE\")", true),
        ("country not in (\"FR\", \"DE\")", false),
        ("country in ('FR')", false),
        ("age in (41, 42)", true),
        ("signup in (2026-02-28, 2026-03-01)", true),
        ("email like \"%@example.com\"", true),
        ("email not like \"%@example.com\"", false),
        ("country like \"d_\"", false),
        ("country ilike \"d_\"", true),
        ("country is empty", false),
        ("country is not empty", true),
        ("`Last Name` < \"M\"", false),
    ];
    for (text, taken) in table {
        let expected = if taken { Verdict::Taken } else { Verdict::LeftOut };
        assert_eq!(judged(text, &row), expected, "{text}");
    }
}

#[test]
fn a_cell_that_cannot_be_compared_leaves_the_row_out_and_says_so() {
    let row = row(["a@example.com", "DE", "", "", "n/a", "03/01/2026", ""]);
    let age = "`age` is \"n/a\", which is no number, and `where` compares it";
    let table = [
        ("age >= 18", Some(age)),
        ("not age >= 18", Some(age)),
        ("age != 18", Some(age)),
        ("age in (18, 19)", Some(age)),
        ("age not in (18, 19)", Some(age)),
        ("country == \"DE\" and age >= 18", Some(age)),
        (
            "age < spent",
            Some("`age` is \"n/a\", which is no number or date like the other, and `where` compares it"),
        ),
        ("spent > 0", Some("`spent` is empty, and `where` compares it")),
        (
            "signup > 2026-01-01",
            Some("`signup` is \"03/01/2026\", which is no date like 2026-01-31, and `where` compares it"),
        ),
        // What does not hang on the cell is decided all the same.
        ("country == \"FR\" and age >= 18", None),
        ("spent is empty or spent > 0", None),
        ("age == \"n/a\"", None),
    ];
    for (text, why) in table {
        let found = judged(text, &row);
        match why {
            Some(why) => assert_eq!(found, Verdict::Undecided(why.to_owned()), "{text}"),
            None => assert!(matches!(found, Verdict::Taken | Verdict::LeftOut), "{text}: {found:?}"),
        }
    }
}

#[test]
fn every_error_names_its_column() {
    let compare = |found: &str| format!("{COMPARED} is expected here, not {found}");
    let table: [(&str, usize, &str); 20] = [
        ("", 0, "a column or a \"text\" is expected here, not the end"),
        ("contry == \"DE\"", 0, "the list has no column `contry`"),
        ("country = \"DE\"", 8, &compare("`=`")),
        ("country == ", 11, "a column or a \"text\" is expected here, not the end"),
        ("country == \"DE", 11, "the quote that opens here is never closed"),
        ("(country == \"DE\"", 16, "`)` is expected here, not the end"),
        ("country == \"DE\")", 15, "`and`, `or` or the end is expected here, not `)`"),
        ("country == \"DE\" plan", 16, "`and`, `or` or the end is expected here, not `plan`"),
        ("country == \"DE\" and and", 20, "a column or a \"text\" is expected here, not `and`"),
        ("country ~ \"DE\"", 8, "'~' means nothing here"),
        ("not", 3, "a column or a \"text\" is expected here, not the end"),
        ("age >= \"18\"", 7, "texts are put in order letter by letter: \"9\" comes behind \"18\""),
        ("\"age\" >= 18", 9, "a text in quotes cannot be compared with a number or a date"),
        ("18 < 2026-01-01", 5, "a number cannot be compared with a date"),
        ("signup >= today", 10, "the list has no column `today`"),
        ("signup >= 2026-13-01", 10, "the list has no column `2026-13-01`"),
        ("country in \"DE\"", 11, "`(` is expected here, not `\"DE\"`"),
        ("country in (plan)", 12, "`in` takes texts, numbers and dates, not columns"),
        ("country like plan", 13, "a \"text\" is expected here, not `plan`"),
        ("country not == \"DE\"", 12, &compare("`==`")),
    ];
    for (text, start, what) in table {
        let error = Filter::parse(text, &columns()).expect_err(text);
        assert_eq!((error.start, error.what.as_str()), (start, what), "{text}");
    }
}

#[test]
fn an_error_says_what_was_meant() {
    let table = [
        ("contry == 'DE'", "did you mean `country`?"),
        ("country = 'DE'", "write == to compare"),
        ("country <> 'DE'", "write != for what is not equal"),
        ("age => 18", "write >="),
        ("country == 'DE' && age > 18", "write `and`"),
        ("country == 'DE' OR age > 18", "write `or`"),
        ("country contains 'D'", "write like \"%..%\""),
        ("age >= '18'", "write 18 without quotes"),
        ("signup >= '2026-01-01'", "write 2026-01-01 without quotes"),
        ("signup >= today", "whom a campaign is for does not change with the day: write a date, 2026-01-31"),
        ("signup >= 1/2/2026", "a date is written 2026-01-31"),
        ("signup >= 2026-13-01", "a number is written 1234.5, a date 2026-01-31, a text in quotes"),
        ("email like '\\x'", "write two of them for one"),
        (
            "email == Ada",
            "the columns are email, country, plan, Last Name, age, signup, spent; a text stands in quotes",
        ),
    ];
    for (text, hint) in table {
        let error = Filter::parse(text, &columns()).expect_err(text);
        assert_eq!(error.hint.as_deref(), Some(hint), "{text}: {error}");
    }
}

const COMPARED: &str = "a comparison (`==`, `<`, `in`, `like`, `is empty`)";

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for text in ["(".repeat(1 << 20), "not ".repeat(1 << 18)] {
        let error = Filter::parse(&text, &columns()).expect_err("deep");
        assert_eq!(error.what, "it is nested too deeply");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z`'\"()=!<>,. é\\-0-9]{0,40}|\\PC{0,40}") {
        match Filter::parse(&text, &columns()) {
            Ok(filter) => drop(filter.judge(&row(["a", "", "x", "18", "2026-01-01", "%", "é"]))),
            Err(error) => prop_assert!(text.get(error.start..error.end).is_some()),
        }
    }
}

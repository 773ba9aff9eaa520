//! Exact decimal numbers: what a cell says, and sums and products of it.
//!
//! Lists come from spreadsheets of every country, so a number is understood strictly and never guessed:
//! `1.234,56` and `1,234.56` say what they mean, `1,234` alone does not and is refused. Nothing here goes
//! through binary fractions: 0.1 is 0.1.

use std::fmt;

use super::functions::Misuse;

/// Digits of a number, all together: what an `i128` holds of them.
const DIGITS: u32 = 36;
/// Digits behind the point, which sums and products keep.
const PLACES: u32 = 18;
/// Characters of a cell that are shown in words about it.
const SHOWN: usize = 40;

/// A decimal number: `units` divided by ten to the power of `places`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount {
    units: i128,
    places: u32,
}

/// What a sole separator before exactly three digits may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// A point is a decimal point, as programs write it; a comma there is refused.
    Decimal,
    /// Neither can be told: it is money, which has no three digits behind the point.
    Unclear,
}

impl Amount {
    /// Reads a number: digits, a sign, `.` or `,` before the decimals, and groups of three parted by the other
    /// one, by spaces or by apostrophes.
    ///
    /// # Errors
    /// It is no such number, or can be read in two ways.
    pub(super) fn parse(text: &str, point: Point) -> Result<Self, Misuse> {
        let none = || Misuse::new(format!("`{}` is no number", shown(text)));
        let trimmed = text.trim();
        let (negative, digits) = match trimmed.strip_prefix(['-', '\u{2212}']) {
            Some(rest) => (true, rest),
            None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
        };
        let (whole, decimals) = split(text, digits, point)?;
        let whole = ungrouped(whole).ok_or_else(none)?;
        if whole.is_empty() && decimals.is_empty()
            || !whole.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit())
        {
            return Err(none());
        }
        let long = || Misuse::new(format!("`{}` has more digits than mailrun reckons with", shown(text)));
        let places = u32::try_from(decimals.len()).map_err(|_| long())?;
        if whole.len() + decimals.len() > DIGITS as usize || places > PLACES {
            return Err(long());
        }
        let units: i128 = [&whole, decimals].concat().parse().map_err(|_| none())?;
        Ok(Self { units: if negative { -units } else { units }, places })
    }

    /// Rounded to so many digits behind the point, the half away from zero, as people do it; with zeros where
    /// there are fewer.
    pub(super) fn to_places(self, places: u32) -> Option<Self> {
        if places >= self.places {
            return self.scaled(places);
        }
        let unit = 10_i128.checked_pow(self.places - places)?;
        let half = if self.units < 0 { -unit / 2 } else { unit / 2 };
        Some(Self { units: self.units.checked_add(half)? / unit, places })
    }

    fn scaled(self, places: u32) -> Option<Self> {
        let factor = 10_i128.checked_pow(places.checked_sub(self.places)?)?;
        Some(Self { units: self.units.checked_mul(factor)?, places })
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let places = self.places.max(other.places);
        let units = self.scaled(places)?.units.checked_add(other.scaled(places)?.units)?;
        Some(Self { units, places })
    }

    pub(super) fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { units: other.units.checked_neg()?, ..other })
    }

    pub(super) fn times(self, other: Self) -> Option<Self> {
        let product =
            Self { units: self.units.checked_mul(other.units)?, places: self.places + other.places };
        product.to_places(product.places.min(PLACES))
    }

    pub(super) fn is_negative(self) -> bool {
        self.units < 0
    }

    pub(super) fn is_zero(self) -> bool {
        self.units == 0
    }
}

/// As programs write it: `-1234.50`.
impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places as usize;
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = places + 1);
        let (whole, decimals) = digits.split_at(digits.len() - places);
        let sign = if self.is_negative() { "-" } else { "" };
        write!(formatter, "{sign}{whole}{}{decimals}", if places > 0 { "." } else { "" })
    }
}

/// A cell in words about it.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('\u{2026}');
    }
    shown
}

/// What stands before and behind the decimal separator of `digits`, which are those of `text`.
fn split<'a>(text: &str, digits: &'a str, point: Point) -> Result<(&'a str, &'a str), Misuse> {
    let Some(last) = digits.rfind(['.', ',']) else { return Ok((digits, "")) };
    let (whole, decimals) = (&digits[..last], &digits[last + 1..]);
    let separator = &digits[last..=last];
    if whole.contains(separator) {
        // It stands there twice, so it parts groups.
        return Ok((digits, ""));
    }
    let has_other = whole.contains(['.', ',', ' ', '\u{a0}', '\u{202f}', '\'', '\u{2019}']);
    let is_group = decimals.len() == 3 && (1..=3).contains(&whole.len()) && whole != "0";
    let may_be_group = separator == "," || point == Point::Unclear;
    if is_group && may_be_group && !has_other {
        let what = format!("`{}` can be read in two ways", shown(text));
        let (with, without) = (format!("{whole}.{decimals}0"), format!("{whole}{decimals}"));
        return Err(Misuse::new(format!("{what}: write {without} or {with}")));
    }
    Ok((whole, decimals))
}

/// The digits of groups of three, parted by one kind of separator; of a number without groups, itself.
fn ungrouped(whole: &str) -> Option<String> {
    const PARTS: [char; 7] = ['.', ',', ' ', '\u{a0}', '\u{202f}', '\'', '\u{2019}'];
    let Some(separator) = whole.chars().find(|character| PARTS.contains(character)) else {
        return Some(whole.to_owned());
    };
    let mut groups = whole.split(separator);
    let first = groups.next().filter(|first| (1..=3).contains(&first.len()))?;
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 {
            return None;
        }
        digits.push_str(group);
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_understood_or_refused_but_never_guessed() {
        let table = [
            ("1234", "1234"),
            (" -0.50 ", "-0.50"),
            ("\u{2212}3", "-3"),
            ("+7,5", "7.5"),
            ("1.234,56", "1234.56"),
            ("1,234.56", "1234.56"),
            ("1.234.567", "1234567"),
            ("12,345,678", "12345678"),
            ("1 234,5", "1234.5"),
            ("1\u{202f}234\u{202f}567,89", "1234567.89"),
            ("1'234.50", "1234.50"),
            ("1.234", "1.234"),
            ("0,125", "0.125"),
            (".5", "0.5"),
            ("1234,567", "1234.567"),
        ];
        for (text, said) in table {
            let found = Amount::parse(text, Point::Decimal).map(|amount| amount.to_string());
            assert_eq!(found.expect(text), said, "{text}");
        }
        let refused = [
            ("", "`` is no number"),
            ("abc", "`abc` is no number"),
            ("1e5", "`1e5` is no number"),
            ("1,23,4", "`1,23,4` is no number"),
            ("1.2345,6", "`1.2345,6` is no number"),
            ("12 34", "`12 34` is no number"),
            ("1,234", "`1,234` can be read in two ways: write 1234 or 1.2340"),
            ("-", "`-` is no number"),
            (".", "`.` is no number"),
        ];
        for (text, what) in refused {
            assert_eq!(Amount::parse(text, Point::Decimal).expect_err(text).what, what, "{text}");
        }
        assert!(Amount::parse("1.234", Point::Unclear).is_err());
        assert!(Amount::parse(&"9".repeat(37), Point::Decimal).is_err());
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let table =
            [("1.005", 2, "1.01"), ("-2.5", 0, "-3"), ("1.2", 3, "1.200"), ("0.4", 0, "0"), ("-0.4", 0, "0")];
        for (text, places, said) in table {
            let amount = Amount::parse(text, Point::Decimal).expect(text);
            assert_eq!(amount.to_places(places).expect("it fits").to_string(), said, "{text}");
        }
    }

    proptest! {
        #[test]
        fn sums_and_products_are_exact(left in -1_000_000_i64..1_000_000, right in -1_000_000_i64..1_000_000) {
            let cents = |units: i64| Amount { units: i128::from(units), places: 2 };
            prop_assert_eq!(cents(left).plus(cents(right)), Some(cents(left + right)));
            prop_assert_eq!(cents(left).minus(cents(right)), Some(cents(left - right)));
            let product = Amount { units: i128::from(left) * i128::from(right), places: 4 };
            prop_assert_eq!(cents(left).times(cents(right)), Some(product));
            let again = Amount::parse(&product.to_string(), Point::Decimal);
            prop_assert_eq!(again.expect("a number"), product);
        }

        #[test]
        fn no_text_confuses_it(text in "[-+0-9.,' \u{202f}ü]{0,12}") {
            let _ = Amount::parse(&text, Point::Unclear);
        }
    }
}

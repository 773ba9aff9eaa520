//! Amounts of money: how many decimals a currency has, its symbol, and where a language puts it.
//!
//! Digits and separators come from ICU; the rest is too small for a crate of its own and stands in tables, from
//! ISO 4217 (amendment 179) and CLDR 48 (standard currency patterns, symbols).

use icu_decimal::options::GroupingStrategy;

use super::amount::{Amount, Point, shown};
use super::functions::Misuse;
use super::locale::Locale;

use crate::mail::nearest;

/// Between an amount and its symbol, where they stand apart: they do not belong on two lines.
const APART: &str = "\u{a0}";

/// ISO 4217: codes of currencies in use.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD \
CAD CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ \
GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL \
LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN \
PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD \
TWD TZS UAH UGX USD UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// ISO 4217: currencies whose minor unit is not the hundredth.
const DECIMALS: [(&str, u32); 3] = [
    ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF", 0),
    ("BHD IQD JOD KWD LYD OMR TND", 3),
    ("CLF UYW", 4),
];

/// CLDR: languages that put the symbol before the amount, without a space.
const BEFORE: &str = "en zh ja ko th hi ta te kn ml gu mr fil cy ga yo tr";
/// CLDR: languages that put it behind the amount, after a space.
const BEHIND: &str = "ar az be bg bs ca cs da de el es et eu fi fo fr gl he hr hu hy is it ka kk ky lt lv mk nb nn no \
pl pt-PT ro ru se sk sl sq sr sv tk uk uz vi";
/// CLDR: languages of regions that do it otherwise than the language does; those without a space, and with one.
const BEFORE_IN: &str = "es-MX es-US es-PR es-GT es-HN es-NI es-SV es-PA es-DO es-CU es-CL es-EC es-419";
const BEFORE_APART_IN: &str = "de-AT de-CH de-LI it-CH en-CH en-AT en-NL es-AR es-CO es-PE es-UY";

/// CLDR: symbols by which a currency is known in every language.
const SYMBOLS: [(&str, &str); 12] = [
    ("EUR", "\u{20ac}"),
    ("GBP", "\u{a3}"),
    ("INR", "\u{20b9}"),
    ("KRW", "\u{20a9}"),
    ("ILS", "\u{20aa}"),
    ("VND", "\u{20ab}"),
    ("PHP", "\u{20b1}"),
    ("BRL", "R$"),
    ("HKD", "HK$"),
    ("TWD", "NT$"),
    ("XAF", "FCFA"),
    ("XPF", "CFPF"),
];

/// CLDR: symbols that are short where they are at home: the currency, the regions and languages of its home, the
/// symbol there, and the one for all others.
const AT_HOME: [(&str, &str, &str, &str); 24] = [
    ("CAD", "CA", "$", "CA$"),
    ("AUD", "AU", "$", "A$"),
    ("NZD", "NZ", "$", "NZ$"),
    ("MXN", "MX", "$", "MX$"),
    ("SGD", "SG", "$", "SGD"),
    ("ARS", "AR", "$", "ARS"),
    ("CLP", "CL", "$", "CLP"),
    ("COP", "CO", "$", "COP"),
    ("JPY", "JP ja", "\u{ffe5}", "\u{a5}"),
    ("CNY", "CN zh", "\u{a5}", "CN\u{a5}"),
    ("SEK", "SE sv", "kr", "SEK"),
    ("NOK", "NO nb nn no", "kr", "NOK"),
    ("DKK", "DK da", "kr.", "DKK"),
    ("ISK", "IS is", "kr.", "ISK"),
    ("PLN", "PL pl", "z\u{142}", "PLN"),
    ("CZK", "CZ cs", "K\u{10d}", "CZK"),
    ("HUF", "HU hu", "Ft", "HUF"),
    ("RUB", "RU ru", "\u{20bd}", "RUB"),
    ("UAH", "UA uk", "\u{20b4}", "UAH"),
    ("TRY", "TR tr", "\u{20ba}", "TRY"),
    ("BGN", "BG bg", "\u{43b}\u{432}.", "BGN"),
    ("ZAR", "ZA af zu xh", "R", "ZAR"),
    ("THB", "TH th", "\u{e3f}", "THB"),
    ("IDR", "ID id", "Rp", "IDR"),
];
/// Regions whose own money is called dollar or peso: there the dollar of the United States is US$.
const OWN_DOLLARS: &str = "CA AU NZ SG HK TW MX AR CL CO";

/// Where a symbol stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    BeforeApart,
    BehindApart,
}

/// Whether `code` is a currency.
///
/// # Errors
/// It is none; with the nearest.
pub(super) fn check_code(code: &str) -> Result<(), Misuse> {
    if CODES.split(' ').any(|known| known == code) {
        return Ok(());
    }
    let hint = match nearest(code, CODES.split(' ')) {
        Some(near) if code.len() == 3 => format!("did you mean {near}?"),
        Some(_) | None => "write the three letters of ISO 4217, like EUR".to_owned(),
    };
    Err(Misuse::new(format!("there is no currency `{}`: {hint}", shown(code))))
}

/// Writes the amount that `text` says, in the currency of `code`.
///
/// # Errors
/// It is no amount, or could be read in two ways; there is no such currency.
pub(super) fn written(text: &str, code: &str, language: &Locale) -> Result<String, Misuse> {
    let code = code.trim();
    check_code(code)?;
    let decimals = decimals(code);
    let point = if decimals < 3 { Point::Unclear } else { Point::Decimal };
    let amount = Amount::parse(text, point)?
        .to_places(decimals)
        .ok_or_else(|| Misuse::new(format!("`{}` is too large", shown(text))))?;
    let digits = language.number(amount, GroupingStrategy::Auto)?;
    let (sign, digits) = apart(&digits);
    let symbol = symbol(code, language);
    Ok(match side(language) {
        // A symbol that ends in a letter would run into the digits.
        Side::Before if symbol.ends_with(char::is_alphabetic) => format!("{sign}{symbol}{APART}{digits}"),
        Side::Before => format!("{sign}{symbol}{digits}"),
        Side::BeforeApart => format!("{symbol}{APART}{sign}{digits}"),
        Side::BehindApart => format!("{sign}{digits}{APART}{symbol}"),
    })
}

fn decimals(code: &str) -> u32 {
    let listed = DECIMALS.iter().find(|(codes, _)| codes.split(' ').any(|known| known == code));
    listed.map_or(2, |(_, decimals)| *decimals)
}

/// The sign of a written number, with the marks around it, and its digits.
fn apart(number: &str) -> (&str, &str) {
    number.split_at(number.find(char::is_numeric).unwrap_or_default())
}

fn side(language: &Locale) -> Side {
    let tag = language.region().map(|region| format!("{}-{region}", language.name()));
    let is_in = |list: &str| list.split(' ').any(|known| tag.as_deref() == Some(known));
    let speaks = |list: &str| list.split(' ').any(|known| known == language.name());
    if is_in(BEFORE_APART_IN) {
        Side::BeforeApart
    } else if is_in(BEFORE_IN) || speaks(BEFORE) {
        Side::Before
    } else if is_in(BEHIND) || speaks(BEHIND) {
        Side::BehindApart
    } else {
        Side::BeforeApart
    }
}

fn symbol<'a>(code: &'a str, language: &Locale) -> &'a str {
    if code == "USD" {
        let own = language.region().is_some_and(|region| OWN_DOLLARS.split(' ').any(|known| known == region));
        return if own { "US$" } else { "$" };
    }
    if let Some((_, symbol)) = SYMBOLS.iter().find(|(known, _)| *known == code) {
        return symbol;
    }
    let Some((_, homes, home, elsewhere)) = AT_HOME.iter().find(|(known, ..)| *known == code) else {
        return code;
    };
    // A region says where home is; a language only where no region is named.
    let here = language.region().unwrap_or(language.name());
    if homes.split(' ').any(|known| known == here) { home } else { elsewhere }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_as_the_language_has_it() {
        let table = [
            ("1234.5", "EUR", "de", "1.234,50\u{a0}\u{20ac}"),
            ("1234.5", "EUR", "en", "\u{20ac}1,234.50"),
            ("1234.5", "EUR", "de-AT", "\u{20ac}\u{a0}1\u{a0}234,50"),
            ("1.234,56", "EUR", "fr", "1\u{202f}234,56\u{a0}\u{20ac}"),
            ("-5", "EUR", "en", "-\u{20ac}5.00"),
            ("-5", "EUR", "de", "-5,00\u{a0}\u{20ac}"),
            ("-5", "EUR", "nl", "\u{20ac}\u{a0}-5,00"),
            ("1234", "JPY", "ja", "\u{ffe5}1,234"),
            ("1234.6", "JPY", "en", "\u{a5}1,235"),
            ("1234.5", "CHF", "de-CH", "CHF\u{a0}1'234.50"),
            ("1234.5", "CHF", "en", "CHF\u{a0}1,234.50"),
            ("99", "USD", "en-US", "$99.00"),
            ("99", "USD", "en-CA", "US$99.00"),
            ("99", "CAD", "en-CA", "$99.00"),
            ("99", "CAD", "en", "CA$99.00"),
            ("1234567.891", "INR", "hi", "\u{20b9}12,34,567.89"),
            ("10", "PLN", "pl", "10,00\u{a0}z\u{142}"),
            ("1.234", "KWD", "en", "KWD\u{a0}1.234"),
            ("10", "BRL", "pt-BR", "R$\u{a0}10,00"),
            ("10", "EUR", "pt-PT", "10,00\u{a0}\u{20ac}"),
        ];
        for (text, code, tag, said) in table {
            let language = Locale::parse(tag).expect(tag);
            assert_eq!(written(text, code, &language).expect(text), said, "{text} {code} {tag}");
        }
    }

    #[test]
    fn what_is_no_money_is_refused() {
        let language = Locale::parse("en").expect("a language");
        let table = [
            ("1.234", "EUR", "`1.234` can be read in two ways: write 1234 or 1.2340"),
            ("1", "EUX", "there is no currency `EUX`: did you mean EUR?"),
            ("1", "Euro", "there is no currency `Euro`: write the three letters of ISO 4217, like EUR"),
            ("1 EUR", "EUR", "`1 EUR` is no number"),
        ];
        for (text, code, what) in table {
            assert_eq!(written(text, code, &language).expect_err(text).what, what);
        }
    }
}

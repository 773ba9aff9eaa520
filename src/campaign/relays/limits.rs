//! The limits of a relay that are neither quota nor rate: its warm-up, and what it may send to a domain.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::mail::Address;
use crate::policy::{DomainLimit, DomainLimits, Rate, Warmup};

use super::super::settings::Text;
use super::super::sheet::{Sheet, Wrong};
use super::super::terms;
use super::fields::at_least_one;

/// The table of `domains` that stands for every domain without one of its own.
const OTHERS: &str = "*";
/// More than this a day is no warm-up.
const STEEPEST: f64 = 10.0;

/// A warm-up as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WarmupText {
    from: Option<Spanned<u64>>,
    factor: Option<Spanned<f64>>,
    zone: Option<Text>,
}

/// The limits for one domain as they were typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DomainText {
    rate: Option<Text>,
    sessions: Option<Spanned<u32>>,
}

/// How the account is warmed up. Days are those of its own `zone`, or of this machine: as with a quota by
/// the day, they must be the same for every campaign.
pub(super) fn warmup(typed: Option<&Spanned<WarmupText>>, sheet: &mut Sheet) -> Option<Warmup> {
    let typed = typed?;
    let text = typed.get_ref();
    let missing = |key: &str, example: &str| {
        Wrong::new(format!("`warmup` has no `{key}`")).hint(format!("add {key} = {example}"))
    };
    if text.from.is_none() {
        sheet.wrong(typed.span(), missing("from", "200"));
    }
    if text.factor.is_none() {
        sheet.wrong(typed.span(), missing("factor", "1.5"));
    }
    let from = sheet.take(text.from.as_ref(), |from| match from {
        0 => Err(Wrong::new("a warm-up that begins with nobody never begins").hint("write from = 200")),
        _ => Ok(*from),
    });
    let factor = sheet.take(text.factor.as_ref(), |factor| factor_of(*factor));
    let zone = match &text.zone {
        Some(_) => sheet.take(text.zone.as_ref(), |zone| terms::zone(zone)),
        None => Some(terms::machine_zone()),
    };
    Some(Warmup { from: from?, factor: factor?, zone: zone? })
}

fn factor_of(factor: f64) -> Result<f64, Wrong> {
    match factor {
        1.0..=STEEPEST => Ok(factor),
        0.0..1.0 => Err(Wrong::new(format!("with a factor of {factor} each day would have less"))
            .hint("write a number from 1 to 10, like 1.5")),
        _ => {
            Err(Wrong::new(format!("{factor} is not a factor")).hint("write a number from 1 to 10, like 1.5"))
        }
    }
}

/// What the relay may send to each domain.
pub(super) fn domains(typed: &BTreeMap<Text, Spanned<DomainText>>, sheet: &mut Sheet) -> DomainLimits {
    let mut limits = DomainLimits::default();
    for (key, typed) in typed {
        let name = sheet.take(Some(key), |name| domain(name));
        let (Some(name), Some(limit)) = (name, limit(key, typed.get_ref(), sheet)) else { continue };
        let earlier = if name == OTHERS {
            limits.others.replace(limit)
        } else {
            limits.named.insert(name.clone(), limit)
        };
        if earlier.is_some() {
            let wrong = Wrong::new(format!("{name} stands here twice"));
            sheet.wrong(key.span(), wrong.hint("capitals make no difference in a domain"));
        }
    }
    limits
}

/// A domain as addresses have it, or `*`.
fn domain(text: &str) -> Result<String, Wrong> {
    if text == OTHERS {
        return Ok(text.to_owned());
    }
    let wrong = || Wrong::new(format!("{text:?} is not a domain"));
    if text.contains('@') {
        return Err(wrong().hint("write only what stands behind the @"));
    }
    match Address::parse(&format!("postmaster@{text}")) {
        Ok(address) => Ok(address.domain().to_owned()),
        Err(_) => Err(wrong().hint("write it like \"gmail.com\", or \"*\" for every other domain")),
    }
}

fn limit(key: &Text, text: &DomainText, sheet: &mut Sheet) -> Option<DomainLimit> {
    if text.rate.is_none() && text.sessions.is_none() {
        let wrong = Wrong::new(format!("no limit is set for {:?}", key.get_ref()));
        sheet.wrong(key.span(), wrong.hint("add rate = \"2/s\" or sessions = 3"));
        return None;
    }
    let rate = sheet.take(text.rate.as_ref(), |rate| rate_of(rate));
    let sessions = sheet.take(text.sessions.as_ref(), |number| at_least_one(*number));
    Some(DomainLimit { rate, sessions })
}

/// A rate; what would be a quota for a relay cannot be one for a domain.
fn rate_of(text: &str) -> Result<Rate, Wrong> {
    terms::rate(text).map_err(|wrong| {
        if wrong.what.contains("is a quota") {
            let hint = "a domain has no quota: write it over less than a minute, like 1/30s";
            return Wrong::new(wrong.what).hint(hint);
        }
        wrong
    })
}

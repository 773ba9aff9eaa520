//! In which language and on whose clock a campaign writes: what formatting functions stand on.
//!
//! The campaign names both, and a call may name others (`locale="de"`, `zone="Europe/Berlin"`). The rules of the
//! languages are those of CLDR, the rules of the zones those that this build of mailrun brings along, so that the
//! same plan gives the same octets on every machine.

use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_decimal::options::{DecimalFormatterOptions, GroupingStrategy};
use icu_locale_core::Locale as Tag;
use icu_plurals::{PluralCategory, PluralRules, PluralRulesOptions};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::mail::{Content, nearest};

use super::amount::{Amount, shown};
use super::functions::Misuse;

/// What is spoken where a campaign names no language.
const DEFAULT: &str = "en";

/// A language, and perhaps a region: de, de-AT.
#[derive(Debug, Clone)]
pub(super) struct Locale {
    tag: Tag,
}

impl Locale {
    /// Reads a tag: `de`, `pt-BR`, also with an underscore.
    ///
    /// # Errors
    /// It is no tag, with an example of one.
    pub(super) fn parse(tag: &str) -> Result<Self, Misuse> {
        let read = Tag::try_from_str(&tag.trim().replace('_', "-")).ok();
        let read = read.filter(|read| (2..=3).contains(&read.id.language.as_str().len()));
        match read {
            Some(tag) => Ok(Self { tag }),
            None => Err(Misuse::new(format!("`{}` is no locale: write it like de or pt-BR", shown(tag)))),
        }
    }

    pub(super) fn tag(&self) -> &Tag {
        &self.tag
    }

    /// The language alone: `de`.
    pub(super) fn name(&self) -> &str {
        self.tag.id.language.as_str()
    }

    /// Whether it is `other`, or says more of it: de-AT for de.
    fn refines(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.tag.to_string(), other.tag.to_string());
        ours.strip_prefix(&theirs).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// The region, where the tag names one: `AT`.
    pub(super) fn region(&self) -> Option<&str> {
        self.tag.id.region.as_ref().map(icu_locale_core::subtags::Region::as_str)
    }

    /// A number with the digits and separators of the language.
    pub(super) fn number(&self, amount: Amount, grouping: GroupingStrategy) -> Result<String, Misuse> {
        let mut options = DecimalFormatterOptions::default();
        options.grouping_strategy = Some(grouping);
        let formatter = DecimalFormatter::try_new((&self.tag).into(), options)
            .map_err(|_| Misuse::new(format!("there are no numbers for the locale `{}`", self.tag)))?;
        Ok(formatter.format(&decimal(amount)?).to_string())
    }

    /// The plural that the language has for a number.
    pub(super) fn plural(&self, amount: Amount) -> Result<PluralCategory, Misuse> {
        let rules = PluralRules::try_new((&self.tag).into(), PluralRulesOptions::default())
            .map_err(|_| Misuse::new(format!("there are no plurals for the locale `{}`", self.tag)))?;
        Ok(rules.category_for(&decimal(amount)?))
    }
}

fn decimal(amount: Amount) -> Result<Decimal, Misuse> {
    let text = amount.to_string();
    Decimal::try_from_str(&text).map_err(|_| Misuse::new(format!("`{text}` is no number")))
}

/// What the functions of one campaign stand on, in one of its languages.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    locale: Locale,
    zone: TimeZone,
}

impl Setting {
    /// The setting of a campaign's wordings in `language`; none: of those in none in particular. The campaign's own
    /// language counts for these, and where it says more of the same. A language or zone that is none was told by
    /// the lint.
    pub(super) fn new(content: &Content, language: Option<&str>) -> Self {
        let read = |tag: Option<&str>| tag.and_then(|tag| Locale::parse(tag).ok());
        let ours = read(content.locale.as_deref().or(content.language.as_deref()));
        let locale = match read(language) {
            Some(theirs) => Some(ours.filter(|ours| ours.refines(&theirs)).unwrap_or(theirs)),
            None => ours,
        };
        let zone = content.zone.as_deref().and_then(|name| zone(name).ok());
        let otherwise = Self::default();
        Self { locale: locale.unwrap_or(otherwise.locale), zone: zone.unwrap_or(otherwise.zone) }
    }

    /// The language that is written in, or the one of that tag.
    ///
    /// # Errors
    /// It is no tag of a language.
    pub(super) fn locale(&self, tag: Option<&str>) -> Result<Locale, Misuse> {
        tag.map_or_else(|| Ok(self.locale.clone()), Locale::parse)
    }

    /// The zone of the campaign, or the one of that name.
    ///
    /// # Errors
    /// There is no such zone.
    pub(super) fn zone(&self, name: Option<&str>) -> Result<TimeZone, Misuse> {
        name.map_or_else(|| Ok(self.zone.clone()), zone)
    }

    /// The zone of the campaign.
    pub(super) fn own_zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// English, and UTC.
impl Default for Setting {
    fn default() -> Self {
        Self { locale: Locale::parse(DEFAULT).expect("the default is a language"), zone: TimeZone::UTC }
    }
}

/// A zone by its IANA name.
fn zone(name: &str) -> Result<TimeZone, Misuse> {
    let known = TimeZoneDatabase::bundled();
    known.get(name.trim()).map_err(|_| {
        let names: Vec<String> = known.available().map(|name| name.to_string()).collect();
        let hint = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "write it like Europe/Berlin or UTC".to_owned(),
        };
        Misuse::new(format!("`{}` is no time zone: {hint}", shown(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_and_zones_are_known_or_refused() {
        for tag in ["de", "pt-BR", "zh_Hant_TW", "en-US", "sr-Latn"] {
            Locale::parse(tag).expect(tag);
        }
        for tag in ["", "german", "x", "de-", "d!"] {
            let what = Locale::parse(tag).expect_err(tag).what;
            assert_eq!(what, format!("`{tag}` is no locale: write it like de or pt-BR"));
        }
        zone("Europe/Berlin").expect("a zone");
        let what = zone("Europe/Berlim").expect_err("no zone").what;
        assert_eq!(what, "`Europe/Berlim` is no time zone: did you mean Europe/Berlin?");
    }
}
